"""A copy in a DuckDB file: streams in the main schema, our own tables in `_bridge`."""

import os
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intacct_bridge.copies.destinations.sql import SqlDestination
from intacct_bridge.streams.stream import COPY_COLUMNS
from intacct_protocol.errors import BusyError, SettingsError
from intacct_protocol.model.sql_text import literal, quoted

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_SETTINGS = (
    "SET TimeZone = 'UTC'; SET threads = 1; SET checkpoint_threshold = '1TB'; "
    "SET allocator_flush_threshold = '4MB'; SET allocator_bulk_deallocation_flush_threshold = '4MB'"
)
"""A copy shares its machine with other programs, and by default DuckDB takes every processor and 80 % of the memory. A
checkpoint, which moves the log to its place in the file, takes more memory than anything else, so we decide when it is
made. A date that becomes a time is midnight UTC, regardless of the machine's time zone.
"""
_LOG, _LARGEST_LOG = 8 * 2**20, 32 * 2**20
"""Bytes of the log after which a checkpoint is made: a quarter of the file, between these. Each checkpoint of a first
load leaves row groups, and every later one reads the description of each, so a large file has larger ones.
"""
_ROW_GROUP = 8192
"""Rows of a row group. DuckDB writes a full one of a commit to its place in the file at once, compressed, with the rest
of that commit; rows of a smaller commit go through the log, and are compressed in a checkpoint.
"""
_MANY_GROUPS = 128
"""Row groups after which the file is attached again: DuckDB keeps 170 kB of memory for each that it wrote, in a table
of 97 columns, but not for those that it finds in a file.
"""
_CLOCK_TICK = 0.02
"""Seconds: a file system may give two changes within a shorter time the same time."""
_PATIENCE = 10.0
"""Seconds to wait for a program that opened the file while it was detached."""
_MERGES = 100
"""How many merges of row groups a run may make; DuckDB's default for each checkpoint."""


@dataclass(frozen=True, slots=True)
class _Memory:
    """Megabytes for a job: a base, for each column of the widest table, and for each megabyte of incoming rows."""

    least: float
    column: float
    incoming: float = 0.0

    def of(self, columns: int, incoming: float) -> float:
        """The memory for a table with this many columns, and this many megabytes of incoming rows."""
        return self.least + self.column * columns + self.incoming * incoming


_NOTHING = 1.0
"""Fewer megabytes than one block of each column: DuckDB drops all blocks that are not in use."""
_LEAST = 24.0
"""Megabytes for any query; with 8, keys could not be looked up."""
_COMMIT = _Memory(6.0, 0.4, 2.0)
"""With 0.2 for each column, commits of 6 MB in 60 columns failed."""
_GROUPS = _Memory(6.0, 0.2, 1.0)
"""For a commit that fills a row group, which is no longer in memory when the next one is begun."""
_CHECKPOINT = _Memory(4.0, 0.4)
"""Some blocks of 256 kB for each column. A checkpoint takes half of that; merges in tables of long and different
strings take twice as much.
"""
_MUCH = 64.0
"""Megabytes from which memory is taken back after a commit; DuckDB then reads blocks again, which takes time."""
_DOUBLINGS = 6
"""How often the memory is doubled."""
_LACKS_MEMORY = re.compile(r"failed to pin block|could not allocate block|Out of Memory", re.IGNORECASE)

_INVALID = "has been invalidated"


def duckdb_destination(path: str, *, hard_deletes: bool = False) -> SqlDestination:
    """The destination of a file."""
    return SqlDestination(f"duckdb:///{path}", DuckDB(path), hard_deletes=hard_deletes)


def warm_up() -> None:
    """Make the first connection of the process, which takes some 30 ms longer than others."""
    import duckdb

    duckdb.connect(":memory:").execute(_SETTINGS).close()


