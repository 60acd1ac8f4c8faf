"""What people do with a source that was loaded before: they correct it, lengthen it, split it, take it back.

Each case is a sequence of loads. It says how each record of the last load ends, and what the company holds then.
"""

from datetime import date
from typing import Any

import pytest

from intacct_bridge.load.apply.loader import Loader
from intacct_bridge.load.plan.plan import MatchRules, Verdict
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.undo.undo import UndoSettings, plan_undo
from support.journeys.objects import VENDORS, LoadScenario
from support.small_company import client

CREATE, SAME, REFUSED, UPDATE = Verdict.CREATE, Verdict.UNCHANGED, Verdict.REFUSED, Verdict.UPDATE
HEADER = "Id,Journal,Date,Title,Reference,Account,Debit,Credit,Location\n"
BY_ID: dict[str, Any] = {"key": ("Id",)}


def entry(
    reference: str = "R-1", *, key: str = "", day: str = "2026-11-30", title: str = "Rent", amount: str = "5",
    journal: str = "GJ",
) -> str:  # fmt: skip
    start = f"{key},{journal},{day},{title},{reference}"
    return f"{start},68000,{amount},,100\n{start},10010,,{amount},100\n"


def bill(number: str = "B-1", *, key: str = "", vendor: str = "V-1", amount: str = "100.10") -> str:
    return f"{key},{vendor},{number},2026-11-02,2026-12-02,60100,{amount},100,100\n"


BILL_HEADER = "Id,Vendor,Bill no,Date,Due date,Account,Amount,Location,Department\n"

ENTRIES = {
    "loaded again": ([entry()], entry(), [SAME], {}),
    "title corrected": ([entry()], entry(title="Rents"), [REFUSED], {}),
    "date corrected": ([entry()], entry(day="2026-11-29"), [REFUSED], {}),
    "amount corrected": ([entry()], entry(amount="6"), [REFUSED], {}),
    "journal corrected": ([entry()], entry(journal="AJ"), [REFUSED], {}),
    "written otherwise": ([entry("r-1")], entry(" R-1 "), [REFUSED], {}),
    "another reference": ([entry()], entry("R-2"), [CREATE], {}),
    "no reference, loaded again": ([entry("")], entry(""), [SAME], {}),
    "no reference, the file goes on": ([entry("")], entry("") + entry("", title="Heat"), [SAME, CREATE], {}),
    "no reference, a part of the file": ([entry("") + entry("", title="Heat")], entry(""), [REFUSED], {}),
    "a word each month": ([entry("RENT")], entry("RENT", day="2026-10-31"), [CREATE], {}),
    "a word, corrected in its month": ([entry("RENT")], entry("RENT", amount="6"), [REFUSED], {}),
    "an accrual with its reversal": ([], entry() + entry(day="2026-12-01"), [CREATE, CREATE], {}),
    "both again": ([entry() + entry(day="2026-12-01")], entry() + entry(day="2026-12-01"), [SAME, SAME], {}),
    "a schedule goes on": ([entry()], entry() + entry(day="2026-12-31"), [SAME, CREATE], {}),
    "a month of a schedule is corrected": (
        [entry() + entry(day="2026-12-31")],
        entry() + entry(day="2026-12-30"),
        [SAME, REFUSED],
        {},
    ),
    "one of a schedule alone": ([entry() + entry(day="2026-12-31")], entry(day="2026-12-31"), [SAME], {}),
    "title corrected, with a key": ([entry(key="1")], entry(key="1", title="Rents"), [REFUSED], BY_ID),
    "reference corrected, with a key": ([entry(key="1")], entry("R-2", key="1"), [REFUSED], BY_ID),
    "another key, the same reference": ([entry(key="1")], entry(key="2", title="Heat"), [CREATE], BY_ID),
    "two keys, one reference": ([], entry(key="1") + entry(key="2"), [CREATE, CREATE], BY_ID),
    "one key twice, differing": ([], entry(key="1") + entry("R-2", key="1"), [REFUSED, REFUSED], BY_ID),
}


def load(desk: LoadScenario, text: str, layout: str, **options: Any) -> list[RecordStatus]:
    return [one.status for one in desk.load(text, layout, **options)]


def verdicts(desk: LoadScenario, text: str, layout: str, **options: Any) -> list[Verdict]:
    return [one.verdict for one in desk.plan(text, layout, **options).records]


