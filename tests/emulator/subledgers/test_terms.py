"""The days of payment terms, worked out by hand for the words that the pages on AP and AR terms list."""

import pytest

from intacct_emulator.server.gateway import Emulator
from support.emulator.calls import data, element
from support.emulator.legacy_documents import cells, key_of, line
from support.small_company import Clock, company

BILL = (
    "<create_bill><vendorid>V1</vendorid><datecreated><year>2026</year><month>11</month><day>16</day></datecreated>"
    "<termname>{0}</termname><billno>{0}</billno><billitems>{1}</billitems></create_bill>"
)


@pytest.fixture(scope="module")
def emulator() -> Emulator:
    emulator = company(Clock())
    vendor = element("VENDOR", VENDORID="V1", NAME="Acme", DISPLAYCONTACT="<PRINTAS>Acme</PRINTAS>")
    data(emulator, f"<create>{vendor}</create>")
    return emulator


@pytest.mark.parametrize(
    ("days", "counted", "due"),
    [
        (30, "from invoice/bill date", "12/16/2026"),
        (25, "of the month of invoice/bill date", "11/25/2026"),
        (31, "of the month of invoice/bill date", "11/30/2026"),
        (10, "of next month from invoice/bill date", "12/10/2026"),
        (30, "of 3rd month from invoice/bill date", "02/28/2027"),
        (15, "of 6th month from invoice/bill date", "05/15/2027"),
        (10, "after end of month of invoice/bill date", "12/10/2026"),
        (20, "from invoice/bill date extending to eom", "12/31/2026"),
    ],
)
def test_a_bill_is_due_as_its_term_says(emulator: Emulator, days: int, counted: str, due: str) -> None:
    name = f"{days} {counted}"[:30]
    made = f"<due><dueday>{days}</dueday><duefrom>{counted}</duefrom></due>"
    key_of(emulator, f"<create_apterm><name>{name}</name><description>D</description>{made}</create_apterm>")
    key = key_of(emulator, BILL.format(name, line("60500", "1")))
    assert cells(emulator, "APBILL", key, "WHENDUE") == [due]
