"""A number that the company knows already: of an entry or a payment that our outbox does not have.

A person entered it, or it was posted with an outbox that is lost.
"""

from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.load.plan.plan import MatchRules, PlannedRecord, Verdict
from intacct_bridge.load.records.status import RecordStatus
from intacct_protocol.xml.reply import Reply
from support.journeys.objects import VENDORS, LoadScenario
from support.small_company import client

CREATE, REFUSED, SAME = Verdict.CREATE, Verdict.REFUSED, Verdict.UNCHANGED
HEADER = "Journal,Date,Title,Reference,Account,Debit,Credit,Location\n"
BILLS = """Vendor,Bill no,Date,Due date,Account,Amount,Location,Department
V-1,B-1,2026-11-02,2026-12-02,60100,100.10,100,100
V-1,B-2,2026-11-02,2026-12-02,60100,50,100,100
V-2,B-3,2026-11-02,2026-12-02,60100,50,100,100
"""
PAYMENT_HEADER = "Vendor,Bill no,Amount,Payment date,Payment method,Bank account,Payment no\n"
OURS, CLERK = "demo-user", "clerk"


def entry(reference: str = "R-1", *, day: str = "2026-11-30", title: str = "Rent", amount: str = "5") -> str:
    start = f"GJ,{day},{title},{reference}"
    return f"{start},68000,{amount},,100\n{start},10010,,{amount},100\n"


def payment(number: str = "77", amount: str = "10", *, bill: str = "B-1", vendor: str = "V-1") -> str:
    return f"{vendor},{bill},{amount},2026-11-20,Printed Check,CHK-INS,{number}\n"


