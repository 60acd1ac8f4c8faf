"""Sales of the demo company: the invoices of a month with their payments, planned before any row is written."""

from bisect import bisect
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import accumulate
from random import Random

from intacct_emulator.demo_company.events.purchases import workday_in
from intacct_emulator.demo_company.generator.calendar import month_name, workday
from intacct_emulator.demo_company.generator.sales_cycle import DueChange, PlannedDocument
from intacct_emulator.demo_company.generator.world import Customer, Item, World, pick
from intacct_emulator.ledger.posting import Charge

MONTHLY_INVOICES = 33
SEASONS = (0.86, 0.88, 1.02, 1.0, 1.04, 1.08, 0.93, 0.9, 1.07, 1.1, 1.06, 1.06)
GROWTH = 0.009
"""Per month."""
TAXES = {
    "110": ("20500", 575),
    "210": ("20500", 290),
    "220": ("20500", 400),
    "310": ("20510", 1498),
    "320": ("20510", 500),
}
"""Location → the account of its sales tax, and the tax in hundredths of a percent."""


def plan_sales(world: World, month: date) -> list[PlannedDocument[Customer]]:
    """The invoices of one month, by day."""
    rng = world.random(f"sales {month}")
    buyers = [customer for customer in world.customers if customer.status == "active"]
    weights = list(accumulate(customer.weight for customer in buyers))
    age = (month.year - world.calendar.start.year) * 12 + month.month - world.calendar.start.month
    count = round(MONTHLY_INVOICES * world.volume * SEASONS[month.month - 1] * (1 + GROWTH * age))
    due_days = {row[0]: row[1] for row in world.data["terms"]}
    planned_sales = []
    for position in range(count):
        customer = buyers[bisect(weights, rng.random() * weights[-1])]
        # More sales fall at the end of the month.
        day = workday_in(month.replace(day=1 + int(rng.random() ** 0.7 * 28)), month)
        planned = _sale(world, customer, rng, day=day, days=due_days[customer.term])
        if day <= world.calendar.as_of:
            planned_sales.append((day, position, planned))
    planned_sales.sort(key=lambda entry: entry[:2])
    return [_numbered(planned, position) for position, (_, _, planned) in enumerate(planned_sales, 1)]


def plan_open_orders(world: World) -> list[tuple[PlannedDocument[Customer], date]]:
    """Orders of the last weeks that are not invoiced, each with the day of the order."""
    rng = world.random("open orders")
    buyers = [customer for customer in world.customers if customer.status == "active"]
    as_of = world.calendar.as_of
    orders = []
    for _ in range(7 * world.scale):
        planned = _sale(world, pick(rng, buyers), rng, day=as_of + timedelta(days=5), days=30)
        orders.append((planned, as_of - timedelta(days=int(rng.random() * 20))))
    return orders


def _numbered(planned: PlannedDocument[Customer], number: int) -> PlannedDocument[Customer]:
    return replace(planned, number=f"INV{planned.day:%y%m}-{number:04}")


def _sale(world: World, customer: Customer, rng: Random, *, day: date, days: int) -> PlannedDocument[Customer]:
    kind = pick(rng, ("goods", "goods", "goods", "service", "service", "plan"))
    if kind == "goods":
        sold, memo = _basket(world, rng, ("INSTR", "PARTS"), 4), "Instruments and parts"
        if rng.random() < 0.35:
            sold.append((_named(world, "INSTALL"), 1))
        sold.append((_named(world, "FREIGHT"), 1))
    elif kind == "service":
        sold, memo = _basket(world, rng, ("SERV",), 3), f"Service {month_name(day)}"
    else:
        sold, memo = [(_named(world, pick(rng, ("SUB-BASIC", "SUB-PLUS"))), 12)], "Maintenance plan, 12 months"
    charges = tuple(_charges_of_sale(world, customer, rng, sold=sold))
    cents = sum(int(charge.trx_amount.scaleb(2)) for charge in charges)
    due = day + timedelta(days=days)
    draft = day >= world.calendar.open_from and rng.random() < 0.015
    payments: tuple[DueChange, ...] = ()
    credit = None
    if not draft:
        if kind == "goods" and rng.random() < 0.05:
            credit = DueChange(workday(day + timedelta(days=4)), int(cents * (0.05 + rng.random() * 0.2)))
        payments = tuple(_receipts(customer, cents - (credit.cents if credit else 0), due, rng, day=day))
    return PlannedDocument(
        party=customer,
        day=day,
        due=due,
        number="",
        memo=memo,
        charges=charges,
        cents=cents,
        payments=payments,
        credit=credit,
        order=day - timedelta(days=6 + int(rng.random() * 25)) if kind == "goods" and rng.random() < 0.55 else None,
        draft=draft,
        private=customer.entity == "300" or rng.random() < 0.12,
        quantities=tuple((item.id, quantity) for item, quantity in sold),
    )


