"""Sheets as people have them: title blocks, several sheets, totals, footers, constants, filters, formats of dates."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from support.apps.command_line import Intacct
from support.apps.http_reader import HttpReader


def entry(reader: HttpReader, title: str) -> list[tuple[str, ...]]:
    """The lines of the only entry with a title: account, side, amount, department, location, text."""
    (header,) = reader.rows("GLBATCH", "RECORDNO", BATCH_TITLE=title)
    fields = ("ACCOUNTNO", "TR_TYPE", "TRX_AMOUNT", "DEPARTMENT", "LOCATION", "DESCRIPTION")
    return sorted(
        tuple(row[name] for name in fields) for row in reader.rows("GLENTRY", *fields, BATCHNO=header["RECORDNO"])
    )


PAYROLL: list[tuple[Any, ...]] = [
    ("Corvane Instruments Inc.",),
    ("Payroll journal, pay date 11/13/2026",),
    (),
    ("GL", "Loc", "Dept", "Description", "Dr", "Cr"),
    (60000, 110, "Engineering", "Gross wages", 48250.25, None),
    (60000, 120, "Sales", "Gross wages", 1000.5, None),
    (),
    ("GL", "Loc", "Dept", "Description", "Dr", "Cr"),
    (21000, 110, None, "Net pay", None, 48250.25),
    (21000, 120, None, "Net pay", 0, 1000.5),
    ("Total", None, None, None, 49250.75, 49250.75),
    (),
    ("Prepared by K. Moll",),
]


def workbook(path: Path, **sheets: list[tuple[Any, ...]]) -> None:
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
        for cells in sheet.iter_rows(min_col=5, max_col=6):
            for cell in cells:
                cell.number_format = '"$"#,##0.00_);("$"#,##0.00)'
    book.save(path)


def test_a_payroll_workbook_is_posted_after_the_correction_that_the_plan_proposes(
    load: Intacct, reader: HttpReader
) -> None:
    workbook(Path("payroll.xlsx"), Journal=PAYROLL)
    first = load("payroll.xlsx", "--as", "journal-entries")
    assert first.status == 2
    assert "has no column for the journal, date and title" in first.err
    assert "--set journal=… --set date=… --set title=…" in first.err
    given = ("journal=PYRJ", "date=11/13/2026", "title=Payroll 11/13")
    words = ("payroll.xlsx", "--as", "journal-entries", *(word for one in given for word in ("--set", one)), "--apply")
    posted = load(*words)
    assert posted.status == 0, posted.said
    assert "The columns of payroll.xlsx are named in row 4; rows 1 to 2 above it are not read." in posted.err
    assert "Row 8 of payroll.xlsx repeats the header" in posted.err
    assert "Row 11 of payroll.xlsx is a total (Dr 49,250.75, Cr 49,250.75)" in posted.err
    assert "Row 13 of payroll.xlsx is 'Prepared by K. Moll'" in posted.err
    assert entry(reader, "Payroll 11/13") == [
        ("21000", "-1", "1000.5", "", "120", "Net pay"),
        ("21000", "-1", "48250.25", "", "110", "Net pay"),
        ("60000", "1", "1000.5", "210", "120", "Gross wages"),
        ("60000", "1", "48250.25", "500", "110", "Gross wages"),
    ]
    again = load(*words)
    assert (again.status, "Nothing to send" in again.err) == (0, True), again.said


def test_the_right_sheet_is_suggested(load: Intacct, reader: HttpReader) -> None:
    summary = [("Summary",), ("Employees", 42)]
    given = [("Journal", "Date", "Title"), *(("PYRJ", "2026-11-13", "Payroll") for _ in range(4))]
    rows = [a + b for a, b in zip(given, [PAYROLL[3], *PAYROLL[4:6], *PAYROLL[8:10]], strict=True)]
    workbook(Path("payroll.xlsx"), Summary=summary, November=rows, Notes=[("x",)])
    first = load("payroll.xlsx", "--as", "journal-entries")
    assert first.status == 2
    assert "sheet 'Summary' of payroll.xlsx has not the columns of the layout; 'November' has" in first.err
    assert "Choose --sheet November" in first.err
    assert load("payroll.xlsx", "--as", "journal-entries", "--sheet", "November", "--apply").status == 0
    assert len(entry(reader, "Payroll")) == 4
    workbook(Path("payroll.xlsx"), November=rows, Summary=summary)
    assert "'November' is read" in load("payroll.xlsx", "--as", "journal-entries").err


CSV = """Acme Payroll, Inc.
Report 17;

