"""The page about the emulator's fidelity, made from `tests/emulator/fidelity.toml`."""

import tomllib
from pathlib import Path
from typing import Any

import operations

ROOT = Path(__file__).parent.parent
DATA = ROOT / "tests" / "emulator" / "fidelity.toml"
PAGE = ROOT / "docs" / "reference" / "fidelity.md"
TAGS = {
    "confirmed": "documented by Sage's own pages, schemas or SDKs",
    "observed": "seen by others on the real gateway",
    "inferred": "a conclusion from known facts",
    "choice": "our choice, because no source says; the setting changes it",
}
NO_PROBE = {
    "write": "It shows after a write, and the probes only read so far.",
    "read": "A read shows it, and its probe is not written yet.",
    "wait": "It takes hours or days to see.",
    "limit": "The test would use up a limit that the company's other programs share.",
    "setup": "It needs users, policies or reports that a probe cannot make.",
    "session": "The test would send a valid session to another address.",
    "rest": "It belongs to the REST interface, and the probes use the XML gateway.",
    "emulator": "It belongs to the emulator alone: a sentence, a fault or the demo data.",
}
"""Why a row that is inferred or a choice has no probe."""
_HEAD = """<!-- Written by scripts/generate_docs.py from tests/emulator/fidelity.toml. -->
# Fidelity of the emulator

The emulator is built from documentation and from recordings by others, not from Sage's code. These tables give the
certainty of each behaviour, its source, and the test that holds the emulator to it. The page on the
[emulator](../emulator.md) lists its limits. Where a row names a probe, [`intacct verify`](../verify.md) asks a real
company.
"""


def rows() -> list[dict[str, Any]]:
    """The behaviours."""
    found: list[dict[str, Any]] = tomllib.loads(DATA.read_text(encoding="utf-8"))["row"]
    return found


def page() -> str:
    """The whole page."""
    parts = [_HEAD, "| tag | means |", "|---|---|", *(f"| {tag} | {meaning} |" for tag, meaning in TAGS.items())]
    parts += [
        "",
        "The other rows that are inferred or a choice say why they have no probe:",
        "",
        "| no probe | why |",
        "|---|---|",
    ]
    parts += [f"| {name} | {why} |" for name, why in NO_PROBE.items()]
    areas: dict[str, list[str]] = {}
    for row in rows():
        cells = (row["behaviour"], row["tag"], row["source"], _held(row))
        areas.setdefault(row["area"], []).append(f"| {' | '.join(cells)} |")
    for area, lines in areas.items():
        parts += ["", f"## {area}", "", "| behaviour | tag | source | setting and test |", "|---|---|---|---|", *lines]
    return "\n".join([*parts, *_questions(), *_operations()]) + "\n"


def unsettled() -> list[dict[str, str]]:
    """The questions that no source answers."""
    found: list[dict[str, str]] = tomllib.loads(DATA.read_text(encoding="utf-8"))["unsettled"]
    return found


def _questions() -> list[str]:
    head = ["", "## Open questions", ""]
    head += [
        "No source answers these questions. Each is a setting of a scenario file, or our code accepts any answer.",
        "",
    ]
    head += ["| question | emulator | our code | setting and test |", "|---|---|---|---|"]
    for row in unsettled():
        cells = (row["question"], row["does"], row["side"], _held(row))
        head.append(f"| {' | '.join(cells)} |")
    return head


def _operations() -> list[str]:
    head = ["", "## Documented operations", ""]
    head += [
        "A test runs every documented operation and measures what it changes. [The list](operations.md) has each.",
        "",
    ]
    return [*head, *operations.shares()]


def _held(row: dict[str, Any]) -> str:
    """The settings of a row, its probe, and below them its test, whose long name a page may break."""
    settings = [f"`{name.strip()}`" for name in row.get("setting", "").split(",") if name.strip()]
    probe = [f"probe `{row['probe']}`"] if "probe" in row else []
    probe += [f"no probe: {row['no_probe']}"] if "no_probe" in row else []
    return "<br>".join([*settings, *probe, f"<small>`{row['test']}`</small>"])
