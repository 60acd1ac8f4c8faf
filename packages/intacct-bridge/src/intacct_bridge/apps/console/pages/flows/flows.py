"""Flows: the named jobs of intacct.toml with their last runs; run one now; write its schedule."""

from pathlib import Path
from typing import Any

from intacct_bridge.apps.console.pages.flows.runs import run_line
from intacct_bridge.apps.console.site import command_data, command_work, run_command
from intacct_bridge.apps.web.pages import NotFoundError, Page, PageRequest, PageView, Redirect, address
from intacct_bridge.machine.directories import config_directory
from intacct_bridge.runs.crontab import installed_entry
from intacct_bridge.runs.definitions import find_flow, load_flows
from intacct_bridge.runs.history import history_place
from intacct_bridge.runs.systemd import unit_name

_RUNS = 20
DAYS = 30
_ELSEWHERE = ("flow", "environments", "notifies")
"""Facts that have places of their own on the page."""


def show(request: PageRequest) -> PageView:
    """Every flow with its last run, its success rate and its schedule."""
    flows = command_data(request.site, ["flows", "list"], person=request.person) or []
    rates: dict[str, Any] = {}
    if history_place() is not None:
        told = command_data(request.site, ["runs", "stats", f"--days={DAYS}"], person=request.person)
        rates = {one["flow"]: one["success"] for one in told["flows"] if one["flow"]}
    listed = [
        {
            "name": one["flow"],
            "command": one["command"],
            "connection": one["connection"],
            "description": one["description"],
            "last_run": one["last run"] or "",
            "end": one["end"] or "",
            "success": rates.get(one["flow"]),
            "schedule": _schedule(one["flow"])["kind"],
        }
        for one in flows
    ]
    return PageView("flows.html", {"flows": listed, "days": DAYS})


def _schedule(name: str) -> dict[str, str]:
    """The schedule that this machine has for a flow: the files of a timer, or the entry of the crontab."""
    timer = _units() / f"{unit_name(name)}.timer"
    if timer.is_file():
        service = timer.with_suffix(".service")
        files = [one for one in (timer, service) if one.is_file()]
        text = "\n".join(f"# {one.name}\n{one.read_text('utf-8')}" for one in files)
        return {"kind": "systemd timer", "text": text, "unit": timer.name}
    entry = installed_entry(name)
    return {"kind": "crontab" if entry else "", "text": entry, "unit": ""}


def _units() -> Path:
    """The user's folder of systemd units."""
    return config_directory().parent / "systemd" / "user"


def show_flow(request: PageRequest) -> PageView:
    """One flow: its command line, what a check finds, its schedule and its runs."""
    name = _name(request)
    facts = command_data(request.site, ["flows", "show", name], person=request.person)
    findings = command_data(request.site, ["flows", "check", name], person=request.person) or []
    runs: list[Any] = []
    if history_place() is not None:
        runs = command_data(request.site, ["runs", "list", f"--flow={name}", f"--limit={_RUNS}"], person=request.person)
    flow = find_flow(name)
    data = {
        "name": name,
        "facts": {
            key: value for key, value in facts.items() if value and key not in ("flow", "environments", "notifies")
        },
        "connections": [flow.connection, *(str(one.get("connection", key)) for key, one in flow.environments.items())],
        "notifies": facts["notifies"],
        "findings": findings,
        "schedule": _schedule(name),
        "units": str(_units()),
        "may_configure": request.may_configure,
        "runs": [run_line(one) for one in runs or []],
    }
    return PageView("flow.html", data, title=f"Flow {name}")


def _name(request: PageRequest) -> str:
    name = request.params["flow"]
    if name not in load_flows():
        raise NotFoundError(f"There is no flow {name!r}.", fix="Define it in intacct.toml.")
    return name


def run(request: PageRequest) -> Redirect:
    """Run the flow now, as a job."""
    name = _name(request)
    words = ["run", name, *([f"--connection={request.field('connection')}"] if request.field("connection") else [])]
    return request.start(f"Run {name}", command_work(request.site, words, result=address("flows", name)))


def schedule(request: PageRequest) -> Redirect:
    """Write the schedule as a systemd timer or a crontab entry, or remove it."""
    request.check_may_configure("schedules")  # it runs on this machine until it is removed, and in no person's name
    name, kind = _name(request), request.field("kind")
    if kind == "remove":
        _remove(request, name)
        return request.redirect(address("flows", name), notice="The schedule is removed.")
    if kind == "systemd":
        words = ["flows", "systemd", name, f"--on-calendar={request.field('calendar')}", f"--to={_units()}"]
        notice = f"The timer is written to {_units()}. Start it with the commands below."
    else:
        words = ["flows", "cron", name, f"--when={request.field('when')}", "--install"]
        notice = "The crontab has the entry."
    run_command(request.site, words, person=request.person)
    return request.redirect(address("flows", name), notice=notice)


def _remove(request: PageRequest, name: str) -> None:
    for suffix in (".timer", ".service"):
        (_units() / f"{unit_name(name)}{suffix}").unlink(missing_ok=True)
    if installed_entry(name):
        run_command(request.site, ["flows", "cron", name, "--remove"], person=request.person)


PAGES = (
    Page("/flows", "Flows", show, nav="Flows"),
    Page("/flows/{flow}", "Flow", show_flow, actions={"run": run, "schedule": schedule}),
)
