"""What an extraction did, stream by stream, and in one sentence."""

from collections.abc import Sequence

from intacct_bridge.edge.terminal.console import Console
from intacct_bridge.flow.extract.estimate import DOLLARS, Estimate
from intacct_bridge.flow.extract.run import DELETES, HISTORY
from intacct_bridge.flow.streams.stream import StreamOutcome
from intacct_bridge.model.wording import counted

_NAMED = 5
"""Streams that failed alike are named, up to here."""
NO_STREAMS = (DELETES, HISTORY)
"""Parts of a run that are told like streams, and that nobody asked for as such."""


def show_extraction(outcomes: Sequence[StreamOutcome], console: Console) -> None:
    """The streams in which something happened; under --json every one."""
    told = [
        one for one in outcomes if one.rows or one.deleted or one.error or one.added or one.widened or not one.complete
    ]
    rows = [
        (
            one.stream,
            one.rows,
            one.deleted,
            "whole" if one.full else "changes",
            one.transactions,
            round(one.seconds, 2),
            _notes(one),
        )
        for one in (outcomes if console.as_json else told)
    ]
    if rows or console.as_json:
        console.table(("stream", "rows", "deleted", "read", "transactions", "seconds", "notes"), rows)
    if not console.as_json:
        for (error, fix), streams in _failures(outcomes).items():
            names = ", ".join(streams[:_NAMED]) + (f" and {len(streams) - _NAMED:,} more" if streams[_NAMED:] else "")
            console.complain(console.wrapped("error  ", console.spelled(f"{names}: {error}")))
            if fix:
                console.complain(console.wrapped("  fix  ", console.spelled(fix)))


def _failures(outcomes: Sequence[StreamOutcome]) -> dict[tuple[str, str], list[str]]:
    """What went wrong, with the streams that it went wrong for: a cap or a lost line stops all of them alike."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in outcomes:
        if one.error:
            found.setdefault((one.error, one.fix), []).append(one.stream)
    return found


def show_estimate(estimates: Sequence[Estimate], console: Console) -> None:
    """What a run would cost, the dearest streams first, and all of it in one sentence."""
    dearest = sorted(estimates, key=lambda one: -one.transactions)
    rows = [(one.stream, one.rows, "whole" if one.full else "changes", one.transactions, one.error) for one in dearest]
    console.table(("stream", "rows", "read", "transactions", "notes"), rows)
    total, transactions = sum(one.rows for one in estimates), sum(one.transactions for one in estimates)
    console.say(
        f"about {total:,} rows and {transactions:,} API transactions, ${transactions * DOLLARS:,.2f} beyond the tier's"
        " free ones; signing in, lines under changed headers and deletes come on top"
    )


def _notes(one: StreamOutcome) -> str:
    notes = [
        "failed" if one.error else "" if one.complete else "not finished",
        f"new columns: {', '.join(one.added)}, in rows that change from now on (--full fills all)"
        if one.added and not one.full
        else "",
        f"wider: {', '.join(one.widened)}" if one.widened else "",
        f"{counted(len(one.dropped), 'field')} cannot be queried" if one.dropped else "",
    ]
    return "; ".join(note for note in notes if note)


def sentence(outcomes: Sequence[StreamOutcome], seconds: float, transactions: int) -> str:
    """`98 of 282 streams had 83,121 rows, 12.3 s, 611 API transactions`."""
    outcomes = [one for one in outcomes if one.stream not in NO_STREAMS]
    rows = sum(one.rows for one in outcomes)
    busy = sum(1 for one in outcomes if one.rows or one.deleted)
    deleted = sum(one.deleted for one in outcomes)
    gone = f", {deleted:,} deleted" if deleted else ""
    return (
        f"{rows:,} rows{gone} in {busy:,} of {len(outcomes):,} streams, {seconds:.1f} s,"
        f" {transactions:,} API transactions"
    )
