"""Change files as CSV: null is nothing, an empty text is two quotes; amounts are digits, never `0E-14`."""

from pathlib import Path
from typing import TYPE_CHECKING

from intacct_bridge.wire.jsonlines import plain_decimals

if TYPE_CHECKING:
    import pyarrow as pa


class CsvFormat:
    """How rows become a CSV file."""

    name = "csv"
    suffix = "csv"

    def open(self, path: Path, schema: "pa.Schema") -> "CsvFile":
        """Begin a file."""
        return CsvFile(path, schema)


class CsvFile:
    """A CSV file being written, its names in the first line."""

    def __init__(self, path: Path, schema: "pa.Schema") -> None:
        from pyarrow import csv

        self._writer = csv.CSVWriter(path, _in_digits(schema.empty_table()).schema)

    def write(self, rows: "pa.Table") -> None:
        """Write lines."""
        self._writer.write_table(_in_digits(rows))

    def close(self) -> None:
        """Close the file."""
        self._writer.close()


def _in_digits(rows: "pa.Table") -> "pa.Table":
    """Decimals as text: Arrow itself writes zero and what is tiny with an exponent."""
    import pyarrow as pa

    for place, field in enumerate(rows.schema):
        if pa.types.is_decimal(field.type):
            digits = [plain_decimals(chunk) for chunk in rows.column(place).chunks]
            rows = rows.set_column(place, field.name, pa.chunked_array(digits, pa.string()))
    return rows
