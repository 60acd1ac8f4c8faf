"""Records by a mapping: the user's own file of rules, or one of the unified schemas.

Values that a mapping looks up in the company (a vendor by name) are looked up together for the whole input, with one
query for an object and 500 values. A value that fits no record, two records or an inactive one is a finding on the
record that uses it.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.load.layouts.base import agree, check_formats, check_key, filtered_rows
from intacct_bridge.load.layouts.fields import CellParts, WriteBuilder
from intacct_bridge.load.layouts.lookups import Lookups
from intacct_bridge.load.layouts.sides import Sides
from intacct_bridge.load.layouts.stated_total import check_total
from intacct_bridge.load.records.values import equal_form
from intacct_bridge.load.records.write import Finding, RecordLine, Write
from intacct_bridge.load.tables.cells import (
    AmountReading,
    Cell,
    DateOrder,
    DateReading,
    amount_reading,
    date_reading,
    read_date,
    read_money,
    text_of,
)
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.tables.table import InputTable
from intacct_bridge.load.target.attachments import COLUMN, FOLDER, FileSource, real_folder
from intacct_bridge.load.target.writable import WritableObject
from intacct_bridge.mapping.language import EntityMap, Rules
from intacct_bridge.mapping.paths import value_at
from intacct_bridge.mapping.rules import Found, LookupRequest, NoValue, Readers
from intacct_bridge.mapping.unify import Cells, NativeRecord, grouped, lookup_requests, native, with_answers
from intacct_protocol.errors import RecordError, SettingsError
from intacct_protocol.model.catalog import FieldDef
from intacct_protocol.model.suggestions import did_you_mean
from intacct_protocol.model.text_forms import nfc
from intacct_protocol.xml.values import Kind, Value

_DAYS = ("date", "time")

_ENTITIES = {"entity_number": "LOCATIONID", "entity_id": "RECORDNO", "entity_name": "NAME", "entity": ""}
"""The carried values that name the entity of a record, the most certain first, each with the entity's field."""


