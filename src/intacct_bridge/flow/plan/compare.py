"""What an update would change: the input's fields and lines held against the company's record.

Only what the input says is compared. A line set is compared as a whole and replaced as a whole, for that is how the
gateway takes it; the order of its lines does not matter.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from intacct_bridge.flow.company.current_records import POSTED_ON, Names, Standing
from intacct_bridge.flow.company.gateway import Row
from intacct_bridge.flow.company.writable import WRITTEN_BY_NAME, LineSet, Subject
from intacct_bridge.flow.records.values import comparable
from intacct_bridge.flow.records.write import Finding, Line, Operation, Write
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


def changes(write: Write, standing: Standing, subject: Subject, key: Names) -> tuple[Change, ...]:
    """Everything that an update would change, what cannot be compared left out."""
    return tuple(_changes(write, standing, subject, key))


def _changes(write: Write, standing: Standing, subject: Subject, key: Names) -> Iterator[Change]:
    apart = (*key, subject.trace.record, *WRITTEN_BY_NAME)
    for name, value in write.fields.items():
        if name in standing.row and name not in apart:
            before, after = comparable(standing.row[name]), comparable(value)
            if before != after:
                yield Change(name, before, after)
    for wrapper, lines in write.lines.items():
        there = standing.lines.get(wrapper)
        if there is None:
            yield Change(wrapper, "unknown lines", f"{len(lines)} lines")
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


def _names(lines: Iterable[Line]) -> list[str]:
    return sorted({name for line in lines for name in line.fields})


def _summed(lines: Iterable[Mapping[str, Value]], names: Iterable[str]) -> str:
    """A line set in few words: how many, and the sum of the amounts that the input gives."""
    lines, amounts = list(lines), [name for name in names if name.endswith("AMOUNT")]
    said = f"{len(lines)} line{'s' if len(lines) != 1 else ''}"
    if not amounts:
        return said
    total = sum((value for line in lines if isinstance(value := line.get(amounts[0]), Decimal)), Decimal(0))
    exponent = total.as_tuple().exponent
    return f"{said} of {total.quantize(_CENT) if isinstance(exponent, int) and exponent > -2 else total:f}"


def narrowed(write: Write, standing: Standing, subject: Subject, found: tuple[Change, ...]) -> Write:
    """The update that says only what changes, beside the record number."""
    names = {change.name for change in found}
    compared = standing.row.keys()
    wanted = subject.older.required("update") if subject.older else ()
    fields = {
        name: value
        for name, value in write.fields.items()
        if name in names or name in wanted or (name not in compared and name != subject.trace.record)
    }
    number: Value = int(standing.record) if standing.record.isdecimal() else standing.record
    return replace(
        write,
        operation=Operation.UPDATE,
        fields={subject.trace.record: number, **fields},
        lines={wrapper: lines for wrapper, lines in write.lines.items() if wrapper in names},
        known={name: day for name in POSTED_ON if type(day := standing.row.get(name)) is date},
    )


def deletion(write: Write, standing: Standing, subject: Subject) -> Write:
    """The delete of the record that was found."""
    return replace(write, operation=Operation.DELETE, fields={subject.trace.record: standing.record}, lines={})


def fixed(write: Write, standing: Standing, subject: Subject, found: tuple[Change, ...]) -> Finding | None:
    """Why the record's state forbids this; advice where the company may still allow it."""
    state = comparable(standing.row.get("STATE"))
    if state not in subject.trace.fixed_in:
        return None
    kept = write.operation is not Operation.DELETE and not any(change.name in write.lines for change in found)
    what = "its lines cannot be replaced" if write.operation is not Operation.DELETE else "it cannot be deleted"
    what = "the company may refuse this change" if kept else what
    fix = "" if kept else "reverse the payment first, or enter an adjustment"
    return Finding("state", f"{write.label} is {state}: {what}", fix, "", write.position, refuses=not kept)


def renumbered(write: Write, standing: Standing, subject: Subject, found: tuple[Change, ...]) -> Finding | None:
    """Why an older function cannot make the lines what the input says: it changes them by number, and adds others."""
    if subject.older is None:
        return None
    for change in found:
        ours, theirs = write.lines.get(change.name), standing.lines.get(change.name, ())
        if ours is not None and len(ours) != len(theirs):
            message = f"document type 2.1 changes lines by their number: here are {len(ours)}, there are {len(theirs)}"
            return Finding("lines", message, "use a 3.0 connection, or delete and create", "", write.position)
    return None
