"""The messages of a run: each goes into the run's log, with secrets masked, and a program shows it to its person.

The log has one JSON object a line: `time` (UTC), `level`, `message`, then the facts of the run (`run`, `flow`,
`connection`) and of the message (`stream`, and others).
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TextIO

from intacct_protocol.model.masking import without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_MOST_WAITING = 200
"""Lines that are kept until a run has a file for them."""


def json_line(text: str, level: str, facts: Mapping[str, Any], time: str) -> str:
    """A message as one JSON object."""
    import json

    present = {name: value for name, value in facts.items() if value not in ("", None)}
    message = " ".join(text.split())
    return json.dumps({"time": time, "level": level, "message": message, **present}, ensure_ascii=False, default=str)


def time_now() -> str:
    """The time of a message."""
    from datetime import UTC, datetime

    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class LogFile:
    """The log of a run: messages wait in memory until the run has a file, and make that file with the first one."""

    def __init__(self) -> None:
        self._waiting: list[str] = []
        self._path: Path | None = None
        self._file: TextIO | None = None
        self._broken = False
        self._write: Callable[[str], None] | None = None

    def keep_in(self, path: "Path") -> None:
        """Keep the messages in a file from now on, and those that wait."""
        self._path = path
        self.keep_with(self._write_to_file)

    def keep_with(self, write: "Callable[[str], None]") -> None:
        """Give the messages to a function from now on, and those that wait."""
        self._write = write
        waiting, self._waiting = self._waiting, []
        for line in waiting:
            write(line)

    def add(self, text: str, level: str, facts: Mapping[str, Any]) -> None:
        """Add a message; a disk that takes none costs the log only."""
        line = json_line(text, level, facts, time_now())
        if self._write is not None:
            self._write(line)
        elif len(self._waiting) < _MOST_WAITING:
            self._waiting.append(line)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write_to_file(self, line: str) -> None:
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


class Messages:
    """The messages of one run. This class does not show them; a program's own one shows them to a person."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self.quiet = False
        self.verbose = 0
        self.log_facts: dict[str, Any] = {}
        """What every line of a log says of the run: its id, flow and connection."""
        self.log_file = LogFile()

    def hide(self, secrets: Iterable[str]) -> None:
        """Mask these in every message from now on."""
        self._secrets.update(filter(None, secrets))

    def mask_with(self, messages: "Messages") -> None:
        """Mask what those of another program mask, and let each of the two mask what the other hides later."""
        self._secrets = messages._secrets

    def masked(self, text: str) -> str:
        """The text with every secret replaced."""
        return without_secrets(text, self._secrets)

    def say(self, text: str = "", **facts: Any) -> None:
        """A note for a person; silent if the person wants results only. `facts` are for a log, such as the stream."""
        if not self.quiet:
            self._message(text, "info", facts)

    def detail(self, text: str, **facts: Any) -> None:
        """A note for a person who asked for details."""
        if self.verbose:
            self._message(text, "debug", facts)

    def complain(self, text: str, *, level: str = "warning", **facts: Any) -> None:
        """An error or a warning, which is always shown."""
        self._message(text, level, facts)

    def event(self, text: str, *, level: str = "info", **facts: Any) -> None:
        """A line for logs only: a person is shown the same in another way."""
        self.log_file.add(self.masked(text), level, self.facts_with(facts))

    def progressed(self, name: str, done: int, total: int | None, noun: str) -> None:
        """How far long work is."""

    def confirm(self, question: str) -> bool:  # noqa: ARG002
        """The person's answer, yes or no. Without a person it is no."""
        return False

    def show(self, text: str, level: str, facts: Mapping[str, Any]) -> None:
        """Show a message whose secrets are masked."""

    def facts_with(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """The facts of the run and of a message, masked."""
        masked = {name: self.masked(value) if isinstance(value, str) else value for name, value in facts.items()}
        return {**self.log_facts, **masked}

    def _message(self, text: str, level: str, facts: Mapping[str, Any]) -> None:
        masked, all_facts = self.masked(text), self.facts_with(facts)
        if masked.strip():
            self.log_file.add(masked, level, all_facts)
        self.show(masked, level, all_facts)
