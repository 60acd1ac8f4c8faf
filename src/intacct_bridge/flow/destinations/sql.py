"""A copy in an SQL database: one table a stream, kept by key, the bookmark in the same transaction as the rows.

Tables carry the objects' names; ours stand in a schema of their own. A stream that was never read to the end lies
in a table named `NAME (loading)` and gets its own name in the transaction that ends its first walk. Rows wait as
Arrow batches until the commit, so a writer never holds a transaction open.

An SQL database as a copy needs it, whichever it is: one connection, one transaction at a time, rows as Arrow.

What differs between databases is behind `Database`; `Session` puts it under one lock.
"""

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from intacct_bridge.errors import SettingsError
from intacct_bridge.model.batched import batched
from intacct_bridge.wire.values import Value

if TYPE_CHECKING:
    import pyarrow as pa
import json
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from intacct_bridge.flow.destinations.base import (
    ColumnDifference,
    Committed,
    CopyState,
    quoted,
    refuse_alike,
    refuse_other,
)
from intacct_bridge.flow.destinations.schema_evolution import Evolution, evolve, gathered, joined, schema_of
from intacct_bridge.flow.streams.bookmark import Bookmark
from intacct_bridge.flow.streams.stream import Stream, StreamOutcome

T = TypeVar("T")

_ANEW = "or drop the table, and it is read anew"
_FIXES = {
    "another entry with this name": "a view of the stream's name is in the way: drop it, or give it another name",
    "used by a view": "a column is to hold more: drop the view, run again, and make the view anew",
    r"column .* is of type": f"the column's type was changed by hand: change it back, {_ANEW}",
    "not have a column": "the table is another's, or lost a column: give it another name, and the stream is read anew",
    r"column .*(does not exist|not found)": f"the column was renamed or dropped by hand: put it back, {_ANEW}",
}
"""What to do, by what databases say of tables that somebody has changed or built upon."""


