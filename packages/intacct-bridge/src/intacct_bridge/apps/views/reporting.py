"""The views of reporting on the terminal: what was made, and what was skipped."""

from collections.abc import Sequence

from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.operations.views import AppliedViews, SkippedView
from intacct_protocol.model.wording import counted


def show_applied(applied: AppliedViews, output: Output, *, every_time: bool = False) -> None:
    """One line for what was made, and one for each reason to skip a view. Without a change: details only."""
    tell = output.say if applied.changed or every_time else output.detail
    tell(f"{counted(len(applied.views), 'view')} in the schema {applied.schema}")
    for reason, names in by_reason(applied.skipped):
        tell(output.wrapped("skipped  ", f"{', '.join(names)}: {reason}"))


def by_reason(skipped: Sequence[SkippedView]) -> list[tuple[str, list[str]]]:
    """The names of skipped views, by reason."""
    names_by_reason: dict[str, list[str]] = {}
    for view in skipped:
        names_by_reason.setdefault(view.reason, []).append(view.name)
    return list(names_by_reason.items())
