"""A DuckDB file as the database of a copy: tables in the main schema, ours in `_bridge`."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intacct_bridge.errors import SettingsError
from intacct_bridge.flow.sink import quoted
from intacct_bridge.flow.sink_sql import SqlSink
from intacct_bridge.flow.stream import MARKS

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_MODEST = (
    "SET TimeZone = 'UTC'; SET threads = 1; SET checkpoint_threshold = '32MB'; "
    "SET allocator_flush_threshold = '4MB'; SET allocator_bulk_deallocation_flush_threshold = '4MB'"
)
"""A copy shares its machine with others; DuckDB would take every processor, and 80 % of the memory. A day that becomes
a time is midnight of UTC, wherever the machine stands."""
_ROOM, _ROOM_FOR_COLUMN = 24.0, 0.8
"""Megabytes that DuckDB may use: to begin with, and for each column of the widest table, of which it holds some blocks.
With half of that for a column, tables of 60 and of 120 columns could not be committed.
"""


def duckdb_sink(path: str, *, hard_deletes: bool = False) -> SqlSink:
    """The sink of a file."""
    return SqlSink(f"duckdb:///{path}", DuckDB(path), hard_deletes=hard_deletes)


class DuckDB:
    """One file with one connection: DuckDB writes one at a time anyway."""

    ours = "_bridge"
    listing = "?"

    def __init__(self, path: str) -> None:
        self.name = path
        self._open: duckdb.DuckDBPyConnection | None = None
        self._room = 0.0

    def connect(self) -> None:
        """Open the file."""
        if self._open is None:
            self._open = _connect(self.name)
            self._make_room(0)

    def close(self) -> None:
        """Close the file."""
        if self._open is not None:
            self._open.close()
            self._open, self._room = None, 0.0

    @property
    def _con(self) -> "duckdb.DuckDBPyConnection":
        assert self._open is not None, "open the sink first"
        return self._open

    def begin(self) -> None:
        """Begin a transaction."""
        self._con.execute("BEGIN")

    def end(self, *, keep: bool) -> None:
        """End it."""
        self._con.execute("COMMIT" if keep else "ROLLBACK")

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
                if field.name not in MARKS
            ]
        )

    def sql_types(self, schema: "pa.Schema") -> dict[str, str]:
        """DuckDB is asked what it would make of them; whoever asks is about to write as many columns."""
        self._make_room(len(schema))
        with self.arrived("_shape", schema.empty_table()):
            return {row[0]: row[1] for row in self.execute("DESCRIBE SELECT * FROM _shape")}

    def _make_room(self, columns: int) -> None:
        """Memory for a table of so many columns: as little as will do, so that a copy of any length takes the same."""
        needed = _ROOM + _ROOM_FOR_COLUMN * columns
        if needed > self._room:
            self._con.execute(f"SET memory_limit = '{needed:.0f}MB'")
            self._room = needed

    def index(self, table: str, columns: Iterable[str]) -> None:
        """A column store needs none."""


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
