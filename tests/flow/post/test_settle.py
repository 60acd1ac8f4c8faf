"""Settling: what is sent a second time, and when; what stays in doubt, and why."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from intacct_bridge.flow.layouts.journal import JournalLayout
from intacct_bridge.flow.outbox.entry import OutboxEntry
from intacct_bridge.flow.outbox.outbox import Outbox
from intacct_bridge.flow.plan.planner import make_plan
from intacct_bridge.flow.post.loader import Loader, LoadSettings
from intacct_bridge.flow.post.retry import settle_doubts
from intacct_bridge.flow.post.settle import SETTLE_AFTER, SettleSettings
from intacct_bridge.flow.records.status import RecordStatus
from intacct_bridge.flow.records.tables import open_csv
from support.flow.ledger import HEADER, Ledger, entry

PROVEN = SettleSettings(memory_proven=True)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def outbox(tmp_path: Path, ledger: Ledger) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox.sqlite3", clock=ledger.clock) as opened:
        yield opened


def load(folder: Path, ledger: Ledger, outbox: Outbox, references: str, settings: LoadSettings | None = None) -> None:
    file = folder / "je.csv"
    file.write_text(HEADER + "".join(entry(reference.replace("-", "")) for reference in references))
    plan = make_plan(open_csv(file), JournalLayout(), ledger.gateway, outbox)
    list(Loader(ledger.gateway, outbox, settings or LoadSettings()).apply(plan))


def settled(ledger: Ledger, outbox: Outbox, settings: SettleSettings | None = None) -> OutboxEntry:
    (one,) = settle_doubts(ledger.gateway, outbox, settings)
    return one


def sendings(ledger: Ledger) -> int:
    """How often a record was sent; a proof of memory is none."""
    return sum(not control.startswith("ib1-witness") for sent in ledger.submits for control in sent)


def test_the_time_to_settle_counts_from_the_last_sending(tmp_path: Path, ledger: Ledger, outbox: Outbox) -> None:
    ledger.faults = ["lost before", "lost before"]
    load(tmp_path, ledger, outbox, "A")
    ledger.clock.now += SETTLE_AFTER - MINUTE
    assert "it can be settled from 2026-11-30 13:00:00 UTC on" in settled(ledger, outbox).note
    assert sendings(ledger) == 1
    ledger.clock.now += MINUTE
    again = settled(ledger, outbox)
    assert (again.status, again.note) == (RecordStatus.IN_DOUBT, "no answer")  # sent again, and lost again
    assert sendings(ledger) == 2
    ledger.clock.now += SETTLE_AFTER - MINUTE
    assert "from 2026-11-30 14:00:00 UTC on" in settled(ledger, outbox).note
    assert sendings(ledger) == 2
    ledger.clock.now += MINUTE
    assert settled(ledger, outbox).status is RecordStatus.APPLIED
    assert (sendings(ledger), ledger.posted) == (3, ["A"])
    assert len({control for sent in ledger.submits for control in sent}) == 1  # always the same control id


def test_what_is_found_is_applied_whenever_it_is_found(tmp_path: Path, ledger: Ledger, outbox: Outbox) -> None:
    ledger.faults = ["still running"]
    load(tmp_path, ledger, outbox, "A")
    assert settled(ledger, outbox).status is RecordStatus.IN_DOUBT
    ledger.finish()
    one = settled(ledger, outbox)
    assert (one.status, one.receipt and one.receipt.record, one.note) == (
        RecordStatus.APPLIED, "1", "found in the company as 1"
    )  # fmt: skip
    assert (sendings(ledger), ledger.posted) == (1, ["A"])


def test_a_company_that_remembers_is_believed_though_the_record_is_gone(
    tmp_path: Path, ledger: Ledger, outbox: Outbox
) -> None:
    ledger.faults = ["lost after"]
    ledger.visible_after = timedelta(days=9)  # the record is there, and no query shows it
    load(tmp_path, ledger, outbox, "A")
    ledger.clock.now += SETTLE_AFTER
    one = settled(ledger, outbox)
    assert one.status is RecordStatus.APPLIED
    assert one.note == "the company reports that it was applied; its record was not found"
    assert ledger.posted == ["A"]


def test_a_refused_second_sending_is_rejected_only_after_the_time_to_settle(
    tmp_path: Path, ledger: Ledger, outbox: Outbox
) -> None:
    at_once = SettleSettings(settle_after=timedelta(0))
    ledger.faults = ["lost before"]
    load(tmp_path, ledger, outbox, "A")
    ledger.refuse = lambda record: "closed"
    early = settled(ledger, outbox, at_once)
    assert early.status is RecordStatus.IN_DOUBT
    assert "whether it was applied before is unknown" in early.note
    assert [fault.errorno for fault in early.faults] == ["BL01001973"]
    ledger.clock.now += SETTLE_AFTER
    late = settled(ledger, outbox, at_once)
    assert (late.status, late.note) == (RecordStatus.REJECTED, "not found, and refused when it was sent again")
    assert ledger.posted == []


def test_without_a_key_nothing_is_sent_again_unless_memory_is_proven(
    tmp_path: Path, ledger: Ledger, outbox: Outbox
) -> None:
    ledger.faults = ["lost before"]
    load(tmp_path, ledger, outbox, "-")
    ledger.clock.now += SETTLE_AFTER
    one = settled(ledger, outbox)
    assert one.status is RecordStatus.IN_DOUBT
    assert "it has no key" in one.note
    assert "it has no key" in settled(ledger, outbox, PROVEN).note  # no read was made before it was sent
    assert sendings(ledger) == 1


@pytest.mark.parametrize(("memory", "ends"), [("lasting", RecordStatus.APPLIED), ("absent", RecordStatus.IN_DOUBT)])
def test_a_record_without_a_key_is_sent_again_where_memory_is_seen(
    tmp_path: Path, ledger: Ledger, outbox: Outbox, memory: str, ends: RecordStatus
) -> None:
    ledger.memory = memory
    ledger.faults = ["none", "lost before"]
    load(tmp_path, ledger, outbox, "-", LoadSettings(settle=PROVEN))
    ledger.clock.now += SETTLE_AFTER - MINUTE
    assert settled(ledger, outbox, PROVEN).status is RecordStatus.IN_DOUBT
    ledger.clock.now += MINUTE
    assert settled(ledger, outbox, PROVEN).status is ends
    assert len(ledger.posted) == (ends is RecordStatus.APPLIED)


def test_a_second_sending_that_is_answered_needs_no_further_search(
    tmp_path: Path, ledger: Ledger, outbox: Outbox
) -> None:
    ledger.faults = ["lost before"]
    load(tmp_path, ledger, outbox, "A")
    ledger.clock.now += SETTLE_AFTER
    searched: list[int] = []
    ledger.on_submit = lambda: searched.append(len(ledger.queries))
    assert settled(ledger, outbox).status is RecordStatus.APPLIED
    assert searched == [len(ledger.queries)]


@pytest.mark.parametrize(("reference", "settings", "reads"), [("A", PROVEN, 0), ("-", PROVEN, 1), ("-", None, 0)])
def test_memory_is_proven_only_for_records_that_could_not_be_looked_for(
    tmp_path: Path, ledger: Ledger, outbox: Outbox, reference: str, settings: SettleSettings | None, reads: int
) -> None:
    load(tmp_path, ledger, outbox, reference, LoadSettings(settle=settings or SettleSettings()))
    assert sum(control.startswith("ib1-witness") for sent in ledger.submits for control in sent) == reads
    assert len(ledger.posted) == 1
