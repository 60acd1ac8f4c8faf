"""A kept plan: what it would do, who approved it, its approval by the person who looks at it, and its application."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intacct_bridge.apps.console.visit import (
    ConsolePage,
    NotFoundError,
    PageView,
    Redirect,
    Visit,
    address,
    company_context,
)
from intacct_bridge.apps.web.jobs import BackgroundJob, JobConsole, Work
from intacct_protocol.errors import SettingsError

if TYPE_CHECKING:
    from intacct_bridge.apps.cli.context import CommandContext
    from intacct_bridge.load.apply.outcome import RecordOutcome
    from intacct_bridge.load.outbox.outbox import Outbox
    from intacct_bridge.load.plan.plan import Plan

    Applied = Callable[["CommandContext", "Plan", Sequence["RecordOutcome"]], None]

SHOWN = 200
"""Records that a page lists; the rest are counted."""
_IN_FULL, _LINES_IN_FULL, _LINES_IN_ALL = 20, 40, 250
"""Records that a page shows with all that is sent, lines of each, and lines of all."""


def show(visit: Visit) -> PageView:
    """A plan as it was made, without what was applied of it since. Nothing is asked of the company."""
    name, plan = visit.params["connection"], visit.params["plan"]
    with visit.company(name, "plan show") as context, existing_outbox(context) as outbox:
        facts = plan_facts(context, outbox, plan, visit.person)
    data = {"plan": facts, "base": address("plans", name, plan)}
    return PageView("plan.html", data, title=f"Plan: {facts['source']}")


@contextmanager
def existing_outbox(context: "CommandContext") -> "Iterator[Outbox]":
    """The outbox of a connection, for a page that must not create one; NotFoundError if there is none."""
    from intacct_bridge.load.outbox.storage import outbox_place

    place = outbox_place(context.connection)
    if isinstance(place, Path) and not place.exists():
        raise NotFoundError(f"Nothing was posted or planned on {context.connection.name} yet.")
    with context.open_outbox() as outbox:
        yield outbox


def plan_facts(context: "CommandContext", outbox: "Outbox", plan_id: str, person: str) -> dict[str, Any]:
    """All that a page shows of a plan; NotFoundError if it is not kept here."""
    from intacct_bridge.apps.views.load import amount_of, content_of, plan_data
    from intacct_bridge.load.approval.admission import approval_problem, needs_approval, without_applied
    from intacct_bridge.load.approval.approvals import why_not
    from intacct_bridge.load.approval.plan_folder import PlanFolder, is_plan_id
    from intacct_bridge.load.plan.plan import WRITTEN, Verdict

    made = outbox.kept_plan(plan_id) if is_plan_id(plan_id) else None
    if made is None:
        raise NotFoundError(f"There is no plan {plan_id}.", fix="Plan the file again.")
    kept = PlanFolder(outbox).open(plan_id)
    now = without_applied(kept, made, outbox)
    data = plan_data(now, context.console)
    for record, shown in zip(now.records, data["records"], strict=True):  # type: ignore[call-overload]
        shown["amount"] = amount_of(record.write)
        shown["lines"] = sum(1 for _ in record.write.all_lines)
    left = _LINES_IN_ALL
    for record, shown in zip(now.of(*WRITTEN)[:_IN_FULL], _open_records(data), strict=False):
        shown["content"] = content_of(record.write, most_lines=min(_LINES_IN_FULL, left))
        left -= len(shown["content"]["lines"])
    connection = context.connection
    open_records = len(now.of(*WRITTEN, Verdict.IN_DOUBT))
    problem = approval_problem(made, connection, outbox)
    required = needs_approval(kept, connection)
    return {
        **data,
        "id": made.id,
        "connection": connection.name,
        "digest": made.digest,
        "made_by": made.person,
        "made": made.at,
        "entity": kept.target.entity,
        "user": kept.target.user,
        "environment": connection.environment,
        "options": kept.origin.options if kept.origin is not None else None,
        "approvals": [{"by": one.person, "at": one.at, "until": one.expires_at} for one in outbox.approvals(made.id)],
        "needs_approval": required,
        "approval_problem": problem,
        "may_not_approve": why_not(person, made, connection),
        "may_apply": bool(open_records) and not (required and problem),
        "open": open_records,
        "counts": _counts(now),
        "shown": SHOWN,
    }


def _open_records(data: dict[str, Any]) -> "Iterator[dict[str, Any]]":
    from intacct_bridge.load.plan.plan import WRITTEN

    yield from (one for one in data["records"] if one["verdict"] in WRITTEN)


def _counts(plan: "Plan") -> dict[str, int]:
    from intacct_bridge.load.plan.plan import Verdict

    counts = {one.value: len(plan.of(one)) for one in Verdict}
    return {name: count for name, count in counts.items() if count}


def approve(visit: Visit) -> Redirect:
    """Approve the digest that the person saw, once the plan still fits the company."""
    name, plan = visit.params["connection"], visit.params["plan"]
    with visit.company(name, "plan approve") as context, context.open_outbox() as outbox:
        until = approve_digest(context, outbox, plan, visit.field("digest"), visit.person)
    return visit.redirect(address("plans", name, plan), notice=f"Approved by {visit.person} until {until}.")


def approve_digest(context: "CommandContext", outbox: "Outbox", plan_id: str, digest: str, person: str) -> str:
    """Approve a plan in a person's name; until when that holds. SettingsError if it is not what the person saw."""
    from intacct_bridge.apps.web.rendering import moment
    from intacct_bridge.load.approval.admission import confirmed_plan
    from intacct_bridge.load.approval.approvals import VALID_FOR, approve, made_plan
    from intacct_bridge.load.approval.plan_folder import PlanFolder

    kept = PlanFolder(outbox).open(plan_id)
    made = made_plan(kept, context.client, outbox)
    if made.digest != digest:
        raise SettingsError("The plan is not the one that you saw.", fix="Look at it again, then approve it.")
    now = confirmed_plan(kept, made, context.client, outbox)
    given = approve(now, context.client, outbox, person=person, valid_for=VALID_FOR)
    return moment(given.expires_at)


