"""Drafts: a record that is live in its source, and a draft in Intacct, is not posted; no plan calls it unchanged."""

from intacct_bridge.load.plan.plan import PlannedRecord, Verdict
from intacct_bridge.load.records.lookup_keys import lookup_keys_of
from intacct_bridge.load.records.write import Finding, SourceState, Write

DRAFT = "draft"
"""The rule of findings on records that are drafts in Intacct, or were declined there."""
_DECLINED = ("declined", "partially declined")


def is_draft_state(object_name: str, state: str) -> bool:
    """Whether the state of a record in Intacct is that of a draft; payments have it as a letter too."""
    return state.casefold() == "draft" or (state == "D" and bool(lookup_keys_of(object_name).payment_lines))


def wants_draft(write: Write) -> bool:
    """Whether a record is a draft in its source, or is loaded as one."""
    draft = lookup_keys_of(write.object).draft
    by_fields = bool(draft) and all(write.content.fields.get(name) == value for name, value in draft.items())
    return by_fields or write.state.state is SourceState.DRAFT


def not_a_draft(record: PlannedRecord, state: str) -> PlannedRecord:
    """A record that the company has, refused if it is live in its source, and a draft or declined in the company.

    The other way round nothing is to do: a record that was posted since is not made a draft again. Submitted,
    approved, selected and paid records are posted, or are on their way through the approval in Intacct.
    """
    if not state or record.verdict not in (Verdict.UNCHANGED, Verdict.UPDATE) or wants_draft(record.write):
        return record
    if is_draft_state(record.write.object, state):
        text, fix = "is a draft in Intacct, and live in its source", "post it in Intacct"
    elif state.casefold() in _DECLINED:
        text, fix = "was declined in Intacct", "correct it and submit it again in Intacct"
    else:
        return record
    hint = lookup_keys_of(record.write.object).hint
    number = f" ({record.receipt.record})" if record.receipt is not None and record.receipt.record else ""
    finding = Finding(
        DRAFT,
        f"{record.write.label}{number} {text}",
        f"{fix}: {hint}" if hint else fix,
        position=record.write.position,
    )
    return record.with_findings(finding).or_refused()
