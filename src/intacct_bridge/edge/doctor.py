"""The examination: every set-up step in order, stopping where going on makes no sense.

It changes nothing and leaves nothing behind, costs few transactions, and says how many.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime

from intacct_bridge.client.client import Client
from intacct_bridge.client.connection import Connection
from intacct_bridge.edge import doctor_habits, doctor_rights
from intacct_bridge.edge.doctor_door import enter
from intacct_bridge.edge.findings import Finding, Level, from_error
from intacct_bridge.errors import IntacctError, TransientError


@dataclass(frozen=True, slots=True)
class Job:
    """What the connection is meant to do; it narrows the examination and the letter."""

    streams: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()

    @property
    def tried_streams(self) -> tuple[str, ...]:
        """The named streams, or the usual ones."""
        return self.streams or doctor_rights.STREAMS


@dataclass(slots=True)
class Examination:
    """One run of the doctor over one connection."""

    connection: Connection
    open_client: Callable[[Connection], Client]
    job: Job = field(default_factory=Job)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    spent: int = 0
    """API transactions used, once it is over."""

    def run(self) -> Iterator[Finding]:
        """Findings in order, as they are made."""
        opened: list[Client] = []
        with ExitStack() as closing:

            def opener(connection: Connection) -> Client:
                client = self.open_client(connection)
                closing.callback(client.close)
                opened.append(client)
                return client

            try:
                yield from self._steps(opener, opened)
            finally:
                self.spent = sum(client.meter.transactions for client in opened)

    def _steps(self, opener: Callable[[Connection], Client], opened: list[Client]) -> Iterator[Finding]:
        shut = False
        for finding in enter(self.connection, opener):
            shut = shut or finding.level is Level.PROBLEM
            yield finding
        if shut:
            yield Finding("everything else", Level.SKIPPED, "cannot be looked at before that is put right")
            return
        client = opened[0]
        for name, step in self._rest(client):
            try:
                yield from step()
            except IntacctError as error:
                yield from_error(name, error)
                if isinstance(error, TransientError):
                    yield Finding("everything else", Level.SKIPPED, "the gateway does not answer any more")
                    return

    def _rest(self, client: Client) -> Sequence[tuple[str, Callable[[], Iterator[Finding]]]]:
        """The steps behind the door, in order."""
        habits, rights, job = doctor_habits, doctor_rights, self.job
        legacy = self.connection.dtd_version == "2.1"
        steps: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
            (habits.ENVIRONMENT, lambda: habits.environment(client)),
            (habits.CLOCK, lambda: habits.clock(client, self.now)),
            (habits.BUDGET, lambda: habits.budget(client)),
        ]
        if legacy:
            return steps
        steps += [
            (habits.FORMATTING, lambda: habits.formatting(client)),
            (rights.READING, lambda: rights.reading(client, job.tried_streams)),
            (rights.WRITING, lambda: rights.writing(client, job.writes)),
            (rights.AUDIT, lambda: rights.audit(client)),
            (habits.DIMENSIONS, lambda: habits.dimensions(client)),
            (habits.PERIODS, lambda: habits.periods(client, client.company_time.date())),
            (habits.MEMORY, lambda: habits.memory(client)),
            (habits.FILTER_TIME, lambda: habits.filter_time(client)),
            (habits.PRIVILEGES, lambda: habits.privileges(client)),
        ]
        return steps


def healthy(findings: Sequence[Finding]) -> bool:
    """Whether nothing has to be put right; warnings are advice."""
    return not any(finding.level is Level.PROBLEM for finding in findings)
