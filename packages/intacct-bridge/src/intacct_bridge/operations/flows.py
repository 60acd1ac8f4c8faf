"""Flows: the named jobs of intacct.toml, or of a fleet's tenant, are listed, checked, scheduled and run.

A flow becomes a job with checked settings here. The program that runs it hands in what shows its results.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from intacct_bridge.connections.demo_company import NAME as DEMO
from intacct_bridge.connections.demo_company import means_demo
from intacct_bridge.connections.sources import list_connections, load_connection
from intacct_bridge.copies.destinations.uri import parse_uri
from intacct_bridge.load.outbox.storage import outbox_place
from intacct_bridge.machine.account import account_name
from intacct_bridge.machine.directories import config_directory
from intacct_bridge.operations.flow_jobs import FlowJob, flow_job
from intacct_bridge.operations.messages import Messages
from intacct_bridge.operations.recorded_run import TenantRun
from intacct_bridge.operations.runs import last_run_of
from intacct_bridge.runs.channels import Channel, find_channels
from intacct_bridge.runs.crontab import cron_entry, install_entry, installed_entry
from intacct_bridge.runs.definitions import Flow, find_flow, load_flows
from intacct_bridge.runs.flow_lock import flow_lock
from intacct_bridge.runs.notify import notify
from intacct_bridge.runs.run import Run, RunError, worst
from intacct_bridge.runs.systemd import unit_name, units_of
from intacct_bridge.shared_state.place import Place
from intacct_protocol.errors import IntacctError, SettingsError
from intacct_protocol.model.suggestions import did_you_mean

__all__ = [
    "Flow",
    "FlowFinding",
    "FlowJob",
    "FlowProgram",
    "FlowResult",
    "FlowSchedule",
    "ListedFlow",
    "PreparedFlow",
    "check_flow",
    "cron_entry_of",
    "find_flow",
    "flow_job",
    "install_cron_entry",
    "list_flows",
    "load_flows",
    "prepare_flow",
    "remove_schedule",
    "run_flow",
    "schedule_of",
    "timer_files",
    "timer_folder",
    "worst",
    "write_timer",
]


class FlowProgram(Protocol):
    """Carries out flows, and shows what they do to a person in its own way."""

    def carry_out(
        self, job: FlowJob, messages: Messages, *, person: str = "", tenant: TenantRun | None = None
    ) -> tuple[int, Run | None]:
        """Carry out a flow as a run of its own: the exit status, and the run if the history has one."""


@dataclass(frozen=True, slots=True)
class ListedFlow:
    """A flow with its last run."""

    flow: Flow
    last_run: Run | None


def list_flows() -> list[ListedFlow]:
    """Every flow of intacct.toml."""
    return [ListedFlow(flow, last_run_of(name)) for name, flow in load_flows().items()]


# --- checks


@dataclass(frozen=True, slots=True)
class FlowFinding:
    """What a check found."""

    kind: str
    """`mistake`, or `note` for what is no mistake and may be a surprise."""
    connection: str
    finding: str
    fix: str


def check_flow(flow: Flow) -> list[FlowFinding]:
    """Check a flow in each of its environments without running it; each finding once."""
    findings: dict[tuple[str, str], FlowFinding] = {}
    others = [str(table.get("connection", name)) for name, table in flow.environments.items()]
    for connection in dict.fromkeys((None, *others)):
        here = flow.on(connection)
        try:
            _check(here)
        except IntacctError as error:
            mistake = FlowFinding("mistake", here.connection, error.message, error.fix)
            findings.setdefault((mistake.kind, mistake.finding), mistake)
        for text in _notes(here):
            findings.setdefault(("note", text), FlowFinding("note", here.connection, text, ""))
    return list(findings.values())


def _check(flow: Flow) -> None:
    flow_job(flow)
    names = [DEMO, *(listed.name for listed in list_connections())]
    if flow.connection and flow.connection not in names:
        near = did_you_mean(flow.connection, names)
        raise SettingsError(
            f"{flow.where('connection')}: there is no connection {flow.connection!r}{near}",
            fix=f"Run: intacct connections add {flow.connection}",
        )
    values = flow.values()
    if flow.command == "extract" and isinstance(values.get("to"), str):
        parse_uri(values["to"])
    find_channels(flow.notify)


def _notes(flow: Flow) -> list[str]:
    if flow.command != "load":
        return []
    if not flow.options.get("apply"):
        return ["apply is not true: the flow shows its plan and posts nothing"]
    environments = {listed.name: listed.environment for listed in list_connections()}
    if environments.get(flow.connection) == "production" and not flow.options.get("yes"):
        return ["yes is not true: a load into a production company asks first, and refuses without a terminal"]
    return []


# --- runs


@dataclass(frozen=True, slots=True)
class PreparedFlow:
    """A flow that was checked, and the receivers of its notifications."""

    job: FlowJob
    channels: Sequence[Channel]


@dataclass(frozen=True, slots=True)
class FlowResult:
    """How a flow ended."""

    flow: Flow
    status: int
    run: Run | None
    """None if it did not begin, or if the history is switched off."""
    error: RunError | None
    problem: IntacctError | None = None
    """Why it did not begin."""


def prepare_flow(flow: Flow) -> PreparedFlow:
    """Check a flow before it runs. SettingsError names the place of a mistake."""
    return PreparedFlow(flow_job(flow), find_channels(flow.notify))


def run_flow(
    prepared: PreparedFlow,
    program: FlowProgram,
    messages: Messages,
    *,
    person: str = "",
    warnings: Messages | None = None,
    tenant: TenantRun | None = None,
) -> FlowResult:
    """Run a flow under its lock, and notify its receivers. A flow that runs already is not run beside itself.

    `warnings` get what the receivers refuse; without them the messages do. A fleet holds its tenants' locks itself.
    """
    flow, warn = prepared.job.flow, (warnings or messages).complain
    messages.log_facts["flow"] = flow.name
    messages.hide(flow.secrets())
    for channel in prepared.channels:
        messages.hide(channel.secrets)
    try:
        if tenant is not None:
            status, run = program.carry_out(prepared.job, messages, person=person, tenant=tenant)
        else:
            with flow_lock(flow, person or account_name(), _outbox_of(flow)):
                status, run = program.carry_out(prepared.job, messages, person=person)
    except IntacctError as error:
        return FlowResult(flow, error.exit_status, None, RunError.of(error), error)
    if run is not None:
        notify(prepared.channels, run, warn=warn)
        messages.log_file.close()  # a warning opened it again
    return FlowResult(flow, status, run, run.error if run is not None else None)


def _outbox_of(flow: Flow) -> Place | None:
    """The outbox of the flow's connection; None for the demo, and if the command will refuse the settings."""
    if means_demo(flow.connection or None):
        return None
    try:
        return outbox_place(load_connection(flow.connection or None))
    except IntacctError:
        return None


