"""`intacct views`: the views that turn a copy into reports: listed, shown as SQL, made, and written for dbt."""

from pathlib import Path

import click

from intacct_bridge.apps.cli.command import READ, command_group
from intacct_bridge.apps.cli.context import CommandContext, shared_options

_COPY = click.option(
    "--copy", "uri", metavar="URI", required=True, help="The copy: duckdb:///FILE or postgresql://USER@HOST/DATABASE."
)


@command_group(
    "views",
    section=READ,
    place=8,
    short_help="Make the views for reports in a copy, and look at them.",
)
def views_command() -> None:
    """Make the views for reports in a copy, and look at them.

    A copy in DuckDB or PostgreSQL has views in the schema reporting: ledgers, trial balance, statements, ageing,
    budgets. Every extract brings them up to date.

    \b
    Examples:
      intacct views list
      intacct views show trial_balance
      intacct views apply --copy duckdb:///intacct.duckdb
      intacct views dbt my-package
    """


@views_command.command("list", exits={})
@shared_options(connected=False, prints_table=True)
def list_command(context: CommandContext) -> None:
    """List the views, with what each shows."""
    from intacct_bridge.operations.views import list_views

    views = list_views()
    rows = [(name, views[name].kind, views[name].shows.rstrip(".")) for name in sorted(views)]
    context.output.table(("name", "kind", "shows"), rows)


@views_command.command("show", exits={})
@click.argument("name")
@click.option(
    "--copy", "uri", metavar="URI", help="Show the SQL for this copy (default: the common form for all copies)."
)
@shared_options(connected=False)
def show_command(context: CommandContext, *, name: str, uri: str | None) -> None:
    """Show a view: grain, columns, units, rule and SQL."""
    from intacct_bridge.operations.views import view_sql

    context.output.write(view_sql(name, uri or ""))


@views_command.command("apply", exits={})
@_COPY
@click.option(
    "--names",
    type=click.Choice(["lower"]),
    help="Also make a view of each table in the schema raw, with lower-case names without dots.",
)
@click.option(
    "--layout",
    type=click.Choice(["fivetran"]),
    help="Also make the views that models for Fivetran's connector read, in the schema sage_intacct.",
)
@shared_options(connected=False)
def apply_command(context: CommandContext, *, uri: str, names: str | None, layout: str | None) -> None:
    """Make the views in a copy, or make them again after an upgrade. Nothing is read from Intacct."""
    from intacct_bridge.apps.views.reporting import show_applied
    from intacct_bridge.operations.views import apply

    for views in apply(uri, lower_names=names is not None, fivetran=layout is not None):
        show_applied(views, context.output, every_time=True)


@views_command.command("dbt", exits={})
@click.argument("directory", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@_COPY
@shared_options(connected=False)
def dbt_command(context: CommandContext, *, directory: Path, uri: str) -> None:
    """Write the views as a dbt package for the tables of a copy.

    Views become models. Functions, such as ap_ageing, become macros.
    """
    from intacct_bridge.operations.views import dbt_package
    from intacct_protocol.model.wording import counted

    context.output.say(f"{counted(dbt_package(uri, directory), 'file')} in {directory}")
