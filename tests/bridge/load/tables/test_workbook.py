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


def refusal(path: Path) -> str:
    """The message of a workbook that is refused."""
    with pytest.raises(SettingsError) as caught:
        list(open_table(path))
    assert caught.value.fix and path.name in caught.value.message
    return caught.value.message


def bounded(path: Path) -> str:
    """The refusal of a workbook, which takes little memory."""
    tracemalloc.start()
    try:
        message = refusal(path)
        assert tracemalloc.get_traced_memory()[1] < 40 << 20
    finally:
        tracemalloc.stop()
    return message


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


def sheet(rows: str, head: str = "") -> bytes:
    """A sheet with the rows of the fixture, and these below them."""
    named = '<row><c t="inlineStr"><is><t>Name</t></is></c></row>'
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return f'<worksheet xmlns="{main}">{head}<sheetData>{named}{rows}</sheetData></worksheet>'.encode()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ('<row r="99999999999"><c><v>1</v></c></row>', "has a row 99,999,999,999, and a sheet has at most 1,048,576"),
        ('<row r="1048577"/>', "has a row 1,048,577"),
        ('<row r="1e300"/>', "has a row 2,097,152"),
        ("<row/>" * 1_048_576, "has a row 1,048,577"),
        ('<row r="5"/><row r="3"/>', "has row 3 after row 5"),
        ('<row r="2"><c r="XFE2"><v>1</v></c></row>', "has more than 16,384 columns in row 2"),
        ('<row r="2"><c r="AAAAAAAAAAAAAAAA2"/></row>', "has more than 16,384 columns in row 2"),
        ("<row>" + "<c/>" * 16_385 + "</row>", "has more than 16,384 columns in row 2"),
        ("<row>" + '<c r="A2"/>' * 16_385 + "</row>", "has more than 16,384 columns in row 2"),
        ('<row><c r="XFD2"/></row>' + "<row><c/></row>" * 6_110, "has 16,384 columns and over 6,103 rows"),
        ("<row><c><is>" + "<r/>" * 500_000 + "</is></c></row>", "has more than 500,000 elements"),
        ("<row>" + "<x>" * 101 + "</x>" * 101 + "</row>", "nests elements more than 100 deep"),
    ],
)
def test_a_sheet_larger_than_one_of_excel_is_refused(workbook: Path, rows: str, message: str) -> None:
    assert f"b.xlsx {message}" in refusal(changed(workbook, SHEET, sheet(rows)))


def test_more_texts_than_a_workbook_can_have_are_refused(workbook: Path) -> None:
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    texts = [f'<sst xmlns="{main}">'.encode(), *[b"<si/>" * 100_000] * 21, b"</sst>"]
    assert "has more than 2,097,152 texts" in refusal(changed(workbook, "xl/sharedStrings.xml", texts))


def test_more_formats_than_excel_allows_are_refused(workbook: Path) -> None:
    styles = b"<styleSheet>" + b"<xf/>" * 500_000 + b"</styleSheet>"
    assert "has more than 500,000 elements, in xl/styles.xml" in refusal(changed(workbook, "xl/styles.xml", styles))


def test_a_sheet_that_says_that_it_is_huge_is_read_to_its_last_cell(workbook: Path) -> None:
    rows = '<row r="1048576"><c r="A1048576" t="inlineStr"><is><t>A</t></is></c></row>'
    head = '<dimension ref="A1:XFD1048576"/>'
    table = open_table(changed(workbook, SHEET, sheet(rows, head)))
    assert [(row.number, dict(row.cells)) for row in table] == [(1_048_576, {"Name": "A"})]


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
