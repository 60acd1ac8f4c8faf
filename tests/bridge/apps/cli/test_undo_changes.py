"""Updates and deletes of ours taken back, judged by a reader of its own over HTTP."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_emulator.settings.faults import FaultKind, FaultPlan, ScriptedFault
from support.apps.command_line import Intacct, Ran
from support.apps.http_reader import HttpReader
from support.journeys.objects import BILLS, VENDORS

FIELDS = ("VENDORID", "NAME", "COMMENTS", "CREDITLIMIT", "TERMNAME", "ONHOLD")
CHANGES = """VENDORID,NAME,COMMENTS,CREDITLIMIT,ONHOLD
V-1,Acme Paper & Ink,by file,1000.50,true
V-2,Bolt Inc,,20,false
"""


class UndoScenario:
    """The command line on one company, and the reader of it."""

    def __init__(self, intacct: Intacct, url: str) -> None:
        self.reader = HttpReader(url)
        self._intacct = intacct

    def run(self, *words: str) -> Ran:
        return self._intacct(*words, **self.reader.environ)

    def done(self, *words: str) -> Ran:
        ran = self.run(*words)
        assert ran.status == 0, ran.said
        return ran

    def load(self, text: str, name: str, object_name: str = "VENDOR", *words: str) -> None:
        Path(name).write_text(text)
        self.done("load", name, "--as", object_name, "--apply", *words)

    def vendors(self) -> list[dict[str, str]]:
        return self.reader.rows("VENDOR", *FIELDS)

    def change(self, record: str, **values: str) -> None:
        """A change by another person, by a client of its own."""
        (row,) = self.reader.rows("VENDOR", "RECORDNO", VENDORID=record)
        cells = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in values.items())
        self.reader.call(f"<update><VENDOR><RECORDNO>{row['RECORDNO']}</RECORDNO>{cells}</VENDOR></update>")

    def states(self) -> list[tuple[str, str]]:
        rows = json.loads(self.done("outbox", "list", "--json").out)
        return [(row["operation"], row["state"]) for row in rows]


@pytest.fixture
def desk(intacct: Intacct, emulator: Emulator, home: Path) -> Iterator[UndoScenario]:
    with serve(emulator) as server:
        desk = UndoScenario(intacct, server.url)
        desk.load(VENDORS, "vendors.csv")
        desk.change("V-1", CREDITLIMIT="12.25", COMMENTS="by hand")
        yield desk


def test_the_values_that_an_update_replaced_are_written_back(desk: UndoScenario) -> None:
    before = desk.vendors()
    desk.load(CHANGES, "changes.csv", "VENDOR", "--mode", "update")
    changed = desk.vendors()
    assert [row["NAME"] for row in changed] == ["Acme Paper & Ink", "Bolt Inc"]
    planned = desk.done("undo", "changes.csv")
    assert "CREDITLIMIT: 1000.5 -> 12.25" in planned.out
    assert "CREDITLIMIT: 20 -> (empty)" in planned.out
    assert desk.vendors() == changed
    shown = desk.done("outbox", "show", "3").out
    assert "COMMENTS: by hand" in shown
    desk.done("undo", "changes.csv", "--apply")
    assert desk.vendors() == before
    again = desk.done("undo", "changes.csv", "--apply")
    assert "There is nothing to take back." in again.err
    assert desk.vendors() == before
    assert desk.states() == [
        ("create", "applied"), ("create", "applied"), ("update", "released"), ("update", "released"),
        ("update", "applied"), ("update", "applied"),
    ]  # fmt: skip
    desk.load(CHANGES, "changes.csv", "VENDOR", "--mode", "update")
    assert desk.vendors() == changed, "the same file can be loaded again"


def test_a_value_that_another_person_has_changed_since_is_not_overwritten(desk: UndoScenario) -> None:
    desk.load(CHANGES, "changes.csv", "VENDOR", "--mode", "update")
    desk.change("V-1", CREDITLIMIT="7")
    now = desk.vendors()
    ran = desk.run("undo", "changes.csv", "--apply")
    assert (ran.status, "CREDITLIMIT is 7, not 1000.5" in ran.out, "Nothing was sent" in ran.err) == (1, True, True)
    assert desk.vendors() == now
    desk.change("V-1", CREDITLIMIT="1000.50", TERMNAME="")
    desk.done("undo", "changes.csv", "--apply")
    assert [(row["NAME"], Decimal(row["CREDITLIMIT"] or 0)) for row in desk.vendors()] == [
        ("Acme Paper", Decimal("12.25")), ("Bolt Ltd", Decimal(0)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("record", "earlier"),
    [
        ("V-1", {"NAME": "Acme Paper", "COMMENTS": "by hand", "CREDITLIMIT": "12.25", "ONHOLD": "false"}),
        ("V-2", {"NAME": "Bolt Ltd", "CREDITLIMIT": ""}),
    ],
)
def test_an_update_that_a_person_took_back_is_left_as_it_is(
    desk: UndoScenario, record: str, earlier: dict[str, str]
) -> None:
    before = desk.vendors()
    desk.load(CHANGES, "changes.csv", "VENDOR", "--mode", "update")
    desk.change(record, **earlier)
    ran = desk.done("undo", "changes.csv", "--apply")
    assert "its record has its earlier values again" in ran.err
    assert desk.vendors() == before


def test_a_change_between_plan_and_apply_is_refused(desk: UndoScenario) -> None:
    desk.load(CHANGES, "changes.csv", "VENDOR", "--mode", "update")
    desk.done("undo", "changes.csv", "--out", "p.plan")
    desk.change("V-1", NAME="Somebody else")
    now = desk.vendors()
    ran = desk.run("plan", "apply", "p.plan")
    assert (ran.status, "Somebody else" in ran.err) == (2, True), ran.said
    assert desk.vendors() == now


def test_a_saved_undo_of_updates_is_applied_once(desk: UndoScenario) -> None:
    before = desk.vendors()
    desk.load(CHANGES, "changes.csv", "VENDOR", "--mode", "update")
    desk.done("undo", "changes.csv", "--out", "p.plan")
    desk.done("plan", "apply", "p.plan")
    assert desk.vendors() == before
    desk.load(CHANGES, "changes.csv", "VENDOR", "--mode", "update")
    changed = desk.vendors()
    ran = desk.run("plan", "apply", "p.plan")
    assert desk.vendors() == changed, ran.said


@pytest.mark.parametrize("kind", ["cut-after", "cut-before"])
def test_an_undo_of_an_update_whose_answer_is_lost_is_done_once(
    desk: UndoScenario, emulator: Emulator, kind: FaultKind
) -> None:
    before = desk.vendors()
    desk.load(CHANGES, "changes.csv", "VENDOR", "--mode", "update")
    emulator.fault_plan = FaultPlan((ScriptedFault(kind, function="update", object="VENDOR"),))
    desk.run("undo", "changes.csv", "--apply")
    desk.run("outbox", "settle", "--settle-after", "0")
    desk.done("undo", "changes.csv", "--apply")
    assert desk.vendors() == before
    assert [state for _, state in desk.states()] == ["applied"] * 2 + ["released"] * 2 + ["applied"] * 2


def test_two_updates_of_a_record_are_taken_back_one_after_the_other(desk: UndoScenario) -> None:
    before = desk.vendors()
    for name in ("One", "Two"):
        desk.load(f"VENDORID,NAME\nV-1,{name}\n", f"{name}.csv", "VENDOR", "--mode", "update")
    early = desk.run("undo", "One.csv", "--apply")
    assert (early.status, "NAME is Two, not One" in early.out) == (1, True), early.said
    both = ("undo", "--entry", "3", "--entry", "4", "--apply")
    first = desk.done(*both)
    assert "3 VENDOR V-1: entry 4 is taken back first" in first.err
    assert [row["NAME"] for row in desk.vendors()] == ["One", "Bolt Ltd"]
    desk.done(*both)
    assert desk.vendors() == before


def test_a_single_update_is_taken_back(desk: UndoScenario) -> None:
    before = desk.vendors()
    desk.done("update", "VENDOR", "V-1", "NAME=Single", "COMMENTS=")
    assert desk.vendors() != before
    desk.done("undo", "--entry", "3", "--apply")
    assert desk.vendors() == before


def test_an_update_without_known_values_and_one_of_lines_are_refused(desk: UndoScenario, emulator: Emulator) -> None:
    from intacct_bridge import connect
    from intacct_emulator import CREDENTIALS

    with connect(endpoint=desk.reader.url, environment="demo", **CREDENTIALS) as client:  # type: ignore[arg-type]
        (row,) = desk.reader.rows("VENDOR", "RECORDNO", VENDORID="V-1")
        assert client.update("VENDOR", [{"RECORDNO": int(row["RECORDNO"]), "NAME": "By a program"}])[0].ok
    now = desk.vendors()
    ran = desk.run("undo", "--entry", "3", "--apply")
    assert (ran.status, "does not have the values that it replaced" in ran.out) == (1, True), ran.said
    assert desk.vendors() == now
    desk.load(BILLS, "bills.csv", "APBILL")
    desk.load(BILLS.replace("100.10", "100.30"), "bills.csv", "APBILL", "--mode", "update")
    posted = desk.reader.balances("10/01/2026")
    ran = desk.run("undo", "--entry", "6", "--apply")
    assert (ran.status, "it replaced lines" in ran.out, "APBILLITEMS" in ran.out) == (1, True, True), ran.said
    assert desk.reader.balances("10/01/2026") == posted


def test_a_delete_is_refused_with_the_way_to_a_new_record(desk: UndoScenario) -> None:
    Path("gone.csv").write_text("VENDORID\nV-2\n")
    desk.done("load", "gone.csv", "--as", "VENDOR", "--mode", "delete", "--apply")
    ran = desk.run("undo", "gone.csv", "--apply")
    assert (ran.status, "another number and none of its history" in ran.out) == (1, True), ran.said
    assert "load vendors.csv:3 again" in ran.out
    assert [row["VENDORID"] for row in desk.vendors()] == ["V-1"]
    desk.load(VENDORS, "vendors.csv")
    assert [row["VENDORID"] for row in desk.vendors()] == ["V-1", "V-2"]


def test_an_undo_is_not_undone(desk: UndoScenario) -> None:
    desk.load(CHANGES, "changes.csv", "VENDOR", "--mode", "update")
    desk.done("undo", "changes.csv", "--apply")
    now = desk.vendors()
    ran = desk.run("undo", "--entry", "5", "--apply")
    assert (ran.status, "it took back entry" in ran.out, "load that record again" in ran.out) == (1, True, True)
    assert desk.vendors() == now


def test_a_bill_of_ours_is_corrected_and_both_are_taken_back(desk: UndoScenario) -> None:
    before = desk.reader.balances("10/01/2026")
    desk.load(BILLS, "bills.csv", "APBILL")
    fields = "VENDORID,RECORDID,DESCRIPTION\nV-1,INV-1,Corrected\n"
    desk.load(fields, "corrections.csv", "APBILL", "--mode", "update")
    numbers = [str(row["number"]) for row in json.loads(desk.done("outbox", "list", "--json").out)[2:]]
    desk.done("undo", *(word for number in numbers for word in ("--entry", number)), "--apply")
    assert desk.reader.balances("10/01/2026") == before
    bills = desk.reader.rows("APBILL", "DESCRIPTION", "STATE", RECORDID="INV-1")
    assert {(row["DESCRIPTION"], row["STATE"]) for row in bills} == {("", "Reversed"), ("", "Reversal")}