Journal;Date;Title;Acct;Dr;Cr;Loc;Dept
GJ;2026-11-13;Rent;61000;100.00;;110;500
;;;21000;;100.00;110;
"""


@pytest.mark.parametrize("words", [(), ("--header-row", "4")])
def test_a_header_below_a_title_block_of_a_text_file(load: Intacct, reader: HttpReader, words: tuple[str, ...]) -> None:
    Path("rent.csv").write_text(CSV)
    posted = load("rent.csv", "--as", "journal-entries", "--apply", *words)
    assert posted.status == 0, posted.said
    assert "named in row 4; rows 1 to 2 above it are not read" in posted.err
    assert [line[:3] for line in entry(reader, "Rent")] == [("21000", "-1", "100"), ("61000", "1", "100")]


def test_a_header_row_that_is_none_is_refused(load: Intacct) -> None:
    Path("rent.csv").write_text(CSV)
    for row, told in (("3", "no names of columns in row 3"), ("99", "no names of columns in row 99")):
        refused = load("rent.csv", "--as", "journal-entries", "--header-row", row)
        assert (refused.status, told in refused.err) == (2, True), refused.err
    wrong = load("rent.csv", "--as", "journal-entries", "--header-row", "5")
    assert (wrong.status, "has no column for the" in wrong.err) == (2, True)
    Path("rent.jsonl").write_text("{}\n")
    assert "has no header row" in load("rent.jsonl", "--as", "CLASS", "--header-row", "2").err


def test_a_first_row_that_is_the_header_stays_it(load: Intacct, reader: HttpReader) -> None:
    Path("classes.csv").write_text("CLASSID,NAME,Remark\nNAME,DESCRIPTION,STATUS\n")
    planned = load("classes.csv", "--as", "CLASS")
    assert "has no field 'Remark'" in planned.err
    Path("classes.csv").write_text("CLASSID,NAME\nNAME,STATUS\n")
    assert load("classes.csv", "--as", "CLASS", "--apply").status == 0
    assert reader.rows("CLASS", "NAME", CLASSID="NAME") == [{"NAME": "STATUS"}]


def test_a_constant_may_not_contradict_the_file(load: Intacct) -> None:
    Path("classes.csv").write_text("CLASSID,NAME,DESCRIPTION\nK-1,One,\nK-2,Two,both\n")
    refused = load("classes.csv", "--as", "CLASS", "--set", "description=one")
    assert refused.status == 2
    assert "classes.csv:3: DESCRIPTION is 'both', and the load sets it to 'one' for all rows" in refused.err
    assert load("classes.csv", "--as", "CLASS", "--set", "description=both").status == 0
    assert load("classes.csv", "--as", "CLASS", "--set", "description").status == 2


BILLS = """Vendor,Bill No,Date,Due,Account,Amount,Dept,Loc,Status
V10001,B-1,2026-11-02,21.12.2026,60100,10.00,500,110,Approved
,,,,60100,$5.00,500,110,
,,,,60100,-,500,110,
V10002,B-2,2026-11-03,22.12.2026,60100,7.00,500,110,Open
,,,,60100,8.00,500,110,
V10002,B-3,2026-11-20,23.12.2026,60100,9.00,500,110,approved
"""


def totals(reader: HttpReader) -> dict[str, str]:
    rows = reader.rows("APBILL", "RECORDID", "TRX_TOTALENTERED")
    return {row["RECORDID"]: row["TRX_TOTALENTERED"] for row in rows if row["RECORDID"].startswith("B-")}


@pytest.mark.parametrize(
    ("where", "posted", "left_out"),
    [
        ("amount <> 0", {"B-1": "15", "B-2": "15", "B-3": "9"}, 1),
        ("status = 'approved'", {"B-1": "15", "B-3": "9"}, 2),
        ("bill_no in ('b-2', 'B-3')", {"B-2": "15", "B-3": "9"}, 3),
        ("date >= 2026-11-03", {"B-2": "15", "B-3": "9"}, 3),
        ("amount < 10 and bill_no is not null", {"B-1": "5", "B-2": "15", "B-3": "9"}, 1),
    ],
)
def test_a_filter_takes_lines_with_their_record(
    load: Intacct, reader: HttpReader, where: str, posted: dict[str, str], left_out: int
) -> None:
    Path("bills.csv").write_text(BILLS)
    done = load("bills.csv", "--as", "bills", "--date-format", "Due=DD.MM.YYYY", "--where", where, "--apply")
    assert totals(reader) == posted, done.said
    assert f"The filter leaves out {left_out} row" in done.err, done.said
    assert done.status == 0


def test_a_filter_works_with_every_layout(load: Intacct, reader: HttpReader) -> None:
    native = "VENDORID,RECORDID,WHENCREATED,WHENDUE,ACCOUNTNO,TRX_AMOUNT,DEPARTMENTID,LOCATIONID\n" + "".join(
        f"V10001,{no},2026-11-02,2026-12-02,60100,{no[-1]},500,110\n,,,,60100,1,500,110\n" for no in ("B-1", "B-2")
    )
    Path("bills.csv").write_text(native)
    assert load("bills.csv", "--as", "APBILL", "--where", "recordid = 'B-1'", "--apply").status == 0
    assert totals(reader) == {"B-1": "2"}
    Path("bills.toml").write_text(
        'object = "APBILL"\ngroup_by = ["VENDORID", "RECORDID"]\n[fields]\n'
        + "".join(f'{name} = "{name}"\n' for name in ("VENDORID", "RECORDID", "WHENCREATED", "WHENDUE"))
        + '[[lines]]\nobject = "APBILLITEM"\n[lines.fields]\n'
        + "".join(f'{name} = "{name}"\n' for name in ("ACCOUNTNO", "TRX_AMOUNT", "DEPARTMENTID", "LOCATIONID"))
    )
    assert load("bills.csv", "--map", "bills.toml", "--where", "recordid = 'B-2'", "--apply").status == 0
    assert totals(reader) == {"B-1": "2", "B-2": "3"}
    Path("je.csv").write_text(
        "Journal,Date,Title,Account,Debit,Credit,Location,Department\n"
        "GJ,2026-11-13,One,61000,1,,110,500\n,,,21000,,1,110,\nGJ,2026-11-13,Two,61000,2,,110,500\n,,,21000,,2,110,\n"
    )
    assert load("je.csv", "--as", "journal-entries", "--where", "title = 'two'", "--apply").status == 0
    assert len(entry(reader, "Two")) == 2
    assert reader.rows("GLBATCH", "RECORDNO", BATCH_TITLE="One") == []


def test_dates_that_excel_may_have_swapped_are_refused_by_their_column(load: Intacct, reader: HttpReader) -> None:
    def sheet(*days: object) -> list[tuple[Any, ...]]:
        rows = [("V10001", f"B-{n}", day, "12/21/2026", 60100, 5, 500, 110) for n, day in enumerate(days)]
        return [("Vendor", "Bill No", "Date", "Due", "Account", "Amount", "Dept", "Loc"), *rows]

    workbook(Path("bills.xlsx"), Bills=sheet(date(2026, 11, 2), date(2026, 11, 20)))
    assert load("bills.xlsx", "--as", "bills", "--apply").status == 0, "texts of another column prove nothing"
    assert totals(reader) == {"B-0": "5", "B-1": "5"}
    workbook(Path("mixed.xlsx"), Bills=sheet(date(2026, 11, 3), "21/11/2026"))
    refused = load("mixed.xlsx", "--as", "bills")
    assert "Date: 2026-11-03 may be 2026-03-11" in refused.out


def test_a_filter_is_checked(load: Intacct) -> None:
    Path("bills.csv").write_text(BILLS)
    words = ("bills.csv", "--as", "bills", "--where")
    for where, told in (
        ("state = 'x'", "bills.csv has no column 'state'; did you mean Status"),
        ("status = 5", "bills.csv:2: Status: 'Approved' is not an amount, and the filter compares it"),
        ("amount = 5 or amount = 'x'", "values of two kinds"),
        ("amount >", "cannot be read"),
    ):
        refused = load(*words, where)
        assert (refused.status, told in refused.err) == (2, True), refused.err


def test_the_format_of_a_column_is_checked(load: Intacct) -> None:
    Path("bills.csv").write_text(BILLS)
    words = ("bills.csv", "--as", "bills", "--date-format")
    assert "'dd' is not a token" in load(*words, "Due=dd.mm.yyyy").err
    assert "has no column 'Paid' for the date format" in load(*words, "Paid=DD.MM.YYYY").err
    assert "Date: '2026-11-02' does not have the format DD.MM.YYYY" in load(*words, "DD.MM.YYYY").out
