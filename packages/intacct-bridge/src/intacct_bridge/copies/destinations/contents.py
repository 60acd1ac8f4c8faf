"""What is in a copy: its complete tables, and what its runs noted. Each kind of destination has its reader."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intacct_bridge.copies.destinations.bridge_schema import BridgeSchema, CopyFacts, failed_streams
from intacct_bridge.copies.destinations.duckdb import not_opened
from intacct_bridge.copies.destinations.latest_rows import latest
from intacct_bridge.copies.destinations.manifest import ROWS, CopyFolder
from intacct_bridge.copies.destinations.postgres import Postgres
from intacct_bridge.copies.destinations.sql import failure
from intacct_bridge.streams.stream import COPY_COLUMNS
from intacct_protocol.model.sql_text import literal, quoted

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

BATCH = 20_000
"""Rows of a batch."""
_LIVE = "_deleted_at IS NULL"
_ADDED = ("_seq", *COPY_COLUMNS)


@dataclass(frozen=True)
class CopyTable:
    """One table of a copy."""

    name: str
    """The stream's name."""
    column_names: tuple[str, ...]
    """Without the columns that a copy adds."""
    described: Callable[[], "pa.Schema"]
    """The columns with their types, for which DuckDB plans a query."""
    batches: Callable[[], Iterator["pa.RecordBatch"]]
    """The rows that are not deleted, with these columns."""
    distinct: Callable[[str], list[Any]]
    """The values of a column."""
    sql: str = ""
    """The query of these rows on the connection of the open copy; empty if DuckDB cannot reach them."""

    @cached_property
    def columns(self) -> "pa.Schema":
        """The columns with their types, without those that a copy adds."""
        return self.described()


@dataclass(frozen=True, slots=True)
class CopyContents:
    """The contents of a copy that is open."""

    tables: Sequence[CopyTable]
    """The streams whose first full refresh has ended."""
    facts: CopyFacts


def queried_table(con: "duckdb.DuckDBPyConnection", name: str, sql: str, columns: Sequence[str]) -> CopyTable:
    """The table of a query through DuckDB."""
    import pyarrow as pa

    names = tuple(column for column in columns if column not in _ADDED)
    listed = ", ".join(map(quoted, names))

    def described() -> pa.Schema:
        schema = con.sql(f"SELECT {listed} FROM ({sql}) LIMIT 0").to_arrow_table().schema
        utc = pa.timestamp("us", "UTC")
        return pa.schema([(one.name, utc if pa.types.is_timestamp(one.type) else one.type) for one in schema])

    def batches() -> Iterator[pa.RecordBatch]:
        with con.cursor() as cursor:
            cursor.execute("SET TimeZone = 'UTC'")
            yield from cursor.sql(f"SELECT {listed} FROM ({sql})").to_arrow_reader(BATCH)

    def distinct(column: str) -> list[Any]:
        rows = con.execute(f"SELECT DISTINCT {quoted(column)} FROM ({sql}) ORDER BY 1").fetchall()
        return [value for (value,) in rows]

    return CopyTable(name, names, described, batches, distinct, sql)


@contextmanager
def read_duckdb(path: str, con: "duckdb.DuckDBPyConnection") -> Iterator[CopyContents]:
    """The contents of a file, which is attached as `copy`."""
    import duckdb

    try:
        con.execute(f"ATTACH {literal(path)} AS copy (READ_ONLY)")
    except duckdb.Error as error:
        raise not_opened(path, error) from None
    con.execute("USE copy")  # a cursor of its own has the same catalogue

    def execute(sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = con.execute(sql, list(values)).fetchall()
        return rows

    bridge = BridgeSchema(execute, "main", "_bridge", catalog="copy")
    tables = [
        queried_table(con, name, f"SELECT * FROM copy.main.{quoted(name)} WHERE {_LIVE}", columns)
        for name, columns in bridge.complete_tables().items()
    ]
    yield CopyContents(tables, bridge.facts())


@contextmanager
def read_files(path: str, con: "duckdb.DuckDBPyConnection") -> Iterator[CopyContents]:
    """The contents of a folder of change files."""
    folder = CopyFolder(Path(path))
    manifest = folder.read()
    tables = []
    for name, entry in manifest.streams.items():
        if entry.complete and any(file.kind == ROWS for file in entry.files):
            sql = latest(entry, manifest.format, path)
            tables.append(queried_table(con, name, sql, con.sql(f"SELECT * FROM ({sql}) LIMIT 0").columns))
    last = {str(outcome["name"]): outcome for run in folder.histories() for outcome in run["outcomes"]}
    failed = [(name, one["error"], one["fix"]) for name, one in last.items() if one["error"] or not one["complete"]]
    bookmarks = {name: entry.bookmark for name, entry in manifest.streams.items()}
    yield CopyContents(tables, CopyFacts(manifest.company, bookmarks, manifest.settings, failed_streams(failed)))


@contextmanager
def read_postgres(uri: str, con: "duckdb.DuckDBPyConnection") -> Iterator[CopyContents]:  # noqa: ARG001  # not reached by DuckDB
    """The contents of a schema in PostgreSQL."""
    database = Postgres(uri)
    database.connect()
    try:
        bridge = BridgeSchema(database.execute, database.schema, database.bridge_schema)
        yield CopyContents([_table_in_postgres(database, name) for name in bridge.complete_tables()], bridge.facts())
    except database.errors as error:
        raise failure(database, error) from error
    finally:
        database.close()


def _table_in_postgres(database: Postgres, name: str) -> CopyTable:
    import pyarrow as pa

    columns = database.columns(name)
    # amounts come as text, which loses no digit
    texts = [column.name for column in columns if pa.types.is_decimal(column.type)]
    listed = ", ".join(f"{quoted(one)}::text" if one in texts else quoted(one) for one in columns.names)
    fetched = pa.schema([(one.name, pa.string() if one.name in texts else one.type) for one in columns])

    def batches() -> Iterator[pa.RecordBatch]:
        rows = database.table(f"SELECT {listed} FROM {quoted(name)} WHERE {_LIVE}")
        yield from rows.rename_columns(columns.names).cast(fetched).cast(columns).to_batches(BATCH)

    def distinct(column: str) -> list[Any]:
        rows = database.execute(f"SELECT DISTINCT {quoted(column)}::text FROM {quoted(name)} WHERE {_LIVE} ORDER BY 1")
        return [value for (value,) in rows]

    return CopyTable(name, tuple(columns.names), lambda: columns, batches, distinct)
