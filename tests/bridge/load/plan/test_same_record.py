"""Which record of ours each record of an input is: a table of loads, one after another, and what the last one says.

The expected verdicts are those of docs/delivery.md. `unchanged 2` names the second record that was posted.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from intacct_bridge.load.outbox.described import write_target
from intacct_bridge.load.outbox.entry import OutboxEntry, new_entry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.context import PlanContext, newest_entries
from intacct_bridge.load.plan.plan import MatchRules, PlannedRecord, Verdict
from intacct_bridge.load.plan.same_record import MatchPosted, posted_by_source
from intacct_bridge.load.records.identity import Identifier, content_digest, content_identity, in_source, undo_identity
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.write import Identity, InputContent, Receipt, Write, WriteOperation
from intacct_bridge.load.tables.source_row import EqualNumber, SourceRow
from intacct_bridge.load.target.target_company import TargetCompany
from intacct_protocol.xml.values import Value
from support.load.shown import ShownRecords

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
TARGET = TargetCompany("acme", "", "", "loader")
PLAIN, NEW_2, NEW_3, NEW_23 = (MatchRules(new_rows=rows) for rows in ((), (2,), (3,), (2, 3)))


@dataclass(frozen=True)
class Record:
    """A record of a source."""

    object: str
    fields: Mapping[str, Value]
    key: str = ""
    equal: int = 0
    """Its number among the equal records of a stream without keys."""
    labels: frozenset[str] = frozenset()

    def write(self, row: int, source: str, identifier: Identifier) -> Write:
        digest = content_digest(self.object, self.fields, {})
        equal = EqualNumber(("s", digest), self.equal, self.equal, 0) if self.equal else None
        key = (self.key,) if self.key else ("s", digest, str(self.equal)) if self.equal else ()
        identity = identifier.identify(
            self.object, self.fields, digest=digest, source_key=key, is_number=equal is not None, labels=self.labels
        )
        rows = (SourceRow("f.csv", row, {}, key=key, equal=equal),)
        label = f"record {row}"
        write = Write(WriteOperation.CREATE, self.object, self.fields, identity, digest, label, rows, source_key=key,
                      labels=self.labels)  # fmt: skip
        return in_source(write, source)


def entry(
    reference: str = "", amount: int = 100, *, day: int = 31, journal: str = "GJ", key: str = "", equal: int = 0
) -> Record:
    fields: dict[str, Value] = {
        "JOURNAL": journal, "BATCH_DATE": date(2026, 1, day), "BATCH_TITLE": "Payroll", "TOTAL": Decimal(amount),
    }  # fmt: skip
    return Record("GLBATCH", fields | ({"REFERENCENO": reference} if reference else {}), key, equal)


def payment(number: str = "", amount: int = 100, *, vendor: str = "V1", key: str = "") -> Record:
    fields: dict[str, Value] = {"VENDORID": vendor, "PAYMENTDATE": date(2026, 1, 31), "TOTAL": Decimal(amount)}
    return Record("APPYMT", fields | ({"DOCNUMBER": number} if number else {}), key)


def bill(number: str, amount: int = 100, *, vendor: str = "V1", key: str = "", external: str = "") -> Record:
    fields: dict[str, Value] = {"VENDORID": vendor, "RECORDID": number, "TOTAL": Decimal(amount)}
    return Record("APBILL", fields | ({"EXTERNALID": external} if external else {}), key)


class Company:
    """A company with the outbox of its loads: it takes every record that a load calls new."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "outbox.sqlite3"
        self.rows: dict[str, list[dict[str, Value]]] = {}
        self._runs, self._numbers = count(1), count(1)
        self._ends: Callable[[OutboxEntry, str], OutboxEntry] = lambda sent, record: sent.ended(
            RecordStatus.APPLIED, Receipt(record)
        )

    def open(self) -> Outbox:
        return Outbox(self.path, clock=lambda: NOW, user="loader", run=f"run {next(self._runs)}")

    def context(self, outbox: Outbox, rules: MatchRules, *, offline: bool = True) -> PlanContext:
        return cast(
            "PlanContext",
            SimpleNamespace(
                settings=SimpleNamespace(offline=offline, rules=rules),
                target=TARGET,
                outbox=outbox,
                unchecked=[],
                company=ShownRecords(self.rows),
                entries=partial(newest_entries, outbox, TARGET),
            ),
        )

    def load(self, *records: Record, rules: MatchRules = PLAIN, offline: bool = True) -> list[PlannedRecord]:
        """Load an input, and say what became of each record."""
        identifier = Identifier()
        planned = [
            PlannedRecord(record.write(row, rules.source_name, identifier), Verdict.CREATE)
            for row, record in enumerate(records, 2)
        ]
        with self.open() as outbox:
            done = MatchPosted(self.context(outbox, rules, offline=offline))(planned)
            self.post(outbox, [one.write for one in done if one.verdict is Verdict.CREATE])
        return done

    def post(self, outbox: Outbox, writes: Iterable[Write]) -> list[OutboxEntry]:
        new = [
            new_entry(write_target(TARGET, write), write.identity.text, write.digest, "<create/>", label=write.label,
                      position=write.position, identities=write.identities)
            for write in writes
        ]  # fmt: skip
        sent = outbox.begin(outbox.plan(new))
        assert len(sent) == len(new), "the outbox lets every record be sent that the plan calls new"
        return outbox.conclude([self._ends(one, str(next(self._numbers))) for one in sent])

    def in_doubt(self) -> None:
        """From now on every answer is lost."""
        self._ends = lambda sent, _: sent.ended(RecordStatus.IN_DOUBT)

    def refuse(self) -> None:
        """From now on the company refuses every record."""
        self._ends = lambda sent, _: sent.ended(RecordStatus.REJECTED)

    def take_back(self, record: str) -> None:
        """Take a record of ours back, as `undo` does."""
        with self.open() as outbox:
            posted = next(one for one in outbox.entries() if one.receipt is not None and one.receipt.record == record)
            opposite = new_entry(posted.target, undo_identity(posted.control_id).text, "undo", "<reverse/>",
                                 undoes=posted.number)  # fmt: skip
            (sent,) = outbox.begin(outbox.plan([opposite]))
            outbox.conclude([sent.ended(RecordStatus.APPLIED, Receipt(f"{record}00"))])


