"""`intacct sql`: one SELECT over the objects of a company, or over a copy."""

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from intacct_bridge.apps.cli.command import READ, command
from intacct_bridge.apps.cli.context import CommandContext, file_option, format_option, number_option, shared_options
from intacct_bridge.apps.terminal.exit_statuses import CONNECTED
from intacct_bridge.apps.terminal.row_formats import FORMATS, format_of, write_parquet, write_rows
from intacct_bridge.apps.terminal.tables import Count
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.wording import counted, money

if TYPE_CHECKING:
    import pyarrow as pa

    from intacct_bridge.operations.sql import ReadCost


@command(
    "sql",
    section=READ,
    place=7,
    short_help="Run a SELECT over the objects of a company, or over a copy.",
    exits=CONNECTED,
)
@click.argument("statement", metavar="SELECT")
@click.option(
    "--on", "uri", metavar="URI", help="Query this copy instead of Intacct; it also has the views `reporting.*`."
)
@click.option(
    "--explain", is_flag=True, help="Only show what would be read, and its cost; uses one transaction a table."
)
@number_option("--max-transactions", "Stop before using more API transactions than this.", least=1, show_default=False)
@format_option(FORMATS)
@file_option("--out", "Write to this file (default: standard output).")
@shared_options(prints_table=True)
def sql_command(
    context: CommandContext,
    *,
    statement: str,
    uri: str | None,
    explain: bool,
    max_transactions: int | None,
    kind: str,
    out: Path | None,
) -> None:
    """Run one SELECT. Its tables are objects of the company; only the fields and rows that it needs are read.

    DuckDB evaluates the statement, without access to files or the network.

    \b
    Examples:
      intacct sql "SELECT VENDORNAME, SUM(TOTALDUE) FROM APBILL WHERE WHENDUE < DATE '2026-12-01' GROUP BY 1"
      intacct sql "SELECT * FROM CUSTOMER WHERE TOTALDUE > 1000" --explain
      intacct sql "SELECT * FROM reporting.trial_balance" --on duckdb:///books.duckdb --format csv
    """
    from intacct_bridge.operations.copies import open_copy
    from intacct_bridge.operations.sql import explain_sql, sql

    kind = format_of(kind, context.output, to=out)
    if uri and explain:
        raise SettingsError("`explain` is about Intacct, and `on` asks a copy", fix="A copy costs no transaction.")
    if uri:
        table = open_copy(uri).sql(statement)
    else:
        client = context.limited_client(max_transactions)
        if explain:
            costs = [
                (one.object, Count(one.rows), Count(one.transactions), _condition(one), ", ".join(one.fields))
                for one in explain_sql(client, statement)
            ]
            context.output.table(("object", "records", "transactions", "condition", "fields"), costs)
            return
        table = sql(client, statement)
        context.output.say(counted(client.meter.transactions, "API transaction"))
    if kind == "parquet":
        count = write_parquet(table.to_batches() or [_without_rows(table)], to=out)
    else:
        rows = [{name: _plain(value) for name, value in row.items()} for row in table.to_pylist()]
        count = write_rows(rows, context.output, kind=kind, to=out, columns=lambda: table.column_names)
    context.recorder.add_rows("sql", count)
    context.output.say(counted(count, "row"))


def _without_rows(table: "pa.Table") -> "pa.RecordBatch":
    """The columns of a result without rows, which has no batch."""
    import pyarrow as pa

    return pa.RecordBatch.from_pylist([], schema=table.schema)


def _plain(value: Any) -> Any:
    """An amount without the zeros of its column's scale."""
    return money(value) if isinstance(value, Decimal) else value


def _condition(cost: "ReadCost") -> str:
    """What is asked of Intacct."""
    return " ".join(filter(None, (cost.condition, f"(first {cost.first:,})" if cost.first else "")))
