"""The threads of a worker: each carries out one run that it took from the queue.

How many may go on is asked for again before runs are taken, and is that of this process alone.
"""

import logging
import threading
from collections.abc import Callable

from intacct_bridge.fleet.run_queue import RunKey, RunQueue, TenantRun
from intacct_protocol.errors import IntacctError

POLL_SECONDS = 0.5
"""Seconds between two looks at a queue that had no run."""
_log = logging.getLogger(__name__)


class HandedBackError(Exception):
    """A run has no end yet, since its process is about to end or its database does not answer: it is queued again."""


CarryOut = Callable[[TenantRun], None]
"""Carries out one run and keeps its end in the queue. It raises HandedBackError only."""


class RunThreads:
    """Takes runs for one worker, and carries them out."""

    def __init__(self, queue: RunQueue, carry_out: CarryOut, *, worker: str, room: Callable[[], int]) -> None:
        """`room` is how many runs may go on at a time."""
        self._queue, self._carry_out = queue, carry_out
        self._worker, self._room = worker, room
        self._taking = threading.Lock()
        """Held while runs are taken, until they are among those that go on."""
        self._going_on: dict[RunKey, TenantRun] = {}
        self._stopped = False
        self._wake = threading.Event()
        self._taker: threading.Thread | None = None

    def start(self) -> None:
        """Begin to take runs."""
        self._taker = threading.Thread(target=self._take_runs, name="take runs", daemon=True)
        self._taker.start()

    def running(self) -> int:
        """How many runs go on now."""
        return len(self._going_on)

    def stop_taking(self) -> None:
        """Take no further run, and wait until the last ones that were taken have begun."""
        self._stopped = True
        self._wake.set()
        if self._taker is not None:
            self._taker.join()

    def recover_lost(self) -> int:
        """Queue the runs again that the queue gave to this worker, and of which it never heard; how many."""
        with self._taking:
            return self._queue.recover_lost(self._worker, self._going_on.copy())

    def hand_back(self) -> int:
        """Queue the runs again that go on, since this process ends; how many there are. An error leaves them to others,
        which see that this process ended.
        """
        left = self._going_on.copy()
        for run in left.values():
            self._queue.hand_back(run)
        return len(left)

    def _take_runs(self) -> None:
        while not self._stopped:
            self._wake.clear()
            try:
                is_more = self._take()
            except IntacctError as error:  # the database does not answer; the worker's heartbeat decides what follows
                _log.warning("no run can be taken: %s", error)
                is_more = False
            if not is_more or len(self._going_on) >= self._room():
                self._wake.wait(POLL_SECONDS)

    def _take(self) -> bool:
        """Take as many runs as there is room for; whether there was any."""
        with self._taking:
            room = self._room() - len(self._going_on)
            runs = self._queue.take(self._worker, room) if room > 0 else []
            self._going_on |= {run.key: run for run in runs}
        for run in runs:
            threading.Thread(target=self._run, args=(run,), name=f"{run.tenant} {run.flow}", daemon=True).start()
        return bool(runs)

    def _run(self, run: TenantRun) -> None:
        try:
            self._carry_out(run)
        except HandedBackError:
            with self._taking:  # this worker may take it again, but not before it is known that it does not go on
                try:
                    self._queue.hand_back(run)
                except IntacctError as error:  # `recover_lost` queues it later, or another worker
                    _log.warning("%s %s is not handed back yet: %s", run.tenant, run.flow, error)
                del self._going_on[run.key]
        else:
            del self._going_on[run.key]
        self._wake.set()
