"""Input files as rows that remember where they came from; every value exactly as the file has it.

A row's cells are keyed by the file's own column names, so that every later complaint is in the user's words and a
refused row can be written back as it was. What a column means is a layout's business. CSV gives text; the other
formats (`table_formats`) may give typed cells, and never a float.
"""

import codecs
import csv
import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from intacct_bridge.errors import SettingsError
from intacct_bridge.flow.records.cells import Cell

DELIMITERS = (",", ";", "\t")
_SEPARATOR = re.compile(r'"?sep=([^"\r\n])"?[\r\n]*', re.IGNORECASE)
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One row of an input, with the place to find it again."""

    source: str
    """The file's name, as messages show it."""
    number: int
    """The first physical line of the row; the row number in formats without lines."""
    cells: Mapping[str, object]
    """Values by the input's own column names; a nested value (JSON) is a list or a dict."""
    fault: str = ""
    """Why the row as a whole cannot be trusted, such as more cells than columns."""
    key: tuple[str, ...] = ()
    """What its source calls the record, where it says so beside the cells."""
    beyond: tuple[object, ...] = ()
    """The cells that no column of the header stands over."""
    spoilt: Mapping[str, str] = field(default_factory=dict)
    """What is wrong with single cells, by their columns; the first makes the fault."""

    def without(self, unused: Container[str]) -> "SourceRow":
        """The same row where nobody looks at some of its columns: what is wrong with those is no fault."""
        if not self.spoilt or self.fault not in self.spoilt.values():
            return self
        return replace(self, fault=next((why for name, why in self.spoilt.items() if name not in unused), ""))

    @property
    def position(self) -> str:
        """`file.csv:12`."""
        return f"{self.source}:{self.number}"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a text file was written, so that refused rows can be written alike."""

    delimiter: str = ","
    encoding: str = "utf-8"
    announced: bool = False
    """Whether the first line names the delimiter, as Excel understands it: `sep=;`."""


@dataclass(frozen=True, slots=True)
class Table:
    """An opened input: its columns now, its rows when iterated (again and again if need be)."""

    path: Path
    columns: tuple[str, ...]
    rows: Callable[[], Iterator[SourceRow]] = field(repr=False)
    form: str = "csv"
    dialect: Dialect = Dialect()
    notes: tuple[str, ...] = ()
    """What a reader should know, such as an encoding that had to be assumed."""
    sheet: str = ""
    """The sheet of a workbook."""
    takes_files: bool = True
    """Whether rows may name files to attach; what comes in a stream may only where a folder was set apart for them."""

    @property
    def folder(self) -> Path | None:
        """Where the files lie that rows name; None where they may name none."""
        return self.path.parent if self.takes_files else None

    def __iter__(self) -> Iterator[SourceRow]:
        return self.rows()


def open_csv(path: Path, *, encoding: str | None = None, delimiter: str | None = None) -> Table:
    """A delimited text file with a header line; encoding and delimiter are found out unless given."""
    notes: tuple[str, ...] = ()
    if encoding is None:
        encoding, notes = find_encoding(path)
    first = _first_record(path, encoding)
    named = _SEPARATOR.fullmatch(first.lstrip("\ufeff"))
    found = _one_character(delimiter) if delimiter else named[1] if named else _find_delimiter(first)
    dialect = Dialect(found, encoding, announced=named is not None)
    columns = _columns(path, dialect)
    return Table(path, columns, lambda: _csv_rows(path, dialect, columns), "csv", dialect, notes)


def _one_character(delimiter: str) -> str:
    """The delimiter as a file has it; a tabulator may be spelt, since it is hard to type."""
    plain = "\t" if delimiter.lower() in ("\\t", "tab") else delimiter
    if len(plain) != 1 or plain in '"\r\n':
        raise SettingsError(f"{delimiter!r} is no delimiter", fix="give one character, such as ; or | or tab")
    return plain


def find_encoding(path: Path) -> tuple[str, tuple[str, ...]]:
    """The encoding of a text file, with a note where it is assumed: UTF-8 or UTF-16 by proof, else Windows-1252."""
    with open_input(path) as file:
        start = file.read(4)
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16", ()
        if start.startswith(codecs.BOM_UTF8):
            return "utf-8-sig", ()
        file.seek(0)
        for name in ("utf-8", "cp1252"):
            file.seek(0)
            if _decodes(file, name):
                break
        else:
            raise SettingsError(
                f"{path.name} is neither UTF-8 nor Windows-1252 text",
                fix="save it as CSV UTF-8, or name its encoding",
            )
    if name == "utf-8":
        return name, ()
    return name, (f"{path.name} is not UTF-8; it is read as Windows-1252. Check accented letters in the plan.",)


def _decodes(file: IO[bytes], encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while chunk := file.read(_CHUNK):
            decoder.decode(chunk)
        decoder.decode(b"", True)
    except UnicodeDecodeError:
        return False
    return True


def open_input(path: Path) -> IO[bytes]:
    """The file's bytes. Raises SettingsError where the path leads to nothing readable."""
    try:
        return path.open("rb")
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror or error}", fix="check the path") from None


