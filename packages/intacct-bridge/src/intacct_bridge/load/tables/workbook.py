"""A workbook looked through before it is read: whether it has the size of a file of people, and what its sheets hide.

Its library reads a cell whole, makes every row up to the number that a row names, and resolves the entities of XML. So
every part that it reads is streamed through a parser first, and refused if it is larger than Excel could have made it.
"""

import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import IO
from xml.parsers import expat

from intacct_bridge.load.tables.table import MOST_COLUMNS
from intacct_protocol.errors import SettingsError

MOST_SHARED = 256 << 20
"""Bytes that the parts which are held in memory may unpack to, all together."""
MOST_OF_A_SHEET = 4 << 30
LONGEST_TEXT = 1 << 20
"""Characters of one text. A cell of Excel holds 32,767; other programs write more."""
MOST_ROWS = 1_048_576
"""Rows of a sheet, as many as Excel has."""
MOST_CELLS = 100_000_000
"""Cells of a sheet, with the empty ones between: rows that have a cell, times the columns of the widest."""
MOST_STRINGS = 2 * MOST_ROWS
"""Texts of the table that the cells of all sheets share."""
_MOST_ELEMENTS = 500_000
"""Elements of one text, one cell or one other part. Excel allows some 65,000 formats of cells, which are the most."""
_MOST_PARTS = 10_000
_DEEPEST = 100
_SECONDS = 300.0
"""The time for the look through one workbook."""
_CHUNK = 1 << 16
_IN_PARTS = "xl/worksheets/"
_UNREAD = (
    *("xl/media/", "xl/drawings/", "xl/pivotCache/", "xl/pivotTables/", "xl/embeddings/", "customXml/"),
    *("xl/externalLinks/", "xl/comments", "xl/threadedComments/", "xl/charts/", "xl/calcChain.xml"),
)
"""Parts that the library does not read."""
_SHOWN = 5


@dataclass(slots=True)
class SheetFacts:
    """What a reader of the sheet may not see."""

    hidden_rows: list[int] = field(default_factory=list)
    hidden_columns: int = 0
    filtered: bool = False
    merged: list[str] = field(default_factory=list)
    """The first of the merged cells."""
    merges: int = 0
    width: int = 0
    """The number of its last column that has a cell."""
    declared_width: int = 0
    """The number of its last column as the sheet says it; 0 if it does not."""

    def notes(self, place: str) -> tuple[str, ...]:
        """The facts as sentences of a plan; `place` names the sheet."""
        notes: list[str] = []
        if self.hidden_rows:
            why = "hidden or filtered out" if self.filtered else "hidden"
            rows = _first_places(self.hidden_rows, len(self.hidden_rows))
            notes.append(f"{place} has rows that are {why}, and they are read too: {rows}.")
        elif self.filtered:
            notes.append(f"{place} has a filter that hides no row.")
        if self.hidden_columns:
            notes.append(f"{place} has hidden columns, and they are read too.")
        if self.merged:
            notes.append(
                f"{place} has merged cells, of which only the first has a value; the others are empty: "
                f"{_first_places(self.merged, self.merges)}."
            )
        return tuple(notes)


def _first_places(places: "list[int] | list[str]", count: int) -> str:
    shown = ", ".join(map(str, places[:_SHOWN]))
    return f"{shown} and {count - _SHOWN:,} more" if count > _SHOWN else shown


