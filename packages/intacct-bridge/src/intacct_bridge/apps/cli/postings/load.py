"""`intacct load`: a file becomes a plan, and the plan, when it is applied, becomes receipts."""

from functools import partial
from typing import Any

from intacct_bridge.apps.cli.command import WRITE, command
from intacct_bridge.apps.cli.context import SETTLE_AFTER, CommandContext, job_option, settings_from, shared_options
from intacct_bridge.operations.job_settings import LoadSettings

_option = partial(job_option, LoadSettings)


@command(
    "load",
    section=WRITE,
    place=1,
    short_help="Post a file: show the plan first, then apply it with --apply.",
    exits={1: "records are refused, or not all are posted", 3: "", 4: "", 5: ""},
)
@_option("files")
@_option(
    "as_name",
    metavar="OBJECT",
    help="Load the rows as journal-entries, bills, another layout, an object (VENDOR) or a unified entity (v1:Bills).",
)
@_option(
    "map_file",
    metavar="MAP.toml",
    help="Read the rows by this mapping.",
)
@_option("only_plan", help="Show what the load would do (default), or do it.")
@_option("out", metavar="PLAN", help="Save the plan in this file.")
@_option(
    "from_plan",
    metavar="PLAN",
    help="Show a saved plan; with --apply, apply it.",
)
@_option(
    "mode",
    show_default=True,
    help="Create, update or delete the records; upsert updates existing records and creates the others.",
)
@_option(
    "key",
    metavar="COLS",
    help="Identify a record in its source by these columns (A,B); to update or delete, find it by these fields.",
)
@_option("batch_size", metavar="N", show_default=True, help="Send this many records in one request.")
@_option("atomic", help="Apply all records of a request or none.")
@_option("draft", help="Post drafts, which change no balances yet.")
@_option(
    "on_error",
    show_default=True,
    help="Stop or continue after a record that Intacct refuses.",
)
@_option("settle_after", metavar="S", show_default=True, help=SETTLE_AFTER)
@_option("clear_empty", help="Clear the field when the cell is empty (default: leave it unchanged).")
@_option("source_name", metavar="NAME", help="The source that the keys belong to, such as a shop.")
@_option("new", metavar="ROW,...", help="Rows whose records are new, though an equal or numbered one was posted.")
@_option(
    "equal_records",
    help="A record without a key that equals one posted before, if this file lacks others of that one: refuse it"
    " (default), take it for that one, or post it.",
)
@_option(
    "after_undo",
    help="A record that was taken back and comes again as it was: post it (default), or refuse it (default in a flow).",
)
@_option(
    "send_currency",
    help="Send a document that names no currency with the decided one: always, never, or if the company has several"
    " currencies (default: as the connection says, auto).",
)
@_option(
    "party_currency",
    help="Use or refuse the currency of a vendor or customer that is not the entity's, for a document that names none"
    " (default: as the connection says, use).",
)
@_option(
    "unusual_rates",
    help="Refuse or use an exchange rate below 0.000001 or above 1,000,000 (default: as the connection says, refuse).",
)
@_option("offline", help="Plan without any request to Intacct.")
@_option("refused", metavar="FILE", help="Write refused rows to this file, each with the reason.")
@_option(
    "attachment_folder",
    metavar="NAME",
    show_default=True,
    help="Put files that an `attachments` column names into this attachment folder in Intacct.",
)
@_option("date_order", help="Read dates with slashes in this order of month and day.")
@_option(
    "date_format",
    metavar="[COLUMN=]FORMAT",
    help="Read dates in this format, in one column or in all: DD.MM.YYYY, D-MMM-YY. Repeatable.",
)
@_option("header_row", metavar="N", show_default=True, help="Take the column names from this row (default: detected).")
@_option(
    "constants",
    metavar="COLUMN=VALUE",
    help="Add a column with this value in every row, such as journal=PYRJ. Repeatable.",
)
@_option("where", metavar="FILTER", help="Load only the rows that meet this filter on columns.")
@_option("encoding", help="Read the text file in this encoding (default: detected).")
@_option("delimiter", help="Split the text file at this delimiter (default: detected).")
@_option(
    "decimal",
    help="Read amounts that are text with this decimal sign; , reads 1.234,50 (default: .).",
)
@_option("sheet", help="Read this Excel sheet (default: the first).")
@_option("track", metavar="FIELD", help="Store this field's value in the outbox. Repeatable.")
@_option("yes", help="Write to a production company without confirmation.")
@shared_options(prints_table=True)
def load_command(context: CommandContext, **options: Any) -> int:
    """Load the records of FILE (CSV, JSON lines, Parquet, Excel): show the plan, then --apply it.

    Rows that an earlier run posted are recognised and not posted again, even after a crash or a lost answer.

    \b
    Examples:
      intacct load payroll.csv --as journal-entries
      intacct load payroll.csv --as journal-entries --apply
      intacct load bills.xlsx --as bills
      intacct load payroll.xlsx --sheet June --as journal-entries --refused corrections.csv
      intacct load payroll.xlsx --as journal-entries --set journal=PYRJ --set date=2026-11-15 --set title=Payroll
      intacct load bills.csv --as bills --where "status = 'Approved'" --date-format 'Due=DD.MM.YYYY'
      intacct load rechnungen.csv --as bills --decimal , --date-format DD.MM.YYYY
      intacct load vendors.csv --as VENDOR --mode upsert
      intacct load bills.csv --map bills.toml --out bills.plan
      intacct load --from-plan bills.plan --apply
    """
    from intacct_bridge.apps.jobs.load import load

    return load(context, settings_from(LoadSettings, options))
