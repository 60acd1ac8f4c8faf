"""A workbook looked through before it is read: whether it fits into memory, and what its sheets hide.

Its library reads a cell whole, however long, and resolves the entities of its XML. So every part is streamed through a
parser first. A part with a document type, a cell longer than a cell of Excel can be, or parts that unpack to more than
a file of people holds, are refused. The same pass finds hidden rows and columns, filters and merged cells.
"""

import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from xml.parsers import expat

from intacct_protocol.errors import SettingsError

MOST_SHARED = 256 << 20
"""Bytes that the parts which are held in memory may unpack to, all together."""
MOST_OF_A_SHEET = 4 << 30
LONGEST_TEXT = 1 << 20
"""Characters of one text. A cell of Excel holds 32,767; other programs write more."""
_CHUNK = 1 << 16
_IN_PARTS = "xl/worksheets/"
_UNREAD = ("xl/media/", "xl/drawings/", "xl/pivotCache/", "xl/pivotTables/", "xl/embeddings/", "customXml/")
_SHOWN = 5


@dataclass(slots=True)
class SheetFacts:
    """What a reader of the sheet may not see."""

    hidden_rows: list[int] = field(default_factory=list)
    hidden_columns: int = 0
    filtered: bool = False
    merged: list[str] = field(default_factory=list)

    def notes(self, place: str) -> tuple[str, ...]:
        """The facts as sentences of a plan; `place` names the sheet."""
        notes: list[str] = []
        if self.hidden_rows:
            why = "hidden or filtered out" if self.filtered else "hidden"
            notes.append(f"{place} has rows that are {why}, and they are read too: {_first_places(self.hidden_rows)}.")
        elif self.filtered:
            notes.append(f"{place} has a filter that hides no row.")
        if self.hidden_columns:
            notes.append(f"{place} has hidden columns, and they are read too.")
        if self.merged:
            notes.append(
                f"{place} has merged cells, of which only the first has a value; the others are empty: "
                f"{_first_places(self.merged)}."
            )
        return tuple(notes)


def _first_places(places: "list[int] | list[str]") -> str:
    shown = ", ".join(map(str, places[:_SHOWN]))
    return f"{shown} and {len(places) - _SHOWN:,} more" if len(places) > _SHOWN else shown


def look_through(path: Path) -> Mapping[str, SheetFacts]:
    """The facts of each sheet, by the name of its part. Raises SettingsError for a workbook that is unsafe to read."""
    facts_by_part: dict[str, SheetFacts] = {}
    try:
        with zipfile.ZipFile(path) as book:
            parts = [one for one in book.infolist() if not one.filename.startswith(_UNREAD)]
            _check_sizes(path, parts)
            for part in parts:
                if part.filename.lower().endswith((".xml", ".rels")):
                    facts = SheetFacts()
                    with book.open(part) as file:
                        _PartReader(path, part.filename, facts).read(file)
                    facts_by_part[part.filename] = facts
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError) as error:
        raise unreadable(path, error) from None
    except expat.ExpatError as error:
        raise unreadable(path, error) from None
    return facts_by_part


_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
"""How the files of Excel before 2007 begin, and workbooks that are encrypted with a password."""


def unreadable(path: Path, error: Exception) -> SettingsError:
    """The error for a file that is no workbook, or a damaged one."""
    with suppress(OSError), path.open("rb") as file:
        begin = file.read(len(_OLE))
        if not begin:
            return SettingsError(f"{path.name} is empty", fix="save the workbook again")
        if begin == _OLE:
            return SettingsError(
                f"{path.name} has a password, or the format of Excel before 2007",
                fix="open it in Excel and save it as .xlsx, without a password",
            )
    return SettingsError(f"{path.name} is not readable as Excel: {error}", fix="save it again as .xlsx")


def _check_sizes(path: Path, parts: list[zipfile.ZipInfo]) -> None:
    shared = sum(part.file_size for part in parts if not part.filename.startswith(_IN_PARTS))
    largest = max((part.file_size for part in parts if part.filename.startswith(_IN_PARTS)), default=0)
    for size, most in ((shared, MOST_SHARED), (largest, MOST_OF_A_SHEET)):
        if size > most:
            raise _refused(path, f"unpacks to {size >> 20:,} MB, and at most {most >> 20:,} MB are read")


def _refused(path: Path, why: str) -> SettingsError:
    return SettingsError(f"{path.name} {why}", fix="save the sheet as CSV, or as a new workbook")


class _PartReader:
    """Streams one part through a parser."""

    def __init__(self, path: Path, part: str, facts: SheetFacts) -> None:
        self._path = path
        self._part = part
        self._facts = facts
        self._length = 0
        self._since = 0
        self._row = 0
        self._elements: Mapping[str, Callable[[dict[str, str]], None]] = {
            "row": self._on_row,
            "col": self._on_column,
            "autoFilter": self._on_filter,
            "mergeCell": self._on_merged,
        }
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._doctype

    def read(self, file: IO[bytes]) -> None:
        """Read the part to its end; what it hides goes into the facts."""
        while chunk := file.read(_CHUNK):
            self._since += len(chunk)
            self._parser.Parse(chunk, False)
            if self._since > LONGEST_TEXT:
                self._too_long()
        self._parser.Parse(b"", True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._length = self._since = 0
        start = self._elements.get(name.rpartition(" ")[2])
        if start is not None:
            start(attributes)

    def _end(self, _: str) -> None:
        self._length = self._since = 0

    def _text(self, text: str) -> None:
        self._since = 0
        self._length += len(text)
        if self._length > LONGEST_TEXT:
            self._too_long()

    def _too_long(self) -> None:
        raise _refused(self._path, f"has a text of more than {LONGEST_TEXT:,} characters in {self._part}")

    def _doctype(self, *_: object) -> None:
        raise _refused(self._path, f"declares a document type in {self._part}, which no workbook needs")

    def _on_row(self, attributes: dict[str, str]) -> None:
        number = attributes.get("r", "")
        self._row = int(number) if number.isdecimal() and len(number) < 10 else self._row + 1
        if _is_true(attributes.get("hidden")) and self._part.startswith(_IN_PARTS):
            self._facts.hidden_rows.append(self._row)

    def _on_column(self, attributes: dict[str, str]) -> None:
        self._facts.hidden_columns += _is_true(attributes.get("hidden"))

    def _on_filter(self, _: dict[str, str]) -> None:
        self._facts.filtered = True

    def _on_merged(self, attributes: dict[str, str]) -> None:
        self._facts.merged.append(attributes.get("ref", ""))


def _is_true(text: str | None) -> bool:
    return text in ("1", "true")
