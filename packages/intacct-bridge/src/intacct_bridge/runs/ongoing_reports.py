"""Notifications of a run that goes on, such as a watch that follows: its receivers hear of dead letters, of records in
doubt and of failures while it runs.

A failure is reported when it begins, and not again before a success. Dead letters and records in doubt are counted up
and reported together, at most once in ten minutes.
"""

import time
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from intacct_bridge.runs.channels import Channel
from intacct_bridge.runs.notify import notify
from intacct_bridge.runs.run import RecordCounts, Run, RunError

PAUSE = 600.0
"""Seconds between two messages about dead letters or records in doubt."""


class OngoingReports:
    """What the receivers of one run have been told."""

    def __init__(
        self,
        channels: Sequence[Channel],
        *,
        warn: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._channels = channels
        self._warn, self._clock = warn, clock
        self._failing = False
        self._waiting = RecordCounts()
        self._told_at: float | None = None

    def note(self, run: Run, counts: RecordCounts, *, polled: bool, failure: str = "") -> None:
        """Report what a round of the run brought; `failure` is that of its poll, if it had one."""
        self._waiting += counts
        fresh = bool(failure) and not self._failing
        if polled:
            self._failing = bool(failure)
        pressing = self._waiting.dead_letters or self._waiting.in_doubt
        paused = self._told_at is not None and self._clock() - self._told_at < PAUSE
        if not self._channels or not (fresh or (pressing and not paused)):
            return
        error = RunError(failure, "TransientError") if fresh else None
        told = replace(run, records=self._waiting, streams=(), error=error, ended=None, status=None, alive=True)
        notify(self._channels, told, warn=self._warn)
        self._waiting = RecordCounts()
        if pressing:
            self._told_at = self._clock()
