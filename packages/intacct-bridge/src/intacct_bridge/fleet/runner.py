"""The runner: it queues the runs of a fleet's flows durably, and lets workers on any machine carry them out.

At most one run of a tenant goes on at a time. A run that was handed out to a worker that died is handed to another one.
The engine behind it is replaceable: it gets the name of a tenant, the name of a flow and a time, and the outcome of the
run as one word.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class RunKey:
    """What identifies a run: a tenant's flow, and the time it was due at."""

    tenant: str
    flow: str
    due_at: datetime


class RunState(StrEnum):
    """Where a run is."""

    QUEUED = "queued"
    RUNNING = "running"


@dataclass(frozen=True, slots=True)
class UnfinishedRun:
    """A run that has not ended."""

    key: RunKey
    state: RunState
    worker: str = ""
    """The worker that carries it out; empty while it is queued."""


class HandedBackError(Exception):
    """A run has no end yet, since its process is about to end or its database does not answer: it is queued again."""


CarryOut = Callable[[RunKey], str]
"""Carries out one run and returns a word such as `done`, which the engine keeps. It raises HandedBackError only: the
text of another error may hold a secret."""


class Runner(Protocol):
    """A durable queue of runs."""

    def submit(self, key: RunKey) -> None:
        """Queue a run; a second submission of the same run changes nothing."""

    def start(self, carry_out: CarryOut, *, worker: str, threads: Callable[[], int]) -> None:
        """Begin to carry out queued runs in this process under the name of a worker, as many at a time as it says.

        The number is asked for again before runs are taken, and is that of this process alone.
        """

    def running(self) -> int:
        """How many runs this process carries out now, without those that were handed back."""

    def stop_taking(self) -> None:
        """Take no further run from the queue."""

    def recover(self, workers: Sequence[str]) -> int:
        """Queue the runs of these workers again, which have ended; how many there were."""

    def recover_lost(self) -> int:
        """Queue the runs again that the engine assigns to this process although it is not running them; how many.

        A failure of the database can leave such runs: the engine's note of their begin or end was lost.
        """

    def cancel(self, key: RunKey) -> bool:
        """Take a queued run out of the queue; False if it has begun, has ended, or is unknown."""

    def unfinished(self, *, limit: int = 1_000) -> list[UnfinishedRun]:
        """The runs that are queued or running, those submitted first in front."""

    def unfinished_of(self, keys: Sequence[RunKey]) -> set[RunKey]:
        """The runs among these that are queued or running."""

    def given_up(self) -> dict[RunKey, int]:
        """The runs that are not handed out any more, and how many workers ended while they carried each out."""

    def results(self, keys: Sequence[RunKey]) -> dict[RunKey, str]:
        """The word with which each of these runs ended, without those that have not ended."""

    def prune(self, before: datetime) -> int:
        """Forget runs that ended before a time; how many there were."""

    def close(self) -> None:
        """Close the connections to the database."""
