"""The parts of a record that have no object of their own: `{object: {part: [element inside]}}`.

They come from the documented `create` and `update` of the object. A part whose fields are those of the object, such as
DISPLAYCONTACT, is a group and not here, and neither are lines, which have an object. Cards are never kept.
"""

from collections.abc import Container, Mapping
from typing import Any

from recorded_facts import Operation, Parameter, operations

_NOT_KEPT = ("customfields", "ONLINECARDPAYMENT")


def owned_parts(catalogue: Mapping[str, Any], wrappers: Container[tuple[str, str]]) -> dict[str, dict[str, list[str]]]:
    """Object to parts, in the order of the documentation. `wrappers` are the objects with the wrappers of lines."""
    found: dict[str, dict[str, list[str]]] = {}
    for operation in operations():
        name = operation.object
        if operation.function not in ("create", "update") or name not in catalogue:
            continue
        fields = [one[0] for one in catalogue[name][0]]
        for row in operation.tables.get(name, ()):
            group = any(field == row.name or field.startswith(f"{row.name}.") for field in fields)
            inside = _inside(operation, row)
            if inside and not group and row.name not in _NOT_KEPT and (name, row.name) not in wrappers:
                found.setdefault(name, {}).setdefault(row.name, inside)
    return dict(sorted(found.items()))


def _inside(operation: Operation, row: Parameter) -> list[str]:
    """The elements inside a part: those of its list, or its own fields if it is a single element."""
    if row.holds:
        return list(row.holds)
    single = row.kind in ("object", "array", "varies") and row.name in operation.tables
    return [one.name for one in operation.tables[row.name]] if single else []
