"""`intacct watch`: send every change of a record to a receiver, once or until the program is stopped."""

from contextlib import ExitStack
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
    from intacct_bridge.operations.watch import OpenWatch, WatchCost, WatchRound

_KINDS = ("created", "updated", "deleted")
_RUN = "run"


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
def run_command(context: CommandContext, **options: Any) -> int:
    """Read what changed in these streams, and deliver each change as an event.

    An event arrives at least once, always under the same id, and in order for each record. An event that a receiver
    does not accept is tried again for three days; then it is a dead letter. A STREAM is what `intacct extract` takes.
    """
    from intacct_bridge.operations.watch import WatchRequest, check_cost, open_watch

    once = options.pop("once")
    if options.pop("follow") and once:
        raise SettingsError("--once and --follow do not go together", fix="Leave one of them out.")
    names = {name: _names(options[name]) for name in ("kinds", "fields", "changed", "key")}
    names["kinds"] = [kind.lower() for kind in names["kinds"]]
    request = WatchRequest(**{**options, **names})
    output = context.output
    show = output.say if output.as_json else output.result  # JSON is a document of its own
    with ExitStack() as opened:
        with stoppable(output):
            watch = opened.enter_context(open_watch(context, request, show=show))
        _show_cost(context, watch.cost, request.every, once=once)
        if not once:
            check_cost(watch.cost, request)
        with stoppable(output, lambda _: watch.stop()):
            return _exit_status(context, watch.once()) if once else _follow(context, watch)


def _follow(context: CommandContext, watch: "OpenWatch") -> int:
    """Poll and deliver until the program is stopped, with a line and a record of the run for each poll."""
    for done in watch.follow():
        _show(context, done)
    return 0


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _show_cost(context: CommandContext, cost: "WatchCost", every: float, *, once: bool) -> None:
    """Say what polls cost."""
    text = f"A poll in which nothing changed takes about {counted(cost.poll, 'API transaction')}"
    if once:
        context.output.detail(f"{text}.")
        return
    share = f", {cost.month / cost.allowed:.0%} of the {cost.allowed:,} in the tier" if cost.allowed else ""
    context.output.say(f"{text}: {cost.month:,} a month at one poll every {every:,.0f} s{share}.")


def _show(context: CommandContext, done: "WatchRound") -> None:
    """One line for a poll that brought something, and for deliveries."""
    polled, delivered = done.polled, done.delivered
    for stream, error in done.failures.items():
        text = f"{stream}: {error}" if stream else f"{error}; the next poll follows on schedule"
        context.output.complain(context.output.wrapped("error  ", text))
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
        context.output.say("; ".join(parts))
    elif polled is not None and polled.sound:
        context.output.detail(f"no changes; {counted(polled.transactions, 'API transaction')}")


def _exit_status(context: CommandContext, done: "WatchRound") -> int:
    """The end of a single poll."""
    polled, delivered = done.polled, done.delivered
    if context.output.as_json:
        context.output.json(done.to_dict())
    else:
        _show(context, done)
        if polled is not None and not polled.events and not delivered.delivered and not delivered.failed:
            context.output.say("No changes.")
    if delivered.in_doubt:
        return InDoubtError.exit_status
    return 0 if done.complete else FAILURES


for _command in (status_command, dead_command, replay_command, skip_command):
    watch_command.add_command(_command)
