"""`intacct watch status`, `dead`, `replay` and `skip`: the watches of a connection, and events that failed."""

import click

from intacct_bridge.apps.cli.command import command
from intacct_bridge.apps.cli.context import CommandContext, number_option, shared_options
from intacct_bridge.apps.terminal.exit_statuses import FAILURES
from intacct_bridge.apps.terminal.tables import Count
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.wording import counted

_SHOWN_ERROR = 60
"""Characters of an error in a table."""
_STATES = ("pending", "delivered", "dead", "skipped")


@command("status", exits={})
@shared_options(prints_table=True)
def status_command(context: CommandContext) -> None:
    """List the watches of this connection: the last poll, and how many events wait, are delivered or are dead."""
    from intacct_bridge.operations.watch import watch_statuses

    rows = [
        (
            status.name,
            status.receiver,
            status.polled_at,
            *(Count(status.counts[state]) for state in _STATES),
            status.oldest_pending,
        )
        for status in watch_statuses(context.connection)
    ]
    context.output.table(("watch", "receiver", "polled", *_STATES, "oldest_pending"), rows)


_WATCH = click.option("--watch", metavar="NAME", default="", help="Take only events of this watch.")


@command("dead", exits={})
@_WATCH
@number_option("--limit", "List at most this many events.", least=1, default=100)
@shared_options(prints_table=True)
def dead_command(context: CommandContext, *, watch: str, limit: int) -> None:
    """List the dead letters: events that a receiver did not accept in any attempt."""
    from intacct_bridge.operations.watch import dead_letters

    rows = [
        (letter.number, letter.watch, letter.object, letter.key, letter.kind, letter.time, letter.attempts,
         letter.error if context.output.as_json else letter.error[:_SHOWN_ERROR])
        for letter in dead_letters(context.connection, watch=watch, limit=limit)
    ]  # fmt: skip
    columns = ("number", "watch", "object", "key", "kind", "time", "attempts", "error")
    context.output.table(columns, rows, empty="There are no dead letters.")


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
    from intacct_bridge.operations.watch import replay

    result = replay(context.connection, numbers, watch=watch, as_of_then=as_of_then)
    for number, later in result.outdated.items():
        context.output.complain(
            f"error  event {number}: a later state of {later.object} {later.key} was delivered"
            f" (event {later.number}); --as-of-then sends the older one anyway"
        )
    context.output.say(f"{counted(len(result.replayed), 'event')} will be delivered again.")
    return FAILURES if result.outdated else 0


@command("skip", exits={1: "an event was not skipped"})
@click.argument("numbers", metavar="NUMBER...", nargs=-1, type=int, required=True)
@shared_options()
def skip_command(context: CommandContext, *, numbers: tuple[int, ...]) -> int:
    """Give up waiting events or dead letters: they are not delivered."""
    from intacct_bridge.operations.watch import skip

    result = skip(context.connection, numbers)
    for number in result.refused:
        context.output.complain(f"error  event {number} neither waits nor is a dead letter")
    context.output.say(f"{counted(len(result.skipped), 'event')} skipped.")
    return FAILURES if result.refused else 0
