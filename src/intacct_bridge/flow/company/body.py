"""A write as the function element that asks for it, and a result as the receipt it stands for.

Generic functions take one record under its object's name, its fields in any order, owned lines in their wrapper.
"""

from collections.abc import Mapping

from intacct_bridge.flow.records.write import Operation, Receipt, Write
from intacct_bridge.model.line_parts import unnumbered
from intacct_bridge.wire.envelope import Result
from intacct_bridge.wire.values import Kind, Value, render_value
from intacct_bridge.wire.xml import Element, element


def body_of(write: Write) -> Element:
    """The function element of one write."""
    if write.operation is Operation.DELETE:
        key = next(iter(write.fields.values()), None)
        return element("delete", element("object", write.object), element("keys", _text(key)))
    owned = tuple(
        Element(wrapper, children=tuple(Element(line.object, children=_fields(line.fields)) for line in lines))
        for wrapper, lines in write.lines.items()
    )
    record = Element(write.object, children=(*_fields(write.fields), *owned))
    return element(write.operation.value, record)


def receipt_of(result: Result) -> Receipt:
    """The company's keys in a successful result: RECORDNO and the natural key, or a legacy function's key."""
    if result.key is not None:
        return Receipt(result.key, result.key)
    record = result.data.children[0] if result.data is not None and result.data.children else None
    if record is None:
        return Receipt()
    keys = {field.tag.upper(): field.text for field in record}
    number = keys.pop("RECORDNO", "") or keys.get("ID", "")  # custom objects and dimensions have an id
    return Receipt(number, next((text for text in keys.values() if text), ""))


def _fields(fields: Mapping[str, Value]) -> tuple[Element, ...]:
    """Fields as elements; a dotted name nests, as the gateway wants it in a write, and a numbered one repeats."""
    children: list[Element] = []
    nested: dict[str, dict[str, Value]] = {}
    for name, value in fields.items():
        path, dot, rest = name.partition(".")
        if dot:
            nested.setdefault(path, {})[rest] = value
        else:
            children.append(Element(name, _text(value)))
    return (*children, *(Element(unnumbered(path), children=_fields(inner)) for path, inner in nested.items()))


def _text(value: Value) -> str:
    return value if type(value) is str else render_value(Kind.TEXT, value)
