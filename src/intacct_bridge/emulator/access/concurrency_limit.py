"""How many requests a company may have at once: some run, as many wait, the rest are held a while and refused.

At Sage's standard tier one request runs, a second one queues, and a third is held for up to half a minute and then
refused. Which number the refusal bears is not recorded; ours is the one for too many requests.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class Turnstile:
    """Lets requests through, in no fixed order."""

    def __init__(self, limit: int, hold_seconds: float) -> None:
        self._limit = limit
        self._hold_seconds = hold_seconds
        self._changed = Condition()
        self._running = 0
        self._waiting = 0

    @contextmanager
    def passage(self) -> Iterator[bool]:
        """Wait for a turn; gives False when there was none in time, and then nothing may be done."""
        if not self._limit:
            yield True
            return
        if not self._enter():
            yield False
            return
        try:
            yield True
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _enter(self) -> bool:
        with self._changed:
            if not self._changed.wait_for(self._has_room, self._hold_seconds):
                return False
            self._waiting += 1
            self._changed.wait_for(self._may_run)
            self._waiting -= 1
            self._running += 1
            return True

    def _has_room(self) -> bool:
        return self._running + self._waiting < 2 * self._limit

    def _may_run(self) -> bool:
        return self._running < self._limit
