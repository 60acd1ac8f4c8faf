"""Approvals: the saved plans of every connection, those first that wait for a person."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from intacct_bridge.apps.console.pages.postings.plans import refuse_missing_outbox
from intacct_bridge.apps.terminal.failures import described
from intacct_bridge.apps.web.pages import NotFoundError, Page, PageRequest, PageView, Redirect, address
from intacct_bridge.connections.demo_company import listed_connections
from intacct_protocol.errors import IntacctError

if TYPE_CHECKING:
    from intacct_bridge.connections.connection import Connection
    from intacct_bridge.operations.plans import SavedPlan


_ON_A_PAGE, _DONE = 50, 20
"""Plans of a connection on one page: those of which something is left to apply, and the latest of the others."""


def show(request: PageRequest) -> PageView:
    """The plans that are saved beside the outboxes, by page. Nothing is asked of the companies."""
    from intacct_bridge.operations.plans import saved_plans

    plans: list[dict[str, Any]] = []
    problems: list[dict[str, Any]] = []
    more: list[dict[str, str]] = []
    connection, after = request.query.get("connection", ""), request.query.get("after", "")
    for listed in listed_connections():
        if connection not in ("", listed.name):
            continue
        try:
            with request.run(listed.name, "plan list") as run:
                refuse_missing_outbox(run)
                page = saved_plans(run, after=after, limit=_ON_A_PAGE)
                done = saved_plans(run, done=True, limit=_DONE) if not after else None
                plans += [_facts(run.connection, saved) for saved in (*page.plans, *(done.plans if done else ()))]
            problems += [{**described(plan.error), "where": plan.id} for plan in page.unreadable]
            if page.next:
                more.append({"connection": listed.name, "after": page.next})
        except NotFoundError:  # nothing was planned on it yet
            continue
        except IntacctError as error:
            problems.append({**described(error), "where": listed.name})
    plans.sort(key=lambda plan: plan["made"], reverse=True)
    data = {
        "waiting": [plan for plan in plans if plan["state"] == "waiting"],
        "ready": [plan for plan in plans if plan["state"] in ("approved", "free")],
        "done": [plan for plan in plans if plan["state"] == "done"],
        "problems": problems,
        "more": more,
    }
    return PageView("approvals.html", data)


def _facts(connection: "Connection", saved: "SavedPlan") -> dict[str, Any]:
    from intacct_bridge.operations.plans import WRITTEN

    plan, left = saved.plan, saved.open_records
    open_state = "approved" if saved.is_approved else "waiting" if saved.needs_approval else "free"
    return {
        "plan": saved.id,
        "digest": saved.digest,
        "connection": connection.name,
        "environment": connection.environment,
        "address": address("plans", connection.name, saved.id),
        "source": plan.source,
        "first": next((record.write.label for record in plan.of(*WRITTEN) or plan.records), ""),
        "made": saved.made_at,
        "made_by": saved.made_by,
        "records": left or len(plan.records),
        "refused": len(saved.refused_records),
        "totals": [total.to_dict() for total in saved.totals],
        "state": open_state if left else "done",
        "problem": saved.approval_problem,
        "may_not_approve": saved.may_not_approve,
    }


def find(request: PageRequest) -> Redirect:
    """The page of a plan that is named by its id alone."""
    from intacct_bridge.operations.plans import has_plan

    plan_id = request.params["plan"]
    for listed in listed_connections():
        with suppress(IntacctError), request.run(listed.name, "plan list") as run:
            refuse_missing_outbox(run)
            if has_plan(run, plan_id):
                return Redirect(address("plans", listed.name, plan_id))
    raise NotFoundError(f"There is no plan {plan_id}.", fix="Choose one of the list of approvals.")


PAGES = (
    Page("/approvals", "Approvals", show, nav="Approvals"),
    Page("/approvals/{plan}", "Approvals", find),
)
