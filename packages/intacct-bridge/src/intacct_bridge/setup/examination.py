"""The examination: every set-up step in order, up to the first failure that prevents the rest.

It changes nothing in the company, uses few API transactions, and counts them. It keeps its measurements of the gateway
for extraction and loading.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime

from intacct_bridge.client.client import Client
from intacct_bridge.connections.connection import Connection
from intacct_bridge.connections.sources import ListedConnection, exposed_passwords
from intacct_bridge.load.outbox.outbox import open_outbox
from intacct_bridge.setup import limits, read_rights, write_rights
from intacct_bridge.setup.calibration import TimeCheck
from intacct_bridge.setup.findings import DoctorFinding, DoctorReport, Status, from_error, ok, skipped
from intacct_bridge.setup.sign_in import PACE, SignInCheck
from intacct_bridge.shared_state.place import shared_place
from intacct_protocol.errors import IntacctError, SettingsError, SignInError, ThrottledError, TransientError

Step = tuple[str, Callable[[], Iterator[DoctorFinding]]]


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Job:
    """The planned use of the connection, which limits the examination and the letter."""

    streams: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    page_size: int | None = None
    """The page size in the job's own configuration."""

    @property
    def examined_streams(self) -> tuple[str, ...]:
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
    """Check the set-up for a planned job, or for the usual streams.

    For a client, new clients with its settings use its transport; the client itself stays unchanged.
    """

    def open_client(connection: Connection) -> Client:
        if isinstance(target, Client):
            runtime = target.runtime
            return Client(connection, transport=runtime.transport, keep=runtime.keep, system=runtime.system)
        return Client(connection)

    connection = target.connection if isinstance(target, Client) else target
    job = Job(tuple(one.upper() for one in streams), tuple(one.upper() for one in writes), page_size)
    examination = Examination(connection, open_client, job, now)
    return examination.report(examination.run())


@dataclass(slots=True)
class Examination:
    """One run of the doctor over one connection."""

    connection: Connection
    open_client: Callable[[Connection], Client]
    job: Job = field(default_factory=Job)
    now: Callable[[], datetime] = _now
    siblings: Sequence[ListedConnection] = ()
    """The connections of this machine, to compare their settings for the same company."""
    spent: int = 0
    """API transactions used, after the end."""
    stopped_at: str = ""
    """The failed step that prevented the rest."""
    _opened: list[Client] = field(default_factory=list)

    def report(self, findings: Iterator[DoctorFinding] | Sequence[DoctorFinding]) -> DoctorReport:
        """The report of a run, from all of its findings."""
        return DoctorReport(tuple(findings), self.spent, self.stopped_at)

    def run(self) -> Iterator[DoctorFinding]:
        """The findings in order, as they are made."""
        with ExitStack() as closing:

            def opener(connection: Connection) -> Client:
                client = self.open_client(connection)
                closing.callback(client.close)
                self._opened.append(client)
                return client

            sign_in = SignInCheck(self.connection, opener, writes=bool(self.job.writes))
            try:
                yield from self._steps(sign_in)
            finally:
                self.spent = sum(client.meter.transactions for client in self._opened)

    def _steps(self, sign_in: SignInCheck) -> Iterator[DoctorFinding]:
        for exposed in exposed_passwords():
            yield from_error("passwords", exposed, status=Status.WARNING)
        for finding in shared_state(self.connection):
            yield finding
            if finding.status is Status.FAILURE:
                yield self._stop(finding.step)
                return
        for finding in sign_in.run():
            yield finding
            if sign_in.client is None and finding.status is Status.FAILURE:
                yield self._stop(finding.step)
                return
        client = sign_in.client
        assert client is not None
        times = TimeCheck(client, self.now, sign_in.ids, sign_in.user_id)
        for name, step in self._rest(client, sign_in, times):
            try:
                yield from step()
            except (TransientError, SignInError) as error:
                step_name = PACE if isinstance(error, ThrottledError) else name
                yield from_error(step_name, error)
                yield self._stop(step_name)
                break
            except IntacctError as error:
                yield from_error(name, error)
        times.keep()

    def _stop(self, step: str) -> DoctorFinding:
        self.stopped_at = step
        return skipped("rest", "not possible until this is fixed")

    def _rest(self, client: Client, sign_in: SignInCheck, times: TimeCheck) -> Iterator[Step]:
        """The steps after the sign-in, in order. Document type 2.1 has no queries for most of them."""
        ids, job = sign_in.ids, self.job
        if not self.connection.is_legacy:
            yield from self._rights(client, times, ids)
        else:
            yield "reading", lambda: read_rights.legacy_reading(client, job.examined_streams)
            yield "pages", lambda: limits.pages(job.page_size)
        yield PACE, lambda: limits.pace(client)
        yield "budget", lambda: limits.budget(client, client.month_to_date)
        if not self.connection.is_legacy:
            yield "privileges", lambda: limits.privileges(sign_in.user, ids)
        yield "environment", lambda: limits.environment(client, ids, self.siblings)

    def _rights(self, client: Client, times: TimeCheck, ids: dict[str, str]) -> Iterator[Step]:
        job, rights = self.job, read_rights
        yield "formatting", times.format_and_clock
        reading = rights.ReadRights(client, job.examined_streams, named=bool(job.streams), ids=ids)
        yield "modules", reading.modules
        yield "reading", reading.reading
        yield "private", lambda: rights.private(client, reading.readable, ids)
        yield "writing", lambda: write_rights.writing(client, job.writes, times.user_id, ids)
        yield "audit", lambda: rights.audit(client)
        yield "dimensions", lambda: rights.dimensions(client, ids, needed=not job.streams or bool(job.writes))
        yield "periods", times.periods
        yield "memory", times.memory
        yield "filter_time", lambda: times.filter_time(reading.dated[:2])
        yield "pages", lambda: reading.paging() or limits.pages(job.page_size)


STEP = "shared_state"


def shared_state(connection: Connection) -> Iterator[DoctorFinding]:
    """A finding for the database; none if the outbox is a file."""
    place = shared_place(connection)
    if place is None:
        return
    try:
        with open_outbox(connection) as outbox:
            unsafe = outbox.unsafe_settings()
    except IntacctError as error:
        yield from_error(STEP, error)
        return
    if not unsafe:
        yield ok(STEP, f"the outbox is in {place.name}")
        return
    names = " and ".join(unsafe)
    risk = SettingsError(
        f"{place.name}: {names} off, so a power cut of the server can lose what was posted",
        fix="turn it on in the server's settings",
    )
    yield from_error(STEP, risk, status=Status.WARNING)
