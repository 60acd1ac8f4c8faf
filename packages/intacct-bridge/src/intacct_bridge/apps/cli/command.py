"""What a command declares: its name, its exit statuses, and its section and sentence in `intacct --help`.

The help imports no command, so that it stays fast. It reads `index.py`, which `make docs` writes from the declarations.
"""

from collections.abc import Callable, Mapping
from typing import Any

import click

from intacct_bridge.apps.terminal.exit_statuses import exit_line

BEGIN, READ, WRITE, AUTOMATE, SERVE = "Get started", "Read", "Write", "Automate", "Serve"
SECTIONS = (BEGIN, READ, WRITE, AUTOMATE, SERVE)
"""The sections of the help, in the order in which a newcomer needs them."""
_LONGEST_SENTENCE = 300


class DeclaredCommand(click.Command):
    """A command whose help ends with its exit statuses."""

    def __init__(
        self,
        name: str | None,
        *,
        exits: Mapping[int, str],
        section: str = "",
        place: int = 0,
        **settings: Any,
    ) -> None:
        """`exits` are the statuses beside those of every program, each with its meaning if that is a special one.

        `section` and `place` say where `intacct --help` lists it; a command of a group has neither.
        """
        super().__init__(name, epilog=exit_line(exits), **settings)
        self.section, self.place = section, place


class CommandGroup(click.Group):
    """A group whose help has the first sentence of each command in full; click cuts it to one line."""

    command_class = DeclaredCommand

    def __init__(self, name: str | None = None, *, section: str = "", place: int = 0, **settings: Any) -> None:
        """The arguments are those of a command; a group has no exit status of its own."""
        super().__init__(name, **settings)
        self.section, self.place = section, place

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, each with its first sentence."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, command.get_short_help_str(limit=_LONGEST_SENTENCE))
                    for name, command in commands
                    if command is not None
                ]
            )


def command(name: str, **declared: Any) -> Callable[[Callable[..., Any]], DeclaredCommand]:
    """Declare a command; the arguments are those of DeclaredCommand, and `short_help` is its sentence in the help."""
    return click.command(name, cls=DeclaredCommand, **declared)


def command_group(
    name: str, *, cls: type[CommandGroup] = CommandGroup, **declared: Any
) -> Callable[[Callable[..., Any]], CommandGroup]:
    """Declare a group of commands."""
    return click.group(name, cls=cls, **declared)
