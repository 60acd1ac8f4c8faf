"""A whole record through a mapping: the input's rows → one Intacct record with lines, and back.

To Intacct, errors are not raised: all problems of a record are collected with their column and line, so that a person
can fix a file in one go. References stay `LookupRequest`; `lookup_requests` lists them, `with_answers` fills them in.
From Intacct, a record has every column of the map, null if the row has no value.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import NamedTuple, TypeVar

import msgspec

from intacct_bridge.mapping.grouping import AGREE, contradiction, group_rows
from intacct_bridge.mapping.language import Custom, EntityMap, LineMap, Rules
from intacct_bridge.mapping.paths import column, items, put, steps, value_at
from intacct_bridge.mapping.rules import (
    NO_VALUE,
    STRICT,
    LookupRequest,
    MissingValueError,
    NoValue,
    Readers,
    Record,
    RuleContext,
    RuleResult,
    apply_rules,
    cell_text,
    unified_value,
)
from intacct_protocol.errors import RecordError
from intacct_protocol.model.text_forms import nfc
from intacct_protocol.xml.values import Value

Cells = Mapping[str, Value | LookupRequest]
_Source = TypeVar("_Source")


@dataclass(frozen=True, slots=True)
class Problem:
    """A reason why a record cannot be written."""

    message: str
    fix: str = ""
    column: str = ""
    """The input's own name; inside a list it names the item: `lineItems[2].amount`."""
    row: int = 0
    """The record's row, counted from 0."""
    rule: str = "mapping"
    """The kind of problem: `required` for a missing value, `header` for rows that do not agree."""
    other: int | None = None
    """The row with which it does not agree."""


class NativeLine(msgspec.Struct, frozen=True):
    """One line of a record, by Intacct's names."""

    object: str
    fields: Cells
    row: int
    """The record's row that the line comes from, counted from 0."""
    columns: Mapping[str, str]
    """The input's column for each field."""


@dataclass(frozen=True, slots=True)
class RepeatedField:
    """What a further row says of a field of the record, if that is known only once lookups are answered."""

    name: str
    value: Value | LookupRequest
    column: str
    row: int
    first: int
    """The row that gives the field first."""


class StateCell(NamedTuple):
    """What one row says of the state of its record."""

    word: str
    column: str
    row: int = 0
    """The record's row, counted from 0."""
    listed: bool = False
    """Whether Intacct lists the word for the field: one that means neither a draft nor void is live then."""
    shown: str = ""
    """The cell itself, if a mapping has turned it into the word."""


class NativeRecord(msgspec.Struct, frozen=True):
    """One record by Intacct's names, with lookups still to be answered."""

    object: str
    fields: Cells
    lines: Mapping[str, tuple[NativeLine, ...]] = msgspec.field(default_factory=dict)
    """Lines by the element around them."""
    columns: Mapping[str, str] = msgspec.field(default_factory=dict)
    """The input's column for each field."""
    rows: Mapping[str, int] = msgspec.field(default_factory=dict)
    """The row of each field that another row than the first gives."""
    problems: tuple[Problem, ...] = ()
    unused: tuple[str, ...] = ()
    """Columns with a value that the mapping does not use."""
    repeated: tuple[RepeatedField, ...] = ()
    states: tuple[StateCell, ...] = ()


def grouped(
    entity: EntityMap, rows: Iterable[_Source], cells: Callable[[_Source], Record]
) -> Iterator[tuple[_Source, ...]]:
    """The rows of each record, in the order of first rows; a row with a blank `group_by` belongs to the one above."""
    if not entity.group_by:
        yield from ((row,) for row in rows)
        return

    def key(row: _Source) -> tuple[str, ...]:
        return tuple(nfc(str(value_at(cells(row), path) or "").strip()) for path in entity.group_by)

    yield from map(tuple, group_rows(rows, key, lambda row: not any(key(row))))


def native(entity: EntityMap, rows: Sequence[Record], readers: Readers = STRICT) -> NativeRecord:
    """One record from its rows: one row, or several that repeat the header's columns."""
    return _Writer(entity, rows, readers).native()


