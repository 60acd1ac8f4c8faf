"""Legacy functions: bills, invoices, adjustments, receipts, journal entries, cards, expenses, deposits.

Bodies follow the order of the documented content models ("Create Bill (Legacy)" and others); any other order is refused
first.
"""

from decimal import Decimal

import pytest

from intacct_emulator.server.gateway import Emulator
from support.emulator.calls import data, one, query, rows, send
from support.emulator.ledger_checks import assert_true, balances
from support.emulator.legacy_documents import bill, cells, day, invoice, key_of, line, receipt


def test_a_bill_takes_its_due_date_from_its_term(demo: Emulator) -> None:
    key = key_of(demo, bill())
    assert cells(demo, "APBILL", key, "RECORDID STATE WHENDUE TOTALDUE") == ["L-1", "Posted", "12/20/2026", "100"]
    assert_true(demo)


def contact_of(emulator: Emulator, customer: str) -> str:
    where = f"<equalto><field>CUSTOMERID</field><value>{customer}</value></equalto>"
    return rows(data(emulator, query("CUSTOMER", "DISPLAYCONTACT.CONTACTNAME", where)))[0]["DISPLAYCONTACT.CONTACTNAME"]


def test_an_invoice_shows_its_contacts_as_they_were(demo: Emulator) -> None:
    # the recorded lookup of ARINVOICE: BILLTO and SHIPTO lead to CONTACTVERSION by BILLTOPAYTOKEY, SHIPTORETURNTOKEY
    name = contact_of(demo, "C20130")
    names = "CONTACT.CONTACTNAME BILLTOPAYTOCONTACTNAME BILLTO.CONTACTNAME SHIPTO.CONTACTNAME"
    mail = cells(demo, "CONTACT", str(demo.company().table("CONTACT").find("CONTACTNAME", name)[0]), "EMAIL1")
    before = key_of(demo, invoice())
    assert cells(demo, "ARINVOICE", before, f"{names} BILLTO.EMAIL1 SHIPTO.EMAIL1") == [name] * 4 + mail * 2
    change = f"<CONTACT><CONTACTNAME>{name}</CONTACTNAME><EMAIL1>new@example.com</EMAIL1></CONTACT>"
    assert one(demo, f"<update>{change}</update>").status == "success"
    first, second = key_of(demo, invoice("I-2")), key_of(demo, invoice("I-3"))
    assert cells(demo, "ARINVOICE", first, "BILLTO.EMAIL1 SHIPTO.EMAIL1") == ["new@example.com"] * 2
    assert cells(demo, "ARINVOICE", before, "BILLTO.EMAIL1") == mail
    keys = [cells(demo, "ARINVOICE", key, "BILLTOPAYTOKEY SHIPTORETURNTOKEY") for key in (before, first, second)]
    assert keys[0] != keys[1] == keys[2], "one version for each state of the contact"
    assert keys[1] == [keys[1][0]] * 2


def test_a_bill_shows_the_contact_of_a_new_vendor(demo: Emulator) -> None:
    shown = "<DISPLAYCONTACT><PRINTAS>New &amp; Co</PRINTAS></DISPLAYCONTACT>"
    vendor = f"<VENDOR><VENDORID>V-NEW</VENDORID><NAME>New</NAME>{shown}</VENDOR>"
    assert one(demo, f"<create>{vendor}</create>").status == "success"
    key = key_of(demo, bill().replace("V10087", "V-NEW"))
    (version, printed) = cells(demo, "APBILL", key, "BILLTOPAYTOKEY PAYTO.PRINTAS")
    assert (printed, version != "") == ("New & Co", True)


def test_an_update_changes_lines_by_position_and_adds_new_ones(demo: Emulator) -> None:
    key = key_of(demo, bill())
    change = (
        f'<update_bill key="{key}"><description>new</description><updatebillitems>'
        f'<updatelineitem line_num="1"><amount>40</amount></updatelineitem>{line("61200", "2.50")}'
        "</updatebillitems></update_bill>"
    )
    assert key_of(demo, change) == key
    assert cells(demo, "APBILL", key, "DESCRIPTION TOTALDUE") == ["new", "42.5"]
    assert_true(demo)


