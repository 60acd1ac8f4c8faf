"""Undo in entities, and over document type 2.1, judged by a reader of its own over HTTP."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from support.apps.command_line import Intacct, Ran
from support.apps.http_reader import HttpReader
from support.journeys.objects import BILLS, VENDORS

SINCE = "10/01/2026"
ENTRIES = """journal,date,description,reference,account,debit,credit,location,department,entity
GJ,2026-11-20,Rent,E-1,60100,1200.00,,100,100,100
GJ,2026-11-20,Rent,E-1,20100,,1200.00,100,100,100
GJ,2026-11-20,Rent,E-2,60100,7.00,,200,100,200
GJ,2026-11-20,Rent,E-2,20100,,7.00,200,100,200
"""


@pytest.fixture
def reader(emulator: Emulator) -> Iterator[HttpReader]:
    with serve(emulator) as server:
        yield HttpReader(server.url)


def done(intacct: Intacct, reader: HttpReader, *words: str, **environ: str) -> Ran:
    ran = intacct(*words, **reader.environ, **environ)
    assert ran.status == 0, ran.said
    return ran


def test_entries_of_two_entities_are_taken_back_in_their_entities(
    intacct: Intacct, home: Path, reader: HttpReader
) -> None:
    before = reader.balances(SINCE)
    Path("input.csv").write_text(ENTRIES)
    done(intacct, reader, "load", "input.csv", "--as", "journal-entries", "--apply")
    assert {place[1][:3] for place in reader.balances(SINCE)} - {place[1][:3] for place in before} <= {"100", "200"}
    done(intacct, reader, "undo", "input.csv", "--date", "2026-11-21", "--out", "p.plan")
    for _ in range(2):
        done(intacct, reader, "plan", "apply", "p.plan")
        assert reader.balances(SINCE) == before
    rows = json.loads(done(intacct, reader, "outbox", "list", "--json").out)
    assert [row["state"] for row in rows] == ["released", "released", "applied", "applied"]


@pytest.mark.parametrize("words", [("--apply",), ("--out", "p.plan")], ids=["direct", "kept"])
def test_bills_are_taken_back_over_document_type_2_1(
    intacct: Intacct, home: Path, reader: HttpReader, words: tuple[str, ...]
) -> None:
    legacy = {"INTACCT_DTD_VERSION": "2.1"}
    before = reader.balances(SINCE)
    Path("vendors.csv").write_text(VENDORS)
    done(intacct, reader, "load", "vendors.csv", "--as", "VENDOR", "--apply")
    Path("bills.csv").write_text(BILLS)
    done(intacct, reader, "load", "bills.csv", "--as", "APBILL", "--apply", **legacy)
    assert reader.balances(SINCE) != before
    done(intacct, reader, "undo", "bills.csv", "--date", "2026-11-25", *words, **legacy)
    if "--out" in words:
        done(intacct, reader, "plan", "apply", "p.plan", **legacy)
    assert reader.balances(SINCE) == before
    assert {row["STATE"] for row in reader.rows("APBILL", "STATE")} == {"Reversed", "Reversal"}


def test_an_update_over_document_type_2_1_is_taken_back(intacct: Intacct, home: Path, reader: HttpReader) -> None:
    legacy = {"INTACCT_DTD_VERSION": "2.1"}
    Path("vendors.csv").write_text(VENDORS)
    done(intacct, reader, "load", "vendors.csv", "--as", "VENDOR", "--apply")
    before = reader.rows("VENDOR", "VENDORID", "NAME", "COMMENTS", "CREDITLIMIT")
    Path("changes.csv").write_text("VENDORID,NAME,COMMENTS,CREDITLIMIT\nV-1,Acme Ink,by file,10.50\n")
    done(intacct, reader, "load", "changes.csv", "--as", "VENDOR", "--mode", "update", "--apply", **legacy)
    assert reader.rows("VENDOR", "VENDORID", "NAME", "COMMENTS", "CREDITLIMIT") != before
    done(intacct, reader, "undo", "changes.csv", "--apply", **legacy)
    assert reader.rows("VENDOR", "VENDORID", "NAME", "COMMENTS", "CREDITLIMIT") == before
