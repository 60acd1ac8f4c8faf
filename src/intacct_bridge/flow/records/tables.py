"""Input files as rows with their positions; every value exactly as the file has it.

A row's cells are keyed by the file's own column names, so that every finding is in the user's words and a refused row
can be written back as it was. Layouts give columns their meaning. CSV gives text. JSON lines, Parquet and Excel may
give typed cells, never a float; each library is imported only when a file needs it.

Parquet, Excel and JSON can hold binary floats, and money must not pass through one. JSON numbers are read as decimals
from their text. Parquet and Excel floats become the shortest decimal that reads back as the same float. One that needs
more than 15 digits for that is the result of an inexact calculation, so it is refused and not rounded.
"""

import codecs
import csv
import re
import uuid
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec

from intacct_bridge.errors import IntacctError, RecordError, SettingsError
from intacct_bridge.flow.records.cells import Cell, json_number
from intacct_bridge.flow.records.header_row import FIRST_ROW, LOOKED_AT, HeaderSearch, Record, header_note
from intacct_bridge.flow.records.number_formats import SignedFloat, number_format
from intacct_bridge.flow.records.workbook import SheetFacts, look_through, unreadable
from intacct_bridge.model.json_keys import refuse_repeated_keys
from intacct_bridge.model.text_forms import nfc

if TYPE_CHECKING:
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet


DELIMITERS = (",", ";", "\t")
REASON = "refused because"
"""The column of reasons in a file of refused rows; it is not read when that file is loaded."""
_SEPARATOR = re.compile(r'"?sep=([^"\r\n])"?[\r\n]*', re.IGNORECASE)
_TEXT_FORMULA = re.compile(r'="((?:[^"]|"")*)"')
_MARKS = 8
"""Bytes that tell UTF-16: every other one is zero, since columns begin with letters of ASCII."""
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class EqualNumber:
    """The number of a record among equal ones of its source, where only its content identifies it."""

    key: tuple[str, ...]
    """What the keys of all of them begin with; the number is the last part."""
    number: int
    """0 for a record that has a key of its source by now."""
    arrival: int
    """Its number among the equal ones of this run."""
    earlier: int
    """The highest number that earlier runs gave."""
    certain: bool = False
    """Whether it is certain that it is not one of those of earlier runs with another number."""
    same: bool = False
    """Whether it is certain that it is one of them, if any is left."""
    fix: str = ""
    """The way out where it is uncertain, in the words of the program that reads the source."""


class SourceRow(msgspec.Struct, frozen=True):
    """One row of an input, with its position; a struct, since an input has many and these are made faster."""

    source: str
    """The file's name, as messages show it."""
    number: int
    """The first physical line of the row; the row number in formats without lines."""
    cells: Mapping[str, object]
    """Values by the input's own column names; a nested value (JSON) is a list or a dict."""
    fault: str = ""
    """Why the row as a whole cannot be read, such as more cells than columns."""
    key: tuple[str, ...] = ()
    """The record's key in its source, if that is given beside the cells."""
    equal: EqualNumber | None = None
    """Its number among equal records."""
    beyond: tuple[object, ...] = ()
    """The cells beyond the columns of the header."""
    unreadable: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Unreadable cells by column, each with the reason; the first is the row's fault."""

    def without(self, unused: Container[str]) -> "SourceRow":
        """The same row without the faults of columns that are not used."""
        if not self.unreadable:
            return self
        left = {name: why for name, why in self.unreadable.items() if name not in unused}
        own = self.fault not in self.unreadable.values()
        fault = self.fault if own else next(iter(left.values()), "")
        return msgspec.structs.replace(self, unreadable=left, fault=fault)

    @property
    def faults(self) -> Iterator[tuple[str, str]]:
        """What cannot be read: the column, empty for the row as a whole, and the reason."""
        if self.fault and self.fault not in self.unreadable.values():
            yield "", self.fault
        for name, why in self.unreadable.items():
            yield name, why.removeprefix(f"column {name!r}").lstrip(": ")

    @property
    def position(self) -> str:
        """`file.csv:12`."""
        return f"{self.source}:{self.number}"


