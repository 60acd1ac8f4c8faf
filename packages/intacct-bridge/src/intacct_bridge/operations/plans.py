"""Plans: saved, shown, approved by a person, and applied.

A plan says what a load, an undo or a single change would do. It can be applied at once, or saved first. A saved plan
has an id and a digest. The outbox knows both, so that only what was saved is applied, and only what a person approved
if an approval is required. Before a saved plan is approved or applied it is revalidated: what it relies on in the
company must be as it was.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Literal

from intacct_bridge.load.apply.loader import Loader, LoadSettings, tracked_fields
from intacct_bridge.load.apply.outcome import RecordOutcome, outcome_of_skipped
from intacct_bridge.load.apply.sender import refuse_without_plan
from intacct_bridge.load.apply.settle import SettleSettings
from intacct_bridge.load.approval.admission import (
    ApprovalMissingError,
    approval_problem,
    needs_approval,
    recheck_after_prompt,
    refuse_unapproved,
    remaining,
    revalidated_plan,
)
from intacct_bridge.load.approval.approvals import (
    VALID_FOR,
    plan_record,
    reason_may_not_approve,
    record_plan,
)
from intacct_bridge.load.approval.approvals import approve as _approve
from intacct_bridge.load.approval.stored_plans import NoPlanError, is_plan_id, store_plan, stored_plan
from intacct_bridge.load.outbox.described import totals as totals_of
from intacct_bridge.load.outbox.entry import Approval, PlanRecord, Total
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.finding_causes import causes
from intacct_bridge.load.plan.plan import WRITTEN, Plan, PlannedRecord, SendOptions, Verdict, refused_rows
from intacct_bridge.load.plan.plan_file import open_plan
from intacct_bridge.load.plan.plan_file import save_plan as _write_plan
from intacct_bridge.load.plan.summary import (
    FIGURES,
    RECORDS_ON_PAGE,
    GroupTotal,
    NamedRecord,
    PlanSummary,
    RecordPage,
    RecordQuery,
    RecordSort,
    RecordSummary,
    summary_of,
)
from intacct_bridge.load.plan.write_content import WriteContent, content_of
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.target.target_company import TargetCompany
from intacct_bridge.operations.recorded_run import CompanyRun
from intacct_bridge.runs.recorder import counts_of
from intacct_bridge.runs.run import RecordCounts
from intacct_protocol.errors import InDoubtError, IntacctError, RefusedError, SettingsError
from intacct_protocol.model.suggestions import did_you_mean
from intacct_protocol.model.wording import counted

__all__ = [
    "FIGURES",
    "RECORDS_ON_PAGE",
    "VALID_FOR",
    "WRITTEN",
    "ApplyOptions",
    "Approval",
    "ApprovalMissingError",
    "Confirm",
    "GroupTotal",
    "NamedRecord",
    "NoPlanError",
    "Plan",
    "PlanRecord",
    "PlanSummary",
    "PlannedRecord",
    "Progress",
    "Receipts",
    "RecordOutcome",
    "RecordPage",
    "RecordQuery",
    "RecordSort",
    "RecordStatus",
    "RecordSummary",
    "SavedPlan",
    "SavedPlanPage",
    "SendOptions",
    "Total",
    "UnreadablePlan",
    "Verdict",
    "WriteContent",
    "apply_plan",
    "approve_plan",
    "causes",
    "content_of",
    "counts_of",
    "has_plan",
    "missing_rows",
    "open_revalidated",
    "open_saved",
    "plan_records",
    "refuse_without_plan",
    "refused_rows",
    "rejected_rows",
    "save_plan",
    "saved_plans",
    "summary_of",
    "tally",
    "tally_of",
    "totals_of",
    "unreached",
]

Confirm = Callable[[Plan], bool]
"""Called with the plan right before something of it is sent. It returns whether it asked a person, which takes time.
Its error stops the work."""
Progress = Callable[[RecordOutcome], object]
"""Called with the outcome of each record as it becomes known."""
_EVERY_PLAN = 1_000_000
_NAMED = 3
"""Refused records that an error names."""


PlanState = Literal["waiting", "approved", "free", "done"]


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A saved plan as it stands now, with who made it, how it is sent, and who approved it."""

    id: str
    digest: str
    made_by: str
    made_at: datetime
    file: Path | None
    """None if the outbox holds it."""
    plan: Plan
    """Records that were applied since it was saved are unchanged in it."""
    summary: PlanSummary
    """Of all its records, those that were applied since it was saved included."""
    options: SendOptions
    approvals: tuple[Approval, ...]
    approval_problem: str
    """Why no approval holds now; empty if one does."""
    needs_approval: bool
    """Whether it is applied only once a person approved it: the connection asks for that, or the plan itself."""
    may_not_approve: str = ""
    """Why the person of this run may not approve it; empty if they may."""
    shows_contents: bool = False
    """Whether its records are in no file that a person has seen, as those of an agent."""
    is_revalidated: bool = False
    """Whether it was held against the company as it is now."""

    @property
    def argument(self) -> Path | str:
        """What commands and functions take for it: its file, or its id if the outbox holds it."""
        return self.file or self.id

    @property
    def is_approved(self) -> bool:
        """Whether an approval holds."""
        return not self.approval_problem

    @property
    def open_records(self) -> int:
        """The records that are still to be sent, or are in doubt."""
        return len(self.plan.to_send)

    @property
    def state(self) -> PlanState:
        """What it needs next: an approval (`waiting`), to be applied (`approved`, `free`), or nothing (`done`)."""
        if not self.open_records:
            return "done"
        return "approved" if self.is_approved else "waiting" if self.needs_approval else "free"

    def facts(self) -> dict[str, object]:
        """What a list says of it, for JSON."""
        return {
            "plan": self.id,
            "digest": self.digest,
            "source": self.plan.source,
            "made": self.made_at,
            "made_by": self.made_by,
            "records": self.open_records or len(self.plan.records),
            "refused": len(self.refused_records),
            "totals": [total.to_dict() for total in self.summary.totals],
            "state": self.state,
            "problem": self.approval_problem,
            "may_not_approve": self.may_not_approve,
        }

    @property
    def may_apply(self) -> bool:
        """Whether there is something to apply that needs no further approval."""
        return self.open_records > 0 and (self.is_approved or not self.needs_approval)

    @property
    def refused_records(self) -> tuple[PlannedRecord, ...]:
        """The records that it refused when it was saved; they are not sent."""
        return (self.plan.saved or self.plan).of(Verdict.REFUSED)

    def refuse_other_sending(self, sending: SendOptions | None) -> None:
        """SettingsError if the records were to be sent otherwise than the plan was saved with."""
        _refuse_other_sending(self.options, sending)

    def to_dict(self, wording: Callable[[str], str] = str) -> dict[str, object]:
        """The plan with its approvals, for JSON; `wording` puts names of settings in the words of a program."""
        data = {
            "id": self.id,
            "digest": self.digest,
            "made_by": self.made_by,
            "made": self.made_at,
            "options": asdict(self.options),
            "approvals": [
                {"by": approval.person, "at": approval.at, "until": approval.expires_at} for approval in self.approvals
            ],
            "problem": self.approval_problem,
            **self.plan.to_dict(wording),
            "summary": self.summary.to_dict(),
        }
        if self.shows_contents:
            data["contents"] = [content_of(record.write).to_dict() for record in self.plan.of(*WRITTEN)]
        return data


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyOptions:
    """How a plan is applied."""

    sending: SendOptions | None = None
    """How the records are sent. A saved plan is sent as it was saved, and any other way is refused."""
    settle_after: timedelta | None = None
    """The time after which a record in doubt that cannot be found counts as not applied; None: an hour."""
    tracked: tuple[str, ...] = ()
    """Fields whose values the outbox keeps."""
    skip_refused: bool = False
    """Send the other records if the plan refuses some; otherwise nothing is sent. A saved plan was saved with those
    that it refuses, so this says nothing of it."""
    digest: str = ""
    """Of a saved plan: the digest that the caller saw. Another one is refused."""
    require_approval: bool = False
    """Refuse a saved plan without an approval, even if the connection asks for none."""


