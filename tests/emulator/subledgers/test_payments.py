"""Payments with credits, credit lines, advances, overpayments and discounts; waiting payments; holds.

Shapes: the documented parameter tables of "Create AP Payment", "Create AR Payment" and "Create AP Payment Request
(Legacy)"; amounts are made up.
"""

import re
from dataclasses import replace
from decimal import Decimal

import pytest

from intacct_emulator.server.gateway import Emulator
from support.emulator.calls import data, element, faults, one, query, rows
from support.emulator.documents import VENDOR, bill, made, payment, state
from support.emulator.ledger_checks import assert_true, balances, change
from support.emulator.legacy_documents import cells, day, invoice, key_of, receipt
from support.emulator.payments import CUSTOMER, advance, ap, ar, credit, paid, received


def lines_of(emulator: Emulator, name: str, key: str) -> list[str]:
    where = f"<equalto><field>RECORDKEY</field><value>{key}</value></equalto>"
    return [row["RECORDNO"] for row in rows(data(emulator, query(name, "RECORDNO", where)))]


def test_a_credit_and_money_settle_a_bill(demo: Emulator) -> None:
    key, note = made(demo, bill("60500 100")), credit(demo, "30")
    before = balances(demo.company())
    detail = ap(RECORDKEY=key, TRX_PAYMENTAMOUNT="70", ADJUSTMENTKEY=note, TRX_ADJUSTMENTAMOUNT="30")
    payment_key = made(demo, paid(detail))
    assert state(demo, key)["STATE"] == "Paid"
    assert state(demo, note, "APADJUSTMENT")["TOTALDUE"] == "0"
    assert change(before, balances(demo.company())) == {"20000": Decimal(70), "10010": Decimal(-70)}
    assert cells(demo, "APPYMT", payment_key, "TOTALENTERED") == ["70"]
    assert_true(demo)


def test_a_credit_line_of_the_bill_itself_can_be_applied(demo: Emulator) -> None:
    key = made(demo, bill("60500 100", "61200 -20"))
    plus, minus = lines_of(demo, "APBILLITEM", key)
    detail = ap(
        RECORDKEY=key, ENTRYKEY=plus, TRX_PAYMENTAMOUNT="80", INLINEKEY=key, INLINEENTRYKEY=minus, TRX_INLINEAMOUNT="20"
    )
    made(demo, paid(detail))
    assert state(demo, key)["STATE"] == "Paid"
    assert cells(demo, "APBILLITEM", minus, "TRX_TOTALPAID") == ["-20"]
    where = f"<equalto><field>RECORDKEY</field><value>{key}</value></equalto>"
    names = "ENTRYKEY TRX_PAYMENTAMOUNT TRX_INLINEAMOUNT INLINEENTRYKEY"
    assert [list(row.values()) for row in rows(data(demo, query("APPYMTDETAIL", names, where)))] == [
        [plus, "80", "20", minus]
    ]
    assert_true(demo)


def test_two_details_of_one_bill_cannot_exceed_the_amount_due(demo: Emulator) -> None:
    key = made(demo, bill("60500 100"))
    detail = ap(RECORDKEY=key, TRX_PAYMENTAMOUNT="60")
    assert faults(demo, paid(detail, detail))[0].errorno == "BL03000130"
    assert state(demo, key)["TOTALDUE"] == "100"
    assert_true(demo)


def test_a_negative_invoice_and_an_overpayment_settle_an_invoice(demo: Emulator) -> None:
    negative, positive = key_of(demo, invoice("N-1", "-40")), key_of(demo, invoice("P-1", "100"))
    first = made(demo, received(ar(RECORDKEY=positive, TRX_PAYMENTAMOUNT="10"), OVERPAYMENTAMOUNT="35"))
    assert cells(demo, "ARPYMT", first, "TOTALENTERED TOTALDUE") == ["45", "35"]
    assert_true(demo)
    before = balances(demo.company())
    detail = ar(
        RECORDKEY=positive,
        TRX_PAYMENTAMOUNT="15",
        NEGATIVEINVOICEKEY=negative,
        TRX_NEGATIVEINVOICEAMOUNT="40",
        OVERPAYMENTKEY=first,
        TRX_POSTEDOVERPAYMENTAMOUNT="35",
    )
    second = made(demo, received(detail))
    assert state(demo, positive, "ARINVOICE")["STATE"] == "Paid"
    assert state(demo, negative, "ARINVOICE")["TOTALDUE"] == "0"
    assert cells(demo, "ARPYMT", first, "TOTALDUE TOTALPAID") == ["0", "45"]
    assert change(before, balances(demo.company())) == {"11000": Decimal(-15), "10010": Decimal(15)}
    assert_true(demo)
    reverse = "<reverse_arpayment key='{}'>" + day("datereversed") + "</reverse_arpayment>"
    assert "Reverse that one first" in faults(demo, reverse.format(first))[0].correction
    key_of(demo, reverse.format(second))
    assert cells(demo, "ARPYMT", first, "TOTALDUE") == ["35"]
    assert state(demo, positive, "ARINVOICE")["TOTALDUE"] == "90"
    assert_true(demo)
    key_of(demo, reverse.format(first))
    assert state(demo, positive, "ARINVOICE")["TOTALDUE"] == "100"
    assert_true(demo)


