"""Every kind of record: file, plan, load, the company's ledger, receipt, and a second run that posts nothing."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from intacct_bridge.load.plan.plan import Verdict
from intacct_bridge.load.records.status import RecordStatus
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import InvalidRequestError
from support.journeys.kinds import KINDS, Kind
from support.journeys.objects import LoadScenario, sent_by

FUNCTION_ONLY = ("SUPDOC", "SUPDOCFOLDER", "EMPLOYEERATE")
"""Kept beside the emulator's tables."""


@pytest.fixture(scope="module")
def grown(two_years: Emulator) -> Emulator:
    return two_years


@pytest.fixture
def desk(tmp_path: Path, demo: Emulator) -> LoadScenario:
    return LoadScenario(tmp_path, demo)


def numbers(desk: LoadScenario, kind: Kind) -> dict[str, int]:
    """The next number of every table that the kind touches."""
    names = {kind.object, *kind.lines, "GLENTRY"} - set(FUNCTION_ONLY)
    return {name: desk.emulator.company().table(name).next_number() for name in names}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_is_planned_loaded_and_never_loaded_twice(desk: LoadScenario, kind: Kind) -> None:
    loaded_as = kind.as_name or kind.object
    if kind.object == "SUPDOC":
        desk.load("SUPDOCFOLDERNAME\nInvoices\n", "SUPDOCFOLDER")
    before = numbers(desk, kind)

    plan = desk.plan(kind.text, loaded_as, name=kind.file, draft=kind.draft)
    assert [str(reason) for one in plan.records for reason in one.reasons] == []
    assert [one.verdict for one in plan.records] == [Verdict.CREATE] * kind.count
    assert plan.transactions == kind.count

    sent = sent_by(desk)
    outcomes = desk.load(kind.text, loaded_as, name=kind.file, draft=kind.draft)
    assert [str(fault) for one in outcomes for fault in one.faults] == []
    assert [one.status for one in outcomes] == [RecordStatus.APPLIED] * kind.count
    assert all(one.receipt is not None and one.receipt.record for one in outcomes)
    assert sent.total() == kind.count

    again = desk.load(kind.text, loaded_as, name=kind.file, draft=kind.draft)
    assert [one.status for one in again] == [RecordStatus.UNCHANGED] * kind.count
    assert [one.receipt for one in again] == [one.receipt for one in outcomes]
    assert sent.total() == kind.count, "the second run sent nothing"
    _check_company(desk, kind, before)


def _check_company(desk: LoadScenario, kind: Kind, before: Mapping[str, int]) -> None:
    books = desk.emulator.company()
    new = {name: [row for _, row in books.table(name).rows("id >= ?", (first,))] for name, first in before.items()}
    if kind.object not in FUNCTION_ONLY:
        held = new[kind.object][kind.count - 1]
        assert {name: held.get(name) for name in kind.holds} == kind.holds
    for name, count in kind.lines.items():
        assert len(new[name]) == count
    if any(row.get("STATISTICAL") == "T" for row in new["GLENTRY"]):
        return
    posted = [row for row in new["GLENTRY"] if row.get("STATE") == "Posted"]
    debits, credits = (sum(Decimal(row["AMOUNT"]) for row in posted if row["TR_TYPE"] == side) for side in ("1", "-1"))
    assert debits == credits
    if kind.posts:
        assert debits == Decimal(kind.posts)


def test_custom_objects_are_changed_and_deleted_by_their_id(desk: LoadScenario) -> None:
    (made,) = desk.load("name,FUND_CODE,RESTRICTED\nBridge Fund,F09,true\n", "FUND")
    assert made.receipt is not None
    key = made.receipt.record
    changed = f"id,name\n{key},Road Fund\n"
    assert [one.status for one in desk.load(changed, "FUND", "update")] == [RecordStatus.APPLIED]
    assert [one.status for one in desk.load(changed, "FUND", "update")] == [RecordStatus.UNCHANGED]
    assert [row["name"] for row in desk.rows("FUND") if row["id"] == key] == ["Road Fund"]
    assert [one.status for one in desk.load(f"id\n{key}\n", "FUND", "delete")] == [RecordStatus.APPLIED]
    assert [row for row in desk.rows("FUND") if row["id"] == key] == []


