"""The recorder of one run: it collects what a command does, and keeps it in the history.

The history is opened when the run begins, which is before its first call. A command that makes no call leaves no run.
If the history cannot be written, the run goes on, and a warning says so once.
"""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from intacct_bridge.machine.account import machine_name
from intacct_bridge.runs.run import RecordCounts, Run, RunEnd, RunError, StreamCount
from intacct_protocol.errors import IntacctError

if TYPE_CHECKING:
    from pathlib import Path

    from intacct_bridge.client.gateway.meter import Meter
    from intacct_bridge.connections.connection import Connection
    from intacct_bridge.load.records.status import RecordStatus
    from intacct_bridge.runs.traces import RunTrace
    from intacct_bridge.streams.stream import StreamOutcome

_EVERY = 5.0
"""Seconds between two notes of a run that goes on."""


class RunKeeper(Protocol):
    """What keeps a run, such as the history."""

    def begin(self, run: Run) -> None:
        """Keep a run that begins now."""

    def put(self, run: Run) -> None:
        """Keep the present facts of a run."""

    def end(self, run: Run) -> None:
        """Keep the end of a run."""

    def log_file(self, run_id: str) -> str:
        """The file of a run's log; empty if the keeper itself takes the lines."""

    def add_line(self, run_id: str, line: str) -> None:
        """Add a line to the log of a run that no file has."""

    def close(self) -> None:
        """Release what it holds."""


