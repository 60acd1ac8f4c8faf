"""Summaries: the documents inside them, their posting date and their total.

The schema lets `create_billbatch` hold any number of `create_bill`, and so on; the pages on summaries call the day of a
summary its GL posting date.
"""

import pytest

from intacct_emulator.server.gateway import Emulator
from support.emulator.calls import data, faults, one, query, rows
from support.emulator.ledger_checks import assert_true, balances
from support.emulator.legacy_documents import bill, cells, day, invoice, key_of, line, receipt
from support.small_company import Clock, company

RECORDS = {
    "VENDOR": {"VENDORID": "V10087", "NAME": "Acme", "STATUS": "active"},
    "CUSTOMER": {"CUSTOMERID": "C20130", "NAME": "Line", "STATUS": "active"},
    "APTERM": {"NAME": "N30", "DUEDATE": "30", "STATUS": "active"},
    "CHECKINGACCOUNT": {"BANKACCOUNTID": "CHK-INS", "GLACCOUNTNO": "10010", "LOCATIONID": "110", "STATUS": "active"},
    "EMPLOYEE": {"EMPLOYEEID": "E0085", "STATUS": "active"},
    "EEACCOUNTLABEL": {"ACCOUNTLABEL": "Meals", "GLACCOUNTNO": "60500", "STATUS": "active"},
}


@pytest.fixture(scope="module")
def made() -> Emulator:
    emulator = company(Clock())
    for name, row in RECORDS.items():
        emulator.company().table(name).insert(dict(row))
    emulator.company().facts.posting_accounts.put("employee_payables", value="20300")
    return emulator


@pytest.fixture
def small(made: Emulator) -> Emulator:
    return made.clone()


WEEK = f"<batchtitle>Week 47</batchtitle>{day('datecreated', 21)}"


def in_summary(emulator: Emulator, name: str, key: str, fields: str) -> list[list[str]]:
    where = f"<equalto><field>PRBATCHKEY</field><value>{key}</value></equalto>"
    return [list(row.values()) for row in rows(data(emulator, query(name, fields, where)))]


def summary(emulator: Emulator, name: str, key: str, fields: str = "TITLE TOTAL OPEN") -> list[str]:
    return cells(emulator, name, key, fields)


def test_the_bills_inside_a_summary_are_created_and_post_on_its_day(small: Emulator) -> None:
    before = balances(small.company())["60500"]
    key = key_of(small, f"<create_billbatch>{WEEK}{bill('S-1')}{bill('S-2')}</create_billbatch>")
    assert summary(small, "APBILLBATCH", key) == ["Week 47", "200", "Open"]
    kept = in_summary(small, "APBILL", key, "RECORDID PRBATCH WHENCREATED WHENPOSTED STATE")
    assert kept == [[number, "Week 47", "11/20/2026", "11/21/2026", "Posted"] for number in ("S-1", "S-2")]
    assert balances(small.company())["60500"] - before == 200
    assert_true(small)


def test_a_refused_bill_refuses_its_summary(small: Emulator) -> None:
    wrong = bill("S-2", lines=line("99999", "1"))
    assert "99999" in faults(small, f"<create_billbatch>{WEEK}{bill('S-1')}{wrong}</create_billbatch>")[0].text
    assert rows(data(small, query("APBILLBATCH", "TITLE"))) == []
    named = "<equalto><field>RECORDID</field><value>S-1</value></equalto>"
    assert rows(data(small, query("APBILL", "RECORDNO", named))) == []


def test_a_bill_joins_a_summary_by_its_key_and_leaves_it_when_it_is_deleted(small: Emulator) -> None:
    key = key_of(small, f"<create_billbatch>{WEEK}</create_billbatch>")
    more = f"<batchkey>{key}</batchkey>"
    made = key_of(small, bill("S-3").replace("<billno>", f"{more}<billno>"))
    assert summary(small, "APBILLBATCH", key)[1] == "100"
    changed = '<updatebillitems><updatelineitem line_num="1"><amount>40</amount></updatelineitem></updatebillitems>'
    assert one(small, f'<update_bill key="{made}">{changed}</update_bill>').status == "success"
    assert summary(small, "APBILLBATCH", key)[1] == "40"
    assert one(small, f'<delete_bill key="{made}"/>').status == "success"
    assert summary(small, "APBILLBATCH", key)[1] == "0"