def test_a_discount_settles_a_bill_without_money(demo: Emulator) -> None:
    key = key_of(demo, invoice("D-1", "100"))
    before = balances(demo.company())
    receipt = made(demo, received(ar(RECORDKEY=key, TRX_PAYMENTAMOUNT="97.50", TRX_TOTALDISCOUNTTOAPPLY="2.50")))
    assert state(demo, key, "ARINVOICE")["STATE"] == "Paid"
    moved = {"11000": Decimal(-100), "10010": Decimal("97.5"), "48000": Decimal("2.5")}
    assert change(before, balances(demo.company())) == moved
    key_of(demo, f"<reverse_arpayment key='{receipt}'>{day('datereversed')}</reverse_arpayment>")
    assert balances(demo.company()) == before
    assert_true(demo)


@pytest.mark.parametrize(("discounted", "left"), [("11/28/2026", "98"), ("12/05/2026", "100")])
def test_terms_allow_a_discount_up_to_their_day(demo: Emulator, discounted: str, left: str) -> None:
    key = made(demo, bill("60500 100", TERMNAME="2/10 N30", WHENDUE=""))
    bank = balances(demo.company())["10010"]
    made(demo, paid(ap(RECORDKEY=key, DISCOUNTDATE=discounted)))
    assert state(demo, key)["STATE"] == "Paid"
    assert bank - balances(demo.company())["10010"] == Decimal(left)
    assert_true(demo)


def test_a_request_reserves_its_bills_until_it_is_declined_or_paid(demo: Emulator) -> None:
    key = made(demo, bill("60500 100"))
    head = "<bankaccountid>CHK-INS</bankaccountid><vendorid>V10087</vendorid><paymentmethod>EFT</paymentmethod>"
    items = f"<paymentrequestitem><key>{key}</key><paymentamount>100</paymentamount></paymentrequestitem>"
    body = f"{head}{day('paymentdate')}<paymentrequestitems>{items}</paymentrequestitems>"
    request = f"<create_paymentrequest>{body}</create_paymentrequest>"
    before = balances(demo.company())
    first = key_of(demo, request)
    assert cells(demo, "APBILL", key, "STATE TOTALSELECTED TOTALDUE") == ["Selected", "100", "100"]
    assert balances(demo.company()) == before
    assert "exceeds the amount due 0" in faults(demo, payment(key, "1"))[0].description2
    assert faults(demo, f"<delete><object>APBILL</object><keys>{key}</keys></delete>")[0].errorno == "BL03000130"
    keys = "<appaymentkeys><appaymentkey>{}</appaymentkey></appaymentkeys>"
    key_of(demo, f"<decline_appaymentrequest>{keys.format(first)}</decline_appaymentrequest>")
    assert cells(demo, "APBILL", key, "STATE TOTALSELECTED") == ["Posted", "0"]
    second = key_of(demo, request)
    key_of(demo, f"<confirm_appaymentrequest>{keys.format(second)}</confirm_appaymentrequest>")
    assert cells(demo, "APBILL", key, "STATE TOTALSELECTED TOTALPAID") == ["Paid", "0", "100"]
    assert_true(demo)
    key_of(demo, f"<void_appaymentrequest>{keys.format(second)}</void_appaymentrequest>")
    assert cells(demo, "APBILL", key, "STATE TOTALPAID TOTALDUE") == ["Posted", "0", "100"]
    assert cells(demo, "APPYMT", second, "STATE") == ["Voided"]
    assert_true(demo)


