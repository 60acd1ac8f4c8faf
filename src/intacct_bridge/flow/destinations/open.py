"""Which sink a URI means."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from time import sleep

from intacct_bridge.errors import SettingsError
from intacct_bridge.flow.destinations.base import CopyState, Sink, place, shown
from intacct_bridge.flow.destinations.compact import Compacted, compact
from intacct_bridge.flow.destinations.files import FileSink, Format
from intacct_bridge.flow.destinations.formats import CsvFormat, JsonLinesFormat, ParquetFormat
from intacct_bridge.flow.destinations.manifest import Folder
from intacct_bridge.flow.destinations.sql import SqlSink

_FORMATS: dict[str, Callable[[], Format]] = {"parquet": ParquetFormat, "csv": CsvFormat, "jsonl": JsonLinesFormat}


def standing_of(uri: str) -> Mapping[str, CopyState]:
    """How far a copy has come, without beginning a run; nothing where there is no copy yet."""
    at = place(uri)
    if at.scheme in _FORMATS:
        entries = Folder(Path(at.path)).read().streams.items()
        return {
            name: CopyState(one.bookmark, tuple(column for column, _ in one.loading_columns or one.columns))
            for name, one in entries
        }
    if at.scheme == "duckdb" and not Path(at.path).exists():
        return {}
    if at.scheme in ("duckdb", "postgresql"):
        sink = open_sink(uri)
        assert isinstance(sink, SqlSink)
        return sink.peek()
    return {}


def compact_copy(uri: str) -> Iterator[Compacted]:
    """Rewrite a copy in change files as few files of latest rows; SettingsError for a database, which needs none."""
    at = place(uri)
    if at.scheme not in _FORMATS:
        raise SettingsError(
            f"{shown(uri)} is not a copy in change files", fix="only parquet, csv and jsonl are rewritten"
        )
    return compact(at.path, _FORMATS[at.scheme]())


_NEEDS = {"duckdb": "duckdb", "postgresql": "adbc_driver_postgresql.dbapi", "parquet": "pyarrow.parquet"}


_HEAD_START = 0.02
"""Seconds for the question to leave: a library that is being loaded holds the interpreter for as long at a stretch."""


@contextmanager
def getting_ready(uri: str) -> Iterator[None]:
    """Import what reading into a destination takes, while others wait for the gateway; half a second on some machines.

    What cannot be imported says so when it is used.
    """

    def load() -> None:
        sleep(_HEAD_START)
        with suppress(ImportError):
            for name in ("pyarrow.compute", _NEEDS.get(place(uri).scheme, "json")):
                import_module(name)
            if place(uri).scheme == "duckdb":
                from intacct_bridge.flow.destinations.duckdb import warm_up

                warm_up()

    with ThreadPoolExecutor(1, "imports") as aside:
        loaded = aside.submit(load)
        yield
        loaded.result()


def open_sink(uri: str, *, hard_deletes: bool = False) -> Sink:
    """The sink of a URI; nothing is written before its `open`."""
    at = place(uri)
    if at.scheme == "duckdb":
        from intacct_bridge.flow.destinations.duckdb import duckdb_sink

        return duckdb_sink(at.path, hard_deletes=hard_deletes)
    if at.scheme == "postgresql":
        from intacct_bridge.flow.destinations.postgres import postgres_sink

        return postgres_sink(at.path, hard_deletes=hard_deletes)
    if at.scheme in _FORMATS:
        return FileSink(at.path, _FORMATS[at.scheme]())
    raise SettingsError(f"{at.scheme} is not a destination of this version", fix="use duckdb:///FILE.duckdb")
