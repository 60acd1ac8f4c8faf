"""What the outbox can do without the input."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from intacct_bridge.load.apply.loader import Loader, LoadSettings
from intacct_bridge.load.apply.retry import retry, settle_doubts
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.planner import make_plan
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.tables.delimited import open_csv
from intacct_bridge.shared_state.place import Place
from intacct_protocol.errors import SettingsError
from support.load.journal import journal_layout
from support.load.ledger import HEADER, Ledger, entry


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def outbox(place: Place, ledger: Ledger) -> Iterator[Outbox]:
    with Outbox(place, clock=ledger.clock) as opened:
        yield opened


def load(folder: Path, ledger: Ledger, outbox: Outbox, references: str, *, atomic: bool = False) -> None:
    file = folder / "je.csv"
    file.write_text(HEADER + "".join(entry(reference) for reference in references))
    plan = make_plan(open_csv(file), journal_layout(), ledger.gateway, outbox)
    list(Loader(ledger.gateway, outbox, LoadSettings(atomic=atomic)).apply(plan))


def test_records_in_doubt_are_settled_later_from_the_outbox(tmp_path: Path, ledger: Ledger, outbox: Outbox) -> None:
    ledger.faults = ["lost before"]
    load(tmp_path, ledger, outbox, "AB")
    assert [one.status for one in settle_doubts(ledger.gateway, outbox)] == [RecordStatus.IN_DOUBT] * 2
    ledger.clock.forward(minutes=60)
    first = next(outbox.entries())
    assert [one.status for one in settle_doubts(ledger.gateway, outbox, only=[first.number])] == [RecordStatus.APPLIED]
    assert [one.status for one in settle_doubts(ledger.gateway, outbox)] == [RecordStatus.APPLIED]
    assert ledger.posted == ["A", "B"]


def test_only_rejected_records_are_retried_as_new_attempts(tmp_path: Path, ledger: Ledger, outbox: Outbox) -> None:
    ledger.refuse = lambda record: "closed" if record.findtext("REFERENCENO") == "B" else ""
    load(tmp_path, ledger, outbox, "ABC")
    ledger.refuse = lambda record: ""
    assert [(one.label, one.attempt, one.status) for one in retry(ledger.gateway, outbox)] == [
        ("GJ 2026-11-30 'Entry B' B", 2, RecordStatus.APPLIED)
    ]
    assert retry(ledger.gateway, outbox) == []
    assert sorted(ledger.posted) == ["A", "B", "C"]


def test_an_entry_whose_record_a_later_load_posted_is_superseded(
    tmp_path: Path, ledger: Ledger, outbox: Outbox
) -> None:
    """Refused, then corrected in the source and posted: the first version is not sent any more."""
    ledger.refuse = lambda record: "closed"
    load(tmp_path, ledger, outbox, "A")
    ledger.refuse = lambda record: ""
    (tmp_path / "je.csv").write_text(HEADER + entry("A").replace("Entry A", "Corrected"))
    corrected = make_plan(open_csv(tmp_path / "je.csv"), journal_layout(), ledger.gateway, outbox)
    assert [one.status for one in Loader(ledger.gateway, outbox).apply(corrected)] == [RecordStatus.APPLIED]
    refused, posted = outbox.entries()
    (left,) = retry(ledger.gateway, outbox)
    assert (left.number, left.status) == (refused.number, RecordStatus.REJECTED)
    assert left.note == f"superseded by entry {posted.number}, which is the same record"
    assert ledger.posted == ["A"]


def test_of_two_refused_versions_only_the_later_one_is_sent(tmp_path: Path, ledger: Ledger, outbox: Outbox) -> None:
    """The source corrected the reference's title in between, and neither version was posted."""
    ledger.refuse = lambda record: "closed"
    load(tmp_path, ledger, outbox, "A")
    (tmp_path / "je.csv").write_text(HEADER + entry("A").replace("Entry A", "Corrected"))
    corrected = make_plan(open_csv(tmp_path / "je.csv"), journal_layout(), ledger.gateway, outbox)
    assert [one.status for one in Loader(ledger.gateway, outbox).apply(corrected)] == [RecordStatus.REJECTED]
    ledger.refuse = lambda record: ""
    first, second = outbox.entries()
    for only in ([first.number], []):
        left = {one.number: one for one in retry(ledger.gateway, outbox, only=only)}[first.number]
        assert left.note == f"superseded by entry {second.number}, which is the same record"
    assert [one.status for one in outbox.entries()] == [RecordStatus.REJECTED, RecordStatus.APPLIED]
    assert ledger.posted == ["A"]
    outbox.release(outbox.entry(second.number), "deleted in Intacct")
    assert ["superseded" in one.note for one in retry(ledger.gateway, outbox)] == [True], (
        "a newer version that was deleted counts too"
    )


def test_an_atomic_request_is_retried_as_one(tmp_path: Path, ledger: Ledger, outbox: Outbox) -> None:
    ledger.refuse = lambda record: "closed" if record.findtext("REFERENCENO") == "B" else ""
    load(tmp_path, ledger, outbox, "ABC", atomic=True)
    load(tmp_path, ledger, outbox, "B")
    assert [one.status for one in retry(ledger.gateway, outbox, only=[1])] == [RecordStatus.APPLIED]
    ledger.refuse = lambda record: "closed" if record.findtext("REFERENCENO") in "CDE" else ""
    load(tmp_path, ledger, outbox, "CDE", atomic=True)
    ledger.refuse = lambda record: "closed" if record.findtext("REFERENCENO") == "D" else ""
    retry(ledger.gateway, outbox)
    assert ledger.posted == ["A", "B"]
    ledger.refuse = lambda record: ""
    assert {one.label[-1] for one in retry(ledger.gateway, outbox)} == set("CDE")
    assert [len(one) for one in ledger.submits] == [3, 1, 1, 3, 1, 3, 3]


def test_entries_of_other_entities_are_left_and_a_read_only_connection_refuses(
    tmp_path: Path, ledger: Ledger, outbox: Outbox
) -> None:
    ledger.faults = ["lost before"]
    load(tmp_path, ledger, outbox, "A")
    ledger.clock.forward(minutes=60)
    here = ledger.connection
    ledger.connection = replace(here, location_id="E1")
    assert settle_doubts(ledger.gateway, outbox) == []
    ledger.connection = replace(here, read_only=True)
    for act in (settle_doubts, retry):
        with pytest.raises(SettingsError, match="read-only"):
            act(ledger.gateway, outbox)


def test_a_connection_to_an_entity_settles_what_it_sent(tmp_path: Path, ledger: Ledger, outbox: Outbox) -> None:
    ledger.connection = replace(ledger.connection, location_id="E1")
    ledger.faults = ["lost before"]
    load(tmp_path, ledger, outbox, "A")
    ledger.clock.forward(minutes=60)
    assert [one.status for one in settle_doubts(ledger.gateway, outbox)] == [RecordStatus.APPLIED]


def test_every_batch_of_a_retry_is_in_its_result(tmp_path: Path, ledger: Ledger, outbox: Outbox) -> None:
    ledger.refuse = lambda record: "closed"
    file = tmp_path / "je.csv"
    file.write_text(HEADER + "".join(entry(f"R{number}") for number in range(101)))
    list(Loader(ledger.gateway, outbox).apply(make_plan(open_csv(file), journal_layout(), ledger.gateway, outbox)))
    ledger.refuse = lambda record: ""
    assert len(retry(ledger.gateway, outbox)) == 101
    assert len(set(ledger.posted)) == len(ledger.posted) == 101
