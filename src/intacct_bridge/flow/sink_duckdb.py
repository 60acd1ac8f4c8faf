"""A copy in a DuckDB file: one table a stream, merged by key, the bookmark in the same transaction as the rows.

Tables carry the objects' names and stand in the file's main schema; what is ours stands in the schema `_bridge`. A
stream that was never read to the end lies in a table named `NAME (loading)` and gets its own name in the transaction
that ends its first walk. The file has one connection and every transaction runs under one lock: DuckDB writes one at a
time anyway. Rows wait as Arrow batches until the commit, so a writer never holds a transaction open.
"""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intacct_bridge.errors import SettingsError
from intacct_bridge.flow.evolution import Evolution, evolve, gathered, joined, schema_of
from intacct_bridge.flow.sink import Committed, StreamOutcome, quoted
from intacct_bridge.flow.state import Bookmark
from intacct_bridge.flow.stream import MARKS, Stream
from intacct_bridge.wire.values import Value

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

LOADING = " (loading)"
_MODEST = "SET memory_limit = '128MB'; SET checkpoint_threshold = '64MB'"
"""A copy shares its machine with others: DuckDB would take 80 % of the memory. Rarer checkpoints rewrite less of the
file, which took a quarter off the CPU of a million rows."""
_OURS = """
CREATE SCHEMA IF NOT EXISTS _bridge;
CREATE TABLE IF NOT EXISTS _bridge.copy (company VARCHAR, made TIMESTAMPTZ);
CREATE TABLE IF NOT EXISTS _bridge.bookmarks (stream VARCHAR PRIMARY KEY, bookmark VARCHAR, updated TIMESTAMPTZ);
CREATE TABLE IF NOT EXISTS _bridge.runs (run BIGINT PRIMARY KEY, started TIMESTAMPTZ, finished TIMESTAMPTZ);
CREATE TABLE IF NOT EXISTS _bridge.outcomes (
    run BIGINT, stream VARCHAR, "rows" BIGINT, deleted BIGINT, pages BIGINT, transactions BIGINT, seconds DOUBLE,
    "full" BOOLEAN, complete BOOLEAN, added VARCHAR[], widened VARCHAR[], dropped VARCHAR[], error VARCHAR, fix VARCHAR
);
"""


class DuckDBSink:
    """A DuckDB file as a destination."""

    commit_rows = 20_000

    def __init__(self, path: str, *, hard_deletes: bool = False) -> None:
        self.uri = f"duckdb:///{path}"
        self._path = path
        self._hard = hard_deletes
        self._lock = threading.RLock()
        self._open: duckdb.DuckDBPyConnection | None = None
        self.run = 0

    def open(self, company: str, started: datetime) -> int:
        """Begin a run."""
        with self._lock:
            self._open = self._open or _connect(self._path)
            self._open.execute(_OURS)
            with self.transaction() as con:
                held = con.execute("SELECT company FROM _bridge.copy").fetchall()
                if not held:
                    con.execute("INSERT INTO _bridge.copy VALUES (?, ?)", [company, started])
                elif held != [(company,)]:
                    raise SettingsError(
                        f"{self._path} holds a copy of company {held[0][0]}, and this connection is to {company}",
                        fix="give each company a file of its own",
                    )
                (self.run,) = _row(con, "SELECT coalesce(max(run), 0) + 1 FROM _bridge.runs")
                con.execute("INSERT INTO _bridge.runs VALUES (?, ?, NULL)", [self.run, started])
        return self.run

    def bookmarks(self) -> Mapping[str, Bookmark]:
        """The bookmark of every stream in the file."""
        with self.transaction() as con:
            stored = con.execute("SELECT stream, bookmark FROM _bridge.bookmarks ORDER BY stream").fetchall()
        return {stream: Bookmark.from_dict(json.loads(text)) for stream, text in stored}

    def writer(self, stream: Stream, bookmark: Bookmark) -> "DuckDBWriter":
        """The writer of one stream."""
        return DuckDBWriter(self, stream, bookmark, hard=self._hard)

    def finish(self, outcomes: Sequence[StreamOutcome], at: datetime) -> None:
        """Write what became of each stream."""
        with self.transaction() as con:
            for one in outcomes:
                cells = [self.run, one.stream, one.rows, one.deleted, one.pages, one.transactions, one.seconds]
                cells += [one.full, one.complete, list(one.added), list(one.widened), list(one.dropped)]
                marks = ", ".join("?" * 14)
                con.execute(f"INSERT INTO _bridge.outcomes VALUES ({marks})", [*cells, one.error, one.fix])
            con.execute("UPDATE _bridge.runs SET finished = ? WHERE run = ?", [at, self.run])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._open is not None:
                self._open.close()
                self._open = None

    @contextmanager
    def transaction(self) -> "Iterator[duckdb.DuckDBPyConnection]":
        """All of it or nothing, one at a time."""
        with self._lock:
            assert self._open is not None, "open the sink first"
            self._open.execute("BEGIN")
            try:
                yield self._open
            except BaseException:
                self._open.execute("ROLLBACK")
                raise
            self._open.execute("COMMIT")


