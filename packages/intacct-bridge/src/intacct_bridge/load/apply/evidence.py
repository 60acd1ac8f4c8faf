"""Evidence on records in doubt: which are proven to be posted, which stay in doubt, and which are absent.

A record is found in one of three ways: by lookup key, by external id, or, a payment, by the records that it pays. A
found record is proof if it was created by the user who sent it, not before it was sent, not as a copy, and if no other
receipt claims it. Entries with an equal key get one record each; which entry gets which record does not matter.

A person may change the key of a record before it is looked for, such as an entry's date. So before a record counts as
absent, the records that its user created since then are searched for its number, or for all the rest of its key. One
that no receipt claims forbids a second sending. It is no proof, since the user may have entered it apart from us.

External ids are unknown to queries; the legacy `get` takes one as its key. That this `get` has the attribute is
documented, but not what it does with it, and a company that ignores it answers as if there were no such record. So a
found record must have the id. A missing one counts as absent only if two things hold: the answer is the same as for an
id that certainly does not exist, and an existing record of ours was found by its external id.

Payments have no key of ours. A payment is the same one if its details pay exactly the records, with exactly the
amounts, on the date that the sent function has. The rules on its creator and its time of creation are those of any
other record. Not finding a payment proves nothing, because a payment is never sent again automatically.
"""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation

from intacct_bridge.client.protocol import Gateway, Row
from intacct_bridge.client.reading.key_lookup import key_condition
from intacct_bridge.client.reading.legacy import get
from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.records.lookup_keys import EXTERNALID, LookupKeys
from intacct_bridge.load.records.values import comparable, equal_form, number_text
from intacct_bridge.load.target.find_by_key import (
    Creators,
    Key,
    MatchingRecord,
    accepts_numbers,
    find_by_key,
    is_queryable,
    key_of,
    matching_record,
)
from intacct_protocol.errors import InvalidRequestError, NotPermittedError, RecordError, RefusedError
from intacct_protocol.model.batched import batched
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.keys import RECORDNO
from intacct_protocol.model.legacy.objects import LegacyObject, legacy_object
from intacct_protocol.model.query.query import Filter, Query, any_of, field
from intacct_protocol.model.text_forms import forms_of, nfc
from intacct_protocol.model.wording import listed
from intacct_protocol.xml.values import Kind, Value, parse_value
from intacct_protocol.xml.xml import Element, parse

CLOCK_TOLERANCE = timedelta(hours=2)
"""How much before its sending a record of ours may seem to be created: clocks differ, and offsets may lack summer time.
Payments have none: the records that a payment pays do not distinguish it from one that the same user entered by hand an
hour before."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The findings on entries in doubt, by the entries' numbers."""

    proofs: dict[int, MatchingRecord] = dataclasses.field(default_factory=dict)
    doubts: dict[int, str] = dataclasses.field(default_factory=dict)
    """Why a found record is no proof, and forbids a second sending."""
    absent: set[int] = dataclasses.field(default_factory=set)
    """Entries that were looked for in a way that would find them: in time, their absence proves that they were not
    applied."""


