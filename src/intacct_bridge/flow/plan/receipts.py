"""Receipts: whether the records that an earlier run posted are still in the company, and as that run left them.

Not found is not deleted: a changed role, another entity or a private record hides a record too. So a receipt is
released only by proof that its record was deleted: our own applied delete, or a delete event of the audit history for
its key. A record without that proof is refused, and a person decides (`outbox forget`). Where an update of ours
followed, the update counts, not the first create.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto

from intacct_bridge.errors import InvalidRequestError, NotPermittedError, RefusedError
from intacct_bridge.flow.company.current_records import Locator
from intacct_bridge.flow.company.references import resolve
from intacct_bridge.flow.outbox.entry import OutboxEntry
from intacct_bridge.flow.plan.changes import differences
from intacct_bridge.flow.plan.context import PlanContext
from intacct_bridge.flow.plan.known_to_outbox import MAYBE_APPLIED, by_outbox, sent_text
from intacct_bridge.flow.plan.plan import PlannedRecord, Verdict
from intacct_bridge.flow.records.identity import content_identity
from intacct_bridge.flow.records.lookup_keys import lookup_keys_of
from intacct_bridge.flow.records.status import RecordStatus
from intacct_bridge.flow.records.values import comparable
from intacct_bridge.flow.records.write import Finding, WriteOperation
from intacct_bridge.model.batched import batched
from intacct_bridge.model.keys import audited, natural_key, text_key
from intacct_bridge.model.query.query import MAX_IN, Query, field

_AUDIT = "AUDITHISTORY"
_DAY = timedelta(days=1)
"""Filter times may be read in any time zone."""
_REFUSALS = (InvalidRequestError, NotPermittedError, RefusedError)


class ReceiptState(Enum):
    """What a check says about a receipt."""

    UNCHECKED = auto()
    """The company cannot be asked for it."""
    VISIBLE = auto()
    RELEASED = auto()
    """Its record was deleted."""
    HIDDEN = auto()
    """Its record is not visible, and nothing proves that it was deleted."""


@dataclass(frozen=True, slots=True)
class CheckedReceipt:
    """A receipt with what its check says."""

    state: ReceiptState
    number: str = ""
    """The record number of a visible record."""
    correction: OutboxEntry | None = None
    """The last update of ours that was applied to it."""


class ReceiptCheck:
    """Judges the records that an earlier run has sent: one query for 1,000 receipts of an object."""

    def __init__(self, context: PlanContext) -> None:
        self._context = context

    def judge(self, records: Sequence[PlannedRecord], entries: Sequence[OutboxEntry | None]) -> list[PlannedRecord]:
        """Each record as its outbox entry judges it, once the entry's receipt was checked."""
        checked = self.check(entry for entry in entries if entry is not None)
        corrected: list[int] = []
        done: list[PlannedRecord] = []
        for at, (record, entry) in enumerate(zip(records, entries, strict=True)):
            receipt = checked.get(entry.number) if entry is not None else None
            if entry is None or receipt is None or receipt.state is ReceiptState.UNCHECKED:
                done.append(by_outbox(record, entry))
            elif receipt.state is ReceiptState.RELEASED:
                done.append(record)
            elif receipt.state is ReceiptState.HIDDEN:
                done.append(_hidden(record, entry))
            elif receipt.correction is None:
                done.append(by_outbox(record, entry))
            else:
                corrected.append(at)
                done.append(record)
        if corrected:
            pairs = [(records[at], entries[at], checked[entries[at].number]) for at in corrected]  # type: ignore[union-attr]
            for at, judged in zip(corrected, self._judge_corrected(pairs), strict=True):  # type: ignore[arg-type]
                done[at] = judged
        return done

    def check(self, entries: Iterable[OutboxEntry]) -> dict[int, CheckedReceipt]:
        """The receipts of applied creates by entry number; receipts of deleted records are released in the outbox."""
        by_object: dict[str, list[OutboxEntry]] = {}
        for entry in entries:
            created = entry.target.operation is WriteOperation.CREATE and entry.status is RecordStatus.APPLIED
            if created and entry.receipt is not None and entry.receipt.record:
                by_object.setdefault(entry.target.object, []).append(entry)
        found: dict[int, CheckedReceipt] = {}
        if not self._context.settings.offline:
            for name, some in by_object.items():
                found |= self._check(name, some)
        return found

    def _check(self, name: str, entries: Sequence[OutboxEntry]) -> dict[int, CheckedReceipt]:
        try:
            numbers = self._visible(name, [_record(entry) for entry in entries])
        except _REFUSALS as error:
            self._context.unchecked.append(f"receipts of {name}: {error.message}")
            return {entry.number: CheckedReceipt(ReceiptState.UNCHECKED) for entry in entries}
        visible = [entry for entry in entries if _record(entry) in numbers]
        missing = [entry for entry in entries if _record(entry) not in numbers]
        updates = self._context.outbox.later_writes(
            self._context.target.company, name, WriteOperation.UPDATE, numbers.values()
        )
        found: dict[int, CheckedReceipt] = {}
        for entry in visible:
            later = [one for one in updates.get(numbers[_record(entry)], ()) if one.number > entry.number]
            correction = later[-1] if later else None
            found[entry.number] = CheckedReceipt(ReceiptState.VISIBLE, numbers[_record(entry)], correction)
        proofs = self._proofs(name, missing)
        for entry in missing:
            if entry.number in proofs:
                self._context.outbox.release(entry, proofs[entry.number])
            state = ReceiptState.RELEASED if entry.number in proofs else ReceiptState.HIDDEN
            found[entry.number] = CheckedReceipt(state)
        return found

    def _visible(self, name: str, records: Sequence[str]) -> dict[str, str]:
        """The record numbers of the visible ones of these keys, private records included."""
        lookup = lookup_keys_of(name)
        if lookup.read_by != "query":
            raise InvalidRequestError("they cannot be queried")
        by = lookup.answered_key or lookup.record_key
        numbered = not lookup.answered_key and not text_key(name)
        select = tuple(dict.fromkeys((by, lookup.record_key)))
        found: dict[str, str] = {}
        for some in batched(records, MAX_IN):
            where = field(by).is_in([int(one) if numbered and one.isdecimal() else one for one in some])
            for row in self._context.company.query(Query(name, select, where=where, show_private=True)):
                found[comparable(row.get(by))] = comparable(row.get(lookup.record_key))
        return found

    def _proofs(self, name: str, missing: Sequence[OutboxEntry]) -> dict[int, str]:
        """For each entry whose record was deleted, how that is known."""
        proofs: dict[int, str] = {}
        company = self._context.target.company
        deletes = self._context.outbox.later_writes(company, name, WriteOperation.DELETE, map(_record, missing))
        for entry in missing:
            ours = [one for one in deletes.get(_record(entry), ()) if one.number > entry.number]
            if ours:
                proofs[entry.number] = f"deleted by entry {ours[-1].number}"
        left = [entry for entry in missing if entry.number not in proofs]
        return proofs | self._audited(name, left) if left else proofs

    def _audited(self, name: str, entries: Sequence[OutboxEntry]) -> dict[int, str]:
        """For each entry with a delete event in the audit history, who deleted its record and when."""
        by_key: dict[str, list[OutboxEntry]] = {}
        for entry in entries:
            for key in _audit_keys(name, entry):
                by_key.setdefault(key, []).append(entry)
        since = min(entry.sent_at or entry.planned_at for entry in entries) - _DAY
        where = (field("ACCESSMODE") == "D") & (field("OBJECTTYPE") == name.lower()) & (field("ACCESSTIME") >= since)
        proofs: dict[int, str] = {}
        try:
            for some in batched(by_key, MAX_IN):
                asked = where & field("OBJECTKEY").is_in(list(some))
                for row in self._context.company.query(
                    Query(_AUDIT, ("OBJECTKEY", "USERID", "ACCESSTIME"), where=asked)
                ):
                    for entry in by_key.get(comparable(row.get("OBJECTKEY")), ()):
                        if _is_delete_of(entry, name, row):
                            when = comparable(row.get("ACCESSTIME"))
                            proofs[entry.number] = (
                                f"deleted by {comparable(row.get('USERID'))} at {when}, says the audit history"
                            )
        except _REFUSALS as error:
            self._context.unchecked.append(f"deletes of {name} in the audit history: {error.message}")
        return proofs

    def _judge_corrected(
        self, records: Sequence[tuple[PlannedRecord, OutboxEntry, CheckedReceipt]]
    ) -> list[PlannedRecord]:
        """Records whose first create was followed by an update of ours: the file must say what the update left."""
        writable, references = self._context.describe(), self._context.references
        references.learn(record.write for record, _, _ in records)
        number = writable.lookup.record_key
        keyed = []
        for record, _, checked in records:
            resolved, _ = resolve(record.write, references)
            keyed.append((replace(resolved, fields={**resolved.fields, number: checked.number}), (number,)))
        located = Locator(self._context.company, writable).locate(keyed)
        done: list[PlannedRecord] = []
        for (record, entry, checked), (write, _), found in zip(records, keyed, located, strict=True):
            correction = checked.correction
            assert correction is not None
            changes = differences(write, found[0], writable, (number,)) if found else ()
            known = replace(record, verdict=Verdict.UNCHANGED, receipt=entry.receipt, since=correction.sent_at)
            if correction.digest == record.write.digest or (found and not changes):
                done.append(known)
                continue
            when = f"{correction.sent_at or correction.planned_at:%Y-%m-%d}"
            text = f"{record.write.label} was {sent_text(record.write, entry)}, and was corrected on {when}"
            differs = "; ".join(text for change in changes for text in (str(change), *change.lines))
            finding = Finding(
                "conflict",
                f"{text}; it has other content now ({differs})",
                "load it with update mode, or give this one a reference of its own",
                position=record.write.position,
            )
            done.append(replace(known.noting(finding), verdict=Verdict.REFUSED))
        return done


