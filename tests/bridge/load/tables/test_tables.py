"""Input files become rows that know where they came from, with every value as the file has it."""

import os
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from intacct_bridge.apps.singer.protocol.messages import parse_message
from intacct_bridge.load.layouts.refused_rows import write_refused
from intacct_bridge.load.tables.cells import (
    Cell,
    cents_fix,
    currency_sign,
    date_reading,
    read_date,
    read_money,
    text_of,
)
from intacct_bridge.load.tables.delimited import open_csv
from intacct_bridge.load.tables.open import open_table
from intacct_bridge.load.tables.typed_cells import exact
from intacct_protocol.errors import RecordError, SettingsError


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("name,amount\nZoë,1\n".encode(), "utf-8"),
        ("name,amount\nZoë,1\n".encode("utf-8-sig"), "utf-8-sig"),
        ("name,amount\nZoë,1\n".encode("utf-16"), "utf-16"),
        ("name,amount\nZoë,1\n".encode("utf-16-le"), "utf-16-le"),
        ("name,amount\nZoë,1\n".encode("utf-16-be"), "utf-16-be"),
        ("name,amount\nZoë,1\n".encode("cp1252"), "cp1252"),
    ],
)
def test_the_encoding_is_detected(tmp_path: Path, content: bytes, encoding: str) -> None:
    table = open_csv(written(tmp_path / "a.csv", content))
    assert table.columns == ("name", "amount")
    assert [row.cells["name"] for row in table] == ["Zoë"]
    assert table.dialect.encoding == encoding
    assert any("Windows-1252" in note for note in table.notes) == (encoding == "cp1252")


def test_binary_files_are_refused_with_a_fix(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"a\.csv is neither UTF-8 nor Windows-1252") as caught:
        open_csv(written(tmp_path / "a.csv", b"a,b\n\x81\x8d\xff,1\n"))
    assert caught.value.fix


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_detected(tmp_path: Path, delimiter: str) -> None:
    text = delimiter.join(["a", "b,x" if delimiter != "," else "b", "c"]) + "\n" + delimiter.join("123") + "\n"
    table = open_csv(written(tmp_path / "a.csv", text.encode()))
    assert table.dialect.delimiter == delimiter
    assert [list(row.cells.values()) for row in table] == [["1", "2", "3"]]


def test_a_text_that_is_written_as_a_formula_is_its_text(tmp_path: Path) -> None:
    """Programs write ids so, to keep Excel from reading them as numbers."""
    content = b'id,other,sum\n="0012","=""a""""b""",=SUM(A1)\n'
    (row,) = open_csv(written(tmp_path / "a.csv", content))
    assert list(row.cells.values()) == ["0012", 'a"b', "=SUM(A1)"]


def test_a_row_has_the_number_of_its_first_line_and_blank_lines_count(tmp_path: Path) -> None:
    text = 'a,b\n1,"two\nlines"\n\n ,\n3,4\n'
    rows = list(open_csv(written(tmp_path / "a.csv", text.encode())))
    assert [(row.position, row.cells["b"]) for row in rows] == [("a.csv:2", "two\nlines"), ("a.csv:6", "4")]


