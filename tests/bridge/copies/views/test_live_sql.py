"""SQL over a live company gives what the same statement gives over everything that was read beforehand."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from intacct_bridge.copies.copy import open_copy
from intacct_bridge.copies.live_sql.live_query import prepared
from intacct_bridge.copies.live_sql.statement import FirstRows
from intacct_bridge.library import BridgeClient
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.query.query import And, Compare, Filter, Op, Or, Order, Query
from support.copies.reported import Copy, duckdb_uri
from support.small_company import connection

OBJECTS = ("APBILL", "VENDOR", "ARINVOICE")
QUERIES = int(os.environ.get("LIVE_SQL_QUERIES", "30"))
"""With LIVE_SQL_QUERIES=5000 it is a proof, which takes some minutes."""
AT_ONCE = 250


@pytest.fixture(scope="module")
def client(grown: Emulator) -> Iterator[BridgeClient]:
    with BridgeClient(connection(), transport=grown.clone()) as made:
        yield made


@pytest.fixture(scope="module")
def everything(client: BridgeClient) -> Iterator[duckdb.DuckDBPyConnection]:
    """All rows of some objects, read without any condition."""
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        for name in OBJECTS:
            batches = list(client.batches(Query(name, client.queryable(name), show_private=True)))
            con.register(name, pa.Table.from_batches(batches))
        yield con


def pushed(client: BridgeClient, sql: str) -> list[tuple[Filter, ...]]:
    """The conditions that the gateway checks, by table."""
    found = [one.where for one in prepared(client, sql).reads]
    return [one.parts if isinstance(one, And) else () if one is None else (one,) for one in found]


def rows(found: pa.Table) -> list[tuple[Any, ...]]:
    return sorted((tuple(row.values()) for row in found.to_pylist()), key=repr)


# --- the same results


class Generator:
    """Random statements over bills, vendors and invoices, with conditions of every kind."""

    def __init__(self, seed: int, con: duckdb.DuckDBPyConnection) -> None:
        self.rng = Random(seed)
        self.con = con

    def value(self, table: str, field: str) -> str:
        sample = f"USING SAMPLE 1 ROWS (reservoir, {self.rng.randrange(9999)})"
        sql = f'SELECT "{field}" FROM "{table}" WHERE "{field}" IS NOT NULL {sample}'
        found = self.con.execute(sql).fetchall()
        nothing = date(2026, 1, 31) if field.startswith("WHEN") else "none"
        one = found[0][0] if found else nothing
        if isinstance(one, bool):
            return str(one).lower()
        if isinstance(one, datetime):
            text = f"{one.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
            kind = self.rng.choice(("TIMESTAMP", "TIMESTAMPTZ", "DATE", ""))
            return f"{kind} '{text[:10] if kind == 'DATE' else text}'"
        if isinstance(one, date):
            return f"DATE '{one}'" if self.rng.random() < 0.7 else f"'{one}'"
        if isinstance(one, Decimal | int):
            return str(one)
        return "'" + str(one).replace("'", "''") + "'"

    def condition(self, table: str, alias: str) -> str:
        field = self.rng.choice(FIELDS[table])
        column = f"{alias}.{field}"
        if field in ("ONHOLD", "ONETIME"):
            word = self.rng.choice(("", " = true", " = false", " IS TRUE", " IS NOT TRUE", " IS NULL"))
            return self.rng.choice((f"{column}{word}", f"NOT {column}", f"({column} OR {alias}.RECORDNO > 5)"))
        one, other = self.value(table, field), self.value(table, field)
        forms = (
            f"{column} = {one}",
            f"{one} = {column}",
            f"{column} IN ({one}, {other})",
            f"{column} NOT IN ({one})",
            f"{column} <> {one}",
            f"{column} IS NULL",
            f"{column} IS NOT NULL",
            f"{column} > {one}",
            f"{column} <= {one}",
            f"{one} < {column}",
            f"{column} BETWEEN {one} AND {other}",
            f"NOT ({column} = {one})",
            f"({column} = {one} OR {column} = {other})",
            f"({column} < {one} AND {column} <> {other} OR {column} IS NULL)",
            f"({column} >= {one} OR NOT ({column} = {other}))",
            f"coalesce(CAST({column} AS VARCHAR), '') <> ''",
        )
        return self.rng.choice(forms)

    def where(self, *sides: tuple[str, str]) -> str:
        parts = [self.condition(*self.rng.choice(sides)) for _ in range(self.rng.randrange(1, 4))]
        return " AND ".join(parts)

    def statement(self) -> str:
        bill, vendor = ("APBILL", "b"), ("VENDOR", "v")
        shape = self.rng.randrange(6)
        if shape == 0:
            return f"SELECT b.RECORDNO, b.TOTALDUE FROM APBILL b WHERE {self.where(bill)}"
        if shape == 1:
            where = self.where(("ARINVOICE", "i"))
            return f"SELECT STATE, count(*), sum(TOTALENTERED) FROM ARINVOICE i WHERE {where} GROUP BY 1"
        join = self.rng.choice(("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "INNER JOIN"))
        if shape == 2:
            on = f"v.VENDORID = b.VENDORID AND {self.condition(*self.rng.choice((bill, vendor)))}"
            return f"SELECT b.RECORDNO, v.NAME FROM APBILL b {join} VENDOR v ON {on} WHERE {self.where(bill, vendor)}"
        if shape == 3:
            inner = f"SELECT VENDORID FROM VENDOR v WHERE {self.where(vendor)}"
            return f"SELECT b.RECORDNO FROM APBILL b WHERE b.VENDORID IN ({inner}) AND {self.where(bill)}"
        if shape == 4:
            inner = f"SELECT * FROM APBILL b WHERE {self.where(bill)}"
            count = "SELECT v.VENDORID, count(w.RECORDNO) FROM VENDOR v"
            return f"WITH w AS ({inner}) {count} {join} w ON w.VENDORID = v.VENDORID GROUP BY 1"
        one, other = (
            f"SELECT VENDORID FROM {name} {alias} WHERE {self.where((name, alias))}" for name, alias in (bill, vendor)
        )
        return f"{one} {self.rng.choice(('UNION', 'EXCEPT', 'INTERSECT'))} {other}"


FIELDS = {
    "APBILL": (
        "RECORDNO",
        "VENDORID",
        "STATE",
        "WHENDUE",
        "TOTALDUE",
        "CURRENCY",
        "DESCRIPTION",
        "WHENPAID",
        "WHENMODIFIED",
    ),
    "VENDOR": ("RECORDNO", "VENDORID", "NAME", "TOTALDUE", "TERMNAME", "VENDTYPE", "ONETIME", "ONHOLD", "WHENMODIFIED"),
    "ARINVOICE": ("RECORDNO", "CUSTOMERID", "STATE", "WHENCREATED", "TOTALENTERED", "CURRENCY"),
}


@pytest.mark.parametrize("seed", range(1, 1 + max(1, QUERIES // AT_ONCE)))
def test_random_statements_give_the_same_rows_as_a_full_read(
    client: BridgeClient, everything: duckdb.DuckDBPyConnection, seed: int
) -> None:
    generator = Generator(seed, everything)
    passed_on = 0
    count = min(QUERIES, AT_ONCE)
    for _ in range(count):
        sql = generator.statement()
        expected = rows(everything.sql(sql).to_arrow_table())
        assert rows(client.sql(sql)) == expected, sql
        passed_on += sum(map(len, pushed(client, sql)))
    assert passed_on > count / 3


@pytest.mark.parametrize("seed", range(1, 1 + max(1, QUERIES // AT_ONCE)))
def test_random_statements_with_a_limit_give_rows_of_a_full_read(
    client: BridgeClient, everything: duckdb.DuckDBPyConnection, seed: int
) -> None:
    generator = Generator(seed, everything)
    limited = 0
    for _ in range(min(QUERIES, AT_ONCE) // 3):
        rng = generator.rng
        bound = rng.choice(("RECORDNO > 0", "TOTALDUE >= 0", "WHENDUE > '2020-01-01'"))
        by = f"ORDER BY {bound.split()[0]}"
        order = rng.choice(("", by, f"{by} DESC", "ORDER BY TOTALDUE, 1"))
        where = f"{bound} AND {generator.where(('APBILL', 'b'))}" if rng.random() < 0.3 else bound
        limit, offset = rng.choice((1, 3, 10, 40, 5000)), rng.choice((0, 0, 2, 60))
        sql = f"SELECT RECORDNO, TOTALDUE, WHENDUE, VENDORID FROM APBILL b WHERE {where} {order}"
        all_rows = everything.sql(sql).fetchall()
        found = client.sql(f"{sql} LIMIT {limit} OFFSET {offset}").to_pylist()
        assert len(found) == min(limit, max(0, len(all_rows) - offset)), sql
        assert {tuple(one.values()) for one in found} <= set(all_rows), sql
        if order:  # rows with the same value may stand in any order
            at = {"RECORDNO": 0, "TOTALDUE": 1, "WHENDUE": 2}[order.split()[2].strip(",")]
            assert [list(one.values())[at] for one in found] == [one[at] for one in all_rows[offset:][:limit]], sql
        limited += prepared(client, f"{sql} LIMIT {limit} OFFSET {offset}").reads[0].first is not None
    assert limited


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT VENDORID, Paid FROM APBILL PIVOT (count(RECORDNO) FOR STATE IN ('Paid', 'Posted'))",
        "SELECT n, TOTALDUE FROM APBILL UNPIVOT (TOTALDUE FOR n IN (TOTALDUE, TOTALENTERED)) WHERE TOTALDUE > 100",
        "SELECT count(*) FROM APBILL UNPIVOT (v FOR STATE IN (TOTALDUE, TOTALENTERED)) WHERE STATE = 'TOTALDUE'",
        "SELECT max(COLUMNS('TOTAL.*')) FROM APBILL",
        "SELECT VENDORID, TOTALDUE, COLUMNS('TOTAL.*') FROM APBILL WHERE TOTALDUE > 100",
        "WITH _object_0 AS (SELECT 1 AS RECORDNO) SELECT b.RECORDNO FROM APBILL b, _object_0 o",
        "SELECT count(*) FROM APBILL WHERE TOTALDUE <> 0 AND TOTALDUE > 0.123456789012345678",
    ],
)
def test_what_needs_all_rows_or_all_fields_gets_them(
    client: BridgeClient, everything: duckdb.DuckDBPyConnection, sql: str
) -> None:
    expected = everything.sql(sql).to_arrow_table()
    found = client.sql(sql)
    assert found.num_columns == expected.num_columns
    assert rows(found) == rows(expected)


def test_a_sample_is_drawn_from_all_rows(client: BridgeClient) -> None:
    for sample in ("FROM APBILL TABLESAMPLE 10 PERCENT WHERE STATE = 'Paid'", "FROM APBILL USING SAMPLE 5"):
        assert pushed(client, f"SELECT RECORDNO {sample}") == [()]


# --- what is passed on, and what is read


def test_the_conditions_that_contain_the_result_are_passed_on(client: BridgeClient) -> None:
    (found,) = pushed(
        client,
        "SELECT VENDORNAME, SUM(TOTALDUE) FROM APBILL WHERE WHENDUE < DATE '2026-12-01' AND 100 <= TOTALDUE "
        "AND CURRENCY IN ('USD', 'CAD') AND DESCRIPTION IS NULL GROUP BY 1",
    )
    assert found == (
        Compare("WHENDUE", Op.LESSTHAN, (date(2026, 12, 1),)),
        Compare("TOTALDUE", Op.GREATERTHANOREQUALTO, (Decimal(100),)),
        Compare("CURRENCY", Op.IN, ("USD", "CAD")),
        Compare("DESCRIPTION", Op.ISNULL),
    )


def test_or_passes_on_if_every_part_does(client: BridgeClient) -> None:
    large, first = Compare("TOTALDUE", Op.GREATERTHAN, (Decimal(5),)), Compare("RECORDNO", Op.EQUALTO, (1,))
    ((found,),) = pushed(client, "SELECT RECORDNO FROM APBILL WHERE TOTALDUE > 5 OR RECORDNO = 1")
    assert found == Or((large, first))
    ((found,),) = pushed(client, "SELECT 1 FROM APBILL WHERE (TOTALDUE > 5 AND STATE <> 'Paid') OR RECORDNO = 1")
    assert found == Or((large, first))
    assert pushed(client, "SELECT 1 FROM APBILL WHERE TOTALDUE > 5 OR STATE <> 'Paid'") == [()]


def test_a_boolean_is_asked_for_being_true_only(client: BridgeClient) -> None:
    for where in ("ONHOLD", "ONHOLD = true", "ONHOLD IS TRUE"):
        ((found,),) = pushed(client, f"SELECT RECORDNO FROM VENDOR WHERE {where}")
        assert found == Compare("ONHOLD", Op.EQUALTO, (True,))
    for where in ("NOT ONHOLD", "ONHOLD = false", "ONHOLD IS NULL", "ONHOLD IS NOT TRUE"):
        assert pushed(client, f"SELECT RECORDNO FROM VENDOR WHERE {where}") == [()]


def test_times_are_widened_by_two_days_whatever_the_time_zone_of_filters(client: BridgeClient) -> None:
    early, late = datetime(2026, 3, 8, 9, tzinfo=UTC), datetime(2026, 3, 12, 9, tzinfo=UTC)
    for where, expected in {
        "WHENMODIFIED > TIMESTAMP '2026-03-10 09:00:00'": Compare("WHENMODIFIED", Op.GREATERTHAN, (early,)),
        "'2026-03-10 09:00:00' >= WHENMODIFIED": Compare("WHENMODIFIED", Op.LESSTHANOREQUALTO, (late,)),
        "WHENMODIFIED = TIMESTAMPTZ '2026-03-10 11:00:00+02'": Compare("WHENMODIFIED", Op.BETWEEN, (early, late)),
    }.items():
        (found,) = pushed(client, f"SELECT RECORDNO FROM APBILL WHERE {where}")
        assert found == (expected,)


@pytest.mark.parametrize(
    ("sql", "first"),
    [
        ("SELECT * FROM APBILL LIMIT 5", FirstRows(5)),
        ("SELECT RECORDNO FROM APBILL b WHERE TOTALDUE > 5 LIMIT 5 OFFSET 3", FirstRows(8)),
        ("SELECT TOTALDUE FROM APBILL WHERE TOTALDUE > 5 ORDER BY 1 LIMIT 5", None),
        (
            "SELECT RECORDNO FROM APBILL b WHERE TOTALDUE > 5 ORDER BY b.totaldue DESC, RECORDNO LIMIT 5",
            FirstRows(5, (Order("TOTALDUE", descending=True), Order("RECORDNO"))),
        ),
        ("SELECT TOTALDUE FROM APBILL ORDER BY TOTALDUE LIMIT 5", None),  # it may be empty
        ("SELECT TOTALDUE FROM APBILL WHERE VENDORID = 'x' ORDER BY VENDORID LIMIT 5", None),  # a text
        ("SELECT RECORDNO FROM APBILL WHERE STATE <> 'Paid' LIMIT 5", None),  # not every condition is passed on
        ("SELECT RECORDNO FROM APBILL WHERE WHENMODIFIED > '2026-01-01' LIMIT 5", None),  # it is widened
        ("SELECT -RECORDNO AS RECORDNO FROM APBILL ORDER BY RECORDNO LIMIT 5", None),
        ("SELECT * REPLACE (-RECORDNO AS RECORDNO) FROM APBILL ORDER BY RECORDNO LIMIT 5", None),
        ("SELECT count(*) FROM APBILL LIMIT 5", None),
        ("SELECT mode(STATE) FROM APBILL LIMIT 5", None),
        ("SELECT DISTINCT STATE FROM APBILL LIMIT 5", None),
        ("SELECT STATE FROM APBILL GROUP BY 1 LIMIT 5", None),
        ("SELECT 1 FROM APBILL, VENDOR LIMIT 5", None),
        ("SELECT 1 FROM APBILL LIMIT 5%", None),
        ("SELECT 1 FROM APBILL TABLESAMPLE 5 LIMIT 5", None),
        ("SELECT unnest([1, 2]) FROM APBILL LIMIT 5", None),
        ("SELECT 1 FROM APBILL LIMIT 2001", None),
        ("SELECT STATE FROM APBILL UNION SELECT NAME FROM VENDOR LIMIT 5", None),
        ("SELECT x.a FROM APBILL AS x(a, b) WHERE x.a = 5 LIMIT 5", None),
    ],
)
def test_a_limit_passes_on_where_a_page_is_enough(client: BridgeClient, sql: str, first: FirstRows | None) -> None:
    found = prepared(client, sql).reads[0].first
    assert (found and replace(found, passing="")) == first


def test_a_limit_takes_one_transaction_and_reads_on_where_rows_of_the_page_do_not_pass(
    client: BridgeClient, everything: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql = "SELECT RECORDNO FROM APBILL WHERE STATE = 'Paid' LIMIT 3"
    before = client.meter.transactions
    assert client.sql(sql).num_rows == 3
    assert client.meter.transactions == before + 1
    page = client.batch

    def in_any_case(query: Query) -> Any:  # as a gateway that finds other texts with `equalto` as well
        return page(replace(query, where=Compare("STATE", Op.NOTEQUALTO, ("Paid",))))

    monkeypatch.setattr(client, "batch", in_any_case)
    paid = {key for (key,) in everything.sql("SELECT RECORDNO FROM APBILL WHERE STATE = 'Paid'").fetchall()}
    found = client.sql(sql).to_pylist()
    assert len(found) == 3
    assert {one["RECORDNO"] for one in found} <= paid


@pytest.mark.parametrize(
    "where",
    [
        "STATE <> 'Paid'",
        "NOT (TOTALDUE > 5)",
        "VENDORNAME LIKE 'A%'",
        "VENDORNAME > 'A'",
        "TOTALDUE > 5 OR upper(STATE) = 'PAID'",
        "VENDORNAME BETWEEN 'A' AND 'B'",
        "upper(VENDORNAME) = 'A'",
        "VENDORNAME = ''",
        "TOTALDUE IS NOT NULL",
        "WHENDUE = TODAY()",
        "TOTALDUE = (SELECT max(TOTALDUE) FROM VENDOR)",
    ],
)
def test_other_conditions_are_not(client: BridgeClient, where: str) -> None:
    assert not any(pushed(client, f"SELECT RECORDNO FROM APBILL WHERE {where}"))


@pytest.mark.parametrize(
    ("join", "bill", "vendor"),
    [("JOIN", 1, 1), ("LEFT JOIN", 1, 0), ("RIGHT JOIN", 0, 0), ("FULL JOIN", 0, 0)],
)
def test_nothing_is_passed_on_to_a_side_that_may_be_missing(
    client: BridgeClient, join: str, bill: int, vendor: int
) -> None:
    sql = (
        f"SELECT 1 FROM APBILL b {join} VENDOR v ON b.VENDORID = v.VENDORID "
        "WHERE b.STATE = 'Paid' AND v.VENDORID = 'V10001'"
    )
    assert list(map(len, pushed(client, sql))) == [bill, vendor]


def test_only_the_fields_that_the_statement_names_are_read(client: BridgeClient) -> None:
    (read,) = prepared(client, "SELECT b.vendorid, count(*) FROM apbill AS b WHERE b.state = 'Paid' GROUP BY 1").reads
    assert (read.object, set(read.fields)) == ("APBILL", {"VENDORID", "STATE"})
    (all_fields,) = prepared(client, "SELECT * FROM APBILL").reads
    assert all_fields.fields == client.queryable("APBILL")


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("DELETE FROM APBILL", "not one SELECT"),
        ("SELECT 1; SELECT 2", "not one SELECT"),
        ("COPY (SELECT 1) TO 'x.csv'", "not one SELECT"),
        ("SELECT * FROM read_csv('/etc/passwd')", "is not an object"),
        ("SELECT * FROM '/etc/passwd'", "no object"),
        ("SELECT FROM WHERE", "cannot"),
        ("SELECT NOSUCH FROM VENDOR", "NOSUCH"),
        ("SELECT 1 FROM NOSUCH", "NOSUCH"),
        ("SELECT * FROM reporting.trial_balance", "is not an object"),
        ("SELECT getenv('HOME') FROM VENDOR", "getenv"),
    ],
)
def test_anything_but_a_select_over_objects_is_refused(client: BridgeClient, sql: str, message: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        client.sql(sql)
    assert message in refused.value.message


def test_a_copy_answers_too_with_the_views_of_reporting(grown: Emulator, tmp_path: Path) -> None:
    uri = duckdb_uri(tmp_path)
    Copy.of(grown.clone(), uri, ("GLDETAIL", "GLACCOUNT", "LOCATION", "LOCATIONENTITY"))
    with duckdb.connect(uri.removeprefix("duckdb:")) as con:
        expected = con.execute("SELECT count(*) AS n FROM GLACCOUNT").fetchall()
        con.execute("INSERT INTO GLACCOUNT SELECT * REPLACE (now() AS _deleted_at) FROM GLACCOUNT LIMIT 3")
    assert open_copy(uri).sql("SELECT count(*) AS n FROM GLACCOUNT").to_pylist() == [{"n": expected[0][0]}]
    sums = open_copy(uri).sql("SELECT sum(debit) - sum(credit) AS off FROM reporting.trial_balance").to_pylist()
    assert sums == [{"off": Decimal(0)}]
    with pytest.raises(InvalidRequestError):
        open_copy(uri).sql("SELECT * FROM read_csv('/etc/passwd')")


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT * FROM reporting.trial_balanc", "there is no view reporting.trial_balanc; did you mean trial_balance"),
        ('SELECT * FROM "REPORTING"."TRIAL_BALANC"', "there is no view reporting.trial_balanc; did you mean"),
        ("SELECT * FROM reporting.ap_ageng(DATE '2026-01-31')", "there is no view reporting.ap_ageng; did you mean"),
        ("SELECT * FROM reporting.trial_balance_in", "reporting.trial_balance_in is a function"),
        ("SELECT * FROM reporting.trial_balance()", "reporting.trial_balance is a view"),
        ("SELECT * FROM reporting.budget_vs_actual", "is not in this copy: the copy has no GLBUDGETITEM"),
        ("SELECT * FROM trial_balance", "not a table of the copy; did you mean reporting.trial_balance?"),
        ("SELECT * FROM GLACCOUNTS", "GLACCOUNTS is not a table of the copy; did you mean GLACCOUNT"),
        ("SELECT * FROM raw.glaccount", "raw.glaccount is not a table of the copy"),
        ("SELECT NOSUCH FROM GLACCOUNT", 'column "NOSUCH" not found'),
        ("WITH own AS (SELECT 1 AS n) SELECT m FROM own", 'column "m" not found'),
    ],
)
def test_an_unknown_name_is_named_with_the_nearest_one(small_copy: str, sql: str, message: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        open_copy(small_copy).sql(sql)
    assert message in refused.value.message


@pytest.fixture(scope="module")
def small_copy(grown: Emulator, tmp_path_factory: pytest.TempPathFactory) -> str:
    uri = duckdb_uri(tmp_path_factory.mktemp("small"))
    ledger, rates = ("GLDETAIL", "GLACCOUNT", "LOCATION", "LOCATIONENTITY"), ("EXCHANGERATE", "EXCHANGERATEENTRY")
    return Copy.of(grown.clone(), uri, (*ledger, *rates)).uri


def test_a_view_with_a_quoted_name_answers(small_copy: str) -> None:
    plain, quoted = (
        open_copy(small_copy).sql(f"SELECT count(*) AS n FROM {name}").to_pylist()
        for name in ("reporting.trial_balance", '"reporting"."trial_balance"')
    )
    assert quoted == plain != [{"n": 0}]
