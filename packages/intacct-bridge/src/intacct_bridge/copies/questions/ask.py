"""A question to a copy at any destination, and what can be asked about."""

from threading import Event

from intacct_bridge.copies.destinations.uri import parse_uri
from intacct_bridge.copies.live_sql.statement import REPORTING
from intacct_bridge.copies.questions.answer import AnswerColumn, AnswerTable, CopyAnswer, QuestionLimits
from intacct_bridge.copies.views.definitions import ViewDefinition, view_definitions


def ask(uri: str, sql: str, limits: QuestionLimits, cancelled: Event) -> CopyAnswer:
    """The answer of the copy at a URI to one SELECT.

    InvalidRequestError if the statement is refused, cannot run, or takes too long; TransientError once it is
    cancelled; SettingsError if there is no copy, or its role may do more than read.
    """
    if parse_uri(uri).scheme == "postgresql":
        from intacct_bridge.copies.questions.in_postgres import ask_postgres

        return ask_postgres(uri, sql, limits, cancelled)
    from intacct_bridge.copies.questions.in_duckdb import ask_duckdb

    return ask_duckdb(uri, sql, limits, cancelled)


def copied_tables(uri: str, limits: QuestionLimits) -> list[AnswerTable]:
    """The tables of a copy with their columns."""
    if parse_uri(uri).scheme == "postgresql":
        from intacct_bridge.copies.questions.in_postgres import tables_of_postgres

        return tables_of_postgres(uri, limits)
    from intacct_bridge.copies.questions.in_duckdb import tables_of_duckdb

    return tables_of_duckdb(uri)


def reporting_views() -> list[AnswerTable]:
    """The views and functions of `reporting`."""
    return [_of_view(one) for one in view_definitions().values()]


def _of_view(view: ViewDefinition) -> AnswerTable:
    defaults = [f"{one.name} {one.type}{f' = {one.default}' if one.default else ''}" for one in view.parameters]
    columns = tuple(AnswerColumn(one.name, one.type, one.meaning) for one in view.columns)
    shows = f"{view.shows} Grain: {view.grain} Units: {view.units}"
    return AnswerTable(f"{REPORTING}.{view.name}", columns, shows, ", ".join(defaults))
