"""A kept plan with its id, its digest and its approvals."""

from collections.abc import Sequence
from dataclasses import asdict

from intacct_bridge.edge.terminal.console import Console
from intacct_bridge.edge.views.load import plan_data, show_plan, show_refusals
from intacct_bridge.flow.outbox.entry import Approval, KeptPlan
from intacct_bridge.flow.plan.plan import Plan, Verdict
from intacct_bridge.model.wording import counted


def show_kept(
    plan: Plan, made: KeptPlan, approvals: Sequence[Approval], console: Console, *, problem: str = ""
) -> None:
    """The plan, who made it, how it is sent, who approved it, and why none of the approvals holds."""
    given = [{"by": one.person, "at": one.at, "until": one.expires_at} for one in approvals]
    options = asdict(plan.origin.options) if plan.origin is not None else {}
    facts = {"id": made.id, "digest": made.digest, "made by": made.person, "made": made.at}
    if console.as_json:
        more = {name.replace(" ", "_"): value for name, value in facts.items()}
        console.json({**more, "options": options, "approvals": given, "problem": problem, **plan_data(plan, console)})
        return
    where = plan.target
    console.pairs(
        {
            "plan": made.id,
            "digest": made.digest,
            "made": f"{made.at:%Y-%m-%d %H:%M} UTC by {made.person}",
            "company": f"{where.company} ({where.environment}), user {where.user}",
            "entity": where.entity or "top level",
            "sent": ", ".join(f"{name.replace('_', ' ')}: {_word(value)}" for name, value in options.items()),
            "approved": [f"by {one.person}, until {one.expires_at:%Y-%m-%d %H:%M} UTC" for one in approvals] or "no",
        }
        | ({"approval holds": f"no: {problem}"} if problem and approvals else {})
    )
    console.result("")
    show_plan(plan, console)
    refused = plan.kept.of(Verdict.REFUSED) if plan.kept is not None else ()
    if refused:
        console.say(f"Beside these the plan has {counted(len(refused), 'refused record')}, not sent:")
        show_refusals(refused, console)


def _word(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
