"""Views against an independent reckoning of the raw rows: trial balance, statements, open items, on three companies.

`make reports` does it with 1,000 postings, 1,000 random edits and 50 days.
"""

import os
import shutil
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import duckdb
import pytest

from intacct_bridge.copies.copy import open_copy
from support.copies.companies import FIVE, MIXED, ONE, Scene
from support.copies.python_ledger import (
    PAYABLES,
    RECEIVABLES,
    BalanceKey,
    OpenItems,
    PythonLedger,
)
from support.copies.reported import Copy, duckdb_uri
from support.emulator.own_company import OwnCompany

TODAY = date(2026, 11, 21)
STEPS, DAYS, SEED = (int(one) for one in os.environ.get("REPORTED_COMPANIES", "50x2x2").split("x"))
PROOF = 1000
"""With as many postings or more, as many random edits follow."""
CONTROLS = {"ap": ("20000", "2000"), "ar": ("11000", "1100")}
ADVANCES = ("2210",)


def assert_balances(ledger: PythonLedger, sources: Sequence[Copy], read_on: date) -> None:
    """Every month-end balance, and none besides; the balance sheet adds up to nothing."""
    expected = ledger.balances(read_on)
    assert expected
    for source in sources:
        rows = source.rows(
            "SELECT entity_id, book, base_currency, account_no, period_end, closing FROM reporting.trial_balance"
        )
        found = {BalanceKey(*row[:5]): Decimal(row[5]) for row in rows if Decimal(row[5])}
        assert found == expected
        sides = source.rows(
            "SELECT entity_id, book, base_currency, period_end, sum(balance) "
            "FROM reporting.balance_sheet GROUP BY 1, 2, 3, 4"
        )
        assert {Decimal(row[4]) for row in sides} == {Decimal(0)}


def assert_movements(ledger: PythonLedger, source: Copy) -> None:
    """Debits and credits of each month are those of its lines, and each month opens as the one before closed."""
    expected: dict[tuple[str, str, str, date], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for shown, parts in ledger.books().items():
        for row in ledger.lines:
            if row["BOOKID"] in parts:
                key = ledger.entity_of(row["LOCATIONID"]), shown, row["ACCOUNTNO"], row["BATCH_DATE"].replace(day=1)
                expected[key][0] += row["DEBITAMOUNT"] or 0
                expected[key][1] += row["CREDITAMOUNT"] or 0
    rows = source.rows(
        "SELECT entity_id, book, account_no, period_start, debit, credit, opening, closing FROM reporting.trial_balance"
    )
    found = {tuple(row[:4]): [row[4], row[5]] for row in rows if row[4] or row[5]}
    assert found == {key: value for key, value in expected.items() if any(value)}
    assert all(row[6] + row[4] - row[5] == row[7] for row in rows)


def assert_tied(copy: Copy, ledger: PythonLedger, sources: Sequence[Copy], days: Sequence[date]) -> None:
    """Open items add up to the control accounts; each item is what its documents and payments say."""
    advances = {str(row["RECORDNO"]) for row in copy.table("ARADVANCE")}
    for side, kind in (("ap", PAYABLES), ("ar", RECEIVABLES)):
        expected_items = OpenItems(copy.table, kind)
        controls = (*CONTROLS[side], *(ADVANCES if side == "ar" else ()))
        for day in days:
            expected = {key: value for key, value in expected_items.on(day).items() if key not in advances}
            tied = ledger.account_total(controls, day)
            for source in sources:
                rows = source.rows(
                    "SELECT document_key, document_type, entity_id, base_currency, open_amount, open_base "
                    f"FROM reporting.{side}_open_items(DATE '{day}')"
                )
                items = {row[0]: Decimal(row[4]) for row in rows if row[0] not in advances}
                assert {key: value for key, value in items.items() if value} == expected, day
                sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
                for row in rows:
                    sums[row[2], row[3]] += -Decimal(row[5]) if side == "ap" else Decimal(row[5])
                assert {key: value for key, value in sums.items() if value} == tied, (side, day)


def some_days(seed: int, count: int) -> list[date]:
    rng = Random(seed)
    return [date(2024, 12, 20) + timedelta(days=rng.randrange(710)) for _ in range(count)]


def test_the_demo_company(demo_copy: Copy) -> None:
    ledger = PythonLedger(demo_copy.table)
    assert_balances(ledger, [demo_copy], TODAY)
    assert_movements(ledger, demo_copy)
    assert_tied(demo_copy, ledger, [demo_copy], [date(2026, 8, 31), date(2026, 9, 17), TODAY])


def test_the_statistical_ledger_holds_the_lines_of_statistical_accounts_and_no_other_view_does(
    demo_copy: Copy,
) -> None:
    accounts = {row["ACCOUNTNO"] for row in demo_copy.table("STATACCOUNT")}
    expected: dict[tuple[str, date, str], Decimal] = defaultdict(Decimal)
    lines = [row for row in demo_copy.table("GLDETAIL") if row["ACCOUNTNO"] in accounts]
    for row in lines:
        expected[row["ACCOUNTNO"], row["BATCH_DATE"], row["LOCATIONID"]] += row["DEBITAMOUNT"] - row["CREDITAMOUNT"]
    rows = demo_copy.rows(
        "SELECT account_no, posting_date, location_id, sum(quantity), count(*) FROM reporting.statistical_ledger "
        "GROUP BY 1, 2, 3"
    )
    assert {tuple(row[:3]): row[3] for row in rows} == expected
    assert sum(row[4] for row in rows) == len(lines) > 0
    entities = demo_copy.rows("SELECT DISTINCT location_id, entity_id FROM reporting.statistical_ledger")
    ledger = PythonLedger(demo_copy.table)
    assert all(ledger.entity_of(location) == entity for location, entity in entities)
    listed = ", ".join(f"'{one}'" for one in accounts)
    for view in ("general_ledger", "trial_balance", "balance_sheet", "income_statement"):
        assert demo_copy.rows(f"SELECT count(*) FROM reporting.{view} WHERE account_no IN ({listed})") == [(0,)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM reporting.entities ORDER BY entity_id",
        "SELECT * FROM reporting.trial_balance ORDER BY entity_id, book, base_currency, account_no, period_start",
        (
            "SELECT entity_id, book, account_no, fiscal_year, sum(debit), sum(credit), count(*) "
            "FROM reporting.general_ledger GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
        ),
    ],
)
def test_a_copy_that_knows_its_entities_as_locations_only_has_the_same_rows(
    demo_copy: Copy, tmp_path: Path, sql: str
) -> None:
    uri = duckdb_uri(tmp_path)
    shutil.copy(demo_copy.uri.removeprefix("duckdb:"), uri.removeprefix("duckdb:"))
    with duckdb.connect(uri.removeprefix("duckdb:")) as con:
        con.execute("DROP TABLE LOCATIONENTITY")
    expected = open_copy(demo_copy.uri).sql(sql)
    assert expected.num_rows > 3
    assert open_copy(uri).sql(sql) == expected


