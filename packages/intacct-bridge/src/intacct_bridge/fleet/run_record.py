"""What a run of a tenant did, and its log: in the fleet's database, where every machine reads them.

The run is the row of the queue. Its log is written in pieces: every few seconds, and with the end of the run.
"""

import msgspec

from intacct_bridge.fleet.run_queue import RunQueue, TenantRun
from intacct_bridge.runs.log_lines import LogLines
from intacct_bridge.runs.run import Run
from intacct_protocol.errors import IntacctError


class RunRecord:
    """The record of one run, in place of the history that a machine keeps of its runs."""

    def __init__(self, queue: RunQueue, run: TenantRun) -> None:
        self._queue, self._run = queue, run
        self.lines = LogLines()
        """The lines of the log that are not in the database yet."""

    def begin(self, run: Run) -> None:
        """Nothing: the queue knows that the run goes on."""

    def put(self, run: Run) -> None:
        """Keep what the run did so far, and its log."""
        self._queue.progress(self._run, report_of(run), self.lines.take())

    def end(self, run: Run) -> None:
        """Nothing: the worker keeps the end together with the row's."""

    def close(self) -> None:
        """Nothing: the worker closes the queue."""

    def log_file(self, run_id: str) -> str:  # noqa: ARG002
        """No file has the log."""
        return ""

    def add_line(self, run_id: str, line: str) -> None:  # noqa: ARG002
        """Add a line to the log."""
        self.lines.add(line)

    def flush(self) -> None:
        """Keep the lines of a run that is handed back; a database that is away loses them."""
        try:
            self._queue.progress(self._run, "", self.lines.take())
        except IntacctError:
            return


def report_of(run: Run) -> str:
    """What a run did as JSON."""
    return msgspec.json.encode(msgspec.structs.replace(run, log="", alive=False)).decode()
