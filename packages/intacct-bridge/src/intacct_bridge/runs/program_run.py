"""The run of a program that uses the library: from the first call of a client until the client is closed.

It counts the API transactions of all calls and the records that were written, so that the usage of a month is whole. A
client that is not closed ends its run when Python frees the client, or ends.
"""

import logging
import os
import sys
import weakref
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from intacct_bridge import __version__
from intacct_bridge.client.gateway.meter import Meter
from intacct_bridge.connections.connection import Connection
from intacct_bridge.machine.account import account_name
from intacct_bridge.runs.history import RunHistory
from intacct_bridge.runs.recorder import RunRecorder
from intacct_bridge.runs.run import LIBRARY, RecordCounts
from intacct_protocol.errors import IntacctError
from intacct_protocol.model.masking import without_secrets

if TYPE_CHECKING:
    from intacct_bridge.shared_state.place import Place

_log = logging.getLogger(__name__)


class _PartRecorder(RunRecorder):
    """One load of a program: its entries in the outbox bear an id of their own, and its counts are the program's."""

    def __init__(self, whole: RunRecorder, number: int) -> None:
        super().__init__()
        self.id = f"{whole.id}-{number:04}"  # the program's id finds all of them
        self._whole = whole

    def add_counts(self, counts: RecordCounts) -> None:
        """Count records, here and for the program."""
        self.records += counts
        self._whole.add_counts(counts)


class ProgramRun:
    """The run of one client."""

    def __init__(self, connection: Connection, *, place: "Place | None" = None) -> None:
        """`place` is that of the history of runs, in place of the usual one."""
        self.recorder = recorder = RunRecorder(
            warn=_log.warning,
            keeper=RunHistory(place) if place is not None else None,
            masked=lambda text: without_secrets(text, connection.secrets),
        )
        recorder.command, recorder.arguments = LIBRARY, (Path(sys.argv[0]).name or "python",)
        recorder.person, recorder.version, recorder.connection = account_name(), __version__, connection
        self._status = 0
        self._parts = count(1)

    def follows(self, client: object, meter: Meter) -> None:
        """Begin with the first call that the meter counts, and end with the client at the latest."""
        meter.before_first = self.recorder.begin
        self.recorder.uses(meter)
        weakref.finalize(client, self.end)

    def part(self) -> RunRecorder:
        """The recorder of one load, which can be undone by its id."""
        return _PartRecorder(self.recorder, next(self._parts))

    def add(self, counts: RecordCounts) -> None:
        """Count records."""
        self.recorder.add_counts(counts)

    def failed(self, error: BaseException) -> None:
        """Keep the error that the program ended with; a mistake of the program's own is a failure."""
        if isinstance(error, SystemExit) and not error.code:
            return
        if isinstance(error, IntacctError):
            self._status = error.exit_status
        else:
            self._status = 130 if isinstance(error, KeyboardInterrupt) else 1
        self.recorder.failed(error)

    def end(self) -> None:
        """Keep the end; a second call, and one in a copy of the process, change nothing."""
        run = self.recorder.run
        if run is None or run.ended is not None or run.process != os.getpid():
            return
        counts = self.recorder.records
        status = 5 if counts.in_doubt else 1 if counts.refused or counts.dead_letters else 0
        self.recorder.finish(self._status or status)
