"""Records that the outbox knows: under earlier forms of their texts, by their content, and as one of several equals."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from intacct_bridge.load.outbox.entry import OutboxEntry, WriteTarget, new_entry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.context import PlanContext, newest_entries
from intacct_bridge.load.plan.known_to_outbox import (
    RefuseUncertainEquals,
    check_outbox,
)
from intacct_bridge.load.plan.plan import MatchRules, Plan, PlannedRecord, Verdict
from intacct_bridge.load.records.identity import source_identity
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.write import Identity, Receipt, Write, WriteOperation
from intacct_bridge.load.tables.source_row import EqualNumber, SourceRow
from intacct_bridge.load.target.target_company import TargetCompany
from intacct_protocol.errors import SettingsError
from intacct_protocol.xml.values import Value
from support.load.shown import ShownRecords

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
TARGET = TargetCompany("acme", "", "", "loader")
APPLIED, IN_DOUBT, REJECTED, RELEASED = (
    RecordStatus.APPLIED, RecordStatus.IN_DOUBT, RecordStatus.REJECTED, RecordStatus.RELEASED,
)  # fmt: skip
Step = Callable[[PlanContext], Callable[[Sequence[PlannedRecord]], list[PlannedRecord]]]


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox.sqlite3", clock=lambda: NOW, user="loader") as opened:
        yield opened


def ended(
    outbox: Outbox, identity: Identity, digest: str, status: RecordStatus = APPLIED, record: str = "7", entity: str = ""
) -> OutboxEntry:
    target = WriteTarget("acme", entity, WriteOperation.CREATE, "VENDOR")
    (sent,) = outbox.begin(
        outbox.plan([new_entry(target, identity.text, digest, "<create/>", {"VENDORID": f"V-{record}"})])
    )
    first = APPLIED if status is RELEASED else status
    (done,) = outbox.conclude([sent.ended(first, Receipt(record) if first is APPLIED else None)])
    if status is RELEASED:
        outbox.release(done, "deleted")
    return outbox.entry(done.number)


def run(
    step: Step,
    outbox: Outbox,
    *records: PlannedRecord,
    gone: Sequence[str] = (),
    offline: bool = True,
) -> list[PlannedRecord]:
    """The records after a step; the company shows nothing, and its audit history names the deleted ones."""
    deleted: list[dict[str, Value]] = [
        {"OBJECTTYPE": "vendor", "OBJECTKEY": f"{one}--REC", "USERID": "x", "ACCESSMODE": "D", "ACCESSTIME": NOW}
        for one in gone
    ]
    context = SimpleNamespace(
        settings=SimpleNamespace(offline=offline, rules=MatchRules()), target=TARGET, outbox=outbox, unchecked=[],
        company=ShownRecords({"AUDITHISTORY": deleted}), entries=lambda writes: newest_entries(outbox, TARGET, writes),
    )  # fmt: skip
    return step(cast("PlanContext", context))(records)


def record(
    identity: Identity, *, digest: str = "d", verdict: Verdict = Verdict.CREATE, equal: EqualNumber | None = None,
    key: tuple[str, ...] = (), **fields: Any,
) -> PlannedRecord:  # fmt: skip
    row = SourceRow("v.csv", 3, {}, key=key, equal=equal)
    return PlannedRecord(Write(WriteOperation.CREATE, "VENDOR", fields, identity, digest, "vendor", (row,)), verdict)


# --- equal records


CLASS = ("tap", "vendors", "content", "d")


def equals(outbox: Outbox, *arrivals: int, earlier: int = 2, **more: Any) -> list[PlannedRecord]:
    """Records that have come with numbers beyond those of earlier runs."""
    records = []
    for arrival in arrivals:
        key = (*CLASS, str(arrival + 10))
        equal = EqualNumber(CLASS, arrival + 10, arrival, earlier, fix="name a key", **more)
        records.append(record(source_identity(key), equal=equal, key=key))
    return run(RefuseUncertainEquals, outbox, *records, gone=["1"], offline=False)


def posted(outbox: Outbox, number: int, status: RecordStatus = APPLIED, record: str = "7") -> OutboxEntry:
    return ended(outbox, source_identity((*CLASS, str(number))), "d", status, record)


def test_as_many_as_may_be_in_the_company_are_refused(outbox: Outbox) -> None:
    posted(outbox, 1, record="8")
    posted(outbox, 2, record="9")
    posted(outbox, 3, record="10")  # beyond those of earlier runs
    first, second, third = equals(outbox, 1, 2, 3)
    assert [one.verdict for one in (first, second, third)] == [Verdict.REFUSED, Verdict.REFUSED, Verdict.CREATE]
    (finding,) = first.findings
    assert (finding.rule, finding.fix, finding.position) == ("equal", "name a key", "v.csv:3")
    assert "posted on 2026-11-30 as VENDOR 8;" in finding.message
    assert "VENDOR 9;" in second.findings[0].message


@pytest.mark.parametrize(
    ("status", "number", "verdicts"),
    [
        (APPLIED, "7", [Verdict.REFUSED, Verdict.CREATE]),
        (IN_DOUBT, "7", [Verdict.REFUSED, Verdict.CREATE]),
        (REJECTED, "7", [Verdict.CREATE, Verdict.CREATE]),
        (APPLIED, "1", [Verdict.CREATE, Verdict.CREATE]),  # the audit history has its deletion
    ],
)
def test_only_an_earlier_equal_that_may_be_there_counts(
    outbox: Outbox, status: RecordStatus, number: str, verdicts: list[Verdict]
) -> None:
    posted(outbox, 2, status, number)
    assert [one.verdict for one in equals(outbox, 1, 2)] == verdicts


def test_a_record_that_certainly_is_an_earlier_one_is_known_by_its_key_from_now_on(outbox: Outbox) -> None:
    entry = posted(outbox, 1)
    (found,) = equals(outbox, 1, same=True)
    assert (found.verdict, found.receipt) == (Verdict.UNCHANGED, Receipt("7"))
    assert outbox.entry(entry.number).identity == source_identity((*CLASS, "11")).text


def test_a_number_that_an_earlier_run_gave_is_that_run_s_record(outbox: Outbox) -> None:
    posted(outbox, 1)
    posted(outbox, 11, REJECTED)
    (known,) = equals(outbox, 1)
    assert known.verdict is Verdict.CREATE
    assert [one.verdict for one in equals(outbox, 1, earlier=0)] == [Verdict.CREATE]
    assert [one.verdict for one in equals(outbox, 2, certain=True)] == [Verdict.CREATE]
    assert equals(outbox) == []
    of_an_undo = record(Identity("undo:x", "key"))
    of_an_undo = replace(of_an_undo, write=replace(of_an_undo.write, rows=()))  # it has no input
    assert run(RefuseUncertainEquals, outbox, of_an_undo) == [of_an_undo]


# --- the outbox of a plan


@pytest.mark.parametrize(
    ("verdict", "operation", "status", "refused"),
    [
        (Verdict.UNCHANGED, WriteOperation.CREATE, None, "posted"),
        (Verdict.UNCHANGED, WriteOperation.CREATE, RELEASED, "posted"),
        (Verdict.UNCHANGED, WriteOperation.CREATE, APPLIED, ""),
        (Verdict.UNCHANGED, WriteOperation.UPDATE, None, ""),  # the company says that
        (Verdict.IN_DOUBT, WriteOperation.CREATE, None, "sent without an answer"),
        (Verdict.IN_DOUBT, WriteOperation.CREATE, IN_DOUBT, ""),
        (Verdict.IN_DOUBT, WriteOperation.UPDATE, None, "sent without an answer"),
        (Verdict.CREATE, WriteOperation.CREATE, None, ""),
    ],
)
@pytest.mark.parametrize("entity", ["", "100"])
def test_a_plan_needs_the_outbox_that_it_rests_on(
    outbox: Outbox, verdict: Verdict, operation: WriteOperation, status: RecordStatus | None, refused: str, entity: str
) -> None:
    identity = Identity("key:x", "key")
    if status is not None:
        ended(outbox, identity, "d", status, entity=entity)
    one = record(identity, verdict=verdict)
    one = replace(one, write=replace(one.write, operation=operation, entity=entity))
    plan = cast("Plan", SimpleNamespace(records=(record(Identity("key:new", "key")), one)))
    for target in (TARGET, replace(TARGET, entity=entity)):
        if not refused:
            check_outbox(plan, target, outbox)
            continue
        with pytest.raises(SettingsError, match=f"^v.csv:3: vendor was {refused} by an earlier run"):
            check_outbox(plan, target, outbox)
    if status is APPLIED:
        within = cast("Plan", SimpleNamespace(records=(replace(one, write=replace(one.write, entity="")),)))
        check_outbox(within, replace(TARGET, entity=entity), outbox)
    if refused:
        bare = cast("Plan", SimpleNamespace(records=(replace(one, write=replace(one.write, rows=())),)))
        with pytest.raises(SettingsError, match=r"^vendor was"):
            check_outbox(bare, TARGET, outbox)
