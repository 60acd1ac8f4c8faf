"""`intacct flows`: list, show and check the flows of intacct.toml, and print systemd units for them."""

from pathlib import Path

import click

from intacct_bridge.apps.cli.command import AUTOMATE, command_group
from intacct_bridge.apps.cli.context import CommandContext, shared_options
from intacct_bridge.apps.views.flows import scheduled_words
from intacct_protocol.model.wording import counted

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
    from intacct_bridge.operations.flows import list_flows

    rows = [
        (
            listed.flow.name,
            listed.flow.command,
            listed.flow.connection,
            listed.flow.description,
            f"{listed.last_run.started:%Y-%m-%d %H:%M:%S}" if listed.last_run is not None else None,
            listed.last_run.end.value if listed.last_run is not None else None,
            str(listed.flow.path),
        )
        for listed in list_flows()
    ]
    columns = ("flow", "command", "connection", "description", "last run", "end", "file")
    context.output.table(columns, rows, empty=_NONE)


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
    from intacct_bridge.operations.flows import find_flow, flow_job
    from intacct_bridge.operations.runs import last_run_of

    flow = find_flow(name).on(context.name)
    line = flow_job(flow).line(context.output)
    run = last_run_of(name)
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
    shown = facts if context.output.as_json else {name: value for name, value in facts.items() if value}
    context.output.pairs(shown)


@flows_command.command("check", exits={1: "mistakes"})
@click.argument("names", metavar="[FLOW]...", nargs=-1)
@shared_options(connected=False, prints_table=True)
def check_command(context: CommandContext, *, names: tuple[str, ...]) -> int:
    """Check flows without running them: names, options, values, connections and receivers of notifications.

    Each mistake is shown with its place in the file. Without names, every flow is checked, in each environment.
    """
    from intacct_bridge.operations.flows import check_flow, find_flow, load_flows

    chosen = [find_flow(name) for name in names] if names else list(load_flows().values())
    rows = [
        (flow.name, finding.kind, finding.connection, finding.finding, finding.fix)
        for flow in chosen
        for finding in check_flow(flow)
    ]
    mistakes = [row for row in rows if row[1] == "mistake"]
    if rows or context.output.as_json:
        context.output.table(("flow", "kind", "connection", "finding", "fix"), rows)
    if not chosen:
        context.output.say(_NONE)
    context.output.say(f"{counted(len(chosen), 'flow')} checked, {counted(len(mistakes), 'mistake')}.")
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
    from intacct_bridge.operations.flows import find_flow, flow_job, timer_files, write_timer

    flow = find_flow(name).on(context.name)
    flow_job(flow)
    texts = timer_files(flow, scheduled_words(flow, context.name), calendar=on_calendar)
    if to is None:
        for file, text in texts.items():
            context.output.result(f"# {file}\n{text}")
        return
    write_timer(texts, to)
    timer = next(file for file in texts if file.endswith(".timer"))
    context.output.say(f"Written to {to}: {', '.join(texts)}.")
    context.output.say(f"To start the timer: systemctl --user daemon-reload; systemctl --user enable --now {timer}")


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
    from intacct_bridge.operations.flows import cron_entry_of, find_flow, flow_job, install_cron_entry

    if remove:
        install_cron_entry(name, "")
        context.output.say(f"The crontab has no entry of {name}.")
        return
    flow = find_flow(name).on(context.name)
    flow_job(flow)
    entry = cron_entry_of(flow, scheduled_words(flow, context.name), when=when)
    if install:
        install_cron_entry(name, entry)
        context.output.say("The crontab has this entry:")
    context.output.result(entry)
