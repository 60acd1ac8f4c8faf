"""Tools that read the copy: no API transactions, and every answer says as of when."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import Field

from intacct_bridge.apps.mcp.cancellation import cancelled
from intacct_bridge.apps.mcp.session import AgentSession
from intacct_bridge.apps.mcp.values import rows_within
from intacct_bridge.operations.copies import AnswerTable, Copy, CopyAnswer, QuestionLimits, reporting_tables
from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.sql_text import literal, quoted
from intacct_protocol.model.suggestions import did_you_mean

MaxRows = Annotated[int, Field(ge=1, le=1_000, description="The most rows to return, 1 to 1000.")]
_SEARCHED = ("VENDOR", "CUSTOMER", "APBILL", "APADJUSTMENT", "APPYMT", "ARINVOICE", "ARADJUSTMENT", "ARPYMT", "GLBATCH")
_SEARCHED_LINES = ("GLDETAIL", "APBILLITEM", "ARINVOICEITEM", "EEXPENSES", "SODOCUMENT", "PODOCUMENT", "PROJECT")
_SHOWN_FIRST = ("RECORDNO", "RECORDID", "VENDORID", "CUSTOMERID", "NAME", "WHENCREATED", "BATCH_DATE", "ENTRY_DATE")
_SHOWN_NEXT = (
    "VENDORNAME",
    "CUSTOMERNAME",
    "TOTALENTERED",
    "TOTALDUE",
    "AMOUNT",
    "STATE",
    "BATCH_TITLE",
    "DESCRIPTION",
)
_TEXTS, _NUMBERS = ("string", "large_string"), ("decimal", "int", "double")


class CopyTools:
    """Questions to one copy."""

    def __init__(self, session: AgentSession) -> None:
        self._session = session

    def list_tables(self) -> dict[str, Any]:
        """List the tables of the copy and the reporting views (trial balance, statements, ageing, open items, budgets).

        `as_of` of a table: the copy has every change of this object up to that time.
        Use no API transactions.
        """
        tables = self._tables()
        return {
            "tables": [{"name": one.name, "columns": len(one.columns), "as_of": _time(one.as_of)} for one in tables],
            "views": [
                {"name": one.name, "shows": one.shows, "parameters": one.parameters} for one in reporting_tables()
            ],
        }

    def describe_table(
        self,
        name: Annotated[
            str, Field(description="A table such as APBILL, or a view such as reporting.trial_balance.", max_length=200)
        ],
    ) -> dict[str, Any]:
        """Describe a table of the copy, or a reporting view: its columns with their types or meanings."""
        table = self._table(name)
        return {
            "name": table.name,
            "shows": table.shows,
            "parameters": table.parameters,
            "as_of": _time(table.as_of),
            "columns": [{"name": one.name, "type": one.type, "meaning": one.meaning} for one in table.columns],
        }

    def query_copy(
        self,
        sql: Annotated[
            str,
            Field(
                description="Exactly one SELECT over tables of the copy and views of the schema reporting. Other"
                " statements, functions that reach files or settings, and other tables are refused.",
                max_length=20_000,
            ),
        ],
        max_rows: MaxRows = 100,
    ) -> dict[str, Any]:
        """Answer one SQL SELECT from the copy (DuckDB syntax; PostgreSQL syntax where the copy is in PostgreSQL).

        Amounts are returned as text, without rounding. `more` is true if rows were left out: aggregate in the
        statement instead of reading many rows. Uses no API transactions.
        """
        return _answer_data(self._ask(sql, max_rows))

    def read_report(
        self,
        *,
        view: Annotated[
            str, Field(description="A view without the schema, such as trial_balance, ap_ageing or balance_sheet.")
        ],
        equals: Annotated[
            dict[str, str | int | bool] | None,
            Field(description='Only rows with these values, such as {"fiscal_year": 2026, "entity_id": "100"}.'),
        ] = None,
        arguments: Annotated[
            dict[str, str] | None,
            Field(description='Of a function such as ap_ageing: its parameters, such as {"as_of": "2026-11-30"}.'),
        ] = None,
        columns: Annotated[list[str] | None, Field(description="The columns to return; all if left out.")] = None,
        order_by: Annotated[list[str] | None, Field(description="Columns to sort by.")] = None,
        max_rows: MaxRows = 200,
    ) -> dict[str, Any]:
        """Read rows of a reporting view: trial balance, statements, ageing, open items, budgets, and others.

        `list_tables` names the views and `describe_table` their columns. Uses no API transactions.
        """
        report = self._table(f"reporting.{view.removeprefix('reporting.')}")
        names = {one.name.lower(): one.name for one in report.columns}
        select = ", ".join(_column(names, one, report.name) for one in columns or ()) or "*"
        where = " AND ".join(
            f"{_column(names, name, report.name)} = {_literal(value)}" for name, value in (equals or {}).items()
        )
        order = ", ".join(_column(names, one, report.name) for one in order_by or ())
        sql = f"SELECT {select} FROM {report.name}{_call(report, arguments or {})}"
        sql += f" WHERE {where}" if where else ""
        sql += f" ORDER BY {order}" if order else ""
        return _answer_data(self._ask(sql, max_rows))

    def search_copy(
        self,
        text: Annotated[
            str,
            Field(
                description="Words that must all occur in the text fields of a record, ignoring case; or one number,"
                " which is looked for among amounts and keys.",
                min_length=2,
                max_length=200,
            ),
        ],
        tables: Annotated[
            list[str] | None,
            Field(description="The tables to search (default: vendors, customers, documents, payments, entries)."),
        ] = None,
        max_rows: MaxRows = 20,
    ) -> dict[str, Any]:
        """Find documents, entries, vendors and customers in the copy by words or by an amount.

        Returns up to `max_rows` records of each table. Uses no API transactions.
        """
        by_name = {one.name.upper(): one for one in self._tables()}
        searched = [self._table(one).name for one in tables] if tables else [*_SEARCHED, *_SEARCHED_LINES]
        answers, as_of = [], {}
        for name in searched:
            table = by_name.get(name.upper())
            condition = _containing(table, text) if table is not None else ""
            if table is None or not condition:
                continue
            columns = _shown_columns(table)
            listed = ", ".join(quoted(one) for one in columns)
            answer = self._ask(f"SELECT {listed} FROM {quoted(table.name)} WHERE {condition}", max_rows)
            rows, cut = rows_within(answer.columns, answer.rows)
            as_of[table.name] = _time(table.as_of)
            if rows:
                answers.append({"table": table.name, "rows": rows, "more": answer.more or cut})
        return {"found": answers, "searched": list(as_of), "as_of": as_of}

    def _ask(self, sql: str, max_rows: int) -> CopyAnswer:
        limits = self._session.settings.limits
        question_limits = QuestionLimits(min(max_rows, limits.rows), limits.seconds, limits.memory_mb)
        return Copy(self._session.settings.copy).ask(sql, question_limits, cancelled())

    def _tables(self) -> list[AnswerTable]:
        return Copy(self._session.settings.copy).described(self._session.settings.limits)

    def _table(self, name: str) -> AnswerTable:
        """A table or view by its name, ignoring case. InvalidRequestError if there is none."""
        views = name.lower().startswith("reporting.")
        by_name = {one.name.upper(): one for one in (reporting_tables() if views else self._tables())}
        if name.upper() not in by_name:
            near = did_you_mean(name.upper(), list(by_name))
            raise InvalidRequestError(f"the copy has no table {name}{near}", fix="Call list_tables.")
        return by_name[name.upper()]


def _answer_data(answer: CopyAnswer) -> dict[str, Any]:
    rows, cut = rows_within(answer.columns, answer.rows)
    times = {name: _time(when) for name, when in answer.as_of.items()}
    return {"rows": rows, "more": answer.more or cut, "as_of": times, "api_transactions": 0}


def _time(when: datetime | None) -> str:
    return when.isoformat() if when is not None else ""


def _column(names: dict[str, str], name: str, view: str) -> str:
    if name.lower() not in names:
        near = did_you_mean(name.lower(), list(names))
        raise InvalidRequestError(f"{view} has no column {name}{near}", fix="Call describe_table.")
    return names[name.lower()]


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return str(value) if isinstance(value, int) else literal(str(value))


def _call(view: AnswerTable, parameters: dict[str, str]) -> str:
    """The parameters of a function in their order; those behind the last that is given keep their defaults."""
    named = [part.split()[0] for part in view.parameters.split(", ")] if view.parameters else []
    for name in parameters:
        if name not in named:
            accepted = f"Its parameters are: {view.parameters}." if named else "It has no parameters."
            raise InvalidRequestError(f"{view.name} has no parameter {name}{did_you_mean(name, named)}", fix=accepted)
    if not named:
        return ""
    values = []
    for name in named:
        if name not in parameters:
            break
        values.append(literal(parameters[name]))
    if len(values) < len(parameters):
        missing = named[len(values)]
        raise InvalidRequestError(f"{view.name} needs {missing} too", fix=f"Its parameters are: {view.parameters}.")
    return f"({', '.join(values)})"


def _shown_columns(table: AnswerTable) -> list[str]:
    names = [one.name for one in table.columns]
    first = [one for one in (*_SHOWN_FIRST, *_SHOWN_NEXT) if one in names]
    return first or names[:8]


def _containing(table: AnswerTable, text: str) -> str:
    """The condition that a record contains words, or a number; empty if the table has no column for it."""
    number = _amount_of(text)
    if number is not None:
        of_numbers = _of_kind(table, _NUMBERS)
        keys = [one for one in _of_kind(table, _TEXTS) if one.endswith(("ID", "NO", "NUMBER", "RECORDNO"))]
        return " OR ".join(
            [
                *(f"{quoted(one)} = {number}" for one in of_numbers),
                *(f"{quoted(one)} = {literal(text)}" for one in keys),
            ]
        )
    texts = _of_kind(table, _TEXTS)
    if not texts:
        return ""
    joined = " || ' ' || ".join(f"coalesce({quoted(one)}, '')" for one in texts)
    return " AND ".join(f"{joined} ILIKE {literal(_pattern(word))} ESCAPE '^'" for word in text.split())


def _pattern(word: str) -> str:
    escaped = "".join(f"^{one}" if one in "%_^" else one for one in word)
    return f"%{escaped}%"


def _amount_of(text: str) -> Decimal | None:
    try:
        number = Decimal(text.replace(",", "").strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < 20 else None


def _of_kind(table: AnswerTable, kinds: Sequence[str]) -> list[str]:
    return [one.name for one in table.columns if one.type.startswith(tuple(kinds))]
