"""`intacct reconcile`: whether a copy matches the company, and whether its sub-ledgers tie to its ledger."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from intacct_bridge.apps.cli.command import READ, command
from intacct_bridge.apps.cli.context import CommandContext, file_option, number_option, shared_options
from intacct_bridge.apps.terminal.exit_statuses import CONNECTED, FAILURES
from intacct_protocol.model.uri_text import redacted
from intacct_protocol.model.wording import counted

if TYPE_CHECKING:
    from intacct_bridge.operations.reconcile import Estimate


@command(
    "reconcile",
    section=READ,
    place=9,
    short_help="Prove that a copy matches the company, to the cent.",
    exits=CONNECTED | {1: "the copy differs from the company"},
)
@click.option(
    "--with",
    "uri",
    required=True,
    metavar="URI",
    help="The copy: the destination of `intacct extract`.",
)
@click.option(
    "--period",
    metavar="P",
    default="",
    help="Compare only the ledger of a month such as 2026-01, or of a reporting period by name (default: everything).",
)
@click.option("--fields", "all_fields", is_flag=True, help="Read every record, so that changed text is found too.")
@click.option(
    "--ignore",
    metavar="STREAM.FIELD",
    multiple=True,
    help="Leave these fields out, or a table as STREAM.*; separate them with commas. Repeatable.",
)
@click.option(
    "--strict-tie-out", is_flag=True, help="Also fail if a sub-ledger has an unexplained difference from the ledger."
)
@click.option("--estimate", is_flag=True, help="Only show what the comparison would cost.")
@number_option("--max-transactions", "Stop before using more API transactions than this.", least=1, show_default=False)
@file_option("--report", "Also write an HTML report, with the result as JSON and a digest of each table.")
@file_option("--verify", "Only check whether the copy has changed since this report; send no request.")
@shared_options(prints_table=True)
def reconcile_command(
    context: CommandContext,
    *,
    uri: str,
    period: str,
    all_fields: bool,
    ignore: tuple[str, ...],
    strict_tie_out: bool,
    estimate: bool,
    max_transactions: int | None,
    report: Path | None,
    verify: Path | None,
) -> int:
    """Compare a copy with the company: the ledger's balances to the cent, and every table record by record or by sums.

    The result names each record that is missing, extra, duplicated or changed, and the field that differs. A matching
    copy prints nothing with -q. The result also says whether the copy's sub-ledgers tie to its ledger.

    \b
    Examples:
      intacct reconcile --with duckdb:///books.duckdb
      intacct reconcile --with parquet:ledger --period 2026-01
      intacct reconcile --with duckdb:///books.duckdb --fields --estimate
      intacct reconcile --with duckdb:///books.duckdb --report 2026-01.html
      intacct reconcile --with duckdb:///books.duckdb --verify 2026-01.html
    """
    from intacct_bridge.apps.views.reconcile import notes, show_estimate, show_reconciliation
    from intacct_bridge.apps.views.reconcile_report import refuse_unwritable, report_html, write_report
    from intacct_bridge.apps.views.tie_out import show_tie_out
    from intacct_bridge.operations.reconcile import ReconcileRequest, estimate_reconciliation, reconcile

    output = context.output
    context.recorder.destination = redacted(uri)
    if verify:
        return _verify(context, uri, verify)
    if report:
        refuse_unwritable(report)
    request = ReconcileRequest(uri, period, all_fields, ignore, digests=report is not None)
    client = context.limited_client(max_transactions)
    if estimate:
        show_estimate(estimate_reconciliation(client, request), output)
        return 0
    output.say(f"Comparing the copy with {context.connection.target} ...")

    def priced(estimates: "Sequence[Estimate]") -> None:
        total = sum(one.transactions for one in estimates)
        output.say(f"Reading every record: about {counted(total, 'API transaction')}")

    result = reconcile(client, request, run=context.recorder, priced=priced)
    if report:
        write_report(report, report_html(result, redacted(uri)))
    good = result.equal and (result.ties or not strict_tie_out)
    if output.as_json:
        output.json(result.to_dict())
    elif not (output.quiet and good):
        show_reconciliation(result, output)
        if result.tie_out is not None:
            show_tie_out(result.tie_out, output)
        for line in notes(result):
            output.say(line)
    output.say(counted(client.meter.transactions, "API transaction"))
    return 0 if good else FAILURES


def _verify(context: CommandContext, uri: str, report: Path) -> int:
    """Compare the copy with the digests of a report."""
    from intacct_bridge.apps.views.reconcile_report import read_report, reported_digests, show_changed_tables
    from intacct_bridge.operations.reconcile import changed_since_report

    data = read_report(report)
    changed = changed_since_report(uri, reported_digests(data))
    show_changed_tables(data, changed, context.output)
    return FAILURES if changed else 0
