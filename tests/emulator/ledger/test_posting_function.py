"""The posting function: each rule of `validate`, one writer for every posting, and one list of dimensions."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from intacct_emulator.ledger import posting_function
from intacct_emulator.ledger.dimensions import DIMENSIONS, ID_FIELDS
from intacct_emulator.ledger.ledger import Ledger
from intacct_emulator.ledger.periods import OpenPeriods
from intacct_emulator.ledger.posting import Posting, PostingLine, PostingRules
from intacct_emulator.ledger.posting_function import PostingPolicy, validate
from intacct_emulator.ledger.posting_rows import Batch, Directory
from intacct_emulator.records.references import REFERENCES
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.refusals import FunctionRefusedError
from intacct_emulator.store.store import StoreTable
from support.emulator.calls import data, element, entry, one, query, rows
from support.emulator.random_user import RandomUser

D = Decimal
POLICY = PostingPolicy(
    Directory(
        accounts={"6000": (1, "Rent"), "1000": (2, "Bank"), "2401": (3, "Due to A"), "1402": (4, "Due from B")},
        departments={"10": (1, "Office")},
        locations={"A": (1, "A"), "B": (2, "B")},
        dimensions={one.name: {"1": (1, "One")} for one in DIMENSIONS},
        rules=PostingRules(
            entity_of={"A": "A", "B": "B"},
            base_currency={"A": "USD", "B": "USD"},
            due_from={},
            due_to={},
            payables="",
            receivables="",
            employee_payables="",
            undeposited_funds="",
            exchange="",
            rounding_account="",
        ),
    ),
    books=("ACCRUAL", "CASH"),
    open_periods=OpenPeriods({("A", "GL"): date(2026, 2, 1), ("B", "GL"): date(2026, 3, 1)}),
    dimensions=("GLDIMFUND",),
)
BATCH = Batch("GJ", date(2026, 2, 10), "Rent")
DEBIT = PostingLine("6000", "A", D("10.00"), D("10.00"), "USD", "10", dimensions={"VENDOR": "1", "GLDIMFUND": "7"})
CREDIT = PostingLine("1000", "A", D("-10.00"), D("-10.00"), "USD")


def test_a_posting_that_keeps_every_rule_is_valid() -> None:
    validate(Posting((DEBIT, CREDIT)), BATCH, POLICY)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"account": ""}, "The bank, card or item of this transaction has no ledger account."),
        ({"account": "9999"}, "Invalid GL Account '9999' specified."),
        ({"department": "99"}, "Invalid Department '99' specified."),
        ({"location": "Z"}, "Invalid Location 'Z' specified."),
        ({"location": "B"}, "The date 02/10/2026 is in a closed period: the books of entity B are open from"),
        ({"dimensions": {"VENDOR": "9"}}, "Invalid Vendor '9' specified."),
        ({"dimensions": {"GLDIMAREA": "9"}}, "GLDIMAREA is not a dimension of this company."),
        ({"amount": D("10.01")}, "out of balance by 0.01"),
        ({"trx_amount": D("10.01")}, "debits 10.01, credits 10.00 USD"),
        ({"amount": D("10.005"), "trx_amount": D("10.005")}, "The amount 10.005 of account 6000 has more digits"),
    ],
)
def test_a_posting_that_breaks_a_rule_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(FunctionRefusedError) as refused:
        validate(Posting((replace(DEBIT, **changes), CREDIT)), BATCH, POLICY)
    assert message in refused.value.faults[0].description2


def test_each_entity_must_balance_not_only_the_whole() -> None:
    across = Posting((DEBIT, replace(CREDIT, location="B")))
    with pytest.raises(FunctionRefusedError, match=r"debits 10\.00, credits 0\.00 USD"):
        validate(across, replace(BATCH, date=date(2026, 3, 10)), POLICY)


def test_a_closed_period_of_the_owning_entity_counts_without_a_line_in_it() -> None:
    with pytest.raises(FunctionRefusedError, match="the books of entity B"):
        validate(Posting((DEBIT, CREDIT)), replace(BATCH, entity="B"), POLICY)


def test_a_book_that_the_company_does_not_keep_is_refused() -> None:
    with pytest.raises(FunctionRefusedError, match="does not keep the book 'GAAP'"):
        validate(Posting((DEBIT, CREDIT)), replace(BATCH, books=("GAAP",)), POLICY)


def test_shares_in_the_cash_book_balance_in_base_currency_only() -> None:
    lines = (replace(DEBIT, trx_amount=D("9.99")), CREDIT)
    validate(Posting(lines, "CASH"), BATCH, POLICY)


def test_statistical_lines_have_no_other_side() -> None:
    validate(Posting((DEBIT,)), replace(BATCH, statistical=True), POLICY)


def test_every_dimension_of_the_ledger_is_a_reference_to_its_object() -> None:
    assert {one.id_field: REFERENCES[one.id_field].objects for one in DIMENSIONS} == {
        one.id_field: (one.name,) for one in DIMENSIONS
    }
    assert set(ID_FIELDS) <= REFERENCES.keys()


# --- one writer

LEDGER_TABLES = ("GLBATCH", "GLENTRY", "GLDETAIL")
BILL = element(
    "APBILL",
    WHENCREATED="11/16/2026",
    WHENDUE="12/16/2026",
    VENDORID="V10001",
    APBILLITEMS=element(
        "APBILLITEM", ACCOUNTNO="60300", TRX_AMOUNT="100", LOCATIONID="110", DEPARTMENTID="100", GLDIMFUND="10001"
    ),
)


@contextmanager
def writers() -> Iterator[set[str]]:
    """Collect the modules that write rows of the ledger's objects, or the ledger itself."""
    found: set[str] = set()
    with pytest.MonkeyPatch.context() as patch:
        for owner, method in (*((StoreTable, name) for name in ("insert", "update", "delete")), (Ledger, "post")):
            patch.setattr(owner, method, _observed(getattr(owner, method), found))
        yield found


