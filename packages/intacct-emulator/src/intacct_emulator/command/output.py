"""What a command that serves an emulator prints on, and the output of `intacct-emulator` itself."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TextIO


class Output(Protocol):
    """Results go to standard output, everything else to standard error."""

    @property
    def out(self) -> TextIO:
        """Standard output."""

    def say(self, text: str) -> None:
        """Print a note for a person."""

    def pairs(self, pairs: Mapping[str, object], /) -> None:
        """Print names and values, one a line."""

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], /) -> None:
        """Print rows under their columns."""


class PlainOutput:
    """The output of `intacct-emulator`: plain text, or JSON for results; quiet without notes."""

    def __init__(self, *, as_json: bool = False, quiet: bool = False) -> None:
        self._as_json, self._quiet = as_json, quiet

    @property
    def out(self) -> TextIO:
        """Standard output as it is now."""
        return sys.stdout

    def say(self, text: str) -> None:
        """Print a note for a person."""
        if not self._quiet:
            print(text, file=sys.stderr, flush=True)

    def pairs(self, pairs: Mapping[str, object], /) -> None:
        """Print names and values, one a line, or one JSON object."""
        if self._as_json:
            print(json.dumps(pairs, indent=2))
            return
        for name, value in pairs.items():
            print(f"{name:<{max(map(len, pairs))}}  {value}")

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], /) -> None:
        """Print rows under their columns, or a JSON list of objects."""
        listed = [[str(cell) for cell in row] for row in rows]
        if self._as_json:
            print(json.dumps([dict(zip(columns, row, strict=True)) for row in listed], indent=2, ensure_ascii=False))
            return
        widths = [max(map(len, cells)) for cells in zip(columns, *listed, strict=True)]
        for row in (columns, ["─" * width for width in widths], *listed):
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
