"""Dimensions of every kind reach GLDETAIL and the balances, from journal entries as from documents."""

import pytest

from intacct_emulator.server.gateway import Emulator
from support.emulator.calls import data, element, faults, one, query, rows
from support.emulator.own_company import OwnCompany

NAMED = {
    "PROJECTID": "P2",
    "TASKID": "T1",
    "COSTTYPEID": "CT1",
    "CONTRACTID": "N1",
    "WAREHOUSEID": "W2",
    "GLDIMFUND": "3",
}
SPAN = (
    "<startdate><year>2026</year><month>11</month><day>1</day></startdate>"
    "<enddate><year>2026</year><month>11</month><day>30</day></enddate>"
)


@pytest.fixture
def own() -> Emulator:
    return OwnCompany().emulator()


def journal(**dimensions: str) -> str:
    lines = element("GLENTRY", ACCOUNTNO="6000", TR_TYPE=1, TRX_AMOUNT="12.50", LOCATION="US", **dimensions)
    lines += element("GLENTRY", ACCOUNTNO="1000", TR_TYPE=-1, TRX_AMOUNT="12.50", LOCATION="US")
    head = {"JOURNAL": "GJ", "BATCH_DATE": "11/10/2026", "BATCH_TITLE": "T"}
    return f"<create>{element('GLBATCH', **head, ENTRIES=lines)}</create>"


def bill(**dimensions: str) -> str:
    line = element("APBILLITEM", ACCOUNTNO="6000", TRX_AMOUNT="12.50", LOCATIONID="US", **dimensions)
    head = {"VENDORID": "V1", "WHENCREATED": "11/10/2026", "WHENDUE": "12/10/2026"}
    return f"<create>{element('APBILL', **head, APBILLITEMS=line)}</create>"


def legacy_bill(**dimensions: str) -> str:
    order = ("PROJECTID", "TASKID", "COSTTYPEID", "CONTRACTID", "WAREHOUSEID")
    named = "".join(f"<{name.lower()}>{dimensions[name]}</{name.lower()}>" for name in order if name in dimensions)
    fund = "<customfieldname>GLDIMFUND</customfieldname><customfieldvalue>3</customfieldvalue>"
    own = f"<customfields><customfield>{fund}</customfield></customfields>" if "GLDIMFUND" in dimensions else ""
    days = "".join(
        f"<{name}><year>2026</year><month>{month}</month><day>10</day></{name}>"
        for name, month in (("datecreated", 11), ("datedue", 12))
    )
    item = f"<glaccountno>6000</glaccountno><amount>12.50</amount><locationid>US</locationid>{own}{named}"
    return f"<create_bill><vendorid>V1</vendorid>{days}<billitems><lineitem>{item}</lineitem></billitems></create_bill>"


@pytest.mark.parametrize("entered", [journal, bill, legacy_bill])
def test_every_dimension_reaches_the_detail_and_the_balances(own: Emulator, entered: object) -> None:
    result = one(own, entered(**NAMED))  # type: ignore[operator]
    assert result.status == "success", result.faults
    rent = "<equalto><field>ACCOUNTNO</field><value>6000</value></equalto>"
    fields = "PROJECTID TASKID TASKNAME COSTTYPEID COSTTYPENAME CONTRACTID CONTRACTNAME WAREHOUSEID GLDIMFUND AMOUNT"
    expected = {
        **NAMED,
        "TASKNAME": "Task of P2",
        "COSTTYPENAME": "Cost of P2",
        "CONTRACTNAME": "Contract 1",
        "AMOUNT": "12.5",
    }
    for name in ("GLDETAIL", "GLENTRY"):
        assert rows(data(own, query(name, fields, rent))) == [expected]
    by = "<groupby>TASKID,COSTTYPEID,CONTRACTID,WAREHOUSEID,GLDIMFUND</groupby>"
    asked = (
        f"<get_accountbalancesbydimensions>{SPAN}<glaccountno>6000</glaccountno>{by}</get_accountbalancesbydimensions>"
    )
    (found,) = rows(data(own, asked))
    cells = ("taskid", "costtypeid", "contractid", "warehouseid", "gldimfund", "debits", "endbalance")
    assert [found[cell] for cell in cells] == ["T1", "CT1", "N1", "W2", "3", "12.5", "12.5"]


@pytest.mark.parametrize(
    ("chosen", "balance"),
    [
        ("<taskid>T1</taskid>", ["12.5"]),
        ("<warehouseid>W1</warehouseid>", []),
        ("<contractid>N1</contractid>", ["12.5"]),
        ("{FUND 3}", ["12.5"]),
        ("{FUND 2}", []),
    ],
)
def test_balances_can_be_limited_to_a_value_of_a_dimension(own: Emulator, chosen: str, balance: list[str]) -> None:
    assert one(own, journal(**NAMED)).status == "success"
    assert one(own, journal(PROJECTID="P1", GLDIMFUND="1")).status == "success"
    if chosen.startswith("{"):
        name, key = chosen.strip("{}").split()
        named = element("userDefinedDimension", objectName=f"GLDIM{name}", recordId=key)
        chosen = f"<userDefinedDimensions>{named}</userDefinedDimensions>"
    asked = f"<get_accountbalances>{SPAN}<glaccountno>6000</glaccountno>{chosen}</get_accountbalances>"
    assert [row["endbalance"] for row in rows(data(own, asked))] == balance


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"TASKID": "T1"}, "TASKID T1 is given without PROJECTID."),
        ({"PROJECTID": "P1", "COSTTYPEID": "CT1"}, "COSTTYPEID CT1 is given without TASKID."),
        ({"CONTRACTID": "N9"}, "Invalid Contract 'N9' specified."),
        ({"WAREHOUSEID": "W9"}, "Invalid Warehouse 'W9' specified."),
        ({"GLDIMFUND": "9"}, "Invalid Fund '9' specified."),
    ],
)
def test_a_dimension_that_cannot_be_posted_is_refused(own: Emulator, named: dict[str, str], message: str) -> None:
    for function in (journal(**named), bill(**named)):
        assert faults(own, function)[0].description2 == message
    assert data(own, query("GLDETAIL", "RECORDNO")).get("totalcount") == "0"


def test_a_task_belongs_to_the_project_of_its_line() -> None:
    company = OwnCompany(records={"TASK": [{"RECORDNO": 9, "TASKID": "T9", "NAME": "Nine", "PROJECTID": "P1"}]})
    refusal = faults(company.emulator(), journal(PROJECTID="P2", TASKID="T9"))
    assert refusal[0].description2 == "Invalid Task 'T9' specified."


def test_an_account_can_require_a_user_defined_dimension() -> None:
    company = OwnCompany()
    emulator = company.emulator()
    table = emulator.company().table("GLACCOUNT")
    (number,) = table.find("ACCOUNTNO", "6000")
    table.update(number, (table.get(number) or {}) | {"REQUIREGLDIMFUND": "true", "REQUIREWAREHOUSE": "true"})
    assert faults(emulator, bill(WAREHOUSEID="W1"))[0].description2 == "Gldimfund is required for account 6000."
    assert faults(emulator, bill(GLDIMFUND="1"))[0].description2 == "Warehouse is required for account 6000."
    assert one(emulator, bill(WAREHOUSEID="W1", GLDIMFUND="1")).status == "success"
