"""For tests of programs that use this library: a company in memory, and a client that reaches it without a network.

    from intacct_bridge.testing import demo_company

    def test_my_report():
        with demo_company(as_of=date(2026, 10, 31)) as company:
            assert my_report(company.client()) == ...
            assert company.received("create") == []

The company behaves as the emulator does, deterministically by seed and date; nothing of it is kept afterwards. With
pytest the fixture `intacct_gateway` (see `pytest_plugin`) gives one to each test.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intacct_bridge.client.client import Client
from intacct_bridge.client.connections.connection import Connection
from intacct_bridge.client.gateway.runtime import System
from intacct_bridge.emulator.accounting.seeding import seed, seed_file
from intacct_bridge.emulator.gateway.gateway import Emulator, EmulatorSnapshot, Received
from intacct_bridge.emulator.settings.faults import FaultPlan, ScriptedFault, load_faults
from intacct_bridge.emulator.settings.scenarios import find_scenario, load_scenario
from intacct_bridge.errors import SettingsError
from intacct_bridge.wire.xml import Element, parse

if TYPE_CHECKING:
    from intacct_bridge.emulator.gateway.server import RunningServer

CREDENTIALS = {
    "company_id": "demo-company",
    "user_id": "demo-user",
    "user_password": "demo-user-password",
    "sender_id": "demo-sender",
    "sender_password": "demo-sender-password",
}
"""The demo company's credentials, fixed and public."""


class Company:
    """An emulated company, clients of it, and a way for any program to reach it."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.credentials = dict(CREDENTIALS)
        self._server: RunningServer | None = None
        self._first: EmulatorSnapshot | None = None

    @property
    def url(self) -> str:
        """The endpoint over HTTP; a server is started for whoever asks first, and stays until the company is closed."""
        if self._server is None:
            from intacct_bridge.emulator.gateway.server import serve

            self._server = serve(self.emulator)
        return self._server.url

    def client(self, *, sleep: Callable[[float], None] = lambda _: None, **settings: Any) -> Client:
        """A client of the company; settings are those of `Connection`. Waits between repetitions take no time."""
        connection = Connection(**{"name": "test", "environment": "demo", **CREDENTIALS, **settings})
        return Client(connection, transport=self.emulator, system=System(sleep=sleep))

    # --- what the test does to it

    def seed(self, source: str | Path, rows: Iterable[Mapping[str, Any]] | None = None) -> None:
        """Keep records as they are: rows of the object with this name, or what a JSON or CSV file or a folder holds."""
        company, now = self.emulator.company(), self.emulator.now()
        if rows is None:
            seed_file(company, source, now=now)
        else:
            seed(company, str(source), rows, now=now)

    def inject(self, kind: str, **fault: Any) -> None:
        """Let something go wrong from now on: a fault of the weather, its calls counted from here."""
        self.emulator.fault_plan.add(ScriptedFault(kind, **_frozen(fault)))

    def calm(self) -> None:
        """End all bad weather."""
        self.emulator.fault_plan = FaultPlan()

    def snapshot(self) -> EmulatorSnapshot:
        """The company as it is now, for `reset`."""
        return self.emulator.snapshot()

    def reset(self, to: EmulatorSnapshot | None = None) -> None:
        """Set the company back, in milliseconds: to a snapshot, or to how `make_company` gave it.

        Sessions, received requests and faults that were injected are forgotten.
        """
        found = to or self._first
        if found is None:
            raise SettingsError("there is nothing to set the company back to", fix="take a snapshot() first")
        self.emulator.restore(found)

    # --- what the test sees of it

    @property
    def requests(self) -> Sequence[Received]:
        """The requests as they came, oldest first, every credential masked."""
        return tuple(self.emulator.received)

    def received(self, function: str = "") -> list[Element]:
        """The elements of the functions that the company was sent, or of those with that name."""
        found = [
            body for request in self.emulator.received for holder in _functions(parse(request.body)) for body in holder
        ]
        return [body for body in found if not function or body.tag == function]

    def rows(self, name: str) -> list[dict[str, str]]:
        """The records of an object as they are kept, whoever may see them. InvalidRequestError where there is none."""
        company = self.emulator.company()
        return [dict(row) for _, row in company.table(company.catalog.find(name)).rows()]

    def close(self) -> None:
        """Stop the server, if there is one, and drop the company."""
        if self._server is not None:
            self._server.close()
        self.emulator.close()


def make_company(
    *,
    company: str = "empty",
    as_of: date | str | None = None,
    seed: int = 1,
    scenario: str | None = None,
    data: str | Path | None = None,
) -> Company:
    """A company that can be set back to how it is given: `empty` or `demo`, by a scenario, with records of a file."""
    if company not in ("empty", "demo"):
        raise SettingsError(f"there is no company {company!r}", fix="companies: empty, demo")
    more: dict[str, Any] = {"seed": seed}
    if scenario is not None:
        path = find_scenario(scenario)
        more |= {"settings": load_scenario(path), "faults": load_faults(path)}
    day = date.fromisoformat(as_of) if isinstance(as_of, str) else as_of
    made = Company(Emulator.empty(**more) if company == "empty" else Emulator.demo(as_of=day, **more))
    if data is not None:
        made.seed(data)
    made._first = made.snapshot()
    return made


def _frozen(fault: Mapping[str, Any]) -> dict[str, Any]:
    """A fault's settings as tests like to write them."""
    found = dict(fault)
    if "calls" in found:
        calls = found["calls"]
        found["calls"] = (calls,) if isinstance(calls, int) else tuple(calls)
    if isinstance(found.get("headers"), Mapping):
        found["headers"] = tuple(found["headers"].items())
    return found


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
    company = Company(emulator)
    try:
        yield company
    finally:
        company.close()


def _functions(root: Element) -> Iterator[Element]:
    for child in root:
        if child.tag == "function":
            yield child
        else:
            yield from _functions(child)
