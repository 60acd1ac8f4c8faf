"""The views of reporting on the terminal: made after an extraction, and what of them was skipped."""

from collections.abc import Sequence
from dataclasses import dataclass

from intacct_bridge.apps.terminal.console import Console
from intacct_bridge.client.client import Client
from intacct_bridge.connections.sources import reporting_settings
from intacct_bridge.copies.destinations.base import Destination
from intacct_bridge.copies.destinations.sql import SqlDestination
from intacct_bridge.copies.views.apply import AppliedViews, apply_lower_names, apply_views, has_lower_names
from intacct_bridge.copies.views.company_settings import has_sources, keep_financial_setup
from intacct_bridge.copies.views.fivetran import apply_fivetran_layout, has_fivetran_layout
from intacct_bridge.copies.views.rendering import SkippedView
from intacct_bridge.copies.views.statement_groups import statement_groups
from intacct_protocol.errors import IntacctError
from intacct_protocol.model.wording import counted


@dataclass(frozen=True, slots=True)
class WantedViews:
    """The views that an extraction ends with."""

    reporting: bool = True
    lower_names: bool = False
    """Also a view of each table under lower-case names."""


def bring_views_up_to_date(
    destination: Destination, client: Client, wanted: WantedViews, console: Console, *, full: bool = False
) -> tuple[AppliedViews, ...] | None:
    """Make the views in a database, or make them again if tables changed; None if that failed.

    A copy without a ledger or documents gets none, since there is nothing to report.
    """
    made: list[AppliedViews] = []
    if not isinstance(destination, SqlDestination):
        return ()
    try:
        if wanted.reporting and has_sources(destination):
            keep_financial_setup(destination, client, client.company_time, again=full)
            made.append(apply_views(destination, reporting_groups()))
        if wanted.lower_names or has_lower_names(destination):
            made.append(apply_lower_names(destination))
        if has_fivetran_layout(destination):
            made.append(apply_fivetran_layout(destination))
    except IntacctError as error:
        console.complain(console.wrapped("error  ", console.spelled(f"views: {error.message}")))
        if error.advice:
            console.complain(console.wrapped("  fix  ", console.spelled(error.advice)))
        return None
    return tuple(made)


def reporting_groups() -> dict[str, tuple[str, ...]]:
    """The account groups that intacct.toml names for statements."""
    return statement_groups(*reporting_settings())


def show_applied(applied: AppliedViews, console: Console, *, every_time: bool = False) -> None:
    """One line for what was made, and one for each reason to skip a view. Without a change: details only."""
    tell = console.say if applied.changed or every_time else console.detail
    tell(f"{counted(len(applied.views), 'view')} in the schema {applied.schema}")
    for reason, names in by_reason(applied.skipped):
        tell(console.wrapped("skipped  ", f"{', '.join(names)}: {reason}"))


def by_reason(skipped: Sequence[SkippedView]) -> list[tuple[str, list[str]]]:
    """The names of skipped views, by reason."""
    found: dict[str, list[str]] = {}
    for one in skipped:
        found.setdefault(one.reason, []).append(one.name)
    return list(found.items())
