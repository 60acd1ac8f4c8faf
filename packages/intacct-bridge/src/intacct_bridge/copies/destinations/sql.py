"""A copy in an SQL database: one table for each stream, kept by key, with the bookmark in the same transaction.

Tables have the objects' names; our own tables are in a schema of their own. A stream that was never read to the end is
in a table `NAME (loading)`, which gets its own name in the transaction that ends the first full refresh. Rows wait as
Arrow batches until the commit, so a writer never holds a transaction open.

`Database` is what differs between databases: one connection, one transaction at a time, rows as Arrow.
`DatabaseSession` puts it under one lock.
"""

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from intacct_bridge.copies.destinations.base import (
    NO_TIMES,
    READ_ON,
    ColumnDifference,
    Committed,
    CopyState,
    refuse_same_name,
    refuse_taken,
    require_identity,
)
from intacct_bridge.copies.destinations.bridge_schema import LOADING, BridgeSchema
from intacct_bridge.copies.destinations.schema_evolution import Evolution, combined, evolve, joined, schema_of
from intacct_bridge.copies.destinations.stored_views import StoredViews
from intacct_bridge.shared_state.place import CANCELLED_FIX
from intacct_bridge.streams.bookmark import Bookmark
from intacct_bridge.streams.stream import COPY_COLUMNS, Stream, StreamOutcome
from intacct_protocol.errors import BusyError, SettingsError, UnreachableError
from intacct_protocol.model.sql_text import quoted
from intacct_protocol.xml.values import Value

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")

_RELOAD = "or drop the table, which reloads it"
_FIXES = {
    "another entry with this name": "a view has the stream's name: drop it, or rename it",
    "used by a view": "a column has to hold more: drop the view, run again, and create the view again",
    r"column .* is of type": f"the column's type was changed: change it back, {_RELOAD}",
    "not have a column": "the table belongs to something else, or lost a column: rename it, which reloads the stream",
    "permission denied for database": "as the owner of the database: CREATE SCHEMA {ours}, "
    "and GRANT USAGE, CREATE ON it TO the user",
    "permission denied for schema": "as the owner of the schema in the message: GRANT USAGE, CREATE ON it TO the user",
    "has no equivalent in encoding": "the database cannot hold this text: use a database with the encoding UTF8",
    "violates not-null constraint": "if the column was added to the table, give it a DEFAULT, or let it be NULL; a key "
    "must have a value",
    "violates (check|foreign key|exclusion) constraint": "the constraint was added to the table: drop it",
    "No space left|[Dd]isk full": "free some disk space",
    "canceling statement": CANCELLED_FIX,
    r"column .*(does not exist|not found)": f"the column was renamed or dropped: restore it, {_RELOAD}",
}
"""Fixes, by the messages of databases: about tables that were changed or are used by views, rights, a full disk."""


