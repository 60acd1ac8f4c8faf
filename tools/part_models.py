"""The checks inside legacy functions: the order of the elements in each of their parts.

The table is `{function: [[part], {part: model}, {part: model}]}`. First come all parts whose order is recorded
(`legacy_parts.json`), then the models of those that differ in this function: a documented field that such a part lacks
stands behind the one documented before it. Last come the parts known from the documentation alone, in its order. A
line of an update has the order of the same line in a create, and nothing is required in it: the documented sample of
`update_ictransaction` sends an item's description alone.
"""

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recorded_facts import Parameter, operations

_PARTICLE = re.compile(r"[\w.\-]+[?*+]*|[()|]|[?*+]+")
_NAME = re.compile(r"[a-z][\w]*")
_DAY = "(year month day)?"
"""A day. Accepting an empty one is our choice."""
_ATTRIBUTES = ("line_num", "logical_operator")
"""Listed among the children of a part, and its attributes."""
_CHECKED = (
    *("create_", "update_", "partialupdate_", "record_", "apply_", "reverse_", "void_", "get_accountbalances"),
    *("get_trialbalance", "get_araging", "reclassify_", "reconcile_"),
)
_UPDATE = "update"
_LISTING = {
    "filter": "(logical|expression)+",
    "logical": "(logical|expression) (logical|expression)+",
    "expression": "field operator value?",
    "sorts": "sortfield+",
    "fields": "field+",
}
"""The reference's own grammar of `get_list`; `is null` without a value is our choice."""
Models = dict[str, str]
Tables = Mapping[str, Sequence[Parameter]]


class PartModels:
    """The makers of the table, with the recorded orders that they read."""

    def __init__(self, folder: Path) -> None:
        read = {
            name: json.loads((folder / f"legacy_{name}.json").read_text("utf-8")) for name in ("functions", "parts")
        }
        self._functions: Mapping[str, str] = {name: entry[0] for name, entry in read["functions"].items()}
        self._parts: Mapping[str, str] = read["parts"]["models"]
        self._days = frozenset(read["parts"]["dates"])
        self._tables = documented_tables()

    def table(self) -> dict[str, Any]:
        """The whole table."""
        made: dict[str, Any] = {"get_list": [list(_LISTING), _LISTING, {}]}
        for name, model in self._functions.items():
            if name in made or not name.startswith(_CHECKED):
                continue
            recorded, documented = self._inside(name)
            for other in sorted(set(re.findall(r"\w+", model)) & set(self._functions)):
                more = self._inside(other)
                recorded, documented = {**more[0], **recorded}, {**more[1], **documented}
            if recorded or documented:
                made[name] = [list(recorded), self._differing(recorded), documented]
        return dict(sorted(made.items()))

    def _differing(self, recorded: Models) -> Models:
        """The models that the emulator does not find in the other tables."""
        shared = {**self._parts, **self._functions, **dict.fromkeys(self._days, _DAY)}
        return {part: model for part, model in recorded.items() if shared.get(part) != model}

    def _inside(self, name: str) -> tuple[Models, Models]:
        """The models inside one function: the recorded ones, and those that are only documented."""
        tables = self._tables.get(name, {})
        words = set(re.findall(r"\w+", self._functions[name]))
        rows = [row for table in tables.values() for row in table]
        recorded: Models = {}
        documented: Models = {}
        for row in rows:
            held = _holder(row, tables)
            if held and (row.name not in self._parts or any(one.startswith(_UPDATE) for one in row.holds)):
                documented[row.name] = held
        for one in sorted((words | {row.name for row in rows}) - set(documented)):
            if one in self._days:
                recorded[one] = _DAY
            elif one in self._functions and one in words:
                recorded[one] = self._functions[one]
            elif one in self._parts:
                recorded[one] = self._parts[one]
        for table, fields in tables.items():
            if not _NAME.fullmatch(table) or not fields or table in recorded or table in documented:
                continue
            if {"year", "month"} <= {row.name for row in fields}:
                recorded[table] = _DAY
                continue
            known = self._known(table, words)
            inferred = not known or table.startswith(_UPDATE)
            (documented if inferred else recorded)[table] = _merged(known, fields, changes=table.startswith(_UPDATE))
        for one, model in list(recorded.items()):  # the shared model, with the additions of this function
            if one in tables and model == self._parts.get(one):
                recorded[one] = _merged(model, tables[one], changes=False)
        return recorded, documented

    def _known(self, table: str, words: set[str]) -> str:
        """The recorded model of a part that has no entry under its own name; empty where there is none."""
        line = table.removeprefix(_UPDATE)
        wrappers = words | {word.removeprefix(_UPDATE) for word in words}
        for wrapper, _, part in (key.partition("/") for key in self._parts):
            if part == line and wrapper in wrappers:
                return self._parts[f"{wrapper}/{part}"]
        return self._parts.get(line, "") or (self._functions["create_contact"] if table == "contact" else "")


def documented_tables() -> dict[str, dict[str, list[Parameter]]]:
    """Function to its tables of elements."""
    found: dict[str, dict[str, list[Parameter]]] = defaultdict(dict)
    for operation in operations():
        for table, rows in operation.tables.items():
            known = found[operation.function].setdefault(table, [])
            for row in rows:
                plain = row.kind != "attribute" and row.name not in _ATTRIBUTES and _NAME.fullmatch(row.name)
                if plain and row.name not in {one.name for one in known}:
                    known.append(row)
    return found


def _particles(model: str) -> list[str]:
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


def _merged(known: str, rows: Sequence[Parameter], *, changes: bool) -> str:
    """A model with every documented field in it; in a line that `changes` another, nothing is required."""
    parts = _particles(known)
    if changes:
        parts = [part if part[-1] in "?*" else f"{part}?" for part in parts]
    place = -1
    for row in rows:
        found = next((at for at, part in enumerate(parts) if row.name in re.findall(r"\w+", part)), None)
        if found is None:
            found = place + 1
            needed = row.required and not known and not changes and row.kind != "array"
            parts.insert(found, row.name if needed else f"{row.name}?")
        place = found
    return " ".join(parts)


def _holder(row: Parameter, tables: Tables) -> str:
    """The model of an element that is documented as an array of others."""
    held = [name for name in row.holds if name in tables]
    if not held:
        return ""
    inner = held[0] if len(held) == 1 else f"({'|'.join(held)})"
    return f"{inner}{'+' if row.required and len(held) == 1 else '*'}"
