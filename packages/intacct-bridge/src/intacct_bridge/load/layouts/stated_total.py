"""The total that a record states, held against its lines: a file may lack a line, or have an amount of another bill.

Tax, freight and discount that the mapping sends are part of the sum. If one of them is in the input and the mapping has
no field for it, the total may differ by it, which is a warning.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from intacct_bridge.load.records.write import Finding
from intacct_bridge.load.tables.cells import AmountReading, Cell, read_money, text_of
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.mapping.language import EntityMap, LineMap, TotalRule
from intacct_bridge.mapping.paths import items, value_at
from intacct_protocol.errors import RecordError

_HALF_A_CENT = Decimal("0.005")
RULE = "total"


def check_total(
    entity: EntityMap,
    rows: Sequence[SourceRow],
    amounts: Sequence[Decimal | None],
    reading: AmountReading,
    *,
    is_partial: bool = False,
) -> list[Finding]:
    """The finding on a stated total that is not the sum of the lines, within half a cent a line.

    `is_partial`: a filter may have left lines out, so a difference is only a warning.
    """
    total = entity.total
    assert total is not None
    for row in rows:
        cell = value_at(row.cells, total.from_)
        if text_of(cell) and _amount(row.cells, total.from_, reading) is None:
            text = f"{text_of(cell)!r} is no amount, so it is not compared with the lines"
            return [Finding(RULE, text, "", total.from_, row.position, refuses=False)]
    stated = [(row, amount) for row in rows if (amount := _amount(row.cells, total.from_, reading)) is not None]
    if not stated or not amounts or None in amounts:
        return []
    sign = -1 if any(rule.negate for line in entity.lines for rules in line.write.values() for rule in rules) else 1
    mapped, unmapped = Decimal(0), []
    for column, amount, is_mapped in _parts(entity, total, rows, reading):
        if is_mapped:
            mapped += amount
        elif amount and column not in unmapped:
            unmapped.append(column)
    lines = sign * sum((amount for amount in amounts if amount is not None), Decimal(0))
    # a total beside each line may be that of the line
    possible = (stated[0][1], sum((amount for _, amount in stated), Decimal(0)))
    differs = [abs(amount - lines - mapped) > _HALF_A_CENT * len(amounts) for amount in possible]
    if not all(differs if len({amount for _, amount in stated}) == 1 else differs[1:]):
        return []
    shown = possible[0] if len({amount for _, amount in stated}) == 1 else possible[1]
    text = f"the total {shown:f} is not the sum of the lines, {lines + mapped:f}"
    if unmapped:
        text += f"; {', '.join(unmapped)} goes to no field of Intacct"
    fix = f"correct the lines or the total, or leave out the column {total.from_} if it is the total of something else"
    refuses = not unmapped and not is_partial
    return [Finding(RULE, text, fix, total.from_, stated[0][0].position, refuses=refuses)]


def _parts(
    entity: EntityMap, total: TotalRule, rows: Sequence[SourceRow], reading: AmountReading
) -> Iterator[tuple[str, Decimal, bool]]:
    """Tax, freight and discounts, with their sign, and whether a field takes them."""
    sent = {path for rules in entity.write.values() for rule in rules for path in rule.sources}
    for path in (*total.add, *total.subtract):
        amount = next(filter(None, (_amount(row.cells, path, reading) for row in rows)), None)
        if amount is not None:
            yield path, -amount if path in total.subtract else amount, path in sent
    for line in entity.lines:
        of_line = {path for rules in line.write.values() for rule in rules for path in rule.sources}
        for path in total.of_lines:
            for cells in _line_cells(line, rows):
                amount = _amount(cells, path, reading)
                if amount is not None:
                    yield path, -amount if path in total.line_subtract else amount, path in of_line


def _line_cells(line: LineMap, rows: Sequence[SourceRow]) -> Iterator[Mapping[str, object]]:
    for row in rows:
        if not line.sources:
            yield row.cells
        for path in line.sources:
            yield from (item for _, item in items(row.cells, path))


def _amount(cells: Mapping[str, object], path: str, reading: AmountReading) -> Decimal | None:
    """The amount at a path; None if there is none, or if it cannot be read."""
    cell = value_at(cells, path)
    try:
        return read_money(cell if isinstance(cell, Cell) else None, reading)
    except RecordError:
        return None
