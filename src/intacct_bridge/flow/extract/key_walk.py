"""Reading a partition page by page along its key: nothing missed, nothing twice, the fewest calls.

A page asks for the rows beyond the last key, so that rows which come and go elsewhere shift nothing. Where the first
page says that many are left, a second reader starts at the other end of the span, and while more calls may run, long
spans are cut. The two readers of a span meet in the middle. Only an answer that says *nothing remains* in the span ends
it: counts that seem to add up prove nothing in a company that is being edited, so the last page of a span is asked for
alone.

A walk may go along a field that many rows share, such as the journal entry of a ledger line, and hand on these groups
whole. A page may end inside a group; the rows of its last group are then left for the next page. A group larger than a
page is read by itself, along its keys.

Calls run in the given pool; the next one is on its way before the rows of this one are handed on.
The proof that nothing is missed along keys of either kind is `client.reading.paging.KeyOrder`.
"""

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from intacct_bridge.client.reading.paging import KeyOrder, NumberKeyOrder, TextKeyOrder
from intacct_bridge.errors import RemoteProtocolError
from intacct_bridge.flow.streams.bookmark import EVERYTHING, KeySpan
from intacct_bridge.flow.streams.partition import Partition, PartitionPage, ReadPage, distinct_values
from intacct_bridge.model.query.query import Compare, Op
from intacct_bridge.wire.values import Value

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of one page, and what is still unread once they are stored."""

    rows: "pa.RecordBatch"
    unread: tuple[KeySpan, ...]
    expected: int
    """How many rows are yet to come, as far as the gateway's counts tell."""
    groups: tuple[Value, ...] = ()
    """The groups that begin in this piece; all that the destination holds of them gives way."""


@dataclass(slots=True)
class _Gap:
    """A span being read from one end or from both."""

    low: str
    high: str
    left: int | None = None
    """How many rows are unread; None before the first answer."""
    guessed: bool = False
    """Nobody has counted since the span was cut."""
    ahead: "dict[bool, Future[tuple[KeySpan, PartitionPage]]]" = field(default_factory=dict)
    """The calls on their way, by direction: False upward, True downward."""
    closed: bool = False

    @property
    def span(self) -> KeySpan:
        """What is unread."""
        return KeySpan(self.low, self.high)

    def cancel(self) -> None:
        """Calls that have not left need not."""
        for call in self.ahead.values():
            call.cancel()


def walk(ask: ReadPage, partition: Partition, pool: Executor, width: int = 1) -> Iterator[Piece]:
    """The pieces of a partition, with at most `width` calls on their way at once."""
    walker = _Walk(ask, partition, pool, 1 if partition.as_text else max(1, width))
    try:
        yield from walker.pieces()
    finally:
        walker.cancel()


LONG = 16
"""A span of more pages than this is worth cutting, since every cut may cost a page that is not full."""

OVERLAPPING = 1.75
"""As many pages are met by two, also where the group that a page cuts is left out; if that is large, by a third."""