@dataclass(frozen=True, slots=True)
class MappedLayout:
    """Reads rows as records of one object by the rules of a mapping."""

    entity: EntityMap
    writable: WritableObject
    company: Gateway
    date_order: DateOrder | None = None
    draft: bool = False
    key: tuple[str, ...] = ()
    folder: str = FOLDER
    """The attachment folder of its files."""
    date_formats: Mapping[str, str] = field(default_factory=dict)
    """The format of dates by column; an empty name stands for all other columns."""
    names: Mapping[str, str] = field(default_factory=dict)
    """What the user calls fields that a record does not fill."""
    own_columns: Mapping[str, Container[str]] = field(default_factory=dict)
    """The columns that give a field itself; from another column, or from none, only new records get it."""
    sides: Sides | None = None
    """The step before the mapping, if amounts are in columns of debits and credits."""
    others: Mapping[str, WritableObject] = field(default_factory=dict)
    """Further objects that the mapping writes records to, by a column of theirs."""
    strict: bool = True
    """Whether the mapping is the user's own; its columns and fields must exist then."""

    @property
    def object(self) -> str:
        """The object that the records are of."""
        return self.writable.name

    def knows(self, column: str) -> bool:
        """Whether the mapping uses a column of this name."""
        return column.strip() in self.entity.record_columns

    def fits(self, columns: Sequence[str]) -> bool:
        """Whether the input has every column of the mapping."""
        return self.entity.record_columns.issuperset(columns) or set(columns).issuperset(self.entity.columns)

    def notes(self, table: InputTable) -> tuple[str, ...]:
        """The note on columns that the mapping does not use."""
        left = self._unused(table)
        return (f"The mapping does not use {', '.join(map(repr, left))}.",) if left else ()

    def _unused(self, table: InputTable) -> list[str]:
        if self.entity.rest == "pass":
            return []
        return [name for name in table.columns if name not in self.entity.record_columns]

    def read(self, table: InputTable) -> Iterator[Write]:
        """Every record of the input."""
        check_key(table, self.key)
        if self.strict:
            self._check_fields()
            if table.form == "csv":
                self.entity.check_columns(table.columns, table.path.name)
        yield from self.read_groups(table, lambda rows, _: grouped(self.entity, rows, _cells))

    def read_groups(
        self,
        table: InputTable,
        group: Callable[[Iterable[SourceRow], "ColumnReading"], Iterable[Sequence[SourceRow]]],
    ) -> Iterator[Write]:
        """Every record of the input, whose rows are grouped by the caller.

        Rows that the user's filter leaves out count too where a column shows how its dates and amounts are read.
        """
        check_formats(table, self.date_formats)
        unused = self._unused(table)
        states = (path for rule in self.entity.state for path in rule.sources)
        whole = (*self.entity.group_by, *_paths(self.entity.write), *self.entity.carry.values(), *states)
        header = dict.fromkeys(whole)
        lines = {path for line in self.entity.lines for path in _paths(line.write)} - header.keys()
        rows_of_table = [row.without(unused) for row in table]
        reading = self._reading(rows_of_table, table.decimal)
        records = [tuple(rows) for rows in filtered_rows(group(rows_of_table, reading), table, header, lines)]
        readers = Readers(
            number=lambda cell: read_money(_cell(cell), reading.amounts),
            day=lambda cell, column: read_date(_cell(cell), reading.of(column)),
            compared=lambda name, value, column: self._compared(name, value, reading.of(column)),
        )
        natives: Iterable[tuple[NativeRecord, list[Finding]]]
        natives = (self._native(rows, readers, reading.amounts) for rows in records)
        lookups = Lookups(self.company)
        if _looks_up(self.entity):
            natives = list(natives)
            lookups.learn(one for record, _ in natives for one in lookup_requests(record))
        clear, writables = self.entity.empty == "clear", {self.object: self.writable, **self.others}
        of_object = {
            name: (replace(self, writable=one), WriteBuilder(one, clear=clear, draft=self.draft, folder=self.folder))
            for name, one in writables.items()
        }
        base = real_folder(table.files)
        for rows, (record, findings) in zip(records, natives, strict=True):
            layout, builder = of_object[record.object if record.object in of_object else self.object]
            yield layout._write(
                builder,
                rows,
                with_answers(record, lookups.answer),
                base,
                reading,
                findings=findings,
                is_partial=table.where is not None,
            )

    def _native(
        self, rows: Sequence[SourceRow], readers: Readers, amounts: AmountReading
    ) -> tuple[NativeRecord, list[Finding]]:
        """A record through the mapping, and the findings of the step before it."""
        findings: list[Finding] = []
        sides = self.sides
        cells = [row.cells if sides is None else sides.cells(row, amounts, findings) for row in rows]
        return native(self.entity, cells, readers), findings

    def _compared(self, name: str, value: Found, reading: DateReading) -> Found:
        """What must be equal in all rows of a record: a date is one date however a row writes it."""
        if isinstance(value, LookupRequest | NoValue):
            return value
        definition = self.writable.field(name)
        if definition is not None and definition.kind is Kind.DATE:
            with suppress(RecordError):
                return read_date(_cell(value), reading)
        return equal_form(value)

    def _reading(self, rows: Sequence[SourceRow], decimal: str) -> "ColumnReading":
        """How amounts and dates of the input are read: one order of day and month for all columns without a format."""
        days = self._day_columns()
        texts: list[str] = []
        commas: list[str] = []
        typed: set[str] = set()
        for cells in (row.cells for row in rows):
            for name, cell in cells.items():
                if isinstance(cell, str):
                    if days is None or name in days:
                        texts.append(cell)
                    if "," in cell:
                        commas.append(cell)
                elif days and name in days and isinstance(cell, date):
                    typed.add(name)
        plain = date_reading(texts, self.date_order, self.date_formats.get("", ""))
        by_column = {name: DateReading(pattern=pattern) for name, pattern in self.date_formats.items() if name}
        for name in typed - by_column.keys():  # Excel may have swapped the dates of a column
            column = (row.cells.get(name) for row in rows)
            of_column = date_reading([cell for cell in column if isinstance(cell, (str, date))], self.date_order)
            by_column |= (
                {name: replace(plain, swapped=of_column.swapped)} if of_column.swapped and not plain.pattern else {}
            )
        return ColumnReading(plain, by_column, amount_reading(decimal, map(text_of, commas)))

    def _day_columns(self) -> frozenset[str] | None:
        """The columns that are read as days; None if they are inside lists."""
        if any(line.sources for line in self.entity.lines):
            return None
        paths: set[str] = set()
        for wrapper, write in (
            ("", self.entity.write),
            *((field_def.wrapper, field_def.write) for field_def in self.entity.lines),
        ):
            for name, rules in write.items():
                field_def = self._field(name, wrapper)
                by_field = field_def is not None and field_def.kind in (Kind.DATE, Kind.TIMESTAMP)
                paths |= {path for rule in rules if by_field or rule.as_ in _DAYS for path in rule.paths}
        return frozenset(paths)

    def _check_fields(self) -> None:
        """Raise SettingsError if the mapping makes a field that the object does not have."""
        for name in self.entity.write:
            if self.writable.field(name) is None:
                near = did_you_mean(name, list(self.writable.described.fields))
                raise SettingsError(f"{self.writable.name} has no field {name!r}{near}", fix="correct the mapping")
        for line in self.entity.lines:
            line_set = self.writable.line_set(line.wrapper)
            unknown = [name for name in line.write if line_set is None or line_set.field(name) is None]
            if unknown:
                raise SettingsError(f"{line.object} has no field {unknown[0]!r}", fix="correct the mapping")

    def _write(
        self,
        builder: WriteBuilder,
        rows: Sequence[SourceRow],
        record: NativeRecord,
        base: FileSource,
        reading: "ColumnReading",
        *,
        findings: list[Finding],
        is_partial: bool,
    ) -> Write:
        for problem in record.problems:
            of_other = "" if problem.other is None else f" of {rows[problem.other].position}"
            message, position = f"{problem.message}{of_other}", rows[problem.row].position
            findings.append(Finding(problem.rule, message, problem.fix, problem.column, position))
        fields: dict[str, Value] = {}
        for row, cells in _by_row(record):
            fields |= builder.fields(self._field_cells(cells, record.columns, "", reading), rows[row], findings)
        lines, columns = self._lines(builder, rows, record, reading, findings)
        if self.entity.total is not None:
            amounts = [line.amount for members in lines.values() for line in members]
            findings += check_total(self.entity, rows, amounts, reading.amounts, is_partial=is_partial)
        carried = self._carried(rows, findings)
        source = self._source_key(rows, findings)
        if not source and self.company.connection.external_ids == "unique":
            source = (text_of(carried.get("external_id")),)
        path = self.entity.carry.get(COLUMN, "")
        files = builder.files([(row, path, value_at(row.cells, path)) for row in rows if path], base, findings)
        others = (name for name, own in self.own_columns.items() if record.columns.get(name, "") not in own)
        return builder.write(
            rows,
            fields,
            lines,
            columns={**self.names, **record.columns, **columns},
            source_key=source if any(source) else (),
            attachments=files,
            findings=findings,
            entity=_named_entity(carried),
            only_new=frozenset(name for name in others if name in fields),
            equivalents=self.entity.equivalents,
            states=record.states,
        )

    def _lines(
        self,
        builder: WriteBuilder,
        rows: Sequence[SourceRow],
        record: NativeRecord,
        reading: "ColumnReading",
        findings: list[Finding],
    ) -> tuple[dict[str, tuple[RecordLine, ...]], dict[str, str]]:
        """The lines of a record by their wrapper, and the columns of fields that only lines have."""
        lines: dict[str, tuple[RecordLine, ...]] = {}
        columns: dict[str, str] = {}
        for wrapper, members in record.lines.items():
            record_lines = []
            columns_of_line: Mapping[str, str] = {}
            for line in members:
                row = rows[line.row]
                cells = self._field_cells(line.fields, line.columns, wrapper, reading)
                record_lines.append(RecordLine(line.object, builder.fields(cells, row, findings), row))
                if line.columns != columns_of_line:  # lines of one record mostly have the same columns
                    columns_of_line = line.columns
                    columns = {
                        name: one for name, one in columns_of_line.items() if name not in record.columns
                    } | columns
            lines[wrapper] = tuple(record_lines)
        return lines, columns

    def _carried(self, rows: Sequence[SourceRow], findings: list[Finding]) -> Mapping[str, Any]:
        """What no field takes, from the first row that has it; further rows must not contradict it."""
        carried: dict[str, Any] = {}
        for name, path in self.entity.carry.items():
            if name != COLUMN:
                first_row, _ = agree(((row, value_at(row.cells, path)) for row in rows), path, findings)
                carried |= {name: value_at(first_row.cells, path)} if first_row is not None else {}
        return carried

    def _source_key(self, rows: Sequence[SourceRow], findings: list[Finding]) -> tuple[str, ...]:
        """The record's key in its source: that of its first row, which no other row may contradict."""
        if not self.key:
            return ()
        keys = [tuple(text_of(row.cells.get(column)) for column in self.key) for row in rows]
        filled = [(row, key) for row, key in zip(rows, keys, strict=True) if any(key)]
        for row, key in filled[1:]:
            first_row, first = filled[0]
            if [*map(nfc, key)] != [*map(nfc, first)]:
                text = f"the key {', '.join(key)} contradicts {', '.join(first)} of {first_row.position}"
                fix = "rows of one record (group_by) have one key: make them agree, or name another column with `key`"
                findings.append(Finding("key", text, fix, self.key[0], row.position))
        return keys[0]

    def _field_cells(
        self, cells: Cells, columns: Mapping[str, str], wrapper: str, reading: "ColumnReading"
    ) -> Iterator[CellParts]:
        holder = self.writable.line_set(wrapper) if wrapper else self.writable
        by_column, plain, amounts = reading.by_column, reading.plain, reading.amounts
        for name, value in cells.items():
            field_def = holder.field(name) if holder else None
            if field_def is not None and not isinstance(value, LookupRequest):
                column = columns.get(name, name)
                yield field_def, column, value, by_column.get(column, plain), amounts

    def _field(self, name: str, wrapper: str) -> FieldDef | None:
        """A field of the header, or of the lines in a wrapper."""
        if not wrapper:
            return self.writable.field(name)
        line_set = self.writable.line_set(wrapper)
        return line_set.field(name) if line_set else None


