"""Contradictions inside one record: a wrong total, two amounts for one line, a side that its amount does not have."""

import json
from typing import Any

import pytest

from intacct_bridge.load.plan.plan import PlannedRecord, Verdict
from support.journeys.objects import VENDORS, LoadScenario


@pytest.fixture
def vendors(desk: LoadScenario) -> LoadScenario:
    desk.load(VENDORS, "VENDOR")
    return desk


def totals(record: PlannedRecord) -> list[tuple[str, bool]]:
    return [(finding.message, finding.refuses) for finding in record.findings if finding.rule == "total"]


BILL = "Vendor,Bill no,Date,Due date,Account,Location,Department,Amount,{}\n"


def bill(columns: str, *lines: str) -> str:
    rows = (f"V-1,B-1,2026-11-03,2026-12-03,60100,100,100,{line}\n" for line in lines)
    return BILL.format(columns) + "".join(rows)


@pytest.mark.parametrize(
    ("columns", "lines", "finding"),
    [  # the columns after the amount, the lines, and the message with whether it refuses
        ("Bill total", ["10,30", "20,30"], None),
        ("Bill total", ["10,30", "20,"], None),
        ("Bill total", ["10,10", "20,20"], None),  # a total beside each line is that of the line
        ("Bill total", ["10.004,30", "19.996,30"], None),
        ("Bill total", ["10,30.01", "20,30.01"], None),  # within half a cent a line
        ("Bill total", ["10,", "20,"], None),
        ("Bill total", ["10,30.02", "20,30.02"], ("the total 30.02 is not the sum of the lines, 30", True)),
        ("Total amount", ["10,35", "20,35"], ("the total 35 is not the sum of the lines, 30", True)),
        ("Total amount", ["-10,10"], ("the total 10 is not the sum of the lines, -10", True)),
        ("Total,Tax", ["10,33,3", "20,33,"],
         ("the total 33 is not the sum of the lines, 30; Tax goes to no field of Intacct", False)),
        ("Total,Tax", ["10,11,1", "20,22,2"],
         ("the total 33 is not the sum of the lines, 30; Tax goes to no field of Intacct", False)),
        ("Total,Shipping,Discount", ["10,31,2,1"],
         ("the total 31 is not the sum of the lines, 10; Shipping, Discount goes to no field of Intacct", False)),
        ("Total,Tax", ["10,30,", "20,30,"], None),
        ("Total,Tax", ["10,31,0", "20,31,0"], ("the total 31 is not the sum of the lines, 30", True)),
        ("Total", ["10,n/a"], ("'n/a' is no amount, so it is not compared with the lines", False)),
    ],
)  # fmt: skip
def test_a_total_is_the_sum_of_its_lines(
    vendors: LoadScenario, columns: str, lines: list[str], finding: tuple[str, bool] | None
) -> None:
    (record,) = vendors.plan(bill(columns, *lines), "bills").records
    assert totals(record) == ([] if finding is None else [finding])
    if finding is not None:
        assert (record.verdict is Verdict.REFUSED) is finding[1]


