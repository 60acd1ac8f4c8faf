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
from intacct_bridge.apps.console.visit import Download, NotFoundError, Redirect, Visit, address, company_context
from intacct_bridge.apps.web.jobs import BackgroundJob, JobConsole
from intacct_protocol.errors import SettingsError

if TYPE_CHECKING:
    from intacct_bridge.apps.cli.context import CommandContext
    from intacct_bridge.load.apply.outcome import RecordOutcome
    from intacct_bridge.load.plan.plan import Plan


def plan(visit: Visit) -> Redirect:
    """Plan the file as a job: the plan is kept beside the outbox, the refused rows beside the file."""
    file = find_file(visit.params["id"], visit.person)

    def work(job: BackgroundJob) -> None:
        job.result = address("load", file.id)
        with company_context(
            file.connection, "load", person=job.person, entity=file.entity, console=JobConsole(job)
        ) as context:
            _make_plan(context, file, job.person)

    return visit.start(f"Plan {file.name}", work)


def _make_plan(context: "CommandContext", file: DroppedFile, person: str) -> None:
    from intacct_bridge.apps.cli.postings.load import parse_load_options
    from intacct_bridge.apps.cli.postings.load_options import plan_input, send_options
    from intacct_bridge.load.approval.approvals import keep_plan
    from intacct_bridge.load.approval.plan_folder import PlanFolder
    from intacct_bridge.load.layouts.refused_rows import write_refused
    from intacct_bridge.load.plan.plan import Verdict

    options = parse_load_options(file.options())
    with context.open_outbox() as outbox:
        table, made = plan_input(context, file.path, outbox, options, came_with=file.came_with)
        kept = keep_plan(made, context.client, outbox, send_options(options), person=person)
        PlanFolder(outbox).save(kept)
    assert kept.origin is not None
    rows = made.refused_rows
    with changing(file.id, person, version=file.version) as now:
        now.forget_plan()
        now.plan, now.problem = kept.origin.id, {}
        if rows:
            write_refused(table, rows, file.refused)
            context.recorder.add_file(file.refused)
    context.status = 1 if made.of(Verdict.REFUSED) else 0


def approve(visit: Visit) -> Redirect:
    """Approve the plan of the file."""
    file = _planned(visit)
    with visit.company(file.connection, "plan approve", entity=file.entity) as context, context.open_outbox() as outbox:
        until = plans.approve_digest(context, outbox, file.plan, visit.field("digest"), visit.person)
    return visit.redirect(address("load", file.id), notice=f"Approved by {visit.person} until {until}.")


def apply(visit: Visit) -> Redirect:
    """Post the plan that the person saw, as a job; another window may have planned the file again."""
    file = _planned(visit)
    if visit.field("plan") != file.plan:
        raise SettingsError(
            f"{file.name} has another plan than the one that you saw. Nothing was posted.",
            fix="Open the file's page again, look at its plan, then post it.",
        )
    plans.refuse_unconfirmed(visit, file.connection)

    def keep(context: "CommandContext", plan: "Plan", outcomes: "Sequence[RecordOutcome]") -> None:
        _keep_outcomes(context, file, plan, outcomes)

    result = address("load", file.id)
    work = plans.apply_work(file.connection, file.plan, entity=file.entity, result=result, after=keep)
    return visit.start(f"Post {file.name}", work)


def _keep_outcomes(
    context: "CommandContext", file: DroppedFile, plan: "Plan", outcomes: "Sequence[RecordOutcome]"
) -> None:
    """Keep the receipts, and write the rows that Intacct refused beside those that the plan refused."""
    from intacct_bridge.apps.cli.postings.load import parse_load_options
    from intacct_bridge.apps.cli.postings.load_options import input_table, layout_of
    from intacct_bridge.apps.views.load import OUTCOME_COLUMNS, outcome_rows, rejected_rows, tally_of
    from intacct_bridge.load.layouts.refused_rows import write_refused
    from intacct_bridge.load.plan.plan import WRITTEN
    from intacct_bridge.load.records.status import RecordStatus

    rejected = {row.number: why for row, why in rejected_rows(outcomes)}
    table, rows = None, []
    if rejected:
        options = parse_load_options(file.options())
        table = input_table(file.path, layout_of(context, file.path, options), options, came_with=file.came_with)
        planned = {row.number: why for row, why in (plan.kept or plan).refused_rows}
        reasons = {**planned, **rejected}
        rows = [(row, reasons[row.number]) for row in table if row.number in reasons]
    with changing_outcomes(file) as kept:
        if table is not None and kept.plan == file.plan and kept.folder.is_dir():
            write_refused(table, rows, file.refused)
            context.recorder.add_file(file.refused)
        for outcome, row in zip(outcomes, outcome_rows(outcomes, as_json=False), strict=True):
            record = outcome.write.identity.text
            if outcome.status is not RecordStatus.SENT or record not in kept.outcomes:  # another job posts it just now
                kept.outcomes[record] = dict(zip(OUTCOME_COLUMNS, row, strict=True))
        left = sum(one.write.identity.text not in kept.outcomes for one in plan.of(*WRITTEN))
        kept.tally = tally_of((one["outcome"] for one in kept.outcomes.values()), left)
        kept.run = context.recorder.id if outcomes else kept.run


def _planned(visit: Visit) -> DroppedFile:
    file = find_file(visit.params["id"], visit.person)
    if not file.plan:
        raise SettingsError(f"{file.name} has no plan.", fix="Plan it first.")
    return file


def refused(visit: Visit) -> Download:
    """The refused rows as a file that can be corrected and dropped again."""
    file = find_file(visit.params["id"], visit.person)
    if not file.refused.is_file():
        raise NotFoundError(f"No row of {file.name} is refused.")
    return Download(file.refused.name, file.refused.read_bytes())
