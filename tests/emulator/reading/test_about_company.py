"""Aging, and smaller reads about the company."""

from decimal import Decimal

import pytest

from intacct_emulator.server.gateway import Emulator
from support.emulator.calls import data, faults
from support.emulator.ledger_checks import RECEIVABLES, balances, due


def test_aging_adds_up_to_what_is_due(demo: Emulator) -> None:
    asked = "<asofdate><year>2026</year><month>11</month><day>21</day></asofdate><useduedate>true</useduedate>"
    page = data(demo, f"<get_araging>{asked}</get_araging>")
    amounts = [Decimal(each.findtext("amount")) for row in page for each in row.findall("aging")]
    assert sum(amounts) == due(demo.company(), "ARINVOICE", "ARADJUSTMENT") - due(demo.company(), "ARPYMT")
    assert sum(amounts) == balances(demo.company())[RECEIVABLES]
    assert "Invalid aging period" in faults(demo, "<get_araging><agingperiods>x</agingperiods></get_araging>")[0].text


@pytest.mark.parametrize(
    "function",
    [
        "<getDimensionRestrictions/>", "<getDimensionAutofillDetails/>", "<getVendorsToApprove/>",
        "<getTransactionsToApprove><module>AP</module></getTransactionsToApprove>", "<getDdsObjects/>",
        "<getDdsDdl><object>CUSTOMER</object></getDdsDdl>", "<get_closedbooksdate/>", "<get_applications/>",
        '<get_companyprefs application="GL"/>', "<getUserPermissions><userId>demo-user</userId></getUserPermissions>",
    ],
)  # fmt: skip
def test_all_of_these_are_answered(demo: Emulator, function: str) -> None:
    assert data(demo, function).tag == "data"


@pytest.mark.parametrize(
    ("accounts", "lengths"), [((), ("4", "0")), (("60000", "61000"), ("5", "0")), (("6000", "6000-120"), ("4", "3"))]
)
def test_the_general_preferences_are_those_of_the_page(accounts: tuple[str, ...], lengths: tuple[str, str]) -> None:
    # Sage, subscriptions: the names for GEN, and the three elements of a preference
    emulator = Emulator.empty()
    for number in accounts:
        emulator.company().table("GLACCOUNT").insert({"ACCOUNTNO": number, "TITLE": "T"})
    found = list(data(emulator, '<get_companyprefs application="GEN"/>'))
    assert {tuple(cell.tag for cell in one) for one in found} == {("application", "preference", "prefvalue")}
    assert {one.findtext("application") for one in found} == {"GEN"}
    assert [one.findtext("preference") for one in found] == [
        "PRIMARY_ACCTNO_LENGTH", "ACCTNO_SEPARATOR", "SUBACCTNO_LENGTH", "FISCAL_FIRST_MONTH", "FISCAL_FIRST_MONTH_TAX",
        "WEEK_START", "CUSTOM_ACCOUNTING_PERIODS", "PACKAGE_TYPE",
    ]  # fmt: skip
    values = [one.findtext("prefvalue") for one in found]
    assert ((values[0], values[2]), values[3], values[5], values[6]) == (lengths, "1", "1", "F")
