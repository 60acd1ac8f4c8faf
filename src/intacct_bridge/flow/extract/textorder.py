"""Keeps an eye on a walk along text keys, whose order only the gateway knows.

A page asks for the keys beyond the last one and wants them sorted; both are right only if the gateway compares and
sorts texts alike (`10` before `9`, or after it, but the same in both). So no key may come twice, and the count of
what is left may only fall by the rows taken. Where it does not, either somebody edited the company between two calls,
which is harmless, or comparing and sorting disagree, which would lose rows. A few questions about known keys tell the
two apart; if they disagree the walk ends with an error rather than with a hole.
"""

from dataclasses import replace
from itertools import groupby

from intacct_bridge.errors import RemoteProtocolError
from intacct_bridge.flow.streams.bookmark import Span
from intacct_bridge.flow.streams.partition import Ask, Partition
from intacct_bridge.model.query.query import MAX_IN, Compare, Op
from intacct_bridge.wire.values import Value


class TextOrder:
    """What a walk along text keys has seen so far."""

    def __init__(self, partition: Partition, ask: Ask) -> None:
        self._partition = replace(partition, select=(partition.along,))
        self._ask = ask
        self._seen: set[int] = set()  # hashes: a key of any length costs the same
        self._left: int | None = None
        self._page: list[str] = []
        self._proven = False

    def check(self, keys: list[Value], remaining: int) -> None:
        """One page as it came; RemoteProtocolError where the order cannot be relied on."""
        texts = [str(key) for key, _ in groupby(keys)]
        if None in keys:
            raise RemoteProtocolError(f"a row of {self._name} came without the key to read by")
        if remaining and not keys:
            raise RemoteProtocolError(f"the gateway says that {remaining:,} rows of {self._name} remain, and gave none")
        if self._left is not None and len(keys) + remaining != self._left and not self._proven:
            self._prove()
        for text in texts:
            mark = hash(text)
            if mark in self._seen:
                raise RemoteProtocolError(
                    f"the gateway gave {self._name} {text!r} twice: it sorts these keys in another order than it "
                    "compares them in"
                )
            self._seen.add(mark)
        self._left = remaining
        self._page = texts or self._page

    def leave(self, rows: int) -> None:
        """The last group of the page is left for the next one."""
        self._left = (self._left or 0) + rows
        self._seen.discard(hash(self._page.pop()))

    @property
    def _name(self) -> str:
        return f"{self._partition.stream.object}.{self._partition.along}"

    def _prove(self) -> None:
        """Ask about known keys whether comparing follows the order they came in, on both sides of the last one."""
        highest = self._highest()
        behind = [index for index, key in enumerate(highest) if hash(key) in self._seen]
        after = highest[behind[-1] + 1 :] if behind else highest
        before = self._page[-(MAX_IN - len(after)) :]
        beyond = self._keys(Span(low=self._page[-1]), before + after)
        missing = set(after) - beyond
        if beyond.intersection(before) or (missing and self._keys(Span(), sorted(missing))):
            raise self._disagree()
        self._proven = True

    def _keys(self, span: Span, among: list[str]) -> set[str]:
        """Those of some keys that are there, and lie in a span as the gateway compares."""
        chosen = (*self._partition.where, Compare(self._partition.along, Op.IN, tuple(among)))
        rows = self._ask(replace(self._partition, where=chosen, page_size=MAX_IN).query(span)).rows
        return set(rows.column(self._partition.along).to_pylist())

    def _highest(self) -> list[str]:
        """The last keys of all, in the gateway's order."""
        rows = self._ask(replace(self._partition, page_size=MAX_IN // 2).query(Span(), descending=True)).rows
        return [str(key) for key in dict.fromkeys(rows.column(self._partition.along).to_pylist())][::-1]

    def _disagree(self) -> RemoteProtocolError:
        return RemoteProtocolError(
            f"{self._name} is text, and the gateway sorts it in another order than it compares it in, so that reading "
            "on would miss rows",
            fix=f"leave {self._partition.stream.object} out, or report this with the gateway's answer archived",
        )