@pytest.fixture
def company(tmp_path: Path) -> Company:
    return Company(tmp_path)


def said(records: Sequence[PlannedRecord]) -> list[str]:
    """What a load says of each record: the verdict or the rule that refuses it, and the record of ours that it is."""
    words = []
    for record in records:
        refusing = [one.rule for one in record.findings if one.refuses]
        warnings = [one.rule for one in record.findings if not one.refuses]
        verdict = "new" if record.verdict is Verdict.CREATE else record.verdict.value
        receipt = record.receipt.record if record.receipt else ""
        words.append(" ".join(filter(None, ("+".join(refusing) or verdict, receipt, *warnings))))
    return words


SAME, NEW = MatchRules(equal_records="same"), MatchRules(equal_records="new")
ERP, SHOP = MatchRules("erp"), MatchRules("shop")
Load = tuple[MatchRules, list[Record]]


def loaded(*records: Record, by: MatchRules = PLAIN) -> Load:
    return by, [*records]


CASES: dict[str, tuple[list[Load], Load, list[str]]] = {
    # --- by a number
    "the same again": ([loaded(entry("R1"))], loaded(entry("R1")), ["unchanged 1"]),
    "another amount": ([loaded(entry("R1"))], loaded(entry("R1", 200)), ["conflict 1"]),
    "another day": ([loaded(entry("R1"))], loaded(entry("R1", day=30)), ["conflict 1"]),
    "another journal": ([loaded(entry("R1"))], loaded(entry("R1", journal="PYRJ")), ["conflict 1"]),
    "another number": ([loaded(entry("R1"))], loaded(entry("R2")), ["new"]),
    "in small letters": ([loaded(entry("R1"))], loaded(entry("r1")), ["conflict 1"]),
    "without a digit, another day": ([loaded(entry("RENT"))], loaded(entry("RENT", day=30)), ["new"]),
    "without a digit, the same day": ([loaded(entry("RENT"))], loaded(entry("RENT", 2)), ["conflict 1"]),
    "a payment": ([loaded(payment("C1"))], loaded(payment("C1", 5)), ["conflict 1"]),
    "the number of another vendor": ([loaded(payment("C1"))], loaded(payment("C1", vendor="V2")), ["new"]),
    # --- several records of one number
    "an accrual and its reversal, in another order": (
        [loaded(entry("R1", day=30), entry("R1"))],
        loaded(entry("R1"), entry("R1", day=30)),
        ["unchanged 2", "unchanged 1"],
    ),
    "the amount of the reversal": (
        [loaded(entry("R1", day=30), entry("R1"))],
        loaded(entry("R1", 5), entry("R1", day=30)),
        ["conflict 2", "unchanged 1"],
    ),
    "the day of a payment in two parts": (
        [loaded(payment("C1", 1), by=NEW_2), loaded(payment("C1", 1), payment("C1", 2), by=NEW_3)],
        loaded(payment("C1", 2), payment("C1", 1)),
        ["unchanged 2", "unchanged 1"],
    ),
    "both amounts of one number": (
        [loaded(entry("R1", day=30), entry("R1"))], loaded(entry("R1", 5), entry("R1", 6, day=30)),
        ["conflict 2", "conflict 1"],
    ),
    "a schedule goes on": (
        [loaded(entry("R1", day=1), entry("R1", day=2))],
        loaded(entry("R1", day=1), entry("R1", day=2), entry("R1", day=3)),
        ["unchanged 1", "unchanged 2", "new"],
    ),
    "a schedule goes on, without its first month": (
        [loaded(entry("R1", day=1), entry("R1", day=2))],
        loaded(entry("R1", day=2), entry("R1", day=3)),
        ["unchanged 2", "conflict 1"],
    ),
    "a schedule goes on, its first month corrected": (
        [loaded(entry("R1", 1, day=1), entry("R1", 2, day=2))],
        loaded(entry("R1", 9, day=1), entry("R1", 2, day=2), entry("R1", 3, day=3)),
        ["conflict 1", "unchanged 2", "new"],
    ),
    "a day that two records exchange": (
        [loaded(entry("R1", 1, day=1), entry("R1", 2, day=2))],
        loaded(entry("R1", 2, day=1), entry("R1", 1, day=2)),
        ["conflict 1", "conflict 2"],
    ),
    "two of one day": ([], loaded(entry("R1"), entry("R1", 5)), ["double", "double"]),
    "two of two days": ([], loaded(entry("R1"), entry("R1", day=30)), ["new", "new"]),
    "two of one day, with keys": ([], loaded(entry("R1", key="a"), entry("R1", 5, key="b")), ["new", "new"]),
    "three of one day, one with a key": (
        [], loaded(entry("R1", key="a"), entry("R1", 5), entry("R1", 6)), ["new", "double", "double"]
    ),
    # --- called new
    "called new": ([loaded(entry("R1"))], loaded(entry("R1", 200), by=NEW_2), ["new"]),
    "called new, the posted row": ([loaded(entry("R1"))], loaded(entry("R1"), by=NEW_2), ["unchanged 1"]),
    "called new, the content of another row": (
        [loaded(entry("R1"))], loaded(entry("R9"), entry("R1"), by=NEW_3), ["new", "new"]
    ),
    "another row is called new": ([loaded(entry("R1"))], loaded(entry("R1", 200), by=NEW_3), ["conflict 1"]),
    "the second of one day is called new": ([], loaded(entry("R1"), entry("R1", 5), by=NEW_3), ["new", "new"]),
    "the first of one day is called new": ([], loaded(entry("R1"), entry("R1", 5), by=NEW_2), ["new", "new"]),
    "both are called new": ([], loaded(entry("R1"), entry("R1", 5), by=NEW_23), ["new", "new"]),
    "equal ones are called new": ([], loaded(entry("R1"), entry("R1"), by=NEW_23), ["new", "new"]),
    "the first of equal ones is called new": ([], loaded(entry("R1"), entry("R1"), by=NEW_2), ["new", "new"]),
    "a row beside one that was called new": (
        [loaded(entry("R2"), entry("R1"), by=NEW_3)], loaded(entry("R1"), entry("R1"), by=NEW_3), ["new", "unchanged 2"]
    ),
    "a payment beside one that was called new": (
        [loaded(payment("C1"))], loaded(payment("C1"), payment("C1", 5), by=NEW_3), ["unchanged 1", "new"]
    ),
    "a key beside one that was called new": (
        [loaded(entry("R1", key="a"))],
        loaded(entry("R1", 3, key="a"), entry("R1", 5, key="a"), by=NEW_3),
        ["conflict 1", "new"],
    ),
    "the row that was called new, alone": (
        [loaded(entry("R1"), entry("R1", 5), by=NEW_3)], loaded(entry("R1", 5)), ["unchanged 2"]
    ),
    "the key of two records, one of which was called new": (
        [loaded(entry("R1", key="a"), entry("R1", 5, key="a"), by=NEW_3)], loaded(entry("R1", 5, key="a")),
        ["unchanged 2"],
    ),
    "called new under another key": ([loaded(entry(key="a"))], loaded(entry(key="b"), by=NEW_2), ["new"]),
    "the content of the row that was called new": (
        [loaded(entry("R1", key="a"), entry("R1", 5, key="a"), by=NEW_3)],
        loaded(entry("R1", 5, key="a"), entry("R1", 5, key="a"), by=NEW_3),
        ["conflict 1", "unchanged 2"],
    ),
    # --- by a key of the source
    "all but the key": (
        [loaded(entry("R1", key="a"))], loaded(entry("R2", 9, day=1, journal="PYRJ", key="a")), ["conflict 1"]
    ),
    "a key again": ([loaded(entry("R1", key="a"))], loaded(entry("R1", key="a")), ["unchanged 1"]),
    "the key": ([loaded(entry("R1", key="a"))], loaded(entry("R1", 5, key="b")), ["new duplicate"]),
    "the key of a record without a number": ([loaded(entry(key="a"))], loaded(entry(key="b")), ["new"]),
    "the key alone": ([loaded(entry("R1", key="a"))], loaded(entry("R1", key="b")), ["new duplicate"]),
    "the number of the other of two keys": (
        [loaded(entry("R1", key="a"), entry("R2", key="b"))],
        loaded(entry("R2", key="a"), entry("R1", key="b")),
        ["conflict 1", "conflict 2"],
    ),
    "the key is left out": ([loaded(entry("R1", key="a"))], loaded(entry("R1", 5)), ["conflict 1"]),
    "the key is named now": ([loaded(entry("R1"))], loaded(entry("R1", 5, key="a")), ["conflict 1"]),
    "a key of another source": (
        [loaded(entry("R1", key="a"), by=SHOP)], loaded(entry("R2", 5, key="a"), by=ERP), ["new"]
    ),
    "the number of another source": (
        [loaded(entry("R1", key="a"), by=SHOP)], loaded(entry("R1", 5, key="a"), by=ERP), ["conflict 1"]
    ),
    "the content of another source": (
        [loaded(entry(key="a"), by=SHOP)], loaded(entry(key="b"), by=ERP), ["new"]
    ),
    # --- by a key of the company
    "a bill again": ([loaded(bill("B1"))], loaded(bill("B1")), ["unchanged 1"]),
    "a bill": ([loaded(bill("B1"))], loaded(bill("B1", 5)), ["conflict 1"]),
    "the vendor of a bill": ([loaded(bill("B1"))], loaded(bill("B1", vendor="V2")), ["new"]),
    "the number of a bill with a key": ([loaded(bill("B1", key="a"))], loaded(bill("B2", key="a")), ["conflict 1"]),
    "the key of a bill": ([loaded(bill("B1", key="a"))], loaded(bill("B1", key="b")), ["conflict 1"]),
    "a bill under another key, called new": (
        [loaded(bill("B1", key="a"))], loaded(bill("B1", 5, key="b"), by=NEW_2), ["new"]
    ),
    "the key is that of the bill before": (
        [loaded(bill("B1", key="a"))], loaded(bill("B1"), bill("B2", 5, key="a")), ["unchanged 1", "conflict 1"]
    ),
    "the external id is that of another bill": (
        [loaded(bill("B1", external="x"), bill("B2", external="y"))], loaded(bill("B1", 5, external="y")), ["conflict"]
    ),
    "the key is that of another bill": (
        [loaded(bill("B1", key="a"), bill("B2", key="b"))], loaded(bill("B2", 5, key="a")), ["conflict"]
    ),
    # --- by nothing but the content
    "all of them again": (
        [loaded(entry(), entry(), entry("", 5))],
        loaded(entry("", 5), entry(), entry()),
        ["unchanged 3", "unchanged 2", "unchanged 1"],  # the row that was the second one is the second again
    ),
    "all of them and more": (
        [loaded(entry(), entry("", 5))],
        loaded(entry(), entry("", 5), entry(), entry("", 6)),
        ["unchanged 1", "unchanged 2", "new", "new"],
    ),
    "one without the other": ([loaded(entry(), entry("", 5))], loaded(entry()), ["equal"]),
    "one of two equal ones": ([loaded(entry(), entry())], loaded(entry()), ["equal"]),
    "without the other, taken for the same": (
        [loaded(entry(), entry("", 5))], loaded(entry(), by=SAME), ["unchanged 1"]
    ),
    "without the other, taken for new": ([loaded(entry("", 5), entry())], loaded(entry(), by=NEW), ["new"]),
    "without the other, taken for new in its row": (
        [loaded(entry(), entry("", 5))], loaded(entry(), by=NEW), ["unchanged 1"]
    ),
    "without the other, called new": ([loaded(entry("", 5), entry())], loaded(entry(), by=NEW_2), ["new"]),
    "without the other, called new in its row": (
        [loaded(entry(), entry("", 5))], loaded(entry(), by=NEW_2), ["unchanged 1"]
    ),
    "a key is named now": ([loaded(entry())], loaded(entry(key="a")), ["unchanged 1"]),
    "one of two inputs": (
        [loaded(entry(), entry("", 5)), loaded(entry("", 7))],
        loaded(entry("", 7), entry()),
        ["unchanged 3", "equal"],
    ),
    "two inputs, both again": (
        [loaded(entry(), entry("", 5)), loaded(entry("", 7))],
        loaded(entry("", 7), entry("", 5), entry()),
        ["unchanged 3", "unchanged 2", "unchanged 1"],
    ),
    "of a stream": ([loaded(entry(equal=1))], loaded(entry(equal=1), entry(equal=2)), ["unchanged 1", "new"]),
}  # fmt: skip
"""By what was corrected: the loads before, the load now, and what it says."""