class DuckDBWriter:
    """One stream's table."""

    def __init__(self, sink: DuckDBSink, stream: Stream, bookmark: Bookmark, *, hard: bool) -> None:
        self._sink = sink
        self._stream = stream
        self._hard = hard
        self._batches: list[pa.RecordBatch] = []
        self._parents: list[Value] = []
        self._gone: list[tuple[str, list[Value]]] = []
        with sink.transaction() as con:
            self._schema = _columns(con, stream.name)
            self._loading = self._schema is None
            if self._loading:
                self._schema = _columns(con, stream.name + LOADING)
                if self._schema is not None and not bookmark.in_progress:
                    con.execute(f"DROP TABLE {self._table}")  # of a first walk that is not to be gone on with
                    self._schema = None
        self._fresh = self._schema is None and not stream.group

    @property
    def complete(self) -> bool:
        """A whole copy is there."""
        return not self._loading

    @property
    def begun(self) -> bool:
        """An unfinished table is there."""
        return self._loading and self._schema is not None

    @property
    def _table(self) -> str:
        return quoted(self._stream.name + (LOADING if self._loading else ""))

    @property
    def _by(self) -> str:
        return self._stream.group or self._stream.by

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
        with self._sink.transaction() as con:
            evolution = self._evolve(con)
            self._schema = evolution.schema
            deleted = self._store(con, evolution.schema, at)
            deleted += sum(self._delete(con, field, keys, at) for field, keys in self._gone)
            if self._loading and not bookmark.in_progress:
                con.execute(f"ALTER TABLE {self._table} RENAME TO {quoted(self._stream.name)}")
            plain = json.dumps(bookmark.to_dict())
            con.execute("INSERT OR REPLACE INTO _bridge.bookmarks VALUES (?, ?, ?)", [self._stream.name, plain, at])
        self._loading = self._loading and bookmark.in_progress
        self._fresh = self._fresh and self._loading
        self._batches, self._parents, self._gone = [], [], []
        return Committed(evolution.added, evolution.widened, deleted)

    def live(self, field: str, values: Sequence[Value]) -> dict[Value, list[Value]]:
        """Look values up in the table."""
        found: dict[Value, list[Value]] = {}
        if self._schema is None or field not in self._schema.names or not values:
            return found
        with self._sink.transaction() as con, _listed(con, values, self._schema.field(field).type):
            rows = con.execute(
                f"SELECT {quoted(field)}, {quoted(self._stream.key)} FROM {self._table} "
                f"WHERE _deleted_at IS NULL AND {quoted(field)} IN (SELECT v FROM _listed)"
            ).fetchall()
        for value, key in rows:
            found.setdefault(value, []).append(key)
        return found

    def unseen(self, walk: int) -> list[Value]:
        """Keys or groups whose row was last written before the walk."""
        return self._walked("_run < ?", [walk])

    def held(self) -> list[Value]:
        """Keys or groups in the table."""
        return self._walked("true", [])

    def _walked(self, where: str, values: Sequence[Value]) -> list[Value]:
        if self._schema is None:
            return []
        walked = quoted(self._stream.walked)
        sql = f"SELECT DISTINCT {walked} FROM {self._table} WHERE _deleted_at IS NULL AND {where} ORDER BY 1"
        with self._sink.transaction() as con:
            rows = con.execute(sql, list(values)).fetchall()
        return [value for (value,) in rows]

    def _evolve(self, con: "duckdb.DuckDBPyConnection") -> Evolution:
        """Make the table, or give it the columns that the waiting rows need."""
        known = schema_of(self._stream.fields)
        incoming = joined((known, *(batch.schema for batch in self._batches)), self._stream.name)
        evolution = evolve(self._stream.name, self._schema, incoming)
        types = _sql_types(con, evolution.schema)
        if self._schema is None:
            columns = ", ".join(f"{quoted(name)} {sql}" for name, sql in types.items())
            con.execute(
                f"CREATE TABLE {self._table} ({columns}, _run BIGINT, _read_at TIMESTAMPTZ, _deleted_at TIMESTAMPTZ)"
            )
        for name in evolution.added:
            con.execute(f"ALTER TABLE {self._table} ADD COLUMN {quoted(name)} {types[name]}")
        for name in evolution.widened:
            con.execute(f"ALTER TABLE {self._table} ALTER COLUMN {quoted(name)} TYPE {types[name]}")
        return evolution

    def _store(self, con: "duckdb.DuckDBPyConnection", schema: "pa.Schema", at: datetime) -> int:
        """Put the waiting rows in; the number of rows that a replacement left without a successor."""
        stream = self._stream
        rows = gathered(self._batches, schema, "" if stream.group else stream.key) if self._batches else None
        with _registered(con, "_arrived", rows):
            deleted = self._replace(con, at, arrived=rows is not None)
            if rows is None:
                return deleted
            names = list(map(quoted, rows.schema.names))
            if self._fresh or stream.group:
                con.execute(
                    f"INSERT INTO {self._table} ({', '.join(names)}, _run, _read_at) "
                    f"SELECT {', '.join(names)}, ?, ? FROM _arrived",
                    [self._sink.run, at],
                )
                return deleted
            key = quoted(stream.key)
            changes = ", ".join(f"{name} = a.{name}" for name in names)
            con.execute(
                f"MERGE INTO {self._table} t USING (SELECT *, ?::BIGINT AS _run, ?::TIMESTAMPTZ AS _read_at "
                f"FROM _arrived) a ON t.{key} = a.{key} "
                f"WHEN MATCHED THEN UPDATE SET {changes}, _run = a._run, _read_at = a._read_at, _deleted_at = NULL "
                f"WHEN NOT MATCHED THEN INSERT ({', '.join(names)}, _run, _read_at) "
                f"VALUES ({', '.join('a.' + name for name in names)}, a._run, a._read_at)",
                [self._sink.run, at],
            )
        return deleted

    def _replace(self, con: "duckdb.DuckDBPyConnection", at: datetime, *, arrived: bool) -> int:
        """Take away what stands under the parents, if what arrived does not bring it again."""
        if not self._parents:
            return 0
        field, key = quoted(self._by), quoted(self._stream.key)
        under = f"{field} IN (SELECT v FROM _listed)"
        kept = f" AND {key} NOT IN (SELECT {key} FROM _arrived)" if arrived and not self._stream.group else ""
        with _listed(con, self._parents, self._type_of(self._by)):
            if self._stream.group:
                (before,) = _row(con, f"SELECT count(*) FROM {self._table} WHERE {under} AND _deleted_at IS NULL")
                con.execute(f"DELETE FROM {self._table} WHERE {under}")
                arriving = sum(int(batch.num_rows) for batch in self._batches)
                return max(0, int(before) - arriving)
            return self._take(con, under + kept, at)

    def _delete(self, con: "duckdb.DuckDBPyConnection", field: str, keys: list[Value], at: datetime) -> int:
        with _listed(con, keys, self._type_of(field)):
            return self._take(con, f"{quoted(field)} IN (SELECT v FROM _listed)", at)

    def _take(self, con: "duckdb.DuckDBPyConnection", where: str, at: datetime) -> int:
        """Rows that are gone: marked, or removed where the destination wants that."""
        where = f"{where} AND _deleted_at IS NULL"
        if self._hard:
            return int(_row(con, f"DELETE FROM {self._table} WHERE {where}")[0])
        changed = f"UPDATE {self._table} SET _deleted_at = ?, _run = ? WHERE {where}"
        return int(_row(con, changed, [at, self._sink.run])[0])

    def _type_of(self, field: str) -> "pa.DataType":
        assert self._schema is not None
        return self._schema.field(field).type


