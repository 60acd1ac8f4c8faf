"""A short torture of every run of the suite; `make torture` is the long one."""

from datetime import timedelta
from pathlib import Path

import pytest

from intacct_bridge.flow.settle import SettleSettings
from torture.torture import Round, Tally, naive, ours

pytestmark = pytest.mark.slow
SEEDS = range(1, 31)
CAUGHT = (220, 494)
"""Seeds that once wrote a record twice: a second sending was refused before its control id was looked at."""


def test_nothing_is_twice_all_that_can_be_proven_is_there_and_doubt_is_honest(tmp_path: Path) -> None:
    tally = Tally()
    for seed in (*SEEDS, *CAUGHT):
        ours(seed, tmp_path, tally)
    assert tally.failures == []
    assert tally.counts["faults"] + tally.counts["kills"] > len(SEEDS)


def test_a_loader_that_sends_again_on_errors_writes_records_twice_in_the_same_weather(tmp_path: Path) -> None:
    tally = Tally()
    for seed in SEEDS[:10]:
        naive(seed, tmp_path, tally)
    assert tally.counts["written too often"] > 0
    assert tally.counts["told as failed"] > 0


def test_a_loader_that_does_not_wait_before_it_sends_again_is_caught(tmp_path: Path) -> None:
    """The proof that the harness would see it: our own loader with its patience taken away."""
    caught = []
    for seed in range(1, 61):
        one = Round(seed, tmp_path)
        if one.memory == "lasting" or one.sort.object == "VENDOR":
            continue
        one.settle = SettleSettings(timedelta(0), memory_proven=True)
        one.storm()
        one.world.close()
        caught += one.faults
        if caught:
            break
    assert any("stands too often" in fault for fault in caught)
