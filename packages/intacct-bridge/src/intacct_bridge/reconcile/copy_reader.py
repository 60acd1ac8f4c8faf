"""A copy that is open for comparison: its tables as SQL for DuckDB, and what its runs noted about each.

Tables of a DuckDB file are queried in place. Those of other destinations are loaded into a temporary database when they
are first asked for, and dropped when their comparison has ended.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from intacct_bridge.copies.destinations.copy_tables import CopyTable, open_copy
from intacct_bridge.copies.destinations.manifest import CopyFolder
from intacct_bridge.copies.destinations.open import copy_states
from intacct_bridge.copies.destinations.uri import DestinationUri, parse_uri
from intacct_bridge.streams.bookmark import Bookmark
from intacct_bridge.streams.stream import StreamOutcome
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.sql_text import quoted

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


class CopyReader:
    """The tables of one copy."""

    def __init__(
        self,
        con: "duckdb.DuckDBPyConnection",
        tables: Sequence[CopyTable],
        bookmarks: Mapping[str, Bookmark],
        company: str,
        *,
        in_place: bool,
        settings: Mapping[str, str] | None = None,
        failures: Mapping[str, StreamOutcome] | None = None,
    ) -> None:
        self.company = company
        """The company, as the copy's runs noted it; empty if they did not."""
        self.tables = {one.name: one for one in tables}
        self.bookmarks = bookmarks
        self.settings = settings or {}
        """What the copy keeps about the company, such as its first fiscal month; nothing if it keeps none."""
        self.failures = failures or {}
        """The last outcome of each stream that was not read to the end when it was read last."""
        self._con = con
        self._in_place = in_place
        self._made: set[str] = set()

    def relation(self, table: str) -> str:
        """The name, as SQL, of a relation with the rows of a table that are not deleted."""
        one, name = self.tables[table], quoted(f"live {table}")
        if table in self._made:
            return name
        if self._in_place:
            self._con.execute(f"CREATE TEMP VIEW {name} AS {one.sql}")
        elif one.sql:  # a table, so that text files are not read again by every query
            self._con.execute(f"CREATE TEMP TABLE {name} AS {one.sql}")
        else:
            import pyarrow as pa

            arriving = pa.RecordBatchReader.from_batches(one.columns, one.batches())
            self._con.register("_arriving", arriving)
            self._con.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM _arriving")
            self._con.unregister("_arriving")
        self._made.add(table)
        return name

    def release(self, table: str) -> None:
        """Free the space of a table that was loaded."""
        if table in self._made and not self._in_place:
            self._con.execute(f"DROP TABLE {quoted(f'live {table}')}")
            self._made.discard(table)

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        found: list[tuple[Any, ...]] = self._con.execute(sql, list(values)).fetchall()
        return found

    def batches(self, sql: str) -> "Iterator[pa.RecordBatch]":
        """The rows of a query as Arrow, in batches."""
        yield from self._con.sql(sql).to_arrow_reader(20_000)

    def table(self, sql: str) -> "pa.Table":
        """The rows of a query as Arrow."""
        return self._con.sql(sql).to_arrow_table()

    def execute(self, sql: str) -> None:
        """Run a statement."""
        self._con.execute(sql)

    def first_rows(self, sql: str, count: int) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """The columns of a query, and its first rows; the others are not computed if the query allows that."""
        found = self._con.execute(sql)
        return tuple(one[0] for one in found.description or ()), found.fetchmany(count)

    def interrupt(self) -> None:
        """End the running query, from another thread; it raises duckdb.InterruptException there."""
        self._con.interrupt()

    @contextmanager
    def registered(self, name: str, rows: "pa.Table") -> Iterator[None]:
        """Make rows available to SQL under a name."""
        self._con.register(name, rows)
        try:
            yield
        finally:
            self._con.unregister(name)


