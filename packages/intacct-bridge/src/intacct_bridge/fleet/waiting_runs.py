"""The runs of a worker that wait for an answer: each gets the worker another thread, so that no other company waits.

A run that has begun no request for some seconds waits for one, and uses no processor meanwhile.
"""

import threading
import time

from intacct_bridge.fleet.run_queue import RunKey

WAITS_AFTER = 10.0
"""Seconds without a new request after which a run counts as waiting."""
MOST_EXTRA = 32
"""The most runs beyond its own number of threads that a worker carries out, since each holds connections."""


class WaitingRuns:
    """When each run of this process last began a request. Threads may share it."""

    def __init__(self) -> None:
        self._waiting_since: dict[RunKey, float] = {}
        self._lock = threading.Lock()

    def began(self, key: RunKey) -> None:
        """A run begins, or begins a request."""
        with self._lock:
            self._waiting_since[key] = time.monotonic()

    def ended(self, key: RunKey) -> None:
        """A run has ended."""
        with self._lock:
            self._waiting_since.pop(key, None)

    def waits(self, key: RunKey) -> bool:
        """Whether a run waits for an answer."""
        with self._lock:
            return self._waiting_since.get(key, time.monotonic()) < time.monotonic() - WAITS_AFTER

    def count(self) -> int:
        """How many runs wait for an answer."""
        before = time.monotonic() - WAITS_AFTER
        with self._lock:
            return sum(at < before for at in self._waiting_since.values())

    def room(self, threads: int) -> int:
        """How many runs a worker with this number of threads may carry out now, those that wait included."""
        return threads + min(MOST_EXTRA, self.count())
