"""The destination that writes Singer messages: records as they are read, and the state after every safe point.

A Singer consumer cannot be asked which rows it has. So the destination knows only the keys of journal entries, which
the state keeps: these are deleted without an entry in the audit history.

A database merges changes; here they are messages. A full refresh ends with ACTIVATE_VERSION. A deleted record is a
record with its key and `_sdc_deleted_at`. If no key names the changed rows (the lines that are left under a replaced
header, a record that is known by another field only), the change is a row in the stream `deletes`.

A run after a killed one sends again what came after the last STATE.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from hashlib import sha256
from time import monotonic
from typing import IO, TYPE_CHECKING, Any

from intacct_bridge.apps.singer.protocol.known_keys import STATE_KEYS_KB, KnownKeys
from intacct_bridge.apps.singer.protocol.messages import (
    Decimals,
    activate_version_message,
    json_type,
    record_frame,
    record_message,
    schema_message,
    state_message,
)
from intacct_bridge.apps.singer.protocol.sent_rows import SentRows, second_after
from intacct_bridge.apps.singer.protocol.state import SingerState
from intacct_bridge.copies.destinations.base import ColumnDifference, Committed
from intacct_bridge.extract.deletes import POSTED_TO
from intacct_bridge.extract.options import ExtractOptions
from intacct_bridge.extract.strategies import Strategy, decide
from intacct_bridge.streams.bookmark import Bookmark
from intacct_bridge.streams.stream import Stream, StreamOutcome
from intacct_protocol.errors import SettingsError
from intacct_protocol.xml.python_columns import RowBatch, kinds_of, row_lines
from intacct_protocol.xml.values import Kind, Value

if TYPE_CHECKING:
    import pyarrow as pa


DELETES = "deletes"
DELETED_AT = "_sdc_deleted_at"
_DELETES_SCHEMA = {
    "type": "object",
    "properties": {
        "stream": {"type": ["string"]},
        "field": {"type": ["string"], "description": "the field that `value` is a value of"},
        "value": {"type": ["string"]},
        "reason": {"type": ["string"], "description": "deleted, or replaced: only the rows sent since are left"},
        "at": {"type": ["string"], "format": "date-time"},
    },
}
_DELETES_KEYS = ("stream", "field", "value", "reason")
_STATE_SECONDS = 1.0
"""How long a STATE without new records may wait. It names every stream: without the wait, an idle run of 291 streams
wrote 38 MB.
"""


class SingerDestination:
    """Writes messages to a byte stream, for many streams at a time, one message after another."""

    uri = "-"
    commit_rows = 20_000
    commit_bytes = 0
    commit_seconds = 0.0

    def __init__(
        self,
        out: IO[bytes],
        state: SingerState | None = None,
        *,
        decimals: Decimals = "number",
        names: Callable[[str], str] = str,
        descriptions: Mapping[str, Mapping[str, str]] | None = None,
        selected: Mapping[str, Sequence[str] | None] | None = None,
        options: ExtractOptions | None = None,
        most_keys: int = STATE_KEYS_KB * 1024,
    ) -> None:
        self.decimals = decimals
        self.names = names
        """A stream's name in messages."""
        self.state = state or SingerState()
        self.descriptions = descriptions or {}
        """The label of each field, by stream."""
        self.selected = selected or {}
        """The fields to send, by stream; None: all. The tap may need to read others."""
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
        """A newer STATE than the last one is to be written."""
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
        self.extracted_at = _iso(started)
        if self.state.extracted_at >= self.extracted_at:
            self.extracted_at = second_after(self.state.extracted_at)
        return self.state.run

    def bookmarks(self) -> Mapping[str, Bookmark]:
        """The bookmarks of the state document. A full refresh in progress that sent other fields begins again."""
        return {
            name: one.restart() if one.full and self._selects_others(name) else one
            for name, one in self.state.bookmarks.items()
        }

    def _selects_others(self, stream: str) -> bool:
        """Whether the full refresh in progress has sent other fields than this run selects."""
        selection = self.selection(stream)
        return self.state.selections.get(stream, selection) != selection

    def selection(self, stream: str) -> str:
        """A short text that is the same for the same selected fields."""
        fields = self.selected.get(stream)
        return "all" if fields is None else sha256(" ".join(sorted(fields)).encode()).hexdigest()[:16]

    def writer(self, stream: Stream, bookmark: Bookmark) -> "SingerWriter":
        """The writer of one stream."""
        return SingerWriter(self, stream, bookmark)

    def version(self, stream: Stream, bookmark: Bookmark) -> int:
        """The version of the stream's records: a new one if a full refresh is about to begin."""
        known = self.state.versions.get(stream.name)
        due = decide(stream, bookmark, self.options, self.extracted_at)
        if known is not None and (due.resumes or due.strategy is Strategy.INCREMENTAL):
            return known
        now = int(datetime.fromisoformat(self.extracted_at).timestamp() * 1000)
        return now if known is None else max(now, known + 1)

    def finish(self, outcomes: Sequence[StreamOutcome], at: datetime) -> None:  # noqa: ARG002  # they are for people
        """Write a last STATE; the outcomes are printed to standard error."""
        with self._lock:
            self._write_state()

    def close(self) -> None:
        """Write a STATE that is waiting, and flush; the caller closes the byte stream."""
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
        kept = self.state.keys.get(stream.name)
        if kept is not None and kept["version"] == version:
            return KnownKeys.from_document(kept)
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
        keys: Mapping[str, Any] | None = None,
        extracted_at: str = "",
        changed: bool = True,
    ) -> None:
        """Write messages, then the STATE that covers them; a STATE that tells the consumer nothing new may wait."""
        with self._lock:
            self.state.extracted_at = max(self.state.extracted_at, extracted_at)
            self.state.bookmarks[stream] = bookmark
            self.state.versions[stream] = version
            if bookmark.full:
                self.state.selections[stream] = self.selection(stream)
            else:
                self.state.selections.pop(stream, None)
            if keys is not None:
                self.state.keys[stream] = dict(keys)
            elif self.state.keys.pop(stream, None) is not None:
                self.unknown_keys.append(stream)
            if changed or messages or monotonic() - self._state_at > _STATE_SECONDS:
                self._write_state(*messages)
            else:
                self._state_due = True

    def deletes(self, rows: Sequence[Mapping[str, Any]]) -> bytes:
        """Rows of the stream `deletes`. Their SCHEMA is written at once, since other messages may come before them."""
        with self._lock:
            if rows and not self._deletes_announced:
                self._deletes_announced = True
                self._write(schema_message(DELETES, _DELETES_SCHEMA, _DELETES_KEYS, None))
        return b"".join(record_message(DELETES, row, version=None, extracted_at=self.extracted_at) for row in rows)

    def _write_state(self, *messages: bytes) -> None:
        self._write(*messages, state_message(self.state.document()))
        self._state_due, self._state_at = False, monotonic()

    def _write(self, *messages: bytes | memoryview) -> None:
        for message in messages:
            self._out.write(message)
        self._out.flush()


