"""Delivery: at least once, in order for each record, with dead letters, replay and skip."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intacct_bridge.changes.delivery import ATTEMPTS, DeliveryError, Dispatcher
from intacct_bridge.changes.event import ChangeEvent
from intacct_bridge.changes.event_log import EventLog, EventState
from intacct_bridge.shared_state.place import Place, PostgresPlace
from intacct_protocol.errors import BusyError

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


class Machine:
    """An event log, and a machine's clock that a test moves."""

    def __init__(self, place: Place) -> None:
        self.log = EventLog(place)
        self.now = NOW

    def add(self, key: str, text: str = "", watch: str = "w") -> int:
        with self.log.transaction() as db:
            done = db.execute(
                "INSERT INTO event (watch, company, object, key, kind, at, record, nonce)"
                " VALUES (?, 'C', 'X', ?, 'updated', ?, ?, '') RETURNING number",
                (watch, key, NOW.isoformat(), b'{"TEXT":"%s"}' % text.encode()),
            )
            return int(done.fetchone()[0])

    def run(
        self,
        deliver: "Callable[[Sequence[ChangeEvent]], None]",
        *,
        batch: int = 1,
        workers: int = 4,
        within: timedelta | None = None,
    ) -> tuple[int, int, int]:
        receiver = _Receiver(deliver)
        dispatcher = Dispatcher(self.log, "w", receiver, batch=batch, workers=workers, now=lambda: self.now)
        done = dispatcher.run(within=within)
        return done.delivered, done.failed, done.dead


class _Receiver:
    def __init__(self, deliver: "Callable[[Sequence[ChangeEvent]], None]") -> None:
        self.deliver = deliver

    def close(self) -> None:
        pass


@pytest.fixture
def machine(place: Place) -> Iterator[Machine]:
    made = Machine(place)
    yield made
    made.log.close()


def test_a_failing_record_waits_and_the_others_do_not(machine: Machine) -> None:
    for key, text in (("a", "1"), ("b", "1"), ("a", "2"), ("b", "2")):
        machine.add(key, text)
    taken: list[str] = []

    def deliver(events: Sequence[ChangeEvent]) -> None:
        (one,) = events
        if one.key == "a" and len(taken) < 2:
            raise DeliveryError("not now")
        taken.append(one.key + one.record["TEXT"])

    assert machine.run(deliver) == (2, 1, 0)
    assert taken == ["b1", "b2"]
    assert machine.run(deliver) == (0, 0, 0)  # its time has not come
    machine.now += timedelta(seconds=5)
    assert machine.run(deliver) == (2, 0, 0)
    assert taken == ["b1", "b2", "a1", "a2"]


