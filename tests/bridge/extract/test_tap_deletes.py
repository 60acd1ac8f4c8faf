"""The tap's messages about deletes, to consumers that cannot be asked which rows they have."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest

from intacct_bridge.apps.singer.protocol.destination import SingerDestination
from intacct_bridge.apps.singer.protocol.state import read_state
from intacct_bridge.extract.options import ExtractOptions
from intacct_bridge.operations.feeds import FeedState
from intacct_bridge.streams.stream import Stream
from intacct_protocol.errors import TransientError
from intacct_protocol.xml.values import Kind
from support.extract.company import APBILL, APBILLITEM, GLBATCH, GLDETAIL, VENDOR, Company
from support.extract.runs import SMALL, from_call, run
from support.extract.table import Row


class Consumer:
    """Tables that follow `deletes`: of the rows with a value, only those that came since are left."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = {}
        self.rows: dict[str, list[Row]] = {}

    def take(self, company: Company, streams: Sequence[Stream], options: ExtractOptions = SMALL) -> None:
        """The messages of a run, and its last state."""
        out = BytesIO()
        state = read_state(self.document) if self.document else FeedState()
        selected = {one.name: tuple(one.fields) for one in streams}
        run(SingerDestination(out, state=state, options=options, selected=selected), company, streams, options)
        for message in map(json.loads, out.getvalue().splitlines()):
            if message["type"] == "STATE":
                self.document = message["value"]
            elif message["type"] == "ACTIVATE_VERSION":
                held = self.rows.get(message["stream"], [])
                self.rows[message["stream"]] = [row for row in held if row["version"] == message["version"]]
            elif message["type"] == "RECORD" and message["stream"] == "deletes":
                self.forget(message["record"])
            elif message["type"] == "RECORD":
                self.keep(message["stream"], message["record"] | {"at": message["time_extracted"]}, message["version"])

    def forget(self, told: Row) -> None:
        held, gone = self.rows.get(told["stream"], []), (told["field"], told["value"], told["at"])
        self.rows[told["stream"]] = [row for row in held if not is_gone(row, *gone)]

    def keep(self, stream: str, row: Row, version: int) -> None:
        held = self.rows.get(stream, [])
        if stream != "GLDETAIL":
            held = [one for one in held if one["RECORDNO"] != row["RECORDNO"]]
        self.rows[stream] = held if row.get("_sdc_deleted_at") else [*held, row | {"version": version}]

    def check(self, company: Company, streams: Sequence[Stream]) -> None:
        for stream in streams:
            names = [name for name, kind in stream.fields.items() if kind in (Kind.INTEGER, Kind.TEXT)]
            found = sorted([str(row[name]) for name in names] for row in self.rows.get(stream.name, []))
            assert found == sorted([str(row[name]) for name in names] for row in company.rows(stream)), stream.name


def is_gone(row: Row, field: str, value: Any, at: str) -> bool:
    return str(row[field]) == str(value) and bool(row["at"] < at)


def test_a_record_that_is_created_again_under_a_deleted_id_takes_its_place() -> None:
    """The audit trail names only the id, which another record has again; only the company knows its number."""
    company, consumer = Company(4), Consumer()
    for number in range(5):
        company.add("VENDOR", VENDORID=f"V{number}", NAME="first")
    for _ in range(2):
        consumer.take(company, [VENDOR])
        company.clock += timedelta(days=1)
    row, other = company.tables["VENDOR"].rows[2], company.tables["VENDOR"].rows[3]
    for one in (row, other):
        company.drop("VENDOR", one, one["VENDORID"])
    company.add("VENDOR", VENDORID=row["VENDORID"], NAME="second")
    for _ in range(2):
        company.clock += timedelta(minutes=1)
        consumer.take(company, [VENDOR])
        consumer.check(company, [VENDOR])


@pytest.mark.parametrize("streams", [(APBILL, APBILLITEM), (GLBATCH, GLDETAIL)])
def test_rows_that_a_run_sends_twice_replace_those_sent_first(streams: Sequence[Stream]) -> None:
    """A run that resumes the walk of a failed one reads the changes since then, and sends some rows again."""
    for call in range(1, 12):
        company, consumer = Company(5).fill(120), Consumer()
        for _ in range(2):
            consumer.take(company, streams)
            company.clock += timedelta(days=1)
        company.after_call = from_call(company.calls + call, TransientError("off-line"))
        consumer.take(company, streams, replace(SMALL, full=True))
        company.after_call = lambda number: None
        company.fill(60)
        company.clock += timedelta(hours=1)
        consumer.take(company, streams)
        consumer.check(company, streams)


def test_rows_replace_those_of_a_run_that_has_just_ended() -> None:
    """A read by windows of days gives a later time of extraction to many pages, which may be ahead of the clock."""
    company, consumer = Company(5).fill(200), Consumer()
    company.tick = timedelta(milliseconds=10)
    options = replace(SMALL, window_rows=20)
    consumer.take(company, [GLBATCH, GLDETAIL], options)
    for _ in range(2):
        for row in company.tables["GLBATCH"].rows:
            row["WHENMODIFIED"] = company.stamp()
        consumer.take(company, [GLBATCH, GLDETAIL], options)
        consumer.check(company, [GLBATCH, GLDETAIL])


@pytest.mark.parametrize("is_first", [True, False])
def test_a_full_refresh_that_is_resumed_with_more_fields_sends_them_for_all_rows(is_first: bool) -> None:
    narrow = replace(VENDOR, fields={name: kind for name, kind in VENDOR.fields.items() if name != "NAME"})
    company, consumer, full = Company(4), Consumer(), replace(SMALL, full=True)
    for number in range(30):
        company.add("VENDOR", VENDORID=f"V{number}", NAME=f"Vendor {number}")
    company.clock += timedelta(days=3)
    if not is_first:
        consumer.take(company, [narrow])
    company.after_call = from_call(company.calls + 4, TransientError("off-line"))
    consumer.take(company, [narrow], full)
    assert len(consumer.rows["VENDOR"]) > 10
    company.after_call = lambda number: None
    company.clock += timedelta(hours=3)
    consumer.take(company, [VENDOR], full)
    assert [row for row in consumer.rows["VENDOR"] if not row.get("NAME")] == []
    consumer.check(company, [VENDOR])
    assert "selections" not in consumer.document
