"""Records that are void in their source, through every layout: never posted as live ones, and found if they were."""

import json
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from intacct_bridge.load.apply.loader import Loader
from intacct_bridge.load.plan.plan import Plan, Verdict
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.undo.undo import UndoSettings, plan_undo
from support.journeys.objects import VENDORS, LoadScenario
from support.small_company import client

HEAD = "Vendor,Bill no,Date,Due date,Account,Amount,Location,Department,Status\n"


def bills(*rows: tuple[str, str], amount: str = "50") -> str:
    """Bills of V-1, each a number and a status."""
    lines = (f"V-1,{number},2026-11-03,2026-12-03,60100,{amount},100,100,{status}\n" for number, status in rows)
    return HEAD + "".join(lines)


def decided(plan: Plan) -> list[tuple[str, Verdict]]:
    return [(record.write.fields["RECORDID"], record.verdict) for record in plan.records]  # type: ignore[misc]


def findings(plan: Plan) -> list[str]:
    return [finding.advice for record in plan.records for finding in record.findings]


def numbers(desk: LoadScenario) -> list[str]:
    """The numbers of the live bills that the company holds."""
    return sorted(row["RECORDID"] for row in desk.rows("APBILL") if row["STATE"] not in ("Reversed", "Reversal"))


@pytest.fixture
def vendors(desk: LoadScenario) -> LoadScenario:
    desk.load(VENDORS, "VENDOR")
    return desk


@pytest.mark.parametrize("mode", ["create", "upsert"])
@pytest.mark.parametrize(
    ("word", "outcome", "state"),
    [  # the word in the status column, what becomes of the record, and its state in Intacct
        ("", "posted", "Posted"),
        ("Open", "posted", "Posted"),
        ("Paid in full", "posted", "Posted"),
        ("PARTIALLY_PAID", "posted", "Posted"),
        ("draft", "posted", "Draft"),
        ("Void", "skipped", ""),
        ("VOIDED", "skipped", ""),
        ("Cancelled", "skipped", ""),
        ("canceled", "skipped", ""),
        ("Rejected", "skipped", ""),
        ("Declined", "skipped", ""),
        ("Deleted", "skipped", ""),
        ("Reversed", "skipped", ""),
        ("entered-in-error", "skipped", ""),
        ("Overdue", "posted", "Posted"),
    ],
)
def test_the_word_of_the_source_decides(vendors: LoadScenario, word: str, mode: str, outcome: str, state: str) -> None:
    outcomes = vendors.load(bills(("B-1", word)), "bills", mode)
    assert [one.status.outcome_text for one in outcomes] == [outcome]
    assert all(one.good for one in outcomes)
    assert [row["STATE"] for row in vendors.rows("APBILL")] == [state] * bool(state)


def test_a_void_record_is_skipped_with_its_reason_whatever_else_is_wrong_with_it(vendors: LoadScenario) -> None:
    text = bills(("B-1", "Void"), ("B-2", "Open")).replace(",B-1,2026-11-03,2026-12-03,60100,50", ",B-1,,,no such,")
    plan = vendors.plan(text, "bills")
    assert decided(plan) == [("B-1", Verdict.SKIPPED), ("B-2", Verdict.CREATE)]
    assert findings(plan)[0] == "Status: its source says 'Void', so it is not posted"
    assert plan.counts == {Verdict.CREATE: 1, Verdict.SKIPPED: 1}
    assert plan.to_dict()["records"][0]["reasons"] == [
        "input.csv:2: Status: its source says 'Void', so it is not posted"
    ]
    assert [total.amount for total in plan.totals] == [Decimal(50)]
    statuses = [one.status for one in vendors.load(text, "bills")]
    assert sorted(statuses) == [RecordStatus.APPLIED, RecordStatus.SKIPPED]
    assert numbers(vendors) == ["B-2"]


@pytest.mark.parametrize("mode", ["create", "update", "upsert"])
def test_a_record_that_was_posted_before_it_became_void_is_found(vendors: LoadScenario, mode: str) -> None:
    vendors.load(bills(("B-1", "Open")), "bills")
    plan = vendors.plan(bills(("B-1", "Void"), amount="0"), "bills", mode)
    assert decided(plan) == [("B-1", Verdict.REFUSED)]
    (finding,) = plan.records[0].reasons
    number = next(row["RECORDNO"] for row in vendors.rows("APBILL"))
    assert f"as APBILL {number}" in finding.message
    assert finding.message.endswith("its source says 'Void' now")
    assert finding.fix.startswith("take it back: intacct undo --entry ")
    assert numbers(vendors) == ["B-1"]


