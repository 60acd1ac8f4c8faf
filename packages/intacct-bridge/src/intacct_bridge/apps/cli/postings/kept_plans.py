"""Plans in files: how a plan is kept, which command goes on with it, and how it is shown or applied later."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intacct_bridge.apps.cli.context import CommandContext
from intacct_bridge.apps.cli.postings.apply import run_plan
from intacct_bridge.apps.cli.postings.load_options import options_given, send_options
from intacct_bridge.apps.terminal.exit_statuses import FAILURES
from intacct_protocol.errors import SettingsError

if TYPE_CHECKING:
    from intacct_bridge.apps.cli.postings.apply import PlanResult
    from intacct_bridge.load.outbox.entry import KeptPlan
    from intacct_bridge.load.outbox.outbox import Outbox
    from intacct_bridge.load.plan.plan import Plan, SendOptions


def keep_plan_in(
    context: CommandContext, plan: "Plan", outbox: "Outbox", path: Path, sending: "SendOptions | None" = None
) -> None:
    """Keep a plan in a file."""
    from intacct_bridge.load.approval.approvals import keep_plan
    from intacct_bridge.load.plan.plan import SendOptions
    from intacct_bridge.load.plan.plan_file import save_plan
    from intacct_bridge.machine.account import account_name

    kept = keep_plan(plan, context.client, outbox, sending or SendOptions(), person=account_name())
    save_plan(kept, path)


def tell_where_kept(context: CommandContext, plan: "Plan", path: Path, *, applied: bool = False) -> None:
    """Say in which file the plan is and, unless it was applied, which command goes on with it."""
    from intacct_bridge.machine.account import account_name

    if applied:
        context.console.say(f"The plan is in {path}.")
        return
    context.console.say(f"Nothing was sent. The plan is in {path}.")
    connection = context.connection
    if connection.four_eyes or (connection.approvers and account_name() not in connection.approvers):
        context.console.say(f"Only {account_name()} may read the file: let the approver read it, too.")
    if has_work(plan):
        next_step(context, path, approved=not connection.needs_approval)
    else:
        context.console.say("It has no record to send.")


def has_work(plan: "Plan") -> bool:
    """Whether a plan has records to send, or records in doubt that may have to be sent again."""
    from intacct_bridge.load.plan.plan import WRITTEN, Verdict

    return bool(plan.of(*WRITTEN, Verdict.IN_DOUBT))


def keep_sound(context: CommandContext, plan: "Plan", outbox: "Outbox", out: Path) -> int:
    """Show a plan and keep it, unless it refuses a record or has nothing to do."""
    from intacct_bridge.apps.views.load import show_plan
    from intacct_bridge.load.plan.plan import Verdict

    show_plan(plan, context.console)
    refused = bool(plan.of(Verdict.REFUSED))
    if refused or not has_work(plan):
        context.console.say(f"Nothing is kept in {out}: {'the plan is refused' if refused else 'nothing is to do'}.")
        return FAILURES if refused else 0
    keep_plan_in(context, plan, outbox, out)
    tell_where_kept(context, plan, out)
    return 0


def way_to_approval(context: CommandContext) -> str:
    """The fix for a command that needs an approved plan: the same command with --out, and then `plan approve`."""
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


def run_kept_plan(
    context: CommandContext,
    outbox: "Outbox",
    path: Path,
    options: dict[str, Any],
    *,
    only_plan: bool,
    yes: bool,
    results: "list[PlanResult] | None" = None,
) -> int:
    """Show or apply a kept plan, after a check that its references and existing records have not changed.

    `results` gets the plan and its outcomes, unless the plan is shown with its approvals.
    """
    from intacct_bridge.load.approval.admission import confirmed_plan, refuse_unapproved
    from intacct_bridge.load.approval.approvals import made_plan
    from intacct_bridge.load.approval.digest import no_identity
    from intacct_bridge.load.approval.plan_folder import plan_file
    from intacct_bridge.load.plan.plan_file import open_plan

    path = plan_file(path, outbox)
    plan = open_plan(path)
    if plan.origin is None:
        raise no_identity()
    sending = plan.origin.options
    given = options_given({"batch_size": "--batch-size", "atomic": "--atomic", "on_error": "--on-error"})
    if given and send_options(options) != sending:
        raise SettingsError(f"a kept plan is applied as it was made, without {given[0]}", fix="plan the file again")
    made = made_plan(plan, context.client, outbox)
    if only_plan:
        confirmed = confirmed_plan(plan, made, context.client, outbox)
        return _show_kept_plan(context, outbox, path, plan, made=made, confirmed=confirmed)
    refuse_unapproved(plan, made, context.connection, outbox)
    confirmed = confirmed_plan(plan, made, context.client, outbox)
    options = {
        **options,
        "batch_size": sending.batch_size,
        "atomic": sending.atomic,
        "on_error": "stop" if sending.stop_on_error else "continue",
    }
    return run_plan(context, confirmed, outbox, options, only_plan=False, yes=yes, results=results)


def _show_kept_plan(
    context: CommandContext, outbox: "Outbox", path: Path, plan: "Plan", *, made: "KeptPlan", confirmed: "Plan"
) -> int:
    """Show a kept plan as the company is now, with its approvals, and say which command goes on with it."""
    from intacct_bridge.apps.views.approval import show_kept
    from intacct_bridge.load.approval.admission import approval_problem, needs_approval
    from intacct_bridge.load.plan.plan import Verdict

    problem = approval_problem(made, context.connection, outbox)
    show_kept(confirmed, made, outbox.approvals(made.id), context.console, problem=problem)
    if not context.console.as_json and has_work(confirmed):
        context.console.say("Nothing was sent.")
        next_step(context, path, approved=not (problem and needs_approval(plan, context.connection)))
    elif not context.console.as_json:
        context.console.say("Nothing is left to apply.")
    return FAILURES if plan.of(Verdict.REFUSED) else 0
