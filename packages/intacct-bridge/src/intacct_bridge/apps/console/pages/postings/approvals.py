"""Approvals: the saved plans of every connection, those first that wait for a person."""

from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from intacct_bridge.apps.console.pages.postings.plans import refuse_missing_outbox
from intacct_bridge.apps.terminal.failures import described
from intacct_bridge.apps.web.lists import Column, listed
from intacct_bridge.apps.web.pages import NotFoundError, Page, PageRequest, PageView, Redirect, address
from intacct_bridge.connections.demo_company import listed_connections
from intacct_protocol.errors import IntacctError, SettingsError

if TYPE_CHECKING:
    from intacct_bridge.operations.plans import PlanRecord
    from intacct_bridge.operations.recorded_run import RecordedRun


_COLUMNS = (
    Column("first", "Plan"),
    Column("totals", "Total", is_number=True, is_sorted=False),
    Column("connection", "Connection"),
    Column("made", "Made"),
    Column("state", "State"),
)
_WAITING, _UNREADABLE, _DONE = "waiting", "unreadable", "done"
_FOR_A_PERSON = (_WAITING, _UNREADABLE)


def show(request: PageRequest) -> PageView:
    """The plans that the outboxes list: those that wait first, or those that are done. No company is asked."""
    problems: list[dict[str, Any]] = []
    done = request.query.get("state") == _DONE
    with ExitStack() as runs:
        plans = [
            plan
            for connection in listed_connections()
            for plan in _plans(request, connection.name, runs, problems, done=done)
        ]
        plans.sort(key=lambda plan: plan[1].at, reverse=True)
        if done:  # a plan is read only to be shown
            rows = listed(request, "plans", _COLUMNS, plans, lambda plan: _facts(*plan))
        else:
            facts = sorted((_facts(*plan) for plan in plans), key=lambda row: row["state"] not in _FOR_A_PERSON)
            rows = listed(request, "plans", _COLUMNS, facts, dict)
    data = {"problems": problems, "state": _DONE if done else ""}
    return PageView("approvals.html", data | rows)


def _plans(
    request: PageRequest, name: str, runs: ExitStack, problems: list[dict[str, Any]], *, done: bool
) -> "list[tuple[RecordedRun, PlanRecord]]":
    """The plans of a connection, each with the run in which it is read."""
    from intacct_bridge.operations.plans import plan_records

    try:
        run = runs.enter_context(request.run(name, "plan list"))
        refuse_missing_outbox(run)
        runs.enter_context(run.open_outbox())
        return [(run, record) for record in plan_records(run, done=done)]
    except NotFoundError:  # nothing was planned on it yet
        return []
    except IntacctError as error:
        problems.append({**described(error), "where": name})
        return []


def _facts(run: "RecordedRun", record: "PlanRecord") -> dict[str, Any]:
    from intacct_bridge.operations.plans import WRITTEN, open_saved

    connection = run.connection
    row = {
        "plan": record.id,
        "digest": record.digest,
        "connection": connection.name,
        "environment": connection.environment,
        "address": address("plans", connection.name, record.id),
        "made": record.at,
        "made_by": record.person,
    }
    try:
        saved = open_saved(run, record.id)
    except SettingsError as error:  # such as one whose file was altered
        nothing = {"source": "", "first": record.id, "records": 0, "refused": 0, "totals": [], "may_not_approve": ""}
        return {**row, **nothing, "state": _UNREADABLE, "problem": f"{error.message}. {error.fix}".strip()}
    plan = saved.plan
    first = next((record.write.label for record in plan.of(*WRITTEN) or plan.records), "") or plan.source
    return {**row, "source": plan.source, "first": first, **saved.facts()}


def find(request: PageRequest) -> Redirect:
    """The page of a plan that is named by its id alone."""
    from intacct_bridge.operations.plans import has_plan

    plan_id = request.params["plan"]
    for connection in listed_connections():
        with suppress(IntacctError), request.run(connection.name, "plan list") as run:
            refuse_missing_outbox(run)
            if has_plan(run, plan_id):
                return Redirect(address("plans", connection.name, plan_id))
    raise NotFoundError(f"There is no plan {plan_id}.", fix="Choose one of the list of approvals.")


PAGES = (
    Page("/approvals", "Approvals", show, nav="Approvals"),
    Page("/approvals/{plan}", "Approvals", find),
)
