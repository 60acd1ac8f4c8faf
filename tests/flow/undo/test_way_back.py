"""How one new record is taken back, by its object and the state that it has now: reversed, voided, or deleted."""

from dataclasses import dataclass
from datetime import date
from typing import Any, cast

import pytest

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.errors import RecordError
from intacct_bridge.flow.outbox.entry import OutboxEntry, WriteTarget
from intacct_bridge.flow.records.write import WriteOperation
from intacct_bridge.flow.undo.undo import UndoSettings, _Found, _write

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


def test_a_record_that_is_not_visible_is_not_taken_back() -> None:
    entry = cast("OutboxEntry", Posted(WriteTarget("acme", "", WriteOperation.CREATE, "APBILL")))
    with pytest.raises(RecordError, match="not visible"):
        _write(NOWHERE, entry, None, UndoSettings(DAY), "")
