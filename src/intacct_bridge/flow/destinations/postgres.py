"""A PostgreSQL database as the place of a copy, through ADBC: rows travel as Arrow, in both directions.

Tables stand in the connection's current schema (`search_path`), ours beside it in a schema of the same name with
`_bridge` behind. MERGE asks for PostgreSQL 15 or newer. Amounts are `numeric`, so no cent is rounded; times are
`timestamptz`, and the session runs in UTC.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from intacct_bridge.errors import SettingsError
from intacct_bridge.flow.destinations.base import quoted, shown
from intacct_bridge.flow.destinations.sql import SqlSink
from intacct_bridge.flow.streams.stream import COPY_COLUMNS

if TYPE_CHECKING:
    import pyarrow as pa
    from adbc_driver_manager.dbapi import Connection

_OLDEST = 150_000
_UNIT = "\x1f"
"""Stands between the texts of a list while it is bound; no field's name holds it."""
_CLAIM = 0x1B41D6E
"""The number of our advisory locks; no table of theirs bears it."""
_TIMED_OUT = "55P03"
PATIENCE_MS = 10_000
"""How long a run waits for another: the server may take a moment to notice that a process was killed."""
_PLACES = re.compile(r"""\"(?:[^"]|"")*"|'(?:[^']|'')*'|\?""")


def postgres_sink(uri: str, *, hard_deletes: bool = False) -> SqlSink:
    """The sink of a `postgresql://` URI."""
    return SqlSink(shown(uri), Postgres(uri), hard_deletes=hard_deletes)


_REPEATED = re.compile(r'"([^"]*)"')


def _harmless(said: str, uri: str) -> str:
    """What libpq says without those of its quotations that may be a piece of a password: its signs may have to be
    escaped, and are taken for the end of it then.
    """
    known = shown(uri)
    user = uri.partition("://")[2].partition("@")[0].partition(":")[0]
    options = () if "password" in uri.lower() else parse_qs(uri.partition("?")[2], keep_blank_values=True)
    kept = {"port", "=", user, *options}
    return _REPEATED.sub(lambda met: met[0] if met[1] in known or met[1] in kept else '"***"', said)


