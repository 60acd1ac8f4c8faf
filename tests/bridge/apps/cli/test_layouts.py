"""Files as people have them, loaded by the command, with the company's own answers over HTTP as the judge."""

import re
from base64 import b64decode
from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import Workbook

from support.apps.command_line import Intacct
from support.apps.http_reader import HttpReader


def bill_lines(reader: HttpReader, bill: str) -> list[tuple[str, ...]]:
    """The lines of a bill: account, amount, department, location, text."""
    (header,) = reader.rows("APBILL", "RECORDNO", RECORDID=bill)
    fields = ("ACCOUNTNO", "TRX_AMOUNT", "DEPARTMENTID", "LOCATIONID", "ENTRYDESCRIPTION")
    return [
        tuple(row[name] for name in fields) for row in reader.rows("APBILLITEM", *fields, RECORDKEY=header["RECORDNO"])
    ]


BILLS = """Supplier,Inv No.,Inv Date,Due,Terms,GL,Amt,Dept,Loc,Description,Prepared by
Drumhallow Realty Partners,B-1,11/21/26,Dec 21 2026,N30,60100,"$1,250.00",Engineering,110,Rent,me
,,,,,60100,($5.00),500,110,Discount,
V10002,B-2,11/22/26,21-Dec-26,,60100,7,500,110,Fee,me
Drumhallow Realty Partners,B-1,,,,60100,0.50,500,110,Postage,
"""


def test_bills_with_the_columns_of_an_export(load: Intacct, reader: HttpReader) -> None:
    Path("bills.csv").write_text(BILLS, encoding="utf-8")
    planned = load("bills.csv", "--as", "bills")
    assert planned.status == 0, planned.said
    assert "The column 'Prepared by' is not used." in planned.err
    posted = load("bills.csv", "--as", "bills", "--apply")
    assert posted.status == 0, posted.said
    assert bill_lines(reader, "B-1") == [
        ("60100", "1250", "500", "110", "Rent"),
        ("60100", "-5", "500", "110", "Discount"),
        ("60100", "0.5", "500", "110", "Postage"),
    ]
    fields = ("VENDORID", "WHENCREATED", "WHENDUE", "TERMNAME")
    assert reader.rows("APBILL", *fields, RECORDID="B-1") == [
        {"VENDORID": "V10001", "WHENCREATED": "11/21/2026", "WHENDUE": "12/21/2026", "TERMNAME": "N30"}
    ]
    again = load("bills.csv", "--as", "bills", "--apply")
    assert (again.status, "Nothing to send: 2 records" in again.err) == (0, True), again.said
    assert len(reader.rows("APBILL", "RECORDNO", RECORDID="B-1")) == 1


def test_invoices_vendors_and_customers(load: Intacct, reader: HttpReader) -> None:
    Path("customers.csv").write_text(
        "Cust No,Client Name,E-mail,Street,City,Terms,Active\nZ-1,Zed Ltd,z@z.example,Main 1,Bern,N30,yes\n"
        "Z-2,Yew Ltd,,,,,no\n"
    )
    assert load("customers.csv", "--as", "customers", "--apply").status == 0
    fields = ("NAME", "TERMNAME", "STATUS", "DISPLAYCONTACT.PRINTAS", "DISPLAYCONTACT.EMAIL1")
    found = [row for one in ("Z-1", "Z-2") for row in reader.rows("CUSTOMER", *fields, CUSTOMERID=one)]
    assert [list(row.values()) for row in found] == [
        ["Zed Ltd", "N30", "active", "Zed Ltd", "z@z.example"],
        ["Yew Ltd", "", "inactive", "Yew Ltd", ""],
    ]
    Path("invoices.csv").write_text(
        "Client,Invoice #,Date,Due,Acct,Net,Loc,Dept\nZed Ltd,I-1,2026-11-21,2026-12-21,40100,12.50,110,500\n"
        "Yew Ltd,I-2,2026-11-21,2026-12-21,40100,1,110,500\n"
    )
    planned = load("invoices.csv", "--as", "invoices", "--apply")
    assert planned.status == 1
    assert "invoices.csv:3: Client: the customer 'Yew Ltd' is inactive" in planned.out
    (invoice,) = reader.rows("ARINVOICE", "CUSTOMERID", "TRX_TOTALENTERED", RECORDID="I-1")
    assert (invoice["CUSTOMERID"], Decimal(invoice["TRX_TOTALENTERED"])) == ("Z-1", Decimal("12.50"))
    assert reader.rows("ARINVOICE", "RECORDNO", RECORDID="I-2") == []

    Path("vendors.csv").write_text("Vendor No,Vendor Name,Phone,Default Account\nZ-9,Zinc,555,60100\n,Zinc,,\n")
    assert load("vendors.csv", "--as", "vendors", "--apply").status == 0
    assert [row["VENDORID"] == "Z-9" for row in reader.rows("VENDOR", "VENDORID", NAME="Zinc")] == [True, False]


