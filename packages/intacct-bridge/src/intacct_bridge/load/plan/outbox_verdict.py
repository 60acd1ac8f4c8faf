"""The verdict on a record by its outbox entry: posted by an earlier run, in doubt, or posted with other content."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.plan.plan import PlannedRecord, Verdict
from intacct_bridge.load.records.lookup_keys import lookup_keys_of
from intacct_bridge.load.records.status import MAYBE_APPLIED, UNRESOLVED, RecordStatus
from intacct_bridge.load.records.write import Finding, Write
from intacct_protocol.model.wording import counted

CONFLICT = "conflict"
"""The rule that refuses a record which was posted with other content."""
_SHOWN = 5


def by_outbox(record: PlannedRecord, entry: OutboxEntry | None) -> PlannedRecord:
    """A record with the verdict of its outbox entry: unchanged, in doubt, refused for other content, or still open."""
    if entry is None or entry.status not in MAYBE_APPLIED:
        return record
    if entry.digest != record.write.digest:
        finding = Finding(
            CONFLICT,
            f"{record.write.label} was {sent_text(record.write, entry)} with other content",
            _fix(record.write, entry),
            position=record.write.position,
        )
        refused = replace(record.with_findings(finding), verdict=Verdict.REFUSED)
        return replace(refused, receipt=entry.receipt, since=entry.sent_at)
    sent = {total.currency for total in entry.totals}
    write = record.write if len(sent) != 1 else replace(record.write, currency=next(iter(sent)))
    verdict = Verdict.UNCHANGED if entry.status is RecordStatus.APPLIED else Verdict.IN_DOUBT
    return replace(record, write=write, verdict=verdict, receipt=entry.receipt, since=entry.sent_at)


def with_sent_differences(record: PlannedRecord, texts: Sequence[str]) -> PlannedRecord:
    """The record, with what differs in the finding that it was posted with other content."""
    if not texts:
        return record
    more = f"; and {counted(len(texts) - _SHOWN, 'more difference')}" if len(texts) > _SHOWN else ""
    shown = f" ({'; '.join(texts[:_SHOWN])}{more})"
    told = (
        msgspec.structs.replace(one, message=one.message + shown) if one.rule == CONFLICT else one
        for one in record.findings
    )
    return replace(record, findings=tuple(told))


def _fix(write: Write, entry: OutboxEntry) -> str:
    """What leads to the content of the input, which depends on the kind of record."""
    if entry.status is not RecordStatus.APPLIED:
        return "find out first whether it was posted: intacct outbox settle"
    lookup = lookup_keys_of(write.object)
    other = "give this one a number of its own, or name its row in `new`, if it is another record"
    if lookup.payment_lines:
        return f"take the posted payment back and load this one again (intacct undo --entry {entry.number}), or {other}"
    if write.object == "GLBATCH":
        return f"take the posted entry back and load this one again (intacct undo --entry {entry.number}), or {other}"
    update = "load the file with `mode` update or upsert, which changes the record in Intacct"
    if not lookup.keys:
        return f"change the record in Intacct, or {other}"
    if lookup.locked_states:
        return f"{update}, as long as it is not paid; or {other}"
    return update if lookup.enforced else f"{update}; or {other}"


def is_doubtful(entry: OutboxEntry | None) -> bool:
    """Whether an earlier run sent the record without an answer; that is settled before anything else is done."""
    return entry is not None and entry.status in UNRESOLVED


def sent_text(write: Write, entry: OutboxEntry) -> str:
    """`posted on 2026-01-31 as GLBATCH 7`: what the outbox knows of a record."""
    when = entry.since.date()
    state = "posted" if entry.status is RecordStatus.APPLIED else "sent (its outcome is in doubt)"
    record = f" as {write.object} {entry.receipt.record}" if entry.receipt and entry.receipt.record else ""
    return f"{state} on {when}{record}"
