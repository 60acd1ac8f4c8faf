"""The limits of a company: requests at a time, and requests within a window of time.

At Sage's standard tier one request runs, a second one queues, and a third is held for up to half a minute and then
refused. The number of that refusal is not recorded; ours is the one for too many requests.

No source says how Sage counts within a window. Here the window moves with the clock: a request is admitted if fewer
than the limit were admitted in the seconds before it. Refused requests do not count.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Condition, Lock


class ConcurrencyLimit:
    """Admits requests by company, in no fixed order. A limit of 0 admits all.

    A request that names no company has no limit.
    """

    def __init__(self, limit: int, hold_seconds: float) -> None:
        self._limit = limit
        self.by_company: Mapping[str, int] = {}
        """The limits of companies that differ from the others."""
        self._hold_seconds = hold_seconds
        self._changed = Condition()
        self._running = Counter[str]()
        self._waiting = Counter[str]()

    @contextmanager
    def turn(self, company_id: str) -> Iterator[bool]:
        """Wait for a turn. Gives False when none came in time: the request must be refused."""
        limit = self.limit_of(company_id)
        if not limit:
            yield True
            return
        if not self._enter(company_id, limit):
            yield False
            return
        try:
            yield True
        finally:
            with self._changed:
                self._running[company_id] -= 1
                self._changed.notify_all()

    def waiting(self, company_id: str) -> int:
        """How many requests of the company wait for their turn, those that are held not counted."""
        return self._waiting[company_id]

    def limit_of(self, company_id: str) -> int:
        """The limit of a company; 0 for none."""
        return self.by_company.get(company_id, self._limit) if company_id else 0

    def _enter(self, company_id: str, limit: int) -> bool:
        running, waiting = self._running, self._waiting
        with self._changed:
            has_room = lambda: running[company_id] + waiting[company_id] < 2 * limit  # noqa: E731
            if not self._changed.wait_for(has_room, self._hold_seconds):
                return False
            waiting[company_id] += 1
            self._changed.wait_for(lambda: running[company_id] < limit)
            waiting[company_id] -= 1
            running[company_id] += 1
            return True


@dataclass(frozen=True, slots=True)
class WindowLimit:
    """The most requests within a number of seconds; 0 requests for no limit."""

    requests: int = 0
    seconds: float = 60


class RateWindow:
    """Admits requests by company."""

    def __init__(self, limit: WindowLimit, clock: Callable[[], float]) -> None:
        self.limit, self._clock = limit, clock
        self.by_company: Mapping[str, WindowLimit] = {}
        """The limits of companies that differ from the others."""
        self._lock = Lock()
        self._admitted: dict[str, deque[float]] = {}

    def wait(self, company_id: str) -> float:
        """Admit a request, which gives 0; or the seconds until the company's next one would be admitted."""
        limit = self.limit_of(company_id)
        if not limit.requests or not company_id:
            return 0.0
        with self._lock:
            now = self._clock()
            admitted = self._admitted.setdefault(company_id, deque())
            while admitted and admitted[0] <= now - limit.seconds:
                admitted.popleft()
            if len(admitted) < limit.requests:
                admitted.append(now)
                return 0.0
            return admitted[0] + limit.seconds - now

    def limit_of(self, company_id: str) -> WindowLimit:
        """The limit of a company."""
        return self.by_company.get(company_id, self.limit)

    def clear(self) -> None:
        """Forget the requests that were admitted."""
        with self._lock:
            self._admitted.clear()
