"""Receipts against the company: a record is there, or was deleted for certain, or is only hidden."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from intacct_bridge.flow.outbox.entry import Conclusion, Intent, OutboxEntry, WriteTarget
from intacct_bridge.flow.outbox.outbox import Outbox
from intacct_bridge.flow.plan.context import PlanContext
from intacct_bridge.flow.plan.receipts import ReceiptCheck, ReceiptState
from intacct_bridge.flow.records.status import RecordStatus
from intacct_bridge.flow.records.write import Receipt, WriteOperation
from intacct_bridge.wire.values import Value
from support.flow.shown import ShownRecords

NOW = datetime(2026, 11, 30, 12, 0, 0, 500_000, tzinfo=UTC)
SENT = NOW.replace(microsecond=0)
SECOND = timedelta(seconds=1)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox.sqlite3", clock=lambda: NOW, user="loader") as opened:
        yield opened


def applied(
    outbox: Outbox, identity: str, receipt: Receipt | None, *, name: str = "VENDOR",
    operation: WriteOperation = WriteOperation.CREATE, **key: str,
) -> OutboxEntry:  # fmt: skip
    intent = Intent(WriteTarget("acme", "", operation, name), identity, "d", f"<{operation}/>", key)
    (sent,) = outbox.begin(outbox.plan([intent]))
    (done,) = outbox.conclude([Conclusion(sent, RecordStatus.APPLIED, receipt)])
    return done


def states(
    outbox: Outbox, company: ShownRecords, *entries: OutboxEntry, offline: bool = False
) -> tuple[list[Any], list[str]]:
    settings, target = SimpleNamespace(offline=offline), SimpleNamespace(company="acme")
    context = SimpleNamespace(settings=settings, target=target, outbox=outbox, company=company, unchecked=[])
    checked = ReceiptCheck(cast("PlanContext", context)).check(entries)
    return [checked[one.number].state if one.number in checked else None for one in entries], context.unchecked


def deleted(key: str, *, at: datetime = SENT, mode: str = "D", name: str = "vendor") -> dict[str, Value]:
    return {"OBJECTTYPE": name, "OBJECTKEY": key, "USERID": "clerk", "ACCESSMODE": mode, "ACCESSTIME": at}


def test_a_record_that_is_there_has_its_number_and_our_last_update(outbox: Outbox) -> None:
    one = applied(outbox, "a", Receipt("7", "V-7"))
    first = applied(outbox, "u1", Receipt("7"), operation=WriteOperation.UPDATE)
    last = applied(outbox, "u2", Receipt("7"), operation=WriteOperation.UPDATE)
    company = ShownRecords({"VENDOR": [{"RECORDNO": 7, "VENDORID": "V-7"}]})
    context = SimpleNamespace(
        settings=SimpleNamespace(offline=False), target=SimpleNamespace(company="acme"), outbox=outbox, company=company,
        unchecked=[],
    )  # fmt: skip
    checked = ReceiptCheck(cast("PlanContext", context)).check([one, first, last])
    assert list(checked) == [one.number]  # updates have no receipt of their own
    found = checked[one.number]
    assert (found.state, found.number, found.correction) == (ReceiptState.VISIBLE, "7", last)


@pytest.mark.parametrize(
    ("event", "state"),
    [
        (deleted("V-7"), ReceiptState.RELEASED),
        (deleted("V-7", at=SENT + SECOND), ReceiptState.RELEASED),
        (deleted("V-7", at=SENT - SECOND), ReceiptState.HIDDEN),  # an earlier record of this name
        (deleted("V-7", mode="C"), ReceiptState.HIDDEN),
        (deleted("V-7", name="customer"), ReceiptState.HIDDEN),
        (deleted("V-8"), ReceiptState.HIDDEN),
        (deleted("7--REC", at=SENT - SECOND), ReceiptState.RELEASED),  # a record number is never used again
        (deleted("8--REC"), ReceiptState.HIDDEN),
    ],
)
def test_a_delete_in_the_audit_history_releases_the_receipt(
    outbox: Outbox, event: dict[str, Value], state: ReceiptState
) -> None:
    one = applied(outbox, "a", Receipt("7", "V-7"), VENDORID="V-7")
    assert states(outbox, ShownRecords({"AUDITHISTORY": [event]}), one) == ([state], [])
    released = state is ReceiptState.RELEASED
    assert (outbox.entry(one.number).status is RecordStatus.RELEASED) == released
    assert ("clerk" in outbox.entry(one.number).note) == released


def test_a_delete_of_ours_releases_the_receipt_without_a_question(outbox: Outbox) -> None:
    one = applied(outbox, "a", Receipt("7"))
    delete = applied(outbox, "d", Receipt("7"), operation=WriteOperation.DELETE)
    other = applied(outbox, "b", Receipt("8"))
    company = ShownRecords(refused=("AUDITHISTORY",))
    found, unchecked = states(outbox, company, one, other)
    assert found[1] is ReceiptState.HIDDEN
    assert found[0] in (ReceiptState.RELEASED, None)
    assert outbox.entry(one.number).status is RecordStatus.RELEASED
    assert unchecked == ["deletes of VENDOR in the audit history: no permission"]
    assert delete.status is RecordStatus.APPLIED


def test_what_cannot_be_asked_is_named_as_unchecked(outbox: Outbox) -> None:
    one, bare = applied(outbox, "a", Receipt("7")), applied(outbox, "b", None)
    refusing = ShownRecords(refused=("VENDOR",))
    assert states(outbox, refusing, one, bare) == (
        [ReceiptState.UNCHECKED, None],
        [
            f"receipts of VENDOR: outbox entries without a record key ({bare.number})",
            "receipts of VENDOR: no permission",
        ],
    )
    assert states(outbox, refusing, one, offline=True) == ([None], [])
