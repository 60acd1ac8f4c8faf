"""The formats of change files: CSV, JSON lines and Parquet.

CSV: null is an empty cell, an empty text is two quotes, amounts are digits (never `0E-14`). JSON lines: an object a
row; amounts are strings with all their digits, since nearly every reader takes a JSON number through a float. Parquet:
typed and compressed (Snappy and Zstandard), in row groups of bounded size.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from intacct_protocol.xml.jsonlines import blocks_of_lines, plain_decimals

if TYPE_CHECKING:
    import pyarrow as pa

    from intacct_bridge.copies.destinations.files import FileFormat


class CsvFormat:
    """The CSV format."""

    name = "csv"
    suffix = "csv"
    in_lines = True

    def open(self, path: Path, first: "pa.Table") -> "CsvFile":
        """Begin a file."""
        return CsvFile(path, first.schema)


class CsvFile:
    """A CSV file that is being written, with the column names in its first line."""

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
    """Decimals as text: Arrow itself writes zero and tiny numbers with an exponent."""
    import pyarrow as pa

    for place, field in enumerate(rows.schema):
        if pa.types.is_decimal(field.type):
            digits = [plain_decimals(chunk) for chunk in rows.column(place).chunks]
            rows = rows.set_column(place, field.name, pa.chunked_array(digits, pa.string()))
    return rows


class JsonLinesFormat:
    """The JSON lines format."""

    name = "jsonl"
    suffix = "jsonl"
    in_lines = True

    def open(self, path: Path, first: "pa.Table") -> "JsonLinesFile":
        """Begin a file."""
        del first  # every line names its columns
        return JsonLinesFile(path)


class JsonLinesFile:
    """A file of JSON lines that is being written."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def write(self, rows: "pa.Table") -> None:
        """Write lines."""
        for batch in rows.to_batches():
            self._file.writelines(blocks_of_lines(batch, decimals_as_text=True))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class ParquetFormat:
    """The Parquet format."""

    name = "parquet"
    suffix = "parquet"
    in_lines = False

    def open(self, path: Path, first: "pa.Table") -> "ParquetFile":
        """Begin a file."""
        return ParquetFile(path, first)


class ParquetFile:
    """A Parquet file that is being written; every table becomes a row group."""

    def __init__(self, path: Path, first: "pa.Table") -> None:
        """`first`: the first rows, from which each column gets its encoding."""
        import pyarrow.parquet as pq

        repeating = [name for name in first.column_names if _repeats(first.column(name))]
        bounded = [name for name in first.column_names if _is_bounded(first.column(name), repeats=name in repeating)]
        # Columns with a dictionary are small already, and Snappy is faster: a file of ledger lines is an eighth larger.
        compression = {name: "snappy" if name in repeating else "zstd" for name in first.column_names}
        self._writer = pq.ParquetWriter(
            path, first.schema, compression=compression, use_dictionary=repeating, write_statistics=bounded
        )

    def write(self, rows: "pa.Table") -> None:
        """Write a row group."""
        self._writer.write_table(rows)

    def close(self) -> None:
        """Write the footer."""
        self._writer.close()


_LOOKED_AT = 1000
"""Values of a column that show whether its values repeat."""


def _repeats(values: "pa.ChunkedArray") -> bool:
    """Whether a dictionary of its values makes a column smaller.

    A file of ledger lines is 15 % smaller when amounts, times and keys have none: their values are nearly all
    different, or compress well because they follow each other.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_decimal(values.type) or pa.types.is_timestamp(values.type):
        return False
    sample = values.slice(0, _LOOKED_AT)
    return bool(2 * pc.count_distinct(sample).as_py() <= len(sample) - sample.null_count)


def _is_bounded(values: "pa.ChunkedArray", *, repeats: bool) -> bool:
    """Whether the least and the greatest value of a row group let readers skip it.

    Strings that repeat, such as account numbers, are the same in nearly every row group. To find their bounds takes a
    tenth of the time of the whole file.
    """
    import pyarrow as pa

    return bool(values.null_count < len(values)) and not (repeats and pa.types.is_string(values.type))


FORMATS: "Mapping[str, FileFormat]" = {
    "parquet": ParquetFormat(),
    "csv": CsvFormat(),
    "jsonl": JsonLinesFormat(),
}
"""The formats by name."""
