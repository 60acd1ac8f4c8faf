"""`intacct run`: flows, one after the other, each as a run of its own."""

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from intacct_bridge.apps.cli.command import AUTOMATE, command
from intacct_bridge.apps.cli.context import CommandContext, file_option, shared_options
from intacct_bridge.apps.terminal.failures import report
from intacct_bridge.runs.statuses import INTERRUPTED, TERMINATED
from intacct_protocol.errors import IntacctError
from intacct_protocol.model.wording import counted

if TYPE_CHECKING:
    from intacct_bridge.apps.cli.flows.command_line import FlowCommand
    from intacct_bridge.runs.channels import Channel
    from intacct_bridge.runs.definitions import Flow
    from intacct_bridge.runs.run import Run
    from intacct_bridge.shared_state.place import Place

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
    from intacct_bridge.apps.cli.flows.command_line import checked_command
    from intacct_bridge.runs.channels import find_channels
    from intacct_bridge.runs.definitions import find_flow
    from intacct_bridge.runs.run import worst

    root = click.get_current_context().find_root().command
    assert isinstance(root, click.Group)
    prepared = []
    for name in dict.fromkeys(names):
        flow = find_flow(name).on(context.name)
        prepared.append((flow, checked_command(flow, root), find_channels(flow.notify)))
    statuses, results = [], []
    for flow, line, channels in prepared:
        status, ran, result = _run(context, flow, line, channels)
        statuses.append(status)
        results.append(_result(flow, status, ran, result))
        if status in _STOPPED:
            break
    if context.console.as_json:
        context.console.json({"exit_status": worst(statuses), "flows": results})
    if metrics is not None:
        _write_metrics(metrics)
    return statuses[-1] if statuses[-1] in _STOPPED else worst(statuses)


def _run(
    context: CommandContext, flow: "Flow", command: "FlowCommand", channels: "list[Channel]"
) -> tuple[int, "Run | None", str]:
    """Run one flow under its lock: its exit status, its run, and under --json what it printed."""
    from intacct_bridge.machine.account import account_name
    from intacct_bridge.runs.flow_lock import flow_lock
    from intacct_bridge.runs.notify import notify

    shown = context.console
    printed = io.StringIO() if shown.as_json else None
    console = shown.another(out=printed)
    console.log_format, console.log_facts = shown.log_format, {"flow": flow.name}
    console.hide(flow.secrets())
    for channel in channels:
        console.hide(channel.secrets)
    try:
        with flow_lock(flow, context.person or account_name(), _outbox(flow)):
            status, ran = context.start(command.line(_shared(context, flow)), console, flow.name, context.person)
    except IntacctError as error:
        return report(error, console), None, ""
    if ran is not None:
        _summarise(context, flow, ran)
        notify(channels, ran, warn=console.complain)
        console.log_file.close()  # a warning opened it again
    return status, ran, printed.getvalue() if printed is not None else ""


def _outbox(flow: "Flow") -> "Place | None":
    """The outbox of the flow's connection; None for the demo, and if the command will refuse the settings."""
    from intacct_bridge.connections.demo_company import means_demo
    from intacct_bridge.connections.sources import load_connection
    from intacct_bridge.load.outbox.storage import outbox_place

    if means_demo(flow.connection or None):
        return None
    try:
        return outbox_place(load_connection(flow.connection or None))
    except IntacctError:
        return None


def _shared(context: CommandContext, flow: "Flow") -> list[str]:
    """The options of every command, as `intacct run` was given them."""
    console = context.console
    words = ["--connection", flow.connection] if flow.connection else []
    words += ["--entity", context.entity] if context.entity is not None else []
    words += ["--json"] if console.as_json else []
    return [*words, *(["-q"] if console.quiet else []), *["-v"] * console.verbose]


def _summarise(context: CommandContext, flow: "Flow", run: "Run") -> None:
    seconds = run.seconds() or 0.0
    cost = counted(run.transactions, "API transaction")
    context.console.event(f"flow {flow.name}: {run.end.value}", flow=flow.name, run=run.id)
    if not context.console.as_json:
        text = f"{flow.name}: {run.end.value}, {seconds:.1f} s, {cost}; intacct runs show {run.id[:12]}"
        context.console.say(text, flow=flow.name, run=run.id)


def _result(flow: "Flow", status: int, run: "Run | None", printed: str) -> dict[str, Any]:
    from msgspec import to_builtins

    try:
        result: Any = json.loads(printed) if printed.strip() else None
    except ValueError:
        result = printed
    return {
        "flow": flow.name,
        "connection": flow.connection,
        "exit_status": status,
        "run": run.id if run is not None else None,
        "end": run.end.value if run is not None else None,
        "error": to_builtins(run.error) if run is not None else None,
        "result": result,
    }


def _write_metrics(path: Path) -> None:
    from contextlib import closing

    from intacct_bridge.runs.history import RunHistory, history_place
    from intacct_bridge.runs.metrics import write_metrics

    kept = history_place()
    if kept is not None:
        with closing(RunHistory(kept)) as history:
            write_metrics(path, history.runs())
