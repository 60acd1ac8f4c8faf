"""The dimensions of the company and their relationships: `getDimensions`, `getDimensionRelationships` and others."""

from collections.abc import Mapping

from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.ledger.dimensions import ALL_NAMES, USER_DEFINED, user_defined
from intacct_protocol.model.catalog import Catalog
from intacct_protocol.xml.xml import Element, element

_FIRST_ID = 5001
"""The first id of the standard dimensions; user-defined ones have those of custom objects. Both are our choice."""
_FIRST_OWN_ID = 10001


def get_dimensions(call: FunctionCall) -> FunctionAnswer:
    """Every dimension of the company, user-defined ones included, by the name of its object."""
    rows = [_dimension(name, name.capitalize(), user_defined=False) for name in ALL_NAMES]
    inactive = call.company.settings.inactive_dimensions
    for name in _user_objects(call.company.catalog):
        label = call.company.catalog[name].label if name in call.company.catalog else name.capitalize()
        rows.append(_dimension(name, label, user_defined=True, enabled=name not in inactive))
    return FunctionAnswer(element("data", Element("dimensions", "", tuple(rows))))


def _user_objects(catalog: Catalog) -> list[str]:
    """The objects of the user-defined dimensions."""
    objects = {one.by: one.object for one in catalog["GLENTRY"].relations.values()}
    return [objects.get(field, field.removeprefix(USER_DEFINED)) for field in user_defined(catalog)]


def _dimension(name: str, label: str, *, user_defined: bool, enabled: bool = True) -> Element:
    parts = {
        "objectName": name,
        "objectLabel": label,
        "termLabel": label,
        "userDefinedDimension": str(user_defined).lower(),
        "enabledInGL": str(enabled).lower(),
    }
    return _element("dimension", parts)


def get_dimension_relationships(call: FunctionCall) -> FunctionAnswer:
    """The relationships of each dimension: many of one to one of the other if a field of it names the other."""
    catalog = call.company.catalog
    user_objects = [name for name in _user_objects(catalog) if name in catalog]
    ids = {name: str(_FIRST_ID + place) for place, name in enumerate(ALL_NAMES)}
    ids |= {name: str(_FIRST_OWN_ID + place) for place, name in enumerate(user_objects)}
    pairs = [(name, other) for name in ids for other in ids if other != name and _names(catalog, name, other)]
    relationships = []
    for name, object_id in ids.items():
        related = [
            _related(other, ids, pairs.index((name, other)), "Many", "One") for one, other in pairs if one == name
        ] + [_related(one, ids, pairs.index((one, name)), "One", "Many") for one, other in pairs if other == name]
        fills = str(any(one == name for one, _ in pairs)).lower()
        head = {"dimension": name, "object_id": object_id, "autofillrelated": fills, "enableoverride": "true"}
        relationships.append(Element("relationship", "", (*_element("relationship", head).children, *related)))
    return FunctionAnswer(Element("data", "", tuple(relationships)))


def _names(catalog: Catalog, name: str, other: str) -> bool:
    """Whether a record of one dimension names a record of the other."""
    described = catalog[name]
    return f"{other}ID" in described.fields or any(one.object == other for one in described.relations.values())


def _related(name: str, ids: Mapping[str, str], place: int, source: str, target: str) -> Element:
    parts = {"dimension": name, "object_id": ids[name], "relationship_id": str(_FIRST_OWN_ID + 100 + place)}
    return _element("related", {**parts, "source_side": source, "related_side": target})


def get_dimension_details(_call: FunctionCall) -> FunctionAnswer:
    """Autofill rules and restrictions: the emulator's companies have none."""
    return FunctionAnswer(element("data"))


def _element(tag: str, parts: dict[str, str]) -> Element:
    return Element(tag, "", tuple(element(*part) for part in parts.items()))
