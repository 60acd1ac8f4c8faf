"""A command as a receiver: events as JSON lines on its standard input; exit status 0 means that it took all of them."""

from collections.abc import Callable, Sequence

from intacct_bridge.changes.delivery import DeliveryError
from intacct_bridge.changes.event import ChangeEvent, encode
from intacct_bridge.export_maps.command_input import CommandTooLongError, give

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
        """Run the command; DeliveryError if it fails, with the end of what it wrote."""
        lines = b"".join(encode(one.to_dict()) + b"\n" for one in events)
        try:
            status, written = give(self._command, lines, seconds=self._timeout)
        except CommandTooLongError as error:
            raise DeliveryError(f"the command {error}") from None
        if status:
            last_lines = " / ".join(written.splitlines()[-_LAST_LINES:]).strip(" /")
            raise DeliveryError(f"the command ended with exit status {status}{': ' + last_lines if last_lines else ''}")
        if written:
            self._show(written.removesuffix("\n"))

    def close(self) -> None:
        """Nothing is held."""
