"""The month's API transactions by company and connection, kept in a small JSON file that several processes may add to.

An estimate of what Sage counts, by the meter's rule and from this machine only; the tier's own figure is on Intacct's
usage dashboard. The file is changed under a lock and replaced whole, so a killed process leaves it readable.
"""

import json
import re
import threading
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from intacct_bridge.client.local.locks import locked

_KEPT_MONTHS = 24
_EVERY = 25
"""Transactions between two writes; a killed process loses no more than these."""


class MonthlyUsage:
    """One company's file under a directory."""

    def __init__(self, directory: Path, *, company: str, connection: str) -> None:
        self._path = directory / "usage" / f"{re.sub(r'[^A-Za-z0-9._-]', '_', company) or '_'}.json"
        self._connection = connection

    def add(self, month: str, transactions: int) -> None:
        """Add to the count of a month, written `2026-11`."""
        if transactions <= 0:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locked(self._path.with_suffix(".lock")):
            counted = self._read()
            of_month = counted.setdefault(month, {})
            of_month[self._connection] = of_month.get(self._connection, 0) + transactions
            kept = dict(sorted(counted.items())[-_KEPT_MONTHS:])
            beside = self._path.with_suffix(".new")
            beside.write_text(json.dumps(kept, indent=1), encoding="utf-8")
            beside.replace(self._path)

    def month_to_date(self, month: str) -> int:
        """All connections' transactions with the company in that month."""
        return sum(self._read().get(month, {}).values())

    def _read(self) -> dict[str, dict[str, int]]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            return {str(month): {str(name): int(n) for name, n in counts.items()} for month, counts in found.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            # Nothing there yet, or not ours: an estimate is not worth failing a run for.
            return {}


class Tally:
    """Carries a meter's count over to the month's, a few transactions at a time; many threads may note."""

    def __init__(self, usage: MonthlyUsage) -> None:
        self.usage = usage
        self._lock = threading.Lock()
        self._kept = 0
        self._noted = 0
        self._month = ""

    def note(self, transactions: int, now: datetime | None) -> None:
        """The meter stands at this, at this time of the gateway's."""
        with self._lock:
            if now is not None:
                self._month = f"{now:%Y-%m}"
            self._noted = max(self._noted, transactions)
            due = self._noted - self._kept >= _EVERY
        if due:
            self.flush()

    def flush(self) -> None:
        """Write down what was noted and is not on disk yet. A disk that refuses costs the estimate, not the run."""
        with self._lock:
            fresh, self._kept = self._noted - self._kept, self._noted
        if self._month:
            with suppress(OSError):
                self.usage.add(self._month, fresh)