def test_a_name_of_two_vendors_is_refused_with_both(load: Intacct, reader: HttpReader) -> None:
    Path("vendors.csv").write_text("Vendor No,Vendor Name\nZ-1,Twin\nZ-2,Twin\n")
    assert load("vendors.csv", "--as", "vendors", "--apply").status == 0
    Path("bills.csv").write_text(
        "Vendor,Bill No,Date,Due,Account,Amount,Dept,Loc\nTwin,B-9,2026-11-21,2026-12-21,60100,1,500,110\n"
    )
    planned = load("bills.csv", "--as", "bills", "--apply")
    assert planned.status == 1
    assert "bills.csv:2: Vendor: 'Twin' is the name of more than one vendor (Z-1, Z-2); use the id" in planned.out
    assert reader.rows("APBILL", "RECORDNO", RECORDID="B-9") == []


def test_a_second_column_counts_where_the_first_is_empty(load: Intacct, reader: HttpReader) -> None:
    Path("bills.csv").write_text(
        "Vendor ID,Vendor Name,Bill No,Date,Due,Account,Amount,Dept,Loc\n"
        "V10001,Somebody Else,B-1,2026-11-21,2026-12-21,60100,1,500,110\n"
        ",Drumhallow Realty Partners,B-2,2026-11-21,2026-12-21,60100,1,500,110\n"
        ",,B-3,2026-11-21,2026-12-21,60100,1,500,110\n"
    )
    planned = load("bills.csv", "--as", "bills", "--apply")
    assert "The column 'Vendor Name' is used only if 'Vendor ID' is empty." in planned.err
    assert "bills.csv:4: Vendor ID or Vendor Name is missing" in planned.out
    found = {
        row["RECORDID"]: row["VENDORID"] for row in reader.rows("APBILL", "RECORDID", "VENDORID", VENDORID="V10001")
    }
    assert {name: vendor for name, vendor in found.items() if name.startswith("B-")} == {
        "B-1": "V10001",
        "B-2": "V10001",
    }


def test_a_column_of_ids_comes_before_one_of_names(load: Intacct, reader: HttpReader) -> None:
    head = "Vendor,Vendor No,Bill No,Date,Due,Account,Account No,Amount,Dept,Loc\n"
    Path("bills.csv").write_text(
        f"{head}Somebody,V10001,B-1,2026-11-21,2026-12-21,Travel,60100,1,500,110\n"
        "Drumhallow Realty Partners,,B-2,2026-11-21,2026-12-21,,60100,1,500,110\n"
    )
    posted = load("bills.csv", "--as", "bills", "--apply")
    assert posted.status == 0, posted.said
    assert "The column 'Vendor' is used only if 'Vendor No' is empty." in posted.err
    assert [line[0] for line in bill_lines(reader, "B-1")] == ["60100"]
    assert [row["VENDORID"] for row in reader.rows("APBILL", "VENDORID", RECORDID="B-2")] == ["V10001"]
    Path("bills.csv").write_text(head.replace("Vendor No", "Supplier"))
    assert "'Vendor' and 'Supplier' both mean the vendor" in load("bills.csv", "--as", "bills").err


def test_the_code_of_a_currency_is_written_in_capitals(load: Intacct, reader: HttpReader) -> None:
    head = "Journal,Date,Title,Ref,Account,Debit,Credit,Location,Department,Currency,Exchange Rate\n"
    row = "GJ,2026-11-21,Rent,R-1,60100,{},{},110,500,{},0.75\n"
    Path("je.csv").write_text(head + row.format(5, "", "cad") + row.format("", 5, "CAD"))
    Path("bills.csv").write_text(BILLS.splitlines()[0] + ",Curr\n" + BILLS.splitlines()[1] + ",usd\n")
    for name, layout in (("je.csv", "journal-entries"), ("bills.csv", "bills")):
        posted = load(name, "--as", layout, "--apply")
        assert posted.status == 0, posted.said
    assert {row["CURRENCY"] for row in reader.rows("GLENTRY", "CURRENCY", BATCHTITLE="Rent")} == {"CAD"}
    assert {row["CURRENCY"] for row in reader.rows("APBILL", "CURRENCY", RECORDID="B-1")} == {"USD"}


