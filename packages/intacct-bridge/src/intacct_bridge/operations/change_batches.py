"""The changes of a stream in batches, for a program that reads them between positions: a streaming query of Spark.

Intacct is polled at intervals, and the event log keeps what changed. A position is the number of an event, so a batch
is the events between two numbers, the same ones each time that it is read. Events that the program has stored are
acknowledged in the log, and only those may be pruned.

A position also holds the id of its event. By that, the program notices that the event log was lost or replaced, and
ends with an error in place of a gap. Two programs that share a watch would prune each other's events, so that is an
error as well.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from intacct_bridge.changes.event import ChangeEvent
from intacct_bridge.changes.event_log import EventLog, event_log_place
from intacct_bridge.changes.follower import KEEP_DAYS, this_machines_time
from intacct_bridge.changes.watch import NOW, PollResult, Watch, beginning, poll
from intacct_bridge.connections.connection import Connection
from intacct_bridge.extract.options import ExtractOptions
from intacct_bridge.load.outbox.storage import outbox_place
from intacct_bridge.operations.recorded_run import open_company
from intacct_bridge.shared_state.place import Place
from intacct_protocol.errors import BusyError, RefusedError, TransientError
from intacct_protocol.model.batched import batched

__all__ = ["KEEP_DAYS", "NOW", "ChangeBatches", "ChangeEvent", "ChangePosition", "FollowedChanges"]

_log = logging.getLogger(__name__)
_AT_ONCE = 2_000
"""Events that are read from the log together."""
_FAILED_POLLS = 3
"""After this number of failed polls in a row, the error is raised."""
_LOOK_SECONDS = 0.5
"""Spark asks for the latest position a hundred times a second if nothing is new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedChanges:
    """What to follow."""

    connection: Connection
    stream: str
    watch: str
    """The name under which the event log keeps the changes and how far they were read; each program has its own."""
    receiver: str
    """The program, as the list of watches names it."""
    begin: str = NOW
    """`now`, a time in ISO 8601, or `beginning`."""
    baseline: bool = False
    """Read all records first, so that the first change of each has its old values."""
    every: float = 300.0
    """Seconds between two polls, at least."""
    keep_days: int = KEEP_DAYS
    """Keep events for this many days after they were acknowledged."""

    def __post_init__(self) -> None:
        """SettingsError for a beginning that is none."""
        beginning(self.begin)

    def to_watch(self) -> Watch:
        """The watch in the event log."""
        return Watch(
            self.watch, (self.stream,), begin=beginning(self.begin), baseline=self.baseline, receiver=self.receiver
        )


@dataclass(frozen=True, slots=True)
class ChangePosition:
    """A place in the changes: behind the event of this number and id."""

    number: int = 0
    """0: before the first event."""
    event: str = ""


_START = ChangePosition()


