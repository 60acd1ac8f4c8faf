"""The open amount of documents on any day: today's open amount without the settlements and reversals after that day.

A document is open from its posting day. A part of it is settled on the day of the payment, and open again from the day
of the payment's reversal. A reversed document is open until its reversal.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.company.company_facts import Overpayment
from intacct_emulator.ledger.amounts import ZERO, amount
from intacct_emulator.ledger.periods import day_of
from intacct_emulator.settings.cells import Row
from intacct_emulator.subledgers.document_types import OVERPAYMENTS, DocumentType
from intacct_emulator.subledgers.payments.parts import PaymentType
from intacct_emulator.subledgers.payments.rows import SettledOnDay, settled_days
from intacct_emulator.subledgers.vouchers import reversal_day

_NOT_POSTED = ("Draft", "Submitted", "Partially Approved", "Approved", "Declined", "Reversal")
_REVERSED = ("Reversed", "Voided")
_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class OpenOnDay:
    """A document with its open amount on a day; negative for a credit or an overpayment."""

    row: Row
    document_type: DocumentType
    amount: Decimal
    """In base currency, at the document's rate."""
    trx_amount: Decimal
    """In the document's currency."""
    taken_back: tuple["TakenBack", ...] = ()
    """What payments that are reversed by now changed in both amounts."""


@dataclass(frozen=True, slots=True)
class TakenBack:
    """The part of a payment that counts on a day, although the payment is reversed by now.

    The document may have been changed since: its currency, its entity and its control account can be others.
    """

    part: SettledOnDay
    times: int
    """1, or -1: how often the part is added to the open amount."""


@dataclass(frozen=True, slots=True)
class _Money:
    """An amount in base currency and in the transaction's."""

    base: Decimal = ZERO
    trx: Decimal = ZERO

    def __add__(self, other: "_Money") -> "_Money":
        return _Money(self.base + other.base, self.trx + other.trx)

    def __sub__(self, other: "_Money") -> "_Money":
        return _Money(self.base - other.base, self.trx - other.trx)

    def __mul__(self, factor: int) -> "_Money":
        return _Money(self.base * factor, self.trx * factor)


_NONE = _Money()


class _Changes:
    """What payments changed after a day, by document."""

    def __init__(self) -> None:
        self.money: dict[_Key, _Money] = defaultdict(lambda: _NONE)
        self.taken_back: dict[_Key, list[TakenBack]] = defaultdict(list)


def open_documents(call: FunctionCall, payment_type: PaymentType, day: date) -> Iterator[OpenOnDay]:
    """The documents of payables or receivables that are open on a day, credits and overpayments included."""
    changes = _settled_after(call, payment_type, day)
    for document_type in payment_type.document_types:
        for _, row in call.company.table(document_type.object).rows():
            yield from _open_on_day(call, document_type, row, day, changes, sign=1)
    if OVERPAYMENTS.object == payment_type.object:
        for _, row in call.company.table(payment_type.object).rows():
            yield from _open_on_day(call, OVERPAYMENTS, row, day, changes, sign=-1)


def _open_on_day(
    call: FunctionCall, document_type: DocumentType, row: Row, day: date, changes: _Changes, *, sign: int
) -> Iterator[OpenOnDay]:
    money, taken_back = (
        _open_amount(call, document_type, row, day, changes) * sign,
        changes.taken_back[document_type.object, row["RECORDNO"]],
    )
    if money != _NONE or taken_back:
        reversed_parts = tuple(replace(one, times=one.times * sign) for one in taken_back)
        yield OpenOnDay(row, document_type, money.base, money.trx, reversed_parts)


def _open_amount(call: FunctionCall, document_type: DocumentType, row: Row, day: date, changes: _Changes) -> _Money:
    """The open amount: what was entered and not reversed by that day, less what was settled by then.

    A payment can be dated before its document: until the document's day, its amount is open on the other side.
    """
    if row.get("STATE") in _NOT_POSTED:
        return _NONE
    is_payment = document_type is OVERPAYMENTS
    begun = day_of(row, "RECEIPTDATE" if is_payment else "WHENPOSTED" if row.get("WHENPOSTED") else "WHENCREATED")
    entered, due = _money(row, "TOTALENTERED"), _money(row, "TOTALDUE")
    if is_payment:
        overpayment = call.company.facts.overpayments.get(row["RECORDNO"]) or Overpayment()
        entered = _Money(overpayment.base, overpayment.amount) if overpayment.base else due
    ended = reversal_day(call, document_type.object, row) if row.get("STATE") in _REVERSED else None
    settled = (_NONE if ended is not None else entered - due) - changes.money[document_type.object, row["RECORDNO"]]
    there = entered if begun <= day else _NONE
    return there - (entered if ended is not None and ended <= day else _NONE) - settled


def _money(row: Row, total: str) -> _Money:
    return _Money(amount(row, total), amount(row, f"TRX_{total}"))


def _settled_after(call: FunctionCall, payment_type: PaymentType, day: date) -> _Changes:
    """By document, the amount to add to what is open today for the amount on that day."""
    changes = _Changes()
    for _, row in call.company.table(payment_type.object).rows():
        ended = reversal_day(call, payment_type.object, row) if row.get("STATE") in _REVERSED else None
        if row.get("STATE") not in (payment_type.posted_state, *_REVERSED):
            continue
        for settled in settled_days(call, payment_type, row):
            if ended is None:
                times = int(settled.day > day)
            else:  # a reversal can be dated before its payment
                times = (ended <= day) - (settled.day <= day)
            if times:
                changes.money[settled.object, settled.key] += _Money(settled.amount, settled.trx_amount) * times
                if ended is not None:
                    changes.taken_back[settled.object, settled.key].append(TakenBack(settled, times))
    return changes
