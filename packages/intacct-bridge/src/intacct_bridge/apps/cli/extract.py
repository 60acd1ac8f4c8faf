"""`intacct extract`: copy the company's objects, and keep the copy current."""

from functools import partial
from typing import Any

from intacct_bridge.apps.cli.command import READ, command
from intacct_bridge.apps.cli.context import CommandContext, job_option, settings_from, shared_options
from intacct_bridge.apps.terminal.exit_statuses import CONNECTED
from intacct_bridge.operations.job_settings import ExtractSettings

_option = partial(job_option, ExtractSettings)


@command(
    "extract",
    section=READ,
    place=6,
    short_help="Copy objects to DuckDB, Parquet, Postgres, ... incrementally.",
    exits=CONNECTED | {1: "a stream failed, or something could not be read"},
)
@_option("streams")
@_option(
    "to",
    metavar="URI",
    help="The destination: duckdb:///FILE, parquet:DIR, csv:DIR, jsonl:DIR, postgresql://..., or - (Singer).",
)
@_option("everything", help="Read every object of the company (default: the usual ones).")
@_option("full", help="Make a full refresh of every stream.")
@_option(
    "select",
    metavar="STREAM.FIELD",
    help="Read only these fields of a stream; separate them with commas. Repeatable.",
)
@_option(
    "as_text",
    metavar="STREAM.FIELD",
    help="Read these fields as text, if their values do not fit the type that Intacct gives. Repeatable.",
)
@_option("since", metavar="DATE", help="On the first run, read only what changed since this date.")
@_option("max_transactions", metavar="N", help="Stop before using more API transactions than this.")
@_option(
    "attachments",
    metavar="DIR",
    help="Also save the files attached to the records in this directory, each file once.",
)
@_option("hard_deletes", help="Remove deleted rows from a database (default: mark them).")
@_option(
    "entity_column",
    metavar="NAME",
    help="Add a column of this name for the entity that owns the record (empty: shared by all entities).",
)
@_option(
    "unified",
    help="Store records in hotglue's accounting schema; a STREAM is then one of its entities, such as Bills.",
)
@_option(
    "map_files",
    metavar="MAP.toml",
    help="Store the records of the mapping's object in its columns. Repeatable.",
)
@_option(
    "periods",
    metavar="[STREAM=]HOURS",
    help="Refresh streams without a modification time in full once in this many hours, or one stream. Repeatable.",
)
@_option("estimate", help="Only show what the run would read and cost; uses one transaction a stream.")
@_option("compact", help="Afterwards rewrite the change files (Parquet, CSV, JSON lines) as a few large ones.")
@_option("no_views", help="Make no views for reports in a database (default: make them).")
@_option("name_style", help="Also make a view of each table in the schema raw, with lower-case names without dots.")
@shared_options(prints_table=True)
def extract_command(context: CommandContext, **options: Any) -> int:
    """Copy objects to a destination and keep the copy current.

    The first run reads everything, later runs only the changes. A run that was stopped is resumed by the next one.
    Deleted records are marked, and lines are read again when their header changes. A STREAM is an object,
    SODOCUMENT:DEFINITION, audit_history_OBJECT, trial_balance, account_balances, report:NAME, dimensions, or
    dimension_values.

    \b
    Examples:
      intacct extract --to duckdb:///intacct.duckdb
      intacct extract GLDETAIL APBILL APBILLITEM --to parquet:ledger
      intacct extract VENDOR --select VENDOR.VENDORID,VENDOR.NAME --to csv:vendors
      intacct extract --map bills.toml --to csv:bills
      intacct extract "trial_balance?from=2026-01-01&by=location" --to duckdb:///books.duckdb
    """
    from intacct_bridge.apps.jobs.extract import extract

    return extract(context, settings_from(ExtractSettings, options))
