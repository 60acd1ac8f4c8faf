"""Looking for records whose writing is in doubt: which of them are proven, which are doubtful still, which are absent.

There are three ways, by what a record bears: fields that queries know, an external id, or the records that it pays.
What is found must have been made by the user who sent it, not before it was sent, not as a copy, and be claimed by no
other receipt; of equal twins each gets one, and which is whose does not matter.

Payments, which bear no key of ours: known by the records that they pay, the amounts, and the day.

What was asked is read from the function that was sent. A payment is the same one if its details pay exactly those
records with exactly those amounts on that day; who made it and when is judged as for any other record. Not finding it
proves nothing, for a payment is never sent again by itself.

Records by an external id, which queries do not know: the older `get` takes one as its key.

That `get` has the attribute is documented, what it does with it is not, and a company that makes nothing of it answers
as if there were no such record. So a record that is found must bear the id; and one that is not found counts as absent
only where the answer is the one to an id that nobody has, while one of ours that certainly is there was found by its.
"""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation

from intacct_bridge.client.protocol import Gateway, Row
from intacct_bridge.client.reading.legacy import get
from intacct_bridge.errors import InvalidRequestError, NotPermittedError, RecordError, RefusedError
from intacct_bridge.flow.company.find_by_key import (
    Creators,
    Key,
    MatchingRecord,
    accepts_numbers,
    find_by_key,
    is_queryable,
    key_of,
    matching_record,
)
from intacct_bridge.flow.outbox.entry import OutboxEntry
from intacct_bridge.flow.outbox.outbox import Outbox
from intacct_bridge.flow.records.lookup_keys import EXTERNALID, LookupKeys
from intacct_bridge.flow.records.values import comparable, number_text
from intacct_bridge.model.batched import batched
from intacct_bridge.model.keys import RECORDNO
from intacct_bridge.model.legacy.objects import LegacyObject, legacy_object
from intacct_bridge.model.query.query import Query, field
from intacct_bridge.wire.values import Kind, Value, parse_value
from intacct_bridge.wire.xml import Element, parse

_KEYS = ("RECORDKEY", "invoicekey")
_AMOUNTS = ("TRX_PAYMENTAMOUNT", "PAYMENTAMOUNT", "amount")
_DAYS = ("PAYMENTDATE", "RECEIPTDATE")
_BY = "PAYMENTKEY"
_SELECT = (_BY, "RECORDKEY", "TRX_PAYMENTAMOUNT", "PAYMENTDATE")
_AT_ONCE = 100


def paid_by(entry: OutboxEntry) -> Key:
    """What a payment pays, as something to compare by; empty where its function does not say it all."""
    body = parse(entry.body.encode())
    lines = list(_lines(body))
    try:
        told = Counter((key, _amount(amount)) for key, amount in lines)
    except InvalidOperation:
        return ()
    if not lines or any(not key for key, _ in lines):
        return ()
    day = next((text for name in _DAYS for node in body if (text := node.findtext(name).strip())), "")
    return _key(told, _day(day))


def look_paid(company: Gateway, lookup: LookupKeys, entries: Iterable[OutboxEntry]) -> dict[Key, list[MatchingRecord]]:
    """The payments that pay what these pay, oldest first; none where the company does not show details."""
    wanted = {key: key for entry in entries if (key := paid_by(entry))}
    try:
        return _look(company, lookup, wanted) if wanted else {}
    except (InvalidRequestError, NotPermittedError, RefusedError):
        return {}