@pytest.mark.parametrize("case", CASES)
def test_a_record_that_comes_again(company: Company, case: str) -> None:
    before, (rules, records), expected = CASES[case]
    for earlier_rules, earlier in before:
        posted = company.load(*earlier, rules=earlier_rules)
        assert not any(one.verdict is Verdict.REFUSED for one in posted)
    assert said(company.load(*records, rules=rules)) == expected
    again = [word.split()[0] for word in said(company.load(*records, rules=rules))]
    assert again == ["unchanged" if word.startswith("new") else word.split()[0] for word in expected]


def test_a_record_in_doubt_holds_what_it_is_known_by(company: Company) -> None:
    company.in_doubt()
    company.load(entry("R1"), entry("", 5))
    assert said(company.load(entry("R1"), entry("", 5))) == ["in doubt", "in doubt"]
    (record,) = company.load(entry("R1", 200))
    assert said([record]) == ["conflict"]
    assert "sent (its outcome is in doubt) on 2026-11-30" in record.findings[0].message


@pytest.mark.parametrize(
    ("again", "after_undo", "expected"),
    [
        (entry("R1"), "post", ["new again"]),
        (entry("R1"), "refuse", ["again"]),
        (entry("R1", 200), "refuse", ["new"]),
        (entry("R2"), "refuse", ["new"]),
        (entry(), "refuse", ["new"]),
    ],
)
def test_a_record_that_was_taken_back(company: Company, again: Record, after_undo: str, expected: list[str]) -> None:
    company.load(entry("R1"))
    company.take_back("1")
    rules = MatchRules(after_undo="refuse" if after_undo == "refuse" else "post")
    records = company.load(again, rules=rules)
    assert said(records) == expected
    if expected != ["new"]:
        (finding,) = records[0].findings
        assert "was posted on 2026-11-30 and taken back on 2026-11-30" in finding.message
        assert (bool(finding.fix), finding.position) == (after_undo == "refuse", "f.csv:2")


