"""A short torture of the event log in every run of the suite; `make torture-watch` is the long one."""

import pytest

from torture.watch import run

pytestmark = pytest.mark.slow


def test_every_state_that_a_poll_saw_is_delivered_in_order_whatever_is_killed() -> None:
    tally = run(rounds=4, edits=6, seed=3, within=0.1)
    assert tally.failures == []
    assert tally.counts["watchers killed"] > 0
    assert tally.counts["deliveries"] >= tally.counts["events"] > 10
