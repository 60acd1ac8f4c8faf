"""Finding records in the company by their lookup key: duplicates before a write, evidence after one.

One query serves many records: its filter is the product of their values, so the rows are compared with the keys again
here. Strings are compared exactly but for the form of their accents, since the company keeps what it was given.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from intacct_bridge.client.protocol import Gateway, Row
from intacct_bridge.client.reading.key_lookup import rows_by_keys
from intacct_bridge.load.records.lookup_keys import LookupKeys
from intacct_bridge.load.records.values import comparable, equal_form
from intacct_protocol.errors import InvalidRequestError, NotPermittedError, RefusedError
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.query.query import Query, field
from intacct_protocol.model.text_forms import forms_of, nfc
from intacct_protocol.xml.values import Value

_BATCH = 200
TAKEN_BACK = ("reversed", "reversal", "voided")
"""The states of documents that were taken back, and of those that did it."""
Key = tuple[tuple[str, str], ...]
"""Fields with their values as text, in the order of the lookup key."""


@dataclass(frozen=True, slots=True)
class MatchingRecord:
    """A record that has the wanted key."""

    record: str
    """Its number, as a receipt has it."""
    created: datetime | None
    creator: str
    copy: bool
    """Whether the company made it as a copy, such as a reversal."""
    taken_back: bool = False
    """Whether it was reversed or voided, or is the document that did this: its key is free for a new record."""


def key_values(lookup: LookupKeys, fields: Mapping[str, Value]) -> dict[str, str]:
    """A record's key values as text, as an outbox keeps them; empty if it has no full key."""
    return {name: comparable(fields.get(name)) for name in lookup.filled_key(fields)}


def looked_for(lookup: LookupKeys, fields: Mapping[str, Value]) -> dict[str, str]:
    """The values by which a duplicate of a record is looked for: its key, or the first one with its empty fields if a
    part of it is enough.
    """
    if not lookup.partial:
        return key_values(lookup, fields)
    return {name: comparable(fields.get(name)) for name in lookup.keys[0]}


def key_of(values: Mapping[str, str]) -> Key:
    """The values of a key in a form that compares and hashes: strings in NFC."""
    return tuple((name, nfc(text)) for name, text in values.items())


def is_queryable(company: Gateway, lookup: LookupKeys, values: Mapping[str, str]) -> bool:
    """Whether a query finds records by these values; some keys can be written and not queried."""
    if not values or lookup.read_by != "query":
        return False
    described = company.describe(lookup.object)
    return all(described.get(name) is not None for name in values)


def accepts_numbers(company: Gateway, definitions: str, name: str) -> bool:
    """Whether an order's definition takes the number that a document is sent with; where it does not say, it does not.

    `definitions` is the object of the definitions, such as SODOCUMENTPARAMS.
    """
    query = Query(definitions, ("DOCID", "ENABLE_SEQNUM"), where=field("DOCID").is_in(forms_of(name)))
    try:
        return any(row.get("ENABLE_SEQNUM") is False for row in company.query(query))
    except (InvalidRequestError, NotPermittedError, RefusedError):
        return False


def find_by_key(
    company: Gateway, lookup: LookupKeys, keys: Iterable[Mapping[str, str]]
) -> dict[Key, list[MatchingRecord]]:
    """Every record in the company that has one of the keys, oldest first."""
    by_fields: dict[tuple[str, ...], dict[Key, Mapping[str, str]]] = {}
    queryable: dict[tuple[str, ...], bool] = {}
    for values in keys:
        names = tuple(values)
        if names not in queryable:
            queryable[names] = is_queryable(company, lookup, values)
        if queryable[names]:
            by_fields.setdefault(names, {})[key_of(values)] = values
    matches_by_key: dict[Key, list[MatchingRecord]] = {}
    for names, distinct in by_fields.items():
        _find(company, lookup, names, distinct, matches_by_key)
    for matches in matches_by_key.values():
        matches.sort(key=lambda match: (len(match.record), match.record))
    return matches_by_key


def _find(
    company: Gateway,
    lookup: LookupKeys,
    names: tuple[str, ...],
    distinct: Mapping[Key, Mapping[str, str]],
    matches_by_key: dict[Key, list[MatchingRecord]],
) -> None:
    described = company.describe(lookup.object)
    creators = Creators(company, lookup, described)
    extra = (lookup.created_field, lookup.creator_field, "CREATEDBY", "STATE", *lookup.empty_fields)
    described_names = (name for name in extra if name and described.get(name) is not None)
    select = tuple(dict.fromkeys((lookup.receipt_key, *names, *described_names)))
    query = Query(lookup.object, select, show_private=True)
    for row in rows_by_keys(company.query, query, list(distinct.values()), described.kind_of, batch=_BATCH):
        key = tuple((name, equal_form(row.get(name))) for name in names)
        if key in distinct:
            matches_by_key.setdefault(key, []).append(matching_record(lookup, row, creators))


class Creators:
    """The users who created records: by login if the object keeps it, else by the user's record number."""

    _NUMBER = "CREATEDBY"

    def __init__(self, company: Gateway, lookup: LookupKeys, described: ObjectDef) -> None:
        self._company = company
        self._by_login = described.get(lookup.creator_field) is not None
        self.field = lookup.creator_field if self._by_login else self._NUMBER
        self._logins: dict[str, str] = {}

    def of(self, row: Row) -> str:
        """The login of the user who created this row; empty if it is unknown."""
        text = comparable(row.get(self.field))
        if self._by_login or not text:
            return text
        if text not in self._logins:
            self._logins[text] = self._login(text)
        return self._logins[text]

    def _login(self, number: str) -> str:
        if not number.isdecimal():
            return number
        try:
            rows = self._company.query(Query("USERINFO", ("LOGINID",), where=field("RECORDNO") == int(number)))
            return next((comparable(row.get("LOGINID")) for row in rows), "")
        except (NotPermittedError, RefusedError):
            return ""


def matching_record(lookup: LookupKeys, row: Row, creators: Creators) -> MatchingRecord:
    """A row as a matching record."""
    created = row.get(lookup.created_field) if lookup.created_field else None
    return MatchingRecord(
        record=comparable(row.get(lookup.receipt_key)),
        created=created if isinstance(created, datetime) else None,
        creator=creators.of(row),
        copy=any(row.get(name) not in (None, "") for name in lookup.empty_fields),
        taken_back=comparable(row.get("STATE")).casefold() in TAKEN_BACK,
    )
