"""A DuckDB file as the database of a copy: tables in the main schema, ours in `_bridge`."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from intacct_bridge.errors import SettingsError
from intacct_bridge.flow.destinations.base import quoted
from intacct_bridge.flow.destinations.sql import SqlSink
from intacct_bridge.flow.streams.stream import COPY_COLUMNS

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_MODEST = (
    "SET TimeZone = 'UTC'; SET threads = 1; SET checkpoint_threshold = '1TB'; "
    "SET allocator_flush_threshold = '4MB'; SET allocator_bulk_deallocation_flush_threshold = '4MB'"
)
"""A copy shares its machine with others; DuckDB would take every processor, and 80 % of the memory. It writes back what
is in its log when we say so, since that takes more memory than anything else. A day that becomes a time is midnight of
UTC, wherever the machine stands.
"""
_LOG, _LOG_SECONDS = 32 * 2**20, 5.0
"""Bytes, and seconds, after which the log is written back: while others wait for the gateway rather than at the end."""


@dataclass(frozen=True, slots=True)
class _Room:
    """Megabytes of memory for a job: to begin with, for each column of the widest table, and for what arrives."""

    least: float
    column: float
    arriving: float = 0.0

    def of(self, columns: int, arriving: float) -> float:
        """The memory for a table of so many columns, and so many megabytes that arrive at once."""
        return self.least + self.column * columns + self.arriving * arriving


_LEAST = 24.0
"""Megabytes for whatever is asked; with 8, keys could not be looked up."""
_COMMIT = _Room(6.0, 0.4, 2.0)
"""With 0.2 for a column, commits of 6 MB in 60 columns failed."""
_CHECKPOINT = _Room(4.0, 0.75)
"""Some blocks of 256 kB for each column: with 32 MB in all, tables of 40 columns could not be written back, with 80 MB
not those of 120.
"""
_TRIES = 6
"""How often the memory is doubled."""
_LACKS_MEMORY = re.compile(r"failed to pin block|could not allocate block|Out of Memory", re.IGNORECASE)


def duckdb_sink(path: str, *, hard_deletes: bool = False) -> SqlSink:
    """The sink of a file."""
    return SqlSink(f"duckdb:///{path}", DuckDB(path), hard_deletes=hard_deletes)


def warm_up() -> None:
    """Let DuckDB do what it does for the first connection of a process: some 30 ms."""
    import duckdb

    duckdb.connect(":memory:").execute(_MODEST).close()


class DuckDB:
    """One file with one connection: DuckDB writes one at a time anyway."""

    ours = "_bridge"
    listing = "?"
    longest = 0
    blind = True

    def __init__(self, path: str) -> None:
        self.name = path
        self._open: duckdb.DuckDBPyConnection | None = None
        self._room = 0.0
        self._columns = 0
        self._scale = 1.0
        self._written_back = monotonic()

    def connect(self) -> None:
        """Open the file."""
        if self._open is None:
            self._open = _connect(self.name)
            self._room = 0.0
            self._make_room(max(_LEAST, self._scale * _COMMIT.of(self._columns, 0)))

    @property
    def troubles(self) -> tuple[type[Exception], ...]:
        """What DuckDB raises."""
        import duckdb

        return (duckdb.Error,)

    def claim(self) -> bool:
        """Opening the file has kept all others out."""
        return True

    def close(self) -> None:
        """Write the log back and close the file."""
        if self._open is not None:
            self._write_back()
            self._open.close()
            self._open = None

    @property
    def _con(self) -> "duckdb.DuckDBPyConnection":
        if self._open is None:  # not opened yet, or not to be had again after a checkpoint
            raise SettingsError(f"{self.name} is not open", fix="see the first error of this run, and run it again")
        return self._open

    def begin(self) -> None:
        """Begin a transaction."""
        self._con.execute("BEGIN")

    def end(self, *, keep: bool) -> None:
        """End it."""
        self._con.execute("COMMIT" if keep else "ROLLBACK")
        if keep:
            self._tidy()

    def _tidy(self) -> None:
        """Write the log back when it is due. Whatever goes wrong here, the commit before it stands, and must not be
        made again: an error of it shows when the connection is next used.
        """
        import duckdb

        log = Path(f"{self.name}.wal")
        age = monotonic() - self._written_back
        with suppress(duckdb.Error, OSError, SettingsError):
            if log.exists() and (age > _LOG_SECONDS or log.stat().st_size > _LOG):
                self._write_back()

    def _write_back(self) -> None:
        """Bring what is in the log to its place in the file, with as little memory as will do.

        A checkpoint that finds too little ends the connection. What was committed is safe in the log, so another
        connection tries it with twice as much.
        """
        import duckdb

        room = self._room
        for _ in range(_TRIES):
            self._make_room(self._scale * _CHECKPOINT.of(self._columns, 0))
            try:
                self._con.execute("CHECKPOINT")
            except (duckdb.FatalException, duckdb.OutOfMemoryException):
                self._scale *= 2
                self._con.close()
                self._open = None
                self.connect()
            except duckdb.Error:  # such as another transaction on the file in this process: it stays in the log
                break
            else:
                break
        with suppress(duckdb.Error):  # what it holds on to it may keep for now
            self._con.execute(f"SET memory_limit = '{room:.0f}MB'")
            self._room = room
        self._written_back = monotonic()

    def execute(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement to its end, or the connection stays busy."""
        rows: list[tuple[Any, ...]] = self._con.execute(sql, list(values)).fetchall()
        return rows

    def changed(self, sql: str, values: Sequence[Any]) -> int:
        """DuckDB answers an UPDATE or DELETE with the number of rows."""
        return int(self.execute(sql, values)[0][0])

    def texts(self, values: Iterable[str]) -> Any:
        """A list is bound as it is."""
        return list(values)

    @contextmanager
    def arrived(self, name: str, rows: "pa.Table | None") -> Iterator[None]:
        """DuckDB reads Arrow in place."""
        if rows is None:
            yield
            return
        self._make_room(self._scale * _COMMIT.of(self._columns, rows.nbytes / 2**20))
        self._con.register(name, rows)
        yield
        self._con.unregister(name)  # not after a failure, whose own error that would hide

    def tables(self) -> frozenset[str]:
        """The tables of the main schema."""
        found = self.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'")
        return frozenset(name for (name,) in found)

    def columns(self, table: str) -> "pa.Schema":
        """The columns of an empty answer."""
        import pyarrow as pa

        empty = self._con.sql(f"SELECT * FROM {quoted(table)} LIMIT 0").to_arrow_table()
        utc = pa.timestamp("us", "UTC")
        return pa.schema(
            [
                (field.name, utc if pa.types.is_timestamp(field.type) else field.type)
                for field in empty.schema
                if field.name not in COPY_COLUMNS
            ]
        )

    def sql_types(self, schema: "pa.Schema") -> dict[str, str]:
        """DuckDB is asked what it would make of them; whoever asks is about to write as many columns."""
        self._columns = max(self._columns, len(schema))
        with self.arrived("_shape", schema.empty_table()):
            return {row[0]: row[1] for row in self.execute("DESCRIBE SELECT * FROM _shape")}

    def _make_room(self, needed: float) -> None:
        """So many megabytes of memory, if it has not as many."""
        if needed > self._room:
            self._con.execute(f"SET memory_limit = '{needed:.0f}MB'")
            self._room = needed

    def index(self, table: str, columns: Iterable[str]) -> None:
        """A column store needs none."""

    def has_more_room(self, error: BaseException) -> bool:
        """It gets twice as much, a few times over; which rows take how much is not to be known beforehand."""
        import duckdb

        broken = isinstance(error, duckdb.FatalException)
        if broken or self._scale >= 2**_TRIES or not _LACKS_MEMORY.search(str(error)):
            return False
        self._scale *= 2
        self._make_room(2 * self._room)
        return True


