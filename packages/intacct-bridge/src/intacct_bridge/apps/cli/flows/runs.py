"""`intacct runs`: what ran, how it ended, and what it cost."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from intacct_bridge.apps.cli.command import AUTOMATE, command_group
from intacct_bridge.apps.cli.context import CommandContext, file_option, number_option, shared_options
from intacct_bridge.apps.terminal.tables import Count
from intacct_protocol.model.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from intacct_bridge.operations.runs import Run, StreamCount

_SHORT = 12
"""Characters of a run's id that are shown, here and by `intacct outbox list`."""
_NO_RUNS = "No runs match."


def _connection_option(sentence: str) -> "Callable[..., Callable[..., object]]":
    return click.option("--connection", "connection_name", metavar="NAME", default="", help=sentence)


@command_group(
    "runs",
    section=AUTOMATE,
    place=3,
    short_help="Show what ran, how it ended, and what it cost.",
)
def runs_command() -> None:
    """Show the history of runs: every command that read from or wrote to a company on this machine.

    The history is a file in your state directory. INTACCT_RUN_HISTORY names another file or a database, or is "off".
    """


@runs_command.command("list", exits={})
@click.option("--flow", metavar="NAME", default="", help="List the runs of this flow only.")
@click.option("--command", "command_name", metavar="NAME", default="", help="List the runs of this command only.")
@_connection_option("List the runs on this connection only.")
@click.option("--failed", is_flag=True, help="List only runs that did not succeed.")
@number_option("--limit", "List at most this many runs, the latest first; 0 for all.", default=20)
@shared_options(connected=False, prints_table=True)
def list_command(
    context: CommandContext, *, flow: str, command_name: str, connection_name: str, failed: bool, limit: int
) -> None:
    """List runs, the latest first.

    \b
    Examples:
      intacct runs list
      intacct runs list --flow nightly --failed
    """
    from intacct_bridge.operations.runs import RunFilter, list_runs

    listed = list_runs(RunFilter(flow, command_name, connection_name, failed, limit))
    if context.output.as_json:
        context.output.json([run_data(run) for run in listed])
        return
    columns = ("run", "started", "what", "connection", "end", "seconds", "rows", "records", "transactions")
    context.output.table(columns, [_row(run) for run in listed], empty=_NO_RUNS)


@runs_command.command("show", exits={})
@click.argument("run_id", metavar="RUN")
@click.option("--log", "with_log", is_flag=True, help="Print the run's log after its facts.")
@shared_options(connected=False, prints_table=True)
def show_command(context: CommandContext, *, run_id: str, with_log: bool) -> None:
    """Show one run with its streams, records and files.

    It says who ran what, how it ended, and where its log and its refused rows are. RUN is the id, or its
    first characters.

    \b
    Examples:
      intacct runs show 5f0c2a7d
      intacct runs show 5f0c2a7d --log
    """
    from intacct_bridge.operations.runs import find_run, run_log

    run = find_run(run_id)
    log = run_log(run) if with_log or not run.log else []
    if context.output.as_json:
        lines = [{"time": line.time, "level": line.level, "message": line.message} for line in log]
        context.output.json(run_data(run) | ({"log_lines": lines} if with_log else {}))
        return
    facts = _facts(run) | {"log": _log_place(run, in_database=bool(log))}
    context.output.pairs({name: value for name, value in facts.items() if value not in ("", None, [])})
    if run.streams:
        context.output.result("")
        columns = ("stream", "rows", "deleted", "read", "transactions", "seconds", "error")
        shown = (one for one in run.streams if one.rows or one.deleted or one.error)
        context.output.table(columns, [_stream_row(one) for one in shown])
    for line in log if with_log else []:
        context.output.result(f"{line.time} {line.level:<7} {line.message}")


def _facts(run: "Run") -> dict[str, object]:
    error = run.error
    return {
        "run": run.id,
        "flow": run.flow,
        "command": _what_ran(run),
        "by": f"{run.person} on {run.machine}, process {run.process}, version {run.version}",
        "connection": f"{run.connection}: {_company(run)}" if run.connection else "",
        "destination": run.destination,
        "started": run.started,
        "ended": run.ended,
        "seconds": _seconds(run),
        "end": f"{run.end.value}, exit status {run.status}" if run.status is not None else run.end.value,
        "error": error.message if error is not None else "",
        "error id": ", ".join(text for text in (error.kind, error.code, error.entry) if text) if error else "",
        "fix": error.fix if error is not None else "",
        "rows": Count(run.rows) if run.rows else "",
        "deleted": Count(run.deleted) if run.deleted else "",
        "records": _records(run),
        "transactions": _transactions(run),
        "refused rows": list(run.refused_rows),
    }


def _log_place(run: "Run", *, in_database: bool) -> str:
    """The file of the log, or the command that prints one from the database."""
    if run.log:
        return run.log if Path(run.log).exists() else ""
    return f"in the history's database; print it with intacct runs show {run.id[:_SHORT]} --log" if in_database else ""


