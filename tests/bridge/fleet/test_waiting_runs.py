"""Companies that hang cost the others a thread for two seconds each, counted with a clock that only the test moves."""

import threading
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from statistics import quantiles

import pytest

from intacct_bridge.fleet.run_queue import RunKey, RunQueue, TenantRun
from intacct_bridge.fleet.run_threads import RunThreads
from intacct_bridge.fleet.waiting_runs import MOST_EXTRA, ROOM_AFTER, WaitingRuns

DUE = datetime(2026, 11, 30, tzinfo=UTC)
REQUESTS = 5
"""Requests of a run without changes."""
ANSWER = 0.5
"""Seconds until a company answers."""


class HandClock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def key(tenant: str) -> RunKey:
    return RunKey(tenant, "copy", DUE)


def test_a_run_makes_room_for_another_once_it_has_waited_two_seconds_and_until_its_next_request() -> None:
    clock = HandClock()
    waiting = WaitingRuns(clock)
    waiting.began(key("slow"))
    waiting.began(key("busy"))
    steps = []
    for _ in range(5):
        clock.seconds += ROOM_AFTER / 4
        waiting.began(key("busy"))
        steps.append(waiting.room(16))
    assert steps == [16, 16, 16, 17, 17]
    waiting.began(key("slow"))
    assert waiting.room(16) == 16


def test_a_run_that_ended_makes_no_room_any_more_and_the_room_has_a_limit() -> None:
    clock = HandClock()
    waiting = WaitingRuns(clock)
    hanging = [key(f"c{number}") for number in range(MOST_EXTRA + 8)]
    for run in hanging:
        waiting.began(run)
    clock.seconds = ROOM_AFTER
    assert waiting.room(16) == 16 + MOST_EXTRA
    for run in hanging[:-1]:
        waiting.ended(run)
    assert waiting.room(16) == 17


class QueuedCompanies:
    """The queue as a worker sees it: each company once, in their order."""

    def __init__(self, names: Iterable[str], clock: HandClock) -> None:
        self._left, self._clock = deque(names), clock
        self.started: dict[str, float] = {}

    def take(self, worker: str, most: int) -> list[TenantRun]:
        names = [self._left.popleft() for _ in range(min(most, len(self._left)))]
        self.started |= dict.fromkeys(names, self._clock.seconds)
        return [TenantRun(name, "copy", DUE, worker=worker) for name in names]


class SimulatedWorker:
    """The threads of a worker whose runs wait for the test: each answers after half a second, or never."""

    def __init__(self, names: list[str], hanging: int, threads: int) -> None:
        self.clock, self.names, self.hanging = HandClock(), names, set(names[:hanging])
        self.queue = QueuedCompanies(names, self.clock)
        self.waiting = WaitingRuns(self.clock)
        self.most_going_on = 0
        self._requests: dict[str, int] = {}
        self._answered = {name: threading.Event() for name in names}
        queue: RunQueue = self.queue  # type: ignore[assignment]
        self.runs = RunThreads(queue, self._carry_out, worker="w", room=lambda: self.waiting.room(threads))

    def _carry_out(self, run: TenantRun) -> None:
        assert self._answered[run.tenant].wait(60)

    def _end(self, names: Iterable[str]) -> None:
        threads = {thread.name: thread for thread in threading.enumerate()}
        for name in names:
            self.waiting.ended(key(name))
            self._answered[name].set()
            threads[f"{name} copy"].join(60)

    def work(self) -> list[float]:
        """Carry out all runs; when those of the companies that answer started, in seconds."""
        ended: set[str] = set()
        while len(ended) < len(self.names) - len(self.hanging):
            before = set(self.queue.started)
            while self.runs._take():
                pass
            for name in self.queue.started.keys() - before:
                self.waiting.began(key(name))
                self._requests[name] = REQUESTS
            others = self.runs.running() - len(self.hanging & self._requests.keys())
            self.most_going_on = max(self.most_going_on, others)
            self.clock.seconds += ANSWER
            answered = [name for name in self._requests if name not in ended | self.hanging]
            for name in answered:
                self._requests[name] -= 1
                self.waiting.began(key(name))
            last = [name for name in answered if not self._requests[name]]
            self._end(last)
            ended |= set(last)
        self._end(self.hanging)
        return [at for name, at in self.queue.started.items() if name not in self.hanging]


@pytest.mark.parametrize(("companies", "threads"), [(200, 16), (400, 32)])
def test_ten_companies_that_hang_delay_the_others_by_less_than_a_tenth(companies: int, threads: int) -> None:
    """The threads are what is scarce here: processors and companies have time for any number of runs.

    Those that hang are first in the queue, and take ten of the threads until they make room. The same 190 or 390
    companies run without them for comparison.
    """
    names = [f"c{number:03}" for number in range(companies)]
    quiet = SimulatedWorker(names[10:], 0, threads)
    slowed = SimulatedWorker(names, 10, threads)
    without, beside = quiet.work(), slowed.work()
    assert len(without) == len(beside) == companies - 10
    assert quantiles(beside, n=20)[-1] < 1.1 * quantiles(without, n=20)[-1]
    assert quiet.most_going_on == slowed.most_going_on == threads


def test_more_companies_hang_than_there_are_threads_and_the_others_wait_two_seconds() -> None:
    names = [f"c{number:03}" for number in range(40)]
    worker = SimulatedWorker(names, 16, 16)
    assert min(worker.work()) == ROOM_AFTER
