"""`intacct query`: rows of one object, as a table or for another program."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

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
from intacct_bridge.apps.terminal.row_formats import FORMATS, format_of, write_parquet, write_rows
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.wording import counted

if TYPE_CHECKING:
    from intacct_bridge.apps.terminal.row_formats import Row
    from intacct_protocol.model.query.query import Query

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
@format_option(FORMATS)
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
    kind = format_of(kind, context.console, to=out)
    query = asked_query(
        context,
        object_name,
        select=select,
        where=where,
        order_by=order_by,
        ignore_case=ignore_case,
        shared_only=shared_only,
        document_type=document_type,
    )
    wanted = limit if limit is not None else (_TABLE_ROWS if kind == "table" and out is None else 0)
    if map is None and kind == "parquet":
        count = write_parquet(context.client.batches(query, limit=wanted or None), to=out)
    else:
        rows: Iterable[Row] = context.client.query(query, limit=wanted or None)
        columns: Callable[[], Sequence[str]] = partial(query_columns, context, query)
        if map is not None:
            rows, columns = _mapped(context, query, map, kind, limit=wanted)
        count = write_rows(rows, context.console, kind=kind, to=out, spreadsheet_safe=spreadsheet_safe, columns=columns)
    context.recorder.add_rows(query.object, count)
    _summarise(context, count, wanted, out)


def query_columns(context: CommandContext, query: "Query") -> tuple[str, ...]:
    """The columns of a query's rows, for an answer without rows."""
    from intacct_bridge.client.reading.query import column

    if "*" in query.select:
        return context.client.queryable(query.object, query.doc_par_id)
    return tuple(map(column, query.select))


def asked_query(
    context: CommandContext,
    object_name: str,
    *,
    select: str = "*",
    where: str | None = None,
    order_by: str | None = None,
    ignore_case: bool = False,
    shared_only: bool = False,
    document_type: str | None = None,
) -> "Query":
    """A query from the strings of a user."""
    from intacct_protocol.model.query.query import Query
    from intacct_protocol.model.query.where import parse_order, parse_select, parse_where

    if document_type is not None:
        from intacct_bridge.extract.selection import definition

        document_type = definition(context.client, object_name, document_type)
    return Query(
        object_name.upper(),
        parse_select(select),
        where=parse_where(where) if where else None,
        order=parse_order(order_by) if order_by else (),
        case_insensitive=ignore_case,
        show_private=not shared_only and not context.connection.location_id,
        doc_par_id=document_type,
    )


def _mapped(
    context: CommandContext, query: "Query", path: Path, kind: str, *, limit: int
) -> "tuple[Iterator[Row], Callable[[], Sequence[str]]]":
    """The rows of a query through a mapping, flat for a table and nested for JSON; and their columns."""
    from intacct_bridge.export_maps.maps import flat_columns, read_map
    from intacct_bridge.export_maps.records import mapped_records, mapped_rows

    entity = read_map(path)
    if kind == "parquet":
        raise SettingsError(
            "--map writes CSV, JSON or a table", fix="For Parquet: intacct extract --map ... --to parquet:DIR"
        )
    if query.select != ("*",):
        raise SettingsError("--map and --select do not go together", fix="The mapping names the fields.")
    if entity.read_object != query.object:
        raise SettingsError(f"{path} maps {entity.read_object}, not {query.object}", fix="Name that object.")
    read = mapped_records if kind in ("json", "jsonl") else mapped_rows
    return read(context.client, entity, query, limit=limit), partial(flat_columns, entity)


def _summarise(context: CommandContext, count: int, limit: int, out: Path | None) -> None:
    more = " (more may exist: use --limit 0)" if limit and count == limit else ""
    where = f" to {out}" if out is not None else ""
    cost = counted(context.client.meter.transactions, "API transaction")
    context.console.say(f"{counted(count, 'row')}{where}{more}; {cost}")