class DuckDB:
    """One file with one connection, since DuckDB runs one write at a time."""

    dialect = "duckdb"
    commit_rows = 14_000
    schema = "main"
    bridge_schema = "_bridge"
    array_sql = "?"
    longest_name = 0
    ignores_case = True
    system_columns: tuple[str, ...] = ()

    def __init__(self, path: str) -> None:
        self.name = path
        self._open: duckdb.DuckDBPyConnection | None = None
        self._memory = 0.0
        self._columns = 0
        self._scale = 1.0
        self._has_replaced = False
        self._writes_groups = False
        self._groups = 0
        self._lost: BusyError | SettingsError | None = None

    def connect(self) -> None:
        """Open the file."""
        if self._open is None:
            self._lost = None
            self._open = _connect(self.name)
            self._memory = 0.0
            self._allow_memory(max(_LEAST, self._scale * _COMMIT.of(self._columns, 0)))

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """DuckDB's exceptions."""
        import duckdb

        return (duckdb.Error,)

    def is_lost(self, error: BaseException) -> bool:  # noqa: ARG002
        """A file has no server."""
        return False

    def reason(self, error: BaseException) -> str:
        """The first line of DuckDB's message."""
        return (str(error).strip().splitlines() or [type(error).__name__])[0]

    def lock(self) -> bool:
        """Opening the file has kept other processes out."""
        return True

    def close(self) -> None:
        """Make a checkpoint and close the file.

        Committed rows are safe in the log. So a checkpoint that cannot open the file again, as on a full disk, is no
        error of this run: it would hide what the streams report.
        """
        with suppress(BusyError, SettingsError):
            if self._open is not None:
                self._checkpoint()
            if self._open is not None and self._has_replaced:
                self._free_room()
        if self._open is not None:
            self._open.close()
            self._open = None

    @property
    def _con(self) -> "duckdb.DuckDBPyConnection":
        if self._lost is not None:
            raise self._lost
        if self._open is None:  # not opened yet, or not opened again after a failed checkpoint
            raise SettingsError(f"{self.name} is not open", fix="see the first error of this run, and run it again")
        return self._open

    def begin(self) -> None:
        """Begin a transaction."""
        self._con.execute("BEGIN")

    def end(self, *, keep: bool) -> None:
        """Commit or roll back."""
        self._con.execute("COMMIT" if keep else "ROLLBACK")
        if keep:
            self._checkpoint_if_due()
            self._give_back_memory()
            if self._groups >= _MANY_GROUPS:
                self._groups = 0
                self._attach_again()

    def _attach_again(self) -> None:
        """Drop what DuckDB keeps in memory about the row groups that it wrote.

        The file is not locked for a moment. If another program opened or changed it in that moment, the connection
        is closed: the commit before this is done, so the error only shows when the connection is next used.
        """
        import duckdb

        self._checkpoint()
        before = _version(self.name)
        if self._open is None or before is None or self._log.exists():
            return
        time.sleep(_CLOCK_TICK)
        try:
            name = _detached(self._open)
            if not name:
                return
            _attach(self._open, self.name, name)
            if _version(self.name) == before and not self._log.exists():
                return
            self._lost = BusyError(f"{self.name} was changed by another program during the run", fix="run it again")
        except duckdb.Error as error:
            self._lost = not_opened(self.name, error)
        self._open.close()
        self._open = None

    @property
    def _log(self) -> Path:
        return Path(f"{self.name}.wal")

    def _give_back_memory(self) -> None:
        """Lower the limit again, so that DuckDB drops the blocks that it keeps of tables written before."""
        if self._writes_groups:
            self._limit_memory(_NOTHING)
        if self._writes_groups or self._memory > _MUCH:
            self._limit_memory(_LEAST)
        self._writes_groups = False

    def _checkpoint_if_due(self) -> None:
        """Make a checkpoint when it is due. The commit before it is done and must not be repeated, so an error here
        only shows when the connection is next used.
        """
        import duckdb

        file, log = Path(self.name), self._log
        with suppress(duckdb.Error, OSError, SettingsError):
            if log.exists() and log.stat().st_size > min(max(_LOG, file.stat().st_size // 4), _LARGEST_LOG):
                self._checkpoint()

    def _checkpoint(self, merges: int = 0) -> None:
        """Move the log to its place in the file, with as little memory as possible.

        A checkpoint without enough memory ends the connection. Committed rows are safe in the log, so a new connection
        makes another attempt with twice the memory.
        """
        import duckdb

        before = self._memory
        for _ in range(_DOUBLINGS):
            if merges:
                self._limit_memory(_LEAST)  # a merge uses all the memory that it may use
            self._allow_memory(self._scale * _CHECKPOINT.of(self._columns, 0))
            try:
                self._con.execute(f"SET max_vacuum_tasks = {merges}")
                self._con.execute("CHECKPOINT")
            except duckdb.Error as error:
                if not _is_invalid(error) and not isinstance(error, duckdb.OutOfMemoryException):
                    break  # such as another transaction on the file in this process: the rows stay in the log
                self._scale *= 2
                self._con.close()
                self._open = None
                self.connect()
            else:
                self._limit_memory(_NOTHING)  # DuckDB keeps the blocks that it wrote
                break
        self._limit_memory(before)

    def _free_room(self) -> None:
        """Merge row groups, so that the room of deleted rows can be used again.

        A merge writes rows again and takes more memory than a checkpoint, so merges come last, when DuckDB holds no
        rows in memory, and not in a run that only adds rows to new tables.
        """
        import duckdb

        with suppress(duckdb.Error):  # such as a full disk: the next run frees more
            self.execute(f"COMMENT ON TABLE {self.bridge_schema}.runs IS NULL")  # no checkpoint without a log
            self._checkpoint(_MERGES)
            self._has_replaced = False

    def execute(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement to its end; otherwise the connection would stay busy."""
        rows: list[tuple[Any, ...]] = self._con.execute(sql, list(values)).fetchall()
        return rows

    def execute_count(self, sql: str, values: Sequence[Any]) -> int:
        """DuckDB answers an UPDATE or DELETE with the number of rows."""
        return int(self.execute(sql, values)[0][0])

    def array_value(self, values: Iterable[str]) -> Any:
        """A list is bound as it is."""
        return list(values)

    @contextmanager
    def registered(self, name: str, rows: "pa.Table | None") -> Iterator[None]:
        """DuckDB reads Arrow in place."""
        if rows is None:
            yield
            return
        writes_groups = rows.num_rows >= _ROW_GROUP
        needed = (_GROUPS if writes_groups else _COMMIT).of(self._columns, rows.nbytes / 2**20)
        self._allow_memory(self._scale * needed)
        if writes_groups:
            self._writes_groups = True
            self._groups += -(-rows.num_rows // _ROW_GROUP)
        self._con.register(name, rows)
        yield
        self._con.unregister(name)  # not after a failure: it would hide the error

    def tables(self) -> frozenset[str]:
        """The tables of the main schema."""
        rows = self.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'")
        return frozenset(name for (name,) in rows)

    def columns(self, table: str) -> "pa.Schema":
        """The columns of an empty result."""
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

    def create_schema(self, schema: str) -> None:
        """Create it."""
        self.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")

    def sql_types(self, schema: "pa.Schema") -> dict[str, str]:
        """DuckDB describes them; the caller is about to write this many columns."""
        self._columns = max(self._columns, len(schema))
        self._con.register("_described", schema.empty_table())
        columns = self.execute("DESCRIBE SELECT * FROM _described")
        self._con.unregister("_described")
        return {row[0]: row[1] for row in columns}

    def _allow_memory(self, needed: float) -> None:
        """Raise the memory limit to this many megabytes, if it is lower."""
        if needed > self._memory:
            self._con.execute(f"SET memory_limit = '{needed:.0f}MB'")
            self._memory = needed

    def _limit_memory(self, most: float) -> None:
        """Set the memory limit; DuckDB drops the blocks beyond it, and refuses a limit below what is in use."""
        import duckdb

        with suppress(duckdb.Error, SettingsError):
            self._con.execute(f"SET memory_limit = '{most:.0f}MB'")
            self._memory = most

    def index(self, table: str, columns: Iterable[str]) -> None:
        """A column store needs no index."""

    def statistics_due(self) -> list[str]:
        """DuckDB keeps statistics as it writes."""
        return []

    def declare_key(self, table: str, key: str) -> None:
        """None is declared: DuckDB refuses to delete and insert a key in one transaction."""

    def replaced(self) -> None:
        """Their room is freed when the file is closed."""
        self._has_replaced = True

    def gained_memory(self, error: BaseException) -> bool:
        """Double the memory, some times at most; how much rows take cannot be known beforehand."""
        if _is_invalid(error) or self._scale >= 2**_DOUBLINGS or not _LACKS_MEMORY.search(str(error)):
            return False
        self._scale *= 2
        self._allow_memory(2 * self._memory)
        return True


def _connect(path: str) -> "duckdb.DuckDBPyConnection":
    import duckdb

    file = Path(path)
    if not file.resolve().parent.is_dir():
        raise SettingsError(
            f"the folder {file.resolve().parent} for {file.name} does not exist",
            fix="create the folder, or write four slashes (duckdb:////PATH) for a path from the root",
        )
    if file.is_dir():
        raise SettingsError(f"{path} cannot be opened: it is a folder", fix=f"name a file: {file / 'copy.duckdb'}")
    try:
        if not file.exists():
            _refuse_orphaned_log(file)
            _create(file)
        con = duckdb.connect(path)
        con.execute(_SETTINGS)  # not as a configuration: a second connection to the file would have to repeat it
        if name := _detached(con):
            _attach(con, path, name)
            _remove_spilled(path)
        return con
    except duckdb.Error as error:
        raise not_opened(path, error) from None


def _remove_spilled(path: str) -> None:
    """Remove what DuckDB had moved from memory to disk in a process that was killed; it is of no use to another one.

    The file is locked by now, so that no other process has it open.
    """
    folder = Path(f"{path}.tmp")
    with suppress(OSError):  # such as a folder that holds other files, too
        for left in folder.glob("duckdb_temp_*"):
            left.unlink()
        folder.rmdir()


def _detached(con: "duckdb.DuckDBPyConnection") -> str:
    """Detach the file that a connection was made to, and give its name in DuckDB.

    Nothing is done, and the name is empty if this process has another connection to the file, whose tables would be
    gone.
    """
    (connections,) = con.execute("FROM duckdb_connection_count()").fetchall()[0]
    if connections > 1:
        return ""
    (name,) = con.execute("SELECT current_database()").fetchall()[0]
    aside = _aside(name)
    con.execute(f"ATTACH ':memory:' AS {aside}; USE {aside}; DETACH {quoted(name)}")
    return str(name)


def _attach(con: "duckdb.DuckDBPyConnection", path: str, name: str) -> None:
    """Attach the file again, with small row groups, which are an option of ATTACH only.

    A program that has opened the file since it was detached, such as a dashboard, gets some seconds to end its query.
    """
    import duckdb

    file, database = literal(path), quoted(name)
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            con.execute(f"ATTACH {file} AS {database} (ROW_GROUP_SIZE {_ROW_GROUP})")
            break
        except duckdb.Error as error:
            if _HELD not in str(error) or time.monotonic() >= until:
                raise
            time.sleep(_CLOCK_TICK)
    con.execute(f"USE {database}; DETACH {_aside(name)}")


def _aside(name: str) -> str:
    """The name of an empty database in memory, which a connection is in while its file is detached."""
    return quoted(f"{name} aside")


def _is_invalid(error: BaseException) -> bool:
    """Whether the file must be opened again; DuckDB says so in one of two ways."""
    import duckdb

    return isinstance(error, duckdb.FatalException) or _INVALID in str(error)


def _version(path: str) -> tuple[int, ...] | None:
    """What tells a changed or another file from the one that was there; None if there is none."""
    with suppress(OSError):
        status = Path(path).stat()
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
    return None


def not_opened(path: str, error: Exception) -> BusyError | SettingsError:
    """The error of a file that DuckDB cannot open, with its fix."""
    reason, _, more = str(error).partition("\n")
    reason = _ADVICE.split(_CAUSE.findall(more)[0] if _CAUSE.search(more) else reason)[0]
    fix = next((fix for sign, fix in _FIXES.items() if sign in reason), _NOT_A_DATABASE)
    kind = BusyError if _HELD in reason else SettingsError
    return kind(f"{path} cannot be opened: {reason}", fix=fix)


_ADVICE = re.compile(r"\. (?:See also|However, you would be able to open)")
"""Where DuckDB goes on with advice to users of its own command line."""
_CAUSE = re.compile(r"because of error: (.*)")
"""The cause of a failed checkpoint, which is below the first line."""
_HELD = "Could not set lock"
_PERMISSIONS = "check the permissions of the file and of its folder"
_FIXES = {
    _HELD: "close the other program that has it open, or wait until the other run has ended",
    "Permission denied": _PERMISSIONS,
    "Read-only file system": _PERMISSIONS,
    "No space left": "free some disk space",
    "WAL does not match": "the .wal file beside it belongs to another file: delete it if that file was deleted, or put "
    "the two back together",
    "version number": "install the duckdb that wrote it, or a later one",
}
"""Fixes, by a part of DuckDB's message."""
_NOT_A_DATABASE = "the file is damaged, or was not made by DuckDB: restore it from a backup, or name another file"


def _refuse_orphaned_log(file: Path) -> None:
    """SettingsError if the log of a deleted file is still there: DuckDB could not open a new file beside it."""
    log = Path(f"{file}.wal")
    if log.exists() and not file.exists():  # another run may just have created both
        raise SettingsError(
            f"{file} does not exist, but its log {log.name} does",
            fix="delete the log too, if the copy was deleted; else put the copy back beside it",
        )


def _create(file: Path) -> None:
    """Create the file completely or not at all: half a header, left by a full disk or a kill, could never be opened."""
    import duckdb

    temporary = file.with_name(f"{file.name}.{os.getpid()}.new")
    try:
        duckdb.connect(temporary).close()
        # another run was first, or the file system has no links: DuckDB then creates the file itself
        with suppress(OSError):
            os.link(temporary, file)
    finally:
        for left in (temporary, temporary.with_name(f"{temporary.name}.wal")):
            with suppress(OSError):  # in a folder that is read-only there is nothing to remove
                left.unlink()
