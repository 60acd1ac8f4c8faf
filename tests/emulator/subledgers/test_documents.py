"""Bills and payments by the generic functions: their postings, amounts due and refusals.

Shapes: the documented parameter tables of "Create AP Bill" and "Create AP Payment"; amounts are made up.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from intacct_emulator.server.gateway import Emulator
from support.emulator.calls import data, element, faults, one, query, results, rows
from support.emulator.documents import LINES, bill, item, made, payment, state
from support.emulator.ledger_checks import assert_true, balances


def test_a_bill_posts_its_lines_against_payables_and_raises_the_vendors_total(demo: Emulator) -> None:
    assert_true(demo)
    before = balances(demo.company())
    key = made(demo, bill())
    after = balances(demo.company())
    changed = {account: after[account] - before[account] for account in after if after[account] != before[account]}
    assert changed == {"60500": Decimal("100.00"), "61200": Decimal("23.45"), "20000": Decimal("-123.45")}
    assert state(demo, key) == {
        "STATE": "Posted",
        "TOTALENTERED": "123.45",
        "TOTALPAID": "0",
        "TOTALDUE": "123.45",
        "TRX_TOTALDUE": "123.45",
    }
    assert_true(demo)


def test_a_payment_changes_the_paid_totals_and_the_bank(demo: Emulator) -> None:
    key = made(demo, bill())
    bank = balances(demo.company())["10010"]
    made(demo, payment(key, "23.45"))
    assert state(demo, key)["STATE"] == "Partially Paid"
    assert balances(demo.company())["10010"] - bank == Decimal("-23.45")
    made(demo, payment(key))
    assert state(demo, key) | {"TRX_TOTALDUE": "0"} == {
        "STATE": "Paid",
        "TOTALENTERED": "123.45",
        "TOTALPAID": "123.45",
        "TOTALDUE": "0",
        "TRX_TOTALDUE": "0",
    }
    where = f"<equalto><field>RECORDKEY</field><value>{key}</value></equalto>"
    lines = rows(data(demo, query("APBILLITEM", "TRX_AMOUNT TRX_TOTALPAID STATE", where)))
    assert [(line["TRX_AMOUNT"], line["TRX_TOTALPAID"], line["STATE"]) for line in lines] == [
        ("100", "100", "Paid"),
        ("23.45", "23.45", "Paid"),
    ]
    details = rows(data(demo, query("APPYMTDETAIL", "TRX_PAYMENTAMOUNT", where)))
    assert [Decimal(row["TRX_PAYMENTAMOUNT"]) for row in details] == [
        Decimal("23.45"),
        Decimal("76.55"),
        Decimal("23.45"),
    ]
    assert_true(demo)


def test_a_bill_paid_in_part_cannot_be_changed_or_deleted(demo: Emulator) -> None:
    key = made(demo, bill())
    made(demo, payment(key, "1"))
    new_lines = element("APBILL", RECORDNO=key, APBILLITEMS=item("60500 5"))
    for function in (f"<update>{new_lines}</update>", f"<delete><object>APBILL</object><keys>{key}</keys></delete>"):
        refusal = faults(demo, function)
        assert refusal[0].errorno == "BL03000130"
    assert one(demo, f"<update>{element('APBILL', RECORDNO=key, DESCRIPTION='still')}</update>").status == "success"
    assert_true(demo)


def test_a_payment_above_the_amount_due_is_refused(demo: Emulator) -> None:
    key = made(demo, bill())
    refusal = faults(demo, payment(key, "123.46"))
    assert refusal[0].errorno == "BL03000130"
    assert "exceeds the amount due 123.45" in refusal[0].description2
    assert_true(demo)


def test_the_lines_of_an_update_replace_all_lines(demo: Emulator) -> None:
    before = balances(demo.company())
    key = made(demo, bill())
    changed = element("APBILL", RECORDNO=key, APBILLITEMS=item("64200 7.5"))
    assert one(demo, f"<update>{changed}</update>").status == "success"
    after = balances(demo.company())
    assert {one: after[one] - before[one] for one in after if after[one] != before[one]} == {
        "64200": Decimal("7.5"),
        "20000": Decimal("-7.5"),
    }
    where = f"<equalto><field>RECORDKEY</field><value>{key}</value></equalto>"
    assert [row["ACCOUNTNO"] for row in rows(data(demo, query("APBILLITEM", "ACCOUNTNO", where)))] == ["64200"]
    assert one(demo, f"<delete><object>APBILL</object><keys>{key}</keys></delete>").status == "success"
    assert balances(demo.company()) == before
    assert_true(demo)


def test_a_draft_waits_until_it_is_submitted(demo: Emulator) -> None:
    before = balances(demo.company())
    key = made(demo, bill(ACTION="Draft"))
    assert state(demo, key)["STATE"] == "Draft"
    assert balances(demo.company()) == before
    assert one(demo, f"<update>{element('APBILL', RECORDNO=key, ACTION='Submit')}</update>").status == "success"
    assert state(demo, key)["STATE"] == "Posted"
    assert balances(demo.company()) != before
    assert_true(demo)


@pytest.mark.parametrize(
    ("setting", "action", "state_after"),
    [
        ("submit", "", "Posted"),
        ("submit", "Draft", "Draft"),
        ("submit", "Submit", "Posted"),
        ("kept", "", "Draft"),
        ("kept", "Submit", "Posted"),
        ("ignored", "Submit", "Draft"),
    ],
)
@pytest.mark.parametrize("function", ["update", "update_bill"])
def test_an_update_of_a_draft_submits_it_unless_it_says_draft(
    demo: Emulator, function: str, setting: Any, action: str, state_after: str
) -> None:
    demo.company().behaviour = replace(demo.company().behaviour, update_action=setting)
    key = made(demo, bill(ACTION="Draft"))
    if function == "update":
        said = {"ACTION": action} if action else {}
        request = f"<update>{element('APBILL', RECORDNO=key, DESCRIPTION='Paper', **said)}</update>"
    else:
        said_text = f"<action>{action}</action>" if action else ""
        request = f'<update_bill key="{key}">{said_text}<description>Paper</description></update_bill>'
    assert one(demo, request).status == "success"
    assert state(demo, key)["STATE"] == state_after
    assert_true(demo)


@pytest.mark.parametrize(
    ("cells", "lines", "message"),
    [
        ({"VENDORID": "nobody"}, LINES, "Invalid Vendor 'nobody' specified."),
        ({"VENDORID": ""}, LINES, "Required field VENDORID is missing for APBILL."),
        ({"WHENDUE": ""}, LINES, "Required field WHENDUE is missing for APBILL."),
        ({"WHENCREATED": "01/15/2026"}, LINES, "closed period"),
        ({"BASECURR": "CAD"}, LINES, "is USD, not CAD"),
        ({}, ("77777 1",), "Invalid GL Account '77777' specified."),
        ({}, ("60500 1 LOCATIONID=",), "Location is required"),
        ({}, ("60500 1 DEPARTMENTID=",), "Department is required for account 60500."),
        ({}, ("60500 x",), "Illegal format"),
    ],
)
def test_a_bad_bill_is_refused_with_its_reason(
    demo: Emulator, cells: dict[str, str], lines: tuple[str, ...], message: str
) -> None:
    before = balances(demo.company())
    refusal = faults(demo, bill(*lines, **cells))
    assert message in refusal[0].description2
    assert balances(demo.company()) == before


def test_a_bill_number_is_unique_for_each_vendor(demo: Emulator) -> None:
    made(demo, bill())
    refusal = faults(demo, bill())
    assert refusal[0].errorno == "BL03002185"
    assert one(demo, bill(VENDORID="V10080")).status == "success"


def test_lines_in_two_entities_and_a_bank_in_a_third_balance_in_each(demo: Emulator) -> None:
    key = made(demo, bill("60500 10", "60500 20 LOCATIONID=210"))
    assert one(demo, payment(key, FINANCIALENTITY="CHK-FLD")).status == "success"
    assert_true(demo)


def test_a_foreign_bill_is_paid_at_another_rate_with_a_gain_or_loss(demo: Emulator) -> None:
    key = made(demo, bill("60500 33.33", "61200 66.66", CURRENCY="EUR", EXCHANGE_RATE="1.0777"))
    made(demo, payment(key, "40", CURRENCY="EUR", EXCHANGE_RATE="1.2"))
    made(demo, payment(key, "", CURRENCY="EUR", EXCHANGE_RATE="1.3"))
    assert state(demo, key)["TOTALDUE"] == "0"
    assert_true(demo)


def test_a_failed_transaction_leaves_the_ledger_unchanged(demo: Emulator) -> None:
    before = balances(demo.company())
    done = results(demo, bill(), bill("77777 1", RECORDID="T-2"), transaction=True)
    assert [result.status for result in done] == ["aborted", "failure"]
    assert balances(demo.company()) == before
    assert_true(demo)


def test_the_entry_of_a_bill_changes_with_the_bill_only(demo: Emulator) -> None:
    made(demo, bill())
    batch = demo.company().table("GLBATCH").next_number() - 1
    for function in (
        f"<update>{element('GLBATCH', RECORDNO=batch, BATCH_TITLE='x')}</update>",
        f"<delete><object>GLBATCH</object><keys>{batch}</keys></delete>",
    ):
        assert "made by a sub-ledger" in faults(demo, function)[0].description2


@pytest.mark.parametrize(("name", "key"), [("VENDOR", "V10080"), ("GLACCOUNT", "60500"), ("DEPARTMENT", "100")])
def test_a_record_that_transactions_use_cannot_be_deleted(demo: Emulator, name: str, key: str) -> None:
    refusal = faults(demo, f"<delete><object>{name}</object><keys>{key}</keys></delete>")
    assert "is used by" in refusal[0].description2
    assert refusal[0].correction == "Make it inactive instead."
