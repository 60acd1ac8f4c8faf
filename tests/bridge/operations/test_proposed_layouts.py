"""The layout that the columns of a file fit, where a load names none."""

import csv
from pathlib import Path

import pytest

from intacct_bridge.apps.cli.app import main
from intacct_bridge.operations.catalog import list_layouts, template
from intacct_bridge.operations.loads import LoadRequest, layout_kinds, layout_proposals, proposed_layout, unnamed_layout

ROWS = {
    "payroll": ("Account,Debit,Credit,Department,Location", "journal-entries", ("journal", "date", "title")),
    "entries": ("Journal,Date,Title,Reference,Account,Debit,Credit", "journal-entries", ()),
    "bills": ("Supplier,Invoice No,Invoice Date,Due Date,Account,Amount", "bills", ()),
    "invoices": ("Customer,Invoice No,Date,Due date,Amount,Account", "invoices", ()),
    "bills without a date": ("Vendor ID,Bill No,Account No,Amount", "bills", ("date",)),
}


def written(path: Path, columns: str) -> LoadRequest:
    path.write_text(f"{columns}\n")
    return LoadRequest(source=path)


@pytest.mark.parametrize("case", ROWS)
def test_the_columns_of_a_file_show_its_layout(tmp_path: Path, case: str) -> None:
    columns, name, missing = ROWS[case]
    proposal = proposed_layout(written(tmp_path / "file.csv", columns))
    assert proposal is not None
    assert (proposal.layout, tuple(column.name for column in proposal.missing)) == (name, missing)
    assert proposal.used == tuple(columns.split(","))


@pytest.mark.parametrize("name", [layout.name for layout in list_layouts()])
def test_the_template_of_each_layout_fits_it(tmp_path: Path, name: str) -> None:
    _, columns, *_ = csv.reader(template(name).splitlines())  # notes are above the names
    path = tmp_path / f"my {name}.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerow(columns)
    proposal = proposed_layout(LoadRequest(source=path))
    assert proposal is not None
    assert (proposal.layout, proposal.missing) == (name, ())


@pytest.mark.parametrize("columns", ["a,b", "1,2,3,4", "NAME,COLOUR,SHAPE"])
def test_other_columns_fit_nothing(tmp_path: Path, columns: str) -> None:
    assert layout_proposals(written(tmp_path / "file.csv", columns)) == ()


def test_no_layout_is_proposed_that_needs_an_amount_the_file_does_not_have(tmp_path: Path) -> None:
    proposals = layout_proposals(written(tmp_path / "file.csv", "Vendor,Bill no,Date,Account"))
    assert "bills" not in [proposal.layout for proposal in proposals]


def test_columns_that_fit_two_layouts_propose_both_unless_the_file_bears_the_name_of_one(tmp_path: Path) -> None:
    columns = "ID,Name,Email,Phone,City"
    request = written(tmp_path / "list.csv", columns)
    assert proposed_layout(request) is None
    assert "fit customers or vendors" in str(unnamed_layout(request))
    named = proposed_layout(written(tmp_path / "Our vendors 2026.csv", columns))
    assert named is not None
    assert named.layout == "vendors"


def test_each_layout_has_a_few_words_on_what_its_rows_are() -> None:
    kinds = dict(layout_kinds())
    assert list(kinds) == [layout.name for layout in list_layouts()]
    assert kinds["journal-entries"] == "Journal entries"
    assert all(0 < len(about) <= 60 for about in kinds.values())


def test_a_load_without_a_layout_proposes_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "June payroll.csv", ROWS["payroll"][0])
    assert main(["load", "June payroll.csv"]) == 2
    told = capsys.readouterr().err
    assert "fit journal-entries, if one value is given for journal, date and title" in told
    assert "intacct load 'June payroll.csv' --as journal-entries --set journal=… --set date=… --set title=…" in told
    assert main(["load", "June payroll.csv", "--set", "journal=GJ", "--set", "title=June"]) == 2
    told = capsys.readouterr().err
    assert "intacct load 'June payroll.csv' --set journal=GJ --set title=June --as journal-entries --set date=…" in told
    written(tmp_path / "other.csv", "a,b")
    assert main(["load", "other.csv"]) == 2
    assert "`intacct template` lists the layouts" in capsys.readouterr().err
