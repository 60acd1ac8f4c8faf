"""Admission: what of a plan may be sent now. Every load asks here, regardless of who started it.

A saved plan must be the one that was made, for this company, user and outbox, and what it relies on must be as it was.
If the connection requires an approval, a person must have approved exactly this plan, and the approval must hold.
Records that were applied since the plan was made are not sent again.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.connections.connection import Connection
from intacct_bridge.load.apply.sender import refuse_without_plan
from intacct_bridge.load.approval.approvals import plan_record, reason_may_not_approve
from intacct_bridge.load.outbox.described import write_target
from intacct_bridge.load.outbox.entry import PlanRecord
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.changes import UNKNOWN
from intacct_bridge.load.plan.plan import LEFT_OUT, WRITTEN, Plan, PlannedRecord, SendOptions, Verdict
from intacct_bridge.load.plan.planner import revalidate_plan
from intacct_bridge.load.records.write import Write, WriteOperation
from intacct_bridge.load.target.target_company import TargetCompany
from intacct_bridge.load.undo.originals import refuse_changed_originals
from intacct_protocol.errors import InvalidRequestError, SettingsError


class ApprovalMissingError(SettingsError):
    """A plan that no person has approved, or not as it is; `plan` is its id."""

    def __init__(self, message: str, *, plan: str, **details: Any) -> None:
        super().__init__(message, **details)
        self.plan = plan


def revalidated_plan(plan: Plan, record: PlanRecord, company: Gateway, outbox: Outbox) -> Plan:
    """A saved plan as it stands now, after all that was applied of it; the records it takes back are compared again.

    InvalidRequestError or SettingsError if it may not be applied as it is.
    """
    now = remaining(revalidate_plan(plan, company, outbox), record, outbox)
    refuse_changed_originals(now, company, outbox)
    return now


def recheck_after_prompt(plan: Plan, company: Gateway, outbox: Outbox) -> Plan:
    """A plan after a wait, such as that for a person's answer: existing records that it relies on, compared again.

    A plan that only creates new records is returned as it is. InvalidRequestError if an existing one was changed since.
    """
    to_send = [one.write for one in plan.of(*WRITTEN, Verdict.IN_DOUBT)]
    if all(write.operation is WriteOperation.CREATE and write.undoes is None for write in to_send):
        return plan
    saved = plan.saved or plan
    if saved.origin is not None:
        return revalidated_plan(saved, plan_record(saved, company, outbox), company, outbox)
    now = _with_refused(plan, revalidate_plan(plan, company, outbox))
    _refuse_differences(plan, now)
    refuse_changed_originals(now, company, outbox)
    return now


def admitted(plan: Plan, company: Gateway, outbox: Outbox, options: SendOptions) -> Plan:
    """The plan as it may be applied now; SettingsError or InvalidRequestError, before anything is sent, if it may not.

    A saved plan that was not yet held against the company is confirmed here.
    """
    saved = plan.saved or plan
    if saved.origin is None:
        refuse_without_plan(company.connection)
        return plan
    if saved.origin.options != options:
        raise SettingsError(
            f"the plan {saved.origin.id} is sent as it was made: {_worded(saved.origin.options)}",
            fix="Apply it with these options, or make a new plan.",
        )
    record = plan_record(saved, company, outbox)
    refuse_unapproved(saved, record, company.connection, outbox)
    if plan.saved is None:
        plan = revalidated_plan(plan, record, company, outbox)
    plan = remaining(_with_refused(saved, plan), record, outbox)
    _refuse_differences(saved, plan)
    return plan


def _worded(options: SendOptions) -> str:
    records = f"{options.batch_size} records in one request"
    atomic = "together or not at all" if options.atomic else "each by itself"
    return f"{records}, {atomic}, {'stop' if options.stop_on_error else 'continue'} after an error"


def approval_problem(record: PlanRecord, connection: Connection, outbox: Outbox) -> str:
    """Why no approval of the plan holds now; empty if one does."""
    problem = "it has no approval"
    now = outbox.clock()
    for approval in outbox.approvals(record.id):
        barred = reason_may_not_approve(approval.person, record, connection)
        if approval.digest != record.digest:
            problem = f"{approval.person} approved another digest"
        elif barred:
            problem = f"{approval.person} may not approve it: {barred}"
        elif approval.expires_at <= now:
            problem = f"the approval by {approval.person} expired at {approval.expires_at:%Y-%m-%d %H:%M} UTC"
        else:
            return ""
    return problem


def needs_approval(plan: Plan, connection: Connection) -> bool:
    """Whether a saved plan is sent only once a person approved it: the connection, or the plan itself, asks for it."""
    return connection.needs_approval or (plan.origin is not None and plan.origin.needs_approval)


def refuse_unapproved(
    plan: Plan, record: PlanRecord, connection: Connection, outbox: Outbox, *, always: bool = False
) -> None:
    """ApprovalMissingError if a saved plan needs an approval and none of it holds; `always`: each plan needs one."""
    problem = approval_problem(record, connection, outbox)
    if problem and (always or needs_approval(plan, connection)):
        raise ApprovalMissingError(
            f"the plan {record.id} has no approval that holds: {problem}",
            plan=record.id,
            fix="Have it approved: intacct plan approve PLAN",
        )


def _with_refused(saved: Plan, now: Plan) -> Plan:
    """The revalidated plan, with the records that the saved one leaves out; an atomic batch needs them."""
    places = {_key(one.write): at for at, one in enumerate(saved.records) if one.verdict not in LEFT_OUT}
    left_out = [(at, one) for at, one in enumerate(saved.records) if one.verdict in LEFT_OUT]
    records = [(places.get(_key(one.write), -1), one) for one in now.records if one.verdict not in LEFT_OUT]
    ordered = sorted([*records, *left_out], key=lambda pair: pair[0])
    return replace(now, records=tuple(one for _, one in ordered))


def remaining(plan: Plan, record: PlanRecord, outbox: Outbox) -> Plan:
    """The plan, with records that were applied since it was made as unchanged. Asks the outbox only."""
    opened = [
        planned
        for planned in plan.records
        if planned.is_open or (planned.verdict is Verdict.UNCHANGED and planned.since is None)
    ]
    writes = [planned.write for planned in opened]
    keys = [(write_target(_within(plan.target, write), write), write.identity.text, write.digest) for write in writes]
    done = {
        id(planned): replace(planned, verdict=Verdict.UNCHANGED, receipt=applied[0], since=applied[1], changes=())
        for planned, applied in zip(opened, outbox.applied_since(record.last_event, keys), strict=True)
        if applied is not None
    }
    return replace(plan, records=tuple(done.get(id(planned), planned) for planned in plan.records))


def _within(target: TargetCompany, write: Write) -> TargetCompany:
    return replace(target, entity=write.entity or target.entity)


def _refuse_differences(saved: Plan, now: Plan) -> None:
    """InvalidRequestError if something would be sent that is not in the saved plan as it stands there."""
    planned: Mapping[tuple[str, ...], PlannedRecord] = {_key(one.write): one for one in saved.records}
    for record in now.of(*WRITTEN):
        before = planned.get(_key(record.write))
        if before is None or not _same(before, record):
            place = f"{record.write.position}: " if record.write.position else ""
            raise InvalidRequestError(
                f"{place}{record.write.label} is not as it was when the plan was made",
                fix="Make a new plan and check it.",
            )


def _key(write: Write) -> tuple[str, ...]:
    return write.entity, write.operation.value, write.object, write.identity.text


def _same(before: PlannedRecord, now: PlannedRecord) -> bool:
    planned, current = before.write, now.write
    lines = [
        {wrapper: [(line.object, line.fields) for line in members] for wrapper, members in write.lines.items()}
        for write in (before.write, now.write)
    ]
    return (
        before.verdict in (now.verdict, Verdict.IN_DOUBT)
        and planned.fields == current.fields
        and lines[0] == lines[1]
        and (planned.attachments, planned.folder, planned.digest)
        == (current.attachments, current.folder, current.digest)
        and (now.verdict is not Verdict.UPDATE or _replaces_the_same(before, now))
    )


def _replaces_the_same(before: PlannedRecord, now: PlannedRecord) -> bool:
    planned = {change.name: change for change in before.changes if change.before != UNKNOWN}
    left = {change.name: change for change in now.changes if change.before != UNKNOWN}
    return planned.keys() == left.keys() and all(one.is_as_planned(planned[name]) for name, one in left.items())
