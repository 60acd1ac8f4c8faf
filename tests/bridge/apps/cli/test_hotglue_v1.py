"""`JournalEntries.csv` of hotglue's first target, loaded as it is."""

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from intacct_emulator.server.server import serve
from support.apps.command_line import Intacct
from support.apps.http_reader import HttpReader
from support.small_company import Clock, little_company

HEADER = "Transaction Date,Journal Entry Id,Class,Account Number,Account Name,Posting Type,Description,Amount"


@pytest.fixture(scope="module")
def reader() -> Iterator[HttpReader]:
    with closing(little_company(Clock())) as emulator, serve(emulator) as server:
        yield HttpReader(server.url)


def write(*lines: str, more: str = ",Location,Customer Name,Journal") -> Path:
    path = Path("JournalEntries.csv")
    path.write_text("\n".join([HEADER + more, *lines]) + "\n")
    return path


def posted(reader: HttpReader, title: str) -> list[tuple[str, ...]]:
    """The lines of the entry with this title: account, side, amount, location, class, customer, text."""
    batches = reader.rows("GLBATCH", "RECORDNO", "JOURNAL", "BATCH_DATE", BATCH_TITLE=title)
    fields = ("ACCOUNTNO", "TR_TYPE", "TRX_AMOUNT", "LOCATION", "CLASSID", "CUSTOMERID", "DESCRIPTION")
    return [
        (
            one["JOURNAL"],
            row["ACCOUNTNO"],
            row["TR_TYPE"],
            str(Decimal(row["TRX_AMOUNT"])),
            *(row[f] for f in fields[3:]),
        )
        for one in batches
        for row in reader.rows("GLENTRY", "RECORDNO", *fields, BATCHNO=one["RECORDNO"])
    ]


def test_the_file_is_posted_as_it_is_and_once(intacct: Intacct, reader: HttpReader) -> None:
    customer = reader.rows("CUSTOMER", "RECORDNO", "CUSTOMERID", "NAME")[0]
    class_ = reader.rows("CLASS", "RECORDNO", "CLASSID", "NAME", STATUS="active")[0]
    location = reader.rows("LOCATION", "RECORDNO", "LOCATIONID", "NAME", LOCATIONID="100")[0]
    account = reader.rows("GLACCOUNT", "RECORDNO", "ACCOUNTNO", "TITLE", ACCOUNTNO="68000")[0]
    file = write(
        f'2026-11-20,JE-1,{class_["NAME"]},68000,ignored,Debit,Rent,100.5,{location["NAME"]},"{customer["NAME"]}",GJ',
        f"2026-11-20,JE-1,,10010,,Credit,Paid,100.5,{location['NAME']},,GJ",
        f'2026-11-21,JE-2,,,"{account["TITLE"]}",Debit,More,7,100,,GJ',
        "2026-11-21,JE-2,,10010,,Credit,,7,100,,GJ",
    )
    for _ in range(2):
        ran = intacct("load", str(file), "--as", "hotglue-v1", "--apply", "--yes", **reader.environ)
        assert ran.status == 0, ran.said
    assert posted(reader, "JE-1") == [
        ("GJ", "68000", "1", "100.5", "100", class_["CLASSID"], customer["CUSTOMERID"], "Rent"),
        ("GJ", "10010", "-1", "100.5", "100", "", "", "Paid"),
    ]
    assert [one[1:4] for one in posted(reader, "JE-2")] == [("68000", "1", "7"), ("10010", "-1", "7")]


def test_an_entry_that_changed_is_a_conflict_and_no_second_entry(intacct: Intacct, reader: HttpReader) -> None:
    for amount, status in (("5", 0), ("6", 1)):
        file = write(
            f"2026-11-20,JE-3,,68000,,Debit,,{amount},100,,GJ", f"2026-11-20,JE-3,,10010,,Credit,,{amount},100,,GJ"
        )
        ran = intacct("load", str(file), "--as", "hotglue-v1", "--apply", "--yes", **reader.environ)
        assert ran.status == status, ran.said
    assert [one[3] for one in posted(reader, "JE-3")] == ["5", "5"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("2026-11-20,JE-9,,,,Debit,,5,100,,GJ", "Account Number or Acc"),
        ("2026-11-20,JE-9,Nope,68000,,Debit,,5,100,,GJ", "no class 'Nope'"),
        ("2026-11-20,JE-9,,68000,,Deb,,5,100,,GJ", "'Deb' is not one of Debit, Credit"),
        ("2026-11-20,JE-9,,68000,,Debit,,,100,,GJ", "Amount is missing"),
        ("2026-11-20,JE-9,,68000,,Debit,,100.255,100,,GJ", "more than two decimals"),
    ],
)
def test_what_the_first_target_posted_wrongly_or_died_of_is_refused(
    intacct: Intacct, reader: HttpReader, line: str, says: str
) -> None:
    file = write(line, "2026-11-20,JE-9,,10010,,Credit,,5,100,,GJ")
    ran = intacct("load", str(file), "--as", "hotglue-v1", "--apply", "--yes", **reader.environ)
    assert ran.status != 0
    assert says in ran.said
    assert posted(reader, "JE-9") == []


def test_a_column_that_nearly_matches_is_refused(intacct: Intacct, reader: HttpReader) -> None:
    file = write("2026-11-20,JE-9,,68000,,Debit,,5,100", more=",Locaton")
    ran = intacct("load", str(file), "--as", "hotglue-v1", **reader.environ)
    assert (ran.status, "looks like 'location'" in ran.said) == (2, True), ran.said
