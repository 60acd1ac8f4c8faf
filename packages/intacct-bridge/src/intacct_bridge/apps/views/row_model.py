"""The Python source of a typed row of an object, printed by `intacct describe OBJECT --python`.

The class is a TypedDict, because rows are plain dicts. An editor then knows every field of the company's object, custom
fields included, without any cost at run time.
"""

import keyword
import re

from intacct_protocol.model.catalog import FieldDef, ObjectDef
from intacct_protocol.xml.values import Kind

_TYPES = {
    Kind.INTEGER: "int | Decimal",
    Kind.DECIMAL: "Decimal",
    Kind.CURRENCY: "Decimal",
    Kind.PERCENT: "Decimal",
    Kind.DATE: "date",
    Kind.TIMESTAMP: "datetime",
    Kind.BOOLEAN: "bool",
}


def row_model(described: ObjectDef) -> str:
    """A module with one class. Every key can be missing, because a query selects, and every value can be None."""
    name = _class_name(described.name)
    types = {_TYPES.get(field.kind, "str") for field in described.fields.values()}
    imports = []
    if "date" in types or "datetime" in types:
        imports.append(f"from datetime import {', '.join(sorted(types & {'date', 'datetime'}))}")
    if any("Decimal" in one for one in types):
        imports.append("from decimal import Decimal")
    literal = any(field.values for field in described.fields.values())
    imports.append(f"from typing import {'Literal, ' if literal else ''}TypedDict")
    label = described.label or described.name
    lines = [
        f'"""A row of {described.name} in this company."""',
        "",
        *imports,
        "",
        f"{name} = TypedDict(",
        f'    "{name}",',
        "    {",
        *(f"        {_field_entry(field)}" for field in described.fields.values()),
        "    },",
        "    total=False,",
        ")",
        f'"""{label}"""',
    ]
    return "\n".join(lines)


def _field_entry(field: FieldDef) -> str:
    kind = _TYPES.get(field.kind, "str")
    if field.values and kind == "str":
        kind = f"Literal[{', '.join(_quoted(value) for value in field.values)}]"
    notes = [field.label, "required" if field.required else "", "read-only" if field.readonly else ""]
    comment = ", ".join(" ".join(note.split()) for note in notes if note)
    return f"{_quoted(field.name)}: {kind} | None," + (f"  # {comment}" if comment else "")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _class_name(object_name: str) -> str:
    name = re.sub(r"\W", "_", object_name.title().replace("_", ""))
    return f"{name}_" if keyword.iskeyword(name) or not name[:1].isalpha() else name
