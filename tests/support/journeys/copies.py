"""The same runs of `intacct extract` into every destination, and the cells that a reader finds in each."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from intacct_bridge.apps.cli.app import main
from intacct_bridge.copies.destinations.latest_rows import views
from intacct_bridge.copies.destinations.manifest import CopyFolder
from intacct_bridge.copies.destinations.uri import parse_uri
from intacct_protocol.model.sql_text import quoted
from support.journeys.tapping import CREDENTIALS

IN_DUCKDB = {
    "bigint": "BIGINT",
    "numeric": "DECIMAL(38,14)",
    "date": "DATE",
    "timestamp with time zone": "TIMESTAMP WITH TIME ZONE",
    "boolean": "BOOLEAN",
    "text": "VARCHAR",
}
"""DuckDB's name of a type of PostgreSQL; any other type would be a mistake."""
Row = dict[str, Any]


@dataclass(slots=True)
class Copies:
    """Destinations that are kept side by side."""

    url: str
    uris: dict[str, str]
    patch: pytest.MonkeyPatch
    dtd: str = "3.0"
    _found: dict[tuple[str, str], "Table"] = field(default_factory=dict)
    """The tables that readers have found since the last run."""

    def extract(self, *words: str, only: str = "", compacting: Sequence[str] = ()) -> None:
        """Run the command once for each destination; some change files are rewritten afterwards."""
        self._found.clear()
        settings = {**CREDENTIALS, "endpoint": self.url, "environment": "demo", "dtd_version": self.dtd}
        with self.patch.context() as patched:
            for name, value in settings.items():
                patched.setenv(f"INTACCT_{name.upper()}", value)
            for name, uri in self.uris.items():
                if only in ("", name):
                    more = ("--compact",) if name in compacting else ()
                    assert main(["extract", *words, *more, "--to", uri, "-q"]) == 0, (name, words)

    def table(self, name: str, table: str) -> "Table":
        """A table as its reader finds it; read once until the next run."""
        at = (self.uris[name], table)
        if at not in self._found:
            self._found[at] = read(*at)
        return self._found[at]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows in a fixed order, and the type of each column in DuckDB's words."""

    types: dict[str, str]
    rows: list[Row]

    @property
    def living(self) -> list[Row]:
        """Rows that are not deleted, without the columns about the run."""
        return [bare(row) for row in self.rows if row.get("_deleted_at") is None]

    @property
    def own_types(self) -> dict[str, str]:
        """The types of the columns that are the company's."""
        return {name: of for name, of in self.types.items() if not name.startswith("_") or name in ("_key", "_row")}


def without_times(rows: list[Row]) -> list[Row]:
    """Rows in which the times of a destination only say whether there is one."""
    times = ("_read_at", "_deleted_at")
    return [{name: cell is None if name in times else cell for name, cell in row.items()} for row in rows]


def bare(row: Row) -> Row:
    """The company's cells."""
    return {name: value for name, value in row.items() if name not in ("_run", "_read_at", "_deleted_at")}


def read(uri: str, table: str) -> Table:
    """Read a destination like a user who knows only its documentation."""
    if uri.startswith("postgresql"):
        return _in_postgres(uri, table)
    at = parse_uri(uri)
    if at.scheme == "duckdb":
        con = duckdb.connect(at.path, read_only=True)
    else:
        con = duckdb.connect()
        con.execute(views(CopyFolder(Path(at.path)).read(), at.path))
    with con:
        con.execute("SET TimeZone = 'UTC'")
        found = con.sql(f"SELECT * FROM {quoted(table)}")
        types = dict(zip(found.columns, map(str, found.types), strict=True))
        rows = found.to_arrow_table().to_pylist()
    return Table(types, ordered(rows))


def _in_postgres(uri: str, table: str) -> Table:
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(uri) as connection, connection.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'UTC'")
        cursor.execute(
            "SELECT column_name::text, data_type::text FROM information_schema.columns "
            "WHERE table_schema = 'public' AND table_name = $1 ORDER BY ordinal_position",
            (table,),
        )
        types = {name: IN_DUCKDB[of] for name, of in cursor.fetchall()}
        shown = (
            f"{quoted(name)}::text AS {quoted(name)}" if of == IN_DUCKDB["numeric"] else quoted(name)
            for name, of in types.items()
        )
        cursor.execute(f"SELECT {', '.join(shown)} FROM public.{quoted(table)}")
        found: pa.Table = cursor.fetch_arrow_table()
    numbers = {name for name, of in types.items() if of == IN_DUCKDB["numeric"]}
    rows = [
        {name: Decimal(value) if name in numbers and value is not None else value for name, value in row.items()}
        for row in found.to_pylist()
    ]
    return Table(types, ordered(rows))


def ordered(rows: list[Row]) -> list[Row]:
    """In an order that depends only on the cells."""
    plain = [{name: _plain(value) for name, value in row.items()} for row in rows]
    return sorted(plain, key=lambda row: sorted((name, str(value)) for name, value in row.items()))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return value.normalize() if isinstance(value, Decimal) else value
