"""A new record of each object for which Workato's connector has a trigger is one event, also after a change of it.

Records are made by hand-written XML over HTTP. What the receiver has is compared with the gateway's own answer.
"""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from support.apps.command_line import Intacct
from support.apps.http_reader import HttpReader
from support.small_company import Clock, little_company


def day(name: str, number: int = 20) -> str:
    return f"<{name}><year>2026</year><month>11</month><day>{number}</day></{name}>"


def record(name: str, fields: str) -> str:
    return f"<create><{name}>{fields}</{name}></create>"


PLACE = "<locationid>110</locationid><departmentid>100</departmentid>"
ORDER = "<quantity>2</quantity><unit>Each</unit><price>5</price><locationid>110</locationid>"
LINE = f"<lineitem><glaccountno>61000</glaccountno><amount>40.25</amount>{PLACE}</lineitem>"
INCOME = "<lineitem><glaccountno>40000</glaccountno><amount>40.25</amount><locationid>210</locationid></lineitem>"
NO_CONTACTS = "<returnto><contactname></contactname></returnto><payto><contactname></contactname></payto>"
TO_CUSTOMER = "<shipto><contactname></contactname></shipto><billto><contactname></contactname></billto>"
BILL = (
    f"<create_bill><vendorid>V10001</vendorid>{day('datecreated')}{day('datedue')}<billno>B-1</billno>"
    f"<billitems>{LINE}</billitems></create_bill>"
)
INVOICE = (
    f"<create_invoice><customerid>C20001</customerid>{day('datecreated')}{day('datedue')}<invoiceno>I-1</invoiceno>"
    f"<invoiceitems>{INCOME}</invoiceitems></create_invoice>"
)
PAYMENT = (
    "<create_paymentrequest><bankaccountid>CHK-INS</bankaccountid><vendorid>V10001</vendorid><memo>m</memo>"
    f"<paymentmethod>Printed Check</paymentmethod><grouppayments>vendor</grouppayments>{day('paymentdate')}"
    "<paymentoption>vendorpref</paymentoption><paymentrequestitems><paymentrequestitem><key>{key}</key>"
    "<paymentamount>40.25</paymentamount></paymentrequestitem></paymentrequestitems></create_paymentrequest>"
)
RECEIPT = (
    "<create_arpayment><customerid>C20001</customerid><paymentamount>40.25</paymentamount>"
    f"<undepfundsacct>10090</undepfundsacct>{day('datereceived')}<paymentmethod>Printed Check</paymentmethod>"
    "<arpaymentitem><invoicekey>{key}</invoicekey><amount>40.25</amount></arpaymentitem></create_arpayment>"
)
CONTACT = "<DISPLAYCONTACT><PRINTAS>One</PRINTAS></DISPLAYCONTACT>"
ENTRY = "<TRX_AMOUNT>10</TRX_AMOUNT><LOCATION>110</LOCATION><DEPARTMENT>100</DEPARTMENT>"
CREATES = {
    "APADJUSTMENT": f"<create_apadjustment><vendorid>V10001</vendorid>{day('datecreated')}"
    f"<adjustmentno>A-1</adjustmentno><apadjustmentitems>{LINE.replace('40.25', '-30')}</apadjustmentitems>"
    "</create_apadjustment>",
    "APBILL": BILL,
    "ARADJUSTMENT": f"<create_aradjustment><customerid>C20001</customerid>{day('datecreated')}<adjustmentno>A-1"
    f"</adjustmentno><aradjustmentitems>{INCOME.replace('40.25', '-30')}</aradjustmentitems></create_aradjustment>",
    "ARINVOICE": INVOICE,
    "CONTRACT": record(
        "CONTRACT",
        "<CONTRACTID>K-1</CONTRACTID><CUSTOMERID>C20001</CUSTOMERID><NAME>Care</NAME><BEGINDATE>11/01/2026</BEGINDATE>"
        "<ENDDATE>10/31/2027</ENDDATE><BILLINGFREQUENCY>Monthly</BILLINGFREQUENCY><TERMTYPE>Termed</TERMTYPE>"
        "<TERMNAME>{TERM}</TERMNAME><APPLICATION>Contracts</APPLICATION><LOCATIONID>110</LOCATIONID>",
    ),
    "CUSTOMER": record("CUSTOMER", "<CUSTOMERID>C-1</CUSTOMERID><NAME>One</NAME>" + CONTACT),
    "EMPLOYEE": record(
        "EMPLOYEE", "<EMPLOYEEID>E-1</EMPLOYEEID><PERSONALINFO><CONTACTNAME>{CONTACT}</CONTACTNAME></PERSONALINFO>"
    ),
    "GLBATCH": record(
        "GLBATCH",
        "<JOURNAL>GJ</JOURNAL><BATCH_DATE>11/20/2026</BATCH_DATE><BATCH_TITLE>Rent</BATCH_TITLE><ENTRIES>"
        f"<GLENTRY><ACCOUNTNO>61000</ACCOUNTNO><TR_TYPE>1</TR_TYPE>{ENTRY}</GLENTRY>"
        f"<GLENTRY><ACCOUNTNO>10010</ACCOUNTNO><TR_TYPE>-1</TR_TYPE>{ENTRY}</GLENTRY></ENTRIES>",
    ),
    "ITEM": record("ITEM", "<ITEMID>I-1</ITEMID><NAME>Bolt</NAME><ITEMTYPE>Non-Inventory</ITEMTYPE>"),
    "PODOCUMENT": f"<create_potransaction><transactiontype>Purchase Order</transactiontype>{day('datecreated')}"
    f"<vendorid>V10001</vendorid><referenceno>P-1</referenceno>{day('datedue')}{NO_CONTACTS}<potransitems><potransitem>"
    f"<itemid>STEEL-304</itemid>{ORDER}</potransitem></potransitems></create_potransaction>",
    "PROJECT": record(
        "PROJECT", "<PROJECTID>P-1</PROJECTID><NAME>Roof</NAME><PROJECTCATEGORY>Contract</PROJECTCATEGORY>"
    ),
    "SODOCUMENT": f"<create_sotransaction><transactiontype>Sales Order</transactiontype>{day('datecreated')}"
    f"<customerid>C20001</customerid><referenceno>S-1</referenceno>{day('datedue')}{TO_CUSTOMER}<sotransitems>"
    f"<sotransitem><itemid>STEEL-304</itemid>{ORDER}</sotransitem></sotransitems></create_sotransaction>",
    "TASK": record(
        "TASK",
        "<TASKID>T-1</TASKID><NAME>Slates</NAME><PROJECTID>{PROJECT}</PROJECTID><TASKSTATUS>Not Started</TASKSTATUS>",
    ),
    "TIMESHEET": f"<create_timesheet><employeeid>E0002</employeeid>{day('begindate', 16)}<state>Submitted</state>"
    f"<timesheetitems><timesheetitem>{day('entrydate', 17)}<qty>2</qty></timesheetitem></timesheetitems>"
    "</create_timesheet>",
    "VENDOR": record("VENDOR", "<VENDORID>V-1</VENDORID><NAME>One</NAME>" + CONTACT),
}
PAID = {"APPYMT": (BILL, PAYMENT), "ARPYMT": (INVOICE, RECEIPT)}
CHANGES = {
    "CUSTOMER": "<CUSTOMERID>C-1</CUSTOMERID><NAME>Two</NAME>",
    "EMPLOYEE": "<EMPLOYEEID>E-1</EMPLOYEEID><TITLE>Two</TITLE>",
    "ITEM": "<ITEMID>I-1</ITEMID><NAME>Two</NAME>",
    "PROJECT": "<PROJECTID>P-1</PROJECTID><NAME>Two</NAME>",
    "TASK": "<RECORDNO>{key}</RECORDNO><NAME>Two</NAME>",
    "VENDOR": "<VENDORID>V-1</VENDORID><NAME>Two</NAME>",
}
"""Workato's triggers *New/updated*."""


