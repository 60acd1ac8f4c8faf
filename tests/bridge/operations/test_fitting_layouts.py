"""The layout that the columns of a file fit, where a load names none."""

import csv
from pathlib import Path

import pytest

from intacct_bridge.apps.cli.app import main
from intacct_bridge.operations.catalog import fitting_layouts, list_layouts, template

ROWS = {
    "payroll": ("Account,Debit,Credit,Department,Location", "journal-entries", ("journal", "date", "title")),
    "entries": ("Journal,Date,Title,Reference,Account,Debit,Credit", "journal-entries", ()),
    "bills": ("Supplier,Invoice No,Invoice Date,Due Date,Account,Amount", "bills", ()),
    "invoices": ("Customer,Invoice No,Date,Due date,Amount,Account", "invoices", ()),
}


def written(path: Path, columns: str) -> Path:
    path.write_text(f"{columns}\n")
    return path


@pytest.mark.parametrize("case", ROWS)
def test_the_columns_of_a_file_show_its_layout(tmp_path: Path, case: str) -> None:
    columns, name, missing = ROWS[case]
    best = fitting_layouts(written(tmp_path / "file.csv", columns))[0]
    assert (best.name, best.missing) == (name, missing)
    assert best.understood == len(columns.split(","))


@pytest.mark.parametrize("name", [layout.name for layout in list_layouts()])
def test_the_template_of_each_layout_fits_it(tmp_path: Path, name: str) -> None:
    _, columns, *_ = csv.reader(template(name).splitlines())  # notes are above the names
    path = tmp_path / "file.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerow(columns)
    fitting = {one.name: one for one in fitting_layouts(path)}
    assert fitting[name].missing == ()


@pytest.mark.parametrize("columns", ["a,b", "1,2,3,4", "NAME,COLOUR,SHAPE"])
def test_other_columns_fit_nothing(tmp_path: Path, columns: str) -> None:
    assert fitting_layouts(written(tmp_path / "file.csv", columns)) == ()


def test_a_load_without_a_layout_proposes_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "June payroll.csv", ROWS["payroll"][0])
    assert main(["load", "June payroll.csv"]) == 2
    told = capsys.readouterr().err
    assert "fit journal-entries, except for the journal, date and title: intacct load 'June payroll.csv'" in told
    assert "--as journal-entries --set journal=… --set date=… --set title=…" in told
    written(tmp_path / "other.csv", "a,b")
    assert main(["load", "other.csv"]) == 2
    assert "`intacct template` lists the layouts" in capsys.readouterr().err
