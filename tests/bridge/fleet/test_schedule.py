"""Schedules: due times by cron in a time zone, and by an interval, are what a calendar says."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_bridge.fleet.schedule import Schedule
from intacct_protocol.errors import SettingsError


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
        ("30 2 * * * America/New_York", "2026-03-08T00:00:00+00:00", "2026-03-08T07:00"),
        ("30 1 * * * America/New_York", "2026-11-01T00:00:00+00:00", "2026-11-01T05:30"),
        ("30 1 * * * America/New_York", "2026-11-01T05:30:00+00:00", "2026-11-02T06:30"),
        ("every 15m", "2026-11-30T12:00:00+00:00", "2026-11-30T12:15"),
        ("2 hours", "2026-11-30T12:00:01+00:00", "2026-11-30T14:00"),
        ("every 1d", "2026-11-30T12:00:01+00:00", "2026-12-01T00:00"),
    ],
)
def test_the_next_due_time(text: str, after: str, expected: str) -> None:
    assert due(text, after) == [expected]


CHANGES = {
    # the due times in UTC, from midnight until five o'clock
    ("30 2 * * *", "America/New_York", "2026-03-08"): ["07:00"],
    ("0,30 2 * * *", "America/New_York", "2026-03-08"): ["07:00"],
    ("30 1-3 * * *", "America/New_York", "2026-03-08"): ["06:30", "07:00", "07:30"],
    ("30 */2 * * *", "America/New_York", "2026-03-08"): ["05:30", "08:30"],
    ("0 3 * * *", "America/New_York", "2026-03-08"): ["07:00"],
    ("30 1 * * *", "America/New_York", "2026-11-01"): ["05:30"],
    ("0 2 * * *", "America/New_York", "2026-11-01"): ["07:00"],
    ("30 * * * *", "America/New_York", "2026-11-01"): ["04:30", "05:30", "06:30", "07:30", "08:30", "09:30"],
    ("30 2 * * *", "Europe/Berlin", "2026-03-29"): ["01:00"],
    ("0 2 * * 0", "Europe/Berlin", "2026-03-29"): ["01:00"],
    ("30 3 * * *", "Europe/Berlin", "2026-03-29"): ["01:30"],
    ("30 * * * *", "Europe/Berlin", "2026-03-29"): ["23:30", "00:30", "01:30", "02:30"],
    ("*/30 2 * * *", "Europe/Berlin", "2026-03-29"): ["01:00"],
    ("@hourly", "Europe/Berlin", "2026-03-29"): ["23:00", "00:00", "01:00", "02:00"],
    ("30 2 * * *", "Europe/Berlin", "2026-10-25"): ["00:30"],
    ("*/30 2 * * *", "Europe/Berlin", "2026-10-25"): ["00:00", "00:30"],
    ("0 3 * * *", "Europe/Berlin", "2026-10-25"): ["02:00"],
    ("0 * * * *", "Europe/Berlin", "2026-10-25"): ["22:00", "23:00", "00:00", "01:00", "02:00", "03:00"],
    # by half an hour, from 2:00 to 2:30 and from 2:00 back to 1:30
    ("15 2 * * *", "Australia/Lord_Howe", "2026-10-04"): ["15:30"],
    ("45 1 * * *", "Australia/Lord_Howe", "2026-04-05"): ["14:45"],
}


@pytest.mark.parametrize(("cron", "zone", "day"), CHANGES)
def test_the_due_times_of_a_day_on_which_the_clock_changes(cron: str, zone: str, day: str) -> None:
    schedule = Schedule.of(f"{cron} {zone}", where="")
    midnight = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone))
    last = midnight.replace(hour=5)
    found, at = [], midnight - timedelta(microseconds=1)
    while (at := schedule.next_after(at)) < last:
        found.append(f"{at:%H:%M}")
    assert found == CHANGES[cron, zone, day]


@given(
    st.sampled_from(["30 2 * * *", "30 * * * *", "*/20 1-3 * * *", "0 3 * * 0", "7 */5 29 3 *"]),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)),
    st.integers(0, 5_000_000),
)
def test_no_due_time_lies_between_a_moment_and_the_next_due_time(
    cron: str, zone: str, moment: datetime, seconds: int
) -> None:
    schedule = Schedule.of(f"{cron} {zone}", where="")
    at = moment.replace(tzinfo=UTC)
    following = schedule.next_after(at)
    assert following > at
    between = at + timedelta(seconds=seconds)
    if between < following:
        assert schedule.next_after(between) == following
    else:
        assert schedule.next_after(between) > between


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
