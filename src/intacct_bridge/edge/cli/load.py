"""`intacct load`: a file becomes a plan, and the plan, when it is applied, becomes receipts."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from intacct_bridge.edge.cli.context import SETTLE_AFTER, CommandContext, file_option, number_option, shared_options
from intacct_bridge.errors import InDoubtError, IntacctError, SettingsError
from intacct_bridge.model.wording import counted

if TYPE_CHECKING:
    from intacct_bridge.client.client import Client
    from intacct_bridge.flow.company.legacy import LegacyGateway
    from intacct_bridge.flow.layouts.base import Layout
    from intacct_bridge.flow.outbox.outbox import Outbox
    from intacct_bridge.flow.plan.plan import Plan, PlanSettings, SendOptions
    from intacct_bridge.flow.post.loader import LoadSettings
    from intacct_bridge.flow.post.outcome import RecordOutcome
    from intacct_bridge.flow.tables.table import InputTable

    Done = tuple[Plan, Sequence[RecordOutcome] | None]

FAILURES, IN_DOUBT = 1, 5
OF_PLANNING = {
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
    "sheet": "--sheet",
}
"""The options that shape a plan; a kept plan was made with its own."""


@click.command("load")
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
    help="Columns that identify a record in its source; to update or delete, the fields to find it by (A,B).",
)
@number_option("--batch-size", "Records in one request.", least=1, most=100, default=100)
@click.option("--atomic", is_flag=True, help="Apply all records of a request or none.")
@click.option("--draft", is_flag=True, help="Post drafts, which change no balances yet.")
@click.option(
    "--on-error",
    type=click.Choice(["stop", "continue"]),
    default="continue",
    show_default=True,
    help="What to do after a record that Intacct refuses.",
)
@number_option("--settle-after", SETTLE_AFTER, metavar="S")
@click.option(
    "--clear-empty", is_flag=True, help="Clear the field when the cell is empty (default: leave it unchanged)."
)
@click.option("--allow-duplicates", is_flag=True, help="Post even if Intacct already has a record with this key.")
@click.option("--offline", is_flag=True, help="Plan without asking the company.")
@file_option("--refused", "Write refused rows to this file, each with the reason.")
@click.option(
    "--attachment-folder",
    metavar="NAME",
    default="Uploads",
    show_default=True,
    help="The attachment folder in Intacct for files that an `attachments` column names.",
)
@click.option(
    "--date-order", type=click.Choice(["mdy", "dmy"]), help="The order of month and day in dates with slashes."
)
@click.option(
    "--date-format",
    metavar="[COLUMN=]FORMAT",
    multiple=True,
    help="The format of dates in a column, or in all: DD.MM.YYYY, D-MMM-YY. May be repeated.",
)
@number_option("--header-row", "The row with the names of the columns (default: detected).", least=1, metavar="N")
@click.option(
    "--set",
    "constants",
    metavar="COLUMN=VALUE",
    multiple=True,
    help="Add a column with this value in every row, such as journal=PYRJ. May be repeated.",
)
@click.option("--where", metavar="FILTER", help="Leave out the rows that do not meet this filter on columns.")
@click.option("--encoding", help="The encoding of the text file (default: detected).")
@click.option("--delimiter", help="The delimiter of the text file (default: detected).")
@click.option("--sheet", help="The Excel sheet (default: the first).")
@click.option("--track", metavar="FIELD", multiple=True, help="Keep this field's value in the outbox; may be repeated.")
@click.option("--yes", is_flag=True, help="Write to a production company without confirmation.")
@shared_options(prints_table=True)
def load_command(
    context: CommandContext, *, files: tuple[Path, ...], only_plan: bool, yes: bool, **options: Any
) -> int:
    """Load the records of FILE (CSV, JSON lines, Parquet, Excel): show the plan, then --apply it.

    Rows that an earlier run posted are recognised and not posted again, regardless of what happened in between.

    \b
    Examples:
      intacct load payroll.csv --as journal-entries
      intacct load payroll.csv --as journal-entries --apply
      intacct load bills.xlsx --as bills
      intacct load payroll.xlsx --sheet June --as journal-entries --refused corrections.csv
      intacct load payroll.xlsx --as journal-entries --set journal=PYRJ --set date=2026-11-15 --set title=Payroll
      intacct load bills.csv --as bills --where "status = 'Approved'" --date-format 'Due=DD.MM.YYYY'
      intacct load vendors.csv --as VENDOR --mode upsert
      intacct load bills.csv --map bills.toml --out bills.plan
      intacct load --from-plan bills.plan --apply
    """
    from intacct_bridge.edge.terminal.memory import collect_less
    from intacct_bridge.flow.approval.admission import refuse_without_plan

    _check_options(files, options)
    collect_less()
    if files and not only_plan:
        refuse_without_plan(context.connection, fix=way_to_approval(context))
    status = 0
    with context.open_outbox() as outbox, _document(context) as done:
        if options["from_plan"] is not None:
            path = options["from_plan"]
            status = run_kept_plan(context, outbox, path, options, only_plan=only_plan, yes=yes, done=done)
        for file in files:
            table, plan = plan_input(context, file, outbox, options)
            _keep_plan(context, plan, outbox, options)
            outcomes: list[RecordOutcome] = []
            done.append((plan, None if only_plan else outcomes))
            try:
                ended = _show_or_apply(context, plan, outbox, options, only_plan=only_plan, yes=yes, outcomes=outcomes)
            finally:
                _keep_refused(context, table, plan, outcomes, options["refused"])
            status = max(status, ended)
    if only_plan and files and not context.console.as_json and not context.connection.needs_approval:
        words = shlex.join(word for word in context.arguments if word != "--plan")
        applicable = options["out"] is None and any(has_work(plan) for plan, _ in done)
        context.console.say(f"Nothing was sent.{f' To apply the plan: intacct {words} --apply' if applicable else ''}")
    return status


@contextmanager
def _document(context: CommandContext) -> "Iterator[list[Done]]":
    """Under --json, print one document about all plans at the end, however the load ends; the body adds the plans.

    A plan comes with its outcomes, or with None where it is only shown.
    """
    done: list[Done] = []
    try:
        yield done
    finally:
        if context.console.as_json and done:
            from intacct_bridge.edge.views.document import run_document
            from intacct_bridge.edge.views.load import load_data

            context.console.json(run_document(context.recorder, load_data(done, context.console)))


def _check_options(files: tuple[Path, ...], options: dict[str, Any]) -> None:
    if options["from_plan"] is not None and files:
        raise SettingsError("--from-plan takes no FILE: a plan has its own records", fix="leave the file out")
    if options["from_plan"] is None and not files:
        raise SettingsError("Missing argument FILE.", fix="name a file, or a plan with --from-plan")
    if files and not options["as_name"] and options["map_file"] is None:
        raise SettingsError("Missing option --as OBJECT or --map MAP.toml.", fix="name the object, or a mapping")
    if options["from_plan"] is not None and (others := _given(OF_PLANNING)):
        raise SettingsError(f"a kept plan is applied as it was made, without {others[0]}", fix="plan the file again")
    if options["out"] is not None and len(files) > 1:
        raise SettingsError("--out keeps the plan of one file", fix="plan the files one by one")
    if options["refused"] is not None and len(files) > 1:
        raise SettingsError("--refused keeps the rows of one file", fix="load the files one by one")
    _protect_inputs(files, options)


def _given(names: dict[str, str]) -> list[str]:
    """Those of these options that are on the command line."""
    context = click.get_current_context(silent=True)
    if context is None:  # a page of the console has no command line
        return []
    return [
        option for name, option in names.items() if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]


def _protect_inputs(files: tuple[Path, ...], options: dict[str, Any]) -> None:
    """Refuse an output that would replace an input of the load, or its other output."""
    taken = [path for path in (*files, options["map_file"]) if path is not None]
    for name in ("out", "refused"):
        path = options[name]
        if path is None:
            continue
        if any(_same(path, one) for one in taken):
            raise SettingsError(f"--{name} would replace {path}, which this load needs", fix="name another file")
        taken.append(path)


def _same(path: Path, other: Path) -> bool:
    return path.resolve() == other.resolve() or (path.exists() and other.exists() and path.samefile(other))


def _keep_plan(context: CommandContext, plan: "Plan", outbox: "Outbox", options: dict[str, Any]) -> None:
    path: Path | None = options["out"]
    if path is None:
        if context.connection.needs_approval:
            context.console.say("Nothing was sent. To have the plan approved, keep it with --out PLAN.")
        return
    keep_in(context, plan, outbox, path, send_options(options))


def keep_in(
    context: CommandContext, plan: "Plan", outbox: "Outbox", path: Path, sending: "SendOptions | None" = None
) -> None:
    """Keep a plan in a file, and say which command goes on with it."""
    from intacct_bridge.client.local.account import account_name
    from intacct_bridge.flow.approval.approvals import keep_plan
    from intacct_bridge.flow.plan.plan import SendOptions
    from intacct_bridge.flow.plan.plan_file import save_plan

    kept = keep_plan(plan, context.load_gateway, outbox, sending or SendOptions(), person=account_name())
    save_plan(kept, path)
    context.console.say(f"The plan is in {path}.")
    connection = context.connection
    if connection.four_eyes or (connection.approvers and account_name() not in connection.approvers):
        context.console.say(f"Only {account_name()} may read the file: let the approver read it, too.")
    if has_work(plan):
        next_step(context, path, approved=not connection.needs_approval)
    else:
        context.console.say("It has no record to send.")


def has_work(plan: "Plan") -> bool:
    """Whether a plan has records to send, or records in doubt that may have to be sent again."""
    from intacct_bridge.flow.plan.plan import WRITTEN, Verdict

    return bool(plan.of(*WRITTEN, Verdict.IN_DOUBT))


def keep_sound(context: CommandContext, plan: "Plan", outbox: "Outbox", out: Path) -> int:
    """Show a plan and keep it, unless it refuses a record or has nothing to do."""
    from intacct_bridge.edge.views.load import show_plan
    from intacct_bridge.flow.plan.plan import Verdict

    show_plan(plan, context.console)
    refused = bool(plan.of(Verdict.REFUSED))
    if refused or not has_work(plan):
        context.console.say(f"Nothing is kept in {out}: {'the plan is refused' if refused else 'nothing is to do'}.")
        return FAILURES if refused else 0
    keep_in(context, plan, outbox, out)
    return 0


def way_to_approval(context: CommandContext) -> str:
    """How the command that was given becomes a plan that a person can approve."""
    unwanted = ("--apply", "--plan", "--yes")
    words = shlex.join(word for word in context.arguments if word not in unwanted)
    return f"Keep its plan: intacct {words} --out PLAN. Then have it approved: intacct plan approve PLAN"


def next_step(context: CommandContext, path: Path, *, approved: bool) -> None:
    """Say which command goes on with a kept plan."""
    named = [("--connection", context.name), ("--entity", context.entity)]
    words = shlex.join([str(path), *(word for name, value in named if value for word in (name, value))])
    if approved:
        context.console.say(f"To apply it: intacct plan apply {words}")
    else:
        context.console.say(f"It needs an approval: intacct plan approve {words}")


def send_options(options: dict[str, Any]) -> "SendOptions":
    """How a load's records are sent."""
    from intacct_bridge.flow.plan.plan import SendOptions

    return SendOptions(options["batch_size"], options["atomic"], options["on_error"] == "stop")


