"""The days of payment terms, worked out by hand for the words that the pages on AP and AR terms list."""

import pytest

from emulator.functions.test_legacy_documents import cells, key_of, line
from intacct_bridge.emulator.gateway.gateway import Emulator

BILL = (
    "<create_bill><vendorid>V10087</vendorid><datecreated><year>2026</year><month>11</month><day>16</day></datecreated>"
    "<termname>T</termname><billno>T-1</billno><billitems>{0}</billitems></create_bill>"
)


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
def test_a_bill_is_due_as_its_term_says(demo: Emulator, days: int, counted: str, due: str) -> None:
    made = f"<due><dueday>{days}</dueday><duefrom>{counted}</duefrom></due>"
    key_of(demo, f"<create_apterm><name>T</name><description>D</description>{made}</create_apterm>")
    key = key_of(demo, BILL.format(line("60500", "1")))
    assert cells(demo, "APBILL", key, "WHENDUE") == [due]
