"""The page "Reports from your copy": its questions have answers, the same in both databases."""

import re
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from intacct_bridge.copies.views.apply import apply_lower_names, open_database
from support.copies.reported import Copy
from support.repository import DOCS

PAGE = (DOCS / "reports.md").read_text("utf-8")
QUESTIONS = re.findall(r"(?m)^([A-Z][^\n]*\?)\n\n```sql\n(.*?)```", PAGE, re.DOTALL)


def plain(value: Any) -> Any:
    """A cell in the same form from both databases: PostgreSQL sends numbers as text."""
    if isinstance(value, str) and re.fullmatch(r"-?\d+\.\d+", value):
        return Decimal(value)
    return value


def test_the_page_answers_ten_questions() -> None:
    assert len(QUESTIONS) == 10


@pytest.mark.slow
@pytest.mark.parametrize("question", [one for one, _ in QUESTIONS])
def test_a_question_has_the_same_answer_in_both_databases(
    question: str, demo_copy: Copy, demo_in_postgres: Copy
) -> None:
    sql = dict(QUESTIONS)[question].strip().rstrip(";")
    here, there = ([tuple(map(plain, row)) for row in one.rows(sql)] for one in (demo_copy, demo_in_postgres))
    assert here
    assert sorted(here, key=repr) == sorted(there, key=repr)


def test_cash_by_account_is_the_ledger_of_the_bank_accounts(demo_copy: Copy) -> None:
    banks = {row["GLACCOUNTNO"] for row in demo_copy.table("CHECKINGACCOUNT")}
    expected: dict[str, Decimal] = {}
    for row in demo_copy.table("GLDETAIL"):
        if row["ACCOUNTNO"] in banks and row["BATCH_DATE"] <= date(2026, 10, 31):
            moved = row["DEBITAMOUNT"] - row["CREDITAMOUNT"]
            expected[row["ACCOUNTNO"]] = expected.get(row["ACCOUNTNO"], Decimal(0)) + moved
    rows = demo_copy.rows(dict(QUESTIONS)["How much cash is on each account?"].strip().rstrip(";"))
    assert {row[1]: row[8] for row in rows} == {key: value for key, value in expected.items() if value}


def test_revenue_by_department_is_the_revenue_of_the_income_statement(demo_copy: Copy) -> None:
    query = dict(QUESTIONS)["What does each department earn?"].strip().rstrip(";")
    ((revenue,),) = demo_copy.rows(f"SELECT sum(revenue) FROM ({query})")
    ((stated,),) = demo_copy.rows(
        "SELECT sum(amount) FROM reporting.income_statement WHERE section = 'Revenue' AND book = 'ACCRUAL'"
    )
    revenue_like = ("Product Revenue", "Service Revenue", "Recurring Revenue", "Other Revenue", "Other Income")
    income = {row["ACCOUNTNO"] for row in demo_copy.table("GLACCOUNT") if row["CATEGORY"] in revenue_like}
    lines = [row for row in demo_copy.table("GLDETAIL") if row["ACCOUNTNO"] in income]
    assert revenue == stated == sum(row["CREDITAMOUNT"] - row["DEBITAMOUNT"] for row in lines)


def test_budgets_and_spend_add_up_to_their_rows(demo_copy: Copy) -> None:
    ((budget,),) = demo_copy.rows("SELECT sum(budget) FROM reporting.budget_vs_actual")
    assert budget == sum(row["AMOUNT"] for row in demo_copy.table("GLBUDGETITEM"))
    posted = {
        row["RECORDNO"]
        for name in ("APBILL", "APADJUSTMENT")
        for row in demo_copy.table(name)
        if row["STATE"] != "Draft"
    }
    expected: dict[str, Decimal] = {}
    for name in ("APBILL", "APADJUSTMENT"):
        for row in demo_copy.table(f"{name}ITEM"):
            if row["RECORDKEY"] in posted:
                expected[row["BASECURR"]] = expected.get(row["BASECURR"], Decimal(0)) + row["AMOUNT"]
    rows = demo_copy.rows("SELECT base_currency, sum(amount) FROM reporting.vendor_spend GROUP BY 1")
    assert dict(rows) == expected


def test_the_translated_trial_balance_adds_up_to_nothing(demo_copy: Copy) -> None:
    sums = demo_copy.rows(
        "SELECT entity_id, book, period_end, sum(closing), max(closing_rate) "
        "FROM reporting.trial_balance_in('USD', 'Company Weekly Rate') GROUP BY 1, 2, 3"
    )
    assert {row[3] for row in sums} == {Decimal(0)}
    entries = [
        row
        for row in demo_copy.table("EXCHANGERATEENTRY")
        if row["EFFECTIVE_START_DATE"] <= date(2026, 10, 31) and str(row["EXCHANGERATEKEY"]) == rate_key(demo_copy)
    ]
    rate = max(entries, key=lambda one: one["EFFECTIVE_START_DATE"])["EXCHANGE_RATE"]
    ((cash, translated),) = demo_copy.rows(
        "SELECT t.closing, i.closing FROM reporting.trial_balance t "
        "JOIN reporting.trial_balance_in('USD', 'Company Weekly Rate') i "
        "USING (entity_id, book, account_no, period_end) "
        "WHERE t.account_no = '10030' AND t.period_end = DATE '2026-10-31'"
    )
    assert translated == round(cash * rate, 2)


def rate_key(copy: Copy) -> str:
    return next(str(row["RECORDNO"]) for row in copy.table("EXCHANGERATE") if row["FROM_CURRENCY"] == "CAD")


def test_lower_names_are_a_view_of_each_table(demo_in_postgres: Copy, demo_copy: Copy) -> None:
    with open_database(demo_in_postgres.uri) as destination:
        apply_lower_names(destination)
    (sql,) = re.findall(r"```sql\n(SELECT locationid.*?);\n```", PAGE)
    expected = sorted((row["LOCATIONID"], row["IEPAYABLE.NUMBER"]) for row in demo_copy.table("LOCATIONENTITY"))
    assert demo_in_postgres.rows(sql) == expected
