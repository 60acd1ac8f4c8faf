"""The dimensions of the company and their relationships: `getDimensions`, `getDimensionRelationships` and others."""

from intacct_bridge.emulator.accounting.dimensions import ALL_NAMES, user_defined
from intacct_bridge.emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_bridge.wire.xml import Element, element


def get_dimensions(call: FunctionCall) -> FunctionAnswer:
    """Every dimension of the company, user-defined ones included."""
    rows = [_dimension(name, name.capitalize(), own=False) for name in ALL_NAMES]
    inactive = {f"GLDIM{name}" for name in call.company.settings.inactive_dimensions}
    rows += [
        _dimension(name, name.removeprefix("GLDIM").capitalize(), own=True, enabled=name not in inactive)
        for name in user_defined(call.company.catalog)
    ]
    return FunctionAnswer(element("data", Element("dimensions", "", tuple(rows))))


def _dimension(name: str, label: str, *, own: bool, enabled: bool = True) -> Element:
    parts = {
        "objectName": name,
        "objectLabel": label,
        "termLabel": label,
        "userDefinedDimension": str(own).lower(),
        "enabledInGL": str(enabled).lower(),
    }
    return _element("dimension", parts)


def get_dimension_relationships(call: FunctionCall) -> FunctionAnswer:
    """The dimensions that follow from each dimension: those that its own fields name."""
    found = []
    for name in ALL_NAMES:
        described = call.company.catalog[name]
        related = [one for one in ALL_NAMES if one != name and f"{one}ID" in described.fields]
        parts = [element("dimension", name), element("object_id", name.lower())]
        parts += [element("autofillrelated", "true" if related else "false"), element("enableoverride", "true")]
        parts += [
            _element("related", {"dimension": one, "object_id": one.lower(), "relationship_id": f"{name}_{one}",
                                 "source_side": name, "related_side": one})
            for one in related
        ]  # fmt: skip
        found.append(Element("relationship", "", tuple(parts)))
    return FunctionAnswer(Element("data", "", tuple(found)))


def get_dimension_details(_call: FunctionCall) -> FunctionAnswer:
    """Autofill rules and restrictions: the emulator's companies have none."""
    return FunctionAnswer(element("data"))


def _element(tag: str, parts: dict[str, str]) -> Element:
    return Element(tag, "", tuple(element(*part) for part in parts.items()))
