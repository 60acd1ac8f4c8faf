"""The history of runs: a SQLite file in the user's state directory, beside the outboxes, or a PostgreSQL database.

Nothing depends on the history: if it cannot be written, a run goes on without one. It is readable by its owner only.
Each run holds a lock on a file of its own while its process runs, as a loader of the outbox does, so that a killed
run is told apart from one that still runs. Several processes write at the same time.

`INTACCT_RUN_HISTORY` names another file or a database that several machines share, or is `off`.
"""

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from intacct_bridge.machine.directories import state_directory
from intacct_bridge.runs.run import Run
from intacct_bridge.shared_state.database import TableSet
from intacct_bridge.shared_state.liveness import Liveness
from intacct_protocol.errors import IntacctError, SettingsError
from intacct_protocol.model.uri_text import is_misspelt_address

if TYPE_CHECKING:
    from intacct_bridge.shared_state.place import Place
    from intacct_bridge.shared_state.postgres import PostgresDatabase

VARIABLE = "INTACCT_RUN_HISTORY"
OFF = "off"
KEPT_DAYS = 760
"""Two years and a month, so that usage can be compared with the same month of the year before."""
KEPT_LOG_DAYS = 90
_PRUNE_EVERY = 200
"""Runs between two removals of old ones."""
_BUSY_MS = 2_000
_SHARED_SCHEMA = "intacct_bridge"
"""How long another process may hold the file before a run goes on without its history."""
_SCHEMA = """
CREATE TABLE run (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, started TEXT NOT NULL,
    ended TEXT, flow TEXT NOT NULL, connection TEXT NOT NULL, command TEXT NOT NULL, status INTEGER,
    body TEXT NOT NULL);
CREATE INDEX run_by_flow ON run (flow, number);
"""
_TABLES = TableSet("runs", "the history of runs", lambda: _SCHEMA)
_PUT = """
INSERT INTO run (id, started, ended, flow, connection, command, status, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET ended = excluded.ended, connection = excluded.connection, command = excluded.command,
    status = excluded.status, body = excluded.body
RETURNING number
"""
_BEFORE_DAYS = """
coalesce((SELECT max(number) AS latest FROM run GROUP BY substr(started, 1, 10)
    ORDER BY latest DESC LIMIT 1 OFFSET ?), 0)
"""
"""The number of the last run before the latest days on which runs began; the parameter is how many days."""
_LATEST_OF_FILE = "SELECT body FROM run WHERE body LIKE ? ESCAPE '^' ORDER BY number DESC LIMIT 1"


def history_place() -> "Place | None":
    """The history's file or database; None if it is switched off."""
    named = os.environ.get(VARIABLE, "")
    if named.lower() == OFF:
        return None
    if "://" in named:
        from intacct_bridge.shared_state.place import postgres_place

        return postgres_place(named, _SHARED_SCHEMA)
    if is_misspelt_address(named):
        raise SettingsError(
            f"{VARIABLE} is neither a path nor a URI", fix="Write a path, or postgresql://HOST/DATABASE."
        )
    return Path(named).expanduser() if named else _usual_path()


def _usual_path() -> Path:
    return state_directory() / "runs" / "runs.sqlite3"


@contextmanager
def open_history() -> Iterator["RunHistory"]:
    """The history, to be read. SettingsError if it is switched off."""
    place = history_place()
    if place is None:
        raise SettingsError("The history of runs is switched off.", fix=f"Unset {VARIABLE}, or name a file.")
    with closing(RunHistory(place)) as history:
        yield history


