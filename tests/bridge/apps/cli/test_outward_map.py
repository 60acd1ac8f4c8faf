"""A mapping file on the way out: another system's columns in CSV, its shape in JSON, and a copy that stays current."""

import csv
import io
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from support.apps.command_line import Intacct, streams_in
from support.repository import DOCS

PAGE = (DOCS / "mapping.md").read_text("utf-8")
PAYABLES = """
name = "payables"
object = "APBILL"
group_by = ["Invoice No"]

[fields]
RECORDID = "Invoice No"
WHENCREATED = { from = "Date", as = "date", format = "DD.MM.YYYY" }
VENDORID = ["Supplier No", { from = "Supplier", lookup = { object = "VENDOR", by = "NAME" } }]
CURRENCY = { from = "Currency", default = "USD" }

[read]
Supplier = "VENDORNAME"
System = { constant = "Intacct" }

[[lines]]
object = "APBILLITEM"

[lines.fields]
ACCOUNTNO = { from = "Category", map = { Rent = "61000" } }
TRX_AMOUNT = { from = "Net", as = "number", required = true }
"""
SUPPLIERS = """
name = "suppliers"
object = "VENDOR"

[fields]
VENDORID = "id"
NAME = "name"
STATUS = { from = "active", map = { true = "active", false = "inactive" } }
"DISPLAYCONTACT.EMAIL1" = "contact.email"
"DISPLAYCONTACT.MAILADDRESS.CITY" = "contact.addresses[0].city"
"""


@pytest.fixture
def maps(demo: Intacct) -> Intacct:
    """The command line with two mappings in its directory."""
    Path("payables.toml").write_text(PAYABLES)
    Path("suppliers.toml").write_text(SUPPLIERS)
    return demo


def rows_of(demo: Intacct, name: str, fields: str) -> list[dict[str, Any]]:
    """Rows as a query without a mapping reads them."""
    found = demo("query", name, "--select", fields, "--limit", "0", "--format", "json")
    rows: list[dict[str, Any]] = json.loads(found.out, parse_float=Decimal)
    return rows