def run_kept_plan(
    context: CommandContext,
    outbox: "Outbox",
    path: Path,
    options: dict[str, Any],
    *,
    only_plan: bool,
    yes: bool,
    done: "list[Done] | None" = None,
) -> int:
    """Show or apply a kept plan, once the company was seen to be as it was planned for.

    `done` gets the plan and its outcomes, unless the plan is shown with its approvals.
    """
    from intacct_bridge.edge.views.approval import show_kept
    from intacct_bridge.flow.approval.admission import (
        approval_problem,
        confirmed_plan,
        needs_approval,
        refuse_unapproved,
    )
    from intacct_bridge.flow.approval.approvals import made_plan
    from intacct_bridge.flow.approval.plan_folder import plan_file
    from intacct_bridge.flow.plan.plan import WRITTEN, Verdict
    from intacct_bridge.flow.plan.plan_file import open_plan

    path = plan_file(path, outbox)
    plan = open_plan(path)
    if plan.origin is None:
        return _run_earlier_plan(context, outbox, path, plan, options, only_plan=only_plan, yes=yes, done=done)
    sending = plan.origin.options
    given = _given({"batch_size": "--batch-size", "atomic": "--atomic", "on_error": "--on-error"})
    if given and send_options(options) != sending:
        raise SettingsError(f"a kept plan is applied as it was made, without {given[0]}", fix="plan the file again")
    made = made_plan(plan, context.load_gateway, outbox)
    if not only_plan:
        refuse_unapproved(plan, made, context.connection, outbox)
    confirmed = confirmed_plan(plan, made, context.load_gateway, outbox)
    if not only_plan:
        options = {
            **options,
            "batch_size": sending.batch_size,
            "atomic": sending.atomic,
            "on_error": "stop" if sending.stop_on_error else "continue",
        }
        return _run_plan(context, confirmed, outbox, options, only_plan=False, yes=yes, done=done)
    problem = approval_problem(made, context.connection, outbox)
    show_kept(confirmed, made, outbox.approvals(made.id), context.console, problem=problem)
    if not context.console.as_json and confirmed.of(*WRITTEN, Verdict.IN_DOUBT):
        context.console.say("Nothing was sent.")
        next_step(context, path, approved=not (problem and needs_approval(plan, context.connection)))
    elif not context.console.as_json:
        context.console.say("Nothing is left to apply.")
    return FAILURES if plan.of(Verdict.REFUSED) else 0


