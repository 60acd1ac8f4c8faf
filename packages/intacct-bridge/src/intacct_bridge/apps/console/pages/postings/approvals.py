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
    from intacct_bridge.operations.recorded_run import RecordedRun


_ON_A_PAGE, _DONE = 50, 20
"""Plans of a connection on one page: those of which something is left to apply, and those that are done."""


def show(request: PageRequest) -> PageView:
    """The plans that the outboxes list, by page. Nothing is asked of the companies."""
    plans: list[dict[str, Any]] = []
    problems: list[dict[str, Any]] = []
    more: list[dict[str, str]] = []
    name, after, done = (request.query.get(part, "") for part in ("connection", "after", "done"))
    for listed in listed_connections():
        if name not in ("", listed.name):
            continue
        try:
            with request.run(listed.name, "plan list") as run:
                refuse_missing_outbox(run)
                for is_done in (False, True) if not after else (bool(done),):
                    _add_page(run, plans, problems, more, done=is_done, after=after)
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
        "more": [one for one in more if not one["done"]],
        "more_done": [one for one in more if one["done"]],
        "after": after,
    }
    return PageView("approvals.html", data)


def _add_page(
    run: "RecordedRun",
    plans: list[dict[str, Any]],
    problems: list[dict[str, Any]],
    more: list[dict[str, str]],
    *,
    done: bool,
    after: str,
) -> None:
    from intacct_bridge.operations.plans import saved_plans

    page = saved_plans(run, done=done, after=after, limit=_DONE if done else _ON_A_PAGE)
    plans += [_facts(run.connection, saved) for saved in page.plans]
    problems += [{**described(plan.error), "where": plan.id} for plan in page.unreadable]
    if page.next:
        more.append({"connection": run.connection.name, "after": page.next, "done": "yes" if done else ""})


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
        "totals": [total.to_dict() for total in saved.summary.totals],
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
