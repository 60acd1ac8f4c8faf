"""The clock that never jumps."""

from datetime import UTC, datetime, timedelta

from intacct_bridge.machine.clock import SteadyTime, steady_seconds

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def test_a_clock_that_is_set_changes_no_time() -> None:
    wall, steady = [NOON], [1000.0]
    now = SteadyTime(lambda: wall[0], lambda: steady[0])
    for jump in (timedelta(days=1), timedelta(days=-2), timedelta(hours=1)):
        wall[0] += jump
        steady[0] += 5
    assert now() == NOON + timedelta(seconds=15)


def test_the_steady_clock_goes_on() -> None:
    assert steady_seconds() <= steady_seconds()
    assert abs(SteadyTime()() - datetime.now(UTC)) < timedelta(hours=1)
