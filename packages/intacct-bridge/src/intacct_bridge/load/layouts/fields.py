"""Cells become the typed fields of an object, each by the kind of its field.

An empty cell of a table leaves the field unchanged. A null in JSON clears it, and so does an empty cell if the user
asks for that. A cell that cannot be read is a finding in the input's own words, and refuses the record.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple, cast

from intacct_bridge.load.records.identity import Identifier, content_digest, numbers_equals
from intacct_bridge.load.records.lookup_keys import LookupKeys
from intacct_bridge.load.records.source_states import StateWords, read_state
from intacct_bridge.load.records.write import (
    Finding,
    RecordLine,
    RecordState,
    SourceState,
    Write,
    WriteOperation,
    record_label,
)
from intacct_bridge.load.tables.cells import (
    POINT,
    AmountReading,
    Cell,
    DateReading,
    cents_of_float,
    read_date,
    read_money,
    text_of,
)
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.target.attachments import FOLDER, FileSource, all_files, read_paths, with_files
from intacct_bridge.load.target.writable import WritableObject
from intacct_bridge.mapping.unify import StateCell
from intacct_protocol.errors import RecordError
from intacct_protocol.model.catalog import FieldDef
from intacct_protocol.xml.values import DEFAULT, Formatting, Kind, Value, parse_value, render_value

_MDY = DateReading()
_TEXT = Kind.TEXT
_CURRENCIES = frozenset(("CURRENCY", "BASECURR"))
_PAYMENT_NUMBER = "DOCNUMBER"
DATE_ORDER = "date order"
"""The rule of warnings on dates whose order of day and month is assumed."""
FLOAT_NOISE = "float"
"""The rule of findings on amounts with the error of a binary float."""
NUMBERS = (Kind.INTEGER, Kind.DECIMAL, Kind.CURRENCY, Kind.PERCENT)


CellParts = tuple[FieldDef, str, object, DateReading, AmountReading]
"""The parts of a `FieldCell`; a plain tuple is made faster, and each cell of an input becomes one."""


class FieldCell(NamedTuple):
    """One cell with its field and its column."""

    field: FieldDef
    column: str
    cell: object
    reading: DateReading = _MDY
    amounts: AmountReading = POINT


def read_cell(
    field_def: FieldDef,
    cell: object,
    reading: DateReading = _MDY,
    *,
    amounts: AmountReading = POINT,
    formatting: Callable[[], Formatting] = lambda: DEFAULT,
) -> Value:
    """A cell as a value of the field's kind; None for an empty one. RecordError if it cannot be read.

    A time without a zone is UTC. `formatting`: that of the API user, whose clock must be able to show the time.
    """
    if type(cell) is not str and isinstance(cell, list | Mapping):
        kind = "a list" if isinstance(cell, list) else "a record"
        raise RecordError(f"{field_def.name} takes one value, not {kind}")
    value = cast("Cell", cell)
    if field_def.kind in NUMBERS:
        return _number(field_def.kind, value, amounts)
    if field_def.kind is Kind.DATE:
        return read_date(value, reading)
    text = text_of(value)
    if field_def.kind is Kind.TIMESTAMP and text:
        return value if isinstance(value, datetime) else _moment(value, text, reading, formatting)
    if field_def.kind is Kind.BOOLEAN and text:
        return parse_value(Kind.BOOLEAN, text)
    return text or None


def _number(kind: Kind, cell: Cell, amounts: AmountReading) -> Value:
    if type(cell) is int and kind is Kind.INTEGER:
        return cell
    number = read_money(cell, amounts)
    whole = kind is Kind.INTEGER and number is not None and number == number.to_integral_value()
    return int(number) if whole and number is not None else number


def _moment(cell: Cell, text: str, reading: DateReading, formatting: Callable[[], Formatting]) -> Value:
    if isinstance(cell, date) or len(text) <= len("2026-01-31"):
        return read_date(cell, reading)
    moment = parse_value(Kind.TIMESTAMP, text)
    clock = Formatting(offset_minutes=formatting().offset_minutes)
    render_value(Kind.TIMESTAMP, moment, clock)  # refuse it now, if the request cannot hold it
    return moment


@dataclass(slots=True)
class WriteBuilder:
    """Builds the writes of one object and one input; it counts equal records, so each input needs its own."""

    writable: WritableObject
    clear: bool = False
    """Whether an empty cell clears its field."""
    draft: bool = False
    folder: str = FOLDER
    """The attachment folder of its files."""
    _identifier: Identifier = field(default_factory=Identifier)
    _void_identifier: Identifier = field(default_factory=Identifier)
    _words: StateWords = field(init=False)

    def __post_init__(self) -> None:
        self._words = StateWords(self.writable.statuses)

    def fields(self, cells: Iterable[CellParts], row: SourceRow, findings: list[Finding]) -> dict[str, Value]:
        """The typed fields of a header or a line; unreadable cells are added to the findings."""
        fields: dict[str, Value] = {}
        for field_def, column, cell, reading, amounts in cells:
            if type(cell) is str and field_def.kind is _TEXT and not field_def.values:
                text = text_of(cell)
                if text or self.clear:
                    fields[field_def.name] = code_in_capitals(field_def.name, text) or None
                continue
            try:
                value = read_cell(field_def, cell, reading, amounts=amounts, formatting=self.writable.formatting)
            except RecordError as error:
                rule = "date" if field_def.kind is Kind.DATE else "amount" if field_def.kind in NUMBERS else "value"
                findings.append(Finding(rule, error.message, error.fix, column, row.position))
                continue
            if field_def.kind is Kind.DATE and (text := reading.doubt(cell)):
                findings.append(date_order_doubt(text, column, row))
            if value is not None or self.clear:
                fields[field_def.name] = _spelled(field_def, _in_cents(field_def, column, value, row, findings))
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
        only_new: frozenset[str] = frozenset(),
        equivalents: Mapping[str, Mapping[str, frozenset[str]]] | None = None,
        states: Iterable[StateCell] = (),
    ) -> Write:
        """The record as a write that creates it; planning makes it an update or a delete if the mode is that."""
        name = self.writable.name
        state, wrong = self._state(rows, states)
        findings = (*findings, *wrong)
        if self.draft or state.state is SourceState.DRAFT:
            fields |= self.writable.lookup.draft
        faults = [finding for row in rows for finding in row_findings(row)]
        digest = with_files(content_digest(name, fields, lines), attachments)
        identifier = self._void_identifier if state.is_void else self._identifier  # equal live records stay numbered
        source_key = source_key or rows[0].key
        is_number = numbers_equals(rows)
        labels = self.writable.labels
        identity = identifier.identify(
            name, fields, digest=digest, source_key=source_key, is_number=is_number, labels=labels
        )
        return Write(
            WriteOperation.CREATE,
            name,
            fields,
            identity,
            digest,
            label_of(self.writable.lookup, fields, rows),
            tuple(rows),
            lines,
            columns,
            (*faults, *findings),
            attachments,
            self.folder if attachments else "",
            entity=entity[0],
            entity_by=entity[1],
            only_new=only_new,
            equivalents=equivalents or {},
            state=state,
            source_key=source_key,
            labels=labels,
        )

    def _state(self, rows: Sequence[SourceRow], states: Iterable[StateCell]) -> tuple[RecordState, list[Finding]]:
        """The state of a record in its source; a draft of an object without drafts is refused."""
        marked = (StateCell("deleted", row.deleted, at) for at, row in enumerate(rows) if row.deleted)
        state, findings = read_state((*states, *marked), self._words, [row.position for row in rows])
        if state.state is SourceState.DRAFT and not self.writable.lookup.draft:
            text = f"{state.word!r} is a draft, and {self.writable.name} has no drafts"
            fix = "leave it out until it is approved in its source"
            findings.append(Finding("status", text, fix, state.column, rows[0].position))
        return state, findings

    def files(
        self, cells: Iterable[tuple[SourceRow, str, object]], base: FileSource, findings: list[Finding]
    ) -> tuple[str, ...]:
        """The files that a record's cells name, each cell with its row and column; a missing one becomes a finding."""
        named = [one for one in cells if one[2] not in (None, "", [])]
        try:
            paths = read_paths(all_files(cell for _, _, cell in named), base)
        except RecordError as error:
            row, column = _naming(named, error, base)
            findings.append(Finding("file", error.message, error.fix, column, row.position))
            return ()
        if paths and self.writable.field("SUPDOCID") is None:
            row, column, _ = named[0]
            text = f"{self.writable.name} takes no attachments"
            findings.append(Finding("file", text, "remove the column", column, row.position))
            return ()
        return paths


