"""Any object by its Intacct names: flat rows that repeat the header, or records that hold their lines in lists.

A column is a field of the object, or one of its lines': `APBILLITEM.ACCOUNTNO`, `APBILLITEMS.ACCOUNTNO`, or the bare
name where only the lines have such a field. Rows with the same key are one record; where the input gives no key, rows
below each other with the same header are. A row that leaves the whole header blank belongs to the record above it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from intacct_bridge.errors import SettingsError
from intacct_bridge.flow.company.attachments import COLUMN, FOLDER
from intacct_bridge.flow.company.writable import LineSet, Subject, keys_among
from intacct_bridge.flow.layouts.base import REASON, plain
from intacct_bridge.flow.layouts.fields import NUMBERS, Said, Shaper
from intacct_bridge.flow.records.cells import DateOrder, DateReading, date_reading, points_group, text_of
from intacct_bridge.flow.records.tables import InputTable, SourceRow
from intacct_bridge.flow.records.write import Finding, RecordLine, Write
from intacct_bridge.model.catalog import FieldDef
from intacct_bridge.wire.values import Kind, Value

_OWNER = "MEGAENTITYID"
_DAYS = (Kind.DATE, Kind.TIMESTAMP)


@dataclass(frozen=True, slots=True)
class NativeLayout:
    """Reads rows as records of one object by Intacct's own names."""

    subject: Subject
    date_order: DateOrder | None = None
    draft: bool = False
    clear: bool = False
    """Whether an empty cell empties its field; a null in JSON always does."""
    key: tuple[str, ...] = ()
    """Columns that identify a record in its source."""
    folder: str = FOLDER
    """Where attachments go."""

    @property
    def object(self) -> str:
        """The object that the records are of."""
        return self.subject.name

    def notes(self, _: InputTable) -> tuple[str, ...]:
        """Nothing: every column is used, or refused."""
        return ()

    def read(self, table: InputTable) -> Iterator[Write]:
        """Every record in the order of its first row."""
        columns = Columns.of(self.subject, table, self.date_order)
        missing = [name for name in self.key if name not in table.columns]
        if missing:
            raise SettingsError(f"{table.path.name} has no column {missing[0]!r} to use as a key", fix="check its name")
        nulls = table.form == "jsonl"
        shaper = Shaper(self.subject, clear=self.clear or nulls, draft=self.draft, folder=self.folder)
        for rows in _grouped(table, columns, self.subject, self.key):
            yield _Reader(shaper, columns, self.key, table.folder).write(rows)


@dataclass(frozen=True, slots=True)
class Columns:
    """What each column of an input is for."""

    header: Mapping[str, FieldDef]
    lines: Mapping[str, tuple[LineSet, FieldDef]]
    nested: Mapping[str, LineSet]
    """Columns that hold lists of lines."""
    groups: tuple[str, ...]
    """Columns that hold a record of fields, such as DISPLAYCONTACT."""
    readings: Mapping[str, DateReading]
    grouping: bool = False
    """Whether amounts have points between thousands."""
    entity: str = ""
    """The column that says whose books a record goes to."""

    @classmethod
    def of(cls, subject: Subject, table: InputTable, order: DateOrder | None) -> "Columns":
        """Find the place of every column; one without a place is refused with the nearest names."""
        header: dict[str, FieldDef] = {}
        lines: dict[str, tuple[LineSet, FieldDef]] = {}
        nested: dict[str, LineSet] = {}
        groups: list[str] = []
        entity = ""
        for column in table.columns:
            name = column.strip()
            if plain(name) in (plain(REASON), COLUMN):
                continue
            one, line = subject.field(name), _line_field(subject, name)
            held = subject.line_set(name)
            if _names_entity(name, one):
                entity = column
            elif held is not None and table.form != "csv":
                nested[column] = held
            elif one is not None:
                header[column] = one
            elif line is not None:
                lines[column] = line
            elif any(known.startswith(f"{name.upper()}.") for known in subject.described.fields):
                groups.append(column)
            else:
                raise subject.unknown(name, table.path.name)
        days = {column: one for column, one in header.items() if one.kind in _DAYS}
        days |= {column: one for column, (_, one) in lines.items() if one.kind in _DAYS}
        readings = {column: date_reading([text_of(row.cells.get(column)) for row in table], order) for column in days}
        numbers = [column for column, one in header.items() if one.kind in NUMBERS]
        numbers += [column for column, (_, one) in lines.items() if one.kind in NUMBERS]
        grouping = bool(numbers) and points_group(text_of(row.cells.get(one)) for row in table for one in numbers)
        return cls(header, lines, nested, tuple(groups), readings, grouping, entity)

    def names(self) -> dict[str, str]:
        """The input's column for each Intacct field."""
        found = {one.name: column for column, (_, one) in self.lines.items()}
        return found | {one.name: column for column, one in self.header.items()}


