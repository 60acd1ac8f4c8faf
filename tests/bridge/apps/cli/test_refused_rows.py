"""Refusals of a load by their cause, and the file of refused rows, which loads again as it is."""

import csv
import json
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook

from support.apps.command_line import Intacct, Ran
from support.apps.http_reader import HttpReader

HEAD = "Vendor,Bill No,Date,Due,Account,Amount,Dept,Loc,Scan\n"


def bill(number: int, *, vendor: str = "V10001", amount: str = "1.00", scan: str = "") -> str:
    return f"{vendor},B-{number},2026-11-21,2026-12-21,60100,{amount},500,110,{scan}\n"


def posted(reader: HttpReader) -> list[str]:
    return sorted(row["RECORDID"] for row in reader.rows("APBILL", "RECORDID") if row["RECORDID"].startswith("B-"))


def refusals(ran: Ran) -> list[str]:
    """The refusals of a plan, each on one line."""
    text = ran.out.partition("Refused:\n")[2].partition("\n\n")[0]
    return [" ".join(part.split()) for part in text.split("✗") if part.strip()]


def test_refusals_are_grouped_by_their_cause(load: Intacct) -> None:
    rows = [bill(n, amount=f"{n}.5.0") for n in range(1, 57)]
    rows += [bill(n, vendor="Nobody & Co") for n in (57, 58)]
    rows += [bill(59, amount="1.005"), bill(60, amount="2.005")]
    Path("bills.csv").write_text(HEAD + "".join(rows))
    planned = load("bills.csv", "--as", "bills", "--refused", "fix.csv")
    assert planned.status == 1
    many, nobody, *decimals = refusals(planned)
    assert many == (
        "bills.csv: 56 rows, first 2, 3, 4: Amount: '1.5.0' is not an amount; write a number such as 1234.50"
    )
    assert nobody.startswith("bills.csv: 2 rows, 58, 59: Vendor: the company has no vendor 'Nobody & Co'")
    assert [line.partition(" has more")[0] for line in decimals] == [
        "bills.csv:60: Amount: 1.005", "bills.csv:61: Amount: 2.005",
    ]  # fmt: skip
    with Path("fix.csv").open(encoding="utf-8-sig", newline="") as file:
        reasons = [row["refused because"] for row in csv.DictReader(file)]
    assert len(reasons) == 60
    assert reasons[55].startswith("Amount: '56.5.0' is not an amount")
    (data,) = json.loads(load("bills.csv", "--as", "bills", "--json").out)["files"]
    assert [len(one["rows"]) for one in data["refusals"]] == [56, 2, 1, 1]


def test_a_refusal_names_its_column_once(load: Intacct) -> None:
    Path("vendors.csv").write_text(
        "VENDORID,NAME,Status,DISPLAYCONTACT.PRINTAS\nZ-1,,active,A\nZ-2,,active,B\nZ-3,C,bogus,C\n"
    )
    planned = load("vendors.csv", "--as", "VENDOR", "--refused", "fix.csv")
    assert refusals(planned) == [
        "vendors.csv: 2 rows, 2, 3: NAME is missing; fill in NAME",
        "vendors.csv:4: Status: 'bogus' is not a value of the field; use one of active, active non-posting, inactive",
    ]
    with Path("fix.csv").open(encoding="utf-8-sig", newline="") as file:
        reasons = [row["refused because"] for row in csv.DictReader(file)]
    assert reasons[0] == "NAME is missing (fill in NAME)"


def test_a_cell_has_one_finding_and_an_unreadable_row_no_other(load: Intacct) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(HEAD.strip().split(","))
    sheet.append(["V10001", "B-1", "2026-11-21", "2026-12-21", 60100, 1 / 3, 500, 110])
    book.save("bills.xlsx")
    planned = load("bills.xlsx", "--as", "bills", "--json")
    (reason,) = json.loads(planned.out)["files"][0]["records"][0]["reasons"]
    assert reason.startswith("bills.xlsx:2: Amount: 0.3333333333333333 is the inexact result of a calculation; round")
    Path("bills.csv").write_text(HEAD + bill(1, amount="x", scan="a,b,c"))
    planned = load("bills.csv", "--as", "bills", "--json")
    (reason,) = json.loads(planned.out)["files"][0]["records"][0]["reasons"]
    assert reason.startswith("bills.csv:2: the row has 11 cells, the header 9;")