@runs_command.command("stats", exits={})
@click.option("--flow", metavar="NAME", default="", help="Count the runs of this flow only.")
@_connection_option("Count the runs on this connection only.")
@number_option("--days", "Count the runs of the last N days for the success rate.", least=1, default=30)
@file_option("--metrics", "Also write all of it to this file, in Prometheus's text format.")
@shared_options(connected=False, prints_table=True)
def stats_command(context: CommandContext, *, flow: str, connection_name: str, days: int, metrics: Path | None) -> None:
    """Show success rates, and usage by month.

    The first table has the runs of each flow and how many succeeded. The second has the API transactions of each
    connection and month against the allowance of the tier.

    \b
    Examples:
      intacct runs stats
      intacct runs stats --days 7 --metrics intacct.prom
    """
    from intacct_bridge.operations.runs import run_statistics

    told = run_statistics(days=days, flow=flow, connection=connection_name, metrics=metrics)
    flows, usage = told.flows, told.usage
    if metrics is not None:
        context.output.say(f"The metrics of {counted(told.runs, 'run')} are in {metrics}.")
    rates = [
        (one.name, one.connection, one.runs, one.succeeded, one.failed, _percent(one.success_rate), one.last_success)
        for one in flows
    ]
    months = [
        (
            one.month,
            one.connection,
            one.company,
            Count(one.runs),
            Count(one.transactions),
            None if one.allowance is None else Count(one.allowance),
            _percent(one.share),
        )
        for one in usage
    ]
    rate_columns = ("what", "connection", "runs", "succeeded", "failed", "success", "last success")
    month_columns = ("month", "connection", "company", "runs", "transactions", "allowed", "used")
    if context.output.as_json:
        as_numbers = [
            {**dict(zip(rate_columns, row, strict=True)), "success": one.success_rate, "flow": one.flow or None}
            for row, one in zip(rates, flows, strict=True)
        ]
        used = [
            {**dict(zip(month_columns, row, strict=True)), "used": one.share}
            for row, one in zip(months, usage, strict=True)
        ]
        context.output.json({"days": days, "flows": as_numbers, "usage": used})
        return
    context.output.table(rate_columns, rates, empty=f"No runs in the last {counted(days, 'day')}.")
    if months:
        context.output.result("")
        context.output.table(month_columns, months)


def run_data(run: "Run") -> dict[str, object]:
    """A run as JSON shows it: null for API transactions that were not measured before the run was killed."""
    import msgspec

    from intacct_bridge.operations.runs import RunEnd

    data: dict[str, object] = msgspec.to_builtins(run)
    del data["alive"]
    if run.end is RunEnd.KILLED and not run.transactions:
        data["transactions"] = None
    return {**data, "end": run.end.value, "rows": run.rows, "deleted": run.deleted, "seconds": run.seconds()}


def _transactions(run: "Run") -> Count | str:
    """The API transactions; of a run that did not tell its end, those that it had noted, if any."""
    if run.status is not None:
        return Count(run.transactions)
    return f"{run.transactions:,} or more" if run.transactions else "not known"


def _row(run: "Run") -> tuple[object, ...]:
    return (
        run.id[:_SHORT],
        f"{run.started:%Y-%m-%d %H:%M:%S}",
        run.flow or run.command,
        run.connection,
        run.end.value,
        _seconds(run),
        Count(run.rows) if run.rows else None,
        _records(run) or None,
        _transactions(run),
    )


def _stream_row(stream: "StreamCount") -> tuple[object, ...]:
    read = "full" if stream.full else ""
    return (
        stream.name,
        Count(stream.rows),
        Count(stream.deleted),
        read,
        Count(stream.transactions),
        stream.seconds,
        stream.error,
    )


def _what_ran(run: "Run") -> str:
    from intacct_bridge.operations.runs import LIBRARY

    words = " ".join(run.arguments)
    return f"the library, in {words}" if run.command == LIBRARY else f"intacct {words}".strip()


def _seconds(run: "Run") -> float | None:
    seconds = run.seconds()
    return None if seconds is None else round(seconds, 1)


def _records(run: "Run") -> str:
    """`12 posted, 1 refused`."""
    counts = {
        "posted": run.records.posted,
        "already in Intacct": run.records.already_in_intacct,
        "refused": run.records.refused,
        "skipped": run.records.skipped,
        "in doubt": run.records.in_doubt,
        "not sent": run.records.not_sent,
        "dead letters": run.records.dead_letters,
    }
    return ", ".join(f"{count:,} {word}" for word, count in counts.items() if count)


def _company(run: "Run") -> str:
    entity = f", entity {run.entity}" if run.entity else ""
    return f"company {run.company}{entity} ({run.environment})" if run.company else "unknown"


def _percent(part: float | None) -> str | None:
    return None if part is None else f"{part:.1%}"
