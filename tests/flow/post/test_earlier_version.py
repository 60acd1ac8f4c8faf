"""Outboxes and kept plans that commit 117d625 wrote are listed, settled, retried and applied.

`tests/earlier/make_load.sh` wrote the files, from the company of the journeys at noon.
"""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from intacct_bridge.client.client import Client
from intacct_bridge.flow.company.legacy import LegacyGateway
from intacct_bridge.flow.layouts.choose import layout_for
from intacct_bridge.flow.outbox.outbox import Outbox
from intacct_bridge.flow.plan.plan import Plan, PlanSettings, Verdict
from intacct_bridge.flow.plan.plan_file import open_plan, save_plan
from intacct_bridge.flow.plan.planner import confirm_plan, make_plan
from intacct_bridge.flow.post.loader import Loader
from intacct_bridge.flow.post.retry import retry, settle_doubts
from intacct_bridge.flow.records.status import RecordStatus
from intacct_bridge.flow.records.write import WriteOperation
from intacct_bridge.flow.tables.open import open_table
from support.journeys.objects import BILLS, VENDORS, Desk
from support.small_company import Clock, client

KEPT = Path(__file__).parents[2] / "earlier" / "load"
PLANS = ("classes", "bills", "doubt")
STATUSES = [
    (1, "CLASS S-APPLIED", RecordStatus.APPLIED),
    (2, "CLASS S-REJECTED", RecordStatus.REJECTED),
    (3, "CLASS S-ABORTED", RecordStatus.ABORTED),
    (4, "CLASS S-CULPRIT", RecordStatus.REJECTED),
    (5, "CLASS S-UNSENT", RecordStatus.NOT_SENT),
    (6, "CLASS S-LOST-BEFORE", RecordStatus.IN_DOUBT),
    (7, "CLASS S-APPLIED", RecordStatus.IN_DOUBT),
    (8, "GJ 2026-11-30 'Rent'", RecordStatus.IN_DOUBT),
    (9, "VENDOR V-1", RecordStatus.APPLIED),
    (10, "VENDOR V-2", RecordStatus.APPLIED),
    (11, "APBILL V-1 INV-1", RecordStatus.APPLIED),
    (12, "APBILL V-2 INV-2", RecordStatus.APPLIED),
    (13, "CLASS S-PLANNED", RecordStatus.PLANNED),
    (14, "CLASS S-DEAD", RecordStatus.SENT),
]


@pytest.fixture
def desk(desk: Desk) -> Desk:
    """The company with the records that the earlier version had posted."""
    desk.load("CLASSID,NAME\nS-APPLIED,Applied\n", "CLASS")
    desk.load(VENDORS, "VENDOR")
    desk.load(BILLS, "APBILL")
    return desk


@pytest.fixture
def gateway(desk: Desk) -> Iterator[Client]:
    with client(desk.emulator) as opened:
        yield opened


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    shutil.copy(KEPT / "outbox.sqlite", tmp_path / "earlier.sqlite")
    with Outbox(tmp_path / "earlier.sqlite") as opened:
        yield opened


def classes(desk: Desk) -> dict[str, str]:
    return {row["CLASSID"]: row["NAME"] for row in desk.rows("CLASS") if row["CLASSID"].startswith("S-")}


def test_the_entries_of_an_outbox_are_listed(outbox: Outbox) -> None:
    entries = list(outbox.entries())
    assert [(one.number, one.label, one.status) for one in entries] == STATUSES
    applied, doubtful, update = entries[0], entries[5], entries[6]
    assert applied.receipt is not None and applied.receipt.name == "S-APPLIED"
    assert applied.tracked == {"NAME": "Applied"}
    assert doubtful.lookup_key == {"CLASSID": "S-LOST-BEFORE"}
    assert update.identity == "CLASSID=S-APPLIED"
    assert [event["state"] for event in outbox.history(doubtful)] == ["planned", "sent", "in_doubt"]


