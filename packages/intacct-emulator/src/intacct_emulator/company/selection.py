"""The rows that a query matches, as row numbers in its order; pages are cut from that list.

A filter is split three ways. Conditions that only bound the record number, or the searchable integer that the query is
sorted by, are answered by bisection in a sorted list, so that a walk along it costs one scan in all and its
`totalcount` is exact. Conditions on searchable columns go to SQL (see `pushdown`). Conditions that SQL cannot decide
exactly go to the model's evaluator, over the rows that SQL lets through. Lists are cached by the query that made
them and brought up to date from the store's record of changed rows.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from intacct_emulator.company.company_data import CompanyData
from intacct_emulator.company.pushdown import condition
from intacct_emulator.company.relations import follower, resolve, resolve_all
from intacct_emulator.settings.cells import unpack
from intacct_emulator.store.store import StoreTable
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.query.evaluate import predicate, sort_key
from intacct_protocol.model.query.query import And, Compare, Filter, KindOf, Op, Order, all_of, comparisons
from intacct_protocol.xml.values import Kind

_RANGE = {Op.LESSTHAN, Op.LESSTHANOREQUALTO, Op.GREATERTHAN, Op.GREATERTHANOREQUALTO, Op.BETWEEN, Op.EQUALTO}
_TOO_MANY_CHANGES = 500
_NULL = 2**63
"""Stands for null in a list of integers, after all others: SQLite's integers are smaller."""
TextRow = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class RowQuery:
    """A query of one object: a typed filter, an order, and the owners whose records are shown."""

    described: ObjectDef
    where: Filter | None = None
    order: tuple[Order, ...] = ()
    case_insensitive: bool = False
    visible: tuple[str, ...] | None = None
    """The owners (`MEGAENTITYID`, empty for the top level) whose records match; None for all."""


def select(company: CompanyData, query: RowQuery) -> Sequence[int]:
    """The numbers of the matching rows, in the order of the query."""
    plan = company.table(query.described).plan
    if query.order and [order.field for order in query.order] != [plan.key]:
        if len(query.order) == 1 and _is_integer(company, query, query.order[0].field):
            return _ordered_by_integer(company, query, query.order[0])
        return _ordered(company, query, _sorted(company, query, query.where, by_key=False).numbers)
    by_key = plan.key_is_integer or bool(query.order)
    if not by_key:
        return _sorted(company, query, query.where, by_key=False).numbers
    bounds, rest = _split(query.where, plan.key)
    base = _sorted(company, query, rest, by_key=True)
    take = _unchanged if plan.key_is_integer else key_taker(company)
    first, last = _slice(base.keys, bounds, take)
    descending = bool(query.order) and query.order[0].descending
    return Window(base.numbers, last - 1, first - 1, -1) if descending else Window(base.numbers, first, last, 1)


def _is_integer(company: CompanyData, query: RowQuery, field: str) -> bool:
    """Whether a field is a searchable integer: a sorted list then answers its order and bounds as for a key."""
    columns = company.table(query.described).columns
    return field in columns and query.described.kind_of(field) is Kind.INTEGER


def _ordered_by_integer(company: CompanyData, query: RowQuery, order: Order) -> Sequence[int]:
    """The rows by an integer that several may share, and by row number among equals. No bound includes nulls."""
    bounds, rest = _split(query.where, order.field)
    base = _sorted(company, query, rest, by_key=False, by=order)
    first, last = _slice(base.keys, bounds, _unchanged)
    if bounds:
        last = max(first, min(last, bisect_left(base.keys, _NULL)))
    if not order.descending:
        return Window(base.numbers, first, last, 1)
    return Window(base.numbers, last - 1, first - 1, -1)


class Window(Sequence[int]):
    """A part of a sorted list, read from either end, without copying it."""

    def __init__(self, base: Sequence[int], start: int, stop: int, step: int) -> None:
        self._base, self._places = base, range(start, stop, step)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: Any) -> Any:
        if not isinstance(index, slice):
            return self._base[self._places[index]]
        places = self._places[index]
        if places.step == 1:
            return self._base[places.start : places.stop]
        return [self._base[place] for place in places]


