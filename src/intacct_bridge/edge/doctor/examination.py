"""The examination: every set-up step in order, stopping where going on makes no sense.

It changes nothing and leaves nothing behind, costs few transactions, and says how many. What it learns of the
company's habits is kept for extraction and loading.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from intacct_bridge.client.client import Client
from intacct_bridge.client.connections.connection import Connection
from intacct_bridge.client.connections.sources import ListedConnection
from intacct_bridge.client.gateway.calibration import Calibration
from intacct_bridge.edge.doctor import limits, read_rights, write_rights
from intacct_bridge.edge.doctor.calibration import TimeCheck
from intacct_bridge.edge.doctor.findings import DoctorFinding, DoctorReport, Status, from_error, skipped
from intacct_bridge.edge.doctor.sign_in import PACE, SignInCheck
from intacct_bridge.errors import IntacctError, SignInError, ThrottledError, TransientError

Step = tuple[str, Callable[[], Iterator[DoctorFinding]]]


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Job:
    """What the connection is meant to do; it narrows the examination and the letter."""

    streams: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    page_size: int | None = None
    """The page size that the job's own configuration asks for."""

    @property
    def tried_streams(self) -> tuple[str, ...]:
        """The named streams, or the usual ones."""
        return self.streams or read_rights.STREAMS


def run(
    target: Client | Connection,
    streams: Sequence[str] = (),
    writes: Sequence[str] = (),
    *,
    page_size: int | None = None,
    now: Callable[[], datetime] = _now,
) -> DoctorReport:
    """Examine the whole way into a company, for a planned job or for the usual one.

    A client is examined on its own transport, by clients of its settings; it is left as it was.
    """

    def beside(connection: Connection) -> Client:
        if isinstance(target, Client):
            runtime = target.runtime
            return Client(connection, transport=runtime.transport, keep=runtime.keep, system=runtime.system)
        return Client(connection)

    connection = target.connection if isinstance(target, Client) else target
    job = Job(tuple(one.upper() for one in streams), tuple(one.upper() for one in writes), page_size)
    examination = Examination(connection, beside, job, now)
    return examination.report(examination.run())


@dataclass(slots=True)
class Examination:
    """One run of the doctor over one connection."""

    connection: Connection
    open_client: Callable[[Connection], Client]
    job: Job = field(default_factory=Job)
    now: Callable[[], datetime] = _now
    siblings: Sequence[ListedConnection] = ()
    """The other connections of this machine, for seeing what they say of the same company."""
    spent: int = 0
    """API transactions used, once it is over."""
    stopped_at: str = ""
    """The step behind which going on made no sense."""
    _opened: list[Client] = field(default_factory=list)
    _door: SignInCheck | None = None

    def report(self, findings: Iterator[DoctorFinding] | Sequence[DoctorFinding]) -> DoctorReport:
        """The report of a run; give it the findings, all of them."""
        seen = tuple(findings)
        return DoctorReport(seen, self.spent, self.stopped_at)

    def run(self) -> Iterator[DoctorFinding]:
        """Findings in order, as they are made."""
        with ExitStack() as closing:

            def opener(connection: Connection) -> Client:
                client = self.open_client(connection)
                closing.callback(client.close)
                self._opened.append(client)
                return client

            door = SignInCheck(self.connection, opener, writes=bool(self.job.writes))
            try:
                yield from self._steps(door)
            finally:
                self.spent = sum(client.meter.transactions for client in self._opened)

    def _steps(self, door: SignInCheck) -> Iterator[DoctorFinding]:
        for finding in door.enter():
            yield finding
            if door.client is None and finding.status is Status.FAILURE:
                yield self._stop(finding.step)
                return
        client = door.client
        assert client is not None
        times = TimeCheck(client, self.now, door.words, door.user_id)
        for name, step in self._rest(client, door, times):
            try:
                yield from step()
            except (TransientError, SignInError) as error:
                step_name = PACE if isinstance(error, ThrottledError) else name
                yield from_error(step_name, error)
                yield self._stop(step_name)
                break
            except IntacctError as error:
                yield from_error(name, error)
        if times.learned != Calibration():
            client.runtime.calibrate(replace(times.learned, measured=f"{client.company_time:%Y-%m-%dT%H:%M:%SZ}"))

    def _stop(self, step: str) -> DoctorFinding:
        self.stopped_at = step
        return skipped("rest", "cannot be looked at before that is put right")

    def _rest(self, client: Client, door: SignInCheck, times: TimeCheck) -> Iterator[Step]:
        """The steps behind the door, in order. Document type 2.1 has no questions for most of them."""
        words = door.words
        if not self.connection.is_legacy:
            yield from self._rights(client, times, words)
        else:
            yield "pages", lambda: limits.pages(self.job.page_size)
        yield PACE, lambda: limits.pace(client)
        yield "budget", lambda: limits.budget(client, client.month_to_date)
        if not self.connection.is_legacy:
            yield "privileges", lambda: limits.privileges(door.user, words)
        yield "environment", lambda: limits.environment(client, words, self.siblings)

    def _rights(self, client: Client, times: TimeCheck, words: dict[str, str]) -> Iterator[Step]:
        job, rights = self.job, read_rights
        yield "formatting", times.format_and_clock
        reading = rights.ReadRights(client, job.tried_streams, named=bool(job.streams), words=words)
        yield "modules", reading.modules
        yield "reading", reading.reading
        yield "private", lambda: rights.private(client, reading.readable, words)
        yield "writing", lambda: write_rights.writing(client, job.writes, times.user_id, words)
        yield "audit", lambda: rights.audit(client)
        yield "dimensions", lambda: rights.dimensions(client, words, wanted=not job.streams or bool(job.writes))
        yield "periods", times.periods
        yield "memory", times.memory
        yield "filter_time", lambda: times.filter_time(reading.dated[:2])
        yield "pages", lambda: reading.paging() or limits.pages(job.page_size)
