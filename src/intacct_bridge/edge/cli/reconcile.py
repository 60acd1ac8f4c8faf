"""`intacct reconcile`: compare a copy with the ledger's own trial balance."""

import click

from intacct_bridge.edge.cli.context import CommandContext, shared_options
from intacct_bridge.model.wording import counted

DIFFERENT = 1


@click.command("reconcile")
@click.option(
    "--with",
    "uri",
    required=True,
    metavar="URI",
    help="The copy: the destination of `intacct extract`.",
)
@click.option(
    "--period", metavar="P", default="", help="A month such as 2026-01, or a reporting period by name (default: all)."
)
@shared_options(prints_table=True)
def reconcile_command(context: CommandContext, *, uri: str, period: str) -> int:
    """Compare a copy's GLDETAIL with the ledger, by month, account, location and book, to the cent.

    Names the records that make a difference: missing, surplus, doubled or altered.

    \b
    Examples:
      intacct reconcile --with duckdb:///books.duckdb
      intacct reconcile --with parquet:ledger --period 2026-01
    """
    from intacct_bridge.edge.views.reconcile import show_reconciliation
    from intacct_bridge.flow.destinations.uri import redacted
    from intacct_bridge.flow.reconcile.ledger_copy import open_ledger
    from intacct_bridge.flow.reconcile.reconcile import reconcile

    context.recorder.destination = redacted(uri)
    with open_ledger(uri) as copy:
        context.console.say(f"comparing the copy with {context.connection.target} ...")
        found = reconcile(context.client, copy, period)
    show_reconciliation(found, context.console)
    context.console.say(counted(context.client.meter.transactions, "API transaction"))
    return 0 if found.ties else DIFFERENT
