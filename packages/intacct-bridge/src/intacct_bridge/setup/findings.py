"""The findings of an examination and their wording.

A finding says what was seen, what it means, how to fix it, the menu path, who can do it, and how sure the knowledge is
(its tag). If the gateway gives several causes the same answer, the finding lists all of them in the order in which to
check them. The wording is in `data/doctor.json`, and in the error catalogue for the gateway's own messages.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files

import msgspec

from intacct_protocol.diagnosis import PAGE
from intacct_protocol.errors import Diagnosis, IntacctError


class Status(StrEnum):
    """The result of a step."""

    OK = "ok"
    WARNING = "warning"
    """It works, but should be fixed or at least known."""
    FAILURE = "failure"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Cause:
    """One of several possible causes of the same answer."""

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
    """The outcome of one step."""

    step: str
    """The step's name, such as `authorised`."""
    status: Status
    observed: str
    id: str = ""
    """A stable name of the finding; empty if the gateway's message is not in the catalogue."""
    means: str = ""
    fix: str = ""
    menu: str = ""
    who: str = ""
    source: str = ""
    causes: tuple[Cause, ...] = ()
    """Every possible cause in the order in which to check them; empty if the gateway names the cause."""
    objects: tuple[str, ...] = ()
    """The objects concerned, for the letter's list of permissions; of a passed step, those that it could not test."""
    support_id: str = ""
    """The support ID to quote to Sage, if the gateway gave one."""

    @property
    def tag(self) -> str:
        """How sure it is: confirmed, observed or inferred; empty if the step passed."""
        return tag_of(self.source)

    @property
    def title(self) -> str:
        """The step's name for people."""
        return titles().get(self.step, self.step)

    @property
    def needs_action(self) -> bool:
        """Whether it is a warning or a failure."""
        return self.status in (Status.WARNING, Status.FAILURE)


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """The result of an examination."""

    findings: tuple[DoctorFinding, ...]
    transactions: int
    """API transactions used."""
    stopped_at: str = ""
    """The failed step that prevented the rest; empty if all steps ran."""

    @property
    def healthy(self) -> bool:
        """Whether there are no failures and no warnings."""
        return not self.problems

    @property
    def problems(self) -> tuple[DoctorFinding, ...]:
        """The failures and warnings, in order."""
        return tuple(finding for finding in self.findings if finding.needs_action)


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the data file."""

    fix: str
    who: str
    source: str
    means: str = ""
    cause: str = ""
    menu: str = ""


class _Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    steps: tuple[tuple[str, str], ...]
    sets: dict[str, tuple[str, ...]]
    causes: dict[str, _Entry]
    findings: dict[str, _Entry]


@cache
def _catalogue() -> _Catalogue:
    raw = files("intacct_bridge.data").joinpath("doctor.json").read_bytes()
    return msgspec.json.decode(raw, type=_Catalogue)


@cache
def titles() -> Mapping[str, str]:
    """Every step in order, with its name for people."""
    return dict(_catalogue().steps)


def tag_of(source: str) -> str:
    """The tag of a source: its first word, if that is confirmed, observed or inferred."""
    first = source.partition(" ")[0].rstrip(":;,")
    return first if first in ("confirmed", "observed", "inferred") else ""


def ok(step: str, observed: str, means: str = "", objects: tuple[str, ...] = ()) -> DoctorFinding:
    """A passed step; `means` adds a note, and `objects` are those that it could not test."""
    return DoctorFinding(step, Status.OK, observed, means=means, objects=objects)


def skipped(step: str, why: str) -> DoctorFinding:
    """A step that did not run."""
    return DoctorFinding(step, Status.SKIPPED, why)


def known_finding(
    step: str,
    name: str,
    observed: str,
    *,
    status: Status = Status.FAILURE,
    ids: Mapping[str, str] | None = None,
    causes: tuple[Cause, ...] = (),
    objects: tuple[str, ...] = (),
) -> DoctorFinding:
    """A finding of the data file; `ids` are the values for the placeholders of its wording."""
    entry = _catalogue().findings[name]
    values = {"objects": ", ".join(objects), **(ids or {})}
    return DoctorFinding(
        step,
        status,
        observed,
        name,
        means=_filled(entry.means, values),
        fix=_filled(entry.fix, values),
        menu=_filled(entry.menu, values),
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
    """A finding from the gateway's error, in the wording of the error catalogue."""
    diagnosis = error.diagnosis or Diagnosis("", "", "", error.message)
    cause = "" if causes else diagnosis.cause  # the list of causes says the same in detail
    return DoctorFinding(
        step,
        status,
        gateway_text(error),
        diagnosis.entry,
        means=" ".join(part for part in (diagnosis.means if diagnosis.entry else "", cause) if part),
        fix=error.fix or diagnosis.fix,
        menu=diagnosis.menu,
        who=diagnosis.who,
        source=diagnosis.source if diagnosis.entry else "inferred",
        causes=causes,
        objects=objects,
        support_id=next((fault.support_id for fault in error.faults if fault.support_id), ""),
    )


def gateway_text(error: IntacctError) -> str:
    """The gateway's own message: the diagnosed fault, or all faults if the catalogue knows none of them."""
    diagnosis = error.diagnosis
    if diagnosis is not None and diagnosis.fault.errorno == PAGE:
        return error.message
    if diagnosis is not None and diagnosis.entry and diagnosis.fault.text:
        return str(diagnosis.fault)
    return "; ".join(str(fault) for fault in error.faults) or error.message


def causes_of(name: str, ids: Mapping[str, str], *, without: tuple[str, ...] = ()) -> tuple[Cause, ...]:
    """Every possible cause of an answer, in order; empty for an answer with one cause."""
    causes = []
    for cause in _catalogue().sets.get(name, ()):
        if cause not in without:
            entry = _catalogue().causes[cause]
            menu = _filled(entry.menu, ids)
            causes.append(
                Cause(cause, _filled(entry.cause, ids), _filled(entry.fix, ids), menu, entry.who, entry.source)
            )
    return tuple(causes)


def _filled(template: str, ids: Mapping[str, str]) -> str:
    return template.format_map(ids) if "{" in template else template
