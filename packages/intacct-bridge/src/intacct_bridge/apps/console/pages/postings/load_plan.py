"""The plan of a dropped file: made and applied as jobs, approved, with its receipts and refused rows kept."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from intacct_bridge.apps.console.pages.postings import plans
from intacct_bridge.apps.console.pages.postings.dropped_files import (
    DroppedFile,
    changing,
    changing_outcomes,
    find_file,
)
from intacct_bridge.apps.web.jobs import BackgroundJob
from intacct_bridge.apps.web.pages import Download, NotFoundError, PageRequest, Redirect, address
from intacct_protocol.errors import SettingsError

if TYPE_CHECKING:
    from intacct_bridge.operations.plans import Plan, RecordOutcome
    from intacct_bridge.operations.recorded_run import RecordedRun


def plan(request: PageRequest) -> Redirect:
    """Plan the file as a job: the outbox holds the plan, and the refused rows are beside the file."""
    file = find_file(request.params["id"], request.person)

    def work(job: BackgroundJob) -> None:
        job.result = address("load", file.id)
        with job.company(file.connection, "load", entity=file.entity) as run:
            _make_plan(run, file)

    return request.start(f"Plan {file.name}", work)


def _make_plan(run: "RecordedRun", file: DroppedFile) -> None:
    from intacct_bridge.operations.loads import plan_load, write_refused_rows
    from intacct_bridge.operations.plans import save_plan

    with run.open_outbox():
        plan = plan_load(run, file.request)
        saved = save_plan(run, plan, sending=file.texts.sending)
    with changing(file.id, file.person, version=file.version) as now:
        now.forget_plan()
        now.plan, now.problem = saved.id, {}
        if write_refused_rows(plan, (), file.refused):
            run.recorder.add_file(file.refused)
    run.note_choice()
    run.status = 1 if plan.refused else 0


def approve(request: PageRequest) -> Redirect:
    """Approve the plan of the file."""
    file = _planned(request)
    with request.run(file.connection, "plan approve", entity=file.entity) as run:
        until = plans.approve_digest(request, run, file.plan)
    return request.redirect(address("load", file.id), notice=f"Approved by {request.person} until {until}.")


def apply(request: PageRequest) -> Redirect:
    """Post the plan that the person saw, as a job; another window may have planned the file again."""
    file = _planned(request)
    if request.field("plan") != file.plan:
        raise SettingsError(
            f"{file.name} has another plan than the one that you saw. Nothing was posted.",
            fix="Open the file's page again, look at its plan, then post it.",
        )
    plans.refuse_unconfirmed(request, file.connection)

    def keep(run: "RecordedRun", plan: "Plan", outcomes: "Sequence[RecordOutcome]") -> None:
        _keep_outcomes(run, file, plan, outcomes)

    result = address("load", file.id)
    work = plans.apply_work(file.connection, file.plan, entity=file.entity, result=result, after=keep)
    return request.start(f"Post {file.name}", work)


def _keep_outcomes(run: "RecordedRun", file: DroppedFile, plan: "Plan", outcomes: "Sequence[RecordOutcome]") -> None:
    """Keep the receipts, and write the rows that Intacct refused beside those that the plan refused."""
    from intacct_bridge.apps.views.load import OUTCOME_COLUMNS, outcome_rows
    from intacct_bridge.operations.loads import write_rows_again
    from intacct_bridge.operations.plans import WRITTEN, RecordStatus, rejected_rows, tally_of

    rejected = {row.number: why for row, why in rejected_rows(outcomes)}
    with changing_outcomes(file) as now:
        if rejected and now.plan == file.plan and now.folder.is_dir():
            planned = {row.number: why for row, why in (plan.saved or plan).refused_rows}
            write_rows_again(run, file.request, {**planned, **rejected}, file.refused)
            run.recorder.add_file(file.refused)
        for outcome, row in zip(outcomes, outcome_rows(outcomes, as_json=False), strict=True):
            record = outcome.write.identity.text
            if outcome.status is not RecordStatus.SENT or record not in now.outcomes:  # another job posts it just now
                now.outcomes[record] = dict(zip(OUTCOME_COLUMNS, row, strict=True))
                now.failed = now.failed - {record} if outcome.good else now.failed | {record}
        left = sum(record.write.identity.text not in now.outcomes for record in plan.of(*WRITTEN))
        now.is_posted = not left and not now.failed
        now.tally = tally_of((outcome["outcome"] for outcome in now.outcomes.values()), left)
        now.run = run.recorder.id if outcomes else now.run


def _planned(request: PageRequest) -> DroppedFile:
    file = find_file(request.params["id"], request.person)
    if not file.plan:
        raise SettingsError(f"{file.name} has no plan.", fix="Plan it first.")
    return file


def refused(request: PageRequest) -> Download:
    """The refused rows as a file that can be corrected and dropped again."""
    file = find_file(request.params["id"], request.person)
    if not file.refused.is_file():
        raise NotFoundError(f"No row of {file.name} is refused.")
    return Download(file.refused.name, file.refused.read_bytes())
