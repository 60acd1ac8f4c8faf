"""A program's work as a run in the history: its beginning, its log, and its end, however it ends."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from intacct_bridge import __version__
from intacct_bridge.apps.terminal.console import Console
from intacct_bridge.apps.terminal.failures import INTERNAL_ERROR, INTERRUPTED, OUTPUT_CLOSED, TERMINATED, Terminated
from intacct_bridge.machine.account import account_name
from intacct_protocol.errors import IntacctError

if TYPE_CHECKING:
    from intacct_bridge.connections.connection import Connection
    from intacct_bridge.runs.recorder import RunRecorder
    from intacct_bridge.runs.run import Run


def begin_run(
    recorder: "RunRecorder",
    console: Console,
    *,
    command: str,
    arguments: Sequence[str],
    connection: "Connection | None",
    named: str = "",
    person: str = "",
) -> "Run":
    """Keep a run in the history, before its first call; a second call changes nothing."""
    if recorder.run is not None:
        return recorder.run
    recorder.command, recorder.arguments = command, without_secrets(arguments, console)
    recorder.person, recorder.version = person or account_name(), __version__
    recorder.connection, recorder.connection_name = connection, named
    used = connection.name if connection is not None else named
    console.log_facts |= {"run": recorder.id, "flow": recorder.flow, "connection": used}
    begun = recorder.begin()
    if begun.log:
        console.log_file.keep_in(Path(begun.log))
    return begun


def recorded(console: Console, command: str, connection: "Connection", work: Callable[["RunRecorder"], int]) -> int:
    """Do the work of a Singer program as a run of its own, and return its exit status."""
    from intacct_bridge.runs.recorder import RunRecorder

    recorder = RunRecorder(warn=console.complain, masked=console.masked)
    begin_run(recorder, console, command=command, arguments=sys.argv[1:], connection=connection)
    try:
        status = work(recorder)
    except BaseException as error:
        recorder.failed(error)
        recorder.finish(status_of(error))
        raise
    recorder.finish(status)
    return status


def status_of(error: BaseException) -> int:
    """The exit status that an error ends with."""
    if isinstance(error, KeyboardInterrupt):
        return TERMINATED if isinstance(error, Terminated) else INTERRUPTED
    if isinstance(error, BrokenPipeError):
        return OUTPUT_CLOSED
    if isinstance(error, IntacctError):
        return error.exit_status
    return 2 if isinstance(error, OSError) else INTERNAL_ERROR


def without_secrets(words: Sequence[str], console: Console) -> tuple[str, ...]:
    """A command line without the credentials of addresses and connections."""
    from intacct_protocol.model.uri_text import redacted_word

    return tuple(console.masked(redacted_word(word)) for word in words)