class _Writer:
    """Collects fields, lines and problems of one record."""

    def __init__(self, entity: EntityMap, rows: Sequence[Record], readers: Readers) -> None:
        self._entity = entity
        self._rows = rows
        self._readers = readers
        self._scenes = [RuleContext(row, row, readers) for row in rows]
        self._problems: list[Problem] = []
        self._repeated: list[RepeatedField] = []
        self._places: dict[str, int] = {}
        self._differing = _differing(rows)

    def native(self) -> NativeRecord:
        fields, columns = self._header()
        lines: dict[str, tuple[NativeLine, ...]] = {}
        for line in self._entity.lines:
            lines[line.wrapper] = (*lines.get(line.wrapper, ()), *self._lines(line))
        unused = self._unused(fields, columns)
        states = tuple(self._states())
        return NativeRecord(
            self._object(),
            fields,
            {wrapper: members for wrapper, members in lines.items() if members},
            columns,
            self._places,
            tuple(sorted(self._problems, key=lambda problem: problem.row)),
            unused,
            tuple(self._repeated),
            states,
        )

    def _object(self) -> str:
        """The object of the record, which a column may say."""
        rule = self._entity.object_by
        word = "" if rule is None else cell_text(value_at(self._rows[0], rule.from_))
        if rule is None or not word:
            return self._entity.object
        names = {key.casefold(): name for key, name in rule.map.items()}
        if word.casefold() not in names:
            self._problems.append(
                Problem(f"{word!r} is not one of {', '.join(rule.map)}", f"correct {rule.from_}", rule.from_)
            )
        return names.get(word.casefold(), self._entity.object)

    def _states(self) -> Iterator[StateCell]:
        """What each row says of the record's state, in every column that has one."""
        for place in range(len(self._rows)):
            for rule in self._entity.state:
                result = self._apply((rule,), place, quiet=True)
                if result.value not in (NO_VALUE, None):
                    column = result.column or rule.condition[0]
                    shown = str(value_at(self._rows[place], column)).strip() if rule.map else ""
                    yield StateCell(str(result.value), column, place, shown=shown)

    def _header(self) -> tuple[dict[str, Value | LookupRequest], dict[str, str]]:
        fields: dict[str, Value | LookupRequest] = {}
        columns: dict[str, str] = {}
        record = self._rows[0]
        for name, rules in self._entity.write.items():
            copied = rules[0].copied
            if copied and copied not in self._differing:  # as `apply_rules` does, at less cost for each cell
                cell = record.get(copied)
                if type(cell) is str and (text := cell.strip()):
                    fields[name] = text
                    columns[name] = copied
                    continue
            result = self._first(name, rules)
            if not isinstance(result.value, NoValue):
                fields[name] = result.value
                columns[name] = result.column
        if self._entity.custom:
            fields.update(_custom(self._entity.custom, self._rows[0]))
        return fields, columns

    def _first(self, name: str, rules: Rules) -> RuleResult:
        """The value of the first row that has one; rows must not contradict each other."""
        first, compared = self._apply(rules, 0), self._readers.compared
        if all(self._differing.isdisjoint(rule.read_columns) for rule in rules):
            return first
        for place in range(1, len(self._rows)):
            result = self._apply(rules, place, quiet=True)
            if isinstance(result.value, NoValue) or not result.column:
                continue
            if first.value is NO_VALUE:
                first = result
                self._places[name] = place
            elif compared(name, result.value, result.column) != compared(name, first.value, first.column):
                repeated = RepeatedField(name, result.value, result.column, place, self._places.get(name, 0))
                if isinstance(result.value, LookupRequest) or isinstance(first.value, LookupRequest):
                    self._repeated.append(repeated)
                else:
                    self._problems.append(_contradiction(repeated, first.value))
        return first

    def _apply(self, rules: Rules, place: int, *, quiet: bool = False) -> RuleResult:
        try:
            return apply_rules(rules, self._scenes[place], clear=self._entity.empty == "clear")
        except RecordError as error:
            # Later rows may leave the header blank or repeat its mistakes: each is reported once, with the first row.
            reported = any((one.message, one.column) == (error.message, error.field) for one in self._problems)
            if not (quiet and (reported or isinstance(error, MissingValueError))):
                self._problems.append(_problem(error, error.field, place))
            return RuleResult(NO_VALUE)

    def _lines(self, line: LineMap) -> Iterator[NativeLine]:
        for place, row in enumerate(self._rows):
            if not line.sources:
                yield from self._line(line, self._scenes[place], place, "")
            for path in line.sources:
                for index, item in items(row, path):
                    prefix = "" if path == "." else f"{path}[{index}]."
                    yield from self._line(line, RuleContext(item, row, self._readers), place, prefix)

    def _line(self, line: LineMap, context: RuleContext, place: int, prefix: str) -> Iterator[NativeLine]:
        """The line; none if only constants and the record above have values, as in a row with only the header."""
        problems_before = len(self._problems)
        fields: dict[str, Value | LookupRequest] = {}
        columns: dict[str, str] = {}
        clear, record = self._entity.empty == "clear", context.record
        for name, rules in line.write.items():
            if copied := rules[0].copied:  # as `apply_rules` does, at less cost for each cell of an input
                cell = record.get(copied)
                if type(cell) is str and (text := cell.strip()):
                    fields[name] = text
                    columns[name] = prefix + copied
                    continue
            try:
                result = apply_rules(rules, context, clear=clear)
            except RecordError as error:
                self._problems.append(_problem(error, prefix + error.field, place))
                continue
            if not isinstance(result.value, NoValue):
                fields[name] = result.value
                if result.column and not result.column.startswith("^"):
                    columns[name] = prefix + result.column
        if line.custom:
            fields.update(_custom(line.custom, context.record))
        if not line.sources and not columns and len(self._rows) > 1:
            del self._problems[problems_before:]
            return
        yield NativeLine(line.object, fields, place, columns)

    def _unused(self, fields: dict[str, Value | LookupRequest], columns: dict[str, str]) -> tuple[str, ...]:
        """The columns left over, treated as `rest` says."""
        mapped = self._entity.record_columns
        left = dict.fromkeys(
            name for row in self._rows for name, cell in row.items() if name not in mapped and cell not in (None, "")
        )
        if self._entity.rest == "pass":
            for name in left:
                cell = self._rows[0].get(name)
                if isinstance(cell, list | Mapping):
                    self._problems.append(Problem(f"{name} is not a single value", "map it, or ignore it", name))
                else:
                    fields[name] = cell  # type: ignore[assignment]  # scalars are Values
                    columns[name] = name
            return ()
        if self._entity.rest == "refuse":
            fix = 'map it, ignore it, or write rest = "drop" into the mapping'
            self._problems += [Problem(f"the mapping does not use {name}", fix, name) for name in left]
        return tuple(left)


