"""Schedules: due times by cron in a time zone, and by an interval, are what a calendar says."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_bridge.errors import SettingsError
from intacct_bridge.fleet.schedule import Schedule


def due(text: str, *moments: str) -> list[str]:
    schedule = Schedule.of(text, where="the schedule")
    return [f"{schedule.next_after(datetime.fromisoformat(one)):%Y-%m-%dT%H:%M}" for one in moments]


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("15 2 * * *", "2026-11-30T02:14:59+00:00", "2026-11-30T02:15"),
        ("15 2 * * *", "2026-11-30T02:15:00+00:00", "2026-12-01T02:15"),
        ("0 6 * * 1-5", "2026-11-27T06:00:00+00:00", "2026-11-30T06:00"),
        ("@daily", "2026-11-30T00:00:00+00:00", "2026-12-01T00:00"),
        ("0 2 29 2 *", "2026-11-30T00:00:00+00:00", "2028-02-29T02:00"),
        ("0 9 * * * America/New_York", "2026-07-01T00:00:00+00:00", "2026-07-01T13:00"),
        ("0 9 * * * America/New_York", "2026-12-01T00:00:00+00:00", "2026-12-01T14:00"),
        # the clock skips from 2:00 to 3:00 on 8 March 2026, and repeats 1:00 to 2:00 on 1 November 2026
        ("30 2 * * * America/New_York", "2026-03-08T00:00:00+00:00", "2026-03-08T07:30"),
        ("30 1 * * * America/New_York", "2026-11-01T00:00:00+00:00", "2026-11-01T05:30"),
        ("30 1 * * * America/New_York", "2026-11-01T05:30:00+00:00", "2026-11-02T06:30"),
        ("every 15m", "2026-11-30T12:00:00+00:00", "2026-11-30T12:15"),
        ("2 hours", "2026-11-30T12:00:01+00:00", "2026-11-30T14:00"),
        ("every 1d", "2026-11-30T12:00:01+00:00", "2026-12-01T00:00"),
    ],
)
def test_the_next_due_time(text: str, after: str, expected: str) -> None:
    assert due(text, after) == [expected]


@given(st.integers(10, 90_000), st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)), st.text(max_size=5))
def test_due_times_of_an_interval_are_one_interval_apart(seconds: int, moment: datetime, spread: str) -> None:
    schedule = Schedule.of(f"{seconds}s", where="")
    at = moment.replace(tzinfo=UTC)
    first = schedule.next_after(at, spread=spread)
    assert timedelta() < first - at <= timedelta(seconds=seconds)
    assert schedule.next_after(first, spread=spread) - first == timedelta(seconds=seconds)


def test_tenants_are_spread_over_the_interval() -> None:
    at = datetime(2026, 11, 30, tzinfo=UTC)
    times = [Schedule.of("every 1h", where="").next_after(at, spread=f"tenant {number}") for number in range(600)]
    quarters = [sum((one - at).total_seconds() // 900 == quarter for one in times) for quarter in range(4)]
    assert min(quarters) > 100


@given(st.sampled_from(["15 2 * * 1-6", "@hourly", "0 9 1 * * Europe/Berlin", "every 15m", "90s", "48h", "1 day"]))
def test_a_schedule_survives_being_written(text: str) -> None:
    schedule = Schedule.of(text, where="")
    assert Schedule.of(str(schedule), where="") == schedule


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 25 * * *", "is not a time of cron"),
        ("0 2 30 2 *", "is not a time of cron"),
        ("at noon", "is not a time of cron"),
        ("0 2 * * * Europe/Berlim", "is not a time zone"),
        ("every 1s", "10 seconds or more"),
        ("", "must be text"),
        (5, "must be text"),
    ],
)
def test_what_is_no_schedule_is_refused(text: object, said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Schedule.of(text, where="tenant 'acme', nightly")
    assert said in f"{refused.value.message} {refused.value.fix}"
    assert "acme" in refused.value.message
