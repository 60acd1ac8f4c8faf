"""A saved plan: what it would do, who approved it, its approval by the person who looks at it, and its application."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from intacct_bridge.apps.web.jobs import BackgroundJob, JobOutput, Work
from intacct_bridge.apps.web.lists import Column, list_data, list_request
from intacct_bridge.apps.web.pages import NotFoundError, Page, PageRequest, PageView, Redirect, address
from intacct_protocol.errors import SettingsError

if TYPE_CHECKING:
    from intacct_bridge.apps.views.applying import ShownPlan
    from intacct_bridge.operations.plans import Plan, RecordOutcome, RecordSummary, SavedPlan
    from intacct_bridge.operations.recorded_run import RecordedRun

    Applied = Callable[["RecordedRun", "Plan", Sequence["RecordOutcome"]], None]

SHOWN = 200
"""Outcomes that a page lists."""
_IN_FULL, _LINES_IN_FULL, _LINES_IN_ALL = 20, 40, 250
"""Records that a page shows with all that is sent, lines of each, and lines of all."""
_LINES_OF_RECORD = 500
"""Lines on a page of one record."""
_GROUPS = 20
"""Parties and accounts that a page lists."""
_SORTS = (("plan", "as in the plan"), ("amount", "largest first"), ("party", "by party"), ("record", "by name"))


_COLUMNS = (
    Column("number", "No.", is_number=True, is_sorted=False),
    Column("record", "Record", is_sorted=False),
    Column("amounts", "Amount", is_number=True, is_sorted=False),
    Column("state", "What is done", is_sorted=False),
    Column("in_intacct", "In Intacct", is_sorted=False),
    Column("reasons", "Notes", is_sorted=False),
)
"""A plan is sorted by choices of its own, since a record has several amounts and a party that no column has."""


def show(request: PageRequest) -> PageView:
    """A plan as it was made, and what became of its records since. Nothing is asked of the company."""
    name, plan = request.params["connection"], request.params["plan"]
    with request.run(name, "plan show") as run:
        refuse_missing_outbox(run)
        facts = plan_facts(request, run, plan)
    data = {"plan": facts, "base": facts["here"]}
    return PageView("plan.html", data, title=f"Plan: {facts['source']}")


def refuse_missing_outbox(run: "RecordedRun") -> None:
    """NotFoundError if the connection has no outbox yet: a page must not create one."""
    from intacct_bridge.operations.outbox import has_outbox

    if not has_outbox(run.connection):
        raise NotFoundError(f"Nothing was posted or planned on {run.connection.name} yet.")


def plan_facts(request: PageRequest, run: "RecordedRun", plan_id: str) -> dict[str, Any]:
    """All that a page shows of a plan, with the records that its address asks for; NotFoundError if it is not here."""
    from intacct_bridge.operations.plans import NoPlanError, open_saved

    try:
        saved = open_saved(run, plan_id)
    except NoPlanError:
        raise NotFoundError(f"There is no plan {plan_id}.", fix="Plan the file again.") from None
    plan, summary = saved.plan, saved.summary
    here = address("plans", run.connection.name, saved.id)
    facts = plan.to_dict()
    del facts["records"]
    return {
        **facts,
        **_records_on_page(request, saved, here),
        "id": saved.id,
        "here": here,
        "connection": run.connection.name,
        "digest": saved.digest,
        "made_by": saved.made_by,
        "made": saved.made_at,
        "entity": plan.target.entity,
        "user": plan.target.user,
        "environment": run.connection.environment,
        "options": saved.options,
        "approvals": [
            {"by": approval.person, "at": approval.at, "until": approval.expires_at} for approval in saved.approvals
        ],
        "needs_approval": saved.needs_approval,
        "approval_problem": saved.approval_problem,
        "may_not_approve": saved.may_not_approve,
        "may_apply": saved.may_apply,
        "open": saved.open_records,
        "counts": summary.states,
        "totals": [total.to_dict() for total in summary.totals],
        "to_write": summary.to_write,
        "groups": [
            {"title": title, "rows": [group.to_dict() for group in groups[:_GROUPS]], "more": len(groups[_GROUPS:])}
            for title, groups in (("By party", summary.parties), ("By account", summary.accounts))
            if groups
        ],
        "largest": [_record(record) for record in summary.largest],
        "is_long": summary.is_long,
    }


def _records_on_page(request: PageRequest, saved: "SavedPlan", here: str) -> dict[str, Any]:
    """The page of the records that was asked for, or one record with its lines; the session notes what it shows."""
    from intacct_bridge.operations.plans import RECORDS_ON_PAGE, WRITTEN, RecordQuery, RecordSort

    summary, choice = saved.summary, request.query
    list_choice, number = list_request(request), _number(choice.get("record"))
    query = RecordQuery(
        find=list_choice.find,
        sort=RecordSort(list_choice.sort) if list_choice.sort in [name for name, _ in _SORTS] else RecordSort.PLAN,
        page=list_choice.page or 1,
        size=RECORDS_ON_PAGE if list_choice.page else max(1, len(summary.records)),
    )
    page = summary.page(query)
    shown_now = [] if number or request.is_data else [record.number for record in page.records]
    reviewed = request.session.note_reviewed(saved.digest, shown_now)
    data: dict[str, Any] = {
        "sorts": list(_SORTS),
        "sorted": query.sort.value,
        "unseen": len(summary.records) - len(reviewed),
        "chosen": None,
    }
    if number:
        record = summary.record(number)
        lines = _number(choice.get("line")) or 1
        content = summary.content(record, first_line=lines - 1, most_lines=_LINES_OF_RECORD)
        following = lines + _LINES_OF_RECORD
        data["chosen"] = {
            **_record(record),
            "content": content.to_dict(),
            "first_line": lines,
            "next": address_of(here, record=str(number), line=str(following)) if content.lines_left_out else "",
        }
    records: list[dict[str, Any]] = []
    full, left = 0, _LINES_IN_ALL
    for record in page.records:
        shown = _record(record)
        shown["address"] = address_of(here, record=str(record.number))
        if record.planned.verdict in WRITTEN and full < _IN_FULL and not number:
            full += 1
            shown["content"] = summary.content(record, most_lines=min(_LINES_IN_FULL, left)).to_dict()
            left -= len(shown["content"]["lines"])
        records.append(shown)
    return data | list_data(request, "records", _COLUMNS, records, list_choice, page=page.page, pages=page.pages,
                            first=page.first, matching=page.matching, place=here)  # fmt: skip


def _record(record: "RecordSummary") -> dict[str, Any]:
    planned = record.planned.to_dict()
    return {
        **record.to_dict(),
        "state": record.state,
        "existing": planned["existing"],
        "changes": planned["changes"],
        "reasons": planned["reasons"],
    }


def address_of(here: str, **query: str) -> str:
    """The address of a page with what it was asked for."""
    choice = urlencode({name: value for name, value in query.items() if value})
    return f"{here}?{choice}" if choice else here


def _number(text: str | None) -> int:
    """A number of an address, from 1; 0 for anything else."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else 0


