"""The list of documented operations that the tests try, with the columns that the trial itself fills.

One line an operation: area, name, function, object, a field that the operation is documented to take (what an update
changes, what `readByQuery` asks by), the tier and the precondition. The last two are measured by
`python -m support.emulator.operations.trial`; their values in an existing list are kept.
"""

import csv
import io
from pathlib import Path

from recorded_facts import Operation, operations

COLUMNS = ("area", "name", "function", "object", "field", "tier", "needs")
_KEY = ("area", "name", "function", "object")
_SLIPS = {"Read": "read", "ReadByQuery": "readByQuery"}
"""Functions that a page spells differently from the gateway's schema."""
_OBJECTS = {
    "Update AP Payment": "APPYMT",
    "Update Project Contract": "PROJECTCONTRACT",
    "Query and List Contract Invoice Preview Lines (Legacy)": "GENINVOICEPREVIEWLINE",
}
"""Objects that a page leaves out."""
_PREFERRED = ("DESCRIPTION", "MEMO", "NAME", "NOTES", "COMMENTS", "STATUS")
_NOT_TEXT = ("ID", "KEY", "NO", "NAME", "NUM", "NUMBER", "DATE", "METHOD", "TYPE", "METHOD", "STATE", "STATUS", "CURR")


def operation_list(existing: Path) -> str:
    """The list as text."""
    measured = {}
    if existing.exists():
        with existing.open(encoding="utf-8", newline="") as lines:
            measured = {tuple(one[name] for name in _KEY): one for one in csv.DictReader(lines, delimiter="\t")}
    out = io.StringIO()
    table = csv.DictWriter(out, COLUMNS, delimiter="\t", lineterminator="\n")
    table.writeheader()
    for operation in operations():
        row = _row(operation)
        before = measured.get(tuple(row[name] for name in _KEY), {})
        table.writerow({**row, "tier": before.get("tier", ""), "needs": before.get("needs", "")})
    return out.getvalue()


def _row(operation: Operation) -> dict[str, str]:
    function = _SLIPS.get(operation.function, operation.function)
    name = operation.title or f"{function} {operation.object}".strip()
    known = _OBJECTS.get(name) or operation.object
    return {
        "area": operation.area,
        "name": name,
        "function": function,
        "object": known,
        "field": _field(operation, known),
    }


def _field(operation: Operation, name: str) -> str:
    """The plainest field of the object itself that the page lists."""
    if operation.function not in ("update", "readByQuery"):
        return ""
    tables = ("", name) if operation.function == "update" else ("",)
    own = [
        row.name
        for table in tables
        for row in operation.tables.get(table, ())
        if row.kind == "" and row.name.isupper() and row.name != name
    ]
    named = [one for one in _PREFERRED if one in own]
    return (named + [one for one in own if not one.endswith(_NOT_TEXT)] + [""])[0]
