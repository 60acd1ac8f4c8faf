"""The queue of runs in a real PostgreSQL: what is taken, ended, handed back and recovered, by threads and processes."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from intacct_bridge.fleet import Fleet
from intacct_bridge.fleet.run_queue import RunEnding, RunKey, RunQueue, TenantRun
from intacct_bridge.fleet.run_threads import HandedBackError, RunThreads
from intacct_bridge.fleet.sealing import FleetKey
from intacct_bridge.fleet.work_state import PUT_OFF
from intacct_bridge.fleet.worker import FleetWorker
from intacct_bridge.shared_state.postgres_link import TakenError
from intacct_protocol.errors import UnreachableError
from support.fleet.runs import begun
from support.fleet.workers import until

DUE = datetime(2026, 1, 1, tzinfo=UTC)
FLOWS = {"copy": {"command": "extract", "to": "jsonl:out"}}
WORKER = """
import os, sys, threading
from intacct_bridge.fleet import Fleet
from intacct_bridge.fleet.run_threads import RunThreads
uri, key, name, threads, body = sys.argv[1:]
def carry_out(run):
    if body == "end the process":
        os._exit(9)
    threading.Event().wait()
RunThreads(Fleet.open(uri, key).queue, carry_out, worker=name, room=lambda: int(threads)).start()
sys.stdin.read()
os._exit(0)
"""


class Processes:
    """Processes that take runs."""

    def __init__(self, uri: str, key: str) -> None:
        self._uri, self._key = uri, key
        self.all: list[subprocess.Popen[bytes]] = []

    def start(self, name: str, threads: int, *, body: str = "wait") -> subprocess.Popen[bytes]:
        """A process that takes runs as this worker."""
        words = [self._uri, self._key, name, str(threads), body]
        process = subprocess.Popen([sys.executable, "-c", WORKER, *words], stdin=subprocess.PIPE)
        self.all.append(process)
        return process

    def close(self) -> None:
        """End them."""
        for process in self.all:
            process.kill()
            process.communicate()


@pytest.fixture
def fleet(postgres: str) -> Iterator[Fleet]:
    with Fleet.open(postgres, FleetKey.new().text) as opened:
        yield opened


@pytest.fixture
def queue(fleet: Fleet) -> RunQueue:
    return fleet.queue


@pytest.fixture
def processes(fleet: Fleet, postgres: str) -> Iterator[Processes]:
    with closing(Processes(postgres, fleet.keys.first.text)) as processes:
        yield processes


def key(tenant: str, flow: str = "copy", hour: int = 0) -> RunKey:
    return RunKey(tenant, flow, DUE + timedelta(hours=hour))


def names(runs: list[TenantRun]) -> list[str]:
    return sorted(run.tenant for run in runs)


# --- one run of a tenant at a time


def test_a_run_is_taken_once_and_the_next_of_its_tenant_after_its_end(queue: RunQueue) -> None:
    queue.submit([key("acme"), key("acme", "post"), key("beta")])
    queue.submit([key("acme")])
    taken = queue.take("one", 10)
    assert names(taken) == ["acme", "beta"]
    assert queue.take("two", 10) == []
    acme = next(run for run in taken if run.tenant == "acme")
    assert queue.end(acme, RunEnding("done", rows=3))
    (after,) = queue.take("two", 10)
    assert (after.tenant, after.flow, after.worker) == ("acme", "post", "two")
    assert queue.find([acme.key])[acme.key].rows == 3


def test_the_database_lets_no_two_runs_of_a_tenant_go_on(fleet: Fleet, queue: RunQueue) -> None:
    """It is what decides between two workers that take at the same moment."""
    begun(fleet, "acme", "copy", DUE)
    queue.submit([key("acme", "post")])
    with pytest.raises(TakenError):
        queue._db.read("UPDATE run SET worker = 'other' WHERE flow = 'post' RETURNING 1")


def test_the_runs_that_were_queued_first_are_taken_first(queue: RunQueue) -> None:
    for number in (3, 1, 2):
        queue.submit([key(f"t{number}")])
    assert [queue.take("one", 1)[0].tenant for _ in range(3)] == ["t3", "t1", "t2"]


def test_workers_that_take_at_the_same_time_take_each_run_once_and_one_of_each_tenant(
    fleet: Fleet, postgres: str
) -> None:
    """Twelve connections take from 40 tenants with three flows each until nothing is left."""
    tenants, flows = [f"t{number}" for number in range(40)], ("a", "b", "c")
    fleet.queue.submit([key(tenant, flow) for flow in flows for tenant in tenants])

    def work(worker: str) -> list[RunKey]:
        done = []
        with closing(RunQueue(fleet.registry.place)) as own:
            while len(fleet.queue.unfinished()):
                for run in own.take(worker, 5):
                    assert own.end(run, RunEnding("done"))
                    done.append(run.key)
        return done

    with ThreadPoolExecutor(12) as pool:
        done = [one for keys in pool.map(work, map(str, range(12))) for one in keys]
    assert len(done) == len(set(done)) == len(tenants) * len(flows)


# --- ends that come twice or too late


def test_only_the_worker_that_has_a_run_ends_it_or_gives_it_back(fleet: Fleet, queue: RunQueue) -> None:
    late = begun(fleet, "acme", "copy", DUE, worker="killed")
    assert queue.recover(["killed"]) == (1, [])
    (again,) = queue.take("other", 1)
    assert not queue.end(late, RunEnding("bug"))
    queue.hand_back(late)
    (run,) = queue.unfinished()
    assert run.worker == "other"
    assert queue.end(again, RunEnding("done"))
    assert not queue.end(again, RunEnding("bug"))


def test_a_run_that_is_handed_back_is_taken_again_and_counts_no_attempt(queue: RunQueue) -> None:
    queue.submit([key("acme")])
    for _ in range(3):
        (run,) = queue.take("one", 1)
        queue.hand_back(run)
    queue.take("one", 1)
    assert queue.recover(["one"], attempts=2) == (1, [])


def test_a_run_that_is_queued_is_cancelled_and_one_that_goes_on_is_not(fleet: Fleet, queue: RunQueue) -> None:
    queue.submit([key("acme")])
    assert queue.cancel(key("acme"))
    assert not queue.cancel(key("acme"))
    run = begun(fleet, "acme", "copy", DUE)
    assert not queue.cancel(run.key)


# --- workers


def test_each_worker_has_its_own_number_of_threads(queue: RunQueue, processes: Processes) -> None:
    queue.submit([key(f"c{number}") for number in range(8)])
    processes.start("small", 1)
    processes.start("large", 3)

    def running() -> Counter[str]:
        return Counter(run.worker for run in queue.unfinished() if run.worker)

    until(lambda: running() == {"small": 1, "large": 3}, "the threads of both are taken")


def test_a_run_of_which_its_worker_never_heard_is_queued_again(fleet: Fleet, queue: RunQueue) -> None:
    """The answer was lost with the database. A run that goes on is left alone."""
    threads = RunThreads(queue, lambda run: None, worker="one", room=lambda: 1)
    goes_on = begun(fleet, "long", "copy", DUE, worker="one")
    threads._going_on[goes_on.key] = goes_on
    begun(fleet, "short", "copy", DUE, worker="one")
    assert threads.recover_lost() == 1
    assert [(run.tenant, run.worker) for run in queue.unfinished()] == [("long", "one"), ("short", "")]


def test_a_run_that_is_handed_back_by_a_worker_that_goes_on_is_carried_out_again(queue: RunQueue) -> None:
    """After a time without the database, its end could not be kept. Its tenant would have no further run."""
    begun_keys: list[RunKey] = []

    def carry_out(run: TenantRun) -> None:
        begun_keys.append(run.key)
        if len(begun_keys) == 1:
            raise HandedBackError
        queue.end(run, RunEnding("done"))

    threads = RunThreads(queue, carry_out, worker="one", room=lambda: 1)
    queue.submit([key("short"), key("short", "post")])
    threads.start()
    until(lambda: not queue.unfinished(), "both runs have ended")
    threads.stop_taking()
    assert Counter(begun_keys) == {key("short"): 2, key("short", "post"): 1}
    assert threads.running() == 0


def test_a_database_that_fails_while_a_run_is_taken_does_not_end_the_worker(
    queue: RunQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, failures = queue.take, [UnreachableError("the database is away")]

    def failing_take(worker: str, most: int) -> list[TenantRun]:
        if failures:
            raise failures.pop()
        return take(worker, most)

    monkeypatch.setattr(queue, "take", failing_take)
    monkeypatch.setattr("intacct_bridge.fleet.run_threads.POLL_SECONDS", 0.01)

    def carry_out(run: TenantRun) -> None:
        queue.end(run, RunEnding("done"))

    threads = RunThreads(queue, carry_out, worker="one", room=lambda: 1)
    queue.submit([key("acme")])
    threads.start()
    until(lambda: not queue.unfinished(), "the run has ended")
    threads.stop_taking()


# --- what is due


def test_a_flow_that_is_due_while_its_earlier_run_has_not_ended_is_queued_once_after_it(
    fleet: Fleet, queue: RunQueue
) -> None:
    """A run may last longer than the time between two of them: their number does not grow."""
    fleet.add("c0", settings={"company_id": "c0"}, flows=FLOWS, schedule={"copy": "every 1m"})
    worker = FleetWorker(fleet, lambda _work: pytest.fail("no run is carried out here"))
    state = worker._state

    def look(*, due: bool = True) -> list[datetime]:
        """The times of the runs that are queued after the worker has looked for what is due."""
        if due:
            text = state.now().isoformat(timespec="microseconds")
            with state._db.transaction():
                state._db.execute("UPDATE due SET due_at = ?, start_at = ?", (text, text))
        worker._submit_due()
        return [run.due_at for run in queue.unfinished()]

    assert look(due=False) == []
    (first,) = look()
    assert [look() for _ in range(3)] == [[first]] * 3
    assert look(due=False) == [first]
    assert queue.cancel(RunKey("c0", "copy", first))
    (start,) = (datetime.fromisoformat(row[0]) for row in state._db.read("SELECT start_at FROM due"))
    assert timedelta() < start - state.now() <= PUT_OFF
    with state._db.transaction():
        state._db.execute("UPDATE due SET start_at = due_at")
    (second,) = look(due=False)
    assert second > first
    state.close()


def test_when_the_clock_of_the_database_is_set_back_every_flow_is_planned_again(fleet: Fleet) -> None:
    fleet.add("c0", settings={"company_id": "c0"}, flows=FLOWS, schedule={"copy": "every 1h"})
    worker = FleetWorker(fleet, lambda _work: pytest.fail("no run is carried out here"))
    right = worker._state.now()
    for clock in (right + timedelta(days=3), right):
        worker._state._db.clock = lambda now=clock: now  # type: ignore[misc]
        worker._submit_due()
    (due,) = (datetime.fromisoformat(row[0]) for row in worker._state._db.read("SELECT due_at FROM due"))
    assert right < due <= right + timedelta(hours=1)
    worker._state.close()


# --- runs that end their workers


@pytest.mark.slow
def test_a_run_that_ends_every_worker_gets_an_end_and_the_flow_stays_due(
    fleet: Fleet, queue: RunQueue, processes: Processes
) -> None:
    fleet.add("c0", settings={"company_id": "c0"}, flows=FLOWS, schedule={"copy": "every 1h"})
    queue.submit([key("c0")])
    for name in ("first", "second"):
        assert processes.start(name, 2, body="end the process").wait(60) == 9
        count, given_up = queue.recover([name], attempts=2)
    assert count == 0
    (run,) = queue.runs()
    assert given_up == [run]
    assert run.ended_at is not None
    assert run.outcome == "killed"
    assert run.detail.startswith("2 workers ended while they carried out this run")
    (status,) = fleet.status()
    assert status.needs_attention
    assert status.flows[0].next_due is not None
    assert queue.take("third", 1) == []