# --- schedules


@dataclass(frozen=True, slots=True)
class FlowSchedule:
    """The schedule that this machine has for a flow."""

    kind: str
    """`systemd timer`, `crontab`, or empty for none."""
    text: str = ""
    unit: str = ""
    """The timer's name."""


def timer_folder() -> Path:
    """The user's folder of systemd units."""
    return config_directory().parent / "systemd" / "user"


def schedule_of(name: str) -> FlowSchedule:
    """The files of a flow's timer, or its entry of the crontab."""
    timer = timer_folder() / f"{unit_name(name)}.timer"
    if timer.is_file():
        files = [file for file in (timer, timer.with_suffix(".service")) if file.is_file()]
        return FlowSchedule(
            "systemd timer", "\n".join(f"# {file.name}\n{file.read_text('utf-8')}" for file in files), timer.name
        )
    entry = installed_entry(name)
    return FlowSchedule("crontab" if entry else "", entry)


def timer_files(flow: Flow, words: Sequence[str], *, calendar: str) -> dict[str, str]:
    """The texts of a systemd service and its timer by their files' names; `words` are the command that it runs."""
    units = units_of(
        flow.name,
        list(words),
        directory=str(Path.cwd()),
        calendar=calendar,
        environment_file=str(config_directory() / "environment"),
    )
    return {f"{units.name}.service": units.service, f"{units.name}.timer": units.timer}


def write_timer(files: dict[str, str], folder: Path) -> None:
    """Write the files of a timer into a folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{folder} cannot be written: {error.strerror}", fix="Name another directory.") from None


def cron_entry_of(flow: Flow, words: Sequence[str], *, when: str) -> str:
    """The entry of a crontab for a flow; `words` are the command that it runs."""
    return cron_entry(flow.name, words, directory=str(Path.cwd()), when=when)


def install_cron_entry(name: str, entry: str) -> None:
    """Put an entry into this user's crontab, in place of the flow's earlier one; an empty one removes it."""
    install_entry(name, entry)


def remove_schedule(name: str) -> None:
    """Remove the timer and the crontab entry that this machine has for a flow."""
    for suffix in (".timer", ".service"):
        (timer_folder() / f"{unit_name(name)}{suffix}").unlink(missing_ok=True)
    if installed_entry(name):
        install_entry(name, "")
