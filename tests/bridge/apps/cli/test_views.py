"""`intacct views`, and the views at the end of `intacct extract`."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from jinja2 import Environment

from support.apps.command_line import Intacct

STREAMS = (
    "LOCATIONENTITY LOCATION GLACCOUNT STATACCOUNT GLACCTGRPHIERARCHY GLDETAIL APBILL APBILLITEM APPYMT APPYMTDETAIL"
)


@pytest.fixture
def copied(demo: Intacct) -> Intacct:
    ran = demo("extract", *STREAMS.split(), "--to", "duckdb:c.duckdb")
    assert ran.status == 0, ran.err
    assert "views in the schema reporting" in ran.err
    assert "skipped" in ran.err
    assert "the copy has no GLBATCH" in ran.err
    return demo


def rows(sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect("c.duckdb", read_only=True) as con:
        return con.execute(sql).fetchall()


def test_an_extract_makes_views_once_and_no_views_leaves_them_out(copied: Intacct) -> None:
    assert rows("SELECT count(*) > 100 FROM reporting.trial_balance") == [(True,)]
    again = copied("extract", "GLACCOUNT", "--to", "duckdb:c.duckdb")
    assert again.status == 0
    assert "reporting" not in again.err
    without = copied("extract", "GLDETAIL", "GLACCOUNT", "--to", "duckdb:d.duckdb", "--no-views")
    assert without.status == 0
    with duckdb.connect("d.duckdb") as con:
        assert con.execute("SELECT count(*) FROM duckdb_views() WHERE schema_name = 'reporting'").fetchall() == [(0,)]


def test_comments_are_in_the_database(copied: Intacct) -> None:
    ((comment,),) = rows("SELECT comment FROM duckdb_views() WHERE view_name = 'trial_balance'")
    assert "ACCRUAL and CASH stand alone" in comment
    ((column,),) = rows(
        "SELECT comment FROM duckdb_columns() WHERE table_name = 'trial_balance' AND column_name = 'closing'"
    )
    assert column == "balance at the end of the month, debit positive"


def test_statements_follow_the_groups_of_the_settings(copied: Intacct) -> None:
    groups = ["Cash", "Receivables"]
    Path("intacct.toml").write_text(f"[reporting]\nbalance_sheet = {json.dumps(groups)}\n")
    assert copied("views", "apply", "--copy", "duckdb:c.duckdb").status == 0
    found = rows("SELECT section, min(section_order) FROM reporting.balance_sheet GROUP BY 1 ORDER BY 2")
    assert found == [("Cash", 1), ("Receivables", 2), ("Other", 99)]
    held = rows("SELECT DISTINCT account_no FROM reporting.balance_sheet WHERE section = 'Cash' ORDER BY 1")
    members = rows("""SELECT DISTINCT "ACCOUNTNO" FROM "GLACCTGRPHIERARCHY" WHERE "GLACCTGRPNAME" = 'Cash'""")
    assert set(held) <= set(members)
    assert held
    Path("intacct.toml").write_text('[reporting]\nbalance_sheet = ["Cahs"]\n')
    refused = copied("views", "apply", "--copy", "duckdb:c.duckdb")
    assert refused.status == 2
    assert "did you mean Cash" in refused.err
    Path("intacct.toml").write_text('[reporting]\nbalance_sheets = ["Cash"]\n')
    assert "did you mean balance_sheet" in copied("views", "apply", "--copy", "duckdb:c.duckdb").err


def test_views_are_listed_and_shown(intacct: Intacct) -> None:
    listed = json.loads(intacct("views", "list", "--json").out)
    assert {"name": "trial_balance", "kind": "view"}.items() <= next(
        one for one in listed if one["name"] == "trial_balance"
    ).items()
    assert intacct("views", "show", "ap_ageing").out.startswith("-- ap_ageing: what is open of each vendor")
    wrong = intacct("views", "show", "trial_balanc")
    assert wrong.status == 2
    assert "did you mean trial_balance" in wrong.err


@pytest.mark.parametrize(
    ("uri", "fix"),
    [("csv:folder", "duckdb:///FILE"), ("duckdb:none.duckdb", "intacct extract --to duckdb:none.duckdb")],
)
def test_a_copy_that_cannot_have_views_is_refused(intacct: Intacct, uri: str, fix: str) -> None:
    ran = intacct("views", "apply", "--copy", uri)
    assert ran.status == 2
    assert fix in ran.err
    assert not Path("none.duckdb").exists()


def test_the_dbt_package_gives_the_same_rows(copied: Intacct) -> None:
    assert copied("views", "dbt", "package", "--copy", "duckdb:c.duckdb").status == 0
    assert "name: intacct_reporting\n" in Path("package/dbt_project.yml").read_text()
    models = {path.stem: path.read_text() for path in Path("package/models/intacct").glob("*.sql")}
    macros = "".join(path.read_text() for path in Path("package/macros").glob("*.sql"))

    def ref(name: str) -> str:
        return f"({compiled(models[name])})"

    def source(schema: str, name: str) -> str:
        return f'main."{name}"' if schema == "intacct" else f"_bridge.{name}"

    dbt = Environment()

    def compiled(text: str) -> str:
        return dbt.from_string(text).render().strip()

    package = SimpleNamespace()
    dbt.globals |= {"intacct_reporting": package, "ref": ref, "source": source}
    vars(package).update(vars(dbt.from_string(macros).module))

    ours = rows("SELECT * FROM reporting.trial_balance ORDER BY ALL")
    assert ours == rows(f"SELECT * FROM ({compiled(models['trial_balance'])}\n) ORDER BY ALL")
    asked = compiled("SELECT * FROM {{ intacct_reporting.ap_ageing(\"DATE '2026-10-31'\") }} ORDER BY ALL")
    assert rows("SELECT * FROM reporting.ap_ageing(DATE '2026-10-31') ORDER BY ALL") == rows(asked)
    columns = re.findall(r"      - name: (\w+)", Path("package/models/intacct/schema.yml").read_text())
    assert "closing" in columns
    Path("other").mkdir()
    Path("other/mine.txt").write_text("x")
    assert copied("views", "dbt", "other", "--copy", "duckdb:c.duckdb").status == 2
