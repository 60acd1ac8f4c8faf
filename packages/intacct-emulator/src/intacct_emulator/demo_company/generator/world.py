"""The demo company's vendors, customers, employees, items and projects as values, and the world that holds them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Any

from intacct_emulator.demo_company.generator.calendar import Calendar, Rates
from intacct_emulator.ledger.posting import PostingRules
from intacct_emulator.ledger.posting_rows import Directory

Data = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Vendor:
    """A vendor, which always sells the same kind of goods or services."""

    key: int
    id: str
    name: str
    kind: str
    type: str
    account: str
    department: str
    low: int
    """Lowest amount of a bill, in dollars."""
    high: int
    """Highest amount of a bill, in dollars."""
    rate: float
    """Bills per month."""
    term: str
    memo: str
    scope: str
    day: int
    """The day of the month when bills come; 0 for any day."""
    location: str
    entity: str
    currency: str
    status: str
    private: bool
    """Owned by its entity."""


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer."""

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
    """Days from the due date to the payment."""
    weight: float
    status: str
    private: bool


@dataclass(frozen=True, slots=True)
class Employee:
    """An employee."""

    key: int
    id: str
    first: str
    last: str
    department: str
    location: str
    entity: str
    position: str
    pay: int
    """Monthly pay in dollars."""
    started: date
    ended: date | None


@dataclass(frozen=True, slots=True)
class Item:
    """An item that the company sells or buys."""

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
    """The highest quantity on one line of a sale; 0 for an item that is not sold."""
    status: str


@dataclass(frozen=True, slots=True)
class Project:
    """A project for a customer, or for the company itself."""

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
    """The data that all plans and rows share."""

    seed: int
    scale: int
    data: Data
    names: Data
    calendar: Calendar
    rates: Rates
    directory: Directory
    rules: PostingRules
    vendors: tuple[Vendor, ...]
    customers: tuple[Customer, ...]
    employees: tuple[Employee, ...]
    items: tuple[Item, ...]
    projects: tuple[Project, ...]
    term_keys: dict[str, int]
    """Term → its record number, the same for payables and receivables."""

    def random(self, name: str) -> Random:
        """Random numbers for one kind of event, independent of those for every other kind."""
        return stream(self.seed, name)

    @property
    def volume(self) -> float:
        """Documents as a multiple of scale 1. It exceeds the scale, because month-end entries do not grow with it."""
        return self.scale + (self.scale - 1) * 0.12

    def base(self, entity: str) -> str:
        """The entity's base currency."""
        return self.rules.base_currency[entity]


def stream(seed: int, name: str) -> Random:
    """Random numbers for one purpose; the same seed and name give the same numbers."""
    return Random(f"{seed} {name}")  # noqa: S311 - for a made-up company, not for a secret


def all_accounts(data: Data) -> list[list[str]]:
    """Ledger accounts, then statistical accounts, which share one series of record numbers."""
    return [*data["accounts"], *data["stat_accounts"]]


def all_locations(data: Data) -> list[list[str]]:
    """Entities first, then the locations under them."""
    return [*data["entities"], *data["locations"]]


def pick(rng: Random, among: Sequence[Any]) -> Any:
    """A random element, in a third of the time of `Random.choice`."""
    return among[int(rng.random() * len(among))]