def test_the_currency_of_a_cell_s_format_is_compared_with_the_record_s(load: Intacct) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    head, row = (line.split(",") for line in BILLS.replace('"$1,250.00"', "1250").splitlines()[:2])
    sheet.append(head)
    sheet.append([int(cell) if cell == "1250" else cell for cell in row])
    sheet["G2"].number_format = '#,##0.00 "€"'
    book.save("bills.xlsx")
    for name, others in (("bills.xlsx", "refused.xlsx"), ("refused.xlsx", "again.xlsx")):
        refused = load(name, "--as", "bills", "--out", "bills.plan", "--refused", others)
        assert refused.status == 1, refused.said
        assert f"{name}:2: Amt: the amount has the sign €, and the record is in USD" in refused.out
    sheet["G2"].number_format = "[$US$-409]#,##0.00"
    book.save("bills.xlsx")
    assert load("bills.xlsx", "--as", "bills", "--apply").status == 0


@pytest.mark.parametrize("mode", ["update", "upsert"])
def test_a_file_for_an_existing_record_is_refused_where_no_field_changes(
    load: Intacct, reader: HttpReader, mode: str
) -> None:
    """The file that a record was posted with is there; another one would be attached to nothing."""
    Path("scan.pdf").write_bytes(b"one")
    head, row = BILLS.splitlines()[:2]
    Path("bills.csv").write_text(f"{head},Scan\n{row},\n", encoding="utf-8")
    assert load("bills.csv", "--as", "bills", "--apply").status == 0
    Path("bills.csv").write_text(f"{head},Scan\n{row},scan.pdf\n", encoding="utf-8")
    refused = load("bills.csv", "--as", "bills", "--mode", mode, "--apply")
    assert (refused.status, "bills.csv:2: files can be attached to new records only" in refused.out) == (1, True)

    Path("new.csv").write_text(f"{head},Scan\n{row},scan.pdf\n".replace("B-1", "B-9"), encoding="utf-8")
    assert load("new.csv", "--as", "bills", "--mode", "upsert", "--apply").status == 0
    again = load("new.csv", "--as", "bills", "--mode", "upsert", "--apply")
    assert (again.status, "1 unchanged" in again.said) == (0, True), again.said
    Path("scan.pdf").write_bytes(b"two")
    assert load("new.csv", "--as", "bills", "--mode", "upsert", "--apply").status == 1
    (supdoc,) = {row["SUPDOCID"] for row in reader.rows("APBILL", "SUPDOCID", RECORDID="B-9")}
    assert supdoc


def test_an_upsert_finds_its_records_by_the_layout_s_key(load: Intacct, reader: HttpReader) -> None:
    Path("vendors.csv").write_text("Vendor No,Vendor Name,Phone\nV10001,,555-1\nZ-7,Zinc,555-2\n")
    planned = load("vendors.csv", "--as", "vendors", "--mode", "upsert")
    assert [line for line in planned.out.splitlines() if "CELLPHONE" in line or "PHONE1" in line], planned.said
    posted = load("vendors.csv", "--as", "vendors", "--mode", "upsert", "--apply")
    assert posted.status == 0, posted.said
    fields = ("NAME", "DISPLAYCONTACT.PHONE1")
    assert [list(reader.rows("VENDOR", *fields, VENDORID=one)[0].values()) for one in ("V10001", "Z-7")] == [
        ["Drumhallow Realty Partners", "555-1"], ["Zinc", "555-2"],
    ]  # fmt: skip
    Path("vendors.csv").write_text("Vendor No,Phone\nV10001,555-3\nZ-8,555-4\n")
    refused = load("vendors.csv", "--as", "vendors", "--mode", "upsert", "--apply")
    assert "vendors.csv:3: NAME is missing" in refused.out
    assert reader.rows("VENDOR", "DISPLAYCONTACT.PHONE1", VENDORID="V10001") == [{"DISPLAYCONTACT.PHONE1": "555-3"}]


