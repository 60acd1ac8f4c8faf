"""A bill or an invoice of the demo company before it is rows: its charges, and how it will be settled in time.

A deal is cheap and can be made twice from the same seed: once to know what each party owes or is owed at the end, once
more when its rows are due. Amounts are whole cents.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Generic, TypeVar

from intacct_bridge.emulator.accounting.amounts import ZERO, to_base
from intacct_bridge.emulator.accounting.posting import Charge, relieved
from intacct_bridge.emulator.demo.generator.world import Customer, Vendor, World

Party = TypeVar("Party", Vendor, Customer)


@dataclass(frozen=True, slots=True)
class Step:
    """Something that changes what is due: a payment, or a credit."""

    day: date
    cents: int


@dataclass(frozen=True, slots=True)
class Deal(Generic[Party]):
    """One document to come."""

    party: Party
    day: date
    due: date
    number: str
    memo: str
    charges: tuple[Charge, ...]
    cents: int
    payments: tuple[Step, ...]
    credit: Step | None = None
    """Applied with the first payment."""
    order: date | None = None
    """When it was ordered, if it was."""
    draft: bool = False
    private: bool = False
    """Entered in the entity rather than at top level."""
    quantities: tuple[tuple[str, int], ...] = ()
    """Item and quantity of each charge that sells one."""


@dataclass(frozen=True, slots=True)
class PlannedPayment:
    """One payment of one document, in both currencies, and how it spreads over the document's lines."""

    day: date
    trx_amount: Decimal
    amount: Decimal
    spread: tuple[Decimal, ...]
    """Transaction amounts by line, a credit applied at the same time included."""


@dataclass(frozen=True, slots=True)
class Course:
    """What becomes of a document until the last day."""

    rate: Decimal
    trx_total: Decimal
    total: Decimal
    trx_due: Decimal
    due: Decimal
    parts: tuple[PlannedPayment, ...]
    trx_credit: Decimal
    credit: Decimal
    """What a credit takes off, at the document's rate; it is applied with the first part."""
    applied: bool

    @property
    def state(self) -> str:
        """The state of the document at the end."""
        if not self.parts:
            return "Posted"
        return "Partially Paid" if self.trx_due else "Paid"


def spread(lines: list[Decimal], total: Decimal, paid: Decimal) -> list[Decimal]:
    """What of a sum paid so far belongs to each line: its own when all is paid, else the first lines come first."""
    if paid == total:
        return list(lines)
    shares = []
    for amount in lines:
        share = min(max(amount, ZERO), paid)
        paid -= share
        shares.append(share)
    return shares


def follow(deal: Deal[Party], world: World) -> Course:
    """Plays a deal's payments up to the last day."""
    as_of = world.calendar.as_of
    rate = world.rates.rate(deal.party.currency, world.base(deal.party.entity), deal.day)
    trx_total = Decimal(deal.cents).scaleb(-2)
    total = to_base(trx_total, rate)
    trx_due, due = trx_total, total
    trx_credit = Decimal(deal.credit.cents).scaleb(-2) if deal.credit else ZERO
    credit = to_base(trx_credit, rate)
    lines = [charge.trx_amount for charge in deal.charges]
    before = [ZERO] * len(lines)
    parts: list[PlannedPayment] = []
    for step in deal.payments:
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
    return Course(rate, trx_total, total, trx_due, due, tuple(parts), trx_credit, credit, bool(parts))


@dataclass(slots=True)
class PartyBalance:
    """What the sub-ledger says of one party at the end."""

    due: Decimal = ZERO
    last_document: date | None = None
    last_payment: date | None = None


def standings(plan: Callable[[World, date], Iterable[Deal[Party]]], world: World) -> dict[int, PartyBalance]:
    """What each party owes or is owed at the end, by its key."""
    found: dict[int, PartyBalance] = defaultdict(PartyBalance)
    for month in world.calendar.months:
        for deal in plan(world, month):
            if deal.draft:
                continue
            course = follow(deal, world)
            standing = found[deal.party.key]
            standing.due += course.due
            standing.last_document = deal.day
            if course.parts:
                standing.last_payment = max(standing.last_payment or deal.day, course.parts[-1].day)
            if deal.credit and not course.applied and deal.credit.day <= world.calendar.as_of:
                standing.due -= course.credit
    return found
