"""`intacct flows`: list, show and check the flows of intacct.toml, and print systemd units for them."""

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from intacct_bridge.apps.cli.command import AUTOMATE, command_group
from intacct_bridge.apps.cli.context import CommandContext, shared_options
from intacct_protocol.errors import IntacctError, SettingsError
from intacct_protocol.model.wording import counted

if TYPE_CHECKING:
    from intacct_bridge.runs.definitions import Flow
    from intacct_bridge.runs.run import Run

_NONE = "No flows. Define one in intacct.toml: a table [flows.NAME] with command, connection and options."


@command_group(
    "flows",
    section=AUTOMATE,
    place=1,
    short_help="List, show and check flows: the named jobs in intacct.toml.",
)
def flows_command() -> None:
    """List, show and check flows: the named jobs in intacct.toml that `intacct run` runs."""


@flows_command.command("list", exits={})
@shared_options(connected=False, prints_table=True)
def list_command(context: CommandContext) -> None:
    """List the flows, with the last run of each."""
    from intacct_bridge.runs.definitions import load_flows

    flows = load_flows()
    last = {name: _last_run(name) for name in flows}
    rows = [
        (
            flow.name,
            flow.command,
            flow.connection,
            flow.description,
            f"{run.started:%Y-%m-%d %H:%M:%S}" if run is not None else None,
            run.end.value if run is not None else None,
            str(flow.path),
        )
        for flow in flows.values()
        for run in [last[flow.name]]
    ]
    columns = ("flow", "command", "connection", "description", "last run", "end", "file")
    context.console.table(columns, rows, empty=_NONE)


@flows_command.command("show", exits={})
@click.argument("name", metavar="FLOW")
@shared_options(connected=True, prints_table=True)
def show_command(context: CommandContext, *, name: str) -> None:
    """Show a flow and its command line, on its own connection or on the one that --connection names.

    \b
    Examples:
      intacct flows show nightly
      intacct flows show nightly --connection books
    """
    from intacct_bridge.runs.definitions import find_flow

    flow = find_flow(name).on(context.name)
    line = _command_line(context, flow)
    run = _last_run(name)
    facts = {
        "flow": flow.name,
        "file": str(flow.path),
        "description": flow.description,
        "connection": flow.connection,
        "runs": line,
        "environments": [f"{key}: {table.get('connection', key)}" for key, table in flow.environments.items()],
        "notifies": list(flow.notify),
        "last run": f"{run.started:%Y-%m-%d %H:%M:%S} UTC: {run.end.value}" if run is not None else "",
    }
    shown = facts if context.console.as_json else {name: value for name, value in facts.items() if value}
    context.console.pairs(shown)


@flows_command.command("check", exits={1: "mistakes"})
@click.argument("names", metavar="[FLOW]...", nargs=-1)
@shared_options(connected=False, prints_table=True)
def check_command(context: CommandContext, *, names: tuple[str, ...]) -> int:
    """Check flows without running them: names, options, values, connections and receivers of notifications.

    Each mistake is shown with its place in the file. Without names, every flow is checked, in each environment.
    """
    from intacct_bridge.runs.definitions import find_flow, load_flows

    chosen = [find_flow(name) for name in names] if names else list(load_flows().values())
    rows = [(flow.name, *found) for flow in chosen for found in _findings(flow)]
    mistakes = [row for row in rows if row[1] == "mistake"]
    if rows or context.console.as_json:
        context.console.table(("flow", "kind", "connection", "finding", "fix"), rows)
    if not chosen:
        context.console.say(_NONE)
    context.console.say(f"{counted(len(chosen), 'flow')} checked, {counted(len(mistakes), 'mistake')}.")
    return 1 if mistakes else 0


