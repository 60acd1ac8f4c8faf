"""Pages of a query, and the proof that a walk along a key misses nothing.

There are two ways from one page to the next. *By offset* serves a caller's own order: every page is a new query, so
rows that are added or deleted between two calls shift others past the reader. *By key* each page asks for the rows
beyond the last key, so rows that are added or deleted elsewhere shift nothing. `by_key` here follows a user's query
upward, one page after another; `extract.key_walk` reads an extraction from both ends, several spans at a time and by
groups. Both build their filters with `beyond` and both have every page checked by a `KeyOrder`.

A walk by key is right only if the gateway sorts keys as it compares them. Numbers show that by rising. A key of text is
opaque: only the gateway knows its order (`10` before `9`, or after it). So no text key may come twice, and the number
of rows beyond the last key may only fall by the rows taken. If it falls otherwise, either the company was changed
between two calls, which is harmless, or sorting and comparing differ, which would lose rows. A few queries for known
keys tell the two apart.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice, pairwise
from operator import le
from typing import Generic, Protocol, TypeVar, cast

from intacct_protocol.errors import RemoteProtocolError
from intacct_protocol.model.query.query import MAX_IN, Compare, Filter, Op, Order, Query, all_of
from intacct_protocol.model.wording import counted
from intacct_protocol.xml.values import Value

T = TypeVar("T")
_GIVE_AN_ORDER = "Give an order: pages then go by offset."


@dataclass(frozen=True, slots=True)
class FetchedPage(Generic[T]):
    """A page in the form its caller wants, with what paging needs to know about it."""

    content: T
    count: int
    total: int
    """Rows that match the page's own query, those in the page among them."""
    remaining: int
    keys: tuple[str, ...] = ()
    """The walked key of every row, as text."""


Fetch = Callable[[Query], FetchedPage[T]]


def by_offset(query: Query, fetch: Fetch[T], *, limit: int | None = None) -> Iterator[T]:
    """Pages in the query's own order, from its own offset on; at most `limit` rows are requested."""
    count = 0
    while limit is None or count < limit:
        size = query.page_size if limit is None else min(query.page_size, limit - count)
        page = fetch(replace(query, page_size=size, offset=query.offset + count))
        yield page.content
        count += page.count
        if not page.remaining:
            return
        if not page.count:
            raise _nothing_came(query.object, page.remaining)


def by_key(query: Query, key: str, fetch: Fetch[T], *, opaque: bool = False, limit: int | None = None) -> Iterator[T]:
    """Pages along the key, from the lowest on; at most `limit` rows are requested.

    RemoteProtocolError if the order cannot be relied on, or if a text key's rows came or went meanwhile: a user's
    query spends no call to tell the two apart.
    """
    order: KeyOrder
    if opaque:
        order = TextKeyOrder(replace(query, order=(Order(key),)), fix=_GIVE_AN_ORDER)
    else:
        order = NumberKeyOrder(query.object, key, fix=_GIVE_AN_ORDER)
    last, count = "", 0
    while limit is None or count < limit:
        size = query.page_size if limit is None else min(query.page_size, limit - count)
        page = fetch(key_page(replace(query, page_size=size), key, low=last, opaque=opaque))
        keys: list[Value] = [one if opaque else _number(one) for one in page.keys]
        order.check(keys + [None] * (page.count - len(keys)), page.remaining, low=last)
        yield page.content
        if not page.remaining:
            return
        last, count = page.keys[-1], count + page.count


def key_page(query: Query, key: str, *, low: str = "", opaque: bool) -> Query:
    """The page of a walk along the key that begins beyond a key; without one, the first."""
    parts = (*(() if query.where is None else (query.where,)), *beyond(key, low=low, text=opaque))
    return replace(query, where=all_of(parts) if parts else None, order=(Order(key),), offset=0)


def beyond(key: str, *, low: str = "", high: str = "", text: bool) -> tuple[Filter, ...]:
    """The filters that keep a key strictly between two, of which an empty one is no bound; a number key is a number."""
    ends = ((Op.GREATERTHAN, low), (Op.LESSTHAN, high))
    return tuple(Compare(key, op, (end if text else int(end),)) for op, end in ends if end)


class KeyOrder(Protocol):
    """The check of a walk's pages, in the order in which they come. RemoteProtocolError if one is not in order."""

    def check(
        self, keys: Sequence[Value], remaining: int, *, low: str = "", high: str = "", descending: bool = False
    ) -> None:
        """One page: the key of each row, None if it has none; the rows beyond; the bounds and the direction."""

    def leave(self, rows: int) -> None:
        """The last rows of the page, all of one key, are left for the next page."""