USUAL = ApplyOptions()


@dataclass(frozen=True, slots=True)
class Receipts:
    """The outcome of each record of a plan that was applied."""

    plan: Plan
    outcomes: tuple[RecordOutcome, ...]
    run: str
    """The id of the run that applied it; `undo` takes it."""
    transactions: int
    """API transactions that the run has used so far."""
    error: IntacctError | None = field(default=None, compare=False)
    """What ended the work before its last record; see `check`."""

    def __iter__(self) -> Iterator[RecordOutcome]:
        return iter(self.outcomes)

    def __len__(self) -> int:
        return len(self.outcomes)

    @property
    def unreached(self) -> int:
        """The records that were not reached, because the work ended early."""
        return unreached(self.outcomes, self.plan)

    @property
    def counts(self) -> RecordCounts:
        """The records by outcome, those that the plan refused included."""
        refused = RecordCounts(refused=len(self.plan.of(Verdict.REFUSED)))
        return counts_of((one.status for one in self.outcomes), unsent=self.unreached) + refused

    @property
    def is_in_doubt(self) -> bool:
        """Whether a record may have been written or not."""
        return any(one.status is RecordStatus.IN_DOUBT for one in self.outcomes)

    @property
    def complete(self) -> bool:
        """Whether the company has every record of the plan as it was to be."""
        return (
            self.error is None
            and not self.unreached
            and not self.plan.of(Verdict.REFUSED)
            and all(one.good for one in self.outcomes)
        )

    def check(self) -> None:
        """Raise the error that ended the work early.

        A record in doubt outranks an error that is less than that: then nothing is raised, and `is_in_doubt` is true.
        """
        if self.error is not None and (isinstance(self.error, InDoubtError) or not self.is_in_doubt):
            raise self.error

    def to_dict(self) -> dict[str, object]:
        """The outcomes, for JSON."""
        counts = self.counts
        return {
            "run": self.run,
            "complete": self.complete,
            "posted": counts.posted,
            "already_in_intacct": counts.already_in_intacct,
            "refused": counts.refused,
            "skipped": counts.skipped,
            "in_doubt": counts.in_doubt,
            "not_sent": counts.not_sent,
            "transactions": self.transactions,
            "error": self.error.message if self.error is not None else None,
            "outcomes": [one.to_dict() for one in self.outcomes],
        }


