"""Long work in threads: its progress, its messages, its end, and a request to stop.

A job lives in the process of the console and survives a reload of its page. It belongs to the person who started it.
"""

import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from threading import Event, Lock, Thread
from typing import Any, TextIO

from intacct_bridge.apps.terminal.failures import described, explained
from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.operations.messages import Messages
from intacct_bridge.operations.recorded_run import RecordedRun
from intacct_protocol.errors import IntacctError, SettingsError
from intacct_protocol.model.wording import counted

_KEPT_LINES = 200
_KEPT_JOBS = 100
_AT_ONCE = 8
_REFRESH = 2
"""Seconds after which a page without a script loads itself again."""
_LAST_SECONDS = 2.0
"""What jobs have to reach a safe point when the console ends. A posting that is cut off is settled later."""


class JobState(StrEnum):
    """Whether a job runs, or how it ended."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


class StopAsked(KeyboardInterrupt):
    """A person asked the job to stop; commands treat it as Ctrl-C."""


@dataclass(slots=True)
class BackgroundJob:
    """One piece of work, for the thread that does it and the pages that show it."""

    id: str
    title: str
    person: str
    page: str
    """The address that shows it."""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended: datetime | None = None
    state: JobState = JobState.RUNNING
    done: int = 0
    total: int | None = None
    unit: str = ""
    result: str = ""
    """The address of what it made."""
    items: list[Any] = field(default_factory=list)
    """What it found so far, as data for its page."""
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT_LINES))
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What its own page knows of it."""
    problem: dict[str, str] = field(default_factory=dict)
    """The error that ended it: its lines by their labels."""
    is_asked_to_stop: bool = False
    version: int = 0
    """Rises with every change."""
    over: Event = field(default_factory=Event)
    """Set once the job has ended."""

    def tell(self, text: str) -> None:
        """Add a message."""
        self.lines.append(text)
        self.version += 1
        self.stop_if_asked()

    def advance(self, done: int, total: int | None = None, unit: str = "") -> None:
        """Say how much is done."""
        self.done, self.total, self.unit = done, total if total is not None else self.total, unit or self.unit
        self.version += 1
        self.stop_if_asked()

    def add(self, item: Any) -> None:
        """Add something that was found."""
        self.items.append(item)
        self.version += 1
        self.stop_if_asked()

    def company(
        self, connection: str, command: str, *, entity: str = "", messages: Messages | None = None
    ) -> RecordedRun:
        """A run on a connection, in the name of the person who started the job; its messages are the job's."""
        return RecordedRun(
            messages or JobMessages(self),
            connection=connection or None,
            entity=entity or None,
            command=command,
            arguments=("console", command),
            person=self.person,
        )

    def stop_if_asked(self) -> None:
        """Raise StopAsked if a person asked for it; work calls it where it can stop."""
        if self.is_asked_to_stop and self.state is JobState.RUNNING:
            raise StopAsked

    @property
    def is_running(self) -> bool:
        """Whether its thread still works."""
        return self.state is JobState.RUNNING

    def renewal(self, site: str = "") -> dict[str, Any]:
        """How a page about it is renewed, as arguments of PageView: nothing once it has ended.

        A page asks this before it reads its data. The data of a page that is not renewed are then those of the end.
        """
        return {"refresh": _REFRESH, "events": f"{site}/jobs/{self.id}/events"} if self.is_running else {}

    @property
    def percent(self) -> int | None:
        """The part that is done; None if the total is unknown."""
        return min(100, self.done * 100 // self.total) if self.total else None

    def data(self) -> dict[str, Any]:
        """The job as its page shows it."""
        return {
            "id": self.id,
            "title": self.title,
            "person": self.person,
            "page": self.page,
            "state": self.state.value,
            "started": self.started,
            "ended": self.ended,
            "done": self.done,
            "total": self.total,
            "unit": self.unit,
            "percent": self.percent,
            "stopping": self.is_asked_to_stop and self.is_running,
            "result": self.result,
            "problem": dict(self.problem),
            "lines": list(self.lines),
        }


Work = Callable[[BackgroundJob], None]
Report = Callable[[BaseException], None]
"""Where bugs are reported: the terminal."""


class Jobs:
    """The jobs of one console."""

    def __init__(self, report: Report, *, at_once: int = _AT_ONCE) -> None:
        self._report = report
        self._at_once = at_once
        self._jobs: dict[str, BackgroundJob] = {}
        self._lock = Lock()
        self.closing = False

    def start(self, title: str, work: Work, *, person: str, page: str = "/jobs/{id}", **facts: Any) -> BackgroundJob:
        """Begin a job; `page` is the address that shows it, `facts` are for it. SettingsError if too many run."""
        job = BackgroundJob(secrets.token_urlsafe(9), title, person, "", facts=facts)
        job.page = page.format(id=job.id)
        with self._lock:
            running = sum(one.is_running for one in self._jobs.values())
            if running >= self._at_once:
                raise SettingsError(
                    f"{counted(running, 'job')} are running, and no more than {self._at_once} run at once",
                    fix="Wait for one of them, or stop one.",
                )
            self._jobs[job.id] = job
            ended = [one.id for one in self._jobs.values() if not one.is_running]
            for old in ended[: max(0, len(self._jobs) - _KEPT_JOBS)]:
                del self._jobs[old]
        Thread(target=_run_job, args=(job, work, self._report), name=f"job {title}", daemon=True).start()
        return job

    def find(self, job_id: str, person: str) -> BackgroundJob | None:
        """The job of that person; None if there is none."""
        job = self._jobs.get(job_id)
        return job if job is not None and job.person == person else None

    def of(self, person: str) -> list[BackgroundJob]:
        """The jobs of a person, the latest first."""
        return [one for one in reversed(list(self._jobs.values())) if one.person == person]

    def close(self) -> None:
        """Ask every job to stop, and wait a little for their ends."""
        self.closing = True
        running = [job for job in list(self._jobs.values()) if job.is_running]
        for job in running:
            job.is_asked_to_stop = True
        until = time.monotonic() + _LAST_SECONDS
        for job in running:
            job.over.wait(max(0.0, until - time.monotonic()))


def problem_of(error: BaseException, report: Report) -> dict[str, str]:
    """The lines of an error for a page; a bug goes to the terminal, because its text can hold anything."""
    explained_error = explained(error)
    if isinstance(explained_error, IntacctError):
        return described(explained_error)
    report(error)
    return {
        "error": f"A bug in Intacct Bridge: {type(error).__name__}",
        "fix": "The terminal of the console has the details. Please report it. Completed work is kept.",
    }


def _run_job(job: BackgroundJob, work: Work, report: Report) -> None:
    try:
        work(job)
        end = JobState.DONE
    except KeyboardInterrupt:
        end = JobState.STOPPED
    except Exception as error:
        job.problem, end = problem_of(error, report), JobState.FAILED
    job.ended = datetime.now(UTC)
    job.state = end
    job.version += 1
    job.over.set()


class JobMessages(Messages):
    """The messages of a run as those of a job, and its progress as that of the job."""

    def __init__(self, job: BackgroundJob) -> None:
        super().__init__()
        self._job = job
        self._progress: dict[str, tuple[int, int]] = {}

    def progressed(self, name: str, done: int, total: int | None, noun: str) -> None:
        """The records of all streams or files so far, and what is known of their number."""
        self._progress[name] = (done, total or 0)
        all_done, all_records = (sum(part) for part in zip(*self._progress.values(), strict=True))
        self._job.advance(all_done, max(all_done, all_records), noun)

    def show(self, text: str, level: str, facts: Mapping[str, Any]) -> None:  # noqa: ARG002
        """Add a message to the job."""
        if text.strip():
            self._job.tell(text.strip())


class JobOutput(Output):
    """A command's output as the messages of a job; results are kept in a buffer."""

    def __init__(self, job: BackgroundJob) -> None:
        import io

        self.results = io.StringIO()
        super().__init__(out=self.results, err=io.StringIO())
        self._job = job
        self._progress: dict[str, tuple[int, int]] = {}

    def progressed(self, name: str, done: int, total: int | None, noun: str) -> None:
        """The records of all streams or files so far, and what is known of their number."""
        self._progress[name] = (done, total or 0)
        all_done, all_records = (sum(part) for part in zip(*self._progress.values(), strict=True))
        self._job.advance(all_done, max(all_done, all_records), noun)

    def of_other_command(self, out: TextIO | None) -> Output:  # noqa: ARG002
        """A console whose messages are the same job's."""
        return JobOutput(self._job)

    def show(self, text: str, level: str, facts: Mapping[str, Any]) -> None:  # noqa: ARG002
        """Add a message to the job."""
        if text.strip():
            self._job.tell(text.strip())