def _run_earlier_plan(
    context: CommandContext,
    outbox: "Outbox",
    path: Path,
    plan: "Plan",
    options: dict[str, Any],
    *,
    only_plan: bool,
    yes: bool,
    done: "list[Done] | None",
) -> int:
    """Show or apply a plan of a version that kept no approvals; where they are required, it can only be shown."""
    from intacct_bridge.flow.approval.admission import refuse_without_plan
    from intacct_bridge.flow.plan.planner import confirm_plan

    if not only_plan:
        refuse_without_plan(context.connection)
    confirmed = confirm_plan(plan, context.load_gateway, outbox)
    status = _run_plan(context, confirmed, outbox, options, only_plan=only_plan, yes=yes, done=done)
    if not only_plan or context.console.as_json:
        return status
    if context.connection.needs_approval:
        context.console.say("Nothing was sent. The plan is of an earlier version and cannot be approved.")
    else:
        context.console.say("Nothing was sent.")
        next_step(context, path, approved=True)
    return status


def _run_plan(
    context: CommandContext,
    plan: "Plan",
    outbox: "Outbox",
    options: dict[str, Any],
    *,
    only_plan: bool,
    yes: bool,
    done: "list[Done] | None",
) -> int:
    """Show or apply one plan; where no caller collects the documents, print one about it."""
    outcomes: list[RecordOutcome] = []
    with _document(context) as own:
        (own if done is None else done).append((plan, None if only_plan else outcomes))
        return _show_or_apply(context, plan, outbox, options, only_plan=only_plan, yes=yes, outcomes=outcomes)


