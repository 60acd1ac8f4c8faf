"""Plans that do not come from a file, such as a reversal or an undo: kept with --out, or applied at once."""

from pathlib import Path
from typing import TYPE_CHECKING

from intacct_bridge.apps.cli.context import CommandContext
from intacct_bridge.apps.cli.postings.apply import sum_up
from intacct_bridge.apps.cli.postings.kept_plans import keep_sound, way_to_approval
from intacct_bridge.apps.terminal.exit_statuses import FAILURES
from intacct_protocol.errors import IntacctError
from intacct_protocol.model.wording import counted

if TYPE_CHECKING:
    from intacct_bridge.load.apply.outcome import RecordOutcome
    from intacct_bridge.load.outbox.outbox import Outbox
    from intacct_bridge.load.plan.plan import Plan


def keep_or_apply_actions(
    context: CommandContext, plan: "Plan", outbox: "Outbox", *, out: Path | None, yes: bool
) -> int:
    """Keep the plan if a file is named, else do what it says."""
    if out is None:
        return apply_actions(context, plan, outbox, yes=yes)
    return keep_sound(context, plan, outbox, out)


def apply_actions(context: CommandContext, plan: "Plan", outbox: "Outbox", *, yes: bool) -> int:
    """Do what the plan says, stage by stage, and show the outcomes; nothing if it refuses a record."""
    from intacct_bridge.apps.views.load import show_outcomes, show_plan, unreached
    from intacct_bridge.load.apply.loader import Loader, LoadSettings
    from intacct_bridge.load.apply.sender import refuse_without_plan
    from intacct_bridge.load.apply.settle import SettleSettings
    from intacct_bridge.load.approval.admission import seen_again
    from intacct_bridge.load.plan.plan import WRITTEN, Verdict

    to_do = plan.of(*WRITTEN, Verdict.IN_DOUBT)
    if plan.of(Verdict.REFUSED) or not to_do:
        show_plan(plan, context.console)
    refuse_without_plan(context.connection, fix=way_to_approval(context))
    if plan.of(Verdict.REFUSED):
        return FAILURES
    if not to_do:
        return 0
    if context.allow_write(f"{counted(len(to_do), 'record')} ({plan.source})", yes=yes):
        plan = seen_again(plan, context.client, outbox)
    settle = SettleSettings(repeat_guard=context.client.runtime.calibration.repeat_guard)
    outcomes: list[RecordOutcome] = []
    stopped: IntacctError | None = None
    try:
        for outcome in Loader(context.client, outbox, LoadSettings(settle=settle)).apply(plan):
            outcomes.append(outcome)
    except IntacctError as error:
        stopped = error
    context.recorder.add_records([one.status for one in outcomes], unsent=unreached(outcomes, plan))
    show_outcomes(outcomes, context.console)
    return sum_up(context, plan, outcomes, stopped)
