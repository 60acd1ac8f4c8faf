"""Views over rows that a company can have and the emulated ones do not: each amount counts once, in money."""

import shutil
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from support.copies.companies import FIVE, Scene
from support.copies.reported import Copy, duckdb_uri

Changed = Callable[..., Copy]


@pytest.fixture
def changed(demo_copy: Copy, tmp_path: Path) -> Changed:
    """The copy, or another one, after some statements on its tables."""

    def change(*statements: str, of: Copy = demo_copy) -> Copy:
        uri = duckdb_uri(tmp_path)
        shutil.copy(of.uri.removeprefix("duckdb:"), uri.removeprefix("duckdb:"))
        with duckdb.connect(uri.removeprefix("duckdb:")) as con:
            for one in statements:
                con.execute(one)
        return Copy(uri, of.emulator)

    return change


def totals(copy: Copy) -> list[tuple[Any, ...]]:
    return copy.rows("SELECT sum(budget), sum(actual), count(*) FROM reporting.budget_vs_actual")


ONE_MORE = (
    'INSERT INTO "GLBUDGETITEM" SELECT * REPLACE (999999 AS "RECORDNO", 7 AS "AMOUNT", {}) FROM "GLBUDGETITEM" '
    'WHERE "RECORDNO" = (SELECT min(b."RECORDNO") FROM "GLBUDGETITEM" AS b JOIN "GLDETAIL" AS l '
    'ON l."ACCOUNTNO" = b."ACCT_NO" AND l."DEPARTMENTID" = b."DEPT_NO" AND l."LOCATIONID" = b."LOCATION_NO" '
    'AND l."BATCH_DATE" BETWEEN b."PSTARTDATE" AND b."PENDDATE")'
)
"""A budget item beside one that has amounts posted."""


def test_periods_with_the_same_days_are_one_row_of_a_budget(demo_copy: Copy, changed: Changed) -> None:
    ((budget, actual, count),) = totals(demo_copy)
    assert actual
    assert totals(changed(ONE_MORE.format("'Another name' AS \"PERIODNAME\""))) == [(budget + 7, actual, count)]


def test_a_budget_in_two_currencies_counts_what_was_posted_once(demo_copy: Copy, changed: Changed) -> None:
    ((budget, actual, count),) = totals(demo_copy)
    copy = changed(ONE_MORE.format("'AED' AS \"CURRENCY\""))
    assert totals(copy) == [(budget + 7, actual, count + 1)]
    other = copy.rows("SELECT budget, actual, variance FROM reporting.budget_vs_actual WHERE budget_currency = 'AED'")
    assert other == [(Decimal(7), Decimal(0), None)]


WITHOUT_PLACE = 'UPDATE "GLBUDGETITEM" SET "LOCATION_NO" = NULL'
ONE_CURRENCY = 'UPDATE "GLDETAIL" SET "BASECURR" = \'USD\''
TWO_CURRENCIES = (
    'UPDATE "GLDETAIL" SET "BASECURR" = \'CAD\' WHERE "RECORDNO" IN (SELECT min("RECORDNO") FROM "GLDETAIL")'
)
BUDGETS = (
    "SELECT entity_id, base_currency, sum(budget), sum(actual), sum(variance) FROM reporting.budget_vs_actual "
    "GROUP BY 1, 2"
)


def whole_budget(copy: Copy) -> tuple[Decimal, Decimal]:
    """The budgets of the company, and what all its entities posted to the accounts and in the periods of each."""
    budgets, accounts = copy.table("GLBUDGETITEM"), {row["ACCOUNTNO"]: row for row in copy.table("GLACCOUNT")}
    spans = {(row["BUDGETID"], row["PSTARTDATE"], row["PENDDATE"]) for row in budgets}
    planned = {(row["BUDGETID"], row["ACCT_NO"]) for row in budgets}
    actual = Decimal(0)
    for line in copy.table("GLDETAIL"):
        account = accounts.get(line["ACCOUNTNO"])
        if account is None or line["STATISTICAL"] == "T" or line["BOOKID"] not in (None, "", "ACCRUAL"):
            continue
        amount = line["DEBITAMOUNT"] - line["CREDITAMOUNT"]
        for name, first, last in spans:
            counts = account["ACCOUNTTYPE"] == "incomestatement" or (name, line["ACCOUNTNO"]) in planned
            if counts and first <= line["BATCH_DATE"] <= last:
                actual += -amount if account["NORMALBALANCE"] == "credit" else amount
    return sum((row["AMOUNT"] for row in budgets if row["STATISTICAL"] != "T"), Decimal(0)), actual


