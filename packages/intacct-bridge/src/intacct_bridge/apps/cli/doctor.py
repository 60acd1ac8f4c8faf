"""`intacct doctor`: the set-up checks, and the letter to the administrator."""

from typing import TYPE_CHECKING

import click

from intacct_bridge.apps.cli.command import BEGIN, command
from intacct_bridge.apps.cli.context import CommandContext, number_option, shared_options

if TYPE_CHECKING:
    from intacct_bridge.setup.doctor.findings import DoctorReport

_TRANSIENT = 4


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
    from intacct_bridge.connections.sources import list_connections
    from intacct_bridge.setup.doctor.examination import Examination, Job

    job = Job(_names(streams), _names(writes), page_size)
    connection = context.connection
    context.console.say(f"Checking {connection.target} as {connection.user_id}.")
    examination = Examination(connection, context.open_client, job, siblings=list_connections())
    findings = []
    for finding in examination.run():
        findings.append(finding)
        if not context.console.as_json and not as_letter:
            show([finding], context.console)
    report = examination.report(findings)
    if as_letter:
        from intacct_bridge.setup.doctor.letter import letter

        context.console.result(context.console.masked(letter(connection, job, report.findings)))
    elif context.console.as_json:
        context.console.json(without_secrets(as_data(report, connection.target), context.console))
    context.console.say(verdict(report))
    return _status(report)


def _status(report: "DoctorReport") -> int:
    if report.healthy:
        return 0
    return _TRANSIENT if report.stopped_at == "network" else 1


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip().upper() for name in text.split(",") if name.strip()))