def test_a_reversal_mirrors_the_bill_and_neither_can_be_changed(demo: Emulator) -> None:
    before = balances(demo.company())
    key = key_of(demo, bill())
    mirror = key_of(demo, f'<reverse_bill key="{key}">{day("datereversed", 21)}</reverse_bill>')
    assert mirror != key
    assert cells(demo, "APBILL", key, "STATE TOTALDUE") == ["Reversed", "0"]
    assert cells(demo, "APBILL", mirror, "STATE TOTALENTERED WHENCREATED") == ["Reversal", "-100", "11/21/2026"]
    assert balances(demo.company()) == before
    assert one(demo, f'<delete_bill key="{key}"/>').status == "failure"
    assert_true(demo)


def test_a_deleted_bill_leaves_nothing_in_the_ledger(demo: Emulator) -> None:
    before = balances(demo.company())
    key = key_of(demo, bill())
    assert key_of(demo, f'<delete_bill key="{key}"/>') == key
    assert balances(demo.company()) == before
    assert_true(demo)


def test_a_document_changes_its_party_without_a_time_of_change(demo: Emulator) -> None:
    # read-only fields of Sage's pages of vendors and customers
    (vendor,) = demo.company().table("VENDOR").find("VENDORID", "V10087")
    (customer,) = demo.company().table("CUSTOMER").find("CUSTOMERID", "C20130")
    asked = (
        ("VENDOR", str(vendor), "WHENMODIFIED TOTALDUE WHENLASTBILLED"),
        ("CUSTOMER", str(customer), "WHENMODIFIED TOTALDUE LAST_INVOICEDATE"),
    )
    before = [cells(demo, *question) for question in asked]
    key_of(demo, bill())
    key_of(demo, invoice())
    for (at, due, _), now in zip(before, (cells(demo, *question) for question in asked), strict=True):
        assert (now[0], now[2]) == (at, "11/20/2026")
        assert Decimal(now[1]) > Decimal(due)


def test_an_external_id_finds_the_bill_and_is_unique(demo: Emulator) -> None:
    key_of(demo, bill(more="<externalid>X-9</externalid>"))
    again = one(demo, bill("L-2", more="<externalid>X-9</externalid>"))
    assert again.faults[0].errorno == "BL34000061"
    assert one(demo, '<delete_bill key="X-9" externalkey="true"/>').status == "success"


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (f"<create_bill>{day('datecreated')}<vendorid>V10087</vendorid></create_bill>", "datecreated"),
        (bill(lines="<lineitem><amount>1</amount><glaccountno>60500</glaccountno></lineitem>"), "amount"),
        (bill(lines="<line/>"), "line"),
        (invoice().replace("<memo>m</memo>", "").replace("</lineitem>", "<memo>m</memo></lineitem>"), "memo"),
    ],
)
def test_parts_in_another_order_are_refused_first(demo: Emulator, body: str, named: str) -> None:
    response = send(demo, body)
    assert response.faults[0].errorno == "XL03000003"
    assert f"Element '{named}': This element is not expected." in response.faults[0].description2


def test_a_receipt_settles_invoices_and_the_rest_is_applied_later(demo: Emulator) -> None:
    first, second = key_of(demo, invoice()), key_of(demo, invoice("I-2", "80"))
    key = key_of(demo, receipt("300", (first, "250")))
    assert cells(demo, "ARINVOICE", first, "STATE TOTALDUE WHENPAID") == ["Paid", "0", "11/20/2026"]
    assert cells(demo, "ARPYMT", key, "STATE TOTALENTERED TOTALPAID TOTALDUE") == ["Complete", "300", "250", "50"]
    assert_true(demo)
    item = f"<arpaymentitem><invoicekey>{second}</invoicekey><amount>50</amount></arpaymentitem>"
    apply = f"<arpaymentkey>{key}</arpaymentkey>{day('paymentdate')}<arpaymentitems>{item}</arpaymentitems>"
    key_of(demo, f"<apply_arpayment>{apply}</apply_arpayment>")
    assert cells(demo, "ARINVOICE", second, "STATE TOTALDUE") == ["Partially Paid", "30"]
    assert cells(demo, "ARPYMT", key, "TOTALDUE") == ["0"]
    assert_true(demo)