def test_a_request_applies_open_credits_and_discounts_without_their_keys(demo: Emulator) -> None:
    key, note = made(demo, bill("60500 100", VENDORID="V10080")), credit(demo, "30")
    head = "<bankaccountid>CHK-INS</bankaccountid><vendorid>V10087</vendorid><paymentmethod>EFT</paymentmethod>"
    own = made(demo, bill("60500 100"))
    item = (
        f"<paymentrequestitem><key>{own}</key><paymentamount>65</paymentamount><credittoapply>30</credittoapply>"
        "<discounttoapply>5</discounttoapply></paymentrequestitem>"
    )
    body = f"{head}{day('paymentdate')}<paymentrequestitems>{item}</paymentrequestitems>"
    request = key_of(demo, f"<create_paymentrequest>{body}</create_paymentrequest>")
    assert cells(demo, "APADJUSTMENT", note, "STATE TOTALSELECTED") == ["Selected", "-30"]
    key_of(
        demo,
        "<confirm_appaymentrequest><appaymentkeys>"
        f"<appaymentkey>{request}</appaymentkey></appaymentkeys></confirm_appaymentrequest>",
    )
    assert [state(demo, one)["TOTALDUE"] for one in (own, key)] == ["0", "100"]
    assert state(demo, note, "APADJUSTMENT")["TOTALDUE"] == "0"
    assert_true(demo)


def test_each_credit_on_a_line_and_each_day_of_an_overpayment_has_a_detail(demo: Emulator) -> None:
    notes = [credit(demo, "30", "CR-1"), credit(demo, "20", "CR-2")]
    own = made(demo, bill("60500 100"))
    item = f"<key>{own}</key><paymentamount>55</paymentamount><credittoapply>45</credittoapply>"
    head = "<bankaccountid>CHK-INS</bankaccountid><vendorid>V10087</vendorid><paymentmethod>EFT</paymentmethod>"
    body = f"<paymentrequestitems><paymentrequestitem>{item}</paymentrequestitem></paymentrequestitems>"
    request = key_of(demo, f"<create_paymentrequest>{head}{day('paymentdate')}{body}</create_paymentrequest>")
    found = details_of(demo, "APPYMTDETAIL", request, "ADJUSTMENTKEY TRX_ADJUSTMENTAMOUNT TRX_PAYMENTAMOUNT")
    assert found == [[notes[1], "15", "0"], [notes[0], "30", "55"]]
    invoiced = key_of(demo, invoice("I-9", "80"))
    over = key_of(demo, receipt("80"))
    applied = f"<arpaymentitem><invoicekey>{invoiced}</invoicekey><amount>80</amount></arpaymentitem>"
    head = f"<arpaymentkey>{over}</arpaymentkey>{day('paymentdate', 21)}"
    key_of(demo, f"<apply_arpayment>{head}<arpaymentitems>{applied}</arpaymentitems></apply_arpayment>")
    assert details_of(demo, "ARPYMTDETAIL", over, "PAYMENTDATE") == [["11/21/2026"]]


def details_of(emulator: Emulator, name: str, key: str, fields: str) -> list[list[str]]:
    where = f"<equalto><field>PAYMENTKEY</field><value>{key}</value></equalto>"
    return [[row[one] for one in fields.split()] for row in rows(data(emulator, query(name, fields, where)))]


def test_a_request_for_an_amount_pays_the_oldest_bills_first(demo: Emulator) -> None:
    vendor = "V10080"
    head = f"<bankaccountid>CHK-INS</bankaccountid><vendorid>{vendor}</vendorid><paymentmethod>EFT</paymentmethod>"
    made(demo, bill("60500 10", VENDORID=vendor, RECORDID="late", WHENDUE="12/31/2030"))
    early = made(demo, bill("60500 10", VENDORID=vendor, RECORDID="early", WHENDUE="11/21/2024"))
    request = (
        f"<create_paymentrequest>{head}{day('paymentdate')}<paymentamount>10</paymentamount></create_paymentrequest>"
    )
    key_of(demo, request)
    assert cells(demo, "APBILL", early, "TOTALSELECTED") == ["10"]
    too_much = request.replace(">10<", ">99999999<")
    assert "is not the sum of the details" in faults(demo, too_much)[0].description2
    assert_true(demo)


@pytest.mark.parametrize("held", ["bill", "vendor"])
def test_a_bill_on_hold_cannot_be_paid(demo: Emulator, held: str) -> None:
    key = made(demo, bill("60500 100"))
    hold = (
        element("APBILL", RECORDNO=key, ONHOLD="true")
        if held == "bill"
        else element("VENDOR", VENDORID="V10087", ONHOLD="true")
    )
    assert one(demo, f"<update>{hold}</update>").status == "success"
    assert "is on hold and cannot be paid" in faults(demo, payment(key))[0].description2
    assert one(demo, f"<update>{hold.replace('true', 'false')}</update>").status == "success"
    made(demo, payment(key))
    assert_true(demo)


