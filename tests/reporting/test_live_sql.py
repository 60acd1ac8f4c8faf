"""SQL over a live company gives what the same statement gives over everything that was read beforehand."""

import os
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from intacct_bridge.emulator.gateway.gateway import Emulator
from intacct_bridge.errors import InvalidRequestError
from intacct_bridge.library import BridgeClient
from intacct_bridge.model.query.query import Compare, Op, Query
from intacct_bridge.reporting.live_sql.live_query import copy_table, prepared
from support.reporting.copies import Copy, duckdb_uri
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


def pushed(client: BridgeClient, sql: str) -> list[tuple[Compare, ...]]:
    """The conditions that the gateway checks, by table."""
    return [one.conditions for one in prepared(client, sql).reads]


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
        if isinstance(one, date):
            return f"DATE '{one}'" if self.rng.random() < 0.7 else f"'{one}'"
        if isinstance(one, Decimal | int):
            return str(one)
        return "'" + str(one).replace("'", "''") + "'"

    def condition(self, table: str, alias: str) -> str:
        field = self.rng.choice(FIELDS[table])
        column = f"{alias}.{field}"
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
    "APBILL": ("RECORDNO", "VENDORID", "STATE", "WHENDUE", "TOTALDUE", "CURRENCY", "DESCRIPTION", "WHENPAID"),
    "VENDOR": ("RECORDNO", "VENDORID", "NAME", "TOTALDUE", "TERMNAME", "VENDTYPE"),
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


@pytest.mark.parametrize(
    "where",
    [
        "STATE <> 'Paid'",
        "NOT (TOTALDUE > 5)",
        "VENDORNAME LIKE 'A%'",
        "VENDORNAME > 'A'",
        "TOTALDUE > 5 OR RECORDNO = 1",
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
    assert copy_table(uri, "SELECT count(*) AS n FROM GLACCOUNT").to_pylist() == [{"n": expected[0][0]}]
    sums = copy_table(uri, "SELECT sum(debit) - sum(credit) AS off FROM reporting.trial_balance").to_pylist()
    assert sums == [{"off": Decimal(0)}]
    with pytest.raises(InvalidRequestError):
        copy_table(uri, "SELECT * FROM read_csv('/etc/passwd')")
