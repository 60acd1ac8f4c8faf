"""The emulator's catalogue of objects, from `facts/objects.txt` and `facts/objects_added.txt`.

One object a line, so that a change shows in a diff: `[fields, relations]`. A field is `[name, type letter, flags,
label, values]` with trailing empties left out. A relation is `[path, object, field]`, with the type only where it is
not many-to-one.
"""

from typing import Any

from recorded_facts import Field, objects


def catalogue() -> dict[str, Any]:
    """All objects, by name."""
    found = objects("objects.txt")
    for name, added in objects("objects_added.txt").items():
        if name not in found:
            found[name] = added
            continue
        known = {one.name for one in found[name].fields}
        found[name].fields += [one for one in added.fields if one.name not in known]
    return {name: [[_compact(one) for one in entry.fields], entry.relations] for name, entry in sorted(found.items())}


def _compact(one: Field) -> list[Any]:
    parts: list[Any] = [one.name, one.code[0], one.code[1:], one.label, list(one.values)]
    while not parts[-1]:
        parts.pop()
    return parts
