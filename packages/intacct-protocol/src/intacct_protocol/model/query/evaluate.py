"""Filters and sort orders over rows of text cells, in memory, as the gateway applies them.

A filter is compiled once into nested closures, its literals typed once; a cell is typed only when a comparison needs
it. Cells may be in the gateway's own text or in ISO. The semantics:

- a cell that is absent, None or empty is null; every comparison with null is false, `notequalto`, `notlike` and
  `notin` included; only `isnull` finds it;
- numbers compare as numbers, days and times as moments, booleans as booleans, other cells as text, character by
  character and case-sensitively unless the query says otherwise;
- a cell that cannot be read as its field's kind compares as false.

No source answers two questions, so we chose: nulls sort last in ascending and first in descending order; and a
text key such as SODOCUMENT.RECORDNO compares as text, unless `numeric_text` names it.
"""

import re
from collections.abc import Callable, Collection, Mapping
from functools import total_ordering
from operator import eq, ge, gt, le, lt, ne
from typing import Any, TypeVar, overload

from intacct_protocol.errors import InvalidRequestError, RecordError
from intacct_protocol.model.query.comparing import Key, cell_key, literal_key
from intacct_protocol.model.query.query import And, Compare, Filter, KindOf, Op, Or, Order
from intacct_protocol.xml.values import Value, parse_value

Row = TypeVar("Row")
Cell = Callable[[Row], str | None]
Cells = Callable[[str], Cell[Row]]
"""The getter of a field's text from a row, by the field's name: `lambda name: itemgetter(positions[name])` for tuples.
"""
TextRow = Mapping[str, str | None]
_Test = Callable[[Any], bool]

_COMPARISONS: dict[Op, Callable[[Any, Any], bool]] = {
    Op.EQUALTO: eq,
    Op.NOTEQUALTO: ne,
    Op.LESSTHAN: lt,
    Op.LESSTHANOREQUALTO: le,
    Op.GREATERTHAN: gt,
    Op.GREATERTHANOREQUALTO: ge,
}


def of_mapping(name: str) -> Cell[TextRow]:
    """The cells of rows that are mappings; a missing name is null."""
    return lambda row: row.get(name)


@overload
def predicate(
    node: Filter,
    kind_of: KindOf,
    *,
    case_insensitive: bool = False,
    numeric_text: Collection[str] = (),
) -> Callable[[TextRow], bool]: ...


@overload
def predicate(
    node: Filter,
    kind_of: KindOf,
    *,
    cells: Cells[Row],
    case_insensitive: bool = False,
    numeric_text: Collection[str] = (),
) -> Callable[[Row], bool]: ...


def predicate(
    node: Filter,
    kind_of: KindOf,
    *,
    cells: Cells[Any] = of_mapping,
    case_insensitive: bool = False,
    numeric_text: Collection[str] = (),
) -> Callable[[Any], bool]:
    """Compile a filter.

    Raises InvalidRequestError at once, not at the first row, for a literal that its field cannot hold.
    """
    compiler = _Compiler(kind_of, cells, case_insensitive=case_insensitive, numeric_text=numeric_text)
    return compiler.test(node)


class _Compiler:
    """Compiles the nodes of one filter."""

    def __init__(
        self,
        kind_of: KindOf,
        cells: Cells[Any],
        *,
        case_insensitive: bool,
        numeric_text: Collection[str],
    ) -> None:
        self._kind_of = kind_of
        self._cells = cells
        self._ignore_case = case_insensitive
        self._numeric_text = numeric_text

    def test(self, node: Filter) -> _Test:
        if isinstance(node, And | Or):
            tests = tuple(self.test(part) for part in node.parts)
            return _every(tests) if isinstance(node, And) else _any_of(tests)
        assert isinstance(node, Compare)
        cell = self._cells(node.field)
        if node.op is Op.ISNULL:
            return lambda row: not cell(row)
        if node.op is Op.ISNOTNULL:
            return lambda row: bool(cell(row))
        if node.op in (Op.LIKE, Op.NOTLIKE):
            return _like(cell, str(node.values[0]), ignore_case=self._ignore_case, matching=node.op is Op.LIKE)
        key = cell_key(
            self._kind_of(node.field),
            ignore_case=self._ignore_case,
            numeric=node.field in self._numeric_text,
        )
        return _compared(cell, key, node.op, tuple(self._literal(node.field, value) for value in node.values))

    def _literal(self, name: str, value: Value) -> Any:
        kind = self._kind_of(name)
        if value == "":
            return None
        try:
            typed = parse_value(kind, value) if isinstance(value, str) else value
            key = literal_key(kind, typed, ignore_case=self._ignore_case, numeric=name in self._numeric_text)
        except RecordError:
            key = None
        if key is None:
            raise InvalidRequestError(f"{name} is of kind {kind.name} and cannot be compared with {value!r}")
        return key