def _look(company: Gateway, lookup: LookupKeys, wanted: Mapping[Key, Key]) -> dict[Key, list[MatchingRecord]]:
    records = sorted({name for key in wanted for name, _ in key if name})
    near = {comparable(row.get(_BY)) for row in _details(company, lookup, "RECORDKEY", records)}
    whole: dict[str, list[Row]] = defaultdict(list)
    for row in _details(company, lookup, _BY, sorted(near)):
        whole[comparable(row.get(_BY))].append(row)
    same: dict[str, Key] = {}
    for payment, rows in whole.items():
        told = Counter((comparable(row.get("RECORDKEY")), _amount(row.get("TRX_PAYMENTAMOUNT"))) for row in rows)
        days = {row.get("PAYMENTDATE") for row in rows}
        for key in (_key(told, days.pop() if len(days) == 1 else None), _key(told, None)):
            if key in wanted:
                same[payment] = key
    found: dict[Key, list[MatchingRecord]] = {}
    for match in _headers(company, lookup, sorted(same)):
        found.setdefault(same[match.record], []).append(match)
    return found


def _details(company: Gateway, lookup: LookupKeys, name: str, values: list[str]) -> Iterator[Row]:
    described = company.describe(lookup.payment_lines)
    for some in batched(values, _AT_ONCE):
        yield from company.query(_asked(lookup.payment_lines, _SELECT, name, described.kind_of(name), some))


def _headers(company: Gateway, lookup: LookupKeys, values: list[str]) -> Iterator[MatchingRecord]:
    described = company.describe(lookup.object)
    creators = Creators(company, lookup, described)
    wanted = (lookup.created_field, creators.field, *lookup.empty_fields)
    select = (lookup.record_key, *(name for name in wanted if name and described.get(name) is not None))
    for some in batched(values, _AT_ONCE):
        for row in company.query(
            _asked(lookup.object, select, lookup.record_key, described.kind_of(lookup.record_key), some)
        ):
            yield matching_record(lookup, row, creators)


def _asked(name: str, select: tuple[str, ...], by: str, kind: Kind, texts: list[str]) -> Query:
    values = [parse_value(kind, text) for text in texts]
    return Query(name, select, where=field(by).is_in(values), show_private=True)


def _lines(node: Element) -> Iterator[tuple[str, str]]:
    """The record and the amount of every line under an element; an empty record for one that pays something else."""
    for child in node:
        amount = next((text for name in _AMOUNTS if (text := child.findtext(name).strip())), "")
        key = next((text for name in _KEYS if (text := child.findtext(name).strip())), "")
        if amount:
            yield key, amount
        elif child.children:
            yield from _lines(child)


def _key(told: Mapping[tuple[str, str], int], day: Value) -> Key:
    """The lines in one order, and the day as a line of its own."""
    lines = [(record, f"{count} x {amount}") for (record, amount), count in sorted(told.items())]
    return (*lines, ("", day.isoformat() if isinstance(day, date) and not isinstance(day, datetime) else ""))


def _amount(value: Value) -> str:
    """An amount, which the function has as text and the company as a number."""
    return number_text(Decimal(str(value)))


def _day(text: str) -> Value:
    try:
        return parse_value(Kind.DATE, text)
    except RecordError:
        return None


_NO = (RefusedError, InvalidRequestError, RecordError)
"""What a record that is not there and a question that is not understood come to."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What asking by external ids brought."""

    found: Mapping[Key, list[MatchingRecord]]
    absent: frozenset[int]
    """The numbers of the entries that no record bears the external id of."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """The record's key, or in which words there is none."""

    record: str
    words: tuple[str, ...] = ()


def only_external(values: Mapping[str, str]) -> bool:
    """Whether an external id is all that a record can be looked for by."""
    return tuple(values) == (EXTERNALID,)


