"""Runs: the history with its filters, and one run with its streams, records, error and log."""

import shlex
from typing import Any

from intacct_bridge.apps.console.pages.postings.outbox import plan_to_undo
from intacct_bridge.apps.console.site import command_data
from intacct_bridge.apps.web.pages import NotFoundError, Page, PageRequest, PageView, Redirect
from intacct_bridge.runs.history import history_place
from intacct_bridge.runs.run import LIBRARY
from intacct_protocol.errors import SettingsError

_MOST = 100
_LOG_LINES = 500
_GOOD = {"done": "good", "running": "quiet", "interrupted": "warn", "temporary fault": "warn"}
_FILTERS = ("flow", "command", "connection")


def show(request: PageRequest) -> PageView:
    """The runs that match, the latest first."""
    asked = {name: request.query.get(name, "") for name in (*_FILTERS, "failed")}
    words = [f"--{name}={asked[name]}" for name in _FILTERS if asked[name]]
    words += ["--failed"] if asked["failed"] else []
    runs: list[Any] = []
    if history_place() is not None:
        runs = command_data(request.site, ["runs", "list", f"--limit={_MOST}", *words], person=request.person) or []
    data = {"runs": [run_line(one) for one in runs], "asked": asked, "has_history": history_place() is not None}
    return PageView("runs.html", data)


def run_line(run: dict[str, Any]) -> dict[str, Any]:
    """A run in one line."""
    counts = {name: count for name, count in run["records"].items() if count}
    return {
        "id": run["id"],
        "what": run["flow"] or run["command"],
        "is_flow": bool(run["flow"]),
        "connection": run["connection"],
        "person": run["person"],
        "started": run["started"][:19].replace("T", " "),
        "end": run["end"],
        "kind": _GOOD.get(run["end"], "bad"),
        "seconds": round(run["seconds"], 1) if run["seconds"] is not None else None,
        "rows": run["rows"],
        "records": ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items()),
        "transactions": run["transactions"],
        "error": run["error"]["message"] if run["error"] else "",
    }


def show_run(request: PageRequest) -> PageView:
    """One run with its log."""
    run = _run(request)
    lines = run.pop("log_lines", [])
    data = {
        "run": run_line(run) | {"records": {name: count for name, count in run["records"].items() if count}},
        "facts": {
            name: run[name]
            for name in ("machine", "version", "company", "entity", "environment", "destination", "ended", "status")
            if run[name] not in ("", None)
        }
        | ({"ended": f"{run['ended'][:19].replace('T', ' ')} UTC"} if run["ended"] else {}),
        "command": _command(run),
        "error": run["error"],
        "streams": [one for one in run["streams"] if one["rows"] or one["deleted"] or one["error"]],
        "refused_rows": run["refused_rows"],
        "log": [
            f"{one.get('time', '')} {one.get('level', '')} {one.get('message', '')}" for one in lines[-_LOG_LINES:]
        ],
        "posted": bool(run["records"]["posted"]) and bool(run["connection"]),
    }
    return PageView("run.html", data, title=f"Run {run['id'][:12]}")


def _command(run: dict[str, Any]) -> str:
    """The command line; empty for work of a page or of a program."""
    words = run["arguments"]
    return "" if run["command"] == LIBRARY or words[:1] == ["console"] else shlex.join(["intacct", *words])


def _run(request: PageRequest) -> dict[str, Any]:
    run_id = request.params["id"]
    if not run_id.isalnum():
        raise NotFoundError(f"There is no run {run_id}.", fix="Choose one of the list.")
    try:
        found = command_data(request.site, ["runs", "show", run_id, "--log"], person=request.person)
    except SettingsError as error:
        raise NotFoundError(error.message, fix="Choose one of the list.") from None
    assert isinstance(found, dict)
    return found


def undo(request: PageRequest) -> Redirect:
    """Make the plan that takes back what a run posted."""
    run = _run(request)
    return plan_to_undo(request, run["connection"], runs=(run["id"],))


PAGES = (
    Page("/runs", "Runs", show, nav="Runs"),
    Page("/runs/{id}", "Run", show_run, actions={"undo": undo}),
)
