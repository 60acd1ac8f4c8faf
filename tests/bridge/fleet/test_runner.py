"""The runner's own number of threads, and runs that end every worker: processes that share only a database."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from intacct_bridge.fleet import Fleet
from intacct_bridge.fleet.dbos_runner import DbosRunner
from intacct_bridge.fleet.runner import RunKey, RunState
from intacct_bridge.fleet.sealing import FleetKey
from intacct_bridge.fleet.work_state import PUT_OFF
from intacct_bridge.fleet.worker import FleetWorker
from intacct_bridge.shared_state.database import TableSet
from intacct_bridge.shared_state.postgres import PostgresDatabase
from support.fleet.workers import until

DUE = datetime(2026, 1, 1, tzinfo=UTC)
FLOWS = {"copy": {"command": "extract", "to": "jsonl:out"}}
WORKER = """
import os, sys, threading, time
from intacct_bridge.fleet import Fleet, dbos_runner
from intacct_bridge.fleet.dbos_runner import DbosRunner
from intacct_bridge.fleet.runner import HandedBackError
uri, key, name, threads, earlier, body = sys.argv[1:]
runner = DbosRunner(Fleet.open(uri, key).registry.place, recoveries=1)
begun = []
def carry_out(run):
    begun.append(run)
    if run.flow == "hand back" and len(begun) == 1:
        raise HandedBackError
    if body == "end the process":
        os._exit(9)
    if run.tenant == "short":
        return "done"
    threading.Event().wait()
def find_lost():
    dbos_runner._LOST_AFTER = 1.0
    while True:
        runner.recover_lost()
        time.sleep(0.2)
runner.start(carry_out, worker=name, threads=lambda: int(threads))
if body == "find lost runs":
    threading.Thread(target=find_lost, daemon=True).start()
if earlier:
    runner.recover([earlier])
print("started", flush=True)
sys.stdin.read()
os._exit(0)
"""


class Processes:
    """Processes with a runner that carries out runs."""

    def __init__(self, uri: str, key: str) -> None:
        self._uri, self._key = uri, key
        self.all: list[subprocess.Popen[str]] = []

    def start(self, name: str, threads: int, *, earlier: str = "", body: str = "wait") -> subprocess.Popen[str]:
        """A process that takes over the runs of an earlier one."""
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, self._uri, self._key, name, str(threads), earlier, body],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.all.append(process)
        return process

    def close(self) -> None:
        """End them."""
        for process in self.all:
            process.kill()
            process.communicate()


@pytest.fixture
def fleet(postgres: str) -> Iterator[Fleet]:
    with Fleet.open(postgres, FleetKey.new().text) as found:
        yield found


@pytest.fixture
def runner(fleet: Fleet) -> Iterator[DbosRunner]:
    with closing(DbosRunner(fleet.registry.place, recoveries=1)) as found:
        yield found


@pytest.fixture
def processes(fleet: Fleet, postgres: str) -> Iterator[Processes]:
    with closing(Processes(postgres, fleet.keys.first.text)) as found:
        yield found


def test_each_worker_has_its_own_number_of_threads(runner: DbosRunner, processes: Processes) -> None:
    for name, threads in (("small", 1), ("large", 3)):
        process = processes.start(name, threads)
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
    for number in range(8):
        runner.submit(RunKey(f"c{number}", "copy", DUE))

    def running() -> Counter[str]:
        return Counter(one.worker for one in runner.unfinished() if one.state is RunState.RUNNING)

    until(lambda: sum(running().values()) >= 4, "the threads of both are taken")
    time.sleep(2)  # both look at the queue again, several times
    assert running() == {"small": 1, "large": 3}


def test_a_run_whose_end_was_lost_with_the_database_is_queued_again(
    fleet: Fleet, runner: DbosRunner, processes: Processes
) -> None:
    """It would stay its worker's, and its tenant would have no further run. A run that goes on is left alone."""
    long, short, next_one = RunKey("long", "copy", DUE), RunKey("short", "copy", DUE), RunKey("short", "post", DUE)
    processes.start("first", 4, body="find lost runs")
    for key in (long, short):
        runner.submit(key)
    until(lambda: runner.results([short]) == {short: "done"}, "the short run has ended")
    with closing(PostgresDatabase(fleet.registry.place, TableSet("test", "the test", lambda: ""))) as db:
        engine = f"{fleet.registry.place.schema}_engine.workflow_status"
        db.execute(f"UPDATE {engine} SET status = 'PENDING', output = NULL WHERE queue_partition_key = 'short'")
        runner.submit(next_one)
        until(lambda: runner.results([short, next_one]).keys() == {short, next_one}, "both short runs have ended")
        begun = db.read(f"SELECT recovery_attempts FROM {engine} WHERE queue_partition_key = 'long'")
    assert [int(row[0]) for row in begun] == [1]
    assert [(one.key, one.state) for one in runner.unfinished()] == [(long, RunState.RUNNING)]