def rejected_rows(outcomes: Iterable[RecordOutcome]) -> tuple[tuple[SourceRow, str], ...]:
    """The rows of records that Intacct refused, each with its reason."""
    rejected = (outcome for outcome in outcomes if outcome.status is RecordStatus.REJECTED)
    return tuple((row, outcome.reason) for outcome in rejected for row in outcome.write.rows)


def missing_rows(outcomes: Iterable[RecordOutcome]) -> tuple[tuple[SourceRow, str], ...]:
    """The rows of all records that are not in Intacct as they were to be, each with the reason."""
    missing = (outcome for outcome in outcomes if not outcome.good)
    return tuple(
        (row, outcome.reason or outcome.status.outcome_text) for outcome in missing for row in outcome.write.rows
    )


def unreached(outcomes: Iterable[RecordOutcome], plan: Plan) -> int:
    """The records of a plan that have no outcome, because the work ended before them."""
    reached = {one.write.identity.text for one in outcomes}
    return sum(record.write.identity.text not in reached for record in plan.of(*WRITTEN))


def tally(outcomes: Sequence[RecordOutcome], plan: Plan) -> str:
    """`8 posted, 1 rejected, 3 not sent`: records that a stopped load did not reach are not sent."""
    return tally_of((outcome.word for outcome in outcomes), unreached(outcomes, plan))


def tally_of(words: Iterable[str], left: int) -> str:
    """The same for outcomes in words, and the number of records that a stopped load did not reach."""
    counts = Counter(words)
    counts[RecordStatus.NOT_SENT.outcome_text] += left
    return ", ".join(f"{count:,} {word}" for word, count in counts.items() if count) or "nothing to do"


# --- saved plans


def save_plan(
    run: CompanyRun,
    plan: Plan,
    file: Path | None = None,
    *,
    sending: SendOptions | None = None,
    needs_approval: bool = False,
) -> SavedPlan:
    """Save a plan in a file, or in the outbox, where it is known by its id. The outbox notes who made it.

    `needs_approval`: it is applied only once a person approved it, even if the connection does not ask for that.
    """
    with run.open_outbox() as outbox:
        recorded = record_plan(
            plan, run.client, outbox, sending or SendOptions(), person=run.actor, needs_approval=needs_approval
        )
        if file is None:
            store_plan(recorded, outbox)
        else:
            _write_plan(recorded, file)
        assert recorded.origin is not None
        record = outbox.plan_record(recorded.origin.id)
        assert record is not None
        return _saved(run, outbox, recorded, record, file, now=recorded)


