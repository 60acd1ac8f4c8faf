"""Which sink a URI means."""

from collections.abc import Callable

from intacct_bridge.errors import SettingsError
from intacct_bridge.flow.changefiles import Format
from intacct_bridge.flow.sink import Sink, place
from intacct_bridge.flow.sink_csv import CsvFormat
from intacct_bridge.flow.sink_files import FileSink
from intacct_bridge.flow.sink_jsonl import JsonLinesFormat
from intacct_bridge.flow.sink_parquet import ParquetFormat


def open_sink(uri: str, *, hard_deletes: bool = False) -> Sink:
    """The sink of a URI; nothing is written before its `open`."""
    at = place(uri)
    if at.scheme == "duckdb":
        from intacct_bridge.flow.sink_duckdb import duckdb_sink

        return duckdb_sink(at.path, hard_deletes=hard_deletes)
    if at.scheme == "postgresql":
        from intacct_bridge.flow.sink_postgres import postgres_sink

        return postgres_sink(at.path, hard_deletes=hard_deletes)
    formats: dict[str, Callable[[], Format]] = {"parquet": ParquetFormat, "csv": CsvFormat, "jsonl": JsonLinesFormat}
    if at.scheme in formats:
        return FileSink(at.path, formats[at.scheme]())
    raise SettingsError(f"{at.scheme} is not a destination of this version", fix="use duckdb:///FILE.duckdb")
