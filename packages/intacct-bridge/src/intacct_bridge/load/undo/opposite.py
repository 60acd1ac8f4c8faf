"""The opposite of a journal entry: a new entry on a day, with debits and credits exchanged.

It is made from what was sent, after a comparison with what the company has: an entry that was changed since then is
refused, because its opposite would leave the change in the ledger. Unless the entry was changed, lines that
were not sent are the company's own, such as those due to and due from an entity. They are exchanged too, so that every
account balances as before. Lines in another currency get the rate of the original line.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import msgspec

from intacct_bridge.client.protocol import Gateway, Row
from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.outbox.sent_write import sent_write
from intacct_bridge.load.plan.actions import early_day
from intacct_bridge.load.plan.changes import differences
from intacct_bridge.load.records.identity import content_digest, undo_identity, without_draft
from intacct_bridge.load.records.values import comparable, equal_form
from intacct_bridge.load.records.write import RecordLine, Write, WriteOperation
from intacct_bridge.load.target.current_records import Locator
from intacct_bridge.load.target.writable import WRITTEN_BY_NAME, writable_object
from intacct_protocol.errors import RecordError
from intacct_protocol.model.keys import owner
from intacct_protocol.model.query.query import Query, field
from intacct_protocol.xml.values import Value

JOURNAL_ENTRY, LINES, LINE = "GLBATCH", "ENTRIES", "GLENTRY"
_NOT_COPIED = ("RECORDNO", "REVERSEDATE", "REVERSEDFROM", "SUPDOCID", "STATE")
_OF_LINE = ("ACCOUNTNO", "LOCATION", "DEPARTMENT", "TRX_AMOUNT", "TR_TYPE", "CURRENCY")
_RATES = ("EXCH_RATE_DATE", "EXCH_RATE_TYPE_ID", "EXCHANGE_RATE")


def opposite_write(company: Gateway, entry: OutboxEntry, *, day: date, memo: str = "", entity: str = "") -> Write:
    """The write of the opposite entry. RecordError if the original cannot be taken back in this way."""
    assert entry.receipt is not None
    if company.connection.is_legacy:
        raise RecordError("document type 2.1 cannot compare a journal entry with what was sent", fix="delete it")
    writable = writable_object(company, JOURNAL_ENTRY)
    sent = sent_write(writable, entry)
    if sent.fields.get("REVERSEDATE"):
        raise RecordError(f"it reverses itself on {comparable(sent.fields['REVERSEDATE'])}", fix="delete it")
    number: Value = int(entry.receipt.record)
    existing = replace(sent, fields={**without_draft(JOURNAL_ENTRY, sent.fields), "RECORDNO": number})
    (records,) = Locator(company, writable).locate([(existing, ("RECORDNO",))])
    if not records:
        raise RecordError(f"{JOURNAL_ENTRY} {number} is not visible in Intacct", fix="check the entity")
    changed = [change.name for change in differences(replace(existing, lines={}), records[0], writable, ("RECORDNO",))]
    rows = _ledger_lines(company, entry.receipt.record, sent.lines.get(LINES, ()))
    posted_rows = [_take_row(line, rows) for line in sent.lines.get(LINES, ())]
    if None in posted_rows or (rows and _modified(records[0].row)):
        changed.append(LINES)
    if changed:
        names = ", ".join(changed)
        raise RecordError(f"it was changed in Intacct since it was posted ({names})", fix="correct it in Intacct")
    lines = tuple(_opposite(line, row) for line, row in zip(sent.lines.get(LINES, ()), posted_rows, strict=True) if row)
    lines += tuple(_opposite(RecordLine(LINE, _filled(row), lines[0].row), row) for row in rows)
    title = memo or f"Reversed - {comparable(sent.fields.get('BATCH_TITLE'))}"
    fields = {name: value for name, value in sent.fields.items() if name not in _NOT_COPIED}
    fields |= {"BATCH_DATE": day, "BATCH_TITLE": title}
    write = Write(
        WriteOperation.CREATE,
        JOURNAL_ENTRY,
        fields,
        undo_identity(entry.control_id),
        content_digest(JOURNAL_ENTRY, fields, {LINES: lines}),
        f"opposite of {JOURNAL_ENTRY} {number}, {entry.label}",
        (),
        {LINES: lines},
        entity=entity,
        entity_by="LOCATIONID" if entity else "",
        undoes=entry.number,
    )
    return replace(write, findings=tuple(early_day(write, day, sent.fields.get("BATCH_DATE"))))


def _ledger_lines(company: Gateway, record: str, lines: Iterable[RecordLine]) -> list[Row]:
    """The lines in the ledger with the fields of those that were sent."""
    held = owner(LINE)
    assert held is not None
    names = (*_OF_LINE, "BASECURR", "EXCHANGE_RATE", *sorted({name for line in lines for name in line.fields}))
    described = company.describe(LINE)
    described_names = tuple(dict.fromkeys(name for name in names if described.get(name) is not None))
    return list(company.query(Query(LINE, described_names, where=field(held.by) == int(record), show_private=True)))


def _filled(row: Row) -> dict[str, Value]:
    """The fields of a line that the company added."""
    return {name: row[name] for name in _OF_LINE if row.get(name) not in (None, "")}


def _take_row(line: RecordLine, rows: list[Row]) -> Row | None:
    """The row that a line became, taken out of the rows; None if there is none."""
    for row in rows:
        comparable_names = (name for name in line.fields if name in row and name not in WRITTEN_BY_NAME)
        if all(equal_form(line.fields[name]) == equal_form(row[name]) for name in comparable_names):
            rows.remove(row)
            return row
    return None


def _modified(header: Row) -> bool:
    """Whether an entry was changed after it was created; lines that were not sent are then not the company's own."""
    created, modified = header.get("WHENCREATED"), header.get("WHENMODIFIED")
    return isinstance(created, datetime) and isinstance(modified, datetime) and modified > created


def _opposite(line: RecordLine, row: Row) -> RecordLine:
    """A line on the other side; `row` is the same line in the ledger."""
    side = -1 if comparable(line.fields.get("TR_TYPE")) == "1" else 1
    fields: Mapping[str, Value] = {**line.fields, "TR_TYPE": side}
    if line.fields.get("CURRENCY"):
        fields = {name: value for name, value in fields.items() if name not in _RATES}
        rate = row.get("EXCHANGE_RATE")
        if isinstance(rate, Decimal) and comparable(row.get("CURRENCY")) != comparable(row.get("BASECURR")):
            fields = {**fields, "EXCHANGE_RATE": rate}
    return msgspec.structs.replace(line, fields=fields)
