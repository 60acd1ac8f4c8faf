"""`intacct reverse`, `void`, `approve`, `decline`, `recall`, judged by a reader of its own over HTTP."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from support.apps.command_line import Intacct
from support.apps.http_reader import HttpReader
from support.journeys.kinds import DOCUMENTS

NOW = 1_795_258_800.0  # 2026-11-21 11:00:00 UTC
SINCE = "10/01/2026"


@pytest.fixture(scope="module")
def grown(two_years: Emulator) -> Emulator:
    return two_years


@pytest.fixture
def emulator(grown: Emulator) -> Iterator[Emulator]:
    with closing(grown.clone(clock=lambda: NOW)) as emulator:
        yield emulator


@pytest.fixture
def reader(emulator: Emulator) -> Iterator[HttpReader]:
    with serve(emulator) as server:
        yield HttpReader(server.url)


def bill(intacct: Intacct, reader: HttpReader, name: str = "bills") -> str:
    """The number of a bill that is loaded now."""
    before = {row["RECORDNO"] for row in reader.rows("APBILL", "RECORDNO")}
    kind = next(kind for kind in DOCUMENTS if kind.name == name)
    Path("bills.csv").write_text(kind.text)
    words = ("load", "bills.csv", "--as", "APBILL", "--apply", *(("--draft",) if kind.draft else ()))
    ran = intacct(*words, **reader.environ)
    assert ran.status == 0, ran.said
    (new,) = {row["RECORDNO"] for row in reader.rows("APBILL", "RECORDNO")} - before
    return new


def waits(emulator: Emulator, object_name: str, number: str) -> None:
    """Make a record wait for approval: the emulator's companies have no approval policies."""
    table = emulator.company().table(object_name)
    row = table.get(int(number)) or {}
    table.update(int(number), row | {"STATE": "Submitted"})


def state(reader: HttpReader, number: str) -> str:
    (row,) = reader.rows("APBILL", "STATE", RECORDNO=number)
    return row["STATE"]


def test_a_bill_is_reversed_once_and_the_outbox_has_it(intacct: Intacct, home: Path, reader: HttpReader) -> None:
    before = reader.balances(SINCE)
    number = bill(intacct, reader)
    words = ("reverse", "APBILL", number, "--date", "2026-11-20", "--comment", "twice")
    done = intacct(*words, **reader.environ)
    assert done.status == 0, done.said
    assert state(reader, number) == "Reversed"
    assert reader.balances(SINCE) == before
    again = intacct(*words, **reader.environ)
    assert (again.status, state(reader, number)) == (0, "Reversed")
    assert "unchanged" in again.out
    rows = json.loads(intacct("outbox", "list", "--operation", "reverse", "--json", **reader.environ).out)
    assert [row["state"] for row in rows] == ["applied"]


@pytest.mark.parametrize(("command", "expected"), [("approve", "Posted"), ("decline", "Declined"), ("recall", "Draft")])
def test_a_bill_that_waits_is_decided(
    intacct: Intacct, home: Path, emulator: Emulator, reader: HttpReader, command: str, expected: str
) -> None:
    number = bill(intacct, reader, "draft bills")
    early = intacct(command, "APBILL", number, **reader.environ)
    assert early.status == (1 if command != "recall" else 0), early.said
    waits(emulator, "APBILL", number)
    done = intacct(command, "APBILL", number, **reader.environ)
    assert done.status == 0, done.said
    assert state(reader, number) == expected


def test_a_payment_is_voided(intacct: Intacct, home: Path, reader: HttpReader) -> None:
    before = reader.balances(SINCE)
    kind = next(kind for kind in DOCUMENTS if kind.name == "AP payments")
    Path("payments.csv").write_text(kind.text)
    known = {row["RECORDNO"] for row in reader.rows("APPYMT", "RECORDNO")}
    assert intacct("load", "payments.csv", "--as", "APPYMT", "--apply", **reader.environ).status == 0
    (number,) = {row["RECORDNO"] for row in reader.rows("APPYMT", "RECORDNO")} - known
    done = intacct("void", "APPYMT", number, **reader.environ)
    assert done.status == 0, done.said
    (row,) = reader.rows("APPYMT", "STATE", RECORDNO=number)
    assert row["STATE"] == "Voided"
    assert reader.balances(SINCE) == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("reverse", "GLBATCH", "1"), "no function to reverse GLBATCH"),
        (("void", "APBILL", "1"), "no function to void APBILL"),
        (("approve", "APBILL", "1", "--comment", "fine"), "takes no text"),
        (("recall", "PODOCUMENT", "1"), "no function to recall PODOCUMENT"),
    ],
)
def test_what_is_not_documented_is_refused(
    intacct: Intacct, home: Path, reader: HttpReader, words: tuple[str, ...], says: str
) -> None:
    ran = intacct(*words, **reader.environ)
    assert (ran.status, says in ran.err) == (2, True), ran.said


def test_records_with_attachments_are_deleted_by_their_file(intacct: Intacct, home: Path, reader: HttpReader) -> None:
    Path("scan.txt").write_text("paper")
    head, first, _second = next(kind for kind in DOCUMENTS if kind.name == "bills").text.splitlines()
    Path("bills.csv").write_text(f"{head},attachments\n{first},scan.txt\n")
    made = intacct("load", "bills.csv", "--as", "APBILL", "--apply", **reader.environ)
    assert made.status == 0, made.said
    assert len(reader.rows("APBILL", "RECORDNO", RECORDID="K-1", VENDORID="V10001")) == 1
    words = ("load", "bills.csv", "--as", "APBILL", "--mode", "delete", "--apply")
    gone = intacct(*words, **reader.environ)
    assert gone.status == 0, gone.said
    assert reader.rows("APBILL", "RECORDNO", RECORDID="K-1", VENDORID="V10001") == []
