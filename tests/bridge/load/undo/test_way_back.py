"""How one new record is taken back, by its object and the state that it has now: reversed, voided, or deleted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.connections.connection import Connection
from intacct_bridge.load.outbox.entry import OutboxEntry, WriteTarget, new_entry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.plan import Plan, PlannedRecord, Verdict
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.write import Receipt, Write, WriteOperation
from intacct_bridge.load.undo import undo
from intacct_bridge.load.undo.undo import (
    UndoSettings,
    _as_found,
    _CurrentState,
    _taking_back,
    _undoing_write,
    _with_day,
)
from intacct_protocol.errors import RecordError
from intacct_protocol.model.query.query import Query
from intacct_protocol.xml.values import Value
from support.load.shown import ShownRecords

DAY = date(2026, 12, 1)
NOWHERE = cast("Gateway", None)
"""No company is asked: only the opposite of a journal entry is made from what the company has."""


@dataclass(frozen=True)
class Posted:
    target: WriteTarget
    label: str = "a record"
    number: int = 5


def taken_back(name: str, state: str, *, delete: bool = False) -> Any:
    entry = cast("OutboxEntry", Posted(WriteTarget("acme", "", WriteOperation.CREATE, name)))
    return _undoing_write(
        NOWHERE, entry, _CurrentState("RECORDNO", "77", "", state), UndoSettings(DAY, delete, "why"), "E1"
    )


@pytest.mark.parametrize(
    ("name", "state", "operation"),
    [
        ("APBILL", "Posted", WriteOperation.REVERSE),
        ("APBILL", "Paid", WriteOperation.REVERSE),  # the plan refuses it, with the reason
        *(
            ("APBILL", state, WriteOperation.DELETE)
            for state in ("Draft", "Submitted", "Partially Approved", "Declined")
        ),
        *(("APPYMT", state, WriteOperation.VOID) for state in ("Submitted", "approved", "Partially Approved")),
        ("APPYMT", "Draft", WriteOperation.DELETE),
        ("APPYMT", "Complete", WriteOperation.REVERSE),
        ("VENDOR", "", WriteOperation.DELETE),
        ("GLBATCH", "Draft", WriteOperation.DELETE),
    ],
)
def test_the_way_back_follows_from_object_and_state(name: str, state: str, operation: WriteOperation) -> None:
    write = taken_back(name, state)
    assert (write.operation, write.object, write.undoes, write.entity) == (operation, name, 5, "E1")
    assert 77 in write.fields.values()
    assert write.fields.get("DATE") == (DAY if operation is WriteOperation.REVERSE else None)


@pytest.mark.parametrize("name", ["APBILL", "GLBATCH", "APPYMT"])
def test_with_delete_a_posted_record_is_deleted(name: str) -> None:
    assert taken_back(name, "Posted", delete=True).operation is WriteOperation.DELETE


def test_a_record_is_found_with_its_state_and_its_name() -> None:
    row: dict[str, Value] = {"RECORDNO": 7, "DOCID": "Sales Order-1", "STATE": "Draft"}
    assert _as_found(row, "RECORDNO") == _CurrentState("RECORDNO", "7", "Sales Order-1", "Draft")
    assert _as_found({"RECORDNO": 7}, "RECORDNO") == _CurrentState("RECORDNO", "7", "", "")
    assert _as_found(None, "RECORDNO") is None


class Bare(ShownRecords):
    """A company without any record."""

    connection = SimpleNamespace(is_legacy=False, statuses={}, external_ids="unique")


def test_a_delete_that_an_earlier_undo_has_begun_is_planned_though_the_record_is_gone() -> None:
    """Applying it finds out that the record was deleted."""
    target = WriteTarget("acme", "", WriteOperation.CREATE, "VENDOR")
    entry = SimpleNamespace(target=target, number=5, label="vendor", receipt=Receipt("7"))

    def begun(operation: WriteOperation) -> Any:
        of = SimpleNamespace(operation=operation)
        found = _taking_back(cast("Gateway", Bare()), [cast("OutboxEntry", entry)], UndoSettings(DAY), "E1",
                             {5: cast("OutboxEntry", SimpleNamespace(target=of, identity="RECORDNO=7"))})  # fmt: skip
        return found[0]

    write = begun(WriteOperation.DELETE)
    assert (write.operation, write.object, write.fields) == (WriteOperation.DELETE, "VENDOR", {"RECORDNO": 7})
    assert (write.undoes, write.entity) == (5, "E1")
    assert "not visible" in begun(WriteOperation.REVERSE).message


def test_a_plan_of_an_undo_names_the_day_of_what_is_dated() -> None:
    record = PlannedRecord(taken_back("APBILL", "Posted"), Verdict.REVERSE)
    deletion = PlannedRecord(taken_back("VENDOR", ""), Verdict.DELETE)
    plan = Plan(cast("Any", None), "", "undo", (), (deletion, record), 0)
    assert _with_day(plan, DAY).notes == ("Reversals and opposite entries are dated 2026-12-01.",)
    assert _with_day(replace(plan, records=(deletion,)), DAY).notes == ()


def test_a_record_that_is_not_visible_is_not_taken_back() -> None:
    entry = cast("OutboxEntry", Posted(WriteTarget("acme", "", WriteOperation.CREATE, "APBILL")))
    with pytest.raises(RecordError, match="not visible"):
        _undoing_write(NOWHERE, entry, None, UndoSettings(DAY), "")


DEMO = Connection(company_id="acme", user_id="u", user_password="p", sender_id="s", sender_password="q")


class Places(ShownRecords):
    """A company with entities: what each sign-in is asked for."""

    def __init__(self, location: str = "", asked: list[str] | None = None) -> None:
        super().__init__({"VENDOR": [{"RECORDNO": 7}]})
        self.connection = replace(DEMO, location_id=location)
        self.asked: list[str] = [] if asked is None else asked

    def entity(self, location_id: str, /) -> "Places":
        return Places(location_id, self.asked)

    def query(self, query: Query, /) -> Iterator[Mapping[str, Value]]:
        self.asked.append(self.connection.location_id)
        return super().query(query)


@pytest.mark.parametrize(
    ("signed_in", "entity", "asked", "place"),
    [("", "", "", ""), ("", "e1", "E1", "E1"), ("E1", "e1", "E1", ""), ("E2", "e1", "E1", "E1")],
)
def test_a_record_is_taken_back_in_the_entity_that_it_was_posted_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signed_in: str, entity: str, asked: str, place: str
) -> None:
    planned: list[Write] = []
    monkeypatch.setattr(undo, "plan_in_stages", lambda writes, *_, **__: planned.extend(writes))
    monkeypatch.setattr(undo, "entity_id", lambda name, _: name.upper())
    with Outbox(tmp_path / "o.sqlite3") as outbox:
        intent = new_entry(WriteTarget("acme", entity, WriteOperation.CREATE, "VENDOR"), "a", "d", "<create/>")
        (sent,) = outbox.begin(outbox.plan([intent]))
        done = outbox.conclude([sent.ended(RecordStatus.APPLIED, Receipt("7"))])
        company = Places(signed_in)
        undo.plan_undo(cast("Gateway", company), outbox, done, UndoSettings(DAY))
    assert (company.asked, [one.entity for one in planned]) == ([asked], [place])