TITLE = "Acme Ltd,,\n\n"
MAP = (
    'object = "APBILL"\ngroup_by = ["Vendor", "Bill No"]\n[fields]\nVENDORID = "Vendor"\nRECORDID = "Bill No"\n'
    'WHENCREATED = { from = "Date", as = "date", format = "YYYY-MM-DD" }\nWHENDUE = "Due"\n[carry]\n'
    'attachments = "Scan"\n[[lines]]\nobject = "APBILLITEM"\n[lines.fields]\nACCOUNTNO = "Account"\n'
    'TRX_AMOUNT = "Amount"\nDEPARTMENTID = "Dept"\nLOCATIONID = "Loc"\n'
)
NATIVE = "VENDORID,RECORDID,WHENCREATED,WHENDUE,ACCOUNTNO,TRX_AMOUNT,DEPARTMENTID,LOCATIONID,attachments\n"


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (HEAD, ("--as", "bills")),
        (TITLE + HEAD, ("--as", "bills", "--header-row", "3", "--encoding", "cp1252", "--delimiter", ",")),
        (TITLE + HEAD, ("--as", "bills", "--where", "amount is not null", "--set", "terms=N30", "--date-order", "mdy")),
        (HEAD, ("--map", "bills.toml")),
        (HEAD, ("--map", "passing.toml")),
        (NATIVE, ("--as", "APBILL")),
    ],
    ids=["layout", "header row", "filter and constant", "mapping", "passing mapping", "native"],
)
def test_refused_rows_load_again_as_they_are(
    load: Intacct, reader: HttpReader, head: str, words: tuple[str, ...]
) -> None:
    Path("in").mkdir()
    Path("out").mkdir()
    Path("bills.toml").write_text(MAP)
    Path("passing.toml").write_text('rest = "pass"\n' + MAP)
    Path("in/scan.pdf").write_bytes(b"%PDF scan")
    Path("in/bills.csv").write_text(
        head + bill(1) + bill(2, vendor="Zoe", scan="scan.pdf") + bill(3, amount="?") + bill(4)
    )
    first = load("in/bills.csv", *words, "--apply", "--refused", "out/fix.csv")
    assert (first.status, posted(reader)) == (1, ["B-1", "B-4"]), first.said
    again = load("out/fix.csv", *words, "--refused", "out/again.csv")
    assert again.status == 1
    assert len(refusals(again)) == 2, "the same two records are refused, and for the same reasons"
    assert Path("out/again.csv").read_bytes() == Path("out/fix.csv").read_bytes()
    text = Path("out/fix.csv").read_text("utf-8-sig")
    lines = text.replace("Zoe,B-2", "V10002,B-2").replace(",?,", ",3.00,")
    Path("out/fix.csv").write_text(lines)
    corrected = load("out/fix.csv", *words, "--apply")
    assert (corrected.status, posted(reader)) == (0, ["B-1", "B-2", "B-3", "B-4"]), corrected.said
    (second,) = reader.rows("APBILL", "SUPDOCID", RECORDID="B-2")
    data = reader.call(f'<get object="supdoc" key="{second["SUPDOCID"]}"/>').find("data")
    assert data is not None
    assert data.findtext(".//attachmentname") == "scan"


def test_a_workbook_s_refused_rows_keep_its_sheet_and_title(load: Intacct, reader: HttpReader) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "May"
    for row in (["Acme"], [], HEAD.strip().split(",")):
        sheet.append(row)
    sheet.append(["Nobody", "B-1", "2026-11-21", "2026-12-21", 60100, 12.5, 500, 110])
    book.save("bills.xlsx")
    words = ("--as", "bills", "--sheet", "May", "--header-row", "3")
    assert load("bills.xlsx", *words, "--refused", "fix.xlsx").status == 1
    back = load_workbook("fix.xlsx")
    assert [cell.value for cell in back["May"][1]][:1] == ["Acme"]
    back["May"]["A4"] = "V10001"
    back.save("fix.xlsx")
    assert load("fix.xlsx", *words, "--apply").status == 0
    assert posted(reader) == ["B-1"]


def test_only_a_file_of_refused_rows_takes_files_of_another_folder(load: Intacct) -> None:
    Path("in").mkdir()
    Path("out").mkdir()
    Path("in/scan.pdf").write_bytes(b"%PDF scan")
    Path("in/bills.csv").write_text(HEAD + bill(1, vendor="Zoe", scan="scan.pdf"))
    load("in/bills.csv", "--as", "bills", "--refused", "out/fix.csv")
    Path("out/fix.csv").write_text(HEAD + bill(1, scan="scan.pdf"))
    refused = load("out/fix.csv", "--as", "bills")
    assert "there is no file scan.pdf" in refused.out
