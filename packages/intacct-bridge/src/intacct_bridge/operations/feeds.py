"""Feeds: an extraction for a consumer of messages that cannot be asked which rows it has, such as a Singer target.

A feed is the destination of the extraction. It sends records as they are read, and the state after every safe point.
It knows only the keys of journal entries, which the state keeps: these are deleted without an entry in the audit
history. What a message looks like is left to the program.

A database merges changes; here they are messages. A full refresh ends with a message that says so. A deleted record is
a message with its key. If no key names the changed rows (the lines that are left under a replaced header, a record that
is known by another field only), the change is a row in the stream `deletes`.

A run after a killed one sends again what came after the last state.
"""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from time import monotonic
from typing import IO, TYPE_CHECKING, Protocol

from intacct_bridge.copies.destinations.base import NO_TIMES, ColumnDifference, Committed
from intacct_bridge.extract.deletes import POSTED_TO
from intacct_bridge.extract.known_keys import KeyBlocks, KnownKeys
from intacct_bridge.extract.options import STATE_KEYS_KB, TRAIL_SECONDS, ExtractOptions
from intacct_bridge.extract.sent_rows import SentRows, second_after
from intacct_bridge.extract.strategies import Strategy, decide
from intacct_bridge.streams.bookmark import OVERLAP_SECONDS, Bookmark, damaged
from intacct_bridge.streams.stream import Stream, StreamOutcome
from intacct_bridge.streams.times import seconds_before
from intacct_protocol.errors import SettingsError
from intacct_protocol.xml.python_columns import kinds_of
from intacct_protocol.xml.values import Kind, Value

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "Bookmark",
    "Feed",
    "FeedMessages",
    "FeedState",
    "FeedWriter",
    "KeyBlocks",
    "KnownKeys",
    "Replaced",
    "Stream",
    "bookmark_since",
    "damaged",
    "iso",
]

_STATE_SECONDS = 1.0
"""How long a state without new records may wait. It names every stream: without the wait, an idle run of 291 streams
wrote 38 MB.
"""


@dataclass(slots=True)
class FeedState:
    """The state of one consumer."""

    company: str = ""
    run: int = 0
    bookmarks: dict[str, Bookmark] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    keys: dict[str, KeyBlocks] = field(default_factory=dict)
    """The keys that the consumer has, by stream."""
    extracted_at: str = ""
    """The latest time of extraction that a record was sent with, which may be ahead of the clock; see `SentRows`."""
    selections: dict[str, str] = field(default_factory=dict)
    """By stream whose full refresh is in progress, which fields it sends."""
    names: str = ""
    """How the program names the streams for this consumer; empty if the consumer got none yet."""


def bookmark_since(time: str) -> Bookmark:
    """The bookmark of a stream that another program has read up to this time; empty for an empty time.

    Changes and deletes are wanted from that time less the overlap.
    """
    read = Bookmark.from_dict({"progress": {"since": time}})
    if not read.since:
        return read
    since, deletes = (seconds_before(read.since, seconds) for seconds in (OVERLAP_SECONDS, TRAIL_SECONDS))
    return replace(read, progress=replace(read.progress, since=since), deletes=replace(read.deletes, since=deletes))


@dataclass(frozen=True, slots=True)
class Replaced:
    """What became of the rows with a value of a field."""

    field: str
    reason: str
    """`deleted`; or `replaced`: only those rows are left that were sent since `at`."""
    at: str


class FeedMessages(Protocol):
    """The form of the messages. `at` is the time of extraction."""

    def begin(self, stream: Stream, kinds: Mapping[str, Kind]) -> bytes:
        """The columns of a stream, before its first row and whenever a column becomes wider."""

    def rows(self, stream: Stream, rows: "pa.RecordBatch", version: int, at: str) -> Iterable[bytes | memoryview]:
        """The rows of a page, some at a time."""

    def deleted(self, stream: Stream, key: Value, version: int, at: str) -> bytes:
        """A record that was deleted."""

    def refreshed(self, stream: Stream, version: int) -> bytes:
        """The end of a full refresh: rows of earlier versions are no longer there."""

    def deletes_begin(self) -> bytes:
        """The columns of the stream `deletes`."""

    def no_longer_there(self, stream: Stream, value: Value, why: Replaced, run_at: str) -> bytes:
        """A row of `deletes`. `run_at` is the time of extraction of the run as a whole."""

    def state(self, state: FeedState) -> bytes:
        """The state, from which the next run continues."""