@pytest.mark.parametrize("case", ENTRIES)
def test_journal_entries(desk: LoadScenario, case: str) -> None:
    before, now, expected, options = ENTRIES[case]
    for text in before:
        outcomes = load(desk, HEADER + text, "journal-entries", **options)
        assert set(outcomes) == {RecordStatus.APPLIED}
    held = len(desk.rows("GLBATCH"))
    assert verdicts(desk, HEADER + now, "journal-entries", **options) == expected
    load(desk, HEADER + now, "journal-entries", **options)
    assert len(desk.rows("GLBATCH")) == held + expected.count(CREATE)
    again = verdicts(desk, HEADER + now, "journal-entries", **options)
    assert again == [SAME if one is CREATE else one for one in expected], "the same command again finds what it posted"


BILLS = {
    "loaded again": ([bill()], bill(), [SAME], {}),
    "amount corrected": ([bill()], bill(amount="99"), [REFUSED], {}),
    "number corrected, with a key": ([bill(key="1")], bill("B-2", key="1"), [REFUSED], BY_ID),
    "vendor corrected, with a key": ([bill(key="1")], bill(key="1", vendor="V-2"), [REFUSED], BY_ID),
    "another bill": ([bill(key="1")], bill("B-2", key="2"), [CREATE], BY_ID),
    "key named later": ([bill(key="1")], bill(key="1"), [SAME], BY_ID),
    "another key, the same number": ([bill(key="1")], bill(key="2"), [REFUSED], BY_ID),
}


@pytest.mark.parametrize("case", BILLS)
def test_bills(desk: LoadScenario, case: str) -> None:
    before, now, expected, options = BILLS[case]
    load(desk, VENDORS, "VENDOR")
    for text in before:
        assert load(desk, BILL_HEADER + text, "bills", **options) == [RecordStatus.APPLIED]
    held = len(desk.rows("APBILL"))
    assert verdicts(desk, BILL_HEADER + now, "bills", **options) == expected
    load(desk, BILL_HEADER + now, "bills", **options)
    assert len(desk.rows("APBILL")) == held + expected.count(CREATE)


def test_a_key_that_is_named_later_is_learned(desk: LoadScenario) -> None:
    """Then a correction is seen by the key alone."""
    assert load(desk, HEADER + entry("", key="1"), "journal-entries") == [RecordStatus.APPLIED]
    assert load(desk, HEADER + entry("", key="1"), "journal-entries", **BY_ID) == [RecordStatus.UNCHANGED]
    corrected = HEADER + entry("", key="1", title="Rents", amount="7")
    assert verdicts(desk, corrected, "journal-entries", **BY_ID) == [REFUSED]


def test_a_named_source_may_correct_the_key_of_a_bill_by_upsert(desk: LoadScenario) -> None:
    load(desk, VENDORS, "VENDOR")
    shop: dict[str, Any] = {**BY_ID, "rules": MatchRules(source_name="shop")}
    assert load(desk, BILL_HEADER + bill(key="1"), "bills", mode="create", **shop) == [RecordStatus.APPLIED]
    unnamed = desk.plan(BILL_HEADER + bill("B-2", key="1"), "bills", mode="upsert", **BY_ID)
    assert [one.verdict for one in unnamed.records] == [CREATE], "another source: another record"
    corrected = BILL_HEADER + bill("B-2", key="1")
    assert verdicts(desk, corrected, "bills", mode="upsert", **shop) == [UPDATE]
    assert load(desk, corrected, "bills", mode="upsert", **shop) == [RecordStatus.APPLIED]
    assert [row["RECORDID"] for row in desk.rows("APBILL")] == ["B-2"]
    assert verdicts(desk, corrected, "bills", mode="upsert", **shop) == [SAME]


def test_rows_that_the_user_calls_new_are_posted_once(desk: LoadScenario) -> None:
    load(desk, HEADER + entry(), "journal-entries")
    other = HEADER + entry() + entry(title="Rent of the shop")
    assert verdicts(desk, other, "journal-entries") == [SAME, CREATE], "the earlier one is in the file too"
    alone = HEADER + entry(title="Rent of the shop")
    assert verdicts(desk, alone, "journal-entries") == [REFUSED]
    new: dict[str, Any] = {"rules": MatchRules(new_rows=(2,))}
    assert load(desk, alone, "journal-entries", **new) == [RecordStatus.APPLIED]
    assert load(desk, alone, "journal-entries", **new) == [RecordStatus.UNCHANGED]
    assert verdicts(desk, alone, "journal-entries") == [SAME], "it is known by its content from now on"
    assert len(desk.rows("GLBATCH")) == 2


