"""`intacct reconcile`: whether a copy matches the company, and whether its sub-ledgers tie to its ledger."""

from pathlib import Path

import click

from intacct_bridge.apps.cli.command import READ, command
from intacct_bridge.apps.cli.context import CommandContext, file_option, number_option, shared_options
from intacct_bridge.apps.terminal.exit_statuses import CONNECTED, FAILURES
from intacct_protocol.model.wording import counted


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
    from intacct_bridge.apps.views.reconcile_data import as_data
    from intacct_bridge.apps.views.reconcile_report import refuse_unwritable, report_html, write_report
    from intacct_bridge.apps.views.tie_out import show_tie_out
    from intacct_bridge.copies.views.tie_out import tie_out
    from intacct_bridge.reconcile.copy_reader import open_copy_reader
    from intacct_bridge.reconcile.digests import table_digests
    from intacct_bridge.reconcile.reconcile import ReconcileOptions, estimate_comparison, reconcile
    from intacct_bridge.streams.defaults import selected_fields
    from intacct_protocol.model.uri_text import redacted

    context.recorder.destination = redacted(uri)
    if verify:
        return _verify(context, uri, verify)
    if report:
        refuse_unwritable(report)
    options = ReconcileOptions(period, all_fields, selected_fields(ignore))
    client = context.limited_client(max_transactions)
    with open_copy_reader(uri) as copy:
        if estimate:
            show_estimate(estimate_comparison(client, copy, options), context.console)
            return 0
        context.console.say(f"Comparing the copy with {context.connection.target} ...")
        if all_fields:
            total = sum(one.transactions for one in estimate_comparison(client, copy, options))
            context.console.say(f"Reading every record: about {counted(total, 'API transaction')}")
        found = reconcile(client, copy, options)
        tied = tie_out(copy, found.last_day)
        if report:
            write_report(report, report_html(found, tied, list(table_digests(copy)), redacted(uri)))
    good = found.equal and (tied.ties or not strict_tie_out)
    if context.console.as_json:
        context.console.json(as_data(found, tied))
    elif not (context.console.quiet and good):
        show_reconciliation(found, context.console)
        show_tie_out(tied, context.console)
        for line in notes(found):
            context.console.say(line)
    context.console.say(counted(client.meter.transactions, "API transaction"))
    return 0 if good else FAILURES


def _verify(context: CommandContext, uri: str, report: Path) -> int:
    """Compare the copy with the digests of a report."""
    from intacct_bridge.apps.views.reconcile_report import read_report, reported_digests, show_changed_tables
    from intacct_bridge.reconcile.copy_reader import open_copy_reader
    from intacct_bridge.reconcile.digests import changed_tables

    data = read_report(report)
    with open_copy_reader(uri) as copy:
        changed = changed_tables(copy, reported_digests(data))
    show_changed_tables(data, changed, context.console)
    return FAILURES if changed else 0