def _naming(
    cells: Sequence[tuple[SourceRow, str, object]], error: RecordError, base: FileSource
) -> tuple[SourceRow, str]:
    """The row and the column of the first cell that alone has this error."""
    for row, column, cell in cells:
        try:
            read_paths(cell, base)
        except RecordError as own:
            if own.message == error.message:
                return row, column
    return cells[0][:2]


def date_order_doubt(text: str, column: str, row: SourceRow) -> Finding:
    """The warning on a date whose order of day and month is assumed."""
    fix = "set `date_order` to dmy if the day comes first, else to mdy"
    return Finding(DATE_ORDER, text, fix, column, row.position, refuses=False)


def row_findings(row: SourceRow) -> list[Finding]:
    """A finding for each part of a row that cannot be read."""
    return [Finding("row", why, column=column, position=row.position) for column, why in row.faults]


def label_of(lookup: LookupKeys, fields: Mapping[str, Value], rows: Sequence[SourceRow]) -> str:
    """A name of the record for people: `APBILL V-100 INV-7`, `GJ 2026-01-31 'Payroll' PR-0131`, or its place."""
    if lookup.object == "GLBATCH":
        head, title, reference = (
            record_label(*map(fields.get, names))
            for names in (("JOURNAL", "BATCH_DATE"), ("BATCH_TITLE",), ("REFERENCENO",))
        )
        if entry := " ".join(part for part in (head, title and f"'{title}'", reference) if part):
            return entry
    if lookup.payment_lines and fields.get(_PAYMENT_NUMBER):  # it is no key: Intacct lets two payments have it
        named = (text_of(fields.get(name)) for name in ("VENDORID", "CUSTOMERID", _PAYMENT_NUMBER))
        return record_label(lookup.object, *named)
    names = lookup.filled_key(fields) or tuple(name for way in lookup.keys[:1] for name in way)
    parts = [text_of(fields.get(name)) for name in names if fields.get(name) not in (None, "")]
    number = fields.get(lookup.record_key)
    parts = parts or ([text_of(number)] if number else [])
    place = [] if parts and lookup.filled_key(fields) else [f"(row {rows[0].number})" if rows else ""]
    return record_label(lookup.object, *parts, *place)


def _in_cents(field_def: FieldDef, column: str, value: Value, row: SourceRow, findings: list[Finding]) -> Value:
    """The value; an amount with the error of a binary float is the amount in cents, with a note."""
    if not isinstance(value, Decimal) or not field_def.is_money:
        return value
    cents = cents_of_float(value)
    if cents is None:
        return value
    findings.append(Finding(FLOAT_NOISE, f"{value} is read as {cents}", "", column, row.position, refuses=False))
    return cents


def code_in_capitals(name: str, text: str) -> str:
    """The text of a field; the code of a currency is `USD`, however the input writes it."""
    return text.upper() if name in _CURRENCIES else text


def _spelled(field_def: FieldDef, value: Value) -> Value:
    """A listed value as the company spells it."""
    if isinstance(value, str):
        value = code_in_capitals(field_def.name, value)
    if not field_def.values or not isinstance(value, str) or value in field_def.values:
        return value
    by_case = {known.casefold(): known for known in field_def.values}
    return by_case.get(value.casefold(), value)
