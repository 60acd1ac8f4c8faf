"""What a person decides about entries in doubt, judged by a reader of its own over HTTP."""

import csv
import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from intacct_bridge.load.outbox.entry import WriteTarget, new_entry
from intacct_bridge.load.outbox.outbox import open_outbox
from intacct_bridge.load.records.write import WriteOperation
from intacct_emulator.server.server import serve
from intacct_emulator.settings.faults import FaultKind, ScriptedFault
from support import small_company
from support.apps.command_line import Intacct
from support.apps.http_reader import HttpReader
from support.journeys.objects import VENDORS

BILLS = """VENDORID,WHENCREATED,WHENDUE,CURRENCY,BASECURR,ACCOUNTNO,TRX_AMOUNT,LOCATIONID,DEPARTMENTID
V-1,2026-11-02,2026-12-02,USD,USD,60100,100.10,100,100
"""
LOAD_BILLS = ("load", "bills.csv", "--as", "APBILL", "--apply")


@contextmanager
def served(*faults: ScriptedFault) -> Iterator[HttpReader]:
    """The small company over HTTP."""
    with closing(small_company.company(small_company.Clock(), faults=faults)) as emulator, serve(emulator) as server:
        yield HttpReader(server.url)


@contextmanager
def bill_in_doubt(intacct: Intacct, kind: FaultKind) -> Iterator[HttpReader]:
    """A bill without a number whose answer was lost: after it was posted (`cut-after`), or before."""
    Path("vendors.csv").write_text(VENDORS)
    Path("bills.csv").write_text(BILLS)
    with served(ScriptedFault(kind, function="create", object="APBILL")) as reader:
        assert intacct("load", "vendors.csv", "--as", "VENDOR", "--apply", **reader.environ).status == 0
        lost = intacct(*LOAD_BILLS, **reader.environ)
        assert lost.status == 5, lost.said
        yield reader


def bills(reader: HttpReader) -> list[str]:
    return [row["RECORDNO"] for row in reader.rows("APBILL", "RECORDNO")]


def numbered(intacct: Intacct, reader: HttpReader, state: str) -> int:
    """The number of the only entry in this state."""
    listed = json.loads(intacct("outbox", "list", "--state", state, "--json", **reader.environ).out)
    (number,) = (one["number"] for one in listed)
    assert isinstance(number, int)
    return number


def test_settle_proposes_the_record_and_a_person_resolves_it(intacct: Intacct, home: Path) -> None:
    with bill_in_doubt(intacct, "cut-after") as reader:
        (posted,) = bills(reader)
        settled = intacct("outbox", "settle", "--settle-after", "1", **reader.environ)
        assert settled.status == 5
        proposed = [line.split() for line in settled.out.splitlines() if "V-1" in line and "100.1" in line]
        assert [words[1] for words in proposed] == [posted], settled.said
        number = numbered(intacct, reader, "in_doubt")
        reason = ("--because", "seen in Intacct", "--person", "Ada")
        wrong = intacct("outbox", "resolve", str(number), "--posted-as", "99999", *reason, **reader.environ)
        assert (wrong.status, "Intacct shows no APBILL '99999'" in wrong.err) == (2, True)
        done = intacct("outbox", "resolve", str(number), "--posted-as", posted, *reason, **reader.environ)
        assert done.status == 0, done.said
        again = intacct(*LOAD_BILLS, "--json", **reader.environ)
        assert again.status == 0, again.said
        assert bills(reader) == [posted], "nothing was posted twice"
        shown = json.loads(intacct("outbox", "show", str(number), "--json", **reader.environ).out)
        (decision,) = shown["decisions"]
        assert (decision["person"], decision["record"], decision["reason"]) == ("Ada", posted, "seen in Intacct")
        assert decision["at"]


def test_what_was_not_posted_is_sent_by_the_next_load(intacct: Intacct, home: Path) -> None:
    with bill_in_doubt(intacct, "cut-before") as reader:
        number = str(numbered(intacct, reader, "in_doubt"))
        for words in ((), ("--posted-as", "1", "--not-posted")):
            assert intacct("outbox", "resolve", number, *words, "--because", "x", **reader.environ).status == 2
        assert intacct("outbox", "resolve", number, "--not-posted", "--because", " ", **reader.environ).status == 2
        said = intacct("outbox", "resolve", number, "--not-posted", "--because", "asked Sage", **reader.environ)
        assert said.status == 0, said.said
        assert bills(reader) == []
        assert intacct(*LOAD_BILLS, **reader.environ).status == 0
        assert len(bills(reader)) == 1
        twice = intacct("outbox", "resolve", number, "--not-posted", "--because", "x", **reader.environ)
        assert (twice.status, "is applied, not in_doubt" in twice.err) == (2, True)


