"""`intacct run`: flows, one after the other, each as a run of its own."""

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from intacct_bridge.apps.cli.command import AUTOMATE, command
from intacct_bridge.apps.cli.context import CommandContext, file_option, shared_options
from intacct_bridge.apps.terminal.failures import report
from intacct_bridge.operations.exit_statuses import INTERRUPTED, TERMINATED
from intacct_protocol.model.wording import counted

if TYPE_CHECKING:
    from intacct_bridge.operations.flows import Flow, FlowProgram, FlowResult, PreparedFlow
    from intacct_bridge.operations.runs import Run

_STOPPED = (INTERRUPTED, TERMINATED)


@command(
    "run",
    section=AUTOMATE,
    place=2,
    short_help="Run flows, one after the other.",
    exits={1: "a flow found failures", 3: "", 4: "temporary fault, or a flow is running already", 5: ""},
)
@click.argument("names", metavar="FLOW...", nargs=-1, required=True)
@file_option("--metrics", "Afterwards write the metrics of all runs to this file, in Prometheus's text format.")
@shared_options(prints_table=True)
def run_command(context: CommandContext, *, names: tuple[str, ...], metrics: Path | None) -> int:
    """Run flows of intacct.toml, in the order given.

    The exit status is that of the worst flow: in doubt, then a bug, then what a person must fix, then a temporary
    fault, then failures. If a flow fails, the next one still runs. While a flow runs, another run of
    it on the same connection ends with exit status 4.

    \b
    Examples:
      intacct run nightly
      intacct run nightly check --connection books
      intacct run nightly --metrics /var/lib/node_exporter/intacct.prom
    """
    from intacct_bridge.apps.jobs.program import FlowRunner
    from intacct_bridge.operations.flows import find_flow, prepare_flow, worst
    from intacct_bridge.operations.runs import write_metrics_of_all

    program = FlowRunner(entity=context.entity)
    prepared = [prepare_flow(find_flow(name).on(context.name)) for name in dict.fromkeys(names)]
    statuses, results = [], []
    for flow in prepared:
        result, printed = _run(context, flow, program)
        statuses.append(result.status)
        results.append(_result(result, printed))
        if result.status in _STOPPED:
            break
    if context.output.as_json:
        context.output.json({"exit_status": worst(statuses), "flows": results})
    if metrics is not None:
        write_metrics_of_all(metrics)
    return statuses[-1] if statuses[-1] in _STOPPED else worst(statuses)


def _run(context: CommandContext, prepared: "PreparedFlow", program: "FlowProgram") -> "tuple[FlowResult, str]":
    """Run one flow: how it ended, and under --json what it printed."""
    from intacct_bridge.operations.flows import run_flow

    shown = context.output
    printed = io.StringIO() if shown.as_json else None
    output = shown.of_other_command(out=printed)
    output.log_format, output.as_json = shown.log_format, shown.as_json
    output.quiet, output.verbose = shown.quiet, shown.verbose
    result = run_flow(prepared, program, output, person=context.person)
    if result.problem is not None:
        report(result.problem, output)
    if result.run is not None:
        _summarise(context, result.flow, result.run)
    return result, printed.getvalue() if printed is not None else ""


def _summarise(context: CommandContext, flow: "Flow", run: "Run") -> None:
    seconds = run.seconds() or 0.0
    cost = counted(run.transactions, "API transaction")
    context.output.event(f"flow {flow.name}: {run.end.value}", flow=flow.name, run=run.id)
    if not context.output.as_json:
        text = f"{flow.name}: {run.end.value}, {seconds:.1f} s, {cost}; intacct runs show {run.id[:12]}"
        context.output.say(text, flow=flow.name, run=run.id)


def _result(result: "FlowResult", printed: str) -> dict[str, Any]:
    from msgspec import to_builtins

    try:
        document: Any = json.loads(printed) if printed.strip() else None
    except ValueError:
        document = printed
    return {
        "flow": result.flow.name,
        "connection": result.flow.connection,
        "exit_status": result.status,
        "run": result.run.id if result.run is not None else None,
        "end": result.run.end.value if result.run is not None else None,
        "error": to_builtins(result.run.error) if result.run is not None else None,
        "result": document,
    }