class EvidenceSearch:
    """Looks in one company for the entries that one outbox has in doubt."""

    def __init__(self, company: Gateway, outbox: Outbox) -> None:
        self._company = company
        self._outbox = outbox

    def look(self, lookup: LookupKeys, doubtful: Sequence[OutboxEntry]) -> Evidence:
        """The evidence on these entries, which are all of one object."""
        evidence = Evidence()
        external = [entry for entry in doubtful if _only_external(entry) and not self._is_queryable(lookup, entry)]
        queried = [entry for entry in doubtful if entry not in external]
        keys = {entry.number: key_of(entry.lookup_key) for entry in doubtful}
        self._pair(lookup, doubtful, keys, self._by_key(lookup, queried, evidence), evidence)
        by_id = by_external_id(self._company, self._outbox, lookup, external)
        self._pair(lookup, doubtful, keys, by_id.records, evidence)
        if lookup.payment_lines:
            paid = {entry.number: payment_key(entry) for entry in doubtful}
            payments = find_payments(self._company, lookup, doubtful)
            self._pair(lookup, doubtful, paid, payments, evidence, tolerance=timedelta())
        missing = [one for one in queried if one.number in evidence.absent and one.number not in evidence.proofs]
        evidence.doubts.update(find_edited(self._company, self._outbox, lookup, missing, evidence))
        evidence.absent.difference_update(self._renumbered(lookup, missing))
        evidence.absent.update(by_id.absent)
        return evidence

    def _by_key(
        self, lookup: LookupKeys, entries: Sequence[OutboxEntry], evidence: Evidence
    ) -> Mapping[Key, Sequence[MatchingRecord]]:
        try:
            matches_by_key = find_by_key(self._company, lookup, [entry.lookup_key for entry in entries])
        except (NotPermittedError, RefusedError, InvalidRequestError):  # it may not be queried, or not by these fields
            return {}
        evidence.absent.update(entry.number for entry in entries if self._is_queryable(lookup, entry))
        return matches_by_key

    def _pair(
        self,
        lookup: LookupKeys,
        doubtful: Sequence[OutboxEntry],
        keys: Mapping[int, Key],
        matches_by_key: Mapping[Key, Sequence[MatchingRecord]],
        evidence: Evidence,
        *,
        tolerance: timedelta = CLOCK_TOLERANCE,
    ) -> None:
        records = [match.record for matches in matches_by_key.values() for match in matches]
        claimed = self._outbox.claimed(doubtful[0].target.company, lookup.object, records)
        for key, matches in matches_by_key.items():
            equal = [entry for entry in doubtful if keys.get(entry.number) == key]
            unclaimed = [one for one in matches if not one.copy and one.record not in claimed]
            _pair_equal(equal, unclaimed, evidence, tolerance)

    def _renumbered(self, lookup: LookupKeys, missing: Sequence[OutboxEntry]) -> set[int]:
        """The entries whose definition numbers its documents itself, or may, so that no record has the number sent."""
        if not lookup.numbered_by:
            return set()
        by = lookup.keys[0][0]
        kinds = {entry.lookup_key.get(by, "") for entry in missing}
        numbering = {kind for kind in kinds if not accepts_numbers(self._company, lookup.numbered_by, kind)}
        return {entry.number for entry in missing if entry.lookup_key.get(by, "") in numbering}

    def _is_queryable(self, lookup: LookupKeys, entry: OutboxEntry) -> bool:
        return is_queryable(self._company, lookup, entry.lookup_key)


def _pair_equal(
    equal: Sequence[OutboxEntry], unclaimed: Sequence[MatchingRecord], evidence: Evidence, tolerance: timedelta
) -> None:
    """Give each of these entries with an equal key one of the records that prove it."""
    left = list(unclaimed)
    unproven: list[OutboxEntry] = []
    for entry in sorted(equal, key=lambda entry: entry.number):
        proof = next((one for one in left if _proves(one, entry, tolerance)), None)
        if proof is None:
            unproven.append(entry)
        else:
            left.remove(proof)
            evidence.proofs[entry.number] = proof
    for entry in unproven:
        similar = next((one for one in left if _forbids_resend(one, entry, tolerance)), None)
        if similar is not None:
            created = f"{similar.created:%Y-%m-%d %H:%M:%S} UTC" if similar.created else "an unknown time"
            evidence.doubts[entry.number] = (
                f"record {similar.record} has its key, created by {similar.creator or 'an unknown user'} at {created}: "
                "check whether it is this one"
            )


def _proves(match: MatchingRecord, entry: OutboxEntry, tolerance: timedelta) -> bool:
    ours = bool(match.creator) and match.creator.casefold() == entry.user.casefold()
    return ours and match.created is not None and not _is_earlier(match, entry, tolerance)


def _forbids_resend(match: MatchingRecord, entry: OutboxEntry, tolerance: timedelta) -> bool:
    """Whether the record forbids a second sending: every record does but another user's from before the first one.

    Another user's record from after it may be this one, entered by hand when the load failed.
    """
    return match.creator.casefold() in ("", entry.user.casefold()) or not _is_earlier(match, entry, tolerance)


def _is_earlier(match: MatchingRecord, entry: OutboxEntry, tolerance: timedelta) -> bool:
    sent = entry.since
    return match.created is not None and match.created < sent.replace(microsecond=0) - tolerance


