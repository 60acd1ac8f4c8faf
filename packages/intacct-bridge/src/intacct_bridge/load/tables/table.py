"""An opened input: its columns, and its rows as often as they are iterated."""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

from intacct_bridge.load.tables.header_row import Record
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_protocol.errors import SettingsError

if TYPE_CHECKING:
    from intacct_bridge.load.tables.reading import Reading

REASON, POSITION = "refused because", "refused at"
"""The columns of a file of refused rows with the reason, and with the position of the outbox at that time. They are no
columns of the records when that file is loaded."""

MOST_COLUMNS = 16_384
"""Columns of an input, as many as a sheet of Excel has."""


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
    encoding_named: bool = False
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
    """The folder of the files that rows name, if it is not the input's own."""
    came_with: Mapping[str, Path] | None = None
    """The only files that rows may name, by their names in NFC, if the input comes from a browser."""
    was_refused: bool = False
    """Whether it is a file of refused rows, with a column of reasons that is not read."""
    decimal: str = "."
    """The decimal sign of amounts that are text."""
    reading: "Reading | None" = None
    """Where its bytes are read, if not here: those of a file that someone else gives, in a child process."""
    takes_files: bool = True
    """Whether rows may name files to attach; rows of a stream may only if a folder is set for their files."""

    @property
    def folder(self) -> Path | None:
        """The folder of the files that rows name; None if they name none of a folder."""
        return (self.files_in or self.path.parent) if self.takes_files and self.came_with is None else None

    @property
    def files(self) -> Path | Mapping[str, Path] | None:
        """Where the files are that rows name: a folder, or the files themselves; None if they may name none."""
        return self.folder if self.came_with is None else self.came_with

    def own_cells(self, row: SourceRow) -> SourceRow:
        """A row without the columns that the user adds."""
        if not self.constants:
            return row
        cells = {name: cell for name, cell in row.cells.items() if name not in self.constants}
        return msgspec.structs.replace(row, cells=cells)

    def __iter__(self) -> Iterator[SourceRow]:
        return self.rows()


def table_of_rows(source: str, rows: Sequence[Mapping[str, object]]) -> InputTable:
    """Rows of a command line, each of which counts as a record of its own, also beside equal ones of another day."""
    return _table_of(source, [SourceRow(source, at, row, key=(uuid.uuid4().hex,)) for at, row in enumerate(rows, 1)])


def table_of_given_rows(source: str, rows: Sequence[Mapping[str, object]]) -> InputTable:
    """Rows of a program, which are identified as those of a file are: given again, they are the same records."""
    return _table_of(source, [SourceRow(source, at, row) for at, row in enumerate(rows, 1)])


def _table_of(source: str, rows: Sequence[SourceRow]) -> InputTable:
    columns = tuple(dict.fromkeys(name for row in rows for name in row.cells))
    return InputTable(Path(source), columns, lambda: iter(rows), "jsonl", takes_files=False)


def without_reasons(table: InputTable) -> InputTable:
    """A file of refused rows without the reasons; any other input as it is."""
    reasons = {name for name in table.columns if name.strip().casefold() == REASON}
    if not reasons:
        return table
    positions = {name for name in table.columns if name.strip().casefold() == POSITION}
    added = reasons | positions

    def rows() -> Iterator[SourceRow]:
        for row in table:
            at = next((str(row.cells[name]) for name in positions if row.cells.get(name)), "")
            cells = {name: cell for name, cell in row.cells.items() if name not in added}
            yield msgspec.structs.replace(row, cells=cells, refused_at=at)

    return replace(
        table, columns=tuple(name for name in table.columns if name not in added), rows=rows, was_refused=True
    )


def check_width(columns: int, place: str) -> None:
    """SettingsError if an input has more columns than a sheet of Excel can have; `place` names its header."""
    if columns > MOST_COLUMNS:
        raise SettingsError(
            f"{place} has {columns:,} columns, and at most {MOST_COLUMNS:,} are read",
            fix="check the delimiter, and that the file is a table with a row for each line",
        )


def too_wide(cells: Sequence[object], width: int) -> str:
    """The fault of a row with filled cells beyond the header's columns; empty if it has none."""
    if len(cells) <= width or all(cell is None or not str(cell).strip() for cell in cells[width:]):
        return ""
    return f"the row has {len(cells)} cells, the header {width}; a text with a delimiter in it needs quotes"


def open_input(path: Path) -> IO[bytes]:
    """The file's bytes. Raises SettingsError if the file cannot be read."""
    try:
        return path.open("rb")
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror or error}", fix="check the path") from None
