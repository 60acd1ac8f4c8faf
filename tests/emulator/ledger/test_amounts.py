"""Amounts with more digits than their currency: rounded to its decimals, by a setting, in every kind of posting.

Amounts with more digits before the point than a record holds are refused, and sums of the largest ones are exact.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.behaviour import Behaviour
from support.emulator.calls import data, element, faults, one, query, rows
from support.emulator.ledger_checks import balances
from support.emulator.own_company import OwnCompany
from support.emulator.own_records import span

RENT = "<equalto><field>ACCOUNTNO</field><value>6000</value></equalto>"


def journal(amount: str, location: str, **more: str) -> str:
    line = {"TRX_AMOUNT": amount, "LOCATION": location, **more}
    lines = element("GLENTRY", ACCOUNTNO="6000", TR_TYPE=1, **line) + element(
        "GLENTRY", ACCOUNTNO="1000", TR_TYPE=-1, **line
    )
    head = {"JOURNAL": "GJ", "BATCH_DATE": "11/10/2026", "BATCH_TITLE": "T"}
    return f"<create>{element('GLBATCH', **head, ENTRIES=lines)}</create>"


def bill(amount: str, location: str, **more: str) -> str:
    line = element("APBILLITEM", ACCOUNTNO="6000", TRX_AMOUNT=amount, LOCATIONID=location)
    head = {"VENDORID": "V1", "WHENCREATED": "11/10/2026", "WHENDUE": "12/10/2026", **more}
    return f"<create>{element('APBILL', **head, APBILLITEMS=line)}</create>"


Entered = Callable[[str, str], str]


def posted(emulator: Emulator) -> list[str]:
    return [row["AMOUNT"] for row in rows(data(emulator, query("GLDETAIL", "AMOUNT", RENT)))]


@pytest.mark.parametrize(
    ("rounding", "amount", "expected"),
    [
        ("half up", "0.30000000000000004", "0.3"),  # 0.1 + 0.2 in binary floating point
        ("half up", "2.675", "2.68"),
        ("half up", "2.665", "2.67"),
        ("half up", "2.674999999999999999", "2.67"),
        ("half even", "2.665", "2.66"),
        ("half even", "2.675", "2.68"),
        ("half down", "2.675", "2.67"),
        ("down", "2.679", "2.67"),
    ],
)
@pytest.mark.parametrize("entered", [journal, bill])
def test_amounts_are_rounded_by_the_setting(entered: object, rounding: Any, amount: str, expected: str) -> None:
    emulator = OwnCompany(behaviour=Behaviour(rounding=rounding)).emulator()
    result = one(emulator, entered(amount, "US"))  # type: ignore[operator]
    assert result.status == "success", result.faults
    assert posted(emulator) == [expected]


@pytest.mark.parametrize("entered", [journal, bill])
@pytest.mark.parametrize(
    ("location", "amount", "expected"),
    [("JP", "1050.5", "1051"), ("KW", "1.2345", "1.235"), ("US", "1.2345", "1.23"), ("JP", "1050.49", "1050")],
)
def test_a_currency_has_its_own_decimals(entered: object, location: str, amount: str, expected: str) -> None:
    company = OwnCompany({"US": "USD", "JP": "JPY", "KW": "KWD"}, decimals={"JPY": 0, "KWD": 3})
    emulator = company.emulator()
    result = one(emulator, entered(amount, location))  # type: ignore[operator]
    assert result.status == "success", result.faults
    assert posted(emulator) == [expected]


def test_converted_amounts_have_the_decimals_of_the_base_currency() -> None:
    """101.05 USD at 148.5 yen are 15005.925 yen."""
    emulator = OwnCompany({"JP": "JPY"}, decimals={"JPY": 0}).emulator()
    result = one(emulator, bill("101.05", "JP", CURRENCY="USD", EXCHANGE_RATE="148.5"))
    assert result.status == "success", result.faults
    found = rows(data(emulator, query("GLDETAIL", "ACCOUNTNO AMOUNT TRX_AMOUNT CURRENCY")))
    assert [list(row.values()) for row in found] == [
        ["6000", "15006", "101.05", "USD"],
        ["2000", "-15006", "-101.05", "USD"],
    ]


def test_a_partial_payment_is_converted_to_whole_yen() -> None:
    """A third of 15006 yen is 5002, of 100 yen 33.33, so 33 and 67."""
    emulator = OwnCompany({"JP": "JPY"}, decimals={"JPY": 0}).emulator()
    key = data(emulator, bill("3", "JP", CURRENCY="USD", EXCHANGE_RATE="33.3333")).children[0].findtext("RECORDNO")
    for dollars in ("1", "2"):
        detail = element("APPYMTDETAIL", RECORDKEY=key, TRX_PAYMENTAMOUNT=dollars)
        head = {"FINANCIALENTITY": "BANK-JP", "VENDORID": "V1", "PAYMENTMETHOD": "EFT", "CURRENCY": "USD"}
        pay = element(
            "APPYMT", **head, PAYMENTDATE="11/20/2026", EXCH_RATE_DATE="11/20/2026", APPYMTDETAILS=detail
        ).replace("<APPYMTDETAILS>", "<EXCHANGE_RATE>33</EXCHANGE_RATE><APPYMTDETAILS>")
        result = one(emulator, f"<create>{pay}</create>")
        assert result.status == "success", result.faults
    payables = "<equalto><field>ACCOUNTNO</field><value>2000</value></equalto>"
    assert [row["AMOUNT"] for row in rows(data(emulator, query("GLDETAIL", "AMOUNT", payables)))] == [
        "-100",
        "33",
        "67",
    ]
    asked = (
        f"<get_accountbalances>{span('2026-11-01', '2026-11-30')}<glaccountno>2000</glaccountno></get_accountbalances>"
    )
    assert [row["endbalance"] for row in rows(data(emulator, asked))] == ["0"]


LARGEST = "99999999999999.99"


@pytest.mark.parametrize("entered", [journal, bill])
@pytest.mark.parametrize("amount", ["100000000000000", "-9223372036854775.80", "1e17", "1" + "0" * 26])
def test_an_amount_with_more_than_14_digits_before_the_point_is_refused(entered: Entered, amount: str) -> None:
    emulator = OwnCompany().emulator()
    first, *_ = faults(emulator, entered(amount, "US"))
    assert (first.errorno, first.correction) == (
        "BL03000018",
        "Enter a number with at most 14 digits before the point.",
    )
    assert amount in first.text
    assert emulator.incidents == []
    assert posted(emulator) == []


def test_an_amount_that_a_rate_makes_too_large_is_refused() -> None:
    emulator = OwnCompany({"US": "USD", "GB": "GBP"}).emulator()
    for rate in ("1000", "99999999999999"):
        rated = bill(LARGEST, "US", CURRENCY="GBP", EXCHANGE_RATE=rate, EXCH_RATE_DATE="11/10/2026")
        first, *_ = faults(emulator, rated)
        assert first.errorno == "BL03000018"
        assert "has more than 14 digits before the point" in first.text
    assert emulator.incidents == []
    assert posted(emulator) == []


def test_balances_of_many_largest_amounts_are_exact() -> None:
    emulator = OwnCompany().emulator()
    for number in range(12):
        assert one(emulator, bill(LARGEST, "US", RECORDID=f"B-{number}")).status == "success"
    assert balances(emulator.company())["6000"] == 12 * Decimal(LARGEST)
    assert emulator.incidents == []
