"""An extraction on the terminal: a run with its progress, its outcomes stream by stream, and an estimate."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.apps.terminal.process import stoppable
from intacct_bridge.apps.terminal.progress import progress
from intacct_bridge.apps.terminal.tables import Count
from intacct_bridge.operations.extract import ExtractRequest, ExtractResult, StreamOutcome, extract
from intacct_bridge.operations.messages import Messages
from intacct_bridge.operations.recorded_run import CompanyRun
from intacct_protocol.model.wording import counted

if TYPE_CHECKING:
    from intacct_bridge.apps.singer.protocol.destination import SingerDestination
    from intacct_bridge.operations.extract import Estimate

_NAMED = 5
"""At most this many streams are named for one failure."""


def run_extraction(run: CompanyRun, request: ExtractRequest, output: Output) -> ExtractResult:
    """Bring a copy up to date, with progress; the address `-` writes Singer messages to standard output."""
    client = run.client
    messages = _singer_messages(run, request) if request.to == "-" else None
    spent = client.meter.transactions
    with (
        stoppable(output, messages.seal if messages is not None else lambda _: None, run.recorder.finish),
        progress(output, spent=lambda: client.meter.transactions - spent, noun="rows") as view,
    ):
        result = extract(
            client,
            request,
            run=run.recorder,
            progress=lambda stream: view.update(stream.stream, stream.rows, stream.rows + stream.expected),
            output=messages,
        )
    for problem in result.problems:
        output.complain(output.wrapped("error  ", output.spelled(f"{problem.subject}: {problem.error}")))
        if problem.fix:
            output.complain(output.wrapped("  fix  ", output.spelled(problem.fix)))
    return result


def _singer_messages(run: CompanyRun, request: ExtractRequest) -> "SingerDestination":
    from intacct_bridge.apps.singer.protocol.destination import SingerDestination  # with the modules of messages

    options = request.reading(show_private=not run.connection.location_id)
    return SingerDestination(sys.stdout.buffer, options=options)


def show_extraction(outcomes: Sequence[StreamOutcome], output: Output) -> None:
    """The streams in which something happened, and the failures; with `--quiet`, those that need a person."""
    shown = [
        stream
        for stream in outcomes
        if stream.error
        or stream.added
        or stream.widened
        or not stream.complete
        or (not output.quiet and (stream.rows or stream.deleted))
    ]
    if shown:
        output.table(_COLUMNS, [_row(stream) for stream in shown])
    show_failures(outcomes, output)


def extraction_data(result: ExtractResult, output: Output) -> dict[str, object]:
    """The totals and every stream, as JSON shows them."""
    outcomes, streams = result.outcomes, result.streams
    totals = {
        "streams": len(streams),
        "failed": sum(1 for one in outcomes if one.error or not one.complete),
        "rows": sum(one.rows for one in streams),
        "deleted": sum(one.deleted for one in outcomes),
    }
    rows = [
        {name: output.spelled(value) if isinstance(value, str) else value for name, value in stream_data(one).items()}
        for one in outcomes
    ]
    return {"totals": totals, "streams": rows}


def log_extraction(outcomes: Sequence[StreamOutcome], messages: Messages) -> None:
    """A line of the log for each stream."""
    for outcome in outcomes:
        facts: dict[str, Any] = {"stream": outcome.name, "rows": outcome.rows, "deleted": outcome.deleted}
        facts["seconds"] = round(outcome.seconds, 2)
        if outcome.error:
            messages.event(f"{outcome.name}: {outcome.error}", level="error", **facts)
        else:
            how = _read(full=outcome.full)
            messages.event(
                f"{outcome.name}: {counted(outcome.rows, 'row')} ({how}), {outcome.deleted:,} deleted", **facts
            )


def show_failures(outcomes: Sequence[StreamOutcome], output: Output) -> None:
    """The failures, each with its streams and the fix."""
    for (error, fix), streams in _failures(outcomes).items():
        names = ", ".join(streams[:_NAMED]) + (f" and {len(streams) - _NAMED:,} more" if streams[_NAMED:] else "")
        output.complain(output.wrapped("error  ", output.spelled(f"{names}: {error}")), level="error")
        if fix:
            output.complain(output.wrapped("  fix  ", output.spelled(fix)), level="error")


def stream_data(outcome: StreamOutcome) -> dict[str, object]:
    """One outcome, as a page and JSON show it."""
    failure = {"error": outcome.error, "fix": outcome.fix} if outcome.error else {}
    return {**dict(zip(_COLUMNS, _row(outcome), strict=True)), **failure}


def estimate_data(estimate: "Estimate") -> dict[str, object]:
    """What a run would read of one stream, as a page shows it."""
    read = _read(full=estimate.full)
    return {
        "stream": estimate.name,
        "rows": estimate.rows,
        "read": read,
        "transactions": estimate.transactions,
        "notes": estimate.error,
    }


_COLUMNS = ("stream", "rows", "deleted", "read", "transactions", "seconds", "notes")


def _row(outcome: StreamOutcome) -> tuple[str | int | float, ...]:
    how = _read(full=outcome.full)
    rows, deleted, transactions = Count(outcome.rows), Count(outcome.deleted), Count(outcome.transactions)
    return outcome.name, rows, deleted, how, transactions, round(outcome.seconds, 2), _notes(outcome)


def _read(*, full: bool) -> str:
    """How a stream was read."""
    return "full" if full else "incremental"


def _failures(outcomes: Sequence[StreamOutcome]) -> dict[tuple[str, str], list[str]]:
    """The failures, each with its streams: a cap or a lost connection stops all streams alike."""
    failures: dict[tuple[str, str], list[str]] = {}
    for outcome in outcomes:
        if outcome.error:
            failures.setdefault((outcome.error, outcome.fix), []).append(outcome.name)
    return failures


def show_estimate(estimates: "Sequence[Estimate]", output: Output) -> None:
    """What a run would cost: the most expensive streams first, then the sum."""
    rows = [
        (one.name, Count(one.rows), _read(full=one.full), Count(one.transactions), one.error)
        for one in sorted(estimates, key=lambda one: -one.transactions)
    ]
    output.table(("stream", "rows", "read", "transactions", "notes"), rows)
    total, transactions = sum(one.rows for one in estimates), sum(one.transactions for one in estimates)
    dollars = sum(one.dollars for one in estimates)
    output.say(
        f"about {counted(total, 'row')} and {counted(transactions, 'API transaction')}"
        f" (${dollars:,.2f} if the tier's allowance is used up); signing in, lines under changed headers"
        " and deletes are not included"
    )


def _notes(outcome: StreamOutcome) -> str:
    notes = [
        "failed" if outcome.error else "" if outcome.complete else "not finished",
        f"new columns: {', '.join(outcome.added)}, in rows that change from now on (--full fills all)"
        if outcome.added and not outcome.full
        else "",
        f"wider: {', '.join(outcome.widened)}" if outcome.widened else "",
        f"{counted(len(outcome.unqueryable), 'field')} cannot be queried" if outcome.unqueryable else "",
    ]
    return "; ".join(note for note in notes if note)


def summary(result: ExtractResult, transactions: int | None = None) -> str:
    """`83,121 rows, 12 deleted in 98 of 282 streams (1 failed), 12.3 s, 611 API transactions`."""
    streams = result.streams
    busy = sum(1 for one in streams if (one.rows or one.deleted) and not one.error)
    failed = sum(1 for one in streams if one.error)
    deleted = sum(one.deleted for one in streams)
    rows = counted(sum(one.rows for one in streams), "row") + (f", {deleted:,} deleted" if deleted else "")
    of = f"{busy:,} of {counted(len(streams), 'stream')}" + (f" ({failed:,} failed)" if failed else "")
    spent = result.transactions if transactions is None else transactions
    return f"{rows} in {of}, {result.seconds:.1f} s, {counted(spent, 'API transaction')}"