class KnownToOutbox:
    """The step that closes new records which an earlier run has sent."""

    def __init__(self, context: PlanContext) -> None:
        self._context = context

    def __call__(self, records: Sequence[PlannedRecord]) -> list[PlannedRecord]:
        """Ask the outbox for all records together, and check the receipts that it has."""
        entries = self._context.entries(record.write for record in records)
        return ReceiptCheck(self._context).judge(records, entries)


class KnownByContent:
    """The step that refuses records which were posted before their key was named, when only content identified them."""

    def __init__(self, context: PlanContext) -> None:
        self._context = context

    def __call__(self, records: Sequence[PlannedRecord]) -> list[PlannedRecord]:
        """Ask the outbox for the content of all new records that have a key of their source."""
        keyed = [one for one in records if one.verdict is Verdict.CREATE and one.write.identity.kind == "source"]
        in_input = {one.write.identity.text for one in records}
        by_content = (replace(one.write, identity=content_identity(one.write.digest)) for one in keyed)
        sent = {
            one.write.identity.text: entry
            for one, entry in zip(keyed, self._context.entries(by_content), strict=True)
            if entry is not None and entry.status in MAYBE_APPLIED and entry.identity not in in_input
        }
        checked = ReceiptCheck(self._context).check(sent.values())
        sent = {
            text: entry
            for text, entry in sent.items()
            if entry.number not in checked or checked[entry.number].state is not ReceiptState.RELEASED
        }
        return [
            self._refused(one, entry)
            if one.verdict is Verdict.CREATE and (entry := sent.get(one.write.identity.text)) is not None
            else one
            for one in records
        ]

    def _refused(self, record: PlannedRecord, entry: OutboxEntry) -> PlannedRecord:
        finding = Finding(
            "duplicate",
            f"{record.write.label} was {sent_text(record.write, entry)}, when its key was not named",
            "remove it from the input, or allow duplicates if it is another record",
            position=record.write.position,
            refuses=not self._context.settings.allow_duplicates,
        )
        return record.noting(finding).judged()


