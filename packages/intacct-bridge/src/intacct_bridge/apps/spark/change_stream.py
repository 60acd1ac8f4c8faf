"""The changes of one object for Spark's structured streaming: micro-batches of the event log.

The driver polls Intacct at intervals, and the event log keeps what changed. An offset is the number of an event, so a
micro-batch is the events between two numbers, the same ones each time that Spark asks for it. Spark replays its last
micro-batch after a crash; the events that it has committed are acknowledged in the log, and only those may be pruned.

An offset also holds the id of its event. By that, a checkpoint notices that the event log was lost or replaced, and the
query ends with an error in place of a gap. Two queries that share a watch would prune each other's events, so that is
an error as well.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from intacct_bridge.apps.spark.columns import SparkColumn, arrow_schema, arrow_type
from intacct_bridge.apps.spark.company_streams import opened
from intacct_bridge.apps.spark.options import (
    connection_of,
    listed,
    own_options,
    required_object,
    seconds,
    whole_number,
)
from intacct_bridge.changes.event import ChangeEvent
from intacct_bridge.changes.event_log import EventLog, event_log_place
from intacct_bridge.changes.follower import KEEP_DAYS, this_machines_time
from intacct_bridge.changes.watch import NOW, PollResult, Watch, beginning, poll
from intacct_bridge.connections.connection import Connection
from intacct_bridge.extract.options import ExtractOptions
from intacct_bridge.load.outbox.storage import outbox_place
from intacct_protocol.errors import BusyError, RecordError, RefusedError, SettingsError, TransientError
from intacct_protocol.model.batched import batched
from intacct_protocol.xml.values import Kind

if TYPE_CHECKING:
    import pyarrow as pa

_log = logging.getLogger(__name__)
_EVERY = 300.0
_EVENTS = 10_000
_IN_A_PARTITION = 2_000
_FAILED_POLLS = 3
"""After this number of failed polls in a row, the query ends with the error."""
_LOOK_SECONDS = 0.5
"""Spark asks for the latest offset a hundred times a second if nothing is new."""

EVENT_COLUMNS = (
    SparkColumn("_sequence", "", Kind.INTEGER, "long", nullable=False, comment="The number of the event"),
    SparkColumn("_kind", "", Kind.TEXT, "string", nullable=False, comment="created, updated or deleted"),
    SparkColumn("_at", "", Kind.TIMESTAMP, "timestamp", nullable=False, comment="When the change was read"),
    SparkColumn("_key", "", Kind.TEXT, "string", nullable=False, comment="The record's key"),
)
STREAMING = ("object", "fields", "watch", "begin", "baseline", "every", "events_per_batch", "keep_days")


@dataclass(frozen=True, slots=True)
class ChangeOptions:
    """What to follow."""

    connection: Connection
    object: str
    fields: tuple[str, ...]
    watch: Watch
    every: float = _EVERY
    """Seconds between two polls, at least."""
    events_per_batch: int = _EVENTS
    keep_days: int = KEEP_DAYS


def follows_changes(options: Mapping[str, str]) -> bool:
    """Whether the options are those of `spark.readStream`: only there is a watch named."""
    return any(name.lower() == "watch" for name in options)


def change_options(options: Mapping[str, str]) -> ChangeOptions:
    """The options of `spark.readStream`. SettingsError names the one that is wrong, before any call."""
    own = own_options(options, STREAMING)
    if "watch" not in own:
        raise SettingsError(
            "the option `watch` is missing: it names the place of this query in the event log",
            fix='name it, such as .option("watch", "bills-to-lake"), with another name for each query',
            setting="watch",
        )
    name, read = required_object(own), listed(own.get("fields", ""))
    words = {"true": True, "false": False}
    if own.get("baseline", "false").lower() not in words:
        raise SettingsError(f"`baseline` is {own['baseline']!r}, and must be true or false", setting="baseline")
    watch = Watch(
        own["watch"],
        (name,),
        begin=beginning(own.get("begin", NOW)),
        baseline=words[own.get("baseline", "false").lower()],
        receiver="spark",
    )
    return ChangeOptions(
        connection_of(options),
        name,
        read,
        watch,
        seconds(own, "every", _EVERY),
        whole_number(own, "events_per_batch") or _EVENTS,
        whole_number(own, "keep_days") or KEEP_DAYS,
    )


def change_columns(columns: Sequence[SparkColumn]) -> tuple[SparkColumn, ...]:
    """The columns of events: what happened, and then the fields, which a deleted record may lack."""
    return (*EVENT_COLUMNS, *(replace(one, nullable=True) for one in columns))


@dataclass(frozen=True, slots=True)
class EventSlice:
    """The events of one task, read on the driver: executors need neither the event log nor credentials."""

    events: tuple[ChangeEvent, ...]


@dataclass(slots=True)
class ChangeFeed:
    """The events of one watch between offsets. It stays on the driver."""

    options: ChangeOptions
    _next_poll: float = 0.0
    _looked: float = 0.0
    _failed: int = 0
    _company_time: datetime | None = None
    """By the company's clock, when this feed polled last."""
    _target: int | None = None
    """With the trigger `availableNow`, no event beyond this number is read."""
    _last: dict[str, Any] = field(default_factory=dict)
    """The offset behind which there was nothing when the log was looked at."""

    # --- offsets

    def first(self) -> dict[str, Any]:
        """The offset of a query without a checkpoint: before the first event of its watch."""
        return _offset(None)

    def latest(self, start: Mapping[str, Any] | None, most: int | None) -> dict[str, Any]:
        """The offset after at most `most` events, polling if it is time; without `start`, after all of them."""
        if self._target is None and time.monotonic() >= self._next_poll:
            self._poll()
        elif self._last and start == self._last and time.monotonic() < self._looked + _LOOK_SECONDS:
            return dict(self._last)
        with EventLog(self._place) as log:
            after = _number(start)
            self._check(log, start)
            found = _last_of(log, self.options.watch.name, after, most, self._target)
        self._looked = time.monotonic()
        if found is not None:
            return _offset(found)
        self._last = dict(start or self.first())
        return dict(self._last)

    def stop_at_now(self) -> None:
        """Poll, and read no further than what is known then."""
        self._poll()
        with EventLog(self._place) as log:
            last = _last_of(log, self.options.watch.name, 0, None, None)
            self._target = last.number if last is not None else 0

    # --- micro-batches

    def slices(self, start: Mapping[str, Any], end: Mapping[str, Any]) -> list[EventSlice]:
        """The events after one offset and up to another, a slice a task."""
        with EventLog(self._place) as log:
            self._check(log, start)
            self._check(log, end)
            self._check_alone(log, _number(start))
            found = list(_between(log, self.options.watch.name, _number(start), _number(end)))
        return [EventSlice(tuple(some)) for some in batched(found, _IN_A_PARTITION)]

    def commit(self, end: Mapping[str, Any]) -> None:
        """Spark has stored the micro-batches up to an offset."""
        name, now = self.options.watch.name, this_machines_time()
        with EventLog(self._place) as log:
            log.acknowledge(name, _number(end), now)
            if self._company_time is not None:  # this machine's clock may be years ahead
                before = min(now, self._company_time) - timedelta(days=self.options.keep_days)
                log.prune(name, min(before, _last_ended(log, name) or now))

    # --- the event log

    @property
    def _place(self) -> Any:
        return event_log_place(outbox_place(self.options.connection))

    def _poll(self) -> None:
        """Add what changed to the event log. After a temporary fault, the next poll catches up."""
        self._next_poll = time.monotonic() + self.options.every
        watch = self.options.watch
        try:
            with EventLog(self._place) as log, log.exclusively(watch.name), opened(self.options.connection) as client:
                show_private = not self.options.connection.location_id
                found = poll(client, log, watch, ExtractOptions(show_private=show_private))
                self._company_time = client.company_time
        except BusyError:  # another process polls this watch, and its events are in the same log
            return
        except TransientError as error:
            self._failed += 1
            _log.warning("%s: a poll failed and will be repeated: %s", watch.name, error)
            if self._failed >= _FAILED_POLLS:
                raise
            return
        self._count_failures(found)

    def _count_failures(self, found: PollResult) -> None:
        """RefusedError if a stream could not be read by several polls in a row."""
        self._failed = 0 if found.sound else self._failed + 1
        failures = [one for one in found.outcomes if one.error]
        for one in failures:
            _log.warning("%s: a poll could not read %s: %s", self.options.watch.name, one.name, one.error)
        if failures and self._failed >= _FAILED_POLLS:
            raise RefusedError(f"{failures[0].name}: {failures[0].error}", fix=failures[0].fix)

    def _check(self, log: EventLog, offset: Mapping[str, Any] | None) -> None:
        """RefusedError if an offset is not one of this watch in this event log, or if events may be missing."""
        number, name = _number(offset), self.options.watch.name
        if offset is None:
            return
        if number:
            known = log.get(number)
            if known is None or log.watch_of(number) != name or known.event.id != offset.get("event"):
                raise RefusedError(
                    f"the checkpoint of this query is at event {number}, which is missing from the event log of the"
                    f" watch {name}",
                    fix="restore the event log, or begin with a new checkpoint, another `watch` and `begin`",
                )

    def _check_alone(self, log: EventLog, start: int) -> None:
        """RefusedError if events after the offset are acknowledged, so that some may be pruned already."""
        name = self.options.watch.name
        sql = "SELECT max(number) FROM event WHERE watch = ? AND state IN ('delivered', 'skipped')"
        ((ended,),) = log.read(sql, (name,))
        if ended is not None and int(ended) > start:
            raise RefusedError(
                f"another query has read the watch {name} up to event {ended}, and this one is at {start};"
                " events in between may be deleted",
                fix="give each query, and each new checkpoint, a `watch` of its own",
            )


