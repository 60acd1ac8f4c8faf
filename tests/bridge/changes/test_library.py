"""`client.changes` and `client.watch`, as a program uses them."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from intacct_bridge import ChangeEvent
from intacct_bridge.changes.delivery import ATTEMPTS
from intacct_bridge.changes.event import ChangeKind
from intacct_bridge.changes.event_log import EventLog
from intacct_bridge.changes.follower import Follower, FollowOptions
from intacct_bridge.changes.receivers import FunctionReceiver
from intacct_bridge.changes.watch import PollResult, Watch, poll
from intacct_bridge.client.gateway.runtime import System
from intacct_bridge.connections.connection import Connection
from intacct_bridge.library import BridgeClient
from intacct_bridge.testing import Company, make_company
from intacct_protocol.errors import RemoteProtocolError, TransientError
from intacct_protocol.xml.reply import Reply

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture
def office() -> Iterator[Company]:
    company = make_company()
    company.set_clock(NOON)
    yield company
    company.close()


def titles(events: list[ChangeEvent]) -> list[str]:
    return [one.record["TITLE"] for one in events]


def test_a_cursor_acknowledges_and_goes_on(office: Company) -> None:
    with office.client() as client:
        assert list(client.changes("DEPARTMENT")) == []
        for number in range(3):
            client.create("DEPARTMENT", [{"DEPARTMENTID": f"X{number}", "TITLE": f"T{number}"}])
        first = list(client.changes("DEPARTMENT"))
        assert titles(first) == ["T0", "T1", "T2"]
        assert list(client.changes("DEPARTMENT")) == first  # nothing was acknowledged
        assert titles(list(client.changes("DEPARTMENT", since=first[0].number))) == ["T1", "T2"]
        assert titles(list(client.changes("DEPARTMENT"))) == ["T1", "T2"]
        assert list(client.changes("DEPARTMENT", since=first[2].number)) == []
        assert list(client.changes("DEPARTMENT")) == []


def test_another_client_of_the_same_connection_goes_on_with_the_same_events(office: Company) -> None:
    with office.client() as client:
        list(client.changes("DEPARTMENT"))
        client.create("DEPARTMENT", [{"DEPARTMENTID": "X1", "TITLE": "One"}])
        (seen,) = client.changes("DEPARTMENT")
    with office.client() as again:
        assert [one.id for one in again.changes("DEPARTMENT")] == [seen.id]


def test_a_handler_that_fails_is_called_again_and_other_records_go_on(office: Company) -> None:
    got: list[str] = []

    def handler(event: ChangeEvent) -> None:
        if event.record["TITLE"] == "bad":
            raise ValueError("no")
        got.append(event.record["TITLE"])

    with office.client() as client:
        client.watch("DEPARTMENT", handler=handler, once=True)
        client.create("DEPARTMENT", [{"DEPARTMENTID": f"X{title}", "TITLE": title} for title in ("bad", "good")])
        client.watch("DEPARTMENT", handler=handler, once=True)
    assert got == ["good"]
    assert ATTEMPTS == 10


def test_a_delete_is_told_with_the_last_values(office: Company) -> None:
    with office.client() as client:
        list(client.changes("DEPARTMENT"))
        (done,) = client.create("DEPARTMENT", [{"DEPARTMENTID": "X1", "TITLE": "One"}])
        (seen,) = client.changes("DEPARTMENT")
        client.delete("DEPARTMENT", [done.key])
    office.set_clock(NOON + timedelta(minutes=10))
    with office.client() as client:
        (event,) = client.changes("DEPARTMENT", since=seen.number)
    assert (str(event.kind), event.key, event.record["TITLE"]) == ("deleted", done.key, "One")


def test_a_temporary_fault_costs_a_watch_that_follows_one_poll(
    office: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    polls = [TransientError("no answer"), None, RemoteProtocolError("half an answer"), None]

    def poll_or_fail(*words: Any) -> PollResult:
        if (error := polls.pop(0)) is not None:
            raise error
        return poll(*words)

    monkeypatch.setattr("intacct_bridge.changes.follower.poll", poll_or_fail)
    taken: list[ChangeEvent] = []
    with office.client() as client, EventLog(tmp_path / "log.sqlite3") as log:
        watch = Watch("w", ("DEPARTMENT",))
        follower = Follower(client, log, watch, FunctionReceiver(taken.append), FollowOptions(every=0.0))
        results = []
        for polled, _ in follower.follow():
            results.append(polled.failures if polled else None)
            if len(results) == 2:
                client.create("DEPARTMENT", [{"DEPARTMENTID": "X9", "TITLE": "Nine"}])
            if not polls:
                follower.stop()
    assert results == [{"": "no answer"}, {}, {"": "half an answer"}, {}]
    assert titles(taken) == ["Nine"]


def test_a_clock_that_jumps_forward_deletes_no_event_early(office: Company, tmp_path: Path) -> None:
    """As a machine's clock does that was wrong when the watch began, or that is set while it runs."""
    clock = [NOON]
    with office.client() as client, EventLog(tmp_path / "log.sqlite3") as log:
        watch, receiver = Watch("w", ("DEPARTMENT",)), FunctionReceiver(lambda _: None)
        follower = Follower(client, log, watch, receiver, now=lambda: clock[0])
        follower.once()
        client.create("DEPARTMENT", [{"DEPARTMENTID": "X9", "TITLE": "Nine"}])
        assert follower.once()[1].delivered == 1
        clock[0] = NOON + timedelta(days=400)
        follower.once()
        assert len(log.find("w")) == 1
        office.set_clock(NOON + timedelta(days=29))
        follower.once()
        assert len(log.find("w")) == 1
        office.set_clock(NOON + timedelta(days=31))
        follower.once()
        assert log.find("w") == []


