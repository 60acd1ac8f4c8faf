"""What the outbox knows of the records of a plan: posted by an earlier run, in doubt, or posted with other content.

A plan's "in doubt" and "posted by an earlier run" rest on the outbox that it was made with. Through another outbox such
a record would be new and would be sent a second time, so applying a plan checks that its outbox has them.
"""

from dataclasses import replace

from intacct_bridge.errors import SettingsError
from intacct_bridge.flow.company.target_company import TargetCompany
from intacct_bridge.flow.outbox.entry import OutboxEntry
from intacct_bridge.flow.outbox.outbox import Outbox
from intacct_bridge.flow.plan.context import newest_entries
from intacct_bridge.flow.plan.plan import Plan, PlannedRecord, Verdict
from intacct_bridge.flow.records.status import RecordStatus
from intacct_bridge.flow.records.write import Finding, Write, WriteOperation

MAYBE_APPLIED = (RecordStatus.APPLIED, RecordStatus.SENT, RecordStatus.IN_DOUBT)


def by_outbox(record: PlannedRecord, entry: OutboxEntry | None) -> PlannedRecord:
    """A record as its outbox entry judges it: unchanged, in doubt, refused for other content, or still open."""
    if entry is None or entry.status not in MAYBE_APPLIED:
        return record
    if entry.digest != record.write.digest:
        finding = Finding(
            "conflict",
            f"{record.write.label} was {sent_text(record.write, entry)} with other content",
            "change the record in Intacct, or give this one a reference of its own",
            position=record.write.position,
        )
        refused = replace(record.noting(finding), verdict=Verdict.REFUSED)
        return replace(refused, receipt=entry.receipt, since=entry.sent_at)
    verdict = Verdict.UNCHANGED if entry.status is RecordStatus.APPLIED else Verdict.IN_DOUBT
    return replace(record, verdict=verdict, receipt=entry.receipt, since=entry.sent_at)


def is_doubtful(entry: OutboxEntry | None) -> bool:
    """Whether an earlier run sent the record without an answer; that is settled before anything else is done."""
    return entry is not None and entry.status in (RecordStatus.SENT, RecordStatus.IN_DOUBT)


def sent_text(write: Write, entry: OutboxEntry) -> str:
    """`posted on 2026-01-31 as GLBATCH 7`: what the outbox knows of a record."""
    when = (entry.sent_at or entry.planned_at).date()
    state = "posted" if entry.status is RecordStatus.APPLIED else "sent (its outcome is in doubt)"
    record = f" as {write.object} {entry.receipt.record}" if entry.receipt and entry.receipt.record else ""
    return f"{state} on {when}{record}"


def check_outbox(plan: Plan, target: TargetCompany, outbox: Outbox) -> None:
    """Refuse a plan that relies on records which this outbox does not have."""
    for entity in dict.fromkeys(record.write.entity for record in plan.records):
        relying = [one for one in plan.records if one.write.entity == entity and _relies_on_outbox(one)]
        within = replace(target, entity=entity or target.entity)
        entries = newest_entries(outbox, within, (one.write for one in relying))
        for record, entry in zip(relying, entries, strict=True):
            if entry is None or entry.status is RecordStatus.RELEASED:
                sent = "sent without an answer" if record.verdict is Verdict.IN_DOUBT else "posted"
                place = f"{record.write.position}: " if record.write.position else ""
                raise SettingsError(
                    f"{place}{record.write.label} was {sent} by an earlier run, according to the plan; "
                    f"the outbox {outbox.path} has no such entry, or it was forgotten or taken back since",
                    fix="apply the plan with the outbox it was made with, or make a new plan with this one",
                )


def _relies_on_outbox(record: PlannedRecord) -> bool:
    """Whether the verdict comes from the outbox; that an update changes nothing comes from the company."""
    created = record.write.operation is WriteOperation.CREATE
    return record.verdict is Verdict.IN_DOUBT or (record.verdict is Verdict.UNCHANGED and created)