def _number(offset: Mapping[str, Any] | None) -> int:
    return int(offset["sequence"]) if offset else 0


def _offset(event: ChangeEvent | None) -> dict[str, Any]:
    return {"sequence": 0, "event": ""} if event is None else {"sequence": event.number, "event": event.id}


def _last_of(log: EventLog, watch: str, after: int, most: int | None, target: int | None) -> ChangeEvent | None:
    """The last of at most `most` events after a number."""
    upto = "" if target is None else f" AND number <= {int(target)}"
    chosen = f"SELECT number FROM event WHERE watch = ? AND number > ?{upto} ORDER BY number"
    if most is not None:
        chosen += f" LIMIT {int(most)}"
    ((last,),) = log.read(f"SELECT max(number) FROM ({chosen}) AS chosen", (watch, after))
    found = log.get(int(last)) if last is not None else None
    return found.event if found is not None else None


def _between(log: EventLog, watch: str, after: int, last: int) -> Iterator[ChangeEvent]:
    while after < last:
        some = [one for one in log.after(watch, after, _IN_A_PARTITION) if one.number <= last]
        if not some:
            return
        yield from some
        after = some[-1].number


def _last_ended(log: EventLog, watch: str) -> datetime | None:
    """When events were acknowledged last. These are never pruned: a checkpoint is known by its event."""
    ((found,),) = log.read("SELECT max(ended_at) FROM event WHERE watch = ? AND state = 'delivered'", (watch,))
    return datetime.fromisoformat(found) if found else None


