"""Watch: every change of a record to a receiver, once or until it is stopped; and the events that were not taken.

with open_watch(run, WatchRequest(("CUSTOMER",), to="exec:./sync-customer")) as watch:
watch.once()
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import to_builtins

from intacct_bridge.changes.delivery import Deliveries, Receiver
from intacct_bridge.changes.event import ChangeKind, EventFilter
from intacct_bridge.changes.event_log import EventLog, EventState, LoggedEvent, event_log_place
from intacct_bridge.changes.follower import Follower, FollowOptions, this_machines_time
from intacct_bridge.changes.receivers import open_receiver
from intacct_bridge.changes.watch import (
    PollResult,
    Watch,
    beginning,
    idle_transactions,
    kept_value,
    monthly,
    prepare_watch,
)
from intacct_bridge.connections.secret_refs import resolved
from intacct_bridge.load.outbox.storage import outbox_place
from intacct_bridge.machine.running_commands import RunningCommands
from intacct_bridge.operations.recorded_run import RecordedRun
from intacct_bridge.runs.channels import find_channels
from intacct_bridge.runs.definitions import find_flow
from intacct_bridge.runs.ongoing_reports import OngoingReports
from intacct_bridge.runs.run import RecordCounts
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.query.where import parse_where
from intacct_protocol.model.uri_text import redacted, uri_secrets

if TYPE_CHECKING:
    from intacct_bridge.connections.connection import Connection
    from intacct_bridge.streams.stream import Stream

KINDS = tuple(str(kind) for kind in ChangeKind)
_DIGEST = 4
_HALF = 0.5
"""The share of the monthly API transactions that polls may take unless a person agreed."""
_EVERY_EVENT = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRequest:
    """What to watch, and where its changes go."""

    streams: Sequence[str]
    to: str
    """exec:COMMAND, https://ADDRESS, jsonl:DIR, postgresql://..., python:MODULE:FUNCTION, or load:CONNECTION."""
    kinds: Sequence[str] = KINDS
    """Send only these kinds of change."""
    where: str = ""
    """Send only records that match, such as `STATUS = 'active'`."""
    fields: Sequence[str] = ()
    """Send only these fields of a record, and its key."""
    changed: Sequence[str] = ()
    """Send an update only if one of these fields changed."""
    begin: str = "now"
    """`now`, a date, or `beginning`. Another value than last time starts the watch over."""
    baseline: bool = False
    """Read all records first, so that the first change of each has its old values."""
    every: float = 300.0
    """Seconds between two polls."""
    batch: int = 1
    """The most events, of different records, in one delivery."""
    attempts: int = 10
    """The attempts before an event is a dead letter."""
    timeout: float = 60.0
    """Give up a delivery after this many seconds."""
    keep_days: int = 30
    """Keep delivered events for this many days."""
    name: str = ""
    """The watch's name; empty: its streams."""
    secret: str = ""
    """Where the secret is that signs a web hook's messages, as env:VARIABLE, file:PATH or keyring:SERVICE/USER."""
    as_name: str = ""
    """With load: the object or layout in that company."""
    map_file: Path | None = None
    """Send records in the shape of this mapping; with load: read them by it."""
    key: Sequence[str] = ()
    """With load: find records there by these fields."""
    yes: bool = False
    """Poll even if that takes more than half of the monthly transactions, and post to a production company."""


@dataclass(frozen=True, slots=True)
class WatchCost:
    """What polls cost in which nothing changed."""

    poll: int
    """API transactions of one poll."""
    month: int
    """API transactions of a month."""
    allowed: int | None
    """Those of the connection's tier."""


