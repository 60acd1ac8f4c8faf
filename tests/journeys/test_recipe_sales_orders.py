"""The recipe "Sales orders from a file" as written: mapping, plan, apply, and a second run."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from intacct_bridge.load.plan.plan import Verdict
from intacct_bridge.load.records.status import RecordStatus
from intacct_emulator.settings.faults import ScriptedFault
from support.journeys.objects import LoadScenario, reasons, sent_by
from support.journeys.orders import order_company
from support.repository import DOCS, ROOT

PAGE = DOCS / "recipes" / "sales-orders.md"
MAP = ROOT / "samples" / "sales-orders.toml"
FILE = ROOT / "samples" / "sales-orders.csv"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[LoadScenario]:
    with order_company() as emulator:
        yield LoadScenario(tmp_path, emulator)


def test_the_page_shows_the_sample_and_its_commands_name_it() -> None:
    text = PAGE.read_text("utf-8")
    assert "\n".join(FILE.read_text("utf-8").splitlines()[:3]) in text
    commands = [shlex.split(line) for line in text.splitlines() if line.startswith("intacct load")]
    assert [words[2:5] for words in commands] == [
        ["samples/sales-orders.csv", "--map", "samples/sales-orders.toml"]
    ] * len(commands)
    assert len(commands) == 2


def test_the_orders_are_planned_and_a_bad_customer_is_named(desk: LoadScenario) -> None:
    plan = desk.plan(FILE.read_text("utf-8"), "", map_file=MAP)
    assert [(one.write.label, one.verdict, len(list(one.write.all_lines))) for one in plan.records] == [
        ("SODOCUMENT Sales Order WEB-1001", Verdict.CREATE, 3),
        ("SODOCUMENT Sales Order WEB-1002", Verdict.CREATE, 1),
        ("SODOCUMENT Sales Order WEB-1003", Verdict.CREATE, 2),
    ], reasons(plan)
    assert [one.write.fields["CUSTVENDID"] for one in plan.records] == ["C20001", "C20002", "C20003"]
    bad = desk.plan(FILE.read_text("utf-8").replace("C20003", "C999"), "", map_file=MAP)
    assert reasons(bad) == [("reference", "Customer", "input.csv:6")]


def test_the_orders_are_made_once(desk: LoadScenario) -> None:
    outcomes = desk.load(FILE.read_text("utf-8"), "", map_file=MAP)
    assert {one.status for one in outcomes} == {RecordStatus.APPLIED}, [str(one.faults) for one in outcomes]
    assert sorted(row["DOCNO"] for row in desk.rows("SODOCUMENT")) == ["WEB-1001", "WEB-1002", "WEB-1003"]
    again = desk.load(FILE.read_text("utf-8"), "", map_file=MAP)
    assert {one.status for one in again} == {RecordStatus.UNCHANGED}


def test_orders_are_changed_by_their_own_function(desk: LoadScenario) -> None:
    """The generic `update` is not documented for orders. Their own one takes the document's id, not its number."""
    desk.load(FILE.read_text("utf-8"), "", map_file=MAP)
    sent = sent_by(desk)
    by_id = "DOCID,MESSAGE\nSales Order-WEB-1001,Call first\n"
    assert [one.status for one in desk.load(by_id, "SODOCUMENT", "update", match=("DOCID",))] == [RecordStatus.APPLIED]
    number = next(row["RECORDNO"] for row in desk.rows("SODOCUMENT") if row["DOCNO"] == "WEB-1002")
    by_number = f"RECORDNO,MESSAGE\n{number},Ring twice\n"
    assert [one.status for one in desk.load(by_number, "SODOCUMENT", "update")] == [RecordStatus.APPLIED]
    assert [one.status for one in desk.load(by_number, "SODOCUMENT", "update")] == [RecordStatus.UNCHANGED]
    messages = {row["DOCNO"]: row.get("MESSAGE", "") for row in desk.rows("SODOCUMENT")}
    assert (messages["WEB-1001"], messages["WEB-1002"]) == ("Call first", "Ring twice")
    assert sent == {"update_sotransaction": 2}


def test_a_change_of_an_order_whose_answer_was_lost_is_read_back(desk: LoadScenario) -> None:
    desk.load(FILE.read_text("utf-8"), "", map_file=MAP)
    desk.emulator.fault_plan.add(ScriptedFault("cut-after", "update_sotransaction", calls=(1,)))
    change = "DOCID,MESSAGE\nSales Order-WEB-1001,Call first\n"
    (lost,) = desk.load(change, "SODOCUMENT", "update", match=("DOCID",))
    assert (lost.status, lost.note) == (RecordStatus.SETTLED, "read back from Sales Order-WEB-1001")
    sent = sent_by(desk)
    assert [one.status for one in desk.load(change, "SODOCUMENT", "update", match=("DOCID",))] == [
        RecordStatus.UNCHANGED
    ]
    assert sent == {}


def test_lines_of_an_order_change_by_their_number(desk: LoadScenario) -> None:
    """The order has three lines; a file with one cannot say which of them it is."""
    desk.load(FILE.read_text("utf-8"), "", map_file=MAP)
    item = desk.rows("SODOCUMENTENTRY")[0]["ITEMID"]
    line = f"DOCID,SODOCUMENTENTRY.ITEMID,SODOCUMENTENTRY.QUANTITY\nSales Order-WEB-1001,{item},5\n"
    found = desk.plan(line, "SODOCUMENT", "update", match=("DOCID",))
    texts = [finding.message for one in found.records for finding in one.reasons]
    assert "an update of SODOCUMENT changes lines by their number: the input has 1 line, the company has 3" in texts
