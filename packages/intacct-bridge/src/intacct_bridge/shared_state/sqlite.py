"""Shared state in a SQLite file, which the processes of one machine share."""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

from intacct_bridge.machine.sqlite_file import open_sqlite, run_script
from intacct_bridge.shared_state.database import ARRIVED, ARRIVING, MOVED, Row, TableSet, Values
from intacct_bridge.shared_state.liveness import Liveness
from intacct_protocol.errors import SettingsError


class SqliteDatabase:
    """One open file. Processes show that they live by locks on files in a folder beside it."""

    clock = None
    grace = timedelta(0)
    reconnections = 0

    def __init__(self, path: Path, tables: TableSet, *, name: str, moving: bool = False, arriving: str = "") -> None:
        """Open the file, and hold a name if one is given.

        `moving` opens also a file that is marked as moved. A file that is made here bears the mark `arriving`.
        """
        self.path = path
        self._tables = tables
        self._moving = moving
        self._arriving = arriving
        self._guard = threading.RLock()
        self._held: dict[str, Liveness] = {}
        if name:
            self.hold(name)  # before the file is opened: a move locks it, and looks for others then
        try:
            self._db = open_sqlite(path, what=tables.what, setting="outbox", upgrade=self._upgrade)
        except BaseException:
            self.release(name)
            raise

    @property
    def place_name(self) -> str:
        """The file's path."""
        return str(self.path)

    def _upgrade(self, db: sqlite3.Connection, path: Path, version: int) -> int:
        """Bring a file of a version, 0 for a new one, to the present version."""
        moved, version = divmod(version, MOVED)
        if moved and not self._moving:
            self._refuse_moved(db)
            moved = 0
        if version == 0 and self._arriving:
            _set_mark(db, self._arriving)
            moved = 1
        return moved * MOVED + bring_up_to_date(db, self._tables, version, str(path))

    def _refuse_moved(self, db: sqlite3.Connection) -> None:
        """SettingsError for a marked file, but for one whose old place is retired by now: that one loses its mark."""
        mark = moved_to(db)
        if not has_arrived(mark, str(self.path.absolute())):
            raise moved_error(self._tables.what, self.place_name, mark)
        _set_mark(db, "")

    def execute(self, sql: str, values: Values = ()) -> sqlite3.Cursor:
        """Run one statement."""
        return self._db.execute(sql, values)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each of these values."""
        self._db.executemany(sql, rows)

    def read(self, sql: str, values: Values = ()) -> list[Row]:
        """The rows of a query."""
        with self._guard:
            return self._db.execute(sql, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A write transaction that takes its lock at once: rows cannot change between its reads and its writes."""
        with self._guard:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                if not self._moving and self._version() >= MOVED:
                    raise moved_error(self._tables.what, self.place_name, moved_to(self._db))
                yield
                self._db.execute("COMMIT")
            except BaseException as error:
                if self._db.in_transaction:  # SQLite ends it by itself where the disk is full
                    self._db.execute("ROLLBACK")
                if isinstance(error, sqlite3.OperationalError):
                    raise SettingsError(
                        f"{self._tables.what} {self.path} cannot be written: {error}",
                        fix="free some disk space, check the file and its permissions, and run the load again",
                    ) from None
                raise

    def last_number(self, table: str) -> int:
        """The number that SQLite keeps for the table."""
        rows = self.read("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,))
        return int(rows[0][0]) if rows else 0

    def set_last_number(self, table: str, number: int) -> None:
        """Set the number that SQLite keeps for the table."""
        self.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
        self.execute("INSERT INTO sqlite_sequence VALUES (?, ?)", (table, number))

    def stream(self, sql: str) -> Iterator[Row]:
        """The rows of a query, some at a time."""
        yield from self._db.execute(sql)

    # --- the mark of a move

    def moved_to(self) -> str:
        """The place in the table of the mark."""
        return moved_to(self._db) if self._version() >= MOVED else ""

    def mark_moved(self, target: str) -> None:
        """Make or drop the table of the mark. Programs that do not know it refuse the version."""
        with nullcontext() if self._db.in_transaction else self.transaction():
            version = self._version() % MOVED
            _set_mark(self._db, target)
            self._db.execute(f"PRAGMA user_version = {version + (MOVED if target else 0)}")

    def _version(self) -> int:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    def json_text(self, column: str, field: str) -> tuple[str, str]:
        """The expression, and the path of the field."""
        path = '$."' + field.replace('"', "") + '"'
        return f"CAST(json_extract(CAST({column} AS TEXT), ?) AS TEXT)", path

    def unsafe_settings(self) -> list[str]:
        """None: the file is opened with its own."""
        return []

    # --- which processes live

    def hold(self, name: str) -> None:
        """Lock the file of a name."""
        self._held[name] = Liveness(self._folder_of_locks, name)

    def release(self, name: str) -> None:
        """Release that lock."""
        if held := self._held.pop(name, None):
            held.close()

    def is_held(self, name: str) -> bool:
        """Whether the file of a name is locked."""
        return name in self._held or next(iter(self._held.values())).is_running(name)

    def others(self) -> list[str]:
        """The names that other processes, or other objects of this one, hold."""
        names = [path.name for path in self._folder_of_locks.glob("*")]
        return [name for name in names if name not in self._held and self.is_held(name)]

    @property
    def _folder_of_locks(self) -> Path:
        return self.path.with_name(self.path.name + ".loaders")

    def close(self) -> None:
        """Close the file, and release the locks."""
        with self._guard:
            self._db.close()
            for name in list(self._held):
                self.release(name)


def bring_up_to_date(db: sqlite3.Connection, tables: TableSet, version: int, place: str) -> int:
    """Bring a file's tables from a version, 0 for a new file, to the present one, inside the open transaction."""
    if version == 0:
        run_script(db, tables.script())
        return tables.version
    for migration in tables.since(version, place):
        run_script(db, migration.script)
        migration.rows(db)
    return tables.version


def moved_to(db: sqlite3.Connection) -> str:
    """The place that a file was moved to."""
    row = db.execute("SELECT place FROM moved").fetchone()
    return str(row[0])


def _set_mark(db: sqlite3.Connection, target: str) -> None:
    db.execute("DROP TABLE IF EXISTS moved")
    if target:
        db.execute("CREATE TABLE moved (place TEXT NOT NULL)")
        db.execute("INSERT INTO moved VALUES (?)", (target,))


def has_arrived(mark: str, place: str) -> bool:
    """Whether a place with this mark is complete: the old place is a file that was retired for it.

    A move that is killed at its very end leaves the mark of the new place behind.
    """
    source = Path(mark.removesuffix(ARRIVED))
    if not mark.endswith(ARRIVED) or not source.is_file():
        return False
    try:
        with closing(sqlite3.connect(source)) as db:
            retired = int(db.execute("PRAGMA user_version").fetchone()[0]) >= MOVED
            return retired and moved_to(db) == place
    except sqlite3.Error:
        return False


def moved_error(what: str, place: str, mark: str) -> SettingsError:
    """The error for a place whose state is elsewhere now, or has not arrived yet."""
    if mark.endswith((ARRIVING, ARRIVED)):
        source = mark.removesuffix(ARRIVING).removesuffix(ARRIVED)
        return SettingsError(
            f"{what} {place} is not complete: it is being moved here from {source}",
            fix="If the move was interrupted, run the same `intacct outbox move` again, which finishes it.",
        )
    return SettingsError(
        f"{what} {place} was moved to {mark}",
        fix="Set `outbox` of the connection to that place. If a move was interrupted, run the same"
        " `intacct outbox move` again.",
    )