def test_the_pauses_are_those_of_standard_webhooks_and_then_it_is_dead(machine: Machine) -> None:
    """The specification suggests: at once, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h."""
    number = machine.add("a")
    later = machine.add("a", "later")
    waits = []

    def refuse(_: Sequence[ChangeEvent]) -> None:
        raise DeliveryError("no")

    for _ in range(ATTEMPTS - 1):
        assert machine.run(refuse) == (0, 1, 0)
        due = machine.log.next_attempt("w")
        logged = machine.log.get(number)
        assert logged is not None
        assert logged.next_at is not None
        waits.append((logged.next_at - machine.now).total_seconds())
        machine.now = logged.next_at
        assert due is not None
    assert waits == [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
    assert machine.run(refuse)[2] == 1
    assert [one.event.number for one in machine.log.find("w", EventState.DEAD)] == [number]
    machine.now += timedelta(days=1)
    assert machine.run(lambda _: None) == (1, 0, 0)
    after = machine.log.get(later)
    assert after is not None
    assert after.state is EventState.DELIVERED


def test_an_event_of_a_receiver_that_wants_no_more_is_dead_at_once(machine: Machine) -> None:
    first, second = machine.add("a", "1"), machine.add("a", "2")

    def gone(_: Sequence[ChangeEvent]) -> None:
        raise DeliveryError("gone", final=True)

    assert machine.run(gone) == (0, 2, 2)
    assert [one.event.number for one in machine.log.find("w", EventState.DEAD)] == [first, second]
    assert machine.log.next_attempt("w") is None
    assert machine.log.replay(first) is None
    assert machine.run(lambda _: None) == (1, 0, 0)


def test_a_receiver_that_asks_to_wait_is_given_the_time(machine: Machine) -> None:
    number = machine.add("a")

    def busy(_: Sequence[ChangeEvent]) -> None:
        raise DeliveryError("busy", retry_after=120)

    machine.run(busy)
    logged = machine.log.get(number)
    assert logged is not None
    assert logged.next_at == NOW + timedelta(seconds=120)


def test_a_receiver_that_asks_to_wait_for_ever_is_tried_after_a_day(machine: Machine) -> None:
    number = machine.add("a")

    def busy(_: Sequence[ChangeEvent]) -> None:
        raise DeliveryError("busy", retry_after=float("inf"))

    assert machine.run(busy) == (0, 1, 0)
    logged = machine.log.get(number)
    assert logged is not None
    assert logged.next_at == NOW + timedelta(days=1)


def test_an_event_that_waits_for_an_earlier_one_is_not_due_at_once(machine: Machine) -> None:
    """A watch sleeps until the next attempt; it must not look at the log again and again until then."""
    machine.add("a", "1")
    machine.add("a", "2")

    def refuse(_: Sequence[ChangeEvent]) -> None:
        raise DeliveryError("no")

    assert machine.run(refuse) == (0, 1, 0)
    assert machine.log.next_attempt("w") == NOW + timedelta(seconds=5)


def test_a_clock_that_was_set_back_delays_no_event(machine: Machine) -> None:
    machine.add("a")

    def refuse(_: Sequence[ChangeEvent]) -> None:
        raise DeliveryError("no")

    machine.now = NOW + timedelta(days=400)
    assert machine.run(refuse) == (0, 1, 0)
    machine.now = NOW
    assert machine.run(lambda _: None) == (1, 0, 0)


def test_deliveries_end_after_their_time_and_go_on_later(machine: Machine) -> None:
    for key in "abcd":
        machine.add(key)

    def slow(_: Sequence[ChangeEvent]) -> None:
        machine.now += timedelta(seconds=60)

    assert machine.run(slow, workers=1, within=timedelta(seconds=100)) == (2, 0, 0)
    assert machine.run(slow, workers=1, within=timedelta(0)) == (1, 0, 0)
    assert machine.run(slow, workers=1) == (1, 0, 0)


def test_a_watch_of_many_streams_has_a_name_that_file_systems_take(machine: Machine) -> None:
    name = ",".join(f"STREAM_NUMBER_{number}" for number in range(40))
    other = EventLog(machine.log.place)
    with closing(other), machine.log.exclusively(name), pytest.raises(BusyError), other.exclusively(name):
        pass


def test_an_unexpected_error_of_a_receiver_is_a_failed_delivery(machine: Machine) -> None:
    number = machine.add("a")

    def broken(_: Sequence[ChangeEvent]) -> None:
        raise ZeroDivisionError("division by zero")

    assert machine.run(broken) == (0, 1, 0)
    logged = machine.log.get(number)
    assert logged is not None
    assert logged.error == "ZeroDivisionError: division by zero"


def test_a_hanging_delivery_delays_no_other_record(machine: Machine) -> None:
    machine.add("slow")
    for key in "abcdef":
        machine.add(key)
    others = threading.Semaphore(0)

    def deliver(events: Sequence[ChangeEvent]) -> None:
        if events[0].key != "slow":
            others.release()
            return
        for _ in range(6):  # it ends only when all others have been delivered
            assert others.acquire(timeout=60)

    assert machine.run(deliver, workers=2) == (7, 0, 0)


def test_a_batch_holds_one_event_of_a_record_and_what_failed_is_tried_alone(machine: Machine) -> None:
    for key in ("a", "a", "b", "c"):
        machine.add(key)
    batches: list[list[str]] = []

    def deliver(events: Sequence[ChangeEvent]) -> None:
        batches.append([one.key for one in events])
        if len(events) > 1 and len(batches) == 1:
            raise DeliveryError("one of you is bad")

    assert machine.run(deliver, batch=10, workers=1) == (0, 3, 0)
    assert batches == [["a", "b", "c"]]
    machine.now += timedelta(seconds=5)
    assert machine.run(deliver, batch=10, workers=1) == (4, 0, 0)
    assert sorted(batches[1:]) == [["a"], ["a"], ["b"], ["c"]]


def test_replay_never_sends_an_older_state_after_a_newer_one(machine: Machine) -> None:
    old, new = machine.add("a", "old"), machine.add("a", "new")
    machine.log.failed(old, "no", retry_at=None, at=NOW)
    machine.run(lambda _: None)
    later = machine.log.replay(old)
    assert later is not None
    assert later.event.number == new
    assert machine.run(lambda _: None) == (0, 0, 0)
    assert machine.log.replay(old, even_if_outdated=True) is None
    assert machine.run(lambda _: None) == (1, 0, 0)


@pytest.mark.parametrize("fails", [False, True])
def test_an_event_that_is_replayed_while_a_later_one_is_on_its_way_never_follows_it(
    machine: Machine, fails: bool
) -> None:
    """The replay of another process finds nothing that was delivered, and lets the earlier event through."""
    old, new, other = machine.add("a", "old"), machine.add("a", "new"), machine.add("b")
    machine.log.failed(old, "no", retry_at=None, at=NOW)
    taken, replayed = [], threading.Event()

    def deliver(events: Sequence[ChangeEvent]) -> None:
        (event,) = events
        if event.number == other:
            assert replayed.wait(10)
        elif event.number == new and not replayed.is_set():
            assert machine.log.replay(old) is None
            replayed.set()
            time.sleep(0.05)  # time for another delivery to begin
            if fails:
                raise DeliveryError("busy")
        taken.append(event.number)

    machine.run(deliver)
    assert taken.count(old) == fails
    machine.now += timedelta(minutes=1)
    machine.run(deliver)
    assert [number for number in taken if number != other] == ([old, new] if fails else [new])
    logged = machine.log.get(old)
    assert logged is not None
    assert logged.state is (EventState.DELIVERED if fails else EventState.DEAD)
    if not fails:
        assert logged.error == "a later state of the record was delivered before this one could be replayed"
        assert machine.log.replay(old, even_if_outdated=True) is None
        machine.run(deliver)
        assert [number for number in taken if number != other] == [new, old]


def test_an_event_that_is_skipped_while_it_is_on_its_way_is_not_tried_again(machine: Machine) -> None:
    number = machine.add("a")

    def fail(_: Sequence[ChangeEvent]) -> None:
        assert machine.log.skip(number, NOW)
        raise DeliveryError("no")

    assert machine.run(fail) == (0, 1, 0)
    logged = machine.log.get(number)
    assert logged is not None
    assert logged.state is EventState.SKIPPED
    machine.now += timedelta(days=3)
    assert machine.run(lambda _: pytest.fail("it was given up")) == (0, 0, 0)


def test_what_forbids_a_replay_is_not_deleted(machine: Machine) -> None:
    """Found by the torture: a dead letter was replayed after the later event had been deleted for its age."""
    old, new = machine.add("a", "old"), machine.add("a", "new")
    machine.log.failed(old, "no", retry_at=None, at=NOW)
    machine.run(lambda _: None)
    assert machine.log.prune("w", NOW + timedelta(days=400)) == 0
    later = machine.log.replay(old)
    assert later is not None
    assert later.event.number == new
    assert machine.log.skip(old, NOW)
    assert machine.log.prune("w", NOW + timedelta(days=400)) == 2


def test_a_skipped_event_is_not_delivered_and_lets_the_next_one_through(machine: Machine) -> None:
    first = machine.add("a", "1")
    machine.add("a", "2")
    assert machine.log.skip(first, NOW)
    assert not machine.log.skip(first, NOW)
    assert machine.run(lambda _: None) == (1, 0, 0)


def test_delivered_events_are_deleted_after_their_time_and_others_are_not(machine: Machine) -> None:
    machine.add("a")
    machine.run(lambda _: None)
    dead = machine.add("b")
    machine.log.failed(dead, "no", retry_at=None, at=NOW)
    waiting = machine.add("c")
    assert machine.log.prune("w", NOW + timedelta(days=1)) == 1
    assert [one.event.number for one in machine.log.find("w")] == [dead, waiting]
    assert machine.add("d") == waiting + 1  # a number is never given again


def test_an_event_that_a_wrong_clock_delivered_years_ago_is_kept(machine: Machine) -> None:
    machine.add("a")
    machine.now = NOW - timedelta(days=400)
    machine.run(lambda _: None)
    assert machine.log.prune("w", NOW - timedelta(days=30)) == 0
    assert machine.log.prune("w", NOW + timedelta(days=1)) == 1


def test_another_watch_has_its_own_events(machine: Machine) -> None:
    machine.add("a", watch="other")
    assert machine.run(lambda _: None) == (0, 0, 0)


@given(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=12),
    st.lists(st.booleans(), max_size=40),
    st.integers(1, 4),
    st.integers(1, 3),
)
@settings(max_examples=40)
def test_whatever_fails_each_record_has_its_events_in_order(
    keys: list[str], fails: list[bool], batch: int, workers: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _in_order(Path(folder) / "log.sqlite3", keys, fails, batch, workers)


@given(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=12),
    st.lists(st.booleans(), max_size=40),
    st.integers(1, 4),
    st.integers(1, 3),
)
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_fails_each_record_has_its_events_in_order_in_postgresql(
    schemas: Iterator[PostgresPlace], keys: list[str], fails: list[bool], batch: int, workers: int
) -> None:
    _in_order(next(schemas), keys, fails, batch, workers)


def _in_order(place: Place, keys: list[str], fails: list[bool], batch: int, workers: int) -> None:
    """A receiver that takes an event and still reports a failure gets it again under the same id."""
    machine = Machine(place)
    numbers = [machine.add(key) for key in keys]
    left, lock = list(fails), threading.Lock()
    taken: dict[str, list[int]] = {}

    def deliver(events: Sequence[ChangeEvent]) -> None:
        with lock:
            for one in events:
                taken.setdefault(one.key, []).append(one.number)
            if left and left.pop():
                raise DeliveryError("it says")

    while machine.log.next_attempt("w") is not None:
        machine.run(deliver, batch=batch, workers=workers)
        machine.now += timedelta(days=2)
    machine.log.close()
    delivered = {number for some in taken.values() for number in some}
    assert delivered == set(numbers)
    for some in taken.values():
        first_times = list(dict.fromkeys(some))
        assert first_times == sorted(first_times)
        assert some == sorted(some)  # a repeated one comes before its successors
