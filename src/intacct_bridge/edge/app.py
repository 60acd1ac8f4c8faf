"""The `intacct` command: which commands there are, and how each one ends.

Commands live in modules of their own and are imported when they run, so that `intacct --help` stays quick. This module
knows their names, one sentence about each, and the exit statuses.
"""

import os
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from intacct_bridge import __version__
from intacct_bridge.edge.cli.context import COMPLETE, PROGRAM, CommandContext
from intacct_bridge.edge.terminal.console import Console
from intacct_bridge.edge.terminal.process import SETTINGS, run
from intacct_bridge.model.suggestions import did_you_mean

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "See everything work on a made-up company; no account needed."),
    "connections": ("connections", "Add, list, show, test and remove connections."),
    "doctor": ("doctor", "Find the set-up step that is missing, and its fix."),
    "objects": ("catalog", "List the objects that the company has."),
    "describe": ("catalog", "Show an object's fields, or a function's elements."),
    "query": ("query", "Read rows of one object."),
    "get": ("records", "Show records whole, lines included."),
    "create": ("records", "Create one record."),
    "update": ("records", "Change one record."),
    "delete": ("records", "Delete records."),
    "report": ("report", "Run a custom report and fetch its rows."),
    "extract": ("extract", "Copy objects to DuckDB, Parquet, Postgres, ... and keep the copy current."),
    "load": ("load", "Post a file: first a plan, then the same with --apply."),
    "outbox": ("outbox", "What was posted, with receipts; retry or settle what was not."),
    "reconcile": ("reconcile", "Prove that a copy equals the ledger, to the cent."),
    "emulator": ("emulator", "Serve the emulated gateway on this machine."),
    "completion": ("completion", "Print the script that completes commands in your shell."),
}
"""Command to module and sentence, in the order in which a newcomer meets them."""

EPILOG = """\b
Examples:
  intacct demo
  intacct connections add books
  intacct doctor
  intacct query APBILL --select VENDORID,TOTALDUE --where "TOTALDUE > 0"
  intacct extract --to duckdb:///intacct.duckdb
  intacct load payroll.csv --as journal-entries --plan

\b
Exit status: 0 done · 1 found failures · 2 usage or settings · 3 refused by Intacct
4 transient, given up · 5 in doubt · 130 interrupted · 141 unread
"""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are wanted, and which helps with a misspelt one."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Every command, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command itself; its module is imported now."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"intacct_bridge.edge.cli.{COMMANDS[cmd_name][0]}")
        command = getattr(module, f"{cmd_name}_command")
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list of commands from the table alone, so that help imports none of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, sentence) for name, (_, sentence) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but an unknown command is answered with the nearest one."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(f"there is no command {args[0]}{did_you_mean(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
    epilog=EPILOG,
    no_args_is_help=True,
    context_settings=SETTINGS,
)
@click.version_option(__version__, "--version", prog_name="intacct", message="%(prog)s %(version)s")
def root() -> None:
    """Move data between Sage Intacct and everything else: exact, exactly once, and provable without an account."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; nothing that a user does wrong ends in a traceback."""
    console = Console()
    if arguments is None and COMPLETE in os.environ:
        return completion(os.environ[COMPLETE])
    context = CommandContext(console)
    context.words = sys.argv[1:] if arguments is None else arguments
    try:
        return run(root, PROGRAM, context.words, obj=context, console=console, target=lambda: context.target)
    finally:
        context.close()


def completion(instruction: str) -> int:
    """What a shell asks for when the user presses Tab; `instruction` is such as `bash_source` or `bash_complete`."""
    from click.shell_completion import shell_complete

    return shell_complete(root, {}, PROGRAM, COMPLETE, instruction)
