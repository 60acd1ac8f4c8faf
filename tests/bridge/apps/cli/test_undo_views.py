"""What a person reads about an undo: its day, what it is for, approvals that do not hold, amounts left in force."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from intacct_bridge.load.outbox.outbox import system_clock
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from support.apps.command_line import Intacct, Ran
from support.apps.http_reader import HttpReader
from support.journeys.objects import BILLS, VENDORS

ROWS = [
    f"GJ,2026-11-20,Rent {number},R-{number},{account},{debit},{credit},100,100"
    for number in range(1, 8)
    for account, debit, credit in (("60100", "12.50", ""), ("20100", "", "12.50"))
]
ENTRIES = "\n".join(["journal,date,description,reference,account,debit,credit,location,department", *ROWS, ""])


@pytest.fixture
def reader(emulator: Emulator) -> Iterator[HttpReader]:
    with serve(emulator) as server:
        yield HttpReader(server.url)


def loaded(intacct: Intacct, reader: HttpReader, text: str, as_name: str, name: str = "input.csv") -> None:
    Path(name).write_text(text)
    assert intacct("load", name, "--as", as_name, "--apply", **reader.environ).status == 0


def undo(intacct: Intacct, reader: HttpReader, *words: str) -> Ran:
    ran = intacct("undo", *words, **reader.environ)
    assert ran.status == 0, ran.said
    return ran


def test_the_plan_names_its_day_and_the_entries_and_warns_of_a_day_before_theirs(
    intacct: Intacct, home: Path, reader: HttpReader
) -> None:
    loaded(intacct, reader, ENTRIES, "journal-entries")
    (entry,) = reader.rows("GLBATCH", "RECORDNO", REFERENCENO="R-3")
    planned = undo(intacct, reader, "input.csv", "--date", "2026-11-19")
    assert "Reversals and opposite entries are dated 2026-11-19." in planned.err
    assert f"opposite of GLBATCH {entry['RECORDNO']}, GJ 2026-11-20 'Rent 3' R-3" in planned.out
    assert "2026-11-19 is before its own date 2026-11-20" in planned.err
    early = undo(intacct, reader, "input.csv", "--date", "2026-11-01").err
    (warning,) = (line for line in early.splitlines() if line.startswith("  ! "))
    assert warning.startswith("  ! 7 records, for example opposite of GLBATCH ")
    later = undo(intacct, reader, "input.csv", "--date", "2026-11-20")
    assert "is before its own date" not in later.err


def test_the_delete_of_an_entry_shows_its_debits_and_credits_as_they_are_now(
    intacct: Intacct, home: Path, reader: HttpReader
) -> None:
    """The header of a journal entry has no total, so that its lines are read."""
    loaded(intacct, reader, ENTRIES, "journal-entries")
    planned = json.loads(undo(intacct, reader, "input.csv", "--delete", "--json").out)
    (total,) = planned["totals"]
    assert (total["currency"], total["debit"], total["credit"]) == ("USD", 87.5, 87.5)
    assert "12.50  USD" in undo(intacct, reader, "input.csv", "--delete").out


def test_what_was_taken_back_before_is_counted_and_has_no_amount_in_force(
    intacct: Intacct, home: Path, reader: HttpReader
) -> None:
    loaded(intacct, reader, ENTRIES, "journal-entries")
    assert "In Intacct: debits 87.50" in intacct("outbox", "list", **reader.environ).err
    done = undo(intacct, reader, "input.csv", "--date", "2026-11-20", "--apply")
    assert "7 posted; " in done.err
    assert "In Intacct" not in intacct("outbox", "list", **reader.environ).err
    again = undo(intacct, reader, "input.csv", "--apply")
    assert "7 records taken back or released before (entries 1 to 7)." in again.err
    assert json.loads(undo(intacct, reader, "input.csv", "--json").out)["records"] == []


def test_the_plan_of_a_reversal_says_whose_bill_it_is(intacct: Intacct, home: Path, reader: HttpReader) -> None:
    loaded(intacct, reader, VENDORS, "VENDOR", "vendors.csv")
    loaded(intacct, reader, BILLS, "APBILL", "bills.csv")
    (bill,) = reader.rows("APBILL", "RECORDNO", RECORDID="INV-1")
    words = ("reverse", "APBILL", bill["RECORDNO"], "--date", "2026-11-01", "--comment", "twice", "--out", "p.plan")
    ran = intacct(*words, **reader.environ)
    assert ran.status == 0, ran.said
    for text in ("RECORDID INV-1", "VENDORID V-1", "TRX_TOTALENTERED 100.3", "date 2026-11-01", "comment twice"):
        assert text in ran.out
    assert "2026-11-01 is before its own date 2026-11-02" in ran.err


def test_an_approval_that_expired_is_shown_as_such(
    intacct: Intacct, home: Path, reader: HttpReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded(intacct, reader, ENTRIES, "journal-entries")
    undo(intacct, reader, "input.csv", "--out", "p.plan")
    digest = json.loads(intacct("plan", "show", "p.plan", "--json", **reader.environ).out)["digest"]
    assert intacct("plan", "approve", "p.plan", "--digest", digest, **reader.environ).status == 0
    assert "approval holds" not in intacct("plan", "show", "p.plan", **reader.environ).out
    now = system_clock() + timedelta(hours=25)
    later = {"clock": lambda: now, "user": ""}
    monkeypatch.setattr("intacct_bridge.load.outbox.outbox.Outbox.__init__.__kwdefaults__", later)
    shown = intacct("plan", "show", "p.plan", **reader.environ)
    assert "approval holds  no: the approval by" in shown.out
    assert "expired at" in shown.out


def test_a_deleted_record_is_called_by_its_label_once(intacct: Intacct, home: Path, reader: HttpReader) -> None:
    loaded(intacct, reader, VENDORS, "VENDOR")
    rows = json.loads(undo(intacct, reader, "input.csv", "--apply", "--json").out)
    assert [row["record"] for row in rows] == ["VENDOR V-2", "VENDOR V-1"]
