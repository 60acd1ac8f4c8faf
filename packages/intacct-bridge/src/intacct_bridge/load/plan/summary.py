"""A plan summed up for the person who approves it, and its records by page.

Nothing in a summary can cancel out: amounts above and below zero are apart, by currency, by party and by account. Each
record can be reached by page, and its parties and accounts have their names beside their ids.
"""

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from intacct_bridge.load.outbox.described import line_totals
from intacct_bridge.load.outbox.entry import Total, added
from intacct_bridge.load.plan.plan import WRITTEN, Plan, PlannedRecord, Verdict
from intacct_bridge.load.plan.write_content import WriteContent, content_of
from intacct_bridge.load.records.values import comparable
from intacct_bridge.load.records.write import Receipt, Write
from intacct_bridge.load.target.current_records import NUMBERS, PARTIES
from intacct_bridge.load.target.references import Names, referred
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.wording import counted

RECORDS_ON_PAGE = 50
"""Records on a page, unless a program asks for another number."""
_LARGEST = 10
"""The largest records of each currency that a summary names."""
_PARTY_OBJECTS = ("VENDOR", "CUSTOMER", "EMPLOYEE")
_ACCOUNTS = ("ACCOUNTNO", "ACCOUNTLABEL")
"""The fields of a line with its account."""


@dataclass(frozen=True, slots=True)
class NamedRecord:
    """A record of the company that a plan refers to: its id, and its name if the plan knows one."""

    id: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.id} {self.name}".strip()

    def to_dict(self) -> dict[str, str]:
        """The id and the name, for JSON."""
        return {"id": self.id, "name": self.name}


NO_PARTY = NamedRecord("")


@dataclass(frozen=True, slots=True)
class RecordSummary:
    """One record of a plan, as a list shows it."""

    number: int
    """Its place in the plan, from 1."""
    planned: PlannedRecord
    """The record as it was planned."""
    party: NamedRecord
    document: str
    """The number that people know it by, if the company has one; empty if its label says it."""
    totals: tuple[Total, ...]
    became: str = ""
    """What it has become since the plan was saved, such as `reversed` or `in doubt`; empty if that is still to do."""
    receipt: Receipt | None = None
    since: datetime | None = None
    """When a run of ours wrote it."""

    @property
    def label(self) -> str:
        """Its name for people."""
        return self.planned.write.label

    @property
    def state(self) -> str:
        """What is to be done with it, or what it has become."""
        return self.became or self.planned.verdict.value

    @property
    def lines(self) -> int:
        """The number of its lines."""
        return sum(1 for _ in self.planned.write.all_lines)

    @property
    def largest(self) -> Decimal:
        """Its largest amount, without its sign."""
        return max((total.largest for total in self.totals), default=Decimal(0))

    @property
    def amount(self) -> Decimal | None:
        """Its amount; None if it has none, or amounts in several currencies, which are never added."""
        return self.totals[0].shown if len(self.totals) == 1 else None

    @property
    def in_intacct(self) -> str:
        """The existing record, or the one that was written: `APBILL 12`; empty if there is none."""
        return f"{self.planned.write.object} {self.receipt.record}" if self.receipt and self.receipt.record else ""

    def matches(self, text: str) -> bool:
        """Whether its label, party, number, state, or a field of it or its lines has this text, in any letter case."""
        return text.casefold() in self._searched().casefold()

    def _searched(self) -> str:
        write = self.planned.write
        places = (write.fields, *(line.fields for line in write.all_lines))
        values = (value for fields in places for value in fields.values())
        texts = (self.label, str(self.party), self.document, self.state, self.in_intacct, *map(comparable, values))
        return "\n".join(texts)

    def to_dict(self) -> dict[str, Any]:
        """The record for JSON."""
        return {
            "number": self.number,
            "record": self.label,
            "verdict": self.planned.verdict.value,
            "became": self.became,
            "object": self.planned.write.object,
            "party": self.party.to_dict(),
            "document": self.document,
            "lines": self.lines,
            "amounts": [total.to_dict() for total in self.totals],
            "in_intacct": self.in_intacct,
        }