def test_a_clock_that_is_set_back_delays_no_poll(office: Company, tmp_path: Path) -> None:
    clock = [NOON]
    with office.client() as client, EventLog(tmp_path / "log.sqlite3") as log:
        watch, receiver = Watch("w", ("DEPARTMENT",)), FunctionReceiver(lambda _: None)
        follower = Follower(client, log, watch, receiver, FollowOptions(every=0.01), now=lambda: clock[0])
        guard = Timer(20, follower.stop)
        guard.start()
        polls = 0
        for polled, _ in follower.follow():
            polls += polled is not None
            clock[0] = NOON - timedelta(days=1)
            if polls == 2:
                follower.stop()
        guard.cancel()
    assert polls == 2


class GrowingCompany:
    """The gateway of a company whose departments get a field, CUSTTITLE here, when the test says so."""

    def __init__(self, office: Company) -> None:
        self.office, self.has_field = office, False

    def __call__(self, endpoint: str, body: bytes) -> Reply:
        reply = self.office.emulator(endpoint, body)
        if self.has_field or b"<lookup>" not in body:
            return reply
        fields = re.sub(rb"<Field>(?:(?!</Field>).)*<ID>CUSTTITLE</ID>.*?</Field>", b"", reply.body, flags=re.DOTALL)
        assert len(fields) < len(reply.body)
        return Reply(reply.status, fields, reply.headers)


@pytest.mark.parametrize("follows", [True, False])
def test_a_field_that_appears_is_in_the_events_of_a_program_that_runs_on(
    office: Company, tmp_path: Path, follows: bool
) -> None:
    """Definitions are read again after `catalog_hours`, as another run would."""
    gateway, hours, events = GrowingCompany(office), 0.0, list[ChangeEvent]()
    system = System(sleep=lambda _: None, wall=lambda: 3600 * hours)
    settings: dict[str, Any] = {**office.credentials, "environment": "demo", "outbox": str(tmp_path / "outbox.sqlite3")}
    connection = Connection(name="test", **settings)
    with BridgeClient(connection, transport=gateway, system=system) as client, office.client() as other:
        log = EventLog(tmp_path / "log.sqlite3")
        follower = Follower(client, log, Watch("w", ("DEPARTMENT",)), FunctionReceiver(events.append))
        for step in range(4):
            hours, gateway.has_field = (0.0, 0.1, 35.0, 37.0)[step], step > 0
            if step:
                made = {"DEPARTMENTID": f"X{step}", "TITLE": "New", "CUSTTITLE": f"Title {step}"}
                assert other.create("DEPARTMENT", [made])[0].ok
            if follows:
                follower.once()
            else:
                events += client.changes("DEPARTMENT", since=events[-1].number if events else None)
        log.close()
    created = [one.record.get("CUSTTITLE") for one in events if one.kind is ChangeKind.CREATED]
    assert created == [None, None, "Title 3"]