class _Walk:
    def __init__(self, ask: ReadPage, partition: Partition, pool: Executor, width: int) -> None:
        self.ask = ask
        self.partition = partition
        self.pool = pool
        self.width = width
        self.page = partition.page_size
        self.gaps = [_Gap(span.low, span.high) for span in partition.unread]
        self.order = self.key_order()

    def pieces(self) -> Iterator[Piece]:
        """Launch, wait, settle, and launch again before handing on."""
        self.launch()
        while self.gaps:
            gap, downward = self.arrived()
            span, answer = gap.ahead.pop(downward).result()
            keys = answer.rows.column(self.partition.along).to_pylist()
            self.order.check(keys, answer.remaining, low=span.low, high=span.high, descending=downward)
            if self.is_large_group(gap, answer, keys, downward=downward):
                yield from self.large_group(gap, keys[0], downward=downward)
                self.launch()
                continue
            rows = self.settle(gap, span, answer, keys, downward=downward)
            groups = (
                tuple(distinct_values(rows.column(self.partition.along).to_pylist()))
                if self.partition.in_groups
                else ()
            )
            self.close()
            self.launch()
            yield self.piece(rows, groups)

    def piece(self, rows: "pa.RecordBatch", groups: tuple[Value, ...]) -> Piece:
        """What is handed on, with the spans as they are now."""
        return Piece(rows, tuple(gap.span for gap in self.gaps), sum(gap.left or 0 for gap in self.gaps), groups)

    def close(self) -> None:
        """Forget the gaps that are read to the end; what was asked of them beyond need not leave."""
        for gap in self.gaps:
            if gap.closed:
                gap.cancel()
        self.gaps = [gap for gap in self.gaps if not gap.closed]

    def cancel(self) -> None:
        """The walk is given up."""
        for gap in self.gaps:
            gap.cancel()

    def arrived(self) -> tuple[_Gap, bool]:
        """The gap and the direction of a call that has come back."""
        waiting = {call: (gap, downward) for gap in self.gaps for downward, call in gap.ahead.items()}
        done = wait(waiting, return_when=FIRST_COMPLETED).done
        return next(waiting[call] for call in waiting if call in done)

    def launch(self) -> None:
        """Send as many calls as may run, if they are certain to be needed; so that all spans end at about one time, for
        the last page of each is asked for alone.
        """
        for gap in self.gaps:
            if self.free and not gap.ahead:
                self.send(gap, downward=False)
        for gap in sorted(self.gaps, key=lambda one: one.left or 0, reverse=True):
            if self.free and len(gap.ahead) == 1 and self.takes_two(gap):
                self.send(gap, downward=False in gap.ahead)
        for gap in list(self.gaps):
            while self.free and self.cut(gap):
                pass

    def takes_two(self, gap: _Gap) -> bool:
        """Whether two calls are needed however they are made.

        Two pages that lie over each other end a gap. Two that only touch do not, and a third call has to: what is
        nearly two pages is therefore asked for one after the other.
        """
        left = gap.left or 0
        return left > 2 * self.page or (self.page < left <= OVERLAPPING * self.page and not gap.guessed)

    @property
    def free(self) -> bool:
        """Whether one more call may run."""
        return sum(len(gap.ahead) for gap in self.gaps) < self.width

    def send(self, gap: _Gap, *, downward: bool) -> None:
        """Ask for the page at one end of the gap."""
        span = gap.span
        query = self.partition.query(span, descending=downward)
        gap.ahead[downward] = self.pool.submit(lambda: (span, self.ask(query)))

    def cut(self, gap: _Gap) -> bool:
        """Halve a long span whose both ends are known; the reader from above goes with the upper half."""
        if not (gap.low and gap.high) or (gap.left or 0) <= LONG * self.page or self.partition.as_text:
            return False
        middle = (int(gap.low) + int(gap.high)) // 2
        if not int(gap.low) < middle < int(gap.high) - 1:
            return False
        left = (gap.left or 0) // 2
        upper = _Gap(str(middle), gap.high, left, guessed=True)
        gap.high, gap.left, gap.guessed = str(middle + 1), left, True
        if True in gap.ahead:
            upper.ahead[True] = gap.ahead.pop(True)
        self.gaps.insert(self.gaps.index(gap) + 1, upper)
        self.send(upper if not upper.ahead else gap, downward=False)
        return True

    def key_order(self) -> KeyOrder:
        """The proof that the pages are in order."""
        one = self.partition
        if not one.as_text:
            return NumberKeyOrder(one.stream.object, one.along, repeats=one.in_groups)
        return TextKeyOrder(
            one.query(KeySpan()),
            keys_of=lambda query: self.ask(query).rows.column(one.along).to_pylist(),
            repeats=one.in_groups,
            fix=f"leave {one.stream.object} out, or report this with the gateway's answer archived",
        )

    def settle(
        self, gap: _Gap, span: KeySpan, answer: PartitionPage, keys: list[Value], *, downward: bool
    ) -> "pa.RecordBatch":
        """Move the gap's end past the page; what the other reader has had already is left out."""
        keep = len(keys)
        if self.partition.in_groups and answer.remaining:
            keep = keys.index(keys[-1])  # the group that the page may have cut
            self.order.leave(len(keys) - keep)
        gap.closed = not answer.remaining or self.beyond(gap, keys[-1], downward=downward)
        while keep and self.beyond(gap, keys[keep - 1], downward=downward):
            keep -= 1
        same = span.low == gap.low if downward else span.high == gap.high
        gap.left = answer.remaining + len(keys) - keep if same else max(0, (gap.left or 0) - keep)
        gap.guessed = gap.guessed and not same
        if keep and downward:
            gap.high = str(keys[keep - 1])
        elif keep:
            gap.low = str(keys[keep - 1])
        return answer.rows.slice(0, keep)

    @staticmethod
    def beyond(gap: _Gap, key: Value, *, downward: bool) -> bool:
        """Whether a key lies where the other reader of the gap has been."""
        end = gap.low if downward else gap.high
        return bool(end) and (int(str(key)) <= int(end) if downward else int(str(key)) >= int(end))

    def is_large_group(self, gap: _Gap, answer: PartitionPage, keys: list[Value], *, downward: bool) -> bool:
        """Whether a page holds one group only, and perhaps not all of it."""
        alone = self.partition.in_groups and bool(answer.remaining) and keys[0] == keys[-1]
        return alone and not self.beyond(gap, keys[0], downward=downward)

    def large_group(self, gap: _Gap, group: Value, *, downward: bool) -> Iterator[Piece]:
        """A group that no page holds, read along its keys; the gap's end moves only once it is whole."""
        stream = self.partition.stream
        if self.partition.along == stream.key:
            raise RemoteProtocolError(f"more than {self.page:,} rows of {stream.object} share the key {group!r}")
        inside = replace(
            self.partition,
            along=stream.key,
            where=(*self.partition.where, Compare(self.partition.along, Op.EQUALTO, (group,))),
            unread=EVERYTHING,
            in_groups=bool(stream.group),
        )
        begins: tuple[Value, ...] = (group,)
        for piece in walk(self.ask, inside, self.pool):
            whole = not piece.unread
            if whole and downward:
                gap.high = str(group)
            elif whole:
                gap.low = str(group)
            gap.left = max(0, (gap.left or 0) - piece.rows.num_rows)
            yield self.piece(piece.rows, begins)
            begins = ()