def _proof_fields(lookup: LookupKeys, described: ObjectDef, creators: Creators) -> tuple[str, ...]:
    """The fields that decide whether a found record is proof, as far as the object has them."""
    names = (lookup.created_field, creators.field, *lookup.empty_fields)
    return tuple(name for name in names if name and described.get(name) is not None)


# --- with another key

_NUMBERS = ("REFERENCENO", "RECORDID", "DOCNO")
"""Fields whose value is one record's own, so that a record with the same one may be it."""
_REST = 3
"""This number of other fields of a key tells a record apart as well."""
_ZONES = timedelta(hours=26)
"""Filter times may be read in any time zone."""


def find_edited(
    company: Gateway, outbox: Outbox, lookup: LookupKeys, missing: Sequence[OutboxEntry], evidence: Evidence
) -> dict[int, str]:
    """Why some of the missing entries may be there with another key, by their numbers."""
    by_names: dict[tuple[str, ...], list[OutboxEntry]] = {}
    for entry in missing:
        if entry.number not in evidence.doubts:
            by_names.setdefault(tuple(entry.lookup_key), []).append(entry)
    doubts: dict[int, str] = {}
    for names, entries in by_names.items():
        number = next((name for name in names if name in _NUMBERS), "")
        if not number:
            continue
        rows = _created_since(company, lookup, names, number, entries)
        claimed = {one.record for one in evidence.proofs.values()}
        claimed |= outbox.claimed(entries[0].target.company, lookup.object, [one.record for _, one in rows])
        for entry in entries:
            texts = (_edited(row, one, entry, number) for row, one in rows if one.record not in claimed)
            if text := next((text for text in texts if text), ""):
                doubts[entry.number] = text
    return doubts


def _created_since(
    company: Gateway, lookup: LookupKeys, names: Sequence[str], number: str, entries: Sequence[OutboxEntry]
) -> list[tuple[Row, MatchingRecord]]:
    """The records created since the first of the entries was sent that have a number or a text of one of them."""
    described = company.describe(lookup.object)
    if described.get(lookup.created_field) is None:
        return []
    creators = Creators(company, lookup, described)
    select = dict.fromkeys((lookup.receipt_key, *names, *_proof_fields(lookup, described, creators)))
    since = min(entry.since for entry in entries) - _ZONES
    where = (field(lookup.created_field) >= since) & _may_be_edited(names, number, entries, described)
    try:
        rows = company.query(Query(lookup.object, tuple(select), where=where, show_private=True))
        return [(row, matching_record(lookup, row, creators)) for row in rows]
    except (NotPermittedError, RefusedError, InvalidRequestError):
        return []


def _may_be_edited(names: Sequence[str], number: str, entries: Sequence[OutboxEntry], described: ObjectDef) -> Filter:
    """The condition that a record has the number of one of the entries, or a text of the rest of its key."""
    others = [name for name in names if name != number and described.kind_of(name) is Kind.TEXT]
    searched = (number, *others[-1:]) if len(names) > _REST else (number,)
    conditions = (
        key_condition(name, described.kind_of(name), [entry.lookup_key[name] for entry in entries]) for name in searched
    )
    return any_of(one for one in conditions if one is not None)


def _edited(row: Row, match: MatchingRecord, entry: OutboxEntry, number: str) -> str:
    """Why this record may be the entry's, with another key or since a moment ago; empty if it is not."""
    other = [name for name, text in entry.lookup_key.items() if equal_form(row.get(name)) != nfc(text)]
    same_number = number not in other
    same_rest = other == [number] and len(entry.lookup_key) > _REST
    if match.copy or not (same_number or same_rest) or not _proves(match, entry, CLOCK_TOLERANCE):
        return ""
    changed = f" with another {listed(other)}" if other else ""
    return (
        f"record {match.record}, created by {match.creator} at {match.created:%Y-%m-%d %H:%M:%S} UTC, "
        f"may be this one{changed}: check it"
    )


# --- by external id

_NOT_FOUND = (RefusedError, InvalidRequestError, RecordError)
"""The errors for a missing record, and for a function that the company does not understand."""


