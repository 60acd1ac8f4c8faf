"""The vendors, customers, employees, items and projects of the demo company, made from the seed before any row.

Their lists are data (`data/company.json`, `data/company_names.json`).
"""

import json
from collections.abc import Sequence
from datetime import date, timedelta
from importlib.resources import files
from random import Random

from intacct_emulator.demo_company.generator.calendar import MONTHS, Calendar, make_rates, shift_month
from intacct_emulator.demo_company.generator.declaration import demo_facts
from intacct_emulator.demo_company.generator.world import (
    Customer,
    Data,
    Employee,
    Item,
    Project,
    Vendor,
    World,
    all_accounts,
    all_locations,
    pick,
    stream,
)
from intacct_emulator.ledger.dimensions import Named
from intacct_emulator.ledger.posting import PostingRules
from intacct_emulator.ledger.posting_rows import Directory


def make_world(seed: int, as_of: date, scale: int, months: int = MONTHS) -> World:
    """The demo company's parties, items and projects for a seed, a last day and a scale."""
    data, names = _read("company.json"), _read("company_names.json")
    rng = stream(seed, "cast")  # the name is part of the seed
    calendar = Calendar(as_of, months)
    rules = _rules(data)
    growth = 1 + (scale - 1) * 0.15
    stems = _Stems(names["stems"], rng)
    vendors = tuple(_vendors(data, names, stems, rng=rng, growth=growth, scale=scale, rules=rules))
    customers = tuple(_customers(data, names, stems, rng=rng, count=round(130 * growth), rules=rules))
    employees = tuple(_employees(data, names, rng, calendar=calendar, growth=scale))
    items = tuple(_items(data))
    projects = tuple(_projects(data, customers, employees, rng=rng, calendar=calendar, count=round(45 * growth)))
    dimensions: dict[str, Named] = {
        "VENDOR": {v.id: (v.key, v.name) for v in vendors},
        "CUSTOMER": {c.id: (c.key, c.name) for c in customers},
        "EMPLOYEE": {e.id: (e.key, f"{e.last}, {e.first}") for e in employees},
        "ITEM": {i.id: (i.key, i.name) for i in items},
        "PROJECT": {p.id: (p.key, p.name) for p in projects},
        "CLASS": {id_: (key, name) for key, (id_, name, _) in enumerate(data["classes"], 1)},
    }
    return World(
        seed=seed,
        scale=scale,
        data=data,
        names=names,
        calendar=calendar,
        rates=make_rates(calendar, stream(seed, "rates")),
        directory=_directory(data, dimensions, rules),
        rules=rules,
        vendors=vendors,
        customers=customers,
        employees=employees,
        items=items,
        projects=projects,
        term_keys={row[0]: key for key, row in enumerate(data["terms"], 1)},
    )


def _directory(data: Data, dimensions: dict[str, Named], rules: PostingRules) -> Directory:
    return Directory(
        accounts={no: (key, title) for key, (no, title, *_) in enumerate(all_accounts(data), 1)},
        departments={id_: (key, title) for key, (id_, title, _) in enumerate(data["departments"], 1)},
        locations={id_: (key, name) for key, (id_, name, *_) in enumerate(all_locations(data), 1)},
        dimensions=dimensions,
        rules=rules,
    )


class _Stems:
    """Company names: every stem once, then again with a number."""

    def __init__(self, stems: Sequence[str], rng: Random) -> None:
        self._stems = list(stems)
        rng.shuffle(self._stems)
        self._used: dict[str, int] = {}
        self._next = 0

    def name(self, kinds: Sequence[str], rng: Random) -> str:
        stem = self._stems[self._next % len(self._stems)]
        self._next += 1
        full = f"{stem} {pick(rng, kinds)}"
        times = self._used[full] = self._used.get(full, 0) + 1
        return full if times == 1 else f"{full} No. {times}"


def _read(name: str) -> Data:
    return json.loads((files("intacct_emulator.data") / name).read_text("utf-8"))  # type: ignore[no-any-return]


def _rules(data: Data) -> PostingRules:
    entities = [row[0] for row in data["entities"]]
    roles = demo_facts().posting_accounts
    return PostingRules(
        entity_of={entity: entity for entity in entities} | {row[0]: row[2] for row in data["locations"]},
        base_currency={row[0]: row[2] for row in data["entities"]},
        due_from={entity: f"14{entity}" for entity in entities},
        due_to={entity: f"24{entity}" for entity in entities},
        payables=roles["payables"],
        receivables=roles["receivables"],
        employee_payables=roles["employee_payables"],
        undeposited_funds=roles["undeposited"],
        exchange=roles["exchange"],
        rounding_account=roles["rounding"],
    )


_SCOPES = {
    "each": ("110", "120", "210", "220", "310", "320"),
    "any": ("110", "120", "210", "220", "310", "320"),
    "head": ("110", "120"),
    "stock": ("110", "110", "310"),
    "service": ("210", "220", "310", "320"),
}


