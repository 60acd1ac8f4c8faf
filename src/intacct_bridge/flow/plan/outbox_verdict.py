"""The verdict on a record by its outbox entry: posted by an earlier run, in doubt, or posted with other content."""

from dataclasses import replace

from intacct_bridge.flow.outbox.entry import OutboxEntry
from intacct_bridge.flow.plan.plan import PlannedRecord, Verdict
from intacct_bridge.flow.records.status import UNRESOLVED, RecordStatus
from intacct_bridge.flow.records.write import Finding, Write

MAYBE_APPLIED = (RecordStatus.APPLIED, *UNRESOLVED)
"""Statuses of an entry whose record must not be posted a second time."""


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
    return entry is not None and entry.status in UNRESOLVED


def sent_text(write: Write, entry: OutboxEntry) -> str:
    """`posted on 2026-01-31 as GLBATCH 7`: what the outbox knows of a record."""
    when = entry.since.date()
    state = "posted" if entry.status is RecordStatus.APPLIED else "sent (its outcome is in doubt)"
    record = f" as {write.object} {entry.receipt.record}" if entry.receipt and entry.receipt.record else ""
    return f"{state} on {when}{record}"
