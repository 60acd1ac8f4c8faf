"""`intacct undo`: take back what a load posted."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from intacct_bridge.apps.cli.command import WRITE, command
from intacct_bridge.apps.cli.context import CommandContext, day_option, file_option, shared_options
from intacct_bridge.apps.cli.postings.records import YES
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.wording import counted

_NAMED = 5
"""Entries that were released before and are named one by one."""

if TYPE_CHECKING:
    from datetime import datetime

    from intacct_bridge.load.outbox.entry import OutboxEntry
    from intacct_bridge.load.outbox.outbox import Outbox
    from intacct_bridge.load.undo.undo import UndoRefusal


@command(
    "undo",
    section=WRITE,
    place=5,
    short_help="Take back what a load posted.",
    exits={1: "something cannot be taken back, or is refused", 3: "", 4: "", 5: ""},
)
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(path_type=Path))
@click.option("--run", "runs", metavar="ID", multiple=True, help="Take back what this run posted. Repeatable.")
@click.option("--entry", "numbers", metavar="N", type=int, multiple=True, help="Take back this entry. Repeatable.")
@day_option("--date", "Date reversals and opposite entries on this day (default: today).")
@click.option("--delete", is_flag=True, help="Delete the records if Intacct allows it, instead of reversing them.")
@click.option("--memo", metavar="TEXT", default="", help="Give reversals this text, and opposite entries this title.")
@click.option("--plan/--apply", "only_plan", default=True, help="Show what would be done (the default), or do it.")
@file_option("--out", "Keep the plan in this file, to have it approved and applied: intacct plan.", metavar="PLAN")
@YES
@shared_options(prints_table=True)
def undo_command(
    context: CommandContext,
    *,
    file: Path | None,
    runs: tuple[str, ...],
    numbers: tuple[int, ...],
    date: "datetime | None",
    delete: bool,
    memo: str,
    only_plan: bool,
    out: Path | None,
    yes: bool,
) -> int:
    """Take back what a load of FILE posted, or one run, or single entries of the outbox.

    Bills, invoices, payments, card transactions and expense reports are reversed on the date. Payment requests are
    voided. A journal entry gets an opposite entry. Other records and drafts are deleted. Updates are taken back by the
    earlier values, if the record still has what the update wrote. The records can be loaded again afterwards.

    \b
    Examples:
      intacct undo payroll.csv
      intacct undo payroll.csv --date 2026-11-30 --apply
      intacct undo --run 5f0c2a7d --apply
      intacct undo --entry 17 --delete --apply
      intacct undo payroll.csv --out undo.plan
    """
    from intacct_bridge.apps.cli.postings.action_plans import apply_actions
    from intacct_bridge.apps.cli.postings.kept_plans import keep_sound, way_to_approval
    from intacct_bridge.apps.terminal.exit_statuses import FAILURES
    from intacct_bridge.apps.views.load import show_plan
    from intacct_bridge.load.plan.plan import Verdict
    from intacct_bridge.load.undo.undo import UndoSettings, plan_undo

    if (file is not None) + bool(runs) + bool(numbers) != 1:
        raise SettingsError("one of FILE, --run and --entry is needed", fix="Name a file, a run or an entry.")
    if out is not None and not only_plan:
        raise SettingsError("--out keeps a plan, and --apply keeps none", fix="Leave one of them out.")
    source = f"undo of {_named(file, runs, numbers)}"
    with context.open_outbox() as outbox:
        outbox.recover()
        chosen = chosen_entries(context, outbox, file, runs, numbers)
        day = date.date() if date is not None else context.client.company_time.date()
        undo = plan_undo(context.client, outbox, chosen, UndoSettings(day, delete, memo), source=source)
        _say_left(context, undo.left)
        if undo.refused:
            _show_refused(context, undo.refused)
            return FAILURES
        if undo.plan is None:
            if context.console.as_json:
                context.console.json({"source": source, "records": []})
            context.console.say("There is nothing to take back.")
            return 0
        if not only_plan:
            return apply_actions(context, undo.plan, outbox, yes=yes)
        if out is not None:
            return keep_sound(context, undo.plan, outbox, out)
        show_plan(undo.plan, context.console)
    needed = context.connection.needs_approval
    context.console.say(f"Nothing was sent. {way_to_approval(context) if needed else 'To do it, add --apply.'}")
    return FAILURES if undo.plan.of(Verdict.REFUSED) else 0


def _named(file: Path | None, runs: tuple[str, ...], numbers: tuple[int, ...]) -> str:
    """What is taken back, in the words of the command line."""
    if file is not None:
        return file.name
    return f"run {', '.join(runs)}" if runs else f"entry {', '.join(map(str, numbers))}"


def chosen_entries(
    context: CommandContext, outbox: "Outbox", file: Path | None, runs: tuple[str, ...], numbers: tuple[int, ...]
) -> "list[OutboxEntry]":
    """The entries that the command line means; all of this company."""
    from intacct_bridge.load.target.target_company import TargetCompany
    from intacct_bridge.load.undo.undo import entries_of_file, entries_of_run

    company = TargetCompany.of(context.connection).company
    if numbers:
        entries = [outbox.entry(number) for number in dict.fromkeys(numbers)]
        other = next((one for one in entries if one.target.company != company), None)
        if other is not None:
            raise SettingsError(f"entry {other.number} is of {other.target.company}", fix="Use a connection to it.")
        return entries
    entries = list(outbox.entries(company=company))
    if file is not None:
        return entries_of_file(entries, file.name)
    found = {one.number: one for run in runs for one in entries_of_run(entries, run)}
    return list(found.values())


def _say_left(context: CommandContext, left: "tuple[UndoRefusal, ...]") -> None:
    """Name the entries that are left as they are; those that were released before are counted if they are many."""
    released = [one for one in left if one.entry.status.value == "released"]
    if len(released) > _NAMED:
        numbers = sorted(one.entry.number for one in released)
        context.console.say(
            f"{counted(len(released), 'record')} taken back or released before (entries {numbers[0]} to {numbers[-1]})."
        )
    for one in left:
        if len(released) <= _NAMED or one not in released:
            context.console.say(f"{one.entry.number} {one.entry.label}: {one.reason}")


def _show_refused(context: CommandContext, refused: "tuple[UndoRefusal, ...]") -> None:
    rows = [(one.entry.number, one.entry.label, one.reason, one.fix) for one in refused]
    context.console.table(("number", "record", "why it cannot be taken back", "fix"), rows)
    context.console.say("Nothing was sent.")
