"""Computed objects: account balances by period and dimension, stock on hand, access to personal data. Sums by hand."""

import pytest

from intacct_emulator.server.gateway import Emulator
from support.emulator.calls import data, element, faults, one, query, rows
from support.emulator.own_company import OwnCompany
from support.emulator.own_records import day_of, journal, key_of

MONTHS = [
    {"NAME": "Month Ended December 2025", "HEADER1": "D", "START_DATE": "12/01/2025", "END_DATE": "12/31/2025"},
    {"NAME": "Month Ended January 2026", "HEADER1": "J", "START_DATE": "01/01/2026", "END_DATE": "01/31/2026"},
]
DECEMBER, JANUARY = (month["NAME"] for month in MONTHS)
FIELDS = "PERIOD,ACCOUNTNO,OPENBAL,TOTDEBIT,TOTCREDIT,ENDBAL,PROJECTID,GLDIMFUND,BOOKID"


@pytest.fixture
def own() -> Emulator:
    emulator = OwnCompany(records={"REPORTINGPERIOD": MONTHS}).emulator()
    key_of(emulator, journal("6000 D 40 PROJECTID=P1 GLDIMFUND=2", "1000 C 40", day="2025-12-10"))
    key_of(emulator, journal("6000 D 5 PROJECTID=P1 GLDIMFUND=2", "6000 D 7", "1000 C 12", day="2026-01-10"))
    return emulator


def balances(emulator: Emulator, period: str) -> list[list[str]]:
    text = f"<query>PERIOD = '{period}'</query>"
    function = f"<readByQuery><object>GLACCOUNTBALANCE</object><fields>{FIELDS}</fields>{text}</readByQuery>"
    page = data(emulator, function)
    return sorted(
        [row.findtext(name) for name in FIELDS.split(",")[1:]] for row in page if row.findtext("PERIOD") == period
    )


def test_balances_are_by_period_and_dimension_with_the_year_closed(own: Emulator) -> None:
    assert balances(own, DECEMBER) == [
        ["1000", "0", "0", "40", "-40", "", "", "ACCRUAL"],
        ["6000", "0", "40", "0", "40", "P1", "2", "ACCRUAL"],
    ]
    assert balances(own, JANUARY) == [
        ["1000", "-40", "0", "12", "-52", "", "", "ACCRUAL"],
        ["3000", "40", "0", "0", "40", "P1", "2", "ACCRUAL"],
        ["6000", "0", "5", "0", "5", "P1", "2", "ACCRUAL"],
        ["6000", "0", "7", "0", "7", "", "", "ACCRUAL"],
    ]


def test_balances_follow_the_ledger_and_keep_their_record_numbers(own: Emulator) -> None:
    def numbers() -> dict[str, str]:
        where = f"<equalto><field>PERIOD</field><value>{DECEMBER}</value></equalto>"
        found = rows(data(own, query("GLACCOUNTBALANCE", "RECORDNO ACCOUNTNO ENDBAL", where)))
        return {row["ACCOUNTNO"]: f"{row['RECORDNO']}: {row['ENDBAL']}" for row in found}

    before = numbers()
    key_of(own, journal("6100 D 3", "1000 C 3", day="2025-12-11"))
    after = numbers()
    assert before["1000"].replace("-40", "-43") == after["1000"]
    assert before["6000"] == after["6000"]
    assert after["6100"].endswith(": 3")
    key_of(own, journal("6100 D 4", "1000 C 4", day="2025-12-12"))
    key = after["6100"].partition(":")[0]
    read = f"<read><object>GLACCOUNTBALANCE</object><keys>{key}</keys><fields>ENDBAL</fields></read>"
    assert data(own, read).children[0].findtext("ENDBAL") == "7"


def test_balances_need_a_period(own: Emulator) -> None:
    function = "<readByQuery><object>GLACCOUNTBALANCE</object><fields>*</fields><query></query></readByQuery>"
    assert faults(own, function)[0].description2.endswith("PERIOD is required to read account balances.")
    unknown = function.replace("<query></query>", "<query>PERIOD = 'Never'</query>")
    assert faults(own, unknown)[0].description2.endswith("Invalid Reporting Period 'Never' specified.")


def test_available_inventory_is_what_is_on_hand() -> None:
    kind = {"RECORDNO": 1, "DOCID": "Receipt", "DOCCLASS": "Adjustment", "UPDATES_GL": "G", "STATUS": "active"}
    kind |= {"IN_OUT": "Increase", "UPDATES_INV": "Quantity and Value"}
    own = OwnCompany(records={"INVDOCUMENTPARAMS": [kind]}).emulator()
    assert rows(data(own, query("AVAILABLEINVENTORY", "ITEMID"))) == []
    item = "<itemid>I1</itemid><warehouseid>W2</warehouseid><quantity>4</quantity><cost>5</cost>"
    line = f"<ictransitem>{item}<locationid>US</locationid></ictransitem>"
    head = f"<transactiontype>Receipt</transactiontype>{day_of('datecreated', '2026-11-10')}<documentno>R1</documentno>"
    key_of(own, f"<create_ictransaction>{head}<ictransitems>{line}</ictransitems></create_ictransaction>")
    (row,) = rows(data(own, query("AVAILABLEINVENTORY", "ITEMID WAREHOUSEID WAREHOUSENAME QUANTITYLEFT")))
    assert list(row.values()) == ["I1", "W2", "Warehouse 2", "4"]


def test_changes_of_personal_data_are_in_the_history_of_access(own: Emulator) -> None:
    assert one(own, f"<update>{element('VENDOR', VENDORID='V1', NAME='New')}</update>").status == "success"
    found = rows(data(own, query("ADVAUDITHISTORY", "OBJECTTYPE OBJECTKEY USERID ACCESSMODE")))
    assert [list(row.values()) for row in found] == [["vendor", "V1", "demo-user", "M"]]