class RunRecorder:
    """The facts of the command that runs now."""

    def __init__(
        self,
        *,
        flow: str = "",
        warn: Callable[[str], None] = lambda _: None,
        keeper: "RunKeeper | None" = None,
        masked: Callable[[str], str] = str,
    ) -> None:
        """`keeper` keeps the run in place of the usual history. `masked` takes the secrets out of a text."""
        self._keeper = keeper
        self._masked = masked
        self.id = os.urandom(16).hex()
        self.started = datetime.now(UTC)
        self.flow = flow
        self.command = ""
        self.arguments: tuple[str, ...] = ()
        self.person = ""
        self.version = ""
        self.destination = ""
        self.connection: Connection | None = None
        self.connection_name = ""
        self.error: RunError | None = None
        self.choice: RunEnd | None = None
        self.refused_rows: list[str] = []
        self.streams: list[StreamCount] = []
        self.records = RecordCounts()
        self.run: Run | None = None
        """The run as the history has it; None before it begins."""
        self._kept_at = time.monotonic()
        self._meters: list[Meter] = []
        self._warn = warn
        self._history: RunKeeper | None = None
        self._takes_late_lines = False
        """Whether the history, in a database, has the end of this run, and lines still come, as of a refused message.
        """
        self._trace: RunTrace | None = None

    # --- the course of the run

    def begin(self) -> Run:
        """Keep the run: from now on it is known to the history. A second call changes nothing."""
        if self.run is not None:
            return self.run
        self.run = self._facts()
        from intacct_bridge.runs.history import RunHistory, history_place

        place = history_place() if self._keeper is None else None
        history = self._keeper or (RunHistory(place) if place is not None else None)
        if history is not None:
            self._history = history
            self.run = self._facts(log=history.log_file(self.id))
            self._keep(lambda: history.begin(self._present))
        if any(name.startswith("OTEL_") for name in os.environ):
            from intacct_bridge.runs.traces import begin_trace

            self._trace = begin_trace(self.run, warn=self._warn)
        return self.run

    def finish(self, status: int) -> Run | None:
        """Keep the end of the run; None if none began."""
        if self.run is None:
            return None
        self.run = self._facts(log=self.run.log, ended=datetime.now(UTC), status=status)
        if self._history is not None:
            history = self._history
            if self.run.log and not os.path.exists(self.run.log):  # noqa: PTH110 - pathlib is not loaded for this
                self.run = self._facts(ended=self.run.ended, status=status)
            self._keep(lambda: history.end(self._present))
            self._takes_late_lines = self._takes_lines_after_end()
            self.close()
        if self._trace is not None:
            self._trace.end(self.run)
            self._trace = None
        return self.run

    def _takes_lines_after_end(self) -> bool:
        """Whether the usual history has taken the end, and has the log itself."""
        return self._history is not None and self._keeper is None and not self._present.log

    def close(self) -> None:
        """Close the history."""
        if self._history is not None:
            self._history.close()
            self._history = None

    # --- its facts

    def uses(self, meter: "Meter") -> None:
        """Count the API transactions of a client."""
        if meter not in self._meters:
            self._meters.append(meter)

    def add_streams(self, outcomes: Iterable["StreamOutcome"]) -> None:
        """Count what was read."""
        self.streams += [
            StreamCount(
                one.name,
                one.rows,
                one.deleted,
                one.transactions,
                round(one.seconds, 3),
                full=one.full,
                complete=one.complete,
                error=one.error,
            )
            for one in outcomes
        ]
        self._checkpoint()

    def add_rows(self, name: str, rows: int) -> None:
        """Count rows that a command printed, or further ones of the same name."""
        if self.streams and self.streams[-1].name == name:
            rows += self.streams.pop().rows
        self.streams.append(StreamCount(name, rows))

    def add_records(self, statuses: Iterable["RecordStatus"], *, unsent: int = 0) -> None:
        """Count the outcomes of records; `unsent` ones were not reached."""
        self.add_counts(counts_of(statuses, unsent=unsent))

    def add_counts(self, counts: RecordCounts) -> None:
        """Add to the counts of records."""
        self.records += counts
        self._checkpoint()

    def add_file(self, path: "Path") -> None:
        """Name a file with refused rows or dead letters."""
        self.refused_rows.append(str(path.absolute()))

    def add_line(self, line: str) -> None:
        """Add a line to the log of this run, which no file has."""
        if self._history is not None:
            self._history.add_line(self.id, line)
        elif self._takes_late_lines:
            from intacct_bridge.runs.history import RunHistory, history_place

            place = history_place()
            assert place is not None
            late = self._history = RunHistory(place)
            late.add_line(self.id, line)
            self._keep(lambda: late.put(self._present))
            self.close()

    def tick(self) -> None:
        """Keep the API transactions so far, every few seconds, for the case that the process is killed."""
        now = time.monotonic()
        if now - self._kept_at >= _EVERY:
            self._kept_at = now
            self._checkpoint()

    def failed(self, error: BaseException) -> None:
        """Keep the error that ends the run."""
        if not isinstance(error, KeyboardInterrupt | BrokenPipeError):
            run_error = RunError.of(error)
            self.error = replace(run_error, message=self._masked(run_error.message), fix=self._masked(run_error.fix))

    @property
    def transactions(self) -> int:
        """The API transactions so far."""
        return sum(meter.transactions for meter in self._meters)

    @property
    def _present(self) -> Run:
        assert self.run is not None
        return self.run

    def _checkpoint(self) -> None:
        """Keep the counts so far, so that a run that is killed later shows them."""
        if self.run is not None and self._history is not None:
            history = self._history
            self.run = self._facts(log=self.run.log)
            self._keep(lambda: history.put(self._present))

    def _facts(self, *, log: str = "", ended: datetime | None = None, status: int | None = None) -> Run:
        used = self.connection
        return Run(
            id=self.id,
            started=self.started,
            ended=ended,
            status=status,
            command=self.command,
            arguments=self.arguments,
            person=self.person,
            machine=machine_name(),
            process=os.getpid(),
            version=self.version,
            flow=self.flow,
            connection=used.name if used is not None else self.connection_name,
            company=used.company_id if used is not None else "",
            entity=used.location_id if used is not None else "",
            environment=used.environment if used is not None else "",
            monthly_transactions=used.monthly_transactions if used is not None else None,
            destination=self._masked(self.destination),
            streams=tuple(self._without_secrets(one) for one in self.streams),
            records=self.records,
            transactions=self.transactions,
            error=self.error,
            choice=self.choice,
            log=log,
            refused_rows=tuple(self.refused_rows),
        )

    def _without_secrets(self, stream: StreamCount) -> StreamCount:
        return replace(stream, error=self._masked(stream.error)) if stream.error else stream

    def _keep(self, write: Callable[[], None]) -> None:
        """Write to the history; if that fails, warn once and go on without it."""
        try:
            write()
        except (IntacctError, OSError) as error:
            way_out = "Set INTACCT_RUN_HISTORY to another file, or to off."
            self._warn(f"This run is not kept in the history of runs: {error}. {way_out}")
            self.close()


def counts_of(statuses: Iterable["RecordStatus"], *, unsent: int = 0) -> RecordCounts:
    """The counts of records by outcome."""
    from intacct_bridge.load.records.status import RecordStatus

    listed: Sequence[RecordStatus] = list(statuses)
    posted = sum(one in (RecordStatus.APPLIED, RecordStatus.SETTLED) for one in listed)
    unchanged = sum(one is RecordStatus.UNCHANGED for one in listed)
    refused = sum(one.is_failed for one in listed)
    doubtful = sum(one is RecordStatus.IN_DOUBT for one in listed)
    skipped = sum(one is RecordStatus.SKIPPED for one in listed)
    left = len(listed) - posted - unchanged - refused - doubtful - skipped + unsent
    return RecordCounts(posted, unchanged, refused, doubtful, left, skipped)
