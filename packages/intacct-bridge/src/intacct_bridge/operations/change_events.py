"""The changes of streams as events, for a program in this process: read by it, or delivered to a function of it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from intacct_bridge.changes.delivery import Deliveries
from intacct_bridge.changes.event import ChangeEvent, EventFilter
from intacct_bridge.changes.event_log import EventLog, event_log_place
from intacct_bridge.changes.follower import Follower, FollowOptions, this_machines_time
from intacct_bridge.changes.receivers import FunctionReceiver
from intacct_bridge.changes.watch import Watch, beginning, poll
from intacct_bridge.client.client import Client
from intacct_bridge.load.outbox.storage import outbox_place

__all__ = [
    "ChangeEvent",
    "ChangeRequest",
    "EventFilter",
    "FollowOptions",
    "deliver_changes",
    "read_changes",
]

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """The streams that are watched."""

    streams: tuple[str, ...]
    begin: str = "now"
    """What the first call takes: only later changes (`now`), those since a time, or every record (`beginning`)."""
    event_filter: EventFilter = field(default_factory=EventFilter)
    name: str = ""
    """The place in the event log; empty: the streams."""
    baseline: bool = False
    """Read all records first, so that the first change of each has its old values."""

    @property
    def watch(self) -> Watch:
        """The watch of a program."""
        name = self.name or "library:" + ",".join(self.streams)
        return Watch(name, self.streams, self.event_filter, beginning(self.begin), self.baseline, "library")


def read_changes(
    client: Client, request: ChangeRequest, *, since: int | None = None, begin_run: Callable[[], None]
) -> Iterator[Sequence[ChangeEvent]]:
    """The events after the number `since`, which acknowledges all up to it; without it, those not acknowledged.

    `begin_run` is called before the first request.
    """
    watch, place = request.watch, event_log_place(outbox_place(client.connection))
    with EventLog(place) as log, log.exclusively(watch.name):
        begin_run()
        poll(client, log, watch)
        if since is not None:
            log.acknowledge(watch.name, since, this_machines_time())
        after = log.waiting_after(watch.name) if since is None else since
    with EventLog(place) as log:
        while events := log.after(watch.name, after, _AT_ONCE):
            yield events
            after = events[-1].number


def deliver_changes(
    client: Client,
    request: ChangeRequest,
    handler: Callable[[ChangeEvent], object],
    options: FollowOptions | None = None,
    *,
    once: bool = False,
) -> Iterator[Deliveries]:
    """Call the handler with each change, and give what each round delivered."""
    watch = request.watch
    with EventLog(event_log_place(outbox_place(client.connection))) as log, log.exclusively(watch.name):
        follower = Follower(client, log, watch, FunctionReceiver(handler), options)
        rounds = [follower.once()] if once else follower.follow()
        for _, done in rounds:
            yield done