def test_what_an_undo_took_back_may_be_posted_again(desk: LoadScenario) -> None:
    load(desk, HEADER + entry(), "journal-entries")
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        (posted,) = outbox.entries()
        undo = plan_undo(gateway, outbox, [posted], UndoSettings(date(2026, 11, 30)))
        assert undo.plan is not None
        assert [one.status for one in Loader(gateway, outbox).apply(undo.plan)] == [RecordStatus.APPLIED]
    refusing: dict[str, Any] = {"rules": MatchRules(after_undo="refuse")}
    (record,) = desk.plan(HEADER + entry(), "journal-entries", **refusing).records
    assert (record.verdict, record.reasons[0].rule) == (REFUSED, "again")
    (record,) = desk.plan(HEADER + entry(), "journal-entries").records
    assert (record.verdict, [one.rule for one in record.findings]) == (CREATE, ["again"])
    corrected = desk.plan(HEADER + entry(amount="6"), "journal-entries", **refusing)
    assert [one.verdict for one in corrected.records] == [CREATE], "a correction of what was taken back"
    assert load(desk, HEADER + entry(), "journal-entries") == [RecordStatus.APPLIED]
    assert verdicts(desk, HEADER + entry(), "journal-entries") == [SAME]


def test_equal_entries_without_a_key_may_be_called_the_same_or_new(desk: LoadScenario) -> None:
    load(desk, HEADER + entry("") + entry("", title="Heat"), "journal-entries")
    part = HEADER + entry("")
    same, new = ({"rules": MatchRules(equal_records=rule)} for rule in ("same", "new"))
    assert verdicts(desk, part, "journal-entries", **same) == [SAME]
    assert verdicts(desk, part, "journal-entries", name="other.csv", **new) == [REFUSED], "Intacct shows an equal one"


PAYMENT_HEADER = "Vendor,Bill no,Amount,Payment date,Payment method,Bank account,Payment no,Description\n"


def payment(
    bill_no: str = "B-1", amount: str = "10", *, number: str = "77", day: str = "2026-11-20", text: str = ""
) -> str:
    return f"V-1,{bill_no},{amount},{day},Printed Check,CHK-INS,{number},{text}\n"


PAYMENTS = {
    "loaded again": (payment(), payment(), [SAME]),
    "amount corrected": (payment(), payment(amount="11"), [REFUSED]),
    "date corrected": (payment(), payment(day="2026-11-21"), [REFUSED]),
    "a text added": (payment(), payment(text="rent"), [REFUSED]),
    "a bill added to the check": (payment(), payment() + payment("B-2", "5"), [REFUSED]),
    "another check": (payment(), payment(number="78"), [CREATE]),
    "the next check in a longer file": (payment(), payment() + payment("B-2", "5", number="78"), [SAME, CREATE]),
    "a word as number, on another day": (payment(number="ACH"), payment(number="ACH", day="2026-11-21"), [CREATE]),
    "no number, loaded again": (payment(number=""), payment(number=""), [SAME]),
    "no number, twice in the file": (payment(number=""), payment(number="") + payment(number=""), [SAME, CREATE]),
}


@pytest.mark.parametrize("case", PAYMENTS)
def test_payments(desk: LoadScenario, case: str) -> None:
    before, now, expected = PAYMENTS[case]
    load(desk, VENDORS, "VENDOR")
    bills = BILL_HEADER + bill() + bill("B-2", amount="50")
    assert load(desk, bills, "bills", name="bills.csv") == [RecordStatus.APPLIED] * 2
    assert load(desk, PAYMENT_HEADER + before, "payments") == [RecordStatus.APPLIED]
    assert verdicts(desk, PAYMENT_HEADER + now, "payments") == expected
    load(desk, PAYMENT_HEADER + now, "payments")
    assert len(desk.rows("APPYMT")) == 1 + expected.count(CREATE)


def test_two_loaders_that_know_a_record_by_different_keys_post_it_once(desk: LoadScenario) -> None:
    """Both have planned before either sends: one by the key of the source, the other by the reference."""
    text = HEADER + entry(key="1")
    with client(desk.emulator) as gateway, desk.outbox() as first, desk.outbox() as second:
        by_key = desk.make(gateway, first, desk.file(text), "journal-entries", **BY_ID)
        by_reference = desk.make(gateway, second, desk.file(text, "other.csv"), "journal-entries")
        assert [one.status for one in Loader(gateway, first).apply(by_key)] == [RecordStatus.APPLIED]
        (outcome,) = Loader(gateway, second).apply(by_reference)
    assert outcome.status is RecordStatus.NOT_SENT
    assert "is the same record" in outcome.note
    assert len(desk.rows("GLBATCH")) == 1
    assert verdicts(desk, text, "journal-entries") == [SAME]