class NumberKeyOrder:
    """Number keys rise from row to row, or fall, within the bounds; equal ones are neighbours if keys repeat."""

    def __init__(self, object_name: str, key: str, *, repeats: bool = False, fix: str = "") -> None:
        self._name = f"{object_name}.{key}"
        self._repeats = repeats
        self._fix = fix

    def check(
        self, keys: Sequence[Value], remaining: int, *, low: str = "", high: str = "", descending: bool = False
    ) -> None:
        """See `KeyOrder`."""
        numbers = cast("list[int]", list(keys))
        if not all(issubclass(kind, int) for kind in set(map(type, keys))):
            raise RemoteProtocolError(f"{self._name} is the key to read by, and a row came without a number in it")
        if remaining and not numbers:
            raise _nothing_came(self._name, remaining)
        rising = numbers[::-1] if descending else numbers
        unordered = f"the gateway's answer is not in the order of {self._name} that was requested"
        if not all(map(le, rising, islice(rising, 1, None))):
            raise RemoteProtocolError(unordered)
        if not self._repeats and len(set(rising)) != len(rising):
            twice = next(one for one, other in pairwise(rising) if one == other)
            raise RemoteProtocolError(f"{self._name} is not a key: {twice} came twice", fix=self._fix)
        if rising and ((low and rising[0] <= int(low)) or (high and rising[-1] >= int(high))):
            raise RemoteProtocolError(f"{unordered}: it holds keys outside the requested range")

    def leave(self, rows: int) -> None:
        """Nothing is remembered from page to page."""


class TextKeyOrder:
    """No text key comes twice, and the number of rows beyond the last one falls by the rows taken.

    `query` asks for all rows in the order of the key. With `keys_of`, which gives the keys of a query's first page, a
    number that does not fall is looked into: the keys around the last one must compare as they were sorted. Without it,
    such a number is an error. If keys `repeat`, equal ones must be neighbours.
    """

    def __init__(
        self,
        query: Query,
        *,
        keys_of: Callable[[Query], Sequence[Value]] | None = None,
        repeats: bool = False,
        fix: str = "",
    ) -> None:
        self._query = query
        self._key = query.order[0].field
        self._name = f"{query.object}.{self._key}"
        self._keys_of = keys_of
        self._repeats = repeats
        self._fix = fix
        self._hashes: set[int] = set()
        """Hashes of the keys that came: a key of any length takes the same memory."""
        self._left: int | None = None
        self._page: list[str] = []
        self._proven = False

    def check(
        self,
        keys: Sequence[Value],
        remaining: int,
        *,
        low: str = "",  # noqa: ARG002  # only the gateway can compare strings
        high: str = "",  # noqa: ARG002
        descending: bool = False,  # noqa: ARG002
    ) -> None:
        """See `KeyOrder`."""
        if any(key in (None, "") for key in keys):
            raise RemoteProtocolError(f"{self._name} is the key to read by, and a row came without it")
        if remaining and not keys:
            raise _nothing_came(self._name, remaining)
        if self._left is not None and len(keys) + remaining != self._left and not self._proven:
            self._prove(len(keys) + remaining, self._left)
        texts = [str(key) for key in ((one for one, _ in groupby(keys)) if self._repeats else keys)]
        for text in texts:
            if hash(text) in self._hashes:
                raise RemoteProtocolError(
                    f"{self._name} {text!r} came twice: the gateway sorts these keys in another order than it compares"
                    " them in",
                    fix=self._fix,
                )
            self._hashes.add(hash(text))
        self._left = remaining
        self._page = texts or self._page

    def leave(self, rows: int) -> None:
        """Forget the last key of the page: it comes again."""
        self._left = (self._left or 0) + rows
        self._hashes.discard(hash(self._page.pop()))

    def _prove(self, rows_beyond: int, expected: int) -> None:
        """Ask whether known keys on both sides of the last one compare in the order in which they came."""
        if self._keys_of is None:
            raise RemoteProtocolError(
                f"the gateway counts {counted(rows_beyond, 'row')} beyond the last {self._name} where {expected:,} were"
                " left: either rows came or went meanwhile, or it does not compare this key in the order in which it"
                " sorts it",
                fix=f"Read it again at a quieter time. {self._fix}".strip(),
            )
        highest = self._highest()
        behind = [index for index, key in enumerate(highest) if hash(key) in self._hashes]
        after = highest[behind[-1] + 1 :] if behind else highest
        before = self._page[-(MAX_IN - len(after)) :]
        higher = self._among(before + after, low=self._page[-1])
        missing = set(after) - higher
        if higher.intersection(before) or (missing and self._among(sorted(missing))):
            raise RemoteProtocolError(
                f"{self._name} is text, and the gateway sorts it in another order than it compares it in, so that"
                " reading on would miss rows",
                fix=self._fix,
            )
        self._proven = True

    def _among(self, keys: list[str], *, low: str = "") -> set[str]:
        """The keys that exist and that the gateway compares as higher than `low`."""
        query_filter = () if self._query.where is None else (self._query.where,)
        parts = (*query_filter, Compare(self._key, Op.IN, tuple(keys)), *beyond(self._key, low=low, text=True))
        return set(self._texts(replace(self._query, where=all_of(parts), page_size=MAX_IN)))

    def _highest(self) -> list[str]:
        """The highest keys, in the gateway's order."""
        falling = replace(self._query, order=(Order(self._key, True),), page_size=MAX_IN // 2)
        return list(dict.fromkeys(self._texts(falling)))[::-1]

    def _texts(self, query: Query) -> list[str]:
        assert self._keys_of is not None
        return [str(key) for key in self._keys_of(replace(query, select=(self._key,)))]


def _number(text: str) -> int | None:
    return int(text) if text.lstrip("-").isdecimal() else None


def _nothing_came(name: str, remaining: int) -> RemoteProtocolError:
    return RemoteProtocolError(f"{name}: the gateway gave no rows, though it counts {counted(remaining, 'more row')}")
