"""Runs: the history with its filters, and one run with its streams, records, error and log."""

import shlex
from typing import Any

from msgspec.structs import asdict

from intacct_bridge.apps.console.pages.postings.outbox import plan_to_undo
from intacct_bridge.apps.web.lists import Column, listed
from intacct_bridge.apps.web.pages import NotFoundError, Page, PageRequest, PageView, Redirect
from intacct_bridge.operations.runs import LIBRARY, Run, RunFilter, find_run, has_history, list_runs, run_log
from intacct_protocol.errors import SettingsError

_COLUMNS = (
    Column("started", "Started (UTC)"),
    Column("end", "End"),
    Column("what", "What"),
    Column("connection", "Connection"),
    Column("seconds", "Seconds", is_number=True),
    Column("rows", "Rows", is_number=True),
    Column("records", "Records"),
    Column("transactions", "API transactions", is_number=True),
    Column("person", "By"),
)
_LOG_LINES = 500
_GOOD = {
    "done": "good",
    "running": "quiet",
    "interrupted": "warn",
    "planned": "quiet",
    "declined": "quiet",
    "temporary fault": "warn",
}
_FILTERS = ("flow", "command", "connection")


def show(request: PageRequest) -> PageView:
    """The runs that match, the latest first."""
    filters = {name: request.query.get(name, "") for name in (*_FILTERS, "failed")}
    chosen = RunFilter(filters["flow"], filters["command"], filters["connection"], bool(filters["failed"]))
    runs = list_runs(chosen) if has_history() else []
    data = {"asked": filters, "has_history": has_history()}
    return PageView("runs.html", data | listed(request, "runs", _COLUMNS, runs, run_line))


def run_line(run: Run) -> dict[str, Any]:
    """A run in one line."""
    seconds = run.seconds()
    return {
        "id": run.id,
        "what": run.flow or run.command,
        "is_flow": bool(run.flow),
        "connection": run.connection,
        "person": run.person,
        "started": f"{run.started:%Y-%m-%d %H:%M:%S}",
        "end": run.end.value,
        "kind": _GOOD.get(run.end.value, "bad"),
        "seconds": round(seconds, 1) if seconds is not None else None,
        "rows": run.rows,
        "records": ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in _records(run).items()),
        "transactions": run.transactions,
        "error": run.error.message if run.error is not None else "",
    }


def _records(run: Run) -> dict[str, int]:
    """The counts of records that are not zero, by their names."""
    return {name: count for name, count in asdict(run.records).items() if count}


def show_run(request: PageRequest) -> PageView:
    """One run with its log."""
    run = _run_facts(request)
    facts = {
        "machine": run.machine,
        "version": run.version,
        "company": run.company,
        "entity": run.entity,
        "environment": run.environment,
        "destination": run.destination,
        "ended": f"{run.ended:%Y-%m-%d %H:%M:%S} UTC" if run.ended is not None else "",
        "status": run.status,
    }
    data = {
        "run": run_line(run) | {"records": _records(run)},
        "facts": {name: value for name, value in facts.items() if value not in ("", None)},
        "command": _command(run),
        "error": asdict(run.error) if run.error is not None else None,
        "streams": [asdict(stream) for stream in run.streams if stream.rows or stream.deleted or stream.error],
        "refused_rows": list(run.refused_rows),
        "log": [f"{line.time} {line.level} {line.message}" for line in run_log(run)[-_LOG_LINES:]],
        "posted": bool(run.records.posted) and bool(run.connection),
    }
    return PageView("run.html", data, title=f"Run {run.id[:12]}")


def _command(run: Run) -> str:
    """The command line; empty for work of a page or of a program."""
    words = run.arguments
    return "" if run.command == LIBRARY or words[:1] == ("console",) else shlex.join(["intacct", *words])


def _run_facts(request: PageRequest) -> Run:
    run_id = request.params["id"]
    if not run_id.isalnum():
        raise NotFoundError(f"There is no run {run_id}.", fix="Choose one of the list.")
    try:
        return find_run(run_id)
    except SettingsError as error:
        raise NotFoundError(error.message, fix="Choose one of the list.") from None


def undo(request: PageRequest) -> Redirect:
    """Make the plan that takes back what a run posted."""
    run = _run_facts(request)
    return plan_to_undo(request, run.connection, runs=(run.id,))


PAGES = (
    Page("/runs", "Runs", show, nav="Runs"),
    Page("/runs/{id}", "Run", show_run, actions={"undo": undo}),
)