class ChangeBatches:
    """The changes between positions."""

    def __init__(self, changes: FollowedChanges) -> None:
        self._changes = changes
        self._watch = changes.to_watch()
        self._next_poll = 0.0
        self._looked = 0.0
        self._failed = 0
        self._company_time: datetime | None = None
        """By the company's clock, when this program polled last."""
        self._target: int | None = None
        """No event beyond this number is read, if there is one."""
        self._last: ChangePosition | None = None
        """The position behind which there was nothing when the log was looked at."""

    def latest(self, start: ChangePosition | None, most: int | None) -> ChangePosition:
        """The position behind at most `most` events, polling if it is time; without `start`, behind all of them."""
        if self._target is None and time.monotonic() >= self._next_poll:
            self._poll()
        elif self._last is not None and start == self._last and time.monotonic() < self._looked + _LOOK_SECONDS:
            return self._last
        with EventLog(self._place) as log:
            self._check(log, start or _START)
            event = _last_of(log, self._watch.name, (start or _START).number, most, self._target)
        self._looked = time.monotonic()
        if event is not None:
            return ChangePosition(event.number, event.id)
        self._last = start or _START
        return self._last

    def stop_at_now(self) -> None:
        """Poll, and read no further than what is known then."""
        self._poll()
        with EventLog(self._place) as log:
            last = _last_of(log, self._watch.name, 0, None, None)
            self._target = last.number if last is not None else 0

    def events(self, start: ChangePosition, end: ChangePosition) -> list[tuple[ChangeEvent, ...]]:
        """The events behind one position and up to another, some at a time.

        RefusedError if a position is not one of this watch in this event log, or if events may be missing.
        """
        with EventLog(self._place) as log:
            self._check(log, start)
            self._check(log, end)
            self._check_alone(log, start.number)
            events = list(_between(log, self._watch.name, start.number, end.number))
        return [tuple(part) for part in batched(events, _AT_ONCE)]

    def acknowledge(self, end: ChangePosition) -> None:
        """The program has stored the events up to a position."""
        name, now = self._watch.name, this_machines_time()
        with EventLog(self._place) as log:
            log.acknowledge(name, end.number, now)
            if self._company_time is not None:  # this machine's clock may be years ahead
                before = min(now, self._company_time) - timedelta(days=self._changes.keep_days)
                log.prune(name, min(before, _last_ended(log, name) or now))

    # --- the event log

    @property
    def _place(self) -> Place:
        return event_log_place(outbox_place(self._changes.connection))

    def _poll(self) -> None:
        """Add what changed to the event log. After a temporary fault, the next poll catches up."""
        self._next_poll = time.monotonic() + self._changes.every
        connection, watch = self._changes.connection, self._watch
        try:
            with EventLog(self._place) as log, log.exclusively(watch.name), open_company(connection) as run:
                polled = poll(run.client, log, watch, ExtractOptions(show_private=not connection.location_id))
                self._company_time = run.client.company_time
        except BusyError:  # another process polls this watch, and its events are in the same log
            return
        except TransientError as error:
            self._failed += 1
            _log.warning("%s: a poll failed and will be repeated: %s", watch.name, error)
            if self._failed >= _FAILED_POLLS:
                raise
            return
        self._count_failures(polled)

    def _count_failures(self, polled: PollResult) -> None:
        """RefusedError if a stream could not be read by several polls in a row."""
        self._failed = 0 if polled.sound else self._failed + 1
        failures = [outcome for outcome in polled.outcomes if outcome.error]
        for outcome in failures:
            _log.warning("%s: a poll could not read %s: %s", self._watch.name, outcome.name, outcome.error)
        if failures and self._failed >= _FAILED_POLLS:
            raise RefusedError(f"{failures[0].name}: {failures[0].error}", fix=failures[0].fix)

    def _check(self, log: EventLog, position: ChangePosition) -> None:
        """RefusedError if a position is not one of this watch in this event log, or if events may be missing."""
        number, name = position.number, self._watch.name
        if number:
            logged = log.get(number)
            if logged is None or log.watch_of(number) != name or logged.event.id != position.event:
                raise RefusedError(
                    f"the checkpoint of this query is at event {number}, which is missing from the event log of the"
                    f" watch {name}",
                    fix="restore the event log, or begin with a new checkpoint, another `watch` and `begin`",
                )

    def _check_alone(self, log: EventLog, start: int) -> None:
        """RefusedError if events after the position are acknowledged, so that some may be pruned already."""
        name = self._watch.name
        sql = "SELECT max(number) FROM event WHERE watch = ? AND state IN ('delivered', 'skipped')"
        ((ended,),) = log.read(sql, (name,))
        if ended is not None and int(ended) > start:
            raise RefusedError(
                f"another query has read the watch {name} up to event {ended}, and this one is at {start};"
                " events in between may be deleted",
                fix="give each query, and each new checkpoint, a `watch` of its own",
            )


def _last_of(log: EventLog, watch: str, after: int, most: int | None, target: int | None) -> ChangeEvent | None:
    """The last of at most `most` events after a number."""
    upto = "" if target is None else f" AND number <= {int(target)}"
    chosen = f"SELECT number FROM event WHERE watch = ? AND number > ?{upto} ORDER BY number"
    if most is not None:
        chosen += f" LIMIT {int(most)}"
    ((last,),) = log.read(f"SELECT max(number) FROM ({chosen}) AS chosen", (watch, after))
    logged = log.get(int(last)) if last is not None else None
    return logged.event if logged is not None else None


def _between(log: EventLog, watch: str, after: int, last: int) -> Iterator[ChangeEvent]:
    while after < last:
        events = [event for event in log.after(watch, after, _AT_ONCE) if event.number <= last]
        if not events:
            return
        yield from events
        after = events[-1].number


def _last_ended(log: EventLog, watch: str) -> datetime | None:
    """When events were acknowledged last. These are never pruned: a checkpoint is known by its event."""
    ((ended,),) = log.read("SELECT max(ended_at) FROM event WHERE watch = ? AND state = 'delivered'", (watch,))
    return datetime.fromisoformat(ended) if ended else None
