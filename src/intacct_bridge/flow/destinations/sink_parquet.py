"""Change files as Parquet: typed, compressed, in row groups of bounded size."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


class ParquetFormat:
    """How rows become a Parquet file."""

    name = "parquet"
    suffix = "parquet"

    def open(self, path: Path, schema: "pa.Schema") -> "ParquetFile":
        """Begin a file."""
        return ParquetFile(path, schema)


class ParquetFile:
    """A Parquet file being written; every table becomes a row group."""

    def __init__(self, path: Path, schema: "pa.Schema") -> None:
        import pyarrow.parquet as pq

        self._writer = pq.ParquetWriter(path, schema, compression="zstd")

    def write(self, rows: "pa.Table") -> None:
        """Write a row group."""
        self._writer.write_table(rows)

    def close(self) -> None:
        """Write the footer."""
        self._writer.close()
