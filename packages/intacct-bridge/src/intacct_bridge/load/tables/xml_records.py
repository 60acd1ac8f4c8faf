"""XML documents: each element of the root is a record, with groups and lines inside it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from intacct_bridge.load.tables.reading import HERE, Reading
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.tables.table import InputTable, check_width, open_input
from intacct_protocol.errors import RemoteProtocolError, SettingsError
from intacct_protocol.model.keys import wrappers
from intacct_protocol.model.text_forms import nfc
from intacct_protocol.xml.records import records_of


def open_xml(path: Path, reading: Reading = HERE) -> InputTable:
    """A document of records; its columns are the fields of all records."""
    rows = list(reading.rows(_xml_rows, path))
    columns = tuple(dict.fromkeys(name for row in rows for name in row.cells))
    check_width(len(columns), path.name)
    return InputTable(path, columns, lambda: iter(rows), "jsonl")


def _xml_rows(path: Path) -> Iterator[SourceRow]:
    with open_input(path) as file:
        for number, cells in enumerate(read_records(file.read(), path.name), 1):
            yield SourceRow(path.name, number, {nfc(name): cell for name, cell in cells.items()})


def read_records(text: bytes, name: str) -> Iterator[dict[str, Any]]:
    """The records of a document; SettingsError names the file."""
    try:
        yield from records_of(text, wrappers())
    except RemoteProtocolError as error:
        raise SettingsError(
            f"{name} is not a document of records: {error.message}",
            fix="Give one element for each record, inside a root element.",
        ) from None