def _observed(original: Any, found: set[str]) -> Any:
    def observed(self: Any, *values: Any) -> Any:
        if isinstance(self, Ledger) or self.name in LEDGER_TABLES:
            found.add(sys._getframe(1).f_globals["__name__"])
        return original(self, *values)

    return observed


def test_journals_and_documents_are_written_by_the_posting_function_alone(demo: Emulator) -> None:
    lines = ("60100 D 100.00 DEPARTMENT=100", "10010 C 100.00")
    with writers() as found:
        key = data(demo, entry(*lines)).children[0].findtext("RECORDNO")
        for change in ({"BATCH_TITLE": "Renamed"}, {"BATCH_DATE": "11/20/2026"}):
            assert one(demo, f"<update>{element('GLBATCH', RECORDNO=key, **change)}</update>").status == "success"
        assert one(demo, f"<delete><object>GLBATCH</object><keys>{key}</keys></delete>").status == "success"
        bill = data(demo, f"<create>{BILL}</create>").children[0].findtext("RECORDNO")
        changed = element("APBILL", RECORDNO=bill, DESCRIPTION="Changed")
        assert one(demo, f"<update>{changed}</update>").status == "success"
        assert one(demo, f"<delete><object>APBILL</object><keys>{bill}</keys></delete>").status == "success"
    assert found == {posting_function.__name__}


def test_every_kind_of_document_is_written_by_the_posting_function_alone(demo: Emulator) -> None:
    user = RandomUser(demo)
    with writers() as found:
        user.bill("100.00", "110", "20.00", "210", {})
        user.pay(0, "50.00", "CHK-FLD", all_of_it=False)
        user.check("12.00")
        user.reverse("reverse_appayment", "pay", 0)
        user.reverse("reverse_bill", "bill", 0)
        user.invoice("80.00")
        user.receive(0, "80.00", "5.00", waits=True)
        user.deposit(0, "CHK-INS")
        user.advance("30.00", "10.00")
        user.credit("7.00")
        user.credit_customer("7.00")
        for single in (user.card, user.other, user.expense):
            single("9.00")
        user.purchase(0, 3, "11.00")
        user.order("Sales Invoice", 0, 2, "19.00", 0)
        user.delete("DEPOSIT", "deposit", 0)
        user.journal("15.00", "210", "Posted")
    assert user.refused == []
    assert found == {posting_function.__name__}


@pytest.mark.parametrize(
    "function",
    [
        f"<create>{BILL}</create>",
        entry("60300 D 100 DEPARTMENT=100 GLDIMFUND=10001", "10010 C 100", day="11/16/2026"),
    ],
)
def test_a_user_defined_dimension_reaches_the_detail_of_journals_and_of_documents(
    demo: Emulator, function: str
) -> None:
    account = "<equalto><field>ACCOUNTNO</field><value>60300</value></equalto>"
    day = "<equalto><field>BATCH_DATE</field><value>11/16/2026</value></equalto>"
    detail = query("GLDETAIL", "GLDIMFUND AMOUNT", f"<and>{account}{day}</and>")
    before = rows(data(demo, detail))
    data(demo, function)
    assert [row for row in rows(data(demo, detail)) if row not in before] == [{"GLDIMFUND": "10001", "AMOUNT": "100"}]
