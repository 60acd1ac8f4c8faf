"""A walk along a partition's key, page by page: nothing missed, nothing twice, the fewest calls.

Each page asks for the rows beyond the last key, so that rows which are added or deleted elsewhere shift nothing. If
the first page says that many rows are left, a second reader starts at the other end of the span; the two meet in the
middle. While more calls may run, long spans are cut. A span ends only with an answer that says *nothing remains*:
counts prove nothing in a company that is being edited, so the last page of a span is asked for alone.

A walk may follow a field that many rows share, such as the journal entry of a ledger line, and give these groups
completely. A page may end inside a group; the rows of its last group are then left for the next page. A group larger
than a page is read on its own, along its keys.

Calls run in the given pool; the next one is on its way before the rows of this one are given. The proof that pages are
in order, for keys of either kind, is `client.reading.paging.KeyOrder`.
"""

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from intacct_bridge.client.reading.paging import KeyOrder, NumberKeyOrder, TextKeyOrder
from intacct_bridge.streams.bookmark import EVERYTHING, KeySpan
from intacct_bridge.streams.partition import Partition, PartitionPage, ReadPage, distinct_values
from intacct_protocol.errors import RemoteProtocolError
from intacct_protocol.model.query.query import Compare, Op
from intacct_protocol.xml.values import Value

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class WalkPage:
    """Rows of one page, and the spans that are still unread once they are stored."""

    rows: "pa.RecordBatch"
    unread: tuple[KeySpan, ...]
    expected: int
    """How many rows are still to come, as far as the gateway's counts tell."""
    groups: tuple[Value, ...] = ()
    """The groups that begin in this page; their rows in the destination are replaced."""
    goes_on: bool = False
    """Further rows of its group follow in the next page."""


@dataclass(slots=True)
class _OpenSpan:
    """A span that is read from one end or from both."""

    low: str
    high: str
    left: int | None = None
    """How many rows are unread; None before the first answer."""
    guessed: bool = False
    """The rows have not been counted since the span was cut."""
    calls: "dict[bool, Future[tuple[KeySpan, PartitionPage]]]" = field(default_factory=dict)
    """The calls on their way, by direction: False upward, True downward."""
    closed: bool = False

    @property
    def unread(self) -> KeySpan:
        """The keys that are not read."""
        return KeySpan(self.low, self.high)

    def cancel(self) -> None:
        """Cancel the calls that have not been sent."""
        for call in self.calls.values():
            call.cancel()


def walk(read: ReadPage, partition: Partition, pool: Executor, width: int = 1) -> Iterator[WalkPage]:
    """The pages of a partition, with at most `width` calls on their way at once.

    RemoteProtocolError if the gateway's pages are not in order.
    """
    walker = _Walk(read, partition, pool, width)
    try:
        yield from walker.pages()
    finally:
        walker.cancel()


LONG = 16
"""A span of more pages than this is cut; every cut may cost a page that is not full."""

OVERLAPPING = 1.75
"""Two readers take up to this many pages with two calls, even if each leaves out the group that its page cuts. If
that group is large, they need a third call."""


