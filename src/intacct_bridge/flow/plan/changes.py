"""What a write aims at: a new record, or one that the company has, and then what would change.

Updates and deletes are not remembered as done: the company itself says what is left to do, each time anew.

What an update would change: the input's fields and lines held against the company's record.

Only what the input says is compared. A line set is compared as a whole and replaced as a whole, for that is how the
gateway takes it; the order of its lines does not matter.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from intacct_bridge.client.protocol import Gateway, Row
from intacct_bridge.errors import RecordError
from intacct_bridge.flow.company.current_records import POSTED_ON, CurrentRecord, Locator, Names, key_names, key_texts
from intacct_bridge.flow.company.writable import WRITTEN_BY_NAME, LineSet, Subject
from intacct_bridge.flow.records.identity import existing_identity
from intacct_bridge.flow.records.values import comparable
from intacct_bridge.flow.records.write import Finding, RecordLine, Write, WriteOperation
from intacct_bridge.model.wording import counted
from intacct_bridge.wire.values import Value

_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between the company and the input."""

    name: str
    """A field, or the wrapper of a line set."""
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.name}: {self.before or '(empty)'} -> {self.after or '(empty)'}"


def changes(write: Write, standing: CurrentRecord, subject: Subject, key: Names) -> tuple[Change, ...]:
    """Everything that an update would change, what cannot be compared left out."""
    return tuple(_changes(write, standing, subject, key))


def _changes(write: Write, standing: CurrentRecord, subject: Subject, key: Names) -> Iterator[Change]:
    apart = (*key, subject.lookup.record_key, *WRITTEN_BY_NAME)
    for name, value in write.fields.items():
        if name in standing.row and name not in apart:
            before, after = comparable(standing.row[name]), comparable(value)
            if before != after:
                yield Change(name, before, after)
    for wrapper, lines in write.lines.items():
        there = standing.lines.get(wrapper)
        if there is None:
            yield Change(wrapper, "unknown lines", counted(len(lines), "line"))
        else:
            held = subject.line_set(wrapper)
            ours = [_comparable(line.fields, held) for line in lines]
            if not same_lines(ours, there):
                yield Change(wrapper, _summed(there, _names(lines)), _summed(ours, _names(lines)))


def _comparable(fields: Mapping[str, Value], held: LineSet | None) -> Mapping[str, Value]:
    """A line without its parts (taxes, splits), which the company tells nobody."""
    described = held.described if held else None
    return fields if described is None else {name: value for name, value in fields.items() if described.get(name)}


def same_lines(ours: Iterable[Mapping[str, Value]], theirs: Iterable[Row]) -> bool:
    """Whether two line sets say the same of the fields that ours mentions."""
    ours = list(ours)
    names = sorted({name for line in ours for name in line})
    return _counted(ours, names) == _counted(theirs, names)


def _counted(lines: Iterable[Mapping[str, Value]], names: Iterable[str]) -> Counter[tuple[str, ...]]:
    names = tuple(names)
    return Counter(tuple(comparable(line.get(name)) for name in names) for line in lines)


def _names(lines: Iterable[RecordLine]) -> list[str]:
    return sorted({name for line in lines for name in line.fields})


def _summed(lines: Iterable[Mapping[str, Value]], names: Iterable[str]) -> str:
    """A line set in few words: how many, and the sum of the amounts that the input gives."""
    lines, amounts = list(lines), [name for name in names if name.endswith("AMOUNT")]
    said = counted(len(lines), "line")
    if not amounts:
        return said
    total = sum((value for line in lines if isinstance(value := line.get(amounts[0]), Decimal)), Decimal(0))
    exponent = total.as_tuple().exponent
    return f"{said} of {total.quantize(_CENT) if isinstance(exponent, int) and exponent > -2 else total:f}"


def narrowed(write: Write, standing: CurrentRecord, subject: Subject, found: tuple[Change, ...]) -> Write:
    """The update that says only what changes, beside the record number."""
    names = {change.name for change in found}
    compared = standing.row.keys()
    wanted = subject.legacy.required("update") if subject.legacy else ()
    fields = {
        name: value
        for name, value in write.fields.items()
        if name in names or name in wanted or (name not in compared and name != subject.lookup.record_key)
    }
    number: Value = int(standing.record) if standing.record.isdecimal() else standing.record
    return replace(
        write,
        operation=WriteOperation.UPDATE,
        fields={subject.lookup.record_key: number, **fields},
        lines={wrapper: lines for wrapper, lines in write.lines.items() if wrapper in names},
        known={name: day for name in POSTED_ON if type(day := standing.row.get(name)) is date},
    )


