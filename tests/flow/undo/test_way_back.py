"""How one new record is taken back, by its object and the state that it has now: reversed, voided, or deleted."""

from dataclasses import dataclass, replace
from datetime import date
from types import SimpleNamespace
from typing import Any, cast

import pytest

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.errors import RecordError
from intacct_bridge.flow.outbox.entry import OutboxEntry, WriteTarget
from intacct_bridge.flow.plan.plan import Plan, PlannedRecord, Verdict
from intacct_bridge.flow.records.write import Receipt, WriteOperation
from intacct_bridge.flow.undo.undo import UndoSettings, _as_found, _Found, _taking_back, _with_day, _write
from intacct_bridge.wire.values import Value
from support.flow.shown import ShownRecords

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
    return _write(NOWHERE, entry, _Found("RECORDNO", "77", "", state), UndoSettings(DAY, delete, "why"), "E1")


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
    assert _as_found(row, "RECORDNO") == _Found("RECORDNO", "7", "Sales Order-1", "Draft")
    assert _as_found({"RECORDNO": 7}, "RECORDNO") == _Found("RECORDNO", "7", "", "")
    assert _as_found(None, "RECORDNO") is None


class Bare(ShownRecords):
    """A company without any record."""

    connection = SimpleNamespace(is_legacy=False)


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
        _write(NOWHERE, entry, None, UndoSettings(DAY), "")
