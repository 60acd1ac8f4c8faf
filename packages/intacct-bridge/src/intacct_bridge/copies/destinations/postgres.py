"""A copy in a PostgreSQL database, through ADBC: rows travel as Arrow in both directions.

Streams are in the connection's current schema (`search_path`), our own tables in a schema of the same name followed by
`_bridge`. PostgreSQL 15 or newer is needed. Amounts are `numeric`, so that nothing is rounded; times are `timestamptz`,
and the session runs in UTC and in UTF-8.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count as counter
from typing import TYPE_CHECKING, Any

from intacct_bridge.copies.destinations.libpq import reason_of, refusal
from intacct_bridge.copies.destinations.sql import SqlDestination
from intacct_bridge.streams.stream import COPY_COLUMNS
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.sql_text import quoted
from intacct_protocol.model.uri_text import redacted

if TYPE_CHECKING:
    import pyarrow as pa
    from adbc_driver_manager.dbapi import Connection

_OLDEST = 150_000
_SEPARATOR = "\x1f"
"""Separates the strings of a bound list; no field's name holds it."""
_LOCK = 0x1B41D6E
"""The number of our advisory locks."""
_LOCK_TIMEOUT = "55P03"
LOCK_WAIT_MS = 10_000
"""How long a run waits for another one: the server may need a moment to notice that a process was killed."""
_LOST_CLASSES = ("08", "57P")
"""PostgreSQL's classes of errors for a lost connection, and for an operator's intervention."""
_LOST = re.compile(
    r"closed the connection|no connection to the server|terminating connection|connection to server"
    r"|could not (?:receive data from|send data to) server|server socket|bad state",
    re.IGNORECASE,
)
_PLAIN_INDEXES = """
SELECT quote_ident(n.nspname) || '.' || quote_ident(i.relname)
FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_class t ON t.oid = x.indrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = x.indkey[0]
WHERE n.nspname = ? AND t.relname = ? AND a.attname = ? AND x.indnatts = 1 AND NOT x.indisunique
"""
"""The indexes of one column of a table that are not unique."""
_PARAMETERS = re.compile(r"""\"(?:[^"]|"")*"|'(?:[^']|'')*'|\?""")


def postgres_destination(uri: str, *, hard_deletes: bool = False) -> SqlDestination:
    """The destination of a `postgresql://` URI."""
    return SqlDestination(redacted(uri), Postgres(uri), hard_deletes=hard_deletes)


