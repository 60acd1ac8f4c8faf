"""Refused rows, written in the input's own layout with the reason beside each, ready to be corrected and loaded.

Whole records are written, so that a corrected file balances by itself; the column of reasons is ignored when it is
loaded. Cells beyond the header follow the reason, so that a row with an unquoted comma stays refused until it is
corrected. A file named `.csv` is written as CSV regardless of the input, unless its cells hold lists or records.

The file has the rows above the header and the columns that the user added, so that it loads with the same options. The
folder of the files that rows name is kept on this machine, so that they are found from another folder too.
"""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import msgspec

from intacct_bridge.load.tables.cells import SignedAmount, text_of
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.tables.table import POSITION, REASON, InputTable
from intacct_bridge.machine.directories import state_directory
from intacct_bridge.machine.locks import locked
from intacct_bridge.machine.replaced_file import replaced
from intacct_protocol.errors import SettingsError

_NOT_IN_SHEETS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def write_refused(table: InputTable, rows: Iterable[tuple[SourceRow, str]], path: Path, *, at: str = "") -> int:
    """Write rows with their reasons and return how many; an existing file is replaced once the new one is complete.

    Of two loads that write the same file at once, the last one that is complete stays. `at`: the position of the outbox
    when they were planned; a row that an earlier load refused keeps its own.
    """
    rows = list(rows)
    nested = any(isinstance(cell, dict | list) for row, _ in rows for cell in row.cells.values())
    as_csv = path.suffix.lower() == ".csv" and not nested
    write = _write_csv if as_csv else _WRITERS[table.form]
    try:
        with replaced(path) as fresh:
            count = write(table, _RefusedRows([(row, reason, row.refused_at or at) for row, reason in rows]), fresh)
    except OSError as error:
        raise SettingsError(f"cannot write {path}: {error.strerror or error}", fix="name another file") from None
    with suppress(OSError):  # the rows are written; without the note, their files must be beside them
        _remember_folder(table, path)
    return count


@dataclass(frozen=True, slots=True)
class _RefusedRows:
    """Rows, each with the reason and with the position of the outbox at that time."""

    rows: Sequence[tuple[SourceRow, str, str]]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the file has beside those of the rows."""
        return (POSITION, REASON) if any(position for _, _, position in self.rows) else (REASON,)

    def cells(self) -> Iterator[tuple[SourceRow, tuple[str, ...]]]:
        """Each row with the cells of these columns."""
        for row, reason, position in self.rows:
            yield row, (position, reason) if POSITION in self.columns else (reason,)


_MEMORY = "refused-files.json"
_MOST = 1000


def _remember_folder(table: InputTable, path: Path) -> None:
    """Note where the files are that the rows name, unless that is the folder of the refused rows."""
    name, folder = str(path.resolve()), table.folder.resolve() if table.folder is not None else None
    elsewhere = folder if folder != path.resolve().parent else None
    if elsewhere is None and name not in _known_folders():
        return
    file = state_directory() / _MEMORY
    with locked(file.with_suffix(".lock")):
        folders = {other: where for other, where in _known_folders().items() if other != name}
        if elsewhere is not None:
            folders[name] = str(elsewhere)
        with replaced(file) as fresh:
            fresh.write_text(json.dumps(dict(list(folders.items())[-_MOST:])), encoding="utf-8")
            fresh.chmod(0o600)


def with_folder_of_files(table: InputTable) -> InputTable:
    """A file of refused rows with the folder in which its original had its files; any other input as it is."""
    folder = _known_folders().get(str(table.path.resolve())) if table.was_refused else None
    return replace(table, files_in=Path(folder)) if folder is not None and Path(folder).is_dir() else table


def _known_folders() -> dict[str, str]:
    try:
        return msgspec.json.decode((state_directory() / _MEMORY).read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError):
        return {}


def _write_csv(table: InputTable, refused: _RefusedRows, path: Path) -> int:
    columns, dialect = table.columns, table.dialect
    # A byte order mark keeps Excel from reading UTF-8 as something else.
    plain = dialect.encoding in ("utf-8", "cp1252") and not dialect.encoding_named
    encoding = "utf-8-sig" if plain else dialect.encoding
    count = 0
    with path.open(
        "w", encoding=encoding, newline="", errors="replace" if dialect.encoding_named else "strict"
    ) as file:
        line = 1
        if dialect.announced:
            file.write(f"sep={dialect.delimiter}\n")
            line += 1
        out = csv.writer(file, delimiter=dialect.delimiter, lineterminator="\n")
        for number, cells in (*table.above, (table.header, [*columns, *refused.columns])):
            file.write("\n" * (number - line) if table.above else "")
            texts = list(map(_cell, cells))
            out.writerow(texts)
            line = max(number, line) + 1 + sum(text.count("\n") for text in texts)
        for row, added in refused.cells():
            out.writerow([*(_cell(row.cells.get(column)) for column in columns), *added, *map(_cell, row.beyond)])
            count += 1
    return count


def _cell(value: object) -> str:
    return value if isinstance(value, str) else text_of(value)


def _write_jsonl(_: InputTable, refused: _RefusedRows, path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for row, added in refused.cells():
            file.write(_json(dict(row.cells) | dict(zip(refused.columns, added, strict=True))) + "\n")
            count += 1
    return count


def _json(value: object) -> str:
    """JSON with every decimal as the number it was read as; the standard encoder cannot write decimals."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(key))}: {_json(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_json, value)) + "]"
    return format(value, "f") if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