@dataclass(frozen=True, slots=True)
class GroupTotal:
    """The amounts of one party, or on one account, in one currency."""

    of: NamedRecord
    """Without an id: the records that have none."""
    total: Total
    records: int

    def to_dict(self) -> dict[str, object]:
        """The amounts for JSON."""
        return {**self.of.to_dict(), "records": self.records, **self.total.to_dict()}


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """What a person decides on: the records to write by number and amount, and where the amounts go."""

    records: tuple[RecordSummary, ...]
    """Every record of the plan, those that are unchanged or refused included."""
    to_write: int
    """The records that the plan writes, those that it has written by now included."""
    totals: tuple[Total, ...]
    parties: tuple[GroupTotal, ...]
    """By party, the largest first; empty if no record has a party."""
    accounts: tuple[GroupTotal, ...]
    """By account, the largest first; empty if no line has an account."""
    largest: tuple[RecordSummary, ...]
    """The records with the largest amounts of each currency; empty if all are on the first page anyway."""
    names: Names = field(repr=False)

    def content(self, record: RecordSummary, *, first_line: int = 0, most_lines: int = sys.maxsize) -> WriteContent:
        """All that is sent of a record, with names beside ids, and with some of its lines."""
        return content_of(record.planned.write, names=self.names, first_line=first_line, most_lines=most_lines)

    @property
    def is_long(self) -> bool:
        """Whether the records fill more than one page."""
        return len(self.records) > RECORDS_ON_PAGE

    @property
    def states(self) -> dict[str, int]:
        """The number of records by what is to be done with them, or what they have become."""
        return dict(Counter(record.state for record in self.records))

    def page(self, query: "RecordQuery") -> "RecordPage":
        """A page of the records that match."""
        matching = [record for record in self.records if not query.find or record.matches(query.find)]
        matching.sort(key=_SORTED[query.sort])
        pages = max(1, -(-len(matching) // query.size))
        page = min(max(1, query.page), pages)
        shown = matching[(page - 1) * query.size : page * query.size]
        return RecordPage(tuple(shown), query, page, pages, len(matching))

    def record(self, number: int) -> RecordSummary:
        """The record at a place of the plan, from 1. SettingsError if there is none."""
        if not 1 <= number <= len(self.records):
            raise SettingsError(
                f"the plan has no record {number}", fix=f"It has {counted(len(self.records), 'record')}, from 1."
            )
        return self.records[number - 1]

    def refuse_other_figures(self, figures: str) -> None:
        """SettingsError if a person who typed these has not read the summary: other numbers than it shows.

        The figures are the number of records to write, then for each currency its name and its totals above and below
        zero, as `1500 USD 250,000.00 -900.00`.
        """
        records, totals = _read_figures(figures)
        wrong = "the number of records" if records != self.to_write else ""
        shown = {total.currency: (total.above_zero, -total.below_zero) for total in self.totals}
        if not wrong and totals != shown:
            names = sorted(name for name in {*totals, *shown} if totals.get(name) != shown.get(name))
            wrong = f"the totals of {', '.join(names)}" if any(names) else "the totals"
        if wrong:
            raise SettingsError(f"You typed other figures than the plan has: {wrong}.", fix=FIGURES)

    def to_dict(self) -> dict[str, Any]:
        """The summary for JSON, without the records."""
        return {
            "records": len(self.records),
            "to_write": self.to_write,
            "totals": [total.to_dict() for total in self.totals],
            "parties": [group.to_dict() for group in self.parties],
            "accounts": [group.to_dict() for group in self.accounts],
            "largest": [record.to_dict() for record in self.largest],
        }


FIGURES = (
    "Look at all pages of the plan. Or type its figures as its summary shows them: the number of records to write, "
    "then for each currency its name, its positive and its negative total (debits and credits of journal entries), as "
    '"1500 USD 250000.00 -900.00".'
)
_FIGURES = re.compile(r"(?P<records>\d+)(?P<totals>( +([A-Z]{3} +)?\d+(\.\d+)? +[-−]?\d+(\.\d+)?)*)")
_TOTALS = re.compile(r"(?:([A-Z]{3}) +)?(\d+(?:\.\d+)?) +[-−]?(\d+(?:\.\d+)?)")


def _read_figures(figures: str) -> tuple[int, dict[str, tuple[Decimal, Decimal]]]:
    text = " ".join(figures.replace(",", "").upper().split())
    match = _FIGURES.fullmatch(text)
    try:
        if match is not None:
            totals = {name: (Decimal(above), Decimal(below)) for name, above, below in _TOTALS.findall(match["totals"])}
            return int(match["records"]), totals
    except (InvalidOperation, ValueError):
        pass
    raise SettingsError(f"{figures!r} are not the figures of a plan.", fix=FIGURES)


class RecordSort(StrEnum):
    """The order of the records on pages."""

    PLAN = "plan"
    """As they are in the plan."""
    AMOUNT = "amount"
    """The largest amounts first, whether above or below zero, currency by currency."""
    PARTY = "party"
    RECORD = "record"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordQuery:
    """Which records of a plan a page has."""

    find: str = ""
    """A text that a record must have: in its label, its party, its number, or any of its fields and lines."""
    sort: RecordSort = RecordSort.PLAN
    page: int = 1
    size: int = RECORDS_ON_PAGE


@dataclass(frozen=True, slots=True)
class RecordPage:
    """A page of the records of a plan."""

    records: tuple[RecordSummary, ...]
    query: RecordQuery
    page: int
    pages: int
    matching: int
    """The records that match, on all pages."""

    @property
    def first(self) -> int:
        """The place of its first record among those that match, from 1; 0 if none matches."""
        return (self.page - 1) * self.query.size + 1 if self.records else 0

    @property
    def is_last(self) -> bool:
        """Whether no page follows."""
        return self.page >= self.pages


def summary_of(plan: Plan, now: Plan | None = None) -> PlanSummary:
    """The summary of a plan as it was made. `now`: the plan as it stands; its records that were done say so."""
    current = {_key(record.write): record for record in now.records} if now is not None else {}
    names = _names_of(plan, now or plan)
    records = tuple(
        _record_summary(number, record, current.get(_key(record.write)), names)
        for number, record in enumerate(plan.records, 1)
    )
    written = [record for record in records if record.planned.verdict in (*WRITTEN, Verdict.IN_DOUBT)]
    return PlanSummary(
        records,
        len(written),
        added(total for record in written for total in record.totals),
        _groups((record.party, record.number, total) for record in written for total in record.totals),
        _groups(_on_accounts(written, names)),
        _largest(written) if len(records) > RECORDS_ON_PAGE else (),
        names,
    )


def _names_of(plan: Plan, now: Plan) -> Names:
    """The names as the plan was saved with; of records that were read again, as they are now."""
    objects = {*plan.names, *now.names}
    return {name: {**plan.names.get(name, {}), **now.names.get(name, {})} for name in objects}


def _key(write: Write) -> tuple[str, ...]:
    return write.entity, write.operation.value, write.object, write.identity.text


def _record_summary(number: int, record: PlannedRecord, now: PlannedRecord | None, names: Names) -> RecordSummary:
    write = record.write
    now = now if now is not None and now.verdict is not record.verdict else None
    is_done = now is not None and now.verdict is Verdict.UNCHANGED and now.since is not None
    named = next((record.existing[name] for name in NUMBERS if record.existing.get(name)), "")
    return RecordSummary(
        number,
        record,
        _party(record, names),
        "" if named and named in write.label.split() else named,
        record.totals,
        "" if now is None else write.operation.past_tense if is_done else now.verdict.value,
        (now.receipt if now is not None else None) or record.receipt,
        (now.since if now is not None else None) or record.since,
    )


def _party(record: PlannedRecord, names: Names) -> NamedRecord:
    for by, name in PARTIES.items():
        if record.existing.get(by):
            return NamedRecord(record.existing[by], record.existing.get(name, ""))
    targets = referred(record.write.object)
    for by, value in record.write.fields.items():
        if value and targets.get(by) in _PARTY_OBJECTS:
            party = comparable(value)
            return NamedRecord(party, names.get(targets[by], {}).get(party, ""))
    return NO_PARTY


def _on_accounts(records: Iterable[RecordSummary], names: Names) -> Iterator[tuple[NamedRecord, int, Total]]:
    titles = names.get("GLACCOUNT", {})
    for record in records:
        for line, total in line_totals(record.planned.write):
            account = comparable(next((line.fields[name] for name in _ACCOUNTS if line.fields.get(name)), ""))
            yield NamedRecord(account, titles.get(account, "")), record.number, total


def _groups(amounts: Iterable[tuple[NamedRecord, int, Total]]) -> tuple[GroupTotal, ...]:
    sums: dict[tuple[NamedRecord, str], Total] = {}
    numbers: dict[tuple[NamedRecord, str], set[int]] = {}
    for subject, number, total in amounts:
        group = (subject, total.currency)
        sums[group] = sums[group] + total if group in sums else total
        numbers.setdefault(group, set()).add(number)
    if not any(subject.id for subject, _ in sums):
        return ()
    groups = (GroupTotal(group[0], total, len(numbers[group])) for group, total in sums.items())
    return tuple(sorted(groups, key=lambda group: (group.total.currency, -group.total.largest, group.of.id)))


def _largest(records: Iterable[RecordSummary]) -> tuple[RecordSummary, ...]:
    by_currency: dict[str, list[RecordSummary]] = {}
    for record in records:
        for total in record.totals:
            by_currency.setdefault(total.currency, []).append(record)
    ranked = (sorted(of_currency, key=_by_amount)[:_LARGEST] for _, of_currency in sorted(by_currency.items()))
    return tuple({record.number: record for of_currency in ranked for record in of_currency}.values())


def _by_amount(record: RecordSummary) -> tuple[Any, ...]:
    return (record.totals[0].currency if record.totals else "~", -record.largest, record.number)


_SORTED: dict[RecordSort, Callable[[RecordSummary], tuple[Any, ...]]] = {
    RecordSort.PLAN: lambda record: (record.number,),
    RecordSort.AMOUNT: _by_amount,
    RecordSort.PARTY: lambda record: (record.party.name or record.party.id, record.party.id, record.number),
    RecordSort.RECORD: lambda record: (record.label, record.number),
}