@dataclass(slots=True)
class RowFilter:
    """The user's condition on rows, and how many rows do not meet it."""

    meets: Callable[[SourceRow], bool]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class CsvDialect:
    """The form of a text file, in which refused rows are written too."""

    delimiter: str = ","
    encoding: str = "utf-8"
    announced: bool = False
    """Whether the first line names the delimiter, as Excel understands it: `sep=;`."""
    given: bool = False
    """Whether the user names the encoding."""


@dataclass(frozen=True, slots=True)
class InputTable:
    """An opened input: its columns, and its rows as often as they are iterated."""

    path: Path
    columns: tuple[str, ...]
    rows: Callable[[], Iterator[SourceRow]] = field(repr=False)
    form: str = "csv"
    dialect: CsvDialect = CsvDialect()
    notes: tuple[str, ...] = ()
    """Notes for the user, such as an encoding that had to be assumed."""
    sheet: str = ""
    """The sheet of a workbook."""
    header: int = 1
    """The number of the row that names the columns."""
    above: tuple[Record, ...] = ()
    """The rows above that, such as a title."""
    constants: Mapping[str, str] = field(default_factory=dict)
    """Columns that the user adds, with their value in every row."""
    where: RowFilter | None = None
    """The user's condition on rows; layouts apply it, since a line has the values of the record that it belongs to."""
    files_in: Path | None = None
    """The folder of the files that rows name, where it is not the input's own."""
    came_with: Mapping[str, Path] | None = None
    """The only files that rows may name, by their names in NFC, where the input comes from a browser."""
    was_refused: bool = False
    """Whether it is a file of refused rows, with a column of reasons that is not read."""
    takes_files: bool = True
    """Whether rows may name files to attach; rows of a stream may only if a folder is set for their files."""

    @property
    def folder(self) -> Path | None:
        """The folder of the files that rows name; None where they name none of a folder."""
        return (self.files_in or self.path.parent) if self.takes_files and self.came_with is None else None

    @property
    def files(self) -> Path | Mapping[str, Path] | None:
        """Where the files are that rows name: a folder, or the files themselves; None where they may name none."""
        return self.folder if self.came_with is None else self.came_with

    def own_cells(self, row: SourceRow) -> SourceRow:
        """A row without the columns that the user adds."""
        if not self.constants:
            return row
        own = {name: cell for name, cell in row.cells.items() if name not in self.constants}
        return msgspec.structs.replace(row, cells=own)

    def __iter__(self) -> Iterator[SourceRow]:
        return self.rows()


def table_of_rows(source: str, rows: Sequence[Mapping[str, object]]) -> InputTable:
    """Rows of a command line, each of which counts as a record of its own, also beside equal ones of another day."""
    return _table_of(source, [SourceRow(source, at, row, key=(uuid.uuid4().hex,)) for at, row in enumerate(rows, 1)])


def table_of_given_rows(source: str, rows: Sequence[Mapping[str, object]]) -> InputTable:
    """Rows of a program, which are identified as those of a file are: given again, they are the same records."""
    return _table_of(source, [SourceRow(source, at, row) for at, row in enumerate(rows, 1)])


def _table_of(source: str, found: Sequence[SourceRow]) -> InputTable:
    columns = tuple(dict.fromkeys(name for row in found for name in row.cells))
    return InputTable(Path(source), columns, lambda: iter(found), "jsonl", takes_files=False)


def open_csv(
    path: Path, *, encoding: str | None = None, delimiter: str | None = None, search: HeaderSearch = FIRST_ROW
) -> InputTable:
    """A delimited text file with a header line; encoding and delimiter are detected unless given."""
    notes: tuple[str, ...] = ()
    given = encoding is not None
    if encoding is None:
        encoding, notes = find_encoding(path)
    first = _first_record(path, encoding)
    named = _SEPARATOR.fullmatch(first.lstrip("\ufeff"))
    found = _one_character(delimiter) if delimiter else named[1] if named else _find_delimiter(first)
    usual = CsvDialect(found, encoding, announced=named is not None, given=given)
    chosen = (found,) if delimiter or named else DELIMITERS
    heads = {
        one: some
        for one in chosen
        if (some := _first_records(path, replace(usual, delimiter=one), strict=one == found))
    }
    if found not in heads:
        raise _empty(path)
    character, header = search.find(heads, found, path.name)
    dialect = replace(usual, delimiter=character)
    above = tuple(record for record in heads[character] if record[0] < header)
    columns = _columns(path, next(cells for number, cells in heads[character] if number == header))
    table = InputTable(
        path,
        columns,
        lambda: _csv_rows(path, dialect, columns, header),
        "csv",
        dialect,
        (*notes, *header_note(path.name, header, above)),
        header=header,
        above=above,
    )
    return _without_reasons(table)


