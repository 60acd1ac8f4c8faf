"""The recipes of docs/recipes, run as written on the demo company."""

import csv
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from intacct_bridge.apps.demo.sample import write_sample
from support.apps.command_line import AS_OF, Intacct
from support.repository import DOCS

RECIPES = DOCS / "recipes"


@pytest.fixture(scope="module")
def company_file(two_years_file: Path) -> Path:
    return two_years_file


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (RECIPES / page).read_text("utf-8"), re.MULTILINE | re.DOTALL)


def test_bills_from_a_file(demo: Intacct) -> None:
    Path("bills.csv").write_text(blocks("bills.md", "csv")[0], encoding="utf-8")
    Path("bills.toml").write_text(blocks("bills.md", "toml")[0], encoding="utf-8")
    words = ("load", "bills.csv", "--map", "bills.toml")
    assert "2 to create" in demo(*words).out
    posted = demo(*words, "--apply")
    assert posted.status == 0, posted.said
    assert "APBILL V10001 B-9001  posted   APBILL " in posted.out
    assert "2 unchanged" in demo(*words).out
    bills = Path("bills.csv").read_text("utf-8")
    Path("b2.csv").write_text(bills.replace("49.95", "50.00"), encoding="utf-8")
    changed = demo("load", "b2.csv", "--map", "bills.toml")
    assert changed.status == 1
    said = " ".join(changed.out.split())
    assert "with other content (b2.csv:3: Net: 50.00 in the file, 49.95 posted)" in said
    assert "load the file with --mode update" in said
    assert "as long as it is not paid" in said
    assert demo("load", "b2.csv", "--map", "bills.toml", "--mode", "update").out.count("1 to update") == 1
    Path("bills.csv").write_text(bills.replace("V10002", "V10999"), encoding="utf-8")
    assert "✗ bills.csv:4: Supplier No: the company has no vendor 'V10999'; did you mean V10079" in demo(*words).out


def test_bills_with_attachments(demo: Intacct) -> None:
    columns, *rows = blocks("bills.md", "csv")[0].splitlines()
    scans = ["scan.pdf; back.png", "scan.pdf; back.png", ""]
    lines = [f"{columns},Scan", *(f"{row},{scan}" for row, scan in zip(rows, scans, strict=True))]
    Path("bills.csv").write_text("\n".join(lines), encoding="utf-8")
    Path("bills.toml").write_text("\n".join(blocks("bills.md", "toml")), encoding="utf-8")
    for name in ("scan.pdf", "back.png"):
        Path(name).write_bytes(name.encode())
    words = ("load", "bills.csv", "--map", "bills.toml")
    planned = demo(*words)
    assert "positive 2,050.45" in planned.out
    assert "debits" not in planned.out
    assert demo(*words, "--apply").status == 0
    assert "2 unchanged" in demo(*words).out
    assert demo("extract", "APBILL", "--to", "jsonl:copy", "--attachments", "saved").status == 0
    assert sorted(path.name for path in Path("saved").glob("*/*")) == ["back.png", "scan.pdf"]


def test_sales_orders_from_a_flat_file(demo: Intacct) -> None:
    shutil.copytree(RECIPES.parents[1] / "samples", "samples")
    lines = [line for block in blocks("sales-orders.md", "") for line in block.splitlines()]
    commands = [shlex.split(line)[1:] for line in lines if line.startswith("intacct load")]
    plan, apply = commands
    assert "3 to create" in demo(*plan).out
    posted = demo(*apply)
    assert posted.status == 0, posted.said
    assert posted.out.count("  posted   SODOCUMENT ") == 3, posted.out
    assert "3 unchanged" in demo(*plan).out
    again = demo(*apply)
    assert (again.status, "Nothing to send" in again.err) == (0, True), again.said


def test_a_payroll_journal_from_excel(demo: Intacct) -> None:
    from openpyxl import Workbook

    journal = write_sample("journal-entries.csv", Path(), as_of=AS_OF)
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.title = "June"
    with journal.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.reader(file):
            sheet.append(row)
    workbook.save("payroll.xlsx")
    words = ("load", "payroll.xlsx", "--sheet", "June", "--as", "journal-entries")
    planned = demo(*words, "--refused", "to-correct.csv")
    assert planned.status == 0, planned.said
    posted = demo(*words, "--apply")
    assert posted.status == 0, posted.said
    assert "GLBATCH" in posted.out
    assert "unchanged" in demo(*words).out


@pytest.mark.slow
def test_the_ledger_every_night(demo: Intacct) -> None:
    import duckdb

    streams = ("GLDETAIL", "GLBATCH", "GLENTRY", "GLACCOUNT", "DEPARTMENT", "LOCATION")
    copy = "duckdb:///books.duckdb"
    assert demo("extract", *streams, "--to", copy, "--quiet").status == 0
    proof = demo("reconcile", "--copy", copy, "--quiet")
    assert (proof.status, proof.said) == (0, "")
    assert "The copy matches the company" in demo("reconcile", "--copy", copy).said
    with duckdb.connect("books.duckdb", read_only=True) as ledger:
        assert len(ledger.execute(blocks("ledger-nightly.md", "sql")[0]).fetchall()) > 1000


def test_the_scripts_are_valid(tmp_path: Path) -> None:
    (script,) = blocks("ledger-nightly.md", "sh")
    (tmp_path / "nightly").write_text(script)
    assert subprocess.run(["sh", "-n", str(tmp_path / "nightly")], check=False).returncode == 0
    (dag,) = blocks("airflow.md", "python")
    compile(dag, "airflow.md", "exec")
