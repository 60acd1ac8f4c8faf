"""Home: the connections with their last run, records in doubt, the month's API transactions, and the flows."""

from datetime import UTC, datetime
from typing import Any

from intacct_bridge.apps.web.pages import Page, PageRequest, PageView, Redirect
from intacct_bridge.operations.connections import ListedConnection, choose_for_files, listed_connections
from intacct_bridge.operations.flows import load_flows
from intacct_bridge.operations.recorded_run import RecordedRun
from intacct_bridge.operations.runs import FlowStatistics, Run, RunsOverview, has_history, runs_overview
from intacct_protocol.errors import IntacctError

DAYS = 30
_GOOD = {"done": "good", "running": "quiet", "interrupted": "warn", "temporary fault": "warn"}


def show(request: PageRequest) -> PageView:
    """The state of everything that this machine connects to."""
    listed = listed_connections()
    overview = runs_overview([one.name for one in listed], days=DAYS)
    connections = [_connection(one, overview, request) for one in listed]
    counted = [_rate(one) for one in overview.flows]
    flows, problem = _flows([one for one in counted if one["is_flow"]])
    return PageView(
        "home.html",
        {
            "connections": connections,
            "in_doubt": sum(one["in_doubt"] or 0 for one in connections),
            "transactions": sum(one["transactions"] for one in connections),
            "month": f"{datetime.now(UTC):%Y-%m}",
            "failed": sum(one["failed"] for one in counted),
            "flows": flows,
            "flows_problem": problem,
            "commands": [one for one in counted if not one["is_flow"]],
            "days": DAYS,
            "has_history": has_history(),
        },
    )


def _rate(statistics: FlowStatistics) -> dict[str, Any]:
    return {
        "name": statistics.name,
        "is_flow": bool(statistics.flow),
        "connection": statistics.connection,
        "runs": statistics.runs,
        "succeeded": statistics.succeeded,
        "failed": statistics.failed,
        "success_rate": statistics.success_rate,
        "last_run": run_facts(statistics.last) if statistics.last is not None else None,
        "last_success": statistics.last_success,
    }


def _flows(counted: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], str]:
    """The rates of flows, and the flows that are defined and did not run; the reason if they cannot be read."""
    try:
        defined = load_flows()
    except IntacctError as error:
        return counted, error.message
    ran = {one["name"] for one in counted}
    unused = [
        _rate(FlowStatistics(flow.name, "", flow.connection)) for flow in defined.values() if flow.name not in ran
    ]
    return [*counted, *unused], ""


def _connection(connection: ListedConnection, overview: RunsOverview, request: PageRequest) -> dict[str, Any]:
    """A connection with its last run, its month, and its records in doubt."""
    usage, last = overview.usage.get(connection.name), overview.last.get(connection.name)
    in_doubt, problem = _in_doubt(connection.name, request)
    return {
        "name": connection.name,
        "company": connection.company_id,
        "user": connection.user_id,
        "entity": connection.location_id,
        "environment": connection.environment,
        "read_only": connection.read_only,
        "last_run": run_facts(last) if last is not None else None,
        "month": f"{datetime.now(UTC):%Y-%m}",
        "transactions": usage.transactions if usage is not None else 0,
        "allowance": usage.allowance if usage is not None else None,
        "used": usage.share if usage is not None else None,
        "in_doubt": in_doubt,
        "problem": problem,
    }


def run_facts(run: Run) -> dict[str, Any]:
    """A run in one line."""
    return {
        "id": run.id,
        "what": run.flow or run.command,
        "started": run.started,
        "end": run.end.value,
        "kind": _GOOD.get(run.end.value, "bad"),
        "transactions": run.transactions,
        "error": run.error.message if run.error is not None else "",
    }


def _in_doubt(name: str, request: PageRequest) -> tuple[int | None, str]:
    """The records in doubt of a connection's company; None with the reason if its settings are not complete."""
    try:
        with request.run(name, "outbox list") as run:
            choose_for_files(run)
            return count_in_doubt(run), ""
    except IntacctError as error:
        return None, error.message


def count_in_doubt(run: RecordedRun) -> int:
    """The records in doubt in the outbox of the connection's company."""
    from intacct_bridge.operations.outbox import EntryQuery, RecordStatus, find_entries, has_outbox

    if not has_outbox(run.connection):
        return 0
    return len(find_entries(run, EntryQuery(statuses=(RecordStatus.IN_DOUBT,))).entries)


def sign_out(request: PageRequest) -> Redirect:
    """End this browser's session."""
    request.app.sign_out(request.session)
    return request.redirect("/")


PAGES = (Page("/", "Home", show, nav="Home", actions={"sign-out": sign_out}),)
