"""A command as a receiver: events as JSON lines on its standard input; exit status 0 means that it took all of them."""

import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress

from intacct_bridge.flow.changes.delivery import DeliveryError
from intacct_bridge.flow.changes.event import ChangeEvent, encode

_LAST_LINES = 5


class CommandReceiver:
    """Runs a command for each delivery, by the system's shell."""

    def __init__(self, command: str, *, timeout: float, show: Callable[[str], object] = lambda _: None) -> None:
        """`timeout`: seconds after which the command and what it started are ended, and the delivery has failed.

        `show` gets what a command has written that took its events, without the last line end.
        """
        self._command = command
        self._show = show
        self._timeout = timeout

    def deliver(self, events: Sequence[ChangeEvent]) -> None:
        """Run the command; DeliveryError where it fails, with the end of what it wrote."""
        lines = b"".join(encode(one.to_dict()) + b"\n" for one in events)
        process = subprocess.Popen(  # noqa: S602
            self._command,
            shell=True,  # the user's own command line
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=os.name != "nt",
        )
        try:
            written, _ = process.communicate(lines, timeout=self._timeout)
        except subprocess.TimeoutExpired:
            _end(process)
            raise DeliveryError(f"the command did not end within {self._timeout:g} seconds") from None
        except BaseException:
            _end(process)
            raise
        if process.returncode:
            said = " / ".join(written.decode("utf-8", "replace").split("\n")[-_LAST_LINES - 1 :]).strip(" /")
            raise DeliveryError(f"the command ended with exit status {process.returncode}{': ' + said if said else ''}")
        if written:
            self._show(written.decode("utf-8", "replace").removesuffix("\n"))

    def close(self) -> None:
        """Nothing is held."""


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the command and everything that it started."""
    with suppress(OSError):
        if os.name == "nt":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