class _Walk:
    def __init__(self, read: ReadPage, partition: Partition, pool: Executor, width: int) -> None:
        self.read = read
        self.partition = partition
        self.pool = pool
        self.as_text = partition.as_text
        self.width = 1 if self.as_text else max(1, width)
        self.page_size = partition.page_size
        self.spans = [_OpenSpan(span.low, span.high) for span in partition.unread]
        self.order = self.key_order()

    def pages(self) -> Iterator[WalkPage]:
        """Send calls, wait for one, take its rows, and send further calls before giving them."""
        self.send_calls()
        along, in_groups = self.partition.along, self.partition.in_groups
        while self.spans:
            span, downward = self.arrived()
            requested, answer = span.calls.pop(downward).result()
            keys = answer.rows.column(along).to_pylist()
            self.order.check(keys, answer.remaining, low=requested.low, high=requested.high, descending=downward)
            if self.is_large_group(span, answer, keys, downward=downward):
                yield from self.large_group(span, keys[0], downward=downward)
                self.send_calls()
                continue
            rows = self.take(span, requested, answer, keys, downward=downward)
            groups = tuple(distinct_values(keys[: rows.num_rows])) if in_groups else ()
            self.drop_closed()
            self.send_calls()
            yield self.page(rows, groups)

    def page(self, rows: "pa.RecordBatch", groups: tuple[Value, ...]) -> WalkPage:
        """Rows with the spans as they are now."""
        return WalkPage(rows, tuple(one.unread for one in self.spans), sum(one.left or 0 for one in self.spans), groups)

    def drop_closed(self) -> None:
        """Forget the spans that are read to the end, and cancel their calls."""
        for span in self.spans:
            if span.closed:
                span.cancel()
        self.spans = [span for span in self.spans if not span.closed]

    def cancel(self) -> None:
        """Give up the walk."""
        for span in self.spans:
            span.cancel()

    def arrived(self) -> tuple[_OpenSpan, bool]:
        """The span and the direction of a call that has been answered."""
        waiting = {call: (span, downward) for span in self.spans for downward, call in span.calls.items()}
        done = wait(waiting, return_when=FIRST_COMPLETED).done
        return next(waiting[call] for call in waiting if call in done)

    def send_calls(self) -> None:
        """Send as many calls as may run and are certain to be needed, in an order by which all spans end at about the
        same time, since the last page of each is asked for alone.
        """
        for span in self.spans:
            if self.free and not span.calls:
                self.send(span, downward=False)
        for span in sorted(self.spans, key=lambda one: one.left or 0, reverse=True):
            if self.free and len(span.calls) == 1 and self.takes_two(span):
                self.send(span, downward=False in span.calls)
        for span in list(self.spans):
            while self.free and self.cut(span):
                pass

    def takes_two(self, span: _OpenSpan) -> bool:
        """Whether two calls are always needed.

        Two pages that overlap end a span. Two that only touch do not, and need a third call; so nearly two pages of
        rows are asked for one page after the other.
        """
        left = span.left or 0
        return left > 2 * self.page_size or (self.page_size < left <= OVERLAPPING * self.page_size and not span.guessed)

    @property
    def free(self) -> bool:
        """Whether one more call may run."""
        return sum(len(span.calls) for span in self.spans) < self.width

    def send(self, span: _OpenSpan, *, downward: bool) -> None:
        """Ask for the page at one end of the span."""
        unread = span.unread
        query = self.partition.query(unread, descending=downward)
        span.calls[downward] = self.pool.submit(lambda: (unread, self.read(query)))

    def cut(self, span: _OpenSpan) -> bool:
        """Halve a long span whose both ends are known; a call from above goes with the upper half."""
        if not (span.low and span.high) or (span.left or 0) <= LONG * self.page_size or self.as_text:
            return False
        middle = (int(span.low) + int(span.high)) // 2
        if not int(span.low) < middle < int(span.high) - 1:
            return False
        left = (span.left or 0) // 2
        upper = _OpenSpan(str(middle), span.high, left, guessed=True)
        span.high, span.left, span.guessed = str(middle + 1), left, True
        if True in span.calls:
            upper.calls[True] = span.calls.pop(True)
        self.spans.insert(self.spans.index(span) + 1, upper)
        self.send(upper if not upper.calls else span, downward=False)
        return True

    def key_order(self) -> KeyOrder:
        """The proof that the pages are in order."""
        partition = self.partition
        if not self.as_text:
            return NumberKeyOrder(partition.stream.object, partition.along, repeats=partition.in_groups)
        return TextKeyOrder(
            partition.query(KeySpan()),
            keys_of=lambda query: self.read(query).rows.column(partition.along).to_pylist(),
            repeats=partition.in_groups,
            fix=f"leave {partition.stream.object} out, or report this with the gateway's answer archived",
        )

    def take(
        self, span: _OpenSpan, requested: KeySpan, answer: PartitionPage, keys: list[Value], *, downward: bool
    ) -> "pa.RecordBatch":
        """Move the end of the span past a page, and give its rows without those that the other reader has had."""
        keep = len(keys)
        if self.partition.in_groups and answer.remaining:
            keep = keys.index(keys[-1])  # the group that the page may have cut
            self.order.leave(len(keys) - keep)
        span.closed = not answer.remaining or self.passed(span, keys[-1], downward=downward)
        while keep and self.passed(span, keys[keep - 1], downward=downward):
            keep -= 1
        same = requested.low == span.low if downward else requested.high == span.high
        span.left = answer.remaining + len(keys) - keep if same else max(0, (span.left or 0) - keep)
        span.guessed = span.guessed and not same
        if keep and downward:
            span.high = str(keys[keep - 1])
        elif keep:
            span.low = str(keys[keep - 1])
        return answer.rows.slice(0, keep)

    @staticmethod
    def passed(span: _OpenSpan, key: Value, *, downward: bool) -> bool:
        """Whether the other reader of the span has read a key."""
        end = span.low if downward else span.high
        return bool(end) and (int(str(key)) <= int(end) if downward else int(str(key)) >= int(end))

    def is_large_group(self, span: _OpenSpan, answer: PartitionPage, keys: list[Value], *, downward: bool) -> bool:
        """Whether a page holds only one group, and perhaps not all of it."""
        alone = self.partition.in_groups and bool(answer.remaining) and keys[0] == keys[-1]
        return alone and not self.passed(span, keys[0], downward=downward)

    def large_group(self, span: _OpenSpan, group: Value, *, downward: bool) -> Iterator[WalkPage]:
        """A group larger than a page, read along its keys; the end of the span moves when the group is complete."""
        stream = self.partition.stream
        if self.partition.along == stream.key:
            raise RemoteProtocolError(f"more than {self.page_size:,} rows of {stream.object} share the key {group!r}")
        inside = replace(
            self.partition,
            along=stream.key,
            where=(*self.partition.where, Compare(self.partition.along, Op.EQUALTO, (group,))),
            unread=EVERYTHING,
            in_groups=bool(stream.group),
        )
        begins: tuple[Value, ...] = (group,)
        for page in walk(self.read, inside, self.pool):
            complete = not page.unread
            if complete and downward:
                span.high = str(group)
            elif complete:
                span.low = str(group)
            span.left = max(0, (span.left or 0) - page.rows.num_rows)
            yield replace(self.page(page.rows, begins), goes_on=not complete)
            begins = ()
