"""The company's records that an update, upsert or delete is for, as they are now: a few queries for all of a load.

A record is found by its record number, else by the fields that the user names, else by its lookup key. Only the fields
of the input are read; line sets are read for the records whose lines the input gives.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from decimal import Decimal

from intacct_bridge.client.protocol import Gateway, Row
from intacct_bridge.client.reading.key_lookup import rows_by_keys
from intacct_bridge.load.records.lookup_keys import is_draft_state
from intacct_bridge.load.records.values import comparable, equal_form
from intacct_bridge.load.records.write import Finding, Write, WriteOperation
from intacct_bridge.load.target.document_currencies import JOURNAL_ENTRY
from intacct_bridge.load.target.writable import LineSet, WritableObject
from intacct_protocol.errors import RecordError
from intacct_protocol.model.batched import batched
from intacct_protocol.model.keys import Owner, owner
from intacct_protocol.model.query.query import Query
from intacct_protocol.model.query.query import field as field_named
from intacct_protocol.xml.values import Value

_BATCH = 500
POSTED_ON = ("WHENPOSTED", "WHENCREATED", "BATCH_DATE")
"""The dates that a record may be posted on."""
_REVERSAL = "Reversal"
"""The state of a document that reverses another."""
_STATES = ("STATE", "WHENMODIFIED", "MODIFIEDBYLOGINID", *POSTED_ON)
"""Read of every record: whether it may be changed, its period, and who changed it last."""
AMOUNTS = ("TRX_TOTALENTERED", "TOTALENTERED", "TRX_TOTAL")
"""The amount of a record as a whole, in the currency of the transaction if there is one."""
SIDES = {"DEBITS": 1, "CREDITS": -1}
"""The facts with the amounts of a journal entry, which has no total, and the types of its lines (`TR_TYPE`)."""
PARTIES = {
    "VENDORID": "VENDORNAME",
    "CUSTOMERID": "CUSTOMERNAME",
    "EMPLOYEEID": "ENAME",
    "CUSTVENDID": "CUSTVENDNAME",
}
"""The fields with the party of a record, and those with its name."""
NUMBERS = ("RECORDID", "DOCID", "DOCNO", "REFERENCENO")
"""The fields with the number that people know a record by."""
_PARTY_FACTS = tuple(name for pair in PARTIES.items() for name in pair)
_FACTS = (*NUMBERS, *_PARTY_FACTS, "NAME", "BATCH_TITLE", "BATCH_DATE", *AMOUNTS, "CURRENCY", "WHENMODIFIED")
Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CurrentRecord:
    """A record of the company as it is."""

    record: str
    row: Row
    lines: Mapping[str, tuple[Row, ...]] = field(default_factory=dict)
    """By wrapper, for the line sets that the input gives."""
    sides: Mapping[str, str] = field(default_factory=dict)
    """Of a journal entry that is to be deleted: its debits and credits by currency, such as `DEBITS USD`."""

    @property
    def number(self) -> Value:
        """The record key as a value."""
        return int(self.record) if self.record.isdecimal() else self.record

    @property
    def facts(self) -> dict[str, str]:
        """What a person sees before a decision on the record: its names, its amounts, and when it was changed last."""
        facts = {name: comparable(self.row[name]) for name in _FACTS if self.row.get(name) not in (None, "")}
        return {**facts, **self.sides}


def key_names(write: Write, writable: WritableObject, match: Names = ()) -> Names:
    """The fields by which the existing record is found. RecordError if the input has no key."""
    number = writable.lookup.record_key
    if match:
        missing = [name for name in match if write.fields.get(name) in (None, "")]
        if missing:
            raise RecordError(f"{missing[0]} is empty, and {writable.name} is found by it", field=missing[0])
        return match
    if write.fields.get(number) not in (None, ""):
        return (number,)
    key = writable.lookup.filled_key(write.fields)
    if not key:
        keys = [" and ".join(names) for names in ((number,), *writable.lookup.keys)]
        raise RecordError(f"there is no key to find the {writable.name} by", fix=f"give {', or '.join(keys)}")
    return key


def key_texts(write: Write, names: Names) -> tuple[tuple[str, str], ...]:
    """The key as fields with their values as text, in NFC."""
    return tuple((name, equal_form(write.fields.get(name))) for name in names)


def replaced_values(write: Write, current: CurrentRecord, writable: WritableObject) -> dict[str, Value]:
    """The company's values of the fields that an update writes, as far as they can be read.

    A line set has its lines as one text, with the fields that the update writes.
    """
    replaced: dict[str, Value] = {name: current.row[name] for name in write.fields if name in current.row}
    for wrapper, lines in write.lines.items():
        if (theirs := current.lines.get(wrapper)) is not None:
            line_set = writable.line_set(wrapper)
            names = sorted({name for line in lines for name in described_fields(line.fields, line_set)})
            replaced[wrapper] = "; ".join(sorted(line_texts(counted_lines(theirs, names), names)))
    return replaced


def described_fields(fields: Mapping[str, Value], line_set: LineSet | None) -> Mapping[str, Value]:
    """A line without its parts (taxes, splits), which queries do not return."""
    described = line_set.described if line_set else None
    return fields if described is None else {name: value for name, value in fields.items() if described.get(name)}


def counted_lines(lines: Iterable[Mapping[str, Value]], names: Iterable[str]) -> Counter[tuple[str, ...]]:
    """How often a line set has each line, by the texts of these fields."""
    names = tuple(names)
    return Counter(tuple(equal_form(line.get(name)) for name in names) for line in lines)


def line_texts(lines: Counter[tuple[str, ...]], names: Iterable[str]) -> Iterator[str]:
    """Each line as one text for people, without its empty fields."""
    for line in lines.elements():
        yield ", ".join(f"{name} {text}" for name, text in zip(names, line, strict=True) if text)


def moved_facts(write: Write, before: Mapping[str, str], facts: Mapping[str, str]) -> list[Finding]:
    """The facts of a record that differ from those before."""
    moved = (f"{name} was {value or 'empty'}, and is {facts.get(name) or 'empty'} now" for name, value in before.items()
             if facts.get(name, "") != value)  # fmt: skip
    return [Finding("moved", f"{write.label}: {text}", "make a new plan", "", write.position) for text in moved]


def _none_taken_back(_: Iterable[str]) -> Set[str]:
    return frozenset()


class Locator:
    """Finds existing records of one object."""

    def __init__(self, company: Gateway, writable: WritableObject) -> None:
        self._company = company
        self._writable = writable

    def locate(
        self,
        keyed: Sequence[tuple[Write, Names]],
        *,
        taken_back: Callable[[Iterable[str]], Set[str]] = _none_taken_back,
    ) -> list[list[CurrentRecord]]:
        """For each write the records that have its key: none, one, or several.

        Intacct still has some of the records that an undo took back, and the documents that reverse others. Only their
        own number finds these.
        """
        by_names: dict[Names, list[Write]] = {}
        for write, names in keyed:
            by_names.setdefault(names, []).append(write)
        by_key: dict[tuple[tuple[str, str], ...], dict[str, CurrentRecord]] = {}
        for names, writes in by_names.items():
            for row in self._rows(names, writes):
                record = comparable(row.get(self._writable.lookup.record_key))
                key = tuple((name, equal_form(row.get(name))) for name in names)
                by_key.setdefault(key, {})[record] = CurrentRecord(record, self._with_action(row))
        numbers = [record for records in by_key.values() for record in records]
        lookup, undone = self._writable.lookup, taken_back(numbers)
        located = [
            [
                current
                for record, current in by_key.get(key_texts(write, names), {}).items()
                if names in ((lookup.record_key,), (lookup.receipt_key,))
                or (record not in undone and comparable(current.row.get("STATE")) != _REVERSAL)
            ]
            for write, names in keyed
        ]
        writes = [write for write, _ in keyed]
        self._add_lines(writes, located)
        self._add_sides(writes, located)
        return located

    def _rows(self, names: Names, writes: Sequence[Write]) -> Iterable[Row]:
        described = self._writable.described
        extra = {name for write in writes for name in write.fields}
        lookup = self._writable.lookup
        required = (*lookup.update_requires, *lookup.identifying)
        select = (lookup.record_key, *names, *_STATES, *_FACTS, *required, *sorted(extra))
        described_names = tuple(dict.fromkeys(name for name in select if described.get(name) is not None))
        keys = [{name: write.fields[name] for name in names} for write in writes]
        query = Query(self._writable.name, described_names, show_private=True)
        return rows_by_keys(self._company.query, query, keys, described.kind_of, batch=_BATCH)

    def _with_action(self, row: Row) -> Row:
        """A row with the action that its record's state stands for: Intacct shows no ACTION, and takes one."""
        draft = self._writable.lookup.draft
        if "ACTION" not in draft or not row.get("STATE"):
            return row
        is_draft = is_draft_state(self._writable.name, comparable(row["STATE"]))
        return {**row, "ACTION": draft["ACTION"] if is_draft else "Submit"}

    def _add_lines(self, writes: Sequence[Write], located: list[list[CurrentRecord]]) -> None:
        """Add the lines of the records that were found, for the line sets that their writes give."""
        for line_set in self._writable.lines:
            header, wrapper = owner(line_set.object), line_set.wrapper
            places = [at for at, write in enumerate(writes) if wrapper in write.lines and len(located[at]) == 1]
            if header is None or line_set.described is None or not places:
                continue
            fields = {name for at in places for line in writes[at].lines[wrapper] for name in line.fields}
            keys = {at: _line_key(located[at][0], header) for at in places}
            rows = self._line_rows(line_set.object, header.by, sorted(set(keys.values())), fields)
            for at in places:
                (record,) = located[at]
                located[at] = [replace(record, lines={**record.lines, wrapper: tuple(rows.get(keys[at], ()))})]

    def _add_sides(self, writes: Sequence[Write], located: list[list[CurrentRecord]]) -> None:
        """Add the debits and credits of journal entries that are to be deleted."""
        places = [
            at
            for at, write in enumerate(writes)
            if write.object == JOURNAL_ENTRY and write.operation is WriteOperation.DELETE and len(located[at]) == 1
        ]
        names = ("BATCHNO", "CURRENCY", "TR_TYPE", "TRX_AMOUNT")
        sums: dict[str, dict[str, Decimal]] = {}
        for numbers in batched((located[at][0].number for at in places), _BATCH):
            of_entries = field_named("BATCHNO").is_in(numbers)
            for row in self._company.query(Query("GLENTRY", names, where=of_entries, show_private=True)):
                side = next((name for name, kind in SIDES.items() if comparable(row.get("TR_TYPE")) == str(kind)), "")
                if side:
                    totals = sums.setdefault(comparable(row.get("BATCHNO")), {})
                    name = f"{side} {comparable(row.get('CURRENCY'))}".strip()
                    totals[name] = totals.get(name, Decimal(0)) + Decimal(comparable(row.get("TRX_AMOUNT")) or "0")
        for at in places:
            (record,) = located[at]
            sides = {name: f"{amount:f}" for name, amount in sorted(sums.get(record.record, {}).items(), reverse=True)}
            located[at] = [replace(record, sides=sides)]

    def _line_rows(self, name: str, by: str, keys: Sequence[str], fields: set[str]) -> dict[str, list[Row]]:
        described = self._company.describe(name)
        select = tuple(dict.fromkeys((by, *(one for one in sorted(fields) if described.get(one) is not None))))
        query, wanted_keys = Query(name, select, show_private=True), [{by: key} for key in keys]
        rows_by_key: dict[str, list[Row]] = {}
        for row in rows_by_keys(self._company.query, query, wanted_keys, described.kind_of, batch=_BATCH):
            rows_by_key.setdefault(comparable(row.get(by)), []).append(row)
        return rows_by_key


def _line_key(current: CurrentRecord, header: Owner) -> str:
    """The value by which the lines of a record name it."""
    return comparable(current.row.get(header.key)) or current.record
