"""Views: the schema `reporting` of a copy in a database, its definitions, and the dbt package of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from intacct_bridge.connections.sources import reporting_settings
from intacct_bridge.copies.destinations.sql import SqlDestination
from intacct_bridge.copies.views.apply import (
    AppliedViews,
    apply_lower_names,
    apply_views,
    copy_shape,
    has_lower_names,
    open_database,
)
from intacct_bridge.copies.views.company_settings import has_sources, keep_financial_setup
from intacct_bridge.copies.views.definitions import ViewDefinition, view_definitions
from intacct_bridge.copies.views.dialects import DIALECTS
from intacct_bridge.copies.views.fivetran import apply_fivetran_layout, has_fivetran_layout
from intacct_bridge.copies.views.rendering import SkippedView, render
from intacct_bridge.copies.views.statement_groups import statement_groups
from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.suggestions import did_you_mean

if TYPE_CHECKING:
    from intacct_bridge.client.client import Client
    from intacct_bridge.copies.destinations.base import Destination

__all__ = ["AppliedViews", "SkippedView", "ViewDefinition", "apply", "dbt_package", "list_views", "view_sql"]


def list_views() -> Mapping[str, ViewDefinition]:
    """The views and functions of `reporting`, by name."""
    return view_definitions()


def view_sql(name: str, uri: str = "") -> str:
    """The definition of a view in its common form, or its SQL for a copy. InvalidRequestError if there is none."""
    views = view_definitions()
    view = views.get(name.lower())
    if view is None:
        raise InvalidRequestError(
            f"there is no view {name!r}{did_you_mean(name.lower(), views)}", fix="See them with: intacct views list"
        )
    if not uri:
        return view.text
    with open_database(uri) as database:
        rendered = render(view, DIALECTS[database.dialect], copy_shape(database, reporting_groups()))
    return ";\n".join(rendered.statements) + ";\n"


def apply(uri: str, *, lower_names: bool = False, fivetran: bool = False) -> tuple[AppliedViews, ...]:
    """Make the views in a copy, or make them again after an upgrade. Nothing is read from Intacct.

    `lower_names`: also a view of each table under lower-case names without dots. `fivetran`: also the views that models
    for Fivetran's connector read.
    """
    with open_database(uri) as database:
        applied = [apply_views(database, reporting_groups())]
        if lower_names:
            applied.append(apply_lower_names(database))
        if fivetran:
            applied.append(apply_fivetran_layout(database))
    return tuple(applied)


def dbt_package(uri: str, directory: Path) -> int:
    """Write the views as a dbt package for the tables of a copy; the number of files."""
    from intacct_bridge.copies.views.dbt_package import dbt_package as package_files
    from intacct_bridge.copies.views.dbt_package import write_package

    with open_database(uri) as database:
        files = package_files(DIALECTS[database.dialect], copy_shape(database, reporting_groups()))
    write_package(files, directory)
    return len(files)


def views_after_extract(
    destination: "Destination", client: "Client", *, reporting: bool, lower_names: bool, full: bool
) -> tuple[AppliedViews, ...]:
    """Make the views in a database, or make them again if tables changed.

    A copy without a ledger or documents gets none for reports, since there is nothing to report.
    """
    assert isinstance(destination, SqlDestination)
    applied: list[AppliedViews] = []
    if reporting and has_sources(destination):
        keep_financial_setup(destination, client, client.company_time, again=full)
        applied.append(apply_views(destination, reporting_groups()))
    if lower_names or has_lower_names(destination):
        applied.append(apply_lower_names(destination))
    if has_fivetran_layout(destination):
        applied.append(apply_fivetran_layout(destination))
    return tuple(applied)


def reporting_groups() -> dict[str, tuple[str, ...]]:
    """The account groups that intacct.toml names for statements."""
    return statement_groups(*reporting_settings())