def open_saved(run: CompanyRun, plan: str | Path) -> SavedPlan:
    """A saved plan by its id or its file, without what was applied of it since. Nothing is asked of the company.

    A text is an id. A path may be one too, if there is no such file.

    NoPlanError if the outbox does not know it. SettingsError if it was altered.
    """
    with run.open_outbox() as outbox:
        file, original = _opened(outbox, plan)
        record = outbox.plan_record(original.origin.id) if original.origin is not None else None
        if record is None:
            raise NoPlanError(f"there is no plan {plan}", fix="Plan the file again.")
        return _saved(run, outbox, original, record, file, now=remaining(original, record, outbox))


def open_revalidated(run: CompanyRun, plan: str | Path) -> SavedPlan:
    """A saved plan by its file or its id, held against the company as it is now.

    SettingsError if it was altered, or is for another company, user or outbox. InvalidRequestError if something that it
    relies on has changed.
    """
    with run.open_outbox() as outbox:
        file, original = _opened(outbox, plan)
        record = plan_record(original, run.client, outbox)
        now = revalidated_plan(original, record, run.client, outbox)
        return _saved(run, outbox, original, record, file, now=now, is_revalidated=True)


@dataclass(frozen=True, slots=True)
class UnreadablePlan:
    """A saved plan that cannot be shown, such as one that was altered."""

    id: str
    error: SettingsError


@dataclass(frozen=True, slots=True)
class SavedPlanPage:
    """Plans that an outbox holds, the latest first."""

    plans: tuple[SavedPlan, ...]
    unreadable: tuple[UnreadablePlan, ...]
    next: str
    """What the next page begins after; empty if this is the last one."""
    elsewhere: tuple[tuple[TargetCompany, int], ...] = ()
    """The numbers of plans for other users and entities of the company. Only their connections can apply them."""


def saved_plans(run: CompanyRun, *, done: bool = False, after: str = "", limit: int = 50) -> SavedPlanPage:
    """A page of the plans of this connection that its outbox holds: those of which something is left to apply, or those
    that are done. `after` is the `next` of the page before. Nothing is asked of the company.

    A plan whose records were applied by another load is still among those that are left; its page says that it is done.
    """
    with run.open_outbox() as outbox:
        records = outbox.plan_page(TargetCompany.of(run.connection), done=done, after=after, limit=limit + 1)
        plans: list[SavedPlan] = []
        unreadable: list[UnreadablePlan] = []
        for record in records[:limit]:
            try:
                plans.append(open_saved(run, record.id))
            except SettingsError as error:
                unreadable.append(UnreadablePlan(record.id, error))
        elsewhere = tuple(outbox.plans_elsewhere(TargetCompany.of(run.connection), done=done))
    following = records[limit - 1].id if len(records) > limit else ""
    return SavedPlanPage(tuple(plans), tuple(unreadable), following, elsewhere)


def plan_records(run: CompanyRun, *, done: bool = False) -> tuple[PlanRecord, ...]:
    """The same plans, all of them and as the outbox knows them: no plan is read."""
    with run.open_outbox() as outbox:
        return tuple(outbox.plan_page(TargetCompany.of(run.connection), done=done, limit=_EVERY_PLAN))


def has_plan(run: CompanyRun, plan_id: str) -> bool:
    """Whether the connection's outbox holds a plan of this id, and it is for this company, entity and user."""
    with run.open_outbox() as outbox:
        if not is_plan_id(plan_id) or outbox.plan_record(plan_id) is None:
            return False
        return open_saved(run, plan_id).plan.target == TargetCompany.of(run.connection)


def approve_plan(
    run: CompanyRun,
    plan: SavedPlan | str | Path,
    *,
    digest: str,
    valid_for: timedelta = VALID_FOR,
    seen_to_end: bool = False,
    figures: str = "",
) -> Approval:
    """Approve a saved plan in the name of the run's person, once it is revalidated; a `SavedPlan` may be so already.

    `seen_to_end`: the person has looked at every page of its records. `figures`: those that the person typed (see
    `FIGURES`). A plan of several pages that needs an approval takes one of the two.

    SettingsError if `digest` is not its digest, if the person may not approve it, or has seen it in part only.
    """
    with run.open_outbox() as outbox:
        _, original = _opened(outbox, plan.argument if isinstance(plan, SavedPlan) else plan)
        record = plan_record(original, run.client, outbox)
        if record.digest != digest:
            raise SettingsError("The plan is not the one that you saw.", fix="Look at it again, then approve it.")
        summary = summary_of(original)
        if figures:
            summary.refuse_other_figures(figures)
        elif summary.is_long and not seen_to_end and needs_approval(original, run.connection):
            count = counted(len(summary.records), "record")
            raise SettingsError(f"The plan has {count}, and you have not seen all of them.", fix=FIGURES)
        if not (isinstance(plan, SavedPlan) and plan.is_revalidated and plan.digest == digest):
            revalidated_plan(original, record, run.client, outbox)
        return _approve(original, run.client, outbox, person=run.actor, valid_for=valid_for)


