"""The messages to a Singer consumer, one by one."""

import json
import threading
from collections import deque
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pyarrow as pa
import pytest

from intacct_bridge.apps.singer.protocol.destination import SingerDestination
from intacct_bridge.apps.singer.protocol.state import read_state
from intacct_bridge.extract.options import ExtractOptions
from intacct_bridge.extract.run import Extraction
from intacct_bridge.operations.feeds import FeedState
from intacct_bridge.streams.bookmark import Bookmark, WalkProgress
from intacct_bridge.streams.stream import Stream
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.query.query import Compare, Op
from intacct_protocol.xml.values import Kind
from support.extract.company import VENDOR, Company

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
STARTED = "03/01/2026 12:00:00"
DETAIL = Stream("GLDETAIL", "GLDETAIL", {"RECORDNO": Kind.TEXT, "BATCHKEY": Kind.INTEGER}, "RECORDNO", group="BATCHKEY")
ITEMS = Stream(
    "APBILLITEM",
    "APBILLITEM",
    {"RECORDNO": Kind.INTEGER, "RECORDKEY": Kind.INTEGER},
    "RECORDNO",
    header="APBILL",
    header_key="RECORDKEY",
)
BILLS = Stream("APBILL", "APBILL", {"RECORDNO": Kind.INTEGER}, "RECORDNO", modified="WHENMODIFIED")
DONE = Bookmark(WalkProgress(since=STARTED, refreshed_at=STARTED, refreshed_by=1))


def begun(run: int = 1) -> Bookmark:
    return Bookmark().begin(STARTED, run, full=True)


class Consumer:
    """A destination and its messages."""

    def __init__(self, state: FeedState | None = None, **options: Any) -> None:
        self._out = BytesIO()
        self.destination = SingerDestination(self._out, state, options=ExtractOptions(**options))
        self.destination.open("acme", NOON)

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._out.getvalue().splitlines()]

    @property
    def told(self) -> list[tuple[str, ...]]:
        """Each message but STATE in few words."""
        return [_words(one) for one in self.messages if one["type"] != "STATE"]


def _words(message: dict[str, Any]) -> tuple[str, ...]:
    record = message.get("record", {})
    what = record.get("value", "") if message["stream"] == "deletes" else record.get("RECORDNO", "")
    return tuple(part for part in (message["type"], message["stream"], str(what)) if part)


def held() -> FeedState:
    """The state after a first sync."""
    names = ("GLDETAIL", "APBILLITEM", "APBILL")
    return FeedState("acme", 1, dict.fromkeys(names, DONE), dict.fromkeys(names, 7))


