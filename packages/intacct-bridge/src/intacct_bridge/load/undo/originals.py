"""Originals: what a saved plan takes back by a new record, compared with the company as it is now.

A reversal or a delete is compared as any action of a plan is. An opposite journal entry is a new record, so nothing of
its own shows whether the original was changed, or taken back, since the plan was made.
"""

from datetime import date

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.plan import Plan, PlannedRecord, Verdict
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.values import comparable
from intacct_bridge.load.undo.opposite import opposite_write
from intacct_protocol.errors import InvalidRequestError, RecordError


def refuse_changed_originals(plan: Plan, company: Gateway, outbox: Outbox) -> None:
    """InvalidRequestError if the plan would take back a journal entry that is not as the plan saw it."""
    for record in plan.of(Verdict.CREATE):
        if record.write.undoes is not None:
            reason = _changed(record, record.write.undoes, company, outbox)
            if reason:
                raise InvalidRequestError(f"{record.write.label}: {reason}", fix="make a new plan and look at it")


def _changed(record: PlannedRecord, number: int, company: Gateway, outbox: Outbox) -> str:
    entry, write = outbox.entry(number), record.write
    if entry.status is not RecordStatus.APPLIED:
        return f"entry {number}, which it takes back, is {entry.status.value} now"
    day, within = write.fields.get("BATCH_DATE"), company.entity(write.entity) if write.entity else company
    assert isinstance(day, date)
    try:
        now = opposite_write(within, entry, day=day, memo=comparable(write.fields.get("BATCH_TITLE")))
    except RecordError as error:
        return error.message
    return "" if now.digest == write.digest else "the original is not as it was when the plan was made"