def _first_record(path: Path, encoding: str) -> str:
    try:
        with path.open(encoding=encoding, newline="") as file:
            line = next((line for line in file if line.strip()), "")
    except (LookupError, UnicodeError) as error:
        raise SettingsError(f"{path.name} cannot be read as {encoding}: {error}", fix="name its encoding") from None
    if not line:
        raise _empty(path)
    return line


def _empty(path: Path) -> SettingsError:
    return SettingsError(f"{path.name} is empty", fix="give a file with a header line and rows")


def _find_delimiter(header: str) -> str:
    """The delimiter that splits the header into most cells; a comma where none does."""
    return max(DELIMITERS, key=lambda delimiter: len(next(csv.reader([header], delimiter=delimiter))))


def _columns(path: Path, dialect: Dialect) -> tuple[str, ...]:
    _, header = next(_records(path, dialect), (0, []))
    if not header:
        raise _empty(path)
    names = tuple(name.strip() or f"column {number}" for number, name in enumerate(header, 1))
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SettingsError(
            f"{path.name} has two columns named {', '.join(map(repr, twice))}", fix="give each column its own name"
        )
    return names


def _csv_rows(path: Path, dialect: Dialect, columns: tuple[str, ...]) -> Iterator[SourceRow]:
    records = _records(path, dialect)
    next(records)
    width = len(columns)
    for number, cells in records:
        fault = too_wide(cells, width)
        beyond = tuple(cells[width:]) if fault else ()
        yield SourceRow(path.name, number, dict(zip(columns, cells, strict=False)), fault, beyond=beyond)


def too_wide(cells: Sequence[object], width: int) -> str:
    """What is wrong with a row that says something beyond the header's columns; nothing where it does not."""
    if all(cell is None or not str(cell).strip() for cell in cells[width:]):
        return ""
    return f"the row has {len(cells)} cells, the header {width}; a text that holds a delimiter needs quotes"


def _records(path: Path, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """Every non-blank record with its first physical line, the header included."""
    with path.open(encoding=dialect.encoding, newline="") as file:
        before = _announcement(file) if dialect.announced else 0
        reader, above = csv.reader(file, delimiter=dialect.delimiter, strict=True), before
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except (csv.Error, UnicodeError) as error:
                raise SettingsError(
                    f"{path.name}:{before + 1} cannot be read: {error}",
                    fix="look for a quotation mark that is opened and not closed",
                ) from None
            number, before = before + 1, above + reader.line_num
            if any(cell.strip() for cell in cells):
                yield number, cells


def _announcement(file: IO[str]) -> int:
    """Read on to behind the line that names the delimiter, and say which it was."""
    return next(number for number, line in enumerate(file, 1) if line.strip())


def scalar(row: SourceRow, column: str) -> Cell:
    """A cell as a scalar; a nested value counts as its text, an absent one as nothing."""
    value = row.cells.get(column)
    if value is None or isinstance(value, Cell):
        return value
    return str(value)
