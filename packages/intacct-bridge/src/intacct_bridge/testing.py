"""A company in memory for tests of programs that use this library, with clients that need no network.

    from intacct_bridge.testing import demo_company

    def test_my_report():
        with demo_company(as_of=date(2026, 10, 31)) as company:
            assert my_report(company.client()) == ...
            assert company.received("create") == []

The company is the emulator's: the same for the same seed and date, and gone after the test. With pytest, the fixture
`intacct_gateway` (see `pytest_plugin`) gives one to each test.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any
from weakref import finalize

from intacct_bridge.client.gateway.runtime import System
from intacct_bridge.connections.connection import Connection
from intacct_bridge.library import BridgeClient
from intacct_bridge.load.apply.single_writes import OutboxWriter
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_emulator.from_copy.source import CopiedCompany, CopiedTable, copied_company
from intacct_emulator.ledger.periods import close_books
from intacct_emulator.ledger.seeding import seed, seed_file
from intacct_emulator.server.administration import Administration
from intacct_emulator.server.gateway import Emulator, EmulatorSnapshot, Received, numbered_companies
from intacct_emulator.server.request_log import RequestCount
from intacct_emulator.server.schema.functions import functions
from intacct_emulator.settings.companies import EmulatorSettings
from intacct_emulator.settings.faults import FaultPlan, ScriptedFault, check_functions, load_faults
from intacct_emulator.settings.scenarios import declared_company, find_scenario, load_companies, load_scenario
from intacct_emulator.subledgers.revaluation.revaluation import DEFAULT_JOURNAL, RevaluedBalance
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.suggestions import did_you_mean
from intacct_protocol.model.uri_text import redacted
from intacct_protocol.xml.typed_arrow import kind_of
from intacct_protocol.xml.xml import Element, parse

if TYPE_CHECKING:
    from intacct_bridge.copies.destinations.copy_tables import CopyTable
    from intacct_emulator.server.server import RunningServer

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

    def __init__(self, emulator: Emulator, company_id: str = "") -> None:
        """The first company of the emulator, unless another one is named."""
        self.emulator = emulator
        self.company_id = emulator.company(company_id).settings.company_id
        self.credentials = emulator.settings.credentials(self.company_id)
        self._server: RunningServer | None = None
        self._outbox: Outbox | None = None
        self._folder: Path | None = None
        self._first: EmulatorSnapshot | None = None
        self._model: Company | None = None
        self._clones: list[Company] = []

    @property
    def url(self) -> str:
        """The endpoint over HTTP. The first use starts a server, which runs until the company is closed."""
        if self._model is not None:
            return self._model.url
        if self._server is None:
            from intacct_emulator.server.server import serve

            self._server = serve(self.emulator)
        return self._server.url

    def client(self, *, sleep: Callable[[float], None] = lambda _: None, **settings: Any) -> BridgeClient:
        """A client of the company; settings are those of `Connection`. Waits between retries take no time.

        Its writes are kept in `outbox`, as those of `connect` are. `outbox=None` is a client without one.
        """
        named = settings.pop("outbox", "")
        own = named == ""
        path = str(self._outbox_path) if own else str(named or "")
        connection = Connection(
            **{"name": "test", "environment": "demo", **self.credentials, **settings, "outbox": path}
        )
        writer = None if named is None else OutboxWriter((lambda _: self.outbox) if own else None)
        return BridgeClient(connection, transport=self.emulator, system=System(sleep=sleep), writer=writer)

    @property
    def outbox(self) -> Outbox:
        """The outbox of the clients of this company: in a temporary folder, and empty again after `reset`."""
        if self._outbox is None:
            self._outbox = Outbox(self._outbox_path)
        return self._outbox

    @property
    def _outbox_path(self) -> Path:
        if self._folder is None:
            self._folder = Path(mkdtemp(prefix="intacct-bridge-"))
            finalize(self, shutil.rmtree, self._folder, ignore_errors=True)  # also for a company that is never closed
        return self._folder / "outbox.sqlite3"

    def _drop_outbox(self) -> None:
        """Close the outbox and delete its files; another use begins an empty one."""
        if self._outbox is not None:
            self._outbox.close()
            for path in self._outbox_path.parent.glob(f"{self._outbox_path.name}*"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        self._outbox = None

    # --- changes

    def seed(self, source: str | Path, rows: Iterable[Mapping[str, Any]] | None = None) -> None:
        """Store records as they are: `rows` of the object `source`, or those of a JSON or CSV file or a folder."""
        company, now = self.emulator.company(self.company_id), self.emulator.now()
        if rows is None:
            seed_file(company, source, now=now)
        else:
            seed(company, str(source), rows, now=now)

    def inject(self, kind: str, **fault: Any) -> None:
        """Inject a fault from now on; its calls are counted from here."""
        scripted = ScriptedFault(kind, **_frozen(fault))
        check_functions((scripted,), functions())
        self.emulator.fault_plan.add(scripted)

    def calm(self) -> None:
        """End all faults."""
        self.emulator.fault_plan = FaultPlan()

    @property
    def administration(self) -> Administration:
        """What the company's administrator and Sage do in Intacct's screens: subscriptions, senders, roles, users."""
        return Administration(self.emulator, self.company_id)

    def snapshot(self) -> EmulatorSnapshot:
        """The company as it is now, for `reset`."""
        return self.emulator.snapshot()

    def reset(self, to: EmulatorSnapshot | None = None) -> None:
        """Reset the company, in milliseconds: to a snapshot, or to its state after `make_company`.

        Sessions, received requests, injected faults and the outbox are dropped.
        """
        found = to or self._first
        if found is None:
            raise SettingsError("the company has no snapshot to reset to", fix="take a snapshot() first")
        self.emulator.restore(found)
        self._drop_outbox()

    def close_books(self, until: date | str, *, entity: str = "", ledger: str = "GL") -> None:
        """Close the books until a day (included), or one sub-ledger of them: AP, AR, EE or CM.

        Without an entity they are closed in all of them. An earlier day than before opens the periods after it again.
        """
        day = date.fromisoformat(until) if isinstance(until, str) else until
        close_books(self.emulator.company(self.company_id), day, entity=entity, ledger=ledger)

    def revalue(
        self, day: date | str, *, rate_type: str = "", journal: str = DEFAULT_JOURNAL
    ) -> tuple[RevaluedBalance, ...]:
        """Revalue open foreign-currency items and bank accounts at the rate of a day.

        The entries are posted on that day, and those of open items are reversed on the next. An earlier revaluation of
        the same day is replaced. Without a rate type the company's default one counts. SettingsError if a rate or
        an account is missing, or a period is closed.
        """
        on = date.fromisoformat(day) if isinstance(day, str) else day
        return self.emulator.revalue(on, rate_type=rate_type, journal=journal, company_id=self.company_id)

    def set_clock(self, moment: datetime) -> None:
        """Set the company's clock; it runs on from there. A moment without a zone is UTC."""
        self.emulator.set_clock(moment, self.company_id)

    def clone(self, company_id: str, *, snapshot: EmulatorSnapshot | None = None, **settings: Any) -> "Company":
        """Another company in the same gateway, in milliseconds, with this one's records now or in a snapshot.

        `settings` are those of a `[[company]]` that differ, such as `users` or `concurrency`. It has the address of
        this company, and its own limits, clock, log and outbox. `reset` of this company drops it.
        """
        model = self.emulator.company(self.company_id).settings
        self.emulator.add_company(replace(model, company_id=company_id, **settings), self.company_id, snapshot)
        made = Company(self.emulator, company_id)
        made._model = self
        self._clones.append(made)
        return made

    def share(self, companies: int | Iterable[str]) -> tuple["Company", ...]:
        """More companies in the same gateway, thousands in a second: a number of them, or their ids.

        A number gives `company-0001`, `company-0002` and so on. They share this one's records as they are now, until
        they are written: a change in one is seen in no other. Users, passwords and address are those of this company.
        """
        ids = numbered_companies(companies) if isinstance(companies, int) else companies
        made = tuple(Company(self.emulator, one) for one in self.emulator.add_companies(ids, self.company_id))
        for one in made:
            one._model = self
        self._clones += made
        return made

    # --- observations

    @property
    def requests(self) -> Sequence[Received]:
        """The requests to this company as received, oldest first, every credential masked.

        Requests that name no company are among them.
        """
        return tuple(one for one in self.emulator.received if one.company in ("", self.company_id))

    @property
    def request_count(self) -> RequestCount:
        """How many requests the company had so far, and the most at once; those that name no company left out."""
        return self.emulator.request_count(self.company_id)

    @property
    def transactions(self) -> int:
        """The billable API transactions of the company so far; `emulator.transactions()` has them by function."""
        return self.emulator.transactions(self.company_id).total

    def received(self, function: str = "") -> list[Element]:
        """The elements of the functions that the company received, or of those with this name."""
        found = [
            body
            for request in self.requests
            if request.functions
            for holder in _functions(parse(request.body))
            for body in holder
        ]
        return [body for body in found if not function or body.tag == function]

    def rows(self, name: str) -> list[dict[str, str]]:
        """The stored records of an object, regardless of the users' rights.

        InvalidRequestError for an unknown object.
        """
        company = self.emulator.company(self.company_id)
        return [dict(row) for _, row in company.table(company.catalog.find(name)).rows()]

    def close(self) -> None:
        """Stop the server, if there is one, and drop the company with its clones."""
        for clone in self._clones:
            clone.close()
        if self._server is not None:
            self._server.close()
        self._drop_outbox()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = None
        if self._model is None:
            self.emulator.close()


