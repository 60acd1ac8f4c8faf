"""The estimate of a run: how much it would read and cost, found with one row of each stream.

The answer to a query says how many rows remain, so a page of one row is a count.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from intacct_bridge.extract.options import ExtractOptions
from intacct_bridge.extract.page_reader import PageReader
from intacct_bridge.extract.source import ExtractSource
from intacct_bridge.extract.strategies import Decision, Strategy, decide, trusted_bookmark
from intacct_bridge.streams.bookmark import EVERYTHING, Bookmark, KeySpan
from intacct_bridge.streams.partition import Partition, changed_since, unchanged_since
from intacct_bridge.streams.stream import Stream
from intacct_bridge.streams.times import filter_time, format_time
from intacct_protocol.errors import IntacctError
from intacct_protocol.model.query.query import Filter

DOLLARS = 0.015
"""The price that partners publish for one API transaction beyond the 100,000 a month of a tier ($0.15 for ten)."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run would read of one stream, or a comparison of one table."""

    name: str
    rows: int
    transactions: int
    full: bool = False
    """All rows would be read, not only those that changed."""
    error: str = ""
    """Why the numbers are not known, or how certain they are."""

    @property
    def dollars(self) -> float:
        """The price of the transactions, if the tier's allowance is used up."""
        return self.transactions * DOLLARS


LookupCost = Callable[[int, bool], int]
"""The transactions that lookups take for a number of rows of a stream; True if these are all its rows."""


def estimated(
    source: ExtractSource,
    streams: Sequence[Stream],
    bookmarks: Mapping[str, Bookmark],
    options: ExtractOptions | None = None,
    lookups: Mapping[str, LookupCost] | None = None,
    *,
    lacking_columns: Collection[str] = (),
) -> Iterator[Estimate]:
    """The rows and transactions of each stream, in order; the estimate itself costs one transaction a stream, and a
    second one for a view that is read from a time on.

    Lines that would be read again under changed headers, and deletes, cannot be known beforehand. All fields are asked
    for, so that the run knows already which are unqueryable. `lacking_columns` are the streams whose copied rows lack
    fields that are wanted now.
    """
    options = options or ExtractOptions()
    complete = {one.object for one in streams if one.where is None}
    now = format_time(source.now())

    def estimate(stream: Stream) -> Estimate:
        bookmark = trusted_bookmark(source, stream, bookmarks.get(stream.name, Bookmark()), options)
        decision = decide(stream, bookmark, options, now, lacks_columns=stream.name in lacking_columns)
        if decision.strategy is Strategy.SKIP:
            return Estimate(stream.name, 0, 0, full=True)
        if decision.strategy is Strategy.REPLACE:
            cost = source.virtual_cost(stream)
            note = "only a run can tell" if cost is None else "at most; nothing if nothing changed"
            return Estimate(stream.name, 0, cost or 0, full=True, error=note)
        try:
            rows, more = _count(source, stream, decision, options)
        except IntacctError as error:
            return Estimate(stream.name, 0, 1, decision.full, error.message)
        pages = max(1, -(-rows // options.page_size)) + more
        if rows and lookups and stream.name in lookups:
            pages += lookups[stream.name](rows, decision.full)
        if not decision.full and stream.header and stream.header not in complete:  # a query finds the changed headers
            pages += 1
        return Estimate(stream.name, rows, pages, decision.full)

    with ThreadPoolExecutor(max(1, source.concurrency)) as pool:
        yield from pool.map(estimate, streams)


def _count(source: ExtractSource, stream: Stream, decision: Decision, options: ExtractOptions) -> tuple[int, int]:
    """The rows that the strategy would read, and the queries that it needs besides."""
    reader = PageReader(source, stream)

    def count(*where: Filter, spans: Sequence[KeySpan] = EVERYTHING) -> int:
        partition = Partition(stream, stream.walk_field, where, page_size=1, show_private=options.show_private)
        answers = (reader.read(partition.query(span)) for span in spans)
        return sum(int(answer.rows.num_rows) + answer.remaining for answer in answers)

    if not decision.since or not stream.modified:
        return count(spans=decision.unread), 0
    since = filter_time(decision.since, source.offset_minutes, options.reads_as or source.reads_as)
    rows = count(changed_since(stream, since), spans=decision.unread)
    if not (decision.full and stream.group and rows):
        return rows, 0
    others = count(unchanged_since(stream, since))  # finding the groups of which only a part changed takes queries
    return rows, 1 + (2 + -(-min(rows, others) // options.page_size) if others else 0)
