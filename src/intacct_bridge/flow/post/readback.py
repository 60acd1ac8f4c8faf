"""Whether an update or a delete was done, read from the record itself.

What was asked is in the outbox as the function's own text; what is there now is asked of the company. A record that
says what the update said is proof, whoever wrote it. One that does not may be written again, for an update sets what it
names and a line set as a whole; but not where lines differ, or where somebody else changed the record since: the first
sending may have been done and then overwritten.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.errors import RecordError
from intacct_bridge.flow.company.current_records import CurrentRecord, Locator
from intacct_bridge.flow.company.writable import WritableObject, writable_object
from intacct_bridge.flow.outbox.entry import OutboxEntry
from intacct_bridge.flow.plan.changes import differences
from intacct_bridge.flow.records.tables import SourceRow
from intacct_bridge.flow.records.values import comparable
from intacct_bridge.flow.records.write import Identity, RecordLine, Write, WriteOperation
from intacct_bridge.model.catalog import FieldDef
from intacct_bridge.model.legacy.functions import read_call
from intacct_bridge.model.legacy.objects import LegacyObject
from intacct_bridge.wire.values import Value, parse_value
from intacct_bridge.wire.xml import Element, parse

_NOWHERE = SourceRow("", 0, {})


class ReadbackVerdict(StrEnum):
    """What reading back says."""

    DONE = "done"
    NOT_DONE = "not done"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Readback:
    """What reading one record back brought."""

    found: ReadbackVerdict
    record: str = ""
    note: str = ""


def read_back(company: Gateway, entries: Sequence[OutboxEntry]) -> list[Readback]:
    """One answer for each of these updates or deletes, which are all of one object."""
    writable = writable_object(company, entries[0].target.object)
    asked = [_asked(writable, entry) for entry in entries]
    by = (writable.lookup.record_key,)
    met = Locator(company, writable).locate([(write, by) for write in asked])
    return [
        _judged(writable, write, entry, standing[0] if standing else None)
        for write, entry, standing in zip(asked, entries, met, strict=True)
    ]


def _judged(writable: WritableObject, write: Write, entry: OutboxEntry, standing: CurrentRecord | None) -> Readback:
    record = comparable(write.fields.get(writable.lookup.record_key))
    if write.operation is WriteOperation.DELETE:
        return (
            Readback(ReadbackVerdict.DONE, record) if standing is None else Readback(ReadbackVerdict.NOT_DONE, record)
        )
    if standing is None:
        return Readback(ReadbackVerdict.UNCLEAR, record, f"{write.object} {record} is not there any more")
    left = differences(write, standing, writable, (writable.lookup.record_key,))
    if not left:
        return Readback(ReadbackVerdict.DONE, record)
    names = ", ".join(change.name for change in left)
    if any(change.name in write.lines for change in left):
        return Readback(
            ReadbackVerdict.UNCLEAR, record, f"the lines of {write.object} {record} differ: compare {names}"
        )
    by = _changed_by(standing, entry)
    if by:
        note = f"{by} changed {write.object} {record} since it was sent: compare {names}"
        return Readback(ReadbackVerdict.UNCLEAR, record, note)
    return Readback(ReadbackVerdict.NOT_DONE, record)


def _changed_by(standing: CurrentRecord, entry: OutboxEntry) -> str:
    """Who else changed the record after the sending; empty where nobody is known to have."""
    who, when = comparable(standing.row.get("MODIFIEDBYLOGINID")), standing.row.get("WHENMODIFIED")
    if not who or who.casefold() == entry.user.casefold() or not isinstance(when, datetime):
        return ""
    return who if entry.sent_at is not None and when >= entry.sent_at else ""


def _asked(writable: WritableObject, entry: OutboxEntry) -> Write:
    """What the function's text asks for."""
    function = parse(entry.body.encode())
    if writable.legacy is not None:
        return _asked_legacy(writable, writable.legacy, entry, function)
    if entry.target.operation is WriteOperation.DELETE:
        field = writable.field(writable.lookup.record_key)
        fields = {writable.lookup.record_key: _value(field, function.findtext("keys"))}
        return _write(entry, fields, {})
    record = function.children[0]
    lines: dict[str, tuple[RecordLine, ...]] = {}
    fields = {}
    for child in record:
        held = writable.line_set(child.tag)
        if held is not None:
            lines[held.wrapper] = tuple(
                RecordLine(
                    held.object, {name: _value(held.field(name), text) for name, text in _leaves(line)}, _NOWHERE
                )
                for line in child
            )
        else:
            fields |= {name: _value(writable.field(name), text) for name, text in _leaves(child, child.tag)}
    return _write(entry, fields, lines)


def _asked_legacy(writable: WritableObject, one: LegacyObject, entry: OutboxEntry, function: Element) -> Write:
    """The same from a function of the object's own, which names its record by an attribute."""
    cells, owned = read_call(one.plan, function)
    attribute = one.attribute(entry.target.operation.value)
    key = function.get(attribute) if attribute else cells.get(one.key, "")
    fields: dict[str, Value] = {name: _value(writable.field(name), text) for name, text in cells.items()}
    lines: dict[str, tuple[RecordLine, ...]] = {}
    for wrapper, rows in owned.items():
        held = writable.line_set(wrapper)
        if held is not None:
            lines[wrapper] = tuple(
                RecordLine(held.object, {name: _value(held.field(name), text) for name, text in row.items()}, _NOWHERE)
                for row in rows
            )
    return _write(entry, {**fields, writable.lookup.record_key: key}, lines)


def _write(entry: OutboxEntry, fields: Mapping[str, Value], lines: Mapping[str, tuple[RecordLine, ...]]) -> Write:
    identity = Identity(entry.identity, "key")
    return Write(
        entry.target.operation, entry.target.object, fields, identity, entry.digest, entry.label, (_NOWHERE,), lines
    )


def _leaves(node: Element, name: str = "") -> Iterator[tuple[str, str]]:
    """The values under an element by their dotted names."""
    if not node.children and name:
        yield name, node.text
    for child in node.children:
        yield from _leaves(child, f"{name}.{child.tag}" if name else child.tag)


def _value(field: FieldDef | None, text: str) -> Value:
    if field is None or not text:
        return text or None
    try:
        return parse_value(field.kind, text)
    except RecordError:
        return text
