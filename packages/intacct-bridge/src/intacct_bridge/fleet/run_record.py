"""What a run of a tenant did, and its log: in the fleet's database, where every machine reads them.

The run is the row of the queue. Its log is written in pieces: every few seconds, and with the end of the run.
"""

import threading

import msgspec

from intacct_bridge.fleet.run_queue import RunQueue, TenantRun
from intacct_bridge.runs.run import Run
from intacct_protocol.errors import IntacctError

MOST_LINES = 20_000
"""Lines of a run's log that are kept; a later one is left out."""


class RunRecord:
    """The record of one run, in place of the history that a machine keeps of its runs."""

    def __init__(self, queue: RunQueue, run: TenantRun) -> None:
        self._queue, self._run = queue, run
        self._lines: list[str] = []
        self._written = 0
        self._lock = threading.Lock()

    def begin(self, run: Run) -> None:
        """Nothing: the queue knows that the run goes on."""

    def put(self, run: Run) -> None:
        """Keep what the run did so far, and its log."""
        self._queue.progress(self._run, report_of(run), self.new_lines())

    def end(self, run: Run) -> None:
        """Nothing: the worker keeps the end together with the row's."""

    def move_file(self, before: str, after: str) -> None:
        """Nothing: an earlier run may have been on another machine, whose files have other names."""

    def close(self) -> None:
        """Nothing: the worker closes the queue."""

    def log_of(self, run_id: str) -> str:  # noqa: ARG002
        """No file has the log."""
        return ""

    def add_line(self, line: str) -> None:
        """Add a line to the log."""
        with self._lock:
            if self._written + len(self._lines) < MOST_LINES:
                self._lines.append(line)

    def new_lines(self) -> str:
        """The lines that are not in the database yet; the caller writes them."""
        with self._lock:
            lines, self._lines = self._lines, []
            self._written += len(lines)
        return "\n".join(lines)

    def flush(self) -> None:
        """Keep the lines of a run that is handed back; a database that is away loses them."""
        try:
            self._queue.progress(self._run, "", self.new_lines())
        except IntacctError:
            return


def report_of(run: Run) -> str:
    """What a run did as JSON."""
    return msgspec.json.encode(msgspec.structs.replace(run, log="", alive=False)).decode()