@dataclass(frozen=True, slots=True)
class ExternalIdResult:
    """The records found by external ids."""

    records: Mapping[Key, list[MatchingRecord]]
    absent: frozenset[int]
    """The numbers of the entries whose external id no record has."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """The record's key, or the error numbers of the refusal."""

    record: str
    errors: tuple[str, ...] = ()


def _only_external(entry: OutboxEntry) -> bool:
    return tuple(entry.lookup_key) == (EXTERNALID,)


def by_external_id(
    company: Gateway, outbox: Outbox, lookup: LookupKeys, entries: Sequence[OutboxEntry]
) -> ExternalIdResult:
    """The records that have the entries' external ids, and which of the others are absent."""
    nothing = ExternalIdResult({}, frozenset())
    try:
        legacy = legacy_object(lookup.object)
    except InvalidRequestError:
        return nothing
    if not legacy.single:
        return nothing
    answers = {one.lookup_key[EXTERNALID]: _ask(company, legacy, one.lookup_key[EXTERNALID]) for one in entries}
    records = {
        key_of(entry.lookup_key): _matching_records(company, lookup, record)
        for entry in entries
        if (record := answers[entry.lookup_key[EXTERNALID]].record)
    }
    missing = [entry for entry in entries if not answers[entry.lookup_key[EXTERNALID]].record]
    if not missing or not (records or _finds_ours(company, outbox, legacy, missing[0])):
        return ExternalIdResult(records, frozenset())
    unused = _ask(company, legacy, f"ib1-{outbox.loader}")
    absent = (one.number for one in missing if answers[one.lookup_key[EXTERNALID]] == unused)
    return ExternalIdResult(records, frozenset(absent))


def _finds_ours(company: Gateway, outbox: Outbox, legacy: LegacyObject, entry: OutboxEntry) -> bool:
    """Whether the company finds a record of ours that it certainly has."""
    example = outbox.example(entry.target.company, entry.target.object, EXTERNALID)
    return example is not None and bool(_ask(company, legacy, example.lookup_key.get(EXTERNALID, "")).record)


def _ask(company: Gateway, legacy: LegacyObject, external: str) -> _Answer:
    """The answer for an external id in any of its forms; if none finds a record, the one that all of them give."""
    answers = [_get_exactly(company, legacy, form) for form in forms_of(external)]
    other = answers[0] if len(set(answers)) == 1 else _Answer("", ("another",))
    return next((one for one in answers if one.record), other)


def _get_exactly(company: Gateway, legacy: LegacyObject, external: str) -> _Answer:
    try:
        data = company.ask(get(legacy.name, external, external=True)).data
    except _NOT_FOUND as error:
        return _Answer("", tuple(fault.errorno for fault in error.faults))
    names = legacy.answer_names(RECORDNO)
    for record in data.children if data is not None else ():
        if nfc(record.findtext("externalid").strip()) == nfc(external):
            return _Answer(next((text for name in names if (text := record.findtext(name).strip())), ""))
    return _Answer("", ("another",) if data is not None and data.children else ())


def _matching_records(company: Gateway, lookup: LookupKeys, record: str) -> list[MatchingRecord]:
    """The record with its creator and its time of creation. Without a readable creator it proves nothing."""
    described = company.describe(lookup.object)
    creators = Creators(company, lookup, described)
    by = lookup.receipt_key
    select = (by, *_proof_fields(lookup, described, creators))
    try:
        where = field(by) == parse_value(described.kind_of(by), record)
        rows = list(company.query(Query(lookup.object, select, where=where, show_private=True)))
    except _NOT_FOUND:
        rows = []
    return [matching_record(lookup, row, creators) for row in rows] or [MatchingRecord(record, None, "", copy=False)]


# --- payments

_KEYS = ("RECORDKEY", "invoicekey")
_AMOUNTS = ("TRX_PAYMENTAMOUNT", "PAYMENTAMOUNT", "amount")
_DATES = ("PAYMENTDATE", "RECEIPTDATE")
_BY = "PAYMENTKEY"
_SELECT = (_BY, "RECORDKEY", "TRX_PAYMENTAMOUNT", "PAYMENTDATE")
_BATCH = 100


