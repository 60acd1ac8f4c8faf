"""`intacct verify`: what the company's gateway does where no documentation says it, and a report to send in."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from intacct_bridge.apps.cli.command import BEGIN, command
from intacct_bridge.apps.cli.context import CommandContext, shared_options
from intacct_bridge.operations.exit_statuses import FAILURES
from intacct_protocol.model.wording import counted

if TYPE_CHECKING:
    from intacct_bridge.operations.verify import ProbeFinding, VerificationResult


@command(
    "verify",
    section=BEGIN,
    place=5,
    short_help="Find out how the company's gateway behaves where no documentation says it.",
    exits={
        0: "Intacct Bridge works with every answer",
        1: "an answer is one that Intacct Bridge does not work with",
        3: "",
        4: "Intacct cannot be reached, or does not answer now",
    },
)
@click.option("--list", "only_list", is_flag=True, help="List the questions and what is sent, and ask nothing.")
@click.option(
    "--report", "report_file", metavar="FILE", type=click.Path(path_type=Path), help="Write the report to this file."
)
@shared_options(prints_table=True)
def verify_command(context: CommandContext, *, only_list: bool, report_file: Path | None) -> int:
    """Ask the company's gateway the questions that no documentation answers, and compare its answers with the emulator.

    The probes only read, and run against any company. Extraction and loading use what is learned. The report has
    answers and error numbers, and no name, ID, amount or message, so that you can send it in. With -v each answer also
    says what Intacct Bridge does.

    \b
    Examples:
      intacct verify --list
      intacct verify
      intacct verify --report verification.json
    """
    from intacct_bridge.apps.terminal.output import as_json
    from intacct_bridge.operations.verify import PROBES, report, verify_company

    output = context.output
    if only_list:
        rows = ((probe.name, probe.question, probe.request) for probe in PROBES.values())
        output.table(("name", "question", "sent"), rows)
        return 0

    def show_at_once(finding: "ProbeFinding") -> None:
        if not output.as_json:
            _show_finding(finding, context)

    result = verify_company(context, on_finding=show_at_once)
    if output.as_json:
        output.json(report(result))
    if report_file is not None:
        report_file.write_text(as_json(report(result), indent=2) + "\n", encoding="utf-8")
        output.say(f"The report is in {report_file}.")
    unexpected = _sum_up(result, context)
    return FAILURES if unexpected else 0


def _show_finding(finding: "ProbeFinding", context: CommandContext) -> None:
    from intacct_bridge.operations.verify import Agreement

    output = context.output
    signs = {Agreement.SAME: "✓", Agreement.DIFFERENT: "≠", Agreement.UNEXPECTED: "✗", Agreement.UNANSWERED: "-"}
    if output.quiet and finding.agreement is not Agreement.UNEXPECTED:
        return
    output.result(output.wrapped(f"{signs[finding.agreement]} ", finding.probe.question))
    answer = str(finding.answer) if finding.answer is not None else f"not answered: {finding.reason}"
    output.result(output.masked(output.wrapped("    company   ", answer)))
    if finding.agreement in (Agreement.DIFFERENT, Agreement.UNEXPECTED):
        output.result(output.wrapped("    emulator  ", str(finding.probe.emulator)))
    if finding.consequence and (output.verbose or finding.agreement is Agreement.UNEXPECTED):
        output.result(output.wrapped("    so        ", finding.consequence))


def _sum_up(result: "VerificationResult", context: CommandContext) -> int:
    """Say how many answers there are of each kind; return how many Intacct Bridge does not work with."""
    from intacct_bridge.operations.verify import Agreement

    number = {agreement: result.number_of(agreement) for agreement in Agreement}
    unexpected = number[Agreement.UNEXPECTED]
    parts = [
        f"{counted(number[Agreement.SAME], 'answer')} as in the emulator",
        f"{number[Agreement.DIFFERENT] + unexpected} different",
        f"{number[Agreement.UNANSWERED]} not answered",
        counted(result.transactions, "API transaction"),
    ]
    context.output.say("; ".join(parts))
    if unexpected:
        context.output.say(f"Intacct Bridge does not work as documented with {counted(unexpected, 'answer')}.")
    return unexpected
