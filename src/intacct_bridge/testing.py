"""For tests of programs that use this library: a company in memory, and a client that reaches it without a network.

    from intacct_bridge.testing import demo_company

    def test_my_report():
        with demo_company(as_of=date(2026, 10, 31)) as company:
            assert my_report(company.client()) == ...
            assert company.received("create") == []

The company behaves as the emulator does, deterministically by seed and date; nothing of it is kept afterwards.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from intacct_bridge.client.client import Client
from intacct_bridge.client.connection import Connection
from intacct_bridge.client.line import Means
from intacct_bridge.emulator.gateway import Emulator
from intacct_bridge.wire.xml import Element, parse

CREDENTIALS = {
    "company_id": "demo-company",
    "user_id": "demo-user",
    "user_password": "demo-user-password",
    "sender_id": "demo-sender",
    "sender_password": "demo-sender-password",
}
"""The demo company's credentials, fixed and public."""


class Company:
    """An emulated company, and clients of it."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator

    def client(self, *, sleep: Callable[[float], None] = lambda _: None, **settings: Any) -> Client:
        """A client of the company; settings are those of `Connection`. Waits between repetitions take no time."""
        connection = Connection(**{"name": "test", "environment": "demo", **CREDENTIALS, **settings})
        return Client(connection, transport=self.emulator, means=Means(sleep=sleep))

    def received(self, function: str = "") -> list[Element]:
        """The elements of the functions that the company was sent, or of those with that name."""
        found = [
            body for request in self.emulator.received for holder in _functions(parse(request.body)) for body in holder
        ]
        return [body for body in found if not function or body.tag == function]


@contextmanager
def demo_company(*, seed: int = 1, as_of: date | None = None, scale: int = 1, **more: Any) -> Iterator[Company]:
    """The demo company: two years of books in three entities, the same for the same seed and date.

    It takes seconds to make: make it once for many tests, and give each a `clone()` of its emulator.
    """
    yield from _company(Emulator.demo(seed=seed, as_of=as_of, scale=scale, **more))


@contextmanager
def empty_company(**more: Any) -> Iterator[Company]:
    """A company with users and no records, made in milliseconds."""
    yield from _company(Emulator.empty(**more))


def _company(emulator: Emulator) -> Iterator[Company]:
    try:
        yield Company(emulator)
    finally:
        emulator.close()


def _functions(root: Element) -> Iterator[Element]:
    for child in root:
        if child.tag == "function":
            yield child
        else:
            yield from _functions(child)
