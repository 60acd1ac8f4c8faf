"""A bill or an invoice of the demo company before it is written: its charges, its credit, and its payments in time.

All are planned before the first row, to sum what each party owes at the end. Amounts are whole cents.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Generic, TypeVar

from intacct_emulator.demo_company.generator.world import Customer, Vendor, World
from intacct_emulator.ledger.amounts import ZERO, to_base
from intacct_emulator.ledger.posting import Charge, relieved

Party = TypeVar("Party", Vendor, Customer)


@dataclass(frozen=True, slots=True)
class DueChange:
    """A payment or a credit: what it takes off the amount due, and when."""

    day: date
    cents: int


@dataclass(frozen=True, slots=True)
class PlannedDocument(Generic[Party]):
    """A bill or an invoice."""

    party: Party
    day: date
    due: date
    number: str
    memo: str
    charges: tuple[Charge, ...]
    cents: int
    payments: tuple[DueChange, ...]
    credit: DueChange | None = None
    """Applied with the first payment."""
    order: date | None = None
    """The day of its order, if it has one."""
    draft: bool = False
    private: bool = False
    """Entered in the entity rather than at top level."""
    quantities: tuple[tuple[str, int], ...] = ()
    """Item and quantity of each charge for an item."""


@dataclass(frozen=True, slots=True)
class PlannedPayment:
    """One payment of one document, in both currencies and by line."""

    day: date
    trx_amount: Decimal
    amount: Decimal
    spread: tuple[Decimal, ...]
    """Transaction amounts by line, including a credit that is applied at the same time."""


@dataclass(frozen=True, slots=True)
class DocumentOutcome:
    """The state of a document on the last day: its totals, what is due of it, and its payments."""

    rate: Decimal
    trx_total: Decimal
    total: Decimal
    trx_due: Decimal
    due: Decimal
    parts: tuple[PlannedPayment, ...]
    trx_credit: Decimal
    credit: Decimal
    """The credit in base currency at the document's rate. It is applied with the first payment."""
    applied: bool

    @property
    def state(self) -> str:
        """The STATE of the document on the last day."""
        if not self.parts:
            return "Posted"
        return "Partially Paid" if self.trx_due else "Paid"


def spread(lines: list[Decimal], total: Decimal, paid: Decimal) -> list[Decimal]:
    """The amount paid so far, by line: every line in full when all is paid, else the first lines first."""
    if paid == total:
        return list(lines)
    shares = []
    for amount in lines:
        share = min(max(amount, ZERO), paid)
        paid -= share
        shares.append(share)
    return shares


def outcome_of(planned: PlannedDocument[Party], world: World) -> DocumentOutcome:
    """The outcome of a document after its payments up to the last day."""
    as_of = world.calendar.as_of
    rate = world.rates.rate(planned.party.currency, world.base(planned.party.entity), planned.day)
    trx_total = Decimal(planned.cents).scaleb(-2)
    total = to_base(trx_total, rate)
    trx_due, due = trx_total, total
    trx_credit = Decimal(planned.credit.cents).scaleb(-2) if planned.credit else ZERO
    credit = to_base(trx_credit, rate)
    lines = [charge.trx_amount for charge in planned.charges]
    before = [ZERO] * len(lines)
    parts: list[PlannedPayment] = []
    for step in planned.payments:
        if step.day > as_of:
            break
        if not parts:
            trx_due, due = trx_due - trx_credit, due - credit
        trx_amount = Decimal(step.cents).scaleb(-2)
        amount = relieved(trx_amount, trx_due=trx_due, due=due)
        trx_due, due = trx_due - trx_amount, due - amount
        after = spread(lines, trx_total, trx_total - trx_due)
        parts.append(
            PlannedPayment(step.day, trx_amount, amount, tuple(a - b for a, b in zip(after, before, strict=True)))
        )
        before = after
    return DocumentOutcome(rate, trx_total, total, trx_due, due, tuple(parts), trx_credit, credit, bool(parts))


@dataclass(slots=True)
class PartyBalance:
    """The balance of one party on the last day."""

    due: Decimal = ZERO
    last_document: date | None = None
    last_payment: date | None = None


def party_balances(documents: Iterable[PlannedDocument[Party]], world: World) -> dict[int, PartyBalance]:
    """The balance of each party on the last day, by its record number; the documents come in the order of months."""
    balances: dict[int, PartyBalance] = defaultdict(PartyBalance)
    for planned in documents:
        if planned.draft:
            continue
        outcome = outcome_of(planned, world)
        balance = balances[planned.party.key]
        balance.due += outcome.due
        balance.last_document = planned.day
        if outcome.parts:
            balance.last_payment = max(balance.last_payment or planned.day, outcome.parts[-1].day)
        if planned.credit and not outcome.applied and planned.credit.day <= world.calendar.as_of:
            balance.due -= outcome.credit
    return balances
