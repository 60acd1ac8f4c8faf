"""What the gateway's schema for 3.0 says about requests, written as an XML schema of our own.

The rules are restated from the reference: `control` and `login` are strict sequences; the parts of a generic function
come in any order, each at most once; `filter` holds exactly one operator, `and` and `or` two or more; bodies of
`create` and `update` are not looked into. Legacy functions have their order in the table of functions, and what is
inside their parts in the table of nested parts: of some the order is recorded, of others only the documentation's is
known, and those can be left alone.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from intacct_bridge.emulator.gateway.schema.notation import content_xsd

_ANY_ORDER = {
    "getAPISession": "locationid?",
    "lookup": "object docparid?",
    "read": "object keys fields? returnFormat? docparid?",
    "readByName": "object keys fields? returnFormat? docparid?",
    "readRelated": "object keys relation fields? returnFormat?",
    "readByQuery": "object query fields? pagesize:smallPage? returnFormat:returnFormat? docparid?",
    "query": (
        "object docparid? select:select filter:filter? orderby:orderby? options:options? pagesize:page? "
        "offset:xs:nonNegativeInteger?"
    ),
    "delete": "object keys",
}
"""Functions whose parts come in any order: name, type where it is not text, `?` for optional."""
_OPERATORS = (
    ("equalto notequalto lessthan lessthanorequalto greaterthan greaterthanorequalto like notlike", 1, 1),
    ("between", 2, 2),
    ("in notin", 1, 1000),
    ("isnull isnotnull", 0, 0),
)
_BOOLEAN_VALUES = ["true", "false"]


@cache
def functions() -> dict[str, list[Any]]:
    """Every function that the 3.0 schema knows: its content model, and its attributes where it has some."""
    text = (files("intacct_bridge.data") / "emulator_functions.json").read_text(encoding="utf-8")
    table: dict[str, list[Any]] = json.loads(text)
    return table


Parts = dict[str, str]
"""The models of what is inside a function, by the name of the part."""


def parts_of(name: str, *, documented: bool = True) -> Parts:
    """What is known of the inside of a function: where the order is recorded, and where it is only documented."""
    recorded, more = _parts().get(name, [{}, {}])
    return {**more, **recorded} if documented else recorded


@cache
def _parts() -> dict[str, list[Parts]]:
    text = (files("intacct_bridge.data") / "legacy_nested.json").read_text(encoding="utf-8")
    table: dict[str, list[Parts]] = json.loads(text)
    return table


@cache
def schema_text(*, documented: bool = True, large_pages: bool = False) -> str:
    """The whole schema as XSD; without `documented`, parts whose order is not recorded are not looked into."""
    types, elements = [], []
    for name, entry in functions().items():
        parts = parts_of(name, documented=documented)
        named = {part: f"{name}.{part}" for part in parts}
        types += [_part_type(named[part], model, named) for part, model in parts.items()]
        elements.append(_function(name, named, *entry))
    choice = f'<xs:group name="functions"><xs:choice>{"".join(elements)}</xs:choice></xs:group>'
    template = (files("intacct_bridge.data") / "emulator_envelope.xsd").read_text(encoding="utf-8")
    whole = template.replace("<!-- functions -->", f"{''.join(types)}{choice}")
    if large_pages:
        whole = whole.replace('type="smallPage"', 'type="xs:positiveInteger"')
    return whole.replace("<!-- conditions -->", _conditions())


def _part_type(name: str, model: str, types: Mapping[str, str]) -> str:
    attributes = '<xs:anyAttribute processContents="skip"/>'
    return f'<xs:complexType name="{name}">{content_xsd(model, types)}{attributes}</xs:complexType>'


def _function(name: str, types: Mapping[str, str], model: str, attributes: dict[str, Any] | None = None) -> str:
    declared = "".join(_attribute(one, *about) for one, about in (attributes or {}).items())
    if name in _ANY_ORDER:
        parts = "".join(_part(word) for word in _ANY_ORDER[name].split())
        content = f"<xs:all>{parts}</xs:all>"
    else:
        content = content_xsd(model, types)
    if content.startswith(("<xs:element", "<xs:any")):
        content = f"<xs:sequence>{content}</xs:sequence>"
    return f'<xs:element name="{name}"><xs:complexType>{content}{declared}</xs:complexType></xs:element>'


def _part(word: str) -> str:
    least = ' minOccurs="0"' if word.endswith("?") else ""
    name, _, kind = word.rstrip("?").partition(":")
    return f'<xs:element name="{name}" type="{kind or "xs:string"}"{least}/>'


def _attribute(name: str, required: bool, values: list[str]) -> str:  # noqa: FBT001
    use = ' use="required"' if required else ""
    if not values:
        return f'<xs:attribute name="{name}" type="xs:string"{use}/>'
    if values == _BOOLEAN_VALUES:
        return f'<xs:attribute name="{name}" type="xs:boolean"{use}/>'
    listed = "".join(f'<xs:enumeration value="{value}"/>' for value in values)
    restricted = f'<xs:simpleType><xs:restriction base="xs:string">{listed}</xs:restriction></xs:simpleType>'
    return f'<xs:attribute name="{name}"{use}>{restricted}</xs:attribute>'


def _conditions() -> str:
    operators = []
    for names, least, most in _OPERATORS:
        value = f'<xs:element name="value" type="xs:string" minOccurs="{least}" maxOccurs="{most}"/>' if most else ""
        parts = f'<xs:sequence><xs:element name="field" type="xs:string"/>{value}</xs:sequence>'
        for name in names.split():
            operators.append(f'<xs:element name="{name}"><xs:complexType>{parts}</xs:complexType></xs:element>')
    joins = "".join(f'<xs:element name="{name}" type="conditions"/>' for name in ("and", "or"))
    return f'<xs:group name="condition"><xs:choice>{joins}{"".join(operators)}</xs:choice></xs:group>'