def test_entries_in_doubt_and_those_of_a_dead_loader_are_settled(
    desk: Desk, gateway: Client, outbox: Outbox, clock: Clock
) -> None:
    assert {one.status for one in settle_doubts(LegacyGateway(gateway), outbox)} == {RecordStatus.IN_DOUBT}
    clock.forward(minutes=61)
    with client(desk.emulator) as later:
        ends = {one.number: (one.status, one.attempt) for one in settle_doubts(LegacyGateway(later), outbox)}
    applied = (RecordStatus.APPLIED, 1)
    assert ends == {6: applied, 7: applied, 8: (RecordStatus.IN_DOUBT, 1), 14: applied}
    assert classes(desk) == {"S-APPLIED": "Renamed", "S-LOST-BEFORE": "Lost before", "S-DEAD": "Dead"}


def test_refused_and_unsent_records_are_retried(desk: Desk, gateway: Client, outbox: Outbox) -> None:
    gateway.create("CLASS", [{"CLASSID": "S-PARENT", "NAME": "Parent"}])
    ends = {one.number: (one.status, one.attempt) for one in retry(LegacyGateway(gateway), outbox)}
    applied, again = (RecordStatus.APPLIED, 1), (RecordStatus.APPLIED, 2)
    assert ends == {2: again, 3: again, 4: again, 5: applied, 13: applied}
    assert len(classes(desk)) == 7


def test_records_that_were_posted_are_recognised(desk: Desk, gateway: Client, outbox: Outbox) -> None:
    for text, name in ((VENDORS, "VENDOR"), (BILLS, "APBILL"), ("CLASSID,NAME\nS-APPLIED,Applied\n", "CLASS")):
        table = open_table(desk.file(text))
        plan = make_plan(
            table, layout_for(name, LegacyGateway(gateway)), LegacyGateway(gateway), outbox, PlanSettings()
        )
        assert {one.verdict for one in plan.records} == {Verdict.UNCHANGED}
        assert all(one.receipt is not None and one.receipt.record for one in plan.records)


@pytest.mark.parametrize("name", PLANS)
def test_a_kept_plan_is_the_same_in_the_present_form(tmp_path: Path, name: str) -> None:
    plan = open_plan(KEPT / f"{name}.plan.json")
    created = replace(plan, records=tuple(one for one in plan.records if one.write.operation is WriteOperation.CREATE))
    save_plan(created, tmp_path / "again.json")
    assert open_plan(tmp_path / "again.json") == replace(created, first_format=False)


def applied(gateway: Client, outbox: Outbox, plan: Plan) -> list[RecordStatus]:
    return [
        one.status
        for one in Loader(LegacyGateway(gateway), outbox).apply(confirm_plan(plan, LegacyGateway(gateway), outbox))
    ]


def test_kept_updates_are_applied(desk: Desk, gateway: Client, outbox: Outbox) -> None:
    bills = open_plan(KEPT / "bills.plan.json")
    assert [[str(change) for change in one.changes] for one in bills.records] == [
        ["APBILLITEMS: 2 lines of 100.30 -> 2 lines of 100.40"],
        ["WHENDUE: 2026-12-03 -> 2026-12-04"],
    ]
    assert applied(gateway, outbox, bills) == [RecordStatus.APPLIED] * 2
    assert sorted(row["WHENDUE"] for row in desk.rows("APBILL")) == ["12/02/2026", "12/04/2026"]


def test_a_kept_upsert_is_applied(desk: Desk, gateway: Client) -> None:
    with desk.outbox() as outbox:
        assert applied(gateway, outbox, open_plan(KEPT / "classes.plan.json")) == [RecordStatus.APPLIED] * 2
    assert classes(desk) == {"S-APPLIED": "Applied again", "S-NEW": "New"}


def test_a_kept_plan_that_relies_on_the_outbox_is_applied(
    desk: Desk, gateway: Client, outbox: Outbox, clock: Clock
) -> None:
    plan = open_plan(KEPT / "doubt.plan.json")
    assert [one.verdict for one in plan.records] == [Verdict.UNCHANGED, Verdict.IN_DOUBT, Verdict.CREATE]
    clock.forward(minutes=61)
    assert sorted(applied(gateway, outbox, plan)) == sorted(
        [RecordStatus.UNCHANGED, RecordStatus.SETTLED, RecordStatus.APPLIED]
    )
    assert classes(desk) == {"S-APPLIED": "Applied", "S-LOST-BEFORE": "Lost before", "S-NEW": "New"}
