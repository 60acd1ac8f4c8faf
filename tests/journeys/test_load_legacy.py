"""Loads over document type 2.1: its functions create, change and delete; what it has not is refused in the plan."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.load.plan.plan import Verdict
from intacct_bridge.load.records.status import RecordStatus
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.xml.codec import decode_request
from intacct_protocol.xml.reply import ConnectionCutError, Reply
from support.journeys.objects import BILLS, LoadScenario, reasons

VENDORS = "VENDORID,NAME,CREDITLIMIT\nL-1,Acme Paper,100.10\nL-2,Bolt Ltd,0\n"
OWN_BILLS = BILLS.replace("\nV-", "\nL-")


@pytest.fixture(scope="module")
def grown(two_years: Emulator) -> Emulator:
    return two_years


@pytest.fixture
def desk(tmp_path: Path, demo: Emulator) -> LoadScenario:
    return LoadScenario(tmp_path, demo, connecting={"dtd_version": "2.1"})


@pytest.fixture
def called(desk: LoadScenario) -> Iterator[list[str]]:
    """The functions that were called, in order."""
    names: list[str] = []

    def counted(endpoint: str, body: bytes) -> Reply:
        operations = decode_request(body).operations
        names.extend(one.name for operation in operations for one in operation.functions)
        return desk.emulator(endpoint, body)

    desk.transport = counted
    yield names
    generic = {"create", "update", "delete", "query", "lookup", "inspect", "read"} & set(names)
    assert generic == set(), "the older document type does not have these"


def own(desk: LoadScenario, name: str, field: str = "VENDORID") -> list[dict[str, str]]:
    return [row for row in desk.rows(name) if row.get(field, "").startswith("L-")]


def endings(desk: LoadScenario, *words: str, **more: Any) -> list[RecordStatus]:
    outcomes = desk.load(*words, **more)
    assert desk.failed is None, desk.failed
    assert all(one.receipt and one.receipt.record for one in outcomes if one.good)
    return [one.status for one in outcomes]


def test_vendors_are_made_changed_and_deleted_by_their_own_functions(desk: LoadScenario, called: list[str]) -> None:
    assert endings(desk, VENDORS, "VENDOR") == [RecordStatus.APPLIED, RecordStatus.APPLIED]
    assert endings(desk, VENDORS, "VENDOR") == [RecordStatus.UNCHANGED, RecordStatus.UNCHANGED]
    changed = VENDORS.replace("Bolt Ltd,0", "Bolt GmbH,5.50")
    plan = desk.plan(changed, "VENDOR", "update")
    assert [one.verdict for one in plan.records] == [Verdict.UNCHANGED, Verdict.UPDATE], reasons(plan)
    assert [str(one) for one in plan.records[1].changes] == ["NAME: Bolt Ltd -> Bolt GmbH", "CREDITLIMIT: 0 -> 5.5"]
    assert endings(desk, changed, "VENDOR", "update") == [RecordStatus.UNCHANGED, RecordStatus.APPLIED]
    assert endings(desk, changed, "VENDOR", "update") == [RecordStatus.UNCHANGED, RecordStatus.UNCHANGED]
    assert [row["NAME"] for row in own(desk, "VENDOR")] == ["Acme Paper", "Bolt GmbH"]
    assert endings(desk, "VENDORID\nL-2\n", "VENDOR", "delete") == [RecordStatus.APPLIED]
    assert [row["VENDORID"] for row in own(desk, "VENDOR")] == ["L-1"]
    assert [name for name in called if "vendor" in name] == [
        *("create_vendor", "create_vendor", "update_vendor", "delete_vendor"),
    ]


def test_an_upsert_updates_what_is_there_and_creates_what_is_not(desk: LoadScenario, called: list[str]) -> None:
    endings(desk, VENDORS, "VENDOR")
    mixed = VENDORS.replace("Acme Paper", "Acme Stationery") + "L-3,Cog,1\n"
    plan = desk.plan(mixed, "VENDOR", "upsert")
    assert [one.verdict for one in plan.records] == [Verdict.UPDATE, Verdict.UNCHANGED, Verdict.CREATE], reasons(plan)
    endings(desk, mixed, "VENDOR", "upsert")
    assert [row["NAME"] for row in own(desk, "VENDOR")] == ["Acme Stationery", "Bolt Ltd", "Cog"]


def test_contacts_inside_vendors_and_emptied_fields(desk: LoadScenario, called: list[str]) -> None:
    rows = (
        "VENDORID,NAME,COMMENTS,DISPLAYCONTACT.CONTACTNAME,DISPLAYCONTACT.PRINTAS,DISPLAYCONTACT.MAILADDRESS.CITY\n"
        "L-9,Nine,hello,Nine (L-9),Nine,Bern\n"
    )
    assert endings(desk, rows, "VENDOR") == [RecordStatus.APPLIED]
    assert own(desk, "VENDOR")[0]["COMMENTS"] == "hello"
    assert own(desk, "VENDOR")[0]["DISPLAYCONTACT.MAILADDRESS.CITY"] == "Bern"
    assert endings(desk, "VENDORID,COMMENTS\nL-9,\n", "VENDOR", "update", clear=True) == [RecordStatus.APPLIED]
    assert own(desk, "VENDOR")[0].get("COMMENTS", "") == ""


def test_bills_are_made_and_their_lines_changed_by_number(desk: LoadScenario, called: list[str]) -> None:
    endings(desk, VENDORS, "VENDOR")
    assert endings(desk, OWN_BILLS, "APBILL") == [RecordStatus.APPLIED, RecordStatus.APPLIED]
    assert endings(desk, OWN_BILLS, "APBILL") == [RecordStatus.UNCHANGED, RecordStatus.UNCHANGED]
    changed = OWN_BILLS.replace("0.20", "0.30")
    plan = desk.plan(changed, "APBILL", "update")
    assert [one.verdict for one in plan.records] == [Verdict.UPDATE, Verdict.UNCHANGED], reasons(plan)
    assert [str(one) for one in plan.records[0].changes] == ["APBILLITEMS: 2 lines of 100.30 -> 2 lines of 100.40"]
    assert sorted(endings(desk, changed, "APBILL", "update")) == [RecordStatus.APPLIED, RecordStatus.UNCHANGED]
    bill = own(desk, "APBILL")[0]
    amounts = [row["TRX_AMOUNT"] for row in desk.rows("APBILLITEM") if row["RECORDKEY"] == bill["RECORDNO"]]
    assert sorted(amounts) == ["0.3", "100.1"]
    more = changed + OWN_BILLS.splitlines()[1] + "\n"
    assert reasons(desk.plan(more, "APBILL", "update")) == [("lines", "", "input.csv:2")]
    gone = "VENDORID,RECORDID\nL-2,INV-2\n"
    assert [str(one) for one in desk.plan(gone, "APBILL", "delete").records[0].reasons] == []
    assert endings(desk, gone, "APBILL", "delete") == [RecordStatus.APPLIED]
    assert [row["RECORDID"] for row in own(desk, "APBILL")] == ["INV-1"]
    assert {"create_bill", "update_bill", "delete_bill"} <= set(called)


JOURNAL = """Journal,Date,Title,Reference,Account,Debit,Credit,Department,Location
GJ,2026-11-20,Rent,L-1,61000,0.10,,100,100
GJ,2026-11-20,Rent,L-1,61000,0.20,,100,100
GJ,2026-11-20,Rent,L-1,20100,,0.30,,100
"""


def test_journal_entries_are_made_once_and_deleted_but_not_changed(desk: LoadScenario, called: list[str]) -> None:
    assert endings(desk, JOURNAL, "journal-entries") == [RecordStatus.APPLIED]
    assert endings(desk, JOURNAL, "journal-entries") == [RecordStatus.UNCHANGED]
    posted = [row for row in desk.rows("GLBATCH") if row.get("REFERENCENO") == "L-1"]
    assert [row["BATCH_TITLE"] for row in posted] == ["Rent"]
    key = posted[0]["RECORDNO"]
    (change,) = desk.plan(f"RECORDNO,BATCH_TITLE\n{key},Lease\n", "GLBATCH", "update").records
    assert [str(one) for one in change.reasons] == [
        "input.csv:2: document type 2.1 has no function to update GLBATCH; use a connection with dtd_version 3.0"
    ]
    assert endings(desk, f"RECORDNO\n{key}\n", "GLBATCH", "delete") == [RecordStatus.APPLIED]
    assert [row for row in desk.rows("GLBATCH") if row.get("REFERENCENO") == "L-1"] == []


def test_what_the_document_type_lacks_is_refused_in_the_plan(desk: LoadScenario, called: list[str]) -> None:
    (draft,) = desk.plan(JOURNAL, "journal-entries", draft=True).records
    assert "GLBATCH.STATE has no place in create_gltransaction" in str(draft.reasons[0])
    (unknown,) = desk.plan(VENDORS.replace("L-2,Bolt Ltd,0\n", "").replace("L-1", "V-404"), "VENDOR", "update").records
    assert [one.rule for one in unknown.reasons] == ["missing"]
    bad = OWN_BILLS.replace("60100,15", "99998,15")
    endings(desk, VENDORS, "VENDOR")
    plan = desk.plan(bad, "APBILL")
    assert reasons(plan) == [("reference", "ACCOUNTNO", "input.csv:4")]
    assert any("lengths of APBILL" in one for one in plan.unchecked)


KINDS = {
    "CUSTOMER": "CUSTOMERID,NAME,CUSTOMFIELDS.KEY_ACCOUNT\nL-1,Cog,true\n",
    "CONTACT": "CONTACTNAME,PRINTAS,MAILADDRESS.CITY\nL-1,Kim,Bern\n",
    "GLACCOUNT": "ACCOUNTNO,TITLE,NORMALBALANCE,ACCOUNTTYPE,CLOSINGTYPE\n68991,Couriers,debit,incomestatement,"
    "closing account\n",
    "STATACCOUNT": "ACCOUNTNO,TITLE\nS1901,Desks\n",
    "DEPARTMENT": "DEPARTMENTID,TITLE\n992,Robotics\n",
    "LOCATION": "LOCATIONID,NAME,PARENTID\n191,Toledo,100\n",
    "CLASS": "CLASSID,NAME\nL-1,Lab\n",
    "PROJECT": "PROJECTID,NAME,PROJECTCATEGORY,CUSTOMERID\nL-1,Dam,Contract,C20001\n",
    "TASK": "TASKID,NAME,PROJECTID,TASKSTATUS,PBEGINDATE\nL-1,Survey,P-26-004,Planned,2026-11-02\n",
    "ITEM": "ITEMID,NAME,ITEMTYPE,BASEPRICE\nL-1,Valve,Non-Inventory,12.5\n",
    "EMPLOYEE": "EMPLOYEEID,PERSONALINFO.CONTACTNAME,LOCATIONID,DEPARTMENTID\nL-1,Alderquist Cement(C20001),110,110\n",
    "EMPLOYEERATE": "EMPLOYEEID,RATESTARTDATE,BILLINGRATE\nE0002,2026-11-01,150.25\n",
    "ARINVOICE": "CUSTOMERID,RECORDID,WHENCREATED,WHENDUE,ACCOUNTNO,TRX_AMOUNT,LOCATIONID\n"
    "C20001,L-1,2026-11-02,2026-12-02,40000,0.10,210\nC20001,L-1,2026-11-02,2026-12-02,40000,0.20,210\n",
    "APADJUSTMENT": "VENDORID,RECORDID,WHENCREATED,ACCOUNTNO,TRX_AMOUNT,LOCATIONID,DEPARTMENTID\n"
    "V10001,L-1,2026-11-02,61000,-5,110,100\n",
    "ARADJUSTMENT": "CUSTOMERID,RECORDID,WHENCREATED,ACCOUNTNO,TRX_AMOUNT,LOCATIONID\n"
    "C20001,L-1,2026-11-02,40000,-5,210\n",
    "EEXPENSES": "EMPLOYEEID,RECORDID,WHENCREATED,ACCOUNTLABEL,AMOUNT,LOCATIONID,DEPARTMENTID,ENTRY_DATE\n"
    "E0002,L-1,2026-11-02,Meals,94.55,310,110,2026-11-01\n",
    "SODOCUMENT": "DOCPARID,DOCNO,CUSTVENDID,WHENCREATED,WHENDUE,ITEMID,QUANTITY,UNIT,PRICE,LOCATIONID\n"
    "Sales Order,L-1,C20001,2026-11-02,2026-12-02,SERV-HR,2,Hour,100,210\n",
    "TIMESHEET": "EMPLOYEEID,BEGINDATE,ENTRYDATE,QTY,PROJECTID,LOCATIONID,DEPARTMENTID\n"
    "E0002,2026-11-02,2026-11-03,7.5,P-26-004,310,110\n",
    "SUPDOC": "SUPDOCID,SUPDOCNAME,SUPDOCFOLDERNAME\nL-1,Letter,Invoices\n",
    "SUPDOCFOLDER": "SUPDOCFOLDERNAME\nAudit 2026\n",
}


@pytest.mark.parametrize("name", list(KINDS))
def test_every_kind_that_it_has_is_made_once(desk: LoadScenario, called: list[str], name: str) -> None:
    if name == "SUPDOC":
        assert endings(desk, "SUPDOCFOLDERNAME\nInvoices\n", "SUPDOCFOLDER") == [RecordStatus.APPLIED]
    plan = desk.plan(KINDS[name], name)
    assert [str(one) for one in plan.records[0].reasons] == []
    posted = desk.load(KINDS[name], name)
    assert [str(fault) for one in posted for fault in one.faults] == []
    assert [one.status for one in posted] == [RecordStatus.APPLIED]
    before = len([one for one in called if one.startswith("create_")])
    assert endings(desk, KINDS[name], name) == [RecordStatus.UNCHANGED]
    assert len([one for one in called if one.startswith("create_")]) == before


@pytest.mark.parametrize("name", ["WAREHOUSE", "CONTRACT", "APPYMT", "EXCHANGERATE"])
def test_an_object_that_it_does_not_reach_is_refused_with_the_reason(
    desk: LoadScenario, called: list[str], name: str
) -> None:
    with pytest.raises(InvalidRequestError, match=r"document type 2\.1"):
        desk.plan("NAME\nX\n", name)


def lose_answers_of(desk: LoadScenario, start: str) -> None:
    """Every answer to a function of that name is lost after it was done, once."""
    lost: set[str] = set()

    def forgetful(endpoint: str, body: bytes) -> Reply:
        reply = desk.emulator(endpoint, body)
        names = {one.name for op in decode_request(body).operations for one in op.functions}
        if start not in lost and start in names:
            lost.add(start)
            raise ConnectionCutError("the answer was lost", sent=True)
        return reply

    desk.transport = forgetful


@pytest.mark.parametrize("mode", ["create", "update", "delete"])
@pytest.mark.parametrize("name", ["VENDOR", "APBILL"])
def test_a_lost_answer_is_settled_and_nothing_is_done_twice(desk: LoadScenario, name: str, mode: str) -> None:
    text = VENDORS if name == "VENDOR" else OWN_BILLS
    if name == "APBILL":
        endings(desk, VENDORS, "VENDOR")
    if mode != "create":
        endings(desk, text, name)
    wanted = text
    if mode == "update":
        wanted = text.replace("Bolt Ltd", "Bolt GmbH") if name == "VENDOR" else text.replace(",15,", ",16,")
    lose_answers_of(desk, f"{mode}_{'vendor' if name == 'VENDOR' else 'bill'}")
    first = desk.load(wanted, name, mode)
    again = desk.load(wanted, name, mode)
    assert desk.failed is None, desk.failed
    assert all(one.good for one in again), [(one.status, one.note) for one in (*first, *again)]
    left = own(desk, name)
    assert len(left) == (0 if mode == "delete" else 2)
    if mode == "update" and name == "VENDOR":
        assert [row["NAME"] for row in left] == ["Acme Paper", "Bolt GmbH"]