def _problem(error: RecordError, column: str, row: int) -> Problem:
    rule = "required" if isinstance(error, MissingValueError) else "mapping"
    return Problem(error.message, error.fix, column, row, rule)


def _differing(rows: Sequence[Record]) -> set[str]:
    """The columns of which one row's cell is not that of the first row; equal numbers can be different strings."""
    first = rows[0]
    names: set[str] = set()
    for row in rows[1:]:
        if row.keys() != first.keys():
            names |= row.keys() ^ first.keys()
        for name, cell in row.items():
            other = first.get(name)
            if cell is not other and not (type(cell) is type(other) is str and cell == other):
                names.add(name)
    return names


def _contradiction(repeated: RepeatedField, first: Value | LookupRequest | NoValue) -> Problem:
    texts = (
        cell_text(value.by[0][1] if isinstance(value, LookupRequest) else value) for value in (repeated.value, first)
    )
    return Problem(contradiction(*texts), AGREE, repeated.column, repeated.row, "header", repeated.first)


def _custom(rule: Custom, record: Record) -> dict[str, Value | LookupRequest]:
    """Custom fields from a list of names and values; a name without a value is left out."""
    fields: dict[str, Value | LookupRequest] = {}
    for _, item in items(record, rule.from_):
        name, value = item.get(rule.name), item.get(rule.value)
        if name and value not in (None, "") and not isinstance(value, list | Mapping):
            fields[str(name)] = value  # type: ignore[assignment]  # scalars are Values
    return fields


def lookup_requests(record: NativeRecord) -> Iterator[LookupRequest]:
    """All lookups that the record needs before it can be written."""
    yield from [value for value in record.fields.values() if isinstance(value, LookupRequest)]
    for lines in record.lines.values():
        for line in lines:
            yield from [value for value in line.fields.values() if isinstance(value, LookupRequest)]
    yield from [one.value for one in record.repeated if isinstance(one.value, LookupRequest)]


