"""Pacing: how many requests run at a time, and how long to wait before the next.

Facts: the standard service runs one request and queues one, holds a third for up to 30 s and then refuses it (Sage's
support FAQ); a refusal is HTTP 429 or GW-0010. So the pace starts at the connection's concurrency. A refusal halves it,
never below one, and pauses all requests for the requested time; a series of answers without a refusal raises it by one.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

ATTEMPTS = 6
"""How often a request is sent before it fails: once, and five retries, as in the official SDKs."""
UNREADABLE_ATTEMPTS = 3
"""The same for an unreadable answer, if a fourth attempt would not help."""
_FIRST, _LONGEST, _LONGEST_REQUESTED = 1.0, 60.0, 600.0
_CALM = 20


@dataclass(frozen=True, slots=True)
class Pace:
    """Requests allowed now and at most, the end of a pause, and the answers in a row without a refusal."""

    allowed: int
    ceiling: int
    opens_at: float = 0.0
    calm: int = 0


def throttled(pace: Pace, *, now: float, wait: float) -> Pace:
    """The pace after a refusal: half as many requests, and none before the wait is over."""
    opens_at = max(pace.opens_at, now + min(wait, _LONGEST_REQUESTED))
    return replace(pace, allowed=max(1, pace.allowed // 2), opens_at=opens_at, calm=0)


def answered(pace: Pace) -> Pace:
    """The pace after any other answer: one request more after every twenty in a row, up to the ceiling."""
    if pace.allowed >= pace.ceiling:
        return pace
    if pace.calm + 1 < _CALM:
        return replace(pace, calm=pace.calm + 1)
    return replace(pace, allowed=pace.allowed + 1, calm=0)


def backoff(attempt: int, *, jitter: float, requested: float | None = None) -> float:
    """Seconds to wait after an attempt (numbered from 1), at least as many as the gateway asked for.

    `jitter`, from 0 to 1, spreads the wait over the upper half of its range, so that clients do not retry together.
    """
    wait = min(_LONGEST, _FIRST * 2.0 ** (attempt - 1)) * (0.5 + jitter / 2)
    return wait if requested is None else max(wait, min(requested, _LONGEST_REQUESTED))


class Gate:
    """Holds requests back, so that no more run than the pace allows; all sessions of a connection share one."""

    def __init__(self, concurrency: int, *, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._pace = Pace(concurrency, concurrency)
        self._running = 0
        self.refusals = 0
        """The number of requests that were refused for coming too fast."""
        self._free = threading.Condition()
        self._clock = clock
        self._sleep = sleep

    @property
    def pace(self) -> Pace:
        """The present pace."""
        return self._pace

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Count a request as running for the block; waits until fewer requests than allowed run and no pause is due."""
        self._enter()
        try:
            yield
        finally:
            with self._free:
                self._running -= 1
                self._free.notify_all()

    def throttled(self, wait: float) -> None:
        """Note a request that was refused for coming too fast."""
        with self._free:
            self.refusals += 1
            self._pace = throttled(self._pace, now=self._clock(), wait=wait)

    def answered(self) -> None:
        """Note any other answer."""
        with self._free:
            self._pace = answered(self._pace)
            self._free.notify_all()

    def _enter(self) -> None:
        while True:
            with self._free:
                while self._running >= self._pace.allowed:
                    self._free.wait()
                closed_for = self._pace.opens_at - self._clock()
                if closed_for <= 0:
                    self._running += 1
                    return
            self._sleep(closed_for)
