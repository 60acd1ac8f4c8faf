"""The difference between the input and the company's record, and the update or delete that makes it.

Only fields and lines that the input has are compared. A line set is compared and replaced as a whole, because the
gateway takes it so; the order of its lines does not matter. Fields that the company takes and does not show, such as
the day on which an entry reverses itself, cannot be compared: they are changes whose earlier value is unknown.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal

from intacct_bridge.client.protocol import Row
from intacct_bridge.load.records.values import comparable, equal_form
from intacct_bridge.load.records.write import Finding, Write, WriteOperation
from intacct_bridge.load.target.current_records import (
    POSTED_ON,
    CurrentRecord,
    Names,
    counted_lines,
    described_fields,
    line_texts,
    replaced_values,
)
from intacct_bridge.load.target.writable import WRITTEN_BY_NAME, WritableObject
from intacct_protocol.model.keys import natural_key
from intacct_protocol.model.wording import amount_shown, counted
from intacct_protocol.model.writing.functions import SPECIFIC_UPDATE
from intacct_protocol.xml.values import Value

UNKNOWN = "not shown by Intacct"
"""The earlier value of a field that the company takes and does not show."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between the company and the input."""

    name: str
    """A field, or the wrapper of a line set."""
    before: str
    after: str
    lines: tuple[str, ...] = ()
    """Of a line set, each line that goes (`- ...`) and each that comes (`+ ...`)."""

    def is_as_planned(self, planned: "Change | None") -> bool:
        """Whether the company's value is the one that the planned change has; lines are compared one by one."""
        if self.before == UNKNOWN:
            return True
        if planned is None or planned.before != self.before:
            return False
        return sorted(planned.lines) == sorted(self.lines)

    def __str__(self) -> str:
        return f"{self.name}: {self.before or '(empty)'} -> {self.after or '(empty)'}"


def differences(write: Write, current: CurrentRecord, writable: WritableObject, key: Names) -> tuple[Change, ...]:
    """Everything that an update would change; fields that cannot be compared are left out."""
    return tuple(_differences(write, current, writable, key))


def unknown_changes(write: Write, current: CurrentRecord, writable: WritableObject) -> tuple[Change, ...]:
    """The fields that cannot be compared, since the company does not show them."""
    excluded = (writable.lookup.record_key, *WRITTEN_BY_NAME)
    return tuple(
        Change(name, UNKNOWN, comparable(value))
        for name, value in write.fields.items()
        if name not in current.row and name not in excluded
    )


def left_alone(write: Write, current: CurrentRecord) -> Iterator[Finding]:
    """A warning of each field that an update does not change: the company shows its number, and takes its name."""
    for name in WRITTEN_BY_NAME:
        if name in write.fields and name in current.row:
            text = f"{name} cannot be compared with Intacct, and an update leaves it as it is"
            yield Finding("compare", text, "", write.column(name), write.position, refuses=False)


def _differences(write: Write, current: CurrentRecord, writable: WritableObject, key: Names) -> Iterator[Change]:
    excluded = (*key, writable.lookup.record_key, *WRITTEN_BY_NAME)
    for name, value in write.fields.items():
        if name in current.row and name not in excluded:
            before, after = current.row[name], _comparable_moment(value, current.row[name], writable)
            alike = write.equivalents.get(name, {}).get(comparable(after), ())
            if equal_form(before) != equal_form(after) and before not in alike:
                yield Change(name, comparable(before), comparable(after))
    for wrapper, lines in write.lines.items():
        theirs = current.lines.get(wrapper)
        if theirs is None:
            yield Change(wrapper, "unknown lines", counted(len(lines), "line"))
        else:
            line_set = writable.line_set(wrapper)
            ours = [described_fields(line.fields, line_set) for line in lines]
            if not same_lines(ours, theirs):
                names = sorted({name for line in lines for name in line.fields})
                yield Change(
                    wrapper, _summary(theirs, names), _summary(ours, names), _line_changes(ours, theirs, names)
                )


def _comparable_moment(value: Value, before: Value, writable: WritableObject) -> Value:
    """The value; beside a moment of the company, a time without a zone is UTC, and a day is midnight on the API user's
    clock.
    """
    if not isinstance(before, datetime) or not isinstance(value, date):
        return value
    if not isinstance(value, datetime):
        return datetime.combine(value, time(), writable.formatting().zone)
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def same_lines(ours: Iterable[Mapping[str, Value]], theirs: Iterable[Row]) -> bool:
    """Whether two line sets are equal in the fields that ours has, regardless of their order."""
    ours = list(ours)
    names = sorted({name for line in ours for name in line})
    return counted_lines(ours, names) == counted_lines(theirs, names)


