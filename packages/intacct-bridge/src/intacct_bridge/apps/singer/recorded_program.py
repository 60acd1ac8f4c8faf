"""A Singer program's work as a run in the history: its beginning, its log, and its end, however it ends."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.operations.recorded_run import RecordedRun

if TYPE_CHECKING:
    from intacct_bridge.connections.connection import Connection


def recorded(output: Output, command: str, connection: "Connection", work: Callable[[RecordedRun], int]) -> int:
    """Do the work of a Singer program as a run of its own, and return its exit status."""
    with RecordedRun(output, connection=connection, command=command, arguments=sys.argv[1:]) as run:
        run.begin_run()
        run.status = work(run)
    return run.status
