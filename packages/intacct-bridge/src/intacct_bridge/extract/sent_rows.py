"""The time of extraction of the rows that a run sends, which tells replaced rows from those that replace them.

A row in the stream `deletes` with the reason *replaced* leaves only the rows that were extracted since its time. So
if a run sends rows again that it has sent before, because it resumed a walk or halved a window of days, the rows
that follow have a later time. The state keeps the latest one, and the times of the next run are later still.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from intacct_protocol.xml.values import Value


def second_after(at: str) -> str:
    """The next time of extraction that differs from this one."""
    return (datetime.fromisoformat(at) + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


class SentRows:
    """The rows of one stream that were sent with the present time of extraction."""

    def __init__(self, at: str) -> None:
        self.at = at
        """The time of extraction of the rows that are sent next."""
        self._ranges: list[tuple[Any, Any]] = []
        """The lowest and the highest parent of each replacement."""
        self._sent_without_replacing = False
        """Whether rows were sent that replaced none."""
        self._replacing = False

    def rows(self) -> None:
        """Rows are sent. They belong to the parents that were replaced last, if any were since the last rows."""
        self._sent_without_replacing = self._sent_without_replacing or not self._replacing
        self._replacing = False

    def replaced(self, parents: Sequence[Value] | None = None) -> bool:
        """Whether rows of these parents (None: of any) may have been sent. If so, the next rows get a later time."""
        if parents is None:
            sent = self._sent_without_replacing or bool(self._ranges)
        elif parents:
            sent = self._overlaps(parents) or self._sent_without_replacing
            self._replacing = True
        else:
            sent = False
        if sent:
            self.at = second_after(self.at)
            self._sent_without_replacing = False
            self._ranges = [] if parents is None else self._ranges[-1:]
        return sent

    def _overlaps(self, parents: Sequence[Value]) -> bool:
        named: list[Any] = [parent for parent in parents if parent is not None]
        if not named or len(named) < len(parents):
            return True
        low, high = min(named), max(named)
        overlaps = any(low <= last and first <= high for first, last in self._ranges)
        self._ranges.append((low, high))
        return overlaps
