"""Reversals, voids and approvals: what the state of a record allows, and what its payment forbids."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.plan.actions import PAID, MatchState, after_payments
from intacct_bridge.load.plan.plan import Plan, PlannedRecord, Verdict
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.write import Finding, Identity, Receipt, Write, WriteOperation
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.target.current_records import CurrentRecord, moved_facts
from intacct_bridge.load.target.writable import writable_object
from support.load.shown import ShownRecords

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
REVERSE, APPROVE = WriteOperation.REVERSE, WriteOperation.APPROVE
DAY = date(2026, 11, 30)


def action(operation: WriteOperation = REVERSE, name: str = "APBILL", **fields: Any) -> PlannedRecord:
    row = SourceRow("b.csv", 2, {})
    write = Write(operation, name, {"RECORDNO": 7, **fields}, Identity("k", "key"), "d", "bill B-1", (row,))
    return PlannedRecord(write, Verdict(operation.value))


def decided(record: PlannedRecord, *, entry: OutboxEntry | None = None, **row: Any) -> PlannedRecord:
    step = MatchState.__new__(MatchState)
    company = SimpleNamespace(connection=SimpleNamespace(is_legacy=False, statuses={}, external_ids="unique"))
    step._context = cast("Any", SimpleNamespace(company=company))
    return step._decided(record, entry, CurrentRecord("7", {"RECORDNO": 7, **row}) if row else None)


@pytest.mark.parametrize(
    ("operation", "name", "state", "verdict", "rule"),
    [
        (REVERSE, "APBILL", "Posted", Verdict.REVERSE, ""),
        (REVERSE, "APBILL", "Reversed", Verdict.UNCHANGED, ""),
        (REVERSE, "APBILL", "Reversal", Verdict.REFUSED, "state"),
        (REVERSE, "APBILL", "Paid", Verdict.REFUSED, PAID),
        (REVERSE, "APBILL", "Partially Paid", Verdict.REFUSED, PAID),
        (REVERSE, "APBILL", "Draft", Verdict.REFUSED, "state"),
        (APPROVE, "APBILL", "Submitted", Verdict.APPROVE, ""),
        (APPROVE, "APBILL", "Approved", Verdict.UNCHANGED, ""),
        (APPROVE, "APBILL", "Draft", Verdict.REFUSED, "state"),
        (APPROVE, "APBILL", "", Verdict.APPROVE, ""),  # its state is not shown
    ],
)
def test_the_state_of_a_record_decides_on_an_action(
    operation: WriteOperation, name: str, state: str, verdict: Verdict, rule: str
) -> None:
    found = decided(action(operation, name), STATE=state)
    assert found.verdict is verdict
    assert [(one.rule, one.position, one.refuses) for one in found.findings] == (
        [(rule, "b.csv:2", True)] if rule else []
    )
    assert found.receipt == Receipt("7")
    assert all(one.fix for one in found.findings)


@pytest.mark.parametrize("name", ["APPYMT", "ARPYMT", "CCTRANSACTION"])
def test_a_payment_that_is_paid_is_reversed(name: str) -> None:
    assert decided(action(REVERSE, name), STATE="Paid").verdict in (Verdict.REVERSE, Verdict.UNCHANGED)


def test_an_action_on_a_record_that_is_not_visible_or_in_doubt() -> None:
    missing = decided(action())
    assert (missing.verdict, missing.findings[0].rule, missing.receipt) == (Verdict.REFUSED, "missing", None)
    assert missing.findings[0].message == "bill B-1 is not visible in Intacct"
    entry = cast(
        "OutboxEntry", SimpleNamespace(status=RecordStatus.IN_DOUBT, digest="d", receipt=None, sent_at=NOW, totals=())
    )
    assert decided(action(), entry=entry, STATE="Posted").verdict is Verdict.IN_DOUBT
    refused = action().with_findings(Finding("x", "m", "f", "", ""))
    assert decided(refused, entry=entry, STATE="Posted") == replace(refused, verdict=Verdict.REFUSED)


class Connected(ShownRecords):
    """A company with a connection."""

    connection = SimpleNamespace(is_legacy=False, statuses={}, external_ids="unique")


def test_each_action_is_decided_by_its_own_record() -> None:
    step = MatchState.__new__(MatchState)
    shown: list[dict[str, Any]] = [{"RECORDNO": 7, "STATE": "Posted"}, {"RECORDNO": 9, "STATE": "Paid"}]
    company = Connected({"APBILL": shown})
    step._context = cast("Any", SimpleNamespace(company=company, entries=lambda writes: [None for _ in writes]))
    step._subject = writable_object(cast("Any", company), "APBILL")
    records = [action(RECORDNO=number) for number in (7, 8, 9)]
    assert [one.verdict for one in step(records)] == [Verdict.REVERSE, Verdict.REFUSED, Verdict.REFUSED]


def test_an_action_before_the_record_s_own_day_is_a_warning() -> None:
    early, late = action(DATE=date(2026, 11, 1)), action(DATE=date(2026, 12, 1))
    found = decided(early, STATE="Posted", WHENPOSTED=None, WHENCREATED=DAY)
    assert [(one.rule, one.refuses) for one in found.findings] == [("date", False)]
    assert not decided(late, STATE="Posted", WHENCREATED=DAY).findings
    by_posting = decided(action(DATE=date(2026, 11, 1)), STATE="Posted", WHENPOSTED=date(2026, 10, 1), WHENCREATED=DAY)
    assert not by_posting.findings


def test_a_record_that_is_not_as_the_plan_has_seen_it_is_refused() -> None:
    seen = replace(action(), existing={"NAME": "old", "TOTALENTERED": "5"})
    (finding,) = moved_facts(seen.write, seen.existing, {"NAME": "old"})
    assert (finding.rule, finding.message) == ("moved", "bill B-1: TOTALENTERED was 5, and is empty now")
    assert moved_facts(seen.write, {"NAME": ""}, {}) == []
    assert decided(seen, STATE="Posted", NAME="new").verdict is Verdict.REFUSED
    same = decided(seen, STATE="Posted", NAME="old", TOTALENTERED="5")
    assert (same.verdict, same.existing) == (Verdict.REVERSE, {"NAME": "old", "TOTALENTERED": "5"})


@dataclass(frozen=True)
class Stage:
    """A stage of a plan, as far as this looks at it."""

    object: str
    records: tuple[PlannedRecord, ...] = ()


def after(*stages: Stage) -> list[Stage]:
    return cast("list[Stage]", after_payments(cast("list[Plan]", stages)))


def test_a_document_whose_payment_is_taken_back_first_is_reversed() -> None:
    facts = {"WHENMODIFIED": "yesterday", "NAME": "x"}
    paid = replace(decided(action(), STATE="Paid"), existing=facts)
    both = paid.with_findings(Finding("state", "m", "f", "", ""))
    plain = replace(action(), existing=facts)
    bills = Stage("APBILL", (paid, both, plain))
    assert after(bills) == [bills]
    payments, later = after(Stage("APPYMT"), bills)
    assert payments.records == ()
    allowed, refused, same = later.records
    assert (allowed.verdict, allowed.existing) == (Verdict.REVERSE, {"NAME": "x"})
    assert [(one.refuses, one.fix) for one in allowed.findings] == [(False, "its payment is taken back first")]
    assert (refused, same) == (both, plain)
    assert after(bills, Stage("APPYMT"))[0] is bills
    receipts = after(Stage("ARPYMT"), Stage("ARINVOICE", (paid,)))[1]
    assert receipts.records[0].verdict is Verdict.REVERSE