def _without_reasons(table: InputTable) -> InputTable:
    """A file of refused rows without the reasons; any other input as it is."""
    named = {name for name in table.columns if name.strip().casefold() == REASON}
    if not named:
        return table

    def rows() -> Iterator[SourceRow]:
        for row in table:
            yield msgspec.structs.replace(
                row, cells={name: cell for name, cell in row.cells.items() if name not in named}
            )

    return replace(
        table, columns=tuple(name for name in table.columns if name not in named), rows=rows, was_refused=True
    )


def _first_records(path: Path, dialect: CsvDialect, *, strict: bool) -> list[tuple[int, list[str]]]:
    """The first rows; none where another delimiter than the usual one cannot read them."""
    try:
        return list(islice(_records(path, dialect), LOOKED_AT))
    except SettingsError:
        return list(islice(_records(path, dialect), 1)) if strict else []


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


def open_input(path: Path) -> IO[bytes]:
    """The file's bytes. Raises SettingsError where the file cannot be read."""
    try:
        return path.open("rb")
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror or error}", fix="check the path") from None


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
    """The delimiter that splits the header into most cells; a comma where none does."""
    return max(DELIMITERS, key=lambda delimiter: len(next(csv.reader([header], delimiter=delimiter))))


def _columns(path: Path, header: Sequence[str]) -> tuple[str, ...]:
    names = tuple(nfc(name.strip()) or f"column {number}" for number, name in enumerate(header, 1))
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SettingsError(
            f"{path.name} has two columns named {', '.join(map(repr, twice))}", fix="give each column its own name"
        )
    return names


def _csv_rows(path: Path, dialect: CsvDialect, columns: tuple[str, ...], header: int) -> Iterator[SourceRow]:
    width, name = len(columns), path.name
    for number, cells in _records(path, dialect):
        if number <= header:
            continue
        fault = too_wide(cells, width) if len(cells) > width else ""
        beyond = tuple(cells[width:]) if fault else ()
        yield SourceRow(name, number, dict(zip(columns, cells, strict=False)), fault, beyond=beyond)


def too_wide(cells: Sequence[object], width: int) -> str:
    """The fault of a row with filled cells beyond the header's columns; empty where it has none."""
    if len(cells) <= width or all(cell is None or not str(cell).strip() for cell in cells[width:]):
        return ""
    return f"the row has {len(cells)} cells, the header {width}; a text with a delimiter in it needs quotes"


def _records(path: Path, dialect: CsvDialect) -> Iterator[tuple[int, list[str]]]:
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
    found = _TEXT_FORMULA.fullmatch(cell)
    return found[1].replace('""', '"') if found else cell


def _announcement(file: IO[str]) -> int:
    """Read up to the line that names the delimiter, and return the line's number."""
    return next(number for number, line in enumerate(file, 1) if line.strip())


def scalar(row: SourceRow, column: str) -> Cell:
    """A cell as a scalar: a nested value as its text, a missing one as None."""
    value = row.cells.get(column)
    if value is None or isinstance(value, Cell):
        return value
    return str(value)


FORMS = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".xlsx": "excel",
    ".xlsm": "excel",
}
_SIGNIFICANT = 15
_EXCEL_ERRORS = frozenset(("#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#SPILL!", "#CALC!"))
"""The values of formulas without a result (ECMA-376, 18.17.3, and two that came later)."""


