"""Journal entries as controllers write them: each row is a line, with the entry's own columns repeated or left blank.

Rows with the same journal, date, title and reference are one entry, wherever they are in the file. A line has a debit
or a credit, never both; a negative debit is a credit. The names of Intacct's own import template are understood too.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from intacct_bridge.load.layouts.base import (
    MatchedColumns,
    agree,
    check_formats,
    check_key,
    column_reading,
    kept,
    match_columns,
    missing_columns,
    normalized,
    unused_note,
)
from intacct_bridge.load.layouts.declaration import declarations, otherwise_notes, second
from intacct_bridge.load.layouts.fields import FLOAT_NOISE, code_in_capitals, date_order_doubt, read_cell, row_findings
from intacct_bridge.load.layouts.template import without_example
from intacct_bridge.load.records.identity import Identifier, content_digest
from intacct_bridge.load.records.write import Finding, RecordLine, Write, WriteOperation, record_label
from intacct_bridge.load.tables.cells import (
    AmountReading,
    DateOrder,
    DateReading,
    amount_reading,
    cents_fix,
    cents_of_float,
    read_date,
    read_money,
    text_of,
)
from intacct_bridge.load.tables.source_row import SourceRow, scalar
from intacct_bridge.load.tables.table import InputTable
from intacct_bridge.load.target.writable import WritableObject
from intacct_bridge.mapping.grouping import group_rows
from intacct_protocol.errors import RecordError
from intacct_protocol.model.catalog import FieldDef
from intacct_protocol.model.text_forms import nfc
from intacct_protocol.xml.values import Value

DECLARED = declarations()["journal-entries"]
MEANINGS = DECLARED.meanings
REQUIRED = tuple(one.name for one in DECLARED.columns if one.required)
_ELSEWHERE = ("TR_TYPE", "TRX_AMOUNT", "AMOUNT", "STATE", "RECORDNO")
"""Fields that follow from debit and credit, and fields that a file may not set."""
_ENTRY = ("journal", "date", "title", "reference")
_HEADER = {"journal": "JOURNAL", "title": "BATCH_TITLE", "reference": "REFERENCENO", "source entity": "BASELOCATION_NO"}
_HEADER_DATES = {"date": "BATCH_DATE", "reverse date": "REVERSEDATE"}
_AMOUNTS = ("debit", "credit", "exchange rate date", "exchange rate")
_LINE = {
    one.name: DECLARED.field_of(one)
    for one in DECLARED.columns
    if DECLARED.is_of_line(one) and one.name not in _AMOUNTS
}
_LINE_FIELDS = {**_LINE, "exchange rate date": "EXCH_RATE_DATE", "exchange rate": "EXCHANGE_RATE"}
WHOLE_DIGITS = 18
"""An amount with more digits is a mistake; sums with this number of digits stay exact."""


@dataclass(frozen=True, slots=True)
class JournalLayout:
    """Reads rows as GLBATCH records with their GLENTRY lines."""

    date_order: DateOrder | None = None
    draft: bool = False
    """Send the entries as drafts, which post nothing yet."""
    key: tuple[str, ...] = ()
    """Columns that identify an entry in its source, for entries without a reference."""
    writable: Callable[[], WritableObject] | None = None
    """Describes the entry, for columns of other fields under Intacct's own names; None in an offline plan."""
    object: str = "GLBATCH"
    date_formats: Mapping[str, str] = field(default_factory=dict)
    """The format of dates by column; an empty name stands for all other columns."""

    def read(self, table: InputTable) -> Iterator[Write]:
        """Every journal entry in the order of its first row."""
        matched = self.match(table)
        check_formats(table, self.date_formats)
        table = without_example(table, DECLARED, matched)
        more = self._native_columns(matched)
        dates = {
            meaning: column_reading(
                column, [row.cells.get(column) for row in table], self.date_order, self.date_formats
            )
            for meaning in ("date", "reverse date", "exchange rate date")
            if (column := matched.columns.get(meaning)) is not None
        }
        sides = [column for meaning in ("debit", "credit") if (column := matched.columns.get(meaning))]
        amounts = amount_reading(table.decimal, (text_of(row.cells.get(column)) for row in table for column in sides))
        identifier = Identifier()
        seconds = ((meaning, matched.columns.get(second(meaning))) for meaning in MEANINGS)
        otherwise = {meaning: column for meaning, column in seconds if column is not None}
        unused = self._unused(matched, more)
        read = (row.without(unused) for row in table)
        groups = _grouped(read, matched, dates["date"], self.key, table.constants)
        header = [column for one in _HEADER | _HEADER_DATES if (column := matched.columns.get(one)) is not None]
        lines = [column for column in matched.columns.values() if column not in header]
        for rows in kept(groups, table, header, lines):
            yield _EntryReader(self, matched, dates, identifier, more=more, amounts=amounts, otherwise=otherwise).write(
                rows
            )

    def knows(self, column: str) -> bool:
        """Whether a column of this name has a meaning."""
        return normalized(column) in DECLARED.known_names

    def fits(self, columns: Sequence[str]) -> bool:
        """Whether an input with these columns has those that are required."""
        return not DECLARED.missing(columns)

    def notes(self, table: InputTable) -> tuple[str, ...]:
        """Which columns are not used."""
        matched = self.match(table)
        unused = unused_note(replace(matched, unused=self._unused(matched, self._native_columns(matched))))
        example = without_example(table, DECLARED, matched)
        return (*unused, *otherwise_notes(matched), *(example.notes if example is not table else ()))

    def _unused(self, matched: MatchedColumns, more: Container[str]) -> tuple[str, ...]:
        return tuple(name for name in matched.unused if name not in more and name not in self.key)

    def _native_columns(self, matched: MatchedColumns) -> Mapping[str, tuple[FieldDef, bool]]:
        """Columns under Intacct's own names, each with its field and whether that is a field of the lines."""
        names = [name for name in matched.unused if name == name.upper()]
        if not names or self.writable is None:
            return {}
        writable = self.writable()
        line_set, found = writable.line_set("ENTRIES"), {}
        for name in names:
            line = line_set.field(name) if line_set is not None else None
            one = line or writable.field(name)
            if one is not None and one.name not in _ELSEWHERE:
                found[name] = (one, line is not None)
        return found

    def match(self, table: InputTable) -> MatchedColumns:
        """The columns by meaning. Raises SettingsError if a required one is missing."""
        matched = match_columns(table.columns, MEANINGS, source=table.path.name)
        matched = _description_of_lines(matched, table)
        missing = [one for one in REQUIRED if not matched.columns.keys() & {one, second(one)}]
        if missing:
            raise missing_columns(table, missing)
        check_key(table, self.key)
        return matched


