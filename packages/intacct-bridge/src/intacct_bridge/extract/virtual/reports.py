"""A custom report as a virtual stream. Its columns are not known beforehand, so they come as text, as they appear.

Rows have no key from one run of the report to the next: they are told apart by their place and replaced together.
"""

from collections.abc import Iterator, Mapping
from datetime import date

from intacct_bridge.client.protocol import ReadGateway
from intacct_bridge.client.reading.reports import PAGE_SIZE, Argument
from intacct_bridge.extract.virtual.reader import Row, VirtualPage
from intacct_bridge.streams.names import REPORT_SETTINGS, VirtualStream
from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.xml.values import Kind


class ReportReader:
    """Reads a report with `readReport`, waiting for it and taking its pages."""

    open_ended = True
    certain = False

    def fields(self, gateway: ReadGateway, virtual: VirtualStream) -> Mapping[str, Kind]:  # noqa: ARG002
        """None: they are not known beforehand."""
        return {}

    def identity(self, virtual: VirtualStream) -> tuple[str, ...]:  # noqa: ARG002
        """None: no column of a report can be trusted."""
        return ()

    def unchanged(self, gateway: ReadGateway, virtual: VirtualStream, since: str) -> bool:  # noqa: ARG002
        """Only a run of the report shows changes."""
        return False

    def cost(self, gateway: ReadGateway, virtual: VirtualStream) -> int | None:
        """Only a run of the report shows its pages."""

    def pages(self, gateway: ReadGateway, virtual: VirtualStream) -> Iterator[VirtualPage]:
        """A page for each page of the report."""
        arguments = {name: _argument(name, text) for name, text in virtual.arguments if name not in REPORT_SETTINGS}
        interactive = virtual.get("type") == "interactive"
        try:
            timeout = float(virtual.get("timeout", "900"))
        except ValueError:
            text = virtual.get("timeout")
            raise InvalidRequestError(f"report: timeout={text!r} is not a number of seconds") from None
        waiting: list[Row] = []
        for row in gateway.reports.run(virtual.subject, arguments, interactive=interactive, timeout=timeout):
            waiting.append(row)
            if len(waiting) == PAGE_SIZE:
                yield VirtualPage(waiting)
                waiting = []
        yield VirtualPage(waiting)


def _argument(name: str, text: str) -> Argument:
    begin, dots, end = text.partition("..")
    if not dots:
        return text
    try:
        return date.fromisoformat(begin.strip()), date.fromisoformat(end.strip())
    except ValueError:
        raise InvalidRequestError(
            f"report: {name}={text!r} is not a valid range of dates", fix="Write it as 2026-01-01..2026-01-31."
        ) from None
