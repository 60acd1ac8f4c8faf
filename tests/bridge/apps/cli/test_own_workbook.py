"""The page "Your own workbook": its commands, on its own sheet, print the lines that it shows."""

import re
import shlex

from openpyxl import Workbook

from support.apps.command_line import Intacct
from support.repository import DOCS, ROOT

PAGE = (DOCS / "own-workbook.md").read_text("utf-8")
COMMANDS = [
    (line.removeprefix("$ "), [shown for shown in lines if shown])
    for block in re.findall(r"(?ms)^```console\n(.*?)^```", PAGE)
    for line, *lines in (part.splitlines() for part in re.split(r"(?m)^(?=\$ )", block) if part)
]


def sheet_of_the_page() -> list[list[str]]:
    """The cells of the page's table, without the names of columns and rows."""
    rows = re.findall(r"(?m)^\| (\d+) \|(.*)\|$", PAGE)
    return [[cell.strip() for cell in cells.split("|")] for _, cells in rows]


def test_the_workbook_of_the_page_is_posted_by_its_commands(demo: Intacct) -> None:
    book = Workbook()
    sheet = book.worksheets[0]
    for cells in sheet_of_the_page():
        sheet.append([float(cell) if re.fullmatch(r"[\d.]+", cell) else cell or None for cell in cells])
    for row in sheet.iter_rows(min_col=5, max_col=6):
        for cell in row:
            cell.number_format = '"$"#,##0.00'
    book.save("payroll.xlsx")
    ours = [(shlex.split(line)[1:], shown) for line, shown in COMMANDS if line.startswith("intacct ")]
    assert len(ours) == 8
    for words, shown in ours:
        printed = demo(*words)
        for line in shown:
            assert " ".join(line.split()) in " ".join(printed.said.split()), (words, printed.said)
        assert printed.status == (2 if shown and shown[0].startswith("error") else 0), printed.said
    found = demo("query", "GLBATCH", "--where", "REFERENCENO = 'PR-1113'", "--select", "BATCH_TITLE", "--format", "csv")
    assert found.out.splitlines()[1:] == ["Payroll 11/13"], "posted once"
    lines = demo(
        "query", "GLENTRY", "--where", "BATCHTITLE = 'Payroll 11/13'", "--select", "TRX_AMOUNT", "--format", "csv"
    )
    assert sorted(lines.out.splitlines()[1:]) == ["1000.5", "1000.5", "48250.25", "48250.25"]


def test_the_first_commands_are_those_that_the_make_file_knows() -> None:
    lines = [line for line, _ in COMMANDS if not line.startswith("intacct ")]
    assert lines[:3] == [
        "git clone <this repository> intacct-bridge && cd intacct-bridge",
        "make demo",
        ". .venv/bin/activate",
    ]
    root = ROOT
    assert "demo:" in (root / "Makefile").read_text("utf-8")
    assert "\nopenpyxl==" in (root / "constraints-demo.txt").read_text("utf-8"), "the demo reads workbooks"