@pytest.mark.parametrize(
    ("detail", "field"),
    [
        ({"TRX_PAYMENTAMOUNT": "70", "ADVANCEKEY": "1", "TRX_POSTEDADVANCEAMOUNT": "30"}, "ADVANCEKEY"),
        ({"TRX_PAYMENTAMOUNT": "70", "ADJUSTMENTKEY": "1", "TRX_ADJUSTMENTAMOUNT": "30"}, "ADJUSTMENTKEY"),
        ({"TRX_PAYMENTAMOUNT": "70", "INLINEKEY": "KEY", "TRX_INLINEAMOUNT": "30"}, "INLINEENTRYKEY"),
        ({"TRX_PAYMENTAMOUNT": "70", "TRX_ADJUSTMENTAMOUNT": "30"}, "ADJUSTMENTKEY"),
        ({"TRX_PAYMENTAMOUNT": "70", "TRX_TOTALDISCOUNTTOAPPLY": "130"}, "TRX_TOTALDISCOUNTTOAPPLY"),
    ],
)
def test_an_amount_that_cannot_be_applied_is_refused_with_its_field(
    demo: Emulator, detail: dict[str, str], field: str
) -> None:
    key = made(demo, bill("60500 100"))
    cells = {name: key if text == "KEY" else text for name, text in detail.items()}
    refusal = faults(demo, paid(ap(RECORDKEY=key, **cells)), show_additional_error_info=True)
    assert refusal[0].field == field or field in refusal[0].description2
    assert state(demo, key)["TOTALDUE"] == "100"
    assert_true(demo)


def test_the_stated_amount_must_be_the_sum_of_the_details(demo: Emulator) -> None:
    key = made(demo, bill("60500 100"))
    refusal = faults(demo, paid(ap(RECORDKEY=key, TRX_PAYMENTAMOUNT="70"), AMOUNTTOPAY="80"))
    assert "The amount 80 is not the sum of the details, 70" in refusal[0].description2
    made(demo, paid(ap(RECORDKEY=key), AMOUNTTOPAY="80"))
    assert state(demo, key)["TOTALDUE"] == "20"
    assert_true(demo)


@pytest.mark.parametrize("missing", ["VENDORID", "PAYMENTDATE", "CURRENCY", "APPYMTDETAILS"])
def test_a_payment_without_a_required_field_is_refused(demo: Emulator, missing: str) -> None:
    sent = paid(ap(RECORDKEY=made(demo, bill("60500 100")), TRX_PAYMENTAMOUNT="70"))
    tag = re.search(rf"<{missing}>.*</{missing}>", sent)
    assert tag is not None
    fault, *_ = faults(demo, sent.replace(tag[0], ""))
    assert fault.description2 == f"Required field {missing} is missing for APPYMT."


def test_a_payment_in_another_currency_than_its_document_is_refused(demo: Emulator) -> None:
    key = made(demo, bill("60500 100"))
    (refusal, *_) = faults(demo, paid(ap(RECORDKEY=key, TRX_PAYMENTAMOUNT="70"), CURRENCY="EUR"))
    assert "is in USD, the payment in EUR" in refusal.description2
    assert refusal.correction == "Pay in the currency of the document."
    assert state(demo, key)["TOTALDUE"] == "100"
    assert_true(demo)


@pytest.mark.parametrize("missing", ["PAYMENTMETHOD", "RECEIPTDATE", "CURRENCY"])
def test_a_receipt_without_a_required_field_is_refused(demo: Emulator, missing: str) -> None:
    detail = ar(RECORDKEY=key_of(demo, invoice("R-1", "100")), TRX_PAYMENTAMOUNT="100")
    fault, *_ = faults(demo, received(detail, **{missing: ""}))
    assert fault.description2 == f"Required field {missing} is missing for ARPYMT."


def test_a_payment_without_method_and_bank_takes_the_vendors_method_and_a_bank_of_its_currency(demo: Emulator) -> None:
    detail = ap(RECORDKEY=made(demo, bill("60500 100")), TRX_PAYMENTAMOUNT="70")
    key = made(demo, paid(detail, PAYMENTMETHOD="", FINANCIALENTITY=""))
    (preferred,) = [
        row["PAYMETHODKEY"] for _, row in demo.company().table("VENDOR").rows() if row["VENDORID"] == VENDOR
    ]
    assert cells(demo, "APPYMT", key, "PAYMENTMETHOD FINANCIALENTITY") == [preferred, "CHK-INS"]
    assert_true(demo)


