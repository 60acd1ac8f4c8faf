"""A record as it was sent, read by its object's description: values as the store holds them, and its lines.

An element is a field, a group whose children are fields with dotted names, or the wrapper of lines, by its name. An
unknown element is ignored, as in the gateway. An empty element clears its field.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import ROUND_05UP, Decimal

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.records.required import documented_fields
from intacct_emulator.settings.cells import Row, is_too_large, sent_value, text_of
from intacct_emulator.settings.refusals import illegal, illegal_number, refused
from intacct_protocol.errors import RecordError
from intacct_protocol.model.catalog import FieldDef, ObjectDef
from intacct_protocol.model.keys import Owner, record_key
from intacct_protocol.xml.values import NUMBERS, SCALE, Kind
from intacct_protocol.xml.xml import Element

MULTI_PICK = "#~#"
_NUMBER_OR_NAME = ("EXCH_RATE_TYPE_ID",)
"""Fields that descriptions call an integer and pages a text: a write may name the record."""
_SMALLEST = Decimal(1).scaleb(-SCALE)
_LONG_NUMBER = re.compile(rf"[+-]?\d{{0,24}}\.\d{{{SCALE + 1},40}}")
"""A number with more digits than a field holds, such as a sum of binary floating-point numbers.

It is cut in the way of ROUND_05UP, after which a rounding to fewer digits gives what it would have given before.
"""


CUSTOM_FIELDS = "customfields"
"""The element with custom fields by name, as legacy functions and some generic ones have it."""


@dataclass(frozen=True, slots=True)
class Draft:
    """One record to write."""

    described: ObjectDef
    values: Row
    """By field, a text in the store's formatting; an empty text clears the field."""
    lines: dict[str, list["Draft"]] = field(default_factory=dict)
    """By line object, its lines, for each wrapper that was sent."""
    groups: frozenset[str] = frozenset()
    """The groups that were sent, such as DISPLAYCONTACT."""
    extra: dict[str, str] = field(default_factory=dict)
    """Strings whose names are not fields, such as ACTION."""
    readonly: dict[str, str] = field(default_factory=dict)
    """Fields that only the gateway writes, as they were sent."""
    nodes: dict[str, list[Element]] = field(default_factory=dict)
    """Elements with children that are neither fields nor lines, such as TAXENTRIES."""

    def get(self, name: str) -> str:
        """A value, or an empty text."""
        return self.values.get(name, "")


def read_draft(call: FunctionCall, described: ObjectDef, record: Element) -> Draft:
    """Read one record. Raises FunctionRefusedError for a value that its field cannot hold."""
    owned = {
        definition.wrapper: definition for definition in call.company.line_sets(described.name) if definition.wrapper
    }
    values: Row = {}
    owned_lines: dict[str, list[Draft]] = {}
    groups: set[str] = set()
    extra: dict[str, str] = {}
    nodes: dict[str, list[Element]] = {}
    writable = {"RECORDNO", "AMOUNT", "id", record_key(described.name), *documented_fields(described.name)}
    readonly: dict[str, str] = {}
    for child in record.children:
        wrapper = owned.get(child.tag.upper())
        if wrapper is not None:
            owned_lines[wrapper.line] = _lines(call, wrapper, child)
            continue
        if child.tag == CUSTOM_FIELDS and described.get(CUSTOM_FIELDS) is None:
            values |= custom_fields(call, described, child)
            continue
        is_field = False
        for name, text in _leaves(child, ""):
            definition = described.get(name)
            if definition is None:
                continue
            is_field = True
            if not definition.readonly or definition.name in writable:
                values[definition.name] = stored_text(call, definition, text)
            else:
                readonly[definition.name] = text.strip()
        if child.children:
            groups.add(child.tag.upper())
            if not is_field:
                nodes.setdefault(child.tag.upper(), []).append(child)
        elif not is_field:
            extra[child.tag.upper()] = child.text
    return Draft(described, values, owned_lines, frozenset(groups), extra, readonly, nodes)


def _lines(call: FunctionCall, owned: Owner, wrapper: Element) -> list[Draft]:
    described = call.company.find(owned.line)
    return [read_draft(call, described, child) for child in wrapper.children if child.tag.upper() == owned.line]


def custom_fields(call: FunctionCall, described: ObjectDef, wrapper: Element) -> Row:
    """`customfields` by name. Raises FunctionRefusedError for an unknown one."""
    row: Row = {}
    for custom_field in wrapper.children:
        name = custom_field.findtext("customfieldname").strip()
        definition = described.get(name)
        if definition is None:
            raise refused(
                f"Custom field '{name}' is not a field of {described.name}.", correction="Name one of its fields."
            )
        row[definition.name] = stored_text(call, definition, custom_field.findtext("customfieldvalue"))
    return row


def _leaves(node: Element, prefix: str) -> Iterator[tuple[str, str]]:
    name = f"{prefix}{node.tag}"
    if not node.children:
        yield name, node.text
        return
    for child in node.children:
        yield from _leaves(child, f"{name}.")


def stored_text(call: FunctionCall, definition: FieldDef, text: str) -> str:
    """A sent text as the store holds it: one date format, plain decimals, enumerations spelled as described."""
    if not text.strip():
        return ""
    if definition.values:
        return _listed(definition, text.strip())
    if definition.kind in (Kind.TEXT, Kind.ENUM, Kind.SEQUENCE) or definition.name in _NUMBER_OR_NAME:
        return text
    if definition.kind in NUMBERS and _LONG_NUMBER.fullmatch(text.strip()):
        text = str(Decimal(text.strip()).quantize(_SMALLEST, ROUND_05UP))
    try:
        value = sent_value(definition.kind, text, call.session.user.formatting)
    except RecordError:
        refusal = illegal_number if definition.kind in NUMBERS else illegal
        raise refusal(definition.label or definition.name, text, field=definition.name) from None
    if isinstance(value, Decimal) and is_too_large(value):
        raise illegal_number(definition.label or definition.name, text, field=definition.name)
    return text_of(value)


def _listed(definition: FieldDef, text: str) -> str:
    by_case = {value.lower(): value for value in definition.values}
    if definition.kind is Kind.BOOLEAN or {"true", "false"} == set(by_case):
        text = {"t": "true", "f": "false"}.get(text.lower(), text)
    picked = [by_case.get(part.lower()) for part in text.split(MULTI_PICK)]
    if None in picked:
        raise refused(
            f"Invalid value '{text}' for field {definition.name}. "
            f"Valid values are: {', '.join(filter(None, definition.values))}.",
            errorno="BL03000018",
            field=definition.name,
        )
    return MULTI_PICK.join(part for part in picked if part is not None)