@pytest.mark.parametrize("names", [("V-1", "Acme Paper"), ("Acme Paper", "V-1")])
def test_a_void_record_is_found_by_the_name_and_by_the_id_of_its_vendor(
    vendors: LoadScenario, names: tuple[str, str]
) -> None:
    first, then = (
        bills(("B-1", state)).replace("V-1", name) for name, state in zip(names, ("Open", "Void"), strict=True)
    )
    vendors.load(first, "bills")
    assert numbers(vendors) == ["B-1"]
    assert decided(vendors.plan(then, "bills")) == [("B-1", Verdict.REFUSED)]


def test_a_record_that_was_taken_back_is_skipped(vendors: LoadScenario) -> None:
    vendors.load(bills(("B-1", "Open")), "bills")
    vendors.load("VENDORID,RECORDID\nV-1,B-1\n", "APBILL", "delete")
    assert decided(vendors.plan(bills(("B-1", "Void")), "bills")) == [("B-1", Verdict.SKIPPED)]
    assert numbers(vendors) == []


def test_a_void_record_may_be_deleted_by_its_file(vendors: LoadScenario) -> None:
    vendors.load(bills(("B-1", "Open")), "bills")
    outcomes = vendors.load("VENDORID,RECORDID,STATE\nV-1,B-1,Reversed\n", "APBILL", "delete")
    assert [one.status for one in outcomes] == [RecordStatus.APPLIED]
    assert numbers(vendors) == []


def test_a_bill_that_was_entered_again_under_its_number_takes_the_place_of_the_void_one(
    vendors: LoadScenario,
) -> None:
    text = bills(("B-1", "Void")) + "V-1,B-1 ,2026-11-04,2026-12-04,60100,60,100,100,Open\n"
    vendors.load(text.replace("V-1,B-1,2026-11-03", "V-2,B-1,2026-11-03"), "bills")
    assert numbers(vendors) == ["B-1"]


def test_a_word_that_nobody_knows_is_refused_and_the_connection_can_say_what_it_means(vendors: LoadScenario) -> None:
    plan = vendors.plan(bills(("B-1", "On hold")), "bills")
    assert decided(plan) == [("B-1", Verdict.REFUSED)]
    (finding,) = plan.records[0].reasons
    assert finding.of_column == "Status: 'On hold' is not a known status"
    assert finding.fix.endswith('in the settings of the connection: statuses."On hold" = "live", "draft" or "void"')
    for meaning, verdict in (("void", Verdict.SKIPPED), ("live", Verdict.CREATE), ("draft", Verdict.CREATE)):
        vendors.connecting = {"statuses": {"on-hold": meaning}}
        assert decided(vendors.plan(bills(("B-1", "On hold")), "bills")) == [("B-1", verdict)]
    vendors.connecting = {"statuses": {"void": "live"}}  # what the connection says comes first
    assert decided(vendors.plan(bills(("B-1", "Void")), "bills")) == [("B-1", Verdict.CREATE)]


def test_rows_of_one_record_with_different_states_are_refused(vendors: LoadScenario) -> None:
    plan = vendors.plan(bills(("B-1", "Open"), ("B-1", "Void")), "bills")
    (record,) = plan.records
    assert [finding.advice for finding in record.findings if finding.column == "Status"] == [
        "Status: 'Void' contradicts 'Open' of input.csv:2; make the rows agree"
    ]
    assert record.verdict is Verdict.REFUSED


@pytest.mark.parametrize("flag", ["yes", "Y", "true", "1", "x", "Void"])
def test_a_column_that_says_only_whether_it_is_void_counts_too(vendors: LoadScenario, flag: str) -> None:
    text = bills(("B-1", flag), ("B-2", "no"), ("B-3", "")).replace("Status", "Voided")
    assert [verdict for _, verdict in decided(vendors.plan(text, "bills"))] == [
        Verdict.SKIPPED,
        Verdict.CREATE,
        Verdict.CREATE,
    ]


