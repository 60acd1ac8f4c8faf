"""The tables of a copy as they are now: their columns, and the rows that are not deleted, in batches.

Any destination can be read. A table whose first full refresh has not ended is left out.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intacct_bridge.copies.destinations.duckdb import not_opened
from intacct_bridge.copies.destinations.latest_rows import latest
from intacct_bridge.copies.destinations.manifest import ROWS, CopyFolder
from intacct_bridge.copies.destinations.postgres import Postgres
from intacct_bridge.copies.destinations.sql import LOADING, failure
from intacct_bridge.copies.destinations.uri import parse_uri
from intacct_bridge.streams.stream import COPY_COLUMNS
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.sql_text import quoted
from intacct_protocol.model.uri_text import redacted

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

BATCH = 20_000
"""Rows of a batch."""
_LIVE = "_deleted_at IS NULL"
_DELETED = "_deleted_at"
_OURS = ("_seq", *COPY_COLUMNS)


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
    """The query of these rows on the connection of `open_copy`; empty if DuckDB cannot reach them."""

    @cached_property
    def columns(self) -> "pa.Schema":
        """The columns with their types, without those that a copy adds."""
        return self.described()


@contextmanager
def copy_tables(uri: str) -> Iterator[list[CopyTable]]:
    """The tables of the copy at a destination's URI, by name. SettingsError if there is no copy."""
    with open_copy(uri) as (_, tables):
        yield tables


@contextmanager
def open_copy(uri: str) -> "Iterator[tuple[duckdb.DuckDBPyConnection, list[CopyTable]]]":
    """The same, with the DuckDB connection that the queries of the tables run on; a DuckDB file is its `copy`."""
    import duckdb

    at = parse_uri(uri)
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        if at.scheme == "duckdb":
            tables = _of_duckdb(con, at.path)
        elif at.scheme in ("parquet", "csv", "jsonl"):
            tables = _of_files(con, at.path)
        elif at.scheme == "postgresql":
            with _postgres(at.path) as database:
                yield con, _not_empty(_of_postgres(database), uri)
            return
        else:
            raise SettingsError(f"{redacted(uri)} is not a copy", fix="name a destination, such as duckdb:///FILE")
        yield con, _not_empty(tables, uri)


def _not_empty(tables: list[CopyTable], uri: str) -> list[CopyTable]:
    if not tables:
        raise SettingsError(
            f"{redacted(uri)} holds no complete table", fix=f"extract first: intacct extract --to {redacted(uri)}"
        )
    return sorted(tables, key=lambda one: one.name)


def _query(con: "duckdb.DuckDBPyConnection", name: str, sql: str, names: Sequence[str]) -> CopyTable:
    """The table of a query through DuckDB, with the names of its columns."""
    import pyarrow as pa

    own = tuple(one for one in names if one not in _OURS)
    listed = ", ".join(quoted(one) for one in own)

    def described() -> pa.Schema:
        found = con.sql(f"SELECT {listed} FROM ({sql}) LIMIT 0").to_arrow_table().schema
        utc = pa.timestamp("us", "UTC")
        return pa.schema([(one.name, utc if pa.types.is_timestamp(one.type) else one.type) for one in found])

    def batches() -> Iterator[pa.RecordBatch]:
        with con.cursor() as cursor:
            cursor.execute("SET TimeZone = 'UTC'")
            yield from cursor.sql(f"SELECT {listed} FROM ({sql})").to_arrow_reader(BATCH)

    def distinct(column: str) -> list[Any]:
        return [
            value for (value,) in con.execute(f"SELECT DISTINCT {quoted(column)} FROM ({sql}) ORDER BY 1").fetchall()
        ]

    return CopyTable(name, own, described, batches, distinct, sql)


def _of_duckdb(con: "duckdb.DuckDBPyConnection", path: str) -> list[CopyTable]:
    import duckdb

    if not Path(path).is_file():
        raise SettingsError(f"there is no file {path}", fix=f"create it with: intacct extract --to duckdb:///{path}")
    try:
        con.execute(f"ATTACH '{path.replace(chr(39), chr(39) * 2)}' AS copy (READ_ONLY)")
    except duckdb.Error as error:
        raise not_opened(path, error) from None
    con.execute("USE copy")  # a cursor of its own has the same catalogue
    listed = "SELECT table_name, list(column_name ORDER BY column_index) FROM duckdb_columns()"
    marked = f"GROUP BY 1 HAVING list_contains(list(column_name), '{_DELETED}') ORDER BY 1"
    found = con.execute(f"{listed} WHERE database_name = 'copy' AND schema_name = 'main' {marked}").fetchall()
    return [
        _query(con, name, f"SELECT * FROM copy.main.{quoted(name)} WHERE {_LIVE}", columns)
        for name, columns in found
        if not name.endswith(LOADING)
    ]


def _of_files(con: "duckdb.DuckDBPyConnection", path: str) -> list[CopyTable]:
    manifest = CopyFolder(Path(path)).read()
    found = []
    for name, entry in manifest.streams.items():
        if entry.complete and any(one.kind == ROWS for one in entry.files):
            sql = latest(entry, manifest.format, path)
            found.append(_query(con, name, sql, con.sql(f"SELECT * FROM ({sql}) LIMIT 0").columns))
    return found


@contextmanager
def _postgres(uri: str) -> Iterator[Postgres]:
    database = Postgres(uri)
    database.connect()
    try:
        yield database
    except database.errors as error:
        raise failure(database, error) from error
    finally:
        database.close()


def _of_postgres(database: Postgres) -> list[CopyTable]:
    with_marks = "SELECT table_name::text FROM information_schema.columns WHERE column_name = ?"
    marked = {name for (name,) in database.execute(with_marks, [_DELETED])}
    names = [one for one in database.tables() if one in marked and not one.endswith(LOADING)]
    return [_of_postgres_table(database, name) for name in names]


def _of_postgres_table(database: Postgres, name: str) -> CopyTable:
    import pyarrow as pa

    columns = database.columns(name)
    # amounts come as text, which loses no digit
    texts = [one.name for one in columns if pa.types.is_decimal(one.type)]
    listed = ", ".join(f"{quoted(one)}::text" if one in texts else quoted(one) for one in columns.names)
    fetched = pa.schema([(one.name, pa.string() if one.name in texts else one.type) for one in columns])

    def batches() -> Iterator[pa.RecordBatch]:
        rows = database.table(f"SELECT {listed} FROM {quoted(name)} WHERE {_LIVE}")
        yield from rows.rename_columns(columns.names).cast(fetched).cast(columns).to_batches(BATCH)

    def distinct(column: str) -> list[Any]:
        rows = database.execute(f"SELECT DISTINCT {quoted(column)}::text FROM {quoted(name)} WHERE {_LIVE} ORDER BY 1")
        return [value for (value,) in rows]

    return CopyTable(name, tuple(columns.names), lambda: columns, batches, distinct)