def test_what_is_forgotten_is_posted_anew(intacct: Intacct, home: Path) -> None:
    Path("vendors.csv").write_text(VENDORS)
    Path("bills.csv").write_text(BILLS)
    with served() as reader:
        assert intacct("load", "vendors.csv", "--as", "VENDOR", "--apply", **reader.environ).status == 0
        assert intacct(*LOAD_BILLS, **reader.environ).status == 0
        (posted,) = bills(reader)
        reader.call(f"<delete><object>APBILL</object><keys>{posted}</keys></delete>")
        listed = json.loads(intacct("outbox", "list", "--object", "APBILL", "--json", **reader.environ).out)
        number = str(listed[0]["number"])
        said = intacct("outbox", "forget", number, "--because", "deleted by hand", **reader.environ)
        assert said.status == 0, said.said
        again = intacct(*LOAD_BILLS, **reader.environ)
        assert again.status == 0, again.said
        (new,) = bills(reader)
        assert new != posted
        shown = json.loads(intacct("outbox", "show", number, "--json", **reader.environ).out)
        assert [one["record"] for one in shown["history"]][-2:] == [posted, None], "the receipt stays in the audit"
        assert shown["state"] == "released"


def test_a_list_shows_in_doubt_what_a_dead_loader_left_as_sent(intacct: Intacct, home: Path) -> None:
    with served() as reader:
        target = WriteTarget("demo-company", "", WriteOperation.CREATE, "APBILL")
        with open_outbox(small_company.connection(reader.url)) as outbox:
            outbox.begin(outbox.plan([new_entry(target, "content:1", "d", "<create/>", label="a bill")]))
        listed = json.loads(intacct("outbox", "list", "--state", "in_doubt", "--json", **reader.environ).out)
        assert [one["record"] for one in listed] == ["a bill"]


def test_the_outbox_has_amounts_days_and_links_that_intacct_has_too(
    intacct: Intacct, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    Path("vendors.csv").write_text(VENDORS)
    Path("bills.csv").write_text(BILLS)
    with closing(small_company.company(small_company.Clock())) as emulator, serve(emulator) as server:
        reader = HttpReader(server.url)
        assert intacct("load", "vendors.csv", "--as", "VENDOR", "--apply", **reader.environ).status == 0
        assert intacct(*LOAD_BILLS, **reader.environ).status == 0
        table = emulator.company().table("APBILL")  # the emulator makes no links of its own
        ((number, made),) = table.rows()
        table.update(number, {**made, "RECORD_URL": "https://intacct.example/ia/acct/ur.phtml?.r=abc"})
        (bill,) = reader.rows("APBILL", "RECORDNO", "TRX_TOTALENTERED", "CURRENCY", "WHENPOSTED", "RECORD_URL")
        words = ("outbox", "list", "--object", "APBILL", "--links")
        (row,) = json.loads(intacct(*words, "--json", **reader.environ).out)
        assert Decimal(str(row["amount"])) == Decimal(bill["TRX_TOTALENTERED"])
        assert (row["currency"], row["posting_date"]) == (bill["CURRENCY"], "2026-11-02")
        assert row["link"] == bill["RECORD_URL"] != ""
        assert (row["operation"], row["outcome"]) == ("create", "created")
        assert row["sent"].startswith("2026-11-30T12:00")
        assert row["sent_local"].startswith("2026-11-30 07:00")
        said = intacct("outbox", "list", "--object", "APBILL", **reader.environ)
        assert "created" in said.out
        assert "In Intacct: positive 100.10, negative 0.00 USD" in said.err
        shown = intacct("outbox", "show", str(row["number"]), **reader.environ).out
        assert bill["RECORD_URL"] in shown.replace("\n", "").replace(" ", "")
        assert "100.10 USD" in shown
        intacct("outbox", "list", "--export", "writes.csv", **reader.environ)
        with Path("writes.csv").open(encoding="utf-8", newline="") as opened:
            exported = [one for one in csv.DictReader(opened) if one["object"] == "APBILL"]
        assert [(one["amount"], one["currency"], one["link"]) for one in exported] == [
            ("100.10", "USD", bill["RECORD_URL"])
        ]
    monkeypatch.undo()
    time.tzset()
