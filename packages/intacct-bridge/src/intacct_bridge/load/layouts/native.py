"""Any object under its Intacct names: flat rows that repeat the header, or records that hold their lines in lists.

A column is a field of the object or of its lines: `APBILLITEM.ACCOUNTNO`, `APBILLITEMS.ACCOUNTNO`, or the bare name
if only the lines have such a field. Rows with the same key are one record. A row that leaves the whole header blank
belongs to the record above it. Without a key, each header is a record of its own. Rows that repeat a header without a
key may be two equal records or two lines of one, so they are refused.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from intacct_bridge.load.layouts.base import agree, check_formats, check_key, column_reading, filtered_rows, normalized
from intacct_bridge.load.layouts.fields import NUMBERS, FieldCell, WriteBuilder
from intacct_bridge.load.records.source_states import lists_states, plain_word
from intacct_bridge.load.records.write import Finding, RecordLine, Write
from intacct_bridge.load.tables.cells import (
    POINT,
    AmountReading,
    DateOrder,
    DateReading,
    amount_reading,
    date_reading,
    text_of,
)
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.tables.table import InputTable
from intacct_bridge.load.target.attachments import COLUMN, FOLDER, FileSource, real_folder
from intacct_bridge.load.target.writable import LineSet, WritableObject, key_among
from intacct_bridge.mapping.grouping import group_rows
from intacct_bridge.mapping.unify import StateCell
from intacct_protocol.model.catalog import FieldDef
from intacct_protocol.model.text_forms import nfc
from intacct_protocol.xml.values import Kind, Value

_OWNER = "MEGAENTITYID"
_STATES = ("STATE", "STATUS")
_DAYS = (Kind.DATE, Kind.TIMESTAMP)


@dataclass(frozen=True, slots=True)
class NativeLayout:
    """Reads rows as records of one object, under Intacct's own names."""

    writable: WritableObject
    date_order: DateOrder | None = None
    draft: bool = False
    clear: bool = False
    """Whether an empty cell clears its field; a null in JSON always does."""
    key: tuple[str, ...] = ()
    """Columns that identify a record in its source."""
    folder: str = FOLDER
    """The attachment folder of its files."""
    date_formats: Mapping[str, str] = field(default_factory=dict)
    """The format of dates by column; an empty name stands for all other columns."""

    @property
    def object(self) -> str:
        """The object that the records are of."""
        return self.writable.name

    def knows(self, column: str) -> bool:
        """Whether a column of this name has a meaning."""
        name = column.strip()
        meaning = self.writable.field(name) or _line_field(self.writable, name) or self.writable.line_set(name)
        return meaning is not None or normalized(name) in (COLUMN, "entity")

    def fits(self, columns: Sequence[str]) -> bool:
        """Whether all columns are fields."""
        return all(self.knows(column) for column in columns)

    def notes(self, _: InputTable) -> tuple[str, ...]:
        """No notes: every column is used, or refused."""
        return ()

    def read(self, table: InputTable) -> Iterator[Write]:
        """Every record in the order of its first row."""
        columns = Columns.of(self.writable, table, self.date_order, self.date_formats)
        check_key(table, self.key)
        check_formats(table, self.date_formats)
        nulls = table.form == "jsonl"
        builder = WriteBuilder(self.writable, clear=self.clear or nulls, draft=self.draft, folder=self.folder)
        base = real_folder(table.files)
        for group, unclear in _grouped(table, columns, self.writable, self.key):
            for rows in filtered_rows([group], table, columns.header, [*columns.lines, *columns.nested]):
                yield _Reader(builder, columns, self.key, base, unclear).write(rows)


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of an input by their use."""

    header: Mapping[str, FieldDef]
    lines: Mapping[str, tuple[LineSet, FieldDef]]
    nested: Mapping[str, LineSet]
    """Columns that hold lists of lines."""
    groups: tuple[str, ...]
    """Columns that hold a record of fields, such as DISPLAYCONTACT."""
    readings: Mapping[str, DateReading]
    inner: DateReading
    """How the dates inside lists and records of a cell are read."""
    amounts: AmountReading = POINT
    entity: str = ""
    """The column that names the entity of a record."""
    states: Mapping[str, FieldDef] = field(default_factory=dict)
    """The columns that say whether a document is a draft, posted or reversed."""

    @classmethod
    def of(
        cls, writable: WritableObject, table: InputTable, order: DateOrder | None, formats: Mapping[str, str]
    ) -> "Columns":
        """Find the use of every column. InvalidRequestError, with the nearest names, for an unknown one."""
        header: dict[str, FieldDef] = {}
        lines: dict[str, tuple[LineSet, FieldDef]] = {}
        nested: dict[str, LineSet] = {}
        groups: list[str] = []
        entity = ""
        for column in table.columns:
            name = column.strip()
            if normalized(name) == COLUMN:
                continue
            field_def, line = writable.field(name), _line_field(writable, name)
            line_set = writable.line_set(name)
            if _names_entity(name, field_def):
                entity = column
            elif line_set is not None and table.form != "csv":
                nested[column] = line_set
            elif field_def is not None:
                header[column] = field_def
            elif line is not None:
                lines[column] = line
            elif any(known.startswith(f"{name.upper()}.") for known in writable.described.fields):
                groups.append(column)
            else:
                raise writable.unknown(name, table.path.name)
        kinds = {column: field_def.kind for column, field_def in header.items()}
        kinds |= {column: field_def.kind for column, (_, field_def) in lines.items()}
        readings = {
            column: column_reading(column, [row.cells.get(column) for row in table], order, formats)
            for column, kind in kinds.items()
            if kind in _DAYS
        }
        numbers = [column for column, kind in kinds.items() if kind in NUMBERS]
        texts = (text_of(row.cells.get(field_def)) for row in table for field_def in numbers) if numbers else ()
        amounts = amount_reading(table.decimal, texts)
        days_inside = _inner_days(writable, table, nested, groups) if order is None else ()
        inner = date_reading(days_inside, order, formats.get("", ""))
        states = {column: field_def for column, field_def in header.items() if _is_state(field_def, writable)}
        return cls(header, lines, nested, tuple(groups), readings, inner, amounts, entity, states)

    def names(self) -> dict[str, str]:
        """The input's column for each Intacct field."""
        of_lines = {one.name: column for column, (_, one) in self.lines.items()}
        return of_lines | {one.name: column for column, one in self.header.items()}