@pytest.mark.parametrize("content", [entry(), entry("", key="a")])
def test_a_record_without_a_number_that_was_taken_back(company: Company, content: Record) -> None:
    company.load(content)
    company.take_back("1")
    assert said(company.load(content)) == ["new again"]
    assert said(company.load(content)) == ["unchanged 2"]


def test_a_record_that_was_taken_back_beside_one_that_stands(company: Company) -> None:
    """One of two equal records was taken back: the other is still known, and the file again posts one."""
    company.load(entry(), entry())
    company.take_back("1")
    assert said(company.load(entry(), entry())) == ["unchanged 2", "new again"]


def deletion(name: str, record: str) -> dict[str, Value]:
    """A person's deletion, as the audit history has it."""
    return {"OBJECTTYPE": name, "OBJECTKEY": f"{record}--REC", "USERID": "x", "ACCESSMODE": "D", "ACCESSTIME": NOW}


def vendor(number: str, key: str) -> Record:
    return Record("VENDOR", {"VENDORID": number, "NAME": "Ace"}, key)


@pytest.mark.parametrize("again", [vendor("V-1", "a"), vendor("V-2", "a"), vendor("V-1", "b")])
def test_a_deleted_record_is_known_by_nothing(company: Company, again: Record) -> None:
    company.load(vendor("V-1", "a"))
    company.rows["AUDITHISTORY"] = [deletion("vendor", "1")]
    assert said(company.load(again, offline=False)) == ["new"]


