"""Whether an action or an update was done, judged by the record as it is now."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from intacct_bridge.flow.company.current_records import CurrentRecord
from intacct_bridge.flow.outbox.entry import OutboxEntry
from intacct_bridge.flow.post.readback import ReadbackVerdict, _changed_by, _judged_by_state
from intacct_bridge.flow.records.write import Identity, Write, WriteOperation
from intacct_bridge.wire.values import Value

SENT = datetime(2026, 11, 30, 12, tzinfo=UTC)
DONE, NOT_DONE, UNCLEAR = ReadbackVerdict.DONE, ReadbackVerdict.NOT_DONE, ReadbackVerdict.UNCLEAR


@pytest.mark.parametrize(
    ("operation", "name", "state", "verdict"),
    [
        (WriteOperation.REVERSE, "APBILL", "Reversed", DONE),
        (WriteOperation.REVERSE, "APBILL", "Posted", NOT_DONE),
        (WriteOperation.REVERSE, "APBILL", "", UNCLEAR),
        (WriteOperation.REVERSE, "APBILL", None, UNCLEAR),  # the record is not visible
        (WriteOperation.APPROVE, "APBILL", "Submitted", NOT_DONE),
        (WriteOperation.APPROVE, "APBILL", "Partially Approved", NOT_DONE),
        (WriteOperation.APPROVE, "APBILL", "Draft", UNCLEAR),  # it no longer waits for approval
        (WriteOperation.APPROVE, "APBILL", "Declined", UNCLEAR),
        (WriteOperation.APPROVE, "APBILL", "Approved", DONE),
        (WriteOperation.DECLINE, "APBILL", "Declined", DONE),
    ],
)
def test_an_action_is_judged_by_the_state_of_its_record(
    operation: WriteOperation, name: str, state: str | None, verdict: ReadbackVerdict
) -> None:
    write = Write(operation, name, {"RECORDNO": 7}, Identity("k", "key"), "d", "bill", ())
    current = None if state is None else CurrentRecord("7", {"STATE": state})
    assert _judged_by_state(write, "7", current).verdict is verdict


@pytest.mark.parametrize(
    ("who", "when", "other"),
    [
        ("clerk", SENT, "clerk"),
        ("clerk", SENT + timedelta(days=1), "clerk"),
        ("clerk", SENT - timedelta(seconds=1), ""),
        ("Loader", SENT, ""),  # that was us
        ("", SENT, ""),
        ("clerk", None, ""),
    ],
)
def test_only_another_users_change_since_the_sending_counts(who: str, when: Value, other: str) -> None:
    entry = cast("OutboxEntry", SimpleNamespace(user="loader", sent_at=SENT))
    current = CurrentRecord("7", {"MODIFIEDBYLOGINID": who, "WHENMODIFIED": when})
    assert _changed_by(current, entry) == other
    never_sent = cast("OutboxEntry", SimpleNamespace(user="loader", sent_at=None))
    assert _changed_by(current, never_sent) == ""