@contextmanager
def _registered(con: "duckdb.DuckDBPyConnection", name: str, rows: "pa.Table | None") -> Iterator[None]:
    """An Arrow table under a name that SQL can use."""
    if rows is None:
        yield
        return
    con.register(name, rows)
    try:
        yield
    finally:
        con.unregister(name)


@contextmanager
def _listed(con: "duckdb.DuckDBPyConnection", values: Sequence[Value], of: "pa.DataType") -> Iterator[None]:
    """Values as the column `v` of `_listed`, so that a list of any length is one bound thing."""
    import pyarrow as pa

    with _registered(con, "_listed", pa.table({"v": pa.array(values, of)})):
        yield


def _connect(path: str) -> "duckdb.DuckDBPyConnection":
    import duckdb

    if not Path(path).resolve().parent.is_dir():
        raise SettingsError(
            f"there is no folder {Path(path).resolve().parent} to put {Path(path).name} in",
            fix="make the folder, or write four slashes (duckdb:////PATH) for a path from the root",
        )
    try:
        con = duckdb.connect(path)
        con.execute(_MODEST)  # not as a configuration: a second connection to the file would have to repeat it
        return con
    except duckdb.Error as error:
        raise SettingsError(
            f"{path} cannot be opened: {str(error).splitlines()[0]}",
            fix="close the other program that has it open, or name a file that DuckDB made",
        ) from None


def _columns(con: "duckdb.DuckDBPyConnection", table: str) -> "pa.Schema | None":
    """A table's columns as Arrow types, ours left out; None where there is no table."""
    import pyarrow as pa

    held = _row(
        con,
        "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'main' AND table_name = ?",
        [table],
    )
    if held == (0,):
        return None
    empty = con.sql(f"SELECT * FROM {quoted(table)} LIMIT 0").to_arrow_table()
    utc = pa.timestamp("us", "UTC")
    return pa.schema(
        [
            (field.name, utc if pa.types.is_timestamp(field.type) else field.type)
            for field in empty.schema
            if field.name not in MARKS
        ]
    )


def _sql_types(con: "duckdb.DuckDBPyConnection", schema: "pa.Schema") -> dict[str, str]:
    """What DuckDB calls each column's type."""
    with _registered(con, "_shape", schema.empty_table()):
        return {row[0]: row[1] for row in con.execute("DESCRIBE SELECT * FROM _shape").fetchall()}


def _row(con: "duckdb.DuckDBPyConnection", sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
    rows: list[tuple[Any, ...]] = con.execute(sql, list(values)).fetchall()  # to its end, or the connection stays busy
    return rows[0]
