"""The event log, beside the outbox: what each watch has read, its events, and their delivery.

Everything that a commit of an extraction brings is stored in one transaction: the last state of each record, the events
that follow from it, and the bookmark. So a killed watch neither loses an event nor makes one twice.

An event waits (`pending`) until its receiver has taken it (`delivered`). One that fails too often is a dead letter
(`dead`), which can be replayed or skipped (`skipped`). Events of one record are delivered in their order.
"""

import glob
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from intacct_bridge.changes.event import ChangeEvent, ChangeKind, decode_changes, decode_record
from intacct_bridge.machine.directories import state_directory
from intacct_bridge.machine.locks import try_lock
from intacct_bridge.machine.running_commands import RunningCommands
from intacct_bridge.shared_state.database import Row, StateDatabase, TableSet
from intacct_bridge.shared_state.open import open_database
from intacct_bridge.shared_state.place import Place, PostgresPlace
from intacct_protocol.errors import BusyError, SettingsError

_LONGEST_SCHEMA = 56
_LONGEST_FILE_PART = 100
_TABLES = """
CREATE TABLE watch (name TEXT PRIMARY KEY, company TEXT NOT NULL, definition TEXT NOT NULL, run INTEGER NOT NULL,
    polled_at TEXT, outcomes TEXT NOT NULL DEFAULT '[]') WITHOUT ROWID;
CREATE TABLE stream (watch TEXT NOT NULL, name TEXT NOT NULL, since TEXT NOT NULL, bookmark TEXT NOT NULL,
    PRIMARY KEY (watch, name)) WITHOUT ROWID;
CREATE TABLE record (watch TEXT NOT NULL, stream TEXT NOT NULL, key TEXT NOT NULL, parent TEXT, run INTEGER NOT NULL,
    content BLOB NOT NULL, PRIMARY KEY (watch, stream, key)) WITHOUT ROWID;
CREATE INDEX record_by_parent ON record (watch, stream, parent) WHERE parent IS NOT NULL;
CREATE TABLE deleted (watch TEXT NOT NULL, stream TEXT NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL,
    at TEXT NOT NULL, PRIMARY KEY (watch, stream, field, value)) WITHOUT ROWID;
CREATE TABLE event (number INTEGER PRIMARY KEY AUTOINCREMENT, watch TEXT NOT NULL, company TEXT NOT NULL,
    object TEXT NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL, at TEXT NOT NULL, record BLOB NOT NULL, changed BLOB,
    state TEXT NOT NULL DEFAULT 'pending', attempts INTEGER NOT NULL DEFAULT 0, next_at TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '', ended_at TEXT, nonce TEXT NOT NULL);
CREATE INDEX event_waiting ON event (watch, object, key, number) WHERE state = 'pending';
CREATE INDEX event_by_state ON event (watch, state, number);
"""
_READ_AGAIN = timedelta(days=1)
"""Deletes are remembered for this much longer than events: every poll reads the last hours of the audit history again,
in which they would be new ones.
"""
_EVENT = "number, company, object, key, kind, at, record, changed, nonce"
_LOGGED = f"{_EVENT}, state, attempts, error, next_at"
LONGEST_PAUSE = timedelta(days=1)
"""Between two attempts."""
_FURTHEST = LONGEST_PAUSE + timedelta(hours=1)
"""A time of an attempt that lies further ahead was written by a clock that has been set back since."""
_FIRST = """watch = :watch AND state = 'pending' AND NOT EXISTS (
    SELECT 1 FROM event AS earlier INDEXED BY event_waiting WHERE earlier.watch = due.watch
    AND earlier.object = due.object AND earlier.key = due.key AND earlier.number < due.number
    AND earlier.state = 'pending')"""
"""The oldest pending event of each record; the others wait for it."""
_DUE = f"""
SELECT {_EVENT}, attempts FROM event AS due
WHERE {_FIRST} AND (next_at <= :now OR next_at > :latest)
ORDER BY number LIMIT :most
"""


_END_EARLIER = """
UPDATE event SET state = 'dead', error = ?, ended_at = ? WHERE state = 'pending' AND number < ?
    AND watch = (SELECT watch FROM event WHERE number = ?) AND object = (SELECT object FROM event WHERE number = ?)
    AND key = (SELECT key FROM event WHERE number = ?)
"""
_OUTDATED = "a later state of the record was delivered before this one could be replayed"


