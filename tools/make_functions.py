"""Makes the emulator's table of functions: `python tools/make_functions.py legacy_functions.json out.json`.

The input is `{function: {"attrs": ["@key", "@start?"], "enum": {attribute: [values]}, "model": "a b? (c|d)*"}}`.
The output has one function a line: `[content model, {attribute: [required, values]}]`, the second part only where a
function has attributes.
"""

import json
import sys
from pathlib import Path
from typing import Any

LACKING: dict[str, list[Any]] = {
    "consolidatebytier": ["reportingperiodname structurename email?"],
    "recallApBill": ["RECORDNO"],
}
"""Functions that are documented, and that the input lacks."""


def compact(entry: dict[str, Any]) -> list[Any]:
    """One function as a short list."""
    attributes: dict[str, list[Any]] = {}
    for spelled in entry["attrs"]:
        name = spelled.removeprefix("@").partition("=")[0]
        required = not name.endswith("?")
        name = name.rstrip("?")
        attributes[name] = [required, entry["enum"].get(name, [])]
    return [entry["model"], attributes] if attributes else [entry["model"]]


def main(source: str, target: str) -> None:
    """Read, convert, write."""
    made = {name: compact(entry) for name, entry in json.loads(Path(source).read_text()).items()}
    made = dict(sorted({**LACKING, **made}.items()))
    lines = [f"{json.dumps(name)}:{json.dumps(entry, separators=(',', ':'))}" for name, entry in made.items()]
    Path(target).write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(*sys.argv[1:3])