def _line_changes(ours: Iterable[Mapping[str, Value]], theirs: Iterable[Row], names: Iterable[str]) -> tuple[str, ...]:
    """The lines that only one side has, those that go first."""
    names = tuple(names)
    new, old = counted_lines(ours, names), counted_lines(theirs, names)
    removed, added = line_texts(old - new, names), line_texts(new - old, names)
    return (*(f"- {text}" for text in removed), *(f"+ {text}" for text in added))


def _summary(lines: Iterable[Mapping[str, Value]], names: Iterable[str]) -> str:
    """A line set in few words: how many lines, and the sum of their amounts; debits and credits are not added up."""
    lines, names = list(lines), list(names)
    amounts = [name for name in names if name.endswith("AMOUNT")]
    count = counted(len(lines), "line")
    if not amounts or "TR_TYPE" in names:
        return count
    total = sum((value for line in lines if isinstance(value := line.get(amounts[0]), Decimal)), Decimal(0))
    return f"{count} of {amount_shown(total)}"


def update_of(write: Write, current: CurrentRecord, writable: WritableObject, changes: tuple[Change, ...]) -> Write:
    """The update that sends only the fields and lines that change, beside the record number."""
    names = {change.name for change in changes}
    required = writable.legacy.required("update") if writable.legacy else ()
    fields = {name: current.row[name] for name in writable.lookup.update_requires if current.row.get(name)} | {
        name: value
        for name, value in write.fields.items()
        if name in names or name in required or (name not in current.row and name != writable.lookup.record_key)
    }
    return replace(
        write,
        operation=WriteOperation.UPDATE,
        fields={writable.lookup.record_key: current.number, **fields},
        lines={wrapper: lines for wrapper, lines in write.lines.items() if wrapper in names},
        input_content=write.content,
        unchanged=_copied_values(write, current, writable),
        earlier=replaced_values(
            replace(write, fields=fields, lines={one: lines for one, lines in write.lines.items() if one in names}),
            current,
            writable,
        ),
    )


def _copied_values(write: Write, current: CurrentRecord, writable: WritableObject) -> dict[str, Value]:
    """The dates of the record, its currency, and its natural key if the object's own function names it by that."""
    copied: dict[str, Value] = {name: day for name in POSTED_ON if type(day := current.row.get(name)) is date}
    copied |= {name: current.row[name] for name in ("CURRENCY",) if current.row.get(name)}
    natural = natural_key(write.object) if write.object in SPECIFIC_UPDATE and writable.legacy is None else None
    return copied | ({natural: current.row[natural]} if natural and current.row.get(natural) else {})


def deletion_of(write: Write, current: CurrentRecord, writable: WritableObject) -> Write:
    """The delete of an existing record."""
    fields: dict[str, Value] = {writable.lookup.record_key: current.number}
    return replace(write, operation=WriteOperation.DELETE, fields=fields, lines={}, input_content=write.content)


def obstacles(
    write: Write, current: CurrentRecord, writable: WritableObject, changes: tuple[Change, ...] = ()
) -> tuple[Finding, ...]:
    """Why this update or delete cannot be done, or may be refused by the company."""
    findings: list[Finding | None] = []
    if changes or write.operation is WriteOperation.DELETE:
        findings.append(_locked(write, current, writable, changes))
    findings.append(_lines_by_number(write, current, writable, changes))
    return tuple(one for one in findings if one is not None)


def _locked(
    write: Write, current: CurrentRecord, writable: WritableObject, changes: tuple[Change, ...]
) -> Finding | None:
    """Why the record's state forbids this; a warning if the company may still allow it."""
    state = comparable(current.row.get("STATE"))
    if state not in writable.lookup.locked_states:
        return None
    deletes = write.operation is WriteOperation.DELETE
    if not deletes and not any(change.name in write.lines for change in changes):
        text = f"{write.label} is {state}: the company may refuse this change"
        return Finding("state", text, "", "", write.position, refuses=False)
    text = f"{write.label} is {state}: {'it cannot be deleted' if deletes else 'its lines cannot be replaced'}"
    return Finding("state", text, "reverse the payment first, or enter an adjustment", "", write.position)


def _lines_by_number(
    write: Write, current: CurrentRecord, writable: WritableObject, changes: tuple[Change, ...]
) -> Finding | None:
    """Why an object's own function cannot make the lines equal: it changes lines by their number, and adds others."""
    if writable.legacy is None and write.object not in SPECIFIC_UPDATE:
        return None
    for change in changes:
        ours, theirs = write.lines.get(change.name), current.lines.get(change.name, ())
        if ours is not None and len(ours) != len(theirs):
            message = (
                f"an update of {write.object} changes lines by their number: "
                f"the input has {counted(len(ours), 'line')}, the company has {len(theirs)}"
            )
            other = "use a 3.0 connection, or " if write.object not in SPECIFIC_UPDATE else ""
            return Finding("lines", message, f"{other}delete and create", "", write.position)
    return None
