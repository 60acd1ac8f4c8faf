"""Finding documents in the company by the number that people know them by: a reference, the number of a check.

Such a number is no key of Intacct. People write it in capitals or not, and with leading zeros or without. One query
asks for the usual forms of up to 1,000 numbers, and the rows are compared here. A number without a digit, such as
`ACH`, is asked for together with its day.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from intacct_bridge.client.protocol import Gateway, Row
from intacct_bridge.client.reading.key_lookup import key_condition
from intacct_bridge.load.records.identity import DOCUMENT_DATES
from intacct_bridge.load.records.lookup_keys import LookupKeys
from intacct_bridge.load.records.values import comparable, equal_form
from intacct_bridge.load.target.find_by_key import Creators, MatchingRecord, matching_record
from intacct_protocol.model.batched import batched
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.query.query import MAX_IN, Filter, Query, all_of, field
from intacct_protocol.model.text_forms import with_forms
from intacct_protocol.xml.values import Kind, Value

_WIDEST = 10
"""The most digits to which numbers are filled up with zeros."""
_TOTALS = ("TRX_TOTALENTERED", "TOTALENTERED")
_LEDGER = "GL"
_ENTITY = "MEGAENTITYID"
_POSTING = _MODULE, _BATCH_OF_DOCUMENTS = "MODULE", "PRBATCHKEY"
"""The fields of a journal entry that say which ledger posted it."""
_DEBIT = 1


@dataclass(frozen=True, slots=True)
class NumberedRecord:
    """A document that has a number in one of its forms."""

    match: MatchingRecord
    row: Row
    number: str
    """In the form in which equal numbers are equal."""
    party: str
    day: str
    entity: str
    totals: tuple[Decimal, ...]
    """Empty if the object does not show them."""
    from_sub_ledger: bool
    """Whether a sub-ledger posted it to the general ledger."""

    @property
    def counts(self) -> bool:
        """Whether it is a document of its own: no reversal, not reversed or voided, and entered by hand."""
        return not (self.match.copy or self.match.taken_back or self.from_sub_ledger)

    def is_of(self, lookup: LookupKeys, fields: Mapping[str, Value], entity: str) -> bool:
        """Whether it is of the party and entity of a new document, and of its day if the number has no digit."""
        party = number_form(fields.get(lookup.party)) if lookup.party else ""
        same_day = has_digit(self.number) or self.day == day_of(fields)
        return party in ("", self.party) and self.entity in ("", entity) and same_day


def number_form(value: Value) -> str:
    """The form in which equal numbers are equal: trimmed, in NFC, and without case."""
    return equal_form(value).casefold()


def without_zeros(number: str) -> str:
    """A number of digits without its leading zeros; any other number as it is."""
    return number.lstrip("0") or "0" if number.isdecimal() else number


def with_zeros(number: str) -> tuple[str, ...]:
    """The number, and one of digits with and without leading zeros."""
    if not number.isdecimal():
        return (number,)
    bare = without_zeros(number)
    return tuple(dict.fromkeys((number, *(bare.zfill(width) for width in range(len(bare), _WIDEST + 1)))))


def day_of(fields: Mapping[str, Value]) -> str:
    """The day of a document; empty if it has none."""
    return next((comparable(fields[name]) for name in DOCUMENT_DATES if fields.get(name) not in (None, "")), "")


def has_digit(number: str) -> bool:
    """Whether a number identifies a document without its day."""
    return any(letter.isdigit() for letter in number)


def find_by_number(
    company: Gateway, lookup: LookupKeys, documents: Iterable[Mapping[str, Value]]
) -> list[NumberedRecord]:
    """Every record in the company with the number of one of these documents, in any of its forms; oldest first."""
    search = _Search(company, lookup, company.describe(lookup.object))
    numbers: dict[tuple[str, str], Mapping[str, Value]] = {}
    words: dict[tuple[str, str, str], Mapping[str, Value]] = {}
    for document in documents:
        number, party = comparable(document.get(lookup.number)), comparable(document.get(lookup.party))
        if has_digit(number):
            numbers[number, party] = document
        else:
            words[number, party, day_of(document)] = document
    records: dict[str, NumberedRecord] = {}
    for chunk in batched(numbers.values(), MAX_IN):
        records |= {one.match.record: one for one in search.records(chunk)}
    for chunk in batched(words.values() if search.day else (), MAX_IN):
        records |= {one.match.record: one for one in search.records(chunk, same_days=True)}
    return sorted(records.values(), key=lambda one: (len(one.match.record), one.match.record))


def entry_totals(company: Gateway, records: Iterable[str]) -> dict[str, Decimal]:
    """The debits of these journal entries, in the currencies of their lines."""
    totals: dict[str, Decimal] = {}
    for chunk in batched(records, MAX_IN):
        where = field("BATCHNO").is_in([int(record) for record in chunk]) & (field("TR_TYPE") == _DEBIT)
        for row in company.query(Query("GLENTRY", ("BATCHNO", "TRX_AMOUNT"), where=where, show_private=True)):
            record, amount = comparable(row.get("BATCHNO")), row.get("TRX_AMOUNT")
            if isinstance(amount, Decimal | int):
                totals[record] = totals.get(record, Decimal(0)) + amount
    return totals


class _Search:
    """The query for the numbers of one object."""

    def __init__(self, company: Gateway, lookup: LookupKeys, described: ObjectDef) -> None:
        self._company, self._lookup, self._described = company, lookup, described
        self._creators = Creators(company, lookup, described)
        days = (name for name in DOCUMENT_DATES if name != "WHENPOSTED" and described.kind_of(name) is Kind.DATE)
        self.day = next(days, "")
        """The field with the day of a document."""
        key = lookup.keys[0] if lookup.keys else ()
        names = (
            lookup.created_field,
            self._creators.field,
            "STATE",
            *lookup.empty_fields,
            lookup.party,
            self.day,
            *key,
        )
        posting = _POSTING if lookup.object == "GLBATCH" else ()
        shown = (name for name in (*names, _ENTITY, *_TOTALS, *posting) if name and described.get(name) is not None)
        self._select = tuple(dict.fromkeys((lookup.receipt_key, lookup.number, *shown)))

    def records(self, documents: Sequence[Mapping[str, Value]], *, same_days: bool = False) -> Iterator[NumberedRecord]:
        """The records with the numbers and parties of these documents. `same_days`: within the span of their days."""
        number, party = self._lookup.number, self._lookup.party
        forms = [form for document in documents for form in _forms(comparable(document.get(number)))]
        conditions: list[Filter | None] = [field(number).is_in(with_forms(dict.fromkeys(forms)))]
        if party and self._described.get(party) is not None:
            conditions.append(self._condition(party, [document.get(party) for document in documents]))
        if same_days:
            conditions.append(self._condition(self.day, [day_of(document) for document in documents]))
        where = all_of(condition for condition in conditions if condition is not None)
        for row in self._company.query(Query(self._lookup.object, self._select, where=where, show_private=True)):
            yield self._record(row)

    def _condition(self, name: str, values: Sequence[Value]) -> Filter | None:
        return key_condition(name, self._described.kind_of(name), values)

    def _record(self, row: Row) -> NumberedRecord:
        lookup, module = self._lookup, comparable(row.get(_MODULE)).rpartition(".")[2].upper()
        return NumberedRecord(
            matching_record(lookup, row, self._creators),
            row,
            number_form(row.get(lookup.number)),
            number_form(row.get(lookup.party)) if lookup.party else "",
            comparable(row.get(self.day)) if self.day else "",
            comparable(row.get(_ENTITY)),
            tuple(amount for name in _TOTALS if isinstance(amount := row.get(name), Decimal)),
            from_sub_ledger=module not in ("", _LEDGER) or row.get(_BATCH_OF_DOCUMENTS) not in (None, ""),
        )


def _forms(number: str) -> Iterator[str]:
    """The forms in which a number is asked for; whether filters tell capitals from small letters is not documented."""
    yield from with_zeros(number)
    if not number.isdecimal():
        yield from (number.upper(), number.lower())