def test_an_update_changes_nothing_that_the_file_does_not_give(load: Intacct, reader: HttpReader) -> None:
    Path("vendors.csv").write_text("Vendor No,Vendor Name,Print As\nZ-7,Zinc,Zinc & Sons Ltd\n")
    Path("projects.csv").write_text("Job No,Job Name,Category\nZ-1,Dam,Internal Billable\n")
    assert load("vendors.csv", "--as", "vendors", "--apply").status == 0
    assert load("projects.csv", "--as", "projects", "--apply").status == 0
    Path("vendors.csv").write_text("Vendor No,Vendor Name\nZ-7,Zinc Ltd\n")
    Path("projects.csv").write_text("Job No,Job Name\nZ-1,Dam 2\n")
    assert load("vendors.csv", "--as", "vendors", "--mode", "upsert", "--apply").status == 0
    assert load("projects.csv", "--as", "projects", "--mode", "update", "--apply").status == 0
    assert reader.rows("VENDOR", "NAME", "DISPLAYCONTACT.PRINTAS", VENDORID="Z-7") == [
        {"NAME": "Zinc Ltd", "DISPLAYCONTACT.PRINTAS": "Zinc & Sons Ltd"}
    ]
    assert reader.rows("PROJECT", "NAME", "PROJECTCATEGORY", PROJECTID="Z-1") == [
        {"NAME": "Dam 2", "PROJECTCATEGORY": "Internal Billable"}
    ]


def test_a_bill_whose_rows_name_its_vendor_in_two_ways_is_not_posted_in_two_parts(
    load: Intacct, reader: HttpReader
) -> None:
    Path("bills.csv").write_text(
        "Vendor,Bill No,Date,Due,Account,Amount,Dept,Loc\nV10001,B-1,2026-11-21,2026-12-21,60100,1,500,110\n"
        "Drumhallow Realty Partners,B-1,2026-11-21,2026-12-21,60100,2,500,110\n"
        "V10001,B-2,2026-11-21,2026-12-21,60100,2,500,110\n"
    )
    posted = load("bills.csv", "--as", "bills", "--apply")
    assert posted.status == 1
    assert "is APBILL V10001 B-1, and so is the record at bills.csv:3" in " ".join(posted.out.split())
    assert reader.rows("APBILL", "RECORDNO", RECORDID="B-1") == []
    assert len(reader.rows("APBILL", "RECORDNO", RECORDID="B-2")) == 1


def test_the_entity_of_a_record_may_be_in_any_of_its_rows_but_in_one_way(load: Intacct, reader: HttpReader) -> None:
    line = "2026-11-21,2026-12-21,60100,1,500,110"
    Path("bills.csv").write_text(
        "Vendor,Bill No,Date,Due,Account,Amount,Dept,Loc,Entity\n"
        f"V10001,B-1,{line},\nV10001,B-1,{line},100\nV10001,B-2,{line},100\nV10001,B-2,{line},200\n"
    )
    posted = load("bills.csv", "--as", "bills", "--apply")
    assert "bills.csv:5: Entity: '200' contradicts '100'" in posted.out
    assert [row["MEGAENTITYID"] for row in reader.rows("APBILL", "MEGAENTITYID", RECORDID="B-1")] == ["100"]
    assert reader.rows("APBILL", "RECORDNO", RECORDID="B-2") == []


def test_two_encodings_of_one_letter_are_one_bill_number(load: Intacct, reader: HttpReader) -> None:
    line = "2026-11-21,2026-12-21,60100,1,500,110"
    Path("bills.csv").write_text(
        f"Vendor,Bill No,Date,Due,Account,Amount,Dept,Loc\nV10001,Caf\u00e9-1,{line}\nV10001,Cafe\u0301-1,{line}\n",
        encoding="utf-8",
    )
    posted = load("bills.csv", "--as", "bills", "--apply")
    assert posted.status == 0, posted.out
    assert [
        row["TOTALENTERED"] for row in reader.rows("APBILL", "TOTALENTERED", VENDORID="V10001", RECORDID="Caf\u00e9-1")
    ] == ["2"]


def test_fields_under_intacct_s_own_names_go_along(load: Intacct, reader: HttpReader) -> None:
    Path("bills.csv").write_text(
        "Vendor,Bill No,Date,Due,Account,Amount,Dept,Loc,PAYMENTPRIORITY,APBILLITEM.FORM1099\n"
        "V10001,B-1,2026-11-21,2026-12-21,60100,1,500,110,High,true\n"
    )
    assert load("bills.csv", "--as", "bills", "--apply").status == 0
    (bill,) = reader.rows("APBILL", "RECORDNO", "PAYMENTPRIORITY", RECORDID="B-1")
    assert bill["PAYMENTPRIORITY"].casefold() == "high"
    assert reader.rows("APBILLITEM", "FORM1099", RECORDKEY=bill["RECORDNO"]) == [{"FORM1099": "true"}]