def _split(where: Filter | None, key: str) -> tuple[list[Compare], Filter | None]:
    """The conditions that only bound the key, and the rest of the filter."""
    parts = where.parts if isinstance(where, And) else () if where is None else (where,)
    bounds = [part for part in parts if isinstance(part, Compare) and part.field == key and _is_bound(part)]
    rest = [part for part in parts if part not in bounds]
    return bounds, all_of(rest) if rest else None


def _is_bound(part: Compare) -> bool:
    """An empty literal is a null, which equals nothing: the evaluator decides such a condition."""
    return part.op in _RANGE and all(value != "" for value in part.values)


def _slice(keys: Sequence[Any], bounds: list[Compare], take: Callable[[Any], Any]) -> tuple[int, int]:
    first, last = 0, len(keys)
    for part in bounds:
        low, high = take(part.values[0]), take(part.values[-1])
        if part.op is Op.GREATERTHAN:
            first = max(first, bisect_right(keys, low))
        elif part.op in (Op.GREATERTHANOREQUALTO, Op.EQUALTO, Op.BETWEEN):
            first = max(first, bisect_left(keys, low))
        if part.op is Op.LESSTHAN:
            last = min(last, bisect_left(keys, high))
        elif part.op in (Op.LESSTHANOREQUALTO, Op.EQUALTO, Op.BETWEEN):
            last = min(last, bisect_right(keys, high))
    return first, max(first, last)


def _unchanged(value: Any) -> Any:
    return value


def _or_null(value: Any) -> Any:
    return _NULL if value is None else value


def key_taker(company: CompanyData) -> Callable[[Any], Any]:
    """A function from a text key to the value that the list is sorted by, as the settings say."""
    if not numeric_text(company):
        return str

    def key_of(text: Any) -> tuple[int, Decimal, str]:
        try:
            return 0, Decimal(text), ""
        except InvalidOperation:
            return 1, Decimal(0), text

    return key_of


# --- sorted lists


@dataclass(slots=True)
class _Sorted:
    version: int
    foreign: tuple[int, ...]
    keys: Any
    """The values that the list is sorted by; the numbers themselves if the key is the row number."""
    numbers: "array[int]"


def _sorted(
    company: CompanyData, query: RowQuery, where: Filter | None, *, by_key: bool, by: Order | None = None
) -> _Sorted:
    table = company.table(query.described)
    name = query.described.name
    as_text = by is not None or (by_key and not table.plan.key_is_integer)
    cache_key: Hashable = (name, where, query.case_insensitive, query.visible, as_text, by)
    version, foreign = company.store.version(name), _foreign_versions(company, query, where)
    cached: _Sorted | None = company.selections.recall(cache_key)
    if cached is not None and cached.foreign == foreign and _caught_up(company, query, where, cached, as_text=as_text):
        cached.version = version
        return cached
    keyed = _scan(company, query, where, as_text=as_text, field=by.field if by else "")
    if as_text:
        turn = -1 if by is not None and by.descending else 1
        pairs = sorted(keyed, key=lambda pair: (pair[0], turn * pair[1]))
        fresh = _Sorted(version, foreign, [key for key, _ in pairs], array("q", [number for _, number in pairs]))
    else:
        numbers = array("q", [number for _, number in keyed])
        fresh = _Sorted(version, foreign, numbers, numbers)
    company.selections.put(cache_key, fresh)
    return fresh


def _foreign_versions(company: CompanyData, query: RowQuery, where: Filter | None) -> tuple[int, ...]:
    """The versions of the other objects that dotted conditions reach."""
    dotted = [leaf.field for leaf in comparisons(where) if "." in leaf.field]
    paths = resolve_all(company, query.described, dotted).values() if dotted else ()
    names = [name for path in paths if path is not None for name in path.objects]
    return tuple(company.store.version(name) for name in dict.fromkeys(names))


