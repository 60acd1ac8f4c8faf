"""Bookmarks survive JSON and interruption, and have one form on disk; times never move forward."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_bridge.streams.bookmark import (
    AnswerFormat,
    Bookmark,
    CopiedColumns,
    DeleteProgress,
    KeySpan,
    WalkProgress,
)
from intacct_bridge.streams.times import earlier, filter_time, format_time, parse_time, seconds_before
from intacct_protocol.errors import SettingsError

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
"""Bookmarks in every state with the states that follow, as another implementation of them has computed."""
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
def test_a_stored_bookmark_is_read_and_written_unchanged(sample: dict[str, Any]) -> None:
    bookmark = Bookmark.from_dict(sample["stored"])
    assert json.dumps(bookmark.to_dict()) == json.dumps(sample["stored"])
    assert (bookmark.in_progress, bookmark.last_key) == (sample["in_progress"], sample["last_key"])


@pytest.mark.parametrize("sample", STORED, ids=[one["name"] for one in STORED])
def test_a_bookmark_passes_into_the_states_that_another_implementation_has_computed(sample: dict[str, Any]) -> None:
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
    assert further.end() == done, "two hours are read again"
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
    "plain", [{"since": "yesterday"}, {"unread": [{"low": 1}]}, {"unread": 5}, {"started": 12}, {"since": "13/45/2026"}]
)
def test_a_damaged_state_is_refused_with_its_fix(plain: dict[str, object]) -> None:
    with pytest.raises(SettingsError) as refused:
        Bookmark.from_dict({"progress": plain})
    assert "read it in full again" in refused.value.fix


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("progress", "since"), ("progress", "started"), ("progress", "refreshed_at"), ("progress", "start"),
        ("deletes", "since"), ("deletes", "compared_at"), ("formatting", "known_at"),
    ],
)  # fmt: skip
def test_every_time_of_a_stored_state_is_checked(part: str, name: str) -> None:
    with pytest.raises(SettingsError, match="damaged"):
        Bookmark.from_dict({part: {name: "13/45/2026 10:00:00"}})
    assert Bookmark.from_dict({part: {name: "12/31/2026 10:00:00"}}).to_dict() == {part: {name: "12/31/2026 10:00:00"}}


def test_the_form_on_disk() -> None:
    """Pinned: copies hold it."""
    progress = WalkProgress(
        "01/01/2026 00:00:00", "01/02/2026 00:00:00", True, 3, (KeySpan("4", "9"), KeySpan("12", "")),
        ("/2026-02-28",), "5", "01/03/2026 00:00:00", 2, "01/04/2026 00:00:00", "marks",
    )  # fmt: skip
    bookmark = Bookmark(
        progress,
        DeleteProgress("01/05/2026 00:00:00", "01/06/2026 00:00:00", True, True),
        AnswerFormat("MM/DD/YYYY", "01/07/2026 00:00:00", "ME"),
        CopiedColumns(("A",), "of a report", ("B",)),
    )
    plain = {
        "progress": {
            "since": "01/01/2026 00:00:00", "started": "01/02/2026 00:00:00", "full": True, "run": 3,
            "unread": [{"low": "4", "high": "9"}, {"low": "12", "high": ""}], "windows": ["/2026-02-28"],
            "replaced_up_to": "5", "refreshed_at": "01/03/2026 00:00:00", "refreshed_by": 2,
            "start": "01/04/2026 00:00:00", "known_rows": "marks",
        },
        "deletes": {
            "since": "01/05/2026 00:00:00", "compared_at": "01/06/2026 00:00:00", "uncounted": True,
            "found_deleted": True,
        },
        "formatting": {"text": "MM/DD/YYYY", "known_at": "01/07/2026 00:00:00", "user": "ME"},
        "columns": {"unqueryable": ["A"], "variant": "of a report", "unfilled": ["B"]},
    }  # fmt: skip
    assert bookmark.to_dict() == plain
    assert Bookmark.from_dict(plain) == bookmark
    assert (bookmark.full, bookmark.last_key, Bookmark().last_key) == (True, "4", "")


@pytest.mark.parametrize(
    "plain", [{"since": 5}, {"full": "yes"}, {"run": "3"}, {"known_rows": None}, {"unread": [["1"]]}]
)
def test_a_stored_value_of_another_kind_is_damage(plain: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match="the stored state is damaged"):
        Bookmark.from_dict({"progress": plain})
    assert Bookmark.from_dict({"progress": {"since": "", "started": ""}}) == Bookmark()


def test_a_walk_ends_two_hours_before_its_start_unless_told_otherwise() -> None:
    walking = Bookmark().begin(FIRST, 7, full=True)
    assert walking.end().since == "03/01/2026 10:00:00"
    assert not walking.refreshed_since(Bookmark())
    again = walking.end().begin(LATER, 8, full=True)
    assert not again.refreshed_since(Bookmark()), "it has not ended"
    assert again.end().refreshed_since(walking.end())
    assert not walking.end().refreshed_since(walking.end())


def test_a_stream_that_is_read_as_before_goes_on() -> None:
    walking = Bookmark(columns=CopiedColumns(variant="a")).begin(FIRST, 7, full=True)
    assert walking.for_variant("a") is walking
    other = walking.for_variant("b")
    assert (other.in_progress, other.columns.variant) == (False, "b")


EARLY, EARLIER = "02/01/2026 00:00:00", "01/15/2026 00:00:00"


@pytest.mark.parametrize(
    ("before", "known", "at"),
    [
        (AnswerFormat("X", LATER, "ME"), AnswerFormat("X", FIRST, "ME"), LATER),
        (AnswerFormat("X", FIRST, "ME"), AnswerFormat("X", LATER, "ME"), LATER),
        (AnswerFormat("X", LATER, "ME"), AnswerFormat("X", FIRST, "YOU"), FIRST),
        (AnswerFormat("X", LATER, "ME"), AnswerFormat("Y", FIRST, "YOU"), FIRST),
        (AnswerFormat("", "", "ME"), AnswerFormat("X", FIRST, "ME"), FIRST),
    ],
)
def test_a_formatting_is_known_from_its_latest_time_for_the_same_user(
    before: AnswerFormat, known: AnswerFormat, at: str
) -> None:
    found = Bookmark(WalkProgress(since=LATER), formatting=before).with_formatting(known, **SECONDS)
    assert (found.formatting.text, found.formatting.user, found.formatting.known_at) == (known.text, known.user, at)
    assert found.since == LATER


@pytest.mark.parametrize(
    ("progress", "since", "walks"),
    [
        # read in full before the last certain time: what came since then is read again, less the overlap
        (WalkProgress(since=LATER, refreshed_at=EARLY), "03/01/2026 10:00:00", False),
        (WalkProgress(since=EARLY), EARLY, False),
        (WalkProgress(since=EARLY, started=LATER, full=True), EARLY, True),
        # read in full since then, or never: all of it is read again
        (WalkProgress(since=LATER, refreshed_at=LATER), "", False),
        (WalkProgress(since=LATER, refreshed_at=FIRST), "", False),
        (WalkProgress(started=LATER, full=True, unread=(KeySpan("9"),)), "", True),
        (WalkProgress(since=LATER, refreshed_at=LATER, started=LATER, unread=(KeySpan("9"),)), "", False),
    ],
)
def test_what_was_read_since_the_last_certain_time_is_read_again(
    progress: WalkProgress, since: str, walks: bool
) -> None:
    before = Bookmark(progress, DeleteProgress(LATER), AnswerFormat("X", FIRST, "ME"))
    found = before.with_formatting(AnswerFormat("Y", LATER, "ME"), **SECONDS)
    assert (found.since, found.in_progress) == (since, walks)
    assert found.last_key == ""
    assert found.deletes.since == "03/01/2026 09:30:00"  # 9,000 seconds before the last certain time
    early = Bookmark(progress, DeleteProgress(EARLIER), AnswerFormat("X", FIRST, "ME"))
    assert early.with_formatting(AnswerFormat("Y", LATER, "ME"), **SECONDS).deletes.since == EARLIER
    never = Bookmark(progress, DeleteProgress(), AnswerFormat("X", FIRST, "ME"))
    assert never.with_formatting(AnswerFormat("Y", LATER, "ME"), **SECONDS).deletes.since == ""


def test_times_have_a_zone_or_are_utc() -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert parse_time("2026-03-01T14:00:00+02:00") == parse_time("2026-03-01T12:00:00") == noon
    assert format_time(noon.astimezone(timezone(timedelta(hours=2)))) == "03/01/2026 12:00:00"
    assert filter_time("03/01/2026 12:00:00") == "03/01/2026 11:00:00"  # summer time may begin or end
    assert filter_time("03/01/2026 12:00:00", -480) == "03/01/2026 03:00:00"
    assert filter_time("03/01/2026 12:00:00", 60, "user") == "03/01/2026 12:00:00"
    assert filter_time("03/01/2026 12:00:00", 60, "utc") == "03/01/2026 12:00:00"