def test_attachments_change_and_go_by_their_own_functions(desk: LoadScenario) -> None:
    desk.load("SUPDOCFOLDERNAME\nInvoices\n", "SUPDOCFOLDER")
    desk.load("SUPDOCID,SUPDOCNAME,SUPDOCFOLDERNAME\nK-A1,Letter,Invoices\n", "SUPDOC")
    renamed = "SUPDOCID,SUPDOCNAME\nK-A1,Contract\n"
    plan = desk.plan(renamed, "SUPDOC", "update")
    assert [[str(change) for change in one.changes] for one in plan.records] == [["SUPDOCNAME: Letter -> Contract"]]
    assert [one.status for one in desk.load(renamed, "SUPDOC", "update")] == [RecordStatus.APPLIED]
    assert [one.status for one in desk.load(renamed, "SUPDOC", "update")] == [RecordStatus.UNCHANGED]
    assert [one.status for one in desk.load("SUPDOCID\nK-A1\n", "SUPDOC", "delete")] == [RecordStatus.APPLIED]
    assert [one.verdict for one in desk.plan("SUPDOCID\nK-A1\n", "SUPDOC", "update").records] == [Verdict.REFUSED]


def test_rates_of_employees_are_made_and_refused_to_change_since_nobody_lists_them(desk: LoadScenario) -> None:
    rows = "EMPLOYEEID,RATESTARTDATE,BILLINGRATE\nE0002,2026-11-01,150.25\n"
    desk.load(rows, "EMPLOYEERATE")
    with pytest.raises(InvalidRequestError, match="no function of the gateway reads EMPLOYEERATE"):
        desk.plan(rows, "EMPLOYEERATE", "update")


def test_a_deposit_takes_receipts_out_of_undeposited_funds(desk: LoadScenario) -> None:
    (receipt,) = desk.load(
        "CUSTOMERID,PAYMENTMETHOD,RECEIPTDATE,CURRENCY,UNDEPOSITEDACCOUNTNO,ARPYMTDETAIL.RECORDKEY,"
        "ARPYMTDETAIL.TRX_PAYMENTAMOUNT\nC20014,Printed Check,2026-11-20,USD,10090,4433,251.64\n",
        "ARPYMT",
    )
    assert receipt.receipt is not None
    deposit = Kind(
        "deposits",
        "DEPOSIT",
        "FINANCIALENTITY,WHENCREATED,DEPOSITID,DESCRIPTION,RECEIPTKEYS.RECORDNO\n"
        f"CHK-FLD,2026-11-21,K-DEP,Friday,{receipt.receipt.record}\n",
        {"DEPOSITID": "K-DEP", "TRX_TOTALENTERED": "251.64"},
        {"DEPOSITENTRY": 1},
        posts="251.64",
    )
    test_a_kind_is_planned_loaded_and_never_loaded_twice(desk, deposit)


@pytest.mark.parametrize(
    ("column", "cell", "rule"),
    [
        ("JOURNALSEQNO", "7", "readonly"),
        ("TAXIMPLICATIONS", "Perhaps", "listed"),
        ("BILLABLE", "maybe", "value"),
        ("EXCH_RATE_DATE", "31/31/2026", "date"),
        ("CLASSID", "K-404", "reference"),
    ],
)
def test_what_the_catalogue_says_of_journal_entries_is_checked_by_the_input_s_own_columns(
    desk: LoadScenario, column: str, cell: str, rule: str
) -> None:
    head, *lines = next(kind for kind in KINDS if kind.name == "normal journal entries").text.splitlines()
    text = "\n".join([f"{head},{column}", *(f"{line},{cell}" for line in lines)]) + "\n"
    (record,) = desk.plan(text, "journal-entries").records
    assert record.verdict is Verdict.REFUSED
    assert {(one.rule, one.column) for one in record.reasons} == {(rule, column)}, record.reasons
