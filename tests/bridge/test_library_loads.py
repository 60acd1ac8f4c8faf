"""Loads of the library: plan, approve, apply and undo, with the outbox of the commands; a reader over HTTP judges."""

import csv
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import FrozenInstanceError
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from intacct_bridge import BridgeClient, InvalidRequestError, RefusedError, SettingsError, connect
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.results.loads import Receipts
from intacct_emulator import CREDENTIALS
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_emulator.settings.faults import FaultPlan, ScriptedFault
from support import small_company
from support.apps.http_reader import HttpReader

ROWS = [{"CLASSID": "L-1", "NAME": "One"}, {"CLASSID": "L-2", "NAME": "Two"}]
BOTH = [("L-1", "One"), ("L-2", "Two")]
BAD = {"CLASSID": "", "NAME": "<script>alert(1)</script>"}


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with closing(small_company.company(small_company.Clock())) as company:
        yield company


@pytest.fixture
def reader(emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpReader]:
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.delenv("INTACCT_RUN_HISTORY")
    with serve(emulator) as server:
        yield HttpReader(server.url)


def connected(reader: HttpReader, **settings: Any) -> BridgeClient:
    account: dict[str, Any] = dict(CREDENTIALS)
    return connect(endpoint=reader.url, environment="demo", **account, **settings)


@pytest.fixture
def books(reader: HttpReader) -> Iterator[BridgeClient]:
    with connected(reader) as client:
        yield client


def classes(reader: HttpReader) -> list[tuple[str, str]]:
    rows = reader.rows("CLASS", "CLASSID", "NAME")
    return [(row["CLASSID"], row["NAME"]) for row in rows if row["CLASSID"].startswith("L-")]


