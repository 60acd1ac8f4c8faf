"""Rows that are in no file: mappings of a program, or a table of one with the Arrow C stream interface.

They are identified as the rows of a file are: given again, they are the same records. A load reads its input several
times, so rows that can be iterated once are held.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from msgspec import structs

from intacct_bridge.load.tables.json_lines import table_of_lines
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.tables.table import InputTable
from intacct_bridge.load.tables.typed_cells import typed_row
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.text_forms import nfc

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = "rows"
_AT_ONCE = 2000


@runtime_checkable
class ArrowStream(Protocol):
    """A table that gives its rows as Arrow: a DataFrame of pandas or Polars, a table of PyArrow, a DuckDB relation."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The rows as a C stream."""


@dataclass(frozen=True, slots=True)
class JsonLines:
    """Rows as lines of JSON, which are read as those of a file are."""

    columns: tuple[str, ...]
    lines: Callable[[], Iterable[bytes]]
    """Gives all of them each time."""
    key: tuple[str, ...] = ()
    """The key of the one record that they are in its source, if that is not among its columns."""


Source = str | Path | Iterable[Mapping[str, object]] | ArrowStream | JsonLines
"""What a load takes: a file by its path, rows, or a table."""


def table_of_source(source: Iterable[Mapping[str, object]] | ArrowStream | JsonLines, name: str = "") -> InputTable:
    """The rows of a program as an input. They name no files to attach. SettingsError for what is no row."""
    path = Path(name or _ROWS)
    if isinstance(source, JsonLines):
        table = table_of_lines(name or _ROWS, source.columns, source.lines)
        return (
            replace(table, rows=lambda: (structs.replace(row, key=source.key) for row in table))
            if source.key
            else table
        )
    if isinstance(source, ArrowStream):
        import pyarrow as pa

        table = pa.table(source)
        return InputTable(
            path, tuple(map(nfc, table.column_names)), lambda: _arrow_rows(table, path.name), "jsonl", takes_files=False
        )
    rows = [_row(path.name, number, row) for number, row in enumerate(source, 1)]
    columns = tuple(dict.fromkeys(column for row in rows for column in row.cells))
    return InputTable(path, columns, lambda: iter(rows), "jsonl", takes_files=False)


def _arrow_rows(table: "pa.Table", name: str) -> Iterator[SourceRow]:
    number = 0
    for batch in table.to_batches(_AT_ONCE):
        for cells in batch.to_pylist():
            number += 1
            yield typed_row(name, number, {nfc(column): cell for column, cell in cells.items()})


def _row(name: str, number: int, row: object) -> SourceRow:
    if not isinstance(row, Mapping):
        raise SettingsError(
            f"row {number} of {name} is a {type(row).__name__}",
            fix="give each row as a mapping of its columns, such as a dict",
        )
    return typed_row(name, number, {nfc(str(column)): _plain(cell) for column, cell in row.items()})


def _plain(cell: object) -> object:
    """The cell of a NumPy array as Python's own value."""
    item = getattr(cell, "item", None)
    return item() if callable(item) and type(cell).__module__ == "numpy" else cell
