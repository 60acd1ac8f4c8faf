"""Templates of layouts and their descriptions; an empty template loads nothing, and a filled one is posted."""

import csv
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from openpyxl import load_workbook

from intacct_bridge.load.layouts.declaration import declarations
from intacct_emulator.server.server import serve
from support.apps.command_line import Intacct
from support.apps.http_reader import HttpReader
from support.small_company import Clock, little_company


@pytest.fixture
def reader() -> Iterator[HttpReader]:
    with closing(little_company(Clock())) as emulator, serve(emulator) as server:
        yield HttpReader(server.url)


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_a_filled_template_is_posted_without_its_example(intacct: Intacct, reader: HttpReader, ending: str) -> None:
    file = f"bills.{ending}"
    made = intacct("template", "bills", "--out", file)
    assert (made.status, f"intacct load {file} --as bills" in made.err) == (0, True), made.said
    empty = intacct("load", file, "--as", "bills", **reader.environ)
    assert "Row 3 of" in empty.err
    assert "0 records" in empty.out
    filled = {"Vendor": "V10001", "Bill no": "B-1", "Date": "2026-11-21", "Due date": "2026-12-21"}
    filled |= {"Account": "60100", "Amount": "12.50", "Department": "500", "Location": "110"}
    if ending == "csv":
        with Path(file).open(encoding="utf-8-sig", newline="") as opened:
            rows = list(csv.reader(opened))
        rows.append([filled.get(name, "") for name in rows[1]])
        with Path(file).open("w", encoding="utf-8", newline="") as opened:
            csv.writer(opened).writerows(rows)
    else:
        book = load_workbook(file)
        book["bills"].append([filled.get(str(cell.value)) for cell in book["bills"][2]])
        book.save(file)
    posted = intacct("load", file, "--as", "bills", "--apply", **reader.environ)
    assert posted.status == 0, posted.said
    assert "is the example of the template; it is left out" in posted.err
    found = reader.rows("APBILL", "RECORDID", "TRX_TOTALENTERED", VENDORID="V10001")
    assert {"RECORDID": "B-1", "TRX_TOTALENTERED": "12.5"} in found
    assert "INV-1001" not in {row["RECORDID"] for row in found}


@pytest.mark.parametrize("name", list(declarations()))
def test_every_template_loads_as_its_layout(intacct: Intacct, reader: HttpReader, name: str) -> None:
    assert intacct("template", name, "--out", f"{name}.csv").status == 0
    planned = intacct("load", f"{name}.csv", "--as", name, **reader.environ)
    assert (planned.status, "0 records" in planned.out) == (0, True), planned.said
    assert "not used" not in planned.err


def test_a_template_is_printed_and_replaces_no_file(intacct: Intacct) -> None:
    printed = intacct("template", "journal-entries")
    notes, header, example = csv.reader(printed.out.splitlines())
    assert header[:4] == ["Journal", "Date", "Title", "Reference"]
    assert notes[0] == "Required. Symbol or title of the journal"
    assert example[0] == "GJ"
    Path("mine.xlsx").write_text("mine")
    refused = intacct("template", "bills", "--out", "mine.xlsx")
    assert (refused.status, Path("mine.xlsx").read_text()) == (2, "mine")
    assert "did you mean bills?" in intacct("template", "bils").err
    assert intacct("template", "bills", "--out", "bills.ods").status == 2
    assert "timesheets" in intacct("template").out


def test_a_layout_is_described_without_a_connection(intacct: Intacct) -> None:
    described = intacct("describe", "bills")
    assert described.status == 0, described.said
    assert "intacct template bills --out bills.xlsx" in described.err
    data = json.loads(intacct("describe", "bills", "--json").out)
    account = next(one for one in data["columns"] if one["column"] == "account")
    assert (data["object"], account["required"], account["field"]) == ("APBILL", True, "APBILLITEM.ACCOUNTNO")
    assert "gl" in account["also called"].split(", ")
