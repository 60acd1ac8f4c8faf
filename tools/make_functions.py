"""Make the table of the schema's functions: `python tools/make_functions.py schema_functions.json out.json`.

The input is `{function: {"attrs": ["@key", "@start?"], "enum": {attribute: [values]}, "model": "a b? (c|d)*"}}`.
The output, `data/legacy_functions.json`, has one function a line: `[content model, {attribute: [required, values]}]`,
the second part only where a function has attributes.
"""

import json
import sys
from pathlib import Path
from typing import Any


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
    lines = [f"{json.dumps(name)}:{json.dumps(entry, separators=(',', ':'))}" for name, entry in sorted(made.items())]
    Path(target).write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(*sys.argv[1:3])