def test_a_budget_without_locations_is_one_of_the_whole_company(demo_copy: Copy, changed: Changed) -> None:
    budget, actual = whole_budget(demo_copy)
    assert len({row["LOCATIONID"] for row in demo_copy.table("GLDETAIL")}) > 1
    copy = changed(WITHOUT_PLACE, ONE_CURRENCY)
    assert copy.rows(BUDGETS) == [("", "USD", budget, actual, actual - budget)]


@pytest.mark.parametrize(("named", "shown"), [("NULL", ""), ("''", ""), ("'EUR'", "EUR")])
def test_a_budget_of_a_company_with_several_base_currencies_stands_beside_no_sum(
    demo_copy: Copy, changed: Changed, named: str, shown: str
) -> None:
    """Without a currency of its own it has none: that of the company is not that of its entities."""
    budget, _ = whole_budget(demo_copy)
    currency = f'UPDATE "GLBUDGETITEM" SET "CURRENCY" = {named}'
    copy = changed(WITHOUT_PLACE, currency, ONE_CURRENCY, TWO_CURRENCIES)
    assert copy.rows(BUDGETS) == [("", "", budget, None, None)]
    assert copy.rows("SELECT DISTINCT budget_currency FROM reporting.budget_vs_actual WHERE budget <> 0") == [(shown,)]


def test_an_item_without_currency_and_place_has_no_variance_among_several_base_currencies(changed: Changed) -> None:
    """Those of the same budget that name a place have the currency of its entity."""
    one = 'WHERE "RECORDNO" IN (SELECT min("RECORDNO") FROM "GLBUDGETITEM" WHERE "AMOUNT" <> 0)'
    copy = changed(
        'UPDATE "GLBUDGETITEM" SET "CURRENCY" = NULL', f"{WITHOUT_PLACE} {one}", ONE_CURRENCY, TWO_CURRENCIES
    )
    rows = copy.rows(
        "SELECT entity_id = '', budget_currency = '', variance IS NULL, count(*) FROM reporting.budget_vs_actual "
        "WHERE budget <> 0 GROUP BY 1, 2, 3"
    )
    assert {row[:3] for row in rows} == {(True, True, True), (False, False, False)}


def test_a_budget_with_a_location_in_some_items_stands_beside_its_entities(demo_copy: Copy, changed: Changed) -> None:
    some = 'WHERE "RECORDNO" IN (SELECT min("RECORDNO") FROM "GLBUDGETITEM")'
    copy = changed(f"{WITHOUT_PLACE} {some}", ONE_CURRENCY)
    whole = copy.rows("SELECT sum(actual) FROM reporting.budget_vs_actual WHERE entity_id = ''")
    places = {row["LOCATIONID"] for row in demo_copy.table("GLDETAIL")}
    assert None not in places
    assert whole == [(0,)]


def test_budgets_of_the_whole_company_are_the_same_in_postgres(demo_copy: Copy, demo_in_postgres: Copy) -> None:
    from adbc_driver_postgresql import dbapi

    budget, actual = whole_budget(demo_copy)
    with dbapi.connect(demo_in_postgres.uri) as connection, connection.cursor() as cursor:
        found: list[Any] = []
        for statement in (WITHOUT_PLACE, ONE_CURRENCY, BUDGETS, TWO_CURRENCIES, BUDGETS):
            cursor.execute(statement)
            found += cursor.fetchall() if statement == BUDGETS else []
        connection.rollback()
    (entity, _, *sums), (other, _, *lost) = found
    assert (entity, [Decimal(one) for one in sums]) == ("", [budget, actual, actual - budget])
    assert (other, Decimal(lost[0]), *lost[1:]) == ("", budget, None, None)


