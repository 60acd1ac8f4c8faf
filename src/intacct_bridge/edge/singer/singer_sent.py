"""What one run has sent of a stream, and the time that it bears: what gives way is older than what takes its place.

A consumer keeps, of the rows with a value, what was extracted since a time. So where a run sends rows again that it has
sent already, because it went on with an earlier run's walk or halved a window of days, the later bear a later time.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from intacct_bridge.wire.values import Value


class Sent:
    """The rows of a stream that were sent under the time that is borne now."""

    def __init__(self, at: str) -> None:
        self.at = at
        """When what is sent next was extracted."""
        self._pieces: list[tuple[Any, Any]] = []
        """From which to which parent each went."""
        self._loose = False
        """Whether rows were sent that replaced nothing."""
        self._replacing = False

    def rows(self) -> None:
        """Rows are sent; they belong to the parents that gave way last, if any did since the last rows."""
        self._loose = self._loose or not self._replacing
        self._replacing = False

    def gives_way(self, parents: Sequence[Value] | None = None) -> bool:
        """Whether rows of these parents (None: any rows) may have been sent; the time is a later one from here on."""
        if parents is None:
            again = self._loose or bool(self._pieces)
        elif parents:
            again = self._met(parents) or self._loose
            self._replacing = True
        else:
            again = False
        if again:
            self.at = (datetime.fromisoformat(self.at) + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
            self._loose = False
            self._pieces = [] if parents is None else self._pieces[-1:]
        return again

    def _met(self, parents: Sequence[Value]) -> bool:
        known: list[Any] = [parent for parent in parents if parent is not None]
        if not known or len(known) < len(parents):
            return True
        low, high = min(known), max(known)
        again = any(low <= last and first <= high for first, last in self._pieces)
        self._pieces.append((low, high))
        return again
