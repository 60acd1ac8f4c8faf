"""An extraction on the terminal: a run with its progress, its outcomes stream by stream, and an estimate."""

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from intacct_bridge.apps.terminal.console import Console
from intacct_bridge.apps.terminal.process import stoppable
from intacct_bridge.apps.terminal.progress import progress
from intacct_bridge.apps.terminal.tables import Count
from intacct_bridge.client.client import Client
from intacct_bridge.copies.destinations.base import Destination
from intacct_bridge.copies.destinations.open import importing, open_destination
from intacct_bridge.copies.destinations.uri import parse_uri
from intacct_bridge.extract.options import ExtractOptions
from intacct_bridge.extract.pipeline import ExtractRequest, prepare
from intacct_bridge.extract.run import DELETES, HISTORY
from intacct_bridge.streams.stream import StreamOutcome
from intacct_protocol.errors import IntacctError
from intacct_protocol.model.wording import counted

if TYPE_CHECKING:
    from intacct_bridge.apps.views.reporting import WantedViews
    from intacct_bridge.copies.views.apply import AppliedViews
    from intacct_bridge.extract.estimate import Estimate

_NAMED = 5
"""At most this many streams are named for one failure."""
NO_STREAMS = (DELETES, HISTORY)
"""Outcomes that are not those of a stream."""


@dataclass(frozen=True, slots=True)
class ExtractResult:
    """The result of a run."""

    outcomes: tuple[StreamOutcome, ...]
    seconds: float
    transactions: int
    objects: tuple[str, ...] = ()
    """The objects that were read."""
    views: "tuple[AppliedViews, ...] | None" = ()
    """The views of the database; None if they could not be made."""

    @property
    def sound(self) -> bool:
        """Whether every stream was read to its end, and the views were made."""
        return self.views is not None and all(one.complete and not one.error for one in self.outcomes)


def run_extraction(
    client: Client,
    request: ExtractRequest,
    to: str,
    console: Console,
    *,
    options: ExtractOptions | None = None,
    hard_deletes: bool = False,
    keep: Callable[[Sequence[StreamOutcome]], None] = lambda _: None,
    tick: Callable[[], None] = lambda: None,
    views: "WantedViews | None" = None,
) -> ExtractResult:
    """Bring the copy at a URI up to date, with progress; `-` writes Singer messages to standard output.

    `keep` gets the outcomes even if the run is interrupted; `tick` is called while it runs. A
    database ends with the views that are wanted.
    """
    began, spent = time.monotonic(), client.meter.transactions
    with stoppable(console), importing(to):
        prepared = prepare(client, request)
    destination, seal = _open(to, options, hard_deletes=hard_deletes)
    with stoppable(console, seal), closing(destination):
        run = prepared.into(destination, options)
        try:
            with progress(console, spent=lambda: client.meter.transactions - spent, noun="rows") as view:
                for stream in run:
                    view.update(stream.stream, stream.rows, stream.rows + stream.expected)
                    tick()
        finally:
            keep([one for one in run.outcomes if one.name not in NO_STREAMS or one.error])
        full = options is not None and options.full
        made = () if views is None else _make_views(destination, client, views, console, full=full)
        if to != "-" and not parse_uri(to).is_database:
            _keep_settings(destination, client, console, full=full)
    seconds, transactions = time.monotonic() - began, client.meter.transactions - spent
    return ExtractResult(run.outcomes, seconds, transactions, tuple(prepared.objects(run)), made)


def _open(
    to: str, options: ExtractOptions | None, *, hard_deletes: bool
) -> tuple[Destination, Callable[[float], None]]:
    """The destination, and what completes a message that is being written when the process is ended."""
    if to != "-":
        return open_destination(to, hard_deletes=hard_deletes), lambda _: None
    from intacct_bridge.apps.singer.protocol.destination import SingerDestination  # with the modules of messages

    destination = SingerDestination(sys.stdout.buffer, options=options)
    return destination, destination.seal


def _keep_settings(destination: Destination, client: Client, console: Console, *, full: bool) -> None:
    """What later readers of the files need to know about the company."""
    from intacct_bridge.copies.destinations.files import FileDestination
    from intacct_bridge.copies.views.company_settings import has_sources, keep_financial_setup

    assert isinstance(destination, FileDestination)
    try:
        if has_sources(destination):
            keep_financial_setup(destination, client, client.company_time, again=full)
    except IntacctError as error:
        console.complain(console.wrapped("error  ", console.spelled(f"company settings: {error.message}")))


def _make_views(
    destination: Destination, client: Client, views: "WantedViews", console: Console, *, full: bool
) -> "tuple[AppliedViews, ...] | None":
    from intacct_bridge.apps.views.reporting import (
        bring_views_up_to_date,  # not for files: imports take a tenth of a run
    )

    return bring_views_up_to_date(destination, client, views, console, full=full)


def show_extraction(outcomes: Sequence[StreamOutcome], console: Console) -> None:
    """The streams in which something happened, and the failures."""
    shown = [
        one for one in outcomes if one.rows or one.deleted or one.error or one.added or one.widened or not one.complete
    ]
    if shown:
        console.table(_COLUMNS, [_row(one) for one in shown])
    show_failures(outcomes, console)