@dataclass(frozen=True, slots=True)
class WatchRound:
    """One poll with the deliveries after it, or further deliveries alone."""

    polled: PollResult | None
    delivered: Deliveries

    @property
    def counts(self) -> RecordCounts:
        """The counts of its events, as the history of runs has them."""
        delivered = self.delivered
        return RecordCounts(posted=delivered.delivered, dead_letters=delivered.dead, in_doubt=delivered.in_doubt)

    @property
    def failures(self) -> Mapping[str, str]:
        """The errors of the poll by stream; that of the whole poll has an empty name."""
        return self.polled.failures if self.polled is not None else {}

    @property
    def complete(self) -> bool:
        """Whether every stream was read to its end, and every event was taken."""
        return (self.polled is None or self.polled.sound) and not self.delivered.failed

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        polled, delivered = self.polled, self.delivered
        return {
            "events": polled.events if polled is not None else 0,
            "delivered": delivered.delivered,
            "failed": delivered.failed,
            "dead": delivered.dead,
            "transactions": polled.transactions if polled is not None else 0,
            "streams": [outcome.to_dict() for outcome in polled.outcomes] if polled is not None else [],
        }


class OpenWatch:
    """A watch whose receiver is open."""

    def __init__(self, run: RecordedRun, follower: Follower, cost: WatchCost) -> None:
        self.cost = cost
        self._run = run
        self._follower = follower

    def once(self) -> WatchRound:
        """Poll once, and deliver what is due."""
        return self._noted(WatchRound(*self._follower.once()))

    def follow(self) -> Iterator[WatchRound]:
        """Poll and deliver until `stop`: a result after each poll, and after each further round of deliveries.

        The receivers of notifications of the run's flow hear of failures, dead letters and records in doubt.
        """
        run = self._run
        names = find_flow(run.flow).on(run.name).notify if run.flow else ()
        reports = OngoingReports(find_channels(names), warn=run.messages.complain)
        for polled, delivered in self._follower.follow():
            watch_round = self._noted(WatchRound(polled, delivered))
            failures = (f"{stream}: {error}" if stream else error for stream, error in watch_round.failures.items())
            failure = run.messages.masked("; ".join(failures))
            reports.note(run.begin_run(), watch_round.counts, polled=polled is not None, failure=failure)
            yield watch_round

    def stop(self) -> None:
        """End after the deliveries that are on their way."""
        self._follower.stop()

    def _noted(self, watch_round: WatchRound) -> WatchRound:
        """A round, counted in the history of runs."""
        recorder = self._run.recorder
        if watch_round.polled is not None and watch_round.polled.events:
            recorder.add_rows("events", watch_round.polled.events)
        if watch_round.counts != RecordCounts():
            recorder.add_counts(watch_round.counts)
        return watch_round


@contextmanager
def open_watch(
    run: RecordedRun, request: WatchRequest, *, show: Callable[[str], object] = lambda _: None
) -> Iterator[OpenWatch]:
    """Open a watch on the run's connection; no other process can run it meanwhile.

    `show` gets what a command prints to which events go. SettingsError for what is wrong in the request, and for a
    watch of these streams that has another receiver.
    """
    watch = _watch(request, run.messages.masked)
    options = FollowOptions(
        every=float(request.every),
        batch=request.batch,
        attempts=request.attempts,
        keep_days=request.keep_days,
        show_private=not run.connection.location_id,
    )
    with EventLog(_log_place(run.connection)) as log, log.exclusively(watch.name):
        _check_receiver(log, watch, request)
        run.recorder.destination = watch.receiver
        with closing(_receiver(run, request, show, log.commands(watch.name))) as receiver:
            client = run.client
            prepared = prepare_watch(client, watch)
            cost = _cost(run.connection, idle_transactions(prepared), options.every)
            mapped = _mapped_receiver(receiver, request, prepared.streams)
            yield OpenWatch(run, Follower(client, log, watch, mapped, options, masked=run.messages.masked), cost)


def check_cost(cost: WatchCost, request: WatchRequest) -> None:
    """SettingsError if polls without end take more than half of the monthly allowance, and no person agreed to that."""
    if cost.allowed and cost.month > cost.allowed * _HALF and not request.yes:
        least = monthly(cost.poll, 1.0) / (cost.allowed * _HALF)
        raise SettingsError(
            "that is more than half of the tier's monthly API transactions",
            fix=f"Poll less often (`every = {least + 1:.0f}`), or pass `yes`.",
        )


