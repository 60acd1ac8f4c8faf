"""The changes of one object for Spark's structured streaming: micro-batches of the event log.

An offset is a position in the changes, as JSON. A micro-batch is the events between two of them, the same ones each
time that Spark asks for it, so Spark can replay its last micro-batch after a crash.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from intacct_bridge.apps.spark.columns import SparkColumn, arrow_schema, arrow_type
from intacct_bridge.apps.spark.options import (
    connection_of,
    listed,
    own_options,
    required_object,
    seconds,
    whole_number,
)
from intacct_bridge.operations.change_batches import (
    KEEP_DAYS,
    NOW,
    ChangeBatches,
    ChangeEvent,
    ChangePosition,
    FollowedChanges,
)
from intacct_protocol.errors import RecordError, SettingsError
from intacct_protocol.xml.values import Kind

if TYPE_CHECKING:
    import pyarrow as pa

_EVERY = 300.0
_EVENTS = 10_000

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

    changes: FollowedChanges
    fields: tuple[str, ...]
    events_per_batch: int = _EVENTS


def follows_changes(options: Mapping[str, str]) -> bool:
    """Whether the options are those of `spark.readStream`: only there is a watch named."""
    return any(name.lower() == "watch" for name in options)


def change_options(options: Mapping[str, str]) -> ChangeOptions:
    """The options of `spark.readStream`. SettingsError names the one that is wrong, before any call."""
    of_source = own_options(options, STREAMING)
    if "watch" not in of_source:
        raise SettingsError(
            "the option `watch` is missing: it names the place of this query in the event log",
            fix='name it, such as .option("watch", "bills-to-lake"), with another name for each query',
            setting="watch",
        )
    words = {"true": True, "false": False}
    if of_source.get("baseline", "false").lower() not in words:
        raise SettingsError(f"`baseline` is {of_source['baseline']!r}, and must be true or false", setting="baseline")
    changes = FollowedChanges(
        connection=connection_of(options),
        stream=required_object(of_source),
        watch=of_source["watch"],
        receiver="spark",
        begin=of_source.get("begin", NOW),
        baseline=words[of_source.get("baseline", "false").lower()],
        every=seconds(of_source, "every", _EVERY),
        keep_days=whole_number(of_source, "keep_days") or KEEP_DAYS,
    )
    return ChangeOptions(
        changes, listed(of_source.get("fields", "")), whole_number(of_source, "events_per_batch") or _EVENTS
    )


def change_columns(columns: Sequence[SparkColumn]) -> tuple[SparkColumn, ...]:
    """The columns of events: what happened, and then the fields, which a deleted record may lack."""
    return (*EVENT_COLUMNS, *(replace(one, nullable=True) for one in columns))


@dataclass(frozen=True, slots=True)
class EventSlice:
    """The events of one task, read on the driver: executors need neither the event log nor credentials."""

    events: tuple[ChangeEvent, ...]


class ChangeFeed:
    """The events of one watch between offsets. It stays on the driver."""

    def __init__(self, options: ChangeOptions) -> None:
        self.options = options
        self._batches = ChangeBatches(options.changes)

    def first(self) -> dict[str, Any]:
        """The offset of a query without a checkpoint: before the first event of its watch."""
        return _offset(ChangePosition())

    def latest(self, start: Mapping[str, Any] | None, most: int | None) -> dict[str, Any]:
        """The offset after at most `most` events, polling if it is time; without `start`, after all of them."""
        return _offset(self._batches.latest(_position(start) if start is not None else None, most))

    def stop_at_now(self) -> None:
        """Poll, and read no further than what is known then: the trigger `availableNow`."""
        self._batches.stop_at_now()

    def slices(self, start: Mapping[str, Any], end: Mapping[str, Any]) -> list[EventSlice]:
        """The events after one offset and up to another, a slice a task."""
        return [EventSlice(events) for events in self._batches.events(_position(start), _position(end))]

    def commit(self, end: Mapping[str, Any]) -> None:
        """Spark has stored the micro-batches up to an offset."""
        self._batches.acknowledge(_position(end))


def _position(offset: Mapping[str, Any]) -> ChangePosition:
    return ChangePosition(int(offset["sequence"]), str(offset.get("event", ""))) if offset else ChangePosition()


def _offset(position: ChangePosition) -> dict[str, Any]:
    return {"sequence": position.number, "event": position.event}


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
