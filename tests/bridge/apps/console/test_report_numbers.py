"""The numbers of the pages Budget and Income statement, and the copy that the demo made."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from intacct_bridge.copies.views.apply import apply_views, open_database
from intacct_bridge.runs.history import open_history
from intacct_bridge.runs.run import Run
from intacct_emulator.server.gateway import Emulator
from support.apps.console_site import RunningConsole, Visitor, running_console
from support.copies.python_ledger import PythonLedger
from support.copies.reported import Copy, duckdb_uri

STREAMS = ("GLDETAIL", "GLACCOUNT", "LOCATION", "LOCATIONENTITY", "GLBUDGETITEM", "REPORTINGPERIOD")
PERIOD = "Annual+Plan+2026/2026-10-01/2026-10-31"


@pytest.fixture(scope="module")
def copy(grown: Emulator, user: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    """A copy of the demo company that no run of the history wrote."""
    yield Copy.of(grown.clone(), duckdb_uri(tmp_path_factory.mktemp("numbers")), STREAMS)


@pytest.fixture(scope="module")
def alone(user: Path) -> Iterator[RunningConsole]:
    with running_console() as made:
        yield made


@pytest.fixture
def reader(alone: RunningConsole) -> Visitor:
    return alone.signed_in()


def test_a_budget_stands_beside_what_was_posted(copy: Copy, reader: Visitor) -> None:
    expected: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    accounts = {row["ACCOUNTNO"]: row for row in copy.table("GLACCOUNT")}
    first, last = date(2026, 10, 1), date(2026, 10, 31)
    entity_of, entities = PythonLedger(copy.table).entity_of, set()
    for row in copy.table("GLBUDGETITEM"):
        if row["PSTARTDATE"] == first and row["STATISTICAL"] != "T":
            expected[row["CURRENCY"], row["ACCT_NO"]][0] += row["AMOUNT"]
            entities.add(entity_of(row["LOCATION_NO"]))
    for row in copy.table("GLDETAIL"):
        account = accounts.get(row["ACCOUNTNO"])
        if account and first <= row["BATCH_DATE"] <= last and entity_of(row["LOCATIONID"]) in entities:
            sign = -1 if account["NORMALBALANCE"] == "credit" else 1
            if account["ACCOUNTTYPE"] == "incomestatement":
                amount = sign * (row["DEBITAMOUNT"] - row["CREDITAMOUNT"])
                expected[row["BASECURR"], row["ACCOUNTNO"]][1] += amount
    data = reader.get(f"/reporting/budget.json?copy={copy.uri}&budget={PERIOD}").json
    found = {
        (table["currency"], row["account_no"]): [Decimal(row["budget"]), Decimal(row["actual"])]
        for table in data["tables"]
        for section in table["sections"]
        for row in section["rows"]
    }
    assert len(found) > 10
    assert found == {key: value for key, value in expected.items() if any(value)}


def test_a_budget_in_another_currency_is_a_table_of_its_own(copy: Copy, reader: Visitor) -> None:
    other = copy.uri.removeprefix("duckdb:").replace("copy.duckdb", "other.duckdb")
    Path(other).write_bytes(Path(copy.uri.removeprefix("duckdb:")).read_bytes())
    with duckdb.connect(other) as con:
        con.execute(
            'INSERT INTO "GLBUDGETITEM" SELECT * REPLACE (999999 AS "RECORDNO", 7 AS "AMOUNT", \'EUR\' AS "CURRENCY") '
            'FROM "GLBUDGETITEM" WHERE "PSTARTDATE" = DATE \'2026-10-01\' LIMIT 1'
        )
    usual = reader.get(f"/reporting/budget.json?copy={copy.uri}&budget={PERIOD}").json["tables"]
    address = f"/reporting/budget?copy=duckdb:{other}&budget={PERIOD}"
    own, foreign = reader.get(address.replace("budget?", "budget.json?")).json["tables"]
    assert [own] == usual
    assert (foreign["currency"], foreign["budget_currency"]) == ("USD", "EUR")
    (section,) = foreign["sections"]
    assert (section["total"]["budget"], section["total"]["variance"]) == ("7.00", None)
    page = reader.get(address)
    assert "Budget and actual, in USD" in page.text
    assert "Budget in EUR, actual in USD" in page.text


def test_a_budget_of_several_base_currencies_has_no_actual_total(copy: Copy, reader: Visitor) -> None:
    other = copy.uri.removeprefix("duckdb:").replace("copy.duckdb", "whole.duckdb")
    Path(other).write_bytes(Path(copy.uri.removeprefix("duckdb:")).read_bytes())
    with duckdb.connect(other) as con:
        con.execute('UPDATE "GLBUDGETITEM" SET "LOCATION_NO" = NULL')
        con.execute(
            'UPDATE "GLDETAIL" SET "BASECURR" = \'CAD\' '
            'WHERE "RECORDNO" IN (SELECT min("RECORDNO") FROM "GLDETAIL" WHERE "BASECURR" = \'USD\')'
        )
    address = f"/reporting/budget?copy=duckdb:{other}&budget={PERIOD}"
    (table,) = reader.get(address.replace("budget?", "budget.json?")).json["tables"]
    for section in table["sections"]:
        assert Decimal(section["total"]["budget"])
        assert (section["total"]["actual"], section["total"]["variance"]) == (None, None)
    assert "Budget in USD, without actual, since the ledger has several base currencies" in reader.get(address).text
    with duckdb.connect(other) as con:
        con.execute('UPDATE "GLBUDGETITEM" SET "CURRENCY" = NULL')
    assert "Budget that names no currency, without actual" in reader.get(address).text
    with duckdb.connect(other) as con:  # one item has a place, so that the others are those of no entity
        con.execute(
            'UPDATE "GLBUDGETITEM" SET "LOCATION_NO" = (SELECT min("LOCATIONID") FROM "LOCATIONENTITY") '
            'WHERE "RECORDNO" IN (SELECT min("RECORDNO") FROM "GLBUDGETITEM")'
        )
    tables = reader.get(address.replace("budget?", "budget.json?")).json["tables"]
    (unnamed,) = (table for table in tables if not table["budget_currency"])
    assert unnamed["title"].startswith("Budget that names no currency")
    assert {section["total"]["variance"] for section in unnamed["sections"]} == {None}


def test_net_income_is_the_same_under_every_name_of_the_sections(copy: Copy, reader: Visitor) -> None:
    address = f"/reporting/income-statement.json?copy={copy.uri}&month=2026-10-01"
    usual = {table["currency"]: table["net"] for table in reader.get(address).json["tables"]}
    raw = defaultdict[str, Decimal](Decimal)
    income = {row["ACCOUNTNO"] for row in copy.table("GLACCOUNT") if row["ACCOUNTTYPE"] == "incomestatement"}
    for row in copy.table("GLDETAIL"):
        if row["ACCOUNTNO"] in income and row["BATCH_DATE"].strftime("%Y-%m") == "2026-10":
            raw[row["BASECURR"]] += row["CREDITAMOUNT"] - row["DEBITAMOUNT"]
    assert {currency: Decimal(net["amount"]) for currency, net in usual.items()} == raw
    with duckdb.connect(copy.uri.removeprefix("duckdb:")) as con:
        con.execute(
            "CREATE TABLE GLACCTGRPHIERARCHY AS SELECT ACCOUNTNO, "
            "CASE NORMALBALANCE WHEN 'credit' THEN 'Turnover' ELSE 'Costs' END AS GLACCTGRPNAME, "
            "CAST(NULL AS TIMESTAMPTZ) AS _deleted_at FROM GLACCOUNT"
        )
    with open_database(copy.uri) as destination:
        apply_views(destination, {"income_statement": ["Turnover", "Costs"]})
    tables = reader.get(address).json["tables"]
    assert {section["section"] for table in tables for section in table["sections"]} == {"Turnover", "Costs"}
    assert {table["currency"]: table["net"] for table in tables} == usual


def test_the_copy_of_the_demo_is_a_known_one(copy: Copy, reader: Visitor) -> None:
    assert "No copy exists yet" in reader.get("/reporting").text
    began = datetime(2026, 11, 24, 7, tzinfo=UTC)
    failed, done = (
        Run(
            id=f"{number:032x}", started=began, command="demo", company="demo-company", destination=copy.uri,
            ended=began.replace(hour=7 + number), status=status,
        )
        for number, status in ((1, 1), (2, 0))
    )  # fmt: skip
    for run in (failed, done):
        with open_history() as history:
            history.begin(run)
            history.end(run)
        (listed,) = reader.get("/reporting.json").json["listed"]
        assert (listed["uri"], listed["company"]) == (copy.uri, "demo-company")
        assert (listed["extracted"] is None) == (run is failed)
        assert (listed["proof"] or {}).get("verdict") == (None if run is failed else "equal")