def _write_excel(table: InputTable, refused: _RefusedRows, path: Path) -> int:
    """A workbook with one sheet of the input's name."""
    from openpyxl import Workbook

    columns = table.columns
    book = Workbook(write_only=True)
    sheet = book.create_sheet(table.sheet)
    place = 1
    for number, cells in (*table.above, (table.header, [*columns, *refused.columns])):
        for _ in range(number - place if table.above else 0):
            sheet.append([])
        sheet.append([_sheet_cell(sheet, cell) for cell in cells])
        place = number + 1
    count = 0
    for row, added in refused.cells():
        cells = (*(row.cells.get(column) for column in columns), *added, *row.beyond)
        sheet.append([_sheet_cell(sheet, cell) for cell in cells])
        count += 1
    book.save(path)
    return count


def _sheet_cell(sheet: object, value: object) -> object:
    """A cell of a workbook, which is read as the same value again.

    A text has no characters that a workbook cannot hold, and is never a formula. A number whose format shows its
    currency's sign keeps it, as in the input: the sign is then compared with the record's currency again.
    """
    from openpyxl.cell import WriteOnlyCell

    if isinstance(value, SignedAmount):
        cell = WriteOnlyCell(sheet, Decimal(value))
        cell.number_format = f'#,##0.00########## "{value.sign}"'
        return cell
    if not isinstance(value, str):
        return value
    text = _NOT_IN_SHEETS.sub("", value)
    if not text.startswith(("=", "#")):  # of which openpyxl would make a formula, or a formula's error
        return text
    cell = WriteOnlyCell(sheet, text)
    cell.data_type = "s"
    return cell


def _write_parquet(table: InputTable, refused: _RefusedRows, path: Path) -> int:
    """The rows of the input itself, in its own types. SettingsError if the file has other rows by now."""
    from intacct_bridge.load.tables.reading import HERE

    rows = [row for row, _, _ in refused.rows]
    _refuse_changed(table, rows)
    added = dict(zip(refused.columns, zip(*(cells for _, cells in refused.cells()), strict=True), strict=True))
    numbers = [row.number for row in rows]
    (table.reading or HERE).call(_copy_parquet_rows, table.path, path, numbers, dict(table.constants), added)
    return len(rows)


def _copy_parquet_rows(
    source: Path, path: Path, numbers: Sequence[int], constants: Mapping[str, str], added: Mapping[str, Sequence[str]]
) -> None:
    """Copy the rows with these numbers, with constant columns that the source lacks, and with added columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    chosen = pq.read_table(source).take([number - 1 for number in numbers])
    chosen = chosen.drop_columns([name for name in (POSITION, REASON) if name in chosen.column_names])
    columns = {name: [value] * len(numbers) for name, value in constants.items() if name not in chosen.column_names}
    for name, cells in {**columns, **added}.items():
        chosen = chosen.append_column(name, pa.array(cells, pa.string()))
    pq.write_table(chosen, path)


def _refuse_changed(table: InputTable, rows: Sequence[SourceRow]) -> None:
    """SettingsError if the file does not have these rows any more: the reasons would stand beside other ones."""
    changed = {row.number: row for row in rows}
    for row in table:
        earlier = changed.get(row.number)
        # a row may have got the values of its record for cells that it leaves blank
        if earlier is not None and all(
            earlier.cells.get(name) == cell for name, cell in row.cells.items() if text_of(cell)
        ):
            del changed[row.number]
    if changed:
        raise SettingsError(
            f"{table.path} was changed while it was loaded, so its refused rows cannot be copied",
            fix="load the file again: what was posted is not posted twice",
        )


_WRITERS: Mapping[str, Callable[[InputTable, _RefusedRows, Path], int]] = {
    "csv": _write_csv,
    "jsonl": _write_jsonl,
    "excel": _write_excel,
    "parquet": _write_parquet,
}