def check_input(path: Path) -> str:
    """The format of an input, by the ending of its file name. SettingsError where there is none, or no such file."""
    if str(path) == "-":
        raise SettingsError(
            "a load reads no standard input, since it reads its input several times",
            fix="save the rows to a file, such as rows.csv, and name that file",
        )
    form = FORMS.get(path.suffix.lower())
    if form is None:
        known = ", ".join(FORMS)
        if path.is_dir():
            raise SettingsError(f"{path} is a folder", fix=f"name a file in it, with one of {known}")
        raise SettingsError(f"{path.name} has an unsupported format", fix=f"use a file with one of {known}")
    if path.exists() and not path.is_file():  # a pipe gives its bytes once, and an input is read several times
        raise SettingsError(f"{path} is a pipe or a device", fix="save its content to a file")
    open_input(path).close()
    return form


def open_table(
    path: Path,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    sheet: str | None = None,
    search: HeaderSearch = FIRST_ROW,
) -> InputTable:
    """Any supported input; the ending of its file name gives the format."""
    form = check_input(path)
    if form == "csv":
        return open_csv(path, encoding=encoding, delimiter=delimiter, search=search)
    if form == "excel":
        return _without_reasons(_open_excel(path, sheet, search))
    if search.row is not None:
        raise SettingsError(f"{path.name} has no header row", fix="leave out `header_row`", setting="header_row")
    return _without_reasons(_open_jsonl(path) if form == "jsonl" else _open_parquet(path))


def exact(number: float) -> Decimal:
    """A float as the decimal that a person would have typed; RecordError where no such number exists.

    A whole number has no point, because account numbers may be floats too.
    """
    amount = Decimal(repr(number).removesuffix(".0"))
    if not amount.is_finite():
        raise RecordError(f"{number} is not a number", fix="give an amount")
    if len(amount.normalize().as_tuple().digits) > _SIGNIFICANT:
        raise RecordError(
            f"{number!r} is the inexact result of a calculation", fix="round it in the file, as with ROUND(…, 2)"
        )
    return amount


# --- JSON lines


def _open_jsonl(path: Path) -> InputTable:
    columns: dict[str, None] = {}
    for row in _jsonl_rows(path):
        columns.update(dict.fromkeys(row.cells))
    if not columns:
        raise SettingsError(f"{path.name} has no records", fix="give one JSON object per line")
    return InputTable(path, tuple(columns), lambda: _jsonl_rows(path), "jsonl")


def table_of_lines(source: str, columns: Iterable[str], lines: Callable[[], Iterable[bytes]]) -> InputTable:
    """JSON lines that are no file; `lines` gives all of them again each time. Rows may name no files to attach."""
    found = tuple(map(nfc, columns))
    return InputTable(Path(source), found, lambda: _rows_of_lines(source, lines()), "jsonl", takes_files=False)


def _jsonl_rows(path: Path) -> Iterator[SourceRow]:
    with open_input(path) as file:
        yield from _rows_of_lines(path.name, file)


def _rows_of_lines(source: str, lines: Iterable[bytes]) -> Iterator[SourceRow]:
    import msgspec

    decoder = msgspec.json.Decoder(dict[str, Any], float_hook=json_number)
    for number, line in enumerate(lines, 1):
        text = line.removeprefix(b"\xef\xbb\xbf").strip()
        if not text:
            continue
        try:
            found = decoder.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, ArithmeticError) as error:
            raise SettingsError(
                f"{source}:{number} is not a JSON object: {error}", fix="give one JSON object per line"
            ) from None
        refuse_repeated_keys(text, found, f"{source}:{number}")
        yield SourceRow(source, number, {nfc(name): cell for name, cell in found.items()})


# --- Parquet


def _open_parquet(path: Path) -> InputTable:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise SettingsError(f"{path.name} is not readable as Parquet: {error}", fix="check the file") from None
    return InputTable(path, tuple(schema.names), lambda: _parquet_rows(path), "parquet")


def _parquet_rows(path: Path) -> Iterator[SourceRow]:
    import pyarrow.parquet as pq

    number = 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=2000):
            for cells in batch.to_pylist():
                number += 1
                yield _typed_row(path.name, number, cells)


