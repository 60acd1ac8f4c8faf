"""The demo company before its first transaction, quickly made, and clients of it whose time stands still."""

from datetime import date, datetime, timedelta
from functools import cache
from itertools import takewhile
from typing import Any

from intacct_bridge.client.client import Client
from intacct_bridge.client.connections.connection import Connection
from intacct_bridge.client.gateway.runtime import System
from intacct_bridge.emulator.accounting.loading import load
from intacct_bridge.emulator.demo.company import demo_company
from intacct_bridge.emulator.gateway.gateway import Emulator
from intacct_bridge.wire.reply import Transport

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
    settings: dict[str, Any] = {
        "company_id": "demo-company",
        "user_id": "demo-user",
        "user_password": "demo-user-password",
        "sender_id": "demo-sender",
        "sender_password": "demo-sender-password",
        "endpoint": endpoint,
        "environment": "demo",
        "read_formatting": False,
    }
    return Connection(**(settings | more))


class Stopwatch:
    """A process's own clock, which only its sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def client(transport: Transport, **more: Any) -> Client:
    """A client in this process, which never really sleeps."""
    watch = Stopwatch()
    system = System(clock=watch, sleep=watch.sleep)
    return Client(connection(**more), transport=transport, keep=False, system=system)
