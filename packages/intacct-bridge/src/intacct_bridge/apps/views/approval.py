"""A kept plan with its id, its digest and its approvals."""

import sys
from collections.abc import Sequence
from dataclasses import asdict

from intacct_bridge.apps.terminal.console import Console
from intacct_bridge.apps.views.load import content_of, plan_data, show_plan, show_refusals
from intacct_bridge.load.outbox.entry import Approval, KeptPlan
from intacct_bridge.load.plan.plan import WRITTEN, Plan, PlannedRecord, Verdict
from intacct_protocol.model.wording import counted

_IN_FULL, _LINES = 100, 500
"""Records that are shown with all that is sent, and lines of each; of plans whose records are in no file."""


def show_kept(
    plan: Plan, made: KeptPlan, approvals: Sequence[Approval], console: Console, *, problem: str = ""
) -> None:
    """The plan, who made it, how it is sent, who approved it, and why none of the approvals holds."""
    given = [{"by": one.person, "at": one.at, "until": one.expires_at} for one in approvals]
    options = asdict(plan.origin.options) if plan.origin is not None else {}
    facts = {"id": made.id, "digest": made.digest, "made by": made.person, "made": made.at}
    if console.as_json:
        more = {name.replace(" ", "_"): value for name, value in facts.items()}
        data = {**more, "options": options, "approvals": given, "problem": problem, **plan_data(plan, console)}
        if plan.origin is not None and plan.origin.needs_approval:
            data["contents"] = [content_of(one.write, most_lines=sys.maxsize) for one in plan.of(*WRITTEN)]
        console.json(data)
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
    if plan.origin is not None and plan.origin.needs_approval:  # its records are in no file that a person has seen
        _show_contents(plan.of(*WRITTEN), console)
    refused = plan.kept.of(Verdict.REFUSED) if plan.kept is not None else ()
    if refused:
        console.say(f"Beside these the plan has {counted(len(refused), 'refused record')}, not sent:")
        show_refusals(refused, console)


def _show_contents(records: Sequence[PlannedRecord], console: Console) -> None:
    """All that is sent of the first records."""
    for record in records[:_IN_FULL]:
        content = content_of(record.write, most_lines=_LINES)
        console.result("")
        console.result(f"{record.verdict.value} {record.write.object} {record.write.label}:")
        console.pairs(content["fields"])
        if content["lines"]:
            console.result("")
            console.table(content["columns"], content["lines"])
        if content["lines_left_out"]:
            console.say(f"{counted(content['lines_left_out'], 'more line')} of this record: show the plan with --json.")
    if len(records) > _IN_FULL:
        console.say(f"{counted(len(records) - _IN_FULL, 'more record')} of this plan: show it with --json.")


def _word(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
