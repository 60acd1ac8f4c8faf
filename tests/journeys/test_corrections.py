"""What people do with a source that was loaded before: they correct it, lengthen it, split it, take it back.

Each case is a sequence of loads. It says how each record of the last load ends, and what the company holds then.
"""

import json
from datetime import date
from typing import Any

import pytest

from intacct_bridge.load.apply.loader import Loader
from intacct_bridge.load.plan.plan import MatchRules, Verdict
from intacct_bridge.load.plan.plan_file import open_plan, save_plan
from intacct_bridge.load.plan.planner import revalidate_plan
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.undo.undo import UndoSettings, plan_undo
from support.journeys.corrections import (
    BILLS,
    BY_ID,
    CREATE,
    ENTRIES,
    PAYMENTS,
    REFUSED,
    SAME,
    UPDATE,
    bill,
    bills_file,
    entries_file,
    entry,
    payments_file,
)
from support.journeys.documents import ENTRY, Document, without_empty
from support.journeys.objects import VENDORS, LoadScenario
from support.small_company import client


def load(desk: LoadScenario, text: str, layout: str, **options: Any) -> list[RecordStatus]:
    return [one.status for one in desk.load(text, layout, **options)]


def verdicts(desk: LoadScenario, text: str, layout: str, **options: Any) -> list[Verdict]:
    return [one.verdict for one in desk.plan(text, layout, **options).records]


@pytest.mark.parametrize("case", ENTRIES)
def test_journal_entries(desk: LoadScenario, case: str) -> None:
    before, now, expected, options = ENTRIES[case]
    for text in before:
        outcomes = load(desk, entries_file(text), "journal-entries", **options)
        assert set(outcomes) == {RecordStatus.APPLIED}
    held = len(desk.rows("GLBATCH"))
    assert verdicts(desk, entries_file(now), "journal-entries", **options) == expected
    load(desk, entries_file(now), "journal-entries", **options)
    assert len(desk.rows("GLBATCH")) == held + expected.count(CREATE)
    again = verdicts(desk, entries_file(now), "journal-entries", **options)
    assert again == [SAME if one is CREATE else one for one in expected], "the same command again finds what it posted"


@pytest.mark.parametrize("case", BILLS)
def test_bills(desk: LoadScenario, case: str) -> None:
    before, now, expected, options = BILLS[case]
    load(desk, VENDORS, "VENDOR")
    for text in before:
        assert load(desk, bills_file(text), "bills", **options) == [RecordStatus.APPLIED]
    held = len(desk.rows("APBILL"))
    assert verdicts(desk, bills_file(now), "bills", **options) == expected
    load(desk, bills_file(now), "bills", **options)
    assert len(desk.rows("APBILL")) == held + expected.count(CREATE)


def test_a_key_that_is_named_later_is_learned(desk: LoadScenario) -> None:
    """Then a correction is seen by the key alone."""
    assert load(desk, entries_file(entry("", key="1")), "journal-entries") == [RecordStatus.APPLIED]
    assert load(desk, entries_file(entry("", key="1")), "journal-entries", **BY_ID) == [RecordStatus.UNCHANGED]
    corrected = entries_file(entry("", key="1", title="Rents", amount="7"))
    assert verdicts(desk, corrected, "journal-entries", **BY_ID) == [REFUSED]


def test_a_named_source_may_correct_the_key_of_a_bill_by_upsert(desk: LoadScenario) -> None:
    load(desk, VENDORS, "VENDOR")
    shop: dict[str, Any] = {**BY_ID, "rules": MatchRules(source_name="shop")}
    assert load(desk, bills_file(bill(key="1")), "bills", mode="create", **shop) == [RecordStatus.APPLIED]
    unnamed = desk.plan(bills_file(bill("B-2", key="1")), "bills", mode="upsert", **BY_ID)
    assert [one.verdict for one in unnamed.records] == [CREATE], "another source: another record"
    corrected = bills_file(bill("B-2", key="1"))
    assert verdicts(desk, corrected, "bills", mode="upsert", **shop) == [UPDATE]
    assert load(desk, corrected, "bills", mode="upsert", **shop) == [RecordStatus.APPLIED]
    assert [row["RECORDID"] for row in desk.rows("APBILL")] == ["B-2"]
    assert verdicts(desk, corrected, "bills", mode="upsert", **shop) == [SAME]


