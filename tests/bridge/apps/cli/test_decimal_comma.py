"""Files with decimal commas: read exactly if the user says so, and never by a guess."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from intacct_emulator.server.server import serve
from support import small_company
from support.apps.command_line import Intacct
from support.apps.http_reader import HttpReader
from support.journeys.objects import VENDORS

ENTRIES = """Journal;Date;Title;Reference;Account;Debit;Credit;Location;Department
GJ;2026-11-30;Rent;R-1;60100;1.234,50;;100;100
GJ;2026-11-30;Rent;R-1;61100;-0,5;;100;100
GJ;2026-11-30;Rent;R-1;20000;;1234;100;100
"""
BILLS = """Vendor;Bill no;Date;Due date;Currency;Base currency;Account;Amount;Location;Department
V-1;B-1;2026-11-02;2026-12-02;USD;USD;60100;1.234,56;100;100
V-1;B-1;2026-11-02;2026-12-02;USD;USD;60100;€ 0,44;100;100
;;;;;;Total;{total};;
"""


@pytest.fixture
def reader() -> Iterator[HttpReader]:
    with closing(small_company.company(small_company.Clock())) as emulator, serve(emulator) as server:
        yield HttpReader(server.url)


def lines(reader: HttpReader, name: str) -> list[str]:
    return [row["TRX_AMOUNT"] for row in reader.rows(name, "TRX_AMOUNT")]


@pytest.fixture
def vendors(intacct: Intacct, home: Path, reader: HttpReader) -> None:
    Path("vendors.csv").write_text(VENDORS)
    assert intacct("load", "vendors.csv", "--as", "VENDOR", "--apply", **reader.environ).status == 0


def test_a_journal_with_decimal_commas_is_posted_to_the_cent(intacct: Intacct, home: Path, reader: HttpReader) -> None:
    Path("je.csv").write_text(ENTRIES)
    words = ("load", "je.csv", "--as", "journal-entries")
    plain = intacct(*words, **reader.environ)
    assert plain.status == 1, plain.said
    assert "je.csv:2: Debit: '1.234,50' is not an amount" in plain.out
    assert "or set --decimal to a comma if all amounts are written so" in " ".join(plain.out.split()), plain.out
    posted = intacct(*words, "--decimal", ",", "--apply", **reader.environ)
    assert posted.status == 0, posted.said
    assert sorted(lines(reader, "GLENTRY")) == ["0.5", "1234", "1234.5"]
    again = intacct(*words, "--decimal", ",", "--apply", **reader.environ)
    assert (again.status, "1 record already in Intacct" in again.err) == (0, True), again.said


@pytest.mark.parametrize("amount", ["1.234", "1234.50", "1,234.50"])
def test_an_amount_that_does_not_fit_refuses_its_record_with_row_and_column(
    intacct: Intacct, home: Path, reader: HttpReader, amount: str
) -> None:
    Path("je.csv").write_text(ENTRIES.replace("1.234,50", amount))
    refused = intacct("load", "je.csv", "--as", "journal-entries", "--decimal", ",", "--apply", **reader.environ)
    assert refused.status == 1, refused.said
    assert f"je.csv:2: Debit: {amount!r} is not an amount" in refused.out
    assert lines(reader, "GLENTRY") == []


@pytest.mark.usefixtures("vendors")
def test_totals_filters_and_signs_of_currencies_are_read_with_the_comma_too(
    intacct: Intacct, reader: HttpReader
) -> None:
    Path("bills.csv").write_text(BILLS.format(total="1.235,00"), encoding="utf-8")
    words = ("load", "bills.csv", "--as", "bills", "--decimal", ",")
    signed = intacct(*words, **reader.environ)
    assert signed.status == 1, signed.said
    assert "€" in signed.out and "USD" in signed.out, "a bill in dollars has an amount in euros"
    Path("bills.csv").write_text(BILLS.format(total="1.235,00").replace("€ ", ""), encoding="utf-8")
    planned = intacct(*words, **reader.environ)
    assert "Row 4 of bills.csv is a total (Amount 1,235.00); it is left out." in " ".join(planned.said.split())
    few = intacct(*words, "--where", "amount > 1000.5", **reader.environ)
    assert "positive 1,234.56" in few.out, few.said
    assert intacct(*words, "--apply", **reader.environ).status == 0
    assert sorted(lines(reader, "APBILLITEM")) == ["0.44", "1234.56"]


def test_a_native_file_and_strings_in_json_have_the_same_sign(
    intacct: Intacct, home: Path, reader: HttpReader, vendors: None
) -> None:
    Path("bills.csv").write_text(
        "VENDORID;RECORDID;WHENCREATED;WHENDUE;CURRENCY;BASECURR;ACCOUNTNO;TRX_AMOUNT;LOCATIONID;DEPARTMENTID\n"
        "V-1;B-1;2026-11-02;2026-12-02;USD;USD;60100;1.234,56;100;100\n"
    )
    ran = intacct("load", "bills.csv", "--as", "APBILL", "--decimal", ",", "--apply", **reader.environ)
    assert ran.status == 0, ran.said
    line = {"ACCOUNTNO": "60100", "LOCATIONID": "100", "DEPARTMENTID": "100"}
    header = {"VENDORID": "V-1", "WHENCREATED": "2026-11-02", "WHENDUE": "2026-12-02", "CURRENCY": "USD"}
    amounts = [{**line, "TRX_AMOUNT": "2.000,07"}, {**line, "TRX_AMOUNT": 0.5}]
    bill = {**header, "BASECURR": "USD", "RECORDID": "B-2", "APBILLITEMS": amounts}
    Path("bills.jsonl").write_text(json.dumps(bill))
    ran = intacct("load", "bills.jsonl", "--as", "APBILL", "--decimal", ",", "--apply", **reader.environ)
    assert ran.status == 0, ran.said
    assert sorted(lines(reader, "APBILLITEM")) == ["0.5", "1234.56", "2000.07"]


def test_refused_rows_keep_their_amounts_and_load_again_with_the_same_option(
    intacct: Intacct, home: Path, reader: HttpReader
) -> None:
    Path("je.csv").write_text(ENTRIES.replace("61100", "99999"))
    words = ("--as", "journal-entries", "--decimal", ",", "--apply")
    assert intacct("load", "je.csv", *words, "--refused", "bad.csv", **reader.environ).status == 1
    text = Path("bad.csv").read_text(encoding="utf-8-sig")
    assert "1.234,50" in text
    Path("bad.csv").write_text(text.replace("99999", "61100"), encoding="utf-8")
    again = intacct("load", "bad.csv", *words, **reader.environ)
    assert again.status == 0, again.said
    assert sorted(lines(reader, "GLENTRY")) == ["0.5", "1234", "1234.5"]