def apply(visit: Visit) -> Redirect:
    """Apply the plan as a job."""
    name, plan = visit.params["connection"], visit.params["plan"]
    refuse_unconfirmed(visit, name)
    work = apply_work(name, plan, result=address("plans", name, plan))
    return visit.start(f"Post the plan {plan}", work)


def refuse_unconfirmed(visit: Visit, name: str) -> None:
    """SettingsError if records would go to a production company and the person has not ticked that."""
    with visit.company(name, "plan apply") as context:
        if context.connection.environment == "production" and not visit.checked("production"):
            raise SettingsError(
                f"The records would be posted to the production company {context.connection.company_id}.",
                fix="Tick the box beside the button if they should.",
            )


def apply_work(name: str, plan_id: str, *, entity: str = "", result: str, after: "Applied | None" = None) -> Work:
    """The work that applies a kept plan, as `intacct plan apply` does; `after` gets the plan and its outcomes."""

    def work(job: BackgroundJob) -> None:
        from intacct_bridge.apps.cli.postings.kept_plans import run_kept_plan
        from intacct_bridge.apps.cli.postings.plan import AS_MADE

        job.result = result
        console = JobConsole(job)
        results: list[Any] = []
        with (
            company_context(name, "plan apply", person=job.person, entity=entity, console=console) as context,
            context.open_outbox() as outbox,
        ):
            try:
                context.status = run_kept_plan(
                    context, outbox, Path(plan_id), dict(AS_MADE), only_plan=False, yes=True, results=results
                )
            finally:
                if results and after is not None:
                    after(context, results[0][0], results[0][1] or ())

    return work


PAGES = (
    ConsolePage(
        "/plans/{connection}/{plan}",
        "Plan",
        show,
        actions={"approve": approve, "apply": apply},
    ),
)
