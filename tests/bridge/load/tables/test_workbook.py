"""A workbook that would fill memory, or hides something, says so before it is read."""

import sys
import tracemalloc
import zipfile
from datetime import date
from pathlib import Path

import pytest
from openpyxl import Workbook

from intacct_bridge.load.tables.open import open_table
from intacct_protocol.errors import SettingsError

SHEET = "xl/worksheets/sheet1.xml"
BOMB = """<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "AAAAAAAAAA"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>"""


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    path = tmp_path / "a.xlsx"
    book = Workbook()
    book.worksheets[0].append(["Name", "Amount"])
    book.worksheets[0].append(["A", 1])
    book.save(path)
    return path


def changed(path: Path, part: str, content: bytes | list[bytes]) -> Path:
    """The same workbook with another content of one part."""
    other = path.with_name("b.xlsx")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED) as new:
        for one in old.infolist():
            if one.filename != part:
                new.writestr(one, old.read(one))
        with new.open(part, "w", force_zip64=True) as file:
            for piece in content if isinstance(content, list) else [content]:
                file.write(piece)
    return other


def text_of_part(path: Path, part: str) -> str:
    with zipfile.ZipFile(path) as book:
        return book.read(part).decode()


def bounded(path: Path) -> str:
    """The refusal of a workbook, which takes little memory."""
    tracemalloc.start()
    try:
        with pytest.raises(SettingsError) as caught:
            list(open_table(path))
        assert tracemalloc.get_traced_memory()[1] < 40 << 20
    finally:
        tracemalloc.stop()
    assert caught.value.fix and path.name in caught.value.message
    return caught.value.message


def test_a_huge_cell_is_refused_with_bounded_memory(workbook: Path) -> None:
    text = text_of_part(workbook, SHEET)
    before, after = text.split("<v>1</v>")
    huge = [f"{before}<v>".encode(), *[b"1" * (1 << 20)] * 100, f"</v>{after}".encode()]
    assert "more than 1,048,576 characters" in bounded(changed(workbook, SHEET, huge))
    attribute = [before.replace('t="n"', "").encode()[:-1] + b' x="', *[b"1" * (1 << 20)] * 100, b'"/>']
    assert "more than 1,048,576 characters" in bounded(changed(workbook, SHEET, attribute))


def test_a_part_that_unpacks_to_more_than_fits_is_refused(workbook: Path) -> None:
    content = [b"<sst>", *[b"<si><t>x</t></si>" * 60000] * 300, b"</sst>"]
    assert "unpacks to" in bounded(changed(workbook, "xl/sharedStrings.xml", content))


@pytest.mark.parametrize("part", [SHEET, "xl/workbook.xml", "xl/styles.xml", "[Content_Types].xml"])
def test_a_document_type_is_refused_in_every_part(workbook: Path, part: str) -> None:
    text = text_of_part(workbook, part)
    body = text.partition("?>")[2] if text.startswith("<?xml") else text
    assert "declares a document type" in bounded(changed(workbook, part, (BOMB + body).encode()))


@pytest.mark.parametrize(
    ("part", "content"),
    [
        (SHEET, b"<worksheet><sheetData>"),
        (SHEET, b"<worksheet><sheetData><row><c r='A\x00'/></row></sheetData></worksheet>"),
        ("xl/workbook.xml", b"<workbook/>"),
        ("xl/workbook.xml", b""),
        (SHEET, b"<worksheet><sheetData><row><c><v>" + b"9" * 5000 + b"</v></c></row></sheetData></worksheet>"),
    ],
)  # fmt: skip
def test_a_damaged_workbook_is_refused(workbook: Path, part: str, content: bytes) -> None:
    assert bounded(changed(workbook, part, content))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "a.xlsx is empty"),
        (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), "a.xlsx has a password, or the format of Excel before 2007"),
        (b"a,b\n1,2\n", "a.xlsx is not readable as Excel: File is not a zip file"),
    ],
)
def test_a_file_that_is_no_workbook_is_called_what_it_is(tmp_path: Path, content: bytes, message: str) -> None:
    """A workbook with a password is encrypted, inside a file as Excel wrote it before 2007 ([MS-OFFCRYPTO])."""
    (tmp_path / "a.xlsx").write_bytes(content)
    with pytest.raises(SettingsError) as refused:
        open_table(tmp_path / "a.xlsx")
    assert refused.value.message == message


def test_what_a_sheet_hides_is_named(tmp_path: Path) -> None:
    book = Workbook()
    other, sheet = book.worksheets[0], book.create_sheet("June")
    other.append(["Name"])
    other.row_dimensions[1].hidden = True
    for number in range(1, 12):
        sheet.append([f"N{number}", number, date(2026, 11, number)])
    for number in range(3, 10):
        sheet.row_dimensions[number].hidden = True
    sheet.auto_filter.ref = "A1:B11"
    sheet.merge_cells("A2:B2")
    sheet.column_dimensions["C"].hidden = True
    book.save(tmp_path / "a.xlsx")
    table = open_table(tmp_path / "a.xlsx", sheet="June")
    place = "Sheet 'June' of a.xlsx has"
    assert (
        f"{place} rows that are hidden or filtered out, and they are read too: 3, 4, 5, 6, 7 and 2 more." in table.notes
    )
    assert f"{place} hidden columns, and they are read too." in table.notes
    assert any(note.startswith(f"{place} merged cells") and note.endswith(": A2:B2.") for note in table.notes)
    assert len(list(table)) == 10


def test_a_plain_sheet_has_no_notes(workbook: Path) -> None:
    assert open_table(workbook).notes == ()


def test_without_its_reader_the_message_has_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from openpyxl import Workbook

    Workbook().save(tmp_path / "a.xlsx")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(SettingsError, match="requires the package openpyxl") as caught:
        open_table(tmp_path / "a.xlsx")
    assert caught.value.fix == "python -m pip install 'openpyxl>=3.1,<4'"