def test_what_a_layout_lacks_is_named_with_the_way_out(load: Intacct) -> None:
    Path("bills.csv").write_text("Vendor,Bill No,Amount,Account\nV10001,B-1,1,60100\n")
    missing = load("bills.csv", "--as", "bills")
    assert missing.status == 2
    assert "bills.csv has no column for the date; its columns are Vendor, Bill No, Amount, Account" in missing.err
    misspelt = load("bills.csv", "--as", "bils")
    assert (misspelt.status, "did you mean bills?" in misspelt.err) == (2, True)


def test_dates_that_may_be_of_several_orders_are_refused_together(load: Intacct, reader: HttpReader) -> None:
    Path("bills.csv").write_text(
        "Vendor,Bill No,Date,Due,Account,Amount,Dept,Loc\nV10001,B-1,11/12/26,12/12/26,60100,1,500,110\n"
    )
    planned = load("bills.csv", "--as", "bills", "--apply")
    assert "Date: '11/12/26' may be 2026-11-12 or 2026-12-11 or 2011-12-26" in planned.out
    assert load("bills.csv", "--as", "bills", "--date-order", "dmy", "--apply").status == 0
    assert [row["WHENCREATED"] for row in reader.rows("APBILL", "WHENCREATED", RECORDID="B-1")] == ["12/11/2026"]


def test_a_mapping_reads_a_date_column_as_a_whole(load: Intacct, reader: HttpReader) -> None:
    Path("bills.toml").write_text(
        'object = "APBILL"\n[fields]\nVENDORID = "V"\nRECORDID = "N"\nWHENCREATED = "D"\nWHENDUE = "D"\n'
        '[[lines]]\nobject = "APBILLITEM"\n[lines.fields]\nACCOUNTNO = "A"\nTRX_AMOUNT = "X"\n'
        'DEPARTMENTID = { constant = "500" }\nLOCATIONID = { constant = "110" }\n'
    )
    Path("bills.csv").write_text("V,N,D,A,X\nV10001,B-1,03/11/2026,60100,1\nV10001,B-2,13/11/2026,60100,1\n")
    planned = load("bills.csv", "--map", "bills.toml", "--apply")
    assert planned.status == 1
    assert "D: '03/11/2026' may be month/day or day/month" in planned.out
    assert reader.rows("APBILL", "RECORDNO", RECORDID="B-1") == []


def test_the_sign_of_another_currency_is_refused(load: Intacct, reader: HttpReader) -> None:
    rows = [
        ("B-1", "$1", "110", ""),
        ("B-2", "€2.00", "110", ""),
        ("B-3", "€3.00", "110", "EUR"),
        ("B-4", "(US$ 4.00)", "110", "CAD"),
        ("B-5", "C$5.00", "110", ""),
    ]
    lines = [f"V10001,{no},2026-11-21,2026-12-21,60100,{amount},500,{loc},{curr}" for no, amount, loc, curr in rows]
    Path("bills.csv").write_text(
        "\n".join(["Vendor,Bill No,Date,Due,Account,Amount,Dept,Loc,Currency", *lines]), encoding="utf-8"
    )
    planned = load("bills.csv", "--as", "bills")
    refused = [no for no, *_ in rows if f"bills.csv:{int(no[-1]) + 1}: Amount: the amount has the sign" in planned.out]
    assert refused == ["B-2", "B-4", "B-5"], planned.said
    assert "the amount has the sign €, and the record is in USD" in planned.out


