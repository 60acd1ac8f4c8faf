"""Taking back what the outbox posted, by what Intacct documents for each object, the latest record first.

A bill, an invoice, a payment, a card transaction or an expense report that is posted is reversed on a day. A payment
request that waits is voided. A journal entry gets an opposite entry on that day. Everything else is deleted, and so is
a draft, or everything if the settings say so. Of an update the earlier values are written back, if the outbox has
them. A delete cannot be taken back: a record that is made again has another record number, and none of its history.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import groupby

from intacct_bridge.client.protocol import Gateway, Row
from intacct_bridge.client.reading.key_lookup import rows_by_keys
from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.plan import Plan
from intacct_bridge.load.plan.planner import plan_in_stages
from intacct_bridge.load.records.lookup_keys import lookup_keys_of
from intacct_bridge.load.records.status import UNRESOLVED, RecordStatus
from intacct_bridge.load.records.values import comparable, equal_form
from intacct_bridge.load.records.write import Write, WriteOperation
from intacct_bridge.load.target.entities import entity_id
from intacct_bridge.load.target.target_company import TargetCompany
from intacct_bridge.load.target.writable import writable_object
from intacct_bridge.load.undo.action_writes import action_write, delete_write
from intacct_bridge.load.undo.opposite import JOURNAL_ENTRY, opposite_write
from intacct_bridge.load.undo.restore import restoring_writes
from intacct_protocol.errors import IntacctError, InvalidRequestError, RecordError
from intacct_protocol.model.query.query import Query
from intacct_protocol.model.wording import counted
from intacct_protocol.model.writing.actions import ACTIONS

_FOLDER = "SUPDOCFOLDER"
"""Attachment folders stay: other records may use them."""
_UNPOSTED = ("draft", "submitted", "partially approved", "declined")
_REQUESTED = ("submitted", "approved", "partially approved")
_BATCH = 500
_DATED = (WriteOperation.CREATE, WriteOperation.REVERSE)


@dataclass(frozen=True, slots=True)
class UndoSettings:
    """How to take back."""

    day: date
    """The day of reversals and opposite entries."""
    delete: bool = False
    """Delete instead, if Intacct allows it."""
    memo: str = ""
    """The text of reversals, and the title of opposite entries."""


@dataclass(frozen=True, slots=True)
class UndoRefusal:
    """An entry that is not taken back, and why."""

    entry: OutboxEntry
    reason: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Undo:
    """The plan that takes entries back, and what cannot be taken back."""

    plan: Plan | None
    """Its records come in the order in which they are applied; None if nothing is left to take back."""
    refused: tuple[UndoRefusal, ...]
    left: tuple[UndoRefusal, ...] = ()
    """Entries that are left as they are, with the reason: taken back before, or to be taken back by a second undo."""


def plan_undo(
    company: Gateway,
    outbox: Outbox,
    entries: Iterable[OutboxEntry],
    settings: UndoSettings,
    *,
    source: str = "undo",
) -> Undo:
    """Decide for each entry how it is taken back. It reads the company and writes nothing."""
    chosen = _choose(outbox, entries)
    writes: list[Write] = []
    doubtful = _doubtful(outbox)
    for (entity, _, updates), group in groupby(chosen.to_take, key=_place):
        batch = list(group)
        here = TargetCompany.of(company.connection).entity.casefold()
        place = "" if entity == here else entity_id(entity, company)
        within = company.entity(place) if place else company
        decided: Sequence[Write | IntacctError | None]
        try:
            if updates:
                decided = restoring_writes(within, outbox, batch, doubtful=doubtful, entity=place)
            else:
                decided = _taking_back(within, batch, settings, place, doubtful)
        except InvalidRequestError as error:  # no function reads such records
            decided = [error] * len(batch)
        for entry, write in zip(batch, decided, strict=True):
            if isinstance(write, IntacctError):
                chosen.refused.append(UndoRefusal(entry, write.message, write.fix or ""))
            elif write is None:
                chosen.left.append(UndoRefusal(entry, "its record has its earlier values again"))
            else:
                writes.append(write)
    plan = plan_in_stages(writes, company, outbox, source=source) if writes else None
    return Undo(plan and _with_day(plan, settings.day), tuple(chosen.refused), tuple(chosen.left))


@dataclass(slots=True)
class _Chosen:
    """The entries of an undo, sorted by what the outbox alone says about them."""

    to_take: list[OutboxEntry] = field(default_factory=list)
    """The latest first."""
    refused: list[UndoRefusal] = field(default_factory=list)
    left: list[UndoRefusal] = field(default_factory=list)


def _choose(outbox: Outbox, entries: Iterable[OutboxEntry]) -> _Chosen:
    chosen = _Chosen()
    updated: dict[tuple[str, str], int] = {}
    """The later update of each record, which is taken back first."""
    for entry in sorted(entries, key=lambda one: -one.number):
        reason = _not_possible(outbox, entry)
        key = (entry.target.object, entry.receipt.record if entry.receipt else "")
        updates = entry.target.operation is WriteOperation.UPDATE
        if entry.status is RecordStatus.RELEASED:
            chosen.left.append(UndoRefusal(entry, entry.note))
        elif reason is not None:
            chosen.refused.append(reason)
        elif entry.status is not RecordStatus.APPLIED:
            continue
        elif entry.target.object == _FOLDER:
            chosen.left.append(UndoRefusal(entry, "an attachment folder stays, because other records may use it"))
        elif updates and _only_posts(outbox, entry):
            chosen.left.append(UndoRefusal(entry, "it posted a draft, which is taken back as a whole"))
        elif key in updated and (updates or entry.target.object == JOURNAL_ENTRY):
            text = f"entry {updated[key]} is taken back first; run the undo again after that"
            chosen.left.append(UndoRefusal(entry, text))
        else:
            chosen.to_take.append(entry)
            if updates:
                updated[key] = entry.number
    return chosen


def _only_posts(outbox: Outbox, entry: OutboxEntry) -> bool:
    """Whether an update changed nothing but that its record was a draft."""
    replaced = outbox.replaced_values(entry) or {}
    posts = lookup_keys_of(entry.target.object).posts
    return bool(replaced) and replaced.keys() <= posts.keys()


def _with_day(plan: Plan, day: date) -> Plan:
    if not any(record.write.operation in _DATED for record in plan.records):
        return plan
    return replace(plan, notes=(*plan.notes, f"Reversals and opposite entries are dated {day}."))


def _place(entry: OutboxEntry) -> tuple[str, str, bool]:
    return entry.target.entity, entry.target.object, entry.target.operation is WriteOperation.UPDATE


def _taking_back(
    company: Gateway,
    entries: Sequence[OutboxEntry],
    settings: UndoSettings,
    entity: str,
    doubtful: Mapping[int, OutboxEntry],
) -> list[Write | RecordError | None]:
    """For each of these new records of one object the write that takes it back, or why there is none."""
    done: list[Write | RecordError | None] = []
    for entry, record in zip(entries, _current_states(company, entries[0].target.object, entries), strict=True):
        try:
            begun = doubtful.get(entry.number)
            if record is None and begun is not None and begun.target.operation is WriteOperation.DELETE:
                done.append(_begun_delete(entry, begun, entity))  # applying it finds out that it was deleted
            else:
                done.append(_undoing_write(company, entry, record, settings, entity))
        except RecordError as error:
            done.append(error)
    return done


def _begun_delete(entry: OutboxEntry, begun: OutboxEntry, entity: str) -> Write:
    """The delete that an earlier undo has begun."""
    by, _, record = begun.identity.partition("=")
    return delete_write(entry.target.object, record, entry.label, by=by, undoes=entry.number, entity=entity)


def _doubtful(outbox: Outbox) -> dict[int, OutboxEntry]:
    """The undos in doubt, by the entries that they take back."""
    sent = outbox.entries(statuses=(RecordStatus.SENT, RecordStatus.IN_DOUBT))
    return {one.undoes: one for one in sent if one.undoes is not None}


def _not_possible(outbox: Outbox, entry: OutboxEntry) -> UndoRefusal | None:
    """Why the outbox alone says that an entry cannot be taken back."""
    if entry.status in UNRESOLVED:
        return UndoRefusal(entry, "it is in doubt", "settle it first: intacct outbox settle")
    if entry.status is not RecordStatus.APPLIED:
        return None
    operation = entry.target.operation
    if entry.undoes is not None:
        return UndoRefusal(entry, f"it took back entry {entry.undoes} itself", "load that record again")
    if operation is WriteOperation.DELETE:
        reason = "it was deleted, and a new record would have another number and none of its history"
        return UndoRefusal(entry, reason, _way_to_new_record(outbox, entry))
    if operation.is_action:
        return UndoRefusal(entry, f"it was {operation.past_tense}, which Intacct cannot take back", "leave it out")
    if entry.receipt is None or not entry.receipt.record:
        return UndoRefusal(entry, "its receipt has no record", "take it back in Intacct")
    return None


def _way_to_new_record(outbox: Outbox, entry: OutboxEntry) -> str:
    """How a deleted record is created again: from the input that posted it, if the outbox has it."""
    record = entry.receipt.record if entry.receipt else ""
    posted = outbox.entries(company=entry.target.company, statuses=[RecordStatus.RELEASED], object=entry.target.object)
    ours = next((one for one in posted if record and one.receipt is not None and one.receipt.record == record), None)
    if ours is None or not ours.position:
        return "create the record again from your own data"
    return f"to post it again, load {ours.position} again"


@dataclass(frozen=True, slots=True)
class _CurrentState:
    by: str
    """The field with the record key."""
    record: str
    name: str
    state: str


def _current_states(company: Gateway, object_name: str, entries: Sequence[OutboxEntry]) -> list[_CurrentState | None]:
    """The record of each entry as it is now; None if it is not visible."""
    writable = writable_object(company, object_name)
    lookup, described = writable.lookup, writable.described
    by = lookup.receipt_key
    select = tuple(
        dict.fromkeys(name for name in (by, lookup.record_key, "STATE", "DOCID") if described.get(name) is not None)
    )
    records = [entry.receipt.record for entry in entries if entry.receipt is not None]
    query = Query(object_name, select, show_private=True)
    rows: dict[str, Row] = {}
    for row in rows_by_keys(company.query, query, [{by: one} for one in records], described.kind_of, batch=_BATCH):
        rows[equal_form(row.get(by))] = row
    return [_as_found(rows.get(equal_form(record)), lookup.record_key) for record in records]


def _as_found(row: Row | None, record_key: str) -> _CurrentState | None:
    if row is None:
        return None
    record, named, state = (comparable(row.get(one)) for one in (record_key, "DOCID", "STATE"))
    return _CurrentState(record_key, record, named, state)


def _undoing_write(
    company: Gateway, entry: OutboxEntry, record: _CurrentState | None, settings: UndoSettings, entity: str
) -> Write:
    """The write that takes one new record back. RecordError if there is none."""
    name = entry.target.object
    if record is None:
        raise RecordError("its record is not visible in Intacct", fix="if it was deleted there: intacct outbox forget")
    state = record.state.casefold()
    if name == JOURNAL_ENTRY and not settings.delete and state not in _UNPOSTED:
        return opposite_write(company, entry, day=settings.day, memo=settings.memo, entity=entity)
    void, reverse = ACTIONS.get(("void", name)), ACTIONS.get(("reverse", name))
    if void is not None and state in _REQUESTED:
        return action_write(void, record.record, undoes=entry.number, entity=entity, label=entry.label)
    if reverse is not None and not settings.delete and state not in _UNPOSTED:
        return action_write(
            reverse,
            record.record,
            day=settings.day,
            comment=settings.memo,
            undoes=entry.number,
            entity=entity,
            label=entry.label,
        )
    return delete_write(name, record.record, entry.label, by=record.by, undoes=entry.number, entity=entity)


def entries_of_run(entries: Iterable[OutboxEntry], run: str) -> list[OutboxEntry]:
    """The entries that a run sent; `run` may be the beginning of its id."""
    chosen = [entry for entry in entries if entry.loader.startswith(run)]
    runs = {entry.loader for entry in chosen}
    if len(runs) != 1:
        what = "no run" if not runs else "more than one run"
        raise InvalidRequestError(f"{what} has an id that begins with {run!r}", fix="see: intacct outbox list --json")
    return chosen


def entries_of_file(entries: Iterable[OutboxEntry], name: str) -> list[OutboxEntry]:
    """The entries of the records of a file, by its name.

    Several runs may have loaded files of one name, so that only one run is taken: InvalidRequestError names the runs.
    """
    of_file = [entry for entry in entries if entry.position.rpartition(":")[0] == name]
    standing = [entry for entry in of_file if entry.status is RecordStatus.APPLIED]
    runs = {entry.loader: entry.last_sent_at for entry in standing}
    if not of_file:
        raise InvalidRequestError(f"the outbox has no records of a file {name!r}", fix="see: intacct outbox list")
    if len(runs) > 1:
        counts = Counter(entry.loader for entry in standing)
        listed = ", ".join(
            f"{run} ({f'{at:%Y-%m-%d %H:%M} UTC, ' if at is not None else ''}{counted(counts[run], 'record')})"
            for run, at in runs.items()
        )
        raise InvalidRequestError(
            f"files of the name {name!r} were loaded by {len(runs)} runs: {listed}",
            fix=f"name one of them with `run`, such as {next(reversed(runs))} for the latest",
            setting="run",
        )
    return [entry for entry in of_file if not runs or entry.loader in runs]