def _opened(outbox: Outbox, plan: str | Path) -> tuple[Path | None, Plan]:
    """The file of a plan, if it has one, and the plan."""
    if isinstance(plan, str) or (is_plan_id(str(plan)) and not plan.exists()):
        return None, stored_plan(str(plan), outbox)
    if plan.name == str(plan) and not plan.exists():
        raise NoPlanError(
            f"there is no plan with the id {plan}, and no file of this name",
            fix="Give the file of a saved plan, or its id, such as plan-0123456789ab.",
        )
    return plan, open_plan(plan)


def _saved(
    run: CompanyRun,
    outbox: Outbox,
    original: Plan,
    record: PlanRecord,
    file: Path | None,
    *,
    now: Plan,
    is_revalidated: bool = False,
) -> SavedPlan:
    assert original.origin is not None
    return SavedPlan(
        record.id,
        record.digest,
        record.person,
        record.at,
        file,
        now,
        summary_of(original, now),
        original.origin.options,
        tuple(outbox.approvals(record.id)),
        approval_problem(record, run.connection, outbox),
        needs_approval(original, run.connection),
        reason_may_not_approve(run.actor, record, run.connection),
        original.origin.needs_approval,
        is_revalidated,
    )


# --- applying


def apply_plan(
    run: CompanyRun,
    plan: Plan | SavedPlan | str | Path,
    options: ApplyOptions = USUAL,
    *,
    confirm: Confirm | None = None,
    progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
) -> Receipts:
    """Apply a plan, or a saved plan by its file or its id. A second time, only what was not done is done.

    Before anything is sent, SettingsError if it needs an approval and none holds, if it was altered, or is for another
    company, user or outbox; InvalidRequestError if something that it relies on has changed; RefusedError if it refuses
    records and `skip_refused` is not set. What ends the work later is the `error` of the receipts. `stop` is asked
    after each record whether to end. No batch is begun then, or after an error that `progress` raises, and the outcomes
    of the batches that were sent are taken in before the end. A KeyboardInterrupt, or any other interruption, leaves
    with a note that counts the outcomes; `progress` has had those of all records that were sent.
    """
    with run.open_outbox() as outbox:
        if isinstance(plan, Plan) and plan.origin is None:
            refuse_without_plan(run.connection)
            sending = options.sending or SendOptions()
            refused = plan.of(Verdict.REFUSED)
            if refused and not options.skip_refused:
                raise _refusal(plan, refused)
        else:
            plan, sending = _admitted(run, outbox, plan, options)
        run.recorder.destination = run.connection.target
        if not plan.to_send:
            outcomes = tuple(
                outcome_of_skipped(record)
                if record.verdict is Verdict.SKIPPED
                else RecordOutcome(record.write, RecordStatus.UNCHANGED, record.receipt)
                for record in plan.of(Verdict.UNCHANGED, Verdict.SKIPPED)
            )
            run.recorder.add_records(outcome.status for outcome in outcomes)
            _end_if_done(outbox, plan, outcomes)
            return Receipts(plan, outcomes, run.recorder.id, run.client.meter.transactions)
        if confirm is not None and confirm(plan):
            plan = recheck_after_prompt(plan, run.client, outbox)
        settings = load_settings(run, sending, options)
        _refuse_untracked(plan, settings.tracked)
        return _applied(run, outbox, plan, settings, progress=progress, stop=stop)


def _admitted(
    run: CompanyRun, outbox: Outbox, plan: Plan | SavedPlan | str | Path, options: ApplyOptions
) -> tuple[Plan, SendOptions]:
    """A saved plan as it may be applied now, and how it is sent."""
    if isinstance(plan, Plan):
        original = plan.saved or plan
    else:
        _, original = _opened(outbox, plan.argument if isinstance(plan, SavedPlan) else plan)
    record = plan_record(original, run.client, outbox)
    assert original.origin is not None
    sending = original.origin.options
    _refuse_other_sending(sending, options.sending)
    if options.digest and options.digest != record.digest:
        raise SettingsError(f"the plan {record.id} has another digest", fix="Look at the plan again, then apply it.")
    refuse_unapproved(original, record, run.connection, outbox, always=options.require_approval)
    return revalidated_plan(original, record, run.client, outbox), sending