class Database(Protocol):
    """A database as the sink needs it. Values are bound where the SQL says `?`."""

    name: str
    """How a person would call it."""
    ours: str
    """The schema of our own tables, quoted."""
    listing: str
    """An array of texts as a bound value, in SQL."""
    longest: int
    """How many bytes a name may have; 0 where there is no end to it."""
    blind: bool
    """Names that differ in capitals only are one."""

    @property
    def troubles(self) -> tuple[type[Exception], ...]:
        """What goes wrong with the database or its disk is told by these."""

    def connect(self) -> None:
        """Open it, if it is not open; SettingsError where that is not possible."""

    def claim(self) -> bool:
        """Keep other runs out until it is closed; False where one is at work."""

    def close(self) -> None:
        """Let go of it."""

    def begin(self) -> None:
        """Begin a transaction."""

    def end(self, *, keep: bool) -> None:
        """Commit the transaction, or undo it."""

    def execute(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement; its rows, if it has any."""

    def changed(self, sql: str, values: Sequence[Any]) -> int:
        """Run an UPDATE or DELETE; the number of rows it met."""

    def texts(self, values: Iterable[str]) -> Any:
        """Texts as `listing` wants them bound."""

    def arrived(self, name: str, rows: "pa.Table | None") -> AbstractContextManager[None]:
        """Rows under a name that SQL can use."""

    def tables(self) -> frozenset[str]:
        """The names of the tables that are there; one question for all, since each is slow."""

    def columns(self, table: str) -> "pa.Schema":
        """The columns of a table that is there as Arrow types, ours left out."""

    def sql_types(self, schema: "pa.Schema") -> dict[str, str]:
        """What the database calls each column's type."""

    def index(self, table: str, columns: Iterable[str]) -> None:
        """Make rows findable by these columns; an empty name is none."""

    def has_more_room(self, error: BaseException) -> bool:
        """Whether a transaction failed for want of memory only, and would find more if it were tried again."""


class DatabaseSession:
    """One database under one lock."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.RLock()
        self.execute = database.execute
        self.changed = database.changed
        self.sql_types = database.sql_types
        self.arrived = database.arrived
        self.index = database.index

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing, one at a time."""
        with self._lock:
            try:
                self._database.begin()
                yield
                self._database.end(keep=True)
            except BaseException as error:
                with suppress(*self._database.troubles):
                    self._database.end(keep=False)
                if isinstance(error, self._database.troubles):
                    raise self._trouble(error) from error
                raise

    def _trouble(self, error: BaseException) -> SettingsError:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        fix = next((fix for sign, fix in _FIXES.items() if re.search(sign, said)), "see to the database or its disk")
        return SettingsError(
            f"{self._database.name} failed: {said}",
            fix=f"{fix}; what was committed is kept, and the next run goes on from there",
        )

    def whole(self, job: Callable[[], T]) -> T:
        """What a job gives, done in one transaction; done again where memory was all that it lacked."""
        with self._lock:
            while True:
                try:
                    with self.transaction():
                        return job()
                except Exception as error:
                    if not self._database.has_more_room(error.__cause__ or error):
                        raise

    @contextmanager
    def listed(self, values: Sequence[Value], of: "pa.DataType") -> Iterator[None]:
        """Values as the column `v` of `_listed`, so that a list of any length is one thing."""
        import pyarrow as pa

        with self.arrived("_listed", pa.table({"v": pa.array(values, of)})):
            yield

    def row(self, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
        """The only row of an answer."""
        return self.execute(sql, values)[0]

    def close(self) -> None:
        """Close the database, once no transaction is open."""
        with self._lock:
            self._database.close()


LOADING = " (loading)"
_OURS = (
    "CREATE SCHEMA IF NOT EXISTS {ours}",
    "CREATE TABLE IF NOT EXISTS {ours}.copy (company VARCHAR, made TIMESTAMPTZ)",
    "CREATE TABLE IF NOT EXISTS {ours}.bookmarks (stream VARCHAR PRIMARY KEY, bookmark VARCHAR, updated TIMESTAMPTZ)",
    "CREATE TABLE IF NOT EXISTS {ours}.runs (run BIGINT PRIMARY KEY, started TIMESTAMPTZ, finished TIMESTAMPTZ)",
    (
        'CREATE TABLE IF NOT EXISTS {ours}.outcomes (run BIGINT, stream VARCHAR, "rows" BIGINT, deleted BIGINT, '
        'pages BIGINT, transactions BIGINT, seconds DOUBLE PRECISION, "full" BOOLEAN, complete BOOLEAN, '
        "added VARCHAR[], widened VARCHAR[], dropped VARCHAR[], error VARCHAR, fix VARCHAR)"
    ),
)

_TOGETHER = 100
"""Outcomes that are written by one statement; forty by one each took a thirtieth of a second."""


class SqlSink:
    """An SQL database as a destination."""

    commit_rows = 10_000
    commit_bytes = 16 * 2**20
    commit_seconds = 3.0

    def __init__(self, uri: str, database: Database, *, hard_deletes: bool = False) -> None:
        self.uri = uri
        self.database = DatabaseSession(database)
        self._database = database
        self._hard = hard_deletes
        self._tables: frozenset[str] | None = None
        self.run = 0

    def open(self, company: str, started: datetime) -> int:
        """Begin a run."""
        self._database.connect()
        db, ours = self.database, self._database.ours

        def begin() -> None:
            if not self._database.claim():
                raise SettingsError(f"another run is writing to {self._database.name}", fix="wait until it has ended")
            for statement in _OURS:
                db.execute(statement.format(ours=ours))
            held = db.execute(f"SELECT company FROM {ours}.copy")
            if not held:
                db.execute(f"INSERT INTO {ours}.copy VALUES (?, ?)", [company, started])
            elif held != [(company,)]:
                raise SettingsError(
                    f"{self._database.name} holds a copy of company {held[0][0]}, and this connection is to {company}",
                    fix="give each company a copy of its own",
                )
            (self.run,) = db.row(f"SELECT coalesce(max(run), 0) + 1 FROM {ours}.runs")
            db.execute(f"INSERT INTO {ours}.runs VALUES (?, ?, NULL)", [self.run, started])

        db.whole(begin)
        return self.run

    def peek(self) -> Mapping[str, CopyState]:
        """What is there, without beginning a run, and closed again; nothing where nothing is stored yet."""
        self._database.connect()
        ours = "SELECT count(*) FROM information_schema.tables WHERE table_schema = ? AND table_name = 'bookmarks'"
        try:
            there = self.database.execute(ours, [self._database.ours.strip('"')])
            return (
                {} if there == [(0,)] else {name: self._standing(name, one) for name, one in self.bookmarks().items()}
            )
        finally:
            self.close()

    def bookmarks(self) -> Mapping[str, Bookmark]:
        """The bookmark of every stream in the database."""
        ask = f"SELECT stream, bookmark FROM {self._database.ours}.bookmarks ORDER BY stream"
        stored = self.database.whole(lambda: self.database.execute(ask))
        return {stream: Bookmark.from_dict(json.loads(text)) for stream, text in stored}

    def _standing(self, stream: str, bookmark: Bookmark) -> CopyState:
        schema = self.database.whole(lambda: self.columns(stream) or self.columns(self.loading(stream)))
        return CopyState(bookmark, tuple(schema.names) if schema is not None else ())

    def keep_bookmark(self, stream: str, plain: str, at: datetime) -> None:
        """Store a bookmark within the transaction that is open."""
        ours = self._database.ours
        self.database.execute(
            f"INSERT INTO {ours}.bookmarks VALUES (?, ?, ?) ON CONFLICT (stream) "
            "DO UPDATE SET bookmark = excluded.bookmark, updated = excluded.updated",
            [stream, plain, at],
        )

    def columns(self, table: str) -> "pa.Schema | None":
        """The columns of a table; None where there is none."""
        tables = self._tables
        if tables is None:
            tables = self._tables = self._database.tables()
        return self._database.columns(table) if table in tables else None

    def forget_names(self) -> None:
        """A table was made or renamed."""
        self._tables = None

    def loading(self, table: str) -> str:
        """What a table is called until it is whole."""
        room = (self._database.longest or 1000) - len(LOADING)
        if len(table.encode()) <= room:
            return table + LOADING
        digest = sha256(table.encode()).hexdigest()[:8]  # or two long names would be one
        return table.encode()[: room - len(digest)].decode(errors="ignore") + digest + LOADING

    def refuse_long(self, names: Iterable[str], fix: str) -> None:
        """A name that the database would cut off is refused, since what was cut off would never be found again."""
        most = self._database.longest
        long = next((name for name in names if most and len(name.encode()) > most), "")
        if long:
            raise SettingsError(
                f"{self._database.name} has no room for the name {long}: it takes {most} bytes", fix=fix
            )

    def refuse_alike(self, table: str) -> None:
        """Raise where the database would take another table that is there for this one."""
        if self._database.blind:
            there = self._database.tables()
            refuse_alike(table, there)
            refuse_alike(self.loading(table), there)

    def writer(self, stream: Stream, bookmark: Bookmark) -> "SqlWriter":
        """The writer of one stream."""
        self.refuse_long([stream.name], "give the table another name: STREAM?as=NAME")
        return SqlWriter(self, stream, bookmark, hard=self._hard)

    def finish(self, outcomes: Sequence[StreamOutcome], at: datetime) -> None:
        """Write what became of each stream."""
        db, ours = self.database, self._database.ours
        marks = ", ".join(["?"] * 9 + [self._database.listing] * 3 + ["?"] * 2)

        def write() -> None:
            for some in batched(outcomes, _TOGETHER):
                values = [cell for one in some for cell in self._cells(one)]
                db.execute(f"INSERT INTO {ours}.outcomes VALUES {', '.join([f'({marks})'] * len(some))}", values)
            db.execute(f"UPDATE {ours}.runs SET finished = ? WHERE run = ?", [at, self.run])

        db.whole(write)

    def _cells(self, one: StreamOutcome) -> list[Any]:
        """An outcome as a row."""
        cells = [self.run, one.stream, one.rows, one.deleted, one.pages, one.transactions, one.seconds]
        lists = [self._database.texts(texts) for texts in (one.added, one.widened, one.unqueryable)]
        return [*cells, one.full, one.complete, *lists, one.error, one.fix]

    def close(self) -> None:
        """Close the database; what was not committed is lost."""
        self.database.close()


class SqlWriter:
    """One stream's table."""

    def __init__(self, sink: SqlSink, stream: Stream, bookmark: Bookmark, *, hard: bool) -> None:
        self._sink = sink
        self._db = sink.database
        self._stream = stream
        self._hard = hard
        self._batches: list[pa.RecordBatch] = []
        self._parents: list[Value] = []
        self._gone: list[tuple[str, list[Value]]] = []
        self._loading = False
        self._schema: pa.Schema | None = self._db.whole(lambda: self._found(bookmark))
        self._fresh = self._schema is None and not stream.group
        self._marked = hard and self._schema is not None
        """Rows may be there that earlier runs have marked, and that are to be removed."""

    def _found(self, bookmark: Bookmark) -> "pa.Schema | None":
        """The columns of the table that is there to go on with."""
        found = self._sink.columns(self._stream.name)
        self._loading = found is None
        if self._loading:
            found = self._sink.columns(self._sink.loading(self._stream.name))
            if found is not None and not bookmark.in_progress:
                self._db.execute(f"DROP TABLE {self._table}")  # of a first walk that is not to be gone on with
                found = None
        return found

    @property
    def complete(self) -> bool:
        """A whole copy is there."""
        return not self._loading

    @property
    def begun(self) -> bool:
        """An unfinished table is there."""
        return self._loading and self._schema is not None

    @property
    def difference(self) -> ColumnDifference:
        """Between the table and the stream."""
        return ColumnDifference() if self._schema is None else ColumnDifference.of(self._schema.names, self._stream)

    @property
    def _table(self) -> str:
        name = self._stream.name
        return quoted(self._sink.loading(name) if self._loading else name)

    @property
    def _by(self) -> str:
        return self._stream.group or self._stream.header_key

    def write(self, rows: "pa.RecordBatch") -> None:
        """Hold the rows until the commit."""
        if rows.num_rows:
            self._batches.append(rows)

    def replace(self, parents: Sequence[Value]) -> None:
        """Note the parents for the commit."""
        self._parents.extend(parents)

    def delete(self, keys: Sequence[Value], *, field: str = "") -> None:
        """Note what is gone for the commit."""
        self._gone.append((field or self._stream.key, list(keys)))

    def commit(self, bookmark: Bookmark, at: datetime) -> Committed:
        """One transaction: the columns, the rows, the bookmark."""
        held = self._schema

        def put_in() -> Committed:
            self._schema = held  # of a try that failed nothing was kept
            evolution = self._evolve()
            self._schema = evolution.schema
            deleted = self._store(evolution.schema, at)
            deleted += sum(self._delete(field, keys, at) for field, keys in self._gone)
            if self._marked:
                self._db.execute(f"DELETE FROM {self._table} WHERE _deleted_at IS NOT NULL")
            if self._loading and not bookmark.in_progress:
                self._db.execute(f"ALTER TABLE {self._table} RENAME TO {quoted(self._stream.name)}")
            self._sink.keep_bookmark(self._stream.name, json.dumps(bookmark.to_dict()), at)
            return Committed(evolution.added, evolution.widened, deleted)

        done = self._db.whole(put_in)
        if self._loading:
            self._sink.forget_names()
        self._loading = self._loading and bookmark.in_progress
        self._fresh = self._fresh and self._loading
        self._batches, self._parents, self._gone = [], [], []
        self._marked = False
        return done

    def live(self, field: str, values: Sequence[Value]) -> dict[Value, list[Value]]:
        """Look values up in the table."""
        found: dict[Value, list[Value]] = {}
        if self._schema is None or field not in self._schema.names or not values:
            return found
        typed = self._schema.field(field).type
        look_up = (
            f"SELECT {quoted(field)}, {quoted(self._stream.key)} FROM {self._table} "
            f"WHERE _deleted_at IS NULL AND {quoted(field)} IN (SELECT v FROM _listed)"
        )

        def looked_up() -> list[Any]:
            with self._db.listed(values, typed):
                return self._db.execute(look_up)

        for value, key in self._db.whole(looked_up):
            found.setdefault(value, []).append(key)
        return found

    def unseen(self, walk: int) -> list[Value]:
        """Keys or groups whose row was last written before the walk."""
        walked = quoted(self._stream.walk_field)
        return [value for (value,) in self._living(f"DISTINCT {walked}", "AND _run < ? ORDER BY 1", [walk])]

    def held(self) -> dict[Value, int]:
        """Keys or groups in the table."""
        walked = quoted(self._stream.walk_field)
        return dict(self._living(f"{walked}, count(*)", "GROUP BY 1"))

    def count(self) -> tuple[int, Value]:
        """Rows in the table, and the highest key or group."""
        found = self._living(f"count(*), max({quoted(self._stream.walk_field)})")
        return found[0] if found else (0, None)

    def _living(self, what: str, how: str = "", values: Sequence[Value] = ()) -> list[Any]:
        if self._schema is None:
            return []
        sql = f"SELECT {what} FROM {self._table} WHERE _deleted_at IS NULL {how}"
        return self._db.whole(lambda: self._db.execute(sql, list(values)))

    def _evolve(self) -> Evolution:
        """Make the table, or give it the columns that the waiting rows need."""
        refuse_other(self._stream, self._schema.names if self._schema is not None else None)
        known = schema_of(self._stream.fields)
        incoming = joined((known, *(batch.schema for batch in self._batches)), self._stream.name)
        evolution = evolve(self._stream.name, self._schema, incoming)
        self._sink.refuse_long(evolution.schema.names, "leave the field out with `select`")
        types = self._db.sql_types(evolution.schema)
        if self._schema is None:
            self._sink.refuse_alike(self._stream.name)
            columns = ", ".join(f"{quoted(name)} {sql}" for name, sql in types.items())
            self._db.execute(
                f"CREATE TABLE {self._table} ({columns}, _run BIGINT, _read_at TIMESTAMPTZ, _deleted_at TIMESTAMPTZ)"
            )
            self._db.index(self._table, dict.fromkeys((self._stream.key, self._by)))
        for name in evolution.added:
            self._db.execute(f"ALTER TABLE {self._table} ADD COLUMN {quoted(name)} {types[name]}")
        for name in evolution.widened:
            self._db.execute(f"ALTER TABLE {self._table} ALTER COLUMN {quoted(name)} TYPE {types[name]}")
        return evolution

    def _store(self, schema: "pa.Schema", at: datetime) -> int:
        """Put the waiting rows in; the number of rows that a replacement left without a successor."""
        stream = self._stream
        rows = gathered(self._batches, schema, "" if stream.group else stream.key) if self._batches else None
        with self._db.arrived("_arrived", rows):
            deleted = self._replace(at, arrived=rows is not None)
            if rows is None:
                return deleted
            if self._fresh or stream.group:
                self._insert(rows.schema.names, at)
            else:
                self._put_in_place(rows.schema.names, schema, at)
        return deleted

    def _put_in_place(self, names: Sequence[str], schema: "pa.Schema", at: datetime) -> None:
        """Known rows give way to what arrived, all but the columns that did not arrive.

        Not with MERGE: over a table of 150 columns DuckDB wants hundreds of megabytes for a handful of rows.
        """
        key = quoted(self._stream.key)
        known = f"FROM {self._table} WHERE {key} IN (SELECT {key} FROM _arrived)"
        beside = [name for name in schema.names if name not in names]
        if beside:
            kept = ", ".join(map(quoted, (self._stream.key, *beside)))
            self._db.execute(f"CREATE TEMP TABLE _beside AS SELECT {kept} {known}")
        self._db.execute(f"DELETE {known}")
        self._insert(names, at, beside)
        if beside:
            self._db.execute("DROP TABLE _beside")

    def _insert(self, names: Sequence[str], at: datetime, beside: Sequence[str] = ()) -> None:
        """Add what arrived, with the columns that were kept beside."""
        columns = ", ".join(map(quoted, (*names, *beside)))
        kept = f" LEFT JOIN _beside USING ({quoted(self._stream.key)})" if beside else ""
        self._db.execute(
            f"INSERT INTO {self._table} ({columns}, _run, _read_at) SELECT {columns}, ?, ? FROM _arrived{kept}",
            [self._sink.run, at],
        )

    def _replace(self, at: datetime, *, arrived: bool) -> int:
        """Take away what stands under the parents, if what arrived does not bring it again."""
        if not self._parents:
            return 0
        field, key = quoted(self._by), quoted(self._stream.key)
        under = f"{field} IN (SELECT v FROM _listed)"
        kept = f" AND {key} NOT IN (SELECT {key} FROM _arrived)" if arrived and not self._stream.group else ""
        with self._db.listed(self._parents, self._type_of(self._by)):
            if self._stream.group:
                (before,) = self._db.row(f"SELECT count(*) FROM {self._table} WHERE {under} AND _deleted_at IS NULL")
                self._db.execute(f"DELETE FROM {self._table} WHERE {under}")
                arriving = sum(int(batch.num_rows) for batch in self._batches)
                return max(0, int(before) - arriving)
            return self._take(under + kept, at)

    def _delete(self, field: str, keys: list[Value], at: datetime) -> int:
        with self._db.listed(keys, self._type_of(field)):
            return self._take(f"{quoted(field)} IN (SELECT v FROM _listed)", at)

    def _take(self, where: str, at: datetime) -> int:
        """Rows that are gone: marked, or removed where the destination wants that."""
        living = f"{where} AND _deleted_at IS NULL"
        if self._hard:
            return self._db.changed(f"DELETE FROM {self._table} WHERE {living}", [])
        changed = f"UPDATE {self._table} SET _deleted_at = ?, _run = ? WHERE {living}"
        return self._db.changed(changed, [at, self._sink.run])

    def _type_of(self, field: str) -> "pa.DataType":
        assert self._schema is not None
        return self._schema.field(field).type