def _description_of_lines(matched: MatchedColumns, table: InputTable) -> MatchedColumns:
    """A description is the entry's title in an import template, and the line's text in a report without journals."""
    title, journal = matched.columns.get("title", ""), matched.columns.get("journal")
    own_journal = journal is not None and journal not in table.constants
    if normalized(title) != "description" or own_journal or "memo" in matched.columns:
        return matched
    others = {meaning: column for meaning, column in matched.columns.items() if meaning != "title"}
    return replace(matched, columns={**others, "memo": title})


def _grouped(
    table: Iterable[SourceRow],
    matched: MatchedColumns,
    reading: DateReading,
    key: tuple[str, ...],
    constants: Container[str],
) -> Iterable[list[SourceRow]]:
    """The rows of each entry; a row whose entry columns are all blank belongs to the entry above it.

    Entries without a reference are also separated by their source's key, which identifies them.
    """
    columns = [matched.columns.get(meaning, "") for meaning in _ENTRY]
    of_file = [column for column in columns if column not in constants]

    def entry(row: SourceRow) -> tuple[object, ...]:
        journal, day, *others = (nfc(text_of(row.cells.get(column))) for column in columns)
        return (journal, _comparable(day, reading), *others)

    def records(rows: list[SourceRow]) -> Iterable[list[SourceRow]]:
        if text_of(rows[0].cells.get(matched.columns.get("reference", ""))):
            return [rows]
        return group_rows(rows, lambda row: _source_key(row, key), lambda row: not _source_key(row, key))

    entries = group_rows(table, entry, lambda row: not any(text_of(row.cells.get(column)) for column in of_file))
    return sorted((record for rows in entries for record in records(rows)), key=lambda rows: rows[0].number)


