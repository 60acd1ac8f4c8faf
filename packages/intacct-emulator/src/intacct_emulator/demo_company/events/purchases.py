"""Purchases of the demo company: the bills of a month with their payments, planned before any row is written."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from intacct_emulator.demo_company.generator.calendar import month_name, next_weekday, workday
from intacct_emulator.demo_company.generator.sales_cycle import DueChange, PlannedDocument
from intacct_emulator.demo_company.generator.world import Vendor, World, pick
from intacct_emulator.ledger.posting import Charge

FRIDAY = 4
TAX_ACCOUNT = "13600"


def plan_purchases(world: World, month: date) -> list[PlannedDocument[Vendor]]:
    """The bills of one month, by day."""
    rng = world.random(f"purchases {month}")
    due_days = {row[0]: row[1] for row in world.data["terms"]}
    planned_purchases = []
    for vendor in world.vendors:
        for _ in range(_bill_count(world, vendor, month, rng)):
            day = month.replace(day=vendor.day or 1 + int(rng.random() * 28))
            if day <= world.calendar.as_of:
                planned_purchases.append(
                    _purchase(world, vendor, rng, day=workday_in(day, month), days=due_days[vendor.term])
                )
    planned_purchases.sort(key=lambda planned: planned.day)
    return [planned for planned in planned_purchases if planned.day <= world.calendar.as_of]


def workday_in(day: date, month: date) -> date:
    """A working day of the same month: the Monday after a weekend, or the Friday before it at the end of the month."""
    moved = workday(day)
    return moved if moved.month == month.month else day - timedelta(days=day.weekday() - FRIDAY)


def _bill_count(world: World, vendor: Vendor, month: date, rng: Random) -> int:
    if vendor.status != "active" or not vendor.rate:
        return 0
    if vendor.rate == 0.34:  # a quarterly bill
        return 1 if month.month % 3 == 1 else 0
    rate = vendor.rate * world.volume / world.scale
    whole = int(rate)
    return whole + (rng.random() < rate - whole)


def _purchase(world: World, vendor: Vendor, rng: Random, *, day: date, days: int) -> PlannedDocument[Vendor]:
    seed = rng.random()
    memo = vendor.memo.format(
        month=month_name(day), week=day.isocalendar().week, ticket=int(seed * 90000) + 10000, po=int(seed * 9000) + 1000
    )
    charges = tuple(_charges_of_purchase(world, vendor, rng, memo=memo))
    cents = sum(int(charge.trx_amount.scaleb(2)) for charge in charges)
    due = day + timedelta(days=days)
    draft = day >= world.calendar.open_from and rng.random() < 0.02
    payments: tuple[DueChange, ...] = ()
    credit = None
    if not draft:
        credit = _credit(vendor, cents, rng, day=day, due=due)
        payments = tuple(_payments(cents - (credit.cents if credit else 0), due, rng, day=day))
    ordered = vendor.kind in ("sensors", "parts")
    return PlannedDocument(
        party=vendor,
        day=day,
        due=due,
        number=_number(vendor, day, seed),
        memo=memo,
        charges=charges,
        cents=cents,
        payments=payments,
        credit=credit,
        order=day - timedelta(days=9 + int(seed * 20)) if ordered and rng.random() < 0.6 else None,
        draft=draft,
        private=vendor.entity == "300" or rng.random() < 0.15,
    )


def _number(vendor: Vendor, day: date, seed: float) -> str:
    """The vendor's own number for the bill; vendors differ in style."""
    count = int(seed * 89999) + 10000
    styles = (f"INV-{count}", f"{day:%Y%m}-{count % 1000:03}", f"{vendor.name[:2].upper()}{count}", f"{count}/{day:%y}")
    return styles[vendor.key % 4]


_SPREAD = ("110", "120", "210", "220", "310", "320", "510", "520", "600")


def _charges_of_purchase(world: World, vendor: Vendor, rng: Random, *, memo: str) -> Iterator[Charge]:
    total = int((vendor.low + (vendor.high - vendor.low) * rng.random() ** 1.6) * 100)
    if vendor.rate >= 1 and vendor.day:  # regular bills vary little
        total = int((vendor.low * 2 + vendor.high) / 3 * 100 * (0.96 + rng.random() * 0.08))
    count = pick(rng, (1, 1, 1, 2, 2, 3, 4)) if vendor.scope != "head" else pick(rng, (2, 2, 3, 4))
    shared = vendor.scope == "head" and rng.random() < 0.5
    left = total
    for position in range(count):
        part = left if position == count - 1 else int(left * (0.3 + rng.random() * 0.4))
        left -= part
        location = vendor.location
        if shared and position % 2:
            location = pick(rng, ("210", "220"))
        department = vendor.department if position == 0 or vendor.scope != "head" else pick(rng, _SPREAD)
        yield Charge(
            vendor.account,
            location,
            Decimal(part).scaleb(-2),
            department,
            memo if position == 0 else f"{memo} ({position + 1})",
            _dimensions(world, vendor, rng, position=position),
        )
    chance = rng.random()
    if chance < 0.03:
        credit = Decimal(int(total * 0.05)).scaleb(-2)
        yield Charge(vendor.account, vendor.location, -credit, vendor.department, "Loyalty rebate")
    elif chance < 0.05:
        yield Charge(vendor.account, vendor.location, Decimal("0.00"), vendor.department, "Sample, free of charge")
    if vendor.entity == "300" and vendor.currency == "CAD" and vendor.type != "Authority":
        yield Charge(TAX_ACCOUNT, vendor.location, Decimal(total // 20).scaleb(-2), None, "GST 5%")


def _dimensions(world: World, vendor: Vendor, rng: Random, *, position: int) -> dict[str, str]:
    dimensions = {"VENDOR": vendor.id}
    if vendor.kind == "subcontract" and position == 0:
        project = pick(rng, world.projects)
        dimensions["PROJECT"] = project.id
        if project.customer:
            dimensions["CUSTOMER"] = project.customer.id
    elif rng.random() < 0.3:
        dimensions["CLASS"] = "90"
    if rng.random() < 0.05:
        dimensions["GLDIMFUND"] = str(10001 + int(rng.random() * 4))
    return dimensions


def _credit(vendor: Vendor, cents: int, rng: Random, *, day: date, due: date) -> DueChange | None:
    if vendor.kind not in ("sensors", "parts", "freight", "subcontract") or rng.random() > 0.06 or cents < 20000:
        return None
    return DueChange(workday(day + (due - day) // 3), int(cents * (0.04 + rng.random() * 0.2)))


def _payments(cents: int, due: date, rng: Random, *, day: date) -> Iterator[DueChange]:
    """Payment runs are on Fridays, mostly on time; some bills are paid in two parts, some never."""
    if cents <= 0:
        return
    chance = rng.random()
    if chance < 0.012:
        return
    run = next_weekday(due + timedelta(days=7 * pick(rng, (-1, 0, 0, 0, 1, 1, 2)) if chance < 0.9 else 35), FRIDAY)
    run = max(run, next_weekday(day, FRIDAY))
    if chance > 0.965:
        first = cents // 2
        yield DueChange(run, first)
        yield DueChange(run + timedelta(days=21), cents - first)
    else:
        yield DueChange(run, cents)