class Database(Protocol):
    """A database as the destination needs it. A value is bound for each `?` of the SQL."""

    dialect: str
    """`duckdb` or `postgresql`."""
    commit_rows: int
    """How many rows of one stream a commit should hold."""
    name: str
    """Its name in messages."""
    schema: str
    """The schema of the streams' tables."""
    bridge_schema: str
    """The schema of our own tables, quoted."""
    array_sql: str
    """SQL for an array of strings as a bound value."""
    longest_name: int
    """How many bytes a name may have; 0: no limit."""
    ignores_case: bool
    """Names that differ only in case are the same."""
    system_columns: tuple[str, ...]
    """Columns that it gives every table, so that no field can have their names."""

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """The exceptions for everything that goes wrong with the database or its disk."""

    def connect(self) -> None:
        """Open it, if it is not open; SettingsError if that fails."""

    def is_lost(self, error: BaseException) -> bool:
        """Whether an error means that the connection to its server is lost."""

    def reason(self, error: BaseException) -> str:
        """What an error says, in one line."""

    def lock(self) -> bool:
        """Keep other runs out until it is closed; False if another run has it."""

    def close(self) -> None:
        """Close it."""

    def begin(self) -> None:
        """Begin a transaction."""

    def end(self, *, keep: bool) -> None:
        """Commit the transaction, or roll it back."""

    def execute(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows, if it has any."""

    def execute_count(self, sql: str, values: Sequence[Any]) -> int:
        """Run an UPDATE or DELETE and return the number of its rows."""

    def array_value(self, values: Iterable[str]) -> Any:
        """Strings as `array_sql` takes them."""

    def registered(self, name: str, rows: "pa.Table | None") -> AbstractContextManager[None]:
        """Make rows available to SQL under a name; None: no rows."""

    def tables(self) -> frozenset[str]:
        """The names of all tables, in one query, since each is slow."""

    def create_schema(self, schema: str) -> None:
        """Create a schema, its name quoted, if it does not exist."""

    def columns(self, table: str) -> "pa.Schema":
        """The columns of an existing table as Arrow types, without those that a copy adds."""

    def sql_types(self, schema: "pa.Schema") -> dict[str, str]:
        """The database's name of each column's type."""

    def index(self, table: str, columns: Iterable[str]) -> None:
        """Index these columns; an empty name is ignored."""

    def statistics_due(self) -> list[str]:
        """The statements that let it look at the tables that it has never looked at."""

    def declare_key(self, table: str, key: str) -> None:
        """Declare the primary key of a complete table, if its rows prove it and the database can use it."""

    def replaced(self) -> None:
        """Rows of a complete table were replaced or deleted."""

    def gained_memory(self, error: BaseException) -> bool:
        """Whether a transaction failed only for lack of memory, and would find more in another attempt."""


_CONTINUES = "; committed rows are kept, and the next run continues from there"


def failure(database: Database, error: BaseException, then: str = "") -> SettingsError | UnreachableError:
    """The error for one of a database's own exceptions; its fix ends with `then`."""
    reason = database.reason(error)
    if database.is_lost(error):
        return UnreachableError(
            f"the connection to {database.name} was lost: {reason}",
            fix="Start the server, or wait until it answers, and run it again. Committed rows are kept.",
        )
    fix = next((fix for sign, fix in _FIXES.items() if re.search(sign, reason)), "check the database and its disk")
    return SettingsError(f"{database.name} failed: {reason}", fix=f"{fix.format(ours=database.bridge_schema)}{then}")


class DatabaseSession:
    """A database under one lock."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.RLock()
        self.execute = database.execute
        self.execute_count = database.execute_count
        self.create_schema = database.create_schema
        self.sql_types = database.sql_types
        self.registered = database.registered
        self.index = database.index
        self.declare_key = database.declare_key
        self.replaced = database.replaced

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction at a time, rolled back on any error."""
        with self._lock:
            try:
                self._database.begin()
                yield
                self._database.end(keep=True)
            except BaseException as error:
                with suppress(*self._database.errors):
                    self._database.end(keep=False)
                if isinstance(error, self._database.errors):
                    raise failure(self._database, error, _CONTINUES) from error
                raise

    def run(self, job: Callable[[], T]) -> T:
        """Do a job in one transaction; again, if it failed only for lack of memory and there is more now."""
        with self._lock:
            while True:
                try:
                    with self.transaction():
                        return job()
                except Exception as error:
                    if not self._database.gained_memory(error.__cause__ or error):
                        raise

    @contextmanager
    def listed(self, values: Sequence[Value], of: "pa.DataType") -> Iterator[None]:
        """Make values available as the column `v` of the table `_listed`."""
        import pyarrow as pa

        with self.registered("_listed", pa.table({"v": pa.array(values, of)})):
            yield

    def row(self, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
        """The only row of a query."""
        return self.execute(sql, values)[0]

    def close(self) -> None:
        """Close the database, when no transaction is open."""
        with self._lock:
            self._database.close()


class SqlDestination:
    """An SQL database as a destination."""

    commit_bytes = 16 * 2**20
    commit_seconds = 3.0

    def __init__(self, uri: str, database: Database, *, hard_deletes: bool = False) -> None:
        self.uri = uri
        self.commit_rows = database.commit_rows
        self.database = DatabaseSession(database)
        self._database = database
        self._hard = hard_deletes
        self._tables: frozenset[str] | None = None
        self.run = 0

    def open(self, company: str, started: datetime) -> int:
        """Begin a run."""
        self._database.connect()

        def begin() -> int:
            self._begin()
            return self.bridge.begin_run(self._database.name, company, started)

        self.run = self.database.run(begin)
        return self.run

    @property
    def bridge(self) -> BridgeSchema:
        """Our own tables, for use within a transaction."""
        db = self._database
        return BridgeSchema(db.execute, db.schema, db.bridge_schema, execute_count=db.execute_count)

    def states(self) -> Mapping[str, CopyState]:
        """What the copy holds of each stream; connects for it, and closes again."""
        self._database.connect()
        try:
            holds_copy = "bookmarks" in self.database.run(self.bridge.present)
            return {name: self._state(name, one) for name, one in self.bookmarks().items()} if holds_copy else {}
        finally:
            self.close()

    @property
    def views(self) -> StoredViews:
        """Our views in the database."""
        return StoredViews(self.database.execute, self._database.dialect, self._database.bridge_schema)

    @property
    def dialect(self) -> str:
        """`duckdb` or `postgresql`."""
        return self._database.dialect

    @property
    def schemas(self) -> tuple[str, str]:
        """The schema of the streams' tables, and that of our own tables, quoted."""
        return quoted(self._database.schema), self._database.bridge_schema

    @contextmanager
    def attached(self) -> Iterator[None]:
        """The database open for changes beside its rows, without a run. SettingsError if it holds no copy."""
        self._database.connect()
        try:
            if "bookmarks" not in self.database.run(self.bridge.present):
                raise SettingsError(f"{self._database.name} holds no copy", fix="extract into it first")
            self.database.run(self._begin)
            yield
        finally:
            self.close()

    def _begin(self) -> None:
        """Keep other runs out, and make our own tables."""
        if not self._database.lock():
            raise BusyError(f"another run is writing to {self._database.name}", fix="wait until it has ended")
        self.database.create_schema(self._database.bridge_schema)
        self.bridge.create()

    def gather_statistics(self) -> None:
        """Let a database look at the tables that it has never looked at: without that it joins them badly."""
        for statement in self.database.run(self._database.statistics_due):
            self.database.run(partial(self.database.execute, statement))

    def settings(self) -> dict[str, str]:
        """What the copy keeps about the company."""
        return self.database.run(self.bridge.settings)

    def keep_settings(self, values: Mapping[str, str], at: datetime) -> None:
        """Keep values about the company."""

        def keep() -> None:
            for name, value in values.items():
                self.bridge.keep_setting(name, value, at)

        self.database.run(keep)

    def complete_tables(self) -> dict[str, list[str]]:
        """The columns of each table whose first full refresh has ended, as they are now."""
        return self.database.run(self.bridge.complete_tables)

    def bookmarks(self) -> Mapping[str, Bookmark]:
        """The bookmark of every stream in the database."""
        return self.database.run(self.bridge.bookmarks)

    def finish(self, outcomes: Sequence[StreamOutcome], at: datetime) -> None:
        """Store the outcome of each stream."""

        def store() -> None:
            self.bridge.keep_outcomes(self.run, outcomes, self._database.array_sql, self._database.array_value)
            self.bridge.end_run(self.run, at)
            self.bridge.keep_setting(READ_ON, at.date().isoformat(), at)

        self.database.run(store)

    def _state(self, stream: str, bookmark: Bookmark) -> CopyState:
        schema = self.database.run(lambda: self.columns(stream) or self.columns(self.loading_name(stream)))
        return CopyState(bookmark, tuple(schema.names) if schema is not None else ())

    def columns(self, table: str) -> "pa.Schema | None":
        """The columns of a table; None if there is none."""
        tables = self._tables
        if tables is None:
            tables = self._tables = self._database.tables()
        return self._database.columns(table) if table in tables else None

    def forget_names(self) -> None:
        """A table was created or renamed."""
        self._tables = None

    def loading_name(self, table: str) -> str:
        """The name of a table until the first full refresh has ended."""
        room = (self._database.longest_name or 1000) - len(LOADING)
        if len(table.encode()) <= room:
            return table + LOADING
        digest = sha256(table.encode()).hexdigest()[:8]  # or two long names would become the same
        return table.encode()[: room - len(digest)].decode(errors="ignore") + digest + LOADING

    def refuse_long(self, names: Iterable[str], fix: str) -> None:
        """SettingsError for a name that the database would truncate, so that it could not be found again."""
        most = self._database.longest_name
        long = next((name for name in names if most and len(name.encode()) > most), "")
        if long:
            raise SettingsError(
                f"the name {long} is too long for {self._database.name}, which takes {most} bytes", fix=fix
            )

    def refuse_taken(self, table: str, fields: Iterable[str]) -> None:
        """SettingsError for a field with the name of a column that we or the database add."""
        reserved = (*COPY_COLUMNS, *self._database.system_columns)
        refuse_taken(table, fields, reserved, ignores_case=self._database.ignores_case)

    def refuse_same_name(self, table: str) -> None:
        """SettingsError if the database would take another table for this one."""
        if self._database.ignores_case:
            tables = self._database.tables()
            refuse_same_name(table, tables)
            refuse_same_name(self.loading_name(table), tables)

    def writer(self, stream: Stream, bookmark: Bookmark) -> "SqlWriter":
        """The writer of one stream."""
        self.refuse_long([stream.name], "give the table another name: STREAM?as=NAME")
        return SqlWriter(self, stream, bookmark, hard=self._hard)

    def close(self) -> None:
        """Close the database; anything that was not committed is lost."""
        self.database.close()


class SqlWriter:
    """The writer of one stream's table."""

    def __init__(self, destination: SqlDestination, stream: Stream, bookmark: Bookmark, *, hard: bool) -> None:
        self._destination = destination
        self._db = destination.database
        self._stream = stream
        self._hard = hard
        self._batches: list[pa.RecordBatch] = []
        self._parents: list[Value] = []
        self._deleted: list[tuple[str, list[Value]]] = []
        self._is_loading = False
        self._schema: pa.Schema | None = self._db.run(lambda: self._stored_columns(bookmark))
        self._fresh = self._schema is None and not stream.group
        self._marked = hard and self._schema is not None
        """Earlier runs may have marked rows as deleted, which are to be removed."""

    def _stored_columns(self, bookmark: Bookmark) -> "pa.Schema | None":
        """The columns of the table to continue with; None if there is none."""
        schema = self._destination.columns(self._stream.name)
        self._is_loading = schema is None
        if self._is_loading:
            schema = self._destination.columns(self._destination.loading_name(self._stream.name))
            if schema is not None and not bookmark.in_progress:
                self._db.execute(f"DROP TABLE {self._table}")  # of a first walk that is not resumed
                schema = None
        return schema

    @property
    def complete(self) -> bool:
        """Whether the copy is complete."""
        return not self._is_loading

    @property
    def loading(self) -> bool:
        """Whether there is a table of a first full refresh that has not ended."""
        return self._is_loading and self._schema is not None

    @property
    def difference(self) -> ColumnDifference:
        """Between the table's columns and the stream."""
        return ColumnDifference() if self._schema is None else ColumnDifference.of(self._schema.names, self._stream)

    @property
    def _table(self) -> str:
        name = self._stream.name
        return quoted(self._destination.loading_name(name) if self._is_loading else name)

    @property
    def _parent_field(self) -> str:
        return self._stream.group or self._stream.header_key

    def write(self, rows: "pa.RecordBatch") -> None:
        """Keep the rows until the commit."""
        if rows.num_rows:
            self._batches.append(rows)

    def replace(self, parents: Sequence[Value]) -> None:
        """Keep the parents until the commit."""
        self._parents.extend(parents)

    def delete(
        self,
        keys: Sequence[Value],
        *,
        field: str = "",
        times: Mapping[str, datetime] = NO_TIMES,  # noqa: ARG002
    ) -> None:
        """Keep the deletes until the commit."""
        self._deleted.append((field or self._stream.key, list(keys)))

    def commit(self, bookmark: Bookmark, at: datetime) -> Committed:
        """Store the columns, the rows and the bookmark in one transaction."""
        before = self._schema

        def store() -> Committed:
            self._schema = before  # a failed attempt stored nothing
            evolution = self._evolve()
            self._schema = evolution.schema
            deleted = self._store(evolution.schema, at)
            deleted += sum(self._delete(field, keys, at) for field, keys in self._deleted)
            if self._marked:
                self._db.execute(f"DELETE FROM {self._table} WHERE _deleted_at IS NOT NULL")
            if not self._is_loading and (self._batches or deleted or self._marked):
                self._db.replaced()
            if self._is_loading and not bookmark.in_progress:
                self._db.execute(f"ALTER TABLE {self._table} RENAME TO {quoted(self._stream.name)}")
                if self._stream.object and not self._stream.group:
                    self._db.declare_key(self._stream.name, self._stream.key)
            self._destination.bridge.keep_bookmark(self._stream.name, bookmark, at)
            return Committed(evolution.added, evolution.widened, deleted)

        done = self._db.run(store)
        if self._is_loading:
            self._destination.forget_names()
        self._is_loading = self._is_loading and bookmark.in_progress
        self._fresh = self._fresh and self._is_loading
        self._batches, self._parents, self._deleted = [], [], []
        self._marked = False
        return done

    def keys_by_value(self, field: str, values: Sequence[Value]) -> dict[Value, list[Value]]:
        """Look values up in the table."""
        keys_by_value: dict[Value, list[Value]] = {}
        for value, key in self._look_up(f"{quoted(field)}, {quoted(self._stream.key)}", field, values):
            keys_by_value.setdefault(value, []).append(key)
        return keys_by_value

    def values_of(self, field: str, keys: Sequence[Value]) -> set[Value] | None:
        """Look keys up in the table."""
        if self._schema is None or field not in self._schema.names:
            return None
        return {value for (value,) in self._look_up(f"DISTINCT {quoted(field)}", self._stream.key, keys)}

    def _look_up(self, select: str, field: str, values: Sequence[Value]) -> list[Any]:
        """What the live rows with these values of a field hold; nothing if no row can have the field."""
        if self._schema is None or field not in self._schema.names or not values:
            return []
        typed = self._schema.field(field).type
        where = f"WHERE _deleted_at IS NULL AND {quoted(field)} IN (SELECT v FROM _listed)"

        def look_up() -> list[Any]:
            with self._db.listed(values, typed):
                return self._db.execute(f"SELECT {select} FROM {self._table} {where}")

        return self._db.run(look_up)

    def missed_by(self, run: int) -> list[Value]:
        """Keys or groups whose rows were last written before the run."""
        walked = quoted(self._stream.walk_field)
        return [value for (value,) in self._live_rows(f"DISTINCT {walked}", "AND _run < ? ORDER BY 1", [run])]

    def rows_by_value(self) -> dict[Value, int]:
        """Count the rows of each key or group."""
        walked = quoted(self._stream.walk_field)
        return dict(self._live_rows(f"{walked}, count(*)", "GROUP BY 1"))

    def count_rows(self) -> tuple[int, Value]:
        """Count the rows, and find the highest key or group."""
        rows = self._live_rows(f"count(*), max({quoted(self._stream.walk_field)})")
        return rows[0] if rows else (0, None)

    def _live_rows(self, select: str, rest: str = "", values: Sequence[Value] = ()) -> list[Any]:
        if self._schema is None:
            return []
        sql = f"SELECT {select} FROM {self._table} WHERE _deleted_at IS NULL {rest}"
        return self._db.run(lambda: self._db.execute(sql, list(values)))

    def _evolve(self) -> Evolution:
        """Create the table, or give it the columns that the waiting rows need."""
        require_identity(self._stream, self._schema.names if self._schema is not None else None)
        declared = schema_of(self._stream.fields)
        incoming = joined((declared, *(batch.schema for batch in self._batches)), self._stream.name)
        evolution = evolve(self._stream.name, self._schema, incoming)
        self._destination.refuse_taken(self._stream.name, incoming.names)
        self._destination.refuse_long(evolution.schema.names, "leave the field out with `select`")
        changed = self._schema is None or evolution.added or evolution.widened
        types = self._db.sql_types(evolution.schema) if changed or self._batches else {}
        if self._schema is None:
            self._destination.refuse_same_name(self._stream.name)
            columns = ", ".join(f"{quoted(name)} {sql}" for name, sql in types.items())
            self._db.execute(
                f"CREATE TABLE {self._table} ({columns}, _run BIGINT, _read_at TIMESTAMPTZ, _deleted_at TIMESTAMPTZ)"
            )
            self._db.index(self._table, dict.fromkeys((self._stream.key, self._parent_field)))
        for name in evolution.added:
            self._db.execute(f"ALTER TABLE {self._table} ADD COLUMN {quoted(name)} {types[name]}")
        if evolution.widened:
            self._widen(evolution.widened, types)
        return evolution

    def _widen(self, names: Sequence[str], types: Mapping[str, str]) -> None:
        """Change the types of columns, with our views out of the way."""
        reason = f"{self._stream.name}.{names[0]} has to hold more"
        with self._destination.views.suspended(reason):
            for name in names:
                self._db.execute(f"ALTER TABLE {self._table} ALTER COLUMN {quoted(name)} TYPE {types[name]}")

    def _store(self, schema: "pa.Schema", at: datetime) -> int:
        """Store the waiting rows; the number of rows that a replacement deleted."""
        stream = self._stream
        rows = combined(self._batches, schema, "" if stream.group else stream.key) if self._batches else None
        with self._db.registered("_arrived", rows):
            deleted = self._replace(at, arrived=rows is not None)
            if rows is None:
                return deleted
            if self._fresh or stream.group:
                self._insert(rows.schema.names, at)
            else:
                self._upsert(rows.schema.names, schema, at)
        return deleted

    def _upsert(self, names: Sequence[str], schema: "pa.Schema", at: datetime) -> None:
        """Replace known rows by those that arrived, and keep the cells of columns that did not arrive.

        Not with MERGE: for a table of 150 columns DuckDB needs hundreds of megabytes to merge a few rows.
        """
        key = quoted(self._stream.key)
        replaced = f"FROM {self._table} WHERE {key} IN (SELECT {key} FROM _arrived)"
        unfilled = [name for name in schema.names if name not in names]
        if unfilled:
            unfilled_columns = ", ".join(map(quoted, (self._stream.key, *unfilled)))
            self._db.execute(f"CREATE TEMP TABLE _kept AS SELECT {unfilled_columns} {replaced}")
        self._db.execute(f"DELETE {replaced}")
        self._insert(names, at, unfilled)
        if unfilled:
            self._db.execute("DROP TABLE _kept")

    def _insert(self, names: Sequence[str], at: datetime, unfilled: Sequence[str] = ()) -> None:
        """Insert the rows that arrived: known ones with their kept cells, new ones with the columns' defaults."""
        key = quoted(self._stream.key)
        if unfilled:
            self._insert_from(f"_arrived JOIN _kept USING ({key})", (*names, *unfilled), at)
        new = f" WHERE NOT EXISTS (SELECT 1 FROM _kept WHERE _kept.{key} = _arrived.{key})" if unfilled else ""
        self._insert_from(f"_arrived{new}", names, at)

    def _insert_from(self, rows: str, names: Sequence[str], at: datetime) -> None:
        columns = ", ".join(map(quoted, names))
        self._db.execute(
            f"INSERT INTO {self._table} ({columns}, _run, _read_at) SELECT {columns}, ?, ? FROM {rows}",
            [self._destination.run, at],
        )

    def _replace(self, at: datetime, *, arrived: bool) -> int:
        """Delete the rows under the parents that did not arrive again; their number."""
        if not self._parents:
            return 0
        field, key = quoted(self._parent_field), quoted(self._stream.key)
        under = f"{field} IN (SELECT v FROM _listed)"
        not_arrived = f" AND {key} NOT IN (SELECT {key} FROM _arrived)" if arrived and not self._stream.group else ""
        with self._db.listed(self._parents, self._type_of(self._parent_field)):
            if self._stream.group:
                (before,) = self._db.row(f"SELECT count(*) FROM {self._table} WHERE {under} AND _deleted_at IS NULL")
                self._db.execute(f"DELETE FROM {self._table} WHERE {under}")
                arriving = sum(int(batch.num_rows) for batch in self._batches)
                return max(0, int(before) - arriving)
            return self._delete_where(under + not_arrived, at)

    def _delete(self, field: str, keys: list[Value], at: datetime) -> int:
        with self._db.listed(keys, self._type_of(field)):
            return self._delete_where(f"{quoted(field)} IN (SELECT v FROM _listed)", at)

    def _delete_where(self, where: str, at: datetime) -> int:
        """Mark rows as deleted, or remove them with `hard_deletes`; their number."""
        living = f"{where} AND _deleted_at IS NULL"
        if self._hard:
            return self._db.execute_count(f"DELETE FROM {self._table} WHERE {living}", [])
        mark = f"UPDATE {self._table} SET _deleted_at = ?, _run = ? WHERE {living}"
        return self._db.execute_count(mark, [at, self._destination.run])

    def _type_of(self, field: str) -> "pa.DataType":
        assert self._schema is not None
        return self._schema.field(field).type
