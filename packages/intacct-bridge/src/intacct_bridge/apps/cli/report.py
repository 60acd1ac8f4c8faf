"""`intacct report`: the rows of a custom report, as a table or for another program."""

from datetime import date
from pathlib import Path

import click

from intacct_bridge.apps.cli.command import READ, command
from intacct_bridge.apps.cli.context import (
    SPREADSHEET_SAFE,
    CommandContext,
    Duration,
    file_option,
    format_option,
    shared_options,
)
from intacct_bridge.apps.terminal.exit_statuses import CONNECTED
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.wording import counted

_FORMATS = ("table", "csv", "json", "jsonl")
_NAME_FIX = (
    "Take the name from the list of custom reports in Intacct's user interface. `intacct report NAME --prompts` tells"
    " whether the gateway knows it; add --interactive for a report of the interactive report writer."
)


@command(
    "report",
    section=READ,
    place=5,
    short_help="Run a custom report and read its rows.",
    exits=CONNECTED | {1: "a value does not fit its field's type"},
)
@click.argument("name", required=False)
@click.option(
    "--arg",
    "arguments",
    metavar="K=V",
    multiple=True,
    help="Answer a prompt: OBJECT.FIELD=VALUE, or OBJECT.FIELD=FROM..TO for dates. Repeatable.",
)
@click.option("--interactive", is_flag=True, help="Run a report of the interactive report writer.")
@click.option("--prompts", is_flag=True, help="List the report's prompts instead of running it.")
@click.option(
    "--list", "listing", is_flag=True, help="Explain where to find a report's name; the gateway cannot list reports."
)
@format_option(_FORMATS)
@file_option("--out", "Write to this file (default: standard output).")
@SPREADSHEET_SAFE
@click.option(
    "--timeout",
    metavar="S",
    type=Duration(),
    default=900,
    show_default=True,
    help="Wait at most this many seconds for the report.",
)
@shared_options(prints_table=True)
def report_command(
    context: CommandContext,
    *,
    name: str | None,
    arguments: tuple[str, ...],
    interactive: bool,
    prompts: bool,
    listing: bool,
    kind: str,
    out: Path | None,
    spreadsheet_safe: bool,
    timeout: float,
) -> None:
    """Run the custom report NAME and read its rows.

    Reports of the Financial Report Writer are not available through the API. No documented function of the gateway
    lists reports of any kind, so NAME comes from Intacct's own list of custom reports. The gateway names the columns
    only in rows: CSV of a report without rows is empty.

    \b
    Examples:
      intacct report "AP aging"
      intacct report "Bills of a month" --arg APBILL.WHENCREATED=2026-01-01..2026-01-31 --format csv --out bills.csv
    """
    from intacct_bridge.apps.terminal.row_formats import format_of, write_rows
    from intacct_bridge.operations.query import ReportRequest, report, report_prompts

    if listing:
        raise SettingsError(
            "The gateway has no documented function that lists custom reports, neither those of the original report"
            " writer nor interactive ones. It reads a report by its name.",
            fix=_NAME_FIX,
        )
    if name is None:
        raise SettingsError("A report's NAME is missing.", fix=_NAME_FIX)
    if prompts:
        labels = report_prompts(context.client, name, interactive=interactive)
        context.output.table(("argument", "label"), list(labels.items()), empty="The report has no prompts.")
        return
    kind = format_of(kind, context.output, to=out, formats=_FORMATS)
    request = ReportRequest(name, dict(map(_argument, arguments)), interactive=interactive, timeout=timeout)
    rows = report(context.client, request, run=context.recorder)
    count = write_rows(rows, context.output, kind=kind, to=out, spreadsheet_safe=spreadsheet_safe)
    where = f" to {out}" if out is not None else ""
    cost = counted(context.client.meter.transactions, "API transaction")
    context.output.say(f"{counted(count, 'row')}{where}; {cost}")


def _argument(text: str) -> tuple[str, str | tuple[date, date]]:
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise SettingsError(f"--arg {text!r} is not in the form K=V.", fix="Write it as OBJECT.FIELD=VALUE.")
    begin, dots, end = value.partition("..")
    if not dots:
        return path.strip(), value
    try:
        return path.strip(), (date.fromisoformat(begin.strip()), date.fromisoformat(end.strip()))
    except ValueError:
        raise SettingsError(
            f"--arg {text!r} is not a range of dates.", fix="Write it as 2026-01-01..2026-01-31."
        ) from None
