"""Messages as lines of a log: with their time and level, as text or as JSON, and the log file of a run.

The JSON form has one object a line: `time` (UTC), `level`, `message`, then the facts of the run (`run`, `flow`,
`connection`) and of the message (`stream`, and others). Secrets are masked before a message gets here.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from pathlib import Path

PLAIN, TEXT, JSON = "plain", "text", "json"
FORMATS = (PLAIN, TEXT, JSON)
VARIABLE = "INTACCT_LOG_FORMAT"
_MOST_WAITING = 200
"""Lines that are kept until a run has a file for them."""


def chosen_format() -> str:
    """The form that the environment names; messages are plain without one."""
    named = os.environ.get(VARIABLE, PLAIN)
    return named if named in FORMATS else PLAIN


def log_line(form: str, text: str, level: str, facts: Mapping[str, Any]) -> str:
    """A message in a form; without a line end, and in the text form one line for each of its lines."""
    if form == PLAIN:
        return text
    now = _now()
    if form == TEXT:
        return "\n".join(f"{now} {level:<7} {line.strip()}" for line in text.splitlines() if line.strip())
    return json_line(text, level, facts, now)


def json_line(text: str, level: str, facts: Mapping[str, Any], now: str) -> str:
    """A message as one JSON object."""
    import json

    known = {name: value for name, value in facts.items() if value not in ("", None)}
    message = " ".join(text.split())
    return json.dumps({"time": now, "level": level, "message": message, **known}, ensure_ascii=False, default=str)


def _now() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class LogFile:
    """The log of a run: messages wait in memory until the run has a file, and make that file with the first one."""

    def __init__(self) -> None:
        self._waiting: list[str] = []
        self._path: Path | None = None
        self._file: TextIO | None = None
        self._broken = False

    def keep_in(self, path: "Path") -> None:
        """Keep the messages in a file from now on, and those that wait."""
        self._path = path
        waiting, self._waiting = self._waiting, []
        for line in waiting:
            self._write(line)

    def add(self, text: str, level: str, facts: Mapping[str, Any]) -> None:
        """Add a message; a disk that takes none costs the log only."""
        line = json_line(text, level, facts, _now())
        if self._path is not None:
            self._write(line)
        elif len(self._waiting) < _MOST_WAITING:
            self._waiting.append(line)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, line: str) -> None:
        if self._broken or self._path is None:
            return
        try:
            if self._file is None:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._file = self._path.open("a", encoding="utf-8", errors="replace")
            self._file.write(f"{line}\n")
            self._file.flush()
        except OSError:
            self._broken = True
