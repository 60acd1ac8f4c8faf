"""Bookmarks survive JSON and interruption, and have the form on disk of the first version; times never move forward."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_bridge.errors import SettingsError
from intacct_bridge.flow.streams.bookmark import (
    AnswerFormat,
    Bookmark,
    CopiedColumns,
    DeleteProgress,
    KeySpan,
    WalkProgress,
)
from intacct_bridge.flow.streams.times import earlier, filter_time, format_time, parse_time, seconds_before

TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2060, 1, 1)).map(lambda t: t.replace(microsecond=0, tzinfo=UTC))
TEXTS = st.just("") | TIMES.map(format_time)
NAMES = st.lists(st.text(min_size=1, max_size=5), max_size=2).map(tuple)
SPANS = st.lists(st.builds(KeySpan, st.text(max_size=5), st.text(max_size=5)), max_size=3).map(tuple)
PROGRESS = st.builds(
    WalkProgress,
    since=TEXTS,
    started=TEXTS,
    full=st.booleans(),
    run=st.integers(0, 10**6),
    unread=SPANS,
    windows=st.just(()) | st.just(("/2026-02-28", "2026-03-01/")),
    replaced_up_to=st.text(max_size=3),
    refreshed_at=TEXTS,
    refreshed_by=st.integers(0, 10**6),
    start=TEXTS,
    known_rows=st.text(max_size=16),
)
BOOKMARKS = st.builds(
    Bookmark,
    PROGRESS,
    st.builds(DeleteProgress, TEXTS, TEXTS, st.booleans(), st.booleans()),
    st.builds(AnswerFormat, st.text(max_size=9), TEXTS, st.text(max_size=9)),
    st.builds(CopiedColumns, NAMES, st.text(max_size=9), NAMES),
)
STORED = json.loads((Path(__file__).parent / "stored_bookmarks.json").read_text("utf-8"))["samples"]
"""Bookmarks in every state, written by the version before bookmarks had parts, with the states that followed."""
FIRST, LATER = "03/01/2026 12:00:00", "03/05/2026 08:30:00"
SECONDS = {"overlap_seconds": 7200, "trail_seconds": 9000}


@given(TIMES)
def test_a_time_is_read_back_from_its_text(when: datetime) -> None:
    assert parse_time(format_time(when)) == when
    assert parse_time(when.isoformat()) == when


@given(BOOKMARKS)
def test_a_bookmark_is_read_back_from_plain_data(bookmark: Bookmark) -> None:
    plain = json.loads(json.dumps(bookmark.to_dict()))
    assert Bookmark.from_dict(plain) == bookmark
    assert Bookmark.from_dict(plain | {"of a later version": 1}) == bookmark


@pytest.mark.parametrize("sample", STORED, ids=[one["name"] for one in STORED])
def test_a_bookmark_of_an_earlier_version_is_read_and_written_unchanged(sample: dict[str, Any]) -> None:
    bookmark = Bookmark.from_dict(sample["stored"])
    assert json.dumps(bookmark.to_dict()) == json.dumps(sample["stored"])
    assert (bookmark.in_progress, bookmark.last_key) == (sample["in_progress"], sample["last_key"])


@pytest.mark.parametrize("sample", STORED, ids=[one["name"] for one in STORED])
def test_a_bookmark_of_an_earlier_version_passes_into_the_same_states(sample: dict[str, Any]) -> None:
    bookmark = Bookmark.from_dict(sample["stored"])
    then = {
        "begin full": bookmark.begin(LATER, 9, full=True),
        "begin incremental": bookmark.begin(LATER, 9, full=False),
        "restarted": bookmark.restart(),
        "abandoned": bookmark.abandon(),
        "ended": bookmark.end(7200) if bookmark.in_progress else None,
        "advanced": bookmark.advance((KeySpan("8", "99"),)),
        "same formatting": bookmark.with_formatting(AnswerFormat("MM/DD/YYYY 24 -480", FIRST, "XML_USER"), **SECONDS),
        "other formatting": bookmark.with_formatting(AnswerFormat("DD/MM/YYYY 12 +60", LATER, "XML_USER"), **SECONDS),
        "another user's formatting": bookmark.with_formatting(
            AnswerFormat("DD/MM/YYYY 12 +60", LATER, "SOMEONE"), **SECONDS
        ),
        "other arguments": bookmark.for_variant("account_balances:?by=class"),
    }
    assert {name: one and one.to_dict() for name, one in then.items()} == sample["then"]


def test_a_first_walk_reads_everything_and_the_next_since_is_its_start_less_the_overlap() -> None:
    walking = Bookmark().begin("03/01/2026 12:00:00", 7, full=True)
    assert walking.in_progress
    assert walking.progress.unread == (KeySpan(),)
    further = walking.advance((KeySpan("2000", "9000"),))
    assert (further.last_key, further.progress.started) == ("2000", "03/01/2026 12:00:00")
    done = further.end(7200)
    assert (done.since, done.in_progress, done.progress.unread) == ("03/01/2026 10:00:00", False, ())
    assert done.progress.refreshed_at == "03/01/2026 12:00:00"


def test_an_incremental_walk_does_not_count_as_a_full_refresh() -> None:
    read = Bookmark(WalkProgress(since="03/01/2026 10:00:00", refreshed_at="03/01/2026 12:00:00"))
    again = read.begin("03/02/2026 12:00:00", 8, full=False).end(60)
    assert (again.since, again.progress.refreshed_at) == ("03/02/2026 11:59:00", "03/01/2026 12:00:00")


def test_two_full_refreshes_in_one_second_are_two() -> None:
    first = Bookmark().begin("03/01/2026 12:00:00", 1, full=True).end(60)
    second = first.begin("03/01/2026 12:00:00", 2, full=True)
    changes = first.begin("03/01/2026 12:00:00", 2, full=False)
    assert first.refreshed_since(Bookmark())
    assert second.end(60).refreshed_since(first)
    assert not second.refreshed_since(first)
    assert not changes.end(60).refreshed_since(first)


@given(TIMES, st.integers(-14 * 60, 14 * 60), st.sampled_from([0, 60]))
def test_the_time_in_a_filter_is_early_enough_however_the_gateway_reads_it(
    when: datetime, offset: int, summer: int
) -> None:
    """The gateway reads the text as UTC, or as the user's wall clock with or without daylight saving."""
    text = parse_time(filter_time(format_time(when), offset))
    as_utc = text
    as_user = text - timedelta(minutes=offset)
    as_user_in_summer = text - timedelta(minutes=offset + summer)
    assert max(as_utc, as_user, as_user_in_summer) <= when
    assert max(as_utc, as_user) >= when - timedelta(hours=1)


