"""The exit statuses of programs, which the history keeps as the ends of runs."""

from intacct_protocol.errors import IntacctError

FAILURES, USAGE, TRANSIENT, IN_DOUBT = 1, 2, 4, 5
INTERNAL_ERROR = 70
"""A bug in this program: the status that BSD calls EX_SOFTWARE."""
INTERRUPTED, TERMINATED = 130, 143
OUTPUT_CLOSED = 141
"""The reader of the output closed it: the status of a program that SIGPIPE ends, because not all of it was read."""


class Terminated(KeyboardInterrupt):
    """A request to stop by SIGTERM, as schedulers send it."""


def status_of(error: BaseException) -> int:
    """The exit status that an error ends with."""
    if isinstance(error, KeyboardInterrupt):
        return TERMINATED if isinstance(error, Terminated) else INTERRUPTED
    if isinstance(error, BrokenPipeError):
        return OUTPUT_CLOSED
    if isinstance(error, IntacctError):
        return error.exit_status
    return USAGE if isinstance(error, OSError) else INTERNAL_ERROR