def test_equal_records_of_which_one_is_void_keep_their_numbers(vendors: LoadScenario) -> None:
    """Payments without a number: the live one stays the first, with the void one before it, beside it, and without."""
    vendors.load(bills(("B-1", "Open"), amount="500"), "bills")
    head = "Vendor,Bill no,Amount,Payment date,Payment method,Bank account,Currency,Status\n"
    live, void = (f"V-1,B-1,10,2026-11-20,Cash,BOA,USD,{state}\n" for state in ("Open", "Void"))
    bank = next(row["BANKACCOUNTID"] for row in vendors.rows("CHECKINGACCOUNT"))
    texts = [(head + body).replace("BOA", bank) for body in (void + live, live + void, live)]
    for text, skipped, status in zip(texts, (1, 1, 0), ("posted", "unchanged", "unchanged"), strict=True):
        outcomes = [one.status.outcome_text for one in vendors.load(text, "payments")]
        assert sorted(outcomes) == sorted([status, *["skipped"] * skipped])
    assert len(vendors.rows("APPYMT")) == 1
    vendors.load((head + live + live).replace("BOA", bank), "payments")
    plan = vendors.plan((head + live + void).replace("BOA", bank), "payments")
    assert [record.verdict for record in plan.records] == [Verdict.UNCHANGED, Verdict.REFUSED]  # the second was posted


def test_master_data_that_is_inactive_is_not_void(vendors: LoadScenario) -> None:
    vendors.load("Vendor ID,Name,Status\nV-9,Idle Ltd,inactive\n", "vendors")
    assert [row["STATUS"] for row in vendors.rows("VENDOR") if row["VENDORID"] == "V-9"] == ["inactive"]
    vendors.load("VENDORID,NAME,STATUS,DISPLAYCONTACT.PRINTAS\nV-8,Idle,inactive,Idle\n", "VENDOR")
    assert [row["STATUS"] for row in vendors.rows("VENDOR") if row["VENDORID"] == "V-8"] == ["inactive"]


NATIVE = "VENDORID,RECORDID,WHENCREATED,WHENDUE,ACCOUNTNO,TRX_AMOUNT,LOCATIONID,DEPARTMENTID,STATE\n"
ENTRY = "Journal,Date,Title,Reference,Account,Debit,Credit,Location,Department,Status\n"


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        ("Posted", Verdict.CREATE),
        ("Partially Paid", Verdict.CREATE),
        ("Submitted", Verdict.CREATE),
        ("No Value", Verdict.CREATE),
        ("Draft", Verdict.CREATE),
        ("Declined", Verdict.SKIPPED),
        ("Reversed", Verdict.SKIPPED),
        ("Reversal", Verdict.SKIPPED),
    ],
)
def test_the_state_of_a_document_under_its_own_name_counts(vendors: LoadScenario, state: str, verdict: Verdict) -> None:
    text = NATIVE + f"V-1,B-1,2026-11-03,2026-12-03,60100,5,100,100,{state}\n"
    assert [record.verdict for record in vendors.plan(text, "APBILL").records] == [verdict]
    vendors.load(text, "APBILL")
    assert [row["STATE"] == "Draft" for row in vendors.rows("APBILL")] == [state == "Draft"] * (
        verdict.value == "create"
    )


@pytest.mark.parametrize("word", ["Void", "Posted", "Draft", "Scrapped"])
@pytest.mark.parametrize("layout", ["journal-entries", "hotglue-v1"])
def test_journal_entries_have_a_status_too(desk: LoadScenario, word: str, layout: str) -> None:
    if layout == "journal-entries":
        rows = [f"GJ,2026-11-03,Rent,R-1,{rest},100,100,{word}\n" for rest in ("60100,5,", "61100,,5")]
        text = ENTRY + "".join(rows)
    else:
        head = (
            "Journal entry id,Journal,Transaction date,Account number,Amount,Posting type,Location,Department,Status\n"
        )
        rows = [f"R-1,GJ,2026-11-03,{rest},100,100,{word}\n" for rest in ("60100,5,Debit", "61100,5,Credit")]
        text = head + "".join(rows)
    (record,) = desk.plan(text, layout).records
    assert record.verdict is {"Void": Verdict.SKIPPED, "Scrapped": Verdict.REFUSED}.get(word, Verdict.CREATE)
    assert (record.write.fields.get("STATE") == "Draft") is (word == "Draft")


