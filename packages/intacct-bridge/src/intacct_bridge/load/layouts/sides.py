"""Debits and credits: the amount of a line is in one of two columns, and the column says its side.

This is a step before the mapping. It leaves the amount in its column, exact and without a sign, and adds the side under
a name of its own: 1 for a debit and -1 for a credit, as TR_TYPE has it. A negative debit is a credit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from intacct_bridge.load.layouts.fields import FLOAT_NOISE
from intacct_bridge.load.records.write import Finding
from intacct_bridge.load.tables.cells import AmountReading, cents_fix, cents_of_float, read_money
from intacct_bridge.load.tables.source_row import SourceRow, scalar
from intacct_protocol.errors import RecordError

SIDE = "side"
"""The meaning of what this step adds; rules of a declaration name it."""
SIDE_CELL = "side (debit or credit)"
"""The name of the added cell, which no column of a file has."""
WHOLE_DIGITS = 18
"""An amount with more digits is a mistake; sums with this number of digits stay exact."""


@dataclass(frozen=True, slots=True)
class Sides:
    """The columns of debits and of credits."""

    debit: str
    credit: str

    def cells(self, row: SourceRow, amounts: AmountReading, findings: list[Finding]) -> Mapping[str, object]:
        """The cells of a row with one amount and its side; without both if the row has no sound amount."""
        before = len(findings)
        debit, credit = (self._amount(row, column, amounts, findings) for column in (self.debit, self.credit))
        cells: dict[str, object] = {**row.cells, self.debit: None, self.credit: None}
        if len(findings) > before:
            return cells
        amount = debit or credit
        if debit and credit:
            fix = "split it into two lines"
            findings.append(Finding("sides", "the line has a debit and a credit", fix, self.debit, row.position))
        elif not amount:
            fix = "fill in one side, or remove the line"
            findings.append(Finding("sides", "the line has no amount", fix, self.debit, row.position))
        else:
            column, name, other, side = (
                (self.debit, "debit", "credit", 1) if debit else (self.credit, "credit", "debit", -1)
            )
            exact = in_cents(amount, column, row, findings)
            if exact is not None and exact < 0:
                exact, side = exact.copy_abs(), -side
                text = f"the negative {name} is posted as a {other} of {exact:f}"
                findings.append(Finding("sides", text, "", column, row.position, refuses=False))
            if exact is not None:
                cells |= {column: exact, SIDE_CELL: side}
        return cells

    @staticmethod
    def _amount(row: SourceRow, column: str, amounts: AmountReading, findings: list[Finding]) -> Decimal | None:
        try:
            return read_money(scalar(row, column), amounts)
        except RecordError as error:
            findings.append(Finding("amount", error.message, error.fix, column, row.position))
            return None


def in_cents(amount: Decimal, column: str, row: SourceRow, findings: list[Finding]) -> Decimal | None:
    """The same amount with at most two decimals; None, and a finding, if it has more or is too large."""
    cents = cents_of_float(amount)
    if cents is not None:
        text = f"{amount} is read as {cents}"
        findings.append(Finding(FLOAT_NOISE, text, "", column, row.position, refuses=False))
        return cents
    text = format(amount, "f")
    whole, _, fraction = text.removeprefix("-").partition(".")
    if fraction.rstrip("0")[2:]:
        message = f"{text} has more than two decimals"
        findings.append(Finding("decimals", message, cents_fix(text), column, row.position))
    elif len(whole) > WHOLE_DIGITS:
        findings.append(Finding("digits", f"{text} has too many digits", "check the amount", column, row.position))
    else:
        return Decimal(text[: len(text) - max(len(fraction) - 2, 0)])
    return None
