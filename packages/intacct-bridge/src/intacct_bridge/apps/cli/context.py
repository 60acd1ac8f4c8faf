"""The options that every command shares (`--connection`, `--entity`, `--json`, `-q`, `-v`), and the context they set.

The context holds the console, the connection, and the client on that connection, which opens on first use.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from intacct_bridge.apps.terminal.command_context import CommandContext
from intacct_bridge.apps.terminal.output import LOG_FORMATS
from intacct_protocol.errors import SettingsError

if TYPE_CHECKING:
    from intacct_bridge.operations.job_settings import JobSettings, Setting

__all__ = [
    "COMPLETE",
    "DEMO",
    "PROGRAM",
    "SETTLE_AFTER",
    "SPREADSHEET_SAFE",
    "CommandContext",
    "Day",
    "Duration",
    "WholeNumber",
    "day_option",
    "file_option",
    "format_option",
    "job_option",
    "number_option",
    "require_packages",
    "settings_from",
    "shared_options",
]

PROGRAM = "intacct"
COMPLETE = "_INTACCT_COMPLETE"
"""The environment variable of a shell's completion request."""
DEMO = "demo"
SETTLE_AFTER = "After this many seconds, a record in doubt that cannot be found counts as not applied (default: 3600)."
Command = Callable[..., Any]


TOP_LEVEL = "all"
"""The entity that means none: an empty text means the same."""


def shared_options(*, connected: bool = True, prints_table: bool = False) -> Callable[[Command], Command]:
    """Add the shared options to a command, which gets the context as its first argument."""

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        @click.pass_context
        def run(ctx: click.Context, /, *args: Any, **options: Any) -> Any:
            context = ctx.find_root().obj
            assert isinstance(context, CommandContext)
            context.name = options.pop("connection", None)
            entity = options.pop("entity", None)
            context.entity = "" if entity is not None and entity.strip().lower() in ("", TOP_LEVEL) else entity
            flags = [max(one.opts, key=len) for one in ctx.command.params if isinstance(one, click.Option)]
            context.takes(flags, every_setting=ctx.command.name == "add")
            context.output.as_json = options.pop("as_json", False)
            context.command = ctx.command_path.partition(" ")[2]
            form = options.pop("log_format")
            if form is not None:
                context.output.log_format = form
            context.output.quiet = options.pop("quiet")
            context.output.verbose = options.pop("verbose")
            context.begins()
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
                "--entity",
                metavar="ID",
                help="Work in this entity, or with `all` at the top level (default: the connection's entity, or none).",
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
        click.option(
            "-q", "--quiet", is_flag=True, help="Print only errors, warnings, and what a command is asked to show."
        ),
        click.option("-v", "--verbose", count=True, help="Print details; -vv also prints every call."),
    ]
    return options


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


# --- the options of a job that a flow can run too, made of its declared settings


def job_option(settings: "type[JobSettings]", name: str, *flags: str, **texts: Any) -> Callable[[Command], Command]:
    """The option or argument of a setting, by the name of its field. `flags` are its short forms.

    `texts` are what only the help shows: `help`, `metavar` and `show_default`.
    """
    from intacct_bridge.operations.job_settings import declared_settings, default_of

    declared = declared_settings(settings)[name]
    if declared.argument:
        kind = click.Path(path_type=Path) if declared.kind == "path" else None
        many = -1 if declared.several else 1
        return click.argument(name, metavar=declared.argument, required=declared.required, type=kind, nargs=many)
    flag = f"--{declared.name}/--{declared.off}" if declared.off else f"--{declared.name}"
    return click.option(*flags, flag, name, **_takes(declared, default_of(settings, name)), **texts)


def _takes(declared: "Setting", default: Any) -> Mapping[str, Any]:
    """How click reads the values of a setting."""
    if declared.kind == "flag":
        return {"default": default} if declared.off else {"is_flag": True}
    kinds = {
        "whole": WholeNumber(declared.least, declared.most),
        "choice": click.Choice(declared.choices),
        "day": Day(),
        "path": click.Path(path_type=Path),
        "file": click.Path(dir_okay=False, path_type=Path),
        "folder": click.Path(file_okay=False, path_type=Path),
    }
    kind = {"type": kinds[declared.kind]} if declared.kind in kinds else {}
    if declared.several:
        return {**kind, "multiple": True}
    return {**kind, "required": True} if declared.required else {**kind, "default": default}


def settings_from(settings: "type[JobSettings]", options: Mapping[str, Any]) -> Any:
    """The settings of a job from the options of its command."""
    source = click.get_current_context().get_parameter_source
    return settings(
        **options, written=frozenset(name for name in options if source(name) is ParameterSource.COMMANDLINE)
    )


def _connection_names(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Names for the shell to complete; none if the files cannot be read."""
    from intacct_bridge.connections.sources import list_connections
    from intacct_protocol.errors import IntacctError

    try:
        names = [DEMO, *(one.name for one in list_connections())]
    except IntacctError:
        return []
    return [name for name in dict.fromkeys(names) if name.startswith(begun)]


def tell_exposed_passwords(context: CommandContext) -> None:
    """Warn of files with passwords that other accounts may read; a server runs for long."""
    from intacct_bridge.operations.connections import exposed_passwords

    for exposed in exposed_passwords():
        context.output.complain(f"{exposed.message}. {exposed.advice}.")
