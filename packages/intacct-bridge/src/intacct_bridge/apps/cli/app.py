"""The `intacct` command: its subcommands and its entry point.

A subcommand declares itself in its module, which is imported when the command runs, so that `intacct --help` stays
fast. The help reads `index.py`, which `make docs` writes from the declarations.
"""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

import click

from intacct_bridge import __version__
from intacct_bridge.apps.cli.command import SECTIONS
from intacct_bridge.apps.cli.context import COMPLETE, PROGRAM, CommandContext
from intacct_bridge.apps.cli.index import COMMANDS
from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.apps.terminal.process import SETTINGS, run

if TYPE_CHECKING:
    from intacct_bridge.operations.runs import Run

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
4 temporary fault, given up · 5 in doubt · 70 a bug in Intacct Bridge
130 interrupted · 141 output closed early · 143 ended by SIGTERM
"""


class LazyGroup(click.Group):
    """A group that imports a command when it runs, and that suggests the nearest name for a misspelt one."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Every command, in the order of the index."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command; imports its module."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"intacct_bridge.apps.cli.{COMMANDS[cmd_name][1]}")
        command = getattr(module, f"{cmd_name}_command")
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands from the index alone, so that the help imports none of them."""
        for title in SECTIONS:
            with formatter.section(title):
                formatter.write_dl([(name, text) for name, (section, _, text) in COMMANDS.items() if section == title])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve as click does, but suggest the nearest command for an unknown one."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from intacct_protocol.model.suggestions import did_you_mean

            raise click.UsageError(f"Unknown command {args[0]!r}{did_you_mean(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
    epilog=EPILOG,
    no_args_is_help=True,
    context_settings=SETTINGS,
)
@click.version_option(__version__, "--version", prog_name="intacct", message="%(prog)s %(version)s")
def root() -> None:
    """Move data between Sage Intacct and other systems, in both directions.

    Every record is posted exactly once, every copy can be reconciled to the cent, and no account is needed to try it.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; no mistake of a user ends in a traceback."""
    output = Output()
    if arguments is None and COMPLETE in os.environ:
        return completion(os.environ[COMPLETE])
    status, _ = run_words(sys.argv[1:] if arguments is None else arguments, output)
    return status


def run_words(words: Sequence[str], output: Output) -> "tuple[int, Run | None]":
    """Run one command line: the exit status, and the run if the history has one."""
    context = CommandContext(output, arguments=words)
    try:
        target, keep = (lambda: context.target), context.failed
        status = run(root, PROGRAM, words, click_object=context, output=output, target=target, keep=keep)
    finally:
        context.close()
    return status, context.end_run(status)


def completion(instruction: str) -> int:
    """Answer a shell's completion request; `instruction` is for example `bash_source` or `bash_complete`."""
    from click.shell_completion import shell_complete

    return shell_complete(root, {}, PROGRAM, COMPLETE, instruction)
