"""The page of documented operations and what the emulator does with each, from `operations.tsv`."""

import csv
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent
DATA = ROOT / "tests" / "support" / "emulator" / "operations" / "operations.tsv"
PAGE = ROOT / "docs" / "reference" / "operations.md"
TIERS = {
    "with consequences": "more happens than keeping one record: others move, the ledger is posted to or read",
    "stored": "the record is kept, changed, dropped or read as it is, by the rules of its description",
    "not emulated": "refused with `EMULATOR-0001`, a number that the gateway does not have",
}
_HEAD = """<!-- Written by scripts/generate_docs.py from tests/support/emulator/operations/operations.tsv. -->
# What the emulator does

Every operation that Sage documents for the XML gateway, each tried against the demo company by a test. An operation
counts when it succeeds: a read when it brings a record, a write when every text that it sent is in what it wrote. Where
the demo company lacks something that an operation needs, the last column names it: without it the operation is refused
or finds nothing; with it, it succeeds, which the same test shows. No tier is an opinion: a write that moves records of
other objects has consequences, and so have the reads of what is moved that way.
"""


def rows() -> list[dict[str, str]]:
    """The operations, in the order of the documentation's areas."""
    with DATA.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def page() -> str:
    """The whole page."""
    listed = rows()
    counts = Counter(row["tier"] for row in listed)
    parts = [_HEAD, "| tier | operations | share | means |", "|---|--:|--:|---|"]
    for tier, meaning in TIERS.items():
        parts.append(f"| {tier} | {counts[tier]:,} | {counts[tier] / len(listed):.1%} | {meaning} |")
    lacking = sum(1 for row in listed if row["needs"])
    parts += [f"| all | {len(listed):,} | | {lacking:,} of them need something that the demo company lacks |"]
    area = ""
    for row in listed:
        if row["area"] != area:
            area = row["area"]
            parts += ["", f"## {area}", "", "| operation | function | object | tier | needs |", "|---|---|---|---|---|"]
        named = f"`{row['object']}`" if row["object"] else ""
        parts.append(f"| {row['name']} | `{row['function']}` | {named} | {row['tier']} | {row['needs']} |")
    return "\n".join(parts) + "\n"
