"""Work that is done after its request was answered: asynchronous requests, and requests whose connection timed out.

Jobs become due by the emulator's clock. The caller that asks for the due ones does them. With the clock of this machine
a timer asks when the next one is due, so that a server needs no further request. With any other clock nothing waits:
the next request after the clock has moved does them.
"""

import heapq
import time
from collections.abc import Callable
from itertools import count
from threading import Lock, Timer

Job = Callable[[float], None]
"""Work that is given the time at which it was due."""


class OfflineJobs:
    """The waiting jobs of one emulator."""

    def __init__(self, clock: Callable[[], float], ask: Callable[[], None]) -> None:
        self._clock, self._ask = clock, ask
        self._lock = Lock()
        self._jobs: list[tuple[float, int, Job]] = []
        self._numbers = count()
        self._busy_until: dict[str, float] = {}
        self._timers: set[Timer] = set()

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, due: float, work: Job) -> None:
        """Do the work at this time of the emulator's clock."""
        with self._lock:
            heapq.heappush(self._jobs, (due, next(self._numbers), work))
            if self._clock is time.time:
                self._start_timer(due)

    def add_in_turn(self, company_id: str, seconds: float, work: Job) -> None:
        """Do work that takes so long after the company's earlier jobs: they run one at a time."""
        with self._lock:
            due = max(self._clock(), self._busy_until.get(company_id, 0.0)) + seconds
            self._busy_until[company_id] = due
        self.add(due, work)

    def take_due(self) -> Callable[[], None] | None:
        """The next job that is due, to be called; None if none is."""
        with self._lock:
            if self._jobs and self._jobs[0][0] <= self._clock():
                due, _, work = heapq.heappop(self._jobs)
                return lambda: work(due)
            return None

    def clear(self) -> None:
        """Drop all jobs."""
        with self._lock:
            self._jobs.clear()
            self._busy_until.clear()
            for timer in self._timers:
                timer.cancel()
            self._timers.clear()

    def _start_timer(self, due: float) -> None:
        timer = Timer(max(0.0, due - self._clock()), lambda: self._due(timer))
        timer.daemon = True
        self._timers.add(timer)
        timer.start()

    def _due(self, timer: Timer) -> None:
        with self._lock:
            self._timers.discard(timer)
        self._ask()
