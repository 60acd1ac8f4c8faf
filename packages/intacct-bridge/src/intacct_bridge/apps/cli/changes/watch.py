"""`intacct watch`: send every change of a record to a receiver, once or until the program is stopped."""

from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from intacct_bridge.apps.cli.changes.logged_events import dead_command, replay_command, skip_command, status_command
from intacct_bridge.apps.cli.command import READ, CommandGroup, command_group
from intacct_bridge.apps.cli.context import CommandContext, number_option, shared_options
from intacct_bridge.apps.terminal.exit_statuses import CONNECTED, FAILURES
from intacct_bridge.apps.terminal.process import stoppable
from intacct_protocol.errors import InDoubtError, SettingsError
from intacct_protocol.model.wording import counted

if TYPE_CHECKING:
    from intacct_bridge.changes.delivery import Deliveries
    from intacct_bridge.changes.event_log import EventLog
    from intacct_bridge.changes.follower import Follower
    from intacct_bridge.changes.watch import PollResult, Watch
    from intacct_bridge.runs.ongoing_reports import OngoingReports
    from intacct_bridge.runs.run import RecordCounts

_KINDS = ("created", "updated", "deleted")
_RUN = "run"
_DIGEST = 4
_HALF = 0.5
"""The share of the monthly API transactions that polls may take without --yes."""