def _inner_days(
    writable: WritableObject, table: InputTable, nested: Mapping[str, LineSet], groups: Sequence[str]
) -> Iterator[str]:
    """The strings with slashes in the fields of days that are inside lists and records."""
    for row in table if nested or groups else ():
        for column in groups:
            yield from _days(_leaves(row.cells.get(column), column), writable.field)
        for column, line_set in nested.items():
            for item in _line_items(row.cells.get(column), line_set) or ():
                if isinstance(item, Mapping) and all(type(cell) is str for cell in item.values()):
                    yield from _days(item.items(), line_set.field)
                else:
                    yield from _days(_leaves(item, ""), line_set.field)


def _days(cells: Iterable[tuple[str, object]], find: Callable[[str], FieldDef | None]) -> Iterator[str]:
    """The strings with slashes in the fields of days, of cells by their dotted names."""
    for path, cell in cells:
        if type(cell) is str and "/" in cell and (field_def := find(path)) is not None and field_def.kind in _DAYS:
            yield cell


def _line_items(value: object, line_set: LineSet) -> list[object] | None:
    """The lines in a cell: a list, one line, or the wrapper of an answer with its line element; None without."""
    if isinstance(value, Mapping):
        value = next((inner for name, inner in value.items() if name.upper() == line_set.object), value)
    return value if isinstance(value, list) or value is None else [value]


def _names_entity(name: str, field_def: FieldDef | None) -> bool:
    """Whether a column names the entity of a record: the owner's field, or a column called `entity`."""
    owner = name.upper() == _OWNER and (field_def is None or field_def.readonly)
    return owner or (normalized(name) == "entity" and (field_def is None or field_def.readonly))


def _line_field(writable: WritableObject, name: str) -> tuple[LineSet, FieldDef] | None:
    prefix, dot, rest = name.partition(".")
    if dot and (line_set := writable.line_set(prefix)) is not None:
        inner, dot, last = rest.partition(".")
        rest = last if dot and inner.upper() == line_set.object else rest
        field_def = line_set.field(rest)
        return (line_set, field_def) if field_def is not None else None
    sets = [(line_set, field_def) for line_set in writable.lines if (field_def := line_set.field(name)) is not None]
    return sets[0] if sets else None  # an object's own lines come before its subtotals


