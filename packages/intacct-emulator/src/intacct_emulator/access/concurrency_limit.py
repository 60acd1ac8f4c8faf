"""The limit on a company's requests at a time: some run, as many wait, the rest are held for a while and then refused.

At Sage's standard tier one request runs, a second one queues, and a third is held for up to half a minute and then
refused. The number of that refusal is not recorded; ours is the one for too many requests.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Condition


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
        limit = self._limit_of(company_id)
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

    def _limit_of(self, company_id: str) -> int:
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
