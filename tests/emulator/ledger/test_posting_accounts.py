"""The accounts that documents post to without naming them, in companies of every shape."""

from collections.abc import Callable

import pytest

from intacct_emulator.server.gateway import Emulator
from support.emulator.calls import data, faults, one, query, rows
from support.emulator.own_company import ACCOUNTS, POSTING, OwnCompany
from support.emulator.own_records import bill, detail, expense, invoice, journal, key_of, payment, trial_balance


def without(role: str) -> OwnCompany:
    return OwnCompany(posting={name: account for name, account in POSTING.items() if name != role})


def unmarked(number: str) -> OwnCompany:
    title, normal, _ = ACCOUNTS[number]
    return OwnCompany(accounts={**ACCOUNTS, number: (title, normal, "")})


def test_an_expense_report_credits_employee_payables() -> None:
    emulator = OwnCompany().emulator()
    key_of(emulator, expense("12.50"))
    assert detail(emulator) == [["6100", "12.5"], ["2030", "-12.5"]]


@pytest.mark.parametrize(
    ("company", "function", "account"),
    [
        (without("employee_payables"), expense("5"), "employee payables"),
        (unmarked("2000"), bill("5"), "payables"),
        (unmarked("1100"), invoice("5"), "receivables"),
    ],
)
def test_an_account_that_is_not_set_up_is_named(company: OwnCompany, function: str, account: str) -> None:
    emulator = company.emulator()
    assert faults(emulator, function)[0].description2 == f"The account for {account} is not set up."
    assert data(emulator, query("GLDETAIL", "RECORDNO")).get("totalcount") == "0"


def test_the_accounts_for_rounding_and_exchange_are_named() -> None:
    """10.01 + 10.01 euros at 1.5 are 15.02 + 15.02, and the sum of 20.02 is 30.03."""
    body = bill("10.01", CURRENCY="EUR", EXCHANGE_RATE="1.5")
    line = body[body.index("<APBILLITEM>") : body.index("</APBILLITEMS>")]
    function = body.replace(line, line * 2)
    assert faults(without("rounding").emulator(), function)[0].description2 == (
        "The account for rounding is not set up."
    )
    emulator = without("exchange").emulator()
    key = key_of(emulator, bill("10", CURRENCY="EUR", EXCHANGE_RATE="1.5"))
    paid = payment(key, "10", CURRENCY="EUR").replace(
        "<APPYMTDETAILS>", "<EXCHANGE_RATE>1.4</EXCHANGE_RATE><APPYMTDETAILS>"
    )
    assert faults(emulator, paid)[0].description2 == "The account for exchange gain and loss is not set up."
    emulator = OwnCompany().emulator()
    key_of(emulator, function)
    assert detail(emulator) == [["6000", "15.02"], ["6000", "15.02"], ["2000", "-30.03"], ["7195", "-0.01"]]


PLAIN = ("6000 D 5", "1000 C 5")


@pytest.mark.parametrize("entities", [{}, {"UK": "GBP"}])
@pytest.mark.parametrize("enter", [lambda: journal(*PLAIN, location=""), lambda: bill("5", location="")])
def test_a_company_with_one_entity_or_none_needs_no_location(
    entities: dict[str, str], enter: Callable[[], str]
) -> None:
    emulator = OwnCompany(entities).emulator()
    key_of(emulator, enter())
    found = rows(data(emulator, query("GLENTRY", "ACCOUNTNO BASECURR LOCATIONKEY")))
    assert {row["BASECURR"] for row in found} == {entities.get("UK", "USD")}
    assert found[0]["LOCATIONKEY"] == ""


def test_with_one_entity_lines_without_a_location_belong_to_it() -> None:
    """A bill without a location is paid from the entity's bank, without accounts between entities."""
    emulator = OwnCompany({"UK": "GBP"}).emulator()
    key = key_of(emulator, bill("5", location=""))
    key_of(emulator, payment(key, "5", bank="BANK-UK", CURRENCY="GBP"))
    assert detail(emulator, "ACCOUNTNO AMOUNT CURRENCY") == [
        ["6000", "5", "GBP"],
        ["2000", "-5", "GBP"],
        ["2000", "5", "GBP"],
        ["1000", "-5", "GBP"],
    ]
    found = trial_balance(emulator, "2026-11-01", "2026-11-30", "<locationid>UK</locationid>")
    assert {account: str(row[3]) for account, row in found.items()} == {"1000": "-5", "2000": "0", "6000": "5"}


def test_with_several_entities_a_location_is_required(own: Emulator) -> None:
    for function in (journal(*PLAIN, location=""), bill("5", location="")):
        assert faults(own, function)[0].description2 == "Location is required in a company of several entities."
    assert one(own, journal(*PLAIN)).status == "success"


@pytest.fixture
def own() -> Emulator:
    return OwnCompany({"US": "USD", "UK": "GBP"}).emulator()
