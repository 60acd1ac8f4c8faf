"""Saved plans: shown and applied, and which command goes on with them."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from intacct_bridge.apps.terminal.command_context import CommandContext
from intacct_bridge.apps.terminal.exit_statuses import FAILURES
from intacct_protocol.model.wording import counted

if TYPE_CHECKING:
    from intacct_bridge.operations.plans import Plan, RecordOutcome, RecordQuery, SavedPlan, SendOptions


def tell_where_saved(context: CommandContext, saved: "SavedPlan", *, applied: bool = False) -> None:
    """Say in which file the plan is and, unless it was applied, which command goes on with it."""
    if applied:
        context.output.say(f"The plan is in {saved.file}.")
        return
    context.output.say(f"Nothing was sent. The plan is in {saved.file}.")
    connection = context.connection
    if connection.four_eyes or (connection.approvers and context.actor not in connection.approvers):
        context.output.say(f"Only {context.actor} may read the file: let the approver read it, too.")
    if saved.open_records:
        next_step(context, saved.argument, approved=not connection.needs_approval)
    else:
        context.output.say("It has no record to send.")


def save_sound(context: CommandContext, plan: "Plan", out: Path) -> int:
    """Show a plan and save it, unless it refuses a record or has nothing to do."""
    from intacct_bridge.apps.views.load import show_plan
    from intacct_bridge.operations.plans import save_plan

    show_plan(plan, context.output)
    if plan.refused or not plan.to_send:
        why = "it refuses a record" if plan.refused else "there is nothing to post"
        context.output.say(f"No plan was saved to {out}: {why}.")
        return FAILURES if plan.refused else 0
    tell_where_saved(context, save_plan(context, plan, out))
    return 0


def approval_hint(context: CommandContext) -> str:
    """The fix for a command that needs an approved plan: the same command with --out, and then `plan approve`."""
    unwanted = ("--apply", "--plan", "--yes")
    words = shlex.join(word for word in context.arguments if word not in unwanted)
    return f"Save its plan: intacct {words} --out PLAN. Then have it approved: intacct plan approve PLAN"


def next_step(context: CommandContext, plan: Path | str, *, approved: bool) -> None:
    """Say which command goes on with a saved plan."""
    named = [("--connection", context.name), ("--entity", context.entity)]
    words = shlex.join([str(plan), *(word for name, value in named if value for word in (name, value))])
    if approved:
        context.output.say(f"To apply it: intacct plan apply {words}")
    else:
        context.output.say(f"It needs an approval: intacct plan approve {words}")


def show_saved_plan(
    context: CommandContext,
    path: Path,
    sending: "SendOptions | None" = None,
    *,
    query: "RecordQuery | None" = None,
    record: int | None = None,
) -> int:
    """Show a saved plan as the company is now, with its approvals, and say which command goes on with it.

    `query`: which records to list; after the first page, only these are shown. `record`: show this one alone.
    """
    from intacct_bridge.apps.views.approval import show_content, show_records_of, show_saved
    from intacct_bridge.operations.plans import RecordQuery, open_revalidated

    saved = open_revalidated(context, path)
    saved.refuse_other_sending(sending)
    context.note_choice()
    if record is not None and not context.output.as_json:
        show_content(saved, saved.summary.record(record), context.output)
        return 0
    query = query or RecordQuery()
    if query.page > 1 and not context.output.as_json:
        page = saved.summary.page(query)
        show_records_of(saved, page, context.output)
    else:
        page = show_saved(saved, context.output, query)
    if not page.is_last and not context.output.as_json:
        context.output.say(f"The next page: --page {page.page + 1}. One record in full: --record NUMBER")
    if not context.output.as_json and saved.open_records:
        context.output.say("Nothing was sent.")
        next_step(context, saved.argument, approved=saved.is_approved or not saved.needs_approval)
    elif not context.output.as_json:
        context.output.say("Nothing is left to apply.")
    return FAILURES if saved.refused_records else 0


def apply_saved_plan(
    context: CommandContext,
    path: Path,
    *,
    sending: "SendOptions | None" = None,
    settle_after: int | None,
    track: tuple[str, ...],
    yes: bool,
) -> int:
    """Apply a saved plan, and show it with its receipts."""
    from datetime import timedelta

    from intacct_bridge.apps.views.applying import apply_and_show, json_document
    from intacct_bridge.operations.plans import ApplyOptions

    waits = None if settle_after is None else timedelta(seconds=settle_after)
    options = ApplyOptions(sending=sending, settle_after=waits, tracked=track)
    with json_document(context, context.output) as results:
        return apply_and_show(context, context.output, path, options, [], yes=yes, results=results)


def apply_action_plan(context: CommandContext, plan: "Plan", *, yes: bool) -> int:
    """Do what a plan that comes from no file says, and show the receipts; nothing if it refuses a record."""
    from intacct_bridge.apps.views.applying import sum_up
    from intacct_bridge.apps.views.load import show_outcomes, show_plan
    from intacct_bridge.operations.plans import apply_plan, refuse_without_plan, tally

    if plan.refused or not plan.to_send:
        show_plan(plan, context.output)
    refuse_without_plan(context.connection, fix=approval_hint(context))
    if plan.refused:
        return FAILURES
    if not plan.to_send:
        return 0
    what = f"{counted(len(plan.to_send), 'record')} ({plan.source})"
    outcomes: list[RecordOutcome] = []
    try:
        receipts = apply_plan(
            context, plan, confirm=lambda _: context.allow_write(what, yes=yes), progress=outcomes.append
        )
    except KeyboardInterrupt:
        show_outcomes(outcomes, context.output)
        if outcomes:
            context.output.say(tally(outcomes, plan))
        raise
    show_outcomes(receipts.outcomes, context.output)
    return sum_up(context.output, receipts)