@contextmanager
def open_copy_reader(uri: str) -> Iterator[CopyReader]:
    """Open the copy at a destination's URI for comparison. SettingsError if there is none."""
    at = parse_uri(uri)
    noted = None if at.scheme == "duckdb" else _noted_elsewhere(at, uri)
    with TemporaryDirectory(prefix="intacct-reconcile-") as folder, open_copy(uri) as (con, tables):
        con.execute(f"SET temp_directory = '{folder.replace(chr(39), chr(39) * 2)}'")
        found = noted or _noted_in_duckdb(con)
        yield CopyReader(
            con,
            tables,
            found.bookmarks,
            found.company,
            in_place=at.scheme == "duckdb",
            settings=found.settings,
            failures=found.failures,
        )


def require_company(copy: CopyReader, company: str) -> None:
    """SettingsError if the copy is another company's, or that of another entity."""
    if copy.company and copy.company != company:
        raise SettingsError(
            f"the copy is of company {copy.company}, and this connection is to {company}",
            fix="name the connection that the copy was extracted with",
        )


@dataclass(frozen=True, slots=True)
class _Noted:
    """What the runs of a copy noted."""

    company: str
    bookmarks: Mapping[str, Bookmark]
    settings: Mapping[str, str]
    failures: Mapping[str, StreamOutcome]


_FAILURES = (
    "SELECT CAST(o.stream AS VARCHAR), CAST(o.error AS VARCHAR), CAST(o.fix AS VARCHAR) FROM {ours}.outcomes AS o "
    "WHERE (o.error <> '' OR NOT o.complete) "
    "AND o.run = (SELECT max(p.run) FROM {ours}.outcomes AS p WHERE p.stream = o.stream)"
)


def _noted_elsewhere(at: DestinationUri, uri: str) -> _Noted:
    """What the runs of a copy in files or in PostgreSQL noted."""
    states = {name: one.bookmark for name, one in copy_states(uri).items()}
    if at.scheme == "postgresql":
        return _noted_in_postgres(at.path, states)
    folder = CopyFolder(Path(at.path))
    last = {str(one["name"]): one for run in folder.histories() for one in run["outcomes"]}
    failed = [(name, one["error"], one["fix"]) for name, one in last.items() if one["error"] or not one["complete"]]
    manifest = folder.read()
    return _Noted(manifest.company, states, manifest.settings, _failures(failed))


def _failures(rows: Iterable[Sequence[Any]]) -> dict[str, StreamOutcome]:
    """The outcomes of streams, errors and fixes."""
    return {name: StreamOutcome(name, complete=False, error=error, fix=fix) for name, error, fix in rows}


def _noted_in_postgres(uri: str, bookmarks: Mapping[str, Bookmark]) -> _Noted:
    from intacct_bridge.copies.destinations.postgres import Postgres

    database = Postgres(uri)
    database.connect()
    try:
        ask = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = ?"
        known = {name for (name,) in database.execute(ask, [database.bridge_schema.strip('"')])}
        found, settings = [
            database.execute(f"SELECT {columns} FROM {database.bridge_schema}.{name}") if name in known else []
            for name, columns in (("copy", "company::text"), ("settings", "name::text, value::text"))
        ]
        failed = database.execute(_FAILURES.format(ours=database.bridge_schema)) if "outcomes" in known else []
    finally:
        database.close()
    return _Noted(str(found[0][0]) if found else "", bookmarks, dict(settings), _failures(failed))


def _noted_in_duckdb(con: "duckdb.DuckDBPyConnection") -> _Noted:
    """What the runs of an attached file noted; nothing if they noted nothing."""
    listed = "SELECT table_name FROM duckdb_tables() WHERE database_name = 'copy' AND schema_name = '_bridge'"
    known = {name for (name,) in con.execute(listed).fetchall()}
    company = con.execute("SELECT company FROM copy._bridge.copy").fetchall() if "copy" in known else []
    stored = con.execute("SELECT stream, bookmark FROM copy._bridge.bookmarks").fetchall() if known else []
    bookmarks = {name: Bookmark.from_dict(json.loads(text)) for name, text in stored}
    kept = con.execute("SELECT name, value FROM copy._bridge.settings").fetchall() if "settings" in known else []
    failed = con.execute(_FAILURES.format(ours="copy._bridge")).fetchall() if "outcomes" in known else []
    return _Noted(company[0][0] if company else "", bookmarks, dict(kept), _failures(failed))