def test_rows_that_the_user_calls_new_are_posted_once(desk: LoadScenario) -> None:
    load(desk, entries_file(entry()), "journal-entries")
    other = entries_file(entry() + entry(title="Rent of the shop"))
    assert verdicts(desk, other, "journal-entries") == [SAME, CREATE], "the earlier one is in the file too"
    alone = entries_file(entry(title="Rent of the shop"))
    assert verdicts(desk, alone, "journal-entries") == [REFUSED]
    new: dict[str, Any] = {"rules": MatchRules(new_rows=(2,))}
    assert load(desk, alone, "journal-entries", **new) == [RecordStatus.APPLIED]
    assert load(desk, alone, "journal-entries", **new) == [RecordStatus.UNCHANGED]
    assert verdicts(desk, alone, "journal-entries") == [SAME], "it is known by its content from now on"
    assert len(desk.rows("GLBATCH")) == 2


def test_what_an_undo_took_back_may_be_posted_again(desk: LoadScenario) -> None:
    load(desk, entries_file(entry()), "journal-entries")
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        (posted,) = outbox.entries()
        undo = plan_undo(gateway, outbox, [posted], UndoSettings(date(2026, 11, 30)))
        assert undo.plan is not None
        assert [one.status for one in Loader(gateway, outbox).apply(undo.plan)] == [RecordStatus.APPLIED]
    refusing: dict[str, Any] = {"rules": MatchRules(after_undo="refuse")}
    (record,) = desk.plan(entries_file(entry()), "journal-entries", **refusing).records
    assert (record.verdict, record.reasons[0].rule) == (REFUSED, "again")
    (record,) = desk.plan(entries_file(entry()), "journal-entries").records
    assert (record.verdict, [one.rule for one in record.findings]) == (CREATE, ["again"])
    corrected = desk.plan(entries_file(entry(amount="6")), "journal-entries", **refusing)
    assert [one.verdict for one in corrected.records] == [CREATE], "a correction of what was taken back"
    assert load(desk, entries_file(entry()), "journal-entries") == [RecordStatus.APPLIED]
    assert verdicts(desk, entries_file(entry()), "journal-entries") == [SAME]


@pytest.mark.parametrize("options", [{}, {"key": ("REFERENCENO",)}])
def test_what_an_undo_took_back_is_not_called_unchanged_by_an_upsert(desk: LoadScenario, options: Any) -> None:
    """Intacct still shows the entry, and its reversal under the same reference."""
    text = entries_file(entry())
    load(desk, text, "journal-entries")
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        undo = plan_undo(gateway, outbox, outbox.entries(), UndoSettings(date(2026, 11, 30)))
        assert undo.plan is not None
        assert [one.status for one in Loader(gateway, outbox).apply(undo.plan)] == [RecordStatus.APPLIED]
    match = {"match": options["key"]} if options else {}
    assert verdicts(desk, text, "journal-entries", mode="upsert", **match) == [CREATE]
    assert load(desk, text, "journal-entries", mode="upsert", **match) == [RecordStatus.APPLIED]
    assert verdicts(desk, text, "journal-entries", mode="upsert", **match) == [SAME]


def test_a_refusal_names_the_posted_record_of_its_date(desk: LoadScenario) -> None:
    load(desk, entries_file(entry() + entry(day="2026-12-31")), "journal-entries")
    (december,) = [row["RECORDNO"] for row in desk.rows("GLBATCH") if row["BATCH_DATE"] == "12/31/2026"]
    (record,) = desk.plan(entries_file(entry(day="2026-12-31", amount="6")), "journal-entries").records
    assert record.verdict is REFUSED
    assert record.receipt is not None and record.receipt.record == december


def test_records_of_one_key_that_the_user_calls_new_are_told_apart(desk: LoadScenario) -> None:
    load(desk, entries_file(entry()), "journal-entries")
    new: dict[str, Any] = {"rules": MatchRules(new_rows=(2,))}
    for amount in "67":
        text, name = entries_file(entry(amount=amount)), f"{amount}.csv"
        assert load(desk, text, "journal-entries", name=name, **new) == [RecordStatus.APPLIED]
        assert load(desk, text, "journal-entries", name=name, **new) == [RecordStatus.UNCHANGED]
    with desk.outbox() as outbox:
        assert [one.identity.rpartition("]")[2] for one in outbox.entries()] == ["", "~2", "~3"]