def test_payments_find_their_bills_by_number_and_vendor(load: Intacct, reader: HttpReader) -> None:
    head = "Vendor,Bill No,Date,Due,Account,Amount,Dept,Loc\n"
    rows = [("V10001", "P-1", 10), ("V10002", "P-1", 20), ("V10001", "P-2", 30), ("V10001", "P-3", 5)]
    bills = [f"{vendor},{no},2026-11-21,2026-12-21,60100,{amount},500,110" for vendor, no, amount in rows]
    Path("bills.csv").write_text(head + "\n".join(bills))
    assert load("bills.csv", "--as", "bills", "--apply").status == 0
    Path("payments.csv").write_text(
        "Supplier Name,Invoice No,Amount Paid,Date,Method,Bank,Check No\n"
        "Drumhallow Realty Partners,P-1,$4.00,21-Nov-26,EFT,CHK-INS,77\n"
        "Drumhallow Realty Partners,P-2,30.00,21-Nov-26,EFT,CHK-INS,77\n"
        "Drumhallow Realty Partners,P-3,5.00,21-Nov-26,EFT,CHK-INS,\n"
    )
    planned = load("payments.csv", "--as", "payments")
    assert "APPYMT Drumhallow Realty Partners 77 " in planned.out
    assert "APPYMT (row 4)" in planned.out, "a payment without a number has its row"
    assert re.findall(r"create +([\d.]+) +USD|positive ([\d.]+), negative 0.00 USD", planned.out) == [
        ("34.00", ""), ("5.00", ""), ("", "39.00"),
    ]  # fmt: skip
    posted = load("payments.csv", "--as", "payments", "--apply")
    assert posted.status == 0, posted.said
    fields = ("VENDORID", "RECORDID", "TRX_TOTALPAID")
    found = {(row["VENDORID"], row["RECORDID"]): row["TRX_TOTALPAID"] for row in reader.rows("APBILL", *fields)}
    assert [found["V10001", "P-1"], found["V10002", "P-1"], found["V10001", "P-2"], found["V10001", "P-3"]] == [
        "4", "0", "30", "5",
    ]  # fmt: skip
    made = reader.rows("APPYMT", "DOCNUMBER", "TRX_TOTALENTERED", VENDORID="V10001")
    assert sorted((row["DOCNUMBER"], row["TRX_TOTALENTERED"]) for row in made) == [("", "5"), ("77", "34")]
    Path("doubtful.csv").write_text("Bill No,Amount,Date,Method,Bank\nP-1,1,2026-11-21,EFT,CHK-INS\n")
    refused = load("doubtful.csv", "--as", "payments")
    assert refused.status == 1
    assert "more than one APBILL with RECORDID 'P-1' (V10001, V10002)" in refused.out
    lines = (f"V10002,{no},1,2026-11-21,EFT,CHK-INS\n" for no in ("P-2", "P-9"))
    Path("other.csv").write_text("Vendor,Bill No,Amount,Date,Method,Bank\n" + "".join(lines))
    said = " ".join(load("other.csv", "--as", "payments").out.split())
    assert "the company has APBILL with RECORDID 'P-2', but none with VENDORID or VENDORNAME 'V10002'" in said
    assert "the company has no APBILL with RECORDID 'P-9'; check its spelling" in said


def test_payments_above_what_is_due_are_refused_over_all_rows(load: Intacct) -> None:
    head = "Vendor,Bill No,Date,Due,Account,Amount,Dept,Loc\n"
    bills = [f"V10001,{no},2026-11-21,2026-12-21,60100,{amount},500,110" for no, amount in (("O-1", 100), ("O-2", 50))]
    Path("bills.csv").write_text(head + "\n".join(bills))
    assert load("bills.csv", "--as", "bills", "--apply").status == 0
    rows = [("O-1", "60"), ("O-1", "50"), ("O-1", "40"), ("O-2", "50.01"), ("O-2", "-5"), ("O-2", "0")]
    Path("payments.csv").write_text(
        "Vendor,Bill No,Amount,Date,Method,Bank,Payment No\n"
        + "".join(f"V10001,{no},{paid},2026-11-21,EFT,CHK-INS,P{at}\n" for at, (no, paid) in enumerate(rows))
    )
    said = " ".join(load("payments.csv", "--as", "payments").out.split())
    assert (
        "payments.csv:3: Amount: the payment of 50.00 is more than what is due on O-1: 100.00 USD, and the payments "
        "before it in this input take 60.00; pay at most 40.00"
    ) in said
    assert "payments.csv:5: Amount: the payment of 50.01 is more than what is due on O-2: 50.00 USD; pay at" in said
    assert "payments.csv:6: Amount: a payment must be above zero; this one is -5.00" in said
    assert "payments.csv:7: Amount: a payment must be above zero; this one is 0.00; correct it" in said
    assert "2 to create" in said, "60 and 40 are what is due"


