"""Emulated companies for the tests of any program that uses Sage Intacct, in any way.

    from intacct_emulator.testing import emulated_company

    def test_my_program():
        with emulated_company() as company:
            company.seed("VENDOR", [{"VENDORID": "V-1", "NAME": "Acme"}])
            company.inject("cut-after", function="create")
            my_program(url=company.url, **company.credentials)
            assert len(company.rows("APBILL")) == 1

A company is the same for the same seed and date, and gone after the test. It is served on this machine as soon as
something asks for its `url`. With pytest, the fixture `intacct_company` (see `pytest_plugin`) gives one to each test.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack

from intacct_emulator.ledger.periods import close_books
from intacct_emulator.ledger.seeding import seed, seed_file
from intacct_emulator.server.administration import Administration
from intacct_emulator.server.gateway import Emulator, EmulatorSnapshot, Received, numbered_companies
from intacct_emulator.server.request_log import RequestCount
from intacct_emulator.server.schema.functions import functions
from intacct_emulator.settings.companies import EmulatorSettings
from intacct_emulator.settings.company_source import CompanySource
from intacct_emulator.settings.faults import FaultPlan, ScriptedFault, check_functions, fault_of, load_faults
from intacct_emulator.settings.scenarios import declared_company, find_scenario, load_companies, load_scenario
from intacct_emulator.subledgers.revaluation.revaluation import DEFAULT_JOURNAL, RevaluedBalance
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.suggestions import did_you_mean
from intacct_protocol.xml.xml import Element, parse

if TYPE_CHECKING:
    from intacct_emulator.server.server import RunningServer

__all__ = ["Company", "CompanyArguments", "emulated_company", "make_company"]


class CompanyArguments(TypedDict, total=False):
    """How an emulated company is made, besides its kind."""

    as_of: date | str | None
    """The last day of the demo company: today, unless it is given."""
    months: int
    """The demo company's months of history, 3 to 24."""
    scale: int
    """How many times more documents the demo company has."""
    cash_book: bool
    """Whether the demo company has a cash book too."""
    seed: int
    """The demo company, and the faults that happen by chance, are drawn from it."""
    scenario: str | None
    """The name or the file of a scenario, which changes the company's set-up."""
    data: str | Path | None
    """Records to add: a JSON or CSV file, or a folder of them."""
    faults: Sequence[ScriptedFault]
    """What goes wrong from the first request on."""
    clock: Callable[[], float]
    """Seconds since the epoch, in place of the machine's clock."""