def _cost(connection: "Connection", poll: int, every: float) -> WatchCost:
    return WatchCost(poll, monthly(poll, every), connection.monthly_transactions)


def _watch(request: WatchRequest, masked: Callable[[str], str]) -> Watch:
    """The watch that a request describes."""
    for kind in request.kinds:
        if kind not in KINDS:
            raise SettingsError(f"`on = {kind}` is not a kind of change", fix=f"Use {', '.join(KINDS)}.")
    event_filter = EventFilter(
        frozenset(ChangeKind(kind) for kind in request.kinds),
        parse_where(request.where) if request.where else None,
        tuple(name.upper() for name in request.fields),
        tuple(name.upper() for name in request.changed),
    )
    streams = tuple(dict.fromkeys(request.streams))
    receiver = _shown_receiver(request.to, masked)
    return Watch(
        request.name or ",".join(streams), streams, event_filter, beginning(request.begin), request.baseline, receiver
    )


def _shown_receiver(address: str, masked: Callable[[str], str]) -> str:
    """The address as it may be kept. One with a secret in it has a short digest, which tells two of them apart."""
    plain = redacted(address)
    shown = masked(plain)
    return shown if shown == plain else f"{shown} ({sha256(address.encode()).hexdigest()[:_DIGEST]})"


def _check_receiver(log: EventLog, watch: Watch, request: WatchRequest) -> None:
    """SettingsError if a watch of the same streams, also without a name, has another receiver."""
    before = kept_value(log.definition(watch.name), "receiver")
    if not request.name and before not in ("", watch.receiver):
        raise SettingsError(
            f"the watch {watch.name} delivers to {before}, and now to {watch.receiver}",
            fix=f"Name the new one with `name`, or move this one with `name = {watch.name}`.",
        )


def _receiver(
    run: RecordedRun, request: WatchRequest, show: Callable[[str], object], running: RunningCommands
) -> Receiver:
    """The receiver at the address of a request."""
    scheme, _, rest = request.to.partition(":")
    if scheme == "load" and rest:
        from intacct_bridge.operations.load_receiver import LoadOptions, LoadReceiver

        options = LoadOptions(request.as_name, request.map_file, tuple(request.key))
        return LoadReceiver(run, rest, options, yes=request.yes)
    only_load = next((name for name, value in (("as", request.as_name), ("key", request.key)) if value), "")
    if only_load:
        raise SettingsError(f"`{only_load}` is for `to = load:CONNECTION` only", fix="Leave it out.")
    signing = ""
    if request.secret:
        kind, colon, place = request.secret.partition(":")
        if not colon or kind not in ("env", "file", "keyring"):
            raise SettingsError(
                "`secret` names the place of a secret, and is not the secret",
                fix="Write env:VARIABLE, file:PATH or keyring:SERVICE/USER.",
            )
        signing = str(resolved({kind: place}, where="`secret`"))
        run.messages.hide([signing])
    run.messages.hide(uri_secrets(request.to))
    return open_receiver(request.to, secret=signing, timeout=float(request.timeout), show=show, running=running)


def _mapped_receiver(receiver: Receiver, request: WatchRequest, streams: "Sequence[Stream]") -> Receiver:
    """The receiver, which gets records in the shape of a mapping if the request names one."""
    if request.map_file is None or request.to.startswith("load:"):
        return receiver
    from intacct_bridge.changes.mapped_receiver import mapped_receiver
    from intacct_bridge.export_maps import read_map

    return mapped_receiver(receiver, read_map(request.map_file), streams)


# --- the events of watches


