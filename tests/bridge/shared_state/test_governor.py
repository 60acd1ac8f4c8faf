"""The governor: requests at once and transactions of a company, over all processes."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from intacct_bridge.client.client import Client
from intacct_bridge.client.gateway.runtime import System
from intacct_bridge.shared_state.database import LONGEST_REQUEST, SEND_WITHIN
from intacct_bridge.shared_state.governor import _TABLES, Governor
from intacct_bridge.shared_state.place import PostgresPlace
from intacct_bridge.shared_state.postgres import PostgresDatabase
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import (
    BusyError,
    CapError,
    IntacctError,
    RemoteProtocolError,
    SettingsError,
    UnreachableError,
)
from intacct_protocol.model.query.query import Query
from intacct_protocol.xml.reply import ConnectionCutError, Reply
from support.small_company import Clock, company, connection

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


class Counting:
    """The emulator, and how many requests were in it at once."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator, self.now, self.most, self.all = emulator, 0, 0, 0
        self._guard, self._second = threading.Lock(), threading.Event()

    def __call__(self, endpoint: str, body: bytes) -> Reply:
        with self._guard:
            self.now += 1
            self.all += 1
            self.most = max(self.most, self.now)
            if self.now > 1:
                self._second.set()
        self._second.wait(0.02)  # time for another one to come
        try:
            return self.emulator(endpoint, body)
        finally:
            with self._guard:
                self.now -= 1


@pytest.fixture
def gateway() -> Iterator[Counting]:
    with closing(company(Clock())) as emulator:
        yield Counting(emulator)


def client(gateway: Counting, place: PostgresPlace, **more: Any) -> Client:
    uri = f"{place.uri}&schema={place.schema}"
    return Client(connection(outbox=uri, **more), transport=gateway, keep=False, system=System())


@pytest.mark.parametrize(("limit", "most"), [(1, 1), (2, 2)])
def test_clients_that_share_a_database_stay_within_the_limit_together(
    gateway: Counting, postgres_place: PostgresPlace, limit: int, most: int
) -> None:
    def read() -> None:
        with client(gateway, postgres_place, concurrency=limit) as one:
            for _ in range(3):
                list(one.query(Query("DEPARTMENT", ("RECORDNO",))))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert gateway.most == most
    assert gateway.all >= 12


def test_without_it_the_same_clients_pass_the_limit(gateway: Counting) -> None:
    with ExitStack() as stack:
        settings: dict[str, Any] = {"transport": gateway, "keep": False, "system": System()}
        clients = [stack.enter_context(Client(connection(concurrency=1), **settings)) for _ in range(4)]
        threads = [
            threading.Thread(target=lambda one=one: list(one.query(Query("DEPARTMENT", ("RECORDNO",)))))
            for one in clients
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert gateway.most > 1


def test_the_months_limit_holds_for_all_machines_and_equals_what_each_has_counted(
    gateway: Counting, postgres_place: PostgresPlace
) -> None:
    with (
        client(gateway, postgres_place, monthly_limit=6) as first,
        client(gateway, postgres_place, monthly_limit=6, name="other") as second,
    ):
        with pytest.raises(CapError, match="of the 6 that the company may use in"):
            for _ in range(9):
                for one in (first, second):
                    list(one.query(Query("DEPARTMENT", ("RECORDNO",))))
        spent = first.meter.transactions + second.meter.transactions
        assert spent == gateway.all == 6
        assert first.runtime.month_to_date(NOW) == spent


def test_a_request_that_never_left_is_not_counted_and_frees_its_slot(postgres_place: PostgresPlace) -> None:
    with closing(governor(postgres_place, [NOW])) as one:
        with pytest.raises(UnreachableError), one.request(5, read=False):
            raise UnreachableError("the outbox is gone")
        with pytest.raises(ConnectionCutError), one.request(2, read=True):
            raise ConnectionCutError("cut", sent=True)
        with one.request(1, read=True):
            assert one.month_to_date() == 3


@pytest.mark.parametrize(
    ("error", "counted"),
    [(SettingsError("the outbox was moved"), 0), (RemoteProtocolError("the answer is too long"), 2)],
)
def test_a_write_that_never_left_and_an_answer_that_cannot_be_read_free_their_slot(
    postgres_place: PostgresPlace, error: IntacctError, counted: int
) -> None:
    with closing(governor(postgres_place, [NOW])) as one:
        with pytest.raises(type(error)), one.request(2, read=False):
            raise error
        assert one.month_to_date() == counted
        with one.request(1, read=False):
            pass


def test_a_refused_request_is_taken_out_of_the_month_in_which_it_was_counted(postgres_place: PostgresPlace) -> None:
    """Another thread's request is counted in the next month before the refusal comes."""
    now = [datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)]
    with closing(governor(postgres_place, now)) as one:
        with one.request(3, read=True):
            pass
        now[0] += timedelta(seconds=2)

        def of_december() -> None:
            with one.request(5, read=True):
                pass

        thread = threading.Thread(target=of_december)
        thread.start()
        thread.join()
        one.uncount(3)
        assert one.month_to_date() == 5
        now[0] -= timedelta(seconds=2)
        assert one.month_to_date() == 0


