"""Opening a destination by its URI. The scheme names its kind, and other packages register theirs.

A package registers a kind by an entry point, which has the scheme as its name:

    [project.entry-points."intacct_bridge.destinations"]
    lake = "my_package.lake:LAKE"      # a DestinationKind

`intacct_bridge.destination_suite` judges it.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING

from intacct_bridge.copies.destinations.base import CopyState
from intacct_bridge.copies.destinations.uri import parse_uri, registered_kinds
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.uri_text import redacted

if TYPE_CHECKING:
    import duckdb

    from intacct_bridge.copies.destinations.base import Destination
    from intacct_bridge.copies.destinations.compact import Compacted
    from intacct_bridge.copies.destinations.contents import CopyContents


@dataclass(frozen=True, slots=True)
class Guarantees:
    """What a kind promises to its readers: sentences for the documentation, and what the suite has to know."""

    transaction: str
    """How rows, deletes and the bookmark of a commit become visible together."""
    deletes: str
    """What remains of a deleted record."""
    history: str
    """What remains of the earlier versions of a record."""
    types: str
    """The types of text, whole numbers, decimal numbers, days, times and truth values."""
    counts_replaced: bool = True
    """Whether a commit tells how many rows were no longer there under a replaced parent."""
    keeps_unselected: bool = True
    """Whether a row that is written again keeps the cells of columns that are no longer selected."""
    notes_last_run: bool = True
    """Whether the rows that an incremental run did not write are known, not only those of a full refresh."""


@dataclass(frozen=True, slots=True)
class DestinationKind:
    """A kind of destination. Each function is given the address without its scheme, unless it says otherwise."""

    address: str
    """How an address is written, such as `parquet:DIR`."""
    open: Callable[[str, bool], "Destination"]
    """The destination, in which nothing is written before its `open`. True: deleted rows are removed, not marked."""
    states: Callable[[str], Mapping[str, CopyState]]
    """What a copy holds of each stream, without beginning a run; empty if there is no copy yet."""
    read: Callable[[str, "duckdb.DuckDBPyConnection"], AbstractContextManager["CopyContents"]]
    """The contents of a copy, open for reading. A table that the given connection can query has its SQL."""
    guarantees: Guarantees
    libraries: tuple[str, ...] = ("pyarrow.compute",)
    """Modules to import while the first answer of the gateway is on its way."""


def _open_duckdb(path: str, hard_deletes: bool) -> "Destination":  # noqa: FBT001  # DestinationKind.open
    from intacct_bridge.copies.destinations.duckdb import duckdb_destination

    return duckdb_destination(path, hard_deletes=hard_deletes)


def _states_of_duckdb(path: str) -> Mapping[str, CopyState]:
    from intacct_bridge.copies.destinations.duckdb import duckdb_destination

    return duckdb_destination(path, hard_deletes=False).states() if Path(path).exists() else {}


def _read_duckdb(path: str, con: "duckdb.DuckDBPyConnection") -> AbstractContextManager["CopyContents"]:
    from intacct_bridge.copies.destinations.contents import read_duckdb

    return read_duckdb(path, con)


def _open_postgres(uri: str, hard_deletes: bool) -> "Destination":  # noqa: FBT001  # DestinationKind.open
    from intacct_bridge.copies.destinations.postgres import postgres_destination

    return postgres_destination(uri, hard_deletes=hard_deletes)


def _states_of_postgres(uri: str) -> Mapping[str, CopyState]:
    from intacct_bridge.copies.destinations.postgres import postgres_destination

    return postgres_destination(uri, hard_deletes=False).states()


def _read_postgres(uri: str, con: "duckdb.DuckDBPyConnection") -> AbstractContextManager["CopyContents"]:
    from intacct_bridge.copies.destinations.contents import read_postgres

    return read_postgres(uri, con)


def _states_of_files(path: str) -> Mapping[str, CopyState]:
    from intacct_bridge.copies.destinations.manifest import CopyFolder

    return {
        name: CopyState(entry.bookmark, tuple(column for column, _ in entry.loading_columns or entry.columns))
        for name, entry in CopyFolder(Path(path)).read().streams.items()
    }


def _read_files(path: str, con: "duckdb.DuckDBPyConnection") -> AbstractContextManager["CopyContents"]:
    from intacct_bridge.copies.destinations.contents import read_files

    return read_files(path, con)


_IN_A_DATABASE = "The row stays, with the time in `_deleted_at`. `--hard-deletes` removes it."
_NO_VERSIONS = "None. A changed row replaces the earlier one."


def _change_files(name: str, types: str, *libraries: str) -> DestinationKind:
    def open_folder(path: str, hard_deletes: bool) -> "Destination":  # noqa: ARG001, FBT001  # change files never change
        from intacct_bridge.copies.destinations.files import FileDestination
        from intacct_bridge.copies.destinations.formats import FORMATS

        return FileDestination(path, FORMATS[name])

    return DestinationKind(
        f"{name}:DIR",
        open_folder,
        _states_of_files,
        _read_files,
        Guarantees(
            "New files are complete on the disk before `manifest.json`, which lists them and holds the bookmark, is "
            "replaced.",
            "The files keep the row, and `latest.sql` leaves it out. `--compact` removes it.",
            "The files keep earlier versions until `--compact`, without the times from which they were valid.",
            types,
            counts_replaced=False,
            keeps_unselected=False,
            notes_last_run=False,
        ),
        ("pyarrow.compute", *libraries),
    )


_READ_BACK = "`latest.sql` reads them back with the types of DuckDB."
KINDS: Mapping[str, DestinationKind] = {
    "duckdb": DestinationKind(
        "duckdb:///FILE.duckdb",
        _open_duckdb,
        _states_of_duckdb,
        _read_duckdb,
        Guarantees(
            "One transaction of DuckDB.",
            _IN_A_DATABASE,
            _NO_VERSIONS,
            "`VARCHAR`, `BIGINT`, `DECIMAL(38,14)`, `DATE`, `TIMESTAMP WITH TIME ZONE`, `BOOLEAN`",
        ),
        ("pyarrow.compute", "duckdb"),
    ),
    "postgresql": DestinationKind(
        "postgresql://USER@HOST/DATABASE",
        _open_postgres,
        _states_of_postgres,
        _read_postgres,
        Guarantees(
            "One transaction of PostgreSQL.",
            _IN_A_DATABASE,
            _NO_VERSIONS,
            "`text`, `bigint`, `numeric`, `date`, `timestamp with time zone`, `boolean`",
        ),
        ("pyarrow.compute", "adbc_driver_postgresql.dbapi"),
    ),
    "parquet": _change_files(
        "parquet",
        "`string`, `int64`, `decimal128(38, 14)`, `date32`, `timestamp[us, UTC]`, `bool`",
        "pyarrow.parquet",
    ),
    "csv": _change_files("csv", f"All values are text. {_READ_BACK}"),
    "jsonl": _change_files("jsonl", f"Decimal numbers, days and times are strings. {_READ_BACK}"),
}
"""The kinds of this package, by scheme."""


def destination_kind(scheme: str) -> DestinationKind:
    """The kind of a scheme. SettingsError if there is none, or if its package cannot be loaded."""
    if scheme in KINDS:
        return KINDS[scheme]
    entry_point = registered_kinds().get(scheme)
    if entry_point is None:
        raise SettingsError(f"{scheme} is not a destination of this version", fix="use duckdb:///FILE.duckdb")
    try:
        kind = entry_point.load()
    except (ImportError, AttributeError) as error:
        raise SettingsError(
            f"the destination {scheme} cannot be loaded: {error}",
            fix=f"install the package of {entry_point.value} again",
        ) from None
    if not isinstance(kind, DestinationKind):
        raise SettingsError(
            f"the destination {scheme} cannot be used: {entry_point.value} is not a DestinationKind",
            fix="ask the makers of its package for a version that fits this one",
        )
    return kind


def open_destination(uri: str, *, hard_deletes: bool = False) -> "Destination":
    """The destination of a URI; nothing is written before its `open`.

    With `hard_deletes`, a database removes deleted rows instead of marking them.
    """
    at = parse_uri(uri)
    return destination_kind(at.scheme).open(at.path, hard_deletes)


def copy_states(uri: str) -> "Mapping[str, CopyState]":
    """What a copy holds of each stream, without beginning a run; empty if there is no copy yet."""
    at = parse_uri(uri)
    return {} if at.scheme == "singer" else destination_kind(at.scheme).states(at.path)


def compact_copy(uri: str) -> "Iterator[Compacted]":
    """Rewrite a copy in change files as few files of latest rows; SettingsError for a database, which needs none."""
    from intacct_bridge.copies.destinations.compact import compact
    from intacct_bridge.copies.destinations.formats import FORMATS

    at = parse_uri(uri)
    if at.scheme not in FORMATS:
        raise SettingsError(
            f"{redacted(uri)} is not a copy in change files", fix="only parquet, csv and jsonl are rewritten"
        )
    return compact(at.path, FORMATS[at.scheme])


_HEAD_START = 0.02
"""Seconds for a request to leave first: a library that is being loaded blocks the interpreter for as long at a time."""


@contextmanager
def importing(uri: str) -> Iterator[None]:
    """Import the libraries of a destination in another thread, while the body waits for the gateway.

    That takes half a second on some machines. A library that cannot be imported raises when it is used.
    """
    scheme = parse_uri(uri).scheme
    # a sync of Singer that finds no rows needs no more
    libraries = ("pyarrow",) if scheme == "singer" else destination_kind(scheme).libraries

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
