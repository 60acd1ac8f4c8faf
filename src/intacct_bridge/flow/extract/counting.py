"""Records that went without anybody saying so, found by counting.

Not every delete is in the audit trail: a bill that is edited or deleted takes its journal entry back, a document made
by another module is replaced under a new number. So after a run that met changes, a stream's records are counted on
both sides, which costs one call. Where the counts differ, halves of the key's range are counted until what is left
fits in a page and can be compared key by key. Only keys up to the copy's highest are counted: newer records are the
next run's affair.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from intacct_bridge.flow.extract.stream_run import Reading
from intacct_bridge.flow.streams.bookmark import EVERYTHING, Span
from intacct_bridge.wire.values import Value


def gone_by_count(reading: Reading) -> list[Value]:
    """Values of the walked field that the copy has and the company has not (or not as often, in a view)."""
    counted = reading.writer.count()
    if counted is None or not counted[0]:
        return []
    rows, highest = counted
    as_text = reading.partition().as_text
    whole = Span() if as_text else Span(high=str(int(str(highest)) + 1))
    there = _count(reading, whole)
    if there == rows:
        return []
    held = reading.writer.held() or {}
    if as_text:
        here = _values(reading, Span())
        return [value for value in held if here[value] != held[value]]
    search = _Search(reading, sorted(value for value in held if isinstance(value, int)), held)
    return list(search.differing(0, len(search.values), there))


@dataclass(slots=True)
class _Search:
    """The copy's values in order, and how many rows lie below each."""

    reading: Reading
    values: Sequence[int]
    held: "dict[Value, int]"
    below: Sequence[int] = ()

    def __post_init__(self) -> None:
        self.below = [0, *accumulate(self.held[value] for value in self.values)]

    def differing(self, first: int, last: int, there: int) -> Iterator[Value]:
        """Look into a part of the values whose rows the company counts otherwise."""
        mine = self.below[last] - self.below[first]
        if mine == there or first >= last:
            return
        span = Span(str(self.values[first] - 1), str(self.values[last - 1] + 1))
        if mine <= self.reading.partition().page_size or last - first == 1:
            here = _values(self.reading, span)
            yield from (value for value in self.values[first:last] if here[value] != self.held[value])
            return
        half = bisect_left(self.below, (self.below[first] + self.below[last]) // 2, first + 1, last - 1)
        middle = max(first + 1, min(half, last - 1))
        lower = _count(self.reading, Span(span.low, str(self.values[middle])))
        yield from self.differing(first, middle, lower)
        yield from self.differing(middle, last, there - lower)


def _count(reading: Reading, span: Span) -> int:
    """How many records the company has in a span: a page of one row says how many more there are."""
    query = replace(reading.partition(), select=(reading.stream.walked,), page_size=1).query(span)
    answer = reading.asker.ask(query)
    return int(answer.rows.num_rows) + answer.remaining


def _values(reading: Reading, span: Span) -> "Counter[Value]":
    """The company's values in a span, each as often as it has them."""
    select = tuple(dict.fromkeys((reading.stream.walked, reading.stream.key)))
    unread = EVERYTHING if span == Span() else (span,)
    found: Counter[Value] = Counter()
    for piece in reading.pieces(replace(reading.partition(), select=select, unread=unread)):
        found.update(piece.rows.column(reading.stream.walked).to_pylist())
    return found
