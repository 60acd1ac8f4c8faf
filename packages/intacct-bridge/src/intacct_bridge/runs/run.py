"""A run: one command that read from or wrote to a company, as the history keeps it. Pure data.

A run begins before its first call and ends with an exit status. A process that is killed leaves a run without an end;
the history shows such a run as killed, because no process holds its lock.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from intacct_protocol.errors import IntacctError


class RunEnd(StrEnum):
    """How a run ended, or that it has not."""

    RUNNING = "running"
    DONE = "done"
    FAILURES = "failures"
    """It ran to its end and found failures: refused records, failed streams, a difference."""
    SETTINGS = "wrong settings"
    REFUSED = "refused"
    TRANSIENT = "temporary fault"
    IN_DOUBT = "in doubt"
    BUG = "bug"
    INTERRUPTED = "interrupted"
    """Stopped by Ctrl-C, a signal, or a reader that closed the output."""
    KILLED = "killed"
    """The process recorded no end: it was killed, or the machine stopped."""
    PLANNED = "planned"
    """A person asked for a plan only, and got it: it refuses records, and nothing was sent."""
    DECLINED = "declined"
    """A person answered no, so nothing was sent or approved."""

    @property
    def succeeded(self) -> bool:
        """Whether nothing is left to be done."""
        return self is RunEnd.DONE

    @property
    def counts(self) -> bool:
        """Whether the run counts for a success rate: a person's Ctrl-C, no, or look at a plan is neither success nor
        failure.
        """
        return self not in (RunEnd.RUNNING, RunEnd.INTERRUPTED, *_CHOSEN)

    @property
    def is_as_asked(self) -> bool:
        """Whether the run did what a person asked of it, even if something is left to be done."""
        return self.succeeded or self in _CHOSEN


_CHOSEN: Mapping[RunEnd, int] = {RunEnd.PLANNED: 1, RunEnd.DECLINED: 2}
"""The ends that a person chose, by the exit status of such a run."""


_ENDS: Mapping[int, RunEnd] = {
    0: RunEnd.DONE,
    1: RunEnd.FAILURES,
    2: RunEnd.SETTINGS,
    3: RunEnd.REFUSED,
    4: RunEnd.TRANSIENT,
    5: RunEnd.IN_DOUBT,
    130: RunEnd.INTERRUPTED,
    141: RunEnd.INTERRUPTED,
    143: RunEnd.INTERRUPTED,
}
WORST_FIRST = (5, 70, 3, 2, 4, 1, 141, 143, 130, 0)
"""Exit statuses of several flows: in doubt outranks all, and what a person must fix outranks a temporary fault."""


LIBRARY = "library"
"""What the history has in the place of a command for a program that uses the library."""


def end_of(status: int) -> RunEnd:
    """The end that an exit status stands for."""
    return _ENDS.get(status, RunEnd.BUG)


def worst(statuses: Sequence[int]) -> int:
    """The status that stands for several runs."""
    ranked = {status: place for place, status in enumerate(WORST_FIRST)}
    return min(statuses, key=lambda status: ranked.get(status, 1), default=0)


class StreamCount(msgspec.Struct, frozen=True):
    """What a run read of one stream."""

    name: str
    rows: int = 0
    deleted: int = 0
    transactions: int = 0
    seconds: float = 0.0
    full: bool = False
    complete: bool = True
    error: str = ""


class RecordCounts(msgspec.Struct, frozen=True):
    """What became of the records of a run that writes."""

    posted: int = 0
    """Created, updated, deleted or acted on."""
    already_in_intacct: int = 0
    """Posted by an earlier run."""
    refused: int = 0
    in_doubt: int = 0
    not_sent: int = 0
    skipped: int = 0
    """Void in their source, and not posted."""
    dead_letters: int = 0
    """Kept in a file or table for a person, since they cannot be delivered."""

    def __add__(self, other: "RecordCounts") -> "RecordCounts":
        return RecordCounts(
            self.posted + other.posted,
            self.already_in_intacct + other.already_in_intacct,
            self.refused + other.refused,
            self.in_doubt + other.in_doubt,
            self.not_sent + other.not_sent,
            self.skipped + other.skipped,
            self.dead_letters + other.dead_letters,
        )


class RunError(msgspec.Struct, frozen=True):
    """The error that ended a run."""

    message: str
    kind: str = ""
    """The name of the error's class, such as TransientError."""
    code: str = ""
    """The gateway's code, such as BL01001973."""
    entry: str = ""
    """The id of the error catalogue's entry, such as sender-not-authorised."""
    fix: str = ""

    @classmethod
    def of(cls, error: BaseException) -> "RunError":
        """The facts of an error."""
        if not isinstance(error, IntacctError):
            return cls(str(error) or type(error).__name__, type(error).__name__)
        diagnosis = error.diagnosis
        fault = diagnosis.fault if diagnosis is not None and diagnosis.fault.errorno else next(iter(error.faults), None)
        code = (fault.errorid or fault.errorno) if fault is not None else ""
        return cls(
            error.message, type(error).__name__, code, diagnosis.entry if diagnosis is not None else "", error.advice
        )


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run. Times are UTC, by the clock of the machine it ran on."""

    id: str
    started: datetime
    command: str
    """The command's words, such as `extract` or `outbox retry`."""
    arguments: tuple[str, ...] = ()
    """The command line without secrets."""
    person: str = ""
    """The account of the operating system."""
    machine: str = ""
    process: int = 0
    version: str = ""
    flow: str = ""
    connection: str = ""
    company: str = ""
    entity: str = ""
    environment: str = ""
    monthly_transactions: int | None = None
    """The allowance of the connection's tier."""
    ended: datetime | None = None
    status: int | None = None
    destination: str = ""
    streams: tuple[StreamCount, ...] = ()
    records: RecordCounts = msgspec.field(default_factory=RecordCounts)
    transactions: int = 0
    """API transactions."""
    error: RunError | None = None
    choice: RunEnd | None = None
    """PLANNED or DECLINED, if that is what a person chose."""
    log: str = ""
    """The file with the run's messages."""
    refused_rows: tuple[str, ...] = ()
    """Files with refused rows or dead letters."""
    alive: bool = False
    """Whether its process still holds its lock; the history finds this out when it reads the run."""

    @property
    def end(self) -> RunEnd:
        """How it ended. The refusals of a flow that only plans are failures, since no person looks at its plan."""
        if self.choice is not None and self.status == _CHOSEN[self.choice] and not self.flow:
            return self.choice
        if self.status is not None:
            return end_of(self.status)
        return RunEnd.RUNNING if self.alive else RunEnd.KILLED

    @property
    def rows(self) -> int:
        """The rows read by all streams."""
        return sum(one.rows for one in self.streams)

    @property
    def deleted(self) -> int:
        """The rows that were marked as deleted."""
        return sum(one.deleted for one in self.streams)

    def seconds(self, now: datetime | None = None) -> float | None:
        """How long it took, or has taken; None for a run that recorded no end."""
        if self.ended is None and not self.alive:
            return None
        return ((self.ended or now or datetime.now(UTC)) - self.started).total_seconds()
