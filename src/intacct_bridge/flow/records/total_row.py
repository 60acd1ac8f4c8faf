"""The total at the foot of a sheet: recognised, left out, and named, since it is no record.

A row is a total only where it has the word for one and amounts, nothing else, and each amount is the sum of its column
to the cent. Without the word it may be a further line whose numbers happen to add up; below one row it may repeat it.
A total that does not add up stays a row like any other, and the rules refuse it.
"""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import cast

from intacct_bridge.errors import RecordError
from intacct_bridge.flow.records.cells import Cell, read_money, text_of
from intacct_bridge.flow.records.tables import InputTable, SourceRow

_WORDS = frozenset({"total", "totals", "grand total", "sum", "totale", "totaal", "summe", "gesamt"})
_SHEETS = ("csv", "excel")


def without_total_row(table: InputTable) -> InputTable:
    """The same input without the total at its foot, and with a note on it; the input itself where it has none."""
    if table.form not in _SHEETS:
        return table
    last = None
    for last in table:  # noqa: B007
        pass
    if last is None or not (sums := _amounts(last)) or not _adds_up(table, last, sums):
        return table
    shown = ", ".join(f"{column} {amount:,f}" for column, amount in sums.items())
    note = f"Row {last.number} of {table.path.name} is a total ({shown}); it is left out."
    return replace(table, rows=lambda: _all_but_last(table), notes=(*table.notes, note))


def _all_but_last(table: InputTable) -> Iterator[SourceRow]:
    return (row for row, _ in pairwise(table))


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


def _adds_up(table: InputTable, last: SourceRow, sums: dict[str, Decimal]) -> bool:
    """Whether the amounts of the last row are the sums of those above."""
    found = dict.fromkeys(sums, Decimal(0))
    count = 0
    for row in _all_but_last(table):
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