def deletion(write: Write, standing: CurrentRecord, subject: Subject) -> Write:
    """The delete of the record that was found."""
    return replace(
        write, operation=WriteOperation.DELETE, fields={subject.lookup.record_key: standing.record}, lines={}
    )


def fixed(write: Write, standing: CurrentRecord, subject: Subject, found: tuple[Change, ...]) -> Finding | None:
    """Why the record's state forbids this; advice where the company may still allow it."""
    state = comparable(standing.row.get("STATE"))
    if state not in subject.lookup.locked_states:
        return None
    kept = write.operation is not WriteOperation.DELETE and not any(change.name in write.lines for change in found)
    what = "its lines cannot be replaced" if write.operation is not WriteOperation.DELETE else "it cannot be deleted"
    what = "the company may refuse this change" if kept else what
    fix = "" if kept else "reverse the payment first, or enter an adjustment"
    return Finding("state", f"{write.label} is {state}: {what}", fix, "", write.position, refuses=not kept)


def renumbered(write: Write, standing: CurrentRecord, subject: Subject, found: tuple[Change, ...]) -> Finding | None:
    """Why an older function cannot make the lines what the input says: it changes them by number, and adds others."""
    if subject.legacy is None:
        return None
    for change in found:
        ours, theirs = write.lines.get(change.name), standing.lines.get(change.name, ())
        if ours is not None and len(ours) != len(theirs):
            message = f"document type 2.1 changes lines by their number: here are {len(ours)}, there are {len(theirs)}"
            return Finding("lines", message, "use a 3.0 connection, or delete and create", "", write.position)
    return None


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

    def __init__(self, company: Gateway, subject: Subject, mode: Mode, match: Names = ()) -> None:
        self._subject = subject
        self._mode = mode
        self._match = match
        self._locator = Locator(company, subject)

    def keyed(self, writes: Iterable[Write]) -> list[Write]:
        """The writes known by the key that finds their record, with the operation that the mode means."""
        return [self._keyed(write) for write in writes]

    def _keyed(self, write: Write) -> Write:
        operation = {Mode.DELETE: WriteOperation.DELETE, Mode.UPDATE: WriteOperation.UPDATE}.get(
            self._mode, WriteOperation.CREATE
        )
        try:
            names = key_names(write, self._subject, self._match)
        except RecordError as error:
            if self._mode is Mode.UPSERT and not self._match:
                return write  # without a key it can only be new
            finding = Finding("key", error.message, error.fix, write.column(error.field or ""), write.position)
            return replace(write, operation=operation, findings=(*write.findings, finding))
        if self._mode is Mode.UPSERT and not self._match and self._subject.lookup.filled_key(write.fields) == names:
            return write  # its identity as a new record is made of the same key
        return replace(write, operation=operation, identity=existing_identity(write.fields, names))

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

    def _one(self, write: Write, names: Names, met: list[CurrentRecord]) -> Aimed:
        if not names:
            return Aimed(write)
        key = " ".join(f"{name} {text!r}" for name, text in key_texts(write, names))
        if len(met) > 1:
            records = ", ".join(one.record for one in met[:5])
            text = f"the company has more than one {write.object} with {key} (record numbers {records})"
            return Aimed(write, findings=(self._finding("key", text, "give the RECORDNO", write, names),))
        if not met:
            if self._mode is Mode.UPSERT and self._subject.lookup.record_key not in names:
                return Aimed(write)
            text = f"the company has no {write.object} with {key}"
            return Aimed(write, findings=(self._finding("missing", text, "check it", write, names),))
        return self._found(write, met[0], names)

    def _found(self, write: Write, standing: CurrentRecord, names: Names) -> Aimed:
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
    company: Gateway, subject: Subject, planned: Sequence[tuple[Write, tuple[Change, ...]]]
) -> list[tuple[tuple[Change, ...], tuple[Finding, ...]]]:
    """For updates and deletes planned earlier: the changes that are left, and what has moved since.

    A delete's change is the record itself, as long as it is there.
    """
    by = (subject.lookup.record_key,)
    met = Locator(company, subject).locate([(write, by) for write, _ in planned])
    return [
        _left(write, before, standing[0] if standing else None, subject)
        for (write, before), standing in zip(planned, met, strict=True)
    ]


def _left(
    write: Write, planned: tuple[Change, ...], standing: CurrentRecord | None, subject: Subject
) -> tuple[tuple[Change, ...], tuple[Finding, ...]]:
    if standing is None:
        return (), (Finding("moved", f"{write.label} is not there any more", "make a new plan", "", write.position),)
    if write.operation is WriteOperation.DELETE:
        return (Change(subject.lookup.record_key, standing.record, ""),), ()
    now = changes(write, standing, subject, (subject.lookup.record_key,))
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