def approve(request: PageRequest) -> Redirect:
    """Approve the digest that the person saw, once the plan still fits the company."""
    name, plan = request.params["connection"], request.params["plan"]
    with request.run(name, "plan approve") as run:
        until = approve_digest(request, run, plan)
    return request.redirect(address("plans", name, plan), notice=f"Approved by {request.person} until {until}.")


def approve_digest(request: PageRequest, run: "RecordedRun", plan_id: str) -> str:
    """Approve the plan that the person saw, in their name; until when that holds."""
    from intacct_bridge.apps.web.rendering import moment
    from intacct_bridge.operations.plans import approve_plan, open_saved

    digest = request.field("digest")
    totals = zip(request.fields("currency"), request.fields("above"), request.fields("below"), strict=False)
    figures = " ".join((request.field("records"), *(" ".join(total) for total in totals))).strip()
    reviewed = request.session.reviewed.get(digest, set())
    seen_to_end = len(reviewed) == len(open_saved(run, plan_id).summary.records)
    approval = approve_plan(run, plan_id, digest=digest, seen_to_end=seen_to_end, figures=figures)
    return moment(approval.expires_at)


def apply(request: PageRequest) -> Redirect:
    """Apply the plan as a job."""
    name, plan = request.params["connection"], request.params["plan"]
    refuse_unconfirmed(request, name)
    work = apply_work(name, plan, result=address("plans", name, plan))
    return request.start(f"Post the plan {plan}", work)


def refuse_unconfirmed(request: PageRequest, name: str) -> None:
    """SettingsError if records would go to a production company and the person has not ticked that."""
    with request.run(name, "plan apply") as run:
        if run.connection.environment == "production" and not request.checked("production"):
            raise SettingsError(
                f"The records would be posted to the production company {run.connection.company_id}.",
                fix="Tick the box beside the button if they should.",
            )


def apply_work(name: str, plan_id: str, *, entity: str = "", result: str, after: "Applied | None" = None) -> Work:
    """The work that applies a saved plan; `after` gets it and its outcomes, even if an error ends it."""

    def work(job: BackgroundJob) -> None:
        from intacct_bridge.apps.views.applying import apply_and_show
        from intacct_bridge.operations.plans import ApplyOptions

        job.result = result
        console = JobOutput(job)
        outcomes: list[RecordOutcome] = []
        shown: list[ShownPlan] = []
        with job.company(name, "plan apply", entity=entity, messages=console) as run:
            try:
                run.status = apply_and_show(run, console, plan_id, ApplyOptions(), outcomes, yes=True, results=shown)
            finally:
                if shown and after is not None:
                    after(run, shown[0][0], outcomes)

    return work


PAGES = (
    Page(
        "/plans/{connection}/{plan}",
        "Plan",
        show,
        actions={"approve": approve, "apply": apply},
    ),
)