@dataclass(frozen=True, slots=True)
class ColumnReading:
    """How dates and amounts are read in each column of one input."""

    plain: DateReading
    by_column: Mapping[str, DateReading]
    """The columns that have a format of their own."""
    amounts: AmountReading

    def of(self, column: str) -> DateReading:
        """How the dates of a column are read."""
        return self.by_column.get(column, self.plain)


def _paths(write: Mapping[str, Rules]) -> Iterator[str]:
    yield from (path for rules in write.values() for rule in rules for path in rule.sources)


def _looks_up(entity: EntityMap) -> bool:
    """Whether any rule looks a value up in the company."""
    writes = (entity.write, *(line.write for line in entity.lines))
    return any(rule.lookups or rule.reference for write in writes for rules in write.values() for rule in rules)


def _by_row(record: NativeRecord) -> Iterator[tuple[int, Cells]]:
    """The fields of a record by the row that gives them; nearly all are of the first."""
    if not record.rows:
        yield 0, record.fields
        return
    yield 0, {name: value for name, value in record.fields.items() if name not in record.rows}
    yield from ((row, {name: record.fields[name]}) for name, row in record.rows.items() if name in record.fields)


def _named_entity(carried: Mapping[str, object]) -> tuple[str, str]:
    """The entity that a record names, and the field by which it names it."""
    for name, by in _ENTITIES.items():
        text = text_of(carried.get(name)).strip()
        if text:
            return text, by
    return "", ""


def _cells(row: SourceRow) -> Mapping[str, object]:
    return row.cells


def _cell(cell: object) -> Cell:
    return cell if isinstance(cell, Cell) else str(cell)
