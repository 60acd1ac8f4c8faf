"""`intacct reconcile`: the copy against the ledger's own trial balance."""

import click

from intacct_bridge.edge.cli.context import CommandContext, shared_options

DIFFERENT = 1


@click.command("reconcile")
@click.option("--with", "uri", required=True, metavar="URI", help="The copy: what `intacct extract --to` was given.")
@click.option(
    "--period", metavar="P", default="", help="One month as 2026-01, or a reporting period by name. Default: all."
)
@shared_options(prints_table=True)
def reconcile_command(desk: CommandContext, *, uri: str, period: str) -> int:
    """Compare a copy's GLDETAIL with the ledger, by month, account, location and book, to the cent.

    Where they differ, the records that make the difference are named: missing, surplus, doubled or altered.

    \b
    Examples:
      intacct reconcile --with duckdb:///books.duckdb
      intacct reconcile --with parquet:ledger --period 2026-01
    """
    from intacct_bridge.edge.views.reconcile import show_reconciliation
    from intacct_bridge.flow.reconcile.ledger_copy import open_ledger
    from intacct_bridge.flow.reconcile.reconcile import reconcile

    with open_ledger(uri) as copy:
        desk.console.say(f"holding the copy against {desk.connection.target} ...")
        found = reconcile(desk.client, copy, period)
    show_reconciliation(found, desk.console)
    desk.console.say(f"{desk.client.meter.transactions:,} API transactions")
    return 0 if found.ties else DIFFERENT
