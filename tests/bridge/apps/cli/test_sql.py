"""`intacct sql`: one SELECT over the company."""

import json
from pathlib import Path

import pyarrow.parquet as pq

from support.apps.command_line import Intacct


def test_a_select_over_the_company(demo: Intacct) -> None:
    joined = (
        "SELECT v.VENDORID, count(b.RECORDNO) AS bills, sum(b.TOTALDUE) AS due FROM VENDOR v "
        "LEFT JOIN APBILL b ON b.VENDORID = v.VENDORID WHERE v.VENDORID = 'V10001' GROUP BY 1"
    )
    (row,) = json.loads(demo("sql", joined, "--json").out)
    bills = demo(
        "query", "APBILL", "--where", "VENDORID = 'V10001'", "--select", "RECORDNO,TOTALDUE", "--format", "json"
    )
    listed = json.loads(bills.out)
    assert row["bills"] == len(listed)
    assert round(row["due"], 2) == round(sum(one["TOTALDUE"] for one in listed), 2)
    table = demo("sql", "SELECT max(TOTALDUE) AS most FROM VENDOR")
    assert table.status == 0
    assert "000000" not in table.out


def test_a_result_without_rows_replaces_a_file_of_an_earlier_one(demo: Intacct, tmp_path: Path) -> None:
    file = tmp_path / "due.parquet"
    file.write_text("of yesterday")
    ran = demo("sql", "SELECT VENDORID FROM VENDOR WHERE NAME = 'nobody'", "--out", str(file))
    assert ran.status == 0, ran.said
    assert (pq.read_table(file).num_rows, pq.read_table(file).column_names) == (0, ["VENDORID"])


def test_the_price_is_shown_and_capped(demo: Intacct) -> None:
    (cost,) = json.loads(demo("sql", "SELECT NAME FROM VENDOR WHERE RECORDNO < 5", "--explain", "--json").out)
    assert (cost["object"], cost["transactions"], cost["condition"]) == ("VENDOR", 1, "RECORDNO < 5")
    assert cost["records"] < 5
    capped = demo("sql", "SELECT count(*) FROM VENDOR, CUSTOMER", "--max-transactions", "1")
    assert capped.status == 2
    assert "--max-transactions" in capped.err


def test_what_is_no_select_ends_in_a_sentence(demo: Intacct) -> None:
    for sql in ("DROP TABLE x", "SELECT * FROM read_csv('x.csv')", "SELECT NOPE FROM VENDOR", "SELEC", ""):
        refused = demo("sql", sql)
        assert refused.status == 2, refused.said
        assert "Traceback" not in refused.said
    both = demo("sql", "SELECT 1", "--explain", "--copy", "x.duckdb")
    assert (both.status, "--explain" in both.err) == (2, True)


def test_a_copy_that_cannot_answer_says_why(demo: Intacct) -> None:
    Path("empty.duckdb").touch()
    damaged = demo("sql", "SELECT 1", "--copy", "duckdb:empty.duckdb")
    assert (damaged.status, "damaged" in damaged.err) == (2, True)
    assert demo("extract", "VENDOR", "--to", "duckdb:c.duckdb").status == 0
    misspelt = demo("sql", "SELECT * FROM reporting.trial_balanc", "--copy", "duckdb:c.duckdb")
    assert (misspelt.status, "did you mean trial_balance or" in misspelt.err) == (2, True), misspelt.err
    lacking = demo("sql", "SELECT * FROM reporting.trial_balance", "--copy", "duckdb:c.duckdb")
    assert (lacking.status, "the copy has no GL" in lacking.err) == (2, True), lacking.err
