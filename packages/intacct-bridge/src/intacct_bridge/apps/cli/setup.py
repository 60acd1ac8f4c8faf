"""`intacct setup` and `intacct doctor`: the set-up assistant, the checks, and the letter to the administrator."""

import sys
from typing import TYPE_CHECKING

import click

from intacct_bridge.apps.cli.command import BEGIN, command
from intacct_bridge.apps.cli.context import CommandContext, number_option, shared_options
from intacct_bridge.operations.exit_statuses import FAILURES, TRANSIENT
from intacct_protocol.errors import SettingsError

if TYPE_CHECKING:
    from intacct_bridge.operations.setup import DoctorFinding, SetUpAssistant

_ANSWERS = ("company_id", "sender_id", "sender", "user_id", "email", "role", "environment", "endpoint")
_ENVIRONMENTS = ("implementation", "production", "demo")


@command(
    "doctor",
    section=BEGIN,
    place=4,
    short_help="Find the missing set-up step and its fix.",
    exits={0: "healthy", 1: "findings", 3: "", 4: "Intacct cannot be reached, or does not answer now"},
)
@click.option("--streams", metavar="A,B", default="", help="Check only what reading these objects needs.")
@click.option("--writes", metavar="A,B", default="", help="Also check what writing these objects needs.")
@number_option("--page-size", "Check this page size of the planned job.", least=1)
@click.option("--letter", "as_letter", is_flag=True, help="Print a letter to the company's administrator instead.")
@shared_options(prints_table=True)
def doctor_command(
    context: CommandContext, *, streams: str, writes: str, page_size: int | None, as_letter: bool
) -> int:
    """Check every set-up step in order. Each finding names the fix, the menu path, and who can do it.

    The checks change nothing. With -v each finding also names its source.

    \b
    Examples:
      intacct doctor
      intacct doctor --streams GLDETAIL,APBILL --writes GLBATCH
      intacct doctor --writes APBILL --letter > to-the-administrator.txt
    """
    from intacct_bridge.apps.views.doctor import as_data, show, verdict, without_secrets
    from intacct_bridge.operations.setup import examine, job_from_text

    output = context.output

    def show_at_once(finding: "DoctorFinding") -> None:
        if not output.as_json and not as_letter:
            show([finding], output)

    result = examine(context, job_from_text(streams, writes, page_size), on_finding=show_at_once)
    if as_letter:
        output.result(result.letter)
    elif output.as_json:
        output.json(without_secrets(as_data(result.report, result.target), output))
    output.say(verdict(result.report))
    if result.report.healthy:
        return 0
    return TRANSIENT if result.is_unreachable else FAILURES


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
    from intacct_bridge.apps.views.setup_page import page
    from intacct_bridge.operations.setup import check_set_up, letter, set_up_assistant

    output, assistant = context.output, set_up_assistant(context)
    _plan(context, assistant, reads, writes)
    typed = {name: text.strip() for name in _ANSWERS if (text := answers.get(name)) is not None}
    if typed:
        assistant.answer(**typed)
    for step, on in [*((step, True) for step in done), *((step, False) for step in undone)]:
        assistant.tick(step, on=on)
    is_unreachable = False
    if not no_check and assistant.progress.is_planned:
        is_unreachable = check_set_up(context, assistant).is_unreachable
    checklist = assistant.checklist()
    if print_as:
        output.result(output.masked(letter(checklist) if print_as == "letter" else page(checklist)))
    elif output.as_json:
        output.json(as_data(checklist))
    else:
        show(checklist, output)
    output.say(verdict(checklist))
    if checklist.is_ready or print_as:
        return 0
    return TRANSIENT if is_unreachable else FAILURES


def _plan(
    context: CommandContext, assistant: "SetUpAssistant", reads: tuple[str, ...], writes: tuple[str, ...]
) -> None:
    """Plan the use that the options name. Without them the saved one stays; if there is none, a person is asked."""
    progress = assistant.progress
    if reads or writes:
        assistant.plan(reads or progress.reads, writes or progress.writes)
    elif not progress.is_planned:
        if not sys.stdin.isatty():
            raise SettingsError(
                f"The planned use of the connection {assistant.name} is not known.",
                fix="Name what is read and written: intacct setup --read GLDETAIL --write GLBATCH",
            )
        context.output.say("Name the objects of the planned use, such as GLDETAIL, APBILL.")
        answers = [context.output.ask(f"Objects to {verb}, or none").strip() for verb in ("read", "write")]
        read, write = ("" if answer.lower() == "none" else answer for answer in answers)
        if not read and not write:
            raise SettingsError("The planned use is empty.", fix="Name an object to read or to write.")
        assistant.plan([read], [write])
