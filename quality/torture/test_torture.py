"""A short torture in every run of the suite; `make torture` is the long one."""

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from intacct_bridge.load.apply.settle import SettleSettings
from support.torture.processes import side_by_side
from support.torture.records import WRITE_KINDS
from support.torture.tally import Tally
from support.torture.world import folder
from torture.torture import Round, naive, ours

pytestmark = pytest.mark.slow
PLAIN = next(kind for kind in WRITE_KINDS if kind.name == "journal without")


@pytest.fixture
def outboxes() -> Iterator[Path]:
    with folder() as path:
        yield path


def test_nothing_is_posted_twice_all_provable_records_are_posted_and_doubt_is_honest(outboxes: Path) -> None:
    tally = Tally()
    for seed, kind in enumerate(WRITE_KINDS, 1):
        ours(seed, outboxes, tally, kind)
    assert tally.failures == []
    assert tally.counts["faults"] + tally.counts["kills"] > len(WRITE_KINDS)
    assert tally.counts["side by side"] > 0


@pytest.mark.parametrize("seed", [193, 268, 287, 389, 494, 560])
def test_a_change_that_another_loader_concludes_after_the_plan_is_not_sent_again(outboxes: Path, seed: int) -> None:
    """Rounds of the long torture in which such a change was sent without its record's key, and reported as rejected."""
    tally = Tally()
    ours(seed, outboxes, tally)
    assert tally.failures == []


def test_a_loader_that_resends_on_errors_writes_records_twice_under_the_same_faults(outboxes: Path) -> None:
    tally = Tally()
    for seed in range(1, 13):
        naive(seed, outboxes, tally)
    assert tally.counts["written too often"] > 0
    assert tally.counts["reported as failed"] > 0


def test_a_loader_that_resends_without_waiting_is_caught(outboxes: Path) -> None:
    """This proves that the harness finds duplicates: it is our own loader without its waiting time."""
    caught: list[str] = []
    for seed in range(1, 61):
        one = Round(seed, outboxes, PLAIN, "absent")
        one.settle = SettleSettings(timedelta(0), repeat_guard=True)
        one.run_with_faults()
        one.world.close()
        caught += one.faults
        if caught:
            break
    assert any("was done too often" in fault for fault in caught)


@pytest.mark.skipif(sys.platform == "win32", reason="needs kill -9")
@pytest.mark.parametrize("seed", [1, 2])
def test_two_processes_on_one_outbox_write_each_record_once_though_one_is_killed(outboxes: Path, seed: int) -> None:
    assert side_by_side(seed, outboxes) == []
