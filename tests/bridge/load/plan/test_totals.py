"""A total that does not add up never becomes a line of a document, even if constants give all that a line needs."""

import pytest

from intacct_bridge.load.layouts.choose import layout_for
from intacct_bridge.load.plan.plan import Plan, Verdict
from intacct_bridge.load.plan.planner import make_plan
from intacct_bridge.load.tables.open import open_table
from intacct_bridge.load.tables.row_filter import with_constants
from support.journeys.objects import VENDORS, LoadScenario
from support.small_company import client

BILL = {"Date": "2026-11-02", "Due date": "2026-12-02", "Currency": "USD", "Base currency": "USD",
        "Location": "100", "Department": "100"}  # fmt: skip
ENTRY = {"Journal": "GJ", "Date": "2026-11-30", "Title": "Rent", "Location": "100", "Department": "100"}


def plan(desk: LoadScenario, text: str, layout: str, constants: dict[str, str]) -> Plan:
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        company = gateway
        table = with_constants(open_table(desk.file(text)), constants)
        return make_plan(table, layout_for(layout, company), company, outbox)


def refused(plan: Plan) -> list[str]:
    return [finding.position for one in plan.of(Verdict.REFUSED) for finding in one.reasons if finding.rule == "total"]


@pytest.mark.parametrize("amounts", ["151;120", "151.00;120.50", "60100;100"])
def test_a_total_of_two_columns_is_no_line_of_the_bill_above(desk: LoadScenario, amounts: str) -> None:
    desk.load(VENDORS, "VENDOR")
    text = f"Vendor;Bill no;Amount;Before tax;Memo\nV-1;B-1;100;80;\n;;50;40;Freight\n;;{amounts};Total\n"
    made = plan(desk, text, "bills", {**BILL, "Account": "60100"})
    assert refused(made) == ["input.csv:4"]
    assert [one.verdict for one in made.records] == [Verdict.REFUSED]


def test_a_total_of_debits_and_credits_is_no_line_of_the_entry_above(desk: LoadScenario) -> None:
    text = "Debit;Credit;Memo\n100;0;Rent\n0;100;Bank\n0;101;Total\n"
    assert refused(plan(desk, text, "journal-entries", {**ENTRY, "Account": "60100"})) == ["input.csv:4"]


def test_a_line_with_an_account_of_its_own_may_have_the_word_as_its_memo(desk: LoadScenario) -> None:
    text = "Account;Debit;Credit;Memo\n60100;100;;Rent\n20000;;100;Total\n"
    made = plan(desk, text, "journal-entries", ENTRY)
    assert refused(made) == []
    assert [one.verdict for one in made.records] == [Verdict.CREATE], made.records[0].reasons


def test_without_constants_a_total_has_no_account_and_the_rules_refuse_it(desk: LoadScenario) -> None:
    desk.load(VENDORS, "VENDOR")
    head = ";".join(BILL)
    body = ";".join(BILL.values())
    text = (
        f"Vendor;Bill no;{head};Account;Amount;Before tax;Memo\nV-1;B-1;{body};60100;100;80;\n;;;;;;;;;151;120;Total\n"
    )
    made = plan(desk, text, "bills", {})
    assert refused(made) == []
    assert [one.verdict for one in made.records] == [Verdict.REFUSED]