def _grouped(
    table: InputTable, columns: Columns, writable: WritableObject, key: tuple[str, ...]
) -> Iterator[tuple[list[SourceRow], Iterable[Finding]]]:
    """The rows of each record, and whether they are certainly one.

    A natural key counts if it is complete, a key of the source if it has any part.
    """
    if not columns.lines:
        yield from (([row], ()) for row in table)
        return
    by = _group_columns(writable, columns, key)
    of_file = [column for column in (*by, *columns.header) if column not in table.constants]

    def header(row: SourceRow) -> tuple[str, ...]:
        return _texts(row, columns.header)

    def has_key(row: SourceRow) -> bool:
        texts = _texts(row, by)
        return any(texts) if key else bool(texts) and all(texts)

    def identity(row: SourceRow) -> tuple[str, tuple[str, ...]]:
        return ("key", _texts(row, by)) if has_key(row) else ("header", header(row))

    def continues(row: SourceRow) -> bool:
        return not any(_texts(row, of_file))

    def joins(row: SourceRow, above: Sequence[SourceRow]) -> bool:
        """Whether a row without a complete key leaves its header cells empty, or repeats those of the record above."""
        pairs = zip(header(row), header(above[0]), strict=True)
        return bool(by) and not has_key(row) and all(text in ("", known) for text, known in pairs)

    for rows in group_rows(table, identity, continues, joins):
        yield rows, _uncertain(rows[0], (row for row in rows[1:] if not has_key(row) and not continues(row)), writable)


def _is_state(definition: FieldDef, writable: WritableObject) -> bool:
    """Whether a field says if a document is a draft, posted or reversed; inactive master data is another thing."""
    return definition.name in writable.lookup.draft or (definition.name in _STATES and lists_states(definition.values))


def _texts(row: SourceRow, columns: Iterable[str]) -> tuple[str, ...]:
    return tuple(nfc(text_of(row.cells.get(column))) for column in columns)


def _uncertain(first: SourceRow, repeated: Iterator[SourceRow], writable: WritableObject) -> Iterator[Finding]:
    """The finding on the first of the rows that may be lines of this record or records of their own."""
    row = next(repeated, None)
    if row is not None:
        message = f"the row repeats the header of row {first.number}: it may be a line of that "
        message += f"{writable.name} or another {writable.name}"
        names = next((" and ".join(names) for names in writable.lookup.keys), "")
        fill = f"fill in {names}, or " if names else ""
        fix = f"{fill}set `key` to a column that differs between records; leave the header of further lines empty"
        yield Finding("header", message, fix, position=row.position)


def _group_columns(writable: WritableObject, columns: Columns, key: tuple[str, ...]) -> tuple[str, ...]:
    """The columns that identify a record; none if only the whole header does."""
    if key:
        return key
    by_name = {one.name: column for column, one in columns.header.items()}
    return tuple(by_name[name] for name in key_among(by_name, writable))


