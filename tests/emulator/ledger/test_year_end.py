"""The end of a fiscal year: income and costs begin at zero, and retained earnings have the result. Sums by hand."""

from dataclasses import replace
from decimal import Decimal

import pytest

from intacct_emulator.settings.behaviour import Behaviour
from support.emulator.calls import data, rows
from support.emulator.own_company import ACCOUNTS, OwnCompany
from support.emulator.own_records import journal, key_of, span, trial_balance

D = Decimal
OLD = (("2025-12-30", ("1000 D 100", "4000 C 100")), ("2025-12-31", ("6000 D 40", "1000 C 40")))
NEW = ("2026-01-02", ("1000 D 10", "4000 C 10"))


def test_a_new_year_begins_with_its_result_in_retained_earnings() -> None:
    """Sales 100 less rent 40 in 2025 are a result of 60."""
    emulator = OwnCompany().emulator()
    for day, lines in (*OLD, NEW):
        key_of(emulator, journal(*lines, day=day))
    december = trial_balance(emulator, "2025-12-01", "2025-12-31")
    assert december == {
        "1000": (D(0), D(100), D(40), D(60)),
        "4000": (D(0), D(0), D(100), D(-100)),
        "6000": (D(0), D(40), D(0), D(40)),
    }
    january = trial_balance(emulator, "2026-01-01", "2026-01-31")
    assert january == {
        "1000": (D(60), D(10), D(0), D(70)),
        "3000": (D(-60), D(0), D(0), D(-60)),
        "4000": (D(0), D(0), D(10), D(-10)),
    }
    february = trial_balance(emulator, "2026-02-01", "2026-02-28")
    assert february["4000"] == (D(-10), D(0), D(0), D(-10))
    assert sum(row[0] for row in january.values()) == 0


def test_balances_can_run_on_by_a_setting() -> None:
    emulator = OwnCompany(behaviour=Behaviour(year_end="running")).emulator()
    for day, lines in OLD:
        key_of(emulator, journal(*lines, day=day))
    january = trial_balance(emulator, "2026-01-01", "2026-01-31")
    assert {account: row[0] for account, row in january.items()} == {"1000": D(60), "4000": D(-100), "6000": D(40)}


def test_each_entity_has_its_own_fiscal_year() -> None:
    """The year of UK begins in July: in January its sales of December still count."""
    emulator = OwnCompany({"US": "USD", "UK": "GBP"}, fiscal={"UK": "7"}).emulator()
    for place in ("US", "UK"):
        key_of(emulator, journal("1000 D 100", "4000 C 100", day="2025-12-30", location=place))
    more = "<showlocdetail>true</showlocdetail>"
    page = data(emulator, f"<get_trialbalance>{span('2026-01-01', '2026-01-31')}{more}</get_trialbalance>")
    found = {(row["glaccountno"], row["locationid"]): row["startbalance"] for row in rows(page)}
    assert found == {
        ("1000", "UK"): "100",
        ("1000", "US"): "100",
        ("3000", "US"): "-100",
        ("4000", "UK"): "-100",
    }
    july = trial_balance(emulator, "2026-07-01", "2026-07-31", "<locationid>UK</locationid>")
    assert {account: row[0] for account, row in july.items()} == {"1000": D(100), "3000": D(-100)}


def test_retained_earnings_by_themselves_have_the_result_too() -> None:
    emulator = OwnCompany().emulator()
    for day, lines in OLD:
        key_of(emulator, journal(*lines, day=day))
    asked = f"{span('2026-01-01', '2026-01-31')}<glaccountno>3000</glaccountno>"
    page = data(emulator, f"<get_accountbalances>{asked}</get_accountbalances>")
    assert [row["startbalance"] for row in rows(page)] == ["-60"]


@pytest.mark.parametrize("posting", ["3100", ""])
def test_an_account_that_names_no_other_closes_to_the_companys_own(posting: str) -> None:
    accounts = {**ACCOUNTS, "3100": ("Accumulated", "credit", "")}
    company = OwnCompany(accounts=accounts)
    if posting:
        company = replace(company, posting={**company.posting, "retained_earnings": posting})
    emulator = company.emulator()
    table = emulator.company().table("GLACCOUNT")
    for number, row in list(table.rows()):
        row.pop("CLOSINGACCOUNTNO", None)
        table.update(number, row)
    for day, lines in OLD:
        key_of(emulator, journal(*lines, day=day))
    january = trial_balance(emulator, "2026-01-01", "2026-01-31")
    assert {account: row[0] for account, row in january.items()} == {"1000": D(60), posting or "3000": D(-60)}