def test_a_row_wider_than_the_header_has_a_fault(tmp_path: Path) -> None:
    rows = list(open_csv(written(tmp_path / "a.csv", b"a,b\n1,2,3\n1,2,\n1\n")))
    assert "3 cells" in rows[0].fault
    assert [row.fault for row in rows[1:]] == ["", ""]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"a,a\n1,2\n", "two columns named 'a'"),
        (b'a,b\n1,"open\n', r"a\.csv:2 cannot be read"),
    ],
)
def test_an_unreadable_csv_is_refused_with_its_position(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        list(open_csv(written(tmp_path / "a.csv", content)))


def test_a_missing_file_and_an_unsupported_format_are_settings_errors(tmp_path: Path) -> None:
    for name in ("none.csv", "none.jsonl", "none.xlsx", "none.parquet", "a.pdf"):
        with pytest.raises(SettingsError):
            open_table(tmp_path / name)


def test_a_folder_is_refused_as_a_folder(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is a folder"):
        open_table(tmp_path)


def test_a_pipe_is_refused_before_it_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(SettingsError, match="is a pipe or a device"):
        open_table(tmp_path / "a.csv")


def test_json_numbers_are_decimals_from_their_text(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", b'{"x": 100.255, "y": 1}\n\n{"x": 0.1, "z": {"n": [1]}}\n')
    table = open_table(path)
    assert table.columns == ("x", "y", "z")
    rows = list(table)
    assert rows[0].cells == {"x": Decimal("100.255"), "y": 1}
    assert rows[1].position == "a.jsonl:3"


@pytest.mark.parametrize("delimiter", ["\t", "\\t", "TAB"])
def test_a_tab_may_be_written_as_a_word(tmp_path: Path, delimiter: str) -> None:
    (row,) = open_table(written(tmp_path / "a.csv", b"a,b\tc\n1,2\t3\n"), delimiter=delimiter)
    assert row.cells == {"a,b": "1,2", "c": "3"}


@pytest.mark.parametrize("delimiter", [";;", '"', "\n", "semicolon"])
def test_an_invalid_delimiter_is_refused(tmp_path: Path, delimiter: str) -> None:
    with pytest.raises(SettingsError, match="is not a delimiter"):
        open_table(written(tmp_path / "a.csv", b"a;b\n1;2\n"), delimiter=delimiter)


def test_an_invalid_json_line_is_refused_with_its_position(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"a\.jsonl:2 is not a JSON object"):
        open_table(written(tmp_path / "a.jsonl", b'{"x": 1}\n[1]\n'))


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('{"AMOUNT": 1, "x": 2, "AMOUNT": 3}', "AMOUNT"),
        ('{"x" : 1, "x"\t: 1}', "x"),
        ('{"x": {"y": [{"z": 1, "z": 2}]}}', "z"),
        ('{"\u00e9": 1, "e\u0301": 2}', "\u00e9"),
        ('{"a": 1, "\\u0061": 2}', "a"),
    ],
)
def test_a_key_that_a_json_line_has_twice_is_refused(tmp_path: Path, line: str, key: str) -> None:
    text = f'{{"x": "1\\": 2"}}\n{line}\n'
    with pytest.raises(SettingsError, match=rf"a\.jsonl:2 has the key '{key}' twice"):
        open_table(written(tmp_path / "a.jsonl", text.encode()))


def test_a_json_line_may_repeat_a_key_in_another_object_or_text(tmp_path: Path) -> None:
    text = b'{"x": {"x": 1}, "y": [{"x": 2}, {"x": 3}], "z": "\\"x\\": 4"}\n'
    (row,) = open_table(written(tmp_path / "a.jsonl", text)).rows()
    assert row.cells["z"] == '"x": 4'


def test_standard_input_is_refused_with_what_to_do() -> None:
    with pytest.raises(SettingsError, match="reads no standard input") as refused:
        open_table(Path("-"))
    assert "save the rows to a file" in refused.value.fix


def test_parquet_keeps_decimals_and_makes_floats_exact(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"m": [Decimal("1.10"), None], "f": [0.1, 0.1 + 0.2]}), path)
    rows = list(open_table(path))
    assert rows[0].cells == {"m": Decimal("1.10"), "f": Decimal("0.1")}
    assert "inexact result of a calculation" in rows[1].fault