@flows_command.command("systemd", exits={})
@click.argument("name", metavar="FLOW")
@click.option(
    "--on-calendar",
    metavar="WHEN",
    default="*-*-* 02:00:00",
    show_default=True,
    help="Run at these times, as systemd writes them.",
)
@click.option(
    "--to",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write both files to this directory instead of printing them.",
)
@shared_options(connected=True)
def systemd_command(context: CommandContext, *, name: str, on_calendar: str, to: Path | None) -> None:
    """Print a systemd service and its timer for a flow.

    A temporary fault runs the flow again after five minutes, four times at most. Secrets that the flow's connection
    takes from the environment belong in the file that EnvironmentFile names.

    \b
    Examples:
      intacct flows systemd nightly --on-calendar "Mon..Fri 06:30"
      intacct flows systemd nightly --to ~/.config/systemd/user
    """
    from intacct_bridge.machine.directories import config_directory
    from intacct_bridge.runs.definitions import find_flow
    from intacct_bridge.runs.systemd import units_of

    flow = find_flow(name).on(context.name)
    _command_line(context, flow)
    units = units_of(
        flow.name,
        _run_words(context, flow),
        directory=str(Path.cwd()),
        calendar=on_calendar,
        environment_file=str(config_directory() / "environment"),
    )
    texts = {f"{units.name}.service": units.service, f"{units.name}.timer": units.timer}
    if to is None:
        for file, text in texts.items():
            context.console.result(f"# {file}\n{text}")
        return
    try:
        to.mkdir(parents=True, exist_ok=True)
        for file, text in texts.items():
            (to / file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{to} cannot be written: {error.strerror}", fix="Name another directory.") from None
    context.console.say(f"Written to {to}: {', '.join(texts)}.")
    context.console.say(
        f"To start the timer: systemctl --user daemon-reload; systemctl --user enable --now {units.name}.timer"
    )


@flows_command.command("cron", exits={})
@click.argument("name", metavar="FLOW")
@click.option(
    "--when", metavar="TIME", default="0 2 * * *", show_default=True, help="Run at these times, as cron writes them."
)
@click.option("--install", is_flag=True, help="Put the entry into your crontab, in place of the flow's earlier one.")
@click.option("--remove", is_flag=True, help="Remove the flow's entry from your crontab.")
@shared_options(connected=True)
def cron_command(context: CommandContext, *, name: str, when: str, install: bool, remove: bool) -> None:
    """Print a crontab entry for a flow, or put it into your crontab.

    \b
    Examples:
      intacct flows cron nightly --when "15 2 * * 1-6"
      intacct flows cron nightly --when "15 2 * * 1-6" --install
      intacct flows cron nightly --remove
    """
    from intacct_bridge.runs.crontab import cron_entry, install_entry
    from intacct_bridge.runs.definitions import find_flow

    if remove:
        install_entry(name, "")
        context.console.say(f"The crontab has no entry of {name}.")
        return
    flow = find_flow(name).on(context.name)
    _command_line(context, flow)
    entry = cron_entry(flow.name, _run_words(context, flow), directory=str(Path.cwd()), when=when)
    if install:
        install_entry(name, entry)
        context.console.say("The crontab has this entry:")
    context.console.result(entry)


def _run_words(context: CommandContext, flow: "Flow") -> list[str]:
    """The command line that a scheduler runs."""
    return [*_program(), "run", flow.name, *(["--connection", context.name] if context.name else [])]


def _program() -> list[str]:
    """The words that start this program: its script's whole path, else the interpreter with the module."""
    found = shutil.which("intacct")
    return [found] if found else [sys.executable, "-m", "intacct_bridge"]


def _command_line(context: CommandContext, flow: "Flow") -> str:
    from intacct_bridge.apps.cli.flows.command_line import checked_command
    from intacct_protocol.model.uri_text import redacted_word

    root = click.get_current_context().find_root().command
    assert isinstance(root, click.Group)
    shared = ["--connection", flow.connection] if flow.connection else []
    context.console.hide(flow.secrets())
    words = ["intacct", *checked_command(flow, root).line(shared)]
    return shlex.join(context.console.masked(redacted_word(word)) for word in words)


def _findings(flow: "Flow") -> list[tuple[str, str, str, str]]:
    """(kind, connection, finding, fix) of a flow in each of its environments; each once."""
    found: dict[tuple[str, str], tuple[str, str, str, str]] = {}
    others = [str(table.get("connection", name)) for name, table in flow.environments.items()]
    for connection in dict.fromkeys((None, *others)):
        here = flow.on(connection)
        try:
            _check(here)
        except IntacctError as error:
            found.setdefault(("mistake", error.message), ("mistake", here.connection, error.message, error.fix))
        for note in _notes(here):
            found.setdefault(("note", note), ("note", here.connection, note, ""))
    return list(found.values())


def _check(flow: "Flow") -> None:
    from intacct_bridge.apps.cli.context import DEMO
    from intacct_bridge.apps.cli.flows.command_line import checked_command
    from intacct_bridge.connections.sources import list_connections
    from intacct_bridge.copies.destinations.uri import parse_uri
    from intacct_bridge.runs.channels import find_channels
    from intacct_protocol.model.suggestions import did_you_mean

    root = click.get_current_context().find_root().command
    assert isinstance(root, click.Group)
    checked_command(flow, root)
    known = [DEMO, *(one.name for one in list_connections())]
    if flow.connection and flow.connection not in known:
        near = did_you_mean(flow.connection, known)
        raise SettingsError(
            f"{flow.where('connection')}: there is no connection {flow.connection!r}{near}",
            fix=f"Run: intacct connections add {flow.connection}",
        )
    given = flow.values()
    if flow.command == "extract" and isinstance(given.get("to"), str):
        parse_uri(given["to"])
    find_channels(flow.notify)


def _notes(flow: "Flow") -> list[str]:
    """What is no mistake and may be a surprise."""
    from intacct_bridge.connections.sources import list_connections

    if flow.command != "load":
        return []
    if not flow.options.get("apply"):
        return ["apply is not true: the flow shows its plan and posts nothing"]
    environments = {one.name: one.environment for one in list_connections()}
    if environments.get(flow.connection) == "production" and not flow.options.get("yes"):
        return ["yes is not true: a load into a production company asks first, and refuses without a terminal"]
    return []


def _last_run(name: str) -> "Run | None":
    """The latest run of a flow; None if there is none, or no history that can be read."""
    from contextlib import closing

    from intacct_bridge.runs.history import RunHistory, history_place

    path = history_place()
    if path is None:
        return None
    with closing(RunHistory(path)) as history:
        try:
            return next(history.runs(flow=name, limit=1), None)
        except SettingsError:
            return None
