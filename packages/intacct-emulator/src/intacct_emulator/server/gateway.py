"""The emulated gateway: a transport that takes the bytes of a request and gives the bytes of its answer.

This module has its companies, its snapshots and its clocks. The way of a request through it is in `request_pipeline`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import msgspec

from intacct_emulator.company.company_data import CompanyData, FunctionCall
from intacct_emulator.server.companies import (
    CompanyCopy,
    SharingCompany,
    demo_source,
    fill,
    has_records,
    set_clock,
)
from intacct_emulator.server.request_log import Received, RequestOutcome
from intacct_emulator.server.request_pipeline import RequestPipeline
from intacct_emulator.settings.administered import AdministeredSettings
from intacct_emulator.settings.companies import CompanySettings, UserSettings
from intacct_emulator.settings.company_source import CompanySource
from intacct_emulator.settings.faults import FaultPlan, ScriptedFault
from intacct_emulator.settings.refusals import FunctionRefusedError
from intacct_emulator.store.database_cache import DatabaseCache
from intacct_emulator.store.store import open_database
from intacct_emulator.subledgers.revaluation.revaluation import DEFAULT_JOURNAL, RevaluedBalance, revalue
from intacct_protocol.errors import SettingsError
from intacct_protocol.xml.xml import Element

__all__ = ["Emulator", "EmulatorSnapshot", "Received", "RequestOutcome"]


@dataclass(frozen=True, slots=True)
class EmulatorSnapshot:
    """A state that an emulator can be set back to."""

    database: Connection
    faults: tuple[ScriptedFault, ...]
    clones: tuple[CompanyCopy, ...] = ()
    """The companies that were cloned while the emulator ran."""
    sharing: tuple[SharingCompany, ...] = ()
    """The companies that share the records of another one."""
    layers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By company, the layers of its records in the database."""
    clocks: Mapping[str, float] = field(default_factory=dict)
    """By company, the seconds by which its clock is ahead."""


class Emulator(RequestPipeline):
    """A gateway over one database. Call it with an endpoint and a request body to send it a request."""

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
            snapshot = self.snapshot()
        cloned = {one.settings.company_id for one in snapshot.clones}
        cloned |= {one.settings.company_id for one in snapshot.sharing}
        clone_settings = replace(
            self.settings, companies=tuple(one for one in self.settings.companies if one.company_id not in cloned)
        )
        copy = Emulator(
            snapshot.database, more.pop("settings", clone_settings), clock=more.pop("clock", self._clock), **more
        )
        copy.companies.use_layers(snapshot.layers)
        copy._take_over(snapshot)
        copy.companies.keep_users()
        return copy

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
            self._with_settings((*self.settings.companies, settings))
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
            self._with_settings((*self.settings.companies, *added))
            return tuple(one.company_id for one in added)

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
        with self._lock:
            company, now = self.company(company_id), self.now()
            user = next((one for one in company.settings.users if one.status == "active"), UserSettings())
            session = self.sessions.for_one_request(
                user, company.settings.company_id, sender_id="", entity="", endpoint="", now=now
            )
            call = FunctionCall(company, session, Element("revalue"), "", now + company.ahead, self.sessions)
            try:
                return revalue(call, day, rate_type=rate_type, journal=journal)
            except FunctionRefusedError as error:
                raise SettingsError(error.faults[0].text, fix=error.faults[0].correction) from None

    def snapshot(self) -> EmulatorSnapshot:
        """The present state, for `restore`."""
        with self._lock:
            held = self.companies
            clocks = {name: one.ahead for name, one in held.by_id.items()}
            return EmulatorSnapshot(
                held.database_copy(), self.fault_plan.script, held.clones(), held.sharing(), held.layers(), clocks
            )

    def restore(self, snapshot: EmulatorSnapshot) -> None:
        """Set everything back, in milliseconds. Sessions, received requests, counts and waiting jobs are forgotten."""
        with self._lock:
            self.companies.restore(snapshot.database, snapshot.layers)
            self._take_over(snapshot)
            self.sessions.drop_all()
            self._log.clear()
            self._counts.clear()
            self._jobs.clear()
            self._transactions.clear()
            self.window.clear()
            self._authenticator.forget()
            self.deliveries.clear()
            self.fault_plan = FaultPlan(snapshot.faults, self._seed)

    def _take_over(self, snapshot: EmulatorSnapshot) -> None:
        """Take over the added companies and the clocks of a snapshot."""
        self.companies.take(snapshot.clones, snapshot.sharing)
        by_id = {one.company_id: one for one in self.settings.companies if one.company_id in self.companies.by_id}
        cloned = {one.settings.company_id: one.settings for one in snapshot.clones}
        cloned |= {one.settings.company_id: one.settings for one in snapshot.sharing}
        self._with_settings(tuple({**by_id, **cloned}.values()))
        for company_id, ahead in snapshot.clocks.items():
            if company_id in self.companies.by_id:
                self.companies.by_id[company_id].ahead = ahead
        self._apply_administered()

    def close(self) -> None:
        """Close the database."""
        self._jobs.clear()
        with self._lock:
            self.companies.close()


def numbered_companies(number: int) -> Iterator[str]:
    """The ids of companies of which there are many: `company-0001` and so on."""
    return (f"company-{place:04}" for place in range(1, number + 1))