UNIFIED: Sequence[tuple[str, dict[str, Any]]] = (
    ("v1:Bills", {"number": "B-1", "vendorId": "V-1", "createdAt": "2026-11-03", "dueDate": "2026-12-03"}),
    ("v1:PurchaseInvoices", {"invoiceNumber": "B-1", "supplierCode": "V-1", "createdAt": "2026-11-03"}),
    ("v1:Invoices", {"invoiceNumber": "B-1", "customerId": "C-1"}),
    ("v1:CreditNotes", {"id": "B-1", "customerId": "C-1"}),
    ("v1:APAdjustment", {"adjustmentNumber": "B-1"}),
    ("v1:PurchaseOrders", {"number": "B-1"}),
    ("v1:BillPayments", {"id": "B-1"}),
    ("v1:JournalEntries", {"type": "GJ", "transactionDate": "2026-11-03"}),
    ("v2:Bill", {"billNumber": "B-1", "vendorNumber": "V-1", "issueDate": "2026-11-03"}),
    ("v2:Invoice", {"invoiceNumber": "B-1"}),
    ("v2:VendorCredit", {"vendorCreditNumber": "B-1"}),
    ("v2:PurchaseOrder", {"number": "B-1"}),
    ("v2:BillPayment", {"externalId": "B-1"}),
    ("v2:InvoicePayment", {"externalId": "B-1"}),
    ("v2:JournalEntry", {"journal": "GJ", "transactionDate": "2026-11-03"}),
)


@pytest.mark.parametrize("mark", [{"status": "Void"}, {"status": "DELETED"}, {"isDeleted": True}, {"isVoid": True}])
@pytest.mark.parametrize(("layout", "record"), UNIFIED, ids=[layout for layout, _ in UNIFIED])
def test_a_unified_record_that_is_void_is_never_posted(
    desk: LoadScenario, layout: str, record: dict[str, Any], mark: dict[str, Any]
) -> None:
    plan = desk.plan(json.dumps({**record, **mark}) + "\n", layout, name="input.jsonl")
    assert [one.verdict for one in plan.records] == [Verdict.SKIPPED]
    other = desk.plan(json.dumps({**record, "status": "Scrapped", **dict.fromkeys(mark, "Scrapped")}) + "\n", layout,
                      name="input.jsonl")  # fmt: skip
    assert [one.verdict for one in other.records] != [Verdict.CREATE]


def test_a_mapping_names_its_own_state(vendors: LoadScenario) -> None:
    mapping = vendors.folder / "bills.toml"
    mapping.write_text(
        """
object = "APBILL"
rest = "drop"
state = { from = "Lebenslauf", map = { gebucht = "live", storniert = "void", Entwurf = "draft" } }

[fields]
RECORDID = "Nr"
VENDORID = "Lieferant"
WHENCREATED = { from = "Datum", as = "date" }
WHENDUE = { from = "Datum", as = "date" }

[[lines]]
object = "APBILLITEM"
[lines.fields]
TRX_AMOUNT = { from = "Betrag", as = "number" }
ACCOUNTNO = { constant = "60100" }
LOCATIONID = { constant = "100" }
DEPARTMENTID = { constant = "100" }
""",
        encoding="utf-8",
    )
    head = "Nr,Lieferant,Datum,Betrag,Lebenslauf\n"
    body = "".join(f"{word},V-1,2026-11-03,5,{word}\n" for word in ("gebucht", "storniert", "Entwurf", "weg"))
    plan = vendors.plan(head + body, "APBILL", map_file=mapping)
    assert not [one for one in findings(plan) if "weg" not in one and "storniert" not in one]
    assert decided(plan) == [
        ("gebucht", Verdict.CREATE),
        ("storniert", Verdict.SKIPPED),
        ("Entwurf", Verdict.CREATE),
        ("weg", Verdict.REFUSED),
    ]
    assert plan.records[2].write.fields["ACTION"] == "Draft"


