"""The emulated gateway: a transport that takes the bytes of a request and gives the bytes of its answer.

A request passes these stages, and each has its own way to refuse it: it is read and checked against the schema; the
company's limits admit it; it waits for its turn; the sender is checked; each operation signs in; its functions run; the
answer is encoded. Scripted faults happen before anything is processed, or after everything is committed. The log has
every request with its outcome. Some work is done after the connection is closed: that of a request with a transport
policy, and of one that takes longer than the time-out.

Limit: functions run one request at a time. That real requests overlap shows only in their latency.
"""

import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from itertools import accumulate, count
from math import ceil
from pathlib import Path
from secrets import token_hex
from sqlite3 import Connection
from threading import RLock
from typing import Any
from weakref import WeakSet

import msgspec

from intacct_emulator.access.authentication import Authenticator
from intacct_emulator.access.billable_transactions import CompanyTransactions, TransactionCount
from intacct_emulator.access.company_limits import ConcurrencyLimit, RateWindow, WindowLimit
from intacct_emulator.access.rights import check_sender
from intacct_emulator.company.company_data import CompanyData, FunctionAnswer, FunctionCall
from intacct_emulator.company.sessions import Sessions
from intacct_emulator.company.users import drop_users
from intacct_emulator.handlers.dispatch import RequestContext, all_failed, run
from intacct_emulator.rest.api import RestApi, rest_reply
from intacct_emulator.rest.calls import OTHER, ended_well, functions_of, logged
from intacct_emulator.rest.limits import ApplicationLimits, company_headers
from intacct_emulator.rest.messages import RestAnswer, RestRefusedError, RestRequest, gateway_error
from intacct_emulator.server.answers import AnswerWriter, OperationAnswer, not_signed_in, signed_in
from intacct_emulator.server.companies import (
    Companies,
    CompanyCopy,
    SharingCompany,
    demo_source,
    fill,
    has_records,
    set_clock,
)
from intacct_emulator.server.deliveries import (
    LOST,
    Delivery,
    check_policies,
    delivery_policy,
    post_later,
)
from intacct_emulator.server.incoming import incoming
from intacct_emulator.server.later_requests import (
    DEAD,
    DELIVERED,
    IN_TRANSIT,
    SERIALIZED,
    STATUS,
    LaterRequests,
    at_once,
    policy_of,
    preference,
)
from intacct_emulator.server.offline_jobs import OfflineJobs
from intacct_emulator.server.request_log import (
    CompanyRequests,
    Received,
    RequestCount,
    RequestLog,
    RequestOutcome,
)
from intacct_emulator.server.schema.functions import functions
from intacct_emulator.settings.companies import (
    AdministeredSettings,
    CompanySettings,
    EmulatorSettings,
    PolicySettings,
    UserSettings,
)
from intacct_emulator.settings.company_source import CompanySource
from intacct_emulator.settings.faults import (
    FaultPlan,
    FunctionFaults,
    Paced,
    RequestFaults,
    ScriptedFault,
    check_functions,
    connection_cut,
    too_many_requests,
)
from intacct_emulator.settings.refusals import (
    ControlRefusedError,
    FunctionRefusedError,
    SignInRefusedError,
    unexpected,
)
from intacct_emulator.store.database_cache import DatabaseCache
from intacct_emulator.store.store import open_database
from intacct_emulator.subledgers.revaluation.revaluation import DEFAULT_JOURNAL, RevaluedBalance, revalue
from intacct_protocol.errors import Fault, SettingsError
from intacct_protocol.xml.envelope import FAILURE, SUCCESS, Control, Function, Operation, Request
from intacct_protocol.xml.reply import ConnectionCutError, Reply
from intacct_protocol.xml.xml import Element

__all__ = ["Emulator", "EmulatorSnapshot", "Received", "RequestOutcome"]
_NOTHING = Element("")
"""What a page sends for which the gateway has no function."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class EmulatorSnapshot:
    """A state that an emulator can be set back to, while that emulator is open.

    Of companies in memory it is no copy: it names layers of their records that are not written any more.
    """

    database: Connection
    settings: EmulatorSettings
    faults: tuple[ScriptedFault, ...] = ()
    clones: tuple[CompanyCopy, ...] = ()
    """The companies that were cloned while the emulator ran."""
    sharing: tuple[SharingCompany, ...] = ()
    """The companies that share the records of another one."""
    layers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By company, the layers of its records in the database."""
    clocks: Mapping[str, float] = field(default_factory=dict)
    """By company, the seconds by which its clock is ahead."""

    @property
    def added(self) -> list[CompanySettings]:
        """The companies that were cloned, or share the records of another one."""
        return [one.settings for one in self.clones] + [one.settings for one in self.sharing]

    @property
    def used_layers(self) -> set[str]:
        """Every layer that it needs."""
        return {layer for layers in self.layers.values() for layer in layers}