def _typed_row(source: str, number: int, cells: dict[str, object]) -> SourceRow:
    """A row of typed cells with every float made exact, and bytes as their text, since some programs write texts so.

    What is inexact or no text is kept as it looks, with a fault of the row.
    """
    unreadable: dict[str, str] = {}
    for column, value in cells.items():
        if isinstance(value, float | list | dict | bytes):
            try:
                cells[column] = _exactly(value)
            except RecordError as error:
                cells[column] = repr(value)
                unreadable[column] = f"column {column!r}: {error.message}; {error.fix}"
    return SourceRow(source, number, cells, next(iter(unreadable.values()), ""), unreadable=unreadable)


def _exactly(value: object) -> object:
    """The value with every float in it exact and all bytes as text, at any depth."""
    if isinstance(value, bytes):
        return _decoded(value)
    if isinstance(value, SignedFloat):
        return value.amount(exact(value))
    if isinstance(value, float):
        return exact(value)
    if isinstance(value, list):
        return [_exactly(one) for one in value]
    if isinstance(value, dict):
        return {name: _exactly(one) for name, one in value.items()}
    return value


def _decoded(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise RecordError("the cell has bytes that are no text", fix="write it as text in UTF-8") from None


# --- Excel


def _open_excel(path: Path, sheet: str | None, search: HeaderSearch) -> InputTable:
    facts = look_through(path)
    parts = _sheet_parts(path)
    names = list(parts)
    if not names:
        raise SettingsError(f"{path.name} has no sheet", fix="give a workbook with a header row and rows")
    chosen = sheet or names[0]
    if chosen not in names:
        raise SettingsError(
            f"{path.name} has no sheet {chosen!r}", fix=f"choose one of {', '.join(names)}", setting="sheet"
        )
    if sheet is None and len(names) > 1:
        _suggest_sheet(path, names, search)
    heads = list(islice(_excel_records(path, chosen), LOOKED_AT))
    if not heads:
        raise SettingsError(f"sheet {chosen!r} of {path.name} is empty", fix="give a header row and rows")
    _, header = search.find({"": heads}, "", f"sheet {chosen!r} of {path.name}")
    columns = _sheet_columns(next(cells for number, cells in heads if number == header))
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise SettingsError(f"{path.name} has two columns named {', '.join(map(repr, twice))}", fix="rename one")
    several = (f"{path.name} has {len(names)} sheets; {chosen!r} is read.",) if len(names) > 1 and not sheet else ()
    above = tuple(record for record in heads if record[0] < header)
    notes = several + facts.get(parts[chosen], SheetFacts()).notes(f"Sheet {chosen!r} of {path.name}")
    return InputTable(
        path,
        columns,
        lambda: _excel_rows(path, chosen, columns, header),
        "excel",
        notes=notes + header_note(path.name, header, above),
        sheet=chosen,
        header=header,
        above=above,
    )


def _sheet_columns(cells: Sequence[object]) -> tuple[str, ...]:
    names = enumerate(cells, 1)
    return tuple(nfc(str(name).strip()) if name is not None else f"column {place}" for place, name in names)


def _suggest_sheet(path: Path, names: Sequence[str], search: HeaderSearch) -> None:
    """SettingsError where the first sheet has not the columns that the layout needs, and another one has."""
    fitting: list[str] = []
    for name in names:
        heads = list(islice(_excel_records(path, name), LOOKED_AT))
        number = search.find({"": heads}, "", name)[1] if heads and search.row is None else search.row
        header = next((cells for one, cells in heads if one == number), ())
        if header and search.fits(_sheet_columns(header)):
            fitting.append(name)
        if fitting[:1] == [names[0]]:
            return
    if fitting:
        others = " or ".join(f"`sheet = {_in_quotes(name)}`" for name in fitting)
        raise SettingsError(
            f"sheet {names[0]!r} of {path.name} has not the columns of the layout; {' and '.join(map(repr, fitting))} "
            f"{'has' if len(fitting) == 1 else 'have'}",
            fix=f"choose {others}",
            setting="sheet",
        )


def sheet_names(path: Path) -> list[str]:
    """The sheets of a workbook in their order; none for another kind of file."""
    if check_input(path) != "excel":
        return []
    look_through(path)
    return list(_sheet_parts(path))


def _in_quotes(name: str) -> str:
    return name if name.isalnum() else f"'{name}'"


def _sheet_parts(path: Path) -> dict[str, str]:
    """The sheets with the names of their parts in the workbook."""
    with _workbook(path) as book:
        return {page.title: page._worksheet_path.lstrip("/") for page in book.worksheets}


@contextmanager
def _workbook(path: Path, *, formulas: bool = False) -> Iterator[Any]:
    """The opened workbook. Raises SettingsError where it is damaged, also while it is read."""
    try:
        from openpyxl import load_workbook
    except ImportError:
        raise SettingsError(
            "reading Excel files requires the package openpyxl", fix="python -m pip install 'openpyxl>=3.1,<4'"
        ) from None
    try:
        book = load_workbook(path, read_only=True, data_only=not formulas)
        try:
            yield book
        finally:
            book.close()
    except IntacctError:
        raise
    except Exception as error:  # the library meets a damaged file with errors of many kinds
        raise unreadable(path, error) from None


def _excel_records(path: Path, sheet: str, *, keep: Container[int] = ()) -> Iterator[tuple[int, tuple[object, ...]]]:
    """Every row with a filled cell, and the rows to keep in any case."""
    for number, values in enumerate(_excel_values(path, sheet), 1):
        if number in keep or any(value is not None and str(value).strip() for value in values):
            yield number, values


def _excel_values(path: Path, sheet: str) -> Iterator[tuple[object, ...]]:
    with _workbook(path) as book:
        page: ReadOnlyWorksheet = book[sheet]
        for row in page.iter_rows():
            yield tuple(_as_shown(cell) for cell in row)


def _as_shown(cell: Any) -> object:
    """A cell's value; a number with the zeros or the currency that its format shows."""
    value = cell.value
    return value if type(value) not in (int, float) else number_format(cell.number_format).shown(value)


def _excel_rows(path: Path, sheet: str, columns: tuple[str, ...], header: int) -> Iterator[SourceRow]:
    unknown = _uncalculated(path, sheet)
    for number, values in _excel_records(path, sheet, keep=unknown):
        if number <= header:
            continue
        fault = too_wide(values, len(columns))
        beyond = values[len(columns) :] if fault else ()
        if number in unknown:
            fault = f"the formula in {unknown[number]} has no result; open the file in Excel and save it"
        row = _typed_row(path.name, number, dict(zip(columns, values, strict=False)))
        unreadable = {**_failed(row.cells), **row.unreadable}
        fault = fault or next(iter(unreadable.values()), "")
        yield msgspec.structs.replace(row, fault=fault, beyond=beyond, unreadable=unreadable)


def _failed(cells: Mapping[str, object]) -> dict[str, str]:
    """The columns whose formulas have no result."""
    failed = [name for name, value in cells.items() if isinstance(value, str) and value in _EXCEL_ERRORS]
    return {name: f"column {name!r} has a formula that failed; correct it in the file" for name in failed}


def _uncalculated(path: Path, sheet: str) -> dict[int, str]:
    """The first cell of each row that has a formula without its result, as written by programs that cannot calculate.

    Such a cell reads as empty, and a row of them as no row at all. A result that is an empty text has a type.
    """
    formulas = {
        (cell.row, cell.column)
        for row in _excel_cells(path, sheet, formulas=True)
        for cell in row
        if cell.data_type == "f"
    }
    found: dict[int, str] = {}
    for row in _excel_cells(path, sheet) if formulas else ():
        for cell in row:
            if cell.value is None and cell.data_type != "str" and (cell.row, cell.column) in formulas:
                found.setdefault(cell.row, cell.coordinate)
    return found


def _excel_cells(path: Path, sheet: str, *, formulas: bool = False) -> Iterator[list[Any]]:
    """The cells of each row that exist."""
    with _workbook(path, formulas=formulas) as book:
        for row in book[sheet].iter_rows():
            yield [cell for cell in row if hasattr(cell, "row")]