UNKNOWN = (
    "ap_open_items(DATE '2026-10-31', basis := 'documents')",
    "ar_open_items(DATE '2026-10-31', basis := NULL)",
    "ap_ageing(DATE '2026-10-31', basis := 'GL')",
    "ar_ageing(DATE '2026-10-31', aged_by := 'due_date')",
)
KNOWN = (
    *(f"{side}_open_items(DATE '2026-10-31', basis := '{one}')" for side in ("ap", "ar") for one in ("gl", "document")),
    *(f"ap_ageing(DATE '2026-10-31', aged_by := '{one}')" for one in ("due", "document", "posting")),
)


@pytest.mark.parametrize("made", ["demo_copy", "demo_in_postgres"])
def test_an_unknown_basis_or_age_is_an_error_that_names_the_known_ones(
    made: str, request: pytest.FixtureRequest
) -> None:
    copy: Copy = request.getfixturevalue(made)
    for call in KNOWN:
        assert copy.rows(f"SELECT * FROM reporting.{call}"), call
    for call in UNKNOWN:
        with pytest.raises(
            Exception, match=r"the basis is gl or document, not|aged_by is due, document or posting, not"
        ):
            copy.rows(f"SELECT * FROM reporting.{call}")


def test_statistical_lines_of_drafts_are_no_amounts(demo_copy: Copy, changed: Changed) -> None:
    drafts = demo_copy.rows("SELECT line_key, amount FROM reporting.unposted_ledger ORDER BY line_key")
    assert len(drafts) > 1
    key = drafts[0][0]
    copy = changed(f'UPDATE "GLENTRY" SET "STATISTICAL" = \'T\' WHERE CAST("RECORDNO" AS VARCHAR) = \'{key}\'')
    assert copy.rows("SELECT line_key, amount FROM reporting.unposted_ledger ORDER BY line_key") == drafts[1:]


@pytest.mark.parametrize("side", ["ap", "ar"])
@pytest.mark.parametrize("buckets", ["[60, 30]", "[90, 30, 60]", "[30, 30, 20, 10]", "[5, 10, 7, 9]", "[40]", "[]"])
def test_buckets_in_any_order_hold_each_item_once(demo_copy: Copy, side: str, buckets: str) -> None:
    parts = "not_due + bucket_1 + bucket_2 + bucket_3 + bucket_4 + bucket_5"
    rows = demo_copy.rows(
        f"SELECT {parts}, total, bucket_1 FROM reporting.{side}_ageing(DATE '2026-11-21', buckets := {buckets})"
    )
    assert rows
    assert all(row[0] == row[1] for row in rows)


def test_an_account_that_does_not_close_is_translated_for_all_years(changed: Changed, five_copy: Copy) -> None:
    copy = changed(
        'UPDATE "GLACCOUNT" SET "CLOSINGTYPE" = \'non-closing account\' WHERE "ACCOUNTTYPE" = \'incomestatement\'',
        of=five_copy,
    )
    rows = copy.rows(
        "SELECT t.closing, i.closing, t.opening, i.opening FROM reporting.trial_balance AS t "
        "FULL JOIN (SELECT * FROM reporting.trial_balance_in('USD', 'Spot') WHERE account_no <> '') AS i "
        "USING (entity_id, book, base_currency, account_no, period_start) "
        "WHERE base_currency = 'USD' AND (t.closing <> 0 OR t.opening <> 0 OR t.closing IS NULL)"
    )
    assert len(rows) > 100
    assert all(row[:1] == row[1:2] and row[2:3] == row[3:] for row in rows)


def test_a_ledger_of_one_currency_needs_no_rates_to_be_shown_in_it(changed: Changed) -> None:
    copy = changed('DELETE FROM "GLDETAIL" WHERE "BASECURR" <> \'USD\'', 'DELETE FROM "EXCHANGERATE"')
    shown = copy.rows("SELECT sum(abs(closing)) FROM reporting.trial_balance_in('USD', 'Spot') WHERE account_no <> ''")
    assert shown == copy.rows("SELECT sum(abs(closing)) FROM reporting.trial_balance")


