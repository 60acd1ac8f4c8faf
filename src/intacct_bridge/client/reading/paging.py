"""One page after another: along the key wherever that can be done, by offset only where the caller's order asks for it.

By key, each page asks for what lies beyond the last key, so that rows which come and go elsewhere shift nothing; the
walk ends when the gateway says that nothing remains. An integer key must rise from row to row. A key of text is
opaque: its order is the gateway's secret, so no key may come twice, and the number of matches must fall by exactly
the rows taken. By offset, every page is a fresh question: rows that appear or vanish meanwhile can shift others past
the reader.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Generic, TypeVar

from intacct_bridge.errors import RemoteProtocolError
from intacct_bridge.model.query.query import Compare, Op, Order, Query, all_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Leaf(Generic[T]):
    """A page in whatever form its caller wants it, with what walking needs to know about it."""

    content: T
    count: int
    total: int
    """Rows that match the page's own question, those in the page among them."""
    remaining: int
    keys: tuple[str, ...] = ()
    """The walked key of every row, as text."""


Fetch = Callable[[Query], Leaf[T]]


def by_offset(query: Query, fetch: Fetch[T], *, limit: int | None = None) -> Iterator[T]:
    """Pages in the query's own order, from its own offset on; no more than `limit` rows are asked for."""
    taken = 0
    while limit is None or taken < limit:
        size = query.page_size if limit is None else min(query.page_size, limit - taken)
        leaf = fetch(replace(query, page_size=size, offset=query.offset + taken))
        yield leaf.content
        taken += leaf.count
        if not leaf.remaining:
            return
        if not leaf.count:
            raise RemoteProtocolError(
                f"{query.object}: the gateway says that {leaf.remaining:,} rows remain, and gave none"
            )


def by_key(query: Query, key: str, fetch: Fetch[T], *, opaque: bool = False, limit: int | None = None) -> Iterator[T]:
    """Pages along the key, from the lowest on; no more than `limit` rows are asked for."""
    check = _Opaque(query.object, key) if opaque else _Rising(query.object, key)
    last, taken = "", 0
    while limit is None or taken < limit:
        size = query.page_size if limit is None else min(query.page_size, limit - taken)
        beyond = (Compare(key, Op.GREATERTHAN, (last if opaque else int(last),)),) if last else ()
        parts = (*(() if query.where is None else (query.where,)), *beyond)
        where = all_of(parts) if parts else None
        leaf = fetch(replace(query, where=where, order=(Order(key),), page_size=size, offset=0))
        check.page(leaf)
        yield leaf.content
        if not leaf.remaining:
            return
        if not leaf.keys:
            raise RemoteProtocolError(
                f"{query.object}: the gateway says that {leaf.remaining:,} rows remain, and gave none"
            )
        last, taken = leaf.keys[-1], taken + leaf.count


class _Rising:
    """The check of an integer key."""

    def __init__(self, object_name: str, key: str) -> None:
        self._name = f"{object_name}.{key}"
        self._last: int | None = None

    def page(self, leaf: Leaf[T]) -> None:
        if len(leaf.keys) != leaf.count or not all(key.lstrip("-").isdecimal() for key in leaf.keys):
            raise RemoteProtocolError(f"{self._name} is the key to read by, and a row came without a number in it")
        numbers = [int(key) for key in leaf.keys]
        before = [] if self._last is None else [self._last]
        for one, other in pairwise([*before, *numbers]):
            if one == other:
                raise RemoteProtocolError(
                    f"{self._name} is not a key: {one} came twice", fix="Give an order, so that pages go by offset."
                )
            if one > other:
                raise RemoteProtocolError(
                    f"the gateway's answer is not in the order of {self._name} that was asked for"
                )
        self._last = numbers[-1] if numbers else self._last


class _Opaque:
    """The check of a text key."""

    def __init__(self, object_name: str, key: str) -> None:
        self._name = f"{object_name}.{key}"
        self._seen: set[str] = set()
        self._expected: int | None = None

    def page(self, leaf: Leaf[T]) -> None:
        if len(leaf.keys) != leaf.count or not all(leaf.keys):
            raise RemoteProtocolError(f"{self._name} is the key to read by, and a row came without it")
        fresh = set(leaf.keys)
        if len(fresh) != leaf.count or fresh & self._seen:
            raise RemoteProtocolError(f"{self._name} came twice while reading along it; its order cannot be relied on")
        if self._expected is not None and leaf.total != self._expected:
            raise RemoteProtocolError(
                f"{leaf.total:,} rows lie beyond the last {self._name} where {self._expected:,} were left: either rows"
                " came or went meanwhile, or the gateway does not compare this key in the order in which it sorts it",
                fix="Read it again at a quieter time; if that does not help, give an order: pages then go by offset.",
            )
        self._seen |= fresh
        self._expected = leaf.total - leaf.count
