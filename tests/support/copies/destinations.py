"""Copies read by the programs of their users: DuckDB, and a client of PostgreSQL."""

from collections.abc import Iterator
from contextlib import chdir, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from intacct_bridge.copies.destinations.uri import parse_uri
from intacct_bridge.destination_suite import BILLS, CopyUnderTest
from intacct_bridge.streams.stream import Stream
from intacct_protocol.model.sql_text import quoted


def row_groups(path: str | Path, table: str) -> list[int]:
    """The rows in each row group of a DuckDB table, deleted ones included."""
    with duckdb.connect(str(path), read_only=True) as con:
        found = con.execute(
            "SELECT sum(count)::INT FROM pragma_storage_info(?) "
            "WHERE column_id = 0 AND segment_type <> 'VALIDITY' GROUP BY row_group_id ORDER BY row_group_id",
            [table],
        ).fetchall()
    return [count for (count,) in found]


class Copy(CopyUnderTest):
    """A copy that is read by the programs of its users."""

    @property
    def in_files(self) -> bool:
        return not self.uri.startswith(("duckdb", "postgresql"))

    @property
    def in_postgres(self) -> bool:
        return self.uri.startswith("postgresql")

    def ask(self, sql: str) -> pa.Table:
        """The result of a query, on a connection of its own."""
        from adbc_driver_postgresql import dbapi

        self.close()
        with dbapi.connect(self.uri) as connection, connection.cursor() as cursor:
            cursor.execute("SET TIME ZONE 'UTC'")
            cursor.execute(sql)
            return cursor.fetch_arrow_table()

    @contextmanager
    def look(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The result of a query by a user who opens the file, or the queries in the folder."""
        self.close()
        path = parse_uri(self.uri).path
        if not self.in_files:
            with duckdb.connect(path, read_only=True) as con:
                yield con
            return
        with duckdb.connect() as con, chdir(path):
            con.execute(Path("latest.sql").read_text())
            yield con

    def tables(self) -> list[str]:
        if self.in_postgres:
            sql = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'"
            return sorted(self.ask(sql).column(0).to_pylist())
        with self.look() as con:
            found = con.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'main'")
            return sorted(name for (name,) in found.fetchall())

    def rows(self, stream: Stream = BILLS, *, deleted: bool = False) -> list[dict[str, Any]]:
        """The rows that a reader finds; deleted rows only if they are marked."""
        if self.in_postgres:
            return self._asked(stream, deleted=deleted)
        with self.look() as con:
            if stream.name not in {row[0] for row in con.execute("SHOW TABLES").fetchall()}:
                return []
            where = "" if deleted or self.in_files else "WHERE _deleted_at IS NULL"
            found = con.sql(f"SELECT * FROM {quoted(stream.name)} {where} ORDER BY 1").to_arrow_table().to_pylist()
        return [{name: row[name] for name in row if not name.startswith("_")} for row in found]

    def _asked(self, stream: Stream, *, deleted: bool) -> list[dict[str, Any]]:
        if stream.name not in self.tables():
            return []
        where = "" if deleted else "WHERE _deleted_at IS NULL"
        found = self.ask(f"SELECT * FROM {quoted(stream.name)} {where} ORDER BY 1").to_pylist()
        numeric = (
            "SELECT column_name::text FROM information_schema.columns "
            f"WHERE table_name = '{stream.name}' AND data_type = 'numeric'"
        )
        numbers = set(self.ask(numeric).column(0).to_pylist())
        return [
            {
                name: Decimal(value) if name in numbers and isinstance(value, str) else value
                for name, value in row.items()
                if not name.startswith("_")
            }
            for row in found
        ]