class Company:
    """An emulated company, and a way for any program to reach it."""

    def __init__(self, emulator: Emulator, company_id: str = "") -> None:
        """The first company of the emulator, unless another one is named."""
        self.emulator = emulator
        self.company_id = emulator.company(company_id).settings.company_id
        self.credentials = emulator.settings.credentials(self.company_id)
        self._server: RunningServer | None = None
        self._first: EmulatorSnapshot | None = None
        self._model: Company | None = None
        self._clones: list[Company] = []

    @classmethod
    def of(cls, emulator: Emulator, *, data: str | Path | None = None) -> Self:
        """The first company of an emulator with the records of a file; `reset` sets it back to how it is then."""
        company = cls(emulator)
        if data is not None:
            company.seed(data)
        company._first = company.snapshot()
        return company

    @property
    def url(self) -> str:
        """The endpoint over HTTP. The first use starts a server, which runs until the company is closed."""
        if self._model is not None:
            return self._model.url
        if self._server is None:
            from intacct_emulator.server.server import serve

            self._server = serve(self.emulator)
        return self._server.url

    @contextmanager
    def proxied(self, certificates: Path | None = None) -> Iterator[dict[str, str]]:
        """A proxy for programs that know no address but https://api.intacct.com: the environment to start one with.

        The environment names the proxy, which runs inside the `with`, and the certificate authority to trust. The
        authority is in the folder `certificates` and stays there; without a folder it is gone afterwards.
        """
        from intacct_emulator.server.certificates import CertificateAuthority
        from intacct_emulator.server.proxy import RunningProxy, exports

        with TemporaryDirectory() as temporary:
            authority = CertificateAuthority(certificates or Path(temporary))
            with RunningProxy(self.emulator, authority) as proxy:
                yield exports(proxy.url, authority)

    # --- changes

    def seed(self, source: str | Path, rows: Iterable[Mapping[str, Any]] | None = None) -> None:
        """Store records as they are: `rows` of the object `source`, or those of a JSON or CSV file or a folder."""
        with self.emulator.between_requests(self.company_id) as company:
            if rows is None:
                seed_file(company, source, now=self.emulator.now())
            else:
                seed(company, str(source), rows, now=self.emulator.now())

    def inject(self, kind: str, **fault: Any) -> None:
        """Inject a fault from now on; its calls are counted from here. The settings are those of `ScriptedFault`."""
        scripted = fault_of({"kind": kind, **fault}, "fault")
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

        Sessions, received requests and injected faults are dropped.
        """
        snapshot = to or self._first
        if snapshot is None:
            raise SettingsError("the company has no snapshot to reset to", fix="take a snapshot() first")
        self.emulator.restore(snapshot)

    def close_books(self, until: date | str, *, entity: str = "", ledger: str = "GL") -> None:
        """Close the books until a day (included), or one sub-ledger of them: AP, AR, EE or CM.

        Without an entity they are closed in all of them. An earlier day than before opens the periods after it again.
        """
        day = date.fromisoformat(until) if isinstance(until, str) else until
        with self.emulator.between_requests(self.company_id) as company:
            close_books(company, day, entity=entity, ledger=ledger)

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

    def clone(self, company_id: str, *, snapshot: EmulatorSnapshot | None = None, **settings: Any) -> Self:
        """Another company in the same gateway, in milliseconds, with this one's records now or in a snapshot.

        `settings` are those of a `[[company]]` that differ, such as `users` or `concurrency`. It has the address of
        this company, and its own limits, clock and log. `reset` of this company drops it.
        """
        model = self.emulator.company(self.company_id).settings
        self.emulator.add_company(replace(model, company_id=company_id, **settings), self.company_id, snapshot)
        clone = type(self)(self.emulator, company_id)
        clone._model = self
        self._clones.append(clone)
        return clone

    def share(self, companies: int | Iterable[str]) -> tuple[Self, ...]:
        """More companies in the same gateway, thousands in a second: a number of them, or their ids.

        A number gives `company-0001`, `company-0002` and so on. They share this one's records as they are now, until
        they are written: a change in one is seen in no other. Users, passwords and address are those of this company.
        """
        ids = numbered_companies(companies) if isinstance(companies, int) else companies
        added = self.emulator.add_companies(ids, self.company_id)
        shares = tuple(type(self)(self.emulator, company_id) for company_id in added)
        for share in shares:
            share._model = self
        self._clones += shares
        return shares

    # --- observations

    @property
    def requests(self) -> Sequence[Received]:
        """The requests to this company as received, oldest first, every credential masked.

        Requests that name no company are among them.
        """
        return tuple(request for request in self.emulator.received if request.company in ("", self.company_id))

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
        return [
            body
            for request in self.requests
            if request.functions
            for holder in _functions(parse(request.body))
            for body in holder
            if not function or body.tag == function
        ]

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
        if self._model is None:
            self.emulator.close()


def make_company(
    company: str | Mapping[str, Any] = "empty",
    *,
    source: CompanySource | None = None,
    **arguments: Unpack[CompanyArguments],
) -> Company:
    """A company that can be reset: `empty`, `demo`, that of a company file (`harbour.toml`), or a declaration itself.

    A declaration has the keys of a `[[company]]`: `{"entity": [{"id": "E1"}], "custom_field": [...]}`. With a source
    the company has its records (see `copied_company`).
    """
    return Company.of(made_emulator(company, source=source, **arguments), data=arguments.get("data"))


@contextmanager
def emulated_company(
    company: str | Mapping[str, Any] = "empty", **arguments: Unpack[CompanyArguments]
) -> Iterator[Company]:
    """The company that `make_company` makes; it is closed in the end.

    The demo company of two years takes seconds to make, and that of three months half a second. Make it once for many
    tests, and `reset` it, or give each test a clone of its emulator.
    """
    with closing(make_company(company, **arguments)) as emulated:
        yield emulated


def made_emulator(
    company: str | Mapping[str, Any] = "empty",
    *,
    source: CompanySource | None = None,
    **arguments: Unpack[CompanyArguments],
) -> Emulator:
    """The emulator of `make_company`, without the records of `data`."""
    start, faults = EmulatorSettings(), tuple(arguments.get("faults", ()))
    if not isinstance(company, str):
        start = declared_company(company, "company")
    elif company not in ("empty", "demo"):
        if not company.endswith(".toml"):
            near = did_you_mean(company, ("empty", "demo"))
            raise SettingsError(f"there is no company {company!r}{near}", fix="companies: empty, demo, or a TOML file")
        start, faults = load_companies(company), (*faults, *load_faults(company))
    scenario = arguments.get("scenario")
    if scenario is not None:
        path = find_scenario(scenario)
        start, faults = load_scenario(path, start), (*faults, *load_faults(path))
    more: dict[str, Any] = {name: arguments[name] for name in ("seed", "clock") if name in arguments}
    more |= {"settings": start, "faults": faults}
    if source is not None and company == "demo":
        raise SettingsError("a company has the records of the demo company or those of a copy", fix="leave one out")
    if source is not None:
        return Emulator.filled(source, **more)
    of_demo: dict[str, Any] = {name: arguments[name] for name in ("scale", "months", "cash_book") if name in arguments}
    day = arguments.get("as_of")
    if company != "demo" and (of_demo or day):
        names = ", ".join([*of_demo, *(["as_of"] if day else [])])
        raise SettingsError(f"only the demo company is made with {names}", fix='use company="demo", or leave it out')
    if company != "demo":
        return Emulator.empty(**more)
    return Emulator.demo(as_of=date.fromisoformat(day) if isinstance(day, str) else day, **of_demo, **more)


def _functions(root: Element) -> Iterator[Element]:
    for child in root:
        if child.tag == "function":
            yield child
        else:
            yield from _functions(child)