def test_bytes_of_parquet_are_texts_or_refused(tmp_path: Path) -> None:
    """Programs of the Hadoop family write texts as bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(
        pa.table({"ref": [b"R-1", "Zoë".encode(), b"\xff"], "tags": [[b"a"], [], None]}), tmp_path / "a.parquet"
    )
    rows = list(open_table(tmp_path / "a.parquet"))
    assert [row.cells["ref"] for row in rows[:2]] == ["R-1", "Zoë"]
    assert rows[0].cells["tags"] == ["a"]
    assert [bool(row.fault) for row in rows] == [False, False, True]
    assert "'ref': the cell holds bytes that are not text" in rows[2].fault


def test_excel_floats_are_exact_or_refused(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["account", "debit"])
    book.active.append([6000, 1234.5])
    book.active.append([None, None])
    book.active.append(["6000", 2 / 3])
    book.create_sheet("other")
    path = tmp_path / "a.xlsx"
    book.save(path)
    table = open_table(path)
    assert "2 sheets" in table.notes[0]
    rows = list(table)
    assert rows[0].cells == {"account": 6000, "debit": Decimal("1234.5")}
    assert rows[1].position == "a.xlsx:4"
    assert "'debit'" in rows[1].fault
    with pytest.raises(SettingsError, match="no sheet 'third'"):
        open_table(path, sheet="third")


def test_a_number_of_excel_has_the_zeros_and_the_currency_that_its_format_shows(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["zip", "plus four", "amount", "plain"])
    sheet.append([1234, 12345678, 0.1, 12.5])
    sheet.append([123456, 7, -3, 12])
    sheet.append([-4, 4.5, 2 / 3, 7])
    for row in (2, 3, 4):
        for column, code in zip("ABCD", ("00000", "00000\\-0000", '#,##0.00 "€"', "_($* #,##0.00_)"), strict=True):
            sheet[f"{column}{row}"].number_format = code
    book.save(tmp_path / "a.xlsx")
    rows = list(open_table(tmp_path / "a.xlsx"))
    assert [list(row.cells.values()) for row in rows] == [
        ["01234", "01234-5678", Decimal("0.1"), Decimal("12.5")],
        ["123456", "00000-0007", Decimal(-3), 12],
        [-4, Decimal("4.5"), repr(2 / 3), 7],
    ]
    assert [[currency_sign(cell) for cell in row.cells.values()] for row in rows[:2]] == [["", "", "€", ""]] * 2
    assert "inexact result" in rows[2].fault


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=2))
def test_a_float_of_cents_is_exact(amount: Decimal) -> None:
    assert exact(float(amount)) == amount
    assert "." not in str(exact(float(int(amount))))


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1234.5", "1234.5"),
        ("1,234.50", "1234.50"),
        ("(1,234.50)", "-1234.50"),
        ("-0.10", "-0.10"),
        ("- 12", "-12"),
        ("1,234,567", "1234567"),
        ("(5)", "-5"),
        (".5", "0.5"),
        ("100.255", "100.255"),
        ("999999999999999.99", "999999999999999.99"),
        (" 7\u00a0", "7"),
        ("$5.00", "5.00"),
        ("-$5.00", "-5.00"),
        ("$-5.00", "-5.00"),
        ("($1,234.50)", "-1234.50"),
        ("$ (1,234.50)", "-1234.50"),
        ("1,234.50 \u20ac", "1234.50"),
        ("C$ 7", "7"),
        ("-", "0"),
        ("\u2013", "0"),
        (" $ -   ", "0"),
    ],
)
def test_money_is_read_exactly(text: str, amount: str) -> None:
    assert read_money(text) == Decimal(amount)


@pytest.mark.parametrize(
    "text",
    [
        "1,234",
        "12,50",
        "1.234,50",
        "1'234.50",
        "5 dollars",
        "USD",
        "5 XYZ",
        "$",
        "$5.00$",
        "-$-5.00",
        "$1,234",
        "5.00-",
        "1e3",
        "NaN",
        "Infinity",
        "(-5)",
        "1,23.4",
        "--1",
        "-5 10",
        "- 100 200",
        "-1 234.50",
        "5 10",
        "x",
    ],
)
def test_an_ambiguous_amount_is_refused_with_a_fix(text: str) -> None:
    with pytest.raises(RecordError, match="is not an amount") as caught:
        read_money(text)
    assert caught.value.fix


def test_an_empty_cell_has_no_amount() -> None:
    assert read_money("  ") is None and read_money(None) is None


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**15), max_value=10**15))
def test_an_amount_survives_being_written_with_thousands(amount: Decimal) -> None:
    assert read_money(f"{amount:,.2f}") == amount


def test_dates_are_iso_or_month_first_unless_the_column_contradicts() -> None:
    assert str(read_date("2026-01-31")) == "2026-01-31"
    for time in ("T00:00:00Z", " 00:00", " 12:00:00 AM", "T00:00:00.000+01:00", " 08:15:00 UTC"):
        assert str(read_date(f"2026-01-31{time}")) == "2026-01-31"
    assert str(read_date("01/02/2026")) == "2026-01-02"
    assert str(read_date("01/02/2026", date_reading([], "dmy"))) == "2026-02-01"
    assert str(read_date("31/01/2026", date_reading(["31/01/2026"], "dmy"))) == "2026-01-31"


def test_in_a_column_with_both_orders_all_slashed_dates_are_refused() -> None:
    reading = date_reading(["01/02/2026", "31/01/2026", "2026-01-05"], None)
    with pytest.raises(RecordError, match="month/day or day/month") as caught:
        read_date("01/02/2026", reading)
    assert "2026-01-31" in caught.value.fix
    assert str(read_date("2026-01-05", reading)) == "2026-01-05"


def test_the_fix_names_the_other_order_of_dates_where_it_is_valid() -> None:
    with pytest.raises(RecordError, match="can only be day/month") as caught:
        read_date("02/01/2026", date_reading(["02/01/2026", "31/01/2026"], None))
    assert '`date_order = "dmy"`' in caught.value.fix
    with pytest.raises(RecordError, match="is not a valid date") as caught:
        read_date("01/31/2026", date_reading([], "dmy"))
    assert '`date_order = "mdy"`' in caught.value.fix


@pytest.mark.parametrize(
    ("text", "told"), [("#REF!", "formula"), ("#N/A", "formula"), ("Total", "1234.50"), ("12 dollars", "currency")]
)
def test_the_fix_of_an_amount_fits_its_mistake(text: str, told: str) -> None:
    with pytest.raises(RecordError) as caught:
        read_money(text)
    assert told in caught.value.fix


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-15 to 2026-11-30",
        "2026-11-15 x",
        "2026-11-15T",
        "02/30/2026",
        "2026-13-01",
        "31 Jan",
        "1/2/26",
        "45000",
    ],
)
def test_an_invalid_date_is_refused_with_a_fix(text: str) -> None:
    with pytest.raises(RecordError) as caught:
        read_date(text)
    assert caught.value.fix


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("21-Nov-26", "2026-11-21"),
        ("Nov 21 2026", "2026-11-21"),
        ("November 21, 2026", "2026-11-21"),
        ("Sept. 3rd, 2026", "2026-09-03"),
        ("3 sep 2026", "2026-09-03"),
        ("2026-Nov-21", "2026-11-21"),
        ("01-Jan-99", "1999-01-01"),
        ("11/21/2026 12:00:00 AM", "2026-11-21"),
    ],
)
def test_a_date_may_name_its_month(text: str, day: str) -> None:
    assert str(read_date(text)) == day


@pytest.mark.parametrize(
    ("column", "days"),
    [
        (["11/21/26", "11/12/26"], ["2026-11-21", "2026-11-12"]),
        (["21/11/26", "03/04/2026"], ["2026-11-21", None]),
        (["11/12/26", "03/04/26"], [None, None]),
        (["26/11/21"], [None]),
        (["26/11/21", "26/11/30"], [None, None]),
        (["36/11/30", "26/11/21"], ["2036-11-30", "2026-11-21"]),
        (["11/21/26", "21/11/26"], [None, None]),
        (["31/31/26"], [None]),
    ],
)
def test_a_year_of_two_digits_needs_a_column_with_one_order(column: list[str], days: list[str | None]) -> None:
    reading = date_reading(column, None)
    found: list[str | None] = []
    for text in column:
        try:
            found.append(str(read_date(text, reading)))
        except RecordError as error:
            found.append(None)
            assert error.fix
    assert found == days


def test_the_order_that_the_user_gives_counts_for_years_of_two_digits_too() -> None:
    assert str(read_date("11/12/26", date_reading(["11/12/26"], "mdy"))) == "2026-11-12"
    assert str(read_date("11/12/26", date_reading(["11/12/26"], "dmy"))) == "2026-12-11"


def test_a_column_with_a_format_of_its_own_has_nothing_else() -> None:
    reading = date_reading(["21.11.26"], None, "DD.MM.YY")
    assert str(read_date("21.11.26", reading)) == "2026-11-21"
    with pytest.raises(RecordError, match=r"does not have the format DD\.MM\.YY"):
        read_date("2026-11-21", reading)


def test_a_formula_without_its_result_is_refused_and_not_read_as_empty(tmp_path: Path) -> None:
    """Shape: SpreadsheetML, 18.3.1.4 c: a formula's result is in `v`, with type `str` where it is a text."""
    from zipfile import ZipFile

    from openpyxl import Workbook

    book = Workbook()
    book.active.append(["Account", "Debit", "Memo"])
    for debit, memo in (("=1+1", "=B2"), (5, "x"), (None, "=B4"), (7, None)):
        book.active.append([None if debit is None else "6100", debit, memo])
    path, mended = tmp_path / "a.xlsx", tmp_path / "b.xlsx"
    book.save(path)
    with ZipFile(path) as old, ZipFile(mended, "w") as new:  # as a program writes it that has calculated one of them
        for name in old.namelist():
            text = old.read(name).replace(b'<c r="C2"><f>B2</f><v', b'<c r="C2" t="str"><f>B2</f><v')
            new.writestr(name, text)
    rows = list(open_table(mended))
    assert [(row.number, row.fault[:37]) for row in rows] == [
        (2, "the formula in B2 has no result; open"),
        (3, ""),
        (4, "the formula in C4 has no result; open"),
        (5, ""),
    ]


