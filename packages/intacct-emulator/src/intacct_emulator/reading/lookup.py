"""`lookup` and `inspect`: descriptions of objects. They check no rights, so a success proves none."""

from dataclasses import replace

from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.settings.refusals import FunctionRefusedError
from intacct_emulator.store.catalogue import UNLISTED
from intacct_protocol.errors import Fault, InvalidRequestError
from intacct_protocol.model.catalog import ObjectDef, inspect_element, lookup_element, type_element
from intacct_protocol.xml.xml import Element, element

_ALL = {"listtype": "All", "count": "1"}


def lookup(call: FunctionCall) -> FunctionAnswer:
    """One object's fields and relations."""
    name = call.body.findtext("object").strip()
    described = _shown(call, call.company.find(name, call.body.findtext("docparid")))
    return FunctionAnswer(Element("data", "", (lookup_element(described),), _ALL))


def inspect(call: FunctionCall) -> FunctionAnswer:
    """One object's fields, with or without detail, or the names of all objects."""
    name = (call.body.findtext("object") or call.body.findtext("name")).strip()
    if name == "*":
        types = tuple(
            type_element(one.name, one.label) for one in call.company.catalog.values() if one.name not in UNLISTED
        )
        return FunctionAnswer(Element("data", "", types, _ALL))
    try:
        described = _shown(call, call.company.catalog.find(name))
    except InvalidRequestError:
        raise FunctionRefusedError(Fault(f"Object type {name} not found")) from None
    detailed = call.body.get("detail").strip() in ("1", "true")
    return FunctionAnswer(Element("data", "", (inspect_element(described) if detailed else _names(described),), _ALL))


def _shown(call: FunctionCall, described: ObjectDef) -> ObjectDef:
    """The description without the fields that the settings hide."""
    if call.company.behaviour.hash_fields != "hidden":
        return described
    return replace(described, fields={name: one for name, one in described.fields.items() if "#" not in name})


def _names(described: ObjectDef) -> Element:
    fields = Element("Fields", "", tuple(element("Field", name) for name in described.fields))
    return element("Type", fields, Name=described.name)
