"""An extraction into the event log: the changes that its rows and deletes make become events.

The event log is a destination like others. So a watch follows changes as a copy does: with an overlap, with records
whose time of change is null, with lines under changed headers, and with deletes that a query has confirmed. A row that
is read again as it was makes no event.

A watch keeps the last state of every record that it has read. If it began with all records (`beginning`, or a
baseline), an unknown record is a new one. If it began at a time, an unknown record is new if its time of creation
says so, or if the object has none; otherwise it was changed, and the old values are not known.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from intacct_bridge.changes.event import ChangeKind, EventFilter, FieldChange, decode_record, encode, encode_changes
from intacct_bridge.changes.event_log import EventLog, time_text
from intacct_bridge.copies.destinations.base import NO_TIMES, ColumnDifference, Committed
from intacct_bridge.shared_state.database import StateDatabase, placeholders
from intacct_bridge.streams.bookmark import Bookmark
from intacct_bridge.streams.stream import Stream, StreamOutcome
from intacct_bridge.streams.times import format_time, parse_time
from intacct_protocol.model.batched import batched
from intacct_protocol.xml.values import Kind, Value

if TYPE_CHECKING:
    import pyarrow as pa

_AT_ONCE = 500
"""Values in one statement."""


class EventDestination:
    """The event log as a destination of one watch."""

    uri = "-"
    commit_rows = 5_000
    commit_bytes = 16 * 2**20
    commit_seconds = 3.0

    def __init__(
        self,
        log: EventLog,
        watch: str,
        definition: str,
        event_filter: EventFilter,
        *,
        since: str | None,
        only_later_deletes: bool = False,
    ) -> None:
        """`since`: only changes since this time are events; empty: every record that is there is one; None: those since
        the watch first read the stream. `only_later_deletes`: no delete in the first second of a record that was never
        read.
        """
        self.log = log
        self.watch = watch
        self.event_filter = event_filter
        self.company = ""
        self.run = 0
        self.events = 0
        """Events of this run."""
        self._definition = definition
        self._since = since
        self.from_now = since is None
        self.only_later_deletes = only_later_deletes

    def open(self, company: str, started: datetime) -> int:
        """Begin a poll; SettingsError if the watch belongs to another company."""
        self.company = company
        if self._since is None:
            self._since = format_time(started)
        self.run = self.log.begin_run(self.watch, company, self._definition)
        return self.run

    def bookmarks(self) -> Mapping[str, Bookmark]:
        """The bookmark of every stream that the watch has read."""
        rows = self.log.read("SELECT name, bookmark FROM stream WHERE watch = ?", (self.watch,))
        return {name: Bookmark.from_dict(msgspec.json.decode(text)) for name, text in rows}

    def writer(self, stream: Stream, bookmark: Bookmark) -> "EventWriter":
        """The writer of one stream."""
        rows = self.log.read("SELECT since FROM stream WHERE watch = ? AND name = ?", (self.watch, stream.name))
        return EventWriter(self, stream, bookmark, rows[0][0] if rows else self._since or "")

    def finish(self, outcomes: Sequence[StreamOutcome], at: datetime) -> None:
        """Keep the outcomes of the poll."""
        self.log.end_run(self.watch, at, encode([one.to_dict() for one in outcomes]).decode())

    def close(self) -> None:
        """Nothing: the event log is closed where it was opened."""


@dataclass(frozen=True, slots=True)
class _ReadRow:
    """A row as it was read."""

    content: bytes
    parent: str | None
    """The row's header, or its group."""
    changed_at: datetime | None
    created_at: datetime | None
    """None if it has no such time."""


@dataclass(slots=True)
class _Pending:
    """What a writer was given since the last commit, in order."""

    rows: dict[str, _ReadRow | None] = field(default_factory=dict)
    """By key; None: deleted."""
    unknown: dict[tuple[str, str], Value] = field(default_factory=dict)
    """Deletes of rows that the watch never read, by field and text of the value."""
    read_before: set[str] = field(default_factory=set)
    """Texts of the values by which rows were deleted that the watch has read."""