def test_a_reversed_receipt_reopens_its_invoices(demo: Emulator) -> None:
    before = balances(demo.company())
    invoiced = key_of(demo, invoice())
    after = balances(demo.company())
    key = key_of(demo, receipt("250", (invoiced, "250")))
    key_of(demo, f'<reverse_arpayment key="{key}">{day("datereversed")}</reverse_arpayment>')
    assert cells(demo, "ARINVOICE", invoiced, "STATE TOTALDUE WHENPAID") == ["Posted", "250", ""]
    assert balances(demo.company()) == after != before
    assert_true(demo)


def test_a_credit_is_applied_with_a_payment(demo: Emulator) -> None:
    key = key_of(demo, bill())
    note = (
        f"<create_apadjustment><vendorid>V10087</vendorid>{day('datecreated')}<adjustmentno>A-1</adjustmentno>"
        f"<apadjustmentitems>{line('60500', '-30')}</apadjustmentitems></create_apadjustment>"
    )
    credit = key_of(demo, note)
    assert cells(demo, "APADJUSTMENT", credit, "STATE TOTALDUE") == ["Posted", "-30"]
    assert_true(demo)
    detail = (
        f"<APPYMTDETAIL><RECORDKEY>{key}</RECORDKEY><TRX_PAYMENTAMOUNT>70</TRX_PAYMENTAMOUNT>"
        f"<ADJUSTMENTKEY>{credit}</ADJUSTMENTKEY><TRX_ADJUSTMENTAMOUNT>30</TRX_ADJUSTMENTAMOUNT></APPYMTDETAIL>"
    )
    bank = balances(demo.company())["10010"]
    paid = data(
        demo,
        "<create><APPYMT><FINANCIALENTITY>CHK-INS</FINANCIALENTITY><PAYMENTMETHOD>EFT</PAYMENTMETHOD>"
        "<VENDORID>V10087</VENDORID><CURRENCY>USD</CURRENCY><PAYMENTDATE>11/20/2026</PAYMENTDATE>"
        f"<APPYMTDETAILS>{detail}</APPYMTDETAILS></APPYMT></create>",
    )
    assert balances(demo.company())["10010"] - bank == Decimal(-70)
    assert cells(demo, "APBILL", key, "STATE TOTALDUE") == ["Paid", "0"]
    assert cells(demo, "APADJUSTMENT", credit, "STATE TOTALDUE") == ["Paid", "0"]
    assert_true(demo)
    number = paid.children[0].findtext("RECORDNO")
    key_of(demo, f'<reverse_appayment key="{number}">{day("datereversed")}</reverse_appayment>')
    assert cells(demo, "APADJUSTMENT", credit, "STATE TOTALDUE") == ["Posted", "-30"]
    assert_true(demo)


def test_a_payment_request_is_approved_and_confirmed(demo: Emulator) -> None:
    key = key_of(demo, bill())
    items = f"<paymentrequestitem><key>{key}</key><paymentamount>60</paymentamount></paymentrequestitem>"
    request = key_of(
        demo,
        "<create_paymentrequest><bankaccountid>CHK-INS</bankaccountid><vendorid>V10087</vendorid>"
        f"<paymentmethod>EFT</paymentmethod>{day('paymentdate')}"
        f"<paymentrequestitems>{items}</paymentrequestitems></create_paymentrequest>",
    )
    keys = f"<appaymentkeys><appaymentkey>{request}</appaymentkey></appaymentkeys>"
    assert cells(demo, "APPYMT", request, "STATE") == ["Submitted"]
    key_of(demo, f"<approve_appaymentrequest>{keys}</approve_appaymentrequest>")
    assert cells(demo, "APBILL", key, "TOTALDUE") == ["100"]
    key_of(demo, f"<confirm_appaymentrequest>{keys}</confirm_appaymentrequest>")
    assert cells(demo, "APPYMT", request, "STATE") == ["Confirmed"]
    assert cells(demo, "APBILL", key, "TOTALDUE") == ["40"]
    assert_true(demo)
    key_of(demo, f"<void_appaymentrequest>{keys}</void_appaymentrequest>")
    assert cells(demo, "APBILL", key, "TOTALDUE") == ["100"]
    assert_true(demo)