def test_a_payment_is_of_the_live_bill_where_another_of_its_number_was_reversed(vendors: LoadScenario) -> None:
    vendors.load(bills(("B-1", ""), ("B-2", ""), amount="500"), "bills")
    reversed_bills = [row["RECORDNO"] for row in vendors.rows("APBILL")]
    with client(vendors.emulator) as gateway, vendors.outbox() as outbox:
        entries = [entry for entry in outbox.entries() if entry.target.object == "APBILL"]
        undo = plan_undo(gateway, outbox, entries, UndoSettings(date(2026, 11, 5)))
        assert undo.plan is not None
        assert all(one.good for one in Loader(gateway, outbox).apply(undo.plan))
    vendors.load(bills(("B-1", ""), amount="400").replace("V-1", "V-2"), "bills")
    bank = next(row["BANKACCOUNTID"] for row in vendors.rows("CHECKINGACCOUNT"))
    head = "Bill no,Amount,Payment date,Payment method,Bank account,Currency\n"
    body = "".join(f"{number},10,2026-11-20,Cash,{bank},USD\n" for number in ("B-1", "B-2"))
    paid, not_paid = vendors.plan(head + body, "payments").records
    assert (paid.verdict, paid.write.fields["VENDORID"]) == (Verdict.CREATE, "V-2")
    (line,) = paid.write.all_lines
    assert str(line.fields["RECORDKEY"]) not in reversed_bills
    assert {finding.message for finding in not_paid.reasons} == {"the APBILL with RECORDID 'B-2' is reversed"}


PAID = "Vendor,Bill no,Amount,Payment date,Payment method,Bank account,Currency,Payment no,Status\n"
VOID_ROWS = [  # what was posted, what comes later, and the verdicts then
    (["P-1,10,11-20,Paid"], ["P-1,10,11-20,Void"], [Verdict.REFUSED]),
    (["P-1,10,11-20,Paid"], ["P-1,0,11-20,Void"], [Verdict.REFUSED]),
    (["P-1,10,11-20,Paid"], ["P-2,10,11-20,Void"], [Verdict.SKIPPED]),
    (["P-1,10,11-20,Paid"], ["P-1,0,11-20,Void", "P-2,10,11-21,Paid"], [Verdict.REFUSED, Verdict.CREATE]),
    ([",10,11-20,Paid"], [",10,11-20,Void"], [Verdict.REFUSED]),
    ([",10,11-20,Paid"], [",10,11-22,Void"], [Verdict.SKIPPED]),
    ([], ["P-1,10,11-20,Void", "P-1,10,11-20,Void"], [Verdict.SKIPPED]),
]


@pytest.mark.parametrize(("posted", "later", "verdicts"), VOID_ROWS)
def test_a_void_payment_is_found_by_its_number_or_its_content(
    vendors: LoadScenario, posted: list[str], later: list[str], verdicts: list[Verdict]
) -> None:
    vendors.load(bills(("B-1", "Open"), amount="500"), "bills")
    bank = next(row["BANKACCOUNTID"] for row in vendors.rows("CHECKINGACCOUNT"))

    def payments(rows: list[str]) -> str:
        lines = (row.split(",") for row in rows)
        return PAID + "".join(f"V-1,B-1,{amount},2026-{day},Cash,{bank},USD,{number},{state}\n"
                              for number, amount, day, state in lines)  # fmt: skip

    if posted:
        assert all(one.good for one in vendors.load(payments(posted), "payments"))
    assert [record.verdict for record in vendors.plan(payments(later), "payments").records] == verdicts
    assert len(vendors.rows("APPYMT")) == len(posted)


def test_a_void_record_with_another_key_is_not_the_posted_one_that_equals_it(desk: LoadScenario) -> None:
    head = "Id,Journal,Date,Title,Account,Debit,Credit,Location,Status\n"

    def entry(key: str, state: str) -> str:
        start = f"{key},GJ,2026-11-03,Rent"
        return f"{head}{start},68000,5,,100,{state}\n{start},10010,,5,100,{state}\n"

    assert all(one.good for one in desk.load(entry("1", "Open"), "journal-entries", key=("Id",)))
    (other,) = desk.plan(entry("2", "Void"), "journal-entries", key=("Id",)).records
    assert (other.verdict, [one.rule for one in other.findings]) == (Verdict.SKIPPED, ["void"])
    (same,) = desk.plan(entry("1", "Void"), "journal-entries", key=("Id",)).records
    assert (same.verdict, [one.rule for one in same.findings]) == (Verdict.REFUSED, ["void"])