def _source_key(row: SourceRow, key: tuple[str, ...]) -> tuple[str, ...]:
    """The entry's key in its source; empty if it has none."""
    texts = tuple(text_of(row.cells.get(column)) for column in key)
    return texts if any(texts) else ()


def _comparable(text: str, reading: DateReading) -> date | str | None:
    try:
        return read_date(text, reading)
    except RecordError:
        return text


class _EntryReader:
    """Reads the rows of one entry and collects findings."""

    def __init__(
        self,
        layout: JournalLayout,
        matched: MatchedColumns,
        dates: Mapping[str, DateReading],
        identifier: Identifier,
        *,
        more: Mapping[str, tuple[FieldDef, bool]],
        amounts: AmountReading,
        otherwise: Mapping[str, str],
    ) -> None:
        self._layout = layout
        self._amounts = amounts
        self._native_columns = more
        self._columns = matched.columns
        self._otherwise = otherwise
        self._dates = dates
        self._identifier = identifier
        self._findings: list[Finding] = []

    def write(self, rows: list[SourceRow]) -> Write:
        """The entry as a write."""
        fields = self._header(rows)
        lines = {"ENTRIES": tuple(self._line(row) for row in rows)}
        digest = content_digest(self._layout.object, fields, lines)
        source_key = _source_key(rows[0], self._layout.key)
        return Write(
            WriteOperation.CREATE,
            self._layout.object,
            fields,
            self._identifier.identify(self._layout.object, fields, digest=digest, source_key=source_key),
            digest,
            entry_label(fields),
            tuple(rows),
            lines,
            self._names(),
            tuple(self._findings),
        )

    def _names(self) -> Mapping[str, str]:
        """The input's column for each Intacct field."""
        known = {**_HEADER, **_HEADER_DATES, **_LINE_FIELDS, "debit": "TRX_AMOUNT"}
        named = {known[meaning]: column for meaning, column in self._columns.items() if meaning in known}
        return named | {one.name: column for column, (one, _) in self._native_columns.items()}

    def _others(self, row: SourceRow, *, of_line: bool) -> dict[str, Value]:
        """The fields of a row in columns under Intacct's own names."""
        fields: dict[str, Value] = {}
        for column, (one, is_line) in self._native_columns.items():
            if is_line is not of_line or not text_of(row.cells.get(column)):
                continue
            try:
                fields[one.name] = read_cell(one, row.cells[column], self._dates["date"], amounts=self._amounts)
            except RecordError as error:
                self._findings.append(Finding("value", error.message, error.fix, column, row.position))
        return fields

    def _header(self, rows: list[SourceRow]) -> dict[str, Value]:
        fields: dict[str, Value] = {}
        for meaning, name in (_HEADER | _HEADER_DATES).items():
            row, value = self._first(rows, meaning)
            if row is not None:
                fields[name] = self._date(row, meaning) if meaning in _HEADER_DATES else value
            elif meaning in REQUIRED:
                self._refuse("required", f"the {meaning} is missing", rows[0], meaning, fix=f"fill in the {meaning}")
        for column, (_, is_line) in self._native_columns.items():
            if not is_line:
                agree(((row, row.cells.get(column)) for row in rows), column, self._findings)
        for row in reversed(rows):
            fields |= self._others(row, of_line=False)
        if self._layout.draft:
            fields["STATE"] = "Draft"
        return fields

    def _first(self, rows: list[SourceRow], meaning: str) -> tuple[SourceRow | None, str]:
        """The first row with a text under this meaning, and the text; the entry's own columns group its rows."""
        findings = [] if meaning in _ENTRY else self._findings
        cells = ((row, self._text(row, meaning)) for row in rows)
        return agree(cells, self._columns.get(meaning, meaning), findings)

    def _line(self, row: SourceRow) -> RecordLine:
        self._findings += row_findings(row)
        fields: dict[str, Value] = {}
        for meaning, name in _LINE.items():
            text = self._text(row, meaning)
            if text:
                fields[name] = code_in_capitals(name, text)
        if "ACCOUNTNO" not in fields:
            self._refuse("required", "the account is missing", row, "account", fix="fill in the account")
        if self._text(row, "exchange rate date"):
            fields["EXCH_RATE_DATE"] = self._date(row, "exchange rate date")
        rate = self._amount(row, "exchange rate")
        if rate is not None:
            fields["EXCHANGE_RATE"] = rate
        fields |= self._others(row, of_line=True)
        self._sides(row, fields)
        return RecordLine("GLENTRY", fields, row)

    def _sides(self, row: SourceRow, fields: dict[str, Value]) -> None:
        """Put the amount and its side into a line: TRX_AMOUNT is absolute, TR_TYPE is 1 for debit and -1 for credit."""
        known = len(self._findings)
        debit, credit = self._amount(row, "debit"), self._amount(row, "credit")
        if len(self._findings) > known:
            return
        if debit and credit:
            self._refuse("sides", "the line has a debit and a credit", row, "debit", fix="split it into two lines")
            return
        amount = debit or credit
        if not amount:
            self._refuse("sides", "the line has no amount", row, "debit", fix="fill in one side, or remove the line")
            return
        meaning = "debit" if debit else "credit"
        side = 1 if debit else -1
        amount = self._in_cents(amount, row, meaning)
        if amount is None:
            return
        if amount < 0:
            amount, side = amount.copy_abs(), -side
            other = "credit" if meaning == "debit" else "debit"
            text = f"the negative {meaning} is posted as a {other} of {amount:f}"
            self._findings.append(Finding("sides", text, "", self._columns[meaning], row.position, refuses=False))
        fields["TRX_AMOUNT"], fields["TR_TYPE"] = amount, side

    def _in_cents(self, amount: Decimal, row: SourceRow, meaning: str) -> Decimal | None:
        """The same amount with at most two decimals; None, and a finding, if it has more or is too large."""
        cents = cents_of_float(amount)
        if cents is not None:
            text = f"{amount} is read as {cents}"
            self._findings.append(Finding(FLOAT_NOISE, text, "", self._columns[meaning], row.position, refuses=False))
            return cents
        text = format(amount, "f")
        whole, _, fraction = text.removeprefix("-").partition(".")
        if fraction.rstrip("0")[2:]:
            self._refuse("decimals", f"{text} has more than two decimals", row, meaning, fix=cents_fix(text))
        elif len(whole) > WHOLE_DIGITS:
            self._refuse("digits", f"{text} has too many digits", row, meaning, fix="check the amount")
        else:
            return Decimal(text[: len(text) - max(len(fraction) - 2, 0)])
        return None

    def _text(self, row: SourceRow, meaning: str) -> str:
        column = self._columns.get(meaning)
        text = text_of(row.cells.get(column)) if column is not None else ""
        if text or meaning not in self._otherwise:
            return text
        return text_of(row.cells.get(self._otherwise[meaning]))

    def _amount(self, row: SourceRow, meaning: str) -> Decimal | None:
        column = self._columns.get(meaning)
        if column is None:
            return None
        try:
            return read_money(scalar(row, column), self._amounts)
        except RecordError as error:
            self._refuse("amount", error.message, row, meaning, fix=error.fix)
            return None

    def _date(self, row: SourceRow, meaning: str) -> date | None:
        cell, reading = scalar(row, self._columns[meaning]), self._dates[meaning]
        if text := reading.doubt(cell):
            self._findings.append(date_order_doubt(text, self._columns[meaning], row))
        try:
            return read_date(cell, reading)
        except RecordError as error:
            self._refuse("date", error.message, row, meaning, fix=error.fix)
            return None

    def _refuse(self, rule: str, message: str, row: SourceRow, meaning: str, *, fix: str = "") -> None:
        self._findings.append(Finding(rule, message, fix, self._columns.get(meaning, meaning), row.position))


def entry_label(fields: Mapping[str, Value]) -> str:
    """How a person would call a journal entry: `GJ 2026-01-31 'Payroll' PR-0131`."""
    title = f"'{record_label(fields['BATCH_TITLE'])}'" if fields.get("BATCH_TITLE") else None
    return " ".join(
        part
        for part in (
            record_label(fields.get("JOURNAL"), fields.get("BATCH_DATE")),
            title,
            record_label(fields.get("REFERENCENO")),
        )
        if part
    )
