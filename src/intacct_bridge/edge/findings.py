"""What an examination finds, step by step, and how a person reads it.

A finding says what was seen, what it means, what to do about it, where to click and who can. Where the gateway gives
one answer for several causes, the finding lists all of them, the likeliest first, and does not pretend to know.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from intacct_bridge.edge.console import Console
from intacct_bridge.errors import Diagnosis, IntacctError


class Level(StrEnum):
    """How a step came out."""

    OK = "ok"
    NOTE = "note"
    """Nothing is wrong; something is worth knowing."""
    WARNING = "warning"
    PROBLEM = "problem"
    SKIPPED = "skipped"


_SIGNS = {Level.OK: "✓", Level.NOTE: "·", Level.WARNING: "!", Level.PROBLEM: "✗", Level.SKIPPED: "-"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One step's outcome."""

    step: str
    level: Level
    seen: str
    means: str = ""
    fix: str = ""
    menu: str = ""
    who: str = ""
    causes: tuple[str, ...] = ()
    """Where the gateway does not say which: every cause that fits, the likeliest first."""
    objects: tuple[str, ...] = ()
    """The objects concerned, for a letter that asks for rights."""


def ok(step: str, seen: str) -> Finding:
    """Nothing to do."""
    return Finding(step, Level.OK, seen)


def from_error(step: str, error: IntacctError, *, level: Level = Level.PROBLEM, **more: object) -> Finding:
    """A finding from what the gateway said, with the catalogue's knowledge of it."""
    known = error.diagnosis or Diagnosis("", "", "", error.message)
    said = "; ".join(str(fault) for fault in error.faults) or error.message
    return Finding(
        step,
        level,
        said,
        means=" ".join(part for part in (known.means if known.entry else "", known.cause) if part),
        fix=error.fix or known.fix,
        menu=known.menu,
        who=known.who,
        **more,  # type: ignore[arg-type]  # causes and objects
    )


def show(findings: Iterable[Finding], console: Console) -> list[Finding]:
    """Print findings as they come, and return them all."""
    seen = []
    for finding in findings:
        seen.append(finding)
        if not console.as_json:
            _print(finding, console)
    if console.as_json:
        console.json([as_data(finding) for finding in seen])
    return seen


def _print(finding: Finding, console: Console) -> None:
    if console.quiet and finding.level in (Level.OK, Level.NOTE, Level.SKIPPED):
        return
    console.result(console.masked(f"{_SIGNS[finding.level]} {finding.step}: {finding.seen}"))
    if finding.level is Level.OK:
        return
    lines = [("means", finding.means)]
    lines += [("maybe" if place == 0 else "", f"{place + 1}. {cause}") for place, cause in enumerate(finding.causes)]
    lines += [("fix", finding.fix), ("where", finding.menu), ("who", finding.who if finding.who != "you" else "")]
    for label, text in lines:
        if text:
            console.result(console.masked(console.wrapped(f"    {label:>5}  ", text)))


def as_data(finding: Finding) -> dict[str, object]:
    """For support desks: every word as a field."""
    return {
        "step": finding.step,
        "level": finding.level.value,
        "seen": finding.seen,
        "means": finding.means,
        "causes": list(finding.causes),
        "fix": finding.fix,
        "menu": finding.menu,
        "who": finding.who,
        "objects": list(finding.objects),
    }