def extraction_data(outcomes: Sequence[StreamOutcome], console: Console) -> dict[str, object]:
    """The totals and every stream, as JSON shows them."""
    streams = [one for one in outcomes if one.name not in NO_STREAMS]
    totals = {
        "streams": len(streams),
        "failed": sum(1 for one in outcomes if one.error or not one.complete),
        "rows": sum(one.rows for one in streams),
        "deleted": sum(one.deleted for one in outcomes),
    }
    rows = [{**dict(zip(_COLUMNS, _row(one), strict=True)), **_failure(one, console)} for one in outcomes]
    return {"totals": totals, "streams": rows}


def log_extraction(outcomes: Sequence[StreamOutcome], console: Console) -> None:
    """A line of the log for each stream."""
    for one in outcomes:
        facts: dict[str, Any] = {"stream": one.name, "rows": one.rows, "deleted": one.deleted}
        facts["seconds"] = round(one.seconds, 2)
        if one.error:
            console.event(f"{one.name}: {one.error}", level="error", **facts)
        else:
            how = _read(full=one.full)
            console.event(f"{one.name}: {counted(one.rows, 'row')} ({how}), {one.deleted:,} deleted", **facts)


def show_failures(outcomes: Sequence[StreamOutcome], console: Console) -> None:
    """The failures, each with its streams and the fix."""
    for (error, fix), streams in _failures(outcomes).items():
        names = ", ".join(streams[:_NAMED]) + (f" and {len(streams) - _NAMED:,} more" if streams[_NAMED:] else "")
        console.complain(console.wrapped("error  ", console.spelled(f"{names}: {error}")), level="error")
        if fix:
            console.complain(console.wrapped("  fix  ", console.spelled(fix)), level="error")


_COLUMNS = ("stream", "rows", "deleted", "read", "transactions", "seconds", "notes")


def _row(one: StreamOutcome) -> tuple[str | int | float, ...]:
    how = _read(full=one.full)
    rows, deleted, transactions = Count(one.rows), Count(one.deleted), Count(one.transactions)
    return one.name, rows, deleted, how, transactions, round(one.seconds, 2), _notes(one)


def _failure(one: StreamOutcome, console: Console) -> dict[str, str]:
    return {"error": console.spelled(one.error), "fix": console.spelled(one.fix)} if one.error else {}


def _read(*, full: bool) -> str:
    """How a stream was read."""
    return "full" if full else "incremental"


def _failures(outcomes: Sequence[StreamOutcome]) -> dict[tuple[str, str], list[str]]:
    """The failures, each with its streams: a cap or a lost connection stops all streams alike."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in outcomes:
        if one.error:
            found.setdefault((one.error, one.fix), []).append(one.name)
    return found


def show_estimate(estimates: "Sequence[Estimate]", console: Console) -> None:
    """What a run would cost: the most expensive streams first, then the sum."""
    from intacct_bridge.extract.estimate import DOLLARS

    rows = [
        (one.name, Count(one.rows), _read(full=one.full), Count(one.transactions), one.error)
        for one in sorted(estimates, key=lambda one: -one.transactions)
    ]
    console.table(("stream", "rows", "read", "transactions", "notes"), rows)
    total, transactions = sum(one.rows for one in estimates), sum(one.transactions for one in estimates)
    console.say(
        f"about {counted(total, 'row')} and {counted(transactions, 'API transaction')}"
        f" (${transactions * DOLLARS:,.2f} if the tier's allowance is used up); signing in, lines under changed headers"
        " and deletes are not included"
    )


def _notes(one: StreamOutcome) -> str:
    notes = [
        "failed" if one.error else "" if one.complete else "not finished",
        f"new columns: {', '.join(one.added)}, in rows that change from now on (--full fills all)"
        if one.added and not one.full
        else "",
        f"wider: {', '.join(one.widened)}" if one.widened else "",
        f"{counted(len(one.unqueryable), 'field')} cannot be queried" if one.unqueryable else "",
    ]
    return "; ".join(note for note in notes if note)


def summary(outcomes: Sequence[StreamOutcome], seconds: float, transactions: int) -> str:
    """`83,121 rows, 12 deleted in 98 of 282 streams (1 failed), 12.3 s, 611 API transactions`."""
    outcomes = [one for one in outcomes if one.name not in NO_STREAMS]
    busy = sum(1 for one in outcomes if (one.rows or one.deleted) and not one.error)
    failed = sum(1 for one in outcomes if one.error)
    deleted = sum(one.deleted for one in outcomes)
    rows = counted(sum(one.rows for one in outcomes), "row") + (f", {deleted:,} deleted" if deleted else "")
    streams = f"{busy:,} of {counted(len(outcomes), 'stream')}" + (f" ({failed:,} failed)" if failed else "")
    return f"{rows} in {streams}, {seconds:.1f} s, {counted(transactions, 'API transaction')}"
