"""A load that a person interrupts tells of each record that was sent what became of it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.operations.loads import LoadRequest, load
from intacct_bridge.operations.plans import ApplyOptions, RecordOutcome, RecordStatus, SendOptions
from intacct_bridge.operations.record_streams import (
    InputRecord,
    RecordResult,
    StreamLoadSettings,
    StreamSchema,
    open_record_streams,
)
from intacct_bridge.operations.recorded_run import CompanyRun
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.xml.reply import Reply
from support.small_company import client

CONTACT = "DISPLAYCONTACT.PRINTAS"
POSTED, IN_DOUBT = RecordStatus.APPLIED, RecordStatus.IN_DOUBT
Runs = Callable[..., CompanyRun]


class InterruptedWay:
    """A way to the gateway on which a person interrupts the program: at one of the requests that create records, or,
    with `batch` 0, at the first query after one.
    """

    def __init__(self, emulator: Emulator, batch: int, *, arrives: bool) -> None:
        self._emulator, self._batch, self._arrives = emulator, batch, arrives
        self._batches = 0

    def __call__(self, endpoint: str, body: bytes) -> Reply:
        self._batches += b"<create>" in body
        reads_back = self._batch == 0 and self._batches > 0 and b"<query>" in body
        if reads_back or (b"<create>" in body and self._batches == self._batch):
            if self._arrives:
                self._emulator(endpoint, body)
            raise KeyboardInterrupt
        return self._emulator(endpoint, body)


@pytest.fixture
def runs(tmp_path: Path, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    """Runs on one outbox, each with its own way to the gateway."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    clients = []

    def run(way: Any = None, **settings: Any) -> CompanyRun:
        clients.append(client(way or emulator, outbox=str(tmp_path / "outbox.sqlite3"), **settings))
        return CompanyRun(clients[-1], person="anna")

    yield run
    for opened in clients:
        opened.close()


def vendors(count: int) -> list[dict[str, str]]:
    return [{"VENDORID": f"V-{number}", "NAME": f"Acme {number}", CONTACT: f"Acme {number}"} for number in range(count)]


def names(emulator: Emulator) -> list[str]:
    rows = (row for _, row in emulator.company().table("VENDOR").rows())
    return sorted(str(row["NAME"]) for row in rows if str(row["VENDORID"]).startswith("V-"))


def request(rows: list[dict[str, str]]) -> LoadRequest:
    return LoadRequest(source=rows, layout="VENDOR", name="vendors")


@pytest.mark.parametrize("concurrency", [1, 2])
@pytest.mark.parametrize("arrives", [False, True])
@pytest.mark.parametrize("batch", [1, 2, 3])
def test_what_was_sent_is_told_and_the_next_load_posts_the_rest(
    runs: Runs, emulator: Emulator, batch: int, arrives: bool, concurrency: int
) -> None:
    """Five vendors in batches of two. Whether the interrupted batch arrived cannot be known, so that it is in doubt."""
    way = InterruptedWay(emulator, batch, arrives=arrives)
    run = runs(way, concurrency=concurrency)
    told: list[RecordOutcome] = []
    options = ApplyOptions(sending=SendOptions(batch_size=2))
    with pytest.raises(KeyboardInterrupt) as interruption:
        load(run, request(vendors(5)), options, progress=told.append)
    there = set(names(emulator))
    by_status = {
        status: [outcome.write.label for outcome in told if outcome.status is status] for status in (POSTED, IN_DOUBT)
    }
    assert len(by_status[IN_DOUBT]) == (1 if batch == 3 else 2)
    assert (
        len(told) == len({outcome.write.label for outcome in told}) == len(by_status[POSTED]) + len(by_status[IN_DOUBT])
    )
    assert len(there) == len(by_status[POSTED]) + (len(by_status[IN_DOUBT]) if arrives else 0)
    counts = run.recorder.records
    assert (counts.posted, counts.in_doubt, counts.not_sent) == (
        len(by_status[POSTED]),
        len(by_status[IN_DOUBT]),
        5 - len(told),
    )
    (note,) = interruption.value.__notes__
    assert note.startswith("vendors: ")
    assert f"{len(by_status[IN_DOUBT])} in doubt" in note
    load(runs(), request(vendors(5)))
    assert len(names(emulator)) == len(set(names(emulator)))


BILL = {
    "VENDORID": "V-0",
    "WHENCREATED": "2026-11-02",
    "WHENDUE": "2026-12-02",
    "CURRENCY": "USD",
    "ACCOUNTNO": "60100",
    "TRX_AMOUNT": "10.00",
    "DEPARTMENTID": "100",
    "LOCATIONID": "100",
}


def test_a_currency_that_was_not_read_back_is_said(runs: Runs, emulator: Emulator) -> None:
    """The outcomes of up to 1,000 documents wait for one query for their currencies."""
    bills = [BILL | {"RECORDID": f"B-{number}"} for number in range(3)]
    load(runs(), request(vendors(1)))
    way = InterruptedWay(emulator, 0, arrives=True)
    told: list[RecordOutcome] = []
    with pytest.raises(KeyboardInterrupt):
        load(runs(way), LoadRequest(source=bills, layout="APBILL", name="bills"), progress=told.append)
    assert [(outcome.status, outcome.note) for outcome in told] == [
        (POSTED, "its currency was not read back: the load was interrupted")
    ] * 3


class Program:
    """A program that takes the results of a stream."""

    def __init__(self) -> None:
        self.results: list[RecordResult] = []

    def take(self, result: RecordResult) -> None:
        self.results.append(result)

    def already_reported(self, arrived: InputRecord) -> bool:
        return False

    def keep_refused(self) -> None: ...

    def release(self, state: object) -> None: ...

    def note(self, text: str) -> None: ...

    def warn(self, text: str) -> None: ...


@pytest.mark.parametrize("batch", [1, 2])
def test_the_history_counts_what_a_stream_has_sent(runs: Runs, emulator: Emulator, batch: int) -> None:
    run, program = runs(InterruptedWay(emulator, batch, arrives=True), concurrency=1), Program()
    settings = StreamLoadSettings(schema="native", batch_size=2)
    with pytest.raises(KeyboardInterrupt), open_record_streams(run, settings, program) as streams:
        streams.begin(StreamSchema("VENDOR", keys=("VENDORID",)))
        for number, row in enumerate(vendors(5), 1):
            streams.add(InputRecord("VENDOR", row, number, "VENDOR"))
        streams.end()
    counts = run.recorder.records
    assert (counts.posted, counts.in_doubt, counts.not_sent) == (2 * batch - 2, 2, 5 - 2 * batch)
    assert len(names(emulator)) == 2 * batch
