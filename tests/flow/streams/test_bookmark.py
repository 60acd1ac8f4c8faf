"""Bookmarks survive JSON and interruption; times never move forward by accident."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_bridge.errors import SettingsError
from intacct_bridge.flow.streams.bookmark import Bookmark, KeySpan, earlier, less, moment, sent, wall

TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2060, 1, 1)).map(lambda t: t.replace(microsecond=0, tzinfo=UTC))
SPANS = st.lists(st.builds(KeySpan, st.text(max_size=5), st.text(max_size=5)), max_size=3).map(tuple)
BOOKMARKS = st.builds(
    Bookmark,
    since=st.just("") | TIMES.map(wall),
    started=st.just("") | TIMES.map(wall),
    full=st.booleans(),
    walk=st.integers(0, 10**6),
    unread=SPANS,
    windows=st.just(()) | st.just(("/2026-02-28", "2026-03-01/")),
    read_in_full=st.just("") | TIMES.map(wall),
    deletes_since=st.just("") | TIMES.map(wall),
    replaced=st.text(max_size=3),
    swept=st.just("") | TIMES.map(wall),
    dropped=st.lists(st.text(min_size=1, max_size=5), max_size=2).map(tuple),
)


@given(TIMES)
def test_a_time_comes_back_from_its_text(when: datetime) -> None:
    assert moment(wall(when)) == when
    assert moment(when.isoformat()) == when


@given(BOOKMARKS)
def test_a_bookmark_comes_back_from_plain_data(bookmark: Bookmark) -> None:
    plain = bookmark.to_dict()
    assert Bookmark.from_dict(plain) == bookmark
    assert Bookmark.from_dict(plain | {"of a later version": 1}) == bookmark


def test_a_first_walk_reads_everything_and_the_next_since_is_its_start_less_the_overlap() -> None:
    walking = Bookmark().begin("03/01/2026 12:00:00", 7, full=True)
    assert walking.in_progress
    assert walking.unread == (KeySpan(),)
    further = walking.come_to((KeySpan("2000", "9000"),))
    assert (further.last_key, further.started) == ("2000", "03/01/2026 12:00:00")
    done = further.end(7200)
    assert (done.since, done.in_progress, done.unread) == ("03/01/2026 10:00:00", False, ())
    assert done.read_in_full == "03/01/2026 12:00:00"


def test_a_walk_over_changes_does_not_count_as_one_over_everything() -> None:
    read = Bookmark(since="03/01/2026 10:00:00", read_in_full="03/01/2026 12:00:00")
    again = read.begin("03/02/2026 12:00:00", 8, full=False).end(60)
    assert (again.since, again.read_in_full) == ("03/02/2026 11:59:00", "03/01/2026 12:00:00")


def test_two_walks_over_everything_in_one_second_are_two() -> None:
    first = Bookmark().begin("03/01/2026 12:00:00", 1, full=True).end(60)
    second = first.begin("03/01/2026 12:00:00", 2, full=True)
    changes = first.begin("03/01/2026 12:00:00", 2, full=False)
    assert first.ends_whole(Bookmark())
    assert second.end(60).ends_whole(first)
    assert not second.ends_whole(first)
    assert not changes.end(60).ends_whole(first)


@given(TIMES, st.integers(-14 * 60, 14 * 60), st.sampled_from([0, 60]))
def test_the_time_sent_is_early_enough_however_the_gateway_reads_it(when: datetime, offset: int, summer: int) -> None:
    """The gateway takes the text as UTC, or as the user's wall clock with or without daylight saving."""
    text = moment(sent(wall(when), offset))
    as_utc = text
    as_user = text - timedelta(minutes=offset)
    as_user_in_summer = text - timedelta(minutes=offset + summer)
    assert max(as_utc, as_user, as_user_in_summer) <= when
    assert max(as_utc, as_user) >= when - timedelta(hours=1)


@given(TIMES, st.integers(-14 * 60, 14 * 60))
def test_a_calibrated_connection_reads_little_twice(when: datetime, offset: int) -> None:
    assert moment(sent(wall(when), offset, "utc")) == when
    as_user = moment(sent(wall(when), offset, "user")) - timedelta(minutes=offset)
    assert when - timedelta(hours=1) <= as_user <= when


@given(TIMES, st.integers(0, 10**6))
def test_less_and_earlier_compare_times_and_not_texts(when: datetime, seconds: int) -> None:
    before = less(wall(when), seconds)
    assert moment(before) == when - timedelta(seconds=seconds)
    assert earlier(wall(when), before) == before


@pytest.mark.parametrize(
    "plain", [{"since": "yesterday"}, {"unread": [["1"]]}, {"unread": 5}, {"started": 12}, {"since": "13/45/2026"}]
)
def test_damaged_state_is_refused_with_its_fix(plain: dict[str, object]) -> None:
    with pytest.raises(SettingsError) as refused:
        Bookmark.from_dict(plain)
    assert "read it in full again" in refused.value.fix
