"""Whether an update or a delete was done, read from the record itself.

The outbox has the update as the text of its function; the company has the record as it is now. If the record has all
values of the update, that is proof, regardless of who wrote them. If it has not, the update may be sent again, because
an update sets the fields that it names and replaces a line set as a whole. Four cases are unclear, because the first
sending may have been done and then overwritten: lines differ, another user changed the record since, the record has
other values than those that the update was to replace, or a later update of ours has the same fields. A second sending
would take these values away.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.load.outbox.entry import OutboxEntry, WriteTarget
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.outbox.sent_write import sent_key, sent_write
from intacct_bridge.load.plan.changes import differences, unknown_changes
from intacct_bridge.load.records.status import UNRESOLVED
from intacct_bridge.load.records.values import comparable
from intacct_bridge.load.records.write import Write, WriteOperation
from intacct_bridge.load.target.current_records import CurrentRecord, Locator, moved_facts, replaced_values
from intacct_bridge.load.target.writable import WritableObject, writable_object
from intacct_protocol.model.writing.actions import action_of
from intacct_protocol.xml.values import Value


class ReadbackVerdict(StrEnum):
    """Whether a write was done."""

    DONE = "done"
    NOT_DONE = "not done"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Readback:
    """The result of reading one record back."""

    verdict: ReadbackVerdict
    record: str = ""
    note: str = ""
    earlier: Mapping[str, Value] | None = None
    """The values that an update which was not done replaces if it is sent again."""


def read_back(company: Gateway, outbox: Outbox, entries: Sequence[OutboxEntry]) -> list[Readback]:
    """One result for each of these updates or deletes, which are all of one object."""
    writable = writable_object(company, entries[0].target.object)
    writes = [sent_write(writable, entry) for entry in entries]
    keys = [sent_key(writable, entry) for entry in entries]
    located = Locator(company, writable).locate([(write, (key,)) for write, key in zip(writes, keys, strict=True)])
    later = _Updates(outbox, writable, entries[0].target)
    done: list[Readback] = []
    for write, entry, records in zip(writes, entries, located, strict=True):
        back = _compare(writable, write, entry, records[0] if records else None)
        updates = write.operation is WriteOperation.UPDATE and back.verdict is ReadbackVerdict.NOT_DONE
        before = outbox.replaced_values(entry) if updates else None
        done.append(_unless_changed(writable, write, entry, records[0], later, before) if updates else back)
    return done


class _Updates:
    """The updates of one object that are or may be applied; the outbox is asked if they are needed."""

    def __init__(self, outbox: Outbox, writable: WritableObject, target: WriteTarget) -> None:
        self._outbox, self._writable, self._target = outbox, writable, target
        self._unresolved: list[tuple[str, OutboxEntry]] | None = None

    def of(self, records: Collection[str]) -> list[OutboxEntry]:
        """The updates of a record, by any of its keys."""
        company, name = self._target.company, self._target.object
        if self._unresolved is None:
            unresolved = self._outbox.entries(company=company, statuses=UNRESOLVED, object=name)
            updates = (one for one in unresolved if one.target.operation is WriteOperation.UPDATE)
            self._unresolved = [(self._key(one), one) for one in updates]
        applied = self._outbox.later_writes(company, name, WriteOperation.UPDATE, records)
        return [*(one for some in applied.values() for one in some),
                *(one for key, one in self._unresolved if key in records)]  # fmt: skip

    def _key(self, entry: OutboxEntry) -> str:
        sent = sent_write(self._writable, entry)
        return comparable(sent.fields.get(sent_key(self._writable, entry)))


def _unless_changed(  # noqa: PLR0917
    writable: WritableObject,
    write: Write,
    entry: OutboxEntry,
    current: CurrentRecord,
    updates: _Updates,
    earlier: Mapping[str, Value] | None,
) -> Readback:
    """That an update was not done, unless the fields that differ have other values than it was to replace."""
    record = comparable(write.fields.get(sent_key(writable, entry)))
    note = _updated_since(writable, write, entry, current, updates)
    if not note and (moved := _moved(writable, write, earlier or {}, current)):
        note = f"its record has other values than the plan has seen ({moved}): compare them"
    if note:
        return Readback(ReadbackVerdict.UNCLEAR, record, note)
    return Readback(ReadbackVerdict.NOT_DONE, record, earlier=_replaced(writable, write, entry, current))


def _replaced(
    writable: WritableObject, write: Write, entry: OutboxEntry, current: CurrentRecord
) -> Mapping[str, Value]:
    """The values that an update replaces now, without the key that names its record."""
    fields = {name: value for name, value in write.fields.items() if name != sent_key(writable, entry)}
    return replaced_values(replace(write, fields=fields), current, writable)


def _updated_since(
    writable: WritableObject, write: Write, entry: OutboxEntry, current: CurrentRecord, updates: _Updates
) -> str:
    """The later update of ours that has the fields which an update would change; empty if there is none."""
    key = sent_key(writable, entry)
    record = comparable(write.fields.get(key))
    changes = (*differences(write, current, writable, (key,)), *unknown_changes(write, current, writable))
    left = {change.name for change in changes}
    for other in updates.of({record, current.record}):
        if other.number > entry.number and (both := left & sent_write(writable, other).fields.keys()):
            names = ", ".join(sorted(both))
            return f"entry {other.number} of the outbox changes {write.object} {record} after it: compare {names}"
    return ""


@dataclass(frozen=True, slots=True)
class Recheck:
    """The record of an unapplied change as the company has it now."""

    outdated: str = ""
    """Why the change must not be sent as it is; empty if its record is as its plan has seen it."""
    earlier: Mapping[str, Value] | None = None
    """The values that it replaces now; None if the record was not found."""


def recheck(company: Gateway, outbox: Outbox, entries: Sequence[OutboxEntry]) -> dict[int, Recheck]:
    """How the records of unapplied updates, deletes and actions of one object stand now, by the entries' numbers.

    A change is outdated if its record has other values by now than its plan has seen.
    """
    writable = writable_object(company, entries[0].target.object)
    writes = [sent_write(writable, entry) for entry in entries]
    by = [(write, (sent_key(writable, one),)) for write, one in zip(writes, entries, strict=True)]
    updates = _Updates(outbox, writable, entries[0].target)
    now: dict[int, Recheck] = {}
    for write, entry, records_now in zip(writes, entries, Locator(company, writable).locate(by), strict=True):
        before = outbox.replaced_values(entry)
        if not records_now:
            text = f"{write.label or write.object} is not visible in Intacct now" if before is not None else ""
            now[entry.number] = Recheck(text)
        elif write.operation is WriteOperation.UPDATE:
            reason = _updated_since(writable, write, entry, records_now[0], updates)
            if not reason and (moved := _moved(writable, write, before or {}, records_now[0])):
                reason = f"its record was changed in Intacct since ({moved}): load it again"
            now[entry.number] = Recheck(reason, _replaced(writable, write, entry, records_now[0]))
        else:
            facts = {name: comparable(value) for name, value in (before or {}).items()}
            moved = "; ".join(one.message for one in moved_facts(write, facts, records_now[0].facts))
            now[entry.number] = Recheck(moved and f"{moved}: plan it again", records_now[0].facts)
    return now


def _moved(writable: WritableObject, write: Write, earlier: Mapping[str, Value], current: CurrentRecord) -> str:
    """Which values are neither those that an update was to replace nor its own."""
    changed = {change.name for change in differences(write, current, writable, ())}
    before = replace(write, fields={name: value for name, value in earlier.items() if name in changed}, lines={})
    moved = differences(before, current, writable, ())
    texts = [f"{one.name} is {one.before or 'empty'}, not {one.after or 'empty'}" for one in moved]
    lines = {name: value for name, value in earlier.items() if name in changed and name in write.lines}
    now = replaced_values(write, current, writable)
    texts += [f"{name} has other lines" for name, value in lines.items() if now.get(name) != value]
    return "; ".join(texts)


def _compare(writable: WritableObject, write: Write, entry: OutboxEntry, current: CurrentRecord | None) -> Readback:
    key = sent_key(writable, entry)
    record = comparable(write.fields.get(key))
    if write.operation.is_action:
        return _compare_state(write, record, current)
    if write.operation is WriteOperation.DELETE:
        return Readback(ReadbackVerdict.DONE if current is None else ReadbackVerdict.NOT_DONE, record)
    if current is None:
        return Readback(ReadbackVerdict.UNCLEAR, record, f"{write.object} {record} no longer exists in Intacct")
    unknown = unknown_changes(write, current, writable)
    left = differences(write, current, writable, (key,))
    if not left and len(unknown) < len(write.fields.keys() - {key}) + len(write.lines):
        return Readback(ReadbackVerdict.DONE, record)
    left = left or unknown  # the company shows nothing of it
    names = ", ".join(change.name for change in left)
    if any(change.name in write.lines for change in left):
        note = f"the lines of {write.object} {record} differ: compare {names}"
        return Readback(ReadbackVerdict.UNCLEAR, record, note)
    other_user = _changed_by(current, entry)
    if other_user:
        note = f"{other_user} changed {write.object} {record} after it was sent: compare {names}"
        return Readback(ReadbackVerdict.UNCLEAR, record, note)
    return Readback(ReadbackVerdict.NOT_DONE, record)


def _compare_state(write: Write, record: str, current: CurrentRecord | None) -> Readback:
    """Whether an action was done, by the state of its record."""
    if current is None:
        return Readback(ReadbackVerdict.UNCLEAR, record, f"{write.object} {record} is not visible")
    action = action_of(write.operation.value, write.object)
    state = comparable(current.row.get("STATE"))
    if state.casefold() in action.done:
        return Readback(ReadbackVerdict.DONE, record)
    if not state or (action.waits and state.casefold() not in action.waits):
        note = f"{write.object} {record} is {state or 'without a state'}: compare it"
        return Readback(ReadbackVerdict.UNCLEAR, record, note)
    return Readback(ReadbackVerdict.NOT_DONE, record)


def _changed_by(current: CurrentRecord, entry: OutboxEntry) -> str:
    """The other user who changed the record after the sending; empty if none is known to have."""
    who, when = comparable(current.row.get("MODIFIEDBYLOGINID")), current.row.get("WHENMODIFIED")
    if not who or who.casefold() == entry.user.casefold() or not isinstance(when, datetime):
        return ""
    return who if entry.sent_at is not None and when >= entry.sent_at else ""