def test_a_table_has_the_other_systems_columns_and_a_row_for_each_line(maps: Intacct) -> None:
    bills = {
        one["RECORDNO"]: one for one in rows_of(maps, "APBILL", "RECORDNO,RECORDID,WHENCREATED,VENDORID,VENDORNAME")
    }
    expected = [
        (
            bills[line["RECORDKEY"]]["RECORDID"],
            "{2}.{1}.{0}".format(*str(bills[line["RECORDKEY"]]["WHENCREATED"]).split("-")),
            bills[line["RECORDKEY"]]["VENDORID"],
            bills[line["RECORDKEY"]]["VENDORNAME"],
            "Intacct",
            "Rent" if line["ACCOUNTNO"] == "61000" else line["ACCOUNTNO"],
            Decimal(line["TRX_AMOUNT"]),
        )
        for line in rows_of(maps, "APBILLITEM", "RECORDKEY,ACCOUNTNO,TRX_AMOUNT")
    ]
    ran = maps("query", "APBILL", "--map", "payables.toml", "--format", "csv", "--out", "p.csv")
    assert ran.status == 0, ran.err
    with Path("p.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["Invoice No", "Date", "Supplier No", "Currency", "Supplier", "System", "Category", "Net"]
    names = ("Invoice No", "Date", "Supplier No", "Supplier", "System", "Category")
    told = [(*(row[name] for name in names), Decimal(row["Net"])) for row in rows]
    assert sorted(told) == sorted(expected)


def test_json_has_the_other_systems_shape(maps: Intacct) -> None:
    fields = "VENDORID,NAME,STATUS,DISPLAYCONTACT.EMAIL1,DISPLAYCONTACT.MAILADDRESS.CITY"
    expected = [
        {
            "id": one["VENDORID"],
            "name": one["NAME"],
            "active": {"active": True, "inactive": False}.get(one["STATUS"], one["STATUS"]),
            "contact": {
                "email": one.get("DISPLAYCONTACT.EMAIL1"),
                "addresses": [{"city": one.get("DISPLAYCONTACT.MAILADDRESS.CITY")}],
            },
        }
        for one in rows_of(maps, "VENDOR", fields)
    ]
    ran = maps("query", "VENDOR", "--map", "suppliers.toml", "--format", "jsonl")
    assert ran.status == 0, ran.err
    assert [json.loads(line) for line in ran.out.splitlines()] == expected
    flat = maps("query", "VENDOR", "--map", "suppliers.toml", "--format", "csv", "--limit", "1")
    (row,) = csv.DictReader(io.StringIO(flat.out))
    assert row["contact.addresses[0].city"] == expected[0]["contact"]["addresses"][0]["city"]


@pytest.mark.parametrize(("name", "map"), [("VENDOR", "suppliers.toml"), ("APBILL", "payables.toml")])
def test_csv_without_rows_has_the_columns_of_the_map(maps: Intacct, name: str, map: str) -> None:
    words = ("query", name, "--map", map, "--format", "csv")
    some, none = maps(*words, "--limit", "1"), maps(*words, "--where", "RECORDNO = 0")
    assert none.status == 0, none.err
    assert len(some.out.splitlines()) > 1
    assert none.out.splitlines() == some.out.splitlines()[:1]


def test_a_copy_in_other_columns_stays_current(maps: Intacct) -> None:
    words = ("extract", "--map", "suppliers.toml", "--map", "payables.toml", "--to", "duckdb:///m.duckdb", "--json")
    first = {one["stream"]: one["rows"] for one in streams_in(maps(*words))}
    assert first["suppliers"] == len(rows_of(maps, "VENDOR", "VENDORID"))
    assert maps("update", "VENDOR", "V10002", "NAME=Renamed", "--yes").status == 0
    again = {one["stream"]: (one["rows"], one["read"]) for one in streams_in(maps(*words))}
    assert again["suppliers"] == (1, "incremental")
    with duckdb.connect("m.duckdb", read_only=True) as con:
        assert con.execute("SELECT name FROM suppliers WHERE id = 'V10002'").fetchall() == [("Renamed",)]
        nets = con.execute("SELECT lines FROM payables").fetchall()
    amounts = [line["Net"] for (text,) in nets for line in json.loads(text, parse_float=Decimal)]
    expected = sum(Decimal(one["TRX_AMOUNT"]) for one in rows_of(maps, "APBILLITEM", "TRX_AMOUNT"))
    assert sum(map(Decimal, amounts)) == expected


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_what_went_out_comes_in_again_unchanged_by_the_same_mapping(maps: Intacct, kind: str) -> None:
    where = ("--where", "STATUS in ('active', 'inactive') and RECORDNO <= 20")
    ran = maps("query", "VENDOR", "--map", "suppliers.toml", "--format", kind, "--out", f"s.{kind}", *where)
    assert ran.status == 0, ran.err
    words = ("load", f"s.{kind}", "--map", "suppliers.toml", "--mode", "upsert", "--key", "VENDORID", "--json")
    (planned,) = json.loads(maps(*words).out)["files"]
    assert {one["verdict"] for one in planned["records"]} == {"unchanged"}, planned["refusals"]
    assert len(planned["records"]) == 20
    text = Path(f"s.{kind}").read_text()
    Path(f"s.{kind}").write_text(text.replace("Foxglade Estates & Land", "Foxglade Estates Ltd"))
    (edited,) = json.loads(maps(*words).out)["files"]
    assert [one["changes"] for one in edited["records"] if one["verdict"] == "update"] == [
        [{"field": "NAME", "before": "Foxglade Estates & Land", "after": "Foxglade Estates Ltd"}]
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("extract", "VENDOR", "--map", "suppliers.toml", "--to", "csv:x"), "--map and a STREAM do not go together"),
        (("extract", "--unified", "v1", "--map", "suppliers.toml", "--to", "csv:x"), "--map and --unified do not go"),
        (("query", "APBILL", "--map", "suppliers.toml"), "suppliers.toml maps VENDOR, not APBILL"),
        (("query", "VENDOR", "--map", "suppliers.toml", "--select", "NAME"), "--map and --select do not go together"),
        (("query", "VENDOR", "--map", "suppliers.toml", "--format", "parquet"), "--map writes CSV, JSON or a table"),
        (("query", "VENDOR", "--map", "empty.toml"), "empty.toml fills no column on the way out of Intacct"),
        (("extract", "--map", "none.toml", "--to", "csv:x"), "cannot read none.toml: No such file"),
    ],
)
def test_a_mistake_is_refused_with_its_fix(maps: Intacct, words: tuple[str, ...], said: str) -> None:
    Path("empty.toml").write_text('object = "VENDOR"\n')
    ran = maps(*words)
    assert ran.status == 2
    assert said in ran.err
    assert "fix" in ran.err


def test_the_example_of_the_page_goes_out(demo: Intacct) -> None:
    section = PAGE.split("## Out of Intacct")[1]
    (mapping,) = re.findall(r"^```toml\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    Path("suppliers.toml").write_text(mapping)
    for line in re.findall(r"^\$ (intacct .*)$", section, re.MULTILINE):
        ran = demo(*line.split()[1:])
        assert ran.status == 0, ran.err
    (shown,) = re.findall(r"^```json\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    first = json.loads(Path("suppliers.jsonl").read_text().splitlines()[0])
    assert first == json.loads(shown)
