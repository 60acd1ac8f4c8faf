"""Shared state in a schema of a PostgreSQL database, for processes on any number of machines.

Write transactions of a part follow each other: each begins by locking the part's row, whose columns say whether the
part was moved or upgraded meanwhile. The row also brings the server's time. If the answer to a commit is lost, the
link is opened again and the server is asked whether that transaction was committed; without its answer the caller gets
an error, so that nothing is sent.

A process holds advisory locks as long as it runs, so that others see that it runs. The locks belong to a session of the
server. A transaction pooler gives one session to several processes, so it is refused.

A part that needs no such lock can take a link for each transaction only, from the idle ones of the process.
"""

import logging
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from intacct_bridge.machine.clock import steady_seconds
from intacct_bridge.machine.directories import state_directory
from intacct_bridge.shared_state.database import LONGEST_REQUEST, SEND_WITHIN, Clock, Row, TableSet, Values
from intacct_bridge.shared_state.idle_links import IdleLinks
from intacct_bridge.shared_state.place import PostgresPlace, Server, server_of
from intacct_bridge.shared_state.postgres_link import (
    ANSWER_SECONDS,
    APPLICATION,
    ChangedPartError,
    MissingTableError,
    NoRightError,
    PostgresAnswer,
    application_name,
    close_link,
    ends_connection,
    lost_error,
    open_link,
    refusal_error,
    refuse_pooler,
    unreachable,
)
from intacct_bridge.shared_state.postgres_sql import numbered_values, postgres_script
from intacct_bridge.shared_state.sqlite import has_arrived, moved_error
from intacct_protocol.errors import BusyError, IntacctError, SettingsError, UnreachableError
from intacct_protocol.model.sql_text import literal, quoted

T = TypeVar("T")
PATIENCE = 30.0
"""Seconds to try for a new connection after one was lost."""
_OLDEST_VERSION = 150_000
_SENT_TOGETHER = 200
"""Statements that are sent before the first answer is read."""
MIGRATION_SECONDS = 3_600
"""Seconds to wait for a statement that changes tables, which may have many rows."""
_log = logging.getLogger(__name__)
_SESSION = """
SET default_transaction_isolation = 'read committed';
SET lock_timeout = '20s'; SET idle_in_transaction_session_timeout = '15s'; SET client_min_messages = 'warning';
SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3;
SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply');
"""
_FACTS = """
SELECT current_setting('server_version_num')::int, current_setting('transaction_read_only')::text, pg_backend_pid()
"""


