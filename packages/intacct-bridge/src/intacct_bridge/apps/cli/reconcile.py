"""`intacct reconcile`: whether a copy matches the company, and whether its sub-ledgers tie to its ledger."""

from functools import partial
from typing import Any

from intacct_bridge.apps.cli.command import READ, command
from intacct_bridge.apps.cli.context import CommandContext, job_option, settings_from, shared_options
from intacct_bridge.apps.terminal.exit_statuses import CONNECTED
from intacct_bridge.operations.job_settings import ReconcileSettings

_option = partial(job_option, ReconcileSettings)


@command(
    "reconcile",
    section=READ,
    place=9,
    short_help="Prove that a copy matches the company, to the cent.",
    exits=CONNECTED | {1: "the copy differs from the company"},
)
@_option("uri", metavar="URI", help="The copy: the destination of `intacct extract`.")
@_option(
    "period",
    metavar="P",
    help="Compare only the ledger of a month such as 2026-01, or of a reporting period by name (default: everything).",
)
@_option("all_fields", help="Read every record, so that changed text is found too.")
@_option(
    "ignore",
    metavar="STREAM.FIELD",
    help="Leave these fields out, or a table as STREAM.*; separate them with commas. Repeatable.",
)
@_option("strict_tie_out", help="Also fail if a sub-ledger has an unexplained difference from the ledger.")
@_option("estimate", help="Only show what the comparison would cost.")
@_option("max_transactions", metavar="N", help="Stop before using more API transactions than this.")
@_option(
    "report",
    metavar="FILE",
    help="Also write an HTML report, with the result as JSON and a digest of each table.",
)
@_option(
    "verify",
    metavar="FILE",
    help="Only check whether the copy has changed since this report; send no request.",
)
@shared_options(prints_table=True)
def reconcile_command(context: CommandContext, **options: Any) -> int:
    """Compare a copy with the company: the ledger's balances to the cent, and every table record by record or by sums.

    The result names each record that is missing, extra, duplicated or changed, and the field that differs. A matching
    copy prints nothing with -q. The result also says whether the copy's sub-ledgers tie to its ledger.

    \b
    Examples:
      intacct reconcile --copy duckdb:///books.duckdb
      intacct reconcile --copy parquet:ledger --period 2026-01
      intacct reconcile --copy duckdb:///books.duckdb --fields --estimate
      intacct reconcile --copy duckdb:///books.duckdb --report 2026-01.html
      intacct reconcile --copy duckdb:///books.duckdb --verify 2026-01.html
    """
    from intacct_bridge.apps.jobs.reconcile import reconcile_copy

    return reconcile_copy(context, settings_from(ReconcileSettings, options))
