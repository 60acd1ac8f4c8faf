"""Whether an update or a delete was done, read from the record itself.

The outbox has the update as the text of its function; the company has the record as it is now. If the record has all
values of the update, that is proof, whoever wrote them. If it has not, the update may be sent again, because an update
sets the fields that it names and replaces a line set as a whole. Two cases are unclear, because the first sending may
have been done and then overwritten: lines differ, or another user changed the record since.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.errors import RecordError
from intacct_bridge.flow.company.attachments import TOGETHER
from intacct_bridge.flow.company.current_records import CurrentRecord, Locator
from intacct_bridge.flow.company.writable import LineSet, WritableObject, writable_object
from intacct_bridge.flow.outbox.entry import OutboxEntry
from intacct_bridge.flow.plan.changes import differences
from intacct_bridge.flow.records.tables import SourceRow
from intacct_bridge.flow.records.values import comparable
from intacct_bridge.flow.records.write import Identity, RecordLine, Write, WriteOperation
from intacct_bridge.model.catalog import FieldDef
from intacct_bridge.model.legacy.functions import read_call
from intacct_bridge.model.legacy.objects import LegacyObject
from intacct_bridge.model.writing.actions import action_of
from intacct_bridge.wire.values import Value, parse_value
from intacct_bridge.wire.xml import Element, parse

_NO_ROW = SourceRow("", 0, {})
_Fields = dict[str, Value]
_Lines = dict[str, tuple[RecordLine, ...]]


class ReadbackVerdict(StrEnum):
    """Whether a write was done."""

    DONE = "done"
    NOT_DONE = "not done"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Readback:
    """The result of reading one record back."""

    verdict: ReadbackVerdict
    record: str = ""
    note: str = ""


def read_back(company: Gateway, entries: Sequence[OutboxEntry]) -> list[Readback]:
    """One result for each of these updates or deletes, which are all of one object."""
    writable = writable_object(company, entries[0].target.object)
    writes = [sent_write(writable, entry) for entry in entries]
    by = (writable.lookup.record_key,)
    located = Locator(company, writable).locate([(write, by) for write in writes])
    return [
        _judged(writable, write, entry, found[0] if found else None)
        for write, entry, found in zip(writes, entries, located, strict=True)
    ]


def _judged(writable: WritableObject, write: Write, entry: OutboxEntry, current: CurrentRecord | None) -> Readback:
    record = comparable(write.fields.get(writable.lookup.record_key))
    if write.operation.is_action:
        return _judged_by_state(write, record, current)
    if write.operation is WriteOperation.DELETE:
        return Readback(ReadbackVerdict.DONE if current is None else ReadbackVerdict.NOT_DONE, record)
    if current is None:
        return Readback(ReadbackVerdict.UNCLEAR, record, f"{write.object} {record} no longer exists in Intacct")
    left = differences(write, current, writable, (writable.lookup.record_key,))
    if not left:
        return Readback(ReadbackVerdict.DONE, record)
    names = ", ".join(change.name for change in left)
    if any(change.name in write.lines for change in left):
        note = f"the lines of {write.object} {record} differ: compare {names}"
        return Readback(ReadbackVerdict.UNCLEAR, record, note)
    other_user = _changed_by(current, entry)
    if other_user:
        note = f"{other_user} changed {write.object} {record} after it was sent: compare {names}"
        return Readback(ReadbackVerdict.UNCLEAR, record, note)
    return Readback(ReadbackVerdict.NOT_DONE, record)


def _judged_by_state(write: Write, record: str, current: CurrentRecord | None) -> Readback:
    """Whether an action was done, by the state of its record."""
    if current is None:
        return Readback(ReadbackVerdict.UNCLEAR, record, f"{write.object} {record} is not visible")
    action = action_of(write.operation.value, write.object)
    state = comparable(current.row.get("STATE"))
    if state.casefold() in action.done:
        return Readback(ReadbackVerdict.DONE, record)
    if not state or (action.waits and state.casefold() not in action.waits):
        note = f"{write.object} {record} is {state or 'without a state'}: compare it"
        return Readback(ReadbackVerdict.UNCLEAR, record, note)
    return Readback(ReadbackVerdict.NOT_DONE, record)


def _changed_by(current: CurrentRecord, entry: OutboxEntry) -> str:
    """The other user who changed the record after the sending; empty where none is known to have."""
    who, when = comparable(current.row.get("MODIFIEDBYLOGINID")), current.row.get("WHENMODIFIED")
    if not who or who.casefold() == entry.user.casefold() or not isinstance(when, datetime):
        return ""
    return who if entry.sent_at is not None and when >= entry.sent_at else ""


# --- the write that a function's text asks for


def sent_write(writable: WritableObject, entry: OutboxEntry) -> Write:
    """The write that an entry's function asks for."""
    by = writable.lookup.record_key
    if entry.target.operation.is_action:
        key = _value(writable.field(by), entry.lookup_key.get(by, ""))
        return _write(entry, {by: key}, {})
    function = parse(entry.body.encode())
    if function.tag == TOGETHER:
        function = function.children[-1]  # the others are its files
    if writable.legacy is not None:
        fields, lines = _of_legacy_function(writable, writable.legacy, entry.target.operation, function)
    elif entry.target.operation is WriteOperation.DELETE:
        key = writable.lookup.record_key
        fields, lines = {key: _value(writable.field(key), function.findtext("keys"))}, {}
    else:
        fields, lines = _of_update(writable, function.children[0])
    return _write(entry, fields, lines)


def _write(entry: OutboxEntry, fields: _Fields, lines: _Lines) -> Write:
    identity = Identity(entry.identity, "key")
    target, rows = entry.target, (_NO_ROW,)
    return Write(target.operation, target.object, fields, identity, entry.digest, entry.label, rows, lines)


def _of_update(writable: WritableObject, record: Element) -> tuple[_Fields, _Lines]:
    fields: _Fields = {}
    lines: _Lines = {}
    for child in record:
        line_set = writable.line_set(child.tag)
        if line_set is not None:
            lines[line_set.wrapper] = tuple(_line(line_set, dict(_leaves(line))) for line in child)
        else:
            fields |= {name: _value(writable.field(name), text) for name, text in _leaves(child, child.tag)}
    return fields, lines


def _of_legacy_function(
    writable: WritableObject, legacy: LegacyObject, operation: WriteOperation, function: Element
) -> tuple[_Fields, _Lines]:
    """The fields and lines of a legacy function, which names its record by an attribute."""
    cells, by_wrapper = read_call(legacy.plan, function)
    attribute = legacy.attribute(operation.value)
    key = function.get(attribute) if attribute else cells.get(legacy.key, "")
    fields: _Fields = {name: _value(writable.field(name), text) for name, text in cells.items()}
    sets = {wrapper: writable.line_set(wrapper) for wrapper in by_wrapper}
    lines = {
        wrapper: tuple(_line(line_set, row) for row in by_wrapper[wrapper])
        for wrapper, line_set in sets.items()
        if line_set is not None
    }
    return {**fields, writable.lookup.record_key: key}, lines


def _line(line_set: LineSet, cells: Mapping[str, str]) -> RecordLine:
    fields = {name: _value(line_set.field(name), text) for name, text in cells.items()}
    return RecordLine(line_set.object, fields, _NO_ROW)


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
