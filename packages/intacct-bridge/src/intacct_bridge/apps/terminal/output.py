"""The output of a command: results on standard output, everything else on standard error, secrets on neither.

A table fits its terminal and is complete in a pipe. `-q` silences notes; `-v` adds details. Messages are plain for a
person; with a log format, each has its time and level.
"""

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from intacct_bridge.apps.terminal.tables import Cell, plain_lines, print_fitted, shown
from intacct_bridge.operations.messages import Messages, json_line, time_now
from intacct_protocol.model.wording import counted, display_lines

PLAIN, TEXT, JSON = "plain", "text", "json"
LOG_FORMATS = (PLAIN, TEXT, JSON)
"""The forms of messages on standard error: plain, with their time and level, or as the JSON lines of a log."""
_NAMED = 6
"""Hidden columns that are named."""
_GAP = "  "
_SETTING = re.compile(r"`([a-z_]+)(?: = ([^`]+))?`")
"""A setting as messages name it: `draft`, or with a value as in a TOML file: `date_order = "dmy"`."""


def _chosen_format() -> str:
    """The form that the environment names; messages are plain without one."""
    named = os.environ.get("INTACCT_LOG_FORMAT", PLAIN)
    return named if named in LOG_FORMATS else PLAIN


def _log_line(form: str, text: str, level: str, facts: Mapping[str, Any]) -> str:
    """A message in a form; without a line end, and in the text form one line for each of its lines."""
    if form == PLAIN:
        return text
    now = time_now()
    if form == TEXT:
        return "\n".join(f"{now} {level:<7} {line.strip()}" for line in text.splitlines() if line.strip())
    return json_line(text, level, facts, now)


