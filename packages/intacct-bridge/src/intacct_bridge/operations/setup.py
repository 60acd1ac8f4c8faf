"""Set-up: the examination of a connection (the doctor), the checklist of a planned use, and the letter."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from intacct_bridge.client.client import Client
from intacct_bridge.connections.connection import Connection
from intacct_bridge.connections.sources import list_connections
from intacct_bridge.operations.recorded_run import CompanyRun, RecordedRun
from intacct_bridge.setup.assistant import (
    NEW,
    CheckedConnection,
    SetUpAssistant,
    SetUpCheck,
    examined_checklist,
    settings_by_step,
)
from intacct_bridge.setup.checklist import (
    FormField,
    SetUpChecklist,
    SetUpStep,
    SetUpValues,
    checklist,
    job_of,
    shared_sender,
)
from intacct_bridge.setup.examination import Examination, Job
from intacct_bridge.setup.examination import run as examine_as_program
from intacct_bridge.setup.findings import DoctorFinding, DoctorReport, Status, titles
from intacct_bridge.setup.letter import administrators_steps, closing, grant_text, is_done, letter, opening, subject
from intacct_bridge.setup.progress import DONE, MISSING, UNKNOWN, SetUpAnswers, SetUpProgress, SetUpStore, object_names
from intacct_bridge.setup.read_rights import STREAMS
from intacct_bridge.setup.role import RoleGrant

__all__ = [
    "DONE",
    "MISSING",
    "STREAMS",
    "UNKNOWN",
    "DoctorFinding",
    "DoctorReport",
    "Examination",
    "ExaminationResult",
    "FormField",
    "Job",
    "RoleGrant",
    "SetUpAnswers",
    "SetUpAssistant",
    "SetUpCheckResult",
    "SetUpChecklist",
    "SetUpProgress",
    "SetUpStep",
    "SetUpStore",
    "SetUpValues",
    "Status",
    "administrators_steps",
    "check_set_up",
    "check_unsaved",
    "checklist",
    "closing",
    "examine",
    "examine_company",
    "grant_text",
    "is_done",
    "job_from_text",
    "job_of",
    "letter",
    "object_names",
    "opening",
    "set_up_assistant",
    "settings_by_step",
    "shared_sender",
    "subject",
    "titles",
]

OnFinding = Callable[[DoctorFinding], None]


def job_from_text(streams: str = "", writes: str = "", page_size: int | None = None) -> Job:
    """A job from names between commas."""

    def names(text: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name.strip().upper() for name in text.split(",") if name.strip()))

    return Job(names(streams), names(writes), page_size)


@dataclass(frozen=True, slots=True)
class ExaminationResult:
    """The result of an examination."""

    target: str
    """The company and environment."""
    report: DoctorReport
    letter: str
    """To the company's administrator, with what the examination found."""
    is_unreachable: bool
    """Whether the gateway did not answer, so that a later examination may see more."""


def examine(run: RecordedRun, job: Job, *, on_finding: OnFinding = lambda _: None) -> ExaminationResult:
    """Check every set-up step in order, for a planned job or for the usual streams. It changes nothing.

    `on_finding` gets each finding as it is made.
    """
    connection = run.connection
    run.messages.say(f"Checking {connection.target} as {connection.user_id}.")
    examination = Examination(connection, run.open_client, job, siblings=list_connections())
    findings = []
    for finding in examination.run():
        findings.append(finding)
        on_finding(finding)
    report = examination.report(findings)
    checklist = examined_checklist(connection, job, findings, datetime.now(UTC))
    text = run.messages.masked(letter(checklist, findings))
    return ExaminationResult(connection.target, report, text, report.stopped_at == "network")


def examine_company(run: CompanyRun, job: Job) -> DoctorReport:
    """The same for a program: with new clients that have the settings and the transport of the run's own."""
    return examine_as_program(run.client, job.streams, job.writes, page_size=job.page_size)


def check_unsaved(connection: Connection, store: SetUpStore, *, only_sender: bool = False) -> Iterator[DoctorFinding]:
    """Check a connection that is not saved yet, for the job that the store has, and keep there what the check says.

    Nothing is kept on this machine. `only_sender`: sign in as a user that does not exist, which shows the first steps.
    """
    checked = CheckedConnection(connection, only_sender)
    yield from SetUpCheck(connection.name, checked, store, lambda wanted: Client(wanted, keep=False)).findings()


def set_up_assistant(run: RecordedRun) -> SetUpAssistant:
    """The assistant for the run's connection: the named one, or the only one, or one that is still to be made."""
    if run.name is None:
        listed = list_connections()
        name = os.environ.get("INTACCT_CONNECTION") or (listed[0].name if len(listed) == 1 else NEW)
        if name == NEW:
            return SetUpAssistant(NEW, lambda: run.connection, run.open_client)
        run.name = name
    return SetUpAssistant(run.name, lambda: run.connection, run.open_client)


@dataclass(frozen=True, slots=True)
class SetUpCheckResult:
    """The result of one check of a set-up."""

    checklist: SetUpChecklist
    has_connection: bool
    """Whether there was something to check."""
    is_unreachable: bool
    """Whether the gateway did not answer, so that a later check may see more."""
    is_refused: bool
    """Whether Intacct refused the user. More checks do harm: wrong passwords lock a user out."""


def check_set_up(
    run: RecordedRun, assistant: SetUpAssistant, *, on_finding: OnFinding = lambda _: None
) -> SetUpCheckResult:
    """Check a set-up once, and tick the steps that the check confirms. It changes nothing in the company."""
    connection = assistant.checked.connection
    if connection is not None:
        run.messages.hide(connection.secrets)
        run.messages.say(f"Checking {connection.target} ...")
    is_unreachable = is_refused = False
    for finding in assistant.check():
        is_unreachable |= finding.step == "network" and finding.needs_action
        is_refused |= finding.step == "user" and finding.needs_action and not assistant.checked.only_sender
        on_finding(finding)
    return SetUpCheckResult(assistant.checklist(), assistant.checked.connection is not None, is_unreachable, is_refused)