class EventWriter:
    """The writer of one stream."""

    def __init__(self, destination: EventDestination, stream: Stream, bookmark: Bookmark, since: str) -> None:
        self._destination = destination
        self._stream = stream
        self._before = bookmark
        self._from = since
        self._since = parse_time(since) if since else None
        self._pending = _Pending()
        self._concerns: Callable[[Mapping[str, Any]], bool] = destination.event_filter.filter_for(stream)

    # --- what the extraction asks

    @property
    def complete(self) -> bool:
        """Whether the first read has ended."""
        return self._before.is_established

    @property
    def loading(self) -> bool:
        """Whether the first read was begun."""
        return self._before.in_progress

    @property
    def difference(self) -> ColumnDifference:
        """None: an added field shows in records as they change."""
        return ColumnDifference()

    @property
    def _from_now(self) -> bool:
        """Whether the watch began at the time of its first read, and this is that read."""
        return self._destination.from_now and not self.complete

    @property
    def _knows_all(self) -> bool:
        """Whether the watch has read every record of the stream."""
        return self.complete and not self._before.progress.start

    def keys_by_value(self, field: str, values: Sequence[Value]) -> dict[Value, list[Value]] | None:
        """The values that known records have, each with their keys; None if not all records are known."""
        if not self._knows_all:
            return {value: [value] for value in values} if field == self._stream.key else None
        keys_of: dict[Value, list[Value]] = {}
        for value in values:
            keys = self._known_with(field, value)
            if keys:
                keys_of[value] = [self._typed(key) for key in keys]
        return keys_of

    def values_of(self, field: str, keys: Sequence[Value]) -> set[Value] | None:  # noqa: ARG002
        """A watch knows of most records nothing but their state."""
        return None

    def missed_by(self, run: int) -> list[Value]:
        """The walked values of known records that this run, and later ones, did not read."""
        rows = self._read(f"SELECT DISTINCT {self._walked} FROM record WHERE {_OF} AND run < ?", run)
        return [self._typed(value) for (value,) in rows]

    def rows_by_value(self) -> dict[Value, int] | None:
        """The number of records that the watch has read, by walked value; None before the first read has ended."""
        if not self.complete:
            return None
        rows = self._read(f"SELECT {self._walked}, count(*) FROM record WHERE {_OF} GROUP BY 1")
        return {self._typed(value): count for value, count in rows}

    def count_rows(self) -> tuple[int, Value] | None:
        """The number of records that the watch has read, and the highest walked value; None as for `rows_by_value`."""
        counts = self.rows_by_value()
        if counts is None:
            return None
        return sum(counts.values()), max(counts, default=None)  # type: ignore[type-var]  # all of one type

    # --- what it brings

    def write(self, rows: "pa.RecordBatch") -> None:
        """Take rows."""
        if not rows.num_rows:
            return
        counts: Counter[str] = Counter()
        for key, row in self._keyed(rows):
            counts[key] += 1
            named = key if counts[key] == 1 or not self._stream.group else f"{key}#{counts[key]}"
            self._pending.rows[named] = row
            if self._pending.unknown:
                self._found_again(row)

    def replace(self, parents: Sequence[Value]) -> None:
        """The rows of these parents are those that follow before the next commit."""
        parent_keys = {str(parent) for parent in parents}
        for chunk in batched(sorted(parent_keys), _AT_ONCE):
            for (key,) in self._read(f"SELECT key FROM record WHERE {_OF} AND parent IN {placeholders(chunk)}", *chunk):
                self._pending.rows[key] = None
        for key, row in self._pending.rows.items():
            if row is not None and row.parent in parent_keys:
                self._pending.rows[key] = None

    def delete(self, keys: Sequence[Value], *, field: str = "", times: Mapping[str, datetime] = NO_TIMES) -> None:
        """Take deletes by key, or by the named field."""
        by = field or self._stream.key
        for value in keys:
            stored_keys = self._known_with(by, value)
            waiting = [key for key, row in self._pending.rows.items() if row and _has(row, by, value)]
            for key in dict.fromkeys((*stored_keys, *waiting)):
                self._pending.rows[key] = None
            if stored_keys or waiting:
                self._pending.read_before.add(str(value))
            elif not self._knows_all and self._may_be_news(times.get(str(value))):
                self._pending.unknown[by, str(value)] = value

    def commit(self, bookmark: Bookmark, at: datetime) -> Committed:
        """Store the states, the events and the bookmark, all or nothing."""
        pending, deleted, events = self._pending, 0, 0
        with self._destination.log.transaction() as db:
            for chunk in batched(list(pending.rows), _AT_ONCE):
                stored = self._stored(db, chunk)
                for key in chunk:
                    row, before = pending.rows[key], stored.get(key)
                    events += self._store(db, key, row, before, at)
                    deleted += row is None and before is not None
            for name, value in self._unread_deletes(db, at):
                key = str(value) if name == self._stream.key else f"{name}={value}"
                events += self._add(db, _Change(key, ChangeKind.DELETED, {name: value}, was_read=False), at)
                deleted += 1
            plain = encode(bookmark.to_dict()).decode()
            db.execute(
                "INSERT INTO stream (watch, name, since, bookmark) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (watch, name) DO UPDATE SET bookmark = excluded.bookmark",
                (self._destination.watch, self._stream.name, self._from, plain),
            )
        self._pending = _Pending()
        self._before = bookmark
        self._destination.events += events
        return Committed(deleted=deleted)

    def _may_be_news(self, deleted_at: datetime | None) -> bool:
        """Whether the delete of a record that was never read may be news: it did not come before the watch.

        Times have no fractions. A receiver that would delete a record of its own must not take one of the same second.
        """
        if deleted_at is None or self._since is None:
            return True
        return deleted_at > self._since or (deleted_at == self._since and not self._destination.only_later_deletes)

    # --- rows

    @property
    def _walked(self) -> str:
        """The column of the walked field."""
        return "parent" if self._stream.group else "key"

    def _typed(self, text: str) -> Value:
        """A value of the walked field."""
        return int(text) if self._stream.fields[self._stream.walk_field] is Kind.INTEGER else text

    def _read(self, sql: str, *values: Any) -> list[Any]:
        return self._destination.log.read(sql, (self._destination.watch, self._stream.name, *values))

    def _known_with(self, field: str, value: Value) -> list[str]:
        """The keys of the known records that have a value in a field."""
        if field == self._stream.key and not self._stream.group:
            rows = self._read(f"SELECT key FROM record WHERE {_OF} AND key = ?", str(value))
        elif field == (self._stream.group or self._stream.header_key):
            rows = self._read(f"SELECT key FROM record WHERE {_OF} AND parent = ?", str(value))
        else:
            text, named = self._destination.log.json_text("content", field)
            rows = self._read(f"SELECT key FROM record WHERE {_OF} AND {text} = ?", named, str(value))
        return [key for (key,) in rows]

    def _keyed(self, rows: "pa.RecordBatch") -> Iterator[tuple[str, _ReadRow]]:
        from intacct_protocol.xml.jsonlines import json_lines

        stream, names = self._stream, rows.schema.names

        def column(name: str) -> list[Any]:
            return rows.column(name).to_pylist() if name in names else [None] * rows.num_rows

        shown = rows.select([name for name in names if name not in stream.internal])
        lines = json_lines(shown, as_written=stream.nested).split(b"\n")
        cells = [
            column(name) for name in (stream.key, stream.group or stream.header_key, stream.modified, stream.created)
        ]
        read = list(zip(lines[: rows.num_rows], *cells, strict=True))
        if stream.group:  # rows that share a key are told apart by their contents
            read.sort(key=lambda one: (str(one[1]), one[0]))
        for content, key, parent, modified, created in read:
            changed_at, created_at = _moment(modified) or _moment(created), _moment(created)
            yield str(key), _ReadRow(content, None if parent is None else str(parent), changed_at, created_at)

    def _found_again(self, row: _ReadRow) -> None:
        """A row has a value by which unknown rows were deleted: the value is in use again, or still."""
        content = decode_record(row.content)
        for name, text in list(self._pending.unknown):
            if str(content.get(name)) == text:
                del self._pending.unknown[name, text]

    # --- events

    def _stored(self, db: StateDatabase, keys: Sequence[str]) -> dict[str, bytes]:
        rows = db.execute(
            f"SELECT key, content FROM record WHERE {_OF} AND key IN {placeholders(keys)}",
            (self._destination.watch, self._stream.name, *keys),
        )
        return {key: bytes(content) for key, content in rows}

    def _store(self, db: StateDatabase, key: str, row: _ReadRow | None, before: bytes | None, at: datetime) -> int:
        """Store a record's new state; the number of events that follow from it."""
        where = (self._destination.watch, self._stream.name, key)
        if row is None:
            if before is None:
                return 0
            db.execute(f"DELETE FROM record WHERE {_OF} AND key = ?", where)
            record = decode_record(before)
            for name, text in self._names(record):
                self._is_news(db, name, text, at)
            return self._add(db, _Change(key, ChangeKind.DELETED, record), at)
        db.execute(
            "INSERT INTO record (watch, stream, key, parent, run, content) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (watch, stream, key) DO UPDATE SET parent = excluded.parent, run = excluded.run,"
            " content = excluded.content",
            (*where, row.parent, self._destination.run, row.content),
        )
        if before == row.content:
            return 0
        record = decode_record(row.content)
        if before is None:
            for name, text in self._names(record):
                db.execute(f"DELETE FROM deleted WHERE {_OF} AND field = ? AND value = ?", (*where[:2], name, text))
            kind = self._first_kind(row)
            return 0 if kind is None else self._add(db, _Change(key, kind, record), at)
        changed = differences(decode_record(before), record)
        return self._add(db, _Change(key, ChangeKind.UPDATED, record, changed), at) if changed else 0

    def _names(self, record: Mapping[str, Any]) -> list[tuple[str, str]]:
        """The fields and values by which the audit history may name a record."""
        names = dict.fromkeys(name for name in (self._stream.key, self._stream.natural_key) if name)
        return [(name, str(record[name])) for name in names if record.get(name) is not None]

    def _is_news(self, db: StateDatabase, name: str, text: str, at: datetime) -> bool:
        """Whether this delete was not known; keeps it, since every poll reads the last hours of the audit history
        again.
        """
        values = (self._destination.watch, self._stream.name, name, text, time_text(at))
        sql = "INSERT INTO deleted (watch, stream, field, value, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
        return bool(db.execute(sql, values).rowcount)

    def _unread_deletes(self, db: StateDatabase, at: datetime) -> Iterator[tuple[str, Value]]:
        """The field and value of each delete of a row that the watch never read, unless an earlier poll sent it.

        A number in the audit history may be a record number or the natural key, such as that of an account. It stands
        for one delete: that of the row which the watch has read, if there is one.
        """
        unknown, either = self._pending.unknown, (self._stream.natural_key, self._stream.key)
        for name, text in unknown:
            meanings = either if self._stream.natural_key and name in either else (name,)
            is_news = [self._is_news(db, meaning, text, at) for meaning in meanings]
            if all(is_news) and (len(meanings) == 1 or text not in self._pending.read_before):
                meaning = next(meaning for meaning in meanings if (meaning, text) in unknown)
                yield meaning, unknown[meaning, text]

    def _first_kind(self, row: _ReadRow) -> ChangeKind | None:
        """What an unknown record means; None if it was there before the watch began.

        Times have no fractions. The first read of a watch from now shows what was there in the second of the beginning.
        """
        if self._since is None or self._knows_all:
            return ChangeKind.CREATED
        if row.changed_at is None:  # the object has no times: what the first read finds was there
            return ChangeKind.CREATED if self.complete else None
        if row.changed_at < self._since or (self._from_now and row.changed_at == self._since):
            return None
        return ChangeKind.UPDATED if row.created_at and row.created_at < self._since else ChangeKind.CREATED

    def _add(self, db: StateDatabase, change: "_Change", at: datetime) -> int:
        """Add an event, if the watch is interested in it; the number of events."""
        event_filter, destination = self._destination.event_filter, self._destination
        if not event_filter.wants(change.kind, change.changed) or (
            change.was_read and not self._concerns(change.record)
        ):
            return 0
        db.execute(
            "INSERT INTO event (watch, company, object, key, kind, at, record, changed, nonce)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                destination.watch,
                destination.company,
                self._stream.name,
                change.key,
                change.kind,
                time_text(at),
                encode(event_filter.shown(self._stream, change.record)),
                encode_changes(event_filter.shown_changes(change.changed)),
                os.urandom(4).hex(),
            ),
        )
        return 1


@dataclass(frozen=True, slots=True)
class _Change:
    """What becomes an event."""

    key: str
    kind: ChangeKind
    record: Mapping[str, Any]
    changed: Mapping[str, FieldChange] | None = None
    was_read: bool = True
    """The watch has read the record."""


_OF = "watch = ? AND stream = ?"


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, FieldChange]:
    """The fields whose values differ. A field that one of the two lacks was added or could not be read; only a value in
    an added field counts.
    """
    return {
        name: FieldChange(before.get(name), value)
        for name, value in after.items()
        if value != before.get(name) and (name in before or value is not None)
    }


def _has(row: _ReadRow, field: str, value: Value) -> bool:
    cell = decode_record(row.content).get(field)
    return cell is not None and str(cell) == str(value)


def _moment(value: Any) -> datetime | None:
    """A cell's time in UTC; a date is its first moment."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value
    return datetime(value.year, value.month, value.day, tzinfo=UTC) if isinstance(value, date) else None
