"""Make the table of the checks inside functions: `make_nested.py operations.json data_folder out.json`.

The first input is a list of documented operations, `{"function", "params": [[table, name, required, type]]}`; the
folder holds `legacy_functions.json` and `legacy_parts.json`. The output is `{function: [[part], {part: model}, {part:
model}]}`. First come all parts whose order is recorded (`legacy_parts.json`), then the models of those that differ in
this function: a documented field that such a part lacks stands behind the one documented before it. Last come the parts
known from the documentation alone, in its order.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

_PARTICLE = re.compile(r"[\w.\-]+[?*+]*|[()|]|[?*+]+")
_NAME = re.compile(r"[a-z][\w]*")
_HELD = re.compile(r"`?\[?([a-z]\w*)\]?(?:\[(\d)\.\.\.n\])?`?")
DATE = "(year month day)?"
"""A day. Accepting an empty one is our choice."""
ATTRIBUTES = ("line_num", "logical_operator", "recordno")
"""Listed among the children of a part, and its attributes."""
BEGINNINGS = (
    *("create_", "update_", "partialupdate_", "record_", "apply_", "reverse_", "void_", "get_accountbalances"),
    *("get_trialbalance", "get_araging", "reclassify_", "reconcile_"),
)
LISTING = {
    "filter": "(logical|expression)+",
    "logical": "(logical|expression) (logical|expression)+",
    "expression": "field operator value?",
    "sorts": "sortfield+",
    "fields": "field+",
}
"""The reference's own grammar of `get_list`; `is null` without a value is our choice."""
Rows = list[tuple[str, bool, str]]


def particles(model: str) -> list[str]:
    """The parts of a model, a group in parentheses being one."""
    parts, depth = [""], 0
    for word in _PARTICLE.findall(model):
        often = word[0] in "?*+"
        if not depth and not often:
            parts.append("")
        joined = often or word in ("(", ")", "|") or not parts[-1]
        parts[-1] += word if joined else f" {word}"
        depth += {"(": 1, ")": -1}.get(word, 0)
    return [part.replace("( ", "(").replace("| ", "|") for part in parts if part]


def merged(known: str, rows: Rows) -> str:
    """A model with every documented field in it."""
    parts = particles(known)
    place = -1
    for name, required, kind in rows:
        found = next((at for at, part in enumerate(parts) if name in re.findall(r"\w+", part)), None)
        if found is None:
            found = place + 1
            parts.insert(found, name if required and not known and "array" not in kind else f"{name}?")
        place = found
    return " ".join(parts)


def holder(kind: str, tables: dict[str, Rows], *, required: bool) -> str:
    """The model of an element that is documented as an array of others."""
    held = [name for name, _ in _HELD.findall(kind) if name in tables]
    if not held:
        return ""
    inner = held[0] if len(held) == 1 else f"({'|'.join(held)})"
    return f"{inner}{'+' if required and len(held) == 1 else '*'}"


def tables_of(operations: list[dict[str, Any]]) -> dict[str, dict[str, Rows]]:
    """Function to its tables, by the last part of each table's name."""
    found: dict[str, dict[str, Rows]] = {}
    for operation in operations:
        tables = found.setdefault(operation["function"], {})
        for spelled, name, required, kind in operation["params"]:
            table = re.split(r"[.\-]", spelled)[-1]
            statistical = table == "glentry" and "stat" in operation["function"]
            rows = tables.setdefault("statglentry" if statistical else table, [])
            if _NAME.fullmatch(name) and name not in (*ATTRIBUTES, *(one for one, _, _ in rows)):
                rows.append((name, required, kind or ""))
    return found


def nested(
    name: str, functions: dict[str, Any], tables: dict[str, Rows], parts: dict[str, Any]
) -> list[dict[str, str]]:
    """The models inside one function: the recorded ones, and those that are only documented."""
    recorded: dict[str, str] = {}
    documented: dict[str, str] = {}
    words = set(re.findall(r"\w+", functions[name][0]))
    rows = [row for table in tables.values() for row in table]
    for one in sorted(words | {field for field, _, _ in rows}):
        if one in parts["dates"]:
            recorded[one] = DATE
        elif one in functions and one in words:
            recorded[one] = functions[one][0]
        elif one in parts["models"]:
            recorded[one] = parts["models"][one]
    for one, required, kind in rows:
        held = holder(kind, tables, required=required)
        if held and one not in recorded:
            documented[one] = held
    for table, fields in tables.items():
        if not _NAME.fullmatch(table) or not fields or table in recorded or table in documented:
            continue
        if {"year", "month"} <= {one for one, _, _ in fields}:
            recorded[table] = DATE
            continue
        owned = next(
            (key for key in parts["models"] if key.partition("/")[2] == table and key.partition("/")[0] in words), table
        )
        known = parts["models"].get(owned, functions["create_contact"][0] if table == "contact" else "")
        (recorded if known else documented)[table] = merged(known, fields)
    for one, model in list(recorded.items()):  # the shared model, with the additions of this function
        if one in tables and model == parts["models"].get(one):
            recorded[one] = merged(model, tables[one])
    return [recorded, documented]


def differing(
    recorded: dict[str, str], documented: dict[str, str], functions: dict[str, Any], parts: dict[str, Any]
) -> list[Any]:
    """The entry without the models that `emulator.gateway.schema.functions` finds in the other tables."""
    shared = {**parts["models"], **{name: entry[0] for name, entry in functions.items()}}
    shared |= dict.fromkeys(parts["dates"], DATE)
    return [list(recorded), {name: model for name, model in recorded.items() if shared.get(name) != model}, documented]


def main(source: str, folder: str, target: str) -> None:
    """Read, convert, write."""
    read = {
        name: json.loads((Path(folder) / f"{name}.json").read_text()) for name in ("legacy_functions", "legacy_parts")
    }
    documented = tables_of(json.loads(Path(source).read_text()))
    functions = read["legacy_functions"]
    made: dict[str, Any] = {"get_list": [LISTING, {}]}
    for name, entry in functions.items():
        if name in made or not name.startswith(BEGINNINGS):
            continue
        inner = nested(name, functions, documented.get(name, {}), read["legacy_parts"])
        for other in sorted(set(re.findall(r"\w+", entry[0])) & set(functions)):
            held_inside = nested(other, functions, documented.get(other, {}), read["legacy_parts"])
            inner = [{**more, **own} for own, more in zip(inner, held_inside, strict=True)]
        if any(inner):
            made[name] = inner
    stored = {name: differing(*inner, functions, read["legacy_parts"]) for name, inner in sorted(made.items())}
    lines = [f"{json.dumps(name)}:{json.dumps(entry, separators=(',', ':'))}" for name, entry in stored.items()]
    Path(target).write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(*sys.argv[1:4])
