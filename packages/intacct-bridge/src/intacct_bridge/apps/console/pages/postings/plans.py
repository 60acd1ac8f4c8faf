"""A saved plan: what it would do, who approved it, its approval by the person who looks at it, and its application."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from intacct_bridge.apps.web.jobs import BackgroundJob, JobOutput, Work
from intacct_bridge.apps.web.pages import NotFoundError, Page, PageRequest, PageView, Redirect, address
from intacct_protocol.errors import SettingsError

if TYPE_CHECKING:
    from intacct_bridge.apps.views.applying import ShownPlan
    from intacct_bridge.operations.plans import Plan, RecordOutcome
    from intacct_bridge.operations.recorded_run import RecordedRun

    Applied = Callable[["RecordedRun", "Plan", Sequence["RecordOutcome"]], None]

SHOWN = 200
"""Records that a page lists; the rest are counted."""
_IN_FULL, _LINES_IN_FULL, _LINES_IN_ALL = 20, 40, 250
"""Records that a page shows with all that is sent, lines of each, and lines of all."""


def show(request: PageRequest) -> PageView:
    """A plan as it was made, without what was applied of it since. Nothing is asked of the company."""
    name, plan = request.params["connection"], request.params["plan"]
    with request.run(name, "plan show") as run:
        refuse_missing_outbox(run)
        facts = plan_facts(run, plan)
    data = {"plan": facts, "base": address("plans", name, plan)}
    return PageView("plan.html", data, title=f"Plan: {facts['source']}")


def refuse_missing_outbox(run: "RecordedRun") -> None:
    """NotFoundError if the connection has no outbox yet: a page must not create one."""
    from intacct_bridge.operations.outbox import has_outbox

    if not has_outbox(run.connection):
        raise NotFoundError(f"Nothing was posted or planned on {run.connection.name} yet.")


def plan_facts(run: "RecordedRun", plan_id: str) -> dict[str, Any]:
    """All that a page shows of a plan; NotFoundError if it is not saved here."""
    from intacct_bridge.operations.plans import WRITTEN, NoPlanError, amount_of, content_of, open_saved

    try:
        saved = open_saved(run, plan_id)
    except NoPlanError:
        raise NotFoundError(f"There is no plan {plan_id}.", fix="Plan the file again.") from None
    plan = saved.plan
    records: list[dict[str, Any]] = []
    full, left = 0, _LINES_IN_ALL
    for record in plan.records:
        shown: dict[str, Any] = record.to_dict()
        shown["amount"] = amount_of(record.write)
        shown["lines"] = sum(1 for _ in record.write.all_lines)
        if record.verdict in WRITTEN and full < _IN_FULL:
            full += 1
            shown["content"] = content_of(record.write, most_lines=min(_LINES_IN_FULL, left)).to_dict()
            left -= len(shown["content"]["lines"])
        records.append(shown)
    return {
        **plan.to_dict(),
        "records": records,
        "id": saved.id,
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
        "counts": {verdict.value: count for verdict, count in plan.counts.items()},
        "shown": SHOWN,
    }


def approve(request: PageRequest) -> Redirect:
    """Approve the digest that the person saw, once the plan still fits the company."""
    name, plan = request.params["connection"], request.params["plan"]
    with request.run(name, "plan approve") as run:
        until = approve_digest(run, plan, request.field("digest"))
    return request.redirect(address("plans", name, plan), notice=f"Approved by {request.person} until {until}.")


def approve_digest(run: "RecordedRun", plan_id: str, digest: str) -> str:
    """Approve a plan in the name of the run's person; until when that holds."""
    from intacct_bridge.apps.web.rendering import moment
    from intacct_bridge.operations.plans import approve_plan

    return moment(approve_plan(run, plan_id, digest=digest).expires_at)


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
