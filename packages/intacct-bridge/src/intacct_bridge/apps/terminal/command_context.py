"""The run of a command or of a flow: its messages and results go to an output."""

import logging
from collections.abc import Iterable, Sequence

from intacct_bridge.apps.terminal.output import PLAIN, Output
from intacct_bridge.operations.recorded_run import RecordedRun


class CommandContext(RecordedRun):
    """A command's output and connection."""

    def __init__(self, output: Output, *, flow: str = "", arguments: Sequence[str] = (), person: str = "") -> None:
        super().__init__(output, flow=flow, arguments=arguments, person=person)
        self.output = output

    def takes(self, options: Iterable[str], *, every_setting: bool = False) -> None:
        """Name settings in messages by the options that this command has: `date_order` is `--date-order`.

        Settings of a connection are options of `intacct connections add` only, which has `every_setting`; `--timeout`
        of a report is another one.
        """
        from intacct_bridge.connections.connection import SETTINGS

        flags = {flag.removeprefix("--").replace("-", "_"): flag for flag in options}
        self.output.options = {name: flag for name, flag in flags.items() if every_setting or name not in SETTINGS}

    def begins(self) -> None:
        """Log to the output from now on, as much as its person wants to see."""
        if self.tenant is None:  # a tenant's messages go where the worker's go
            _log_to(self.output)


class _ToOutput(logging.Handler):
    """A handler that prints log records as details on the console, which masks secrets."""

    def __init__(self, output: Output) -> None:
        super().__init__()
        self._console = output

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        shown = text if self._console.log_format != PLAIN else f"{record.levelname.lower():>7}  {text}"
        stream = getattr(record, "stream", "")
        self._console.detail(shown, **({"stream": stream} if stream else {}))


def _log_to(output: Output) -> None:
    logger = logging.getLogger("intacct_bridge")
    level = [logging.WARNING, logging.INFO, logging.DEBUG][min(output.verbose, 2)]
    logger.handlers = [_ToOutput(output)]
    logger.handlers[0].setLevel(level)  # a trace lowers the level of one logger below
    logger.propagate = False
    logger.setLevel(level)