def details(*rows: tuple[str, int]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([{"RECORDNO": key, "BATCHKEY": group} for key, group in rows])


def items(*rows: tuple[int, int]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([{"RECORDNO": key, "RECORDKEY": parent} for key, parent in rows])


def test_the_message_that_lines_are_replaced_comes_before_the_new_lines() -> None:
    consumer = Consumer(held())
    writer = consumer.destination.writer(DETAIL, DONE)
    for group in (1, 2):
        writer.replace([group])
        writer.write(details((f"a{group}", group)))
    writer.replace([3])
    writer.commit(DONE, NOON)
    assert [one for one in consumer.told if one[0] == "RECORD"] == [
        ("RECORD", "deletes", "1"),
        ("RECORD", "GLDETAIL", "a1"),
        ("RECORD", "deletes", "2"),
        ("RECORD", "GLDETAIL", "a2"),
        ("RECORD", "deletes", "3"),
    ]


def test_a_tombstone_keeps_its_place_among_the_rows() -> None:
    consumer = Consumer(held())
    writer = consumer.destination.writer(ITEMS, DONE)
    writer.delete([5])
    writer.write(items((5, 10)))
    writer.commit(DONE, NOON)
    gone = ["_sdc_deleted_at" in one["record"] for one in consumer.messages if one["type"] == "RECORD"]
    assert gone == [True, False]


def test_a_first_sync_replaces_nothing() -> None:
    consumer = Consumer()
    writer = consumer.destination.writer(DETAIL, Bookmark())
    for group in (1, 2, 3):
        writer.replace([group])
        writer.write(details((f"a{group}", group)))
        writer.commit(begun(), NOON)
    assert not [one for one in consumer.told if "deletes" in one]


def test_a_first_sync_that_reads_lines_again_says_that_they_are_replaced() -> None:
    consumer = Consumer()
    writer = consumer.destination.writer(DETAIL, Bookmark())
    for groups in ([1, 4], [7, 9], [3, 4], [11], [None]):
        writer.replace(groups)
    writer.commit(begun(), NOON)
    assert [one[-1] for one in consumer.told if one[:2] == ("RECORD", "deletes")] == ["3", "4", "None"]


def test_a_resumed_walk_says_which_rows_are_replaced() -> None:
    first = Consumer()
    first.destination.writer(DETAIL, Bookmark()).commit(begun(), NOON)
    consumer = Consumer(read_state(first.messages[-1]["value"]))
    writer = consumer.destination.writer(DETAIL, begun())
    writer.replace([1])
    writer.write(details(("a1", 1)))
    assert consumer.told[-2:] == [("RECORD", "deletes", "1"), ("RECORD", "GLDETAIL", "a1")]


def batches(*keys: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([{"RECORDNO": key} for key in keys])


ENTRIES = Stream("GLBATCH", "GLBATCH", {"RECORDNO": Kind.INTEGER}, "RECORDNO", modified="WHENMODIFIED")


def after(consumer: Consumer) -> FeedState:
    """The state that the next run gets."""
    return read_state([one["value"] for one in consumer.messages if one["type"] == "STATE"][-1])


def test_the_keys_of_a_walk_that_was_cut_are_those_of_the_last_state() -> None:
    first = Consumer()
    writer = first.destination.writer(ENTRIES, Bookmark())
    writer.write(batches(3, 4))
    writer.commit(begun(), NOON)
    writer.write(batches(5))  # no STATE covers it, so the next run sends it again
    second = Consumer(after(first))
    writer = second.destination.writer(ENTRIES, begun())
    assert writer.rows_by_value() == {3: 1, 4: 1}
    writer.write(batches(5, 6))
    writer.write(batches(5))
    writer.delete([4])
    writer.commit(DONE, NOON)
    assert (writer.rows_by_value(), writer.count_rows()) == ({3: 1, 5: 1, 6: 1}, (3, 6))
    assert Consumer(after(second)).destination.writer(ENTRIES, DONE).rows_by_value() == {3: 1, 5: 1, 6: 1}


def test_a_full_refresh_begins_with_no_keys() -> None:
    """What it does not send is removed by ACTIVATE_VERSION."""
    first = Consumer()
    writer = first.destination.writer(ENTRIES, Bookmark())
    writer.write(batches(1, 2, 3))
    writer.commit(DONE, NOON)
    second = Consumer(after(first), full=True)
    writer = second.destination.writer(ENTRIES, DONE)
    writer.write(batches(2))
    writer.commit(DONE, NOON)
    assert Consumer(after(second)).destination.writer(ENTRIES, DONE).rows_by_value() == {2: 1}


def test_the_rows_of_each_group_are_counted_anew_when_it_is_replaced() -> None:
    consumer, changing = Consumer(), replace(DETAIL, modified="MODIFIED")
    writer = consumer.destination.writer(changing, Bookmark())
    for rows in ([("a", 1), ("b", 1), ("c", 2)], [("d", 2), ("e", 3)]):
        writer.replace(sorted({group for _, group in rows}))
        writer.write(details(*rows))
    assert writer.rows_by_value() == {1: 2, 2: 1, 3: 1}
    writer.replace([1])
    writer.delete([3], field="BATCHKEY")
    writer.commit(DONE, NOON)
    assert Consumer(after(consumer)).destination.writer(changing, DONE).count_rows() == (1, 2)


def test_too_many_keys_are_left_out_and_named_until_the_next_full_refresh() -> None:
    consumer = Consumer()
    consumer.destination.most_keys = 60
    writer = consumer.destination.writer(ENTRIES, Bookmark())
    writer.write(batches(1, 2))
    writer.commit(begun(), NOON)
    assert "known_keys" in consumer.messages[-1]["value"]
    writer.write(batches(*(number * number for number in range(3, 200))))
    writer.commit(DONE, NOON)
    assert "known_keys" not in consumer.messages[-1]["value"]
    assert (consumer.destination.unknown_keys, writer.count_rows()) == (["GLBATCH"], None)
    again = Consumer(after(consumer))
    assert again.destination.writer(ENTRIES, DONE).rows_by_value() is None
    assert again.destination.unknown_keys == ["GLBATCH"]


def test_the_schema_of_deletes_comes_before_its_first_row() -> None:
    consumer = Consumer(held())
    slow, quick = consumer.destination.writer(DETAIL, DONE), consumer.destination.writer(ITEMS, DONE)
    slow.replace([1])
    quick.replace([10])
    quick.commit(DONE, NOON)
    slow.commit(DONE, NOON)
    of_deletes = [one[0] for one in consumer.told if one[1] == "deletes"]
    assert of_deletes == ["SCHEMA", "RECORD", "RECORD"]


@pytest.mark.parametrize("start", ["", "01/01/2026 00:00:00"])
@pytest.mark.parametrize("known", [True, False])
def test_a_stream_without_rows_has_a_schema(start: str, known: bool) -> None:
    consumer = Consumer(held() if known else None, start=start)
    writer = consumer.destination.writer(BILLS, DONE if known else Bookmark())
    walking = replace(begun(2), progress=replace(begun(2).progress, start=start))
    writer.commit(walking, NOON)
    assert consumer.told == []
    writer.commit(DONE if known else walking.end(), NOON)
    writer.commit(DONE if known else walking.end(), NOON)
    whole = [] if known or start else [("ACTIVATE_VERSION", "APBILL")]
    assert consumer.told == [("SCHEMA", "APBILL"), *whole]


class Stuck(BytesIO):
    """A pipe without a reader: a write waits until the test lets it continue."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.freed = threading.Event(), threading.Event()

    def write(self, data: Any) -> int:
        self.begun.set()
        self.freed.wait()
        return super().write(data)


def test_the_end_does_not_wait_for_a_pipe_without_a_reader() -> None:
    pipe = Stuck()
    destination = SingerDestination(pipe)
    writing = threading.Thread(target=destination.send, args=(b"whole\n",))
    writing.start()
    pipe.begun.wait()
    destination.seal(0.01)
    pipe.freed.set()
    writing.join()
    assert pipe.getvalue() == b"whole\n"


def test_states_without_records_are_combined(monkeypatch: pytest.MonkeyPatch) -> None:
    """For hundreds of unchanged streams, each STATE would name all of them."""
    monkeypatch.setattr("intacct_bridge.operations.feeds._STATE_SECONDS", 1e9)
    consumer = Consumer(held())
    unchanged = Bookmark(replace(DONE.progress, since="03/01/2026 11:59:00"))
    for stream in (BILLS, ITEMS):
        consumer.destination.writer(stream, DONE).commit(unchanged, NOON)
    assert [one["type"] for one in consumer.messages] == ["SCHEMA", "SCHEMA"]
    consumer.destination.close()
    (state,) = (one["value"] for one in consumer.messages if one["type"] == "STATE")
    assert {state["bookmarks"][name]["progress"]["since"] for name in ("APBILL", "APBILLITEM")} == {
        "03/01/2026 11:59:00"
    }


def test_a_state_follows_records_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("intacct_bridge.operations.feeds._STATE_SECONDS", 1e9)
    consumer = Consumer(held())
    writer = consumer.destination.writer(ITEMS, DONE)
    writer.write(items((1, 10)))
    writer.commit(DONE, NOON)
    assert [one["type"] for one in consumer.messages] == ["SCHEMA", "RECORD", "STATE"]
    writer.commit(DONE, NOON)
    writer.delete([1])
    writer.commit(DONE, NOON)
    assert [one["type"] for one in consumer.messages[3:]] == ["RECORD", "STATE"]


class Gone(BytesIO):
    """A pipe whose reader has closed it."""

    def write(self, data: Any) -> int:
        raise BrokenPipeError


EVERY = Compare("RECORDNO", Op.GREATERTHAN, (0,))


def test_a_reader_that_closed_the_pipe_ends_the_calls() -> None:
    company = Company(1).fill(40)
    streams = [replace(VENDOR, name=f"VENDOR{number}", where=EVERY) for number in range(40)]
    with pytest.raises(BrokenPipeError):
        deque(Extraction(company, SingerDestination(Gone()), streams), 0)
    assert company.calls < len(streams) / 2


@pytest.mark.parametrize(
    ("document", "since"),
    [
        ({}, {}),
        ({"bookmarks": None}, {}),
        ({"currently_syncing": None}, {}),
        ({"currently_syncing": "APBILL", "APBILL": "2026-03-01T12:00:00Z"}, {"APBILL": "03/01/2026 10:00:00"}),
        ({"type": "STATE", "value": {"bookmarks": {"APBILL": DONE.to_dict()}}}, {"APBILL": STARTED}),
    ],
)
def test_a_state_is_read_in_every_form_in_which_it_is_kept(document: dict[str, Any], since: dict[str, str]) -> None:
    assert {name: one.since for name, one in read_state(document).bookmarks.items()} == since


def test_a_document_that_is_not_a_state_is_refused() -> None:
    with pytest.raises(SettingsError, match="neither of this tap nor a map"):
        read_state({"singer_state": {"bookmarks": {}}})
