"""The page of the documented operations and their results in the emulator, from the list of operations."""

import csv
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent
DATA = ROOT / "tests" / "support" / "emulator" / "operations" / "generated" / "operations.tsv"
PAGE = ROOT / "docs" / "reference" / "operations.md"
TIERS = {
    "with consequences": "other records change too, or the ledger is posted to or read",
    "stored": "one record is kept, changed, deleted or read, by the rules of its description",
    "not emulated": "refused with `EMULATOR-0001`, a number that the gateway does not have",
}
_HEAD = """<!-- Written by scripts/generate_docs.py from tests/support/emulator/operations/generated/operations.tsv. -->
# Operations of the emulator

This page lists every operation that Sage documents for the XML gateway. A test runs each of them against the demo
company. A read succeeds when it returns a record. A write succeeds when every text that it sent is in the record that
it wrote.

Some operations need something that the demo company lacks; the last column names it. The test shows both cases:
without it the operation is refused or finds nothing, and with it the operation succeeds.

The tiers are measured. A write *with consequences* changes records of other objects or posts to the ledger, and so a
read of such records also belongs to that tier.
"""


def rows() -> list[dict[str, str]]:
    """The operations, in the order of the documentation's areas."""
    with DATA.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def shares() -> list[str]:
    """The number of operations of each tier, as a table."""
    listed = rows()
    counts = Counter(row["tier"] for row in listed)
    parts = ["| tier | operations | share | means |", "|---|--:|--:|---|"]
    for tier, meaning in TIERS.items():
        parts.append(f"| {tier} | {counts[tier]:,} | {counts[tier] / len(listed):.1%} | {meaning} |")
    lacking = sum(1 for row in listed if row["needs"])
    return [*parts, f"| all | {len(listed):,} | | {lacking:,} need something that the demo company lacks |"]


def page() -> str:
    """The whole page."""
    listed = rows()
    parts = [_HEAD, *shares()]
    area = ""
    for row in listed:
        if row["area"] != area:
            area = row["area"]
            parts += ["", f"## {area}", "", "| operation | function | object | tier | needs |", "|---|---|---|---|---|"]
        named = f"`{row['object']}`" if row["object"] else ""
        parts.append(f"| {row['name']} | `{row['function']}` | {named} | {row['tier']} | {row['needs']} |")
    return "\n".join(parts) + "\n"
