"""`intacct watch`: send every change of a record to a receiver, once or until the program is stopped."""

from functools import partial
from typing import Any

import click

from intacct_bridge.apps.cli.changes.logged_events import dead_command, replay_command, skip_command, status_command
from intacct_bridge.apps.cli.command import READ, CommandGroup, command_group
from intacct_bridge.apps.cli.context import CommandContext, job_option, settings_from, shared_options
from intacct_bridge.apps.terminal.exit_statuses import CONNECTED
from intacct_bridge.operations.job_settings import WatchSettings

_option = partial(job_option, WatchSettings)
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
@_option("streams")
@_option(
    "to",
    metavar="RECEIVER",
    help="Deliver to exec:COMMAND, https://ADDRESS, jsonl:DIR, postgresql://..., python:MODULE:FUNCTION, or "
    "load:CONNECTION.",
)
@_option(
    "kinds",
    metavar="KINDS",
    help="Send only these kinds of change: created, updated, deleted (default: all three).",
)
@_option("where", metavar="EXPR", help="Send only records that match, such as \"STATUS = 'active'\".")
@_option("fields", metavar="A,B", help="Send only these fields of a record, and its key.")
@_option("changed", metavar="A,B", help="Send an update only if one of these fields changed.")
@_option(
    "begin",
    metavar="now|DATE|beginning",
    help="Begin here (default: now). Another value than last time starts the watch over.",
)
@_option("baseline", help="Read all records first, so that the first change of each has its old values.")
@_option("once", help="Poll once, deliver, and end: for cron and other schedulers.")
@_option("follow", help="Poll again and again until stopped (default).")
@_option("every", metavar="S", show_default=True, help="Wait this many seconds between two polls.")
@_option(
    "batch",
    metavar="N",
    show_default=True,
    help="Put at most this many events, of different records, into one delivery.",
)
@_option("attempts", metavar="N", show_default=True, help="Make this many attempts before an event is a dead letter.")
@_option("timeout", metavar="S", show_default=True, help="Give up a delivery after this many seconds.")
@_option("keep_days", metavar="N", show_default=True, help="Keep delivered events for this many days.")
@_option("name", metavar="NAME", help="Name the watch (default: its streams).")
@_option("secret", metavar="REF", help="Sign a web hook's messages: env:VARIABLE or file:PATH with whsec_...")
@_option("as_name", metavar="OBJECT", help="With load: the object or layout in that company.")
@_option(
    "map_file",
    metavar="MAP.toml",
    help="Send records in the shape of this mapping; with load: read them by it.",
)
@_option("key", metavar="FIELDS", help="With load: find records there by these fields.")
@_option(
    "yes",
    "-y",
    help="Poll even if that takes more than half of the monthly transactions, and post to a production company.",
)
@shared_options(prints_table=True)
def run_command(context: CommandContext, **options: Any) -> int:
    """Read what changed in these streams, and deliver each change as an event.

    An event arrives at least once, always under the same id, and in order for each record. An event that a receiver
    does not accept is tried again for three days; then it is a dead letter. A STREAM is what `intacct extract` takes.
    """
    from intacct_bridge.apps.jobs.watch import watch

    return watch(context, settings_from(WatchSettings, options))


for _command in (status_command, dead_command, replay_command, skip_command):
    watch_command.add_command(_command)
