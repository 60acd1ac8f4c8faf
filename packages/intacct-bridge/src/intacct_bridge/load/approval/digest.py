"""The digest of a plan: over everything that decides what is sent, so that an approval is of this and nothing else.

It covers the company, entity, environment, user and outbox; the functions as they would be sent, with references
resolved, attachments and drafts; the existing records with their expected old values; whether the company may have a
record already; how the records are sent; and the names that the plan shows beside ids.
"""

import hashlib
from collections.abc import Iterator

import msgspec

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.load.plan.plan import DUPLICATE, WRITTEN, Plan, PlannedRecord, Verdict
from intacct_bridge.load.records.write import WriteOperation
from intacct_bridge.load.target.functions import Functions
from intacct_protocol.errors import SettingsError
from intacct_protocol.xml.xml import serialize

_FORMAT = "plan digest 1"


def plan_digest(plan: Plan, company: Gateway) -> str:
    """The digest, in hexadecimal. It describes objects if a function needs it, and reads the attached files."""
    if plan.origin is None:
        raise no_identity()
    options, target = plan.origin.options, plan.target
    digest = hashlib.sha256()
    head = (
        _FORMAT,
        plan.origin.id,
        plan.origin.outbox,
        target.company,
        target.entity,
        target.environment,
        target.user,
        plan.object,
        options.batch_size,
        options.atomic,
        options.stop_on_error,
        *(("needs approval",) if plan.origin.needs_approval else ()),
    )
    names = [(name, sorted(of_object.items())) for name, of_object in sorted(plan.names.items())]
    for part in (head, names, *_records(plan, company)):
        digest.update(msgspec.json.encode(part))
        digest.update(b"\n")
    return digest.hexdigest()


def no_identity() -> SettingsError:
    """The error for a plan that was never saved."""
    return SettingsError(
        "this plan has no id and no digest, so it cannot be approved or applied",
        fix="Make a new one with: intacct load FILE --out PLAN",
    )


def _records(plan: Plan, company: Gateway) -> Iterator[tuple[object, ...]]:
    functions: dict[str, Functions] = {}
    for record in plan.records:
        write = record.write
        if record.verdict is Verdict.REFUSED:  # it is not sent; an atomic batch is not sent because of it
            yield (record.verdict.value, write.object, write.entity, write.digest)
            continue
        if write.entity not in functions:
            functions[write.entity] = Functions(company.entity(write.entity) if write.entity else company)
        yield (
            record.verdict.value,
            write.operation.value,
            write.object,
            write.entity,
            write.identity.text,
            write.digest,
            write.currency,
            write.folder,
            record.receipt.record if record.receipt else "",
            [(change.name, change.before, change.after) for change in record.changes],
            _function(record, functions[write.entity]),
            *_of_existing(record),
            *((DUPLICATE,) if record.may_be_duplicate else ()),
        )


def _of_existing(record: PlannedRecord) -> Iterator[object]:
    """Of an action, a delete or an undo: what it is for, and what was seen of it; nothing of other records."""
    if record.write.undoes is not None or record.write.operation.is_action:
        yield (record.write.label, record.write.undoes)
    if record.existing:
        yield sorted(record.existing.items())


def _function(record: PlannedRecord, functions: Functions) -> str:
    """The function that may be sent for a record."""
    doubtful = record.verdict is Verdict.IN_DOUBT and record.write.operation is WriteOperation.CREATE
    return serialize(functions.element(record.write)) if record.verdict in WRITTEN or doubtful else ""