class Postgres:
    """One connection."""

    listing = f"string_to_array(nullif(?::text, ''), '{_UNIT}')"
    longest = 63
    blind = False

    def __init__(self, uri: str) -> None:
        self.name = shown(uri)
        self.ours = ""
        self._schema = ""
        self._uri = uri
        self._open: Connection | None = None

    def connect(self) -> None:
        """Open the connection and see where it stands."""
        if self._open is not None:
            return
        try:
            from adbc_driver_postgresql import dbapi
        except ImportError:
            raise SettingsError(
                "PostgreSQL needs the postgres extra", fix="pip install 'intacct-bridge[postgres]'"
            ) from None
        try:
            self._open = dbapi.connect(self._uri)
        except dbapi.Error as error:
            said = _harmless(str(error).strip().splitlines()[0].replace(self._uri, self.name), self._uri)
            fix = "check the URI; signs in a password are escaped in it, such as %40 for @ and %2F for /"
            raise SettingsError(f"{self.name} cannot be reached: {said}", fix=fix) from None
        self.execute("SET TIME ZONE 'UTC'")
        ((schema, version),) = self.execute("SELECT current_schema(), current_setting('server_version_num')::bigint")
        if version < _OLDEST:
            raise SettingsError(f"{self.name} runs PostgreSQL {version // 10_000}", fix="version 15 or newer is needed")
        if not schema:
            raise SettingsError(f"{self.name} has no current schema", fix="set search_path in the URI")
        self._schema = schema
        self.ours = quoted(f"{schema}_bridge")
        self._con.commit()

    @property
    def troubles(self) -> tuple[type[Exception], ...]:
        """What the driver raises."""
        from adbc_driver_manager import dbapi

        return (dbapi.Error,)

    def claim(self) -> bool:
        """An advisory lock, which falls with the connection."""
        from adbc_driver_manager import dbapi

        try:
            self.execute(f"SET LOCAL lock_timeout = {PATIENCE_MS}")
            self.execute("SELECT pg_advisory_lock(?::bigint::int, hashtext(?))::text", [_CLAIM, self.ours])
        except dbapi.Error as error:
            if error.sqlstate != _TIMED_OUT:
                raise
            return False
        return True

    def close(self) -> None:
        """Close the connection."""
        if self._open is not None:
            self._open.close()
            self._open = None

    @property
    def _con(self) -> "Connection":
        assert self._open is not None, "open the sink first"
        return self._open

    def begin(self) -> None:
        """The driver begins with the first statement."""
        self._con.rollback()

    def end(self, *, keep: bool) -> None:
        """End the transaction."""
        if keep:
            self._con.commit()
        else:
            self._con.rollback()

    def execute(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement, `?` numbered as PostgreSQL wants it."""
        numbers = count(1)
        numbered = _PLACES.sub(lambda met: f"${next(numbers)}" if met[0] == "?" else met[0], sql)  # not in a name
        with self._con.cursor() as cursor:
            cursor.execute(numbered, tuple(values) or None)
            if cursor.description is None or not cursor.description:
                return []
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

    def table(self, sql: str) -> "pa.Table":
        """The answer of a query as Arrow; numbers of any precision come as text."""
        with self._con.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetch_arrow_table()

    def changed(self, sql: str, values: Sequence[Any]) -> int:
        """The rows that an UPDATE or DELETE met, counted by what it returns."""
        ((met,),) = self.execute(f"WITH met AS ({sql} RETURNING 1) SELECT count(*) FROM met", values)
        return int(met)

    def texts(self, values: Iterable[str]) -> Any:
        """One text, taken apart by `listing`."""
        return _UNIT.join(values)

    @contextmanager
    def arrived(self, name: str, rows: "pa.Table | None") -> Iterator[None]:
        """A temporary table, filled by COPY from Arrow."""
        if rows is None:
            yield
            return
        with self._con.cursor() as cursor:
            cursor.adbc_ingest(name, rows, mode="create", temporary=True)
        try:
            yield
        except BaseException:
            raise  # the transaction is undone, and the table with it
        else:
            self.execute(f"DROP TABLE pg_temp.{quoted(name)}")

    def tables(self) -> frozenset[str]:
        """The tables of the copy's schema."""
        listed = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = ?"
        return frozenset(name for (name,) in self.execute(listed, [self._schema]))

    def columns(self, table: str) -> "pa.Schema":
        """From the information schema."""
        import pyarrow as pa

        found = self.execute(
            "SELECT column_name::text, data_type::text FROM information_schema.columns "
            "WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position",
            [self._schema, table],
        )
        types = {
            "bigint": pa.int64(),
            "numeric": pa.decimal128(38, 14),
            "date": pa.date32(),
            "timestamp with time zone": pa.timestamp("us", "UTC"),
            "boolean": pa.bool_(),
        }
        return pa.schema([(name, types.get(kind, pa.string())) for name, kind in found if name not in COPY_COLUMNS])

    def sql_types(self, schema: "pa.Schema") -> dict[str, str]:
        """The types we choose."""
        return {field.name: _sql_type(field.type) for field in schema}

    def index(self, table: str, columns: Iterable[str]) -> None:
        """An index for each; the key is not declared unique, since a merge keeps it so."""
        for column in columns:
            if column:
                self.execute(f"CREATE INDEX ON {table} ({quoted(column)})")

    def has_more_room(self, error: BaseException) -> bool:  # noqa: ARG002
        """The server's memory is not ours to give."""
        return False


def _sql_type(kind: "pa.DataType") -> str:
    from pyarrow import types

    if types.is_integer(kind):
        return "BIGINT"
    if types.is_decimal(kind):
        return "NUMERIC"
    if types.is_date(kind):
        return "DATE"
    if types.is_timestamp(kind):
        return "TIMESTAMPTZ"
    return "BOOLEAN" if types.is_boolean(kind) else "TEXT"