def test_an_answer_that_came_is_kept_if_its_slot_cannot_be_freed(
    postgres_place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any error after the answer to a write would say that nothing was applied."""
    with closing(governor(postgres_place, [NOW])) as one:
        done = False
        with one.request(1, read=False):
            assert one._db is not None
            monkeypatch.setattr(one._db, "transaction", busy)
            done = True
        assert done
        one.uncount(1)


def test_a_long_wait_for_a_slot_is_logged_once_with_the_company_and_the_slots(
    postgres_place: PostgresPlace, caplog: pytest.LogCaptureFixture
) -> None:
    now, slept = [NOW], list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += timedelta(seconds=seconds)
        if sum(slept) > 20:
            now[0] = NOW + timedelta(minutes=17)

    first, other = (
        Governor(
            postgres_place, "c", concurrency=1, monthly_limit=None, sleep=sleep, clock=lambda: now[0], company="harbour"
        )
        for _ in range(2)
    )
    with closing(first), closing(other):
        first.request(1, read=True).__enter__()
        with other.request(1, read=True):
            pass
    (line,) = caplog.messages
    assert line == (
        "harbour: the only slot for a request is taken, for 5 seconds now; waiting for a free one. "
        "A slot whose request got no answer is free at 12:16 UTC at the latest."
    )


def busy() -> None:
    raise BusyError("another process holds it")


class WaitedError(Exception):
    """It would wait."""


def waits(_: float) -> None:
    raise WaitedError


def governor(place: PostgresPlace, now: list[datetime], longest_read: timedelta = LONGEST_REQUEST) -> Governor:
    return Governor(
        place,
        "c",
        concurrency=1,
        monthly_limit=None,
        sleep=waits,
        clock=lambda: now[0],
        longest_read=longest_read,
    )


@pytest.mark.parametrize(("end", "minutes"), [("read", 6), ("slow read", 16), ("write", 16), ("unanswered write", 16)])
def test_the_slot_of_a_request_that_may_still_run_is_free_after_its_longest_time(
    postgres_place: PostgresPlace, end: str, minutes: float
) -> None:
    """The slot of a killed process; a read is given up after its `timeout`, and a write runs until the gateway ends."""
    now = [NOW]
    longest = timedelta(hours=2) if end == "slow read" else timedelta(minutes=5)
    with closing(governor(postgres_place, now, longest)) as first, closing(governor(postgres_place, now)) as other:
        if end == "unanswered write":
            with pytest.raises(ConnectionCutError), first.request(1, read=False):
                raise ConnectionCutError("cut", sent=True)
        else:
            first.request(1, read="read" in end).__enter__()
        for passed in (0, minutes - 0.1):
            now[0] = NOW + timedelta(minutes=passed)
            with pytest.raises(WaitedError), other.request(1, read=True):
                pass
        now[0] = NOW + timedelta(minutes=minutes, seconds=1)
        with other.request(1, read=True):
            pass


def test_a_clock_of_the_server_that_is_set_back_keeps_no_slot_for_longer(postgres_place: PostgresPlace) -> None:
    now = [NOW]
    with closing(governor(postgres_place, now)) as first, closing(governor(postgres_place, now)) as other:
        first.request(1, read=False).__enter__()
        with pytest.raises(WaitedError), other.request(1, read=True):
            pass
        now[0] = NOW - timedelta(days=1)
        with other.request(1, read=True):
            pass


def test_a_client_gives_up_the_slot_of_a_killed_read_after_its_own_timeout(
    gateway: Counting, postgres_place: PostgresPlace
) -> None:
    taken: list[tuple[Any, ...]] = []

    def look(endpoint: str, body: bytes) -> Reply:
        with closing(PostgresDatabase(postgres_place, _TABLES)) as db:
            taken.extend(db.read("SELECT taken_at, free_at FROM slot"))
        return gateway(endpoint, body)

    uri = f"{postgres_place.uri}&schema={postgres_place.schema}"
    with Client(connection(outbox=uri, timeout=30), transport=look, keep=False, system=System()) as one:
        list(one.query(Query("DEPARTMENT", ("RECORDNO",))))
    assert taken
    for begun, free in taken:
        assert datetime.fromisoformat(free) - datetime.fromisoformat(begun) == SEND_WITHIN + timedelta(seconds=30)
