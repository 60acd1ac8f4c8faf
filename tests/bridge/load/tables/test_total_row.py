"""The total at the foot of a sheet is left out and named, and no other row ever is."""

from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import Workbook

from intacct_bridge.load.tables.delimited import open_csv
from intacct_bridge.load.tables.open import open_table
from intacct_bridge.load.tables.row_filter import with_constants
from intacct_bridge.load.tables.total_row import without_total_row

LEDGER = "Account,Debit,Credit\n6100,10.10,\n6200,0.20,\n2100,,10.30\n"


@pytest.mark.parametrize(
    ("text", "total"),
    [
        (LEDGER + "Total,10.30,10.30\n", True),
        (LEDGER + "\nGrand total:,10.30,10.30\n", True),
        ("Account,Debit,Credit\n1,5.15,5.15\n2,5.15,5.15\nSubtotal,10.30,10.30\nTotal,10.30,10.30\n", True),
        (LEDGER + ",10.30,10.30\n", False),
        (LEDGER + "Total,10.31,10.30\n", False),
        (LEDGER + ",10.30,\n", False),
        (LEDGER + "7000,10.30,\n", False),
        ("VENDORID,NAME\nV1,One\nV2,Total\n", False),
        ("CLASSID,NAME\n1,10\n2,20\n3,30\n", False),
        ("CLASSID\n1\n2\n3\n", False),
        ("Account,Debit\n6100,ten\nTotal,0\n", False),
        ("Account,Debit\nTotal,5\n", False),
        ("VENDORID,ACCOUNTNO,AMOUNT,LOCATIONID\nV1,60100,10,100\n,60100,10,100\n", False),
        ("VENDORID,ACCOUNTNO,AMOUNT,MEMO\nV1,60100,10,\n,60100,10,Total\n", False),
        ("Account,Debit,Credit\n", False),
    ],
)
def test_a_total_is_left_out_only_where_it_adds_up(tmp_path: Path, text: str, *, total: bool) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    table = open_csv(path)
    without = without_total_row(table)
    assert len(list(without)) == len(list(table)) - total
    assert len(without.notes) == total
    if total:
        assert f"Row {len(text.splitlines())} of a.csv is a total (Debit 10.30, Credit 10.30)" in without.notes[0]


def test_the_total_of_a_workbook_is_left_out(tmp_path: Path) -> None:
    book = Workbook()
    for cells in (["Account", "Amount"], ["6100", 0.1], ["6200", 0.2], ["TOTAL", 0.3]):
        book.worksheets[0].append(cells)
    book.save(tmp_path / "a.xlsx")
    rows = list(without_total_row(open_table(tmp_path / "a.xlsx")))
    assert [row.cells["Amount"] for row in rows] == [Decimal("0.1"), Decimal("0.2")]


BILLS = "Vendor,Bill No,Amount,Memo\n"


@pytest.mark.parametrize(
    ("rows", "refused"),
    [
        ("V1,A,100,\nV2,B,50,\n,,150,\n", [4]),
        ("V1,A,100,\nV2,B,50,\n,,150,\n,,,\nPrinted 11/24/2026,,,\n", [4]),
        ("V1,A,100,\n,,50,\n,,150,Total\nV2,B,30,\n,,40,\n,,70,Subtotal\n,,220,\n", [4, 7, 8]),
        ("V1,A,100,\n,,50,\n,,150\nV2,B,30,\n", [4]),
        ("V1,A,100,\n,,50,\nTotal,,150,\nV2,B,30,\nTotal,,30,\nTotal,,180,\n", [4, 6]),
        ("V1,A,100,\n,,100,Total\n", []),
        ("V1,A,100,\n,,100,\n", []),
        ("V1,A,100,\nV2,B,50,\n,,151,\n", []),
        ("V1,A,100,\nV1,A,50,\nV1,A,150,\n", []),
        ("V1,A,100,\nV1,A,50,\n,,150,Delivery\n", []),
        ("V1,A,0,\nV1,A,0,\n,,0,\n", []),
        ("V1,A,100,\nV1,A,n/a,\n,,100,\n", []),
    ],
)
def test_a_row_of_nothing_but_sums_is_refused_and_not_a_further_line(
    tmp_path: Path, rows: str, refused: list[int]
) -> None:
    """Its record would have the total as one more line, and so twice its amount."""
    path = tmp_path / "a.csv"
    path.write_text(BILLS + rows)
    found = list(without_total_row(open_csv(path)))
    assert [row.number for row in found if row.fault] == refused
    assert all("only amounts, each the sum" in row.fault for row in found if row.fault)


def test_numbers_in_every_column_are_no_total(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("Account,Amount\n1,10\n2,20\n3,30\n")
    assert not [row for row in without_total_row(open_csv(path)) if row.fault]


@pytest.mark.parametrize("constants", [{"Account": "61000"}, {}])
def test_a_total_that_does_not_add_up_is_refused_where_constants_complete_the_row(
    tmp_path: Path, constants: dict[str, str]
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{BILLS}V1,A,100,\n,,50,Freight\n,,151,Total\nV2,B,30,Total\n,,30,Subtotal:\n")
    table = with_constants(open_csv(path), constants) if constants else open_csv(path)
    found = list(without_total_row(table))
    assert [row.number for row in found] == [2, 3, 4, 5, 6]
    assert [row.number for row in found if row.fault] == ([4, 6] if constants else [])
    assert all("the word for a total" in row.fault and "remove it" in row.fault for row in found if row.fault)
