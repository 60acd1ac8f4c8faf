"""Taxes on lines: their accounts, totals, amounts that include tax. Shapes: "Create Bill", TAXENTRIES; made up."""

from decimal import Decimal

import pytest

from intacct_emulator.server.gateway import Emulator
from support.emulator.calls import data, element, faults, one, query, rows
from support.emulator.documents import made, payment, state
from support.emulator.ledger_checks import assert_true, balances, change
from support.emulator.legacy_documents import cells, day, key_of

TAX = "GST 5% Purchases"


def taxed_bill(*lines: str, **cells_: str) -> str:
    head = {"VENDORID": "V10087", "WHENCREATED": "11/20/2026", "WHENDUE": "12/20/2026", "RECORDID": "T-1", **cells_}
    return f"<create>{element('APBILL', **head, APBILLITEMS=''.join(lines))}</create>"


def item(amount: str = "", *taxes: tuple[str, str], **cells_: str) -> str:
    entries = "".join(element("TAXENTRY", DETAILID=name, **({"TRX_TAX": tax} if tax else {})) for name, tax in taxes)
    amounts = {"TRX_AMOUNT": amount} if amount else {}
    more = {"LOCATIONID": "110", "DEPARTMENTID": "100", **cells_}
    return element("APBILLITEM", ACCOUNTNO="60500", **amounts, **more, TAXENTRIES=entries)


def lines(emulator: Emulator, key: str) -> list[list[str]]:
    where = f"<equalto><field>RECORDKEY</field><value>{key}</value></equalto>"
    found = rows(
        data(emulator, query("APBILLITEM", "ACCOUNTNO TRX_AMOUNT LINEITEM LINE_NO PARENTENTRY RECORDNO", where))
    )
    return [list(row.values()) for row in found]


def test_a_tax_posts_to_its_account_and_counts_in_the_total(demo: Emulator) -> None:
    before = balances(demo.company())
    key = made(demo, taxed_bill(item("100", (TAX, "7.77")), item("10")))
    assert state(demo, key)["TOTALDUE"] == "117.77"
    moved = {"60500": Decimal(110), "13600": Decimal("7.77"), "20000": Decimal("-117.77")}
    assert change(before, balances(demo.company())) == moved
    kept = lines(demo, key)
    assert [row[:4] for row in kept] == [
        ["60500", "100", "T", "1"],
        ["13600", "7.77", "F", "1"],
        ["60500", "10", "T", "2"],
    ]
    assert kept[1][4] == kept[0][5]
    made(demo, payment(key))
    assert state(demo, key)["STATE"] == "Paid"
    assert_true(demo)


def test_a_tax_without_an_amount_is_computed_from_its_rate(demo: Emulator) -> None:
    key = made(demo, taxed_bill(item("33.33", (TAX, ""))))
    assert state(demo, key)["TOTALDUE"] == "35"
    assert_true(demo)


def test_a_total_that_includes_taxes_is_split(demo: Emulator) -> None:
    key = made(demo, taxed_bill(item("", (TAX, ""), TOTALTRXAMOUNT="105.01"), INCLUSIVETAX="true"))
    assert [row[:2] for row in lines(demo, key)] == [["60500", "100.01"], ["13600", "5"]]
    assert state(demo, key)["TOTALDUE"] == "105.01"
    wrong = taxed_bill(item("100", (TAX, "5"), TOTALTRXAMOUNT="106"), RECORDID="T-2")
    assert "is not its amount 100.00 and its taxes 5.00" in faults(demo, wrong)[0].description2
    assert_true(demo)


def test_an_edit_keeps_the_taxes_of_lines_it_does_not_replace(demo: Emulator) -> None:
    key = made(demo, taxed_bill(item("100", (TAX, "7"))))
    number = lines(demo, key)[0][5]
    kept = element("APBILLITEM", RECORDNO=number, TRX_AMOUNT="90")
    assert one(demo, f"<update>{element('APBILL', RECORDNO=key, APBILLITEMS=kept)}</update>").status == "success"
    assert state(demo, key)["TOTALDUE"] == "97"
    assert one(demo, f"<update>{element('APBILL', RECORDNO=key, WHENPOSTED='11/19/2026')}</update>").status == "success"
    assert state(demo, key)["TOTALDUE"] == "97"
    none = element("APBILLITEM", RECORDNO=lines(demo, key)[0][5], TAXENTRIES="<TAXENTRY/>")
    assert "DETAILID" in faults(demo, f"<update>{element('APBILL', RECORDNO=key, APBILLITEMS=none)}</update>")[0].text
    assert_true(demo)


def test_reversing_a_bill_reverses_its_taxes(demo: Emulator) -> None:
    before = balances(demo.company())
    key = made(demo, taxed_bill(item("100", (TAX, "7"))))
    key_of(demo, f'<reverse_bill key="{key}">{day("datereversed")}</reverse_bill>')
    assert balances(demo.company()) == before
    assert_true(demo)


def test_an_invoice_by_its_own_function_includes_the_tax(demo: Emulator) -> None:
    before = balances(demo.company())
    entries = "<taxentries><taxentry><detailid>OH Sales Tax</detailid></taxentry></taxentries>"
    line = (
        "<lineitem><glaccountno>41100</glaccountno><amount>100</amount><locationid>110</locationid>"
        f"<departmentid>300</departmentid>{entries}</lineitem>"
    )
    head = f"<customerid>C20130</customerid>{day('datecreated')}{day('datedue')}<invoiceno>T-9</invoiceno>"
    key = key_of(demo, f"<create_invoice>{head}<invoiceitems>{line}</invoiceitems></create_invoice>")
    assert cells(demo, "ARINVOICE", key, "TOTALDUE") == ["105.75"]
    moved = {"41100": Decimal(-100), "20500": Decimal("-5.75"), "11000": Decimal("105.75")}
    assert change(before, balances(demo.company())) == moved
    assert_true(demo)


@pytest.mark.parametrize(("name", "tax", "message"), [("nobody's", "1", "Invalid Tax Detail"), (TAX, "x", "TRX_TAX")])
def test_a_bad_tax_is_refused_with_its_reason(demo: Emulator, name: str, tax: str, message: str) -> None:
    assert message in faults(demo, taxed_bill(item("100", (name, tax))))[0].description2


def test_a_journal_entry_posts_the_tax_of_a_line_on_its_side(demo: Emulator) -> None:
    before = balances(demo.company())
    tax = element("TAXENTRY", DETAILID=TAX, TRX_TAX="5")
    more = {"LOCATION": "110", "DEPARTMENT": "100"}
    debit = element("GLENTRY", ACCOUNTNO="60500", TR_TYPE=1, TRX_AMOUNT="100", **more, TAXENTRIES=tax)
    credit = element("GLENTRY", ACCOUNTNO="10010", TR_TYPE=-1, TRX_AMOUNT="105", **more)
    head = {"JOURNAL": "GJ", "BATCH_DATE": "11/20/2026", "BATCH_TITLE": "Taxed", "TAXIMPLICATIONS": "Inbound"}
    made(demo, f"<create>{element('GLBATCH', **head, ENTRIES=debit + credit)}</create>")
    moved = {"60500": Decimal(100), "13600": Decimal(5), "10010": Decimal(-105)}
    assert change(before, balances(demo.company())) == moved
    assert_true(demo)