@pytest.mark.parametrize("named", ["<batchkey>777</batchkey>", "<batchkey>{invoices}</batchkey>"])
def test_a_summary_that_is_not_there_or_of_another_kind_is_refused(small: Emulator, named: str) -> None:
    invoices = key_of(small, f"<create_aradjustmentbatch>{WEEK}</create_aradjustmentbatch>")
    asked = invoice().replace("<invoiceno>", named.format(invoices=invoices) + "<invoiceno>")
    assert faults(small, asked)[0].text.startswith("Invalid Summary")


def test_a_generic_bill_joins_a_summary_by_its_title(small: Emulator) -> None:
    key = key_of(small, f"<create_billbatch>{WEEK}</create_billbatch>")
    places = "<LOCATIONID>110</LOCATIONID><DEPARTMENTID>100</DEPARTMENTID>"
    item = f"<APBILLITEM><ACCOUNTNO>60500</ACCOUNTNO><TRX_AMOUNT>7</TRX_AMOUNT>{places}</APBILLITEM>"
    head = "<VENDORID>V10087</VENDORID><WHENCREATED>11/20/2026</WHENCREATED><WHENDUE>12/20/2026</WHENDUE>"
    items = f"<PRBATCH>Week 47</PRBATCH><APBILLITEMS>{item}</APBILLITEMS>"
    made = one(small, f"<create><APBILL>{head}{items}</APBILL></create>")
    assert made.status == "success", made.faults
    assert in_summary(small, "APBILL", key, "TRX_TOTALENTERED WHENPOSTED") == [["7", "11/21/2026"]]


def test_invoices_adjustments_and_expenses_stand_in_their_summaries(small: Emulator) -> None:
    adjustment = (
        f"<create_aradjustment><customerid>C20130</customerid>{day('datecreated')}"
        f"<aradjustmentitems>{line('41100', '-15')}</aradjustmentitems></create_aradjustment>"
    )
    expense = (
        f"<create_expensereport><employeeid>E0085</employeeid>{day('datecreated')}<expenses><expense>"
        "<expensetype>Meals</expensetype><amount>20</amount><locationid>110</locationid><departmentid>100</departmentid>"
        "</expense></expenses></create_expensereport>"
    )
    for kind, inside, held, name, total in (
        ("invoice", invoice("I-1", "30.00") + invoice("I-2", "12.50"), "ARINVOICEBATCH", "ARINVOICE", "42.5"),
        ("aradjustment", adjustment, "ARINVOICEBATCH", "ARADJUSTMENT", "-15"),
    ):
        key = key_of(small, f"<create_{kind}batch>{WEEK}{inside}</create_{kind}batch>")
        assert summary(small, held, key)[1] == total
        assert {row[0] for row in in_summary(small, name, key, "WHENPOSTED")} == {"11/21/2026"}
    key = key_of(small, f"<create_expensereportbatch>{WEEK}{expense}</create_expensereportbatch>")
    assert in_summary(small, "EEXPENSES", key, "TOTALENTERED WHENPOSTED") == [["20", "11/21/2026"]]
    assert_true(small)


def test_receipts_inside_a_summary_go_to_its_bank(small: Emulator) -> None:
    sold = key_of(small, invoice("I-9", "250.00"))
    before = balances(small.company())["10010"]
    paid = receipt("250.00", (sold, "250.00"), more="")
    asked = f"<batchtitle>Receipts</batchtitle><bankaccountid>CHK-INS</bankaccountid>{day('datecreated', 21)}{paid}"
    key = key_of(small, f"<create_arpaymentbatch>{asked}</create_arpaymentbatch>")
    assert summary(small, "ARINVOICEBATCH", key)[:2] == ["Receipts", "250"]
    assert balances(small.company())["10010"] - before == 250
    assert cells(small, "ARINVOICE", sold, "STATE TRX_TOTALDUE") == ["Paid", "0"]
    assert_true(small)