def test_receipts_find_their_invoices(load: Intacct, reader: HttpReader) -> None:
    Path("invoices.csv").write_text(
        "Customer,Invoice No,Date,Due,Account,Amount,Loc,Dept\nC20001,R-1,2026-11-21,2026-12-21,40100,12.50,110,500\n"
    )
    assert load("invoices.csv", "--as", "invoices", "--apply").status == 0
    Path("changed.csv").write_text(Path("invoices.csv").read_text().replace("12.50", "13").replace("12-21", "12-22"))
    told = " ".join(load("changed.csv", "--as", "invoices").out.split())
    assert "Due: 2026-12-22 in the file, 2026-12-21 posted; changed.csv:2: Amount: 13.00 in the file, 12.50 po" in told
    Path("receipts.csv").write_text(
        "Cust No,Inv No,Amount,Received,Method,Undeposited funds\nC20001,R-1,12.50,11/22/2026,Cash,10090\n"
    )
    posted = load("receipts.csv", "--as", "receipts", "--apply")
    assert posted.status == 0, posted.said
    assert [row["TRX_TOTALPAID"] for row in reader.rows("ARINVOICE", "TRX_TOTALPAID", RECORDID="R-1")] == ["12.5"]
    Path("again.csv").write_text(Path("receipts.csv").read_text().replace("12.50,11/22", "0.01,11/23"))
    refused = " ".join(load("again.csv", "--as", "receipts").out.split())
    assert "Amount: the payment of 0.01 is more than what is due on R-1: 0.00 USD; remove it, or name" in refused


def test_expenses_orders_and_timesheets(load: Intacct, reader: HttpReader) -> None:
    Path("expenses.csv").write_text(
        "Employee,Report,Submitted,Category,Amount,Spent on,Merchant,Dept,Loc\n"
        '"Hensley, Cem E0002",X-1,2026-11-20,Meals,94.55,2026-11-19,Diner,110,310\n,,,Airfare,5.45,,,110,310\n'
    )
    posted = load("expenses.csv", "--as", "expenses", "--apply")
    assert posted.status == 0, posted.said
    (report,) = reader.rows("EEXPENSES", "EMPLOYEEID", "TOTALENTERED", RECORDID="X-1")
    assert (report["EMPLOYEEID"], Decimal(report["TOTALENTERED"])) == ("E0002", Decimal(100))

    Path("po.csv").write_text(
        "Vendor,PO,Date,Due,Item,Qty,Unit,Unit price,Loc\n"
        "V10001,O-1,2026-11-21,2026-12-21,STEEL-304,3,Each,$10.00,110\n"
        "V10001,O-1,2026-11-21,2026-12-21,STEEL-304,1,Each,9.00,110\n"
    )
    planned = load("po.csv", "--as", "purchase-orders").out
    assert re.search(r"O-1 +create +39\.00 +USD +V10001 .* 2", planned), planned
    assert "positive 39.00, negative 0.00" in planned
    posted = load("po.csv", "--as", "purchase-orders", "--apply")
    assert posted.status == 0, posted.said
    (order,) = reader.rows("PODOCUMENT", "CUSTVENDID", "DOCPARID", "TRX_TOTAL", DOCNO="O-1")
    assert (order["CUSTVENDID"], order["DOCPARID"], Decimal(order["TRX_TOTAL"])) == (
        "V10001",
        "Purchase Order",
        Decimal(39),
    )

    Path("so.csv").write_text(
        "Customer,Order,Date,Ship by,Item,Qty,Unit,Price,Loc\n"
        "C20001,S-1,2026-11-21,2026-12-21,FREIGHT,1,Each,9.99,210\n"
    )
    posted = load("so.csv", "--as", "sales-orders", "--apply")
    assert posted.status == 0, posted.said
    assert reader.rows("SODOCUMENT", "CUSTVENDID", DOCNO="S-1") == [{"CUSTVENDID": "C20001"}]

    Path("time.csv").write_text(
        "Employee,Week of,Date,Hours,Project,Loc,Dept\nE0002,2026-11-16,2026-11-17,7.5,P-25-001,310,110\n"
        "E0002,2026-11-16,2026-11-18,8,P-25-001,310,110\n"
    )
    posted = load("time.csv", "--as", "timesheets", "--apply")
    assert posted.status == 0, posted.said
    (sheet,) = reader.rows("TIMESHEET", "RECORDNO", EMPLOYEEID="E0002", BEGINDATE="11/16/2026")
    hours = reader.rows("TIMESHEETENTRY", "QTY", "PROJECTID", TIMESHEETKEY=sheet["RECORDNO"])
    assert hours == [{"QTY": "7.5", "PROJECTID": "P-25-001"}, {"QTY": "8", "PROJECTID": "P-25-001"}]