@pytest.mark.parametrize(("company", "seed"), [(FIVE, 3), (MIXED, 1)], ids=["five", "mixed"])
def test_payments_in_foreign_currencies_leave_what_the_ledger_has(
    company: OwnCompany, seed: int, tmp_path: Path
) -> None:
    """Base currencies with other decimals stand in one column; each amount has those of its own."""
    scene = Scene(company, seed)
    scene.post(250)
    copy = Copy.of(scene.emulator, duckdb_uri(tmp_path))
    outcomes = scene.poster.outcomes
    accepted, refused = (sum(outcomes[kind, done] for kind in ("pay", "receive")) for done in (True, False))
    assert accepted > 20
    assert refused * 10 <= accepted, scene.poster.refusals.most_common(10)
    payments = [row for name in ("APPYMT", "ARPYMT") for row in copy.table(name) if row["STATE"] != "Reversal"]
    assert sum(row["CURRENCY"] != row["BASECURR"] for row in payments) > 12
    assert_tied(copy, PythonLedger(copy.table), [copy], some_days(seed, 6))
    scene.emulator.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["one", "five", "mixed"])
def test_own_companies_before_and_after_random_edits(name: str, tmp_path: Path, postgres: str) -> None:
    scene = Scene({"one": ONE, "five": FIVE, "mixed": MIXED}[name], SEED)
    scene.post(STEPS)
    copy = Copy.of(scene.emulator, duckdb_uri(tmp_path))
    sources = [copy, Copy.of(scene.emulator, postgres)] if name != "one" else [copy]
    ledger = PythonLedger(copy.table)
    assert_balances(ledger, sources, scene.clock.now.date())
    assert_movements(ledger, copy)
    assert_tied(copy, ledger, sources, some_days(SEED, DAYS))
    scene.post(STEPS // 2 if STEPS < PROOF else PROOF)
    for one in sources:
        one.extract()
    ledger = PythonLedger(copy.table)
    assert_balances(ledger, sources, scene.clock.now.date())
    assert_tied(copy, ledger, sources, some_days(SEED + 1, DAYS))
    scene.emulator.close()
