"""Change files as CSV: null is nothing, an empty text is two quotes; amounts have all their digits."""

from pathlib import Path
from typing import TYPE_CHECKING

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

        self._writer = csv.CSVWriter(path, schema)

    def write(self, rows: "pa.Table") -> None:
        """Write lines."""
        self._writer.write_table(rows)

    def close(self) -> None:
        """Close the file."""
        self._writer.close()