def test_an_excel_row_wider_than_the_header_is_refused(tmp_path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook(write_only=True)  # such a file does not say how wide it is
    sheet = book.create_sheet()
    for row in (["A", "B"], [1, 2, None], [1, 2, 3]):
        sheet.append(row)
    book.save(tmp_path / "a.xlsx")
    faults = [row.fault for row in open_table(tmp_path / "a.xlsx")]
    assert faults == ["", "the row has 3 cells, the header 2; a text with a delimiter in it needs quotes"]


def test_a_formula_that_failed_is_refused_in_columns_of_text_too(tmp_path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in (["Account", "Memo"], ["6100", "#N/A"], ["6100", "# 12"]):
        sheet.append(row)
    book.save(tmp_path / "a.xlsx")
    rows = list(open_table(tmp_path / "a.xlsx"))
    assert [row.fault for row in rows] == ["column 'Memo' has a formula that failed; correct it in the file", ""]
    assert [row.without(["Memo"]).fault for row in rows] == ["", ""]


@pytest.mark.parametrize(
    ("start", "delimiter"), [("sep=;\r\n", ";"), ("\nSEP=|\n", "|"), ('"sep=;"\n', ";"), ("\ufeffsep=\t\n", "\t")]
)
def test_excels_separator_line_is_not_the_header(tmp_path: Path, start: str, delimiter: str) -> None:
    rest = f"a,1{delimiter}b\n\n5{delimiter}6\n"
    table = open_table(written(tmp_path / "a.csv", (start + rest).encode()))
    assert (table.columns, table.dialect.delimiter) == (("a,1", "b"), delimiter)
    (row,) = table
    assert (dict(row.cells), row.number) == ({"a,1": "5", "b": "6"}, start.count("\n") + 3)
    assert write_refused(table, [(row, "no")], tmp_path / "b.csv") == 1
    again = open_table(tmp_path / "b.csv")
    assert [(one.cells["a,1"], one.number) for one in again] == [("5", 3)]
    assert open_csv(tmp_path / "a.csv", delimiter=",").columns[0] == "a", "who names one means it"


@pytest.mark.parametrize(
    ("text", "told"),
    [("1.234", "write 1234 if"), ("-12.345", "write -12345 if"), ("0.125", "round"), ("1234.567", "round")],
)
def test_a_point_that_may_be_for_thousands_is_not_rounded_away(text: str, told: str) -> None:
    assert cents_fix(text).startswith(told)


@pytest.mark.parametrize("text", ["", "\n\n", "sep=;", ";;\n;;\n", '""\n'])
def test_an_empty_file_is_refused_as_empty(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=r"a\.csv is empty"):
        open_csv(written(tmp_path / "a.csv", text.encode()))


def test_floats_within_lists_are_made_exact_or_refused_too(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"lines": [[{"amount": 0.1}], [{"amount": 0.1 + 0.2}]]}), path)
    good, bad = open_table(path)
    assert good.cells == {"lines": [{"amount": Decimal("0.1")}]}
    assert "inexact result of a calculation" in bad.fault