class RunHistory:
    """One history. SettingsError if it cannot be used; the caller goes on without it."""

    def __init__(self, place: "Place") -> None:
        self.place = place
        self.path = place if isinstance(place, Path) else _usual_path()
        """The file; of a database, the name beside which this machine keeps logs and locks."""
        self._shared: PostgresDatabase | None = None
        self._held: dict[str, Liveness] = {}
        self._db: sqlite3.Connection | None = None

    @property
    def logs(self) -> Path:
        """The folder of the runs' logs."""
        return self.path.parent / "logs"

    @property
    def locks(self) -> Path:
        """The folder of the locks of flows."""
        return self.path.parent / "flows"

    def log_of(self, run_id: str) -> str:
        """The file of a run's log."""
        return str(self.logs / f"{run_id}.jsonl")

    # --- writing

    def begin(self, run: Run) -> None:
        """Keep a run that begins now, and hold its lock until it ends."""
        if not isinstance(self.place, Path):
            with self._database_errors():
                self._database().hold(run.id, unique=True)
        elif run.id not in self._held:
            self._held[run.id] = Liveness(self._living, run.id)
        number = self._put(run)
        if number % _PRUNE_EVERY == 0:
            self.prune(run.started)

    def put(self, run: Run) -> None:
        """Keep the present facts of a run."""
        self._put(run)

    def end(self, run: Run) -> None:
        """Keep the end of a run, and release its lock."""
        try:
            self._put(run)
        finally:
            self.release(run.id)

    def move_file(self, before: str, after: str) -> None:
        """Give the latest run that names a file of refused rows the file's new name."""
        name = re.sub("[%_^]", r"^\g<0>", msgspec.json.encode(before).decode())
        with self._writing() as db:
            row = db.execute(_LATEST_OF_FILE, [f'%"refused^_rows":[%{name}%']).fetchone()
            if row is not None:
                run = msgspec.json.decode(row[0], type=Run)
                files = tuple(after if one == before else one for one in run.refused_rows)
                body = msgspec.json.encode(msgspec.structs.replace(run, refused_rows=files)).decode()
                db.execute("UPDATE run SET body = ? WHERE id = ?", [body, run.id])

    def release(self, run_id: str) -> None:
        """Release the lock of a run."""
        if held := self._held.pop(run_id, None):
            held.close()
        if self._shared is not None:
            self._shared.release(run_id)

    def prune(self, now: datetime) -> None:
        """Remove runs and logs that are older than they are kept.

        The clock may be wrong. So a run must also lie before as many days on which runs began, by their numbers.
        """
        with self._writing() as db:
            db.execute(
                f"DELETE FROM run WHERE started < ? AND number <= {_BEFORE_DAYS}",
                [_text(now - timedelta(days=KEPT_DAYS)), KEPT_DAYS],
            )
            recent_ids = {
                row[0] for row in db.execute(f"SELECT id FROM run WHERE number > {_BEFORE_DAYS}", [KEPT_LOG_DAYS])
            }
        oldest = (now - timedelta(days=KEPT_LOG_DAYS)).timestamp()
        for log in self.logs.glob("*.jsonl"):
            with suppress(OSError):
                if log.stem not in recent_ids and log.stat().st_mtime < oldest:
                    log.unlink()

    def close(self) -> None:
        """Release every lock and close the file."""
        for run_id in list(self._held):
            self.release(run_id)
        if self._db is not None:
            self._db.close()
            self._db = None
        if self._shared is not None:
            self._shared.close()
            self._shared = None

    # --- reading

    def runs(
        self, *, flow: str = "", connection: str = "", command: str = "", since: datetime | None = None, limit: int = 0
    ) -> Iterator[Run]:
        """The runs, the latest first."""
        tests = {"flow = ?": flow, "connection = ?": connection, "command = ?": command}
        conditions = {test: value for test, value in tests.items() if value}
        if since is not None:
            conditions["started >= ?"] = _text(since)
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        most = f" LIMIT {limit}" if limit else ""
        sql = f"SELECT body FROM run{where} ORDER BY number DESC{most}"
        return map(self._run, self._read(sql, list(conditions.values())))

    def find(self, begun: str) -> Run:
        """The run whose id begins so; SettingsError if none or several do."""
        plain = "".join(letter for letter in begun if letter.isalnum())
        rows = self._read("SELECT body FROM run WHERE id LIKE ? || '%' LIMIT 2", [plain]) if plain else []
        if not rows:
            raise SettingsError(f"there is no run {begun!r}", fix="List the runs: intacct runs list")
        if len(rows) > 1:
            raise SettingsError(f"several runs begin with {begun!r}", fix="Give more characters of the id.")
        return self._run(rows[0])

    def last_success(self, flow: str) -> Run | None:
        """The latest run of a flow that succeeded."""
        rows = self._read("SELECT body FROM run WHERE flow = ? AND status = 0 ORDER BY number DESC LIMIT 1", [flow])
        return self._run(rows[0]) if rows else None

    def is_running(self, run_id: str) -> bool:
        """Whether a run's process still runs."""
        if run_id in self._held:
            return True
        if not isinstance(self.place, Path):
            with self._database_errors():
                return self._database().is_held(run_id)
        if not (self._living / run_id).exists():
            return False
        try:
            with Liveness(self._living, f"{run_id}.asked-by-{os.getpid()}") as asking:
                return asking.is_running(run_id)
        except SettingsError:
            return True  # a folder that cannot be written here, so that nothing can be asked

    @property
    def _living(self) -> Path:
        return self.path.parent / "running"

    def _run(self, body: str) -> Run:
        run = msgspec.json.decode(body, type=Run)
        return msgspec.structs.replace(run, alive=run.status is None and self.is_running(run.id))

    def _read(self, sql: str, values: list[str]) -> list[str]:
        """The bodies that a query finds; none if there is no history yet."""
        if not isinstance(self.place, Path):
            with self._database_errors():
                return [body for (body,) in self._database().read(sql, values)]
        if self._db is None and not self.path.exists():
            return []
        try:
            return [body for (body,) in self._open().execute(sql, values)]
        except sqlite3.Error as error:
            raise self._unusable(error) from None

    def _put(self, run: Run) -> int:
        body = msgspec.json.encode(msgspec.structs.replace(run, alive=False)).decode()
        ended = _text(run.ended) if run.ended is not None else None
        values = (run.id, _text(run.started), ended, run.flow, run.connection, run.command, run.status, body)
        with self._writing() as db:
            return int(db.execute(_PUT, values).fetchone()[0])

    def _database(self) -> "PostgresDatabase":
        if self._shared is None:
            from intacct_bridge.shared_state.postgres import PostgresDatabase

            assert not isinstance(self.place, Path)
            self._shared = PostgresDatabase(self.place, _TABLES, patience=_BUSY_MS / 1000)
        return self._shared

    @contextmanager
    def _database_errors(self) -> Iterator[None]:
        """Any failure of the database as SettingsError, with which a run goes on."""
        try:
            yield
        except IntacctError as error:
            raise self._unusable(error) from None

    @contextmanager
    def _writing(self) -> "Iterator[sqlite3.Connection | PostgresDatabase]":
        if not isinstance(self.place, Path):
            with self._database_errors(), self._database().transaction():
                yield self._database()
            return
        try:
            db = self._open()
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            if self._db is not None and self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise self._unusable(error) from None

    def _open(self) -> sqlite3.Connection:
        if self._db is not None:
            return self._db
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.path.exists():
            self.path.touch(mode=0o600)
        db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=_BUSY_MS / 1000)
        try:
            _prepare(db, self.path)
        except BaseException:
            db.close()
            raise
        self._db = db
        return db

    def _unusable(self, error: Exception) -> SettingsError:
        return SettingsError(
            f"the history of runs {f'{self.path} ' if self.place is self.path else ''}cannot be used: {error}",
            fix=f"Check the file and its permissions, or name another one: {VARIABLE}=PATH.",
        )


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    """Make the tables, or bring them to the present version.

    Commits are not forced to the disk: a power cut may cost the latest runs.
    """
    version = db.execute("PRAGMA user_version").fetchone()[0]
    db.execute("PRAGMA synchronous = NORMAL" if version else "PRAGMA synchronous = OFF")
    if version == _TABLES.version:
        return
    from intacct_bridge.shared_state.sqlite import bring_up_to_date

    db.execute("PRAGMA journal_mode = WAL")
    with closing(db.cursor()) as cursor:
        cursor.execute("BEGIN IMMEDIATE")
        version = cursor.execute("PRAGMA user_version").fetchone()[0]
        cursor.execute(f"PRAGMA user_version = {bring_up_to_date(db, _TABLES, version, str(path))}")
        cursor.execute("COMMIT")


def _text(moment: datetime) -> str:
    """A time as the file has it: in UTC, so that strings sort as times do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