@dataclass(frozen=True, slots=True)
class WatchStatus:
    """One watch: its last poll, and how many of its events wait, are delivered or are dead."""

    name: str
    receiver: str
    polled_at: datetime | None
    counts: Mapping[str, int] = field(default_factory=dict)
    """By state: pending, delivered, dead and skipped."""
    oldest_pending: datetime | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return to_builtins(self, str_keys=True)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that a receiver did not take in any attempt."""

    number: int
    watch: str
    object: str
    key: str
    kind: str
    time: datetime
    attempts: int
    error: str

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return to_builtins(self, str_keys=True)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What becomes of events that were to be delivered again."""

    replayed: tuple[int, ...] = ()
    outdated: Mapping[int, DeadLetter] = field(default_factory=dict)
    """By event the later one of the same record that was delivered, so that the older state is left out."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return to_builtins(self, str_keys=True)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class SkipResult:
    """What becomes of events that were to be given up."""

    skipped: tuple[int, ...] = ()
    refused: tuple[int, ...] = ()
    """Events that neither wait nor are dead letters."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return to_builtins(self, str_keys=True)  # type: ignore[no-any-return]


def has_watches(connection: "Connection") -> bool:
    """Whether a watch has run on a connection."""
    place = _log_place(connection)
    return not isinstance(place, Path) or place.exists()


def watch_statuses(connection: "Connection") -> tuple[WatchStatus, ...]:
    """The watches of a connection. SettingsError if none has run."""
    with _opened_log(connection) as log:
        return tuple(
            WatchStatus(
                status.name,
                kept_value(status.definition, "receiver"),
                status.polled_at,
                {str(state): status.counts.get(state, 0) for state in EventState},
                status.oldest_pending,
            )
            for status in log.statuses()
        )


def dead_letters(connection: "Connection", *, watch: str = "", limit: int = 100) -> tuple[DeadLetter, ...]:
    """The events that a receiver did not take in any attempt, of one watch or of all."""
    with _opened_log(connection) as log:
        letters = [_letter(name, one) for name in _names(log, watch) for one in log.find(name, EventState.DEAD, limit)]
    return tuple(letters[:limit])


def replay(
    connection: "Connection", numbers: Sequence[int] = (), *, watch: str = "", as_of_then: bool = False
) -> ReplayResult:
    """Let events be delivered again, with the next run of their watch: these, or all dead letters.

    An event is left out if a later state of its record was delivered, unless `as_of_then`: an older state must not
    replace it.
    """
    replayed, outdated = [], {}
    with _opened_log(connection) as log:
        _check_numbers(log, numbers)
        chosen = list(numbers) or [
            one.event.number for name in _names(log, watch) for one in log.find(name, EventState.DEAD, _EVERY_EVENT)
        ]
        for number in chosen:
            later = log.replay(number, even_if_outdated=as_of_then)
            if later is None:
                replayed.append(number)
            else:
                outdated[number] = _letter(log.watch_of(number), later)
    return ReplayResult(tuple(replayed), outdated)


def skip(connection: "Connection", numbers: Sequence[int]) -> SkipResult:
    """Give up waiting events or dead letters: they are not delivered."""
    with _opened_log(connection) as log:
        _check_numbers(log, numbers)
        done = {number: log.skip(number, this_machines_time()) for number in numbers}
    return SkipResult(
        tuple(number for number, skipped in done.items() if skipped),
        tuple(number for number, skipped in done.items() if not skipped),
    )


def _log_place(connection: "Connection") -> Any:
    return event_log_place(outbox_place(connection))


def _opened_log(connection: "Connection") -> EventLog:
    if not has_watches(connection):
        raise SettingsError("no watch has run on this connection", fix="Run one: intacct watch STREAM --to RECEIVER")
    return EventLog(_log_place(connection))


def _letter(watch: str, logged: LoggedEvent) -> DeadLetter:
    event = logged.event
    return DeadLetter(
        event.number, watch, event.object, event.key, str(event.kind), event.at, logged.attempts, logged.error
    )


def _check_numbers(log: EventLog, numbers: Sequence[int]) -> None:
    for number in numbers:
        if not log.watch_of(number):
            raise SettingsError(f"there is no event {number}", fix="intacct watch dead lists the dead letters.")


def _names(log: EventLog, watch: str) -> list[str]:
    """The names of all watches, or the one that is named; SettingsError if there is no such watch."""
    names = [status.name for status in log.statuses()]
    if watch and watch not in names:
        raise SettingsError(f"there is no watch {watch}", fix="intacct watch status lists them.")
    return [watch] if watch else names
