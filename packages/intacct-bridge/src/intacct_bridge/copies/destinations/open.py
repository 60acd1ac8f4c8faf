"""Opening a destination by its URI."""

import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING

from intacct_bridge.copies.destinations.uri import parse_uri
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.uri_text import redacted

if TYPE_CHECKING:
    from intacct_bridge.copies.destinations.base import CopyState, Destination
    from intacct_bridge.copies.destinations.compact import Compacted
    from intacct_bridge.copies.destinations.files import FileFormat

_FORMATS = {"parquet": "ParquetFormat", "csv": "CsvFormat", "jsonl": "JsonLinesFormat"}


def _format(scheme: str) -> "FileFormat":
    from intacct_bridge.copies.destinations import formats

    file_format: FileFormat = getattr(formats, _FORMATS[scheme])()
    return file_format


def open_destination(uri: str, *, hard_deletes: bool = False) -> "Destination":
    """The destination of a URI; nothing is written before its `open`.

    With `hard_deletes`, a database removes deleted rows instead of marking them.
    """
    at = parse_uri(uri)
    if at.scheme == "duckdb":
        from intacct_bridge.copies.destinations.duckdb import duckdb_destination

        return duckdb_destination(at.path, hard_deletes=hard_deletes)
    if at.scheme == "postgresql":
        from intacct_bridge.copies.destinations.postgres import postgres_destination

        return postgres_destination(at.path, hard_deletes=hard_deletes)
    if at.scheme in _FORMATS:
        from intacct_bridge.copies.destinations.files import FileDestination

        return FileDestination(at.path, _format(at.scheme))
    raise SettingsError(f"{at.scheme} is not a destination of this version", fix="use duckdb:///FILE.duckdb")


def copy_states(uri: str) -> "Mapping[str, CopyState]":
    """What a copy holds of each stream, without beginning a run; empty if there is no copy yet."""
    from intacct_bridge.copies.destinations.base import CopyState
    from intacct_bridge.copies.destinations.manifest import CopyFolder

    at = parse_uri(uri)
    if at.scheme in _FORMATS:
        entries = CopyFolder(Path(at.path)).read().streams.items()
        return {
            name: CopyState(one.bookmark, tuple(column for column, _ in one.loading_columns or one.columns))
            for name, one in entries
        }
    if at.scheme == "duckdb" and not Path(at.path).exists():
        return {}
    if at.is_database:
        from intacct_bridge.copies.destinations.sql import SqlDestination

        destination = open_destination(uri)
        assert isinstance(destination, SqlDestination)
        return destination.states()
    return {}


def compact_copy(uri: str) -> "Iterator[Compacted]":
    """Rewrite a copy in change files as few files of latest rows; SettingsError for a database, which needs none."""
    from intacct_bridge.copies.destinations.compact import compact

    at = parse_uri(uri)
    if at.scheme not in _FORMATS:
        raise SettingsError(
            f"{redacted(uri)} is not a copy in change files", fix="only parquet, csv and jsonl are rewritten"
        )
    return compact(at.path, _format(at.scheme))


_LIBRARIES: Mapping[str, tuple[str, ...]] = {
    "duckdb": ("pyarrow.compute", "duckdb"),
    "postgresql": ("pyarrow.compute", "adbc_driver_postgresql.dbapi"),
    "parquet": ("pyarrow.compute", "pyarrow.parquet"),
    "singer": ("pyarrow",),  # a sync that finds no rows needs no more
}
_HEAD_START = 0.02
"""Seconds for a request to leave first: a library that is being loaded blocks the interpreter for as long at a time."""


@contextmanager
def importing(uri: str) -> Iterator[None]:
    """Import the libraries of a destination in another thread, while the body waits for the gateway.

    That takes half a second on some machines. A library that cannot be imported raises when it is used.
    """
    scheme = parse_uri(uri).scheme
    libraries = _LIBRARIES.get(scheme, ("pyarrow.compute",))

    def load() -> None:
        sleep(_HEAD_START)
        with suppress(ImportError):
            for name in libraries:
                import_module(name)
            if scheme == "duckdb":
                from intacct_bridge.copies.destinations.duckdb import warm_up

                warm_up()

    if all(name in sys.modules for name in libraries):
        yield
        return
    with ThreadPoolExecutor(1, "imports") as aside:
        loaded = aside.submit(load)
        yield
        loaded.result()
