"""Parquet files. The library is imported only when a file needs it."""

from collections.abc import Iterator
from pathlib import Path

from intacct_bridge.load.tables.reading import HERE, Reading
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.tables.table import InputTable, check_width
from intacct_bridge.load.tables.typed_cells import typed_row
from intacct_protocol.errors import SettingsError


def open_parquet(path: Path, reading: Reading = HERE) -> InputTable:
    """A Parquet file. SettingsError if it is not readable."""
    columns = reading.call(_parquet_columns, path)
    return InputTable(path, columns, lambda: reading.rows(_parquet_rows, path), "parquet", reading=reading)


def _parquet_columns(path: Path) -> tuple[str, ...]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise SettingsError(f"{path.name} is not readable as Parquet: {error}", fix="check the file") from None
    check_width(len(schema.names), path.name)
    return tuple(schema.names)


def _parquet_rows(path: Path) -> Iterator[SourceRow]:
    import pyarrow.parquet as pq

    number = 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=2000):
            for cells in batch.to_pylist():
                number += 1
                yield typed_row(path.name, number, cells)