def look_external(company: Gateway, outbox: Outbox, lookup: LookupKeys, entries: Iterable[OutboxEntry]) -> Looked:
    """The records that bear the entries' external ids, and which of the others are absent."""
    asked = list(entries)
    try:
        known = legacy_object(lookup.object)
    except InvalidRequestError:
        return Looked({}, frozenset())
    if not known.single or not asked:
        return Looked({}, frozenset())
    answers = {entry.lookup_key[EXTERNALID]: _answer(company, known, entry.lookup_key[EXTERNALID]) for entry in asked}
    found = {
        key_of(entry.lookup_key): _matching_records(company, lookup, record)
        for entry in asked
        if (record := answers[entry.lookup_key[EXTERNALID]].record)
    }
    missing = [entry for entry in asked if not answers[entry.lookup_key[EXTERNALID]].record]
    if not missing or not (found or _finds_ours(company, outbox, known, missing[0])):
        return Looked(found, frozenset())
    nobody = _answer(company, known, f"ib1-{outbox.loader}")
    sure = (one.number for one in missing if answers[one.lookup_key[EXTERNALID]] == nobody)
    return Looked(found, frozenset(sure))


def _finds_ours(company: Gateway, outbox: Outbox, known: LegacyObject, entry: OutboxEntry) -> bool:
    """Whether the company finds one that it has."""
    example = outbox.example(entry.target.company, entry.target.object, EXTERNALID)
    return example is not None and bool(_answer(company, known, example.lookup_key.get(EXTERNALID, "")).record)


def _answer(company: Gateway, known: LegacyObject, external: str) -> _Answer:
    try:
        data = company.ask(get(known.name, external, external=True)).data
    except _NO as error:
        return _Answer("", tuple(fault.errorno for fault in error.faults))
    for record in data.children if data is not None else ():
        if record.findtext("externalid").strip() == external:
            return _Answer(
                next((text for name in known.answer_names(RECORDNO) if (text := record.findtext(name).strip())), "")
            )
    return _Answer("", ("another",) if data is not None and data.children else ())


def _matching_records(company: Gateway, lookup: LookupKeys, record: str) -> list[MatchingRecord]:
    """The record as it is to be judged; one whose maker cannot be read is nobody's, and proves nothing."""
    described = company.describe(lookup.object)
    creators = Creators(company, lookup, described)
    known = (lookup.created_field, creators.field, *lookup.empty_fields)
    select = tuple(name for name in known if name and described.get(name) is not None)
    by = lookup.answered_key or lookup.record_key
    try:
        where = field(by) == parse_value(described.kind_of(by), record)
        rows = list(company.query(Query(lookup.object, (by, *select), where=where, show_private=True)))
    except _NO:
        rows = []
    return [matching_record(lookup, row, creators) for row in rows] or [MatchingRecord(record, None, "", copy=False)]


SLACK = timedelta(hours=2)
"""How much before its sending a record of ours may seem to have been made: clocks differ, offsets miss summer time.
A payment has none of it: what it pays does not tell it from one that the same person entered by hand an hour before."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What looking brought, by the entries' numbers."""

    proofs: dict[int, MatchingRecord] = dataclasses.field(default_factory=dict)
    doubts: dict[int, str] = dataclasses.field(default_factory=dict)
    absent: set[int] = dataclasses.field(default_factory=set)
    """Those whose absence from what was found would prove, in time, that they were not applied."""


