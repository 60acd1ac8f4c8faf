"""Micro-batches of changes, without Spark: the same events for the same offsets, whatever happens in between."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.apps.spark.change_stream import ChangeFeed, change_columns, change_options, event_rows
from intacct_bridge.apps.spark.columns import columns_of
from intacct_bridge.machine.secret import unwrapped
from intacct_bridge.operations.partitioned_read import describe_streams
from intacct_bridge.shared_state.place import PostgresPlace
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_protocol.errors import RefusedError, SettingsError
from support.small_company import Clock, client, company, connection

NAMES = ("company_id", "user_id", "user_password", "sender_id", "sender_password", "environment")


class Office:
    """A company whose departments change, and the options of a stream that follows them."""

    def __init__(self, url: str, emulator: Emulator, clock: Clock, outbox: str) -> None:
        self.emulator, self.clock = emulator, clock
        made = connection()
        own = {"endpoint": url, "object": "DEPARTMENT", "watch": "w", "every": "0", "outbox": outbox}
        self.options = {name: str(unwrapped(getattr(made, name))) for name in NAMES} | own

    def feed(self, **more: str) -> ChangeFeed:
        """A query that begins or begins again."""
        return ChangeFeed(change_options(self.options | more))

    def create(self, *names: str) -> list[str]:
        self.clock.forward(minutes=10)
        with client(self.emulator) as one:
            return [done.key for done in one.create("DEPARTMENT", [{"DEPARTMENTID": n, "TITLE": n} for n in names])]

    def delete(self, *keys: str) -> None:
        self.clock.forward(minutes=10)
        with client(self.emulator) as one:
            one.delete("DEPARTMENT", keys)


@pytest.fixture(params=["sqlite", "postgresql"])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    clock = Clock()
    emulator = company(clock)
    if request.param == "sqlite":
        outbox = str(tmp_path / "outbox.sqlite3")
    else:
        place: PostgresPlace = request.getfixturevalue("postgres_place")
        outbox = f"{place.uri}&schema={place.schema}"
    with serve(emulator) as server:
        yield Office(server.url, emulator, clock, outbox)
    emulator.close()


def stored(offset: dict[str, Any]) -> dict[str, Any]:
    """An offset as a checkpoint gives it back."""
    found: dict[str, Any] = json.loads(json.dumps(offset))
    return found


def told(feed: ChangeFeed, start: dict[str, Any], end: dict[str, Any]) -> list[tuple[str, str]]:
    events = [event for part in feed.slices(start, end) for event in part.events]
    return [(str(one.kind), one.record.get("DEPARTMENTID", "")) for one in events]


def test_a_micro_batch_is_replayed_exactly_and_the_next_one_begins_behind_it(office: Office) -> None:
    feed = office.feed()
    start = stored(feed.latest(feed.first(), None))
    assert start["sequence"] == 0  # the first poll reads where the company stands
    office.create("N1", "N2", "N3")
    middle = stored(feed.latest(start, 2))
    assert told(feed, start, middle) == [("created", "N1"), ("created", "N2")]
    again = office.feed()  # the driver died before it committed
    (key,) = office.create("N4")
    assert told(again, start, middle) == [("created", "N1"), ("created", "N2")]
    again.commit(middle)
    end = stored(again.latest(middle, None))
    assert told(again, middle, end) == [("created", "N3"), ("created", "N4")]
    again.commit(end)
    office.delete(key)
    last = again.latest(end, None)
    assert told(again, end, last) == [("deleted", "N4")]
    assert again.latest(last, None) == last
    assert told(again, last, last) == []


def test_a_checkpoint_without_its_event_log_is_an_error_and_no_gap(office: Office) -> None:
    feed = office.feed()
    start = feed.latest(feed.first(), None)
    office.create("N1")
    end = stored(feed.latest(start, None))
    feed.commit(end)
    elsewhere = office.feed(watch="another")
    elsewhere.latest(elsewhere.first(), None)
    with pytest.raises(RefusedError, match="missing from the event log of the watch another"):
        elsewhere.slices(end, end)
    with pytest.raises(RefusedError, match="is missing from the event log"):
        office.feed().slices({"sequence": end["sequence"], "event": "someone:else"}, end)


def test_two_queries_cannot_share_a_watch(office: Office) -> None:
    one = office.feed()
    start = one.latest(one.first(), None)
    office.create("N1", "N2")
    end = one.latest(start, None)
    other = office.feed()
    assert told(other, start, end) == told(one, start, end)
    one.commit(end)
    with pytest.raises(RefusedError, match="another query has read the watch w up to event"):
        other.slices(start, end)


def test_available_now_reads_what_is_known_at_its_beginning_and_ends(office: Office) -> None:
    feed = office.feed(begin="beginning")
    feed.stop_at_now()
    office.create("LATE")
    offset, seen = feed.first(), []
    while (end := feed.latest(offset, 3)) != offset:
        seen += told(feed, offset, end)
        offset = end
    with client(office.emulator) as reader:
        there = {row["DEPARTMENTID"] for row in reader.query("DEPARTMENT", "DEPARTMENTID")}
    assert {name for _, name in seen} == there - {"LATE"}
    assert len(seen) == len(there) - 1


def test_a_poll_comes_at_its_time_and_not_with_every_question(office: Office) -> None:
    feed = office.feed(every="3600")
    offset = feed.latest(feed.first(), None)
    before = office.emulator.request_count().requests
    office.create("N1")
    asked = office.emulator.request_count().requests
    assert all(feed.latest(offset, None) == offset for _ in range(5))
    assert asked >= before
    assert office.emulator.request_count().requests == asked


def test_the_rows_of_events_are_typed(office: Office) -> None:
    feed = office.feed(begin="beginning")
    end = feed.latest(feed.first(), None)
    (department,) = describe_streams((feed.options.changes.connection,), "DEPARTMENT")
    fields = department.fields()
    with client(office.emulator) as reader:
        rows_read = reader.query("DEPARTMENT", tuple(field.name for field in fields))
        wanted = {row["RECORDNO"]: row for row in rows_read}
    columns = change_columns(columns_of(fields))
    rows = [
        row
        for part in feed.slices(feed.first(), end)
        for batch in event_rows(part, columns)
        for row in batch.to_pylist()
    ]
    assert [row["_sequence"] for row in rows] == sorted({row["_sequence"] for row in rows})
    assert {row["_kind"] for row in rows} == {"created"}
    assert [{name: row[name] for name in wanted[row["RECORDNO"]]} for row in rows] == [
        wanted[row["RECORDNO"]] for row in rows
    ]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"watch": ""}, "`watch` is missing"),
        ({"begin": "later"}, "not a time"),
        ({"baseline": "perhaps"}, "true or false"),
        ({"every": "-1"}, "at least 0"),
        ({"partitions": "2"}, "has no option 'partitions'"),
        ({"object": ""}, "`object` is missing"),
    ],
)
def test_a_wrong_option_of_a_stream_is_named(tmp_path: Path, options: dict[str, str], named: str) -> None:
    made = connection()
    complete = {name: str(unwrapped(getattr(made, name))) for name in NAMES} | {"object": "APBILL", "watch": "w"}
    assert change_options(complete).changes.every == 300
    with pytest.raises(SettingsError) as failed:
        change_options(complete | options)
    assert named in failed.value.message
