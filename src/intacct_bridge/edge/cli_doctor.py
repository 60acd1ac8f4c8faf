"""`intacct doctor`: which set-up step is missing, and what to do about it."""

from typing import TYPE_CHECKING

import click

from intacct_bridge.edge.options import Desk, stands_at_a_desk

if TYPE_CHECKING:
    pass


@click.command("doctor")
@click.option("--streams", metavar="A,B", default="", help="Only what reading these objects needs.")
@click.option("--writes", metavar="A,B", default="", help="Also what writing these objects needs.")
@click.option("--letter", "as_letter", is_flag=True, help="Write the message to the company's administrator.")
@stands_at_a_desk(prints_table=True)
def doctor_command(desk: Desk, *, streams: str, writes: str, as_letter: bool) -> int:
    """Check the whole way into a company, in order, and name what is missing: the fix, the menu path, who can do it.

    Nothing is changed and nothing is left behind.

    \b
    Examples:
      intacct doctor
      intacct doctor --streams GLDETAIL,APBILL --writes GLBATCH
      intacct doctor --writes APBILL --letter > to-the-administrator.txt
    """
    from intacct_bridge.edge.doctor import Examination, Job, healthy
    from intacct_bridge.edge.findings import Level, show

    job = Job(_names(streams), _names(writes))
    connection = desk.connection
    desk.console.say(f"examining {connection.target} as {connection.user_id}")
    examination = Examination(connection, desk.open_client, job)
    if as_letter:
        from intacct_bridge.edge.doctor_letter import letter

        findings = list(examination.run())
        desk.console.result(letter(connection, job, findings))
    else:
        findings = show(examination.run(), desk.console)
    problems = sum(finding.level is Level.PROBLEM for finding in findings)
    warnings = sum(finding.level is Level.WARNING for finding in findings)
    verdict = f"{problems} to put right, {warnings} to consider" if problems or warnings else "all is well"
    desk.console.say(f"{verdict}; {examination.spent:,} API transactions")
    return 0 if healthy(findings) else 1


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip().upper() for name in text.split(",") if name.strip()))
