"""A worker: it carries out queued runs, submits what is due, and takes over the runs of workers that died."""

import logging
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from intacct_bridge import __version__
from intacct_bridge.fleet.fleet import Fleet
from intacct_bridge.fleet.run_queue import ATTEMPTS, TenantRun
from intacct_bridge.fleet.run_threads import RunThreads
from intacct_bridge.fleet.tenant_work import LONGEST_RUN, FlowEnd, FlowProgram, StopSignal, TenantWork
from intacct_bridge.fleet.waiting_runs import WaitingRuns
from intacct_bridge.fleet.work_state import DEAD_AFTER, Worker, WorkState
from intacct_bridge.machine.account import machine_name
from intacct_bridge.runs.run import end_of
from intacct_protocol.errors import IntacctError, TransientError

_log = logging.getLogger(__name__)

THREADS = 16
BEAT = 2.0
"""Seconds between two heartbeats, by which the other workers know that this one runs."""
_CHANGES_LATE = timedelta(seconds=10)
"""How long after its time a change of a tenant may become visible."""
_PRUNE_EVERY = 3_600.0


class FleetWorker:
    """The worker of this process."""

    def __init__(
        self,
        fleet: Fleet,
        program: FlowProgram,
        *,
        threads: int = THREADS,
        longest_run: timedelta = LONGEST_RUN,
        attempts: int = ATTEMPTS,
        ended: Callable[[TenantRun, FlowEnd], None] = lambda _run, _end: None,
    ) -> None:
        self.id = f"{machine_name()}-{os.getpid()}-{random.getrandbits(32):08x}"
        self.stop = StopSignal()
        self._fleet, self._threads, self._attempts = fleet, threads, attempts
        self._state = WorkState(fleet.registry.place)
        self.waiting = WaitingRuns()
        self.outcomes: Counter[str] = Counter()
        """How the runs of this worker ended."""

        def count(run: TenantRun, end: FlowEnd) -> None:
            self.outcomes[end_of(end.status).value] += 1
            ended(run, end)

        self._work = TenantWork(
            fleet,
            self._state,
            program,
            stop=self.stop,
            waiting=self.waiting,
            longest_run=longest_run,
            ended=count,
        )
        self._changes: datetime | None = None
        self._last_beat = time.monotonic()
        self._recovers_from = 0.0
        """The time from which workers without a heartbeat count as dead."""
        self._pruned = -_PRUNE_EVERY
        self.runs = RunThreads(
            fleet.queue, self._work.carry_out, worker=self.id, room=lambda: self.waiting.room(self._threads)
        )

    def enter(self) -> None:
        """Register as a worker of the fleet, until this one is closed."""
        now = self._state.now()
        self._state.enter(Worker(self.id, machine_name(), os.getpid(), __version__, self._threads, 0, now, now))

    def start(self) -> None:
        """Begin to carry out runs."""
        self.enter()
        self._recovers_from = time.monotonic() + 2 * BEAT
        self.runs.start()

    def tick(self) -> bool:
        """Do the work of a heartbeat, every two seconds. False if the worker must end: others took over its runs.

        SettingsError if a newer version has changed the tables, so that this one must not go on.
        """
        try:
            self._fleet.registry.check_version()
            self._fleet.queue.check_version()
            if not self._state.beat(self.id, self.runs.running()):
                self.stop.ask()
                return False
            self._wait_after_outage()
            self._recover()
            if self._state.lead():
                self._submit_due()
            self._prune()
        except TransientError as error:
            # This worker's runs send nothing meanwhile, since each request needs a slot in the database.
            _log.warning("the fleet's database does not answer: %s", error)
        return True

    def close(self, grace: float) -> int:
        """End: take no further run, let those that go on reach a safe point, and hand back the rest.

        Returns how many runs were handed back.
        """
        self.runs.stop_taking()
        self._wait(grace * 0.6)
        self.stop.ask()
        self._wait(grace * 0.4)
        left = 0
        try:
            left = self.runs.hand_back()
            self._state.leave([self.id])
        except IntacctError as error:  # the others see that this worker ended
            _log.warning("%s", error)
        self._state.close()
        return left

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while self.runs.running() and time.monotonic() < until:
            time.sleep(0.05)

    def _wait_after_outage(self) -> None:
        """After a time without the database, give the other workers time to connect again before they count as dead."""
        now = time.monotonic()
        if now - self._last_beat > DEAD_AFTER.total_seconds() / 2:
            self._recovers_from = now + DEAD_AFTER.total_seconds()
        self._last_beat = now

    def _recover(self) -> None:
        """Queue the runs of dead workers again, and those of this one of which it never heard."""
        if lost := self.runs.recover_lost():
            _log.warning("runs whose begin was lost with the database, and which are queued again: %d", lost)
        if time.monotonic() < self._recovers_from:
            return
        if dead := self._state.dead():
            count, given_up = self._fleet.queue.recover(dead, attempts=self._attempts)
            self._state.leave(dead)
            _log.warning("workers that were killed: %s; their runs, which are queued again: %d", dead, count)
            for run in given_up:
                _log.error("%s %s: %s", run.tenant, run.flow, run.detail)

    def _submit_due(self) -> None:
        """Queue the runs that are due. A run waits while the flow's earlier run is still queued or running."""
        now = self._state.now()
        if self._changes is not None and now < self._changes - _CHANGES_LATE:
            _log.warning("the clock of the fleet's database was set back by %s", self._changes - now)
            self._changes = None  # every flow is planned again
        changes = [] if self._changes is None else [self._changes - _CHANGES_LATE]
        tenants = self._fleet.registry.changed(changes[0] if changes else None)
        for chunk in tenants:
            self._state.plan(chunk)
        if self._changes is None:
            self._state.drop_removed()
        self._changes = now
        due = self._state.due()
        before = self._fleet.queue.find([run.last for run in due if run.last is not None])
        going_on = {key for key, run in before.items() if run.ended_at is None}
        ready = [run for run in due if run.last not in going_on]
        self._fleet.queue.submit(run.key for run in ready if not run.paused)
        if ready:
            self._state.submitted(ready)
        if late := [run for run in due if run.last in going_on]:
            self._state.put_off(late)

    def _prune(self) -> None:
        if time.monotonic() - self._pruned < _PRUNE_EVERY:
            return
        self._pruned = time.monotonic()
        now = self._state.now()
        self._fleet.queue.prune(now)
        self._state.drop_removed()


def worker_metrics(worker: FleetWorker) -> str:
    """The metrics of a worker in Prometheus's text format."""
    lines = [
        "# HELP intacct_fleet_running Runs that this worker carries out now.",
        "# TYPE intacct_fleet_running gauge",
        f"intacct_fleet_running {worker.runs.running()}",
        "# HELP intacct_fleet_waiting Runs of these that have waited for an answer for two seconds or more.",
        "# TYPE intacct_fleet_waiting gauge",
        f"intacct_fleet_waiting {worker.waiting.count()}",
        "# HELP intacct_fleet_runs_total Runs that this worker carried out, by how they ended.",
        "# TYPE intacct_fleet_runs_total counter",
        *(f'intacct_fleet_runs_total{{outcome="{name}"}} {count}' for name, count in sorted(worker.outcomes.items())),
    ]
    return "\n".join(lines) + "\n"
