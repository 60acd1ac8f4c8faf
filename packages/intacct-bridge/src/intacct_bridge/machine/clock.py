"""Clocks for durations: a machine's wall clock can be set, and then jumps by hours or days."""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def steady_seconds() -> float:
    """Seconds of a clock that is never set, and that continues while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic()


class SteadyTime:
    """A clock that never jumps: the machine's time at the start, and the time since by a steady clock."""

    def __init__(
        self,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        steady: Callable[[], float] = steady_seconds,
    ) -> None:
        self._begun, self._at, self._steady = wall(), steady(), steady

    def __call__(self) -> datetime:
        """The time now, in UTC."""
        return self._begun + timedelta(seconds=self._steady() - self._at)
