"""`intacct load`: a file becomes a plan, and the plan, when it is applied, becomes receipts."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from intacct_bridge.apps.cli.command import WRITE, command
from intacct_bridge.apps.cli.context import SETTLE_AFTER, CommandContext, file_option, number_option, shared_options
from intacct_bridge.apps.cli.postings.apply import json_document, show_or_apply
from intacct_bridge.apps.cli.postings.kept_plans import (
    has_work,
    keep_plan_in,
    run_kept_plan,
    tell_where_kept,
    way_to_approval,
)
from intacct_bridge.apps.cli.postings.load_options import options_given, plan_input, send_options
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.wording import counted

if TYPE_CHECKING:
    from intacct_bridge.apps.cli.postings.apply import PlanResult
    from intacct_bridge.load.apply.outcome import RecordOutcome
    from intacct_bridge.load.outbox.outbox import Outbox
    from intacct_bridge.load.plan.plan import Plan
    from intacct_bridge.load.tables.table import InputTable

PLANNING_OPTIONS = {
    "as_name": "--as",
    "map_file": "--map",
    "out": "--out",
    "mode": "--mode",
    "key": "--key",
    "draft": "--draft",
    "clear_empty": "--clear-empty",
    "allow_duplicates": "--allow-duplicates",
    "offline": "--offline",
    "refused": "--refused",
    "attachment_folder": "--attachment-folder",
    "date_order": "--date-order",
    "date_format": "--date-format",
    "header_row": "--header-row",
    "constants": "--set",
    "where": "--where",
    "encoding": "--encoding",
    "delimiter": "--delimiter",
    "decimal": "--decimal",
    "sheet": "--sheet",
}
"""The options that shape a plan. A kept plan was made with its own, so it takes none of them."""


@command(
    "load",
    section=WRITE,
    place=1,
    short_help="Post a file: show the plan first, then apply it with --apply.",
    exits={1: "records are refused, or not all are posted", 3: "", 4: "", 5: ""},
)
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--as",
    "as_name",
    metavar="OBJECT",
    default="",
    help="Load the rows as journal-entries, bills, another layout, an object (VENDOR) or a unified entity (v1:Bills).",
)
@click.option(
    "--map",
    "map_file",
    metavar="MAP.toml",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Read the rows by this mapping.",
)
@click.option("--plan/--apply", "only_plan", default=True, help="Show what the load would do (default), or do it.")
@file_option("--out", "Keep the plan in this file.", metavar="PLAN")
@click.option(
    "--from-plan",
    metavar="PLAN",
    type=click.Path(path_type=Path),
    help="Show a kept plan; with --apply, apply it.",
)
@click.option(
    "--mode",
    type=click.Choice(["create", "update", "upsert", "delete"]),
    default="create",
    show_default=True,
    help="Create, update or delete the records; upsert updates existing records and creates the others.",
)
@click.option(
    "--key",
    metavar="COLS",
    help="Identify a record in its source by these columns (A,B); to update or delete, find it by these fields.",
)
@number_option("--batch-size", "Send this many records in one request.", least=1, most=100, default=100)
@click.option("--atomic", is_flag=True, help="Apply all records of a request or none.")
@click.option("--draft", is_flag=True, help="Post drafts, which change no balances yet.")
@click.option(
    "--on-error",
    type=click.Choice(["stop", "continue"]),
    default="continue",
    show_default=True,
    help="Stop or continue after a record that Intacct refuses.",
)
@number_option("--settle-after", SETTLE_AFTER, metavar="S")
@click.option(
    "--clear-empty", is_flag=True, help="Clear the field when the cell is empty (default: leave it unchanged)."
)
@click.option("--allow-duplicates", is_flag=True, help="Post even if Intacct already has a record with this key.")
@click.option("--offline", is_flag=True, help="Plan without any request to Intacct.")
@file_option("--refused", "Write refused rows to this file, each with the reason.")
@click.option(
    "--attachment-folder",
    metavar="NAME",
    default="Uploads",
    show_default=True,
    help="Put files that an `attachments` column names into this attachment folder in Intacct.",
)
@click.option(
    "--date-order", type=click.Choice(["mdy", "dmy"]), help="Read dates with slashes in this order of month and day."
)
@click.option(
    "--date-format",
    metavar="[COLUMN=]FORMAT",
    multiple=True,
    help="Read dates in this format, in one column or in all: DD.MM.YYYY, D-MMM-YY. Repeatable.",
)
@number_option("--header-row", "Take the column names from this row (default: detected).", least=1, metavar="N")
@click.option(
    "--set",
    "constants",
    metavar="COLUMN=VALUE",
    multiple=True,
    help="Add a column with this value in every row, such as journal=PYRJ. Repeatable.",
)
@click.option("--where", metavar="FILTER", help="Load only the rows that meet this filter on columns.")
@click.option("--encoding", help="Read the text file in this encoding (default: detected).")
@click.option("--delimiter", help="Split the text file at this delimiter (default: detected).")
@click.option(
    "--decimal",
    type=click.Choice([".", ","]),
    help="Read amounts that are text with this decimal sign; , reads 1.234,50 (default: .).",
)
@click.option("--sheet", help="Read this Excel sheet (default: the first).")
@click.option("--track", metavar="FIELD", multiple=True, help="Store this field's value in the outbox. Repeatable.")
@click.option("--yes", is_flag=True, help="Write to a production company without confirmation.")
@shared_options(prints_table=True)
def load_command(
    context: CommandContext, *, files: tuple[Path, ...], only_plan: bool, yes: bool, **options: Any
) -> int:
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
    from intacct_bridge.apps.terminal.memory import relax_gc
    from intacct_bridge.load.apply.sender import refuse_without_plan

    _check_options(files, options)
    relax_gc()
    if files and not only_plan:
        refuse_without_plan(context.connection, fix=way_to_approval(context))
    status = 0
    with context.open_outbox() as outbox, json_document(context) as results:
        if options["from_plan"] is not None:
            path = options["from_plan"]
            status = run_kept_plan(context, outbox, path, options, only_plan=only_plan, yes=yes, results=results)
        for file in files:
            ended = _load_file(context, outbox, file, options, only_plan=only_plan, yes=yes, results=results)
            status = max(status, ended)
    if only_plan and files and options["out"] is None and not context.console.as_json:
        if context.connection.needs_approval:
            context.console.say("Nothing was sent. To have the plan approved, keep it with --out PLAN.")
            return status
        words = shlex.join(word for word in context.arguments if word != "--plan")
        applicable = any(has_work(plan) for plan, _ in results)
        context.console.say(f"Nothing was sent.{f' To apply the plan: intacct {words} --apply' if applicable else ''}")
    return status


def _load_file(
    context: CommandContext,
    outbox: "Outbox",
    file: Path,
    options: dict[str, Any],
    *,
    only_plan: bool,
    yes: bool,
    results: "list[PlanResult]",
) -> int:
    """Plan one file and keep, show or apply its plan. The refused rows are written, even if an error ends the load."""
    table, plan = plan_input(context, file, outbox, options)
    out: Path | None = options["out"]
    if out is not None:
        keep_plan_in(context, plan, outbox, out, send_options(options))
    outcomes: list[RecordOutcome] = []
    results.append((plan, None if only_plan else outcomes))
    try:
        status = show_or_apply(context, plan, outbox, options, only_plan=only_plan, yes=yes, outcomes=outcomes)
    finally:
        _keep_refused(context, table, plan, outcomes, options["refused"])
    if out is not None:
        tell_where_kept(context, plan, out, applied=not only_plan)
    return status


def _check_options(files: tuple[Path, ...], options: dict[str, Any]) -> None:
    if options["from_plan"] is not None and files:
        raise SettingsError("--from-plan takes no FILE: a plan has its own records", fix="leave the file out")
    if options["from_plan"] is None and not files:
        raise SettingsError("Missing argument FILE.", fix="name a file, or a plan with --from-plan")
    if files and not options["as_name"] and options["map_file"] is None:
        raise SettingsError("Missing option --as OBJECT or --map MAP.toml.", fix="name the object, or a mapping")
    if options["from_plan"] is not None and (others := options_given(PLANNING_OPTIONS)):
        raise SettingsError(f"a kept plan is applied as it was made, without {others[0]}", fix="plan the file again")
    if options["out"] is not None and len(files) > 1:
        raise SettingsError("--out keeps the plan of one file", fix="plan the files one by one")
    if options["refused"] is not None and len(files) > 1:
        raise SettingsError("--refused keeps the rows of one file", fix="load the files one by one")
    _protect_inputs(files, options)


def _protect_inputs(files: tuple[Path, ...], options: dict[str, Any]) -> None:
    """Refuse an output that would replace an input of the load, or its other output."""
    used = [path for path in (*files, options["map_file"]) if path is not None]
    for name in ("out", "refused"):
        path = options[name]
        if path is None:
            continue
        if any(_same_file(path, one) for one in used):
            raise SettingsError(f"--{name} would replace {path}, which this load needs", fix="name another file")
        used.append(path)


def _same_file(path: Path, other: Path) -> bool:
    return path.resolve() == other.resolve() or (path.exists() and other.exists() and path.samefile(other))


def parse_load_options(words: Sequence[str]) -> dict[str, Any]:
    """The options of `intacct load`, for programs that load without its command. SettingsError for a wrong one."""
    try:
        with load_command.make_context("load", ["-", *words]) as given:
            return dict(given.params)
    except click.UsageError as error:
        raise SettingsError(" ".join(error.format_message().split())) from None


def _keep_refused(
    context: CommandContext, table: "InputTable", plan: "Plan", outcomes: Sequence["RecordOutcome"], path: Path | None
) -> None:
    """Write the rows that the plan or Intacct refused to the file that the user names."""
    from intacct_bridge.apps.views.load import rejected_rows
    from intacct_bridge.load.layouts.refused_rows import write_refused

    rows = sorted([*plan.refused_rows, *rejected_rows(outcomes)], key=lambda pair: pair[0].number)
    if path is not None and rows:
        count = write_refused(table, rows, path)
        context.recorder.add_file(path)
        context.console.say(f"{counted(count, 'refused row')} in {path}, each with its reason")
    elif path is not None and path.exists():
        context.console.say(f"No row is refused; {path} is from an earlier run.")
