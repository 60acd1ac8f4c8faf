"""One small company for the tests: the demo company without transactions, or with those of its last weeks.

Its clients keep no files and never sleep; its clock moves when a test moves it.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache
from itertools import takewhile
from typing import Any

from intacct_bridge.client.client import Client
from intacct_bridge.client.gateway.runtime import System
from intacct_bridge.connections.connection import Connection
from intacct_emulator.demo_company.company import demo_company
from intacct_emulator.demo_company.generator.declaration import demo_definitions, demo_facts
from intacct_emulator.ledger.seeding import load
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.xml.reply import Transport
from support.demo_company import DEMO
from support.shared_files import shared_company

AS_OF = date(2026, 11, 30)
NOON = datetime.fromisoformat("2026-11-30T12:00:00+00:00")


class Clock:
    """The gateway's clock, pushed forward by tests."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now.timestamp()

    def forward(self, **parts: float) -> None:
        self.now += timedelta(**parts)


@cache
def _grown() -> Emulator:
    emulator = Emulator.empty(clock=NOON.timestamp)
    books = emulator.company()
    rows = takewhile(lambda pair: pair[0] != "VENDOR", demo_company(1, as_of=AS_OF))
    with books.store.together():
        load(books, (pair for pair in rows if pair[0] != "USERINFO"))
    return emulator


def company(clock: Clock, **more: Any) -> Emulator:
    """A gateway of its own with the company's accounts, journals, locations and departments."""
    return _grown().clone(clock=clock, **more)


def connection(endpoint: str = "http://127.0.0.1:9/ia/xml/xmlgw.phtml", **more: Any) -> Connection:
    """The demo user's way in."""
    settings: dict[str, Any] = {"name": "default", "endpoint": endpoint, "read_formatting": False}
    return replace(DEMO, **(settings | more))


class Stopwatch:
    """A process's own clock, which only its sleeping moves."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def client(transport: Transport, **more: Any) -> Client:
    """A client in this process, which never really sleeps."""
    watch = Stopwatch()
    system = System(clock=watch, sleep=watch.sleep)
    return Client(connection(**more), transport=transport, keep=False, system=system)


SINCE = date(2026, 11, 16)
HEADERS = {"GLBATCH": "BATCH_DATE", "APBILL": "WHENCREATED", "SODOCUMENT": "WHENCREATED"}
"""The documents that are kept, and the day that says whether."""
LINES = {
    "GLENTRY": ("GLBATCH", "BATCHNO"),
    "GLDETAIL": ("GLBATCH", "BATCHKEY"),
    "APBILLITEM": ("APBILL", "RECORDKEY"),
    "SODOCUMENTENTRY": ("SODOCUMENT", "DOCHDRNO"),
}
MASTERS = {"VENDOR", "CUSTOMER", "CLASS"}


@cache
def _with_recent_documents() -> Emulator:
    return shared_company("little", _make_little_company, NOON.timestamp)


def _make_little_company() -> Emulator:
    empty = Emulator.empty(clock=NOON.timestamp)
    empty.company().facts.demo.put(value="a little one")
    empty.company().facts.definitions.put(value=demo_definitions())
    emulator = empty.clone()  # from here on it has the demo company's own fields and dimension
    books = emulator.company()
    load(books, _some())
    for role, account in demo_facts().posting_accounts.items():
        books.facts.posting_accounts.put(role, value=account)
    return emulator


def _some() -> Iterator[tuple[str, Any]]:
    kept: dict[str, set[str]] = {name: set() for name in HEADERS}
    documents = False
    for name, row in demo_company(1, as_of=AS_OF):
        documents = documents or name in HEADERS
        if name in HEADERS:
            if row[HEADERS[name]] >= SINCE:  # type: ignore[operator]
                kept[name].add(str(row["RECORDNO"]))
                yield name, row
        elif name in LINES:
            header, by = LINES[name]
            if str(row[by]) in kept[header]:
                yield name, row
        elif not documents and name != "USERINFO":
            yield name, row


def little_company(clock: Callable[[], float], **more: Any) -> Emulator:
    """A gateway of its own."""
    return _with_recent_documents().clone(clock=clock, **more)
