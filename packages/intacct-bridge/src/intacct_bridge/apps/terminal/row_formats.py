"""Rows of a query as a table, CSV, JSON, JSON lines or Parquet.

Every format but the table is a stream: the first rows are written before the last are read. An empty cell is empty in
CSV and null elsewhere.
"""

import csv
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from intacct_bridge.apps.terminal.output import Output, as_json
from intacct_bridge.apps.terminal.tables import shown
from intacct_bridge.operations.row_formats import ROW_FORMATS
from intacct_protocol.errors import IntacctError, InvalidRequestError, SettingsError
from intacct_protocol.model.text_forms import no_formula
from intacct_protocol.model.wording import counted
from intacct_protocol.xml.values import Value

if TYPE_CHECKING:
    import pyarrow as pa

Row = Mapping[str, Value]


class TextOutput(Protocol):
    """What text can be written to."""

    def write(self, text: str, /) -> object:
        """Write a text."""


RECORD_FORMATS = (*ROW_FORMATS, "xml")
"""The formats of rows that are records of one object."""
_ENDINGS = {".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".xml": "xml"}
_WORKBOOKS = (".xlsx", ".xlsm", ".xls")


def format_of(kind: str, output: Output, *, to: Path | None, formats: Sequence[str] = ROW_FORMATS) -> str:
    """The format of rows: the one that was named, else JSON under `--json`, else that of the file's ending, else CSV.

    Raises SettingsError for a file whose ending promises a format that is not written.
    """
    if kind != "table" or to is None:
        return "json" if output.as_json and to is None else kind
    if output.as_json:
        return "json"
    ending = to.suffix.lower()
    format_ = _ENDINGS.get(ending, "csv")
    if ending in _WORKBOOKS or format_ not in formats:
        raise SettingsError(f"{ending} is not written", fix=f"use --format csv, and {to.with_suffix('.csv').name}")
    return format_


def write_rows(
    rows: Iterable[Row],
    output: Output,
    *,
    kind: str,
    to: Path | None = None,
    spreadsheet_safe: bool = False,
    columns: Callable[[], Sequence[str]] = tuple,
    record: str = "record",
) -> int:
    """Write every row and return their number; `kind` is any format but Parquet, which `write_parquet` writes.

    `record` is the element of each row in XML, the name of its object. `columns` gives the header of CSV without rows,
    and is asked only then.
    """
    if kind == "table" and to is None:
        return _table(rows, output)
    with _cell_text(to, output) as out:
        if kind in ("csv", "table"):
            return _csv(rows, out, columns, spreadsheet_safe=spreadsheet_safe)
        if kind == "xml":
            return _xml(rows, out, record)
        return _json(rows, out) if kind == "json" else _json_lines(rows, out)


def write_parquet(batches: "Iterable[pa.RecordBatch]", *, to: Path | None) -> int:
    """Write every batch to one file, or to standard output if that is not a terminal; return the number of rows."""
    import pyarrow.parquet as pq

    if to is None and sys.stdout.isatty():
        raise SettingsError("A Parquet file cannot be shown on a terminal.", fix="Name a file: --out rows.parquet")
    several = iter(batches)
    first = next(several, None)
    if first is None:
        return 0
    count = 0
    with _binary(to) as target, pq.ParquetWriter(target, first.schema, compression="zstd") as writer:
        for batch in chain([first], several):
            writer.write_batch(batch if batch.schema == first.schema else _fitted(batch, first.schema))
            count += batch.num_rows
    return count


@contextmanager
def _binary(to: Path | None) -> Iterator[BinaryIO]:
    """The output as a file object, because Arrow reads a name with a colon as a URL."""
    if to is None:
        yield sys.stdout.buffer
        return
    with _complete(to) as path, path.open("wb") as out:
        yield out


def _fitted(batch: "pa.RecordBatch", schema: "pa.Schema") -> "pa.RecordBatch":
    """A page in the first page's column types; refused instead of rounded."""
    import pyarrow as pa

    try:
        return batch.cast(schema)
    except pa.ArrowException as error:
        raise InvalidRequestError(
            f"A later page does not fit the column types of the first ({str(error).splitlines()[0]}).",
            fix="Use --format jsonl, or `intacct extract` to Parquet, where columns widen.",
        ) from None


def _table(rows: Iterable[Row], output: Output) -> int:
    listed = list(rows)
    columns = columns_of(listed)
    used = [name for name in columns if any(row.get(name) is not None for row in listed)] or columns
    if listed:
        output.table(used, [[row.get(name) for name in used] for row in listed])
    left_out = len(columns) - len(used)
    if left_out:
        output.say(f"{counted(left_out, 'empty column')} hidden.")
    return len(listed)


@dataclass(frozen=True, slots=True)
class _UnixLines:
    """Takes rows with an end of two characters, so that a cell with one of them is quoted, and writes one."""

    out: TextOutput

    def write(self, row: str, /) -> object:
        """Write one row."""
        return self.out.write(row.removesuffix("\r\n") + "\n")


def _csv(rows: Iterable[Row], out: TextOutput, usual: Callable[[], Sequence[str]], *, spreadsheet_safe: bool) -> int:
    cell = _safe_cell if spreadsheet_safe else _csv_cell
    writer = csv.writer(_UnixLines(out), lineterminator="\r\n")
    columns: list[str] = []
    count = 0
    for row in rows:
        if count == 0:
            columns = list(row)
            writer.writerow(columns)
        writer.writerow([cell(row.get(name)) for name in columns])
        count += 1
    if count == 0 and (header := list(usual())):
        writer.writerow(header)
    return count


def _csv_cell(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    return value if isinstance(value, str) else shown(value)


def _safe_cell(value: Value) -> str:
    """The cell with an apostrophe before a text that a spreadsheet would run as a formula."""
    text = _csv_cell(value)
    return no_formula(text) if isinstance(value, str) else text


def _json(rows: Iterable[Row], out: TextOutput) -> int:
    count = 0
    for row in rows:
        out.write(("[\n" if count == 0 else ",\n") + as_json(row))
        count += 1
    out.write("\n]\n" if count else "[]\n")
    return count


def _json_lines(rows: Iterable[Row], out: TextOutput) -> int:
    count = 0
    for row in rows:
        out.write(as_json(row) + "\n")
        count += 1
    return count


def _xml(rows: Iterable[Row], out: TextOutput, record: str) -> int:
    from intacct_protocol.model.keys import lines
    from intacct_protocol.xml.records import RECORDS, record_element
    from intacct_protocol.xml.xml import serialize

    line_names = {one.wrapper: one.line for one in lines(record) if one.wrapper}
    out.write(f'<?xml version="1.0" encoding="UTF-8"?>\n<{RECORDS}>\n')
    count = 0
    for row in rows:
        out.write(serialize(record_element(record, row, line_names)) + "\n")
        count += 1
    out.write(f"</{RECORDS}>\n")
    return count


def columns_of(rows: Sequence[Row]) -> list[str]:
    """Every column, in the order of first occurrence."""
    return list(dict.fromkeys(name for row in rows for name in row))


@contextmanager
def _cell_text(to: Path | None, output: Output) -> Iterator[TextOutput]:
    if to is None:
        yield output
        return
    with _complete(to) as path, path.open("w", encoding="utf-8", newline="") as out:
        yield out


@contextmanager
def _complete(to: Path) -> Iterator[Path]:
    """Where to write a file, which gets its name and replaces an earlier one once it is complete.

    A pipe or a device is written directly, and so is a file in a folder that takes no other files.
    """
    to = to.resolve()
    if to.exists() and not (to.is_file() and os.access(to.parent, os.W_OK)):
        yield to
        return
    partial = to.with_name(f"{to.name}.{os.getpid()}.part")
    try:
        yield partial
        if to.exists():
            partial.chmod(stat.S_IMODE(to.stat().st_mode))
        partial.replace(to)
    except OSError as error:
        if not isinstance(error, IntacctError):
            error.filename = str(to)  # a full disk is reported without a name, and the partial file is ours
        raise
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