class Postgres:
    """A database with one connection."""

    dialect = "postgresql"
    commit_rows = 10_000
    array_sql = f"string_to_array(nullif(?::text, ''), '{_SEPARATOR}')"
    longest_name = 63
    ignores_case = False
    system_columns: tuple[str, ...] = ("tableoid", "xmin", "cmin", "xmax", "cmax", "ctid")

    def __init__(self, uri: str) -> None:
        self.name = redacted(uri)
        self.bridge_schema = ""
        self.schema = ""
        self._uri = uri
        self._open: Connection | None = None

    def connect(self) -> None:
        """Open the connection and find its schema; SettingsError if the server cannot be used."""
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
            self._begin_session()
        except dbapi.Error as error:
            self.close()
            raise refusal(error, self._uri) from None
        except BaseException:
            self.close()
            raise

    def _begin_session(self) -> None:
        self.execute("SET TIME ZONE 'UTC'")
        self.execute("SET client_encoding TO 'UTF8'")  # the driver always sends UTF-8, also to a LATIN1 database
        ((schema, version),) = self.execute("SELECT current_schema(), current_setting('server_version_num')::bigint")
        if version < _OLDEST:
            raise SettingsError(f"{self.name} runs PostgreSQL {version // 10_000}", fix="version 15 or newer is needed")
        if not schema:
            raise SettingsError(f"{self.name} has no current schema", fix="set search_path in the URI")
        self.schema = schema
        self.bridge_schema = quoted(f"{schema}_bridge")
        self._con.commit()

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """The driver's exceptions."""
        from adbc_driver_manager import dbapi

        return (dbapi.Error,)

    def is_lost(self, error: BaseException) -> bool:
        """By the error's class, or by libpq's words if the server could not give one."""
        state = str(getattr(error, "sqlstate", "") or "")
        return state.startswith(_LOST_CLASSES) or _LOST.search(str(error)) is not None

    def reason(self, error: BaseException) -> str:
        """The server's message, or libpq's."""
        return reason_of(error)

    def lock(self) -> bool:
        """Take an advisory lock, which ends with the connection."""
        from adbc_driver_manager import dbapi

        try:
            self.execute(f"SET LOCAL lock_timeout = {LOCK_WAIT_MS}")
            self.execute("SELECT pg_advisory_lock(?::bigint::int, hashtext(?))::text", [_LOCK, self.bridge_schema])
        except dbapi.Error as error:
            if error.sqlstate != _LOCK_TIMEOUT:
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
        assert self._open is not None, "open the destination first"
        return self._open

    def begin(self) -> None:
        """The driver begins a transaction with the first statement."""
        self._con.rollback()

    def end(self, *, keep: bool) -> None:
        """Commit or roll back."""
        if keep:
            self._con.commit()
        else:
            self._con.rollback()

    def execute(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement, with `?` numbered as PostgreSQL expects."""
        numbers = counter(1)
        numbered = _PARAMETERS.sub(lambda match: f"${next(numbers)}" if match[0] == "?" else match[0], sql)
        with self._con.cursor() as cursor:
            cursor.execute(numbered, tuple(values) or None)
            if cursor.description is None or not cursor.description:
                return []
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

    def table(self, sql: str) -> "pa.Table":
        """The result of a query as Arrow; numbers of any precision come as text."""
        with self._con.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetch_arrow_table()

    def execute_count(self, sql: str, values: Sequence[Any]) -> int:
        """Run an UPDATE or DELETE, and count the rows that it returns."""
        ((count,),) = self.execute(f"WITH changed AS ({sql} RETURNING 1) SELECT count(*) FROM changed", values)
        return int(count)

    def array_value(self, values: Iterable[str]) -> Any:
        """One text, which `array_sql` takes apart."""
        return _SEPARATOR.join(values)

    @contextmanager
    def registered(self, name: str, rows: "pa.Table | None") -> Iterator[None]:
        """A temporary table, filled by COPY from Arrow."""
        if rows is None:
            yield
            return
        with self._con.cursor() as cursor:
            cursor.adbc_ingest(name, rows, mode="create", temporary=True)
        try:
            yield
        except BaseException:
            raise  # the rollback removes the table
        else:
            self.execute(f"DROP TABLE pg_temp.{quoted(name)}")

    def tables(self) -> frozenset[str]:
        """The tables of the copy's schema."""
        listed = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = ?"
        return frozenset(name for (name,) in self.execute(listed, [self.schema]))

    def create_schema(self, schema: str) -> None:
        """Only if it is missing: PostgreSQL refuses IF NOT EXISTS to a user without the right to create schemas."""
        if self.execute("SELECT to_regnamespace(?) IS NULL", [schema]) == [(True,)]:
            self.execute(f"CREATE SCHEMA {schema}")

    def columns(self, table: str) -> "pa.Schema":
        """The columns in the information schema, without those to which the database alone gives values."""
        import pyarrow as pa

        rows = self.execute(
            "SELECT column_name::text, data_type::text FROM information_schema.columns "
            "WHERE table_schema = ? AND table_name = ? AND is_generated <> 'ALWAYS' "
            "AND identity_generation IS DISTINCT FROM 'ALWAYS' ORDER BY ordinal_position",
            [self.schema, table],
        )
        types = {
            "bigint": pa.int64(),
            "numeric": pa.decimal128(38, 14),
            "date": pa.date32(),
            "timestamp with time zone": pa.timestamp("us", "UTC"),
            "boolean": pa.bool_(),
        }
        return pa.schema([(name, types.get(kind, pa.string())) for name, kind in rows if name not in COPY_COLUMNS])

    def sql_types(self, schema: "pa.Schema") -> dict[str, str]:
        """The types that we choose."""
        return {field.name: _sql_type(field.type) for field in schema}

    def index(self, table: str, columns: Iterable[str]) -> None:
        """Create an index for each column. The key becomes a primary key when the table is complete."""
        for column in columns:
            if column:
                self.execute(f"CREATE INDEX ON {table} ({quoted(column)})")

    def statistics_due(self) -> list[str]:
        """ANALYZE for each table of the copy that was never analysed."""
        never = (
            "SELECT 'ANALYZE ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_class c "
            "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ? AND c.relkind = 'r' AND c.reltuples < 0"
        )
        return [statement for (statement,) in self.execute(never, [self.schema])]

    def declare_key(self, table: str, key: str) -> None:
        """Where every row has a key of its own; the index that the key had until then is dropped."""
        name, column = quoted(table), quoted(key)
        ((proven,),) = self.execute(
            f"SELECT count(*) = count(DISTINCT {column}) AND count(*) = count({column}) FROM {name}"
        )
        if not proven:
            return
        for (index,) in self.execute(_PLAIN_INDEXES, [self.schema, table, key]):
            self.execute(f"DROP INDEX {index}")
        self.execute(f"ALTER TABLE {name} ADD PRIMARY KEY ({column})")

    def replaced(self) -> None:
        """Autovacuum frees their room."""

    def gained_memory(self, error: BaseException) -> bool:  # noqa: ARG002
        """The server decides about its memory."""
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
