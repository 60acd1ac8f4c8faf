"""Refused rows, written in the input's own layout with the reason beside each, ready to be corrected and loaded.

Whole records are written, so that a corrected file balances by itself; the column of reasons is ignored when it is
loaded. Cells beyond the header follow the reason, so that a row with an unquoted comma stays refused until it is
corrected. A file named `.csv` is written as CSV whatever the input was, unless its cells hold lists or records.
"""

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path

from intacct_bridge.errors import SettingsError
from intacct_bridge.flow.layouts.base import REASON
from intacct_bridge.flow.records.cells import text_of
from intacct_bridge.flow.records.tables import InputTable, SourceRow


def refused_path(table: InputTable) -> Path:
    """Beside the input: `entries.csv` gives `entries.refused.csv`."""
    return table.path.with_name(f"{table.path.stem}.refused{_SUFFIXES[table.form]}")


def write_refused(table: InputTable, rows: Iterable[tuple[SourceRow, str]], path: Path) -> int:
    """Write rows with their reasons and return how many; an existing file is replaced once the new one is complete."""
    partial, rows = path.with_name(path.name + ".part"), list(rows)
    nested = any(isinstance(cell, dict | list) for row, _ in rows for cell in row.cells.values())
    as_csv = path.suffix.lower() == ".csv" and not nested
    write = _write_csv if as_csv else _WRITERS[table.form]
    try:
        count = write(table, rows, partial)
        partial.replace(path)
    except OSError as error:
        raise SettingsError(f"cannot write {path}: {error.strerror or error}", fix="name another file") from None
    return count


def _write_csv(table: InputTable, rows: Iterable[tuple[SourceRow, str]], path: Path) -> int:
    columns = [column for column in table.columns if column != REASON]
    # A byte order mark keeps Excel from reading UTF-8 as something else.
    encoding = "utf-8-sig" if table.dialect.encoding in ("utf-8", "cp1252") else table.dialect.encoding
    count = 0
    with path.open("w", encoding=encoding, newline="") as file:
        if table.dialect.announced:
            file.write(f"sep={table.dialect.delimiter}\n")
        out = csv.writer(file, delimiter=table.dialect.delimiter, lineterminator="\n")
        out.writerow([*columns, REASON])
        for row, reason in rows:
            out.writerow([*(_cell(row.cells.get(column)) for column in columns), reason, *map(_cell, row.beyond)])
            count += 1
    return count


def _cell(value: object) -> str:
    return value if isinstance(value, str) else text_of(value)


def _write_jsonl(_: InputTable, rows: Iterable[tuple[SourceRow, str]], path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for row, reason in rows:
            file.write(_json({**row.cells, REASON: reason}) + "\n")
            count += 1
    return count


def _json(value: object) -> str:
    """JSON with every decimal as the number it was read as; the standard encoder cannot write decimals."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(key))}: {_json(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_json, value)) + "]"
    return format(value, "f") if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


def _write_excel(table: InputTable, rows: Iterable[tuple[SourceRow, str]], path: Path) -> int:
    """A workbook with one sheet of the input's name."""
    from openpyxl import Workbook

    columns = [column for column in table.columns if column != REASON]
    book = Workbook(write_only=True)
    sheet = book.create_sheet(table.sheet)
    sheet.append([*columns, REASON])
    count = 0
    for row, reason in rows:
        sheet.append([*(row.cells.get(column) for column in columns), reason, *row.beyond])
        count += 1
    book.save(path)
    return count


def _write_parquet(table: InputTable, rows: Iterable[tuple[SourceRow, str]], path: Path) -> int:
    """The rows of the input itself, in its own types."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    marked = list(rows)
    chosen = pq.read_table(table.path).take([row.number - 1 for row, _ in marked])
    if REASON in chosen.column_names:
        chosen = chosen.drop_columns([REASON])
    pq.write_table(chosen.append_column(REASON, pa.array([reason for _, reason in marked], pa.string())), path)
    return len(marked)


_WRITERS: Mapping[str, Callable[[InputTable, Iterable[tuple[SourceRow, str]], Path], int]] = {
    "csv": _write_csv,
    "jsonl": _write_jsonl,
    "excel": _write_excel,
    "parquet": _write_parquet,
}
_SUFFIXES = {"csv": ".csv", "jsonl": ".jsonl", "excel": ".xlsx", "parquet": ".parquet"}
