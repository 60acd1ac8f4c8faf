"""The total at the foot of a sheet: recognised, left out, and named, since it is no record.

A row is left out only if it has the word for a total and amounts, nothing else, and each amount is the sum of its
column to the cent. Any other row of nothing but such sums, of all rows above or of those since the last total, is
refused: it may be a total without its word, or a further line whose numbers happen to add up. Below one row it may
repeat that row. A total that does not add up stays a row like any other, and the rules refuse it: it has no account.
If constants complete each row, it is refused: here if it has one amount, else once a layout has read it.
"""

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import cast

import msgspec

from intacct_bridge.load.tables.cells import AmountReading, Cell, amount_reading, read_money, text_of
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.tables.table import InputTable
from intacct_protocol.errors import RecordError

_WORDS = frozenset(
    {"total", "totals", "grand total", "subtotal", "sub-total", "sum", "totale", "totaal", "summe", "gesamt"}
)
_LIKE_A_TOTAL = (
    "the row has only amounts, each the sum of those above: remove it if it is a total; if it is a line, fill in "
    "another cell of it, such as the number of its record"
)
HAS_THE_WORD = (
    "the row has the word for a total and amounts, and nothing else of its own: remove it if it is a total; "
    "if it is a line, fill in another cell of it, such as the number of its record"
)
_SHEETS = ("csv", "excel")
_FOOT = re.compile(
    r"^(page|printed|prepared by|generated|created|exported|report|run|end of|source|confidential|note|©|as of)\b", re.I
)
"""How the strings begin that reports have at their foot; other strings may be records that have nothing but a name."""


def without_total_row(table: InputTable) -> InputTable:
    """The same input without what is no record, and with a note on each; the input itself if it has nothing such.

    That is the total at its foot, the strings below the total, and rows that repeat the header on a further page. A row
    that is like a total and stays gets a fault, which refuses its record.
    """
    if table.form not in _SHEETS:
        return table
    if table.where is None:  # the records of a plan keep all rows anyway; a filter may leave most of them out
        all_rows = list(table)
        table = replace(table, rows=lambda: iter(all_rows))
    rows = _SheetRows.of(table)
    like_totals = _like_totals(table, rows.amounts, frozenset(rows.repeated)) if rows.amounts else set[int]()
    worded = rows.with_word_and_one_amount() - like_totals if table.constants else set[int]()
    total = rows.last if rows.last in like_totals & rows.with_word else None
    foot = rows.below if total is not None or all(map(_FOOT.search, rows.below.values())) else {}
    skipped = frozenset({*rows.repeated, *foot, *(() if total is None else (total,))})
    if not skipped and not like_totals and not worded:
        return table
    return replace(
        table,
        rows=lambda: (_refused(row, like_totals, worded) for row in table if row.number not in skipped),
        notes=(*table.notes, *_notes(table.path.name, rows, total, foot)),
    )


def cells_beside_word(row: SourceRow, table: InputTable) -> frozenset[str]:
    """The texts of a row's own cells that are all amounts and stand beside the word for a total; else none.

    A number such as that of an account is an amount here: only a layout knows the difference.
    """
    cells = table.own_cells(row)
    if not table.constants or not _has_word(cells):
        return frozenset()
    amounts = _amounts(cells, len(cells.cells), amount_reading(table.decimal, ()))
    return frozenset(text_of(cells.cells[column]) for column in amounts)


@dataclass(slots=True)
class _SheetRows:
    """What the rows of a sheet are, by their numbers."""

    repeated: list[int] = field(default_factory=list)
    """They repeat the header."""
    amounts: dict[int, Mapping[str, Decimal]] = field(default_factory=dict)
    """The amounts of the rows that have little else."""
    with_word: set[int] = field(default_factory=set)
    """The rows among them with the word for a total."""
    last: int | None = None
    """The last row that is neither a header nor a single text."""
    below: dict[int, str] = field(default_factory=dict)
    """The single texts below it."""

    @classmethod
    def of(cls, table: InputTable) -> "_SheetRows":
        """Look at every row once."""
        rows = cls()
        width, reading = len(table.columns) - len(table.constants), amount_reading(table.decimal, ())
        for row in map(table.own_cells, table):
            text = _only_text(row)
            if _repeats_header(row):
                rows.repeated.append(row.number)
            elif len(table.columns) > 2 and not row.fault and any(map(str.isalpha, text)):
                rows.below[row.number] = text
            else:
                rows.last, rows.below = row.number, {}
                rows._keep_amounts(row, width, reading)
        return rows

    def _keep_amounts(self, row: SourceRow, width: int, reading: AmountReading) -> None:
        amounts = _amounts(row, width, reading)
        if amounts:
            self.amounts[row.number] = amounts
            if _has_word(row):
                self.with_word.add(row.number)

    def with_word_and_one_amount(self) -> set[int]:
        """Rows that constants complete: the rules would take such a row as a further line of the record above."""
        return {number for number in self.with_word if len(self.amounts[number]) == 1}


