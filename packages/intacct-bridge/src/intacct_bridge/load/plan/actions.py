"""Actions on records (reverse, void, approve, decline, recall): planned by the state that the record has now."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime

import msgspec

from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.plan.context import PlanContext
from intacct_bridge.load.plan.outbox_verdict import by_outbox, is_doubtful
from intacct_bridge.load.plan.plan import Plan, PlannedRecord, Verdict
from intacct_bridge.load.records.values import comparable
from intacct_bridge.load.records.write import ACTION_DATE, Finding, Receipt, Write, WriteOperation
from intacct_bridge.load.target.current_records import POSTED_ON, CurrentRecord, Locator, moved_facts
from intacct_protocol.model.writing.actions import RecordAction, action_of
from intacct_protocol.xml.values import Value

PAID = "paid"
"""The rule that refuses to reverse a paid document."""
_NOT_POSTED = ("draft", "submitted", "partially approved", "declined", "selected")
_PAID = ("paid", "partially paid", "selected")
_PAYMENTS = ("APPYMT", "ARPYMT")
MODIFIED = "WHENMODIFIED"


class MatchState:
    """The step that finds the record of each action, and decides by its state whether the action is left to do."""

    def __init__(self, context: PlanContext) -> None:
        self._context = context
        self._subject = context.describe()

    def __call__(self, records: Sequence[PlannedRecord]) -> list[PlannedRecord]:
        """Find all records together."""
        by = (self._subject.lookup.record_key,)
        entries = self._context.entries(record.write for record in records)
        located = Locator(self._context.company, self._subject).locate([(record.write, by) for record in records])
        return [
            self._decided(record, entry, found[0] if found else None)
            for record, entry, found in zip(records, entries, located, strict=True)
        ]

    def _decided(
        self, record: PlannedRecord, entry: OutboxEntry | None, current: CurrentRecord | None
    ) -> PlannedRecord:
        write = record.write
        if record.reasons:
            return record.or_refused()
        if is_doubtful(entry):
            return by_outbox(record, entry)
        if current is None:
            text = f"{write.label} is not visible in Intacct"
            return record.with_findings(_finding(write, "missing", text, "check its key and the entity")).or_refused()
        action = action_of(write.operation.value, write.object, is_legacy=self._context.company.connection.is_legacy)
        state = comparable(current.row.get("STATE"))
        shown, facts = record.existing, current.facts
        record = replace(record, receipt=Receipt(current.record), existing=facts)
        if state.casefold() in action.done:
            return replace(record, verdict=Verdict.UNCHANGED)
        posted = next((current.row[name] for name in POSTED_ON if current.row.get(name)), None)
        early = early_day(write, write.fields.get(ACTION_DATE), posted)
        return record.with_findings(
            *moved_facts(write, shown, facts), *_obstacles(write, action, state), *early
        ).or_refused()


def _obstacles(write: Write, action: RecordAction, state: str) -> list[Finding]:
    """Why the record's state forbids the action."""
    name = state.casefold()
    if action.waits and name and name not in action.waits:
        text = f"{write.label} is {state}: it does not wait for approval"
        return [_finding(write, "state", text, "submit it first")]
    if write.operation is not WriteOperation.REVERSE:
        return []
    if name == "reversal":
        return [_finding(write, "state", f"{write.label} is itself a reversal", "leave it out")]
    if name in _PAID and write.object not in ("APPYMT", "ARPYMT", "CCTRANSACTION"):
        text = f"{write.label} is {state}: it cannot be reversed"
        return [_finding(write, PAID, text, "reverse its payment first")]
    if name in _NOT_POSTED:
        return [_finding(write, "state", f"{write.label} is {state}: it is not posted", "delete it instead")]
    return []


def early_day(write: Write, day: Value, posted: Value) -> list[Finding]:
    """A warning if a record is taken back on a day before its own: whether Intacct allows it is not documented."""
    if not isinstance(day, date) or not isinstance(posted, date) or isinstance(posted, datetime) or day >= posted:
        return []
    text = f"{day} is before its own date {posted}"
    return [Finding("date", text, "", "", write.position or write.label, refuses=False)]


def _finding(write: Write, rule: str, text: str, fix: str) -> Finding:
    return Finding(rule, text, fix, "", write.position)


def after_payments(stages: Iterable[Plan]) -> list[Plan]:
    """The stages, without the refusal of a paid document if an earlier stage takes its payment back."""
    done: list[Plan] = []
    for stage in stages:
        paid = any(earlier.object in _PAYMENTS for earlier in done)
        done.append(replace(stage, records=tuple(map(_without_payment, stage.records))) if paid else stage)
    return done


_PAYMENT_FIRST = "its payment is taken back first"


def _without_payment(record: PlannedRecord) -> PlannedRecord:
    """A document that only its payment keeps from being reversed. Taking that back changes when it was modified."""
    if not record.reasons or any(finding.rule != PAID for finding in record.reasons):
        return record
    allowed = tuple(
        msgspec.structs.replace(finding, fix=_PAYMENT_FIRST, refuses=False) if finding.rule == PAID else finding
        for finding in record.findings
    )
    facts = {name: value for name, value in record.existing.items() if name != MODIFIED}
    return replace(record, verdict=Verdict(record.write.operation.value), findings=allowed, existing=facts)