def _every(tests: tuple[_Test, ...]) -> _Test:
    if len(tests) == 2:
        first, second = tests
        return lambda row: first(row) and second(row)
    return lambda row: all(test(row) for test in tests)


def _any_of(tests: tuple[_Test, ...]) -> _Test:
    if len(tests) == 2:
        first, second = tests
        return lambda row: first(row) or second(row)
    return lambda row: any(test(row) for test in tests)


def _compared(cell: Cell[Any], key: Key | None, op: Op, literals: tuple[Any, ...]) -> _Test:
    """`key` gives a cell the form of the literals; None if the text itself is compared."""
    if op in (Op.IN, Op.NOTIN):
        return _in_list(cell, key, frozenset(literals) - {None}, inside=op is Op.IN)
    if None in literals:  # an empty literal is a null
        return lambda _row: False
    if op is Op.BETWEEN:
        return _between(cell, key or _itself, *literals)
    compare, (literal,) = _COMPARISONS[op], literals
    if key is None:
        if op is Op.EQUALTO:
            return lambda row: cell(row) == literal
        return lambda row: bool(text := cell(row)) and compare(text, literal)

    def test(row: Any) -> bool:
        text = cell(row)
        if not text:
            return False
        cell_value = key(text)
        return cell_value is not None and compare(cell_value, literal)

    return test


def _in_list(cell: Cell[Any], key: Key | None, listed: frozenset[Any], *, inside: bool) -> _Test:
    if key is None and inside:
        return lambda row: cell(row) in listed
    take = key or _itself

    def test(row: Any) -> bool:
        text = cell(row)
        if not text:
            return False
        cell_value = take(text)
        return cell_value is not None and (cell_value in listed) is inside

    return test


def _between(cell: Cell[Any], key: Key, low: Any, high: Any) -> _Test:
    def test(row: Any) -> bool:
        text = cell(row)
        if not text:
            return False
        cell_value = key(text)
        return cell_value is not None and bool(low <= cell_value <= high)

    return test


def _itself(text: str) -> str:
    return text


def _like(cell: Cell[Any], pattern: str, *, ignore_case: bool, matching: bool) -> _Test:
    """`%` is any run of characters, `_` any one character; any other character stands for itself."""
    parts = ("." if one == "_" else ".*" if one == "%" else re.escape(one) for one in pattern)
    match = re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if ignore_case else 0)).fullmatch

    def test(row: Any) -> bool:
        text = cell(row)
        return text is not None and text != "" and (match(text) is not None) is matching

    return test


def sort_key(
    order: tuple[Order, ...], kind_of: KindOf, *, numeric_text: Collection[str] = ()
) -> Callable[[TextRow], Any]:
    """A key for `sorted`; nulls come last in ascending and first in descending order. An unreadable cell is null."""
    keys = [
        _order_key(
            of_mapping(one.field),
            cell_key(kind_of(one.field), numeric=one.field in numeric_text) or _itself,
            descending=one.descending,
        )
        for one in order
    ]
    if len(keys) == 1:
        return keys[0]
    return lambda row: tuple(key(row) for key in keys)


def _order_key(cell: Cell[Any], key: Key, *, descending: bool) -> Callable[[Any], Any]:
    def ascending_key(row: Any) -> Any:
        text = cell(row)
        cell_value = key(text) if text else None
        return (1, 0) if cell_value is None else (0, cell_value)

    def descending_key(row: Any) -> Any:
        return _Reversed(ascending_key(row))

    return descending_key if descending else ascending_key


@total_ordering
class _Reversed:
    """A key that sorts in the opposite order."""

    __slots__ = ("key",)

    def __init__(self, key: Any) -> None:
        self.key = key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reversed) and bool(self.key == other.key)

    def __lt__(self, other: "_Reversed") -> bool:
        return bool(other.key < self.key)

    __hash__ = None  # type: ignore[assignment]  # keys are compared, never stored
