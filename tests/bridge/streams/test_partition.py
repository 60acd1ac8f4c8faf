"""Which rows a query keeps: windows of days hold every day once, and changes hold rows that were never changed."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_bridge.streams.bookmark import KeySpan
from intacct_bridge.streams.partition import (
    DayWindow,
    Partition,
    changed_since,
    distinct_values,
    lookup_filters,
    split_days,
    unchanged_since,
)
from intacct_bridge.streams.stream import Stream
from intacct_protocol.model.query.evaluate import predicate
from intacct_protocol.model.query.query import Compare, Filter, Op, all_of
from intacct_protocol.xml.values import Kind, Value, render_value

DAY = timedelta(days=1)
FIRST = date(2026, 1, 30)


def holds(window: DayWindow, day: date) -> bool:
    """Whether a window holds a day, reckoned from its ends alone."""
    return (window.first is None or window.first <= day) and (window.last is None or day <= window.last)


@given(st.integers(0, 400), st.integers(-3, 60))
def test_each_day_is_in_one_window_also_those_outside(length: int, parts: int) -> None:
    last = FIRST + length * DAY
    windows = split_days(FIRST, last, parts)
    assert len(windows) == max(1, min(parts, length + 1))
    for day in (FIRST + number * DAY for number in range(-40, length + 41)):
        assert sum(holds(window, day) for window in windows) == 1, day


def test_windows_are_of_about_the_same_length() -> None:
    assert split_days(date(2026, 1, 1), date(2026, 1, 10), 3) == (
        DayWindow(None, date(2026, 1, 3)),
        DayWindow(date(2026, 1, 4), date(2026, 1, 6)),
        DayWindow(date(2026, 1, 7), None),
    )


@given(st.integers(0, 100))
def test_a_window_is_halved_without_losing_a_day(length: int) -> None:
    window = DayWindow(FIRST, FIRST + length * DAY)
    halves = window.halves()
    if not length:
        assert halves is None
        return
    assert halves is not None
    first, second = halves
    assert (first.first, second.last) == (window.first, window.last)
    assert first.last is not None
    assert second.first == first.last + DAY
    assert abs((first.last - FIRST).days - (window.last - second.first).days) <= 1  # type: ignore[operator]


@pytest.mark.parametrize(
    "window", [DayWindow(FIRST, FIRST + 3 * DAY), DayWindow(None, FIRST), DayWindow(FIRST, None), DayWindow()]
)
def test_a_windows_filter_keeps_its_days(window: DayWindow) -> None:
    filters = window.filter("DAY")
    keeps = predicate(all_of(filters), {"DAY": Kind.DATE}.__getitem__) if filters else (lambda _: True)
    for day in (FIRST + number * DAY for number in range(-2, 6)):
        assert keeps({"DAY": render_value(Kind.DATE, day)}) == holds(window, day), day
    assert DayWindow.parse(str(window)) == window


@pytest.mark.parametrize("window", [DayWindow(None, FIRST), DayWindow(FIRST, None), DayWindow(FIRST, FIRST)])
def test_an_open_end_and_a_single_day_have_no_halves(window: DayWindow) -> None:
    assert window.halves() is None


STREAM = Stream(
    "VENDOR",
    "VENDOR",
    {"RECORDNO": Kind.INTEGER, "WHENMODIFIED": Kind.TIMESTAMP, "WHENCREATED": Kind.TIMESTAMP},
    key="RECORDNO",
    modified="WHENMODIFIED",
    created="WHENCREATED",
)
SINCE = "01/31/2026 10:00:00"
BEFORE, AT, LATER = "01/31/2026 09:59:59", SINCE, "02/01/2026 00:00:00"


@pytest.mark.parametrize(
    ("modified", "created", "kept"),
    [
        (LATER, BEFORE, True),
        (AT, BEFORE, True),
        (BEFORE, LATER, False),
        ("", LATER, True),  # never changed since it was created
        ("", AT, True),
        ("", BEFORE, False),
        ("", "", True),  # nothing tells when it came
        (BEFORE, "", False),
    ],
)
def test_changes_hold_rows_that_were_created_and_never_changed(modified: str, created: str, kept: bool) -> None:
    row = {"WHENMODIFIED": modified or None, "WHENCREATED": created or None}
    assert kept_by(changed_since(STREAM, SINCE), row) == kept


def kept_by(node: Filter, row: dict[str, str | None]) -> bool:
    return bool(predicate(node, STREAM.fields.__getitem__)(row))


def test_without_a_time_of_creation_every_row_that_was_never_changed_is_read() -> None:
    node = changed_since(replace(STREAM, created=""), SINCE)
    assert kept_by(node, {"WHENMODIFIED": None, "WHENCREATED": BEFORE})
    assert not kept_by(node, {"WHENMODIFIED": BEFORE, "WHENCREATED": BEFORE})


def test_lookups_are_cut_into_lists_that_the_gateway_takes() -> None:
    values: list[Value] = list(range(1, 2502))
    made = list(lookup_filters("RECORDNO", values))
    assert [value for _, some in made for value in some] == values
    for node, some in made:
        assert node == Compare("RECORDNO", Op.IN, tuple(some))
        assert len(some) <= 1000  # Sage: at most 1000 values in one list
    assert distinct_values([3, None, 1, 3, None]) == [3, 1]


@pytest.mark.parametrize("modified", [None, BEFORE, AT, LATER])
@pytest.mark.parametrize("created", [None, BEFORE, AT, LATER])
@pytest.mark.parametrize("stream", [STREAM, replace(STREAM, created="")])
def test_each_row_has_changed_or_has_not(stream: Stream, created: str | None, modified: str | None) -> None:
    """But for one without any time, of an object without a time of creation: it is always read as changed."""
    row = {"WHENMODIFIED": modified, "WHENCREATED": created}
    changed, unchanged = kept_by(changed_since(stream, SINCE), row), kept_by(unchanged_since(stream, SINCE), row)
    assert changed != unchanged
    assert stream.created or modified or changed


def test_a_page_asks_for_a_span_of_the_rows_that_are_wanted() -> None:
    own, wanted = Compare("RECORDNO", Op.GREATERTHAN, (3,)), Compare("RECORDNO", Op.LESSTHAN, (90,))
    span = KeySpan("5", "20")
    assert not Partition(STREAM, "RECORDNO").as_text
    assert Partition(STREAM, "WHENCREATED").as_text
    everything = Partition(STREAM, "RECORDNO").query(KeySpan())
    assert (everything.where, everything.select) == (None, tuple(STREAM.fields))
    query = Partition(replace(STREAM, where=own), "RECORDNO", where=(wanted,), select=("RECORDNO",)).query(span)
    assert query.select == ("RECORDNO",)
    assert query.where is not None
    keeps = predicate(query.where, STREAM.fields.__getitem__)
    assert [number for number in (3, 5, 6, 19, 20, 90) if keeps({"RECORDNO": str(number)})] == [6, 19]
    far = Partition(replace(STREAM, where=own), "RECORDNO", where=(wanted,)).query(KeySpan())
    assert far.where is not None
    keeps = predicate(far.where, STREAM.fields.__getitem__)
    assert [number for number in (3, 4, 89, 90) if keeps({"RECORDNO": str(number)})] == [4, 89]
    assert query.show_private and not query.order[0].descending
    assert Partition(STREAM, "RECORDNO").query(span, descending=True).order[0].descending
