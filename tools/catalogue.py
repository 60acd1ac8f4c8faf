"""The emulator's catalogue of objects, from `facts/objects.txt` and `facts/objects_added.txt`.

The recorded company had no dimensions on the lines of construction and time. A line whose `create` or `update` is
documented to take a dimension has its three fields. Lines that post to the ledger have those of the recorded company.

One object a line, so that a change shows in a diff: `[fields, relations]`. A field is `[name, type letter, flags,
label, values]` with trailing empties left out. A relation is `[path, object, field]`, with the type only where it is
not many-to-one.
"""

from typing import Any

from recorded_facts import Field, RecordedObject, objects, operations

_DIMENSIONS = (
    *("PROJECT", "TASK", "COSTTYPE", "CUSTOMER", "VENDOR", "EMPLOYEE", "ITEM", "CLASS"),
    *("CONTRACT", "WAREHOUSE"),
)


def catalogue() -> dict[str, Any]:
    """All objects, by name."""
    found = objects("objects.txt")
    for name, added in objects("objects_added.txt").items():
        if name not in found:
            found[name] = added
            continue
        known = {one.name for one in found[name].fields}
        found[name].fields += [one for one in added.fields if one.name not in known]
    _add_documented_dimensions(found)
    return {name: [[_compact(one) for one in entry.fields], entry.relations] for name, entry in sorted(found.items())}


def _add_documented_dimensions(found: dict[str, RecordedObject]) -> None:
    for operation in operations():
        for table, rows in operation.tables.items():
            if operation.function not in ("create", "update") or table not in found:
                continue
            known = {one.name for one in found[table].fields}
            if "CUSTOMERDIMKEY" in known and "CLASSDIMKEY" in known:
                continue
            taken = {row.name for row in rows} - known
            for name in (one for one in _DIMENSIONS if f"{one}ID" in taken):
                label = name.capitalize()
                cells = ((f"{name}DIMKEY", "i", "key"), (f"{name}ID", "t", "ID"), (f"{name}NAME", "t", "name"))
                found[table].fields += [
                    Field(cell, code, f"{label} {word}") for cell, code, word in cells if cell not in known
                ]


def _compact(one: Field) -> list[Any]:
    parts: list[Any] = [one.name, one.code[0], one.code[1:], one.label, list(one.values)]
    while not parts[-1]:
        parts.pop()
    return parts
