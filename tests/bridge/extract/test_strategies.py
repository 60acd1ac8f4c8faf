"""The strategy that is due follows from the stream, its bookmark and the options alone, and the estimate agrees."""

from dataclasses import replace

import pytest

from intacct_bridge.extract.options import ExtractOptions
from intacct_bridge.extract.strategies import Strategy, decide
from intacct_bridge.streams.bookmark import EVERYTHING, Bookmark, KeySpan
from intacct_bridge.streams.names import VirtualStream
from intacct_bridge.streams.stream import Stream
from intacct_protocol.xml.values import Kind
from support.extract.company import APBILL, TIMETYPE

FIRST, NEXT_DAY = "03/01/2026 12:00:00", "03/02/2026 12:00:00"
CURRENT = Bookmark().begin(FIRST, 1, full=True).end(7200)
REST = (KeySpan("2000", ""),)
REFRESHING = Bookmark().begin(FIRST, 1, full=True).advance(REST)
CATCHING_UP = CURRENT.begin(NEXT_DAY, 2, full=False).advance(REST)
BALANCES = Stream("trial_balance", "", {"k": Kind.TEXT}, "k", virtual=VirtualStream("trial_balance"))
DAY = 86_400


def started_at(bookmark: Bookmark, start: str) -> Bookmark:
    return replace(bookmark, progress=replace(bookmark.progress, start=start))


@pytest.mark.parametrize(
    ("stream", "bookmark", "options", "strategy", "reason"),
    [
        (APBILL, Bookmark(), ExtractOptions(), Strategy.FULL_REFRESH, "the stream was never read to the end"),
        (APBILL, CURRENT, ExtractOptions(), Strategy.INCREMENTAL, "changes are known by their time"),
        (APBILL, CURRENT, ExtractOptions(full=True), Strategy.FULL_REFRESH, "a full refresh was asked for"),
        (
            APBILL,
            CURRENT,
            ExtractOptions(full_every_by_stream={"APBILL": 0}),
            Strategy.FULL_REFRESH,
            "a full refresh is due",
        ),
        (
            APBILL,
            CURRENT,
            ExtractOptions(full_every_by_stream={"APBILL": DAY}),
            Strategy.FULL_REFRESH,
            "a full refresh is due",
        ),
        (
            APBILL,
            CURRENT,
            ExtractOptions(full_every_by_stream={"APBILL": 2 * DAY}),
            Strategy.INCREMENTAL,
            "changes are known by",
        ),
        (TIMETYPE, CURRENT, ExtractOptions(), Strategy.FULL_REFRESH, "the stream has no time of change"),
        (TIMETYPE, CURRENT, ExtractOptions(full_every=DAY), Strategy.FULL_REFRESH, "the stream has no time of change"),
        (TIMETYPE, CURRENT, ExtractOptions(full_every=2 * DAY), Strategy.SKIP, "read less than full_every ago"),
        (TIMETYPE, CURRENT, ExtractOptions(full_every=2 * DAY, full=True), Strategy.FULL_REFRESH, "was asked for"),
        (BALANCES, Bookmark(), ExtractOptions(), Strategy.REPLACE, "a virtual stream"),
        (BALANCES, CURRENT, ExtractOptions(full_every=2 * DAY), Strategy.SKIP, "read less than full_every ago"),
        (APBILL, REFRESHING, ExtractOptions(), Strategy.FULL_REFRESH, "a walk is in progress"),
        (APBILL, REFRESHING, ExtractOptions(full=True), Strategy.FULL_REFRESH, "a walk is in progress"),
        (APBILL, CATCHING_UP, ExtractOptions(), Strategy.INCREMENTAL, "a walk is in progress"),
        (APBILL, CATCHING_UP, ExtractOptions(full=True), Strategy.FULL_REFRESH, "a full refresh was asked for"),
    ],
)
def test_the_strategy_and_its_reason(
    stream: Stream, bookmark: Bookmark, options: ExtractOptions, strategy: Strategy, reason: str
) -> None:
    due = decide(stream, bookmark, options, NEXT_DAY)
    assert due.strategy is strategy
    assert reason in due.reason


@pytest.mark.parametrize(
    ("bookmark", "options", "since", "unread", "resumes"),
    [
        (Bookmark(), ExtractOptions(), "", EVERYTHING, False),
        (Bookmark(), ExtractOptions(start=FIRST), FIRST, EVERYTHING, False),
        (CURRENT, ExtractOptions(start=FIRST, full=True), "", EVERYTHING, False),
        (CURRENT, ExtractOptions(), "03/01/2026 10:00:00", EVERYTHING, False),
        (CATCHING_UP, ExtractOptions(), "03/01/2026 10:00:00", REST, True),
        (REFRESHING, ExtractOptions(), "", REST, True),
        (started_at(REFRESHING, FIRST), ExtractOptions(), FIRST, REST, True),
        (started_at(REFRESHING, FIRST), ExtractOptions(full=True), "", EVERYTHING, True),
        (started_at(CURRENT, FIRST), ExtractOptions(full_every_by_stream={"APBILL": 0}), FIRST, EVERYTHING, False),
    ],
)
def test_the_time_and_the_keys_from_which_a_stream_is_read(
    bookmark: Bookmark, options: ExtractOptions, since: str, unread: tuple[KeySpan, ...], resumes: bool
) -> None:
    due = decide(APBILL, bookmark, options, NEXT_DAY)
    assert (due.since, due.unread, due.resumes) == (since, unread, resumes)


@pytest.mark.parametrize("bookmark", [CURRENT, REFRESHING, CATCHING_UP])
def test_columns_that_the_copy_lacks_take_a_full_refresh_from_the_beginning(bookmark: Bookmark) -> None:
    due = decide(APBILL, bookmark, ExtractOptions(), NEXT_DAY, lacks_columns=True)
    assert (due.strategy, due.unread, due.resumes) == (Strategy.FULL_REFRESH, EVERYTHING, False)