class Search:
    """Looks in one company for what one outbox has in doubt."""

    def __init__(self, company: Gateway, outbox: Outbox) -> None:
        self._company = company
        self._outbox = outbox

    def look(self, lookup: LookupKeys, doubtful: Sequence[OutboxEntry]) -> Sight:
        """What the company has of these entries, which are all of one object."""
        sight = Sight()
        given = [entry for entry in doubtful if entry.lookup_key]
        outside = [entry for entry in given if only_external(entry.lookup_key) and not self._seeable(lookup, entry)]
        inside = [entry for entry in given if entry not in outside]
        keys = {entry.number: key_of(entry.lookup_key) for entry in given}
        self._pair(lookup, given, keys, self._asked(lookup, inside, sight), sight)
        by_id = look_external(self._company, self._outbox, lookup, outside)
        self._pair(lookup, given, keys, by_id.found, sight)
        if lookup.payment_lines:
            paid = {entry.number: paid_by(entry) for entry in doubtful}
            self._pair(lookup, doubtful, paid, look_paid(self._company, lookup, doubtful), sight, slack=timedelta())
        missing = [entry for entry in inside if entry.number in sight.absent and entry.number not in sight.proofs]
        sight.absent.difference_update(self._numbered(lookup, missing))
        sight.absent.update(by_id.absent)
        return sight

    def _asked(
        self, lookup: LookupKeys, entries: Sequence[OutboxEntry], sight: Sight
    ) -> Mapping[Key, Sequence[MatchingRecord]]:
        try:
            found = find_by_key(self._company, lookup, [entry.lookup_key for entry in entries])
        except (NotPermittedError, RefusedError, InvalidRequestError):  # it does not let us look, or not by these
            return {}
        sight.absent.update(entry.number for entry in entries if self._seeable(lookup, entry))
        return found

    def _pair(
        self,
        lookup: LookupKeys,
        doubtful: Sequence[OutboxEntry],
        keys: Mapping[int, Key],
        found: Mapping[Key, Sequence[MatchingRecord]],
        sight: Sight,
        *,
        slack: timedelta = SLACK,
    ) -> None:
        records = [match.record for matches in found.values() for match in matches]
        claimed = self._outbox.claimed(doubtful[0].target.company, lookup.object, records) if records else set()
        for key, matches in found.items():
            twins = [entry for entry in doubtful if keys.get(entry.number) == key]
            free = [one for one in matches if not one.copy and one.record not in claimed]
            _pair(twins, free, sight, slack)

    def _numbered(self, lookup: LookupKeys, missing: Sequence[OutboxEntry]) -> set[int]:
        """Those whose definition gives numbers of its own, or may, so that the ones we look for may be unused."""
        if not lookup.numbered_by:
            return set()
        by = lookup.keys[0][0]
        kinds = {entry.lookup_key.get(by, "") for entry in missing}
        own = {kind for kind in kinds if not accepts_numbers(self._company, lookup.numbered_by, kind)}
        return {entry.number for entry in missing if entry.lookup_key.get(by, "") in own}

    def _seeable(self, lookup: LookupKeys, entry: OutboxEntry) -> bool:
        return is_queryable(self._company, lookup, entry.lookup_key)


def _pair(twins: Sequence[OutboxEntry], free: Sequence[MatchingRecord], sight: Sight, slack: timedelta) -> None:
    """Give each of the equal twins one of the records that prove it; which is whose does not matter."""
    left = list(free)
    waiting: list[OutboxEntry] = []
    for entry in sorted(twins, key=lambda twin: twin.number):
        proof = next((one for one in left if _proves(one, entry, slack)), None)
        if proof is None:
            waiting.append(entry)
        else:
            left.remove(proof)
            sight.proofs[entry.number] = proof
    for entry in waiting:
        near = next((one for one in left if _near(one, entry, slack)), None)
        if near is not None:
            made = f"{near.created:%Y-%m-%d %H:%M:%S} UTC" if near.created else "an unknown time"
            sight.doubts[entry.number] = (
                f"record {near.record} bears its key, made by {near.creator or 'an unknown user'} at {made}: "
                "see whether it is this one"
            )


def _proves(one: MatchingRecord, entry: OutboxEntry, slack: timedelta) -> bool:
    ours = one.creator.casefold() == entry.user.casefold()
    return ours and bool(one.creator) and one.created is not None and not _earlier(one, entry, slack)


def _near(one: MatchingRecord, entry: OutboxEntry, slack: timedelta) -> bool:
    """Whether it forbids a second sending: only another user's record from before the first one does not.

    Somebody else's record from after it may be this one, entered by hand when the load failed.
    """
    return one.creator.casefold() in ("", entry.user.casefold()) or not _earlier(one, entry, slack)


def _earlier(one: MatchingRecord, entry: OutboxEntry, slack: timedelta) -> bool:
    sent = entry.sent_at or entry.planned_at
    return one.created is not None and one.created < sent.replace(microsecond=0) - slack