def load_options(words: Sequence[str]) -> dict[str, Any]:
    """The options of a load, checked as on the command line. SettingsError for a wrong one."""
    try:
        with load_command.make_context("load", ["-", *words]) as given:
            return dict(given.params)
    except click.UsageError as error:
        raise SettingsError(" ".join(error.format_message().split())) from None


def plan_input(
    context: CommandContext,
    file: Path,
    outbox: "Outbox",
    options: dict[str, Any],
    *,
    came_with: Mapping[str, Path] | None = None,
) -> tuple["InputTable", "Plan"]:
    """A file's rows and its plan; `came_with`: the only files that its rows may name, in place of those beside it."""
    from intacct_bridge.flow.plan.planner import make_plan

    layout = layout_of(context, file, options)
    table = input_table(file, layout, options, came_with=came_with)
    return table, make_plan(table, layout, context.load_gateway, outbox, plan_settings(options))


def plan_settings(options: dict[str, Any]) -> "PlanSettings":
    """How the options want a plan made."""
    from intacct_bridge.flow.plan.plan import Mode, PlanSettings

    mode = Mode(options["mode"])
    return PlanSettings(
        offline=options["offline"],
        allow_duplicates=options["allow_duplicates"],
        mode=mode,
        match=() if mode is Mode.CREATE else tuple(name.upper() for name in key_names(options)),
    )


