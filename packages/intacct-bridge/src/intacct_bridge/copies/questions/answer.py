"""What a question may take, its answer, and what can be asked about.

An answer has rows up to a limit, and says as of when the copy knows the company.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from intacct_bridge.copies.live_sql.statement import REPORTING
from intacct_bridge.copies.views.definitions import ViewDefinition, view_definitions
from intacct_bridge.machine.bounded_process import Excess
from intacct_protocol.errors import IntacctError, InvalidRequestError, TransientError
from intacct_protocol.model.wording import counted


@dataclass(frozen=True, slots=True)
class QuestionLimits:
    """What one question may take."""

    rows: int = 200
    seconds: float = 30.0
    memory_mb: int = 1024


@dataclass(frozen=True, slots=True)
class CopyAnswer:
    """The rows of an answer."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    more: bool
    """Whether there are more rows than the limit allows."""
    as_of: Mapping[str, datetime | None] = field(default_factory=dict)
    """By object: the copy has every change up to this time; None if it is not known."""


@dataclass(frozen=True, slots=True)
class AnswerColumn:
    """A column of a table or view."""

    name: str
    type: str
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class AnswerTable:
    """A table of the copy, or a view of `reporting`."""

    name: str
    columns: tuple[AnswerColumn, ...]
    shows: str = ""
    parameters: str = ""
    """Of a function: its parameters, with their types and defaults."""
    as_of: datetime | None = None
    """Of a table: the copy has every change up to this time."""


def reporting_tables() -> list[AnswerTable]:
    """The views and functions of `reporting`."""
    return [_of_view(view) for view in view_definitions().values()]


def _of_view(view: ViewDefinition) -> AnswerTable:
    parameters = [f"{one.name} {one.type}{f' = {one.default}' if one.default else ''}" for one in view.parameters]
    columns = tuple(AnswerColumn(one.name, one.type, one.meaning) for one in view.columns)
    shows = f"{view.shows} Grain: {view.grain} Units: {view.units}"
    return AnswerTable(f"{REPORTING}.{view.name}", columns, shows, ", ".join(parameters))


def not_answered(why: Excess, limits: QuestionLimits) -> IntacctError:
    """The error for a question whose process was ended."""
    if why is Excess.CANCELLED:
        return TransientError("the question was cancelled")
    if why is Excess.TIME:
        return too_long(limits)
    took = f"took more than {limits.memory_mb:,} MB of memory" if why is Excess.MEMORY else "ended the database"
    return InvalidRequestError(f"the question {took}", fix="Ask for less: add a condition, or name fewer tables.")


def too_long(limits: QuestionLimits) -> InvalidRequestError:
    """The error for a question that was stopped."""
    return InvalidRequestError(
        f"the question took longer than {counted(int(limits.seconds), 'second')}",
        fix="Ask for fewer rows: add a condition, or group in the statement.",
    )


def cannot_run(message: str) -> InvalidRequestError:
    """The error for a statement that the database refuses; one line, without the statement."""
    reason = message.strip().splitlines()[0] if message.strip() else "no reason given"
    return InvalidRequestError(
        f"the statement cannot run: {reason[:300]}", fix="Describe the tables that it names, and correct it."
    )
