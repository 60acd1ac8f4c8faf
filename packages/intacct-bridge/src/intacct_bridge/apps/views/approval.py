"""A saved plan with its id, its digest and its approvals, its summary, and its records by page."""

import sys
from dataclasses import asdict

from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.apps.views.load import show_cost, show_counts, show_details, show_refusals
from intacct_bridge.apps.views.plan_summary import show_groups, show_page, show_totals
from intacct_bridge.operations.plans import WRITTEN, RecordPage, RecordQuery, RecordSummary, SavedPlan
from intacct_protocol.model.wording import counted, display_text

_LINES = 500
"""Lines of a record that a page shows; the record by itself is shown with all of them."""


def show_saved(saved: SavedPlan, output: Output, query: RecordQuery) -> RecordPage:
    """The plan, who made it, how it is sent, who approved it, its totals, and a page of its records; the page."""
    page = saved.summary.page(query)
    if output.as_json:
        output.json(saved.to_dict(output.spelled))
        return page
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
    show_counts(plan, saved.summary, output)
    show_records_of(saved, page, output)
    show_details(plan, page.records, output)
    show_groups(saved.summary, output)
    refused = saved.refused_records if plan.saved is not None else ()
    if refused:
        output.say(f"Beside these the plan has {counted(len(refused), 'refused record')}, not sent:")
        show_refusals(refused, output)
    output.result("")
    done = saved.summary.to_write - saved.open_records
    output.result(f"{counted(saved.summary.to_write, 'record')} to write{f', {done:,} of them done' if done else ''}")
    show_totals(saved.summary.totals, output)
    show_cost(plan, output)
    return page


def show_records_of(saved: SavedPlan, page: RecordPage, output: Output) -> None:
    """A page of the records; of a plan whose records are in no file, with all that is sent."""
    show_page(page, output)
    if saved.shows_contents:
        for record in page.records:
            if record.planned.verdict in WRITTEN:
                show_content(saved, record, output, most_lines=_LINES)


def show_content(saved: SavedPlan, record: RecordSummary, output: Output, *, most_lines: int = sys.maxsize) -> None:
    """All that is sent of a record."""
    content = saved.summary.content(record, most_lines=most_lines)
    output.result("")
    output.result(f"{record.number:,}. {record.state} {record.planned.write.object} {record.label}:")
    output.pairs({display_text(name): value for name, value in content.fields.items()})
    if content.lines:
        output.result("")
        output.table(content.columns, content.lines)
    if content.lines_left_out:
        output.say(f"{counted(content.lines_left_out, 'more line')} of this record: --record {record.number}")


def _word(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