def _basket(world: World, rng: Random, lines: tuple[str, ...], most: int) -> list[tuple[Item, int]]:
    choice = [item for item in world.items if item.line in lines and item.quantity]
    return [
        (item, max(1, int(item.quantity * rng.random() ** 1.4)))
        for item in (pick(rng, choice) for _ in range(1 + int(rng.random() * most)))
    ]


def _named(world: World, id_: str) -> Item:
    return next(item for item in world.items if item.id == id_)


_DEPARTMENTS = {"INSTR": "310", "PARTS": "310", "SERV": "400", "SUBS": "600", "OTHER": "310"}
_CLASSES = {"Commercial": "10", "Public Sector": "20", "Education": "30", "Health Care": "40", "Reseller": "10"}


def _charges_of_sale(
    world: World, customer: Customer, rng: Random, *, sold: list[tuple[Item, int]]
) -> Iterator[Charge]:
    discount = pick(rng, (0, 0, 0, 5, 8, 12)) if customer.type != "Reseller" else 22
    taxed = 0
    shared = {"CUSTOMER": customer.id, "CLASS": _CLASSES[customer.type]}
    project = next((p for p in world.projects if p.customer is customer), None)
    for item, quantity in sold:
        price = item.price * (1.35 if customer.currency == "CAD" else 1)
        cents = int(price * quantity * (100 - discount))
        # Goods belong to the first entity and field service to the second, even if another entity invoices them.
        location = "310" if customer.entity == "300" else "110"
        dimensions = {**shared, "ITEM": item.id}
        if item.line == "SERV":
            if project:
                dimensions["PROJECT"] = project.id
            if customer.entity != "300":
                location = "210" if customer.key % 2 else "220"
        elif item.line == "SUBS":
            location = customer.location
        elif item.line != "OTHER":
            taxed += cents
        if rng.random() < 0.03:
            dimensions["GLDIMFUND"] = "10002"
        memo = f"{quantity} × {item.name}"
        yield Charge(item.revenue, location, Decimal(cents).scaleb(-2), _DEPARTMENTS[item.line], memo, dimensions)
    chance = rng.random()
    if chance < 0.03 and len(sold) > 1:
        rebate = Decimal(-int(taxed * 0.02) or -2500).scaleb(-2)
        yield Charge("48000", customer.location, rebate, "210", "Volume rebate", shared)
    elif chance < 0.05:
        yield Charge("41000", customer.location, Decimal("0.00"), "320", "First calibration included", shared)
    if taxed and customer.location in TAXES and customer.type not in ("Public Sector", "Reseller"):
        account, rate = TAXES[customer.location]
        yield Charge(account, customer.location, Decimal(taxed * rate // 10000).scaleb(-2), None, "Sales tax", shared)


def _receipts(customer: Customer, cents: int, due: date, rng: Random, *, day: date) -> Iterator[DueChange]:
    """The customer pays some days from the due date, as it usually does; some invoices in part, some never."""
    if cents <= 0:
        return
    chance = rng.random()
    if chance < 0.012:
        return
    paid = max(day + timedelta(days=6), due + timedelta(days=customer.delay + int(rng.random() * 6)))
    paid = workday(paid)
    if chance > 0.96:
        first = int(cents * 0.6)
        yield DueChange(paid, first)
        yield DueChange(workday(paid + timedelta(days=24)), cents - first)
    else:
        yield DueChange(paid, cents)