class SingerWriter:
    """The writer of one stream's messages."""

    def __init__(self, destination: SingerDestination, stream: Stream, bookmark: Bookmark) -> None:
        self._destination = destination
        self._stream = stream
        self._name = destination.names(stream.name)
        self._before = bookmark
        selected = destination.selected.get(stream.name)
        internal = (*stream.internal, *((stream.key,) if stream.keys and stream.key not in stream.keys else ()))
        kept = frozenset(stream.fields if selected is None else (*selected, stream.key, *stream.identity))
        kept -= frozenset(internal)
        self._hidden = frozenset(stream.fields).difference(kept)
        self._kinds = {name: kind for name, kind in stream.fields.items() if name not in self._hidden}
        self._first = stream.name not in destination.state.versions and not bookmark.since
        """The consumer has no rows of the stream except those of this run."""
        self._sent = SentRows(destination.extracted_at)
        self._version = destination.version(stream, bookmark)
        self._keys = destination.known_keys(stream, self._version)
        """The keys that the consumer has; None if they are not known."""
        self._deleted = 0
        """Deletes since the last commit."""
        self._announced = False
        self._unsaved = False
        """Rows were sent that no STATE covers yet."""
        self._pending: list[bytes] = []

    @property
    def complete(self) -> bool:
        """Whether the consumer was sent everything, or another tap's state says from when changes are wanted."""
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
        """Send rows at once; the STATE that covers them comes with the commit."""
        if not rows.num_rows:
            return
        if self._keys is not None:
            keys = rows.column(self._stream.walk_field).to_pylist()
            known = [key for key in keys if key is not None] if None in keys else keys
            self._keys.add(known, counted=bool(self._stream.group))
        if self._hidden:
            rows = rows.select([name for name in rows.schema.names if name not in self._hidden])
        self._announce(rows)
        self._sent.rows()
        before, after = record_frame(self._name, version=self._version, extracted_at=self._sent.at)
        as_text, nested = self._destination.decimals == "string", self._stream.nested
        lines = _lines_of(rows, before, after, decimals_as_text=as_text, as_written=nested)
        first, self._pending = self._pending, []  # the message that a parent's rows are replaced comes before its rows
        self._unsaved = True
        self._destination.send(*first)
        for some in lines:
            self._destination.send(some)

    def replace(self, parents: Sequence[Value]) -> None:
        """Say that only the rows of these parents that follow are left, unless none can have been sent before."""
        if self._stream.group:
            self._forget(parents)
        sent = self._sent.replaced(parents)
        if sent or not self._first:
            self._note(self._stream.group or self._stream.header_key, parents, "replaced")

    def delete(self, keys: Sequence[Value], *, field: str = "") -> None:
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
        at = self._sent.at
        for key in keys:
            record = {**self._key(key), DELETED_AT: at}
            self._pending.append(record_message(self._name, record, version=self._version, extracted_at=at))

    def commit(self, bookmark: Bookmark, at: datetime) -> Committed:  # noqa: ARG002  # time_extracted is the run's
        """Send what is waiting, ACTIVATE_VERSION if a full refresh ends here, and STATE."""
        if not bookmark.in_progress:
            self._announce(None)  # a stream without rows has a table as well
        if (
            bookmark.refreshed_since(self._before) and not bookmark.progress.start
        ):  # which says nothing of older records
            self._pending.append(activate_version_message(self._name, self._version))
            self._before = bookmark
        known = None if self._keys is None else self._keys.document(self._destination.most_keys)
        if known is None:
            self._keys = None  # too many; the next full refresh starts over
        self._destination.commit(
            self._stream.name,
            bookmark,
            self._version,
            *self._pending,
            keys=known,
            extracted_at=self._sent.at,
            changed=self._unsaved,
        )
        deleted, self._deleted = self._deleted, 0
        self._pending, self._unsaved = [], False
        return Committed(deleted=deleted)

    def keys_by_value(self, field: str, values: Sequence[Value]) -> dict[Value, list[Value]] | None:
        """The consumer cannot be asked; it is assumed to have every key."""
        return {value: [value] for value in values} if field == self._stream.key else None

    def missed_by(self, run: int) -> list[Value]:  # noqa: ARG002
        """Nothing: ACTIVATE_VERSION tells the consumer."""
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
        """Send SCHEMA before the first record, or if none comes, and again when a column becomes wider."""
        changed = rows is not None and self._widen(rows)
        if self._announced and not changed:
            return
        described = self._destination.descriptions.get(self._stream.name, {})
        properties: dict[str, Any] = {}
        for name, kind in self._kinds.items():
            plain = json_type(kind, decimals=self._destination.decimals, nullable=name not in self._stream.keys)
            text = described.get(name)
            properties[name] = {**self._stream.nested.get(name, plain), **({"description": text} if text else {})}
        properties[DELETED_AT] = {"type": ["null", "string"], "format": "date-time"}
        schema = {"type": "object", "properties": properties}
        self._destination.send(schema_message(self._name, schema, self.keys, self._replicated_by(properties)))
        self._announced = True

    def _replicated_by(self, properties: Mapping[str, Any]) -> str | None:
        return next((name for name in (self._stream.modified, "updatedAt") if name in properties), None)

    @property
    def keys(self) -> list[str]:
        """The fields that tell rows apart: none if the object's key cannot be trusted."""
        return list(self._stream.keys)

    def _widen(self, rows: "pa.RecordBatch") -> bool:
        wider = {}
        for name, kind in kinds_of(rows).items():
            known = self._kinds.get(name)
            if known is None:
                wider[name] = Kind.TEXT
            elif known is Kind.INTEGER and kind is Kind.DECIMAL:
                wider[name] = kind
        self._kinds |= wider
        return bool(wider)

    def _key(self, key: Value) -> dict[str, Any]:
        """The record's key as the consumer has it."""
        name = self.keys[0] if len(self.keys) == 1 else self._stream.key
        return {name: _plain(key) if name == self._stream.key else str(key)}

    def _note(self, field: str, values: Sequence[Value], reason: str) -> None:
        at = self._sent.at
        rows = [{"stream": self._name, "field": field, "value": str(_plain(value))} for value in values]
        self._pending.append(self._destination.deletes([{**one, "reason": reason, "at": at} for one in rows]))


def _lines_of(
    rows: Any, before: str, after: str, *, decimals_as_text: bool, as_written: Any
) -> Iterable[bytes | memoryview]:
    """The lines of a page, some at a time."""
    if isinstance(rows, RowBatch):
        return row_lines(rows, before, after, decimals_as_text=decimals_as_text, as_written=as_written)
    from intacct_protocol.xml.jsonlines import blocks_of_lines

    return blocks_of_lines(rows, before, after, decimals_as_text=decimals_as_text, as_written=as_written)


def _plain(value: Value) -> Any:
    if isinstance(value, datetime):
        return _iso(value)
    return value.isoformat() if isinstance(value, date) else value


def _iso(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