def test_an_account_that_returns_to_zero_keeps_what_the_rates_left_of_it(demo_copy: Copy, changed: Changed) -> None:
    line = (
        'INSERT INTO "GLDETAIL" SELECT * REPLACE (\'own-{0}\' AS "RECORDNO", DATE \'{1}\' AS "BATCH_DATE", '
        '\'{2}\' AS "ACCOUNTNO", {3} AS "DEBITAMOUNT", {4} AS "CREDITAMOUNT") FROM "GLDETAIL" '
        'WHERE "BASECURR" = \'CAD\' AND "STATISTICAL" = \'F\' ORDER BY "RECORDNO" LIMIT 1'
    )
    copy = changed(
        *(
            f'INSERT INTO "GLACCOUNT" SELECT * REPLACE (\'{number}\' AS "ACCOUNTNO") FROM "GLACCOUNT" '
            f"WHERE \"ACCOUNTTYPE\" = '{kind}' AND \"CLOSINGTYPE\" <> 'closed to account' LIMIT 1"
            for number, kind in (("99001", "incomestatement"), ("99002", "balancesheet"))
        ),
        line.format(1, "2026-08-10", "99001", 100000, 0),
        line.format(2, "2026-08-10", "99002", 0, 100000),
        line.format(3, "2026-09-10", "99001", 0, 100000),
        line.format(4, "2026-09-10", "99002", 100000, 0),
    )
    rows = copy.rows(
        "SELECT period_start, opening, closing FROM reporting.trial_balance_in('USD', 'Company Weekly Rate') "
        "WHERE account_no = '99001' ORDER BY period_start"
    )
    at = {row[0].month: row for row in rows}
    assert set(at) == {8, 9, 10, 11}
    assert at[8][2] > 50000
    assert at[9][2] == at[10][1] == at[10][2] == at[11][2] != 0
    assert demo_copy.rows("SELECT count(*) FROM reporting.accounts WHERE account_no = '99001'") == [(0,)]
    assert at[9][0] == date(2026, 9, 1)


@pytest.mark.parametrize("closing", ["closing account", "non-closing account"])
def test_the_year_to_date_is_there_in_months_without_movement(changed: Changed, closing: str) -> None:
    """Also of an account that does not close, and whose balance is zero again by what the year took back."""
    line = (
        'INSERT INTO "GLDETAIL" SELECT * REPLACE (\'own-{0}\' AS "RECORDNO", DATE \'{1}\' AS "BATCH_DATE", '
        '\'99001\' AS "ACCOUNTNO", {2} AS "DEBITAMOUNT", {3} AS "CREDITAMOUNT", NULL AS "AMOUNT") FROM "GLDETAIL" '
        'WHERE "BASECURR" = \'USD\' AND "STATISTICAL" = \'F\' ORDER BY "RECORDNO" LIMIT 1'
    )
    copy = changed(
        'INSERT INTO "GLACCOUNT" SELECT * REPLACE (\'99001\' AS "ACCOUNTNO", '
        f'\'{closing}\' AS "CLOSINGTYPE") FROM "GLACCOUNT" '
        "WHERE \"ACCOUNTTYPE\" = 'incomestatement' AND \"NORMALBALANCE\" = 'debit' LIMIT 1",
        line.format(1, "2025-10-10", 700, 0),
        line.format(2, "2026-03-10", 0, 700),
    )
    rows = copy.rows(
        "SELECT period_start, amount, year_to_date FROM reporting.income_statement "
        "WHERE account_no = '99001' ORDER BY period_start"
    )
    assert rows == [
        *((date(2025, month, 1), 700 if month == 10 else 0, 700) for month in (10, 11, 12)),
        *((date(2026, month, 1), -700 if month == 3 else 0, -700) for month in range(3, 12)),
    ]


