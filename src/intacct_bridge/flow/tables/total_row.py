"""The total at the foot of a sheet: recognised, left out, and named, since it is no record.

A row is a total only where it has the word for one and amounts, nothing else, and each amount is the sum of its column
to the cent. Without the word it may be a further line whose numbers happen to add up; below one row it may repeat it.
A total that does not add up stays a row like any other, and the rules refuse it.
"""

import re
from dataclasses import replace
from decimal import Decimal
from typing import cast

from intacct_bridge.errors import RecordError
from intacct_bridge.flow.tables.cells import Cell, read_money, text_of
from intacct_bridge.flow.tables.source_row import SourceRow
from intacct_bridge.flow.tables.table import InputTable

_WORDS = frozenset({"total", "totals", "grand total", "sum", "totale", "totaal", "summe", "gesamt"})
_SHEETS = ("csv", "excel")
_FOOT = re.compile(
    r"^(page|printed|prepared by|generated|created|exported|report|run|end of|source|confidential|note|©|as of)\b", re.I
)
"""How the texts begin that reports have at their foot; other texts may be records that have nothing but a name."""


def without_total_row(table: InputTable) -> InputTable:
    """The same input without what is no record, and with a note on each; the input itself where it has nothing such.

    That is the total at its foot, the texts below the total, and rows that repeat the header on a further page.
    """
    if table.form not in _SHEETS:
        return table
    if table.where is None:  # the records of a plan keep all rows anyway; a filter may leave most of them out
        found = list(table)
        table = replace(table, rows=lambda: iter(found))
    repeated: list[int] = []
    last: SourceRow | None = None
    texts: list[SourceRow] = []
    for row in map(table.own_cells, table):
        if _repeats_header(row):
            repeated.append(row.number)
        elif len(table.columns) > 2 and not row.fault and any(char.isalpha() for char in _only_text(row)):
            texts.append(row)
        else:
            last, texts = row, []
    sums = _amounts(last) if last is not None else {}
    has_total = last is not None and bool(sums) and _adds_up(table, last, sums, frozenset(repeated))
    total = {last.number} if has_total and last is not None else set[int]()
    foot = texts if has_total or all(_FOOT.search(_only_text(one)) for one in texts) else []
    skipped = frozenset({*repeated, *total, *(row.number for row in foot)})
    if not skipped:
        return table
    notes = [f"Row {number} of {table.path.name} repeats the header; it is left out." for number in repeated[:1]]
    if len(repeated) > 1:
        notes = [f"{len(repeated)} rows of {table.path.name} repeat the header; they are left out."]
    if total:
        shown = ", ".join(f"{column} {amount:,f}" for column, amount in sums.items())
        notes.append(f"Row {min(total)} of {table.path.name} is a total ({shown}); it is left out.")
    notes += [f"Row {row.number} of {table.path.name} is {_only_text(row)!r}; it is left out." for row in foot]
    return replace(
        table,
        rows=lambda: (row for row in table if row.number not in skipped),
        notes=(*table.notes, *notes),
    )


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
    found = ""
    for cell in row.cells.values():
        text = text_of(cell)
        if text and found:
            return ""
        found = found or text
    return found


def _amounts(row: SourceRow) -> dict[str, Decimal]:
    """The amounts of a row that has nothing but amounts and the word for a total; none for another row."""
    amounts: dict[str, Decimal] = {}
    if row.fault:
        return amounts
    for column, cell in row.cells.items():
        text = text_of(cell)
        if not text or text.casefold().rstrip(" :") in _WORDS:
            continue
        amount = _amount(cell)
        if amount is None:
            return {}
        amounts[column] = amount
    return amounts


def _adds_up(table: InputTable, last: SourceRow, sums: dict[str, Decimal], repeated: frozenset[int]) -> bool:
    """Whether the amounts of the last row are the sums of those above."""
    found = dict.fromkeys(sums, Decimal(0))
    count = 0
    for row in table:
        if row.number >= last.number:
            break
        if row.number in repeated:
            continue
        count += 1
        for column in sums:
            amount = _amount(row.cells.get(column)) if text_of(row.cells.get(column)) else Decimal(0)
            if amount is None:
                return False
            found[column] += amount
    has_word = any(text_of(cell).casefold().rstrip(" :") in _WORDS for cell in last.cells.values())
    return has_word and count > 1 and found == sums


def _amount(cell: object) -> Decimal | None:
    try:
        return read_money(cast("Cell", cell))
    except (RecordError, TypeError):
        return None
