"""The option `--fleet`, and the open fleet that a command of the group gets."""

import functools
from collections.abc import Callable
from typing import Any

import click

from intacct_bridge.apps.cli.context import Command, CommandContext, shared_options

PLACE = click.option(
    "--fleet",
    "place",
    metavar="URI",
    envvar="INTACCT_FLEET",
    help="Use the fleet in this PostgreSQL database (default: INTACCT_FLEET).",
)


def with_fleet(*, prints_table: bool = True) -> Callable[[Command], Command]:
    """Add `--fleet` and the shared options to a command, which gets the context and the open fleet first."""

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def run(context: CommandContext, *args: Any, place: str | None, **options: Any) -> Any:
            from intacct_bridge.operations.fleets import Fleet
            from intacct_protocol.model.uri_text import uri_secrets

            context.output.hide(uri_secrets(place or ""))
            with Fleet.open(place) as fleet:
                return command(context, fleet, *args, **options)

        return PLACE(shared_options(connected=False, prints_table=prints_table)(run))

    return decorate