def _vendors(
    data: Data, names: Data, stems: _Stems, *, rng: Random, growth: float, scale: int, rules: PostingRules
) -> list[Vendor]:
    vendors: list[Vendor] = []
    for row in data["purchases"]:
        kind, type_, account, department, low, high, count, rate, term, memo, scope, day = row
        many = max(count, round(count * growth))
        for index in range(many):
            places = _SCOPES[scope]
            location = places[index % len(places)]
            entity = rules.entity_of[location]
            currency = rules.base_currency[entity]
            if kind in ("sensors", "software", "parts") and rng.random() < 0.18:
                currency = "USD" if currency == "CAD" else "CAD"
            key = len(vendors) + 1
            vendors.append(
                Vendor(
                    key=key,
                    id=f"V{10000 + key}",
                    name=stems.name(names["vendor_kinds"][kind], rng),
                    kind=kind,
                    type=type_,
                    account=account,
                    department=department,
                    low=low,
                    high=high,
                    rate=rate * scale * count / many,
                    term=term,
                    memo=memo,
                    scope=scope,
                    day=day,
                    location=location,
                    entity=entity,
                    currency=currency,
                    status="active",
                    private=entity == "300" and index % 2 == 0,
                )
            )
    return vendors + _idle_vendors(vendors, names, stems, rng)


def _idle_vendors(vendors: list[Vendor], names: Data, stems: _Stems, rng: Random) -> list[Vendor]:
    """Vendors that no longer send bills."""
    last = vendors[-1]
    return [
        Vendor(
            key=last.key + index,
            id=f"V{10000 + last.key + index}",
            name=stems.name(names["vendor_kinds"]["parts"], rng),
            kind="parts",
            type="Supplier",
            account="12100",
            department="310",
            low=0,
            high=0,
            rate=0.0,
            term="N30",
            memo="",
            scope="any",
            day=0,
            location="110",
            entity="100",
            currency="USD",
            status=status,
            private=False,
        )
        for index, status in enumerate(("inactive", "inactive", "inactive", "active non-posting", "active"), 1)
    ]


_MARKETS = ("110", "210", "310", "110", "220", "120", "110", "320", "110", "210")


def _customers(
    data: Data, names: Data, stems: _Stems, *, rng: Random, count: int, rules: PostingRules
) -> list[Customer]:
    customers = []
    kinds = data["customer_types"]
    for key in range(1, count + 1):
        type_ = kinds[min(len(kinds) - 1, int(rng.random() ** 1.3 * len(kinds)))]
        location = _MARKETS[key % len(_MARKETS)]
        entity = rules.entity_of[location]
        currency = rules.base_currency[entity]
        if rng.random() < 0.06:
            currency = "CAD" if currency == "USD" else "USD"
        customers.append(
            Customer(
                key=key,
                id=f"C{20000 + key}",
                name=stems.name(names["customer_kinds"][type_], rng),
                type=type_,
                location=location,
                entity=entity,
                currency=currency,
                term="N45" if type_ == "Public Sector" else pick(rng, ("N30", "N30", "N30", "N15", "N60", "2/10 N30")),
                territory="CANADA" if entity == "300" else pick(rng, ("EAST", "WEST", "CENTRAL")),
                delay=pick(rng, (-4, -2, 0, 0, 2, 3, 5, 8, 14, 21, 33)),
                weight=rng.random() ** 1.5 + 0.12,
                status="inactive" if key % 29 == 0 else "active",
                private=entity == "300" and key % 3 == 0,
            )
        )
    return customers


_WORKPLACES = {"400": ("210", "210", "220", "310", "320"), "520": ("120",), "220": ("120",)}


def _employees(data: Data, names: Data, rng: Random, *, calendar: Calendar, growth: int) -> list[Employee]:
    employees: list[Employee] = []
    for department, share, positions, low, high in data["staffing"]:
        for _ in range(share * growth):
            key = len(employees) + 1
            location = pick(rng, _WORKPLACES.get(department, ("110", "110", "110", "310")))
            hired = calendar.start - timedelta(days=int(rng.random() * 2600))
            if rng.random() < 0.12:
                hired = calendar.start + timedelta(days=int(rng.random() * 600))
            left = hired + timedelta(days=400) if rng.random() < 0.08 else None
            employees.append(
                Employee(
                    key=key,
                    id=f"E{key:04}",
                    first=pick(rng, names["first"]),
                    last=pick(rng, names["last"]),
                    department=department,
                    location=location,
                    entity={"1": "100", "2": "200", "3": "300"}[location[0]],
                    position=pick(rng, positions),
                    pay=int(low + rng.random() * (high - low)),
                    started=hired,
                    ended=left if left and calendar.start < left < calendar.as_of else None,
                )
            )
    return employees


def _items(data: Data) -> list[Item]:
    inactive = data["inactive_items"]
    return [
        Item(*[key, *row, "inactive" if row[0] in inactive else "active"]) for key, row in enumerate(data["items"], 1)
    ]


def _projects(
    data: Data,
    customers: Sequence[Customer],
    employees: Sequence[Employee],
    *,
    rng: Random,
    calendar: Calendar,
    count: int,
) -> list[Project]:
    managers = [e for e in employees if e.position in ("MGR", "DIR", "ENG2")]
    projects = []
    for key in range(1, count + 1):
        customer: Customer = pick(rng, customers)
        begin = calendar.start + timedelta(days=int(rng.random() * 640))
        end = shift_month(begin, 3 + int(rng.random() * 9))
        internal = key % 11 == 0
        type_ = "Internal" if internal else pick(rng, data["project_types"][:3])
        place = pick(rng, ("310", "320") if customer.entity == "300" else ("210", "220"))
        projects.append(
            Project(
                key=key,
                id=f"P-{begin:%y}-{key:03}",
                name=f"{type_}: {'Process & tooling' if internal else customer.name}",
                customer=None if internal else customer,
                department="500" if internal else "400",
                location=place,
                manager=pick(rng, managers),
                begin=begin,
                end=end,
                type=type_,
                status="Completed" if end < calendar.as_of else ("In Progress" if rng.random() < 0.85 else "On Hold"),
            )
        )
    return projects
