"""The write that an entry's function asks for, read from the text that was sent, and how the input differs from it."""

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal

from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.records.values import comparable, equal_form
from intacct_bridge.load.records.write import Identity, RecordLine, Write, WriteOperation
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.target.attachments import TOGETHER
from intacct_bridge.load.target.writable import LineSet, WritableObject
from intacct_protocol.errors import RecordError
from intacct_protocol.model.catalog import FieldDef
from intacct_protocol.model.legacy.functions import read_call
from intacct_protocol.model.legacy.objects import LegacyObject, legacy_object
from intacct_protocol.model.wording import amount_shown, counted
from intacct_protocol.model.writing.functions import SPECIFIC_UPDATE
from intacct_protocol.xml.values import Value, parse_value
from intacct_protocol.xml.xml import Element, parse

_NO_ROW = SourceRow("", 0, {})
_Fields = dict[str, Value]
_Line = Mapping[str, Value]
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
    elif function.tag.startswith("create_"):
        by_name = legacy_object(writable.name)
        fields, lines = _of_legacy_function(writable, by_name, entry.target.operation, function)
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


def differences_from_sent(sent: Write, as_read: Write, write: Write, left_out: Collection[str]) -> Iterator[str]:
    """How the input differs from what was sent: `je.csv:3: AMOUNT: 50.00 in the file, 49.95 posted`.

    `as_read` is the input in the same form as `sent`, and `write` has its columns and rows.
    """
    yield from _differing(sent.fields, as_read.fields, write, left_out, _NO_ROW)
    for wrapper in dict.fromkeys((*as_read.lines, *sent.lines)):
        mine = [line.fields for line in as_read.lines.get(wrapper, ())]
        theirs = [line.fields for line in sent.lines.get(wrapper, ())]
        rows = [line.row for line in write.lines.get(wrapper, ())]
        places = rows if len(rows) == len(mine) else [_NO_ROW] * len(mine)
        new: list[tuple[_Line, SourceRow]] = []
        for line, place in zip(mine, places, strict=True):
            equal_line = next((one for one in theirs if _same(one, line)), None)
            if equal_line is None:
                new.append((line, place))
            else:
                theirs.remove(equal_line)
        for (line, place), old in zip(new, theirs, strict=False):
            yield from _differing(old, line, write, (), place)
        if len(new) != len(theirs):
            now, then = len(as_read.lines.get(wrapper, ())), len(sent.lines.get(wrapper, ()))
            yield f"{counted(now, 'line')} in the file, {then} posted"


def _same(old: _Line, new: _Line) -> bool:
    return all(equal_form(old.get(name)) == equal_form(new.get(name)) for name in _compared(old, new))


def _compared(old: _Line, new: _Line) -> Iterator[str]:
    """The fields that are compared; a currency that only the plan decided is none."""
    return (name for name in dict.fromkeys((*new, *old)) if name != "CURRENCY" or name in new)


def _differing(old: _Line, new: _Line, write: Write, left_out: Collection[str], row: SourceRow) -> Iterator[str]:
    for name in _compared(old, new):
        if name not in left_out and equal_form(old.get(name)) != equal_form(new.get(name)):
            column = write.column(name)
            if row.cells and row.cells.get(column) in (None, ""):  # the amount of a credit is not in the debit column
                column = "amount" if name.endswith("AMOUNT") else name
            place = f"{row.position}: " if row.cells else ""
            yield f"{place}{column}: {_shown(name, new.get(name))} in the file, {_shown(name, old.get(name))} posted"


def _shown(name: str, value: Value) -> str:
    text = comparable(value)
    if name == "TR_TYPE":
        return {"1": "debit", "-1": "credit"}.get(text, text)
    if isinstance(value, Decimal) and name.endswith("AMOUNT"):
        return amount_shown(value)
    return text or "empty"


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
            lines[line_set.wrapper] = tuple(_line(line_set, dict(_element_values(line))) for line in child)
        else:
            fields |= {name: _value(writable.field(name), text) for name, text in _element_values(child, child.tag)}
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


def _element_values(node: Element, name: str = "") -> Iterator[tuple[str, str]]:
    """The values under an element by their dotted names."""
    if not node.children and name:
        yield name, node.text
    for child in node.children:
        yield from _element_values(child, f"{name}.{child.tag}" if name else child.tag)


def _value(field: FieldDef | None, text: str) -> Value:
    if field is None or not text:
        return text or None
    try:
        return parse_value(field.kind, text)
    except RecordError:
        return text
