"""The runs of a worker that wait for an answer: each gets the worker another thread, so that no other company waits.

A run that has begun no request for a moment waits for one, and uses no processor meanwhile.
"""

import threading
import time
from collections.abc import Callable

from intacct_bridge.fleet.run_queue import RunKey

ROOM_AFTER = 2.0
"""Seconds without a new request after which a run makes room for another one. A company that hangs costs the others one
thread for this time in each of its runs, and no more.
"""
UNANSWERED_AFTER = 10.0
"""Seconds without a new request after which a run that fails counts as one without an answer."""
MOST_EXTRA = 32
"""The most runs beyond its own number of threads that a worker carries out, since each holds connections."""


class WaitingRuns:
    """When each run of this process last began a request. Threads may share it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting_since: dict[RunKey, float] = {}
        self._lock = threading.Lock()

    def began(self, key: RunKey) -> None:
        """A run begins, or begins a request."""
        with self._lock:
            self._waiting_since[key] = self._clock()

    def ended(self, key: RunKey) -> None:
        """A run has ended."""
        with self._lock:
            self._waiting_since.pop(key, None)

    def is_unanswered(self, key: RunKey) -> bool:
        """Whether a run has waited so long that its company does not answer."""
        with self._lock:
            now = self._clock()
            return now - self._waiting_since.get(key, now) > UNANSWERED_AFTER

    def count(self) -> int:
        """How many runs wait for an answer."""
        with self._lock:
            before = self._clock() - ROOM_AFTER
            return sum(at <= before for at in self._waiting_since.values())

    def room(self, threads: int) -> int:
        """How many runs a worker with this number of threads may carry out now, those that wait included."""
        return threads + min(MOST_EXTRA, self.count())
