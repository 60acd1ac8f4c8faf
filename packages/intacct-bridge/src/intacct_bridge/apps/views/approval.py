"""A saved plan with its id, its digest and its approvals."""

from collections.abc import Sequence
from dataclasses import asdict

from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.apps.views.load import show_plan, show_refusals
from intacct_bridge.operations.plans import WRITTEN, PlannedRecord, SavedPlan, content_of
from intacct_protocol.model.wording import counted

_IN_FULL, _LINES = 100, 500
"""Records that are shown with all that is sent, and lines of each; of plans whose records are in no file."""


def show_saved(saved: SavedPlan, output: Output) -> None:
    """The plan, who made it, how it is sent, who approved it, and why none of the approvals holds."""
    if output.as_json:
        output.json(saved.to_dict(output.spelled))
        return
    where, plan = saved.plan.target, saved.plan
    sent = asdict(saved.options).items()
    approved = [f"by {approval.person}, until {approval.expires_at:%Y-%m-%d %H:%M} UTC" for approval in saved.approvals]
    output.pairs(
        {
            "plan": saved.id,
            "digest": saved.digest,
            "made": f"{saved.made_at:%Y-%m-%d %H:%M} UTC by {saved.made_by}",
            "company": f"{where.company} ({where.environment}), user {where.user}",
            "entity": where.entity or "top level",
            "sent": ", ".join(f"{name.replace('_', ' ')}: {_word(value)}" for name, value in sent),
            "approved": approved or "no",
        }
        | ({"approval holds": f"no: {saved.approval_problem}"} if saved.approval_problem and approved else {})
    )
    output.result("")
    show_plan(plan, output)
    if saved.shows_contents:
        _show_contents(plan.of(*WRITTEN), output)
    refused = saved.refused_records if plan.saved is not None else ()
    if refused:
        output.say(f"Beside these the plan has {counted(len(refused), 'refused record')}, not sent:")
        show_refusals(refused, output)


def _show_contents(records: Sequence[PlannedRecord], output: Output) -> None:
    """All that is sent of the first records."""
    for record in records[:_IN_FULL]:
        content = content_of(record.write, most_lines=_LINES)
        output.result("")
        output.result(f"{record.verdict.value} {record.write.object} {record.write.label}:")
        output.pairs(content.fields)
        if content.lines:
            output.result("")
            output.table(content.columns, content.lines)
        if content.lines_left_out:
            output.say(f"{counted(content.lines_left_out, 'more line')} of this record: show the plan with --json.")
    if len(records) > _IN_FULL:
        output.say(f"{counted(len(records) - _IN_FULL, 'more record')} of this plan: show it with --json.")


def _word(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