@given(TIMES, st.integers(-14 * 60, 14 * 60))
def test_a_calibrated_connection_reads_little_twice(when: datetime, offset: int) -> None:
    assert parse_time(filter_time(format_time(when), offset, "utc")) == when
    as_user = parse_time(filter_time(format_time(when), offset, "user")) - timedelta(minutes=offset)
    assert when - timedelta(hours=1) <= as_user <= when


@given(TIMES, st.integers(0, 10**6))
def test_times_are_compared_as_times_and_not_as_texts(when: datetime, seconds: int) -> None:
    before = seconds_before(format_time(when), seconds)
    assert parse_time(before) == when - timedelta(seconds=seconds)
    assert earlier(format_time(when), before) == before


@pytest.mark.parametrize(
    "plain", [{"since": "yesterday"}, {"unread": [["1"]]}, {"unread": 5}, {"started": 12}, {"since": "13/45/2026"}]
)
def test_a_damaged_state_is_refused_with_its_fix(plain: dict[str, object]) -> None:
    with pytest.raises(SettingsError) as refused:
        Bookmark.from_dict(plain)
    assert "read it in full again" in refused.value.fix


@pytest.mark.parametrize(
    "name", ["since", "started", "read_in_full", "deletes_since", "swept", "written_at", "from_day"]
)
def test_every_time_of_a_stored_state_is_checked(name: str) -> None:
    with pytest.raises(SettingsError, match="damaged"):
        Bookmark.from_dict({name: "13/45/2026 10:00:00"})
    assert Bookmark.from_dict({name: "12/31/2026 10:00:00"}).to_dict()[name] == "12/31/2026 10:00:00"