def test_a_run_that_is_handed_back_by_a_worker_that_goes_on_is_queued_again(
    runner: DbosRunner, processes: Processes
) -> None:
    """After a time without the database, its end could not be kept. Its tenant would have no further run."""
    handed_back, next_one = RunKey("short", "hand back", DUE), RunKey("short", "post", DUE)
    processes.start("first", 1, body="find lost runs")
    for key in (handed_back, next_one):
        runner.submit(key)
    ended = {handed_back: "done", next_one: "done"}
    until(lambda: runner.results([handed_back, next_one]) == ended, "both runs have ended")


def test_a_flow_that_is_due_while_its_earlier_run_has_not_ended_is_queued_once_after_it(
    fleet: Fleet, runner: DbosRunner
) -> None:
    """A run may last longer than the time between two of them: their number does not grow."""
    fleet.add("c0", settings={"company_id": "c0"}, flows=FLOWS, schedule={"copy": "every 1m"})
    worker = FleetWorker(fleet, runner, lambda _work: pytest.fail("no run is carried out here"))
    state = worker._state

    def look(*, due: bool = True) -> list[datetime]:
        """The times of the runs that are queued after the worker has looked for what is due."""
        if due:
            text = state.now().isoformat(timespec="microseconds")
            with state._db.transaction():
                state._db.execute("UPDATE due SET due_at = ?, start_at = ?", (text, text))
        worker._submit_due()
        return [one.key.due_at for one in runner.unfinished()]

    assert look(due=False) == []
    (first,) = look()
    assert [look() for _ in range(3)] == [[first]] * 3
    assert look(due=False) == [first]
    assert runner.cancel(RunKey("c0", "copy", first))
    (start,) = (datetime.fromisoformat(row[0]) for row in state._db.read("SELECT start_at FROM due"))
    assert timedelta() < start - state.now() <= PUT_OFF
    with state._db.transaction():
        state._db.execute("UPDATE due SET start_at = due_at")
    (second,) = look(due=False)
    assert second > first
    state.close()


def test_when_the_clock_of_the_database_is_set_back_every_flow_is_planned_again(
    fleet: Fleet, runner: DbosRunner
) -> None:
    fleet.add("c0", settings={"company_id": "c0"}, flows=FLOWS, schedule={"copy": "every 1h"})
    worker = FleetWorker(fleet, runner, lambda _work: pytest.fail("no run is carried out here"))
    right = worker._state.now()
    for clock in (right + timedelta(days=3), right):
        worker._state._db.clock = lambda now=clock: now  # type: ignore[misc]
        worker._submit_due()
    (due,) = (datetime.fromisoformat(row[0]) for row in worker._state._db.read("SELECT due_at FROM due"))
    assert right < due <= right + timedelta(hours=1)
    worker._state.close()


@pytest.mark.slow
def test_a_run_that_ends_every_worker_gets_an_end_and_the_flow_stays_due(
    fleet: Fleet, runner: DbosRunner, processes: Processes
) -> None:
    fleet.add("c0", settings={"company_id": "c0"}, flows=FLOWS, schedule={"copy": "every 1h"})
    key = RunKey("c0", "copy", DUE)
    fleet.begin_run("c0", "copy", DUE, worker="first")
    runner.submit(key)
    assert processes.start("first", 2, body="end the process").wait(60) == 9
    assert processes.start("second", 2, earlier="first", body="end the process").wait(60) == 9
    processes.start("third", 2, earlier="second")
    until(lambda: runner.given_up() == {key: 2}, "the run is given up")
    worker = FleetWorker(fleet, runner, lambda _work: pytest.fail("no run is carried out here"))
    assert not fleet.registry.runs()[0].ended_at
    worker.enter()
    assert worker.tick()
    (run,) = fleet.registry.runs()
    assert run.ended_at is not None
    assert run.outcome == "killed"
    assert run.detail.startswith("2 workers ended while they carried out this run")
    (status,) = fleet.status()
    assert status.needs_attention
    assert status.flows[0].next_due is not None
    worker._state.close()