def _notes(file: str, rows: _SheetRows, total: int | None, foot: Mapping[int, str]) -> Iterator[str]:
    """What is left out."""
    if len(rows.repeated) > 1:
        yield f"{len(rows.repeated)} rows of {file} repeat the header; they are left out."
    elif rows.repeated:
        yield f"Row {rows.repeated[0]} of {file} repeats the header; it is left out."
    if total is not None:
        shown = ", ".join(f"{column} {amount:,f}" for column, amount in rows.amounts[total].items())
        yield f"Row {total} of {file} is a total ({shown}); it is left out."
    for number, text in foot.items():
        yield f"Row {number} of {file} is {text!r}; it is left out."


def _refused(row: SourceRow, like_totals: Container[int], worded: Container[int]) -> SourceRow:
    if row.number in like_totals:
        return msgspec.structs.replace(row, fault=_LIKE_A_TOTAL)
    return msgspec.structs.replace(row, fault=HAS_THE_WORD) if row.number in worded else row


def _repeats_header(row: SourceRow) -> bool:
    filled = 0
    for column, cell in row.cells.items():
        text = text_of(cell)
        if text and text != column:
            return False
        filled += bool(text)
    return filled > 1


def _only_text(row: SourceRow) -> str:
    """The text of a row with one filled cell; empty for another row."""
    only = ""
    for cell in row.cells.values():
        text = text_of(cell)
        if text and only:
            return ""
        only = only or text
    return only


def _amounts(row: SourceRow, width: int, reading: AmountReading) -> dict[str, Decimal]:
    """The amounts of a row that leaves some of its `width` columns blank, or has the word for a total; else none."""
    amounts: dict[str, Decimal] = {}
    if row.fault:
        return amounts
    for column, cell in row.cells.items():
        text = text_of(cell)
        if not text or _is_word(text):
            continue
        amount = _amount(cell, reading)
        if amount is None:
            return {}
        amounts[column] = amount
    is_blank_elsewhere = len(amounts) < width and any(amounts.values())
    return amounts if is_blank_elsewhere or _has_word(row) else {}


def _like_totals(table: InputTable, amounts: Mapping[int, Mapping[str, Decimal]], repeated: Container[int]) -> set[int]:
    """The rows whose amounts are the sums of all rows above, or of those since the total above; of two at least."""
    columns = {column for own in amounts.values() for column in own}
    totals: set[int] = set()
    whole, part = _Sums(columns), _Sums(columns)
    reading = amount_reading(table.decimal, ())
    for row in table:
        if row.number in repeated:
            continue
        read_amounts = amounts.get(row.number, {})
        least = 1 if totals and _has_word(row) else 2  # further totals may be of one row each
        if read_amounts and (whole.are(read_amounts) or part.are(read_amounts, least)):
            totals.add(row.number)
            part = _Sums(columns)
            continue
        cells = {column: row.cells.get(column) for column in columns}
        read = {column: _amount(cell, reading) if text_of(cell) else Decimal(0) for column, cell in cells.items()}
        whole.add(read)
        part.add(read)
    return totals


class _Sums:
    """The sums of some columns; a column with something else than amounts has none."""

    def __init__(self, columns: set[str]) -> None:
        self._sums = dict.fromkeys(columns, Decimal(0))
        self._count = 0

    def add(self, row: Mapping[str, Decimal | None]) -> None:
        self._count += 1
        for column in [*self._sums]:
            amount = row[column]
            if amount is None:
                del self._sums[column]
            else:
                self._sums[column] += amount

    def are(self, amounts: Mapping[str, Decimal], least: int = 2) -> bool:
        """Whether these are the sums of at least this number of rows."""
        return self._count >= least and all(self._sums.get(column) == amount for column, amount in amounts.items())


def _has_word(row: SourceRow) -> bool:
    return any(_is_word(text_of(cell)) for cell in row.cells.values())


def _is_word(text: str) -> bool:
    return text.casefold().rstrip(" :") in _WORDS


def _amount(cell: object, reading: AmountReading) -> Decimal | None:
    try:
        return read_money(cast("Cell", cell), reading)
    except (RecordError, TypeError):
        return None
