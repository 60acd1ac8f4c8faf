"""The write that an entry's function asks for, read from the text that was sent."""

from collections.abc import Iterator, Mapping

from intacct_bridge.errors import RecordError
from intacct_bridge.flow.company.attachments import TOGETHER
from intacct_bridge.flow.company.writable import LineSet, WritableObject
from intacct_bridge.flow.outbox.entry import OutboxEntry
from intacct_bridge.flow.records.tables import SourceRow
from intacct_bridge.flow.records.write import Identity, RecordLine, Write, WriteOperation
from intacct_bridge.model.catalog import FieldDef
from intacct_bridge.model.legacy.functions import read_call
from intacct_bridge.model.legacy.objects import LegacyObject, legacy_object
from intacct_bridge.model.writing.functions import SPECIFIC_UPDATE
from intacct_bridge.wire.values import Value, parse_value
from intacct_bridge.wire.xml import Element, parse

_NO_ROW = SourceRow("", 0, {})
_Fields = dict[str, Value]
_Lines = dict[str, tuple[RecordLine, ...]]


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
    elif function.tag.startswith("update_"):
        fields, lines = _of_legacy_function(writable, legacy_object(writable.name), entry.target.operation, function)
        key = sent_key(writable, entry)
        fields[key] = fields.pop(by)
    elif entry.target.operation is WriteOperation.DELETE:
        key = writable.lookup.record_key
        fields, lines = {key: _value(writable.field(key), function.findtext("keys"))}, {}
    else:
        fields, lines = _of_update(writable, function.children[0])
    return _write(entry, fields, lines)


def sent_key(writable: WritableObject, entry: OutboxEntry) -> str:
    """The field by which an entry's function names the record to change."""
    specific = entry.target.object in SPECIFIC_UPDATE and entry.target.operation is WriteOperation.UPDATE
    return legacy_object(writable.name).key if specific and writable.legacy is None else writable.lookup.record_key


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