# --- rows


def event_rows(part: EventSlice, columns: Sequence[SparkColumn]) -> "Iterator[pa.RecordBatch]":
    """The events of a task as rows."""
    if part.events:
        yield _batch(part.events, columns)


def _batch(events: Sequence[ChangeEvent], columns: Sequence[SparkColumn]) -> "pa.RecordBatch":
    import pyarrow as pa

    ours: dict[str, Callable[[ChangeEvent], Any]] = {
        "_sequence": lambda one: one.number,
        "_kind": lambda one: str(one.kind),
        "_at": lambda one: one.at,
        "_key": lambda one: one.key,
    }
    arrays = []
    for column in columns:
        get = ours.get(column.name.lower()) if not column.field else None
        cells = [get(one) for one in events] if get else _cells(events, column)
        try:
            arrays.append(pa.array(cells, arrow_type(column.type)))
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            raise RecordError(
                f"a value of {column.name} in events {events[0].number} to {events[-1].number} does not fit"
                f" {column.type}",
                fix="leave this column out of the schema, or give it a type that holds the value",
            ) from None
    return pa.RecordBatch.from_arrays(arrays, schema=arrow_schema(columns))


def _cells(events: Iterable[ChangeEvent], column: SparkColumn) -> list[Any]:
    typed = _TYPED.get(column.kind, _number_or_text)
    return [None if (cell := one.record.get(column.field)) is None else typed(cell) for one in events]


def _number_or_text(cell: Any) -> Any:
    return cell


def _moment(cell: Any) -> datetime:
    return datetime.fromisoformat(str(cell))


def _day(cell: Any) -> date:
    return date.fromisoformat(str(cell)[:10])


def _decimal(cell: Any) -> Decimal:
    return Decimal(str(cell))


_TYPED: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.DATE: _day,
    Kind.TIMESTAMP: _moment,
    Kind.DECIMAL: _decimal,
    Kind.CURRENCY: _decimal,
    Kind.PERCENT: _decimal,
    **dict.fromkeys((Kind.TEXT, Kind.ENUM, Kind.SEQUENCE), str),
}