class Feed:
    """The destination that writes messages to a byte stream, for many streams at a time, one message after another."""

    uri = "-"
    commit_rows = 20_000
    commit_bytes = 0
    commit_seconds = 0.0

    def __init__(
        self,
        out: IO[bytes],
        messages: FeedMessages,
        state: FeedState,
        *,
        selected: Mapping[str, Sequence[str] | None] | None = None,
        options: ExtractOptions | None = None,
        most_keys: int = STATE_KEYS_KB * 1024,
    ) -> None:
        self.messages = messages
        self.state = state
        self.selected = selected or {}
        """The fields to send, by stream; None: all. The program may need to read others."""
        self.options = options or ExtractOptions()
        """How the run reads; a full refresh has a new version."""
        self.most_keys = most_keys
        """Characters of the state for the keys of one stream; 0: no keys are kept."""
        self.unknown_keys: list[str] = []
        """The streams that need the keys that the consumer has, and whose state has not all of them."""
        self.extracted_at = ""
        self._out = out
        self._lock = threading.Lock()
        self._deletes_announced = False
        self._state_due = False
        """A newer state than the last one is to be written."""
        self._state_at = 0.0

    def open(self, company: str, started: datetime) -> int:
        """Begin a run. SettingsError for the state of another company."""
        if self.state.company and self.state.company != company:
            raise SettingsError(
                f"the state is that of company {self.state.company}, and this connection is to {company}",
                fix="keep one state for each company",
            )
        self.state.company = company
        self.state.run += 1
        self.extracted_at = iso(started)
        if self.state.extracted_at >= self.extracted_at:
            self.extracted_at = second_after(self.state.extracted_at)
        return self.state.run

    def bookmarks(self) -> Mapping[str, Bookmark]:
        """The bookmarks of the state. A full refresh in progress that sent other fields begins again."""
        return {
            name: bookmark.restart() if bookmark.full and self._selects_others(name) else bookmark
            for name, bookmark in self.state.bookmarks.items()
        }

    def _selects_others(self, stream: str) -> bool:
        """Whether the full refresh in progress has sent other fields than this run selects."""
        selection = self.selection(stream)
        return self.state.selections.get(stream, selection) != selection

    def selection(self, stream: str) -> str:
        """A short text that is the same for the same selected fields."""
        fields = self.selected.get(stream)
        return "all" if fields is None else sha256(" ".join(sorted(fields)).encode()).hexdigest()[:16]

    def writer(self, stream: Stream, bookmark: Bookmark) -> "FeedWriter":
        """The writer of one stream."""
        return FeedWriter(self, stream, bookmark)

    def version(self, stream: Stream, bookmark: Bookmark) -> int:
        """The version of the stream's records: a new one if a full refresh is about to begin."""
        before = self.state.versions.get(stream.name)
        due = decide(stream, bookmark, self.options, self.extracted_at)
        if before is not None and (due.resumes or due.strategy is Strategy.INCREMENTAL):
            return before
        now = int(datetime.fromisoformat(self.extracted_at).timestamp() * 1000)
        return now if before is None else max(now, before + 1)

    def finish(self, outcomes: Sequence[StreamOutcome], at: datetime) -> None:  # noqa: ARG002  # they are for people
        """Send a last state."""
        with self._lock:
            self._write_state()

    def close(self) -> None:
        """Send a state that is waiting, and flush; the caller closes the byte stream."""
        with self._lock:
            self._end()

    def seal(self, seconds: float) -> None:
        """Wait at most this long for messages that are being sent, and let none follow: the process will end."""
        if self._lock.acquire(timeout=seconds):
            self._end()

    def _end(self) -> None:
        if self._state_due:
            self._write_state()
        self._out.flush()

    def send(self, *messages: bytes | memoryview) -> None:
        """Write complete messages."""
        with self._lock:
            self._write(*messages)

    def known_keys(self, stream: Stream, version: int) -> KnownKeys | None:
        """The keys that the consumer has of a stream; None if none are kept, or not all of them are known."""
        if stream.object not in POSTED_TO or stream.where is not None or not self.most_keys:
            return None
        if stream.fields[stream.walk_field] is not Kind.INTEGER:
            return None
        stored = self.state.keys.get(stream.name)
        if stored is not None and stored["version"] == version:
            return KnownKeys.from_document(stored)
        if self.state.versions.get(stream.name) != version:
            return KnownKeys(version)
        self.unknown_keys.append(stream.name)
        return None

    def commit(
        self,
        stream: str,
        bookmark: Bookmark,
        version: int,
        *messages: bytes,
        keys: KeyBlocks | None = None,
        extracted_at: str = "",
        changed: bool = True,
    ) -> None:
        """Write messages, then the state that covers them; a state that tells the consumer nothing new may wait."""
        with self._lock:
            self.state.extracted_at = max(self.state.extracted_at, extracted_at)
            self.state.bookmarks[stream] = bookmark
            self.state.versions[stream] = version
            if bookmark.full:
                self.state.selections[stream] = self.selection(stream)
            else:
                self.state.selections.pop(stream, None)
            if keys is not None:
                self.state.keys[stream] = keys
            elif self.state.keys.pop(stream, None) is not None:
                self.unknown_keys.append(stream)
            if changed or messages or monotonic() - self._state_at > _STATE_SECONDS:
                self._write_state(*messages)
            else:
                self._state_due = True

    def deletes(self, stream: Stream, values: Sequence[Value], why: Replaced) -> list[bytes]:
        """Rows of the stream `deletes`. Their columns are sent at once, since other messages may come before them."""
        with self._lock:
            if values and not self._deletes_announced:
                self._deletes_announced = True
                self._write(self.messages.deletes_begin())
        return [self.messages.no_longer_there(stream, value, why, self.extracted_at) for value in values]

    def _write_state(self, *messages: bytes) -> None:
        self._write(*messages, self.messages.state(self.state))
        self._state_due, self._state_at = False, monotonic()

    def _write(self, *messages: bytes | memoryview) -> None:
        for message in messages:
            self._out.write(message)
        self._out.flush()


