"""What an examination finds: a finding for each step, the report they make, and where their words come from.

A finding says what was seen, what it means, what to do about it, where to click, who can, and how sure the knowledge
is (its tag). Where the gateway gives one answer for several causes, the finding lists all of them in the order in
which to look, and does not pretend to know. The words are data: `data/doctor.json`, and for what the gateway said in
its own words the error catalogue.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files

import msgspec

from intacct_bridge.diagnosis import PAGE
from intacct_bridge.errors import Diagnosis, IntacctError


class Status(StrEnum):
    """How a step came out."""

    OK = "ok"
    WARNING = "warning"
    """Works, and should be put right or at least known."""
    FAILURE = "failure"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Cause:
    """One of several things that may be wrong behind the same answer."""

    id: str
    cause: str
    fix: str
    menu: str = ""
    who: str = ""
    source: str = ""

    @property
    def tag(self) -> str:
        """How sure it is: confirmed, observed or inferred."""
        return tag_of(self.source)


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """One step's outcome."""

    step: str
    """The step's name, such as `authorised`."""
    status: Status
    seen: str
    id: str = ""
    """A stable name for what was found; empty where the gateway's words are not in the catalogue."""
    means: str = ""
    fix: str = ""
    menu: str = ""
    who: str = ""
    source: str = ""
    causes: tuple[Cause, ...] = ()
    """Where the gateway does not say which: every cause that fits, in the order in which to look."""
    objects: tuple[str, ...] = ()
    """The objects concerned, for a letter that asks for rights."""
    support_id: str = ""
    """What to quote to Sage, where the gateway gave it."""

    @property
    def tag(self) -> str:
        """How sure it is: confirmed, observed or inferred; empty where all is well."""
        return tag_of(self.source)

    @property
    def title(self) -> str:
        """The step's name as a person reads it."""
        return titles().get(self.step, self.step)

    @property
    def counts(self) -> bool:
        """Whether somebody should do something about it."""
        return self.status in (Status.WARNING, Status.FAILURE)


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """A whole examination."""

    findings: tuple[DoctorFinding, ...]
    transactions: int
    """API transactions that it used."""
    stopped_at: str = ""
    """The step behind which going on made no sense; empty where all steps were gone through."""

    @property
    def healthy(self) -> bool:
        """Whether nothing was found, warnings included."""
        return not self.found

    @property
    def found(self) -> tuple[DoctorFinding, ...]:
        """What somebody should do something about, in order."""
        return tuple(finding for finding in self.findings if finding.counts)


class _Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the data file."""

    fix: str
    who: str
    source: str
    means: str = ""
    cause: str = ""
    menu: str = ""


class _Texts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    steps: tuple[tuple[str, str], ...]
    sets: dict[str, tuple[str, ...]]
    causes: dict[str, _Words]
    findings: dict[str, _Words]


@cache
def _texts() -> _Texts:
    raw = files("intacct_bridge.data").joinpath("doctor.json").read_bytes()
    return msgspec.json.decode(raw, type=_Texts)


@cache
def titles() -> Mapping[str, str]:
    """Every step in the order in which it is gone through, with its name for people."""
    return dict(_texts().steps)


def tag_of(source: str) -> str:
    """The first word of a source where it is confirmed, observed or inferred."""
    first = source.partition(" ")[0].rstrip(":;,")
    return first if first in ("confirmed", "observed", "inferred") else ""


def ok(step: str, seen: str, means: str = "") -> DoctorFinding:
    """Nothing to do; `means` where there is something worth knowing."""
    return DoctorFinding(step, Status.OK, seen, means=means)


def skipped(step: str, why: str) -> DoctorFinding:
    """A step that was not gone through."""
    return DoctorFinding(step, Status.SKIPPED, why)


def known_finding(
    step: str,
    name: str,
    seen: str,
    *,
    status: Status = Status.FAILURE,
    words: Mapping[str, str] | None = None,
    causes: tuple[Cause, ...] = (),
    objects: tuple[str, ...] = (),
) -> DoctorFinding:
    """A finding in the data file's words, `words` filling their blanks."""
    entry = _texts().findings[name]
    blanks = {"objects": ", ".join(objects), **(words or {})}
    return DoctorFinding(
        step,
        status,
        seen,
        name,
        means=_filled(entry.means, blanks),
        fix=_filled(entry.fix, blanks),
        menu=_filled(entry.menu, blanks),
        who=entry.who,
        source=entry.source,
        causes=causes,
        objects=objects,
    )


def from_error(
    step: str,
    error: IntacctError,
    *,
    status: Status = Status.FAILURE,
    causes: tuple[Cause, ...] = (),
    objects: tuple[str, ...] = (),
) -> DoctorFinding:
    """A finding from what the gateway said, with the error catalogue's knowledge of it."""
    known = error.diagnosis or Diagnosis("", "", "", error.message)
    cause = "" if causes else known.cause  # which repeats what the causes say one by one
    return DoctorFinding(
        step,
        status,
        gateway_text(error),
        known.entry,
        means=" ".join(part for part in (known.means if known.entry else "", cause) if part),
        fix=error.fix or known.fix,
        menu=known.menu,
        who=known.who,
        source=known.source if known.entry else "inferred",
        causes=causes,
        objects=objects,
        support_id=next((fault.support_id for fault in error.faults if fault.support_id), ""),
    )


def gateway_text(error: IntacctError) -> str:
    """The gateway's own words: all of them where the catalogue does not know them, else the ones that tell."""
    known = error.diagnosis
    if known is not None and known.fault.errorno == PAGE:
        return error.message
    if known is not None and known.entry and known.fault.text:
        return str(known.fault)
    return "; ".join(str(fault) for fault in error.faults) or error.message


def causes_of(name: str, words: Mapping[str, str], *, without: tuple[str, ...] = ()) -> tuple[Cause, ...]:
    """Every cause that an answer may have, in order; none for an answer with one cause."""
    found = []
    for one in _texts().sets.get(name, ()):
        if one not in without:
            entry = _texts().causes[one]
            menu = _filled(entry.menu, words)
            found.append(
                Cause(one, _filled(entry.cause, words), _filled(entry.fix, words), menu, entry.who, entry.source)
            )
    return tuple(found)


def _filled(template: str, words: Mapping[str, str]) -> str:
    return template.format_map(words) if "{" in template else template