def _names_entity(name: str, one: FieldDef | None) -> bool:
    """Whether a column says whose books the record goes to: its owner's field, or one called `entity`."""
    owner = name.upper() == _OWNER and (one is None or one.readonly)
    return owner or (plain(name) == "entity" and (one is None or one.readonly))


def _line_field(subject: Subject, name: str) -> tuple[LineSet, FieldDef] | None:
    prefix, dot, rest = name.partition(".")
    if dot and (found := subject.line_set(prefix)) is not None:
        inner, dot, last = rest.partition(".")
        rest = last if dot and inner.upper() == found.object else rest
        one = found.field(rest)
        return (found, one) if one is not None else None
    sets = [(found, one) for found in subject.lines if (one := found.field(name)) is not None]
    return sets[0] if sets else None  # an object's own lines come before its subtotals


def _grouped(table: InputTable, columns: Columns, subject: Subject, key: tuple[str, ...]) -> Iterable[list[SourceRow]]:
    """Rows by record."""
    if not columns.lines:
        yield from ([row] for row in table)
        return
    by = _group_columns(subject, columns, key)
    records: dict[tuple[str, ...], list[SourceRow]] = {}
    last: tuple[str, ...] | None = None
    for number, row in enumerate(table):
        texts = tuple(text_of(row.cells.get(column)) for column in by or columns.header)
        if not any(texts) and last is not None:
            records[last].append(row)
            continue
        if not by and last is not None and texts == last[:-1]:
            texts = last
        elif not by:
            texts = (*texts, str(number))  # without a key, only rows below each other are one record
        last = texts
        records.setdefault(texts, []).append(row)
    yield from records.values()


def _group_columns(subject: Subject, columns: Columns, key: tuple[str, ...]) -> tuple[str, ...]:
    """The columns that tell records apart; none where only the whole header does."""
    if key:
        return key
    by_name = {one.name: column for column, one in columns.header.items()}
    return tuple(by_name[name] for name in keys_among(by_name, subject))


