"""Which function writes a record: the generic one, or the object's own where the gateway needs that.

A write as the function element that asks for it, and a result as the receipt it stands for.

Generic functions take one record under its object's name, its fields in any order, owned lines in their wrapper.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from intacct_bridge.errors import InvalidRequestError
from intacct_bridge.flow.company.attachments import supdoc, supdoc_id, together
from intacct_bridge.flow.company.find_by_key import trace_text
from intacct_bridge.flow.company.gateway import Gateway
from intacct_bridge.flow.company.legacy import speaking
from intacct_bridge.flow.records.lookup_keys import EXTERNALID
from intacct_bridge.flow.records.write import Receipt, Write, WriteOperation
from intacct_bridge.model.keys import RECORDNO, creator
from intacct_bridge.model.legacy.functions import WritePlan, write_element
from intacct_bridge.model.legacy.objects import UNDESCRIBED, older, plan_of
from intacct_bridge.model.line_parts import unnumbered
from intacct_bridge.wire.envelope import Result
from intacct_bridge.wire.values import Kind, Value, render_value
from intacct_bridge.wire.xml import Element, element


def body_of(write: Write) -> Element:
    """The function element of one write."""
    if write.operation is WriteOperation.DELETE:
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


_GENERIC = "create"
_RATE_TYPE = "EXCH_RATE_TYPE_ID"


class Functions:
    """Makes function elements for one company."""

    def __init__(self, company: Gateway) -> None:
        self._company = speaking(company)
        self._old = company.connection.is_legacy
        self._custom: dict[str, frozenset[str]] = {}

    def element(self, write: Write) -> Element:
        """The function of one write. InvalidRequestError where none can say it, naming the field in the way.

        A record with files is several functions, to be applied together.
        """
        if not write.attachments:
            return self._alone(write)
        if write.operation is not WriteOperation.CREATE:
            raise InvalidRequestError("files go with new records", fix="leave the files out, or add them in Intacct")
        made = self._alone(replace(write, fields={**write.fields, "SUPDOCID": supdoc_id(write)}))
        return together(supdoc(write, write.folder), made)

    def particular(self, write: Write) -> bool:
        """Whether the function may have no place for what the record says; the generic ones take any field."""
        usual = creator(write.object) == _GENERIC and not self._old and EXTERNALID not in write.fields
        changes = write.operation is not WriteOperation.CREATE and not self._is_older(write)
        return bool(write.attachments) or not (usual or changes)

    def _alone(self, write: Write) -> Element:
        if write.operation is not WriteOperation.CREATE:
            return self._older_change(write) if self._is_older(write) else body_of(write)
        plan = self._plan(write)
        if plan is None:
            return body_of(write)
        fields: dict[str, Value] = {name: value for name, value in write.fields.items() if value is not None}
        fields |= _rate(fields, plan)
        lines = {
            wrapper: [{name: value for name, value in line.fields.items() if value is not None} for line in members]
            for wrapper, members in write.lines.items()
        }
        return write_element(plan, write.operation.value, fields, lines=lines, custom=self._customs(write))

    def _is_older(self, write: Write) -> bool:
        return self._old or write.object in UNDESCRIBED

    def _older_change(self, write: Write) -> Element:
        """An update or a delete by the object's own function, which names the record by its key."""
        one, operation = older(write.object), write.operation.value
        if operation not in one.plan.functions:
            raise InvalidRequestError(
                f"document type 2.1 has no function to {operation} {write.object}",
                fix="use a connection with dtd_version 3.0" if self._old else "change it in Intacct",
            )
        key, attribute = trace_text(write.fields.get(RECORDNO)), one.attribute(operation)
        taken = one.taken(operation)
        fields = {name: value for name, value in write.fields.items() if name != RECORDNO}
        fields = {name: value for name, value in fields.items() if name != one.key or name in taken}
        if not attribute:
            fields[one.key] = key
        fields |= _rate(fields, one.plan)
        lines = {wrapper: [dict(line.fields) for line in members] for wrapper, members in write.lines.items()}
        attributes = {attribute: key} if attribute else {}
        custom = self._customs(write)
        return write_element(one.plan, operation, fields, lines=lines, custom=custom, attributes=attributes)

    def _plan(self, write: Write) -> WritePlan | None:
        """The object's own function; None where the generic one is right."""
        by = creator(write.object)
        if not by:
            raise InvalidRequestError(f"nothing in the gateway makes {write.object}", fix="make it in Intacct")
        if by == _GENERIC and not self._old and EXTERNALID not in write.fields:
            return None
        plan = plan_of(write.object)
        if by == _GENERIC and not self._old:
            return plan if plan is not None and EXTERNALID in plan.fields else None
        if plan is None or write.operation.value not in plan.functions:
            raise InvalidRequestError(f"{write.object} is made by {by}, which is not supported here")
        return plan

    def _customs(self, write: Write) -> frozenset[str]:
        found: set[str] = set()
        if self._old:  # what is not described got here as a custom field
            found |= write.fields.keys() - older(write.object).described.fields.keys()
        for name in (write.object, *{line.object for line in write.all_lines}):
            if name not in self._custom:
                self._custom[name] = frozenset(self._customs_of(name))
            found |= self._custom[name]
        return frozenset(found)

    def _customs_of(self, name: str) -> Iterator[str]:
        try:
            described = self._company.describe(name)
        except InvalidRequestError:  # some lines, as those of attachments, are described nowhere
            return
        yield from (one.name for one in described.fields.values() if one.custom)


def _rate(fields: Mapping[str, Value], plan: WritePlan) -> dict[str, Value]:
    """The older functions want a rate beside a currency; an empty rate type is the company's daily rate."""
    said = "EXCHANGE_RATE" in fields or _RATE_TYPE in fields
    wants = _RATE_TYPE in plan.fields and any(name in fields for name in ("CURRENCY", "EXCH_RATE_DATE"))
    return {_RATE_TYPE: None} if wants and not said else {}
