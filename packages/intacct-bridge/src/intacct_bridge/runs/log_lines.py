"""The lines of a run's log on their way to a database: they wait until the next note of the run."""

import threading

MOST_LINES = 20_000
"""Lines of a run's log that are kept; a later one is left out."""


class LogLines:
    """The lines of one run. Threads may share them."""

    def __init__(self) -> None:
        self._waiting: list[str] = []
        self._written = 0
        self._lock = threading.Lock()

    def add(self, line: str) -> None:
        """Add a line."""
        with self._lock:
            if self._written + len(self._waiting) < MOST_LINES:
                self._waiting.append(line)

    def take(self) -> str:
        """The lines that wait, as one text; the caller writes them."""
        with self._lock:
            lines, self._waiting = self._waiting, []
            self._written += len(lines)
        return "\n".join(lines)
