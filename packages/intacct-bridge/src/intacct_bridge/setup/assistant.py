"""The set-up assistant for one connection: the planned use, the checklist, and the checks that tick its steps.

The command `intacct setup` and the console's page use it in the same way.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

import msgspec

from intacct_bridge.client.client import Client
from intacct_bridge.connections.connection import Connection
from intacct_bridge.connections.sources import (
    ListedConnection,
    SettingsSources,
    list_connections,
    load_connection,
    unsaved_connection,
)
from intacct_bridge.setup.checklist import (
    SetUpChecklist,
    SetUpValues,
    checklist,
    job_of,
    known_step,
    shared_sender,
    values_of,
)
from intacct_bridge.setup.evidence import observations
from intacct_bridge.setup.examination import Examination, Job
from intacct_bridge.setup.findings import DoctorFinding, Status
from intacct_bridge.setup.progress import (
    DONE,
    UNKNOWN,
    SetUpAnswers,
    SetUpProgress,
    SetUpStore,
    object_names,
    unusual_names,
)
from intacct_bridge.setup.sign_in import PACE, SignInCheck
from intacct_protocol.errors import SettingsError

Opener = Callable[[Connection], Client]


@dataclass(frozen=True, slots=True)
class CheckedConnection:
    """A connection as far as it can be checked."""

    connection: Connection | None
    """None if its settings do not suffice for any check."""
    only_sender: bool = False
    """It has no user yet; the user ID and the password are made up."""
    problem: str = ""
    """Why no check is possible."""


def found_connection(load: Callable[[], Connection], name: str, answers: SetUpAnswers) -> CheckedConnection:
    """The connection, or one with a made-up user if the sender and the company are known."""
    try:
        return CheckedConnection(load())
    except SettingsError as error:
        first = " ".join(f"{part.rstrip('.')}." for part in (error.message, error.fix) if part)
    user: dict[str, Any] = {"user_id": f"setup-check-{token_hex(4)}", "user_password": token_hex(16)}
    with suppress(SettingsError):
        return CheckedConnection(load_connection(name, **user), only_sender=True)
    answered = {one: getattr(answers, one) for one in ("company_id", "environment", "endpoint")}
    typed = {setting: value for setting, value in {**answered, "sender": shared_sender(answers).name}.items() if value}
    with suppress(SettingsError):
        return CheckedConnection(unsaved_connection(name, typed | user, SettingsSources().user_file), only_sender=True)
    return CheckedConnection(None, problem=first)


@dataclass(slots=True)
class SetUpCheck:
    """One check of one connection. Its findings come one by one; `keep` stores what they say."""

    name: str
    checked: CheckedConnection
    store: SetUpStore
    open_client: Opener
    siblings: Sequence[ListedConnection] = ()
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def findings(self) -> Iterator[DoctorFinding]:
        """Run the check: the findings as they are made. The end keeps what they say about each step."""
        progress, connection = self.store.of(self.name), self.checked.connection
        at = f"{self.now():%Y-%m-%dT%H:%M:%SZ}"
        if connection is None:
            self.store.change(self.name, checked=at, transactions=0, problem="")
            return
        job, findings = job_of(progress), list[DoctorFinding]()
        if self.checked.only_sender:
            yield from self._sign_in(connection, findings)
            spent = 0
        else:
            examination = Examination(connection, self.open_client, job, siblings=self.siblings)
            for finding in examination.run():
                findings.append(finding)
                yield finding
            spent = examination.spent
        only = self.checked.only_sender
        about = settings_by_step(connection, job, only_sender=only)
        observed = observations(findings, job, about, progress.observed, at, only_sender=only)
        self.store.change(self.name, observed=observed, checked=at, transactions=spent, problem=_ended_early(findings))

    def _sign_in(self, connection: Connection, findings: list[DoctorFinding]) -> Iterator[DoctorFinding]:
        opened: list[Client] = []

        def opener(variant: Connection) -> Client:
            opened.append(self.open_client(variant))
            return opened[-1]

        try:
            for finding in SignInCheck(connection, opener).run():
                findings.append(finding)
                yield finding
        finally:
            for client in opened:
                client.close()


def _ended_early(findings: Sequence[DoctorFinding]) -> str:
    """Why the gateway gave no answer; empty if it did."""
    ended = (one for one in findings if one.step in ("network", PACE) and one.status is Status.FAILURE)
    return next((f"{one.title}: {one.observed}" for one in ended), "")


def settings_by_step(connection: Connection, job: Job, *, only_sender: bool = False) -> Mapping[str, str]:
    """The settings that each step depends on: an observation says nothing about other settings."""
    sender = " ".join((connection.endpoint, connection.sender_id))
    company = " ".join((connection.endpoint, connection.company_id, connection.client_id))
    user = "" if only_sender else " ".join((company, connection.user_id, connection.location_id))
    use = " ".join((user, *job.streams, "/", *job.writes))
    return {
        "subscription": company,
        "sender": sender,
        "authorised": f"{sender} {company}",
        "role": use,
        "user": user,
        "assign": user,
        "preferences": user,
        "company": user,
        "connect": use,
    }


NEW = "new"
"""The name under which the assistant keeps its state before there is a connection."""


def examined_checklist(
    connection: Connection, job: Job, findings: Sequence[DoctorFinding], now: datetime
) -> SetUpChecklist:
    """The checklist of a connection as an examination found it, without a plan of the assistant."""
    about, at = settings_by_step(connection, job), f"{now:%Y-%m-%dT%H:%M:%SZ}"
    observed = observations(findings, job, about, {}, at)
    progress = SetUpProgress(job.streams, job.writes, observed=observed, checked=at)
    names = ("company_id", "sender_id", "user_id", "location_id", "environment")
    values = SetUpValues(connection.name, job, **{name: getattr(connection, name) for name in names})
    return checklist(values, progress, about)


@dataclass(slots=True)
class SetUpAssistant:
    """The assistant for the connection of that name."""

    name: str
    load: Callable[[], Connection]
    """Loads the connection; SettingsError if it is incomplete."""
    open_client: Opener
    store: SetUpStore = field(default_factory=SetUpStore)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _checked: CheckedConnection | None = None

    @property
    def progress(self) -> SetUpProgress:
        """The kept state."""
        return self.store.of(self.name)

    @property
    def checked(self) -> CheckedConnection:
        """The connection as far as it can be checked."""
        if self._checked is None:
            self._checked = found_connection(self.load, self.name, self.progress.answers)
        return self._checked

    def plan(self, reads: Iterable[str], writes: Iterable[str]) -> SetUpProgress:
        """Keep the planned use. SettingsError for a text that is not a name of an object."""
        return self.store.change(self.name, reads=object_names(reads), writes=object_names(writes))

    def answer(self, **answers: str) -> SetUpProgress:
        """Keep values that a person gave; one that is not among them stays."""
        changed = msgspec.structs.replace(self.progress.answers, **answers)
        return self.store.change(self.name, answers=changed)

    def tick(self, step: str, *, on: bool = True) -> SetUpProgress:
        """Tick a step by hand, or remove that tick."""
        ticks = {name: at for name, at in self.progress.by_hand.items() if name != known_step(step)}
        if on:
            ticks[known_step(step)] = f"{self.now():%Y-%m-%dT%H:%M:%SZ}"
        return self.store.change(self.name, by_hand=ticks)

    def check(self) -> Iterator[DoctorFinding]:
        """Check the set-up; the findings come as they are made, and their end is kept."""
        self._checked = None
        check = SetUpCheck(self.name, self.checked, self.store, self.open_client, list_connections(), self.now)
        return check.findings()

    def checklist(self) -> SetUpChecklist:
        """The checklist as the last check left it."""
        progress, checked = self.progress, self.checked
        connections = list_connections()
        listed = next((one for one in connections if one.name == self.name), None)
        connection = None if checked.only_sender else checked.connection
        values = values_of(self.name, progress, connection, listed)
        if checked.only_sender and checked.connection is not None:
            from_file = {name: str(getattr(checked.connection, name)) for name in ("company_id", "sender_id")}
            answers = msgspec.structs.replace(progress.answers, **from_file)
            values = values_of(self.name, msgspec.structs.replace(progress, answers=answers), None, listed)
        job = job_of(progress)
        about = (
            settings_by_step(checked.connection, job, only_sender=checked.only_sender)
            if checked.connection is not None
            else {}
        )
        production = DONE if any(self._is_complete(one) for one in connections) else ""
        result = checklist(values, progress, about, production=production, connections=connections)
        warnings = tuple(str(one) for one in unusual_names((*job.streams, *job.writes)))
        partly = f"Only steps 1 to 3 can be checked until the connection {self.name} has a user and a password."
        none = f"No check is possible yet: {checked.problem}" if checked.problem else ""
        early = f"The last check ended early. {progress.problem}" if progress.problem else ""
        return replace(result, warnings=warnings, problem=none or early or (partly if checked.only_sender else ""))

    def _is_complete(self, listed: ListedConnection) -> bool:
        """Whether the assistant saw every step of another connection to production done."""
        if listed.environment != "production" or listed.name == self.name:
            return False
        progress = self.store.of(listed.name)
        steps = progress.observed.items()
        return bool(steps) and all(
            one.state == DONE or (one.state == UNKNOWN and step in progress.by_hand) for step, one in steps
        )
