"""A part of a stream as one query asks for it: which rows, from where to where along the key. Pure and picklable.

Pages are found by key and never by offset: each query is a question of its own to a living company, and rows that come
or go before an offset would shift what stands behind it. The next page is simply what lies beyond the last key.

Cutting a long read by date. Pure: no calls, no clock.

A view over the whole ledger may not answer before the gateway gives up, so it is read some weeks or months at a time.
The first and the last window have open ends: whatever is dated outside of what we knew is still read once.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from intacct_bridge.client.reading.paging import beyond
from intacct_bridge.flow.streams.bookmark import EVERYTHING, KeySpan
from intacct_bridge.flow.streams.stream import Stream
from intacct_bridge.model.batched import batched
from intacct_bridge.model.query.query import MAX_IN, MAX_PAGE, Compare, Filter, Op, Order, Query, all_of, any_of
from intacct_bridge.wire.values import Kind, Value

if TYPE_CHECKING:
    import pyarrow as pa
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class Partition:
    """The rows of a stream that one walk reads, and the spans of keys that it still has to read."""

    stream: Stream
    along: str
    """The field whose values the walk follows and the spans speak of."""
    where: tuple[Filter, ...] = ()
    unread: tuple[KeySpan, ...] = EVERYTHING
    in_groups: bool = False
    """Several rows share one value of the walked field; groups are handed on whole, and one after another."""
    select: tuple[str, ...] = ()
    """Other fields than the stream's own, for a look-up."""
    page_size: int = MAX_PAGE
    show_private: bool = True

    @property
    def as_text(self) -> bool:
        """Whether the order of the keys is the gateway's secret."""
        return self.stream.fields[self.along] is not Kind.INTEGER

    def query(self, span: KeySpan, *, descending: bool = False) -> Query:
        """The page at one end of a span."""
        ends = beyond(self.along, low=span.low, high=span.high, text=self.as_text)
        own = () if self.stream.where is None else (self.stream.where,)
        parts = (*own, *self.where, *ends)
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
    """One page: its rows, and how many more there are beyond it."""

    rows: "pa.RecordBatch"
    remaining: int


Ask = Callable[[Query], PartitionPage]
"""One call of the gateway."""


def changed_since(stream: Stream, text: str) -> Filter:
    """The rows changed at or after a time (as `state.sent` gives it), those created and never changed included.

    Without a time of creation every row that was never changed is asked for, since nothing else would find it.
    """
    never: Filter = Compare(stream.modified, Op.ISNULL)
    if stream.created:
        never = all_of((never, Compare(stream.created, Op.GREATERTHANOREQUALTO, (text,))))
    return any_of((Compare(stream.modified, Op.GREATERTHANOREQUALTO, (text,)), never))


def one_of(field: str, values: Sequence[Value]) -> Iterator[tuple[Filter, Sequence[Value]]]:
    """Filters for a list of any length, as many values at once as the gateway takes."""
    for some in batched(values, MAX_IN):
        yield Compare(field, Op.IN, tuple(some)), some


def values_in(rows: Iterable[Value]) -> list[Value]:
    """Distinct values in the order they come, nulls left out."""
    return [value for value in dict.fromkeys(rows) if value is not None]


@dataclass(frozen=True, slots=True)
class Days:
    """Days from one to another, both included; an open end has no day."""

    first: date | None = None
    last: date | None = None

    def filter(self, field: str) -> tuple[Filter, ...]:
        """The filter that keeps a date within these days."""
        if self.first and self.last:
            return (Compare(field, Op.BETWEEN, (self.first, self.last)),)
        low = (Compare(field, Op.GREATERTHANOREQUALTO, (self.first,)),) if self.first else ()
        high = (Compare(field, Op.LESSTHANOREQUALTO, (self.last,)),) if self.last else ()
        return (*low, *high)

    def halves(self) -> tuple["Days", "Days"] | None:
        """Two windows in place of one; None where there is only a day, or an end is open."""
        if not self.first or not self.last or self.first >= self.last:
            return None
        middle = self.first + (self.last - self.first) // 2
        return Days(self.first, middle), Days(middle + timedelta(days=1), self.last)

    def __str__(self) -> str:
        return f"{self.first or ''}/{self.last or ''}"

    @classmethod
    def read(cls, text: str) -> "Days":
        """Read what `str` wrote."""
        first, _, last = text.partition("/")
        return cls(date.fromisoformat(first) if first else None, date.fromisoformat(last) if last else None)


def spread(first: date, last: date, parts: int) -> tuple[Days, ...]:
    """As many windows of about the same length, together everything: before `first` and after `last` too."""
    total = (last - first).days + 1
    parts = max(1, min(parts, total))
    starts = [first + timedelta(days=total * index // parts) for index in range(1, parts)]
    ends = [start - timedelta(days=1) for start in starts]
    return tuple(Days(low, high) for low, high in zip((None, *starts), (*ends, None), strict=True))
