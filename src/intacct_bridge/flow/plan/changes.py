"""What a write aims at: a new record, or one that the company has, and then what would change.

Updates and deletes are not remembered as done: the company itself says what is left to do, each time anew.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from intacct_bridge.errors import RecordError
from intacct_bridge.flow.company.current_records import Locator, Names, Standing, key_names, key_texts
from intacct_bridge.flow.company.gateway import Company
from intacct_bridge.flow.company.writable import Subject
from intacct_bridge.flow.plan.compare import Change, changes, deletion, fixed, narrowed, renumbered
from intacct_bridge.flow.records.write import Finding, Identity, Operation, Write


class Mode(StrEnum):
    """What a load does with its records."""

    CREATE = "create"
    UPDATE = "update"
    UPSERT = "upsert"
    """Update what is there, create what is not."""
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Aimed:
    """One write with the company's record that it is for."""

    write: Write
    record: str = ""
    """Empty where there is none."""
    changes: tuple[Change, ...] = ()
    findings: tuple[Finding, ...] = ()


class Aim:
    """Decides for the writes of one object."""

    def __init__(self, company: Company, subject: Subject, mode: Mode, match: Names = ()) -> None:
        self._subject = subject
        self._mode = mode
        self._match = match
        self._locator = Locator(company, subject)

    def keyed(self, writes: Iterable[Write]) -> list[Write]:
        """The writes known by the key that finds their record, with the operation that the mode means."""
        return [self._keyed(write) for write in writes]

    def _keyed(self, write: Write) -> Write:
        operation = {Mode.DELETE: Operation.DELETE, Mode.UPDATE: Operation.UPDATE}.get(self._mode, Operation.CREATE)
        try:
            names = key_names(write, self._subject, self._match)
        except RecordError as error:
            if self._mode is Mode.UPSERT and not self._match:
                return write  # without a key it can only be new
            finding = Finding("key", error.message, error.fix, write.column(error.field or ""), write.position)
            return replace(write, operation=operation, findings=(*write.findings, finding))
        if self._mode is Mode.UPSERT and not self._match and self._subject.trace.way(write.fields) == names:
            return write  # its identity as a new record is made of the same key
        identity = Identity(" ".join(f"{name}={text}" for name, text in key_texts(write, names)), "key")
        return replace(write, operation=operation, identity=identity)

    def aim(self, writes: Sequence[Write]) -> list[Aimed]:
        """Each sound write with its record; those that are refused already pass as they are."""
        keyed: list[tuple[Write, Names]] = []
        for write in writes:
            if not any(finding.refuses for finding in write.findings):
                try:
                    keyed.append((write, key_names(write, self._subject, self._match)))
                except RecordError:
                    continue
        found = {id(write): (names, met) for (write, names), met in zip(
            keyed, self._locator.locate(keyed), strict=True)}  # fmt: skip
        return [self._one(write, *found.get(id(write), ((), []))) for write in writes]

    def _one(self, write: Write, names: Names, met: list[Standing]) -> Aimed:
        if not names:
            return Aimed(write)
        key = " ".join(f"{name} {text!r}" for name, text in key_texts(write, names))
        if len(met) > 1:
            records = ", ".join(one.record for one in met[:5])
            text = f"the company has more than one {write.object} with {key} (record numbers {records})"
            return Aimed(write, findings=(self._finding("key", text, "give the RECORDNO", write, names),))
        if not met:
            if self._mode is Mode.UPSERT and self._subject.trace.record not in names:
                return Aimed(write)
            text = f"the company has no {write.object} with {key}"
            return Aimed(write, findings=(self._finding("missing", text, "check it", write, names),))
        return self._found(write, met[0], names)

    def _found(self, write: Write, standing: Standing, names: Names) -> Aimed:
        if self._mode is Mode.DELETE:
            gone = deletion(write, standing, self._subject)
            stopped = fixed(gone, standing, self._subject, ())
            return Aimed(gone, standing.record, findings=(stopped,) if stopped else ())
        found = changes(write, standing, self._subject, names)
        said = [fixed(write, standing, self._subject, found) if found else None]
        said.append(renumbered(write, standing, self._subject, found))
        made = narrowed(write, standing, self._subject, found)
        return Aimed(made, standing.record, found, tuple(one for one in said if one is not None))

    def _finding(self, rule: str, text: str, fix: str, write: Write, names: Names) -> Finding:
        return Finding(rule, text, fix, write.column(names[0]), write.position)


def confirmed(
    company: Company, subject: Subject, planned: Sequence[tuple[Write, tuple[Change, ...]]]
) -> list[tuple[tuple[Change, ...], tuple[Finding, ...]]]:
    """For updates and deletes planned earlier: the changes that are left, and what has moved since.

    A delete's change is the record itself, as long as it is there.
    """
    by = (subject.trace.record,)
    met = Locator(company, subject).locate([(write, by) for write, _ in planned])
    return [
        _left(write, before, standing[0] if standing else None, subject)
        for (write, before), standing in zip(planned, met, strict=True)
    ]


def _left(
    write: Write, planned: tuple[Change, ...], standing: Standing | None, subject: Subject
) -> tuple[tuple[Change, ...], tuple[Finding, ...]]:
    if standing is None:
        return (), (Finding("moved", f"{write.label} is not there any more", "make a new plan", "", write.position),)
    if write.operation is Operation.DELETE:
        return (Change(subject.trace.record, standing.record, ""),), ()
    now = changes(write, standing, subject, (subject.trace.record,))
    then = {change.name: change for change in planned}
    moved = [one for one in now if one.name not in then or then[one.name].before != one.before]
    findings = tuple(
        Finding(
            "moved",
            f"{one.name} of {write.label} is {one.before!r} now",
            "make a new plan",
            write.column(one.name),
            write.position,
        )
        for one in moved
    )
    return now, findings
