"""Approvals: a person approves the digest of a saved plan, for a time; the outbox holds who did, and when."""

import secrets
from dataclasses import replace
from datetime import timedelta

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.connections.connection import Connection
from intacct_bridge.load.approval.digest import no_identity, plan_digest
from intacct_bridge.load.outbox.entry import Approval, PlanRecord
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.plan import Plan, PlanOrigin, SendOptions
from intacct_bridge.load.target.target_company import TargetCompany
from intacct_protocol.errors import SettingsError

VALID_FOR = timedelta(hours=24)
"""How long an approval holds, unless the person says otherwise: from one afternoon to the next."""


def record_plan(
    plan: Plan,
    company: Gateway,
    outbox: Outbox,
    options: SendOptions,
    *,
    person: str,
    needs_approval: bool = False,
) -> Plan:
    """The plan with an id, which the outbox knows from now on with its digest and with the person who made it.

    `needs_approval`: it is sent only once a person approved it, even if the connection does not ask for that.
    """
    origin = PlanOrigin(f"plan-{secrets.token_hex(6)}", outbox.id, options, needs_approval)
    recorded = replace(plan, origin=origin)
    outbox.record_plan(origin.id, plan_digest(recorded, company), person, plan.target)
    return recorded


def approve(plan: Plan, company: Gateway, outbox: Outbox, *, person: str, valid_for: timedelta = VALID_FOR) -> Approval:
    """Approve a saved plan. SettingsError if it was changed, is for something else, or the person may not."""
    saved = plan.saved or plan
    record = plan_record(saved, company, outbox)
    problem = reason_may_not_approve(person, record, company.connection)
    if problem:
        raise SettingsError(f"{person} may not approve {record.id}: {problem}", fix="Ask another person to approve it.")
    now = outbox.clock()
    approval = Approval(record.id, record.digest, person, now, now + valid_for)
    outbox.approve(approval)
    return approval


def plan_record(plan: Plan, company: Gateway, outbox: Outbox) -> PlanRecord:
    """A saved plan as the outbox knows it, once it is seen to be the same and for this company, user and outbox.

    SettingsError names the difference.
    """
    if plan.origin is None:
        raise no_identity()
    _same_target(plan, TargetCompany.of(company.connection))
    record = outbox.plan_record(plan.origin.id)
    if plan.origin.outbox != outbox.id or record is None:
        raise SettingsError(
            f"the plan {plan.origin.id} was made with another outbox than {outbox.name}",
            fix="Use the outbox that it was made with, or make a new plan.",
        )
    if plan_digest(plan, company) != record.digest:
        raise SettingsError(
            f"the plan {plan.origin.id}, or a file that it attaches, was changed since it was made",
            fix="Make a new plan, and have it approved.",
        )
    return record


def _same_target(plan: Plan, now: TargetCompany) -> None:
    for name in ("company", "entity", "environment", "user"):
        planned, here = getattr(plan.target, name), getattr(now, name)
        if planned != here:
            raise SettingsError(
                f"the plan is for {name} {planned or 'none'}, and this connection for {name} {here or 'none'}",
                fix="Use the connection that the plan was made with.",
            )


def reason_may_not_approve(person: str, record: PlanRecord, connection: Connection) -> str:
    """Why a person may not approve a plan; empty if they may."""
    if connection.approvers and person not in connection.approvers:
        return f"the approvers of connection {connection.name!r} are {', '.join(connection.approvers)}"
    if connection.four_eyes and person.casefold() == record.person.casefold():
        return f"{record.person} made it, and four_eyes asks for a second person"
    return ""