class _Reader:
    """Reads the rows of one record and collects findings."""

    def __init__(
        self,
        builder: WriteBuilder,
        columns: Columns,
        key: tuple[str, ...],
        base: FileSource,
        findings: Iterable[Finding] = (),
    ) -> None:
        self._base = base
        self._builder = builder
        self._columns = columns
        self._key = key
        self._findings = list(findings)

    def write(self, rows: list[SourceRow]) -> Write:
        """The record as a write."""
        fields = self._header(rows)
        lines: dict[str, list[RecordLine]] = {}
        for row in rows:
            self._flat_lines(row, lines)
            self._nested_lines(row, lines)
        source = tuple(text_of(rows[0].cells.get(column)) for column in self._key)
        cells = [(row, name, cell) for row in rows for name, cell in row.cells.items() if normalized(name) == COLUMN]
        files = self._builder.files(cells, self._base, self._findings)
        return self._builder.write(
            rows,
            fields,
            {wrapper: tuple(members) for wrapper, members in lines.items()},
            columns=self._columns.names(),
            source_key=source if any(source) else (),
            attachments=files,
            findings=self._findings,
            entity=self._entity(rows),
            states=self._states(rows),
        )

    def _states(self, rows: list[SourceRow]) -> Iterator[StateCell]:
        """What the rows say of the state of the document; the words that Intacct lists are known."""
        for column, definition in self._columns.states.items():
            listed = frozenset(map(plain_word, definition.values))
            for at, row in enumerate(rows):
                if word := text_of(row.cells.get(column)):
                    yield StateCell(word, column, at, listed=not listed or plain_word(word) in listed)

    def _entity(self, rows: list[SourceRow]) -> tuple[str, str]:
        """The entity that the record's rows name; they must agree."""
        column = self._columns.entity
        _, text = agree(((row, row.cells.get(column)) for row in rows), column, self._findings)
        return (text, "LOCATIONID" if text and column.strip().upper() == _OWNER else "")

    def _header(self, rows: list[SourceRow]) -> dict[str, Value]:
        fields: dict[str, Value] = {}
        for column in self._columns.header if len(rows) > 1 else ():
            agree(((row, row.cells.get(column)) for row in rows), column, self._findings)
        for row in rows:
            cells = [
                self._cell(column, one, row)
                for column, one in self._columns.header.items()
                if column in row.cells
                and not (one.readonly and column in self._columns.states)  # what Intacct sets is no content
                and (row is rows[0] or text_of(row.cells[column]))
            ]
            new = [one for one in cells if row is rows[0] or not _has_value(one, fields)]
            fields |= self._builder.fields([*new, *self._grouped_fields(row)], row, self._findings)
        return fields

    def _cell(self, column: str, field_def: FieldDef, row: SourceRow) -> FieldCell:
        reading = self._columns.readings.get(column, DateReading())
        return FieldCell(field_def, column, row.cells[column], reading, self._columns.amounts)

    def _grouped_fields(self, row: SourceRow) -> Iterator[FieldCell]:
        """The fields inside `DISPLAYCONTACT = {EMAIL1 = ...}`."""
        for column in self._columns.groups:
            for path, cell in _leaves(row.cells.get(column), column):
                field_def = self._builder.writable.field(path)
                if field_def is None:
                    text = f"{self._builder.writable.name} has no field {path.upper()}"
                    self._findings.append(Finding("field", text, "remove it", path, row.position))
                else:
                    yield FieldCell(field_def, path, cell, self._columns.inner, self._columns.amounts)

    def _flat_lines(self, row: SourceRow, lines: dict[str, list[RecordLine]]) -> None:
        by_wrapper: dict[str, tuple[LineSet, list[FieldCell]]] = {}
        for column, (line_set, field_def) in self._columns.lines.items():
            if column in row.cells:
                _, cells = by_wrapper.setdefault(line_set.wrapper, (line_set, []))
                cells.append(self._cell(column, field_def, row))
        for line_set, cells in by_wrapper.values():
            if any(text_of(field_def.cell) for field_def in cells):
                self._line(line_set, cells, row, lines)

    def _line(
        self, line_set: LineSet, cells: list[FieldCell], row: SourceRow, lines: dict[str, list[RecordLine]]
    ) -> None:
        filled = [one for one in cells if text_of(one.cell)]  # a new line has nothing to clear
        fields = self._builder.fields(filled, row, self._findings)
        lines.setdefault(line_set.wrapper, []).append(RecordLine(line_set.object, fields, row))

    def _nested_lines(self, row: SourceRow, lines: dict[str, list[RecordLine]]) -> None:
        for column, line_set in self._columns.nested.items():
            items = _line_items(row.cells.get(column), line_set)
            if items is None:
                continue
            lines.setdefault(line_set.wrapper, [])
            for number, item in enumerate(items):
                place = f"{column}[{number}]"
                if isinstance(item, Mapping):
                    self._line(line_set, self._members(line_set, item, place, row), row, lines)
                else:
                    text = f"a line is a record of fields, not {item!r}"
                    self._findings.append(Finding("lines", text, "give an object", place, row.position))

    def _members(self, line_set: LineSet, item: Mapping[str, object], place: str, row: SourceRow) -> list[FieldCell]:
        cells: list[FieldCell] = []
        for name, cell in _leaves(item, ""):
            field_def = line_set.field(name)
            if field_def is not None:
                cells.append(FieldCell(field_def, f"{place}.{name}", cell, self._columns.inner, self._columns.amounts))
            else:
                text = f"{line_set.object} has no field {name.upper()}"
                self._findings.append(Finding("field", text, "remove it", f"{place}.{name}", row.position))
        return cells


def _has_value(field_cell: FieldCell, fields: Mapping[str, Value]) -> bool:
    """Whether an earlier row gave the field a value."""
    return fields.get(field_cell.field.name) is not None


def _leaves(node: object, prefix: str) -> Iterator[tuple[str, object]]:
    """The values of a record by their dotted names."""
    if not isinstance(node, Mapping):
        if node is not None and prefix:
            yield prefix, node
        return
    for name, value in node.items():
        path = f"{prefix}.{name}" if prefix else str(name)
        if isinstance(value, Mapping):
            yield from _leaves(value, path)
        elif isinstance(value, list) and all(isinstance(part, Mapping) for part in value):
            for number, part in enumerate(value):
                yield from _leaves(part, f"{path}[{number}]")
        else:
            yield path, value
