"""Make the data files that are derived from recorded facts: `make data`.

`make_data.py --check` writes nothing: it names each file that differs from its facts, and ends with status 1.
`make_data.py --to FOLDER` writes them below another folder.
"""

import argparse
import json
import sys
from collections.abc import Container
from pathlib import Path
from typing import Any

from catalogue import catalogue
from operation_list import operation_list
from owned_parts import owned_parts
from part_models import PartModels
from required_fields import required_fields

ROOT = Path(__file__).parent.parent
PROTOCOL = Path("packages/intacct-protocol/src/intacct_protocol/data")
GENERATED = Path("packages/intacct-emulator/src/intacct_emulator/data/generated")
OPERATIONS = Path("tests/support/emulator/operations/generated/operations.tsv")


def files() -> dict[Path, str]:
    """Every derived file by its path in the repository."""
    objects = catalogue()
    return {
        GENERATED / "emulator_catalogue.json": _lines(objects),
        GENERATED / "emulator_required.json": _lines(required_fields(objects)),
        GENERATED / "emulator_parts.json": _lines(PartModels(ROOT / PROTOCOL).table()),
        GENERATED / "emulator_owned_parts.json": _lines(owned_parts(objects, _wrappers(objects))),
        OPERATIONS: operation_list(ROOT / OPERATIONS),
    }


def _wrappers(objects: Container[str]) -> set[tuple[str, str]]:
    """The objects with the wrappers of their lines, as far as these have an object of their own."""
    lines = json.loads((ROOT / PROTOCOL / "keys.json").read_text(encoding="utf-8"))["lines"]
    return {(one["header"], one.get("wrapper", "")) for one in lines if one["line"] in objects}


def _lines(table: dict[str, Any]) -> str:
    """A table as JSON with one entry a line."""
    entries = [f"{json.dumps(name)}:{json.dumps(entry, separators=(',', ':'))}" for name, entry in table.items()]
    return "{\n" + ",\n".join(entries) + "\n}\n"


def main() -> int:
    """Write or compare the files; the exit status."""
    options = argparse.ArgumentParser(description="Make the data files that are derived from recorded facts.")
    options.add_argument("--check", action="store_true", help="Compare only; end with status 1 if a file differs.")
    options.add_argument("--to", type=Path, default=ROOT, metavar="FOLDER", help="Write below FOLDER.")
    given = options.parse_args()
    differing = 0
    for path, text in files().items():
        target = given.to / path
        if target.exists() and target.read_text(encoding="utf-8") == text:
            continue
        differing += 1
        print(f"{path} {'differs from its facts; run: make data' if given.check else 'written'}")
        if not given.check:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8", newline="\n")
    if not differing:
        print("Every derived file agrees with its facts.")
    return int(given.check and differing > 0)


if __name__ == "__main__":
    sys.exit(main())