@pytest.mark.parametrize(("again", "expected"), [(vendor("V-1", "a"), "unchanged 1"), (vendor("V-2", "b"), "new")])
def test_a_record_that_the_company_shows_is_still_known(company: Company, again: Record, expected: str) -> None:
    company.load(vendor("V-1", "a"))
    company.rows["VENDOR"] = [{"RECORDNO": 1, "VENDORID": "V-1"}]
    assert said(company.load(again, offline=False)) == [expected]


def test_a_record_that_was_refused_by_the_company_is_new_again(company: Company) -> None:
    company.refuse()
    company.load(entry("R1"), entry("", 5))
    assert said(company.load(entry("R1"), entry("", 5))) == ["new", "new"]


def test_a_file_is_the_same_file_if_the_others_of_it_were_deleted(company: Company) -> None:
    """A record of an earlier input that is not in the company any more need not come again."""
    company.load(entry(), entry("", 5))
    assert said(company.load(entry())) == ["equal"]
    company.take_back("2")
    assert said(company.load(entry())) == ["unchanged 1"]


def test_the_file_of_a_corrected_record_may_have_its_former_content(company: Company) -> None:
    """A correction leaves both contents, and an input that has either of them has the record again."""
    company.load(entry(), entry("", 5))
    with company.open() as outbox:
        corrected = entry("", 6).write(2, "", Identifier())
        outbox.learn({2: corrected.identities})
    for amount in (5, 6):
        assert said(company.load(entry(), entry("", amount))) == [
            "unchanged 1",
            "conflict 2" if amount == 6 else "unchanged 2",
        ]
    assert said(company.load(entry(), entry("", 7))) == ["equal", "new"]


