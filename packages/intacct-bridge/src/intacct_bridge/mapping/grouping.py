"""Which rows of an input are one record: the same for every layout, and for mappings."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TypeVar

_Row = TypeVar("_Row")
AGREE = "make the rows agree"
"""The fix where a row of a record contradicts the one that gives a value first."""


def contradiction(text: str, first: str) -> str:
    """What is wrong with such a row."""
    return f"{text!r} contradicts {first!r}"


def group_rows(
    rows: Iterable[_Row],
    by: Callable[[_Row], Hashable | None],
    continues: Callable[[_Row], bool],
    joins: Callable[[_Row, Sequence[_Row]], bool] = lambda _row, _above: False,
) -> Iterator[list[_Row]]:
    """The rows of each record, in the order of first rows; rows that are equal in `by` may be anywhere.

    A row that `continues` belongs to the record above it. So does a row that is the first of its `by`, if it `joins`
    the rows above. A row without a `by` (None) is otherwise the first of a record of its own.
    """
    groups: list[list[_Row]] = []
    by_identity: dict[Hashable, list[_Row]] = {}
    above: list[_Row] = []
    for row in rows:
        if not above or not continues(row):
            identity = by(row)
            group = by_identity.get(identity) if identity is not None else None
            if group is None and above and joins(row, above):
                group = above
            if group is None:
                group = []
                groups.append(group)
                if identity is not None:
                    by_identity[identity] = group
            above = group
        above.append(row)
    yield from groups
