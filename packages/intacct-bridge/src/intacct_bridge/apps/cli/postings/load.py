"""`intacct load`: a file becomes a plan, and the plan, when it is applied, becomes receipts."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from intacct_bridge.apps.cli.command import WRITE, command
from intacct_bridge.apps.cli.context import SETTLE_AFTER, CommandContext, file_option, number_option, shared_options
from intacct_bridge.apps.cli.postings.saved_plans import (
    apply_saved_plan,
    approval_hint,
    show_saved_plan,
    tell_where_saved,
)
from intacct_bridge.apps.terminal.exit_statuses import FAILURES
from intacct_bridge.apps.views.applying import apply_and_show, json_document
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.wording import counted

if TYPE_CHECKING:
    from intacct_bridge.apps.views.applying import ShownPlan
    from intacct_bridge.operations.loads import LoadRequest
    from intacct_bridge.operations.plans import ApplyOptions, Plan, RecordOutcome


_PLANNING = {
    "as_name": "--as",
    "map_file": "--map",
    "out": "--out",
    "mode": "--mode",
    "key": "--key",
    "draft": "--draft",
    "clear_empty": "--clear-empty",
    "source_name": "--source-name",
    "new": "--new",
    "equal_records": "--equal-records",
    "after_undo": "--after-undo",
    "send_currency": "--send-currency",
    "party_currency": "--party-currency",
    "unusual_rates": "--unusual-rates",
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
"""The options that shape a plan. A saved plan was made with its own, so it takes none of them."""

_GIVEN = (ParameterSource.COMMANDLINE, ParameterSource.DEFAULT_MAP)
"""Where a given value comes from: the command line, or a flow."""


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
@file_option("--out", "Save the plan in this file.", metavar="PLAN")
@click.option(
    "--from-plan",
    metavar="PLAN",
    type=click.Path(path_type=Path),
    help="Show a saved plan; with --apply, apply it.",
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
@click.option("--source-name", metavar="NAME", help="The source that the keys belong to, such as a shop.")
@click.option(
    "--new", metavar="ROW,...", help="Rows whose records are new, though an equal or numbered one was posted."
)
@click.option(
    "--equal-records",
    type=click.Choice(["refuse", "same", "new"]),
    default="refuse",
    help="A record without a key that equals one posted before, if this file lacks others of that one: refuse it"
    " (default), take it for that one, or post it.",
)
@click.option(
    "--after-undo",
    type=click.Choice(["post", "refuse"]),
    help="A record that was taken back and comes again as it was: post it (default), or refuse it (default in a flow).",
)
@click.option(
    "--send-currency",
    type=click.Choice(["auto", "always", "never"]),
    help="Send a document that names no currency with the decided one: always, never, or if the company has several"
    " currencies (default: as the connection says, auto).",
)
@click.option(
    "--party-currency",
    type=click.Choice(["use", "refuse"]),
    help="Use or refuse the currency of a vendor or customer that is not the entity's, for a document that names none"
    " (default: as the connection says, use).",
)
@click.option(
    "--unusual-rates",
    type=click.Choice(["refuse", "use"]),
    help="Refuse or use an exchange rate below 0.000001 or above 1,000,000 (default: as the connection says, refuse).",
)
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
    context: CommandContext,
    *,
    files: tuple[Path, ...],
    only_plan: bool,
    from_plan: Path | None,
    out: Path | None,
    refused: Path | None,
    settle_after: int | None,
    track: tuple[str, ...],
    yes: bool,
    **reading: Any,
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
    from intacct_bridge.operations.plans import ApplyOptions, SendOptions, refuse_without_plan

    _check_options(files, from_plan, as_name=reading["as_name"], map_file=reading["map_file"])
    if reading["new"] and len(files) > 1:
        raise SettingsError("--new names rows of one file, and several are given", fix="load that file alone")
    _check_outputs(files, reading["map_file"], out=out, refused=refused)
    relax_gc()
    sending = SendOptions(reading["batch_size"], reading["atomic"], reading["on_error"] == "stop")
    if from_plan is not None:
        chosen = sending if _options_given({"batch_size": "", "atomic": "", "on_error": ""}) else None
        if only_plan:
            return show_saved_plan(context, from_plan, chosen)
        return apply_saved_plan(context, from_plan, sending=chosen, settle_after=settle_after, track=track, yes=yes)
    if not only_plan:
        refuse_without_plan(context.connection, fix=approval_hint(context))
    waits = None if settle_after is None else timedelta(seconds=settle_after)
    apply = ApplyOptions(sending=sending, settle_after=waits, tracked=track, skip_refused=True)
    work = _FileLoad(context, apply, only_plan=only_plan, out=out, refused=refused, yes=yes)
    with context.open_outbox(), json_document(context, context.output) as results:
        status = max([work.load(_request(file, reading, context.flow), results) for file in files])
    if only_plan and out is None and not context.output.as_json:
        _tell_next(context, [plan for plan, _ in results])
    return status


@dataclass(frozen=True, slots=True)
class _FileLoad:
    """What is done with each file."""

    context: CommandContext
    apply: "ApplyOptions"
    only_plan: bool
    out: Path | None
    refused: Path | None
    yes: bool

    def load(self, request: "LoadRequest", results: "list[ShownPlan]") -> int:
        """Plan one file and save, show or apply its plan. Refused rows are written, even if an error ends the load."""
        from intacct_bridge.apps.views.load import show_plan
        from intacct_bridge.operations.loads import plan_load
        from intacct_bridge.operations.plans import save_plan

        context = self.context
        plan = plan_load(context, request)
        saved = save_plan(context, plan, self.out, sending=self.apply.sending) if self.out is not None else None
        outcomes: list[RecordOutcome] = []
        try:
            if self.only_plan:
                results.append((plan, None))
                if not context.output.as_json:
                    show_plan(plan, context.output)
                status = FAILURES if plan.refused else 0
            else:
                status = apply_and_show(
                    context, context.output, plan, self.apply, outcomes, yes=self.yes, results=results
                )
        finally:
            if self.refused is not None:
                _write_refused(context, plan, outcomes, self.refused)
        if saved is not None:
            tell_where_saved(context, saved, applied=not self.only_plan)
        return status


def _write_refused(context: CommandContext, plan: "Plan", outcomes: "Sequence[RecordOutcome]", path: Path) -> None:
    """Write the rows that the plan or Intacct refused to the file that the user names."""
    from intacct_bridge.operations.loads import write_refused_rows

    count = write_refused_rows(plan, outcomes, path)
    if count:
        context.recorder.add_file(path)
        context.output.say(f"{counted(count, 'refused row')} in {path}, each with its reason")
    elif path.exists():
        context.output.say(f"No row is refused; {path} is from an earlier run.")


def _tell_next(context: CommandContext, plans: "Sequence[Plan]") -> None:
    """Say that nothing was sent, and which command goes on."""
    if context.connection.needs_approval:
        context.output.say("Nothing was sent. To have the plan approved, save it with --out PLAN.")
        return
    words = shlex.join(word for word in context.arguments if word != "--plan")
    applicable = any(plan.to_send for plan in plans)
    context.output.say(f"Nothing was sent.{f' To apply the plan: intacct {words} --apply' if applicable else ''}")


def _request(file: Path, reading: dict[str, Any], flow: str) -> "LoadRequest":
    """The load of one file. In a flow no person sees that a record was taken back before, so it is refused."""
    from intacct_bridge.operations.loads import LoadRequest, Mode, column_values, date_formats, key_names, row_numbers

    return LoadRequest(
        source=file,
        layout=reading["as_name"],
        mapping=reading["map_file"],
        mode=Mode(reading["mode"]),
        key=key_names(reading["key"] or ""),
        encoding=reading["encoding"],
        delimiter=reading["delimiter"],
        sheet=reading["sheet"],
        header_row=reading["header_row"],
        decimal=reading["decimal"],
        date_order=reading["date_order"],
        date_formats=date_formats(reading["date_format"], "--date-format"),
        constants=column_values(reading["constants"], "--set"),
        where=reading["where"],
        draft=reading["draft"],
        clear_empty=reading["clear_empty"],
        source_name=reading["source_name"] or "",
        new=row_numbers(reading["new"] or "", "--new"),
        equal_records=reading["equal_records"],
        after_undo=reading["after_undo"] or ("refuse" if flow else "post"),
        send_currency=reading["send_currency"] or "",
        party_currency=reading["party_currency"] or "",
        unusual_rates=reading["unusual_rates"] or "",
        offline=reading["offline"],
        attachment_folder=reading["attachment_folder"],
    )


def _check_options(files: tuple[Path, ...], from_plan: Path | None, *, as_name: str, map_file: Path | None) -> None:
    if from_plan is not None and files:
        raise SettingsError("--from-plan already contains the records", fix="leave FILE out")
    if from_plan is None and not files:
        raise SettingsError("Missing argument FILE.", fix="name a file, or a plan with --from-plan")
    if files and not as_name and map_file is None:
        raise SettingsError("Missing option --as OBJECT or --map MAP.toml.", fix="name the object, or a mapping")
    if from_plan is not None and (others := _options_given(_PLANNING)):
        raise SettingsError(f"a saved plan is applied as it was made, without {others[0]}", fix="plan the file again")


def _check_outputs(files: tuple[Path, ...], map_file: Path | None, *, out: Path | None, refused: Path | None) -> None:
    """Refuse an output of several files, or one that would replace an input of the load or its other output."""
    if out is not None and len(files) > 1:
        raise SettingsError("--out saves the plan of one file", fix="plan the files one by one")
    if refused is not None and len(files) > 1:
        raise SettingsError("--refused keeps the rows of one file", fix="load the files one by one")
    used = [path for path in (*files, map_file) if path is not None]
    for name, path in (("out", out), ("refused", refused)):
        if path is None:
            continue
        if any(_same_file(path, other) for other in used):
            raise SettingsError(f"--{name} would replace {path}, which this load needs", fix="name another file")
        used.append(path)


def _same_file(path: Path, other: Path) -> bool:
    return path.resolve() == other.resolve() or (path.exists() and other.exists() and path.samefile(other))


def _options_given(names: dict[str, str]) -> list[str]:
    """The given options that are among these: by the parameter's name, as the user writes them."""
    source = click.get_current_context().get_parameter_source
    return [option for name, option in names.items() if source(name) in _GIVEN]