class Stream:
    """A table of another library: it has the Arrow C stream interface, and nothing else."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


def source_of(form: str, folder: Path) -> Any:
    path = folder / f"classes.{form}"
    if form == "rows":
        return ROWS
    if form == "generator":
        return (dict(row) for row in ROWS)
    if form == "arrow":
        return Stream(pa.Table.from_pylist(ROWS))
    if form == "csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, ["CLASSID", "NAME"])
            writer.writeheader()
            writer.writerows(ROWS)
        return path
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return str(path)


@pytest.mark.parametrize("form", ["rows", "generator", "arrow", "csv", "jsonl"])
def test_every_kind_of_source_is_posted_once(
    books: BridgeClient, reader: HttpReader, tmp_path: Path, form: str
) -> None:
    receipts = books.load(source_of(form, tmp_path), layout="CLASS", name="classes")
    keys = {row["CLASSID"]: row["RECORDNO"] for row in reader.rows("CLASS", "CLASSID", "RECORDNO")}
    assert classes(reader) == BOTH
    assert [receipt.status for receipt in receipts] == [RecordStatus.APPLIED] * 2
    assert [receipt.key for receipt in receipts] == [keys["L-1"], keys["L-2"]]
    assert [receipt.row for receipt in receipts] == ([2, 3] if form == "csv" else [1, 2])
    again = books.load(source_of(form, tmp_path), layout="CLASS", name="classes")
    assert (again.counts.posted, again.counts.already_in_intacct) == (0, 2)
    assert classes(reader) == BOTH


def test_a_plan_says_what_it_would_do_and_sends_nothing(books: BridgeClient, reader: HttpReader) -> None:
    plan = books.plan([*ROWS, BAD], layout="CLASS", name="classes")
    assert (plan.to_create, plan.refused, plan.cost, plan.object) == (2, 1, 2, "CLASS")
    (refusal,) = plan.refusals
    assert (refusal.rows, refusal.findings[0].column) == (("3",), "CLASSID")
    assert (plan.id, plan.digest) == ("", "")
    assert classes(reader) == []
    with pytest.raises(AttributeError):
        plan.to_create = 3  # type: ignore[misc]
    data = json.loads(json.dumps(plan.to_dict(), default=str))
    assert [record["verdict"] for record in data["records"]] == ["create", "create", "refused"]


def test_a_refused_record_stops_the_load_unless_it_is_skipped(books: BridgeClient, reader: HttpReader) -> None:
    with pytest.raises(RefusedError, match="1 of 3 records of classes is refused, and nothing was sent"):
        books.load([*ROWS, BAD], layout="CLASS", name="classes")
    assert classes(reader) == []
    seen: list[str] = []
    receipts = books.load(
        [*ROWS, BAD], layout="CLASS", name="classes", refused="skip", progress=lambda one: seen.append(one.key)
    )
    assert classes(reader) == BOTH
    assert seen == [receipt.key for receipt in receipts]
    assert (receipts.counts.posted, receipts.counts.refused, receipts.complete) == (2, 1, False)
    with pytest.raises(FrozenInstanceError):
        receipts.run = "x"  # type: ignore[misc]


def test_an_update_changes_only_what_differs(books: BridgeClient, reader: HttpReader) -> None:
    books.load(ROWS, layout="CLASS")
    plan = books.plan([{"CLASSID": "L-1", "NAME": "First"}, ROWS[1]], layout="CLASS", mode="upsert", key="CLASSID")
    assert (plan.to_create, plan.to_update) == (0, 1)
    plan.apply()
    assert classes(reader) == [("L-1", "First"), ("L-2", "Two")]


def test_an_undo_takes_back_one_load_and_no_other(books: BridgeClient, reader: HttpReader) -> None:
    first = books.load(ROWS[:1], layout="CLASS")
    second = books.load(ROWS[1:], layout="CLASS")
    books.create("CLASS", [{"CLASSID": "L-3", "NAME": "Three"}])
    undo = books.undo(first, delete=True)
    assert undo.to_delete == 1
    assert undo.apply().complete
    assert classes(reader) == [("L-2", "Two"), ("L-3", "Three")]
    with pytest.raises(InvalidRequestError, match="nothing is left to take back"):
        books.undo(first.run, delete=True)
    books.undo(second.run, delete=True).apply()
    assert classes(reader) == [("L-3", "Three")]


def test_a_plan_is_saved_approved_by_another_person_and_applied(reader: HttpReader, tmp_path: Path) -> None:
    file = tmp_path / "classes.plan"
    with connected(reader, approval="required") as books:
        with pytest.raises(SettingsError, match="requires an approval"):
            books.load(ROWS, layout="CLASS")
        plan = books.plan(ROWS, layout="CLASS")
        assert plan.save(file) == file
        assert (len(plan.digest), plan.approvals) == (64, ())
        with pytest.raises(SettingsError, match="approval"):
            plan.apply()
        assert classes(reader) == []
        opened = books.open_plan(file)
        assert (opened.id, opened.digest, opened.to_create) == (plan.id, plan.digest, 2)
        with pytest.raises(SettingsError, match="not the one that you saw"):
            opened.approve(digest="0" * 64)
        approval = opened.approve(digest=plan.digest)
        assert opened.approvals == (approval,)
        assert plan.apply().counts.posted == 2
        assert books.apply(file).counts.posted == 0
    assert classes(reader) == BOTH


def test_a_lost_answer_is_looked_up_and_posted_once(reader: HttpReader, emulator: Emulator) -> None:
    with connected(reader) as books:
        plan = books.plan(ROWS[:1], layout="CLASS")
        emulator.fault_plan = FaultPlan((ScriptedFault("cut-after", function="create"),))
        assert plan.apply().complete
    assert classes(reader) == BOTH[:1]


def test_a_record_in_doubt_is_settled_later(reader: HttpReader, emulator: Emulator) -> None:
    """The answer to the create is lost, and the gateway does not say what became of it."""
    with connected(reader) as books:
        plan = books.plan(ROWS[:1], layout="CLASS")
        lost, silent = ScriptedFault("cut-after", function="create"), ScriptedFault("http", function="query", calls=())
        emulator.fault_plan = FaultPlan((lost, silent))
        receipts = plan.apply()
        assert [receipt.status for receipt in receipts] == [RecordStatus.IN_DOUBT]
        assert (receipts.is_in_doubt, receipts.complete) == (True, False)
        (entry,) = books.outbox.entries(status="in_doubt")
        emulator.fault_plan = FaultPlan()
        (settled,) = books.outbox.settle(entry.number)
        assert settled.status is RecordStatus.APPLIED
        assert books.outbox.entries(status="in_doubt") == ()
    assert classes(reader) == BOTH[:1]


def test_the_history_has_the_records_of_all_loads(books: BridgeClient) -> None:
    first, second = books.load(ROWS[:1], layout="CLASS"), books.load(ROWS[1:], layout="CLASS")
    (run,) = books.runs.latest(1)
    assert run.records.posted == 2
    assert {first.run[:32], second.run[:32]} == {run.id}
    assert len(books.outbox.entries(run=run.id)) == 2
    assert len(books.outbox.entries(run=second.run)) == 1


def test_a_client_without_an_outbox_loads_nothing(emulator: Emulator) -> None:
    with (
        connect(transport=emulator, environment="demo", **CREDENTIALS) as books,  # type: ignore[arg-type]
        pytest.raises(SettingsError, match="needs an outbox"),
    ):
        books.plan(ROWS, layout="CLASS")


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        assert attrs == []


def test_a_notebook_shows_plans_receipts_and_entries_without_markup_of_the_input(books: BridgeClient) -> None:
    hostile = {"CLASSID": "L-9", "NAME": "<img src=x onerror=alert(1)>"}
    plan = books.plan([hostile, BAD], layout="CLASS", name="<b>x")
    receipts = plan.apply(refused="skip")
    assert isinstance(receipts, Receipts)
    for shown in (plan, receipts, books.outbox, books.undo(receipts, delete=True)):
        assert "script" not in Tags(shown._repr_html_()).seen
        assert "img" not in Tags(shown._repr_html_()).seen
    assert "&lt;b&gt;x" in plan._repr_html_()
    assert repr(plan) == "<Plan of <b>x: 1 create, 1 refused>"
    assert repr(receipts) == "<Receipts of <b>x: 1 posted, 1 refused>"


def test_a_misspelt_status_of_the_outbox_is_a_mistake_of_the_caller(books: BridgeClient) -> None:
    with pytest.raises(InvalidRequestError, match="'aplied' in the outbox; did you mean applied"):
        books.outbox.entries(status="aplied")


def test_a_long_plan_is_paged_and_approved_by_its_figures(reader: HttpReader, tmp_path: Path) -> None:
    rows = [{"CLASSID": f"L-{number}", "NAME": f"Class {number}"} for number in range(1, 102)]
    with connected(reader, approval="required", outbox=str(tmp_path / "outbox.sqlite3")) as books:
        plan = books.plan(rows, layout="CLASS")
        numbers = [record.number for page in (1, 2, 3) for record in plan.page(page).records]
        assert (numbers, plan.summary.to_write) == (list(range(1, 102)), 101)
        assert [record.label for record in plan.page(find="class 77").records] == ["CLASS L-77"]
        plan.save()
        for figures in ("", "100"):
            with pytest.raises(SettingsError):
                plan.approve(figures=figures)
        assert plan.approvals == ()
        plan.approve(figures="101")
        assert len(plan.apply()) == 101
    assert len(classes(reader)) == 101
