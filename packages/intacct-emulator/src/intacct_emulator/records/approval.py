"""Approvals by policy: the levels that a submitted record waits for, who decides at each, and what was decided.

A company without a policy for an object approves in one step, by anyone with the right to change it. No source says how
the gateway refuses a user who is no approver; the sentence is ours.
"""

from collections.abc import Mapping
from decimal import Decimal

from intacct_emulator.company.company_data import CompanyData, FunctionCall
from intacct_emulator.company.company_facts import ApprovalEvent
from intacct_emulator.settings.cells import Row, timestamp_text
from intacct_emulator.settings.company_source import ApprovalLevel
from intacct_emulator.settings.refusals import refused

SUBMITTED, APPROVED, DECLINED = "Submitted", "Approved", "Declined"
PARTLY = "Partially Approved"
WAITING = (SUBMITTED, PARTLY, "Resubmitted")
"""The states of a record that waits for an approval."""
_AMOUNTS: Mapping[str, str] = {"APBILL": "TOTALENTERED", "PODOCUMENT": "TOTAL"}
"""By object, the field of its amount in base currency; a record of another object needs every level."""


def levels_of(company: CompanyData, name: str, row: Row) -> tuple[ApprovalLevel, ...]:
    """The levels that a record needs, in their order; none if no policy is for it."""
    field = _AMOUNTS.get(name)
    value = None if field is None else abs(Decimal(row.get(field) or 0))
    for policy in company.facts.approval_policies.get(name) or ():
        if policy.definition in ("", row.get("DOCPARID", "")):
            needed = [one for one in policy.levels if value is None or not one.above or value > one.above]
            highest = max((one.above for one in needed), default=0)
            return tuple(one for one in needed if policy.progressive or one.above == highest)
    return ()


def events_of(company: CompanyData, name: str, row: Row) -> tuple[ApprovalEvent, ...]:
    """What happened to a record, oldest first."""
    return company.facts.approval_events.get(name, row.get("RECORDNO", "")) or ()


def note_submission(call: FunctionCall, name: str, row: Row) -> None:
    """Note that a record was submitted: its approval starts at the first level."""
    _note(call, name, row, ApprovalEvent(0, call.session.user.user_id, SUBMITTED, timestamp_text(call.stamp)))


def decide(call: FunctionCall, name: str, row: Row, decision: str, comment: str) -> str:
    """Note a decision, and give the state that the record has now. Refuses a user who is no approver of its level."""
    levels = levels_of(call.company, name, row)
    done = _approved_levels(call, name, row)
    user = call.session.user.user_id
    if done < len(levels) and user.lower() not in (one.lower() for one in levels[done].approvers):
        raise refused(
            f"User '{user}' cannot approve or decline {name} {row.get('RECORDNO', '')} at level {done + 1}.",
            correction=f"Sign in as {' or '.join(levels[done].approvers)}.",
        )
    _note(call, name, row, ApprovalEvent(done + 1, user, decision, timestamp_text(call.stamp), comment))
    return PARTLY if decision == APPROVED and done + 1 < len(levels) else decision


def can_decide(call: FunctionCall, name: str, row: Row) -> bool:
    """Whether the user of the call is an approver of the record's present level."""
    levels, done = levels_of(call.company, name, row), _approved_levels(call, name, row)
    user = call.session.user.user_id.lower()
    return done >= len(levels) or user in (one.lower() for one in levels[done].approvers)


def _approved_levels(call: FunctionCall, name: str, row: Row) -> int:
    """How many levels approved the record since it was submitted last."""
    count = 0
    for event in events_of(call.company, name, row):
        count = count + 1 if event.action == APPROVED else 0
    return count


def _note(call: FunctionCall, name: str, row: Row, event: ApprovalEvent) -> None:
    key = (name, row.get("RECORDNO", ""))
    call.company.facts.approval_events.put(*key, value=(*events_of(call.company, name, row), event))
