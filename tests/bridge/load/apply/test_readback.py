"""Whether an action or an update was done, judged by the record as it is now."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import cast

import pytest

from intacct_bridge.load.apply.readback import Readback, ReadbackVerdict, _changed_by, _compare, _compare_state
from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.records.lookup_keys import LookupKeys
from intacct_bridge.load.records.write import Identity, RecordLine, Write, WriteOperation
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.target.current_records import CurrentRecord
from intacct_bridge.load.target.writable import LineSet, WritableObject
from intacct_protocol.model.catalog import FieldDef, object_def
from intacct_protocol.xml.values import Kind, Value

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
    assert _compare_state(write, "7", current).verdict is verdict


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


BILL = WritableObject(
    object_def("APBILL", [FieldDef("RECORDNO", Kind.INTEGER), FieldDef("NAME", Kind.TEXT)]),
    (LineSet("APBILLITEMS", "APBILLITEM", object_def("APBILLITEM", [FieldDef("AMOUNT", Kind.CURRENCY)]), {}),),
    LookupKeys("APBILL"), None, "create",
)  # fmt: skip
LINE = RecordLine("APBILLITEM", {"AMOUNT": Decimal(5)}, SourceRow("b.csv", 2, {}))


def judged(operation: WriteOperation, current: CurrentRecord | None, *, lines: bool = False) -> Readback:
    fields: dict[str, Value] = {"RECORDNO": 7, "NAME": "new"}
    held = {"APBILLITEMS": (LINE,)} if lines else {}
    write = Write(operation, "APBILL", fields, Identity("k", "key"), "d", "bill", (), held)
    target = SimpleNamespace(operation=operation, object="APBILL")
    body = "<update><APBILL><RECORDNO>7</RECORDNO></APBILL></update>"
    entry = SimpleNamespace(user="loader", sent_at=SENT, target=target, body=body)
    return _compare(BILL, write, cast("OutboxEntry", entry), current)


def now(name: str = "new", *lines: dict[str, Value], by: str = "loader") -> CurrentRecord:
    row: dict[str, Value] = {"RECORDNO": 7, "NAME": name, "MODIFIEDBYLOGINID": by, "WHENMODIFIED": SENT}
    return CurrentRecord("7", row, {"APBILLITEMS": lines} if lines else {})


@pytest.mark.parametrize(
    ("operation", "current", "lines", "verdict", "note"),
    [
        (WriteOperation.DELETE, None, False, DONE, ""),
        (WriteOperation.DELETE, now(), False, NOT_DONE, ""),
        (WriteOperation.UPDATE, None, False, UNCLEAR, "APBILL 7 no longer exists in Intacct"),
        (WriteOperation.UPDATE, now(), False, DONE, ""),
        (WriteOperation.UPDATE, now("old"), False, NOT_DONE, ""),
        (WriteOperation.UPDATE, now("old", by="clerk"), False, UNCLEAR,
         "clerk changed APBILL 7 after it was sent: compare NAME"),
        (WriteOperation.UPDATE, now("new", {"AMOUNT": Decimal(5)}), True, DONE, ""),
        (WriteOperation.UPDATE, now("new", {"AMOUNT": Decimal(6)}), True, UNCLEAR,
         "the lines of APBILL 7 differ: compare APBILLITEMS"),
        (WriteOperation.UPDATE, now("old", {"AMOUNT": Decimal(6)}), True, UNCLEAR,
         "the lines of APBILL 7 differ: compare NAME, APBILLITEMS"),
        (WriteOperation.REVERSE, CurrentRecord("7", {"STATE": "Reversed"}), False, DONE, ""),
        (WriteOperation.REVERSE, None, False, UNCLEAR, "APBILL 7 is not visible"),
    ],
)  # fmt: skip
def test_an_update_or_a_delete_is_judged_by_the_record_as_it_is(
    operation: WriteOperation, current: CurrentRecord | None, lines: bool, verdict: ReadbackVerdict, note: str
) -> None:
    assert judged(operation, current, lines=lines) == Readback(verdict, "7", note)