def _caught_up(company: CompanyData, query: RowQuery, where: Filter | None, cached: _Sorted, *, as_text: bool) -> bool:
    """Bring the list up to date from the rows written since; False if a new scan costs less."""
    changed = company.store.changes_since(query.described.name, cached.version)
    if changed == []:
        return True
    if changed is None or as_text or len(changed) > _TOO_MANY_CHANGES:
        return False
    numbers = cached.numbers
    for number in set(changed):
        place = bisect_left(numbers, number)
        inside = place < len(numbers) and numbers[place] == number
        matches = any(True for _ in _scan(company, query, where, as_text=False, only=number))
        if inside and not matches:
            del numbers[place]
        elif matches and not inside:
            numbers.insert(place, number)
    return True


def _scan(
    company: CompanyData,
    query: RowQuery,
    where: Filter | None,
    *,
    as_text: bool,
    only: int | None = None,
    field: str = "",
) -> Iterator[tuple[Any, int]]:
    """Key and number of every row that the filter lets through, by number."""
    table = company.table(query.described)
    if not table.exists:
        return
    numeric = numeric_text(company)
    sql, values, exact = condition(table, where, query.described, fold=query.case_insensitive, numeric=numeric)
    if query.visible is not None and "MEGAENTITYID" in table.columns:
        marks = ", ".join("?" for _ in query.visible)
        sql += f" AND coalesce({table.columns['MEGAENTITYID']}, '') IN ({marks})"
        values = [*values, *query.visible]
    if only is not None:
        sql, values = f"{sql} AND id = ?", [*values, only]
    key = table.columns[field or table.plan.key] if as_text else "id"
    take: Callable[[Any], Any] = _or_null if field else key_taker(company) if as_text else _unchanged
    run = table.store.connection.execute
    if exact or where is None:
        for text, number in run(f"SELECT {key}, id FROM {table.sql_name} WHERE {sql} ORDER BY id", values):
            yield take(text), number
        return
    holds = predicate(
        where,
        kinds(company, query.described),
        case_insensitive=query.case_insensitive,
        numeric_text=numeric,
    )
    view = viewer(company, query.described, table, [leaf.field for leaf in comparisons(where)])
    rows = run(f"SELECT {key}, id, body FROM {table.sql_name} WHERE {sql} ORDER BY id", values)
    for text, number, body in rows:
        if holds(view(body)):
            yield take(text), number


def kinds(company: CompanyData, described: ObjectDef) -> KindOf:
    """The kind of any name that can be reached from the object."""

    def kind_of(name: str) -> Kind:
        path = resolve(company, described, name)
        return Kind.TEXT if path is None else path.field.kind

    return kind_of


def numeric_text(company: CompanyData) -> tuple[str, ...]:
    """The text fields that compare as numbers: none, or record numbers, as the settings say."""
    return ("RECORDNO",) if company.behaviour.text_keys == "number" else ()


def viewer(
    company: CompanyData, described: ObjectDef, table: StoreTable, names: Sequence[str]
) -> Callable[[bytes], TextRow]:
    """A function from packed cells to the named fields only, dotted ones followed."""
    paths = resolve_all(company, described, names)
    follow = {name: follower(company, path) for name, path in paths.items() if path is not None}

    def view(body: bytes) -> TextRow:
        row = unpack(body, table.fields)
        return {name: get(row) or None for name, get in follow.items()}

    return view


# --- any order


def _ordered(company: CompanyData, query: RowQuery, base: Sequence[int]) -> Sequence[int]:
    names = [order.field for order in query.order]
    paths = [path for path in resolve_all(company, query.described, names).values() if path is not None]
    targets = [query.described.name, *(name for path in paths for name in path.objects)]
    conditions = (query.where, query.order, query.case_insensitive, query.visible)
    cache_key = ("order", query.described.name, *conditions)
    state = tuple(company.store.version(name) for name in targets)
    cached = company.selections.recall(cache_key)
    if cached is not None and cached[0] == state:
        numbers: Sequence[int] = cached[1]
        return numbers
    table = company.table(query.described)
    view = viewer(company, query.described, table, names)
    keyed = sort_key(query.order, kinds(company, query.described), numeric_text=numeric_text(company))
    selected = set(base)
    rows = [(keyed(view(body)), number) for number, body in table.select("1") if number in selected]
    rows.sort(key=lambda pair: pair[0])
    numbers = array("q", [number for _, number in rows])
    company.selections.put(cache_key, (state, numbers))
    return numbers