@pytest.mark.parametrize("blank", ["PAYMENTMETHOD", "FINANCIALENTITY"])
def test_a_payment_without_method_or_bank_is_refused_by_a_setting(demo: Emulator, blank: str) -> None:
    behaviour = replace(demo.settings.behaviour, payment_blanks="refused")
    emulator = demo.clone(settings=replace(demo.settings, behaviour=behaviour))
    key = made(emulator, bill("60500 100"))
    fault, *_ = faults(emulator, paid(ap(RECORDKEY=key, TRX_PAYMENTAMOUNT="70"), **{blank: ""}))
    assert fault.description2 == f"Required field {blank} is missing for APPYMT."
    emulator.close()


def test_the_base_amount_of_a_receipt_must_agree_with_its_rate(demo: Emulator) -> None:
    key = key_of(demo, invoice("TR-1", "100"))
    body = (
        f"<customerid>{CUSTOMER}</customerid><paymentamount>100</paymentamount><translatedamount>90</translatedamount>"
        f"<bankaccountid>CHK-INS</bankaccountid>{day('datereceived')}"
        f"<arpaymentitem><invoicekey>{key}</invoicekey><amount>100</amount></arpaymentitem>"
    )
    assert (
        "translatedamount 90 is not 100" in faults(demo, f"<create_arpayment>{body}</create_arpayment>")[0].description2
    )
    key_of(demo, f"<create_arpayment>{body.replace('>90<', '>100<')}</create_arpayment>")
    assert_true(demo)


def test_an_advance_stays_on_its_own_account_until_a_receipt_applies_it(demo: Emulator) -> None:
    before = balances(demo.company())
    held = made(demo, advance("60", "40"))
    assert change(before, balances(demo.company())) == {"10010": Decimal(100), "22100": Decimal(-100)}
    assert cells(demo, "ARADVANCE", held, "STATE TOTALDUE") == ["Posted", "100"]
    assert_true(demo)
    key = key_of(demo, invoice("AD-1", "80"))
    detail = ar(RECORDKEY=key, TRX_PAYMENTAMOUNT="10", ADVANCEKEY=held, TRX_POSTEDADVANCEAMOUNT="70")
    receipt_key = made(demo, received(detail))
    assert state(demo, key, "ARINVOICE")["STATE"] == "Paid"
    assert cells(demo, "ARADVANCE", held, "STATE TOTALDUE TOTALPAID") == ["Partially applied", "30", "70"]
    earned = {"10010": Decimal(110), "22100": Decimal(-30), "41100": Decimal(-80)}
    assert change(before, balances(demo.company())) == earned
    assert_true(demo)
    assert (
        "is applied" in faults(demo, f"<delete><object>ARADVANCE</object><keys>{held}</keys></delete>")[0].description2
    )
    more = ar(RECORDKEY=key, ADVANCEKEY=held, TRX_POSTEDADVANCEAMOUNT="31")
    assert "exceeds" in faults(demo, received(more))[0].description2
    key_of(demo, f"<reverse_arpayment key='{receipt_key}'>{day('datereversed')}</reverse_arpayment>")
    assert cells(demo, "ARADVANCE", held, "STATE TOTALDUE TOTALPAID") == ["Posted", "100", "0"]
    assert one(demo, f"<delete><object>ARADVANCE</object><keys>{held}</keys></delete>").status == "success"
    assert change(before, balances(demo.company())) == {"11000": Decimal(80), "41100": Decimal(-80)}
    assert_true(demo)


def trail(emulator: Emulator, name: str, key: str) -> str:
    """The access modes of a record in the audit history."""
    found = emulator.company().table("AUDITHISTORY").rows()
    return "".join(row["ACCESSMODE"] for _, row in found if (row["OBJECTTYPE"], row["OBJECTKEY"]) == (name, key))


def test_every_change_of_a_document_is_in_the_audit_history(demo: Emulator) -> None:
    table = demo.company().table("APBILL")
    row = next(
        row
        for _, row in table.rows()
        if row["STATE"] == "Posted" and row["CURRENCY"] == "USD" and row["ONHOLD"] != "true"
    )
    key, before = row["RECORDNO"], row["WHENMODIFIED"]
    pay = paid(ap(RECORDKEY=key, TRX_PAYMENTAMOUNT="1"), VENDORID=row["VENDORID"])
    first = made(demo, pay)
    assert (table.get(int(key)) or {})["WHENMODIFIED"] == "11/21/2026 11:00:00" != before
    assert (trail(demo, "apbill", key), trail(demo, "appymt", first)) == ("M", "C")
    mirror = key_of(demo, f"<reverse_appayment key='{first}'>{day('datereversed')}</reverse_appayment>")
    assert [trail(demo, "appymt", one) for one in (first, mirror)] == ["CM", "C"]
    assert trail(demo, "apbill", key) == "MM"
    assert_true(demo)
