"""Home: the connections with their last run, records in doubt, the month's API transactions, and the flows."""

from datetime import UTC, datetime, timedelta
from typing import Any

from intacct_bridge.apps.web.pages import Page, PageRequest, PageView, Redirect, company_run
from intacct_bridge.connections.demo_company import listed_connections
from intacct_bridge.connections.embedded_demo import demo_connection
from intacct_bridge.connections.sources import ListedConnection
from intacct_bridge.operations.recorded_run import RecordedRun
from intacct_bridge.runs.definitions import load_flows
from intacct_bridge.runs.history import history_place, open_history
from intacct_bridge.runs.run import Run
from intacct_bridge.runs.statistics import FlowStatistics, flow_statistics, monthly_usage
from intacct_protocol.errors import IntacctError

DAYS = 30
_GOOD = {"done": "good", "running": "quiet", "interrupted": "warn", "temporary fault": "warn"}


def show(request: PageRequest) -> PageView:
    """The state of everything that this machine connects to."""
    since = datetime.now(UTC) - timedelta(days=DAYS)
    listed = listed_connections()
    runs, last = _runs(since, [one.name for one in listed])
    connections = [_connection(one, runs, last.get(one.name), request.person) for one in listed]
    counted = [_rate(one) for one in flow_statistics(run for run in runs if run.started >= since)]
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
            "has_history": _has_history(),
        },
    )


def _rate(one: FlowStatistics) -> dict[str, Any]:
    return {
        "name": one.name,
        "is_flow": bool(one.flow),
        "connection": one.connection,
        "runs": one.runs,
        "succeeded": one.succeeded,
        "failed": one.failed,
        "success_rate": one.success_rate,
        "last_run": run_facts(one.last) if one.last is not None else None,
        "last_success": one.last_success,
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


def _has_history() -> bool:
    return history_place() is not None


def _runs(since: datetime, names: list[str]) -> tuple[list[Run], dict[str, Run]]:
    """The runs of the last weeks and of this month, and the last run of each connection, however old it is."""
    if not _has_history():
        return [], {}
    month = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    with open_history() as history:
        runs = list(history.runs(since=min(since, month)))
        last = {name: run for name in names for run in history.runs(connection=name, limit=1)}
    return runs, last


def _connection(one: ListedConnection, runs: list[Run], last: Run | None, person: str) -> dict[str, Any]:
    """A connection with its last run, its month, and its records in doubt."""
    mine = [run for run in runs if run.connection == one.name]
    month = f"{datetime.now(UTC):%Y-%m}"
    usage = next((used for used in monthly_usage(mine) if used.month == month), None)
    in_doubt, problem = _in_doubt(one.name, person)
    return {
        "name": one.name,
        "company": one.company_id,
        "user": one.user_id,
        "entity": one.location_id,
        "environment": one.environment,
        "read_only": one.read_only,
        "last_run": run_facts(last) if last is not None else None,
        "month": month,
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


def _in_doubt(name: str, person: str) -> tuple[int | None, str]:
    """The records in doubt of a connection's company; None with the reason if its settings are not complete."""
    try:
        with company_run(name, "outbox list", person=person) as run:
            if run.is_demo:  # its outbox is a file, for which no process needs to serve the company
                run.use(demo_connection())
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
