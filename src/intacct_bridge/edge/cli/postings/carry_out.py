"""Plans that do not come from a file: shown, carried out through the outbox, and summed up as an exit status."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from intacct_bridge.edge.cli.context import CommandContext
from intacct_bridge.errors import InDoubtError, IntacctError

if TYPE_CHECKING:
    from intacct_bridge.flow.outbox.outbox import Outbox
    from intacct_bridge.flow.plan.plan import Plan
    from intacct_bridge.flow.post.outcome import RecordOutcome

FAILURES, IN_DOUBT = 1, 5


def carry_out(context: CommandContext, plans: "Sequence[Plan]", outbox: "Outbox", *, yes: bool) -> int:
    """Do what the plans say, one after the other, and show the outcomes.

    A plan with a failure ends it: what a later plan takes back may depend on what an earlier one could not.
    """
    from intacct_bridge.edge.views.load import show_outcomes, show_plan
    from intacct_bridge.flow.approval.admission import refuse_without_plan
    from intacct_bridge.flow.plan.plan import WRITTEN, Verdict
    from intacct_bridge.flow.post.loader import Loader, LoadSettings
    from intacct_bridge.flow.post.settle import SettleSettings

    for plan in plans:
        if plan.of(Verdict.REFUSED) or not plan.of(*WRITTEN, Verdict.IN_DOUBT):
            show_plan(plan, context.console)
    refuse_without_plan(context.connection)
    if any(plan.of(Verdict.REFUSED) for plan in plans):
        return FAILURES
    count = sum(len(plan.of(*WRITTEN, Verdict.IN_DOUBT)) for plan in plans)
    if not count:
        return 0
    named = ", ".join(dict.fromkeys(plan.source for plan in plans))
    context.allow_write(named if len(plans) == 1 and count == 1 else f"{count:,} records ({named})", yes=yes)
    settle = SettleSettings(memory_proven=context.client.runtime.calibration.memory_proven)
    outcomes: list[RecordOutcome] = []
    stopped: IntacctError | None = None
    for plan in plans:
        try:
            for outcome in Loader(context.load_gateway, outbox, LoadSettings(settle=settle)).apply(plan):
                outcomes.append(outcome)
        except IntacctError as error:
            stopped = error
        if stopped is not None or not all(outcome.good for outcome in outcomes):
            break
    show_outcomes(outcomes, context.console)
    doubtful = any(outcome.status.value == "in_doubt" for outcome in outcomes)
    if stopped is not None and not (doubtful and not isinstance(stopped, InDoubtError)):
        raise stopped
    if doubtful:
        context.console.say(
            "Some records are in doubt: run the same command again later, or see `intacct outbox list`."
        )
        return IN_DOUBT
    return 0 if all(outcome.good for outcome in outcomes) else FAILURES
