"""One check of a set-up: the doctor examines the connection for the planned use, and its findings tick the steps.

If the connection has no user password yet, the check signs in as a user that does not exist. So it can see what Intacct
says about the sender and the subscription, and no user can be locked out by it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

from intacct_bridge.client.client import Client
from intacct_bridge.connections.connection import Connection
from intacct_bridge.connections.sources import (
    ListedConnection,
    SettingsSources,
    load_connection,
    unsaved_connection,
)
from intacct_bridge.setup.assistant.evidence import observations
from intacct_bridge.setup.assistant.progress import SetUpAnswers, SetUpStore
from intacct_bridge.setup.assistant.values import job_of, shared_sender
from intacct_bridge.setup.doctor.examination import Examination, Job
from intacct_bridge.setup.doctor.findings import DoctorFinding, Status
from intacct_bridge.setup.doctor.sign_in import PACE, SignInCheck
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
    given = {one: getattr(answers, one) for one in ("company_id", "environment", "endpoint")}
    typed = {setting: value for setting, value in {**given, "sender": shared_sender(answers).name}.items() if value}
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
        job, made = job_of(progress), list[DoctorFinding]()
        if self.checked.only_sender:
            yield from self._sign_in(connection, made)
            spent = 0
        else:
            examination = Examination(connection, self.open_client, job, siblings=self.siblings)
            for finding in examination.run():
                made.append(finding)
                yield finding
            spent = examination.spent
        only = self.checked.only_sender
        about = settings_by_step(connection, job, only_sender=only)
        found = observations(made, job, about, progress.observed, at, only_sender=only)
        self.store.change(self.name, observed=found, checked=at, transactions=spent, problem=_ended_early(made))

    def _sign_in(self, connection: Connection, made: list[DoctorFinding]) -> Iterator[DoctorFinding]:
        opened: list[Client] = []

        def opener(one: Connection) -> Client:
            opened.append(self.open_client(one))
            return opened[-1]

        try:
            for finding in SignInCheck(connection, opener).run():
                made.append(finding)
                yield finding
        finally:
            for client in opened:
                client.close()


def _ended_early(made: Sequence[DoctorFinding]) -> str:
    """Why the gateway gave no answer; empty if it did."""
    ended = (one for one in made if one.step in ("network", PACE) and one.status is Status.FAILURE)
    return next((f"{one.title}: {one.seen}" for one in ended), "")


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
