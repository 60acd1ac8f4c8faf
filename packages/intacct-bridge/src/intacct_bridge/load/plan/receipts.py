"""Receipts: whether the records that an earlier run posted are still in the company, and as that run left them.

Not found is not deleted: a changed role, another entity or a private record hides a record too. So a receipt is
released only by proof that its record was deleted: our own applied delete, or a delete event of the audit history for
its key. A record without that proof is refused, and a person decides (`outbox forget`). If an update of ours
followed, the update counts, not the first create.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto

from intacct_bridge.load.apply.own_reference import REFERENCE_FIELDS, takes_own_reference
from intacct_bridge.load.outbox.described import sent_currencies
from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.outbox.sent_write import differences_from_sent, sent_write
from intacct_bridge.load.plan.changes import Change, differences
from intacct_bridge.load.plan.context import PlanContext
from intacct_bridge.load.plan.drafts import not_a_draft
from intacct_bridge.load.plan.outbox_verdict import CONFLICT, by_outbox, sent_text, with_sent_differences
from intacct_bridge.load.plan.plan import PlannedRecord, Verdict
from intacct_bridge.load.records.lookup_keys import lookup_keys_of
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.values import comparable, equal_form
from intacct_bridge.load.records.write import Finding, WriteOperation
from intacct_bridge.load.target.current_records import Locator
from intacct_bridge.load.target.document_currencies import (
    CURRENCY,
    DOCUMENTS,
    JOURNAL_ENTRY,
    posted_currencies,
    wrong_currency,
)
from intacct_bridge.load.target.find_by_key import TAKEN_BACK
from intacct_bridge.load.target.references import resolve
from intacct_bridge.load.target.writable import writable_object
from intacct_protocol.errors import IntacctError, InvalidRequestError, NotPermittedError, RefusedError
from intacct_protocol.model.batched import batched
from intacct_protocol.model.keys import audited, natural_key, text_key
from intacct_protocol.model.query.query import MAX_IN, Query, field
from intacct_protocol.model.text_forms import nfc, with_forms
from intacct_protocol.xml.xml import serialize

_AUDIT, _STATE = "AUDITHISTORY", "STATE"
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
    company_state: str = ""
    """The state of a visible record in the company, if it is of an object that has drafts."""
    currency: str = ""
    """The currency of a visible document."""


_UNCHECKED = CheckedReceipt(ReceiptState.UNCHECKED)


@dataclass(frozen=True, slots=True)
class _CorrectedRecord:
    """A record whose first create was followed by an update of ours."""

    record: PlannedRecord
    created: OutboxEntry
    correction: OutboxEntry
    number: str


class ReceiptCheck:
    """The verdict on records that an earlier run has sent, with one query for 1,000 receipts of an object."""

    def __init__(self, context: PlanContext) -> None:
        self._context = context

    def decide(
        self,
        records: Sequence[PlannedRecord],
        entries: Sequence[OutboxEntry | None],
        checked: Mapping[int, CheckedReceipt] | None = None,
    ) -> list[PlannedRecord]:
        """Each record with the verdict that follows from its outbox entry, after a check of the entry's receipt."""
        if checked is None:
            checked = self.check(entry for entry in entries if entry is not None)
        currencies = self._currencies([entry for entry in entries if entry is not None], checked)
        done: list[PlannedRecord] = []
        corrected: dict[int, _CorrectedRecord] = {}
        for at, (record, entry) in enumerate(zip(records, entries, strict=True)):
            receipt = checked.get(entry.number, _UNCHECKED) if entry is not None else _UNCHECKED
            if entry is not None and receipt.correction is not None:
                corrected[at] = _CorrectedRecord(record, entry, receipt.correction, receipt.number)
            if entry is not None and receipt.state is ReceiptState.HIDDEN:
                done.append(_hidden(record, entry))
            elif entry is not None and entry.number in currencies:
                done.append(_in_other_currency(by_outbox(record, entry), entry, currencies[entry.number]))
            else:
                done.append(record if receipt.state is ReceiptState.RELEASED else by_outbox(record, entry))
        done = self._with_differences(done, [None if at in corrected else one for at, one in enumerate(entries)])
        if corrected:
            for at, decided in zip(corrected, self._decide_corrected([*corrected.values()]), strict=True):
                done[at] = decided
        states = (checked[entry.number].company_state if entry and entry.number in checked else "" for entry in entries)
        return [not_a_draft(record, state) for record, state in zip(done, states, strict=True)]

    def _with_differences(
        self, records: list[PlannedRecord], entries: Sequence[OutboxEntry | None]
    ) -> list[PlannedRecord]:
        """The records; of those that were posted with other content, what differs."""
        conflicts = {
            at: entry
            for at, (record, entry) in enumerate(zip(records, entries, strict=True))
            if entry is not None
            and entry.target.operation is WriteOperation.CREATE
            and record.write.operation is WriteOperation.CREATE
            and any(one.rule == CONFLICT for one in record.findings)
        }
        if not conflicts or self._context.settings.offline:
            return records
        try:
            writable = self._context.writable or writable_object(self._context.company, self._context.object)
            self._context.references.learn(records[at].write for at in conflicts)
        except IntacctError as error:
            self._context.unchecked.append(f"what differs from the posted records: {error.message}")
            return records
        for at, entry in conflicts.items():
            write = records[at].write
            # else the input cannot be put into a function, and says so itself
            with suppress(IntacctError):
                resolved, _ = resolve(write, self._context.references)
                body = serialize(self._context.functions.element(replace(resolved, attachments=())))
                sent, as_read = (sent_write(writable, one) for one in (entry, replace(entry, body=body)))
                left_out = {"SUPDOCID", *(REFERENCE_FIELDS.values() if takes_own_reference(write) else ())}
                texts = list(differences_from_sent(sent, as_read, write, left_out))
                is_same = not texts and not write.attachments and entry.status is RecordStatus.APPLIED
                records[at] = _posted(records[at]) if is_same else with_sent_differences(records[at], texts)
        return records

    def _currencies(
        self, entries: Sequence[OutboxEntry], checked: Mapping[int, CheckedReceipt]
    ) -> dict[int, frozenset[str]]:
        """The currencies of visible records that are not in the one in which they were sent, by entry number.

        The currency of a document came with its receipt. The lines of a journal entry are asked for theirs only if it
        was sent without them.
        """
        posted: dict[int, frozenset[str]] = {}
        unnamed: dict[str, OutboxEntry] = {}
        for entry in entries:
            receipt = checked.get(entry.number, _UNCHECKED)
            if receipt.state is ReceiptState.VISIBLE and receipt.correction is None and sent_currencies(entry):
                posted[entry.number] = frozenset((receipt.currency,)) - {""}
                if entry.target.object == JOURNAL_ENTRY and f"<{CURRENCY}>" not in entry.body.upper():
                    unnamed[nfc(_record(entry))] = entry
        company = self._context.company
        if unnamed and company.financial_setup.is_multi_currency is not False:
            try:
                of_entries = posted_currencies(company, JOURNAL_ENTRY, unnamed)
                posted |= {entry.number: of_entries.get(record, frozenset()) for record, entry in unnamed.items()}
            except _REFUSALS as error:
                self._context.unchecked.append(f"currencies of {JOURNAL_ENTRY}: {error.message}")
        sent = {entry.number: sent_currencies(entry) for entry in entries}
        return {number: theirs for number, theirs in posted.items() if theirs and not sent[number] <= theirs}

    def check(self, entries: Iterable[OutboxEntry]) -> dict[int, CheckedReceipt]:
        """The receipts of applied creates by entry number; receipts of deleted records are released in the outbox."""
        by_object: dict[str, list[OutboxEntry]] = {}
        bare: list[OutboxEntry] = []
        for entry in entries:
            if entry.target.operation is not WriteOperation.CREATE or entry.status is not RecordStatus.APPLIED:
                continue
            if _record(entry):
                by_object.setdefault(entry.target.object, []).append(entry)
            else:
                bare.append(entry)
        for name in dict.fromkeys(entry.target.object for entry in bare):
            numbers = ", ".join(str(entry.number) for entry in bare if entry.target.object == name)
            self._context.unchecked.append(f"receipts of {name}: outbox entries without a record key ({numbers})")
        checked: dict[int, CheckedReceipt] = {}
        if not self._context.settings.offline:
            for name, of_object in by_object.items():
                checked |= self._check(name, of_object)
        return checked

    def _check(self, name: str, entries: Sequence[OutboxEntry]) -> dict[int, CheckedReceipt]:
        states: dict[str, str] = {}
        try:
            numbers, currencies = self._visible(name, [_record(entry) for entry in entries], states)
        except _REFUSALS as error:
            self._context.unchecked.append(f"receipts of {name}: {error.message}")
            return {entry.number: CheckedReceipt(ReceiptState.UNCHECKED) for entry in entries}
        checked: dict[int, CheckedReceipt] = {}
        for entry in entries:
            if name != "GLBATCH" and states.get(nfc(_record(entry)), "").casefold() in TAKEN_BACK:
                self._context.outbox.release(entry, "reversed or voided in Intacct")
                checked[entry.number] = CheckedReceipt(ReceiptState.RELEASED)
        entries = [entry for entry in entries if entry.number not in checked]
        visible = [entry for entry in entries if nfc(_record(entry)) in numbers]
        missing = [entry for entry in entries if nfc(_record(entry)) not in numbers]
        records = {number for entry in visible for number in (_record(entry), numbers[nfc(_record(entry))])}
        updates = self._context.outbox.later_writes(
            self._context.target.company, name, WriteOperation.UPDATE, sorted(records)
        )
        for entry in visible:
            named = {_record(entry), numbers[nfc(_record(entry))]}  # an order's update is answered by its name too
            later = sorted(
                (one for record in named for one in updates.get(record, ()) if one.number > entry.number),
                key=lambda one: one.number,
            )
            correction = later[-1] if later else None
            key = nfc(_record(entry))
            checked[entry.number] = CheckedReceipt(
                ReceiptState.VISIBLE, numbers[key], correction, states.get(key, ""), currencies[key]
            )
        proofs = self._proofs(name, missing)
        for entry in missing:
            if entry.number in proofs:
                self._context.outbox.release(entry, proofs[entry.number])
            state = ReceiptState.RELEASED if entry.number in proofs else ReceiptState.HIDDEN
            checked[entry.number] = CheckedReceipt(state)
        return checked

    def _visible(
        self, name: str, records: Sequence[str], states: dict[str, str]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """The record numbers and the currencies of the visible ones of these keys, private records included.

        Their states are collected too, which show whether they were reversed or voided. A journal entry with a
        reversal is none of them, since an accrual has one from the day on which it is posted.
        """
        lookup = lookup_keys_of(name)
        if lookup.read_by != "query":
            raise InvalidRequestError("they cannot be queried")
        by = lookup.receipt_key
        numbered = not text_key(name)
        shows_state = bool(lookup.payment_lines or lookup.draft) or "Reversed" in lookup.locked_states
        has_currency = name in DOCUMENTS and self._context.company.describe(name).get(CURRENCY) is not None
        more = (*((_STATE,) if shows_state else ()), *((CURRENCY,) if has_currency else ()))
        select = tuple(dict.fromkeys((by, lookup.record_key, *more)))
        numbers: dict[str, str] = {}
        currencies: dict[str, str] = {}
        for texts in batched(records, MAX_IN):
            keys = [int(key) if numbered and key.isdecimal() else key for key in with_forms(texts)]
            where = field(by).is_in(keys)
            for row in self._context.company.query(Query(name, select, where=where, show_private=True)):
                key = equal_form(row.get(by))
                numbers[key] = comparable(row.get(lookup.record_key))
                states[key] = comparable(row.get(_STATE))
                currencies[key] = comparable(row.get(CURRENCY)).upper()
        return numbers, currencies

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
        since = min(entry.since for entry in entries) - _DAY
        where = (field("ACCESSMODE") == "D") & (field("OBJECTTYPE") == name.lower()) & (field("ACCESSTIME") >= since)
        proofs: dict[int, str] = {}
        try:
            for keys in batched(by_key, MAX_IN):
                of_keys = where & field("OBJECTKEY").is_in(list(keys))
                for row in self._context.company.query(
                    Query(_AUDIT, ("OBJECTKEY", "USERID", "ACCESSTIME"), where=of_keys)
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

    def _decide_corrected(self, corrected: Sequence[_CorrectedRecord]) -> list[PlannedRecord]:
        """Each must say what its update left. An empty key says nothing: the company numbers such records itself."""
        writable, references = self._context.describe(), self._context.references
        natural = natural_key(writable.name)
        references.learn(corrected_record.record.write for corrected_record in corrected)
        by = (writable.lookup.record_key,)
        keyed = []
        for corrected_record in corrected:
            resolved, _ = resolve(corrected_record.record.write, references)
            stated = {name: value for name, value in resolved.fields.items() if value is not None or name != natural}
            keyed.append((replace(resolved, fields={**stated, by[0]: corrected_record.number}), by))
        located = Locator(self._context.company, writable).locate(keyed)
        done: list[PlannedRecord] = []
        for corrected_record, (write, _), matches in zip(corrected, keyed, located, strict=True):
            changes = differences(write, matches[0], writable, by) if matches else ()
            as_posted = replace(
                corrected_record.record,
                verdict=Verdict.UNCHANGED,
                receipt=corrected_record.created.receipt,
                since=corrected_record.correction.sent_at,
            )
            same = corrected_record.correction.digest == corrected_record.record.write.digest or (
                matches and not changes
            )
            done.append(as_posted if same else _overwritten(as_posted, corrected_record, changes))
        return done


def _posted(record: PlannedRecord) -> PlannedRecord:
    """A record that says the same as the posted one in other words, such as the name of a vendor instead of its id."""
    findings = tuple(finding for finding in record.findings if finding.rule != CONFLICT)
    return replace(record, findings=findings, verdict=Verdict.UNCHANGED)


def _record(entry: OutboxEntry) -> str:
    return entry.receipt.record if entry.receipt is not None else ""


def _audit_keys(name: str, entry: OutboxEntry) -> set[str]:
    """The keys under which the audit history may have the entry's record."""
    natural = natural_key(name)
    names = {entry.lookup_key.get(natural, "") if natural else "", entry.receipt.name if entry.receipt else ""}
    return {*with_forms((_record(entry), *names)), f"{_record(entry)}--REC"} - {""}


def _is_delete_of(entry: OutboxEntry, name: str, row: Mapping[str, object]) -> bool:
    """Whether a delete event means the entry's record.

    A record number is never used again. A name may be, such as an order's, so its event must come after the record was
    posted.
    """
    key, when, lookup = str(row.get("OBJECTKEY")), row.get("ACCESSTIME"), lookup_keys_of(name)
    by, value = next(iter(audited(name, key)))
    is_receipt = value == _record(entry)
    if is_receipt and by == lookup.record_key and not lookup.answered_key:
        return True
    later = isinstance(when, datetime) and when.tzinfo is not None and when >= entry.since.replace(microsecond=0)
    return later and (is_receipt or by == natural_key(name))


def _overwritten(
    as_posted: PlannedRecord, corrected_record: _CorrectedRecord, changes: Iterable[Change]
) -> PlannedRecord:
    """The refusal of a record that has other content since its update."""
    write = corrected_record.record.write
    when = f"{corrected_record.correction.since:%Y-%m-%d}"
    text = f"{write.label} was {sent_text(write, corrected_record.created)}, and was corrected on {when}"
    differs = "; ".join(text for change in changes for text in (str(change), *change.lines))
    finding = Finding(
        CONFLICT,
        f"{text}; it has other content now ({differs})",
        "load it with update mode, or give this one a reference of its own",
        position=write.position,
    )
    return replace(as_posted.with_findings(finding), verdict=Verdict.REFUSED)


def _in_other_currency(record: PlannedRecord, entry: OutboxEntry, posted: frozenset[str]) -> PlannedRecord:
    """The refusal of a record that the company holds in another currency than the one in which it was sent."""
    finding = Finding(
        "currency",
        f"{record.write.label} was {sent_text(record.write, entry)}; {wrong_currency(sent_currencies(entry), posted)}",
        f"intacct undo --entry {entry.number}, then load it again",
        position=record.write.position,
    )
    return replace(record.with_findings(finding), verdict=Verdict.REFUSED)


def _hidden(record: PlannedRecord, entry: OutboxEntry) -> PlannedRecord:
    """The refusal of a record whose receipt is not visible."""
    finding = Finding(
        "hidden",
        f"{record.write.label} was {sent_text(record.write, entry)}; it is not visible now",
        f"check the rights of this user; if it was deleted: intacct outbox forget {entry.number}",
        position=record.write.position,
    )
    refused = replace(record.with_findings(finding), verdict=Verdict.REFUSED)
    return replace(refused, receipt=entry.receipt, since=entry.sent_at)