def look_through(path: Path) -> Mapping[str, SheetFacts]:
    """The facts of each sheet, by the name of its part. Raises SettingsError for a workbook that is unsafe to read."""
    facts_by_part: dict[str, SheetFacts] = {}
    end = monotonic() + _SECONDS
    try:
        with zipfile.ZipFile(path) as book:
            parts = [part for part in book.infolist() if not part.filename.startswith(_UNREAD)]
            _check_sizes(path, parts)
            for part in parts:
                if part.filename.lower().endswith((".xml", ".rels")):
                    facts = SheetFacts()
                    with book.open(part) as file:
                        _PartReader(path, part.filename, facts).read(file, end)
                    facts_by_part[part.filename] = facts
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, OverflowError) as error:
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
    if len(parts) > _MOST_PARTS:
        raise _refused(path, f"has {len(parts):,} parts, and at most {_MOST_PARTS:,} are read")
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
        self._depth = 0
        self._elements = 0
        self._row = 0
        self._rows = 0
        self._cells = 0
        self._column = 0
        self._strings = 0
        self._handlers: Mapping[str, Callable[[dict[str, str]], None]] = {}
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._doctype

    def read(self, file: IO[bytes], end: float) -> None:
        """Read the part, whose time is over at `end`; what it hides goes into the facts."""
        while chunk := file.read(_CHUNK):
            self._since += len(chunk)
            self._parser.Parse(chunk, False)
            if self._since > LONGEST_TEXT:
                self._too_long()
            if monotonic() > end:
                raise self._too_large(f"takes longer than {_SECONDS:,.0f} seconds to look through")
        self._parser.Parse(b"", True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._length = self._since = 0
        self._depth += 1
        element = name.rpartition(" ")[2]
        if self._depth == 1:
            self._handlers = {"worksheet": self._of_sheets, "sst": {"si": self._on_string}}.get(element, {})
        elif self._depth > _DEEPEST:
            raise self._too_large(f"nests elements more than {_DEEPEST} deep")
        self._handlers.get(element, self._on_other)(attributes)

    def _end(self, _: str) -> None:
        self._length = self._since = 0
        self._depth -= 1

    def _text(self, text: str) -> None:
        self._since = 0
        self._length += len(text)
        if self._length > LONGEST_TEXT:
            self._too_long()

    def _too_long(self) -> None:
        raise _refused(self._path, f"has a text of more than {LONGEST_TEXT:,} characters in {self._part}")

    def _doctype(self, *_: object) -> None:
        raise _refused(self._path, f"declares a document type in {self._part}, which no workbook needs")

    def _too_large(self, what: str) -> SettingsError:
        return _refused(self._path, f"{what}, in {self._part}")

    @property
    def _of_sheets(self) -> "Mapping[str, Callable[[dict[str, str]], None]]":
        return {
            "dimension": self._on_dimension,
            "row": self._on_row,
            "c": self._on_cell,
            "col": self._on_column,
            "autoFilter": self._on_filter,
            "mergeCell": self._on_merged,
        }

    def _on_dimension(self, attributes: dict[str, str]) -> None:
        self._facts.declared_width = _column_number(attributes.get("ref", "").rpartition(":")[2])

    def _on_row(self, attributes: dict[str, str]) -> None:
        before, number = self._row, attributes.get("r")
        self._row = before + 1 if number is None else _row_number(number)
        self._column = self._cells = 0
        if self._row > MOST_ROWS:
            raise self._too_large(f"has a row {self._row:,}, and a sheet has at most {MOST_ROWS:,} rows")
        if self._row <= before:
            raise self._too_large(f"has row {self._row:,} after row {before:,}")
        if _is_true(attributes.get("hidden")):
            self._facts.hidden_rows.append(self._row)

    def _on_cell(self, attributes: dict[str, str]) -> None:
        place = attributes.get("r")
        self._column = _column_number(place) if place else self._column + 1
        self._cells += 1
        self._elements = 0
        self._rows += self._cells == 1
        if self._cells > MOST_COLUMNS or self._column > MOST_COLUMNS:
            raise self._too_large(f"has more than {MOST_COLUMNS:,} columns in row {self._row:,}")
        self._facts.width = max(self._facts.width, self._column)
        if self._rows * self._facts.width > MOST_CELLS:
            raise self._too_large(
                f"has {self._facts.width:,} columns and over {self._rows - 1:,} rows, and at most {MOST_CELLS:,} cells "
                "are read"
            )

    def _on_string(self, _: dict[str, str]) -> None:
        self._strings += 1
        self._elements = 0
        if self._strings > MOST_STRINGS:
            raise self._too_large(f"has more than {MOST_STRINGS:,} texts")

    def _on_other(self, _: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > _MOST_ELEMENTS:
            raise self._too_large(f"has more than {_MOST_ELEMENTS:,} elements")

    def _on_column(self, attributes: dict[str, str]) -> None:
        self._facts.hidden_columns += _is_true(attributes.get("hidden"))

    def _on_filter(self, _: dict[str, str]) -> None:
        self._facts.filtered = True

    def _on_merged(self, attributes: dict[str, str]) -> None:
        self._facts.merges += 1
        if self._facts.merges <= _SHOWN:
            self._facts.merged.append(attributes.get("ref", ""))


def _row_number(text: str) -> int:
    """The number of a row as the library understands it, which takes `5.0` too. ValueError for what is no number."""
    try:
        return int(text)
    except ValueError:
        return int(min(float(text), 2.0 * MOST_ROWS))


def _column_number(place: str) -> int:
    """The number of the column of a cell such as `AB12`; 0 for what is no cell."""
    number = 0
    for letter in place:
        if not ("A" <= letter <= "Z" or "a" <= letter <= "z"):
            break
        number = number * 26 + (ord(letter) & 31)
        if number > MOST_COLUMNS:
            break
    return number


def _is_true(text: str | None) -> bool:
    return text in ("1", "true")