def payment_key(entry: OutboxEntry) -> Key:
    """The records that a payment pays, with amounts and date; empty if its function does not have all of that."""
    body = parse(entry.body.encode())
    lines = list(_payment_lines(body))
    try:
        paid = Counter((record, _amount(amount)) for record, amount in lines)
    except InvalidOperation:
        return ()
    if not lines or any(not record for record, _ in lines):
        return ()
    day = next((text for name in _DATES for node in body if (text := node.findtext(name).strip())), "")
    return _payment_key(paid, _date(day))


def find_payments(
    company: Gateway, lookup: LookupKeys, entries: Iterable[OutboxEntry]
) -> dict[Key, list[MatchingRecord]]:
    """The payments that pay the same as these, oldest first; none if the company does not show details."""
    keys = {key for entry in entries if (key := payment_key(entry))}
    try:
        return _find_payments(company, lookup, keys) if keys else {}
    except (InvalidRequestError, NotPermittedError, RefusedError):
        return {}


def _find_payments(company: Gateway, lookup: LookupKeys, keys: set[Key]) -> dict[Key, list[MatchingRecord]]:
    records = sorted({record for key in keys for record, _ in key if record})
    payments = {comparable(row.get(_BY)) for row in _details(company, lookup, "RECORDKEY", records)}
    details: dict[str, list[Row]] = defaultdict(list)
    for row in _details(company, lookup, _BY, sorted(payments)):
        details[comparable(row.get(_BY))].append(row)
    same: dict[str, Key] = {}
    for payment, rows in details.items():
        paid = Counter((comparable(row.get("RECORDKEY")), _amount(row.get("TRX_PAYMENTAMOUNT"))) for row in rows)
        days = {row.get("PAYMENTDATE") for row in rows}
        for key in (_payment_key(paid, days.pop() if len(days) == 1 else None), _payment_key(paid, None)):
            if key in keys:
                same[payment] = key
    matches: dict[Key, list[MatchingRecord]] = {}
    for match in _headers(company, lookup, sorted(same)):
        matches.setdefault(same[match.record], []).append(match)
    return matches


def _details(company: Gateway, lookup: LookupKeys, by: str, values: list[str]) -> Iterator[Row]:
    kind = company.describe(lookup.payment_lines).kind_of(by)
    for batch in batched(values, _BATCH):
        yield from company.query(_query_in(lookup.payment_lines, _SELECT, by, kind, batch))


def _headers(company: Gateway, lookup: LookupKeys, values: list[str]) -> Iterator[MatchingRecord]:
    described = company.describe(lookup.object)
    creators = Creators(company, lookup, described)
    by = lookup.record_key
    select = (by, *_proof_fields(lookup, described, creators))
    for batch in batched(values, _BATCH):
        for row in company.query(_query_in(lookup.object, select, by, described.kind_of(by), batch)):
            yield matching_record(lookup, row, creators)


def _query_in(name: str, select: tuple[str, ...], by: str, kind: Kind, texts: list[str]) -> Query:
    values = [parse_value(kind, text) for text in texts]
    return Query(name, select, where=field(by).is_in(values), show_private=True)


def _payment_lines(node: Element) -> Iterator[tuple[str, str]]:
    """The record and the amount of every line under an element; an empty record for a line that pays anything else."""
    for child in node:
        amount = next((text for name in _AMOUNTS if (text := child.findtext(name).strip())), "")
        record = next((text for name in _KEYS if (text := child.findtext(name).strip())), "")
        if amount:
            yield record, amount
        else:
            yield from _payment_lines(child)


def _payment_key(paid: Mapping[tuple[str, str], int], day: Value) -> Key:
    """The lines in one order, and the date as a line of its own."""
    lines = [(record, f"{count} x {amount}") for (record, amount), count in sorted(paid.items())]
    return (*lines, ("", day.isoformat() if isinstance(day, date) else ""))


def _amount(value: Value) -> str:
    """An amount, which the function has as text and the company as a number."""
    return number_text(Decimal(str(value)))


def _date(text: str) -> Value:
    try:
        return parse_value(Kind.DATE, text)
    except RecordError:
        return None