def with_answers(record: NativeRecord, answer: Callable[[LookupRequest], Value]) -> NativeRecord:
    """The record with all answers filled in; a RecordError of `answer` becomes a problem with its column."""
    if not any(True for _ in lookup_requests(record)):
        if not record.problems:
            return record
        return msgspec.structs.replace(record, problems=tuple(dict.fromkeys(record.problems)))
    problems = list(record.problems)

    def cells(unanswered: Cells, columns: Mapping[str, str], row: int) -> Cells:
        if not any(isinstance(value, LookupRequest) for value in unanswered.values()):
            return unanswered
        filled: dict[str, Value | LookupRequest] = {}
        for name, value in unanswered.items():
            try:
                filled[name] = answer(value) if isinstance(value, LookupRequest) else value
            except RecordError as error:
                problems.append(Problem(error.message, error.fix, columns.get(name, ""), row))
        return filled

    def answered(line: NativeLine) -> NativeLine:
        filled = cells(line.fields, line.columns, line.row)
        return line if filled is line.fields else msgspec.structs.replace(line, fields=filled)

    fields = cells(record.fields, record.columns, 0)
    lines = {wrapper: tuple(answered(line) for line in members) for wrapper, members in record.lines.items()}
    for field in record.repeated:
        repeated_cells = cells({field.name: field.value}, {field.name: field.column}, field.row)
        if field.name in repeated_cells and field.name in fields and repeated_cells[field.name] != fields[field.name]:
            problems.append(_contradiction(field, record.fields[field.name]))
    return msgspec.structs.replace(record, fields=fields, lines=lines, problems=tuple(dict.fromkeys(problems)))


def reads(entity: EntityMap) -> tuple[str, ...]:
    """The fields to select of the object, relations included; `line_reads` gives those of lines."""
    return _selected(entity.read)


def line_reads(line: LineMap) -> tuple[str, ...]:
    """The fields to select of a line object."""
    return _selected(line.read)


def _selected(read: Mapping[str, Rules]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for rules in read.values() for rule in rules for one in rule.sources))


def unified(
    entity: EntityMap,
    row: Record,
    lines: Mapping[str, Sequence[Record]] | None = None,
    *,
    custom: Sequence[str] = (),
) -> dict[str, object]:
    """A unified record from a typed row; `lines` are rows by line object, `custom` names the custom fields to list."""
    record = _columns(entity, entity.read, row)
    if entity.custom and custom:
        put(record, entity.custom.from_, _listed(entity.custom, row, custom))
    for line in read_lines(entity):
        members = [_columns(entity, line.read, member) for member in (lines or {}).get(line.object, ())]
        put(record, line.into, members)
    return record


def read_lines(entity: EntityMap) -> tuple[LineMap, ...]:
    """The lines in a unified record: of several maps for one line object, the first."""
    by_object: dict[str, LineMap] = {}
    for line in entity.lines:
        if line.into:
            by_object.setdefault(line.object, line)
    return tuple(by_object.values())


def column_types(read: Mapping[str, Rules]) -> dict[str, str]:
    """The JSON type of each column of a record or line; `date` and `date-time` are strings of that format."""
    types: dict[str, str] = {}
    for path, rules in read.items():
        first, *inner = steps(path)
        if inner:
            types[str(first)] = "object" if isinstance(inner[0], str) else "array"
        else:  # a date in a format of its own is a text
            types[str(first)] = _TYPES[None if any(one.format for one in rules) else rules[0].as_]
    return types


_TYPES = {
    None: "string",
    "text": "string",
    "number": "number",
    "integer": "integer",
    "boolean": "boolean",
    "date": "date",
    "time": "date-time",
}


def _columns(entity: EntityMap, read: Mapping[str, Rules], row: Record) -> dict[str, object]:
    record: dict[str, object] = {}
    for path, rules in read.items():
        value = unified_value(rules, row, days_as_times=entity.day_as == "time")
        if value is not None or path == column(path):
            put(record, path, value)
    return record


def _listed(rule: Custom, row: Record, names: Sequence[str]) -> list[dict[str, object]]:
    """The list of custom fields; values of all kinds share one column, so they are strings, as in the list's schema."""
    return [{rule.name: name, rule.value: _json_text(row[name])} for name in names if row.get(name) is not None]


def _json_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else str(value)