@pytest.mark.parametrize("amounts", ["56", "55"])
@pytest.mark.parametrize("rows", [(1,), (2,), (1, 2)])
def test_two_rows_of_one_number_and_day_are_posted_if_one_is_called_new(
    desk: LoadScenario, amounts: str, rows: tuple[int, ...]
) -> None:
    documents = (Document("R-1", day="2026-11-30", amount=amount, text="Rent") for amount in amounts)
    text = "".join(json.dumps(without_empty(ENTRY.native(ENTRY, one))) + "\n" for one in documents)
    new: dict[str, Any] = {"rules": MatchRules(new_rows=rows), "name": "two.jsonl"}
    save_plan(desk.plan(text, "GLBATCH", **new), desk.folder / "saved.plan")
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        saved = revalidate_plan(open_plan(desk.folder / "saved.plan"), gateway, outbox)
        assert [one.status for one in Loader(gateway, outbox).apply(saved)] == [RecordStatus.APPLIED] * 2
    assert ENTRY.held(desk.emulator, "").total() == 2
    assert load(desk, text, "GLBATCH", **new) == [RecordStatus.UNCHANGED] * 2


def test_an_equal_record_that_the_user_calls_new_is_posted_once(desk: LoadScenario) -> None:
    load(desk, entries_file(entry("") + entry("", title="Heat")), "journal-entries")
    part = entries_file(entry(""))
    new: dict[str, Any] = {"rules": MatchRules(new_rows=(2,)), "name": "other.csv"}
    assert load(desk, part, "journal-entries", **new) == [RecordStatus.APPLIED]
    assert load(desk, part, "journal-entries", **new) == [RecordStatus.UNCHANGED]
    assert len(desk.rows("GLBATCH")) == 3


def test_an_equal_record_of_a_person_is_not_taken_for_the_one_that_was_posted(desk: LoadScenario) -> None:
    cells = without_empty(ENTRY.native(ENTRY, Document("", day="2026-11-30")))
    line = json.dumps(cells) + "\n"
    assert load(desk, line, "GLBATCH", name="one.jsonl") == [RecordStatus.APPLIED]
    with client(desk.emulator) as person:
        assert [one.ok for one in person.create("GLBATCH", [cells])] == [True]
    assert verdicts(desk, line * 2, "GLBATCH", name="two.jsonl") == [SAME, REFUSED]


def test_an_upsert_creates_several_records(desk: LoadScenario) -> None:
    assert verdicts(desk, VENDORS, "VENDOR", mode="upsert") == [CREATE, CREATE]


def test_an_update_is_shown_in_the_currency_of_the_record(desk: LoadScenario) -> None:
    load(desk, VENDORS, "VENDOR")
    load(desk, bills_file(bill()), "bills")
    (record,) = desk.plan(bills_file(bill(amount="99")), "bills", mode="upsert").records
    assert (record.verdict, record.write.currency) == (UPDATE, "USD")


def test_equal_entries_without_a_key_may_be_called_the_same_or_new(desk: LoadScenario) -> None:
    load(desk, entries_file(entry("") + entry("", title="Heat")), "journal-entries")
    part = entries_file(entry(""))
    same, new = ({"rules": MatchRules(equal_records=rule)} for rule in ("same", "new"))
    assert verdicts(desk, part, "journal-entries", **same) == [SAME]
    assert verdicts(desk, part, "journal-entries", name="other.csv", **new) == [REFUSED], "Intacct shows an equal one"


@pytest.mark.parametrize("case", PAYMENTS)
def test_payments(desk: LoadScenario, case: str) -> None:
    before, now, expected = PAYMENTS[case]
    load(desk, VENDORS, "VENDOR")
    bills = bills_file(bill() + bill("B-2", amount="50"))
    assert load(desk, bills, "bills", name="bills.csv") == [RecordStatus.APPLIED] * 2
    assert load(desk, payments_file(before), "payments") == [RecordStatus.APPLIED]
    assert verdicts(desk, payments_file(now), "payments") == expected
    load(desk, payments_file(now), "payments")
    assert len(desk.rows("APPYMT")) == 1 + expected.count(CREATE)


def test_two_loaders_that_know_a_record_by_different_keys_post_it_once(desk: LoadScenario) -> None:
    """Both have planned before either sends: one by the key of the source, the other by the reference."""
    text = entries_file(entry(key="1"))
    with client(desk.emulator) as gateway, desk.outbox() as first, desk.outbox() as second:
        by_key = desk.make(gateway, first, desk.file(text), "journal-entries", **BY_ID)
        by_reference = desk.make(gateway, second, desk.file(text, "other.csv"), "journal-entries")
        assert [one.status for one in Loader(gateway, first).apply(by_key)] == [RecordStatus.APPLIED]
        (outcome,) = Loader(gateway, second).apply(by_reference)
    assert outcome.status is RecordStatus.NOT_SENT
    assert "is the same record" in outcome.note
    assert len(desk.rows("GLBATCH")) == 1
    assert verdicts(desk, text, "journal-entries") == [SAME]
