"""Delimited text files: their encoding, their delimiter, and their rows. Every cell is text."""

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import IO

from intacct_bridge.load.tables.header_row import (
    FIRST_ROW,
    LOOKED_AT,
    HeaderSearch,
    Record,
    different_names,
    header_note,
)
from intacct_bridge.load.tables.reading import HERE, Reading
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.tables.table import CsvDialect, InputTable, check_width, open_input, too_wide, without_reasons
from intacct_protocol.errors import SettingsError

DELIMITERS = (",", ";", "\t")
_SEPARATOR = re.compile(r'"?sep=([^"\r\n])"?[\r\n]*', re.IGNORECASE)
_TEXT_FORMULA = re.compile(r'="((?:[^"]|"")*)"')
_MARKS = 8
"""Bytes that tell UTF-16: every other one is zero, since columns begin with letters of ASCII."""
_CHUNK = 1 << 20


def open_csv(
    path: Path,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    search: HeaderSearch = FIRST_ROW,
    reading: Reading = HERE,
) -> InputTable:
    """A delimited text file with a header line; encoding and delimiter are detected unless given."""
    usual, heads, notes = reading.call(_csv_heads, path, encoding, delimiter)
    character, header = search.find(heads, usual.delimiter, path.name)
    dialect = replace(usual, delimiter=character)
    above = tuple(record for record in heads[character] if record[0] < header)
    names = next(cells for number, cells in heads[character] if number == header)
    check_width(len(names), f"{path.name}:{header}")
    columns = different_names(names, path.name)
    table = InputTable(
        path,
        columns,
        lambda: reading.rows(_csv_rows, path, dialect, columns, header),
        "csv",
        dialect,
        (*notes, *header_note(path.name, header, above)),
        header=header,
        above=above,
    )
    return without_reasons(table)


def _csv_heads(
    path: Path, encoding: str | None, delimiter: str | None
) -> tuple[CsvDialect, dict[str, list[Record]], tuple[str, ...]]:
    """The dialect, the first rows by each delimiter that the file may have, and notes."""
    notes: tuple[str, ...] = ()
    is_named = encoding is not None
    if encoding is None:
        encoding, notes = find_encoding(path)
    first = _first_record(path, encoding)
    named = _SEPARATOR.fullmatch(first.lstrip("\ufeff"))
    separator = _one_character(delimiter) if delimiter else named[1] if named else _find_delimiter(first)
    usual = CsvDialect(separator, encoding, announced=named is not None, encoding_named=is_named)
    chosen = (separator,) if delimiter or named else DELIMITERS
    heads: dict[str, list[Record]] = {
        character: list(records)
        for character in chosen
        if (records := _first_records(path, replace(usual, delimiter=character), strict=character == separator))
    }
    if separator not in heads:
        raise _empty(path)
    return usual, heads, notes


def _first_records(path: Path, dialect: CsvDialect, *, strict: bool) -> list[tuple[int, list[str]]]:
    """The first rows; none if another delimiter than the usual one cannot read them."""
    try:
        return list(islice(_file_records(path, dialect), LOOKED_AT))
    except SettingsError:
        return list(islice(_file_records(path, dialect), 1)) if strict else []


def _one_character(delimiter: str) -> str:
    """The delimiter as a character; a tab may be written as a word, since it is hard to type."""
    plain = "\t" if delimiter.lower() in ("\\t", "tab") else delimiter
    if len(plain) != 1 or plain in '"\r\n':
        raise SettingsError(
            f"{delimiter!r} is not a delimiter", fix="give one character, such as ; or | or tab", setting="delimiter"
        )
    return plain


def find_encoding(path: Path) -> tuple[str, tuple[str, ...]]:
    """The encoding of a text file, with a note if it is assumed: UTF-8 or UTF-16 if certain, else Windows-1252."""
    with open_input(path) as file:
        start = file.read(_MARKS)
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16", ()
        if start.startswith(codecs.BOM_UTF8):
            return "utf-8-sig", ()
        for name, zeros, letters in (("utf-16-le", start[1::2], start[::2]), ("utf-16-be", start[::2], start[1::2])):
            if zeros and not any(zeros) and all(letters):
                return name, ()
        file.seek(0)
        for name in ("utf-8", "cp1252"):
            file.seek(0)
            if _decodes(file, name):
                break
        else:
            raise SettingsError(
                f"{path.name} is neither UTF-8 nor Windows-1252 text",
                fix="save it as CSV UTF-8, or name its `encoding`",
                setting="encoding",
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


def _first_record(path: Path, encoding: str) -> str:
    try:
        with path.open(encoding=encoding, newline="") as file:
            line = next((line for line in file if line.strip()), "")
    except (LookupError, UnicodeError) as error:
        raise SettingsError(
            f"{path.name} cannot be read as {encoding}: {error}", fix="name its `encoding`", setting="encoding"
        ) from None
    if not line:
        raise _empty(path)
    return line


def _empty(path: Path) -> SettingsError:
    return SettingsError(f"{path.name} is empty", fix="give a file with a header line and rows")


def _find_delimiter(header: str) -> str:
    """The delimiter that splits the header into most cells; a comma if none does."""

    def cells(delimiter: str) -> int:
        try:
            return len(next(csv.reader([header], delimiter=delimiter)))
        except csv.Error:  # by another delimiter than its own, a wide header is one cell that is too long
            return 0

    return max(DELIMITERS, key=cells)


def _csv_rows(path: Path, dialect: CsvDialect, columns: tuple[str, ...], header: int) -> Iterator[SourceRow]:
    width, name = len(columns), path.name
    for number, cells in _file_records(path, dialect):
        if number <= header:
            continue
        fault = too_wide(cells, width) if len(cells) > width else ""
        beyond = tuple(cells[width:]) if fault else ()
        yield SourceRow(name, number, dict(zip(columns, cells, strict=False)), fault, beyond=beyond)


def _file_records(path: Path, dialect: CsvDialect) -> Iterator[tuple[int, list[str]]]:
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
                    fix="look for a quotation mark that is not closed",
                ) from None
            number, before = before + 1, above + reader.line_num
            text = "".join(cells)
            if '="' in text:
                cells = [_without_formula(cell) if cell.startswith('="') else cell for cell in cells]
                text = "".join(cells)
            if text and not text.isspace():
                yield number, cells


def _without_formula(cell: str) -> str:
    """The text of a cell such as `="0012"`, by which programs keep Excel from reading a text as a number."""
    formula = _TEXT_FORMULA.fullmatch(cell)
    return formula[1].replace('""', '"') if formula else cell


def _announcement(file: IO[str]) -> int:
    """Read up to the line that names the delimiter, and return the line's number."""
    return next(number for number, line in enumerate(file, 1) if line.strip())
