"""Cells become the typed fields of an object: what a cell says, by the kind of field that it is for.

An empty cell of a table says nothing; a null that an input states, or an empty cell where the user says so, clears the
field. What cannot be read is a finding in the input's own words, and the record goes no further.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import cast

from intacct_bridge.errors import RecordError
from intacct_bridge.flow.company.attachments import COLUMN, FOLDER, read_paths, with_files
from intacct_bridge.flow.company.writable import Subject
from intacct_bridge.flow.records.cells import Cell, DateReading, read_date, read_money, text_of
from intacct_bridge.flow.records.identity import Identifier, content_digest
from intacct_bridge.flow.records.tables import SourceRow
from intacct_bridge.flow.records.write import Finding, RecordLine, Write, WriteOperation
from intacct_bridge.model.catalog import FieldDef
from intacct_bridge.wire.values import Kind, Value, parse_value

_MDY = DateReading()
NUMBERS = (Kind.INTEGER, Kind.DECIMAL, Kind.CURRENCY, Kind.PERCENT)


@dataclass(frozen=True, slots=True)
class Said:
    """One cell with the field it is for and the column it stands in."""

    field: FieldDef
    column: str
    cell: object
    reading: DateReading = _MDY
    grouping: bool = False
    """Whether the input has amounts with points between thousands."""


def read_cell(one: FieldDef, cell: object, reading: DateReading = _MDY, *, grouping: bool = False) -> Value:
    """A cell as the field's kind has it; None for an empty one. RecordError where it cannot be read."""
    if isinstance(cell, list | Mapping):
        raise RecordError(f"{one.name} takes one value, not {'a list' if isinstance(cell, list) else 'a record'}")
    value = cast("Cell", cell)
    if one.kind in NUMBERS:
        return _number(one.kind, value, grouping=grouping)
    if one.kind is Kind.DATE:
        return read_date(value, reading)
    text = text_of(value)
    if one.kind is Kind.TIMESTAMP and text:
        return value if isinstance(value, datetime) else _moment(value, text, reading)
    if one.kind is Kind.BOOLEAN and text:
        return parse_value(Kind.BOOLEAN, text)
    return text or None


def _number(kind: Kind, cell: Cell, *, grouping: bool) -> Value:
    number = read_money(cell, grouping=grouping)
    whole = kind is Kind.INTEGER and number is not None and number == number.to_integral_value()
    return int(number) if whole and number is not None else number


def _moment(cell: Cell, text: str, reading: DateReading) -> Value:
    if isinstance(cell, date) or len(text) <= len("2026-01-31"):
        return read_date(cell, reading)
    return parse_value(Kind.TIMESTAMP, text)


@dataclass(slots=True)
class Shaper:
    """Makes writes of one object from one input; it counts equal records, so use one for one input."""

    subject: Subject
    clear: bool = False
    """Whether an empty cell clears its field."""
    draft: bool = False
    folder: str = FOLDER
    """Where attachments go."""
    _identifier: Identifier = field(default_factory=Identifier)

    def fields(self, said: Iterable[Said], row: SourceRow, findings: list[Finding]) -> dict[str, Value]:
        """The typed fields of a header or a line; what is wrong with a cell joins the findings."""
        fields: dict[str, Value] = {}
        for one in said:
            try:
                value = read_cell(one.field, one.cell, one.reading, grouping=one.grouping)
            except RecordError as error:
                findings.append(Finding("value", error.message, error.fix, one.column, row.position))
                continue
            if value is not None or self.clear:
                fields[one.field.name] = _spelled(one.field, value)
        return fields

    def write(
        self,
        rows: Sequence[SourceRow],
        fields: dict[str, Value],
        lines: Mapping[str, tuple[RecordLine, ...]],
        *,
        columns: Mapping[str, str],
        source_key: tuple[str, ...] = (),
        attachments: tuple[str, ...] = (),
        findings: Iterable[Finding] = (),
        entity: tuple[str, str] = ("", ""),
    ) -> Write:
        """The record as a write that would create it; planning makes it an update where that is wanted."""
        name = self.subject.name
        if self.draft:
            fields |= self.subject.lookup.draft
        faults = [Finding("row", row.fault, position=row.position) for row in rows if row.fault]
        digest = with_files(content_digest(name, fields, lines), attachments)
        identity = self._identifier.identify(name, fields, digest=digest, source_key=source_key or rows[0].key)
        return Write(
            WriteOperation.CREATE,
            name,
            fields,
            identity,
            digest,
            label_of(self.subject, fields, rows),
            tuple(rows),
            lines,
            columns,
            (*faults, *findings),
            attachments,
            self.folder if attachments else "",
            entity=entity[0],
            entity_by=entity[1],
        )

    def files(self, cell: object, base: Path | None, row: SourceRow, findings: list[Finding]) -> tuple[str, ...]:
        """The files that a cell names; one that is not there joins the findings."""
        try:
            paths = read_paths(cell, base)
        except RecordError as error:
            findings.append(Finding("file", error.message, error.fix, COLUMN, row.position))
            return ()
        if paths and self.subject.field("SUPDOCID") is None:
            text = f"{self.subject.name} takes no attachments"
            findings.append(Finding("file", text, "remove the column", COLUMN, row.position))
            return ()
        return paths


def label_of(subject: Subject, fields: Mapping[str, Value], rows: Sequence[SourceRow]) -> str:
    """How a person would call the record: `APBILL V-100 INV-7`, or by its place in the input."""
    names = subject.lookup.filled_key(fields) or tuple(name for way in subject.lookup.keys[:1] for name in way)
    said = [text_of(fields.get(name)) for name in names if fields.get(name) not in (None, "")]
    number = fields.get(subject.lookup.record_key)
    said = said or ([text_of(number)] if number else [])
    place = [] if said and subject.lookup.filled_key(fields) else [f"(row {rows[0].number})" if rows else ""]
    return " ".join(part for part in (subject.name, *said, *place) if part)


def _spelled(one: FieldDef, value: Value) -> Value:
    """A listed value as the company spells it."""
    if not one.values or not isinstance(value, str) or value in one.values:
        return value
    by_case = {known.casefold(): known for known in one.values}
    return by_case.get(value.casefold(), value)