def document(layout: str, lines: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """A unified document of V-1 or C-1 with these lines."""
    names = {"v1:Bills": ("vendorBillNumber", "vendorId"), "v2:Bill": ("billNumber", "vendorNumber")}
    number, party = names.get(layout, ("number", "customerId"))
    return {number: "B-1", party: "V-1", "issueDate": "2026-11-03", "lineItems": lines, **more}


ACCOUNT = {"accountNumber": "60100"}


@pytest.mark.parametrize(
    ("layout", "lines", "more", "finding"),
    [
        ("v1:Bills", [{"totalPrice": "10"}, {"totalPrice": "5"}], {"totalAmount": "15"}, None),
        ("v1:Bills", [{"totalPrice": "10"}], {"totalAmount": "15"},
         ("the total 15 is not the sum of the lines, 10", True)),
        ("v1:Bills", [{"totalPrice": "10"}], {"totalAmount": "13", "totalTaxAmount": "3"},
         ("the total 13 is not the sum of the lines, 10; totalTaxAmount goes to no field of Intacct", False)),
        ("v1:Bills", [{"totalPrice": "10", "taxAmount": "3"}], {"totalAmount": "13"},
         ("the total 13 is not the sum of the lines, 10; taxAmount goes to no field of Intacct", False)),
        ("v1:CreditNotes", [{"totalPrice": "10"}], {"totalAmount": "10"}, None),
        ("v1:CreditNotes", [{"totalPrice": "10"}], {"totalAmount": "-10"},
         ("the total -10 is not the sum of the lines, 10", True)),
        ("v2:Bill", [{"amount": "10"}, {"amount": "2.5"}], {"totalAmount": "12.50"}, None),
        ("v2:Bill", [{"amount": "10"}], {"totalAmount": "12.50"},
         ("the total 12.50 is not the sum of the lines, 10", True)),
        ("v1:PurchaseOrders", [{"productId": "X", "quantity": "2", "unitPrice": "5", "taxAmount": "1"}],
         {"totalAmount": "11"}, None),
        ("v1:PurchaseOrders", [{"productId": "X", "quantity": "2", "unitPrice": "5", "taxAmount": "1"}],
         {"totalAmount": "10"}, ("the total 10 is not the sum of the lines, 11.00", True)),
    ],
)  # fmt: skip
def test_a_unified_total_counts_the_tax_that_is_posted(
    vendors: LoadScenario,
    layout: str,
    lines: list[dict[str, Any]],
    more: dict[str, Any],
    finding: tuple[str, bool] | None,
) -> None:
    text = json.dumps(document(layout, [ACCOUNT | line for line in lines], **more)) + "\n"
    (record,) = vendors.plan(text, layout, name="input.jsonl").records
    assert totals(record) == ([] if finding is None else [finding])


@pytest.mark.parametrize(
    ("line", "finding"),
    [
        ({"totalPrice": "10", "amount": "10.00"}, None),
        ({"totalPrice": "10", "amount": ""}, None),
        ({"totalPrice": "10", "amount": "12"}, "10 contradicts amount 12"),
    ],
)
def test_two_amounts_of_one_line_agree(vendors: LoadScenario, line: dict[str, str], finding: str | None) -> None:
    text = json.dumps(document("v1:Bills", [ACCOUNT | line])) + "\n"
    (record,) = vendors.plan(text, "v1:Bills", name="input.jsonl").records
    found = [one.message for one in record.findings if one.rule == "mapping"]
    assert found == ([] if finding is None else [finding])


@pytest.mark.parametrize(
    ("first", "finding"),
    [
        ({"entryType": "Debit", "debitAmount": "5"}, None),
        ({"entryType": "debit", "debitAmount": "5", "creditAmount": "0"}, None),
        ({"debitAmount": "5"}, None),
        ({"entryType": "Credit", "debitAmount": "5"}, "Credit contradicts debitAmount 5"),
        ({"entryType": "Debit", "creditAmount": "5"}, "Debit contradicts creditAmount 5"),
        ({"debitAmount": "5", "creditAmount": "5"}, "debitAmount and creditAmount exclude each other"),
    ],
)
def test_the_side_of_a_line_is_that_of_its_amount(
    desk: LoadScenario, first: dict[str, str], finding: str | None
) -> None:
    lines = [{**ACCOUNT, **first}, {"accountNumber": "61100", "creditAmount": "5"}]
    entry = {"journal": "GJ", "transactionDate": "2026-11-03", "journalEntryNumber": "R-1", "lineItems": lines}
    (record,) = desk.plan(json.dumps(entry) + "\n", "v2:JournalEntry", name="input.jsonl").records
    found = [one.message for one in record.findings if one.rule == "mapping"]
    assert found == ([] if finding is None else [finding])
    assert (record.verdict is Verdict.REFUSED) or finding is None


def test_a_filter_that_leaves_lines_out_makes_the_total_a_warning(vendors: LoadScenario) -> None:
    from dataclasses import replace

    from intacct_bridge.load.layouts.choose import layout_for
    from intacct_bridge.load.plan.planner import make_plan
    from intacct_bridge.load.tables.open import open_table
    from intacct_bridge.load.tables.row_filter import with_filter
    from support.small_company import client

    path = vendors.file(bill("Total", "10,30", "20,30"))
    with client(vendors.emulator) as gateway, vendors.outbox() as outbox:
        table = with_filter(open_table(path), "Amount < 15")
        (record,) = make_plan(replace(table), layout_for("bills", gateway), gateway, outbox).records
    assert totals(record) == [("the total 30 is not the sum of the lines, 10", False)]
