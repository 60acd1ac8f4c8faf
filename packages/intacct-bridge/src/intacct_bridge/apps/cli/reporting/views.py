"""`intacct views`: the views that turn a copy into reports: listed, shown as SQL, made, and written for dbt."""

from pathlib import Path

import click

from intacct_bridge.apps.cli.command import READ, command_group
from intacct_bridge.apps.cli.context import CommandContext, shared_options
from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.suggestions import did_you_mean

_IN = click.option(
    "--in", "uri", metavar="URI", required=True, help="The copy: duckdb:///FILE or postgresql://USER@HOST/DATABASE."
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
      intacct views apply --in duckdb:///intacct.duckdb
      intacct views dbt my-package
    """


@views_command.command("list", exits={})
@shared_options(connected=False, prints_table=True)
def list_command(context: CommandContext) -> None:
    """List the views, with what each shows."""
    from intacct_bridge.copies.views.definitions import view_definitions

    views = view_definitions()
    rows = [(name, views[name].kind, views[name].shows.rstrip(".")) for name in sorted(views)]
    context.console.table(("name", "kind", "shows"), rows)


@views_command.command("show", exits={})
@click.argument("name")
@click.option(
    "--in", "uri", metavar="URI", help="Show the SQL for this copy (default: the common form for all copies)."
)
@shared_options(connected=False)
def show_command(context: CommandContext, *, name: str, uri: str | None) -> None:
    """Show a view: grain, columns, units, rule and SQL."""
    from intacct_bridge.copies.views.apply import copy_shape, open_copy
    from intacct_bridge.copies.views.definitions import view_definitions
    from intacct_bridge.copies.views.dialects import DIALECTS
    from intacct_bridge.copies.views.rendering import render

    known = view_definitions()
    view = known.get(name.lower())
    if view is None:
        raise InvalidRequestError(
            f"there is no view {name!r}{did_you_mean(name.lower(), known)}", fix="See them with: intacct views list"
        )
    if uri is None:
        context.console.write(view.text)
        return
    from intacct_bridge.apps.views.reporting import reporting_groups

    with open_copy(uri) as destination:
        shape = copy_shape(destination, reporting_groups())
        rendered = render(view, DIALECTS[destination.dialect], shape)
    context.console.write(";\n".join(rendered.statements) + ";\n")


@views_command.command("apply", exits={})
@_IN
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
    from intacct_bridge.apps.views.reporting import reporting_groups, show_applied
    from intacct_bridge.copies.views.apply import apply_lower_names, apply_views, open_copy
    from intacct_bridge.copies.views.fivetran import apply_fivetran_layout

    with open_copy(uri) as destination:
        made = [apply_views(destination, reporting_groups())]
        if names:
            made.append(apply_lower_names(destination))
        if layout:
            made.append(apply_fivetran_layout(destination))
    for one in made:
        show_applied(one, context.console, every_time=True)


@views_command.command("dbt", exits={})
@click.argument("directory", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@_IN
@shared_options(connected=False)
def dbt_command(context: CommandContext, *, directory: Path, uri: str) -> None:
    """Write the views as a dbt package for the tables of a copy.

    Views become models. Functions, such as ap_ageing, become macros.
    """
    from intacct_bridge.apps.views.reporting import reporting_groups
    from intacct_bridge.copies.views.apply import copy_shape, open_copy
    from intacct_bridge.copies.views.dbt_package import dbt_package, write_package
    from intacct_bridge.copies.views.dialects import DIALECTS
    from intacct_protocol.model.wording import counted

    with open_copy(uri) as destination:
        files = dbt_package(DIALECTS[destination.dialect], copy_shape(destination, reporting_groups()))
    write_package(files, directory)
    context.console.say(f"{counted(len(files), 'file')} in {directory}")
