"""Every action and every undo by a reversal, over HTTP; records are made and judged by hand-written XML."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_protocol.model.writing.actions import ACTIONS
from support.apps.command_line import Intacct
from support.apps.http_reader import HttpReader
from support.small_company import Clock, little_company

SINCE = "10/01/2026"


def day(name: str, number: int = 20) -> str:
    return f"<{name}><year>2026</year><month>11</month><day>{number}</day></{name}>"


PLACE = "<locationid>110</locationid><departmentid>100</departmentid>"
BILL = (
    f"<create_bill><vendorid>V10001</vendorid>{day('datecreated')}{day('datedue')}<billno>B-1</billno><billitems>"
    f"<lineitem><glaccountno>61000</glaccountno><amount>40.25</amount>{PLACE}</lineitem></billitems></create_bill>"
)
INVOICE = (
    f"<create_invoice><customerid>C20001</customerid>{day('datecreated')}{day('datedue')}<invoiceno>I-1</invoiceno>"
    f"<invoiceitems><lineitem><glaccountno>40000</glaccountno><amount>40.25</amount><locationid>210</locationid>"
    f"</lineitem></invoiceitems></create_invoice>"
)
REQUEST = (
    "<create_paymentrequest><bankaccountid>CHK-INS</bankaccountid><vendorid>V10001</vendorid><memo>m</memo>"
    "<paymentmethod>Printed Check</paymentmethod><grouppayments>vendor</grouppayments>"
    f"{day('paymentdate')}<paymentoption>vendorpref</paymentoption><paymentrequestitems><paymentrequestitem>"
    "<key>{key}</key><paymentamount>40.25</paymentamount></paymentrequestitem></paymentrequestitems>"
    "</create_paymentrequest>"
)
RECEIPT = (
    "<create_arpayment><customerid>C20001</customerid><paymentamount>40.25</paymentamount>"
    f"<undepfundsacct>10090</undepfundsacct>{day('datereceived')}<paymentmethod>Printed Check</paymentmethod>"
    "<arpaymentitem><invoicekey>{key}</invoicekey><amount>40.25</amount></arpaymentitem></create_arpayment>"
)
EXPENSES = (
    f"<create_expensereport><employeeid>E0002</employeeid>{day('datecreated')}<expensereportno>X-1</expensereportno>"
    f"<expenses><expense><glaccountno>61000</glaccountno><amount>18</amount>{day('expensedate', 19)}<memo>m</memo>"
    f"<locationid>310</locationid><departmentid>110</departmentid></expense></expenses></create_expensereport>"
)
CARD = (
    f"<record_cctransaction><chargecardid>CARD-EXEC</chargecardid>{day('paymentdate')}<referenceno>C-1</referenceno>"
    f"<payee>Taxi</payee><ccpayitems><ccpayitem><glaccountno>61000</glaccountno><description>d</description>"
    f"<paymentamount>15.75</paymentamount><departmentid>100</departmentid><locationid>110</locationid></ccpayitem>"
    "</ccpayitems></record_cctransaction>"
)
TIMESHEET = (
    f"<create_timesheet><employeeid>E0002</employeeid>{day('begindate', 16)}<state>Submitted</state><timesheetitems>"
    f"<timesheetitem>{day('entrydate', 17)}<qty>2</qty></timesheetitem></timesheetitems></create_timesheet>"
)
ORDER = (
    f"<create_potransaction><transactiontype>Purchase Order</transactiontype>{day('datecreated')}"
    f"<vendorid>V10001</vendorid><referenceno>P-1</referenceno>{day('datedue')}<returnto><contactname></contactname></returnto>"
    "<payto><contactname></contactname></payto><potransitems><potransitem>"
    "<itemid>STEEL-304</itemid><quantity>2</quantity><unit>Each</unit><price>5</price><locationid>110</locationid>"
    "</potransitem></potransitems></create_potransaction>"
)


@pytest.fixture(scope="module")
def little() -> Iterator[Emulator]:
    with closing(little_company(Clock())) as made:
        yield made


@pytest.fixture
def emulator(little: Emulator) -> Iterator[Emulator]:
    with closing(little.clone(clock=Clock())) as made:
        yield made


@pytest.fixture
def reader(emulator: Emulator) -> Iterator[HttpReader]:
    with serve(emulator) as server:
        yield HttpReader(server.url)


def made(reader: HttpReader, function: str) -> str:
    """The key that the gateway answers to a function that creates a record."""
    result = reader.call(function)
    return result.findtext("key") or ""


def record(reader: HttpReader, emulator: Emulator, operation: str, name: str) -> str:
    """The key of a record in the state that the action is for."""
    makers = {"APBILL": BILL, "ARINVOICE": INVOICE, "EEXPENSES": EXPENSES, "CCTRANSACTION": CARD}
    makers |= {"TIMESHEET": TIMESHEET, "PODOCUMENT": ORDER}
    if name == "VENDOR":
        key = next(row["RECORDNO"] for row in reader.rows("VENDOR", "RECORDNO"))
    elif name == "APPYMT":
        key = made(reader, REQUEST.format(key=made(reader, BILL)))
        if operation == "reverse":
            reader.call(
                "<confirm_appaymentrequest><appaymentkeys><appaymentkey>"
                f"{key}</appaymentkey></appaymentkeys></confirm_appaymentrequest>"
            )
    elif name == "ARPYMT":
        key = made(reader, RECEIPT.format(key=made(reader, INVOICE)))
    else:
        key = made(reader, makers[name])
    if operation in ("approve", "decline", "recall") and name in ("VENDOR", "APBILL", "PODOCUMENT"):
        _submit(emulator, name, key)  # the company has no approval policies, which would make it wait
    return key


def _submit(emulator: Emulator, name: str, key: str) -> None:
    table = emulator.company().table(name)
    number, row = next((at, row) for at, row in table.rows() if key in (row["RECORDNO"], row.get("DOCID")))
    table.update(number, {**row, "STATE": "S" if name == "VENDOR" else "Submitted"})


def state(reader: HttpReader, name: str, key: str) -> str:
    by = "RECORDNO" if key.isdecimal() else "DOCID"
    (row,) = reader.rows(name, "STATE", **{by: key})
    return row["STATE"]


ENDS = {
    "reverse": {"APPYMT": "Voided"},
    "void": {"APPYMT": "Voided"},
    "approve": {"APBILL": "Posted", "VENDOR": "A"},
    "decline": {"VENDOR": "R"},
    "recall": {},
}
USUAL = {"reverse": "Reversed", "approve": "Approved", "decline": "Declined", "recall": "Draft"}


@pytest.mark.parametrize(("operation", "name"), ACTIONS, ids=str)
def test_an_action_of_a_saved_plan_is_done_once_and_repeated_without_effect(
    intacct: Intacct, home: Path, emulator: Emulator, reader: HttpReader, operation: str, name: str
) -> None:
    before = reader.balances(SINCE)
    key = record(reader, emulator, operation, name)
    action = ACTIONS[operation, name]
    day_words = ("--date", "2026-11-25") if action.dated else ()
    comment = ("--comment", "seen & done") if action.comment else ()
    words = (operation, name, key, *day_words, *comment)
    expected = ENDS[operation].get(name, USUAL.get(operation, ""))
    waiting = state(reader, name, key)
    kept = intacct(*words, "--out", "p.plan", **reader.environ)
    assert (kept.status, state(reader, name, key)) == (0, waiting), kept.said
    done = intacct("plan", "apply", "p.plan", **reader.environ)
    assert done.status == 0, done.said
    assert state(reader, name, key) == expected
    ledger = reader.balances(SINCE)
    if operation in ("reverse", "void"):
        paid = {"APPYMT": "APBILL", "ARPYMT": "ARINVOICE"}.get(name)
        if paid:  # the document that it paid is open again
            rows = reader.rows(paid, "STATE", RECORDID="B-1" if paid == "APBILL" else "I-1")
            assert [row["STATE"] for row in rows] == ["Posted"]
        else:
            assert ledger == before
    again = intacct(*words, **reader.environ)
    assert (again.status, "unchanged" in again.out) == (0, True), again.said
    twice = intacct("plan", "apply", "p.plan", **reader.environ)
    assert (twice.status, "1 record already as planned" in twice.err) == (0, True), twice.said
    assert (state(reader, name, key), reader.balances(SINCE)) == (expected, ledger)
    rows = json.loads(intacct("outbox", "list", "--operation", operation, "--json", **reader.environ).out)
    assert [row["state"] for row in rows] == ["applied"]


CARDS = """FINANCIALENTITY,WHENCREATED,RECORDID,DESCRIPTION2,ACCOUNTNO,AMOUNT,LOCATIONID,DEPARTMENTID
CARD-EXEC,2026-11-20,C-7,Taxi,61000,15.75,110,100
CARD-EXEC,2026-11-21,C-8,Train,61000,20,110,100
"""


def test_card_transactions_of_a_file_are_taken_back_by_their_reversals(
    intacct: Intacct, home: Path, reader: HttpReader
) -> None:
    before = reader.balances(SINCE)
    Path("cards.csv").write_text(CARDS)
    loaded = intacct("load", "cards.csv", "--as", "CCTRANSACTION", "--apply", **reader.environ)
    assert loaded.status == 0, loaded.said
    assert reader.balances(SINCE) != before
    words = ("undo", "cards.csv", "--date", "2026-11-26", "--memo", "wrong card")
    shown = intacct(*words, **reader.environ)
    assert (shown.status, "2 to reverse" in shown.out, "15.75" in shown.out) == (0, True, True), shown.said
    for expected in ("reversed", "There is nothing to take back."):
        done = intacct(*words, "--apply", **reader.environ)
        assert (done.status, expected in done.said) == (0, True), done.said
        assert reader.balances(SINCE) == before
    rows = reader.rows("CCTRANSACTION", "RECORDID", "STATE", WHENCREATED="11/20/2026", RECORDID="C-7")
    assert "Reversed" in {row["STATE"] for row in rows}


def test_a_payment_request_of_a_file_is_voided(
    intacct: Intacct, home: Path, emulator: Emulator, reader: HttpReader
) -> None:
    before = reader.balances(SINCE)
    bill = made(reader, BILL)
    with_bill = reader.balances(SINCE)
    names = "VENDORID,FINANCIALENTITY,PAYMENTMETHOD,PAYMENTDATE,CURRENCY"
    lines = "APPYMTDETAIL.RECORDKEY,APPYMTDETAIL.TRX_PAYMENTAMOUNT"
    row = f"V10001,CHK-INS,Printed Check,2026-11-20,USD,{bill},40.25"
    Path("payments.csv").write_text(f"{names},{lines}\n{row}\n")
    loaded = intacct("load", "payments.csv", "--as", "APPYMT", "--draft", "--apply", **reader.environ)
    assert loaded.status == 0, loaded.said
    (payment,) = reader.rows("APPYMT", "RECORDNO", VENDORID="V10001")
    _submit(emulator, "APPYMT", payment["RECORDNO"])
    assert [one["STATE"] for one in reader.rows("APPYMT", "STATE", VENDORID="V10001")] == ["Submitted"]
    done = intacct("undo", "payments.csv", "--apply", **reader.environ)
    assert done.status == 0, done.said
    assert [one["STATE"] for one in reader.rows("APPYMT", "STATE", VENDORID="V10001")] == ["Voided"]
    assert (with_bill != before, reader.balances(SINCE) == with_bill) == (True, True)