@pytest.mark.parametrize("number", ["1e999999999", "-1e999999999", "1e-999999999", "1e101"])
def test_a_number_that_would_fill_memory_is_refused(tmp_path: Path, number: str) -> None:
    text = f'{{"AMOUNT": {number}}}\n{{"AMOUNT": 1e3}}\n'
    far, good = [row.cells["AMOUNT"] for row in open_table(written(tmp_path / "a.jsonl", text.encode()))]
    assert good == Decimal(1000)
    with pytest.raises(RecordError, match="is not an amount"):
        read_money(cast(Cell, far))
    message = f'{{"type": "RECORD", "stream": "s", "record": {{"AMOUNT": {number}}}}}'
    assert parse_message(message.encode(), 1).record == {"AMOUNT": number}
    with pytest.raises(RecordError, match="too many digits"):
        read_money(Decimal(number))
    assert len(text_of(Decimal(number))) < 20


@pytest.mark.parametrize("order", [None, "dmy"])
def test_dates_that_excel_may_have_swapped_are_refused(tmp_path: Path, order: Literal["dmy"] | None) -> None:
    book = Workbook()
    sheet = book.worksheets[0]
    cells = ["Date", datetime(2026, 4, 3), datetime(2026, 4, 4), datetime(2026, 4, 25), "13/04/2026"]
    for cell in cells:
        sheet.append([cell])
    book.save(tmp_path / "a.xlsx")
    swapped, equal, late, text = [row.cells["Date"] for row in open_table(tmp_path / "a.xlsx")]
    reading = date_reading([swapped, equal, late, text], order)
    with pytest.raises(RecordError, match=r"2026-04-03 may be 2026-03-04.*'13/04/2026'") as caught:
        read_date(cast(Cell, swapped), reading)
    assert "2026-01-31" in caught.value.fix
    assert str(read_date(cast(Cell, equal), reading)) == "2026-04-04", "a swap changes nothing"
    assert str(read_date(cast(Cell, late), reading)) == "2026-04-25", "no swap makes a day of 25"
    assert str(read_date(cast(Cell, swapped), date_reading([swapped, "2026-04-05"], order))) == "2026-04-03"


@pytest.mark.parametrize(
    ("cells", "swapped"),
    [
        (["13/01/2026", date(2026, 5, 4)], "13/01/2026"),
        (["01/13/2026", date(2026, 5, 4)], "01/13/2026"),
        (["12/12/2026", date(2026, 5, 4)], ""),
        (["13/01/2026"], ""),  # texts alone were not converted by Excel
        ([date(2026, 5, 4)], ""),
    ],
)
def test_a_text_that_excel_could_not_convert_makes_its_neighbours_doubtful(cells: list[object], swapped: str) -> None:
    assert date_reading(cells, None).swapped == swapped
    assert date_reading(cells, "dmy").swapped == swapped


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("1,234", "write 1234 or 1234.00"),
        ("12,50", "use a point before the cents"),
        ("1.234,5", "use a point before the cents"),
        ("#REF!", "the formula has no result"),
        ("1 234", "remove the spaces"),
        ("12 euros", "remove the currency"),
        ("twelve", "write a number such as"),
    ],
)
def test_an_amount_that_is_refused_says_how_to_write_it(text: str, fix: str) -> None:
    with pytest.raises(RecordError) as refused:
        read_money(text)
    assert refused.value.fix.startswith(fix)
