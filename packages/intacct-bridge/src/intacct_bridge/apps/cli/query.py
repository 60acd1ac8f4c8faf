"""`intacct query`: rows of one object, as a table or for another program."""

from pathlib import Path

import click

from intacct_bridge.apps.cli.command import READ, command
from intacct_bridge.apps.cli.context import (
    SPREADSHEET_SAFE,
    CommandContext,
    file_option,
    format_option,
    number_option,
    shared_options,
)
from intacct_bridge.apps.terminal.exit_statuses import CONNECTED
from intacct_bridge.apps.terminal.row_formats import RECORD_FORMATS, format_of, write_parquet, write_rows
from intacct_protocol.model.wording import counted

_TABLE_ROWS = 50


@command(
    "query",
    section=READ,
    place=3,
    short_help="Read rows of one object.",
    exits=CONNECTED | {1: "a value does not fit its field's type"},
)
@click.argument("object_name", metavar="OBJECT")
@click.option(
    "--select",
    metavar="A,B",
    default="*",
    help="Read these fields, separated by commas; VENDOR.NAME is a field of a related object (default: all).",
)
@click.option(
    "--where", metavar="EXPR", help="Read rows that meet this condition, such as \"TOTALDUE > 0 and STATE = 'Posted'\"."
)
@click.option("--order-by", metavar="F", help="Sort by these fields; DESC after one reverses it.")
@number_option("--limit", "Read at most N rows, 0 for all (default: 50 in a table, otherwise all).")
@number_option("--page-size", "Read this many rows in one request, up to 2,000 (default: 2,000).", least=1, most=2000)
@format_option(RECORD_FORMATS)
@file_option("--out", "Write to this file (default: standard output).")
@SPREADSHEET_SAFE
@file_option(
    "--map", "Write the records in the columns, or for JSON in the shape, of this mapping.", metavar="MAP.toml"
)
@click.option("--ignore-case", is_flag=True, help="Ignore case when comparing text.")
@click.option("--shared-only", is_flag=True, help="Leave out records that belong to an entity.")
@click.option("--document-type", metavar="NAME", help="Include the custom fields of this transaction definition.")
@shared_options(prints_table=True)
def query_command(
    context: CommandContext,
    *,
    object_name: str,
    select: str,
    where: str | None,
    order_by: str | None,
    limit: int | None,
    page_size: int | None,
    kind: str,
    out: Path | None,
    spreadsheet_safe: bool,
    ignore_case: bool,
    shared_only: bool,
    document_type: str | None,
    map: Path | None,
) -> None:
    """Read rows of OBJECT.

    \b
    Examples:
      intacct query VENDOR --select VENDORID,NAME,TOTALDUE --where "TOTALDUE > 1000"
      intacct query APBILL --where "WHENDUE < 2026-01-31 and STATE = 'Posted'" --order-by "WHENDUE DESC"
      intacct query GLACCOUNT --format csv --out accounts.csv
      intacct query APBILL --map payables.toml --format csv --out payables.csv
      intacct query APBILL --select "VENDORID, sum(TOTALDUE), count(RECORDNO)"
    """
    kind = format_of(kind, context.output, to=out, formats=RECORD_FORMATS)
    from intacct_bridge.operations.query import QueryRequest, query

    most = limit if limit is not None else (_TABLE_ROWS if kind == "table" and out is None else 0)
    request = QueryRequest(
        object_name,
        select,
        where or "",
        order_by or "",
        most,
        ignore_case=ignore_case,
        shared_only=shared_only,
        document_type=document_type,
        map=map,
        page_size=page_size or 0,
        nested=kind in ("json", "jsonl", "xml"),
    )
    result = query(context.client, request, run=context.recorder)
    if kind == "parquet":
        count = write_parquet(result.batches(), to=out)
    else:
        count = write_rows(
            result.rows,
            context.output,
            kind=kind,
            to=out,
            spreadsheet_safe=spreadsheet_safe,
            columns=result.columns,
            record=result.object,
        )
    _say_count(context, count, most, out)


def _say_count(context: CommandContext, count: int, limit: int, out: Path | None) -> None:
    more = " (more may exist: use --limit 0)" if limit and count == limit else ""
    where = f" to {out}" if out is not None else ""
    cost = counted(context.client.meter.transactions, "API transaction")
    context.output.say(f"{counted(count, 'row')}{where}{more}; {cost}")