def vendor_bill(company: Company, vendor: str) -> list[PlannedRecord]:
    """A bill whose vendor is named, planned and then matched once more by the id of the vendor."""
    named = bill("B1", vendor=vendor).write(2, "", Identifier())
    with company.open() as outbox:
        step = MatchPosted(company.context(outbox, MatchRules()))
        (record,) = step([PlannedRecord(named, Verdict.CREATE)])
        input_content = InputContent(named.fields, named.lines)
        resolved = replace(record.write, fields={**named.fields, "VENDORID": "V1"}, input_content=input_content)
        done = step.by_resolved([replace(record, write=resolved)])
        company.post(outbox, [one.write for one in done if one.verdict is Verdict.CREATE])
    return done


def test_a_record_is_known_by_its_names_and_by_their_ids(company: Company) -> None:
    company.load(bill("B1", vendor="V1"))
    assert said(vendor_bill(company, "Ace Ltd")) == ["conflict 1"], "the same bill, in other words"


def test_a_record_is_known_by_both_from_then_on(company: Company) -> None:
    assert said(vendor_bill(company, "Ace Ltd")) == ["new"]
    assert said(vendor_bill(company, "Ace Ltd")) == ["unchanged 1"]
    assert said(company.load(bill("B1", 5, vendor="V1"))) == ["conflict 1"]
    assert said(company.load(bill("B1", 5, vendor="Ace Ltd"))) == ["conflict 1"]


def test_records_whose_names_are_ids_are_asked_for_once(company: Company) -> None:
    """Nothing that they are known by has changed, so the second step leaves them as they are."""
    write = bill("B1").write(2, "", Identifier())
    with company.open() as outbox:
        step = MatchPosted(company.context(outbox, MatchRules()))
        records = step([PlannedRecord(write, Verdict.CREATE)])
        company.post(outbox, [one.write for one in records])  # now they would be found
        assert step.by_resolved(records) == records


def test_what_is_no_new_record_is_left_as_it_is(company: Company) -> None:
    company.load(bill("B1"))
    write = bill("B1").write(2, "", Identifier())
    refused = PlannedRecord(replace(write, identities=()), Verdict.REFUSED)
    for others in ([], [PlannedRecord(write, Verdict.CREATE)]):
        with company.open() as outbox:
            step = MatchPosted(company.context(outbox, MatchRules()))
            assert step([refused, *others])[0] == refused
            assert step.by_resolved([refused, *others])[0] == refused