def key_names(options: dict[str, Any]) -> tuple[str, ...]:
    """The columns, or fields, that identify a record."""
    return tuple(name.strip() for name in (options["key"] or "").split(",") if name.strip())


def layout_of(context: CommandContext, file: Path, options: dict[str, Any]) -> "Layout":
    """The layout that the options choose for a file."""
    from intacct_bridge.flow.tables.open import check_input

    check_input(file)
    return chosen_layout(context.load_gateway, options)


def chosen_layout(company: "LegacyGateway", options: dict[str, Any]) -> "Layout":
    """The layout that the options choose."""
    from intacct_bridge.flow.layouts.choose import layout_for
    from intacct_bridge.flow.plan.plan import Mode

    mode = Mode(options["mode"])
    return layout_for(
        options["as_name"],
        company,
        map_file=options["map_file"],
        draft=options["draft"],
        clear=options["clear_empty"],
        key=key_names(options) if mode is Mode.CREATE else (),
        date_order=options["date_order"],
        date_formats=_date_formats(options["date_format"]),
        folder=options["attachment_folder"],
        offline=options["offline"],
        complete=mode is Mode.CREATE,
    )


def input_table(
    file: Path, layout: "Layout", options: dict[str, Any], *, came_with: Mapping[str, Path] | None = None
) -> "InputTable":
    """The rows of the file as the user wants them read; `came_with`: the only files that they may name."""
    from intacct_bridge.flow.layouts.refused_rows import with_folder_of_files
    from intacct_bridge.flow.tables.header_row import HeaderSearch
    from intacct_bridge.flow.tables.open import open_table
    from intacct_bridge.flow.tables.row_filter import with_constants, with_filter

    constants = dict(_pair(text, "--set") for text in options["constants"])
    search = HeaderSearch(options["header_row"], layout.knows, lambda columns: layout.fits([*columns, *constants]))
    table = open_table(
        file, encoding=options["encoding"], delimiter=options["delimiter"], sheet=options["sheet"], search=search
    )
    if came_with is None:
        table = with_folder_of_files(table)
    return replace(with_filter(with_constants(table, constants), options["where"]), came_with=came_with)


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise SettingsError(f"{option} {text}: it is not COLUMN=VALUE", fix=f"write {option} COLUMN=VALUE")
    return name.strip(), value.strip()


def _date_formats(texts: Sequence[str]) -> dict[str, str]:
    """The formats of dates by column; an empty name stands for all other columns."""
    from intacct_bridge.model.day_formats import check_format

    pairs = [_pair(text, "--date-format") if "=" in text else ("", text) for text in texts]
    return {name: check_format(pattern) for name, pattern in pairs}


def _keep_refused(
    context: CommandContext, table: "InputTable", plan: "Plan", outcomes: Sequence["RecordOutcome"], path: Path | None
) -> None:
    """Write the rows that the plan or Intacct refused to the file that the user names."""
    from intacct_bridge.edge.views.load import rejected_rows
    from intacct_bridge.flow.layouts.refused_rows import write_refused

    rows = sorted([*plan.refused_rows, *rejected_rows(outcomes)], key=lambda pair: pair[0].number)
    if path is not None and rows:
        count = write_refused(table, rows, path)
        context.recorder.add_file(path)
        context.console.say(f"{counted(count, 'refused row')} in {path}, each with its reason")
    elif path is not None and path.exists():
        context.console.say(f"No row is refused; {path} is from an earlier run.")