def _refuse_other_sending(saved: SendOptions, sending: SendOptions | None) -> None:
    if sending is not None and sending != saved:
        requested, planned = asdict(sending), asdict(saved)
        name = next(name for name in requested if requested[name] != planned[name])
        setting = {"stop_on_error": "on_error"}.get(name, name)
        raise SettingsError(f"a saved plan is applied as it was made, without `{setting}`", fix="plan the file again")


def _refusal(plan: Plan, refused: tuple[PlannedRecord, ...]) -> RefusedError:
    reasons = [str(finding) for record in refused[:_NAMED] for finding in record.reasons[:1]]
    more = f" (and {counted(len(refused) - _NAMED, 'more record')})" if len(refused) > _NAMED else ""
    are = "is" if len(refused) == 1 else "are"
    return RefusedError(
        f"{len(refused):,} of {counted(len(plan.records), 'record')} of {plan.source} {are} refused, and nothing was"
        f" sent: {'; '.join(reasons)}{more}",
        fix="Correct the records, or skip those that are refused.",
    )


def _applied(
    run: CompanyRun,
    outbox: Outbox,
    plan: Plan,
    settings: LoadSettings,
    *,
    progress: Progress | None,
    stop: Callable[[], bool] | None,
) -> Receipts:
    outcomes: list[RecordOutcome] = []
    error: IntacctError | None = None
    raised: BaseException | None = None
    stopping = Event()
    position, loader = outbox.position, None
    try:
        loader = Loader(run.client, outbox, settings, stopping=stopping.is_set)
        for outcome in loader.apply(plan):
            outcomes.append(outcome)
            if raised is None and progress is not None:
                try:
                    progress(outcome)
                except BaseException as reason:
                    raised = reason
            if not stopping.is_set() and (raised is not None or (stop is not None and stop())):
                stopping.set()
    except IntacctError as stopped:
        error = stopped
    except BaseException as interruption:
        with suppress(Exception):  # an outbox that is away must not hide the interruption
            for outcome in loader.sent_since(position, plan, tuple(outcomes)) if loader is not None else ():
                outcomes.append(outcome)
                if progress is not None:
                    progress(outcome)
            interruption.add_note(f"{plan.source}: {tally(outcomes, plan)}")
        raise
    finally:
        run.recorder.add_records([outcome.status for outcome in outcomes], unsent=unreached(outcomes, plan))
    if raised is not None:
        raise raised
    if error is None:
        _end_if_done(outbox, plan, outcomes)
    return Receipts(plan, tuple(outcomes), run.recorder.id, run.client.meter.transactions, error)


def _end_if_done(outbox: Outbox, plan: Plan, outcomes: Sequence[RecordOutcome]) -> None:
    """Note of a saved plan that nothing of it is left to apply."""
    saved = plan.saved or plan
    written = all(outcome.good for outcome in outcomes) and not unreached(outcomes, plan)
    if saved.origin is not None and written:
        outbox.end_plan(saved.origin.id)


def _refuse_untracked(plan: Plan, tracked: Sequence[str]) -> None:
    """SettingsError for a tracked name that is neither a column nor a field of any record that is sent."""
    writes = [record.write for record in plan.to_send]
    lost = next((name for name in tracked if not any(tracked_fields(write, (name,)) for write in writes)), "")
    if lost:
        columns = sorted({write.column(field) for write in writes for field in write.fields})
        raise SettingsError(
            f"`track` names {lost}, which is no column of the records{did_you_mean(lost, columns)}",
            fix=f"Name one of these: {', '.join(columns)}.",
            setting="track",
        )


def load_settings(run: CompanyRun, sending: SendOptions, options: ApplyOptions) -> LoadSettings:
    """The settings of the loader; those of the company's calibration are included."""
    return LoadSettings(
        batch_size=sending.batch_size,
        atomic=sending.atomic,
        stop_on_error=sending.stop_on_error,
        settle=settle_settings(run, options.settle_after),
        tracked=tuple(name.upper() for name in options.tracked),
    )


def settle_settings(run: CompanyRun, settle_after: timedelta | None) -> SettleSettings:
    """When a record in doubt that is not found counts as not applied in this company."""
    waits = SettleSettings().settle_after if settle_after is None else settle_after
    return SettleSettings(waits, repeat_guard=run.client.runtime.calibration.repeat_guard)
