"""Custom reports with `readReport`: start one, wait for it, read it page by page.

Facts: a run gives either the first page or a report id with a status such as PENDING; `readMore` with the id asks
again, and then gives one page after another; the report is deleted after its last page. A call may wait for up to 30
seconds. Other values of the status are not documented, so everything that is neither a page nor a failure means
waiting. A call for the next page moves on even if its answer is lost, so the pages are compared with the total.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date

from intacct_bridge.client.gateway.calls import Calls
from intacct_bridge.client.reading.records import cells_of
from intacct_protocol.errors import IntacctError, InvalidRequestError, RemoteProtocolError, TransientError
from intacct_protocol.model.wording import counted
from intacct_protocol.xml.values import Kind, Value, render_value
from intacct_protocol.xml.xml import Element, element

WAIT_SECONDS = 30
_LONGEST_PAUSE = 30.0
_REFUSED_FIX = (
    "Write the report's name as Intacct's list of custom reports shows it. Set `interactive = true` if it was made"
    " with the interactive report writer. Reports of the Financial Report Writer cannot be read."
)
PAGE_SIZE = 1000

Argument = Value | tuple[date, date]
"""A report argument's value; two dates are a range."""


class Reports:
    """The custom reports of one session."""

    def __init__(self, calls: Calls, *, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._calls = calls
        self._clock = clock
        self._sleep = sleep

    def run(
        self,
        name: str,
        arguments: Mapping[str, Argument] | None = None,
        *,
        interactive: bool = False,
        timeout: float = 900.0,
    ) -> Iterator[dict[str, str | None]]:
        """The report's rows as text; TransientError with its id if it is not ready in time.

        Arguments have the names of the report (`APBILL.WHENDUE`); `interactive` is for the interactive report writer.
        """
        until = self._clock() + timeout
        data = self._begin(_read_report(name, arguments or {}, interactive=interactive))
        report_id = _report_id(data)
        pause = 1.0
        while not _is_page(data):
            self._check_status(name, data)
            if self._clock() >= until:
                raise TransientError(
                    f"the report {name!r} was not ready after {timeout:.0f} s",
                    fix=f"Wait longer; its id is {report_id}.",
                )
            self._sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            data = self._next_page(report_id)
        yield from self._pages(name, report_id, data)

    def parameters(self, name: str, *, interactive: bool = False) -> dict[str, str]:
        """The labels of a report's arguments, by name."""
        body = _read_report(name, {}, interactive=interactive, definition=True)
        return {each.findtext("NAME"): each.findtext("label") for each in _named(self._begin(body), "PARAMETER")}

    def _begin(self, body: Element) -> Element:
        """The answer to `readReport`. The refusal for a missing report is not documented."""
        try:
            return self._calls.data(body)
        except IntacctError as error:
            if error.faults and not error.fix:
                error.fix = _REFUSED_FIX
            raise

    def _pages(self, name: str, report_id: str, data: Element) -> Iterator[dict[str, str | None]]:
        rows_read = 0
        while True:
            rows = [row for row in data if row.tag != "report_results"]
            remaining = _number(data, "numremaining")
            total = _number(data, "totalcount", absent=rows_read + len(rows) + remaining)
            if rows_read + len(rows) + remaining != total:
                raise TransientError(
                    f"a page of the report {name!r} was lost: {counted(rows_read + len(rows), 'row')} came,"
                    f" {remaining:,} remain, and the total is {total:,}",
                    fix="Run the report again.",
                )
            yield from (cells_of(row) for row in rows)
            rows_read += len(rows)
            if not remaining:
                return
            if not rows:
                raise RemoteProtocolError(
                    f"the report {name!r} gave no rows, though it counts {counted(remaining, 'more row')}"
                )
            data = self._next_page(report_id)

    def _next_page(self, report_id: str) -> Element:
        if not report_id:
            raise RemoteProtocolError(
                "the answer to readReport has neither rows nor a report id", function="readReport"
            )
        return self._calls.data(element("readMore", element("reportId", report_id)))

    def _check_status(self, name: str, data: Element) -> None:
        status = next((each.text for each in _named(data, "STATUS")), "")
        if any(word in status.upper() for word in ("FAIL", "ERROR", "CANCEL")):
            raise InvalidRequestError(f"the report {name!r} ended with the status {status}", by_gateway=True)


def _read_report(
    name: str, arguments: Mapping[str, Argument], *, interactive: bool, definition: bool = False
) -> Element:
    attributes = {"type": "interactive"} if interactive else {}
    if definition:
        attributes["returnDef"] = "true"
        return Element("readReport", children=(element("report", name),), attributes=attributes)
    parts = [element("report", name), element("pagesize", str(PAGE_SIZE))]
    if arguments:
        sent_arguments = tuple(_argument(key, value) for key, value in arguments.items())
        parts.append(Element("arguments", children=sent_arguments))
    return Element("readReport", children=(*parts, element("waitTime", str(WAIT_SECONDS))), attributes=attributes)


def _argument(name: str, value: Argument) -> Element:
    if isinstance(value, tuple):
        first, last = (render_value(Kind.DATE, day) for day in value)
        return element(name, element("FROM_DATE", first), element("TO_DATE", last))
    return element(name, render_value(Kind.TEXT, value))


def _is_page(data: Element) -> bool:
    """Whether the answer has rows, or a count of 0."""
    return any(child.tag != "report_results" for child in data) or data.get("totalcount") == "0"


def _report_id(data: Element) -> str:
    named = next((each.text for each in _named(data, "REPORTID")), "")
    return named or data.get("reportId") or data.get("resultId")


def _named(root: Element, tag: str) -> Iterator[Element]:
    for child in root:
        if child.tag.upper() == tag:
            yield child
        else:
            yield from _named(child, tag)


def _number(data: Element, name: str, *, absent: int = 0) -> int:
    text = data.get(name)
    return int(text) if text.isascii() and text.isdigit() else absent
