"""The limit on a company's requests within a window of time, beside the limit on simultaneous ones.

No source says how Sage counts. Here the window moves with the clock: a request is admitted if fewer than the limit were
admitted in the seconds before it. Refused requests do not count.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock


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
        limit = self.by_company.get(company_id, self.limit)
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

    def clear(self) -> None:
        """Forget the requests that were admitted."""
        with self._lock:
            self._admitted.clear()
