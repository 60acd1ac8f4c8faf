"""A custom report as a stream. Nobody but the report knows its columns, so they come as text, as they are met.

Two runs of a report have nothing in common but the report: rows are told apart by their place and replaced whole.
"""

from collections.abc import Iterator, Mapping
from datetime import date

from intacct_bridge.client.client import Client
from intacct_bridge.client.reading.reports import PAGE_SIZE, Argument
from intacct_bridge.errors import InvalidRequestError
from intacct_bridge.flow.streams.names import OF_A_REPORT, VirtualStream
from intacct_bridge.flow.streams.virtual.reader import FeedPage, Row
from intacct_bridge.wire.values import Kind


class ReportReader:
    """`readReport`, waited for and read page by page."""

    open_ended = True
    certain = False

    def fields(self, client: Client, feed: VirtualStream) -> Mapping[str, Kind]:  # noqa: ARG002
        """None that could be known."""
        return {}

    def identity(self, feed: VirtualStream) -> tuple[str, ...]:  # noqa: ARG002
        """None that could be trusted."""
        return ()

    def unchanged(self, client: Client, feed: VirtualStream, since: str) -> bool:  # noqa: ARG002
        """Only a run can tell."""
        return False

    def price(self, client: Client, feed: VirtualStream) -> int | None:
        """Only a run can tell."""

    def pages(self, client: Client, feed: VirtualStream) -> Iterator[FeedPage]:
        """A page a page of the report."""
        arguments = {name: _argument(name, text) for name, text in feed.arguments if name not in OF_A_REPORT}
        interactive = feed.get("type") == "interactive"
        try:
            timeout = float(feed.get("timeout", "900"))
        except ValueError:
            raise InvalidRequestError(f"report: timeout={feed.get('timeout')!r} is no number of seconds") from None
        held: list[Row] = []
        for row in client.reports.run(feed.subject, arguments, interactive=interactive, timeout=timeout):
            held.append(row)
            if len(held) == PAGE_SIZE:
                yield FeedPage(held)
                held = []
        yield FeedPage(held)


def _argument(name: str, text: str) -> Argument:
    begin, dots, end = text.partition("..")
    if not dots:
        return text
    try:
        return date.fromisoformat(begin.strip()), date.fromisoformat(end.strip())
    except ValueError:
        raise InvalidRequestError(
            f"report: {name}={text!r} is no range of dates", fix="Write it as 2026-01-01..2026-01-31."
        ) from None