def _connect(path: str) -> "duckdb.DuckDBPyConnection":
    import duckdb

    file = Path(path)
    if not file.resolve().parent.is_dir():
        raise SettingsError(
            f"there is no folder {file.resolve().parent} to put {file.name} in",
            fix="make the folder, or write four slashes (duckdb:////PATH) for a path from the root",
        )
    if file.is_dir():
        raise SettingsError(f"{path} cannot be opened: it is a folder", fix=f"name a file: {file / 'copy.duckdb'}")
    try:
        if not file.exists():
            _make(file)
        con = duckdb.connect(path)
        con.execute(_MODEST)  # not as a configuration: a second connection to the file would have to repeat it
        return con
    except duckdb.Error as error:
        said = str(error).splitlines()[0].partition(". See also")[0]
        fix = next((fix for sign, fix in _FIXES.items() if sign in said), _NO_DATABASE)
        raise SettingsError(f"{path} cannot be opened: {said}", fix=fix) from None


_FIXES = {
    "Could not set lock": "close the other program that has it open, or wait until the other run has ended",
    "Permission denied": "check the rights of the file and of its folder",
    "No space left": "make room on the disk",
    "version number": "install the duckdb that wrote it, or a later one",
}
"""What to do, by a part of what DuckDB says."""
_NO_DATABASE = "it is damaged, or DuckDB did not make it: put back a copy of it, or name another file"


def _make(file: Path) -> None:
    """Make the file whole or not at all: half of a header, left by a full disk or a kill, would never open again."""
    import duckdb

    fresh = file.with_name(f"{file.name}.{os.getpid()}.new")
    try:
        duckdb.connect(fresh).close()
        with suppress(OSError):  # another run was quicker, or the disk knows no links: it is then made where it belongs
            os.link(fresh, file)
    finally:
        for left in (fresh, fresh.with_name(f"{fresh.name}.wal")):
            left.unlink(missing_ok=True)
