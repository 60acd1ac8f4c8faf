"""The query service: fields, filters, order, aggregates and pages, over the records of either interface.

Both kinds of record become rows of text, and a filter becomes a filter of the XML interface with typed values, so that
both select by the same rules: a comparison with null is false, and so is its negation. Rows are flat with dotted names.
Without an order they come in the order of their keys, which no source settles; `rest_order` changes it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from intacct_emulator.company.relations import Path, resolve_all
from intacct_emulator.company.render import fetch
from intacct_emulator.company.selection import RowQuery, kinds, select, viewer
from intacct_emulator.ledger.computed_objects import refresh
from intacct_emulator.reading.aggregate import aggregated
from intacct_emulator.reading.query_request import described_for, literal, visible
from intacct_emulator.rest.catalogue import ObjectPair, RestField, RestObject, catalogue, pairs
from intacct_emulator.rest.filters import Condition, Tree, conditions_of, filter_tree
from intacct_emulator.rest.messages import RestAnswer, RestRefusedError, invalid_request, not_found, page_meta
from intacct_emulator.rest.paired import rows_json
from intacct_emulator.rest.records import Columns, RestColumn
from intacct_emulator.rest.stored import StoredRecords
from intacct_emulator.rest.values import UnfitValueError, check_value, empty, from_cell, to_cell, words_of
from intacct_emulator.rest.work import RestWork, rule_refusal
from intacct_emulator.settings.refusals import FunctionRefusedError
from intacct_protocol.errors import RecordError
from intacct_protocol.model.query.evaluate import predicate, sort_key
from intacct_protocol.model.query.query import (
    Aggregate,
    Compare,
    Filter,
    Op,
    Order,
    Selected,
    all_of,
    any_of,
)
from intacct_protocol.xml.values import DEFAULT, Kind, Value, parse_value
from intacct_protocol.xml.xml import Element

MOST_ROWS = 4000
USUAL_ROWS = 100
_FUNCTIONS = ("sum", "avg", "min", "max", "count")
_COUNT_ONLY = ("boolean", "array")
_COMPARED = {
    "$eq": Op.EQUALTO,
    "$ne": Op.NOTEQUALTO,
    "$lt": Op.LESSTHAN,
    "$lte": Op.LESSTHANOREQUALTO,
    "$gt": Op.GREATERTHAN,
    "$gte": Op.GREATERTHANOREQUALTO,
}
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class RestQuery:
    """One query as it was sent, its names not yet resolved."""

    object: str
    fields: tuple[str, ...]
    tree: Tree | None
    order: tuple[tuple[str, bool], ...]
    """Names, each with whether it is descending."""
    start: int
    size: int
    parameters: Mapping[str, Any]


def query(work: RestWork, sent: Any, columns_of_pairs: Columns) -> RestAnswer:
    """Answer one query, or an array of queries with one result set each. Raises RestRefusedError."""
    if isinstance(sent, list):
        answers = [_answered(work, _read(one), columns_of_pairs) for one in sent]
        return RestAnswer(200, [{"ia::result": rows, "ia::meta": meta} for rows, meta in answers])
    rows, meta = _answered(work, _read(sent), columns_of_pairs)
    return RestAnswer(200, {"ia::result": rows, "ia::meta": meta})


def _read(sent: Any) -> RestQuery:
    """The parts of a query. Raises RestRefusedError."""
    if not isinstance(sent, Mapping):
        raise invalid_request("The body is not a query", error_id="REST-1028")
    fields, order = sent.get("fields"), sent.get("orderBy") or []
    if not isinstance(fields, list) or not fields or not all(isinstance(name, str) for name in fields):
        raise invalid_request("fields is a list of names", target="/fields")
    start, size = sent.get("start") or 1, sent.get("size") or USUAL_ROWS
    if not _is_count(start) or not _is_count(size) or size > MOST_ROWS:
        raise invalid_request(f"start is from 1, and size from 1 to {MOST_ROWS}", target="/size")
    if not isinstance(order, list) or not all(isinstance(one, Mapping) and len(one) == 1 for one in order):
        raise invalid_request("orderBy is a list of names with asc or desc", target="/orderBy")
    named = []
    for ordered in order:
        [(name, way)] = ordered.items()
        if str(way).lower() not in ("asc", "desc"):
            raise invalid_request(f"The order of {name} is asc or desc, not {way!r}", target="/orderBy")
        named.append((str(name), str(way).lower() == "desc"))
    tree = filter_tree(sent.get("filters"), sent.get("filterExpression"))
    parameters = sent.get("filterParameters") or {}
    return RestQuery(
        str(sent.get("object", "")), tuple(dict.fromkeys(fields)), tree, tuple(named), start, size, parameters
    )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _answered(work: RestWork, sent: RestQuery, columns_of_pairs: Columns) -> tuple[Any, dict[str, Any]]:
    rest = catalogue().find(sent.object)
    if rest is None:
        raise not_found(f"The object {sent.object}")
    pair = pairs().get(rest.name)
    source = _StoredRows(work, rest) if pair is None else _PairedRows(work, pair, columns_of_pairs, sent)
    return source.answer(sent)


def _parted(name: str) -> tuple[str, str]:
    """The function and the field of a selected name: `sum:totalTxnAmount`."""
    function, mark, rest = name.partition(":")
    return (function, rest) if mark and function in _FUNCTIONS else ("", name)


def not_queryable(name: str, rest: RestObject) -> RestRefusedError:
    """A field that the object does not have, or that no query can use; one in each answer."""
    return RestRefusedError(
        400,
        "invalidRequest",
        f"The field {name} in the object {rest.name} cannot be used in a query",
        error_id="REST-1106",
        message_id="IA.THE_FIELD_IN_OBJECT_CANNOT_BE_USED_IN_QUERY",
        placeholders={"FIELD": name, "OBJECT": rest.name, "VERSION": "1"},
    )


class _Typed:
    """Conditions as comparisons with typed values."""

    def __init__(self, work: RestWork, value_of: Callable[[Condition, Any], Sequence[Value]], name: str) -> None:
        self._work, self._value_of, self._name = work, value_of, name

    def filter(self, condition: Condition, *, null_is_false: bool) -> Filter:
        """The comparison of one condition. Raises RestRefusedError."""
        operator, name, values = condition.operator, self._name, condition.values
        if operator in ("$eq", "$ne") and values[0] is None:
            return Compare(name, Op.ISNULL if operator == "$eq" else Op.ISNOTNULL)
        if operator in ("$contains", "$startsWith", "$endsWith", "$notContains", "$notStartsWith", "$notEndsWith"):
            plain = operator.removeprefix("$not").removeprefix("$").lower()
            text = str(values[0])
            pattern = {"contains": f"%{text}%", "startswith": f"{text}%", "endswith": f"%{text}"}[plain]
            return Compare(name, Op.NOTLIKE if operator.startswith("$not") else Op.LIKE, (pattern,))
        typed = [tuple(self._value_of(condition, value)) for value in values]
        if operator in ("$between", "$notBetween"):
            low, high = typed[0][0], typed[1][0]
            if operator == "$between":
                return all_of(
                    (Compare(name, Op.GREATERTHANOREQUALTO, (low,)), Compare(name, Op.LESSTHANOREQUALTO, (high,)))
                )
            return any_of((Compare(name, Op.LESSTHAN, (low,)), Compare(name, Op.GREATERTHAN, (high,))))
        inside = operator in ("$eq", "$in", "$has")
        if inside or operator in ("$ne", "$notIn"):
            listed = tuple(dict.fromkeys(one for several in typed for one in several))
            compared = self._listed(listed, inside=inside)
            if null_is_false and inside and False in values:
                return any_of((compared, Compare(name, Op.ISNULL)))
            if null_is_false and not inside and True in values:
                return any_of((compared, Compare(name, Op.ISNULL)))
            return compared
        return Compare(name, _COMPARED[operator], (typed[0][0],))

    def _listed(self, values: tuple[Value, ...], *, inside: bool) -> Filter:
        if len(values) == 1:
            return Compare(self._name, Op.EQUALTO if inside else Op.NOTEQUALTO, values)
        return Compare(self._name, Op.IN if inside else Op.NOTIN, values)


def _filter(tree: Tree, leaf: Callable[[Condition], Filter]) -> Filter:
    if isinstance(tree, Condition):
        return leaf(tree)
    parts = [_filter(part, leaf) for part in tree.parts]
    return all_of(parts) if tree.word == "and" else any_of(parts)


# --- records that both interfaces have


class _PairedRows:
    """The rows of a pair."""

    def __init__(self, work: RestWork, pair: ObjectPair, columns_of_pairs: Columns, sent: RestQuery) -> None:
        self._work, self._pair, self._columns = work, pair, columns_of_pairs
        call = work.call(Element("query"))
        try:
            self._described = described_for(call, "QUERY", pair.xml)
        except FunctionRefusedError as error:
            raise rule_refusal(error.faults) from None
        private = bool(sent.parameters.get("includePrivate")) or bool(work.session.entity)
        self._visible = visible(call, self._described, show_private=private)

    def answer(self, sent: RestQuery) -> tuple[Any, dict[str, Any]]:
        """The rows of a page, and its meta data."""
        parted = [_parted(name) for name in sent.fields]
        picked = [self._column(name) for _, name in parted]
        ordered = [self._column(name, sorts=True) for name, _ in sent.order]
        filtered = {one.field: self._column(one.field, sorts=True) for one in conditions_of(sent.tree)}
        columns = {column.xml for column in (*picked, *ordered, *filtered.values()) if column.xml}
        self._paths = resolve_all(self._work.company, self._described, columns)
        where = None if sent.tree is None else _filter(sent.tree, lambda one: self._compared(one, filtered[one.field]))
        order = [
            Order(self._path(column).name, descending=down)
            for column, (_, down) in zip(ordered, sent.order, strict=True)
            if column.xml
        ]
        if not order and self._work.behaviour.rest_order == "key":
            order = [Order(self._described.get(self._pair.fields["key"]).name)]  # type: ignore[union-attr]  # every pair has a key
        refresh(self._work.company, self._described.name, where)
        insensitive = sent.parameters.get("caseSensitiveComparison") is False
        rows = RowQuery(self._described, where, tuple(order), insensitive, self._visible)
        numbers = select(self._work.company, rows)
        if any(function for function, _ in parted):
            return self._aggregated(sent, parted, picked, numbers)
        page = numbers[sent.start - 1 : sent.start - 1 + sent.size]
        page_rows = rows_json(self._work, self._pair, picked, sent.fields, list(page))
        return page_rows, page_meta(len(numbers), sent.start, sent.size)

    def _column(self, name: str, *, sorts: bool = False) -> RestColumn:
        column = self._columns.column(self._pair, name)
        if column is None or column.definition.deprecated or (sorts and not column.searchable):
            raise not_queryable(name, self._pair.rest)
        return column

    def _path(self, column: RestColumn) -> Path:
        path = self._paths[column.xml]
        if path is None:
            raise not_queryable(column.name, self._pair.rest)
        return path

    def _compared(self, condition: Condition, column: RestColumn) -> Filter:
        path = self._path(column)
        definition, words = column.definition, words_of(self._pair.xml, column.xml, self._work.behaviour)

        def typed(_condition: Condition, value: Any) -> Sequence[Value]:
            text = _sent_text(self._work, definition, value, condition.field)
            try:
                cell = to_cell(definition, text, path.field, words)
                return [literal(path, one, DEFAULT) for one in _spellings(cell, definition, path, words)]
            except UnfitValueError as error:
                raise invalid_request(f"{condition.field}: {error}", target="/filters") from None
            except FunctionRefusedError as error:
                raise invalid_request(error.faults[0].text, target="/filters") from None

        null_is_false = definition.type == "boolean" and column.blank is False
        return _Typed(self._work, typed, path.name).filter(condition, null_is_false=null_is_false)

    def _aggregated(
        self, sent: RestQuery, parted: list[tuple[str, str]], picked: list[RestColumn], numbers: Sequence[int]
    ) -> tuple[Any, dict[str, Any]]:
        company, table = self._work.company, self._work.company.table(self._described)
        chosen = [self._path(column) for column in picked if column.searchable]
        closed = next((column.name for column in picked if not column.searchable), "")
        if closed:
            raise not_queryable(closed, self._pair.rest)
        view = viewer(company, self._described, table, [path.name for path in chosen])
        rows = [view(body) for body in fetch(table, list(numbers))]
        selected = _selected(parted, picked, [path.name for path in chosen], self._pair.rest)
        lines = aggregated(rows, selected, kinds(company, self._described))
        return _groups(sent, parted, picked, lines)


def _selected(
    parted: list[tuple[str, str]], picked: list[RestColumn], names: list[str], rest: RestObject
) -> tuple[Selected, ...]:
    selected: list[Selected] = []
    for (function, name), column, path in zip(parted, picked, names, strict=True):
        definition = column.definition
        if function not in ("", "count") and (definition.type in _COUNT_ONLY or definition.enum):
            raise invalid_request(f"{function} cannot be used with {name} of {rest.name}", target="/fields")
        selected.append(Aggregate(function, path) if function else path)
    return tuple(selected)


def _groups(
    sent: RestQuery,
    parted: list[tuple[str, str]],
    picked: list[RestColumn],
    lines: Sequence[Sequence[str | None]],
) -> tuple[Any, dict[str, Any]]:
    """A page of groups; an amount that was added up is text as any other, and a count is a number."""
    page = lines[sent.start - 1 : sent.start - 1 + sent.size]
    rows = [
        {
            name: (int(text or 0) if function == "count" else column.of(text or ""))
            for name, (function, _), column, text in zip(sent.fields, parted, picked, line, strict=True)
        }
        for line in page
    ]
    return rows, page_meta(len(lines), sent.start, sent.size)


def _spellings(cell: str, definition: RestField, path: Path, words: Mapping[str, str]) -> list[str]:
    """The texts that a word of an enumeration may have in the rows: `Partially Paid` for `partiallyPaid`."""
    if not definition.enum or words or path.field.values or definition.type != "string":
        return [cell]
    apart = _CAMEL.sub(" ", cell)
    return list(dict.fromkeys((cell, apart.title(), apart.lower(), apart.capitalize(), cell.lower(), cell.upper())))


def _sent_text(work: RestWork, definition: RestField, value: Any, name: str) -> Any:
    """A value of a filter; a number or a boolean may stand in quotes, and a day by its name, such as `today`."""
    if definition.type == "boolean" and isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if definition.format in ("date", "date-time") and isinstance(value, str):
        day = named_day(value, datetime.fromtimestamp(work.now, UTC).date())
        text = value if day is None else day.isoformat()
        if definition.format == "date-time" and len(text) == len("2026-11-30"):
            return f"{text}T00:00:00Z"
        return text
    if definition.type == "string" and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list | dict):
        raise invalid_request(f"{name}: a filter compares with one value", target="/filters")
    return value


def named_day(text: str, today: date) -> date | None:
    """The first day of a relative date such as `currentMonth`; None for any other text."""
    monday = today - timedelta(days=today.weekday())
    quarter = date(today.year, 3 * ((today.month - 1) // 3) + 1, 1)
    month = today.replace(day=1)
    return {
        "today": today,
        "yesterday": today - timedelta(days=1),
        "tomorrow": today + timedelta(days=1),
        "currentWeek": monday,
        "lastWeek": monday - timedelta(days=7),
        "priorWeek": monday - timedelta(days=7),
        "currentMonth": month,
        "priorMonth": (month - timedelta(days=1)).replace(day=1),
        "currentQuarter": quarter,
        "priorQuarter": _months_before(quarter, 3),
        "currentYear": date(today.year, 1, 1),
        "priorYear": date(today.year - 1, 1, 1),
    }.get(text)


def _months_before(day: date, months: int) -> date:
    month = day.year * 12 + day.month - 1 - months
    return date(month // 12, month % 12 + 1, 1)


# --- records that only the REST interface has

_KINDS = {"boolean": Kind.BOOLEAN, "number": Kind.DECIMAL}


class _StoredRows:
    """The rows of an object that only the REST interface has."""

    def __init__(self, work: RestWork, rest: RestObject) -> None:
        self._work, self._rest = work, rest
        self._records = StoredRecords(work, rest)

    def answer(self, sent: RestQuery) -> tuple[Any, dict[str, Any]]:
        """The rows of a page, and its meta data."""
        parted = [_parted(name) for name in sent.fields]
        for name in (*(name for _, name in parted), *(name for name, _ in sent.order)):
            self._definition(name)
        for condition in conditions_of(sent.tree):
            self._definition(condition.field)
        rows = [self._records.values(record) for record in self._records.all()]
        texts = [{name: self._text(name, value) for name, value in row.items()} for row in rows]
        chosen = range(len(rows))
        insensitive = sent.parameters.get("caseSensitiveComparison") is False
        if sent.tree is not None:
            test = predicate(_filter(sent.tree, self._compared), self._kind, case_insensitive=insensitive)
            chosen = [at for at in chosen if test(texts[at])]  # type: ignore[assignment]  # places of rows either way
        if sent.order:
            keyed = sort_key(tuple(Order(name, descending=down) for name, down in sent.order), self._kind)
            chosen = sorted(chosen, key=lambda at: keyed(texts[at]))  # type: ignore[assignment]  # as above
        if any(function for function, _ in parted):
            picked = [self._column(name) for _, name in parted]
            selected = _selected(parted, picked, [name for _, name in parted], self._rest)
            return _groups(sent, parted, picked, aggregated((texts[at] for at in chosen), selected, self._kind))
        page = list(chosen)[sent.start - 1 : sent.start - 1 + sent.size]
        page_rows = [{name: rows[at].get(name) for name in sent.fields} for at in page]
        return page_rows, page_meta(len(chosen), sent.start, sent.size)

    def _definition(self, name: str) -> RestField:
        definition = self._rest.fields.get(name)
        if definition is None or not definition.is_value or definition.deprecated:
            raise not_queryable(name, self._rest)
        return definition

    def _column(self, name: str) -> RestColumn:
        definition = self._definition(name)
        return RestColumn(name, name, definition, from_cell(definition, {}), empty(definition))

    def _kind(self, name: str) -> Kind:
        definition = self._definition(name)
        if definition.format == "date":
            return Kind.DATE
        if definition.format == "date-time":
            return Kind.TIMESTAMP
        if definition.decimals is not None:
            return Kind.DECIMAL
        return Kind.DECIMAL if name == "key" else _KINDS.get(definition.type, Kind.TEXT)

    def _text(self, name: str, value: Any) -> str:
        definition = self._rest.fields.get(name, RestField())
        if value is None or isinstance(value, list | dict):
            return "" if value is None else msgspec.json.encode(value).decode()
        try:
            return to_cell(definition, value, None, {})
        except UnfitValueError:
            return str(value)

    def _compared(self, condition: Condition) -> Filter:
        definition = self._definition(condition.field)

        def typed(_condition: Condition, value: Any) -> Sequence[Value]:
            sent = _sent_text(self._work, definition, value, condition.field)
            try:
                check_value(definition, sent)
            except UnfitValueError as error:
                raise invalid_request(f"{condition.field}: {error}", target="/filters") from None
            text = to_cell(definition, sent, None, {})
            try:
                typed_value = parse_value(self._kind(condition.field), text, DEFAULT)
            except RecordError as error:
                raise invalid_request(f"{condition.field}: {error.message}", target="/filters") from None
            return [text if typed_value is None else typed_value]

        return _Typed(self._work, typed, condition.field).filter(condition, null_is_false=False)