ADVANCE = (
    'INSERT INTO "ARADVANCE" BY NAME SELECT {} AS "RECORDNO", \'{}\' AS "STATE", {} AS "TOTALENTERED", '
    '{} AS "TRX_TOTALENTERED", 0 AS "TOTALDUE", 0 AS "TRX_TOTALDUE", \'rr\' AS "RECORDTYPE", \'A-1\' AS "RECORDID", '
    "'C1' AS \"CUSTOMERID\", 'USD' AS \"CURRENCY\", 'USD' AS \"BASECURR\", DATE '{}' AS \"RECEIPTDATE\", "
    "DATE '{}' AS \"WHENCREATED\", TIMESTAMPTZ '2026-09-10 12:00:00+00' AS \"WHENMODIFIED\""
)


@pytest.mark.parametrize(
    "days",
    [("2026-09-10", "2026-09-10"), ("2026-08-03", "2026-09-10"), ("2026-09-10", "2026-08-03"), ()],
    ids=["both dates", "WHENCREATED alone", "RECEIPTDATE alone", "no reversal"],
)
def test_a_reversed_advance_is_open_until_the_day_of_its_reversal(changed: Changed, days: tuple[str, ...]) -> None:
    copy = changed(
        ADVANCE.format(999998, "Reversed", 400, 400, "2026-08-03", "2026-08-03"),
        *([ADVANCE.format(999999, "Reversal", -400, -400, *days)] if days else []),
    )
    for day, expected in (("08-02", []), ("08-03", [-400]), ("09-09", [-400]), ("09-10", []), ("11-01", [])):
        rows = copy.rows(
            f"SELECT open_base FROM reporting.ar_open_items(DATE '2026-{day}') WHERE document_type = 'customer advance'"
        )
        assert [amount for (amount,) in rows] == expected, day


@pytest.mark.parametrize(("side", "table", "other"), [("ap", "APPYMT", "WHENPOSTED"), ("ar", "ARPYMT", "RECEIPTDATE")])
@pytest.mark.parametrize("copied", [0, 1])
def test_a_void_counts_from_its_day_whichever_date_holds_it(
    changed: Changed, reversing_copy: Copy, side: str, table: str, other: str, copied: int
) -> None:
    """Which dates the mirror of a payment takes over from it is not documented."""
    name = ("WHENCREATED", other)[copied]
    party = "VENDORID" if side == "ap" else "CUSTOMERID"
    rows = reversing_copy.table(table)
    mirrors = [row for row in rows if row["STATE"] == "Reversal"]
    assert mirrors
    both = [f'UPDATE "{table}" SET "{other}" = "WHENCREATED" WHERE "STATE" = \'Reversal\'']
    for mirror in mirrors:
        (first,) = (
            row
            for row in rows
            if row["STATE"] in ("Voided", "Reversed")
            and row[party] == mirror[party]
            and row["TOTALENTERED"] == -mirror["TOTALENTERED"]
        )
        both.append(
            f'UPDATE "{table}" SET "{name}" = DATE \'{first["WHENCREATED"]}\' WHERE "RECORDNO" = {mirror["RECORDNO"]}'
        )
    copy = changed(*both, of=reversing_copy)
    days = {row["WHENCREATED"] + timedelta(days=less) for row in mirrors for less in (-1, 0)}
    for day in days:
        sql = f"SELECT * FROM reporting.{side}_open_items(DATE '{day}') ORDER BY document_key"
        assert copy.rows(sql) == reversing_copy.rows(sql), day


@pytest.fixture(scope="module")
def reversing_copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    scene = Scene(FIVE, 7)
    scene.post(500)
    yield Copy.of(scene.emulator, duckdb_uri(tmp_path_factory.mktemp("reversing")))
    scene.emulator.close()


@pytest.mark.parametrize("empty", ["NULL", "''"])
def test_a_budget_item_without_the_name_of_its_budget_has_that_of_its_header(
    demo_copy: Copy, changed: Changed, empty: str
) -> None:
    some = 'WHERE "RECORDNO" % 2 = 0'
    copy = changed(f'UPDATE "GLBUDGETITEM" SET "BUDGETID" = {empty} {some}')
    everything = "SELECT * FROM reporting.budget_vs_actual ORDER BY ALL"
    assert copy.rows(everything) == demo_copy.rows(everything)
