"""`intacct sql`: one SELECT over the objects of a company, or over a copy."""

from functools import partial
from typing import Any

from intacct_bridge.apps.cli.command import READ, command
from intacct_bridge.apps.cli.context import CommandContext, job_option, settings_from, shared_options
from intacct_bridge.apps.terminal.exit_statuses import CONNECTED
from intacct_bridge.operations.job_settings import SqlSettings

_option = partial(job_option, SqlSettings)


@command(
    "sql",
    section=READ,
    place=7,
    short_help="Run a SELECT over the objects of a company, or over a copy.",
    exits=CONNECTED,
)
@_option("statement")
@_option("uri", metavar="URI", help="Query this copy instead of Intacct; it also has the views `reporting.*`.")
@_option("explain", help="Only show what would be read, and its cost; uses one transaction a table.")
@_option("max_transactions", metavar="N", help="Stop before using more API transactions than this.")
@_option("kind", show_default="table; for a file, by its extension, else CSV", help="Write this format.")
@_option("out", metavar="FILE", help="Write to this file (default: standard output).")
@shared_options(prints_table=True)
def sql_command(context: CommandContext, **options: Any) -> int:
    """Run one SELECT. Its tables are objects of the company; only the fields and rows that it needs are read.

    DuckDB evaluates the statement, without access to files or the network.

    \b
    Examples:
      intacct sql "SELECT VENDORNAME, SUM(TOTALDUE) FROM APBILL WHERE WHENDUE < DATE '2026-12-01' GROUP BY 1"
      intacct sql "SELECT * FROM CUSTOMER WHERE TOTALDUE > 1000" --explain
      intacct sql "SELECT * FROM reporting.trial_balance" --copy duckdb:///books.duckdb --format csv
    """
    from intacct_bridge.apps.jobs.sql import run_sql

    return run_sql(context, settings_from(SqlSettings, options))
