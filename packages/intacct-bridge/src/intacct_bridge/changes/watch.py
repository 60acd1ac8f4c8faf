"""A watch: streams of one company whose changes become events, and where it begins.

watch = Watch("billing", ("CUSTOMER",), EventFilter())
found = poll(gateway, log, watch)
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

import msgspec

from intacct_bridge.changes.capture import EventDestination
from intacct_bridge.changes.event import EventFilter, encode
from intacct_bridge.changes.event_log import EventLog
from intacct_bridge.client.protocol import ReadGateway
from intacct_bridge.extract.options import ExtractOptions
from intacct_bridge.extract.pipeline import Prepared, ReadRequest, prepare
from intacct_bridge.streams.stream import StreamOutcome
from intacct_bridge.streams.times import format_time, parse_time
from intacct_protocol.errors import IntacctError, SettingsError

NOW = "now"
BEGINNING = "beginning"
DAYS_OF_A_MONTH = 30
_SECONDS_OF_A_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Watch:
    """What to watch."""

    name: str
    streams: tuple[str, ...]
    event_filter: EventFilter = field(default_factory=EventFilter)
    begin: str = NOW
    """`now`, `beginning`, or a time such as 2026-01-31: where a stream begins that the watch has not read yet."""
    baseline: bool = False
    """Read all records first, so that the first change of each has its old values."""

    receiver: str = ""
    """The receiver's address, without secrets."""

    def definition(self) -> str:
        """What the event log keeps of it."""
        names = ("streams", "begin", "baseline", "receiver")
        return encode({name: getattr(self, name) for name in names}).decode()


@dataclass(frozen=True, slots=True)
class PollResult:
    """What one poll brought."""

    events: int
    outcomes: tuple[StreamOutcome, ...]
    transactions: int
    error: IntacctError | None = None
    """The temporary fault that ended the poll; a watch that follows polls again."""

    @property
    def sound(self) -> bool:
        """Whether every stream was read to its end."""
        return self.error is None and all(one.complete and not one.error for one in self.outcomes)

    @property
    def failures(self) -> dict[str, str]:
        """The errors by stream; that of the whole poll has an empty name."""
        poll_error = {"": self.error.message} if self.error is not None else {}
        return poll_error | {one.name: one.error for one in self.outcomes if one.error}


def beginning(text: str) -> str:
    """`now`, `beginning`, or a time as bookmarks keep it; SettingsError for other text."""
    word = text.strip().lower()
    if word in (NOW, BEGINNING):
        return word
    try:
        return format_time(parse_time(datetime.fromisoformat(text).isoformat()))
    except ValueError:
        raise SettingsError(
            f"{text!r} is not a time at which to begin", fix="write now, beginning, 2026-01-31 or 2026-01-31T08:00:00Z"
        ) from None


def begins_anew(log: EventLog, watch: Watch) -> bool:
    """Whether the watch was polled with another beginning before, so that it starts over."""
    return kept_value(log.definition(watch.name), "begin") not in ("", watch.begin)


def kept_value(definition: str, name: str) -> str:
    """A value of a definition that the event log keeps; empty if there is none."""
    return str(msgspec.json.decode(definition).get(name, "")) if definition else ""


def poll(
    gateway: ReadGateway,
    log: EventLog,
    watch: Watch,
    options: ExtractOptions | None = None,
    prepared: Prepared | None = None,
) -> PollResult:
    """Read what changed since the last poll and add its events to the log.

    `options` are those of an extraction; where a stream begins is the watch's own.
    """
    spent = gateway.meter.transactions
    prepared = prepared or prepare_watch(gateway, watch)
    if begins_anew(log, watch):
        log.forget(watch.name)
    destination = _destination(log, watch)
    extraction = prepared.run(destination, _options(options or ExtractOptions(), log, watch, gateway))
    return PollResult(destination.events, extraction.outcomes, gateway.meter.transactions - spent)


def prepare_watch(gateway: ReadGateway, watch: Watch) -> Prepared:
    """The streams of a watch; InvalidRequestError for an unknown one and for an unknown field."""
    prepared = prepare(gateway, ReadRequest(watch.streams, skip_refused=False))
    watch.event_filter.check(prepared.streams)
    return prepared


def _destination(log: EventLog, watch: Watch) -> EventDestination:
    since = {NOW: None, BEGINNING: ""}.get(watch.begin, watch.begin)
    loads = watch.receiver.startswith("load:")
    definition = watch.definition()
    return EventDestination(log, watch.name, definition, watch.event_filter, since=since, only_later_deletes=loads)


def _options(options: ExtractOptions, log: EventLog, watch: Watch, gateway: ReadGateway) -> ExtractOptions:
    """Where the first read of a stream begins; a later full refresh begins where the first one did."""
    begin = format_time(gateway.company_time) if watch.begin == NOW else watch.begin
    options = replace(options, refresh_computed=False)  # a bill is no change of its vendor
    if watch.begin == BEGINNING or watch.baseline:
        return replace(options, start="")
    stored = log.read("SELECT since FROM stream WHERE watch = ?", (watch.name,))
    start = min([begin, *(since for (since,) in stored if since)], key=parse_time)
    return replace(options, start=start, compare_every=None)


# --- cost


def idle_transactions(prepared: Prepared) -> int:
    """The API transactions of a poll in which nothing changed: one for each stream, and one for deletes.

    A stream without a time of change is read again each time, so it may take more.
    """
    return len(prepared.streams) + any(one.virtual is None for one in prepared.streams)


def monthly(transactions: int, every: float) -> int:
    """The API transactions of a month of polls at this interval in seconds."""
    return round(transactions * DAYS_OF_A_MONTH * _SECONDS_OF_A_DAY / every)