@pytest.fixture
def elsewhere(desk: LoadScenario, tmp_path: Path) -> LoadScenario:
    """Loads with another outbox, which is then lost."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return LoadScenario(folder, desk.emulator)


def enter(elsewhere: LoadScenario, text: str, layout: str, creator: str, **state: str) -> None:
    """Post an entry or a payment, as another user has it."""
    object_name = "GLBATCH" if layout == "journal-entries" else "APPYMT"
    assert [one.status for one in elsewhere.load(text, layout)] == [RecordStatus.APPLIED]
    table = elsewhere.emulator.company().table(object_name)
    number, row = max(table.rows())
    table.update(number, {**row, "CREATEDBYLOGINID": creator, **state})


def plan(desk: LoadScenario, text: str, layout: str, **options: Any) -> list[PlannedRecord]:
    return list(desk.plan(text, layout, **options).records)


def messages(records: list[PlannedRecord]) -> list[str]:
    return [finding.message for record in records for finding in record.findings if finding.rule == "duplicate"]


ENTRIES = {
    "nothing in common": (entry("R-2"), CLERK, entry(), CREATE, ""),
    "of our user, with other content": (entry(title="Rents", amount="6"), OURS, entry(), REFUSED, "this user created"),
    "of another user, with the same total": (entry(title="Rents"), CLERK, entry(), REFUSED, "with the same total"),
    "the same total on another day": (entry(day="2026-10-31"), CLERK, entry(), REFUSED, "with the same total"),
    "of another user, with another total": (
        entry(title="Rents", amount="6"),
        CLERK,
        entry(),
        CREATE,
        "in Intacct, of clerk with the total 6",
    ),
    "in capitals": (entry("r-1", title="Rents"), CLERK, entry(" R-1 "), REFUSED, "with the same total"),
    "with zeros": (entry("00123", amount="6"), CLERK, entry("123"), CREATE, "differs only in leading zeros"),
    "without zeros": (entry("123", amount="6"), OURS, entry("00123"), CREATE, "from number 123 of GLBATCH"),
    "a word on another day": (entry("RENT", day="2026-10-31"), OURS, entry("RENT"), CREATE, ""),
    "a word on the same day": (entry("RENT", title="x"), OURS, entry("RENT"), REFUSED, "this user created"),
    "no number": (entry("", title="Rents"), OURS, entry(""), CREATE, ""),
}


@pytest.mark.parametrize("case", ENTRIES)
def test_journal_entries(desk: LoadScenario, elsewhere: LoadScenario, case: str) -> None:
    before, creator, now, verdict, text = ENTRIES[case]
    enter(elsewhere, HEADER + before, "journal-entries", creator)
    (record,) = planned = plan(desk, HEADER + now, "journal-entries")
    assert record.verdict is verdict, messages(planned)
    assert (text in "".join(messages(planned))) if text else not messages(planned)
    desk.load(HEADER + now, "journal-entries")
    assert len(desk.rows("GLBATCH")) == (1 if verdict is REFUSED else 2)


NOT_COUNTED = {
    "a posting of a sub-ledger": {"MODULE": "3.AP"},
    "a posting of a batch of bills": {"PRBATCHKEY": "4"},
    "an entry that was reversed": {"STATE": "Reversed"},
    "a reversal": {"REVERSEDFROM": "12"},
    "an entry of another entity": {"MEGAENTITYID": "E-9"},
}


@pytest.mark.parametrize("case", NOT_COUNTED)
def test_entries_that_do_not_count(desk: LoadScenario, elsewhere: LoadScenario, case: str) -> None:
    enter(elsewhere, HEADER + entry(title="Rents"), "journal-entries", OURS, **NOT_COUNTED[case])
    (record,) = planned = plan(desk, HEADER + entry(), "journal-entries")
    assert (record.verdict, messages(planned)) == (CREATE, [])


PAYMENTS = {
    "another number": (payment("78"), CLERK, payment(), CREATE, ""),
    "of our user, with another amount": (payment(amount="11"), OURS, payment(), REFUSED, "this user created"),
    "of another user, with the same amount": (payment(), CLERK, payment(bill="B-2"), REFUSED, "with the same total"),
    "of another user, with another amount": (payment(amount="11"), CLERK, payment(), CREATE, "with the total 11"),
    "of another vendor": (payment(bill="B-3", vendor="V-2"), OURS, payment(), CREATE, ""),
    "with zeros": (payment("0077", "11"), CLERK, payment(), CREATE, "differs only in leading zeros from number 0077"),
}


@pytest.mark.parametrize("case", PAYMENTS)
def test_payments(desk: LoadScenario, elsewhere: LoadScenario, case: str) -> None:
    before, creator, now, verdict, text = PAYMENTS[case]
    desk.load(VENDORS, "VENDOR")
    desk.load(BILLS, "bills", name="bills.csv")
    enter(elsewhere, PAYMENT_HEADER + before, "payments", creator)
    (record,) = planned = plan(desk, PAYMENT_HEADER + now, "payments")
    assert record.verdict is verdict, messages(planned)
    assert (text in "".join(messages(planned))) if text else not messages(planned)


def test_rows_that_the_user_calls_new_are_posted_with_a_warning(desk: LoadScenario, elsewhere: LoadScenario) -> None:
    enter(elsewhere, HEADER + entry(title="Rents"), "journal-entries", OURS)
    (record,) = plan(desk, HEADER + entry(), "journal-entries", rules=MatchRules(new_rows=(2,)))
    assert (record.verdict, record.may_be_duplicate) == (CREATE, True)


def test_what_the_outbox_has_is_no_finding_of_the_company(desk: LoadScenario) -> None:
    """An accrual and its reversal share a number, and so do the months of a schedule."""
    months = entry() + entry(day="2026-12-31")
    desk.load(HEADER + months, "journal-entries")
    longer = plan(desk, HEADER + months + entry(day="2026-12-30"), "journal-entries")
    assert [one.verdict for one in longer] == [SAME, SAME, CREATE]
    assert messages(longer) == []


def test_numbers_that_differ_in_zeros_are_named_in_the_input_and_in_the_outbox(desk: LoadScenario) -> None:
    both = plan(desk, HEADER + entry("0042") + entry("42", title="Heat"), "journal-entries")
    assert [one.verdict for one in both] == [CREATE, CREATE]
    assert [text.partition(" differs")[2] for text in messages(both)] == [
        " only in leading zeros from number 42 at input.csv:4",
        " only in leading zeros from number 0042 at input.csv:2",
    ]
    desk.load(HEADER + entry("0042"), "journal-entries")
    table = desk.emulator.company().table("GLBATCH")
    number, row = max(table.rows())
    table.update(number, {**row, "REFERENCENO": "edited"})
    (text,) = messages(plan(desk, HEADER + entry("42", title="Heat"), "journal-entries"))
    assert "from number 0042, which was posted on 2026-11-30 as GLBATCH" in text


def test_one_query_serves_keys_and_numbers(desk: LoadScenario) -> None:
    text = HEADER + "".join(entry(f"R-{number}") for number in range(300))
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        desk.make(gateway, outbox, desk.file(HEADER + entry("")), "journal-entries")
        before = gateway.meter.transactions
        desk.make(gateway, outbox, desk.file(HEADER + entry("")), "journal-entries")
        cost_of_one = gateway.meter.transactions - before
        before = gateway.meter.transactions
        desk.make(gateway, outbox, desk.file(text), "journal-entries")
        assert gateway.meter.transactions - before == cost_of_one


def test_one_number_of_two_vendors_is_looked_for_with_both(desk: LoadScenario, elsewhere: LoadScenario) -> None:
    desk.load(VENDORS, "VENDOR")
    desk.load(BILLS, "bills", name="bills.csv")
    enter(elsewhere, PAYMENT_HEADER + payment(), "payments", OURS)
    both = payment(bill="B-2") + payment(bill="B-3", vendor="V-2")
    assert [one.verdict for one in plan(desk, PAYMENT_HEADER + both, "payments")] == [REFUSED, CREATE]


def test_a_word_counts_on_its_own_day_only_where_the_input_has_several_days(
    desk: LoadScenario, elsewhere: LoadScenario
) -> None:
    enter(elsewhere, HEADER + entry("RENT", day="2026-10-31", title="x"), "journal-entries", OURS)
    records = plan(desk, HEADER + entry("RENT") + entry("RENT", day="2026-10-31", title="y"), "journal-entries")
    assert [(record.verdict, len(record.findings)) for record in records] == [(CREATE, 0), (REFUSED, 1)]


def test_a_number_is_looked_for_in_capitals_and_in_small_letters(desk: LoadScenario) -> None:
    """Whether filters of the gateway tell them apart is not documented."""
    asked: list[bytes] = []

    def transport(endpoint: str, body: bytes) -> Reply:
        asked.append(body)
        return desk.emulator(endpoint, body)

    desk.transport = transport
    plan(desk, HEADER + entry("Rx-1"), "journal-entries")
    assert any(all(form in body for form in (b"Rx-1", b"RX-1", b"rx-1")) for body in asked)
