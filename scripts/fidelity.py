"""The page that says how sure the emulator is of what it does, made from `tests/emulator/fidelity.toml`."""

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
DATA = ROOT / "tests" / "emulator" / "fidelity.toml"
PAGE = ROOT / "docs" / "reference" / "fidelity.md"
TAGS = {
    "confirmed": "Sage's own pages, schemas or SDKs say so",
    "observed": "others saw it on the real gateway",
    "inferred": "it follows from what is known",
    "choice": "nothing is known: it is ours, and a setting where one is named",
}
_HEAD = """<!-- Written by scripts/generate_docs.py from tests/emulator/fidelity.toml. -->
# How faithful the emulator is

The emulator is made from documentation and from what others recorded, not from Sage's code. This table says of each
behaviour how sure it is, where that comes from, and which test holds the emulator to it. What it does not do is on
the page [Emulator](../emulator.md).
"""


def rows() -> list[dict[str, Any]]:
    """The table's rows."""
    found: list[dict[str, Any]] = tomllib.loads(DATA.read_text(encoding="utf-8"))["row"]
    return found


def page() -> str:
    """The whole page."""
    parts = [_HEAD, "| tag | means |", "|---|---|", *(f"| {tag} | {meaning} |" for tag, meaning in TAGS.items())]
    area = ""
    for row in rows():
        if row["area"] != area:
            area = row["area"]
            parts += ["", f"## {area}", "", "| behaviour | tag | source | setting | test |", "|---|---|---|---|---|"]
        cells = (row["behaviour"], row["tag"], row["source"], _code(row.get("setting", "")), f"`{row['test']}`")
        parts.append(f"| {' | '.join(cells)} |")
    return "\n".join([*parts, *_questions()]) + "\n"


def unsettled() -> list[dict[str, str]]:
    """The questions that no source answers."""
    found: list[dict[str, str]] = tomllib.loads(DATA.read_text(encoding="utf-8"))["unsettled"]
    return found


def _questions() -> list[str]:
    head = ["", "## Unsettled, and what we do", ""]
    head += ["No source answers these. Each is a setting of a scenario file, or our side lives with either answer.", ""]
    head += ["| question | the emulator | setting | our side | test |", "|---|---|---|---|---|"]
    for row in unsettled():
        cells = (row["question"], row["does"], _code(row["setting"]), row["side"], f"`{row['test']}`")
        head.append(f"| {' | '.join(cells)} |")
    return head


def _code(names: str) -> str:
    return ", ".join(f"`{name.strip()}`" for name in names.split(",") if name.strip())
