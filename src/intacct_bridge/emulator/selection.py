"""Which rows a question means, as row numbers in the asked order; pages are cut from that.

A filter is split three ways. Conditions on the record number that only bound it are answered by bisection in a sorted
list, so that a walk along the key costs one scan in all and its `totalcount` is exact. Conditions on searchable
columns go to SQL. What SQL cannot decide exactly is decided by the model's evaluator over what SQL lets through.
Lists are remembered by what selected them and brought up to date from the store's notes of what was written.
"""

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from intacct_bridge.emulator.books import Books
from intacct_bridge.emulator.cells import Row, date_text, timestamp_text, unpack
from intacct_bridge.emulator.relations import follower, resolve
from intacct_bridge.emulator.store import SqlValue, Table, sql_value
from intacct_bridge.model.catalog import ObjectDef
from intacct_bridge.model.evaluate import predicate, sort_key
from intacct_bridge.model.query import And, Compare, Filter, KindOf, Op, Or, Order, all_of, comparisons
from intacct_bridge.wire.values import Kind, Value

_RANGE = {Op.LESSTHAN, Op.LESSTHANOREQUALTO, Op.GREATERTHAN, Op.GREATERTHANOREQUALTO, Op.BETWEEN, Op.EQUALTO}
_SQL = {
    Op.EQUALTO: "=",
    Op.LESSTHAN: "<",
    Op.LESSTHANOREQUALTO: "<=",
    Op.GREATERTHAN: ">",
    Op.GREATERTHANOREQUALTO: ">=",
}
_TOO_MANY_CHANGES = 500


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of one object: a typed filter, an order, and whose records may be seen."""

    described: ObjectDef
    where: Filter | None = None
    order: tuple[Order, ...] = ()
    case_insensitive: bool = False
    visible: tuple[str, ...] | None = None
    """The owners (`MEGAENTITYID`, empty for the top level) whose records count; None for all."""


def select(books: Books, question: Question) -> Sequence[int]:
    """The row numbers that answer the question, in its order."""
    table = books.table(question.described)
    key = table.plan.key
    by_key = not question.order or [order.field for order in question.order] == [key]
    if table.plan.key_is_integer and by_key:
        low, high, rest = _bounds(question.where, key)
        base = _sorted_numbers(books, question, rest)
        first = bisect_left(base, low) if low is not None else 0
        last = bisect_right(base, high) if high is not None else len(base)
        if question.order and question.order[0].descending:
            return Reversed(base, first, max(first, last))
        return base[first:last] if (first, last) != (0, len(base)) else base
    base = _sorted_numbers(books, question, question.where)
    return _ordered(books, question, base) if question.order else base


class Reversed(Sequence[int]):
    """A part of a sorted list, read from its end."""

    def __init__(self, base: Sequence[int], first: int, last: int) -> None:
        self._base, self._first, self._last = base, first, last

    def __len__(self) -> int:
        return self._last - self._first

    def __getitem__(self, index: int | slice) -> "int | list[int]":  # type: ignore[override]
        if isinstance(index, slice):
            return [self._base[self._last - 1 - place] for place in range(*index.indices(len(self)))]
        return self._base[self._last - 1 - range(len(self))[index]]


def _bounds(where: Filter | None, key: str) -> tuple[int | None, int | None, Filter | None]:
    """The lowest and highest record number that the filter lets through, and the rest of the filter."""
    parts = where.parts if isinstance(where, And) else () if where is None else (where,)
    low: int | None = None
    high: int | None = None
    rest: list[Filter] = []
    for part in parts:
        if not (isinstance(part, Compare) and part.field == key and part.op in _RANGE):
            rest.append(part)
            continue
        bottom, top = _range(part)
        low = bottom if low is None else low if bottom is None else max(low, bottom)
        high = top if high is None else high if top is None else min(high, top)
    return low, high, all_of(rest) if rest else None


def _range(part: Compare) -> tuple[int | None, int | None]:
    first, last = _whole(part.values[0], up=True), _whole(part.values[-1], up=False)
    if part.op is Op.GREATERTHANOREQUALTO:
        return first, None
    if part.op is Op.GREATERTHAN:
        return last + 1, None
    if part.op is Op.LESSTHANOREQUALTO:
        return None, last
    if part.op is Op.LESSTHAN:
        return None, first - 1
    return first, last


def _whole(value: Value, *, up: bool) -> int:
    """The nearest whole number not below (or not above) the literal, within what SQLite can hold."""
    assert isinstance(value, int | Decimal)
    whole = int(value.to_integral_value("ROUND_CEILING" if up else "ROUND_FLOOR")) if isinstance(value, Decimal) else value
    return max(-(2**62), min(2**62, whole))


# --- the sorted list behind it


def _sorted_numbers(books: Books, question: Question, rest: Filter | None) -> "array[int]":
    name = question.described.name
    memory: Hashable = (name, rest, question.case_insensitive, question.visible)
    version = books.store.version(name)
    foreign = _foreign_versions(books, question, rest)
    known = books.selections.recall(memory)
    if known is not None and known[1] == foreign:
        numbers: array[int] = known[2]
        if known[0] == version or _caught_up(books, question, rest, numbers=numbers, since=known[0]):
            books.selections.put(memory, (version, foreign, numbers))
            return numbers
    numbers = array("q", _scan(books, question, rest))
    books.selections.put(memory, (version, foreign, numbers))
    return numbers


def _foreign_versions(books: Books, question: Question, where: Filter | None) -> tuple[int, ...]:
    """The versions of the other objects that dotted conditions reach."""
    names: list[str] = []
    for leaf in comparisons(where):
        path = resolve(books, question.described, leaf.field)
        names += [target for _, target, _ in path.steps] if path else []
    return tuple(books.store.version(name) for name in dict.fromkeys(names))


def _caught_up(books: Books, question: Question, rest: Filter | None, *, numbers: "array[int]", since: int) -> bool:
    """Bring the list up to date by looking at the rows written since; False when there were too many."""
    changed = books.store.changes_since(question.described.name, since)
    if changed is None or len(changed) > _TOO_MANY_CHANGES:
        return False
    for number in set(changed):
        place = bisect_left(numbers, number)
        inside = place < len(numbers) and numbers[place] == number
        matches = any(True for _ in _scan(books, question, rest, only=number))
        if inside and not matches:
            del numbers[place]
        elif matches and not inside:
            insort(numbers, number)
    return True


def _scan(books: Books, question: Question, where: Filter | None, *, only: int | None = None) -> Sequence[int]:
    table = books.table(question.described)
    if not table.exists:
        return ()
    condition, values, exact = _sql(table, where, question)
    if question.visible is not None and "MEGAENTITYID" in table.columns:
        marks = ", ".join("?" for _ in question.visible)
        condition += f" AND coalesce({table.columns['MEGAENTITYID']}, '') IN ({marks})"
        values = [*values, *question.visible]
    if only is not None:
        condition, values = f"{condition} AND id = ?", [*values, only]
    if exact or where is None:
        rows = table.store.connection.execute(
            f"SELECT id FROM {table.sql_name} WHERE {condition} ORDER BY id", values
        )
        return [number for (number,) in rows]
    holds = predicate(
        where,
        kinds(books, question.described),
        case_insensitive=question.case_insensitive,
        numeric_text=numeric_text(books),
    )
    view = _view(books, question.described, table, [leaf.field for leaf in comparisons(where)])
    return [number for number, body in table.select(condition, values) if holds(view(body))]


def kinds(books: Books, described: ObjectDef) -> KindOf:
    """The kind of any name that can be reached from the object."""

    def kind_of(name: str) -> Kind:
        path = resolve(books, described, name)
        return Kind.TEXT if path is None else path.field.kind

    return kind_of


def numeric_text(books: Books) -> tuple[str, ...]:
    """The text fields that compare as numbers: none, or record numbers, as the settings say."""
    return ("RECORDNO",) if books.behaviour.text_keys == "number" else ()


def _view(
    books: Books, described: ObjectDef, table: Table, names: list[str]
) -> Callable[[bytes], dict[str, str | None]]:
    """A function from packed cells to just the named fields, dotted ones followed."""
    paths = {name: resolve(books, described, name) for name in dict.fromkeys(names)}
    follow = {name: follower(books, path) for name, path in paths.items() if path is not None}

    def view(body: bytes) -> dict[str, str | None]:
        row: Row = unpack(body, table.fields)
        return {name: get(row) or None for name, get in follow.items()}

    return view


# --- what SQL can decide


def _sql(table: Table, where: Filter | None, question: Question) -> tuple[str, list[SqlValue], bool]:
    """A SQL condition that lets through at least what the filter does, and whether it is exactly that."""
    if where is None:
        return "1", [], True
    if isinstance(where, And | Or):
        parts = [_sql(table, part, question) for part in where.parts]
        joined = (" AND " if isinstance(where, And) else " OR ").join(f"({part[0]})" for part in parts)
        return joined, [value for part in parts for value in part[1]], all(part[2] for part in parts)
    assert isinstance(where, Compare)
    return _sql_compare(table, where, question) or ("1", [], False)


def _sql_compare(table: Table, leaf: Compare, question: Question) -> tuple[str, list[SqlValue], bool] | None:
    if leaf.field == table.plan.key and table.plan.key_is_integer:
        column, kind = "id", Kind.INTEGER
    elif leaf.field in table.columns:
        column, kind = table.columns[leaf.field], question.described.kind_of(leaf.field)
    else:
        return None
    if leaf.op in (Op.ISNULL, Op.ISNOTNULL):
        return f"{column} {'IS NULL' if leaf.op is Op.ISNULL else 'IS NOT NULL'}", [], True
    plain = kind not in (Kind.INTEGER, Kind.DATE, Kind.TIMESTAMP)
    if plain and (question.case_insensitive or leaf.op not in (Op.EQUALTO, Op.IN)):
        return None
    values = [_sql_literal(kind, value) for value in leaf.values]
    if None in values:
        return None
    if leaf.op in _SQL:
        return f"{column} {_SQL[leaf.op]} ?", values, True
    if leaf.op is Op.BETWEEN:
        return f"{column} BETWEEN ? AND ?", values, True
    if leaf.op is Op.IN:
        return f"{column} IN ({', '.join('?' for _ in values)})", values, True
    return None


def _sql_literal(kind: Kind, value: Value) -> SqlValue:
    """The literal as the column holds it; None where SQL could misjudge it."""
    if kind is Kind.INTEGER:
        return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**62 else None
    if kind is Kind.TIMESTAMP:
        return sql_value(kind, timestamp_text(value)) if isinstance(value, datetime) else None
    if kind is Kind.DATE:
        is_day = isinstance(value, date) and not isinstance(value, datetime)
        return sql_value(kind, date_text(value)) if is_day else None
    return value if isinstance(value, str) else None


# --- other orders


def _ordered(books: Books, question: Question, base: Sequence[int]) -> Sequence[int]:
    name = question.described.name
    memory = ("order", name, question.where, question.order, question.case_insensitive, question.visible)
    names = [order.field for order in question.order]
    foreign = tuple(
        books.store.version(target)
        for field in names
        if (path := resolve(books, question.described, field)) is not None
        for _, target, _ in path.steps
    )
    state = (books.store.version(name), foreign)
    known = books.selections.recall(memory)
    if known is not None and known[0] == state:
        numbers: Sequence[int] = known[1]
        return numbers
    table = books.table(question.described)
    view = _view(books, question.described, table, names)
    keyed = sort_key(question.order, kinds(books, question.described), numeric_text=numeric_text(books))
    wanted = set(base)
    rows = [(keyed(view(body)), number) for number, body in table.select("1") if number in wanted]
    rows.sort(key=lambda pair: pair[0])
    numbers = array("q", [number for _, number in rows])
    books.selections.put(memory, (state, numbers))
    return numbers