def _record(entry: OutboxEntry) -> str:
    return entry.receipt.record if entry.receipt is not None else ""


def _audit_keys(name: str, entry: OutboxEntry) -> set[str]:
    """The keys under which the audit history may have the entry's record."""
    natural = natural_key(name)
    known = {entry.lookup_key.get(natural, "") if natural else "", entry.receipt.name if entry.receipt else ""}
    return {_record(entry), f"{_record(entry)}--REC", *known} - {""}


def _is_delete_of(entry: OutboxEntry, name: str, row: Mapping[str, object]) -> bool:
    """Whether a delete event means the entry's record.

    A record number is never used again. A natural key may be, so its event must come after the record was posted.
    """
    key, when = str(row.get("OBJECTKEY")), row.get("ACCESSTIME")
    by, value = next(iter(audited(name, key)))
    if value == _record(entry) and by == lookup_keys_of(name).record_key:
        return True
    posted = entry.sent_at or entry.planned_at
    later = isinstance(when, datetime) and when.tzinfo is not None and when >= posted.replace(microsecond=0)
    return by == natural_key(name) and later


def _hidden(record: PlannedRecord, entry: OutboxEntry) -> PlannedRecord:
    """The refusal of a record whose receipt is not visible."""
    finding = Finding(
        "hidden",
        f"{record.write.label} was {sent_text(record.write, entry)}; it is not visible now",
        f"check the rights of this user; if it was deleted: intacct outbox forget {entry.number}",
        position=record.write.position,
    )
    refused = replace(record.noting(finding), verdict=Verdict.REFUSED)
    return replace(refused, receipt=entry.receipt, since=entry.sent_at)