class PostgresDatabase:
    """One part of the shared state, over one connection."""

    grace = SEND_WITHIN + LONGEST_REQUEST

    def __init__(
        self,
        place: PostgresPlace,
        tables: TableSet,
        *,
        name: str = "",
        moving: bool = False,
        arriving: str = "",
        clock: Clock | None = None,
        patience: float | None = None,
        pooled: bool = False,
    ) -> None:
        """Connect, and make the tables if there are none. `name` is a unique one that is held from the start.

        `moving` opens also a part that is marked as moved. A part that is made here bears the mark `arriving`.

        `pooled`: take a connection of the process for each transaction, as long as no name is held.

        UnreachableError if the server does not answer; SettingsError if it cannot be used.
        """
        self.place = place
        self.clock: Clock = clock or self._server_time
        self.reconnections = -1
        self._tables = tables
        self._moving = moving
        self._arriving = arriving
        self._guard = threading.RLock()
        self._patience = PATIENCE if patience is None else patience
        self._within: float = ANSWER_SECONDS
        self._held = {name: True} if name else {}
        """The names that are held, and whether no other process can have them."""
        self._missing: set[str] = set()
        """Those of them whose locks another session had when this link was opened, as a lost one of this process."""
        self._link: Any = None
        self._prepared: dict[str, Any] = {}
        self._transaction: str = ""
        self._stamp: tuple[datetime, float] | None = None
        self._pool = server_of(place.uri) if pooled else None
        self._lent: Server | None = None
        """Where a connection of the process is used now."""
        self._tables_found = False
        self._uses = 0
        if self._pool is not None:
            _IDLE_LINKS.enter(self._pool)
        try:
            with self._using():
                self._connect()
        except BaseException:
            self.close()
            raise

    def answer_within(self, seconds: float) -> None:
        """From now on let a call fail about twice these seconds after its begin if the server is away: a person waits.

        It waits neither for a server that restarts nor for long locks.
        """
        with self._guard:
            self._within = self._patience = seconds
            if self._link is not None:
                self._link._usock.settimeout(seconds)

    @property
    def place_name(self) -> str:
        """The database and the schema, without secrets."""
        return self.place.name

    @property
    def path(self) -> Path:
        """The name of files beside it, such as saved plans: each machine has its own."""
        return state_directory() / "outbox" / self.place.schema

    # --- statements

    def execute(self, sql: str, values: Values = ()) -> PostgresAnswer:
        """Run one statement."""
        return PostgresAnswer(self._run(sql, [values]))

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each of these values; several are on their way together."""
        chunk: list[Values] = []
        for row in rows:
            chunk.append(row)
            if len(chunk) == _SENT_TOGETHER:
                self._run(sql, chunk)
                chunk = []
        if chunk:
            self._run(sql, chunk)

    def copy_in(self, sql: str, lines: Iterable[bytes]) -> int:
        """Run a `COPY ... FROM STDIN` with these lines in its text format, and give their number.

        Either all of them are written or none, also if the lines end with an error. It waits for no other process.
        """
        with self._guard, self._errors():
            return int(self._link.execute_unnamed(sql, stream=lines).row_count)

    def read(self, sql: str, values: Values = ()) -> list[Row]:
        """The rows of a query; outside a transaction it is tried again on a new connection."""
        with self._using():
            if self._transaction:
                return self.execute(sql, values).fetchall()
            return self._patiently(lambda: self.execute(sql, values).fetchall())

    def _run(self, sql: str, rows: Sequence[Values]) -> Any:
        from pg8000.converters import make_params
        from pg8000.core import SYNC_MSG, Context

        with self._guard, self._errors():
            statement, columns, readers, names = self._statement(sql)
            link = self._link
            context = Context(sql, columns=columns, input_funcs=readers)
            for values in rows:
                ordered = [values[name] for name in names] if isinstance(values, Mapping) else values
                link.send_BIND(statement, make_params(link.py_types, ordered))
                link.send_EXECUTE()
            link._sock.write(SYNC_MSG)
            link._sock.flush()
            link.handle_messages(context)
            return context

    def _statement(self, sql: str) -> tuple[Any, Any, Any, tuple[str, ...]]:
        statement = self._prepared.get(sql)
        if statement is None:
            text, names = numbered_values(sql)
            statement = self._prepared[sql] = (*self._link.prepare_statement(text, ()), names)
        return statement

    def _simply(self, sql: str) -> list[list[Any]]:
        """Run statements without values, and give the rows of the last query."""
        return [list(row) for row in self._answer(sql)]

    def _answer(self, sql: str) -> PostgresAnswer:
        with self._errors():
            return PostgresAnswer(self._link.execute_simple(sql))

    def together(self, sql: str, *, locks: bool = True) -> Row:
        """Run statements without values in one transaction and one round trip, and give the last row.

        Like `transaction` it locks the part's row first, and refuses a part that was moved or upgraded. If the
        connection is lost, all of it is run again, although it may have been committed.
        """
        with self._using():
            lock = f"{_LOCKED.format(version=self._tables.version, part=self._tables.part)};" if locks else ""
            try:
                return (self._patiently(lambda: self._answer(f"{lock} {sql}").fetchall()) or [None])[-1]
            except ChangedPartError:
                with self.transaction():  # says what was changed
                    raise

    def last_number(self, table: str) -> int:
        """The sequence's number; a transaction waits for numbers that are given but not committed."""
        with self._guard, nullcontext() if self._transaction else self.transaction():
            rows = self.read(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {table}_number_seq")
            return int(rows[0][0])

    def set_last_number(self, table: str, number: int) -> None:
        """Set the sequence."""
        self.execute("SELECT setval(CAST(? AS regclass), CAST(? AS bigint), CAST(? AS bigint) > 0)",
                     (f"{table}_number_seq", max(1, number), number))  # fmt: skip

    def stream(self, sql: str) -> Iterator[Row]:
        """The rows of a query, through a cursor of the server."""
        with self._guard, nullcontext() if self._transaction else self.transaction():
            self.execute(f"DECLARE rows_to_move CURSOR FOR {sql}")
            while rows := self._answer("FETCH 500 FROM rows_to_move").fetchall():  # not prepared: its columns vary
                yield from rows
            self._simply("CLOSE rows_to_move")

    def moved_to(self) -> str:
        """The place in the part's row."""
        return str(self.read("SELECT moved_to FROM bridge_part WHERE part = ?", (self._tables.part,))[0][0])

    def mark_moved(self, target: str) -> None:
        """Set the place in the part's row."""
        with self._guard, nullcontext() if self._transaction else self.transaction():
            self.execute("UPDATE bridge_part SET moved_to = ? WHERE part = ?", (target, self._tables.part))

    def json_text(self, column: str, field: str) -> tuple[str, str]:
        """The expression, and the name of the field."""
        return f"(convert_from({column}, 'UTF8')::json ->> ?)", field

    # --- transactions

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A write transaction that locks the part's row first."""
        with self._using():
            self._transaction = self._patiently(self._begin)
            try:
                yield
            except BaseException:
                self._transaction = ""
                self._roll_back()
                raise
            number, self._transaction = self._transaction, ""
            self._commit(number)

    def _begin(self) -> str:
        """Begin, lock the part's row, and give the transaction's number."""
        sent = steady_seconds()
        rows = self._simply(
            "BEGIN; SELECT version, moved_to, clock_timestamp(), pg_current_xact_id()::text"
            f" FROM bridge_part WHERE part = '{self._tables.part}' FOR UPDATE"
        )
        if not rows:
            self._roll_back()
            raise SettingsError(f"{self._tables.what} is not in {self.place_name} any more", fix="restore the schema")
        version, target, now, number = rows[0]
        self._stamp = (now, sent)
        try:
            self._check(version, target)
            if version < self._tables.version:
                raise SettingsError(
                    f"{self._tables.what} in {self.place_name} has tables of an earlier version, as after a restore",
                    fix="Run it again, which upgrades the tables. Read `Backup, restore and failover` on the page `More"
                    " than one machine` first.",
                )
        except SettingsError:
            self._roll_back()
            raise
        return str(number)

    def _check(self, version: int, target: str) -> None:
        if target and not self._moving:
            if not has_arrived(target, self.place_name):
                raise moved_error(self._tables.what, self.place_name, target)
            self._simply(f"UPDATE bridge_part SET moved_to = '' WHERE part = '{self._tables.part}'")
        self._tables.since(version, f"in {self.place_name}")

    def _roll_back(self) -> None:
        if self._link is not None:
            with suppress(IntacctError):
                self._simply("ROLLBACK")

    def _commit(self, number: str) -> None:
        try:
            self._simply("COMMIT")
        except UnreachableError:
            if not self._was_committed(number):
                raise UnreachableError(
                    f"the connection to {self.place_name} was lost, and nothing was written",
                    fix="Run it again when the database answers.",
                ) from None

    def _was_committed(self, number: str) -> bool:
        """The fate of a transaction whose commit got no answer. UnreachableError if the server does not tell."""

        def ask() -> str:
            self._begin()  # waits for the lock, which the lost session holds until its transaction has ended
            try:
                return str(self._simply(f"SELECT pg_xact_status('{number}'::xid8)")[0][0])
            finally:
                self._roll_back()

        status = self._patiently(ask)
        if status not in ("committed", "aborted"):
            raise UnreachableError(
                f"{self.place_name} does not know whether the last change was written ({status})",
                fix="If it was restored from a backup or a replica took over, see the page `More than one machine`.",
            )
        return status == "committed"

    def _server_time(self) -> datetime:
        """The server's time, or a moment later: never earlier, so that a deadline is not taken for one to come."""
        with self._using():
            if self._stamp is None:
                self._stamp = self._patiently(self._ask_time)
            moment, at = self._stamp
            return moment + timedelta(seconds=steady_seconds() - at)

    def _ask_time(self) -> tuple[datetime, float]:
        sent_at = steady_seconds()
        return self._simply("SELECT clock_timestamp()")[0][0], sent_at

    # --- the connection

    @contextmanager
    def _using(self) -> Iterator[None]:
        """Let no other thread use the connection; at the end of the outermost use a pooled one is given back."""
        if not self._guard.acquire(timeout=-1 if self._within == ANSWER_SECONDS else self._within):
            raise unreachable(self.place, "no answer in time")
        try:
            self._uses += 1
            try:
                yield
            finally:
                self._uses -= 1
                if self._pool is not None and self._link is not None and not self._uses and not self._held:
                    link, prepared, self._link, self._prepared = self._link, self._prepared, None, {}
                    self._lent = None
                    _IDLE_LINKS.put(self._pool, link, prepared)
        finally:
            self._guard.release()

    def _patiently(self, work: Callable[[], T]) -> T:
        """Do what changes nothing yet, and do it again if the connection is lost or another process is busy."""
        ends, wait = time.monotonic() + self._patience, 0.05
        while True:
            try:
                if self._link is None:
                    self._connect()
                elif self._missing:
                    self._missing -= {name for name in tuple(self._missing) if self._try_lock(name)}
                return work()
            except (UnreachableError, BusyError):
                if time.monotonic() + wait > ends:
                    raise
                time.sleep(wait)
                wait = min(1.0, wait * 2)

    def _connect(self) -> None:
        self._stamp = None
        while self._pool is not None and (idle := self._take_idle(self._pool)):
            self._link, self._prepared = idle
            self._link._usock.settimeout(self._within)
            try:
                self._prepare(new=False)
                return
            except UnreachableError:  # the server ended it while it was idle, and probably the others too
                _IDLE_LINKS.drop(self._pool)
        self._prepared = {}
        try:
            self._link = open_link(self.place, shared=self._pool is not None, within=self._within)
        except BaseException:
            self._drop()
            raise
        self._prepare(new=True)
        self.reconnections += 1

    def _take_idle(self, pool: Server) -> tuple[Any, dict[str, Any]] | None:
        idle = _IDLE_LINKS.take(pool, patience=self._within)
        self._lent = pool
        return idle

    def _prepare(self, *, new: bool) -> None:
        try:
            if new:
                self._prepare_session()
            self._simply(f"SET search_path TO {quoted(self.place.schema)}")
            self._lock_names()
            if new or not self._tables_found:
                self._find_tables()
                self._tables_found = True
        except BaseException:
            self._drop()
            raise

    def _prepare_session(self) -> None:
        self._simply(_SESSION)
        version, read_only, pid = self._simply(_FACTS)[0]
        if version < _OLDEST_VERSION:
            raise SettingsError(
                f"{self.place_name} runs PostgreSQL {version // 10_000}", fix="version 15 or newer is needed"
            )
        if read_only == "on":
            raise SettingsError(
                f"{self.place_name} is read-only: a replica, or a database or user that may not write",
                fix="name the primary server, and a user that may write",
            )
        refuse_pooler(self.place, self._link, pid)

    def _lock_names(self) -> None:
        self._missing = set()
        for name, unique in self._held.items():
            try:
                self._lock(name)
            except BusyError:
                if not unique:
                    raise
                self._missing.add(name)  # a lost session of this process has it for a while

    def _find_tables(self) -> None:
        try:
            version = self._version_there()
        except MissingTableError:
            version = 0
        if version < self._tables.version:
            self._bring_up_to_date(new=version == 0)

    def _version_there(self, lock: str = "") -> int:
        """The version of the part's tables, 0 if there are none. SettingsError if it must not be used."""
        rows = self._simply(f"SELECT version, moved_to FROM bridge_part WHERE part = '{self._tables.part}' {lock}")
        if rows:
            self._check(*rows[0])
        return int(rows[0][0]) if rows else 0

    def _bring_up_to_date(self, *, new: bool) -> None:
        """Make or change the tables in one transaction. Processes that want to do so follow each other."""
        self._simply(f"BEGIN; SELECT pg_advisory_xact_lock({lock_key(self.place.schema, 'tables')})")
        try:
            if new:
                self._make_parts_table()
            version = self._version_there("FOR UPDATE")  # another process may have done it meanwhile
            if version == 0:
                self._simply(postgres_script(self._tables.script()) + self._tables.postgres)
                self._simply(
                    "INSERT INTO bridge_part (part, version, moved_to) VALUES"
                    f" ('{self._tables.part}', {self._tables.version}, {literal(self._arriving)})"
                )
            elif version < self._tables.version:
                self._migrate(version)
        except BaseException:
            self._roll_back()
            raise
        self._simply("COMMIT")

    def _make_parts_table(self) -> None:
        if not self._simply(f"SELECT 1 FROM pg_namespace WHERE nspname = {literal(self.place.schema)}"):
            self._simply(f"CREATE SCHEMA {quoted(self.place.schema)}")
        self._simply(
            "CREATE TABLE IF NOT EXISTS bridge_part (part TEXT PRIMARY KEY, version INTEGER NOT NULL,"
            " moved_to TEXT NOT NULL DEFAULT '')"
        )

    def _migrate(self, version: int) -> None:
        """Bring tables of an earlier version to the present one."""
        tables, (user, owner) = self._tables, self._simply(_OWNER)[0]
        self._link._usock.settimeout(MIGRATION_SECONDS)
        try:
            for migration in tables.since(version, self.place_name):
                self._simply(f"{postgres_script(migration.script)}\n{migration.postgres}")
                migration.rows(self)
            self._simply(f"UPDATE bridge_part SET version = {tables.version} WHERE part = '{tables.part}'")
        except NoRightError:
            raise SettingsError(
                f"{tables.what} in {self.place_name} has tables of version {version}, and this program needs version"
                f" {tables.version}. The user {user} may not change them.",
                fix=f"as an administrator of the database: GRANT {quoted(owner)} TO {quoted(user)}",
            ) from None
        finally:
            if self._link is not None:
                self._link._usock.settimeout(self._within)
        self._prepared = {}
        _log.warning(
            "%s in %s has tables of version %d now; earlier versions of intacct-bridge refuse them",
            tables.what, self.place_name, tables.version,
        )  # fmt: skip

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn the driver's errors into ours; a lost connection is dropped."""
        from pg8000.exceptions import DatabaseError, InterfaceError

        if self._link is None:
            raise unreachable(self.place, "the connection was lost")
        try:
            yield
        except DatabaseError as error:
            facts = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
            if ends_connection(facts):
                self._drop()
            raise refusal_error(self.place, facts, self._tables.what) from None
        except (InterfaceError, OSError, struct.error) as error:
            self._drop()
            raise lost_error(self.place, error) from None
        except BaseException:  # an interrupt may have come between a question and its answer
            self._drop()
            raise

    def _drop(self) -> None:
        link, self._link, self._prepared = self._link, None, {}
        if link is not None:
            close_link(link)
        if self._lent is not None:
            _IDLE_LINKS.lost(self._lent)
            self._lent = None

    def unsafe_settings(self) -> list[str]:
        """The settings of the server that are off."""
        rows = self.read("SELECT name FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off'")
        return sorted(str(row[0]) for row in rows)

    # --- which processes live

    def hold(self, name: str, *, unique: bool = False) -> None:
        """Take the advisory lock of a name, now and after each reconnection; no other process has a `unique` one."""
        with self._guard:
            self._patiently(lambda: self._lock(name))
            self._held[name] = unique

    def hold_if_free(self, name: str) -> bool:
        """Take the lock of a unique name, or give False at once if another process has it.

        This process may have it already: it has it as often as it took it, and one `release` gives it back once.
        """
        with self._guard:
            self._missing.discard(name)
            locked = self._patiently(lambda: self._try_lock(name))
            if locked:
                self._held[name] = True
            else:  # another process took it while our connection was lost
                self._held.pop(name, None)
            return locked

    def _lock(self, name: str) -> None:
        if not self._try_lock(name):
            raise BusyError(f"{name} is in use by another process", fix="Wait until it has ended.")

    def _try_lock(self, name: str) -> bool:
        return bool(self._simply(f"SELECT pg_try_advisory_lock({lock_key(self.place.schema, name)})")[0][0])

    def release(self, name: str) -> None:
        """Release the lock of a name."""
        with self._guard:
            self._held.pop(name, None)
            self._missing.discard(name)
            with suppress(UnreachableError):  # then the server has released it
                self._simply(f"SELECT pg_advisory_unlock({lock_key(self.place.schema, name)})")

    def is_held(self, name: str) -> bool:
        """Whether a session has the lock of a name."""
        return name in self._held or bool(self.read(_HELD, {"key": lock_key(self.place.schema, name)}))

    def others(self) -> list[str]:
        """The processes whose sessions hold a name, apart from this one: their address and process."""
        return [str(row[0]) for row in self.read(_OTHERS, {"schema": application_name(self.place)})]

    def close(self) -> None:
        """Release every lock and close the connection; a pooled one stays for others."""
        with self._guard:
            pool, self._pool = self._pool, None
            if pool is not None:
                _IDLE_LINKS.leave(pool)
            link, self._link = self._link, None
            if link is not None:
                with suppress(Exception):
                    if self._held:  # the server notices the end of a session some time after it
                        link.execute_simple("SELECT pg_advisory_unlock_all()")
                    link.close()
                close_link(link)
            self._drop()


_OWNER = """
SELECT current_user::text, pg_get_userbyid(relowner)::text FROM pg_class WHERE oid = 'bridge_part'::regclass
"""
_LOCKED = """
SELECT CASE WHEN version = {version} AND moved_to = '' THEN 1 ELSE 1 / (version - version) END
FROM bridge_part WHERE part = '{part}' FOR UPDATE
"""
"""The same for statements that are sent together."""
_HELD = """
SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND ((classid::bigint << 32) | objid::bigint) = CAST(:key AS bigint)
"""
_OTHERS = """
SELECT DISTINCT coalesce(host(client_addr), 'this machine') || ', process ' || pid FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = CAST(:schema AS text) AND pid <> pg_backend_pid()
"""


_IDLE_LINKS = IdleLinks(close_link)


def lock_key(*parts: str) -> int:
    """The key of an advisory lock."""
    return int.from_bytes(sha256("\0".join((APPLICATION, *parts)).encode()).digest()[:8], signed=True)