def test_an_update_is_no_record_that_comes_again(company: Company) -> None:
    """An upsert has equal contents for new records and for updates; only the new ones are those of an earlier input."""
    company.load(entry(), entry("", 5))
    identifier = Identifier()
    new, other = (one.write(row, "", identifier) for row, one in ((2, entry()), (3, entry("", 5))))
    update = replace(other, operation=WriteOperation.UPDATE)
    with company.open() as outbox:
        step = MatchPosted(company.context(outbox, MatchRules()))
        done = step([PlannedRecord(new, Verdict.CREATE), PlannedRecord(update, Verdict.UPDATE)])
    assert said(done) == ["equal", "update"]


def test_two_of_one_day_name_each_other(company: Company) -> None:
    first, second = company.load(entry("R1"), entry("R1", 5))
    assert first.findings[0].message == "record 2 has the number, date and party of the record at f.csv:3"
    assert second.findings[0].message == "record 3 has the number, date and party of the record at f.csv:2"


# --- saved plans


def matched(company: Company, write: Write, *, offline: bool = True) -> PlannedRecord:
    with company.open() as outbox:
        step = MatchPosted(company.context(outbox, MatchRules(), offline=offline))
        (record,) = step([PlannedRecord(write, Verdict.CREATE)])
    return record


def test_a_saved_plan_keeps_the_keys_of_sources_and_nothing_else(company: Company) -> None:
    """A plan that is read has no cells, so its records have their keys as identities; all else is made again."""
    company.load(entry("R1", key="a"))
    company.load(entry("R7", 7))
    write = entry("R2", 5, key="a").write(2, "", Identifier())
    assert said([matched(company, replace(write, source_key=()))]) == ["conflict 1"]
    stale = entry("R7", 7).write(2, "", Identifier()).identities
    write = entry("R3", 5).write(2, "", Identifier())
    assert said([matched(company, replace(write, identities=stale))]) == ["new"]


def test_a_record_of_a_saved_plan_is_compared_by_its_day(company: Company) -> None:
    company.load(entry("R1", day=1), entry("R1", day=2))
    write = entry("R1", 5, day=2, key="a").write(2, "", Identifier())
    assert said([matched(company, replace(write, source_key=()))]) == ["conflict 2"]


def test_an_undo_keeps_what_it_is_known_by(company: Company) -> None:
    identity = Identity("undo:x", "undo")
    write = replace(entry("R1").write(2, "", Identifier()), undoes=1, identity=identity, identities=(identity,))
    assert matched(company, write).write.identities == (identity,)


def test_an_undo_is_posted_once(company: Company) -> None:
    company.load(entry("R1"))
    company.take_back("1")
    with company.open() as outbox:
        opposite = outbox.entry(2)
    fields = entry("R1", -100).write(2, "", Identifier())
    again = replace(fields, undoes=1, identity=Identity(opposite.identity, "undo"), digest=opposite.digest)
    assert said([matched(company, again)]) == ["unchanged 100"]
    other = replace(again, identity=Identity("undo:other", "undo"))
    assert said([matched(company, other)]) == ["new"]
    company.rows["AUDITHISTORY"] = [deletion("glbatch", "100")]
    assert said([matched(company, again, offline=False)]) == ["new"]


def test_a_key_that_is_named_later_is_to_be_learned(company: Company) -> None:
    company.load(entry("R1"))
    (record,) = company.load(entry("R1", key="a"))
    assert said([record]) == ["unchanged 1"]
    assert {one.kind: one.place for one in record.write.identities} == {"number": 1, "source": 0, "content": 1}


# --- upserts


def found_by_source(company: Company, *records: Record, source: str = "shop") -> tuple[dict[int, int], dict[int, int]]:
    """The entries that an upsert changes, and those with the key of the company and another key of the source."""
    identifier = Identifier()
    writes = {at: record.write(at, source, identifier) for at, record in enumerate(records)}
    with company.open() as outbox:
        posted = posted_by_source(company.context(outbox, MatchRules(source)), writes)
    return (
        {at: one.number for at, one in posted.records.items()},
        {at: one.number for at, one in posted.others.items()},
    )


