"""Flows: the named jobs of intacct.toml with their last runs; run one now; write its schedule."""

from pathlib import Path
from typing import Any

from intacct_bridge.apps.console.pages.flows.runs import run_line
from intacct_bridge.apps.console.site import command_data, command_work, run_command
from intacct_bridge.apps.console.visit import ConsolePage, NotFoundError, PageView, Redirect, Visit, address
from intacct_bridge.machine.directories import config_directory
from intacct_bridge.runs.crontab import installed_entry
from intacct_bridge.runs.definitions import find_flow, load_flows
from intacct_bridge.runs.history import history_place
from intacct_bridge.runs.systemd import unit_name

_RUNS = 20
DAYS = 30
_ELSEWHERE = ("flow", "environments", "notifies")
"""Facts that have places of their own on the page."""


def show(visit: Visit) -> PageView:
    """Every flow with its last run, its success rate and its schedule."""
    flows = command_data(visit.site, ["flows", "list"], person=visit.person) or []
    rates: dict[str, Any] = {}
    if history_place() is not None:
        told = command_data(visit.site, ["runs", "stats", f"--days={DAYS}"], person=visit.person)
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


def show_flow(visit: Visit) -> PageView:
    """One flow: its command line, what a check finds, its schedule and its runs."""
    name = _name(visit)
    facts = command_data(visit.site, ["flows", "show", name], person=visit.person)
    findings = command_data(visit.site, ["flows", "check", name], person=visit.person) or []
    runs: list[Any] = []
    if history_place() is not None:
        runs = command_data(visit.site, ["runs", "list", f"--flow={name}", f"--limit={_RUNS}"], person=visit.person)
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
        "may_configure": visit.may_configure,
        "runs": [run_line(one) for one in runs or []],
    }
    return PageView("flow.html", data, title=f"Flow {name}")


def _name(visit: Visit) -> str:
    name = visit.params["flow"]
    if name not in load_flows():
        raise NotFoundError(f"There is no flow {name!r}.", fix="Define it in intacct.toml.")
    return name


def run(visit: Visit) -> Redirect:
    """Run the flow now, as a job."""
    name = _name(visit)
    words = ["run", name, *([f"--connection={visit.field('connection')}"] if visit.field("connection") else [])]
    return visit.start(f"Run {name}", command_work(visit.site, words, result=address("flows", name)))


def schedule(visit: Visit) -> Redirect:
    """Write the schedule as a systemd timer or a crontab entry, or remove it."""
    visit.check_may_configure("schedules")  # it runs on this machine until it is removed, and in no person's name
    name, kind = _name(visit), visit.field("kind")
    if kind == "remove":
        _remove(visit, name)
        return visit.redirect(address("flows", name), notice="The schedule is removed.")
    if kind == "systemd":
        words = ["flows", "systemd", name, f"--on-calendar={visit.field('calendar')}", f"--to={_units()}"]
        notice = f"The timer is written to {_units()}. Start it with the commands below."
    else:
        words = ["flows", "cron", name, f"--when={visit.field('when')}", "--install"]
        notice = "The crontab has the entry."
    run_command(visit.site, words, person=visit.person)
    return visit.redirect(address("flows", name), notice=notice)


def _remove(visit: Visit, name: str) -> None:
    for suffix in (".timer", ".service"):
        (_units() / f"{unit_name(name)}{suffix}").unlink(missing_ok=True)
    if installed_entry(name):
        run_command(visit.site, ["flows", "cron", name, "--remove"], person=visit.person)


PAGES = (
    ConsolePage("/flows", "Flows", show, nav="Flows"),
    ConsolePage("/flows/{flow}", "Flow", show_flow, actions={"run": run, "schedule": schedule}),
)
