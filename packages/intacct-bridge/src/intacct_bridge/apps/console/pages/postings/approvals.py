"""Approvals: the kept plans of every connection, those first that wait for a person."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from intacct_bridge.apps.console.pages.postings.plans import existing_outbox
from intacct_bridge.apps.console.visit import ConsolePage, NotFoundError, PageView, Redirect, Visit, address
from intacct_bridge.apps.terminal.failures import described
from intacct_bridge.connections.connection import Connection
from intacct_bridge.connections.demo_company import listed_connections
from intacct_protocol.errors import IntacctError, SettingsError

if TYPE_CHECKING:
    from intacct_bridge.load.outbox.outbox import Outbox
    from intacct_bridge.load.plan.plan import Plan

_LOOKED_AT = 50
"""Plans of a connection that the page looks at, the latest first."""


def show(visit: Visit) -> PageView:
    """Every plan that is kept beside an outbox. Nothing is asked of the companies."""
    plans: list[dict[str, Any]] = []
    problems: list[dict[str, Any]] = []
    for listed in listed_connections():
        try:
            with visit.company(listed.name, "plan list") as context, existing_outbox(context) as outbox:
                found, damaged = _of_connection(context.connection, outbox, visit.person)
                plans += found
                problems += damaged
        except NotFoundError:  # nothing was planned on it yet
            continue
        except IntacctError as error:
            problems.append({**described(error), "where": listed.name})
    plans.sort(key=lambda one: one["made"], reverse=True)
    data = {
        "waiting": [one for one in plans if one["state"] == "waiting"],
        "ready": [one for one in plans if one["state"] in ("approved", "free")],
        "done": [one for one in plans if one["state"] == "done"],
        "problems": problems,
    }
    return PageView("approvals.html", data)


def _of_connection(
    connection: Connection, outbox: "Outbox", person: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The plans that were made for a connection, and those that cannot be read."""
    from intacct_bridge.load.approval.plan_folder import PlanFolder
    from intacct_bridge.load.target.target_company import TargetCompany

    folder, here = PlanFolder(outbox), TargetCompany.of(connection)
    plans, problems = [], []
    for plan_id in folder.ids()[:_LOOKED_AT]:
        try:
            kept = folder.open(plan_id)
        except SettingsError as error:
            problems.append({**described(error), "where": plan_id})
            continue
        if kept.target == here:  # connections to another entity may share the outbox
            with suppress(NotFoundError):
                plans.append(_facts(connection, outbox, kept, plan_id, person))
    return plans, problems


def _facts(connection: Connection, outbox: "Outbox", kept: "Plan", plan_id: str, person: str) -> dict[str, Any]:
    from intacct_bridge.load.approval.admission import approval_problem, needs_approval, without_applied
    from intacct_bridge.load.approval.approvals import why_not
    from intacct_bridge.load.plan.plan import WRITTEN, Verdict

    made = outbox.kept_plan(plan_id)
    if made is None:
        raise NotFoundError(f"The outbox does not know the plan {plan_id}.")
    now = without_applied(kept, made, outbox)
    left = len(now.of(*WRITTEN, Verdict.IN_DOUBT))
    problem = approval_problem(made, connection, outbox)
    state = (
        "done" if not left else "approved" if not problem else "waiting" if needs_approval(kept, connection) else "free"
    )
    return {
        "plan": plan_id,
        "digest": made.digest,
        "connection": connection.name,
        "environment": connection.environment,
        "address": address("plans", connection.name, plan_id),
        "source": kept.source,
        "first": next((one.write.label for one in now.of(*WRITTEN) or now.records), ""),
        "made": made.at,
        "made_by": made.person,
        "records": left or len(now.records),
        "refused": len(kept.of(Verdict.REFUSED)),
        "totals": [
            {"currency": one.currency, "debit": one.debit, "credit": one.credit, "amount": one.amount}
            for one in kept.totals
        ],
        "state": state,
        "problem": problem,
        "may_not_approve": why_not(person, made, connection),
    }


def find(visit: Visit) -> Redirect:
    """The page of a plan that is named by its id alone."""
    wanted = visit.params["plan"]
    for listed in listed_connections():
        with suppress(IntacctError), visit.company(listed.name, "plan list") as context:
            with existing_outbox(context) as outbox:
                found, _ = _of_connection(context.connection, outbox, visit.person)
            for one in found:
                if one["plan"] == wanted:
                    return Redirect(one["address"])
    raise NotFoundError(f"There is no plan {wanted}.", fix="Choose one of the list of approvals.")


PAGES = (
    ConsolePage("/approvals", "Approvals", show, nav="Approvals"),
    ConsolePage("/approvals/{plan}", "Approvals", find),
)
