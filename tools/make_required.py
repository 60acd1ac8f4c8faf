"""Make the table of the required fields of `create`: `make_required.py operations.json catalog.json out.json`.

The first input is a list of documented operations, `{"function", "object", "params": [[table, name, required, type]]}`;
the second the emulator's catalogue. The output gives, for each object that has a documented `create`, the fields that
its page calls required; a dotted name is inside a group that is required only when the group is sent.
"""

import json
import sys
from pathlib import Path
from typing import Any

EITHER_OR = {("APPYMTDETAIL", "POSADJKEY")}
"""Listed as required, although the page says one of several."""
GROUPS = ("DISPLAYCONTACT", "PERSONALINFO", "CONTACTINFO")
LACKING = {
    "CLASS": ["CLASSID", "NAME"],
    "DEPARTMENT": ["DEPARTMENTID", "TITLE"],
    "CUSTOMER": ["NAME", "DISPLAYCONTACT"],
}


def required(operations: list[dict[str, Any]], known: set[str]) -> dict[str, list[str]]:
    """Object to required fields, in the order of the page."""
    made: dict[str, list[str]] = {name: list(fields) for name, fields in LACKING.items()}
    alone = {operation["object"] for operation in operations if operation["function"] == "create"} | {"TAXGROUP"}
    for operation in operations:
        if operation["function"] != "create":
            continue
        for table, name, is_required, _ in operation["params"]:
            owner, field = table.strip("`").split(".")[-1], name.strip("`")
            if not is_required or (owner, field) in EITHER_OR:
                continue
            if owner in GROUPS:
                owner, field = operation["object"], f"{owner}.{field}"
            elif owner in alone and owner != operation["object"]:
                continue  # a reference to another object, which has a page of its own
            if owner in known and field not in made.setdefault(owner, []):
                made[owner].append(field)
    return {name: fields for name, fields in sorted(made.items()) if fields}


def main(operations: str, catalogue: str, target: str) -> None:
    """Read, convert, write: one object a line."""
    known = set(json.loads(Path(catalogue).read_text()))
    made = required(json.loads(Path(operations).read_text()), known)
    lines = [f"{json.dumps(name)}: {json.dumps(fields)}" for name, fields in made.items()]
    Path(target).write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(*sys.argv[1:4])