def test_a_journal_entry_by_its_own_function(demo: Emulator) -> None:
    before = balances(demo.company())
    sides = "".join(
        f"<glentry><trtype>{side}</trtype><amount>12.34</amount><glaccountno>{account}</glaccountno>"
        "<locationid>110</locationid><departmentid>100</departmentid></glentry>"
        for side, account in (("debit", "60500"), ("credit", "10010"))
    )
    head = f"<journalid>GJ</journalid>{day('datecreated')}<description>Legacy</description>"
    body = f"{head}<gltransactionentries>{sides}</gltransactionentries>"
    key = key_of(demo, f"<create_gltransaction>{body}</create_gltransaction>")
    assert balances(demo.company())["60500"] - before["60500"] == Decimal("12.34")
    assert_true(demo)
    assert key_of(demo, f'<delete_gltransaction key="{key}"/>') == key
    assert balances(demo.company()) == before


def test_checks_wait_in_undeposited_funds_for_their_deposit(demo: Emulator) -> None:
    before = balances(demo.company())
    invoiced = key_of(demo, invoice())
    waiting = key_of(demo, receipt("250", (invoiced, "250"), more="<undepfundsacct>10090</undepfundsacct>"))
    assert balances(demo.company())["10090"] - before["10090"] == 250
    deposit = (
        f"<record_deposit><bankaccountid>CHK-INS</bankaccountid>{day('depositdate')}<depositid>D-1</depositid>"
        f"<receiptkeys><receiptkey>{waiting}</receiptkey></receiptkeys></record_deposit>"
    )
    key_of(demo, deposit)
    assert balances(demo.company())["10090"] == before["10090"]
    assert balances(demo.company())["10010"] - before["10010"] == 250
    assert one(demo, deposit).status == "failure"
    assert_true(demo)


def test_cards_other_receipts_and_expenses_post(demo: Emulator) -> None:
    spent = (
        "<ccpayitem><glaccountno>63000</glaccountno><description>x</description><paymentamount>15</paymentamount>"
        "<departmentid>100</departmentid><locationid>110</locationid></ccpayitem>"
    )
    card = demo.company().table("CREDITCARD").get(1) or {}
    charge = f"<chargecardid>{card['CARDID']}</chargecardid>{day('paymentdate')}<referenceno>CCX</referenceno>"
    key_of(demo, f"<record_cctransaction>{charge}<ccpayitems>{spent}</ccpayitems></record_cctransaction>")
    got = f"{day('paymentdate')}<payee>Someone</payee>{day('receiveddate')}<paymentmethod>Cash</paymentmethod>"
    bank = "<bankaccountid>CHK-INS</bankaccountid>"
    items = f"<receiptitems>{line('73000', '33')}</receiptitems>"
    key_of(demo, f"<record_otherreceipt>{got}{bank}{items}</record_otherreceipt>")
    expense = (
        "<expense><expensetype>Meals</expensetype><amount>20</amount><memo>lunch</memo><locationid>110</locationid>"
        "<departmentid>100</departmentid></expense>"
    )
    head = f"<employeeid>E0085</employeeid>{day('datecreated')}"
    key = key_of(demo, f"<create_expensereport>{head}<expenses>{expense}</expenses></create_expensereport>")
    assert cells(demo, "EEXPENSES", key, "STATE TOTALDUE EMPLOYEEID") == ["Approved", "20", "E0085"]
    assert_true(demo)


def lines_of(emulator: Emulator, name: str, key: str, fields: str) -> list[list[str]]:
    where = f"<equalto><field>RECORDKEY</field><value>{key}</value></equalto>"
    found = rows(data(emulator, query(name, f"LINE_NO {fields}", where)))
    return [list(row.values())[1:] for row in sorted(found, key=lambda row: int(row["LINE_NO"]))]


def test_an_update_of_another_receipt_changes_a_line_and_adds_one(demo: Emulator) -> None:
    # "Updates a receipt by modifying an existing line and adding a new line" (the page on other receipts)
    before = balances(demo.company())
    head = f"{day('paymentdate')}<payee>P</payee>{day('receiveddate')}<paymentmethod>Cash</paymentmethod>"
    items = f"<bankaccountid>CHK-INS</bankaccountid><receiptitems>{line('73000', '33')}</receiptitems>"
    key = key_of(demo, f"<record_otherreceipt>{head}{items}</record_otherreceipt>")
    changed = '<updatelineitem line_num="1"><memo>Organization dues</memo></updatelineitem>'
    lines = f"<receiptitems>{changed}{line('73000', '10')}</receiptitems>"
    assert key_of(demo, f'<update_otherreceipt key="{key}">{lines}</update_otherreceipt>') == key
    now = lines_of(demo, "OTHERRECEIPTSENTRY", key, "TRX_AMOUNT DESCRIPTION")
    assert now == [["33", "Organization dues"], ["10", "m"]]
    after = balances(demo.company())
    assert after["10010"] - before["10010"] == 43
    assert_true(demo)