def test_items_and_projects(load: Intacct, reader: HttpReader) -> None:
    Path("items.csv").write_text("SKU,Product,Kind,Sales price,Active\nZ-1,Valve,Non-Inventory,$12.50,yes\n")
    posted = load("items.csv", "--as", "items", "--apply")
    assert posted.status == 0, posted.said
    assert reader.rows("ITEM", "NAME", "BASEPRICE", ITEMID="Z-1") == [{"NAME": "Valve", "BASEPRICE": "12.5"}]
    Path("projects.csv").write_text(
        "Job No,Job Name,Client,Start,Project Manager\nZ-1,Dam gauges,C20001,2-Nov-2026,E0002\n"
    )
    posted = load("projects.csv", "--as", "projects", "--apply")
    assert posted.status == 0, posted.said
    fields = ("NAME", "PROJECTCATEGORY", "CUSTOMERID", "MANAGERID", "BEGINDATE")
    assert [list(row.values()) for row in reader.rows("PROJECT", *fields, PROJECTID="Z-1")] == [
        ["Dam gauges", "Contract", "C20001", "E0002", "11/02/2026"]
    ]


def supdoc(reader: HttpReader, key: str) -> dict[str, bytes]:
    """The files of an attachment."""
    data = reader.call(f'<get object="supdoc" key="{key}"/>').find("data")
    assert data is not None
    return {
        f"{one.findtext('attachmentname')}.{one.findtext('attachmenttype')}": b64decode(
            one.findtext("attachmentdata") or ""
        )
        for one in data.iter("attachment")
    }


def test_a_bill_export_of_thirty_rows_with_pdfs(load: Intacct, reader: HttpReader) -> None:
    """Posted at the first attempt: names, currency signs, named months, a total row, and a file for each bill."""
    names = ["Drumhallow Realty Partners", "Foxglade Estates & Land", "Cinderford Immobilier inc."]
    rows, total = [], Decimal(0)
    for number in range(1, 31):
        amount = Decimal(number * 101) / 4
        total += amount
        bill = (number + 1) // 2  # two rows a bill
        Path(f"scan-{bill}.pdf").write_bytes(f"%PDF {bill}".encode())
        rows.append(
            f'{names[bill % 3]},EXP-{bill},"Nov {bill:02d}, 2026",12/{bill:02d}/2026,60100,"${amount:,.2f}",'
            f"Engineering,{'110' if bill % 3 < 2 else '310'},Line {number},scan-{bill}.pdf"
        )
    text = "Bills export,,,,,,,,,\nRun on 11/21/2026,,,,,,,,,\n\n"
    text += "Vendor Name,Invoice #,Invoice Date,Due Date,GL Acct,Amount,Dept,Loc,Memo,File\n"
    text += "\n".join(rows) + f'\nTotal,,,,,"${total:,.2f}",,,,\nPage 1 of 1\n'
    Path("export.csv").write_text(text, encoding="utf-8")
    posted = load("export.csv", "--as", "bills", "--apply")
    assert posted.status == 0, posted.said
    fields = ("RECORDID", "TRX_TOTALENTERED", "SUPDOCID", "WHENCREATED")
    found = {row["RECORDID"]: row for row in reader.rows("APBILL", *fields) if row["RECORDID"].startswith("EXP-")}
    assert len(found) == 15
    assert sum(Decimal(row["TRX_TOTALENTERED"]) for row in found.values()) == total
    assert found["EXP-7"]["WHENCREATED"] == "11/07/2026"
    for bill in range(1, 16):
        assert supdoc(reader, found[f"EXP-{bill}"]["SUPDOCID"]) == {f"scan-{bill}.pdf": f"%PDF {bill}".encode()}
    again = load("export.csv", "--as", "bills", "--apply")
    assert (again.status, "Nothing to send: 15 records" in again.err) == (0, True), again.said


def test_files_of_further_rows_are_attached_too(load: Intacct, reader: HttpReader) -> None:
    for name in ("one.pdf", "two.pdf"):
        Path(name).write_bytes(name.encode())
    rows = ["V10001,B-1,2026-11-21,2026-12-21,60100,1,500,110,one.pdf", ",,,,60100,1,500,110,"]
    rows.append("V10001,B-1,,,60100,1,500,110,two.pdf; one.pdf")
    Path("bills.csv").write_text("\n".join(["Vendor,Bill No,Date,Due,Account,Amount,Dept,Loc,Files", *rows]))
    posted = load("bills.csv", "--as", "bills", "--apply")
    assert posted.status == 0, posted.said
    (bill,) = reader.rows("APBILL", "SUPDOCID", RECORDID="B-1")
    assert supdoc(reader, bill["SUPDOCID"]) == {"one.pdf": b"one.pdf", "two.pdf": b"two.pdf"}