class EventState(StrEnum):
    """How far the delivery of an event has come."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class DueEvent:
    """An event that is to be delivered now."""

    event: ChangeEvent
    attempts: int
    """How often its delivery has failed."""


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event with the state of its delivery."""

    event: ChangeEvent
    state: EventState
    attempts: int
    error: str
    next_at: datetime | None
    """When a pending event that failed is tried again."""


@dataclass(frozen=True, slots=True)
class WatchStatus:
    """A watch as the event log knows it."""

    name: str
    company: str
    definition: str
    polled_at: datetime | None
    outcomes: str
    """The outcomes of the last poll, as JSON."""
    counts: Mapping[EventState, int]
    oldest_pending: datetime | None


class EventLog:
    """One event log. Usable from several threads, and by several processes."""

    def __init__(self, place: Place) -> None:
        """Open the file or the schema, or make it. SettingsError if it cannot be used."""
        self.place = place
        self._db = open_database(place, TABLES, name="")

    # --- transactions

    @contextmanager
    def transaction(self) -> Iterator[StateDatabase]:
        """One transaction, rolled back on any error."""
        with self._db.transaction():
            yield self._db

    def read(self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[Row]:
        """The rows of a query."""
        return self._db.read(sql, values)

    @contextmanager
    def exclusively(self, watch: str) -> Iterator[None]:
        """Keep other processes from this watch; BusyError if one has it."""
        busy = BusyError(
            f"the watch {watch} is already running in another process", fix="end that one, or name another watch"
        )
        if not isinstance(self.place, Path):
            name = f"watch {watch}"
            try:
                self._db.hold(name)
            except BusyError:
                raise busy from None
            try:
                yield
            finally:
                self._db.release(name)
            return
        path = self.place.with_name(f"{_stem(self.place)}.{_file_part(watch)}.lock")
        with path.open("a+b") as file:
            if not try_lock(file):
                raise busy
            yield

    def commands(self, watch: str) -> RunningCommands:
        """The commands of a watch that run on this machine."""
        if isinstance(self.place, Path):
            return RunningCommands(self.place.with_name(f"{_stem(self.place)}.{_file_part(watch)}.commands"))
        return RunningCommands(state_directory() / "commands" / _file_part(f"{self.place.name} {watch}"))

    # --- watches

    def begin_run(self, watch: str, company: str, definition: str) -> int:
        """Begin a poll of a watch and give its number; SettingsError if the watch belongs to another company."""
        with self.transaction() as db:
            row = db.execute("SELECT company, run FROM watch WHERE name = ?", (watch,)).fetchone()
            if row is not None and row[0] != company:
                raise SettingsError(
                    f"the watch {watch} is one of company {row[0]}, and this connection is to {company}",
                    fix="give this watch another name",
                )
            run = (row[1] if row else 0) + 1
            db.execute(
                "INSERT INTO watch (name, company, definition, run) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET definition = excluded.definition, run = excluded.run",
                (watch, company, definition, run),
            )
            return run

    def end_run(self, watch: str, at: datetime, outcomes: str) -> None:
        """Keep when a watch was polled last, and the outcomes, as JSON."""
        with self.transaction() as db:
            db.execute("UPDATE watch SET polled_at = ?, outcomes = ? WHERE name = ?", (time_text(at), outcomes, watch))

    def definition(self, watch: str) -> str:
        """The definition that a watch was last polled with; empty if it never was."""
        rows = self.read("SELECT definition FROM watch WHERE name = ?", (watch,))
        return str(rows[0][0]) if rows else ""

    def forget(self, watch: str) -> int:
        """Forget what a watch has read, so that it starts over; the number of pending events, which are withdrawn."""
        with self.transaction() as db:
            db.execute("DELETE FROM stream WHERE watch = ?", (watch,))
            db.execute("DELETE FROM record WHERE watch = ?", (watch,))
            db.execute("DELETE FROM deleted WHERE watch = ?", (watch,))
            deleted = db.execute("DELETE FROM event WHERE watch = ? AND state = 'pending'", (watch,))
            return int(deleted.rowcount)

    def statuses(self) -> list[WatchStatus]:
        """Every watch."""
        counts: dict[str, dict[EventState, int]] = {}
        for name, state, count in self.read("SELECT watch, state, count(*) FROM event GROUP BY 1, 2"):
            counts.setdefault(name, {})[EventState(state)] = count
        pending = self.read("SELECT watch, min(at) FROM event WHERE state = 'pending' GROUP BY 1")
        oldest = {row[0]: str(row[1]) for row in pending}
        return [
            WatchStatus(
                name, company, definition, _time(polled), outcomes, counts.get(name, {}), _time(oldest.get(name))
            )
            for name, company, definition, polled, outcomes in self.read(
                "SELECT name, company, definition, polled_at, outcomes FROM watch ORDER BY name"
            )
        ]

    # --- delivery

    def due(self, watch: str, now: datetime, most: int) -> list[DueEvent]:
        """The events to deliver now, at most `most`; of each record the oldest pending one only."""
        latest = time_text(now + _FURTHEST)
        rows = self.read(_DUE, {"watch": watch, "now": time_text(now), "latest": latest, "most": most})
        return [DueEvent(_event(row), row["attempts"]) for row in rows]

    def next_attempt(self, watch: str) -> datetime | None:
        """When the next pending event is to be tried again; None if none is pending.

        Events that wait for an earlier one of their record do not count: their turn comes with that one.
        """
        rows = self.read(f"SELECT min(next_at), count(*) FROM event AS due WHERE {_FIRST}", {"watch": watch})
        return None if not rows[0][1] else _time(rows[0][0]) or datetime.min.replace(tzinfo=UTC)

    def delivered(self, numbers: Iterable[int], at: datetime) -> None:
        """Their receiver has taken these events.

        An earlier event of the same record that waits was replayed while this one was on its way. It is a dead letter
        again, because an older state must not replace a newer one.
        """
        ended, listed = time_text(at), list(numbers)
        with self.transaction() as db:
            db.executemany(_END_EARLIER, [(_OUTDATED, ended, number, number, number, number) for number in listed])
            db.executemany(
                "UPDATE event SET state = 'delivered', error = '', ended_at = ? WHERE number = ?",
                [(ended, number) for number in listed],
            )

    def failed(self, number: int, error: str, *, retry_at: datetime | None, at: datetime) -> None:
        """A delivery failed; without a time to try again, the event is a dead letter. One that was skipped stays so."""
        state = EventState.DEAD if retry_at is None else EventState.PENDING
        values = (state, time_text(retry_at or at), error, time_text(at) if retry_at is None else None, number)
        with self.transaction() as db:
            db.execute(
                "UPDATE event SET state = ?, next_at = ?, error = ?, ended_at = ?, attempts = attempts + 1"
                " WHERE number = ? AND state <> 'skipped'",
                values,
            )

    def find(self, watch: str, state: EventState | None = None, most: int = 1000) -> list[LoggedEvent]:
        """Events of a watch, the oldest first."""
        chosen = " AND state = ?" if state else ""
        sql = f"SELECT {_LOGGED} FROM event WHERE watch = ?{chosen} ORDER BY number LIMIT ?"
        return [_logged(row) for row in self.read(sql, (watch, *([state] if state else []), most))]

    def get(self, number: int) -> LoggedEvent | None:
        """One event by its number."""
        rows = self.read(f"SELECT {_LOGGED} FROM event WHERE number = ?", (number,))
        return _logged(rows[0]) if rows else None

    def watch_of(self, number: int) -> str:
        """The watch of an event; empty if there is no such event."""
        rows = self.read("SELECT watch FROM event WHERE number = ?", (number,))
        return str(rows[0][0]) if rows else ""

    def replay(self, number: int, *, even_if_outdated: bool = False) -> LoggedEvent | None:
        """Let an event be delivered again. The later event of the same record that its receiver has already been given,
        which forbids that unless `even_if_outdated`: an older state must not replace a newer one.
        """
        with self.transaction() as db:
            later = db.execute(
                f"SELECT {_LOGGED} FROM event AS later WHERE number > :number"
                " AND state = 'delivered' AND (watch, object, key) ="
                " (SELECT watch, object, key FROM event WHERE number = :number) ORDER BY number LIMIT 1",
                {"number": number},
            ).fetchone()
            if later is not None and not even_if_outdated:
                return _logged(later)
            db.execute(
                "UPDATE event SET state = 'pending', attempts = 0, next_at = '', ended_at = NULL WHERE number = ?",
                (number,),
            )
            return None

    def skip(self, number: int, at: datetime) -> bool:
        """Give up an event that is pending or a dead letter; False if it is neither."""
        with self.transaction() as db:
            done = db.execute(
                "UPDATE event SET state = 'skipped', ended_at = ? WHERE number = ? AND state IN ('pending', 'dead')",
                (time_text(at), number),
            )
            return bool(done.rowcount)

    def prune(self, watch: str, before: datetime) -> int:
        """Delete events that happened and ended before a time. Pending ones and dead letters stay, and what was
        delivered after a dead letter of the same record, which forbids its replay.
        """
        with self.transaction() as db:
            db.execute("DELETE FROM deleted WHERE watch = ? AND at < ?", (watch, time_text(before - _READ_AGAIN)))
            deleted = db.execute(
                "DELETE FROM event AS old WHERE watch = ? AND state IN ('delivered', 'skipped') AND ended_at < ?"
                " AND at < ? AND NOT EXISTS (SELECT 1 FROM event AS dead WHERE dead.watch = old.watch"
                " AND dead.state = 'dead' AND dead.object = old.object AND dead.key = old.key"
                " AND dead.number < old.number)",
                (watch, time_text(before), time_text(before)),
            )
            return int(deleted.rowcount)

    def after(self, watch: str, number: int, most: int) -> list[ChangeEvent]:
        """The events of a watch with higher numbers, in order, in any state of delivery."""
        rows = self.read(
            f"SELECT {_EVENT} FROM event WHERE watch = ? AND number > ? ORDER BY number LIMIT ?", (watch, number, most)
        )
        return [_event(row) for row in rows]

    def acknowledge(self, watch: str, number: int, at: datetime) -> None:
        """A program that reads the log itself has handled the events up to this number."""
        with self.transaction() as db:
            db.execute(
                "UPDATE event SET state = 'delivered', ended_at = ? WHERE watch = ? AND number <= ?"
                " AND state = 'pending'",
                (time_text(at), watch, number),
            )

    def waiting_after(self, watch: str) -> int:
        """The number before the first event that no program has acknowledged."""
        with self.transaction():
            rows = self.read("SELECT min(number) FROM event WHERE watch = ? AND state = 'pending'", (watch,))
            return self.last_number() if rows[0][0] is None else int(rows[0][0]) - 1

    def last_number(self) -> int:
        """The number of the newest event, also of one that was pruned; 0 before the first."""
        return self._db.last_number("event")

    def json_text(self, column: str, field: str) -> tuple[str, str]:
        """An expression for the text of a field of a record in a column, and its value."""
        return self._db.json_text(column, field)

    def close(self) -> None:
        """Close it."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


TABLES = TableSet("events", "the event log", lambda: _TABLES)


def locks_of_watches(log: Path) -> list[Path]:
    """The lock files of the watches that have run with a file."""
    return sorted(log.parent.glob(f"{glob.escape(_stem(log))}.*.lock"))


def _file_part(watch: str) -> str:
    """A watch's name as a part of a file's name; that of many streams is longer than file systems take."""
    name = quote(watch, safe="")
    return name if len(name) <= _LONGEST_FILE_PART else sha256(watch.encode()).hexdigest()


def _stem(log: Path) -> str:
    return log.name.removesuffix(".sqlite3")


def event_log_place(outbox: Place) -> Place:
    """The event log beside an outbox: a file, or a schema of its own."""
    if isinstance(outbox, PostgresPlace):
        return PostgresPlace(outbox.uri, f"{outbox.schema[:_LONGEST_SCHEMA]}_events")
    return outbox.with_name(f"{outbox.name.removesuffix('.sqlite3')}.events.sqlite3")


def _event(row: Row) -> ChangeEvent:
    number, company, name, key, kind, at, record, changed, nonce = tuple(row)[:9]
    when = datetime.fromisoformat(at)
    return ChangeEvent(
        number, company, name, key, ChangeKind(kind), when, decode_record(record), decode_changes(changed), nonce
    )


def _logged(row: Row) -> LoggedEvent:
    state = EventState(row["state"])
    next_at = _time(row["next_at"]) if state is EventState.PENDING else None
    return LoggedEvent(_event(row), state, row["attempts"], row["error"], next_at)


def time_text(when: datetime) -> str:
    """A time as the file has it: in UTC, so that strings sort as times do."""
    return when.astimezone(UTC).isoformat(timespec="microseconds")


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
