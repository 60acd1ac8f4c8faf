"""The open amount of documents on any day: today's open amount, with the settlements and reversals after it undone.

A document is open from its posting day. A part of it is settled on the day of the payment, and open again from the day
of the payment's reversal. A reversed document is open until its reversal.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from intacct_bridge.emulator.accounting.amounts import ZERO, amount
from intacct_bridge.emulator.accounting.periods import day_of
from intacct_bridge.emulator.company.company_data import FunctionCall
from intacct_bridge.emulator.company.side_tables import Overpayment
from intacct_bridge.emulator.settings.cells import Row
from intacct_bridge.emulator.subledgers.families import OVERPAYMENTS, Family
from intacct_bridge.emulator.subledgers.payments.parts import PaymentSide
from intacct_bridge.emulator.subledgers.payments.rows import settled_days
from intacct_bridge.emulator.subledgers.vouchers import reversal_day

_NOT_POSTED = ("Draft", "Submitted", "Partially Approved", "Approved", "Declined", "Reversal")
_REVERSED = ("Reversed", "Voided")
_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class OpenOnDay:
    """A document with its open amount on a day, in base currency; negative for a credit or an overpayment."""

    row: Row
    family: Family
    amount: Decimal


def open_documents(call: FunctionCall, side: PaymentSide, day: date) -> Iterator[OpenOnDay]:
    """The documents of payables or receivables that are open on a day, credits and overpayments included."""
    changes = _settled_after(call, side, day)
    for family in side.families:
        for _, row in call.company.table(family.object).rows():
            open_amount = _open(call, family, row, day, changes)
            if open_amount:
                yield OpenOnDay(row, family, open_amount)
    if OVERPAYMENTS.object == side.object:
        for _, row in call.company.table(side.object).rows():
            open_amount = _open(call, OVERPAYMENTS, row, day, changes)
            if open_amount:
                yield OpenOnDay(row, OVERPAYMENTS, -open_amount)


def _open(call: FunctionCall, family: Family, row: Row, day: date, changes: dict[_Key, Decimal]) -> Decimal:
    """The open amount: what was entered and not reversed by that day, less what was settled by then.

    A payment can be dated before its document: until the document's day, its amount is open on the other side.
    """
    if row.get("STATE") in _NOT_POSTED:
        return ZERO
    is_payment = family is OVERPAYMENTS
    begun = day_of(row, "RECEIPTDATE" if is_payment else "WHENPOSTED" if row.get("WHENPOSTED") else "WHENCREATED")
    entered, due = amount(row, "TOTALENTERED"), amount(row, "TOTALDUE")
    if is_payment:
        entered = (call.company.side_tables.overpayments.get(row["RECORDNO"]) or Overpayment()).base or due
    ended = reversal_day(call, family.object, row) if row.get("STATE") in _REVERSED else None
    settled = (ZERO if ended is not None else entered - due) - changes[family.object, row["RECORDNO"]]
    there = entered if begun <= day else ZERO
    return there - (entered if ended is not None and ended <= day else ZERO) - settled


def _settled_after(call: FunctionCall, side: PaymentSide, day: date) -> dict[_Key, Decimal]:
    """By document, the amount to add to what is open today for the amount on that day."""
    changes: dict[_Key, Decimal] = defaultdict(lambda: ZERO)
    for _, row in call.company.table(side.object).rows():
        ended = reversal_day(call, side.object, row) if row.get("STATE") in _REVERSED else None
        if row.get("STATE") not in (side.posted_state, *_REVERSED):
            continue
        for part_day, name, key, money in settled_days(call, side, row):
            if ended is None:
                changes[name, key] += money if part_day > day else ZERO
            else:  # a reversal can be dated before its payment
                changes[name, key] += money * ((ended <= day) - (part_day <= day))
    return changes
