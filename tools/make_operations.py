"""Make the list of documented operations that the trial goes through: `make_operations.py operations.json out.tsv`.

The input is a list of documented operations, `{"area", "title", "function", "object", "params": [[table, name,
required, type]]}`. The output has one line an operation: area, name, function, object, a field that the operation is
documented to take (what an update changes, what `readByQuery` asks by), and two columns that the trial itself fills:
the tier and the precondition. What an existing output has in those is kept.
"""

import csv
import json
import sys
from pathlib import Path
from typing import Any

COLUMNS = ("area", "name", "function", "object", "field", "tier", "needs")
SLIPS = {"Read": "read", "ReadByQuery": "readByQuery"}
"""Functions that a page spells differently from the gateway's schema."""
OBJECTS = {"Update AP Payment": "APPYMT", "Update Project Contract": "PROJECTCONTRACT"}
OBJECTS["Query and List Contract Invoice Preview Lines (Legacy)"] = "GENINVOICEPREVIEWLINE"
PREFERRED = ("DESCRIPTION", "MEMO", "NAME", "NOTES", "COMMENTS", "STATUS")
NOT_TEXT = ("ID", "KEY", "NO", "NAME", "NUM", "NUMBER", "DATE", "METHOD", "TYPE", "METHOD", "STATE", "STATUS", "CURR")


def field(operation: dict[str, Any]) -> str:
    """The plainest field of the object itself that the page lists."""
    if operation["function"] not in ("update", "readByQuery"):
        return ""
    itself = operation["object"]
    here = ("", operation["object"]) if operation["function"] == "update" else ("",)
    own = [
        name.strip("`")
        for table, name, _, kind in operation["params"]
        if table.strip("`") in here and str(kind).lower() in ("string", "text") and name.isupper() and name != itself
    ]
    named = [name for name in PREFERRED if name in own]
    return (named + [name for name in own if not name.endswith(NOT_TEXT)] + [""])[0]


def line(operation: dict[str, Any]) -> dict[str, str]:
    """One operation's columns."""
    function = SLIPS.get(operation["function"], operation["function"])
    name = (operation["title"] or f"{function} {operation['object'] or ''}").replace("\\_", "_").strip()
    object_ = OBJECTS.get(name) or operation["object"] or ""
    return {"area": operation["area"], "name": name, "function": function, "object": object_} | {
        "field": field({**operation, "object": object_})
    }


def main(source: str, target: str) -> None:
    """Read, convert, write."""
    known = {}
    if Path(target).exists():
        with Path(target).open(encoding="utf-8", newline="") as lines:
            known = {(one["area"], one["name"], one["object"]): one for one in csv.DictReader(lines, delimiter="\t")}
    with Path(target).open("w", encoding="utf-8", newline="") as out:
        table = csv.DictWriter(out, COLUMNS, delimiter="\t", lineterminator="\n")
        table.writeheader()
        for operation in json.loads(Path(source).read_text(encoding="utf-8")):
            row = line(operation)
            before = known.get((row["area"], row["name"], row["object"]), {})
            table.writerow({**row, "tier": before.get("tier", ""), "needs": before.get("needs", "")})


if __name__ == "__main__":
    main(*sys.argv[1:3])