def test_another_receipt_changes_from_undeposited_funds_to_a_bank(demo: Emulator) -> None:
    before = balances(demo.company())
    head = f"{day('paymentdate')}<payee>P</payee>{day('receiveddate')}<paymentmethod>Cash</paymentmethod>"
    items = f"<undepglaccountno>10090</undepglaccountno><receiptitems>{line('73000', '33')}</receiptitems>"
    key = key_of(demo, f"<record_otherreceipt>{head}{items}</record_otherreceipt>")
    added = f"<receiptitems>{line('73000', '7')}</receiptitems>"
    key_of(demo, f'<update_otherreceipt key="{key}">{added}</update_otherreceipt>')
    assert balances(demo.company())["10090"] - before["10090"] == 40
    key_of(demo, f'<update_otherreceipt key="{key}"><bankaccountid>CHK-INS</bankaccountid></update_otherreceipt>')
    after = balances(demo.company())
    assert after["10090"] == before["10090"]
    assert after["10010"] - before["10010"] == 40
    assert_true(demo)


def test_a_changed_charge_stays_with_its_card(demo: Emulator) -> None:
    card = demo.company().table("CREDITCARD").get(1) or {}
    liability = card["LIABACCTKEY"]
    before = balances(demo.company())
    spent = (
        "<ccpayitem><glaccountno>63000</glaccountno><paymentamount>15</paymentamount><departmentid>100</departmentid>"
        "<locationid>110</locationid></ccpayitem>"
    )
    head = f"<chargecardid>{card['CARDID']}</chargecardid>{day('paymentdate')}<referenceno>CCY</referenceno>"
    key = key_of(demo, f"<record_cctransaction>{head}<ccpayitems>{spent}</ccpayitems></record_cctransaction>")
    more = '<updateccpayitem line_num="1"><paymentamount>25</paymentamount></updateccpayitem>'
    lines = f"<updateccpayitems>{more}</updateccpayitems>"
    key_of(demo, f'<update_cctransaction key="{key}">{lines}</update_cctransaction>')
    after = balances(demo.company())
    assert before[liability] - after[liability] == 25
    assert after["63000"] - before["63000"] == 25
    assert_true(demo)


@pytest.mark.parametrize(
    ("kind", "party", "name", "account"),
    [
        ("ap", "<vendorid>V10087</vendorid>", "APADJUSTMENT", "60500"),
        ("ar", "<customerid>C20130</customerid>", "ARADJUSTMENT", "41100"),
    ],
)
def test_an_update_of_an_adjustment_adds_a_line(demo: Emulator, kind: str, party: str, name: str, account: str) -> None:
    # "Updates an adjustment by adding a new line" (the page on AP adjustments)
    made = f"<{kind}adjustmentitems>{line(account, '100')}</{kind}adjustmentitems>"
    key = key_of(demo, f"<create_{kind}adjustment>{party}{day('datecreated')}{made}</create_{kind}adjustment>")
    added = f"<update{kind}adjustmentitems>{line(account, '20.99')}</update{kind}adjustmentitems>"
    key_of(demo, f'<update_{kind}adjustment key="{key}">{added}</update_{kind}adjustment>')
    assert [row[0] for row in lines_of(demo, f"{name}ITEM", key, "TRX_AMOUNT")] == ["100", "20.99"]
    assert cells(demo, name, key, "TRX_TOTALENTERED") == ["120.99"]
    assert_true(demo)


def test_a_bill_outside_the_ledger_is_refused_instead_of_posted(demo: Emulator) -> None:
    # `nogl` is documented; a bill that posts all the same would be wrong without a word.
    asked = bill("L-9").replace("<billitems>", "<nogl>true</nogl><billitems>")
    (fault,) = one(demo, asked).faults
    assert (fault.errorno, "nogl" in fault.text) == ("EMULATOR-0001", True)
    assert one(demo, asked.replace("true", "false")).status == "success"
