"""Tools that read the company itself, metered and within a limit; and the explanation of errors, which is free."""

from typing import Annotated, Any

from pydantic import Field

from intacct_bridge.apps.mcp.cancellation import stop_if_cancelled
from intacct_bridge.apps.mcp.copy_tools import MaxRows
from intacct_bridge.apps.mcp.session import AgentSession
from intacct_bridge.apps.mcp.values import plain, rows_within
from intacct_bridge.apps.views.doctor import as_data
from intacct_bridge.operations.query import QueryRequest, query
from intacct_bridge.operations.setup import Job
from intacct_protocol.diagnosis import catalogue, diagnose
from intacct_protocol.errors import Fault
from intacct_protocol.model.uri_text import redacted

ObjectName = Annotated[str, Field(description="An object of Intacct, such as VENDOR or APBILL.", max_length=100)]
_MOST_OBJECTS = 20


class CompanyTools:
    """Reads of one company."""

    def __init__(self, session: AgentSession) -> None:
        self._session = session

    def about(self) -> dict[str, Any]:
        """Say which company, user and copy this server works with, what it allows, and what it has used so far."""
        session, settings = self._session, self._session.settings
        connection = session.connection
        return plain(  # type: ignore[no-any-return]
            {
                "connection": connection.name,
                "company": connection.company_id,
                "environment": connection.environment,
                "user": connection.user_id,
                "entity": connection.location_id or None,
                "copy": redacted(settings.copy) or None,
                "may_plan": session.may_plan,
                "files_can_be_loaded": session.may_plan and settings.folder is not None,
                "approvals": "A person approves each plan, outside of this server.",
                "api_transactions": self._meter(),
            }
        )

    def describe_object(self, object: ObjectName) -> dict[str, Any]:
        """Describe an object of the company with its custom fields: each field's type, and whether create needs it.

        Asks the company; what it answers is kept for some hours, so a second question usually costs nothing.
        """
        with self._session.company() as run:
            definition = run.client.describe(object.upper())
            fields = [
                {
                    "name": field.name,
                    "type": field.kind.value,
                    "label": field.label,
                    "required": field.required,
                    "read_only": field.readonly,
                    "custom": field.custom,
                    "values": field.values[:50],
                }
                for field in definition.fields.values()
            ]
        return {"object": definition.name, "fields": plain(fields), "api_transactions": self._meter()}

    def read_company(
        self,
        object: ObjectName,
        fields: Annotated[
            list[str] | None,
            Field(description="Fields to read; VENDOR.NAME is one of a related record (default: all)."),
        ] = None,
        where: Annotated[
            str | None,
            Field(description="A filter such as: TOTALDUE > 0 and STATE = 'Posted' and WHENDUE < 2026-01-31"),
        ] = None,
        order_by: Annotated[str | None, Field(description="Fields to sort by, such as: WHENDUE DESC, RECORDNO")] = None,
        max_rows: MaxRows = 50,
    ) -> dict[str, Any]:
        """Read rows of an object from the company as it is now.

        Each page costs an API transaction, and the server has a limit; prefer the copy if it is recent enough.
        """
        with self._session.company() as run:
            request = QueryRequest(
                object,
                ", ".join(fields) if fields else "*",
                where or "",
                order_by or "",
                min(max_rows, self._session.settings.limits.rows) + 1,
            )
            rows = []
            for row in query(run.client, request).rows:
                stop_if_cancelled()
                rows.append(row)
        more = len(rows) > max_rows
        columns = list(dict.fromkeys(name for row in rows for name in row))
        shown, cut = rows_within(columns, ([row.get(name) for name in columns] for row in rows[:max_rows]))
        return {"rows": shown, "more": more or cut, "as_of": "now", "api_transactions": self._meter()}

    def check_setup(
        self,
        streams: Annotated[
            list[str] | None, Field(description="Objects that will be read, such as APBILL.", max_length=_MOST_OBJECTS)
        ] = None,
        writes: Annotated[
            list[str] | None,
            Field(description="Objects that will be written, such as GLBATCH.", max_length=_MOST_OBJECTS),
        ] = None,
    ) -> dict[str, Any]:
        """Check the set-up of the connection step by step. Each finding has the cause, the fix, the menu path, and who
        can do it. Nothing is changed. Costs some API transactions.
        """
        session = self._session
        job = Job(tuple(one.upper() for one in streams or ()), tuple(one.upper() for one in writes or ()), None)
        examination = session.examination(job)
        findings = []
        with session.company():
            try:
                for finding in examination.run():
                    findings.append(finding)
                    stop_if_cancelled()
            finally:
                session.spent(examination.spent)
        return plain(as_data(examination.report(findings), session.connection.target))  # type: ignore[no-any-return]

    def explain_error(
        self,
        text: Annotated[
            str,
            Field(
                description="The text of an error, or its number such as BL01001973.", min_length=2, max_length=4_000
            ),
        ],
        number: Annotated[str, Field(description="The number of the error, if the text does not hold it.")] = "",
    ) -> dict[str, Any]:
        """Explain an error of Intacct: cause, fix, menu path, and who can do it. Uses no API transactions."""
        numbers = {one for entry in catalogue() for one in entry.errorno}
        code = number or next(
            (word.strip(".,:;()[]") for word in text.split() if word.strip(".,:;()[]") in numbers), ""
        )
        diagnosis = diagnose([Fault(code, "", text)])
        return plain(  # type: ignore[no-any-return]
            {
                "known": bool(diagnosis.entry),
                "means": diagnosis.means,
                "cause": diagnosis.cause,
                "fix": diagnosis.fix,
                "menu": diagnosis.menu,
                "who": diagnosis.who,
                "retry": diagnosis.retry,
                "field": diagnosis.field,
                "source": diagnosis.source,
            }
        )

    def _meter(self) -> dict[str, int]:
        return {"used": self._session.transactions, "left": self._session.transactions_left}
