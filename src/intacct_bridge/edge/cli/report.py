"""`intacct report`: a custom report's rows, on the screen or for another program."""

from datetime import date
from pathlib import Path

import click

from intacct_bridge.edge.cli.context import CommandContext, shared_options
from intacct_bridge.errors import SettingsError


@click.command("report")
@click.argument("name")
@click.option(
    "--arg",
    "arguments",
    metavar="K=V",
    multiple=True,
    help="A prompt's value, as OBJECT.FIELD=VALUE, or =FROM..TO for dates.",
)
@click.option("--interactive", is_flag=True, help="It was made with the interactive report writer.")
@click.option("--prompts", is_flag=True, help="List the arguments that it takes instead of running it.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["table", "csv", "json", "jsonl"]),
    default="table",
    show_default=True,
    help="What to write.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.")
@click.option(
    "--timeout", metavar="S", type=click.FloatRange(1), default=900.0, show_default=True, help="Seconds to wait for it."
)
@shared_options(prints_table=True)
def report_command(
    context: CommandContext,
    *,
    name: str,
    arguments: tuple[str, ...],
    interactive: bool,
    prompts: bool,
    kind: str,
    out: Path | None,
    timeout: float,
) -> None:
    """Run the custom report NAME and fetch its rows.

    Reports of the Financial Report Writer cannot be read by any API.

    \b
    Examples:
      intacct report "AP aging"
      intacct report "Bills of a month" --arg APBILL.WHENCREATED=2026-01-01..2026-01-31 --format csv --out bills.csv
    """
    from intacct_bridge.edge.terminal.row_formats import write_rows

    if prompts:
        found = context.client.reports.parameters(name, interactive=interactive)
        context.console.table(("argument", "label"), list(found.items()), empty="the report asks for nothing")
        return
    if context.console.as_json:
        kind = "json"
    given = dict(map(_argument, arguments))
    rows = context.client.reports.run(name, given, interactive=interactive, timeout=timeout)
    count = write_rows(rows, context.console, kind=kind, to=out)
    where = f" to {out}" if out is not None else ""
    context.console.say(f"{count:,} rows{where}; {context.client.meter.transactions:,} API transactions")


def _argument(text: str) -> tuple[str, str | tuple[date, date]]:
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise SettingsError(f"--arg {text!r} is not K=V", fix="Write OBJECT.FIELD=VALUE.")
    begin, dots, end = value.partition("..")
    if not dots:
        return path.strip(), value
    try:
        return path.strip(), (date.fromisoformat(begin.strip()), date.fromisoformat(end.strip()))
    except ValueError:
        raise SettingsError(f"--arg {text!r} is no range of dates", fix="Write it as 2026-01-01..2026-01-31.") from None
