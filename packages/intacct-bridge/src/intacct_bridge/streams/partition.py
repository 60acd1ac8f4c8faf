"""A part of a stream as one query reads it: which rows, between which keys, within which days. Pure and picklable.

Pages are found by key and never by offset. Each query is answered by a company in use, and rows that are added or
deleted before an offset would shift the rows after it. The next page is simply what lies beyond the last key.

A view over the whole ledger may not answer before the gateway gives up, so it is read some weeks or months at a time.
The first and the last window of days have open ends, so that rows dated outside the known days are still read once.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from intacct_bridge.client.reading.paging import beyond
from intacct_bridge.streams.bookmark import EVERYTHING, KeySpan
from intacct_bridge.streams.stream import Stream
from intacct_protocol.model.batched import batched
from intacct_protocol.model.query.query import MAX_IN, MAX_PAGE, Compare, Filter, Op, Order, Query, all_of, any_of
from intacct_protocol.xml.values import Kind, Value

if TYPE_CHECKING:
    import pyarrow as pa

    from intacct_protocol.xml.python_columns import RowBatch


@dataclass(frozen=True, slots=True)
class Partition:
    """The rows of a stream that one walk reads, and the spans of keys that it still has to read."""

    stream: Stream
    along: str
    """The field that the walk follows; the spans hold its values."""
    where: tuple[Filter, ...] = ()
    unread: tuple[KeySpan, ...] = EVERYTHING
    in_groups: bool = False
    """Several rows share a value of the walked field; the walk gives whole groups, one after another."""
    select: tuple[str, ...] = ()
    """The fields of a lookup, if they are not the stream's own."""
    page_size: int = MAX_PAGE
    show_private: bool = True

    @property
    def as_text(self) -> bool:
        """Whether the keys are text, whose order only the gateway knows."""
        return self.stream.fields[self.along] is not Kind.INTEGER

    def query(self, span: KeySpan, *, descending: bool = False) -> Query:
        """The page at one end of a span."""
        ends = beyond(self.along, low=span.low, high=span.high, text=self.as_text)
        stream_filter = () if self.stream.where is None else (self.stream.where,)
        parts = (*stream_filter, *self.where, *ends)
        return Query(
            self.stream.object,
            self.select or tuple(self.stream.fields),
            where=all_of(parts) if parts else None,
            order=(Order(self.along, descending),),
            page_size=self.page_size,
            show_private=self.show_private,
            doc_par_id=self.stream.doc_par_id,
        )


@dataclass(frozen=True, slots=True)
class PartitionPage:
    """One page: its rows, and how many rows remain beyond it."""

    rows: "pa.RecordBatch | RowBatch"
    remaining: int


ReadPage = Callable[[Query], PartitionPage]
"""One call of the gateway."""


def changed_since(stream: Stream, text: str) -> Filter:
    """The rows that were changed at or after a time (as `filter_time` gives it), or created since and never changed.

    A row that was never changed and has no time of creation is always read, since nothing else finds it.
    """
    never: Filter = Compare(stream.modified, Op.ISNULL)
    if stream.created:
        created = Compare(stream.created, Op.GREATERTHANOREQUALTO, (text,))
        never = all_of((never, any_of((created, Compare(stream.created, Op.ISNULL)))))
    return any_of((Compare(stream.modified, Op.GREATERTHANOREQUALTO, (text,)), never))


def unchanged_since(stream: Stream, text: str) -> Filter:
    """All other rows than `changed_since` keeps."""
    before = Compare(stream.modified, Op.LESSTHAN, (text,))
    if not stream.created:
        return before
    created = Compare(stream.created, Op.LESSTHAN, (text,))
    return any_of((before, all_of((Compare(stream.modified, Op.ISNULL), created))))


def lookup_filters(field: str, values: Sequence[Value]) -> Iterator[tuple[Filter, Sequence[Value]]]:
    """Filters for values of a field, each with its values, as many as the gateway takes in one filter."""
    for chunk in batched(values, MAX_IN):
        yield Compare(field, Op.IN, tuple(chunk)), chunk


def distinct_values(rows: Iterable[Value]) -> list[Value]:
    """The distinct values in the order in which they come, without nulls."""
    return [value for value in dict.fromkeys(rows) if value is not None]


@dataclass(frozen=True, slots=True)
class DayWindow:
    """Days from one to another, both included; None is an open end."""

    first: date | None = None
    last: date | None = None

    def filter(self, field: str) -> tuple[Filter, ...]:
        """The filter that keeps a date within these days."""
        if self.first and self.last:
            return (Compare(field, Op.BETWEEN, (self.first, self.last)),)
        low = (Compare(field, Op.GREATERTHANOREQUALTO, (self.first,)),) if self.first else ()
        high = (Compare(field, Op.LESSTHANOREQUALTO, (self.last,)),) if self.last else ()
        return (*low, *high)

    def halves(self) -> tuple["DayWindow", "DayWindow"] | None:
        """Two windows in place of one; None for a single day and for an open end."""
        if not self.first or not self.last or self.first >= self.last:
            return None
        middle = self.first + (self.last - self.first) // 2
        return DayWindow(self.first, middle), DayWindow(middle + timedelta(days=1), self.last)

    def __str__(self) -> str:
        return f"{self.first or ''}/{self.last or ''}"

    @classmethod
    def parse(cls, text: str) -> "DayWindow":
        """Read what `str` wrote."""
        first, _, last = text.partition("/")
        return cls(date.fromisoformat(first) if first else None, date.fromisoformat(last) if last else None)


def split_days(first: date, last: date, parts: int) -> tuple[DayWindow, ...]:
    """Windows of about the same length that together hold every day, those before `first` and after `last` too."""
    total = (last - first).days + 1
    parts = max(1, min(parts, total))
    starts = [first + timedelta(days=total * index // parts) for index in range(1, parts)]
    ends = [start - timedelta(days=1) for start in starts]
    return tuple(DayWindow(low, high) for low, high in zip((None, *starts), (*ends, None), strict=True))