class Output(Messages):
    """One command's output. Everything is printed through it, so that one place masks secrets."""

    def __init__(self, *, out: TextIO | None = None, err: TextIO | None = None) -> None:
        super().__init__()
        self._out = out
        self._err = err
        self.as_json = False
        self.log_format = _chosen_format()
        self.options: Mapping[str, str] = {}
        """The running command's options by the settings they give: `date_order` is `--date-order`."""

    @property
    def out(self) -> TextIO:
        """Standard output as it is now, because tests and callers replace it."""
        return self._out or sys.stdout

    @property
    def err(self) -> TextIO:
        """Standard error as it is now."""
        return self._err or sys.stderr

    @property
    def is_terminal(self) -> bool:
        """Whether standard error is a terminal: only then are progress bars drawn."""
        return self.log_format == PLAIN and self.err.isatty() and os.environ.get("TERM") != "dumb"

    def of_other_command(self, out: TextIO | None) -> "Output":
        """The output of another command in this process, whose messages go where this one's go."""
        return Output(out=out, err=self._err)

    @property
    def width(self) -> int:
        """Columns of the terminal."""
        return shutil.get_terminal_size((100, 24)).columns

    def spelled(self, text: str) -> str:
        """The text with each setting named as this user gives it: the command's option, else the setting itself."""

        def option(match: re.Match[str]) -> str:
            name, value = match[1], (match[2] or "").strip('"')
            if name not in self.options:
                return match[0]
            return self.options[name] + (f" {value}" if value not in ("", "true") else "")

        return _SETTING.sub(option, text)

    def event(self, text: str, *, level: str = "info", **facts: Any) -> None:
        """A line for logs only: where messages are for people, a table says the same."""
        if self.log_format != PLAIN and not self.quiet:
            self.complain(text, level=level, **facts)
        else:
            super().event(text, level=level, **facts)

    def show(self, text: str, level: str, facts: Mapping[str, Any]) -> None:
        """Print a message in the chosen form."""
        if text.strip() or self.log_format == PLAIN:
            print(display_lines(_log_line(self.log_format, text, level, facts)), file=self.err, flush=True)

    def last(self, text: str) -> None:
        """A last line before the process ends, past progress bars that are still drawn; shows the cursor they hid."""
        cursor = "\x1b[?25h" if self.is_terminal else ""
        print(cursor + display_lines(self.masked(text)), file=self._err or sys.__stderr__, flush=True)

    def result(self, text: str, *, title: str = "") -> None:
        """A line of the command's result, on standard output, after a title, which is bold on a terminal."""
        if not self.out.isatty():
            print(title + text, file=self.out)
            return
        bold = title.strip() and "NO_COLOR" not in os.environ
        start = display_lines(title)
        print((f"\x1b[1m{start}\x1b[0m" if bold else start) + display_lines(text), file=self.out)

    def json(self, value: Any) -> None:
        """The result as one JSON document."""
        self.result(as_json(value, indent=2))

    def write(self, text: str, /) -> object:
        """A part of the result that is written piece by piece, on standard output."""
        return self.out.write(display_lines(text) if self.out.isatty() else text)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, empty: str = "") -> None:
        """Print rows under their columns, or under --json a list of objects; without rows print the note `empty`."""
        listed = [list(row) for row in rows]
        if self.as_json:
            self.json([dict(zip(columns, row, strict=True)) for row in listed])
            return
        if not listed and empty:
            self.say(empty)
            return
        if not self.out.isatty():
            for line in plain_lines(columns, listed):
                self.result(line)
            return
        hidden = print_fitted(columns, listed, self.out, self.width)
        if hidden:
            more = ", …" if len(hidden) > _NAMED else ""
            names = ", ".join(hidden[:_NAMED])
            self.say(self.wrapped("", f"{counted(len(hidden), 'column')} hidden to fit the terminal: {names}{more}"))

    def pairs(self, pairs: Mapping[str, Cell]) -> None:
        """Print names and values, one a line, or under --json one object."""
        if self.as_json:
            self.json(dict(pairs))
            return
        wide = max((len(name) for name in pairs), default=0)
        for name, value in pairs.items():
            self.result(f"{name:<{wide}}{_GAP}{shown(value)}")

    def wrapped(self, lead: str, text: str) -> str:
        """Text after a label, wrapped under its first line on a terminal, on one line elsewhere."""
        if not self.out.isatty():
            return lead + text
        return textwrap.fill(
            text,
            max(self.width - 1, 40),
            initial_indent=lead,
            subsequent_indent=" " * len(lead),
            break_long_words=False,
            break_on_hyphens=False,
        )

    def ask(self, question: str, *, secret: bool = False) -> str:
        """Ask until there is an answer, and return it. A secret is not echoed, and is masked from then on.

        White space around an answer is removed, because pasting adds it; a secret is kept unchanged.
        """
        import click

        answer = ""
        while not answer:
            answer = str(click.prompt(question, hide_input=secret, err=True))
            answer = answer if secret else answer.strip()
        if secret:
            self.hide([answer])
        return answer

    def choose(self, question: str, choices: Sequence[str]) -> str:
        """Ask until the answer is one of the choices, in upper or lower case, and return it."""
        import click

        kind = click.Choice(choices, case_sensitive=False)
        return str(
            click.prompt(question, type=kind, value_proc=lambda text: kind.convert(text.strip(), None, None), err=True)
        )

    def answer(self, question: str) -> str | None:
        """What a person answers, which may be nothing; None without a terminal."""
        if not sys.stdin.isatty():
            return None
        import click

        return str(click.prompt(question, default="", show_default=False, err=True)).strip()

    def confirm(self, question: str) -> bool:
        """Ask yes or no; without a terminal the answer is no."""
        if not sys.stdin.isatty():
            return False
        import click

        return bool(click.confirm(question, default=False, err=True))


def as_json(value: object, *, indent: int = 0) -> str:
    """A value as JSON: decimals are numbers with exactly their digits, dates and times ISO 8601."""
    import msgspec

    raw = msgspec.json.Encoder(decimal_format="number", enc_hook=_plain).encode(value)
    return (msgspec.json.format(raw, indent=indent) if indent else raw).decode()


def _plain(value: object) -> int | str:
    return int(value) if isinstance(value, int) else str(value)
