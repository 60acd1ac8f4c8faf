"""The sub-ledgers tie to the ledger, or each part of the difference is named with its lines."""

import shutil
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from intacct_bridge.copies.copy import open_copy
from intacct_bridge.copies.views.tie_out import ControlAccount, TieOut, tie_out
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.xml.xml import parse
from support.copies.reported import Copy, duckdb_uri
from support.small_company import client

DAY, MONTH_END = date(2026, 11, 21), date(2026, 10, 31)
ENTITIES = {"1": "100", "2": "200", "3": "300"}
"""Locations of the demo company begin with the number of their entity."""
CONTROL = {"payables": ("20000", -1), "receivables": ("11000", 1)}


@pytest.fixture(scope="module")
def original(grown: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of four months of the demo company, revalued at the end of October."""
    path = tmp_path_factory.mktemp("tied")
    emulator = grown.clone()
    emulator.revalue(MONTH_END)
    Copy.of(emulator, duckdb_uri(path))
    emulator.close()
    return next(path.glob("*.duckdb"))


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(original, tmp_path / "copy.duckdb"))


@contextmanager
def altered(copy: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(copy)) as con:
        yield con


def tied(copy: Path, day: date = DAY) -> TieOut:
    with open_copy(str(copy)).open() as opened:
        return tie_out(opened, day)


def of(found: TieOut, side: str, entity: str) -> ControlAccount:
    (one,) = (one for one in found.controls if (one.side, one.entity) == (side, entity))
    return one


def test_every_control_account_ties_and_has_the_balance_of_the_ledger(original: Path) -> None:
    expected: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    with duckdb.connect(str(original), read_only=True) as con:
        for account, location, debit, credit in con.execute(
            "SELECT ACCOUNTNO, LOCATIONID, DEBITAMOUNT, CREDITAMOUNT FROM GLDETAIL WHERE BATCH_DATE <= ?", [DAY]
        ).fetchall():
            for side, (control, sign) in CONTROL.items():
                if account == control:
                    expected[side, ENTITIES[location[0]]] += sign * ((debit or 0) - (credit or 0))
    found = tied(original)
    assert {(one.side, one.entity): one.ledger for one in found.controls} == expected
    assert all(one.open_items == one.ledger for one in found.controls)
    assert found.ties
    assert not found.not_compared


def test_a_revaluation_explains_the_difference_of_its_day(original: Path) -> None:
    found = tied(original, MONTH_END)
    revalued = [one for one in found.controls if one.difference]
    assert revalued
    assert found.ties
    with duckdb.connect(str(original), read_only=True) as con:
        for one in revalued:
            (cause,) = one.causes
            assert cause.cause == "revaluation"
            account, sign = CONTROL[one.side]
            ((posted,),) = con.execute(
                "SELECT sum(DEBITAMOUNT - CREDITAMOUNT) FROM GLDETAIL WHERE ACCOUNTNO = ? AND BATCH_DATE = ? "
                "AND RECORDTYPE IS NULL AND LOCATIONID LIKE ?",
                [account, MONTH_END, f"{one.entity[0]}%"],
            ).fetchall()
            assert one.difference == cause.amount == sign * posted


def test_a_direct_journal_entry_is_named_with_its_line(copy: Path) -> None:
    with altered(copy) as con:
        con.execute(
            "INSERT INTO GLDETAIL SELECT * REPLACE ('999999' AS RECORDNO, NULL AS RECORDTYPE, NULL AS RECORDID, "
            "'Accrual of audit fees' AS DESCRIPTION) FROM GLDETAIL WHERE ACCOUNTNO = '20000' AND LOCATIONID LIKE '1%' "
            "AND RECORDTYPE = 'pi' ORDER BY RECORDNO LIMIT 1"
        )
        ((day, credit),) = con.execute(
            "SELECT BATCH_DATE, CREDITAMOUNT FROM GLDETAIL WHERE RECORDNO = '999999'"
        ).fetchall()
    found = tied(copy)
    one = of(found, "payables", "100")
    (cause,) = one.causes
    assert cause.cause == "direct journal entries"
    assert cause.amount == one.difference == credit
    assert not one.unexplained
    assert [(line.day, line.amount) for line in cause.lines] == [(day, credit)]
    assert "Accrual of audit fees" in cause.lines[0].name
    assert found.ties
    assert not of(found, "receivables", "100").difference


def test_another_document_on_the_control_account_is_named(copy: Path) -> None:
    with altered(copy) as con:
        con.execute(
            "UPDATE GLDETAIL SET ACCOUNTNO = '20000' WHERE RECORDNO = (SELECT min(RECORDNO) FROM GLDETAIL "
            "WHERE RECORDTYPE = 'ei' AND CREDITAMOUNT > 0)"
        )
    (one,) = (one for one in tied(copy).controls if one.difference)
    assert [cause.cause for cause in one.causes] == ["other documents"]
    assert not one.unexplained


@pytest.mark.slow
def test_an_advance_on_the_control_account_is_an_open_item_or_else_a_cause(grown: Emulator, tmp_path: Path) -> None:
    line = "<ARADVANCEITEM><ACCOUNTNO>11000</ACCOUNTNO><TRX_AMOUNT>250.00</TRX_AMOUNT><LOCATIONID>110</LOCATIONID>"
    head = "<FINANCIALENTITY>{bank}</FINANCIALENTITY><CUSTOMERID>{customer}</CUSTOMERID><PAYMENTMETHOD>EFT"
    days = "</PAYMENTMETHOD><PAYMENTDATE>11/20/2026</PAYMENTDATE><RECEIPTDATE>11/20/2026</RECEIPTDATE>"
    emulator = grown.clone()
    with client(emulator) as signed_in:
        (bank, *_) = signed_in.query("CHECKINGACCOUNT", "BANKACCOUNTID", where="LOCATIONID = '100'")
        (customer, *_) = signed_in.query("CUSTOMER", "CUSTOMERID", where="CURRENCY = 'USD'")
        start = head.format(bank=bank["BANKACCOUNTID"], customer=customer["CUSTOMERID"])
        text = f"<create><ARADVANCE>{start}{days}<ARADVANCEITEMS>{line}</ARADVANCEITEM></ARADVANCEITEMS></ARADVANCE>"
        (answer,) = signed_in.call(parse(f"{text}</create>".encode()))
    assert answer.status == "success", answer
    made = Copy.of(emulator, duckdb_uri(tmp_path))
    emulator.close()
    copy = Path(made.uri.removeprefix("duckdb:"))
    whole = tied(copy)
    assert whole.ties
    assert not any(one.difference for one in whole.controls)
    with altered(copy) as con:
        con.execute("DROP TABLE ARADVANCE")
    (one,) = (one for one in tied(copy).controls if one.difference)
    assert (one.side, one.entity, one.difference) == ("receivables", "100", Decimal(-250))
    assert [(cause.cause, cause.amount, cause.count) for cause in one.causes] == [("advances", Decimal(-250), 1)]
    assert not one.unexplained


@pytest.mark.slow
def test_an_invoice_with_another_amount_is_unexplained_and_named(copy: Path) -> None:
    with altered(copy) as con:
        ((key, number),) = con.execute(
            "SELECT RECORDNO, RECORDID FROM ARINVOICE WHERE STATE = 'Posted' AND CURRENCY = 'USD' AND BASECURR = 'USD' "
            "ORDER BY RECORDNO DESC LIMIT 1"
        ).fetchall()
        more = ", ".join(
            f"{name} = {name} + 5" for name in ("TOTALENTERED", "TRX_TOTALENTERED", "TOTALDUE", "TRX_TOTALDUE")
        )
        con.execute(f"UPDATE ARINVOICE SET {more} WHERE RECORDNO = ?", [key])
    found = tied(copy)
    assert not found.ties
    (one,) = (one for one in found.controls if one.difference)
    assert (one.side, one.difference, one.unexplained) == ("receivables", Decimal(-5), Decimal(-5))
    (suspect,) = one.suspects
    assert number in suspect.name
    assert suspect.amount == Decimal(-5)
    with altered(copy) as con:  # the same five are retained
        con.execute("UPDATE ARINVOICE SET TOTALRETAINED = 5 WHERE RECORDNO = ?", [key])
    (retained,) = (one for one in tied(copy).controls if one.difference)
    assert [(cause.cause, cause.amount) for cause in retained.causes] == [("retainage", Decimal(-5))]
    assert not retained.unexplained


def test_a_missing_payment_is_unexplained(copy: Path) -> None:
    with altered(copy) as con:
        ((key, amount),) = con.execute(
            "SELECT PAYMENTKEY, sum(PAYMENTAMOUNT + coalesce(DISCOUNTAMOUNT, 0)) FROM APPYMTDETAIL "
            "WHERE ADJUSTMENTKEY IS NULL GROUP BY 1 ORDER BY 1 LIMIT 1"
        ).fetchall()
        con.execute("DELETE FROM APPYMTDETAIL WHERE PAYMENTKEY = ?", [key])
    (one,) = (one for one in tied(copy).controls if one.difference)
    assert (one.side, one.unexplained) == ("payables", -amount)


def test_a_copy_without_documents_has_nothing_to_tie(copy: Path) -> None:
    with altered(copy) as con:
        con.execute("DROP TABLE APBILL")
    found = tied(copy)
    assert {one.side for one in found.controls} == {"receivables"}
    assert found.not_compared == ("payables: the copy has no APBILL",)