class FeedWriter:
    """The writer of one stream's messages."""

    def __init__(self, feed: Feed, stream: Stream, bookmark: Bookmark) -> None:
        self._feed = feed
        self._stream = stream
        self._before = bookmark
        selected = feed.selected.get(stream.name)
        internal = (*stream.internal, *((stream.key,) if stream.keys and stream.key not in stream.keys else ()))
        sent = frozenset(stream.fields if selected is None else (*selected, stream.key, *stream.identity))
        self._hidden = frozenset(stream.fields).difference(sent.difference(internal))
        self._kinds = {name: kind for name, kind in stream.fields.items() if name not in self._hidden}
        self._first = stream.name not in feed.state.versions and not bookmark.since
        """The consumer has no rows of the stream except those of this run."""
        self._sent = SentRows(feed.extracted_at)
        self._version = feed.version(stream, bookmark)
        self._keys = feed.known_keys(stream, self._version)
        """The keys that the consumer has; None if they are not known."""
        self._deleted = 0
        """Deletes since the last commit."""
        self._announced = False
        self._unsaved = False
        """Rows were sent that no state covers yet."""
        self._pending: list[bytes] = []

    @property
    def complete(self) -> bool:
        """Whether the consumer was sent everything, or the state says from when changes are wanted."""
        return self._before.is_established

    @property
    def loading(self) -> bool:
        """Whether the state has a walk that was sent in part."""
        return self._before.in_progress

    @property
    def difference(self) -> ColumnDifference:
        """The consumer cannot be asked."""
        return ColumnDifference()

    def write(self, rows: "pa.RecordBatch") -> None:
        """Send rows at once; the state that covers them comes with the commit."""
        if not rows.num_rows:
            return
        if self._keys is not None:
            keys = rows.column(self._stream.walk_field).to_pylist()
            self._keys.add((key for key in keys if key is not None), counted=bool(self._stream.group))
        if self._hidden:
            rows = rows.select([name for name in rows.schema.names if name not in self._hidden])
        self._announce(rows)
        self._sent.rows()
        lines = self._feed.messages.rows(self._stream, rows, self._version, self._sent.at)
        first, self._pending = self._pending, []  # the message that a parent's rows are replaced comes before its rows
        self._unsaved = True
        self._feed.send(*first)
        for several in lines:
            self._feed.send(several)

    def replace(self, parents: Sequence[Value]) -> None:
        """Say that only the rows of these parents that follow are left, unless none can have been sent before."""
        if self._stream.group:
            self._forget(parents)
        sent = self._sent.replaced(parents)
        if sent or not self._first:
            self._note(self._stream.group or self._stream.header_key, parents, "replaced")

    def delete(
        self,
        keys: Sequence[Value],
        *,
        field: str = "",
        times: Mapping[str, datetime] = NO_TIMES,  # noqa: ARG002
    ) -> None:
        """Send a deleted record for each key, or a row in `deletes` if the field is not the stream's key."""
        self._deleted += len(keys)
        if field in ("", self._stream.walk_field):
            self._forget(keys)
        if field not in ("", self._stream.key):
            if keys:
                self._sent.replaced()
            self._note(field, keys, "deleted")
            return
        if keys:
            self._announce(None)
        deleted = self._feed.messages.deleted
        self._pending += [deleted(self._stream, key, self._version, self._sent.at) for key in keys]

    def commit(self, bookmark: Bookmark, at: datetime) -> Committed:  # noqa: ARG002  # time_extracted is the run's
        """Send what is waiting, the end of a full refresh if one ends here, and the state."""
        if not bookmark.in_progress:
            self._announce(None)  # a stream without rows has a table as well
        if (
            bookmark.refreshed_since(self._before) and not bookmark.progress.start
        ):  # which says nothing of older records
            self._pending.append(self._feed.messages.refreshed(self._stream, self._version))
            self._before = bookmark
        keys = None if self._keys is None else self._keys.document(self._feed.most_keys)
        if keys is None:
            self._keys = None  # too many; the next full refresh starts over
        self._feed.commit(
            self._stream.name,
            bookmark,
            self._version,
            *self._pending,
            keys=keys,
            extracted_at=self._sent.at,
            changed=self._unsaved,
        )
        deleted, self._deleted = self._deleted, 0
        self._pending, self._unsaved = [], False
        return Committed(deleted=deleted)

    def keys_by_value(self, field: str, values: Sequence[Value]) -> dict[Value, list[Value]] | None:
        """The consumer cannot be asked; it is assumed to have every key."""
        return {value: [value] for value in values} if field == self._stream.key else None

    def values_of(self, field: str, keys: Sequence[Value]) -> set[Value] | None:  # noqa: ARG002
        """The consumer cannot be asked."""
        return None

    def missed_by(self, run: int) -> list[Value]:  # noqa: ARG002
        """Nothing: the end of a full refresh tells the consumer."""
        return []

    def rows_by_value(self) -> dict[Value, int] | None:
        """The number of rows for each key that the state has; None if it has none."""
        return None if self._keys is None else dict(self._keys)

    def count_rows(self) -> tuple[int, Value] | None:
        """The number of rows, and the highest key; None if the state has none."""
        return None if self._keys is None else (self._keys.count(), self._keys.highest())

    def _forget(self, keys: Sequence[Value]) -> None:
        """These keys no longer have rows."""
        if self._keys is not None:
            self._keys.remove(key for key in keys if isinstance(key, int))

    def _announce(self, rows: "pa.RecordBatch | None") -> None:
        """Send the columns before the first record, or if none comes, and again when a column becomes wider."""
        changed = rows is not None and self._widen(rows)
        if self._announced and not changed:
            return
        self._feed.send(self._feed.messages.begin(self._stream, self._kinds))
        self._announced = True

    def _widen(self, rows: "pa.RecordBatch") -> bool:
        wider = {}
        for name, kind in kinds_of(rows).items():
            before = self._kinds.get(name)
            if before is None:
                wider[name] = Kind.TEXT
            elif before is Kind.INTEGER and kind is Kind.DECIMAL:
                wider[name] = kind
        self._kinds |= wider
        return bool(wider)

    def _note(self, field: str, values: Sequence[Value], reason: str) -> None:
        self._pending += self._feed.deletes(self._stream, values, Replaced(field, reason, self._sent.at))


def iso(when: datetime) -> str:
    """A time in UTC, as messages have it."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