def _show_or_apply(
    context: CommandContext,
    plan: "Plan",
    outbox: "Outbox",
    options: dict[str, Any],
    *,
    only_plan: bool,
    yes: bool,
    outcomes: list["RecordOutcome"],
) -> int:
    """Show one file's plan, apply it unless only the plan is wanted, and return the exit status."""
    from intacct_bridge.edge.views.load import show_known, show_plan
    from intacct_bridge.flow.plan.plan import WRITTEN, Verdict
    from intacct_bridge.flow.records.write import WriteOperation
    from intacct_bridge.flow.runs.run import RecordCounts

    recorder = context.recorder
    recorder.destination = context.connection.target
    recorder.records += RecordCounts(refused=len(plan.of(Verdict.REFUSED)))
    if not context.console.as_json:
        show_plan(plan, context.console, records=only_plan)
    refused = FAILURES if plan.of(Verdict.REFUSED) else 0
    if only_plan:
        return refused
    if not has_work(plan):
        known = plan.of(Verdict.UNCHANGED)
        created = all(record.write.operation is WriteOperation.CREATE for record in known)
        already = "already in Intacct" if created else "already as planned"
        recorder.records += RecordCounts(known=len(known))
        parts = [f"{counted(len(known), 'record')} {already}"] if known else []
        parts += [f"{counted(len(plan.of(Verdict.REFUSED)), 'record')} refused"] if refused else []
        context.console.say(f"Nothing to send: {', '.join(parts) or 'no records'}.")
        if not context.console.as_json:
            show_known(known, context.console)
        return refused
    count = len(plan.of(*WRITTEN, Verdict.IN_DOUBT))  # records in doubt may have to be sent again
    context.allow_write(f"{counted(count, 'record')} of {plan.source}", yes=yes)
    return max(refused, _apply(context, plan, outbox, load_settings(context.client, options), outcomes=outcomes))


def load_settings(client: "Client", options: dict[str, Any]) -> "LoadSettings":
    """How the options want a plan applied."""
    from intacct_bridge.flow.post.loader import LoadSettings
    from intacct_bridge.flow.post.settle import SettleSettings

    after = options["settle_after"]
    proven = client.runtime.calibration.memory_proven
    waits = SettleSettings().settle_after if after is None else timedelta(seconds=after)
    settle = SettleSettings(settle_after=waits, memory_proven=proven)
    return LoadSettings(
        batch_size=options["batch_size"],
        atomic=options["atomic"],
        stop_on_error=options["on_error"] == "stop",
        settle=settle,
        tracked=tuple(name.upper() for name in options["track"]),
    )


def _apply(
    context: CommandContext,
    plan: "Plan",
    outbox: "Outbox",
    settings: "LoadSettings",
    *,
    outcomes: list["RecordOutcome"],
) -> int:
    from intacct_bridge.edge.terminal.progress import progress
    from intacct_bridge.edge.views.load import log_outcomes, show_outcomes, tally, unreached
    from intacct_bridge.flow.post.loader import Loader
    from intacct_bridge.flow.records.status import RecordStatus

    stopped: IntacctError | None = None
    meter = context.client.meter
    with progress(context.console, spent=lambda: meter.transactions) as view:
        view.update(plan.source, 0, len(plan.records))
        try:
            for outcome in Loader(context.load_gateway, outbox, settings).apply(plan):
                outcomes.append(outcome)
                view.update(plan.source, len(outcomes), len(plan.records))
        except IntacctError as error:
            stopped = error
        finally:
            context.recorder.add_records([one.status for one in outcomes], unsent=unreached(outcomes, plan))
        view.finish(plan.source, len(outcomes))
    log_outcomes(outcomes, context.console)
    if not context.console.as_json:
        show_outcomes(outcomes, context.console)
    context.console.say(f"{tally(outcomes, plan)}; {counted(meter.transactions, 'API transaction')}")
    doubtful = any(outcome.status is RecordStatus.IN_DOUBT for outcome in outcomes)
    if doubtful:
        context.console.say(
            "Some records are in doubt: run the same command again later, or see `intacct outbox list`."
        )
    if stopped is not None and not (doubtful and not isinstance(stopped, InDoubtError)):
        raise stopped
    if doubtful:
        return IN_DOUBT
    return 0 if all(outcome.good for outcome in outcomes) else FAILURES
