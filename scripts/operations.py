"""The page of the documented operations and their results in the emulator, and the same as a CSV file.

Both are made from the list of operations. The page has one row for each object, with its verbs as columns.
"""

import csv
import io
import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent
DATA = ROOT / "tests" / "support" / "emulator" / "operations" / "generated" / "operations.tsv"
PAGE = ROOT / "docs" / "reference" / "operations.md"
LIST = ROOT / "docs" / "reference" / "operations.csv"
TIERS = {
    "with consequences": ("●", "other records change too, or the ledger is posted to or read"),
    "stored": ("○", "one record is stored, changed, deleted or read, by the rules of its description"),
    "not emulated": ("✗", "refused with `EMULATOR-0001`, a number that the gateway does not have"),
}
VERBS = ("lookup", "query", "readByQuery", "read", "readByName", "create", "update", "delete")
_HEAD = """<!-- Written by scripts/generate_docs.py from tests/support/emulator/operations/generated/operations.tsv. -->
# Operations of the emulator

This page shows every operation that Sage documents for the XML gateway. A test runs each of them against the demo
company. A read succeeds when it returns a record. A write succeeds when every text that it sent is in the record that
it wrote. [operations.csv](operations.csv) has a line for each operation, with its title in Sage's documentation.

Some operations need something that the demo company lacks; the last column names it. The test shows both cases:
without it the operation is refused or finds nothing, and with it the operation succeeds.

The results are measured. A write *with consequences* changes records of other objects or posts to the ledger. A read of
such records has the same result.
"""


def rows() -> list[dict[str, str]]:
    """The operations, in the order of the documentation's areas."""
    with DATA.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def shares() -> list[str]:
    """The number of operations with each result, as a table."""
    operations = rows()
    counts = Counter(row["tier"] for row in operations)
    lines = ["| | result | operations | share | meaning |", "|---|---|--:|--:|---|"]
    for tier, (sign, meaning) in TIERS.items():
        lines.append(f"| {sign} | {tier} | {counts[tier]:,} | {counts[tier] / len(operations):.1%} | {meaning} |")
    lacking = sum(1 for row in operations if row["needs"])
    return [*lines, f"| | all | {len(operations):,} | | {lacking:,} need something that the demo company lacks |"]


def page() -> str:
    """The whole page: a table for each module of Intacct, a row for each object."""
    modules: dict[str, dict[tuple[str, str], list[dict[str, str]]]] = {}
    main_object: dict[str, str] = {}
    for row in rows():
        module, _, area = row["area"].partition("/")
        main_object.setdefault(row["area"], row["object"])
        name = row["object"] or main_object[row["area"]]  # a function that names no object works on the area's own
        modules.setdefault(module, {}).setdefault((area, name), []).append(row)
    lines = [_HEAD, *shares()]
    for module, objects in modules.items():
        lines += ["", f"## {module.replace('-', ' ').capitalize()}", ""]
        lines.append(f"| documentation | object | {' | '.join(VERBS)} | other functions | needs |")
        lines.append(f"|---|---|{':-:|' * len(VERBS)}---|---|")
        lines += [_object_line(area, name, operations) for (area, name), operations in objects.items()]
    return "\n".join(lines) + "\n"


def listing() -> str:
    """Every operation as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["area", "operation", "function", "object", "result", "needs"])
    writer.writerows([row[name] for name in ("area", "name", "function", "object", "tier", "needs")] for row in rows())
    return text.getvalue()


def _object_line(area: str, name: str, operations: list[dict[str, str]]) -> str:
    """The row of an object, or of an area whose functions name none."""
    signs = {row["function"]: TIERS[row["tier"]][0] for row in operations}
    others = ", ".join(f"`{function}` {sign}" for function, sign in signs.items() if function not in VERBS)
    needs = dict.fromkeys(_needed(row["needs"], name) for row in operations if row["needs"])
    cells = [
        re.sub(r"\b(ap|ar|gl)\b", lambda found: found[0].upper(), area.replace("-", " ")),
        f"`{name}`" if name else "",
        *(signs.get(verb, "") for verb in VERBS),
        others,
        "; ".join(needs),
    ]
    return f"| {' | '.join(cells)} |"


def _needed(needs: str, name: str) -> str:
    """What the demo company lacks, in the row of an object: `one of` that object is a record."""
    return re.sub(rf"\b(one of )?{name}\b", "a record", needs) if name else needs
