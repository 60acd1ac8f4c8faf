"""JSON lines: one object a line, its numbers read as decimals from their text."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from intacct_bridge.load.tables.reading import HERE, Reading
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.tables.table import InputTable, check_width, open_input
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.json_input import json_number, refuse_repeated_keys
from intacct_protocol.model.nesting import refusing_depth
from intacct_protocol.model.text_forms import nfc


def open_jsonl(path: Path, reading: Reading = HERE) -> InputTable:
    """A file of JSON lines; its columns are the keys of all lines."""
    columns = reading.call(_jsonl_columns, path)
    return InputTable(path, columns, lambda: reading.rows(_jsonl_rows, path), "jsonl")


def _jsonl_columns(path: Path) -> tuple[str, ...]:
    columns: dict[str, None] = {}
    for row in _jsonl_rows(path):
        columns.update(dict.fromkeys(row.cells))
        check_width(len(columns), row.position)
    if not columns:
        raise SettingsError(f"{path.name} has no records", fix="give one JSON object per line")
    return tuple(columns)


def table_of_lines(source: str, columns: Iterable[str], lines: Callable[[], Iterable[bytes]]) -> InputTable:
    """JSON lines that are not in a file; `lines` gives all of them each time. Rows may name no files to attach."""
    names = tuple(map(nfc, columns))
    return InputTable(Path(source), names, lambda: _rows_of_lines(source, lines()), "jsonl", takes_files=False)


def _jsonl_rows(path: Path) -> Iterator[SourceRow]:
    with open_input(path) as file:
        yield from _rows_of_lines(path.name, file)


def _rows_of_lines(source: str, lines: Iterable[bytes]) -> Iterator[SourceRow]:
    decoder = msgspec.json.Decoder(dict[str, Any], float_hook=json_number)
    for number, line in enumerate(lines, 1):
        text = line.removeprefix(b"\xef\xbb\xbf").strip()
        if not text:
            continue
        place = f"{source}:{number}"
        try:
            with refusing_depth(place, text):
                cells = decoder.decode(text)
                refuse_repeated_keys(text, cells, place)
        except (msgspec.DecodeError, UnicodeDecodeError, ArithmeticError) as error:
            raise SettingsError(f"{place} is not a JSON object: {error}", fix="give one JSON object per line") from None
        yield SourceRow(source, number, {nfc(name): cell for name, cell in cells.items()})
