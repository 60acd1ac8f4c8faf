"""What the demo company consists of, as values: its vendors, customers, employees, items, projects, and the world."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Any

from intacct_bridge.emulator.accounting.posting import Rules
from intacct_bridge.emulator.accounting.posting_rows import Directory
from intacct_bridge.emulator.demo.generator.calendar import Calendar, Rates

Data = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Vendor:
    """Someone the company buys from, always the same kind of thing."""

    key: int
    id: str
    name: str
    kind: str
    type: str
    account: str
    department: str
    low: int
    high: int
    """Of one bill, in dollars."""
    rate: float
    """Bills a month."""
    term: str
    memo: str
    scope: str
    day: int
    """Of the month when the bill comes; 0 for any."""
    location: str
    entity: str
    currency: str
    status: str
    private: bool
    """Owned by its entity."""


@dataclass(frozen=True, slots=True)
class Customer:
    """Someone the company sells to."""

    key: int
    id: str
    name: str
    type: str
    location: str
    entity: str
    currency: str
    term: str
    territory: str
    delay: int
    """Days that its payments come after they are due."""
    weight: float
    status: str
    private: bool


@dataclass(frozen=True, slots=True)
class Employee:
    """Someone the company pays."""

    key: int
    id: str
    first: str
    last: str
    department: str
    location: str
    entity: str
    position: str
    pay: int
    """A month, in dollars."""
    started: date
    ended: date | None


@dataclass(frozen=True, slots=True)
class Item:
    """Something the company sells or buys."""

    key: int
    id: str
    name: str
    type: str
    line: str
    price: int
    cost: int
    unit: str
    revenue: str
    cost_account: str | None
    stock_account: str | None
    quantity: int
    """The most of it that one line sells; 0 when it is not sold."""
    status: str


@dataclass(frozen=True, slots=True)
class Project:
    """Work for one customer, or for the company itself."""

    key: int
    id: str
    name: str
    customer: Customer | None
    department: str
    location: str
    manager: Employee
    begin: date
    end: date
    type: str
    status: str


@dataclass(frozen=True, slots=True)
class World:
    """Everything that plans and rows have in common."""

    seed: int
    scale: int
    data: Data
    names: Data
    calendar: Calendar
    rates: Rates
    directory: Directory
    rules: Rules
    vendors: tuple[Vendor, ...]
    customers: tuple[Customer, ...]
    employees: tuple[Employee, ...]
    items: tuple[Item, ...]
    projects: tuple[Project, ...]
    term_keys: dict[str, int]
    """Term → its record number, the same for payables and receivables."""

    def random(self, name: str) -> Random:
        """A generator of its own for one stream of events, so that one stream's growth moves no other."""
        return stream(self.seed, name)

    @property
    def volume(self) -> float:
        """How many times the documents of scale 1: above the scale, for the month-end entries that do not grow."""
        return self.scale + (self.scale - 1) * 0.12

    def base(self, entity: str) -> str:
        """The entity's base currency."""
        return self.rules.base_currency[entity]


def stream(seed: int, name: str) -> Random:
    """A generator of random numbers for one purpose; the same seed and name give the same numbers."""
    return Random(f"{seed} {name}")  # noqa: S311 - for a made-up company, not for a secret


def all_accounts(data: Data) -> list[list[str]]:
    """Ledger accounts, then statistical ones: they share one series of record numbers."""
    return [*data["accounts"], *data["stat_accounts"]]


def all_locations(data: Data) -> list[list[str]]:
    """Entities first, then the locations under them."""
    return [*data["entities"], *data["locations"]]


def pick(rng: Random, among: Sequence[Any]) -> Any:
    """One of them; a third of the cost of `Random.choice`."""
    return among[int(rng.random() * len(among))]
