"""Where a command's words go: results to standard output, everything else to standard error, secrets nowhere.

A table fits the terminal it is printed on, and is whole in a pipe. Notes are silent under `-q`; details need `-v`.
"""

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TextIO

Cell = object
MASK = "***"
_SHORTEST_SECRET = 4
"""Shorter ones occur by chance in honest text, and masking them would make it unreadable."""
_WIDEST_CELL = 48
_GAP = "  "
_SETTING = re.compile(r"`([a-z_]+)(?: = ([^`]+))?`")
"""A setting as messages name it: `draft`, or with a value as in a TOML file: `date_order = "dmy"`."""


class Console:
    """One command's output. Nothing is printed past it, so that a secret can be kept out in one place."""

    def __init__(self, *, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self._out = out
        self._err = err
        self._secrets: set[str] = set()
        self.quiet = False
        self.verbose = 0
        self.as_json = False
        self.options: Mapping[str, str] = {}
        """The running command's options by the settings they give: `date_order` is `--date-order`."""

    @property
    def out(self) -> TextIO:
        """Standard output as it is now, since tests and callers replace it."""
        return self._out or sys.stdout

    @property
    def err(self) -> TextIO:
        """Standard error as it is now."""
        return self._err or sys.stderr

    @property
    def is_terminal(self) -> bool:
        """Whether a person watches: only then are bars drawn and tables cut to fit."""
        return self.err.isatty() and os.environ.get("TERM") != "dumb"

    @property
    def width(self) -> int:
        """Columns of the terminal."""
        return shutil.get_terminal_size((100, 24)).columns

    def hide(self, secrets: Iterable[str]) -> None:
        """From now on these never appear in what this console says."""
        self._secrets.update(secret for secret in secrets if len(secret) >= _SHORTEST_SECRET)

    def masked(self, text: str) -> str:
        """The text with every secret replaced, the longest first."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, MASK)
        return text

    def spelled(self, text: str) -> str:
        """The text with each setting named as this user gives it: the command's option, else the setting itself."""

        def option(found: re.Match[str]) -> str:
            name, value = found[1], (found[2] or "").strip('"')
            if name not in self.options:
                return found[0]
            return self.options[name] + (f" {value}" if value not in ("", "true") else "")

        return _SETTING.sub(option, text)

    def say(self, text: str = "") -> None:
        """A note for a person, on standard error; silent under -q."""
        if not self.quiet:
            self.complain(text)

    def detail(self, text: str) -> None:
        """What only -v shows."""
        if self.verbose:
            self.complain(text)

    def complain(self, text: str) -> None:
        """Printed whatever the verbosity: errors and questions."""
        print(self.masked(text), file=self.err, flush=True)

    def last(self, text: str) -> None:
        """Said when the process is about to end, past bars that nobody will take away; their cursor comes back."""
        cursor = "\x1b[?25h" if self.is_terminal else ""
        print(cursor + self.masked(text), file=self._err or sys.__stderr__, flush=True)

    def result(self, text: str) -> None:
        """A line of the command's result, on standard output."""
        print(text, file=self.out)

    def json(self, value: Any) -> None:
        """The result as one JSON document."""
        print(as_json(value, indent=2), file=self.out)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, empty: str = "") -> None:
        """Rows under their columns; under --json a list of objects instead."""
        listed = [list(row) for row in rows]
        if self.as_json:
            self.json([dict(zip(columns, row, strict=True)) for row in listed])
            return
        if not listed and empty:
            self.say(empty)
            return
        lines, hidden = aligned(columns, listed, self.width if self.out.isatty() else None)
        for line in lines:
            self.result(line)
        if hidden:
            self.say(
                f"{len(hidden)} more columns do not fit: {', '.join(hidden[:6])}{', …' if len(hidden) > 6 else ''}."
            )

    def pairs(self, pairs: Mapping[str, Cell]) -> None:
        """Names and values, one a line; under --json one object."""
        if self.as_json:
            self.json(dict(pairs))
            return
        wide = max((len(name) for name in pairs), default=0)
        for name, value in pairs.items():
            self.result(f"{name:<{wide}}{_GAP}{shown(value)}")

    def wrapped(self, lead: str, text: str) -> str:
        """Text behind a label, with later lines under the first; as long as it is where nobody watches."""
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
        """What a person types, asked again until there is something; a secret is not echoed, and hidden from then on.

        White space around it goes, as it comes along with what is pasted; a secret is kept as it is.
        """
        import click

        answer = ""
        while not answer:
            answer = str(click.prompt(question, hide_input=secret, err=True))
            answer = answer if secret else answer.strip()
        if secret:
            self.hide([answer])
        return answer

    def confirm(self, question: str) -> bool:
        """Whether a person says yes; without a terminal nobody can, and that is a no."""
        if not sys.stdin.isatty():
            return False
        import click

        return bool(click.confirm(question, default=False, err=True))


def aligned(columns: Sequence[str], rows: Sequence[Sequence[Cell]], width: int | None) -> tuple[list[str], list[str]]:
    """Lines of a table no wider than `width`, and the columns that did not fit in it."""
    cells = [[shown(value) for value in row] for row in rows]
    right = [bool(rows) and all(_is_number(row[i]) for row in rows) for i in range(len(columns))]
    widths = [max([len(name), *(len(row[i]) for row in cells)]) for i, name in enumerate(columns)]
    if width is not None:
        widths = _fitted(widths, columns, width)
    kept = len(widths)
    lines = [_line(columns, widths, right), _line(["─" * wide for wide in widths], widths, right)]
    lines += [_line(row, widths, right) for row in cells]
    return lines, list(columns[kept:])


def _fitted(widths: list[int], columns: Sequence[str], width: int) -> list[int]:
    """Widths capped, and as many columns as fit; the first always stays, and the last takes what is left over."""
    capped = [min(wide, max(_WIDEST_CELL, len(name))) for wide, name in zip(widths, columns, strict=True)]
    used, kept = 0, 0
    for wide in capped:
        need = wide + (len(_GAP) if kept else 0)
        if used + need > width and kept:
            break
        used += need
        kept += 1
    fitted = capped[:kept]
    spare = width - used
    if fitted and kept == len(widths):
        for i in range(kept - 1, -1, -1):
            grow = min(spare, widths[i] - fitted[i])
            fitted[i] += grow
            spare -= grow
    elif kept < len(widths) and spare > 14:  # a cut column says more than none
        fitted.append(min(spare - len(_GAP), capped[kept]))
    if fitted and fitted[0] > width:
        fitted[0] = max(width, 1)
    return fitted


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    parts = []
    for cell, wide, is_right in zip(cells, widths, right, strict=False):
        cut = cell if len(cell) <= wide else cell[: max(wide - 1, 0)] + "…"
        parts.append(f"{cut:>{wide}}" if is_right else f"{cut:<{wide}}")
    return _GAP.join(parts).rstrip()


def _is_number(value: Cell) -> bool:
    return (isinstance(value, int | Decimal | float) and not isinstance(value, bool)) or value is None


def shown(value: Cell) -> str:
    """A value as a person reads it, on one line."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds").removesuffix("+00:00")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(shown(one) for one in value)
    text = str(value)
    return text if text.isprintable() else " ".join("".join(c if c.isprintable() else " " for c in text).split())


def as_json(value: object, *, indent: int = 0) -> str:
    """A value as JSON: decimals are numbers with exactly their digits, dates and times ISO 8601."""
    import msgspec

    raw = msgspec.json.Encoder(decimal_format="number", enc_hook=str).encode(value)
    return (msgspec.json.format(raw, indent=indent) if indent else raw).decode()
