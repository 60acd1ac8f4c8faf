"""The rules of the gateway's schema for 3.0 for requests, as an XML schema of our own.

The rules are restated from the reference: `control` and `login` are strict sequences; the parts of a generic function
come in any order, each at most once; `filter` holds exactly one operator, `and` and `or` two or more; bodies of
`create` and `update` are not checked. The order of the object-specific functions is in the table of functions.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from intacct_emulator.server.schema.functions import functions, parts_of
from intacct_protocol.model.legacy.content_model import ModelPart, parse_model
from intacct_protocol.model.legacy.grammar import Attribute, FunctionDef

ANY_ORDER = {
    "getAPISession": "locationid?",
    "lookup": "object docparid?",
    "read": "object keys fields? returnFormat? docparid?",
    "readByName": "object keys fields? returnFormat? docparid?",
    "readRelated": "object keys relation fields? returnFormat?",
    "readByQuery": "object query fields? pagesize:smallPage? returnFormat:returnFormat? docparid?",
    "consolidate": (
        "bookid offline? updatesucceedingperiods? changesonly? email? reportingperiodname entities:anything?"
    ),
    "readView": "view pagesize? returnFormat? filters:anything?",
    "query": (
        "object docparid? select:select filter:filter? orderby:orderby? options:options? pagesize:page? "
        "offset:xs:nonNegativeInteger?"
    ),
    "delete": "object keys",
    "readReport": (
        "report pagesize? returnFormat? arguments:anything? waitTime? listSeparator? reportId? showStatusOnly?"
    ),
}
"""Functions whose parts come in any order: name, type if it is not text, `?` for optional."""
_OPERATORS = (
    ("equalto notequalto lessthan lessthanorequalto greaterthan greaterthanorequalto like notlike", 1, 1),
    ("between", 2, 2),
    ("in notin", 1, 1000),
    ("isnull isnotnull", 0, 0),
)
_BOOLEAN_VALUES = ("true", "false")
_ANY = '<xs:any processContents="skip" {0}/>'
Types = Mapping[str, str]
"""The types of children, by name."""


@cache
def schema_text(*, documented: bool = True, large_pages: bool = False) -> str:
    """The whole schema as XSD; without `documented`, parts whose order is not recorded are not checked."""
    types, elements = [], []
    for name, function in functions().items():
        parts = parts_of(name, documented=documented)
        named = {part: f"{name}.{part}" for part in parts}
        types += [_part_type(named[part], model, named) for part, model in parts.items()]
        elements.append(_function(function, named))
    choice = f'<xs:group name="functions"><xs:choice>{"".join(elements)}</xs:choice></xs:group>'
    template = (files("intacct_emulator.data") / "emulator_envelope.xsd").read_text(encoding="utf-8")
    whole = template.replace("<!-- functions -->", f"{''.join(types)}{choice}")
    if large_pages:
        whole = whole.replace('type="smallPage"', 'type="xs:positiveInteger"')
    return whole.replace("<!-- conditions -->", _conditions())


def _part_type(name: str, model: str, types: Types) -> str:
    attributes = '<xs:anyAttribute processContents="skip"/>'
    return f'<xs:complexType name="{name}">{content_xsd(model, types)}{attributes}</xs:complexType>'


def content_xsd(model: str, types: Types) -> str:
    """The model as one XSD particle, empty for an empty model. A child without a type of its own may hold anything."""
    group = parse_model(model)
    return _choice(group, types) if group != ModelPart(options=((),)) else ""


def _choice(group: ModelPart, types: Types) -> str:
    options = [
        f"<xs:sequence>{''.join(_particle(part, types) for part in option)}</xs:sequence>" for option in group.options
    ]
    return options[0] if len(options) == 1 else f"<xs:choice>{''.join(options)}</xs:choice>"


def _particle(part: ModelPart, types: Types) -> str:
    least = ' minOccurs="0"' if part.optional else ""
    most = ' maxOccurs="unbounded"' if part.repeated else ""
    if part.options:
        return f"<xs:sequence{least}{most}>{_choice(part, types)}</xs:sequence>"
    if part.name == "ANY":
        return _ANY.format(f"{least}{most}")
    return f'<xs:element name="{part.name}" type="{types.get(part.name, "anything")}"{least}{most}/>'


def _function(function: FunctionDef, types: Types) -> str:
    declared = "".join(map(_attribute, function.attributes))
    if function.name in ANY_ORDER:
        parts = "".join(_part(word) for word in ANY_ORDER[function.name].split())
        content = f"<xs:all>{parts}</xs:all>"
    else:
        content = content_xsd(function.text, types)
    return f'<xs:element name="{function.name}"><xs:complexType>{content}{declared}</xs:complexType></xs:element>'


def _part(word: str) -> str:
    least = ' minOccurs="0"' if word.endswith("?") else ""
    name, _, kind = word.rstrip("?").partition(":")
    return f'<xs:element name="{name}" type="{kind or "xs:string"}"{least}/>'


def _attribute(attribute: Attribute) -> str:
    use = ' use="required"' if attribute.required else ""
    if not attribute.values:
        return f'<xs:attribute name="{attribute.name}" type="xs:string"{use}/>'
    if attribute.values == _BOOLEAN_VALUES:
        return f'<xs:attribute name="{attribute.name}" type="xs:boolean"{use}/>'
    listed = "".join(f'<xs:enumeration value="{value}"/>' for value in attribute.values)
    restricted = f'<xs:simpleType><xs:restriction base="xs:string">{listed}</xs:restriction></xs:simpleType>'
    return f'<xs:attribute name="{attribute.name}"{use}>{restricted}</xs:attribute>'


def _conditions() -> str:
    operators = []
    for names, least, most in _OPERATORS:
        value = f'<xs:element name="value" type="xs:string" minOccurs="{least}" maxOccurs="{most}"/>' if most else ""
        parts = f'<xs:sequence><xs:element name="field" type="xs:string"/>{value}</xs:sequence>'
        for name in names.split():
            operators.append(f'<xs:element name="{name}"><xs:complexType>{parts}</xs:complexType></xs:element>')
    joins = "".join(f'<xs:element name="{name}" type="conditions"/>' for name in ("and", "or"))
    return f'<xs:group name="condition"><xs:choice>{joins}{"".join(operators)}</xs:choice></xs:group>'
