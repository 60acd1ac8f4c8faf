"""Delivery of events to a receiver: at least once, under one id, in order for each record.

Several events are on their way at once, never two of one record. A receiver that fails for one record delays only that
record: its events wait and are tried again, less and less often. The times between attempts are those that the
Standard Webhooks specification suggests. After the last attempt the event is a dead letter, and later events of the
record follow. So is an event whose receiver says that it wants no more.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Protocol

from intacct_bridge.changes.event import ChangeEvent
from intacct_bridge.changes.event_log import LONGEST_PAUSE, DueEvent, EventLog
from intacct_protocol.errors import InDoubtError, IntacctError

WAITS = tuple(timedelta(seconds=seconds) for seconds in (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400))
"""The time after each failed attempt; the last one is repeated."""
ATTEMPTS = len(WAITS) + 1
LONGEST_ERROR = 2000


class DeliveryError(IntacctError):
    """A receiver did not take an event; it is tried again, unless the error is final."""

    exit_status = 1

    def __init__(
        self, message: str, *, retry_after: float | None = None, in_doubt: bool = False, final: bool = False
    ) -> None:
        """`retry_after`: seconds that the receiver asks to wait, of which a day counts at most.

        `in_doubt`: it may have taken the event. `final`: it wants no further attempt.
        """
        super().__init__(message[:LONGEST_ERROR])
        self.retry_after = retry_after
        self.in_doubt = in_doubt
        self.final = final


class Receiver(Protocol):
    """Where events go."""

    def deliver(self, events: Sequence[ChangeEvent]) -> None:
        """Hand over events of different records; returns when the receiver has taken all of them.

        DeliveryError if it may not have taken some: then all are delivered again. Called from several threads.
        """

    def close(self) -> None:
        """Release what the receiver holds."""


@dataclass(slots=True)
class Deliveries:
    """What came of deliveries."""

    delivered: int = 0
    failed: int = 0
    """Failed attempts, those that made a dead letter included."""
    dead: int = 0
    in_doubt: int = 0
    """Failed attempts after which it is not known whether the receiver took the event."""
    last_error: str = ""


class Dispatcher:
    """Delivers the events of one watch."""

    def __init__(
        self,
        log: EventLog,
        watch: str,
        receiver: Receiver,
        *,
        batch: int = 1,
        workers: int = 4,
        attempts: int = ATTEMPTS,
        now: Callable[[], datetime],
        stop: threading.Event | None = None,
        masked: Callable[[str], str] = str,
    ) -> None:
        """`batch`: the most events of different records together. `now` is this machine's time. `masked` takes
        the secrets out of what a receiver says, which the event log keeps.
        """
        self._log = log
        self._watch = watch
        self._receiver = receiver
        self._batch = batch
        self._workers = workers
        self._attempts = attempts
        self._now = now
        self._stop = stop or threading.Event()
        self._masked = masked

    def run(self, *, within: timedelta | None = None) -> Deliveries:
        """Deliver everything that is due, until nothing is, or nothing more after this time."""
        done, begun = Deliveries(), self._now()
        running: dict[Future[None], list[DueEvent]] = {}
        with ThreadPoolExecutor(self._workers, "deliver") as pool:
            self._start(pool, running)
            while running:
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    self._conclude(future, running.pop(future), done)
                if within is None or timedelta(0) <= self._now() - begun < within:
                    self._start(pool, running)
        return done

    def _start(self, pool: ThreadPoolExecutor, running: dict[Future[None], list[DueEvent]]) -> None:
        """Give every free worker something to deliver."""
        free = self._workers - len(running)
        if free <= 0 or self._stop.is_set():
            return
        busy = {_record(one) for batch in running.values() for one in batch}
        due = self._log.due(self._watch, self._now(), len(busy) + free * self._batch)
        left = iter([one for one in due if _record(one) not in busy])  # a replay may have put an earlier event first
        for _ in range(free):
            batch = list(islice(left, self._batch))
            if not batch:
                return
            fresh = [one for one in batch if not one.attempts]
            alone = [[one] for one in batch if one.attempts]  # what failed before is tried by itself
            for part in (*([fresh] if fresh else []), *alone):
                running[pool.submit(self._receiver.deliver, [one.event for one in part])] = part

    def _conclude(self, finished: "Future[None]", events: Sequence[DueEvent], done: Deliveries) -> None:
        error = finished.exception()
        if error is None:
            self._log.delivered([due.event.number for due in events], self._now())
            done.delivered += len(events)
            return
        if not isinstance(error, Exception):
            raise error
        reason = self._masked(error.message if isinstance(error, IntacctError) else f"{type(error).__name__}: {error}")
        wished = error.retry_after if isinstance(error, DeliveryError) else None
        for due in events:
            tries = due.attempts + 1
            dead = tries >= self._attempts or getattr(error, "final", False)
            requested = timedelta(seconds=min(wished or 0, LONGEST_PAUSE.total_seconds()))
            pause = max(WAITS[min(tries, len(WAITS)) - 1], requested)
            retry_at = None if dead else self._now() + pause
            self._log.failed(due.event.number, reason[:LONGEST_ERROR], retry_at=retry_at, at=self._now())
            done.failed += 1
            done.dead += dead
            done.in_doubt += isinstance(error, InDoubtError) or getattr(error, "in_doubt", False)
            done.last_error = reason


def _record(due: DueEvent) -> tuple[str, str]:
    return due.event.object, due.event.key