@dataclass(frozen=True, slots=True)
class Work:
    """One request on its way to an answer."""

    request: Request
    endpoint: str
    faults: RequestFaults
    number: int
    """In the log."""
    arrived: float
    """Seconds since the epoch, by the emulator's clock."""
    started_before: bool = False
    """The work began before the connection was closed, and other requests came meanwhile."""
    done: float | None = None
    """When the work is done, if that is after the connection was closed."""
    refusal: Fault | None = None
    """Every function fails with it, and none runs."""


@dataclass(frozen=True, slots=True)
class RestCall:
    """A request of the REST interface, and what happens to it."""

    request: RestRequest
    functions: tuple[Function, ...]
    faults: RequestFaults
    company_id: str
    number: int
    """Of the request in the log."""


class Emulator:
    """A gateway over one database. Call it with an endpoint and a request body to send it a request."""

    def __init__(
        self,
        connection: Connection,
        settings: EmulatorSettings | None = None,
        *,
        faults: tuple[ScriptedFault, ...] = (),
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        draw: Callable[[], str] = token_hex,
        post: Callable[[str, bytes, Callable[[str], None]], None] = post_later,
        seed: int = 1,
    ) -> None:
        """`draw` gives the random part of session ids, and `post` delivers the answers of asynchronous requests."""
        self.settings = self._start_settings = settings or EmulatorSettings()
        check_policies(self.settings.policies)
        check_functions(faults, functions())
        self.fault_plan = FaultPlan(faults, seed)
        self.incidents: list[str] = []
        """Tracebacks of errors in the emulator itself; a test may assert that there are none."""
        self.deliveries: deque[Delivery] = deque(maxlen=1000)
        """The answers of asynchronous requests that were sent, or should have been, oldest first."""
        self.companies = Companies(self.settings, connection, clock())
        self._clock, self._sleep, self._post, self._draw, self._seed = clock, sleep, post, draw, seed
        self._lock = RLock()
        self._log, self._counts = RequestLog(), CompanyRequests()
        self._later = LaterRequests()
        self._rest = RestApi(
            lambda: self.settings,
            self.companies.by_id,
            lambda: self.sessions,
            clock,
            draw=draw,
            report_incident=self.incidents.append,
            services={("GET", STATUS): lambda work, request: self._later.status(work, request, clock())},
        )
        self._jobs = OfflineJobs(clock, self.catch_up)
        self.snapshots: dict[str, EmulatorSnapshot] = {}
        """Snapshots by name, for programs that reach the emulator over HTTP; `restore` keeps them."""
        self._live_snapshots = WeakSet[EmulatorSnapshot]()
        self._apply_settings()
        self._apply_administered()

    def _apply_settings(self) -> None:
        """Make what the settings rule: sessions, limits, counts and the writer of answers."""
        behaviour = self.settings.behaviour
        self.sessions = Sessions(behaviour.session_minutes, self._draw)
        self.limit = ConcurrencyLimit(behaviour.concurrency, behaviour.hold_seconds)
        self.window = RateWindow(WindowLimit(behaviour.window_requests, behaviour.window_seconds), self._clock)
        self._applications = ApplicationLimits(behaviour, self._clock)
        partners = [one.sender_id for one in self.settings.senders if one.marketplace]
        self._transactions = TransactionCount(failures=behaviour.billed_failures, uncounted=partners)
        self._senders = self.settings.senders
        self._answers = AnswerWriter(behaviour, self._seed, self._clock)

    @classmethod
    def empty(cls, path: str | Path | None = None, **more: Any) -> "Emulator":
        """A gateway whose companies have the records that their settings declare, and their users."""
        emulator = cls(open_database(path), **more)
        emulator.companies.fill_declared(emulator.now())
        emulator.companies.keep_users()
        return emulator

    @classmethod
    def demo(
        cls,
        path: str | Path | None = None,
        *,
        seed: int = 1,
        as_of: date | None = None,
        scale: int = 1,
        cash_book: bool = False,
        months: int = 24,
        cache: Path | None = None,
        **more: Any,
    ) -> "Emulator":
        """A gateway with the demo company, of 24 months or fewer. A file that holds records is opened as it is.

        `cache` is a folder for the companies that were made, so that the next start takes a fraction of a second. A
        company in it belongs to this code and these arguments, and is made again if any of them differ.
        """
        emulator = cls(open_database(path), **more)
        if not has_records(emulator.company()):
            day = as_of or datetime.fromtimestamp(emulator.now() + emulator.company().ahead, UTC).date()
            source = demo_source(seed, as_of=day, scale=scale, cash_book=cash_book, months=months)
            key = (seed, day, scale, cash_book, months)
            stored = cache is not None and emulator.companies.start_with(source, key, DatabaseCache(cache))
            fill(emulator.company(), source, now=emulator.now(), stored=stored)
        emulator.companies.fill_declared(emulator.now())
        emulator.companies.keep_users()
        return emulator

    @classmethod
    def filled(cls, source: CompanySource, path: str | Path | None = None, **more: Any) -> "Emulator":
        """A gateway whose first company has the records of a source, and what its settings declare besides."""
        emulator = cls(open_database(path), **more)
        fill(emulator.company(), source, now=emulator.now())
        emulator.companies.fill_declared(emulator.now())
        emulator.companies.keep_users()
        return emulator

    def clone(self, **more: Any) -> "Emulator":
        """Another gateway in memory with the same records, in milliseconds."""
        with self._lock:
            held = self.companies
            state = self._state(held.database_copy(), held.layers())
        added = {one.company_id for one in state.added}
        clone_settings = replace(
            self.settings, companies=tuple(one for one in self.settings.companies if one.company_id not in added)
        )
        copy = Emulator(
            state.database, more.pop("settings", clone_settings), clock=more.pop("clock", self._clock), **more
        )
        copy.companies.use_layers(state.layers)
        copy._take_over(state, above=False)
        copy.companies.keep_users()
        return copy

    # --- what it received

    @property
    def received(self) -> tuple[Received, ...]:
        """The last requests, oldest first: every one that arrived, refused ones too."""
        return self._log.entries

    @property
    def requests(self) -> int:
        """How many requests arrived, since the start or since `restore`."""
        return self._log.arrivals

    def transactions(self, company_id: str = "") -> CompanyTransactions:
        """The billable API transactions of a company, or of the first one, since the start or since `restore`."""
        self.catch_up()
        with self._lock:
            return self._transactions.of(company_id or next(iter(self.companies.by_id)))

    def request_count(self, company_id: str = "") -> RequestCount:
        """How many requests a company, or the first one, had since the start or since `restore`; the most at once."""
        return self._counts.of(company_id or next(iter(self.companies.by_id)))

    def now(self) -> float:
        """The emulator's clock: seconds since the epoch."""
        return self._clock()

    def catch_up(self) -> None:
        """Do the jobs that are due by now: asynchronous requests, and those whose connection timed out."""
        while len(self._jobs):
            with self._lock:
                job = self._jobs.take_due()
                if job is None:
                    return
                job()

    # --- its companies

    def company(self, company_id: str = "") -> CompanyData:
        """A company's data, to add records or to look at them; the first company, unless one is named."""
        self.catch_up()
        return self.companies.by_id[company_id or next(iter(self.companies.by_id))]

    def add_company(
        self, company: str | CompanySettings, like: str = "", snapshot: EmulatorSnapshot | None = None
    ) -> CompanyData:
        """Another company in this gateway, in milliseconds: a clone of the first one, or of the one that `like` names.

        It has the records as they are now, or as they were in a snapshot, and its own limits, clock and log from here
        on. An id alone takes the settings of the cloned company.
        """
        with self._lock:
            model = self.company(like)
            settings = replace(model.settings, company_id=company) if isinstance(company, str) else company
            if self.settings.company(settings.company_id) is not None:
                raise SettingsError(f"there is a company {settings.company_id} already", fix="give it another id")
            added = self.companies.add(settings, model, *self._records_of(model.settings.company_id, snapshot))
            if settings.clock is not None and not isinstance(company, str):
                set_clock(added, settings.clock, self.now())
            self._use_companies((*self.settings.companies, settings))
            return added

    def add_companies(self, companies: Iterable[str | CompanySettings], like: str = "") -> tuple[str, ...]:
        """Many companies at once, thousands in a second: they share the records of the first one, or of `like`.

        Each has the records as they are now, and its own changes from here on. A table is copied before its first
        write, so that a company without changes needs little memory. Gives the ids. Ids alone take the settings of the
        shared company.
        """
        with self._lock:
            model = self.company(like)
            added = [replace(model.settings, company_id=one) if isinstance(one, str) else one for one in companies]
            ids = Counter([one.company_id.lower() for one in (*self.settings.companies, *added)])
            twice = next((one.company_id for one in added if ids[one.company_id.lower()] > 1), "")
            if twice:
                raise SettingsError(f"there is a company {twice} already", fix="give it another id")
            self.companies.add_sharing(added, model)
            self._use_companies((*self.settings.companies, *added))
            return tuple(one.company_id for one in added)

    def create_company(self, settings: CompanySettings) -> CompanyData:
        """Another company in this gateway, with its users and what its settings declare.

        It is in memory, also if the others are in a file. Raises SettingsError, and then there is no such company.
        """
        with self._lock:
            if self.settings.company(settings.company_id) is not None:
                raise SettingsError(f"there is a company {settings.company_id} already", fix="give it another id")
            created = self.companies.create(settings, self.now())
            if settings.clock is not None:
                set_clock(created, settings.clock, self.now())
            self._use_companies((*self.settings.companies, settings))
            return created

    def remove_company(self, company_id: str) -> None:
        """Drop a company; a snapshot that has it brings it back. The last company stays."""
        with self._lock:
            if self.settings.company(company_id) is None:
                raise SettingsError(f"there is no company {company_id}")
            if len(self.settings.companies) == 1:
                raise SettingsError(f"{company_id} is the only company", fix="create another one first")
            self.companies.remove(company_id)
            if any(one.company_id == company_id for one in self._start_settings.companies):
                rest = tuple(one for one in self._start_settings.companies if one.company_id != company_id)
                self._start_settings = replace(self._start_settings, companies=rest)
            self._use_companies(tuple(one for one in self.settings.companies if one.company_id != company_id))

    def _records_of(self, company_id: str, snapshot: EmulatorSnapshot | None) -> tuple[Connection, tuple[str, ...]]:
        """The database with a company's records, now or in a snapshot, and their layers in it."""
        if snapshot is None:
            return self.companies.database_of(company_id), self.company(company_id).store.layers
        layers = snapshot.layers.get(company_id, (company_id,))
        databases = (one.database for one in snapshot.clones if one.settings.company_id == company_id)
        return next(databases, snapshot.database), layers

    def administer(self, company_id: str = "", **changes: Any) -> None:
        """Change the set-up of a company, or of the first one, as its administrator does (see `administration`)."""
        with self._lock:
            stored = self.company(company_id).facts.administered
            stored.put(value=msgspec.structs.replace(stored.get() or AdministeredSettings(), **changes))
            self._apply_administered()

    def set_clock(self, moment: datetime, company_id: str = "") -> None:
        """Set the clock of a company, or of the first one; it runs on from there. A moment without a zone is UTC."""
        set_clock(self.company(company_id), moment, self.now())

    def revalue(
        self, day: date, *, rate_type: str = "", journal: str = DEFAULT_JOURNAL, company_id: str = ""
    ) -> tuple[RevaluedBalance, ...]:
        """Revalue the foreign-currency balances of a company, or of the first one, on a day (see `revaluation`).

        The company's first user enters it. SettingsError if a rate or an account is missing, or a period is closed.
        """
        users = self.company(company_id).settings.users
        user = next((each for each in users if each.status == "active"), UserSettings())
        with self.on_page(user, company_id) as call:
            return revalue(call, day, rate_type=rate_type, journal=journal)

    @contextmanager
    def between_requests(self, company_id: str = "") -> Iterator[CompanyData]:
        """A company's data to change from outside, while no request runs; the changes are kept together or not at all.

        It is the first company, unless one is named.
        """
        with self._lock:
            company = self.company(company_id)
            with company.store.together():
                yield company

    @contextmanager
    def on_page(self, user: UserSettings, company_id: str = "", sent: Element = _NOTHING) -> Iterator[FunctionCall]:
        """What a user does on a page of Intacct, as the code of functions takes it; no request runs meanwhile.

        `sent` is the function that would do the same, if there is one. A refusal is a SettingsError.
        """
        try:
            with self.between_requests(company_id) as company:
                now = self.now()
                session = self.sessions.for_one_request(
                    user, company.settings.company_id, sender_id="", entity="", endpoint="", now=now
                )
                yield FunctionCall(company, session, sent, "", now + company.ahead, self.sessions)
        except FunctionRefusedError as error:
            raise SettingsError(error.faults[0].text, fix=error.faults[0].correction) from None

    def _use_companies(self, companies: tuple[CompanySettings, ...]) -> None:
        """Replace the companies of the settings, and the limits of each."""
        self.settings = replace(self.settings, companies=companies)
        usual = self.window.limit
        self.limit.by_company = {
            company.company_id: company.concurrency for company in companies if company.concurrency is not None
        }
        self.window.by_company = {
            company.company_id: WindowLimit(
                usual.requests if company.window_requests is None else company.window_requests,
                usual.seconds if company.window_seconds is None else company.window_seconds,
            )
            for company in companies
        }
        self._authenticator = Authenticator(self.settings, self.companies.by_id, self.sessions)

    def _apply_administered(self) -> None:
        """Take over what administrators changed in the set-up of each company, as the databases have it."""
        by_id = self.companies.by_id
        for company in by_id.values():
            company.apply_administered()
        changes = [one.facts.administered.get() for one in by_id.values()]
        licensed = {name for one in changes if one is not None for name in one.licensed}
        senders = (replace(one, active=one.active or one.sender_id in licensed) for one in self._senders)
        self.settings = replace(self.settings, senders=tuple(senders))
        self._use_companies(tuple(by_id[one.company_id].settings for one in self.settings.companies))

    # --- its states

    def snapshot(self) -> EmulatorSnapshot:
        """The present state, for `restore`; it takes no time unless the companies are kept in a file."""
        with self._lock:
            held = self.companies
            if not held.in_memory:
                return self._state(held.database_copy(), held.layers())
            snapshot = self._state(held.database, held.frozen_layers())
            self._live_snapshots.add(snapshot)
            return snapshot

    def _state(self, database: Connection, layers: Mapping[str, tuple[str, ...]]) -> EmulatorSnapshot:
        held = self.companies
        clocks = {name: one.ahead for name, one in held.by_id.items()}
        sharing = held.sharing(layers)
        return EmulatorSnapshot(
            database, self._start_settings, self.fault_plan.script, held.clones(), sharing, layers, clocks
        )

    def restore(self, snapshot: EmulatorSnapshot) -> None:
        """Set everything back, in milliseconds. Sessions, received requests, counts and waiting jobs are forgotten."""
        with self._lock:
            if snapshot.settings is not self._start_settings:
                self.settings = self._start_settings = snapshot.settings
                self.companies.reopen(self.settings, self._clock())
                self._apply_settings()
            above = snapshot.database is self.companies.database
            used = {layer for each in self._live_snapshots for layer in each.used_layers} | snapshot.used_layers
            self.companies.restore(snapshot.database, snapshot.layers, used=used)
            self._take_over(snapshot, above=above)
            self._drop_sessions()
            self._log.clear()
            self._counts.clear()
            self._jobs.clear()
            self._transactions.clear()
            self.window.clear()
            self._applications.clear()
            self._later.clear()
            self._authenticator.forget()
            self.deliveries.clear()
            self.fault_plan = FaultPlan(snapshot.faults, self._seed)

    def restart(
        self, settings: EmulatorSettings, faults: tuple[ScriptedFault, ...] = (), *, records: EmulatorSnapshot
    ) -> None:
        """Begin again with other settings and the records of a snapshot, as a new emulator of these settings would.

        Companies that the settings add have what they declare. If the settings cannot be used, nothing changes.
        """
        check_policies(settings.policies)
        check_functions(faults, functions())
        with self._lock:
            before = self.snapshot()
            try:
                layers = {name: records.layers[name] for name in records.layers if settings.company(name) is not None}
                self.restore(EmulatorSnapshot(records.database, settings, faults, layers=layers))
                for company in self.companies.by_id.values():
                    earlier = records.settings.company(company.settings.company_id)
                    drop_users(company, earlier.users if earlier is not None else ())
                self.companies.fill_declared(self.now())
                self.companies.keep_users()
            except BaseException:
                self.restore(before)
                raise

    def change_settings(self, settings: EmulatorSettings) -> None:
        """Go on with other settings: records, faults and clocks stay; sessions, requests and counts begin again.

        Companies that the settings add have what they declare. If the settings cannot be used, nothing changes.
        """
        check_policies(settings.policies)
        with self._lock:
            before = self.snapshot()
            for company in settings.companies:
                present = self.settings.company(company.company_id)
                if present is not None and present.declared != company.declared:
                    raise SettingsError(
                        f"what {company.company_id} declares cannot change while it runs",
                        fix="seed records, or create another company",
                    )
            added = {company.company_id for company in before.added}
            of_company = {company.company_id: company for company in settings.companies}
            rest = tuple(company for company in settings.companies if company.company_id not in added)
            clones = tuple(replace(clone, settings=of_company[clone.settings.company_id]) for clone in before.clones)
            sharing = tuple(replace(share, settings=of_company[share.settings.company_id]) for share in before.sharing)
            after = replace(before, settings=replace(settings, companies=rest), clones=clones, sharing=sharing)
            users = {company.company_id: company.users for company in self.settings.companies}
            try:
                self.restore(after)
                for company_id, data in self.companies.by_id.items():
                    drop_users(data, users.get(company_id, ()))
                self.companies.fill_declared(self.now())
                self.companies.keep_users()
            except BaseException:
                self.restore(before)
                raise

    def _take_over(self, snapshot: EmulatorSnapshot, *, above: bool) -> None:
        """Take over the added companies and the clocks of a snapshot."""
        self.companies.take(snapshot.clones, snapshot.sharing, above=above)
        by_id = {one.company_id: one for one in self.settings.companies if one.company_id in self.companies.by_id}
        added = {one.company_id: one for one in snapshot.added}
        self._use_companies(tuple({**by_id, **added}.values()))
        for company_id, ahead in snapshot.clocks.items():
            if company_id in self.companies.by_id:
                self.companies.by_id[company_id].ahead = ahead
        self._apply_administered()

    def close(self) -> None:
        """Close the database."""
        self._jobs.clear()
        with self._lock:
            self.companies.close()

    # --- one request, from bytes to bytes

    def __call__(self, endpoint: str, body: bytes) -> Reply:
        """Answer a request that came by this endpoint, and wait for an answer that comes slowly."""
        reply = self.paced(endpoint, body)
        if isinstance(reply, Paced):
            if not reply.complete:
                raise connection_cut(sent=True)
            self._sleep(reply.duration)
        return reply

    def paced(self, endpoint: str, body: bytes) -> Reply:
        """The same for a server, which plays a `Paced` answer itself."""
        self.catch_up()
        with self._lock:
            request = self._read(body)
            company_id = self._company_id(request)
            number = self._log.arrived(self._received(request, company_id, body))
        if isinstance(request, ControlRefusedError):
            self._log.ended(number, RequestOutcome.UNREADABLE)
            return self._answers.refusal(None, request)
        with self._counts.counted(company_id):
            return self._in_turn(
                company_id,
                lambda: self._with_faults(request, company_id, endpoint, number, len(body)),
                lambda _, seconds: self._limited(request, endpoint, number, seconds),
            )

    def _in_turn(self, company_id: str, answered: Callable[[], Reply], limited: Callable[[int, float], Reply]) -> Reply:
        """Answer a request when the limits of its company admit it.

        `limited` is given the limit that does not admit it, and the seconds to wait.
        """
        late = self.window.wait(company_id)
        if late:
            return limited(self.window.limit_of(company_id).requests, late)
        with self.limit.turn(company_id) as admitted:
            if not admitted:
                return limited(self.limit.limit_of(company_id), 1)
            began = time.monotonic()
            reply = answered()
            left = self.settings.behaviour.latency_ms / 1000 - (time.monotonic() - began)
            if left > 0:
                self._sleep(left)
            return reply

    # --- the REST interface

    def rest(self, request: RestRequest) -> Reply:
        """Answer a request of the REST interface; limits, faults, log and count are those of the XML interface."""
        self.catch_up()
        functions = functions_of(request)
        with self._lock:
            grant = self._rest.oauth.holder(request)
            company_id = "" if grant is None else grant.company_id
            names, ids = (one.name for one in functions), (one.control_id for one in functions)
            received = Received(tuple(names), tuple(ids), self._clock(), logged(request), company_id)
            number = self._log.arrived(received)
        application = "" if grant is None else f"{grant.company_id.lower()}/{grant.client_id}"
        with self._counts.counted(company_id), self._applications.turn(application) as admission:
            if admission.wait:
                return self._rest_limited(number, admission.wait, admission.headers)
            reply = self._in_turn(
                company_id,
                lambda: self._rest_with_faults(request, functions, company_id, number),
                lambda most, seconds: self._rest_limited(number, seconds, company_headers(most, seconds)),
            )
        return replace(reply, headers={**reply.headers, **admission.headers})

    def _rest_limited(self, number: int, seconds: float, headers: Mapping[str, str]) -> Reply:
        self._log.ended(number, RequestOutcome.LIMITED)
        behaviour = self.settings.behaviour
        waiting = {"retry-after": str(max(1, ceil(seconds)))}
        return self._rest_refusal(behaviour.rest_limit_status, "GW-0010", behaviour.held_text, {**headers, **waiting})

    def _rest_refusal(self, status: int, code: str, text: str, headers: Mapping[str, str]) -> Reply:
        """A refusal before the application. An error of Sage's own has the code GW-0001."""
        if status >= 500 and code != "GW-0010":
            code, text = "GW-0001", "An unexpected error occurred"
        return rest_reply(gateway_error(status, code, text, headers=headers).answer("error", self._draw()[:12]))

    def _rest_with_faults(
        self, request: RestRequest, functions: tuple[Function, ...], company_id: str, number: int
    ) -> Reply:
        behaviour = self.settings.behaviour
        with self._lock:
            faults = self.fault_plan.next_request(functions, company_id)
            self._log.ended(number, RequestOutcome.FAULT)
            reply = faults.before(self._drop_sessions, self._rest_refusal)
            if reply is not None:
                return reply
            self._log.ended(number, RequestOutcome.ANSWERED)
            rest_work = RestCall(request, functions, faults, company_id, number)
            answer = self._rest_acknowledged(rest_work) if preference(request) else self._rest_answered(rest_work)
        work_seconds = behaviour.line_ms / 1000 * _lines(functions)
        if work_seconds + faults.late > behaviour.timeout_seconds:
            self._log.ended(number, RequestOutcome.TIMED_OUT)
            self._sleep(behaviour.timeout_seconds)
            raise connection_cut(sent=True)
        if work_seconds:
            self._sleep(work_seconds)
        try:
            return faults.after(rest_reply(answer), self._sleep)
        except ConnectionCutError:
            self._log.ended(number, RequestOutcome.UNANSWERED)
            raise

    def _rest_answered(self, call: RestCall) -> RestAnswer:
        """Do the work of a request, and count it."""
        functions = call.functions
        scripted = [_next_error(call.faults.of_function(place)) for place in range(len(functions))]
        answer = self._rest.answer(call.request, scripted)
        grant = self._rest.oauth.holder(call.request)
        for function, well in zip(functions, ended_well(answer, len(functions)), strict=False):
            if grant is not None and function.name != OTHER:
                status = SUCCESS if well else FAILURE
                billed = self._transactions.add(
                    call.company_id, grant.client_id, function, status, FunctionAnswer(written=0)
                )
                self._log.billed(call.number, billed)
        return answer

    def _rest_acknowledged(self, call: RestCall) -> RestAnswer:
        """Take an asynchronous request, whose work is done later."""
        try:
            work = self._rest.work(call.request)
            policy = policy_of(call.request, self.settings.policies)
        except RestRefusedError as error:
            self._log.ended(call.number, RequestOutcome.REFUSED)
            return self._rest.refused(error)
        self._log.ended(call.number, RequestOutcome.ACKNOWLEDGED)
        job_id, now = self._draw(), self._clock()
        do = lambda due: self._do_rest_later(call, policy, job_id, due)  # noqa: E731
        if preference(call.request) == SERIALIZED:
            self._jobs.add_in_turn(call.company_id, policy.work_seconds, do)
        else:
            self._jobs.add(now + policy.work_seconds, do)
        return self._later.add(job_id, work, now)

    def _do_rest_later(self, call: RestCall, policy: PolicySettings, job_id: str, due: float) -> None:
        """Do the work of an asynchronous request, and have its answer sent. Its token must still be valid."""
        answer = self._rest_answered(replace(call, request=at_once(call.request)))
        self._later.reached(job_id, IN_TRANSIT)

        def delivered(outcome: str) -> None:
            self._later.reached(job_id, DELIVERED if outcome == DELIVERED else DEAD)
            name = call.request.header("x-policy")
            self.deliveries.append(Delivery(name, job_id, self._clock(), outcome))

        self._send_later(policy, answer.body, call.faults, due, delivered)

    def _drop_sessions(self) -> None:
        """End every session of the XML interface and every token of the REST interface."""
        self.sessions.drop_all()
        self._rest.oauth.drop_all()

    def log_refused(self) -> None:
        """Log a request that the server refused before it read the body: of a web page, or to another host name."""
        with self._lock:
            number = self._log.arrived(Received((), (), self._clock(), b""))
            self._log.ended(number, RequestOutcome.REFUSED)

    def _read(self, body: bytes) -> Request | ControlRefusedError:
        try:
            return incoming(body, self.settings.behaviour)
        except ControlRefusedError as error:
            return error

    def _company_id(self, request: Request | ControlRefusedError) -> str:
        """The company whose limits count; empty for requests that name none."""
        if isinstance(request, ControlRefusedError):
            return ""
        return self._authenticator.company_id(request.operations[0].authentication)

    def _received(self, request: Request | ControlRefusedError, company_id: str, body: bytes) -> Received:
        called = [] if isinstance(request, ControlRefusedError) else request.functions
        names, ids = (one.name for one in called), (one.control_id for one in called)
        return Received(tuple(names), tuple(ids), self._clock(), body, company_id)

    def _limited(self, request: Request, endpoint: str, number: int, seconds: float) -> Reply:
        """The refusal of a request beyond a limit of its company."""
        self._log.ended(number, RequestOutcome.LIMITED)
        behaviour = self.settings.behaviour
        if behaviour.held_level != "function":
            return too_many_requests(behaviour.held_status, behaviour.held_errorno, behaviour.held_text, seconds)
        with self._lock:
            refusal = Fault(behaviour.held_errorno, description2=behaviour.held_text)
            work = Work(request, endpoint, RequestFaults(), number, self._clock(), refusal=refusal)
            return self._processed(work)

    def _with_faults(self, request: Request, company_id: str, endpoint: str, number: int, size: int) -> Reply:
        behaviour = self.settings.behaviour
        with self._lock:
            faults = self.fault_plan.next_request(request.functions, company_id)
            self._log.ended(number, RequestOutcome.FAULT)
            reply = faults.before(self._drop_sessions)
            if reply is not None:
                return reply
            work = Work(request, endpoint, faults, number, self._clock())
            work_seconds = behaviour.line_ms / 1000 * _lines(request.functions)
            timed_out = work_seconds + faults.late > behaviour.timeout_seconds
            if timed_out:
                self._log.ended(number, RequestOutcome.TIMED_OUT)
                self._jobs.add(work.arrived + work_seconds + faults.late, lambda due: self._do_late(work, due))
            else:
                self._log.ended(number, RequestOutcome.ANSWERED)
                reply = self._acknowledged(work, size) if request.control.policy_id else self._processed(work)
        if reply is None:
            self._sleep(behaviour.timeout_seconds)
            raise connection_cut(sent=True)
        if work_seconds:
            self._sleep(work_seconds)
        try:
            return faults.after(reply, self._sleep)
        except ConnectionCutError:
            self._log.ended(number, RequestOutcome.UNANSWERED)
            raise

    def _processed(self, work: Work) -> Reply:
        control = work.request.control
        try:
            check_sender(self.settings, control)
            return self._answers.answer(control, self._operations(work))
        except ControlRefusedError as error:
            self._log.ended(work.number, RequestOutcome.REFUSED)
            return self._answers.refusal(control, error)
        except Exception:  # even then the answer is one that the gateway could give
            self.incidents.append(traceback.format_exc())
            return self._answers.refusal(control, ControlRefusedError(unexpected("request"), http_status=500))

    def _operations(self, work: Work) -> list[OperationAnswer]:
        operations = work.request.operations
        firsts = accumulate((len(one.functions) for one in operations), initial=0)
        return [self._operation(work, one, first) for one, first in zip(operations, firsts, strict=False)]

    def _operation(self, work: Work, operation: Operation, first: int) -> OperationAnswer:
        control = work.request.control
        try:
            session, company = self._authenticator.sign_in(
                operation.authentication, control.sender_id, endpoint=work.endpoint, now=work.arrived
            )
        except SignInRefusedError as error:
            self._log.ended(work.number, RequestOutcome.SIGN_IN_REFUSED)
            return OperationAnswer(not_signed_in(operation.authentication), faults=error.faults)
        now = company.ahead + (self._clock() if work.done is None else work.done)
        if work.refusal is not None:
            return OperationAnswer(
                signed_in(session, now, company.ahead), all_failed(operation, work.refusal), ahead=company.ahead
            )
        context = RequestContext(
            control,
            company,
            session,
            self.sessions,
            now,
            work.faults,
            first,
            self.incidents.append,
            work.started_before,
        )
        outcomes = run(context, operation)
        for function, outcome in zip(operation.functions, outcomes, strict=True):
            billed = self._transactions.add(
                session.company_id, control.sender_id, function, outcome.result.status, outcome.answer
            )
            self._log.billed(work.number, billed)
        return OperationAnswer(signed_in(session, now, company.ahead), outcomes, ahead=company.ahead)

    # --- work that is done after the connection is closed

    def _do_late(self, work: Work, due: float) -> None:
        """Do the work of a request whose connection timed out; the answer is lost."""
        self._processed(replace(work, done=due, started_before=True))
        self._log.ended(work.number, RequestOutcome.TIMED_OUT)

    def _acknowledged(self, work: Work, size: int) -> Reply:
        """Take an asynchronous request: its work is done later, after the company's earlier jobs."""
        control = work.request.control
        try:
            check_sender(self.settings, control)
            policy = delivery_policy(self.settings.policies, control, size)
        except ControlRefusedError as error:
            self._log.ended(work.number, RequestOutcome.REFUSED)
            return self._answers.refusal(control, error)
        self._log.ended(work.number, RequestOutcome.ACKNOWLEDGED)
        company_id = self._company_id(work.request)
        self._jobs.add_in_turn(company_id, policy.work_seconds, lambda due: self._do_offline(work, policy, due))
        return self._answers.acknowledgement(control)

    def _do_offline(self, work: Work, policy: PolicySettings, due: float) -> None:
        """Do the work of an asynchronous request, and have its answer delivered. Its session must still be valid."""
        reply = self._processed(replace(work, arrived=due, done=due))
        self._log.ended(work.number, RequestOutcome.ACKNOWLEDGED)
        control = work.request.control
        self._send_later(policy, reply.body, work.faults, due, lambda outcome: self._delivered(control, outcome))

    def _send_later(
        self, policy: PolicySettings, body: bytes, faults: RequestFaults, due: float, report: Callable[[str], None]
    ) -> None:
        """Send the answer of an asynchronous request as its policy and the scripted faults say."""
        if faults.on_delivery("delivery-lost"):
            report(LOST)
            return
        sent = body[: len(body) // 2] if faults.on_delivery("delivery-cut") else body
        late = faults.on_delivery("delivery-late")
        seconds = policy.delivery_seconds + (late.seconds if late else 0)
        self._jobs.add(due + seconds, lambda _: self._post(policy.url, sent, report))

    def _delivered(self, control: Control, outcome: str) -> None:
        self.deliveries.append(Delivery(control.policy_id or "", control.control_id, self._clock(), outcome))


def numbered_companies(number: int) -> Iterator[str]:
    """The ids of companies of which there are many: `company-0001` and so on."""
    return (f"company-{place:04}" for place in range(1, number + 1))


def _lines(functions: Iterable[Function]) -> int:
    """The records, lines and groups of a request's functions."""
    return sum(_groups(one.body) for one in functions)


def _next_error(faults: FunctionFaults) -> Callable[[], Fault | None]:
    """Gives the scripted error of each record of a function, one after another."""
    places = count()
    return lambda: faults.whole or faults.records.get(next(places))


def _groups(element: Element) -> int:
    return sum(1 + _groups(child) for child in element if child.children)