class WatchGroup(CommandGroup):
    """A group whose first argument may be a stream: then it runs a watch."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Let `intacct watch CUSTOMER ...` mean `intacct watch run CUSTOMER ...`."""
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = [_RUN, *args]
        return super().parse_args(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command; what is none of ours is a stream."""
        return super().get_command(ctx, cmd_name) or self.commands[_RUN]


@command_group(
    "watch",
    section=READ,
    place=10,
    short_help="Send every change of a record to a command, a web hook, a database, ...",
    cls=WatchGroup,
    no_args_is_help=True,
    subcommand_metavar="STREAM... --to RECEIVER [OPTIONS]",
)
def watch_command() -> None:
    """Send every change of a record to a command, a web hook, a folder, a database, a function or another company.

    `intacct watch STREAM...` is short for `intacct watch run STREAM...`, whose help lists the options.

    \b
    Examples:
      intacct watch CUSTOMER --to exec:./sync-customer
      intacct watch APBILL --on updated --changed STATE --to https://hooks.example.com/bills --every 600
      intacct watch VENDOR --to jsonl:vendor-events --once
      intacct watch status
      intacct watch replay --dead
    """


@watch_command.command(
    _RUN, exits=CONNECTED | {1: "a stream failed, or a delivery failed (with --once)", 5: "in doubt (with load:)"}
)
@click.argument("streams", metavar="STREAM...", nargs=-1, required=True)
@click.option(
    "--to",
    required=True,
    metavar="RECEIVER",
    help="Deliver to exec:COMMAND, https://ADDRESS, jsonl:DIR, postgresql://..., python:MODULE:FUNCTION, or "
    "load:CONNECTION.",
)
@click.option(
    "--on",
    "kinds",
    metavar="KINDS",
    default=",".join(_KINDS),
    help="Send only these kinds of change: created, updated, deleted (default: all three).",
)
@click.option(
    "--where", metavar="EXPR", default="", help="Send only records that match, such as \"STATUS = 'active'\"."
)
@click.option("--fields", metavar="A,B", default="", help="Send only these fields of a record, and its key.")
@click.option("--changed", metavar="A,B", default="", help="Send an update only if one of these fields changed.")
@click.option(
    "--from",
    "begin",
    metavar="now|DATE|beginning",
    default="now",
    help="Begin here (default: now). Another value than last time starts the watch over.",
)
@click.option(
    "--baseline", is_flag=True, help="Read all records first, so that the first change of each has its old values."
)
@click.option("--once", is_flag=True, help="Poll once, deliver, and end: for cron and other schedulers.")
@click.option("--follow", is_flag=True, help="Poll again and again until stopped (default).")
@number_option("--every", "Wait this many seconds between two polls.", least=1, default=300, metavar="S")
@number_option("--batch", "Put at most this many events, of different records, into one delivery.", least=1, default=1)
@number_option("--attempts", "Make this many attempts before an event is a dead letter.", least=1, default=10)
@number_option("--timeout", "Give up a delivery after this many seconds.", least=1, default=60, metavar="S")
@number_option("--keep-days", "Keep delivered events for this many days.", least=0, default=30)
@click.option("--name", metavar="NAME", default="", help="Name the watch (default: its streams).")
@click.option(
    "--secret", metavar="REF", default="", help="Sign a web hook's messages: env:VARIABLE or file:PATH with whsec_..."
)
@click.option("--as", "as_name", metavar="OBJECT", default="", help="With load: the object or layout in that company.")
@click.option(
    "--map",
    "map_file",
    metavar="MAP.toml",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Send records in the shape of this mapping; with load: read them by it.",
)
@click.option("--key", metavar="FIELDS", default="", help="With load: find records there by these fields.")
@click.option(
    "-y",
    "--yes",
    is_flag=True,
    help="Poll even if that takes more than half of the monthly transactions, and post to a production company.",
)
@shared_options(prints_table=True)
def run_command(context: CommandContext, **given: Any) -> int:
    """Read what changed in these streams, and deliver each change as an event.

    An event arrives at least once, always under the same id, and in order for each record. An event that a receiver
    does not accept is tried again for three days; then it is a dead letter. A STREAM is what `intacct extract` takes.
    """
    from contextlib import closing

    from intacct_bridge.apps.cli.changes.mapped_receiver import mapped_receiver
    from intacct_bridge.apps.cli.changes.receivers import receiver_for
    from intacct_bridge.changes.event_log import EventLog, event_log_place
    from intacct_bridge.changes.follower import Follower, FollowOptions
    from intacct_bridge.changes.watch import prepare_watch
    from intacct_bridge.export_maps.maps import read_map
    from intacct_bridge.load.outbox.storage import outbox_place

    if given["once"] and given["follow"]:
        raise SettingsError("--once and --follow do not go together", fix="Leave one of them out.")
    watch = _watch(given, context.console.masked)
    place = event_log_place(outbox_place(context.connection))
    options = FollowOptions(
        every=float(given["every"]),
        batch=given["batch"],
        attempts=given["attempts"],
        keep_days=given["keep_days"],
        show_private=not context.connection.location_id,
    )
    with EventLog(place) as log, log.exclusively(watch.name):
        _check_receiver(log, watch, named=bool(given["name"]))
        receiver = receiver_for(context, given["to"], given)
        context.recorder.destination = watch.receiver
        with closing(receiver):
            client = context.client
            with stoppable(context.console):
                prepared = prepare_watch(client, watch)
            if given["map_file"] is not None and not given["to"].startswith("load:"):
                receiver = mapped_receiver(receiver, read_map(given["map_file"]), prepared.streams)
            _show_cost(context, prepared, options.every, once=given["once"], yes=given["yes"])
            follower = Follower(client, log, watch, receiver, options, masked=context.console.masked)
            with stoppable(context.console, lambda _: follower.stop()):
                return _poll_once(context, follower) if given["once"] else _follow(context, follower)


def _poll_once(context: CommandContext, follower: "Follower") -> int:
    polled, delivered = follower.once()
    _count(context, polled, delivered)
    return _exit_status(context, polled, delivered)


def _follow(context: CommandContext, follower: "Follower") -> int:
    """Poll and deliver until the program is stopped, with a line and a record of the run for each poll."""
    reports = _reports(context)
    for polled, delivered in follower.follow():
        counts = _count(context, polled, delivered)
        _show(context, polled, delivered)
        failure = context.console.masked(_failure_text(polled.failures if polled is not None else {}))
        reports.note(context.begin_run(), counts, polled=polled is not None, failure=failure)
    return 0


def _watch(given: dict[str, Any], masked: Callable[[str], str]) -> "Watch":
    """The watch that the options describe."""
    from intacct_bridge.changes.event import ChangeKind
    from intacct_bridge.changes.event_filter import EventFilter
    from intacct_bridge.changes.watch import Watch, beginning
    from intacct_protocol.model.query.where import parse_where

    kinds = [one.strip().lower() for one in given["kinds"].split(",") if one.strip()]
    for one in kinds:
        if one not in _KINDS:
            raise SettingsError(f"--on {one} is not a kind of change", fix=f"Use {', '.join(_KINDS)}.")
    event_filter = EventFilter(
        frozenset(ChangeKind(one) for one in kinds),
        parse_where(given["where"]) if given["where"] else None,
        _names(given["fields"]),
        _names(given["changed"]),
    )
    streams = tuple(dict.fromkeys(given["streams"]))
    name, receiver = given["name"] or ",".join(streams), _shown_receiver(given["to"], masked)
    return Watch(name, streams, event_filter, beginning(given["begin"]), given["baseline"], receiver)


def _shown_receiver(address: str, masked: Callable[[str], str]) -> str:
    """The address as it may be kept. One with a secret in it has a short digest, which tells two of them apart."""
    from intacct_protocol.model.uri_text import redacted

    plain = redacted(address)
    shown = masked(plain)
    return shown if shown == plain else f"{shown} ({sha256(address.encode()).hexdigest()[:_DIGEST]})"


def _names(text: str) -> tuple[str, ...]:
    return tuple(one.strip().upper() for one in text.split(",") if one.strip())


def _check_receiver(log: "EventLog", watch: "Watch", *, named: bool) -> None:
    """SettingsError if a watch of the same streams, also without a name, has another receiver."""
    from intacct_bridge.changes.watch import kept_value

    before = kept_value(log.definition(watch.name), "receiver")
    if not named and before not in ("", watch.receiver):
        raise SettingsError(
            f"the watch {watch.name} delivers to {before}, and now to {watch.receiver}",
            fix=f"Name the new one with --name, or move this one with --name {watch.name}.",
        )


def _show_cost(context: CommandContext, prepared: Any, every: float, *, once: bool, yes: bool) -> None:
    """Say what polls cost; SettingsError if they take more than half of the monthly allowance."""
    from intacct_bridge.changes.watch import idle_transactions, monthly

    one = idle_transactions(prepared)
    text = f"A poll in which nothing changed takes about {counted(one, 'API transaction')}"
    if once:
        context.console.detail(f"{text}.")
        return
    month, allowed = monthly(one, every), context.connection.monthly_transactions
    share = f", {month / allowed:.0%} of the {allowed:,} in the tier" if allowed else ""
    context.console.say(f"{text}: {month:,} a month at one poll every {every:,.0f} s{share}.")
    if allowed and month > allowed * _HALF and not yes:
        least = monthly(one, 1.0) / (allowed * _HALF)
        raise SettingsError(
            "that is more than half of the tier's monthly API transactions",
            fix=f"Poll less often (--every {least + 1:.0f}), or pass --yes.",
        )


def _reports(context: CommandContext) -> "OngoingReports":
    """The notifications of the flow that this watch belongs to."""
    from intacct_bridge.runs.channels import find_channels
    from intacct_bridge.runs.definitions import find_flow
    from intacct_bridge.runs.ongoing_reports import OngoingReports

    names = find_flow(context.flow).on(context.name).notify if context.flow else ()
    return OngoingReports(find_channels(names), warn=context.console.complain)


def _failure_text(failures: Mapping[str, str]) -> str:
    """The failures of a poll in one sentence."""
    return "; ".join(f"{stream}: {error}" if stream else error for stream, error in failures.items())


def _count(context: CommandContext, polled: "PollResult | None", delivered: "Deliveries") -> "RecordCounts":
    """Count what was read and delivered in the history of runs; the counts of the records."""
    from intacct_bridge.runs.run import RecordCounts

    if polled is not None and polled.events:
        context.recorder.add_rows("events", polled.events)
    counts = RecordCounts(posted=delivered.delivered, dead_letters=delivered.dead, in_doubt=delivered.in_doubt)
    if counts != RecordCounts():
        context.recorder.add_counts(counts)
    return counts


def _show(context: CommandContext, polled: "PollResult | None", delivered: "Deliveries") -> None:
    """One line for a poll that brought something, and for deliveries."""
    for stream, error in polled.failures.items() if polled else ():
        text = f"{stream}: {error}" if stream else f"{error}; the next poll follows on schedule"
        context.console.complain(context.console.wrapped("error  ", text))
    parts = []
    if polled is not None and polled.events:
        parts.append(f"{counted(polled.events, 'change')} read")
    if delivered.delivered:
        parts.append(f"{counted(delivered.delivered, 'event')} delivered")
    if delivered.failed:
        parts.append(f"{counted(delivered.failed, 'delivery')} failed: {delivered.last_error}")
    if delivered.dead:
        parts.append(f"{counted(delivered.dead, 'dead letter')}: intacct watch dead lists them")
    if parts:
        context.console.say("; ".join(parts))
    elif polled is not None and polled.sound:
        context.console.detail(f"no changes; {counted(polled.transactions, 'API transaction')}")


def _exit_status(context: CommandContext, polled: "PollResult", delivered: "Deliveries") -> int:
    """The end of a single poll."""
    if context.console.as_json:
        context.console.json(
            {
                "events": polled.events,
                "delivered": delivered.delivered,
                "failed": delivered.failed,
                "dead": delivered.dead,
                "transactions": polled.transactions,
                "streams": [one.to_dict() for one in polled.outcomes],
            }
        )
    else:
        _show(context, polled, delivered)
        if not polled.events and not delivered.delivered and not delivered.failed:
            context.console.say("No changes.")
    if delivered.in_doubt:
        return InDoubtError.exit_status
    return 0 if polled.sound and not delivered.failed else FAILURES


for _command in (status_command, dead_command, replay_command, skip_command):
    watch_command.add_command(_command)
