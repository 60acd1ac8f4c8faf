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

    from intacct_bridge.operations.undo import UndoRefusal


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
@file_option("--out", "Save the plan in this file, to have it approved and applied: intacct plan.", metavar="PLAN")
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
    from intacct_bridge.apps.terminal.exit_statuses import FAILURES
    from intacct_bridge.apps.views.load import show_plan
    from intacct_bridge.apps.views.saved_plans import apply_action_plan, approval_hint, save_sound
    from intacct_bridge.operations.undo import UndoRequest, plan_undo

    if (file is not None) + bool(runs) + bool(numbers) != 1:
        raise SettingsError("one of FILE, --run and --entry is needed", fix="Name a file, a run or an entry.")
    if out is not None and not only_plan:
        raise SettingsError("--out saves a plan, and --apply saves none", fix="Leave one of them out.")
    request = UndoRequest(
        file=file.name if file is not None else "",
        runs=runs,
        entries=numbers,
        day=date.date() if date is not None else None,
        delete=delete,
        memo=memo,
    )
    with context.open_outbox():
        undo = plan_undo(context, request)
        _say_left(context, undo.left)
        if undo.refused:
            _show_refused(context, undo.refused)
            return FAILURES
        if undo.plan is None:
            if context.output.as_json:
                context.output.json({"source": undo.source, "records": []})
            context.output.say("There is nothing to take back.")
            return 0
        if not only_plan:
            return apply_action_plan(context, undo.plan, yes=yes)
        if out is not None:
            return save_sound(context, undo.plan, out)
        context.note_choice()
        show_plan(undo.plan, context.output)
    needed = context.connection.needs_approval
    context.output.say(f"Nothing was sent. {approval_hint(context) if needed else 'To do it, add --apply.'}")
    return FAILURES if undo.plan.refused else 0


def _say_left(context: CommandContext, left: "tuple[UndoRefusal, ...]") -> None:
    """Name the entries that are left as they are; those that were released before are counted if they are many."""
    released = [one for one in left if one.entry.status.value == "released"]
    if len(released) > _NAMED:
        numbers = sorted(one.entry.number for one in released)
        context.output.say(
            f"{counted(len(released), 'record')} taken back or released before (entries {numbers[0]} to {numbers[-1]})."
        )
    for refusal in left:
        if len(released) <= _NAMED or refusal not in released:
            context.output.say(f"{refusal.entry.number} {refusal.entry.label}: {refusal.reason}")


def _show_refused(context: CommandContext, refused: "tuple[UndoRefusal, ...]") -> None:
    rows = [(one.entry.number, one.entry.label, one.reason, one.fix) for one in refused]
    context.output.table(("number", "record", "why it cannot be taken back", "fix"), rows)
    context.output.say("Nothing was sent.")