class _Reader:
    """Reads the rows of one record and collects what is wrong with them."""

    def __init__(self, shaper: Shaper, columns: Columns, key: tuple[str, ...], base: Path | None) -> None:
        self._base = base
        self._shaper = shaper
        self._columns = columns
        self._key = key
        self._findings: list[Finding] = []

    def write(self, rows: list[SourceRow]) -> Write:
        """The record as a write."""
        fields = self._header(rows)
        lines: dict[str, list[RecordLine]] = {}
        for row in rows:
            self._flat_lines(row, lines)
            self._nested_lines(row, lines)
        source = tuple(text_of(rows[0].cells.get(column)) for column in self._key)
        cell = next((value for name, value in rows[0].cells.items() if plain(name) == COLUMN), None)
        files = self._shaper.files(cell, self._base, rows[0], self._findings)
        return self._shaper.write(
            rows,
            fields,
            {wrapper: tuple(members) for wrapper, members in lines.items()},
            columns=self._columns.names(),
            source_key=source if any(source) else (),
            attachments=files,
            findings=self._findings,
            entity=self._entity(rows),
        )

    def _entity(self, rows: list[SourceRow]) -> tuple[str, str]:
        """The entity that the record's rows name; they must agree."""
        column = self._columns.entity
        texts = list(dict.fromkeys(text for row in rows if (text := text_of(row.cells.get(column)).strip())))
        if len(texts) > 1:
            message = f"{texts[1]!r} contradicts {texts[0]!r} in the record's first row"
            self._findings.append(Finding("header", message, "make the rows agree", column, rows[0].position))
        return (texts[0], "LOCATIONID" if column.strip().upper() == _OWNER else "") if texts else ("", "")

    def _header(self, rows: list[SourceRow]) -> dict[str, Value]:
        fields: dict[str, Value] = {}
        said: dict[str, str] = {}
        for row in rows:
            cells = [
                self._said(column, one, row)
                for column, one in self._columns.header.items()
                if column in row.cells and (row is rows[0] or text_of(row.cells[column]))
            ]
            for column, text in ((one.column, text_of(one.cell)) for one in cells):
                if text and said.setdefault(column, text) != text:
                    message = f"{text!r} contradicts {said[column]!r} in the record's first row"
                    self._findings.append(Finding("header", message, "make the rows agree", column, row.position))
            new = [one for one in cells if row is rows[0] or not said_before(one, fields)]
            fields |= self._shaper.fields([*new, *self._grouped_fields(row)], row, self._findings)
        return fields

    def _said(self, column: str, one: FieldDef, row: SourceRow) -> Said:
        reading = self._columns.readings.get(column, DateReading())
        return Said(one, column, row.cells[column], reading, self._columns.grouping)

    def _grouped_fields(self, row: SourceRow) -> Iterator[Said]:
        """The fields inside `DISPLAYCONTACT = {EMAIL1 = ...}`."""
        for column in self._columns.groups:
            for path, cell in _leaves(row.cells.get(column), column):
                one = self._shaper.subject.field(path)
                if one is None:
                    text = f"{self._shaper.subject.name} has no field {path.upper()}"
                    self._findings.append(Finding("field", text, "remove it", path, row.position))
                else:
                    yield Said(one, path, cell)

    def _flat_lines(self, row: SourceRow, lines: dict[str, list[RecordLine]]) -> None:
        by_set: dict[str, list[Said]] = {}
        for column, (line_set, one) in self._columns.lines.items():
            if column in row.cells:
                by_set.setdefault(line_set.wrapper, []).append(self._said(column, one, row))
        for wrapper, said in by_set.items():
            if any(text_of(one.cell) for one in said):
                held = self._shaper.subject.line_set(wrapper)
                assert held is not None
                self._line(held, said, row, lines)

    def _line(self, line_set: LineSet, said: list[Said], row: SourceRow, lines: dict[str, list[RecordLine]]) -> None:
        spoken = [one for one in said if text_of(one.cell)]  # a new line has nothing to clear
        fields = self._shaper.fields(spoken, row, self._findings)
        lines.setdefault(line_set.wrapper, []).append(RecordLine(line_set.object, fields, row))

    def _nested_lines(self, row: SourceRow, lines: dict[str, list[RecordLine]]) -> None:
        for column, line_set in self._columns.nested.items():
            held = row.cells.get(column)
            if isinstance(held, Mapping):  # the wrapper with its line element, as a reply has it
                held = next((value for name, value in held.items() if name.upper() == line_set.object), held)
            if held is None:
                continue
            lines.setdefault(line_set.wrapper, [])
            for number, item in enumerate(held if isinstance(held, list) else [held]):
                place = f"{column}[{number}]"
                if isinstance(item, Mapping):
                    self._line(line_set, self._members(line_set, item, place, row), row, lines)
                else:
                    text = f"a line is a record of fields, not {item!r}"
                    self._findings.append(Finding("lines", text, "give an object", place, row.position))

    def _members(self, line_set: LineSet, item: Mapping[str, object], place: str, row: SourceRow) -> list[Said]:
        said: list[Said] = []
        for name, cell in _leaves(item, ""):
            one = line_set.field(name)
            if one is not None:
                said.append(Said(one, f"{place}.{name}", cell))
            else:
                text = f"{line_set.object} has no field {name.upper()}"
                self._findings.append(Finding("field", text, "remove it", f"{place}.{name}", row.position))
        return said


def said_before(one: Said, fields: Mapping[str, Value]) -> bool:
    """Whether an earlier row gave the field a value."""
    return fields.get(one.field.name) is not None


def _leaves(held: object, prefix: str) -> Iterator[tuple[str, object]]:
    """The values of a record by their dotted names."""
    if not isinstance(held, Mapping):
        if held is not None and prefix:
            yield prefix, held
        return
    for name, value in held.items():
        path = f"{prefix}.{name}" if prefix else str(name)
        if isinstance(value, Mapping):
            yield from _leaves(value, path)
        elif isinstance(value, list) and all(isinstance(part, Mapping) for part in value):
            for number, part in enumerate(value):
                yield from _leaves(part, f"{path}[{number}]")
        else:
            yield path, value
