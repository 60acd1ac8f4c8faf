"""`intacct watch status`, `dead`, `replay` and `skip`: the watches of a connection, and events that failed."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from intacct_bridge.apps.cli.command import command
from intacct_bridge.apps.cli.context import CommandContext, number_option, shared_options
from intacct_bridge.apps.terminal.exit_statuses import FAILURES
from intacct_bridge.apps.terminal.tables import Count
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.wording import counted

if TYPE_CHECKING:
    from intacct_bridge.changes.event_log import EventLog, LoggedEvent
    from intacct_bridge.connections.connection import Connection

_SHOWN_ERROR = 60
"""Characters of an error in a table."""
_MOST = 1_000_000


def _log_of(context: CommandContext) -> "EventLog":
    from intacct_bridge.changes.event_log import EventLog, event_log_place
    from intacct_bridge.load.outbox.storage import outbox_place

    if not has_event_log(context.connection):
        raise SettingsError("no watch has run on this connection", fix="Run one: intacct watch STREAM --to RECEIVER")
    return EventLog(event_log_place(outbox_place(context.connection)))


def has_event_log(connection: "Connection") -> bool:
    """Whether a watch has run on a connection."""
    from intacct_bridge.changes.event_log import event_log_place
    from intacct_bridge.load.outbox.storage import outbox_place

    place = event_log_place(outbox_place(connection))
    return not isinstance(place, Path) or place.exists()


@command("status", exits={})
@shared_options(prints_table=True)
def status_command(context: CommandContext) -> None:
    """List the watches of this connection: the last poll, and how many events wait, are delivered or are dead."""
    from intacct_bridge.changes.event_log import EventState
    from intacct_bridge.changes.watch import kept_value

    with _log_of(context) as log:
        rows = [
            (
                one.name,
                kept_value(one.definition, "receiver"),
                one.polled_at,
                *(Count(one.counts.get(state, 0)) for state in EventState),
                one.oldest_pending,
            )
            for one in log.statuses()
        ]
    context.console.table(("watch", "receiver", "polled", *EventState, "oldest_pending"), rows)


_WATCH = click.option("--watch", metavar="NAME", default="", help="Take only events of this watch.")


@command("dead", exits={})
@_WATCH
@number_option("--limit", "List at most this many events.", least=1, default=100)
@shared_options(prints_table=True)
def dead_command(context: CommandContext, *, watch: str, limit: int) -> None:
    """List the dead letters: events that a receiver did not accept in any attempt."""
    with _log_of(context) as log:
        found = [(name, one) for name in _names_of(log, watch) for one in _dead(log, name, limit)]
    rows = [
        (one.event.number, name, one.event.object, one.event.key, str(one.event.kind), one.event.at, one.attempts,
         one.error if context.console.as_json else one.error[:_SHOWN_ERROR])
        for name, one in found[:limit]
    ]  # fmt: skip
    columns = ("number", "watch", "object", "key", "kind", "time", "attempts", "error")
    context.console.table(columns, rows, empty="There are no dead letters.")


@command("replay", exits={1: "an event was left out"})
@click.argument("numbers", metavar="[NUMBER]...", nargs=-1, type=int)
@click.option("--dead", is_flag=True, help="Replay all dead letters.")
@_WATCH
@click.option(
    "--as-of-then", is_flag=True, help="Deliver an event even if the receiver already has a later state of the record."
)
@shared_options()
def replay_command(
    context: CommandContext, *, numbers: tuple[int, ...], dead: bool, watch: str, as_of_then: bool
) -> int:
    """Deliver events again, with the next run of their watch.

    An event is left out if a later state of its record was delivered: an older state must not replace it.
    """
    if bool(numbers) == dead:
        raise SettingsError("there is nothing to replay", fix="Name events by their numbers, or pass --dead.")
    left_out = 0
    with _log_of(context) as log:
        chosen = _chosen(log, numbers, watch)
        for number in chosen:
            later = log.replay(number, even_if_outdated=as_of_then)
            if later is not None:
                left_out += 1
                context.console.complain(
                    f"error  event {number}: a later state of {later.event.object} {later.event.key} was delivered"
                    f" (event {later.event.number}); --as-of-then sends the older one anyway"
                )
    context.console.say(f"{counted(len(chosen) - left_out, 'event')} will be delivered again.")
    return FAILURES if left_out else 0


@command("skip", exits={1: "an event was not skipped"})
@click.argument("numbers", metavar="NUMBER...", nargs=-1, type=int, required=True)
@shared_options()
def skip_command(context: CommandContext, *, numbers: tuple[int, ...]) -> int:
    """Give up waiting events or dead letters: they are not delivered."""
    from intacct_bridge.changes.follower import this_machines_time

    with _log_of(context) as log:
        _chosen(log, numbers, "")
        done = [log.skip(number, this_machines_time()) for number in numbers]
    for number, skipped in zip(numbers, done, strict=True):
        if not skipped:
            context.console.complain(f"error  event {number} neither waits nor is a dead letter")
    context.console.say(f"{counted(sum(done), 'event')} skipped.")
    return 0 if all(done) else FAILURES


def _chosen(log: "EventLog", numbers: Sequence[int], watch: str) -> list[int]:
    """The numbers of existing events, or those of all dead letters; SettingsError for an unknown number."""
    for number in numbers:
        if not log.watch_of(number):
            raise SettingsError(f"there is no event {number}", fix="intacct watch dead lists the dead letters.")
    return list(numbers) or [one.event.number for name in _names_of(log, watch) for one in _dead(log, name, _MOST)]


def _dead(log: "EventLog", watch: str, most: int) -> "list[LoggedEvent]":
    from intacct_bridge.changes.event_log import EventState

    return log.find(watch, EventState.DEAD, most)


def _names_of(log: "EventLog", watch: str) -> list[str]:
    """The names of all watches, or the one that is named; SettingsError if there is no such watch."""
    names = [one.name for one in log.statuses()]
    if watch and watch not in names:
        raise SettingsError(f"there is no watch {watch}", fix="intacct watch status lists them.")
    return [watch] if watch else names
