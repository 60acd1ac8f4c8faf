"""`intacct completion`: the script that completes commands, options and connection names in a shell."""

import click

from intacct_bridge.apps.cli.command import BEGIN, command
from intacct_bridge.apps.cli.context import COMPLETE, PROGRAM, CommandContext, shared_options

_WHERE = {
    "bash": 'eval "$(intacct completion bash)"   in ~/.bashrc',
    "zsh": 'eval "$(intacct completion zsh)"   in ~/.zshrc',
    "fish": "intacct completion fish > ~/.config/fish/completions/intacct.fish",
}


@command(
    "completion",
    section=BEGIN,
    place=5,
    short_help="Print the completion script for your shell.",
    exits={},
)
@click.argument("shell", metavar="SHELL", type=click.Choice(list(_WHERE)))
@shared_options(connected=False)
def completion_command(context: CommandContext, *, shell: str) -> None:
    """Print the script that completes commands, options and connection names in SHELL: bash, zsh or fish.

    \b
    Examples:
      eval "$(intacct completion bash)"
      intacct completion fish > ~/.config/fish/completions/intacct.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    context.output.result(kind(click.Command(PROGRAM), {}, PROGRAM, COMPLETE).source())
    if context.output.out.isatty():
        context.output.say(f"To enable it in every shell: {_WHERE[shell]}")
