"""Reports, `intacct sql --on` and agents read the same rows as the views that the copy itself has."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from intacct_bridge.copies.copy import open_copy
from intacct_bridge.copies.views.apply import apply_views, open_database
from intacct_bridge.copies.views.company_settings import SETUP
from intacct_protocol.errors import SettingsError
from support.copies.companies import ONE, Scene
from support.copies.reported import Copy, duckdb_uri

TO_JULY = "UPDATE _bridge.settings SET value = '7' WHERE name = 'first_fiscal_month'"
LATER = "UPDATE _bridge.settings SET value = '2027-03-05' WHERE name = 'read_on'"


@pytest.fixture(scope="module")
def one_from_july(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    """One company without entities, whose fiscal year begins in July."""
    scene = Scene(ONE, 4242)
    scene.post(200)
    copy = Copy.of(scene.emulator, duckdb_uri(tmp_path_factory.mktemp("one")))
    with duckdb.connect(copy.uri.removeprefix("duckdb:")) as con:
        con.execute(TO_JULY)
        con.execute(LATER)
    yield copy
    scene.emulator.close()


def plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.timestamp()
    return value.normalize() if isinstance(value, Decimal) else value


def assert_same_rows(copy: Copy) -> None:
    views = copy.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = 'reporting'")
    questions = [f"SELECT * FROM reporting.{name}" for (name,) in views]
    for side in ("ap", "ar"):
        questions += [f"SELECT * FROM reporting.{side}_{name}(DATE '2026-08-31')" for name in ("open_items", "ageing")]
    assert len(questions) > 20
    with open_copy(copy.uri).answering(*questions) as ask:
        found = {sql: [tuple(row.values()) for row in ask(sql).to_pylist()] for sql in questions}
    for sql in questions:
        stored, read = (sorted(repr([*map(plain, row)]) for row in rows) for rows in (copy.rows(sql), found[sql]))
        assert read == stored, sql


def test_a_fiscal_year_of_the_company_is_that_of_every_reader(one_from_july: Copy) -> None:
    years = open_copy(one_from_july.uri).sql(
        "SELECT period_start FROM reporting.fiscal_periods WHERE fiscal_month = 1 GROUP BY 1 ORDER BY 1",
    )
    assert years.to_pylist()[-1] == {"period_start": date(2026, 7, 1)}
    last = open_copy(one_from_july.uri).sql("SELECT max(period_end) AS last FROM reporting.trial_balance")
    assert last.to_pylist() == [{"last": date(2027, 3, 31)}]
    assert_same_rows(one_from_july)


def test_several_entities_and_currencies_read_the_same(five_copy: Copy) -> None:
    assert_same_rows(five_copy)


def test_amounts_have_the_decimals_of_the_currencies(one_from_july: Copy) -> None:
    """An overpayment in another currency times its rate is rounded to cents."""
    rows = open_copy(one_from_july.uri).sql("SELECT entered_base FROM reporting.ar_documents").to_pylist()
    assert any(row["entered_base"] % 1 for row in rows)
    assert all(row["entered_base"] == round(row["entered_base"], 2) for row in rows)


def test_sections_follow_the_account_groups_of_the_copy(demo_copy: Copy, tmp_path: Path) -> None:
    uri = duckdb_uri(tmp_path)
    shutil.copy(demo_copy.uri.removeprefix("duckdb:"), uri.removeprefix("duckdb:"))
    with duckdb.connect(uri.removeprefix("duckdb:")) as con:
        con.execute(
            "CREATE TABLE GLACCTGRPHIERARCHY AS SELECT 'Turnover' AS GLACCTGRPNAME, ACCOUNTNO, "
            "CAST(NULL AS TIMESTAMPTZ) AS _deleted_at FROM GLACCOUNT WHERE ACCOUNTNO IN ('40000', '41000')"
        )
    sql = "SELECT section, sum(amount) AS amount FROM reporting.income_statement GROUP BY 1 ORDER BY 1"
    usual = open_copy(uri).sql(sql).to_pylist()
    assert [row["section"] for row in usual] == ["Expenses", "Revenue"]
    with open_database(uri) as destination, pytest.raises(SettingsError, match="Turnoverr"):
        apply_views(destination, {"income_statement": ["Turnoverr"]})
    assert open_copy(uri).sql(sql).to_pylist() == usual
    with open_database(uri) as destination:
        apply_views(destination, {"income_statement": ["Turnover"]})
    grouped = open_copy(uri).sql(sql).to_pylist()
    assert [row["section"] for row in grouped] == ["Other", "Turnover"]
    assert Copy(uri, demo_copy.emulator).rows(sql) == [tuple(row.values()) for row in grouped]
    with open_database(uri) as destination:
        apply_views(destination)
    assert open_copy(uri).sql(sql).to_pylist() == usual


@pytest.mark.parametrize(("declared", "sign"), [("credit", 1), ("debit", -1), ("", 1)])
def test_the_amounts_of_a_group_with_revenue_and_expenses_add_up_to_what_it_earns(
    demo_copy: Copy, tmp_path: Path, declared: str, sign: int
) -> None:
    """In the group, and among the accounts of no group. In Intacct the sign of a group is its normal balance."""
    uri = duckdb_uri(tmp_path)
    shutil.copy(demo_copy.uri.removeprefix("duckdb:"), uri.removeprefix("duckdb:"))
    with duckdb.connect(uri.removeprefix("duckdb:")) as con:
        con.execute(
            "CREATE TABLE GLACCTGRPHIERARCHY AS SELECT 'Margin' AS GLACCTGRPNAME, ACCOUNTNO, "
            f"'{declared}' AS GLACCTGRPNORMALBALANCE, CAST(NULL AS TIMESTAMPTZ) AS _deleted_at FROM GLACCOUNT "
            "WHERE ACCOUNTNO IN (SELECT min(ACCOUNTNO) FROM GLACCOUNT WHERE ACCOUNTTYPE = 'incomestatement' "
            "GROUP BY NORMALBALANCE UNION ALL SELECT min(ACCOUNTNO) FROM GLACCOUNT "
            "WHERE ACCOUNTTYPE = 'balancesheet' GROUP BY NORMALBALANCE)"
        )
    made = Copy(uri, demo_copy.emulator)
    with open_database(uri) as destination:
        apply_views(destination, {"income_statement": ["Margin"], "balance_sheet": ["Margin"]})
    accounts = {row["ACCOUNTNO"]: row for row in made.table("GLACCOUNT")}
    members = {row["ACCOUNTNO"] for row in made.table("GLACCTGRPHIERARCHY")}
    assert len(members) == 4
    expected: dict[str, Decimal] = {"Margin": Decimal(0), "Other": Decimal(0)}
    balance = Decimal(0)
    for line in made.table("GLDETAIL"):
        account = accounts.get(line["ACCOUNTNO"])
        if account is None or line["BASECURR"] != "USD" or line["BOOKID"] != "ACCRUAL":
            continue
        amount = line["CREDITAMOUNT"] - line["DEBITAMOUNT"]
        if account["ACCOUNTTYPE"] == "incomestatement":
            expected["Margin" if line["ACCOUNTNO"] in members else "Other"] += amount
        elif line["ACCOUNTNO"] in members:
            balance -= amount
    scope = "base_currency = 'USD' AND book = 'ACCRUAL'"
    sql = f"SELECT section, sum(amount) FROM reporting.income_statement WHERE {scope} GROUP BY 1"
    assert dict(made.rows(sql)) == expected | {"Margin": sign * expected["Margin"]}
    sides = {"credit": "credit", "debit": "debit", "": "debit"}  # without a normal balance: assets less liabilities
    assert made.rows(
        f"SELECT section_normal_balance, sum(amount) FROM reporting.balance_sheet WHERE {scope} "
        "AND section = 'Margin' AND account_no <> '' AND period_end = "
        "(SELECT max(period_end) FROM reporting.balance_sheet) GROUP BY 1"
    ) == [(sides[declared], -balance if declared == "credit" else balance)]


def test_a_copy_in_files_keeps_what_it_knows_of_the_company(one_from_july: Copy, tmp_path: Path) -> None:
    copy = Copy.of(one_from_july.emulator, f"jsonl:{tmp_path}/copy", ("GLACCOUNT", "GLDETAIL", "LOCATION"))
    manifest = tmp_path / "copy" / "manifest.json"
    plain = json.loads(manifest.read_text("utf-8"))
    kept = plain["settings"]
    asked = one_from_july.rows("SELECT name, value FROM _bridge.settings WHERE name NOT IN ('read_on', 'sections')")
    own = {name: value for name, value in asked if name in kept or name in SETUP.values()}
    assert kept.keys() >= {"base_currency", "default_book", "financial_setup_asked_on", "read_on"}
    assert kept == {**own, "first_fiscal_month": "1", "read_on": kept["read_on"]}
    sql = "SELECT entity_id, first_fiscal_month FROM reporting.entities ORDER BY entity_id"
    manifest.write_text(json.dumps(plain | {"settings": kept | {"first_fiscal_month": "7"}}), encoding="utf-8")
    assert open_copy(copy.uri).sql(sql).to_pylist()[0] == {"entity_id": "", "first_fiscal_month": 7}
    copy.extract(("GLACCOUNT", "GLDETAIL", "LOCATION"))
    assert json.loads(manifest.read_text("utf-8"))["settings"]["first_fiscal_month"] == "7", "asked again after weeks"
    del plain["settings"]  # as in the first run of a copy, before the company was asked
    manifest.write_text(json.dumps(plain), encoding="utf-8")
    assert open_copy(copy.uri).sql(sql).to_pylist()[0] == {"entity_id": "", "first_fiscal_month": 1}


@pytest.mark.slow
def test_a_copy_in_postgresql_keeps_them_too(demo_in_postgres: Copy) -> None:
    with open_database(demo_in_postgres.uri) as destination:
        destination.keep_settings({"first_fiscal_month": "7"}, datetime(2026, 11, 24, tzinfo=UTC))
    sql = "SELECT entity_id, first_fiscal_month FROM reporting.entities ORDER BY entity_id"
    expected = demo_in_postgres.rows(sql)
    assert expected[0] == ("", 7)
    assert [tuple(row.values()) for row in open_copy(demo_in_postgres.uri).sql(sql).to_pylist()] == expected
