"""The options that every command shares (`--connection`, `--entity`, `--json`, `-q`, `-v`), and the context they set.

The context holds the console, the connection, and the client on that connection, which opens on first use.
"""

import functools
import logging
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from intacct_bridge.apps.terminal.output import LOG_FORMATS, PLAIN, Output
from intacct_bridge.operations.recorded_run import RecordedRun
from intacct_protocol.errors import SettingsError

if TYPE_CHECKING:
    pass

PROGRAM = "intacct"
COMPLETE = "_INTACCT_COMPLETE"
"""The environment variable of a shell's completion request."""
DEMO = "demo"
SETTLE_AFTER = "After this many seconds, a record in doubt that cannot be found counts as not applied (default: 3600)."
Command = Callable[..., Any]


class CommandContext(RecordedRun):
    """A command's output and connection."""

    def __init__(self, output: Output, *, flow: str = "", arguments: Sequence[str] = (), person: str = "") -> None:
        super().__init__(output, flow=flow, arguments=arguments, person=person)
        self.output = output


def shared_options(*, connected: bool = True, prints_table: bool = False) -> Callable[[Command], Command]:
    """Add the shared options to a command, which gets the context as its first argument."""

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        @click.pass_context
        def run(ctx: click.Context, /, *args: Any, **options: Any) -> Any:
            context = ctx.find_root().obj
            assert isinstance(context, CommandContext)
            context.name = options.pop("connection", None)
            context.entity = options.pop("entity", None)
            context.output.options = _options_by_setting(ctx.command)
            context.output.as_json = options.pop("as_json", False)
            context.command = ctx.command_path.partition(" ")[2]
            form = options.pop("log_format")
            if form is not None:
                context.output.log_format = form
            context.output.quiet = options.pop("quiet")
            context.output.verbose = options.pop("verbose")
            if context.tenant is None:  # its messages go where the worker's go
                _log_to(context.output)
            return command(context, *args, **options)

        wrapped: Command = run
        for option in reversed(_options(connected=connected, prints_table=prints_table)):
            wrapped = option(wrapped)
        return wrapped

    return decorate


def _options(*, connected: bool, prints_table: bool) -> list[Callable[[Command], Command]]:
    options: list[Callable[[Command], Command]] = []
    if connected:
        options += [
            click.option(
                "--connection",
                metavar="NAME",
                help="Use this connection (default: the only one, or INTACCT_CONNECTION).",
                shell_complete=_connection_names,
            ),
            click.option(
                "--entity", metavar="ID", help="Work in this entity (default: the connection's, or the top level)."
            ),
        ]
    if prints_table:
        options.append(click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table."))
    options += [
        click.option(
            "--log-format",
            type=click.Choice(LOG_FORMATS),
            help="Print messages as they are (plain), with their time (text), or as JSON lines (default: plain, or"
            " INTACCT_LOG_FORMAT).",
        ),
        click.option("-q", "--quiet", is_flag=True, help="Print only results and errors."),
        click.option("-v", "--verbose", count=True, help="Print details; -vv also prints every call."),
    ]
    return options


def _options_by_setting(command: click.Command) -> dict[str, str]:
    """The command's options by the settings that they give: `date_order` is `--date-order`.

    Settings of a connection are options of `intacct connections add` only; `--timeout` of a report is another one.
    """
    from intacct_bridge.connections.connection import SETTINGS

    flags = [max(one.opts, key=len) for one in command.params if isinstance(one, click.Option)]
    options = {flag.removeprefix("--").replace("-", "_"): flag for flag in flags}
    return options if command.name == "add" else {name: flag for name, flag in options.items() if name not in SETTINGS}


class WholeNumber(click.IntRange):
    """A whole number within bounds, which help and errors describe in words."""

    name = "whole number"

    def _describe_range(self) -> str:
        return f"{self.min} or more" if self.max is None else f"{self.min} to {self.max}"


class Duration(click.FloatRange):
    """A number of seconds, 1 or more; fractions are possible."""

    name = "number of seconds"

    def __init__(self) -> None:
        super().__init__(1)

    def _describe_range(self) -> str:
        return "1 or more"


class Day(click.DateTime):
    """A date such as 2026-01-31."""

    name = "date"

    def __init__(self) -> None:
        super().__init__(["%Y-%m-%d"])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The date as a time at midnight."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r} is not a valid date; write it as 2026-01-31.", param, ctx)


def number_option(
    flag: str, sentence: str, *, least: int = 0, most: int | None = None, **more: Any
) -> Callable[..., Any]:
    """An option that takes a whole number within bounds; its help shows the default."""
    bounds = WholeNumber(least, most)
    return click.option(flag, **{"metavar": "N", "type": bounds, "show_default": True, "help": sentence, **more})


def require_packages(packages: Sequence[str], extra: str, purpose: str) -> None:
    """SettingsError if packages of an extra are not installed; it begins with the purpose, as in `Serving needs`."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise SettingsError(
            f"{purpose} packages that are not installed: {', '.join(missing)}.",
            fix=f"Run: pip install 'intacct-bridge[{extra}]'",
        )


def file_option(flag: str, sentence: str, *, metavar: str = "FILE") -> Callable[..., Any]:
    """An option that takes the path of a file."""
    return click.option(flag, metavar=metavar, type=click.Path(dir_okay=False, path_type=Path), help=sentence)


def format_option(formats: Sequence[str]) -> Callable[..., Any]:
    """The option for the format of rows."""
    return click.option(
        "--format",
        "kind",
        type=click.Choice(formats),
        default="table",
        show_default="table; for a file, by its extension, else CSV",
        help="Write this format.",
    )


SPREADSHEET_SAFE = click.option(
    "--spreadsheet-safe",
    is_flag=True,
    help="In CSV, put an apostrophe before text that a spreadsheet would run as a formula.",
)


def day_option(flag: str, sentence: str) -> Callable[..., Any]:
    """An option that takes a date."""
    return click.option(flag, metavar="DATE", type=Day(), help=sentence)


def _connection_names(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Names for the shell to complete; none if the files cannot be read."""
    from intacct_bridge.connections.sources import list_connections
    from intacct_protocol.errors import IntacctError

    try:
        names = [DEMO, *(one.name for one in list_connections())]
    except IntacctError:
        return []
    return [name for name in dict.fromkeys(names) if name.startswith(begun)]


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
