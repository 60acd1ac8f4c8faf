"""Flows: the named jobs of intacct.toml with their last runs; run one now; write its schedule."""

from dataclasses import asdict

from intacct_bridge.apps.console.pages.flows.runs import run_line
from intacct_bridge.apps.views.flows import scheduled_words
from intacct_bridge.apps.web.jobs import BackgroundJob, JobMessages
from intacct_bridge.apps.web.pages import NotFoundError, Page, PageRequest, PageView, Redirect, address
from intacct_bridge.operations.flows import (
    check_flow,
    cron_entry_of,
    find_flow,
    flow_job,
    install_cron_entry,
    list_flows,
    load_flows,
    prepare_flow,
    remove_schedule,
    run_flow,
    schedule_of,
    timer_files,
    timer_folder,
    write_timer,
)
from intacct_bridge.operations.messages import Messages
from intacct_bridge.operations.runs import RunFilter, has_history, last_run_of, list_runs, run_statistics
from intacct_protocol.errors import SettingsError

_RUNS = 20
DAYS = 30


def show(request: PageRequest) -> PageView:  # noqa: ARG001
    """Every flow with its last run, its success rate and its schedule."""
    rates = {}
    if has_history():
        rates = {counted.flow: counted.success_rate for counted in run_statistics(days=DAYS).flows if counted.flow}
    flows = [
        {
            "name": listed.flow.name,
            "command": listed.flow.command,
            "connection": listed.flow.connection,
            "description": listed.flow.description,
            "last_run": f"{listed.last_run.started:%Y-%m-%d %H:%M:%S}" if listed.last_run is not None else "",
            "end": listed.last_run.end.value if listed.last_run is not None else "",
            "success": rates.get(listed.flow.name),
            "schedule": schedule_of(listed.flow.name).kind,
        }
        for listed in list_flows()
    ]
    return PageView("flows.html", {"flows": flows, "days": DAYS})


def show_flow(request: PageRequest) -> PageView:
    """One flow: its command line, what a check finds, its schedule and its runs."""
    name = _name(request)
    flow = find_flow(name)
    last = last_run_of(name)
    facts = {
        "file": str(flow.path),
        "description": flow.description,
        "connection": flow.connection,
        "runs": flow_job(flow).line(Messages()),
        "last run": f"{last.started:%Y-%m-%d %H:%M:%S} UTC: {last.end.value}" if last is not None else "",
    }
    data = {
        "name": name,
        "facts": {label: text for label, text in facts.items() if text},
        "connections": [flow.connection, *(str(one.get("connection", key)) for key, one in flow.environments.items())],
        "notifies": list(flow.notify),
        "findings": [asdict(finding) for finding in check_flow(flow)],
        "schedule": asdict(schedule_of(name)),
        "units": str(timer_folder()),
        "may_configure": request.may_configure,
        "runs": [run_line(run) for run in list_runs(RunFilter(flow=name, limit=_RUNS))] if has_history() else [],
    }
    return PageView("flow.html", data, title=f"Flow {name}")


def _name(request: PageRequest) -> str:
    name = request.params["flow"]
    if name not in load_flows():
        raise NotFoundError(f"There is no flow {name!r}.", fix="Define it in intacct.toml.")
    return name


def run(request: PageRequest) -> Redirect:
    """Run the flow now, as a job."""
    name, program = _name(request), request.app.flows
    prepared = prepare_flow(find_flow(name).on(request.field("connection") or None))

    def work(job: BackgroundJob) -> None:
        job.result = address("flows", name)
        result = run_flow(prepared, program, JobMessages(job), person=job.person)
        job.stop_if_asked()
        if result.problem is not None:
            raise result.problem
        if result.status:
            raise SettingsError(f"The flow {name} ended with exit status {result.status}", fix="Its messages say why.")

    return request.start(f"Run {name}", work)


def schedule(request: PageRequest) -> Redirect:
    """Write the schedule as a systemd timer or a crontab entry, or remove it."""
    request.check_may_configure("schedules")  # it runs on this machine until it is removed, and in no person's name
    name, kind = _name(request), request.field("kind")
    if kind == "remove":
        remove_schedule(name)
        return request.redirect(address("flows", name), notice="The schedule is removed.")
    flow = prepare_flow(find_flow(name)).job.flow
    words = scheduled_words(flow)
    if kind == "systemd":
        write_timer(timer_files(flow, words, calendar=request.field("calendar")), timer_folder())
        notice = f"The timer is written to {timer_folder()}. Start it with the commands below."
    else:
        install_cron_entry(name, cron_entry_of(flow, words, when=request.field("when")))
        notice = "The crontab has the entry."
    return request.redirect(address("flows", name), notice=notice)


PAGES = (
    Page("/flows", "Flows", show, nav="Flows"),
    Page("/flows/{flow}", "Flow", show_flow, actions={"run": run, "schedule": schedule}),
)