@pytest.fixture(scope="module")
def little() -> Iterator[Emulator]:
    with closing(little_company(Clock())) as made:
        yield made


@pytest.mark.parametrize("name", sorted([*CREATES, *PAID]))
def test_a_new_record_and_its_change_are_an_event_each(
    name: str, intacct: Intacct, home: Path, little: Emulator
) -> None:
    clock = Clock()
    with closing(little.clone(clock=clock)) as emulator, serve(emulator) as server:
        reader = HttpReader(server.url)
        words = ("watch", name, "--to", "jsonl:events", "--once")
        document, create = PAID.get(name, ("", CREATES.get(name, "")))
        names = {
            "{PROJECT}": reader.rows("PROJECT", "PROJECTID")[0]["PROJECTID"],
            "{TERM}": reader.rows("ARTERM", "NAME")[0]["NAME"],
            "{CONTACT}": reader.rows("CONTACT", "CONTACTNAME")[0]["CONTACTNAME"],
            "{key}": reader.call(document).findtext("key") or "" if document else "",
        }
        first = intacct(*words, **reader.environ)
        assert (first.status, first.err) == (0, "No changes.\n"), first.said
        before = {row["RECORDNO"] for row in reader.rows(name, "RECORDNO")}
        clock.forward(minutes=10)
        for place, value in names.items():
            create = create.replace(place, value)
        reader.call(create)
        (key,) = {row["RECORDNO"] for row in reader.rows(name, "RECORDNO")} - before
        clock.forward(minutes=10)
        second = intacct(*words, **reader.environ)
        assert (second.status, second.err) == (0, "1 change read; 1 event delivered\n"), second.said
        if name in CHANGES:
            change = CHANGES[name].replace("{key}", key)
            reader.call(f"<update><{name}>{change}</{name}></update>")
            clock.forward(minutes=10)
            assert intacct(*words, **reader.environ).err == "1 change read; 1 event delivered\n"
        clock.forward(minutes=10)
        assert intacct(*words, **reader.environ).err == "No changes.\n", "the overlap sends nothing twice"
        lines = (home / "work" / "events" / f"{name}.jsonl").read_text("utf-8").splitlines()
        events = [json.loads(line) for line in lines]
        assert [(event["kind"], event["key"]) for event in events] == [
            (kind, key) for kind in ("created", *(["updated"] if name in CHANGES else []))
        ]
        if name in CHANGES:
            changed = {field: values["new"] for field, values in events[1]["changed"].items()}
            assert "Two" in changed.values()
        assert emulator.incidents == []
