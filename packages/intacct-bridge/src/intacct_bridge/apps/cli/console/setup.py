"""`intacct setup`: the set-up assistant."""

from typing import TYPE_CHECKING

import click

from intacct_bridge.apps.cli.command import BEGIN, command
from intacct_bridge.apps.cli.context import CommandContext, shared_options

if TYPE_CHECKING:
    from intacct_bridge.setup.assistant.assistant import SetUpAssistant
    from intacct_bridge.setup.assistant.progress import SetUpProgress

_TRANSIENT = 4
_ANSWERS = ("company_id", "sender_id", "sender", "user_id", "email", "role", "environment", "endpoint")
_ENVIRONMENTS = ("implementation", "production", "demo")


@command(
    "setup",
    section=BEGIN,
    place=3,
    short_help="Set up Sage Intacct step by step for what you plan to read and write.",
    exits={
        0: "every step is done that the connection needs",
        1: "steps are left",
        3: "",
        4: "Intacct cannot be reached",
    },
)
@click.option("--read", "reads", metavar="OBJECT", multiple=True, help="Plan to read this object. Repeatable.")
@click.option("--write", "writes", metavar="OBJECT", multiple=True, help="Plan to write this object. Repeatable.")
@click.option("--company-id", metavar="ID", help="Show this company ID, until the connection has one.")
@click.option("--sender-id", metavar="ID", help="Show this sender ID, until the connection has one.")
@click.option("--sender", metavar="NAME", help="Check with this shared sender, until the connection has one.")
@click.option("--endpoint", metavar="URL", help="Check at this gateway, until the connection has one.")
@click.option("--user-id", metavar="ID", help="Show this user ID, until the connection has one (default: ws_bridge).")
@click.option("--email", metavar="ADDRESS", help="Use this address for the new user; Intacct mails the password to it.")
@click.option("--role", metavar="NAME", help="Use this name for the role (default: Intacct Bridge).")
@click.option("--environment", type=click.Choice(_ENVIRONMENTS), help="Plan for this environment first.")
@click.option(
    "--done", metavar="STEP", multiple=True, help="Tick a step by hand that no check can confirm. Repeatable."
)
@click.option("--undone", metavar="STEP", multiple=True, help="Remove the tick of a step. Repeatable.")
@click.option("--no-check", is_flag=True, help="Show the result of the last check, without a new check.")
@click.option(
    "--print",
    "print_as",
    type=click.Choice(["letter", "page"]),
    help="Print what to send to the administrator: a letter as text, or a web page with pictures.",
)
@shared_options(prints_table=True)
def setup_command(
    context: CommandContext,
    *,
    reads: tuple[str, ...],
    writes: tuple[str, ...],
    done: tuple[str, ...],
    undone: tuple[str, ...],
    no_check: bool,
    print_as: str | None,
    **answers: str | None,
) -> int:
    """Show step by step how to set up Sage Intacct for one planned use. A step is ticked once a check confirms it.

    The checks change nothing. The plan and the ticks are kept for the next time, without any password. Objects that are
    named here replace those of the plan.

    \b
    Examples:
      intacct setup --read GLDETAIL --read APBILL --write GLBATCH
      intacct setup --connection books
      intacct setup --email owner@example.com --print letter > to-the-administrator.txt
      intacct setup --print page > to-the-administrator.html
      intacct setup --done testers
    """
    from intacct_bridge.apps.views.setup import as_data, show, verdict
    from intacct_bridge.setup.assistant.letter import letter, page

    assistant = _assistant(context)
    progress = _planned(context, assistant, reads, writes)
    given = {name: text.strip() for name in _ANSWERS if (text := answers.get(name)) is not None}
    if given:
        assistant.answer(**given)
    for step, on in [*((one, True) for one in done), *((one, False) for one in undone)]:
        assistant.tick(step, on=on)
    transient = False
    if not no_check and progress.is_planned:
        transient = _checked(context, assistant)
    found = assistant.checklist()
    if print_as:
        context.console.result(context.console.masked((letter if print_as == "letter" else page)(found)))
    elif context.console.as_json:
        context.console.json(as_data(found))
    else:
        show(found, context.console)
    context.console.say(verdict(found))
    if found.is_ready or print_as:
        return 0
    return _TRANSIENT if transient else 1


def _assistant(context: CommandContext) -> "SetUpAssistant":
    """The assistant for the named connection, or for the only one, or for one that is still to be made."""
    import os

    from intacct_bridge.connections.sources import list_connections
    from intacct_bridge.setup.assistant.assistant import NEW, SetUpAssistant

    listed = list_connections()
    name = context.name or os.environ.get("INTACCT_CONNECTION") or (listed[0].name if len(listed) == 1 else NEW)
    if context.name is None and name != NEW:
        context.name = name
    return SetUpAssistant(name, lambda: context.connection, context.open_client)


def _planned(
    context: CommandContext, assistant: "SetUpAssistant", reads: tuple[str, ...], writes: tuple[str, ...]
) -> "SetUpProgress":
    """The plan: that of the options, or the kept one, or what a person answers in a terminal."""
    from intacct_protocol.errors import SettingsError

    progress = assistant.progress
    if reads or writes:
        return assistant.plan(reads or progress.reads, writes or progress.writes)
    if progress.is_planned:
        return progress
    import sys

    if not sys.stdin.isatty():
        raise SettingsError(
            f"The planned use of the connection {assistant.name} is not known.",
            fix="Name what is read and written: intacct setup --read GLDETAIL --write GLBATCH",
        )
    context.console.say("Name the objects of the planned use, such as GLDETAIL, APBILL.")
    questions = ("Objects to read, or none", "Objects to write, or none")
    given = [context.console.ask(one) for one in questions]
    read, write = ("" if one.strip().lower() == "none" else one for one in given)
    if not read and not write:
        raise SettingsError("The planned use is empty.", fix="Name an object to read or to write.")
    return assistant.plan([read], [write])


def _checked(context: CommandContext, assistant: "SetUpAssistant") -> bool:
    """Check the set-up; whether the gateway could not be reached."""
    connection = assistant.found.connection
    if connection is not None:
        context.console.hide(connection.secrets)
        context.console.say(f"Checking {connection.target} ...")
    found = list(assistant.check())
    return any(one.step == "network" and one.needs_action for one in found)