@pytest.mark.parametrize(
    ("record", "source", "expected"),
    [
        (bill("B1", 5, key="a"), "shop", ({0: 2}, {})),
        (bill("B9", 5, key="a"), "shop", ({0: 2}, {})),  # a correction of its number
        (bill("B1", 5, key="z"), "shop", ({}, {0: 2})),
        (bill("B1", 5), "shop", ({}, {})),  # no key: Intacct's own finds it
        (bill("B9", 5, key="z"), "shop", ({}, {})),
        (bill("B1", 5, key="a"), "", ({}, {})),  # that is another source
        (bill("B2", 5, key="b"), "", ({0: 3}, {})),
        (bill("B9", 5, key="b"), "", ({}, {})),  # without a name, another number may be another bill
        (bill("B2", 5, key="z"), "", ({}, {0: 3})),
        (bill("B3", 5, key="c"), "shop", ({}, {})),  # taken back
        (entry("R1", 5, key="e"), "shop", ({}, {})),  # the number alone says nothing
    ],
)
def test_an_upsert_changes_the_record_with_the_key_of_its_source(
    company: Company, record: Record, source: str, expected: tuple[dict[int, int], dict[int, int]]
) -> None:
    company.load(bill("B0"))
    company.load(bill("B1", key="a"), rules=SHOP)
    company.load(bill("B2", key="b"))
    company.load(bill("B3", key="c"), rules=SHOP)
    company.take_back("4")
    company.load(entry("R1", key="d"), rules=SHOP)
    assert found_by_source(company, record, source=source) == expected


@pytest.mark.parametrize(("source", "expected"), [("shop", {0: 1}), ("", {})])
def test_an_upsert_changes_an_entry_by_the_key_of_a_named_source_only(
    company: Company, source: str, expected: dict[int, int]
) -> None:
    company.load(entry("R1", key="a"), rules=MatchRules(source))
    assert found_by_source(company, entry("R1", 5, key="a"), source=source) == (expected, {})


def test_an_upsert_finds_each_record_of_an_input(company: Company) -> None:
    company.load(bill("B1", key="a"), bill("B2", key="b"), rules=SHOP)
    records = (bill("B2", 5, key="b"), bill("B7", key="z"), bill("B1", 5, key="a"))
    assert found_by_source(company, *records) == ({0: 2, 2: 1}, {})


# --- what is entered in the outbox


def test_a_record_is_entered_under_what_it_is_known_by(company: Company) -> None:
    (posted,) = company.load(entry("R1", key="a"))
    (again,) = company.load(entry("R1", key="a"))
    assert again.write.identity == replace(posted.write.identity, detail="")
    assert again.write.identities == posted.write.identities
    assert [one.place for one in posted.write.identities] == [1, 1, 1]


def test_a_second_record_has_places_of_its_own(company: Company) -> None:
    company.load(entry("R1", key="a"))
    (second,) = company.load(entry("R1", 100, key="a"), rules=NEW_2)  # its row of the same file
    assert said([second]) == ["unchanged 1"]
    (second,) = company.load(entry("R1", 5, key="a"), rules=NEW_2)
    (third,) = company.load(entry("R1", 6, key="a"), rules=NEW_2)
    places = [{one.kind: one.place for one in record.write.identities} for record in (second, third)]
    assert places == [{"number": 2, "source": 2, "content": 1}, {"number": 3, "source": 3, "content": 1}]
    base = source_text(second)
    assert [second.write.identity.text, third.write.identity.text] == [f"{base}~2", f"{base}~3"]


def source_text(record: PlannedRecord) -> str:
    """The key of a record in its source, as the outbox has it."""
    return next(one.text for one in record.write.identities if one.kind == "source")


def test_a_second_payment_of_one_number_is_entered_by_its_content(company: Company) -> None:
    company.load(payment("C1"))
    (second,) = company.load(payment("C1", 5), rules=NEW_2)
    assert second.write.identity == content_identity(second.write.digest, 1)
    assert {one.kind: one.place for one in second.write.identities} == {"number": 2, "content": 1}


def test_the_place_of_a_record_that_was_taken_back_is_free(company: Company) -> None:
    company.load(entry("R1", key="a"))
    company.load(entry("R1", 5, key="a"), rules=NEW_2)
    company.take_back("1")
    (record,) = company.load(entry("R1", 6, key="a"), rules=NEW_2)
    assert {one.kind: one.place for one in record.write.identities} == {"number": 1, "source": 1, "content": 1}
    assert record.write.identity.text == source_text(record)


def test_equal_records_without_a_key_are_numbered_beyond_those_that_stand(company: Company) -> None:
    _, first = company.load(entry("", 5), entry())
    (second,) = company.load(entry(), rules=NEW)
    assert said([second]) == ["new"]
    digest = first.write.digest
    assert (first.write.identity, second.write.identity) == (content_identity(digest), content_identity(digest, 2))
    assert [one.place for one in second.write.identities] == [2]