@contextmanager
def read_copy(uri: str, *, anonymise: bool = False) -> Iterator[CopiedCompany]:
    """The company in a copy that `intacct extract` made, as a source of an emulated company's data.

    With `anonymise`, names, ids and free text are replaced, each by the same text everywhere. Amounts, dates and record
    numbers stay. The copy is open while the source is used.
    """
    from intacct_bridge.copies.destinations.copy_tables import copy_tables

    with copy_tables(uri) as tables:
        yield copied_company([_copied(one) for one in tables], redacted(uri), anonymise=anonymise)


def _copied(table: "CopyTable") -> CopiedTable:
    kinds = {one.name: kind_of(one.type) for one in table.columns}

    def rows() -> Iterator[dict[str, Any]]:
        for batch in table.batches():
            columns = [column.to_pylist() for column in batch.columns]
            for values in zip(*columns, strict=True):
                yield dict(zip(kinds, values, strict=True))

    return CopiedTable(table.name, kinds, rows, table.distinct)


def make_company(
    *,
    company: str | Mapping[str, Any] = "empty",
    copy: str | None = None,
    anonymise: bool = False,
    as_of: date | str | None = None,
    seed: int = 1,
    scenario: str | None = None,
    data: str | Path | None = None,
) -> Company:
    """A company that can be reset: `empty`, `demo`, that of a company file (`harbour.toml`), or a declaration itself.

    A declaration has the keys of a `[[company]]`: `{"entity": [{"id": "E1"}], "custom_field": [...]}`.

    `copy` is the URI of a copy that `intacct extract` made, whose records the company then has (see `read_copy`). A
    scenario changes it, and `data` adds the records of a file.
    """
    more: dict[str, Any] = {"seed": seed}
    start = EmulatorSettings()
    if not isinstance(company, str):
        start = declared_company(company, "company")
        more |= {"settings": start}
    elif company not in ("empty", "demo"):
        if not company.endswith(".toml"):
            near = did_you_mean(company, ("empty", "demo"))
            raise SettingsError(f"there is no company {company!r}{near}", fix="companies: empty, demo, or a TOML file")
        start = load_companies(company)
        more |= {"settings": start, "faults": load_faults(company)}
    if scenario is not None:
        path = find_scenario(scenario)
        more |= {"settings": load_scenario(path, start), "faults": (*more.get("faults", ()), *load_faults(path))}
    day = date.fromisoformat(as_of) if isinstance(as_of, str) else as_of
    if copy is not None and company == "demo":
        raise SettingsError("a company has the records of the demo company or those of a copy", fix="leave one out")
    if copy is not None:
        with read_copy(copy, anonymise=anonymise) as copied:
            made = Company(Emulator.filled(copied.source, **more))
    else:
        made = Company(Emulator.demo(as_of=day, **more) if company == "demo" else Emulator.empty(**more))
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
def demo_company(
    *, seed: int = 1, as_of: date | None = None, scale: int = 1, months: int = 24, **more: Any
) -> Iterator[Company]:
    """The demo company: two years of books in three entities, or the last `months`; the same for the same arguments.

    Two years take seconds to make, three months half a second. Make it once for many tests, and give each a `clone()`
    of its emulator.
    """
    yield from _company(Emulator.demo(seed=seed, as_of=as_of, scale=scale, months=months, **more))


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
