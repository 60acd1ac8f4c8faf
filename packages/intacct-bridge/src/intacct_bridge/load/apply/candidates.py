"""Candidates: the records in the company that an entry in doubt may have become, for a person to decide.

Evidence (`load.apply.evidence`) decides by itself, so it accepts little. Candidates are only proposed. They are the
records that have the entry's lookup key or the filled part of it, the payments that pay the same, and the records of
the object that were created since the entry was sent. A record that another receipt claims is no candidate.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from intacct_bridge.client.protocol import Gateway, Row
from intacct_bridge.client.reading.key_lookup import key_condition
from intacct_bridge.load.apply.evidence import CLOCK_TOLERANCE, find_payments
from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.records.lookup_keys import LookupKeys, lookup_keys_of
from intacct_bridge.load.records.values import comparable, equal_form
from intacct_bridge.load.records.write import WriteOperation
from intacct_bridge.load.target.find_by_key import Creators, key_of, matching_record
from intacct_protocol.errors import InvalidRequestError, NotPermittedError, RecordError, RefusedError
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.keys import natural_key
from intacct_protocol.model.query.query import Filter, Query, all_of, field
from intacct_protocol.model.text_forms import with_forms
from intacct_protocol.xml.values import parse_value

MOST = 10
"""Candidates of one entry."""
_LOOKED_AT = 1000
_WINDOW = timedelta(hours=26)
"""Filter times may be read in any time zone, so the query asks for a day more than is wanted."""
_SHOWN = ("RECORDID", "DOCNO", "REFERENCENO", "BATCH_TITLE", "VENDORID", "CUSTOMERID", "EMPLOYEEID", "DESCRIPTION")
_AMOUNTS = ("TRX_TOTALENTERED", "TOTALENTERED", "TOTAL")
_REFUSALS = (InvalidRequestError, NotPermittedError, RefusedError, RecordError)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record that an entry in doubt may have become."""

    entry: int
    record: str
    label: str
    """Its name and amount, as far as the object has them."""
    created: datetime | None
    creator: str
    has_key: bool
    """Whether it has the entry's lookup key, or pays what the entry pays."""


def candidates(company: Gateway, outbox: Outbox, entries: Iterable[OutboxEntry]) -> list[Candidate]:
    """The candidates of new records in doubt, those with the key first, then the earliest.

    An entry that the company does not let us look for has none.
    """
    listed: list[Candidate] = []
    for entry in entries:
        if entry.target.operation is WriteOperation.CREATE:
            try:
                listed += _of_entry(company, outbox, entry)
            except _REFUSALS:
                continue
    return listed


def record_of(company: Gateway, object_name: str, key: str) -> str:
    """The record with a RECORDNO or a natural key that a person gives; empty if the company shows none."""
    lookup = lookup_keys_of(object_name)
    described = company.describe(object_name)
    receipt_key = lookup.receipt_key
    for name in dict.fromkeys((receipt_key, lookup.record_key, natural_key(object_name) or receipt_key)):
        if described.get(name) is None:
            continue
        try:
            value = parse_value(described.kind_of(name), key)
        except RecordError:
            continue  # such as a name for a numeric field
        where = field(name).is_in(with_forms([value]))
        rows = list(company.query(Query(object_name, (receipt_key,), where=where, show_private=True)))
        if rows:
            return comparable(rows[0].get(receipt_key))
    return ""


def _of_entry(company: Gateway, outbox: Outbox, entry: OutboxEntry) -> list[Candidate]:
    lookup = lookup_keys_of(entry.target.object)
    described = company.describe(lookup.object)
    same = find_payments(company, lookup, [entry]) if lookup.payment_lines else {}
    paid = {match.record for some in same.values() for match in some}
    rows = _rows(company, lookup, described, entry)
    claimed = outbox.claimed(entry.target.company, lookup.object, [_record(lookup, row) for row in rows] or ["-"])
    creators = Creators(company, lookup, described)
    by_record: dict[str, Candidate] = {}
    for row in rows:
        match = matching_record(lookup, row, creators)
        keyed = match.record in paid or (bool(entry.lookup_key) and _key(row, entry) == key_of(entry.lookup_key))
        since = entry.since.replace(microsecond=0) - CLOCK_TOLERANCE
        late = match.created is not None and match.created >= since
        if match.record and match.record not in claimed and not match.copy and (keyed or late):
            label = _label(row)
            by_record[match.record] = Candidate(entry.number, match.record, label, match.created, match.creator, keyed)
    return sorted(by_record.values(), key=lambda one: (not one.has_key, len(one.record), one.record))[:MOST]


def _rows(company: Gateway, lookup: LookupKeys, described: ObjectDef, entry: OutboxEntry) -> list[Row]:
    """The records with the entry's key, and those that were created since it was sent."""
    key = lookup.receipt_key
    extra = (lookup.created_field, lookup.creator_field, "CREATEDBY", *lookup.empty_fields, *_SHOWN, *_AMOUNTS)
    names = (*entry.lookup_key, *(name for keys in lookup.keys for name in keys), *extra)
    queryable = [name for name in names if name and described.get(name) is not None]
    select = tuple(dict.fromkeys((key, *queryable)))
    filters: list[Filter] = []
    values = {name: text for name, text in entry.lookup_key.items() if described.get(name) is not None and text}
    if values and len(values) == len(entry.lookup_key):
        parts = (key_condition(name, described.kind_of(name), [text]) for name, text in values.items())
        filters.append(all_of(part for part in parts if part is not None))
    if lookup.created_field and described.get(lookup.created_field) is not None:
        filters.append(field(lookup.created_field) >= entry.since - _WINDOW)
    rows: list[Row] = []
    for where in filters:
        rows += islice(company.query(Query(lookup.object, select, where=where, show_private=True)), _LOOKED_AT)
    return rows


def _key(row: Row, entry: OutboxEntry) -> tuple[tuple[str, str], ...]:
    return tuple((name, equal_form(row.get(name))) for name in entry.lookup_key)


def _record(lookup: LookupKeys, row: Row) -> str:
    return comparable(row.get(lookup.receipt_key))


def _label(row: Row) -> str:
    words = [comparable(row.get(name)) for name in _SHOWN]
    amount = next((comparable(row.get(name)) for name in _AMOUNTS if row.get(name) not in (None, "")), "")
    return " ".join(word for word in (*words, amount) if word)
