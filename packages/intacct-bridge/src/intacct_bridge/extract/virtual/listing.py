"""An object on a connection of document type 2.1: all records that `get_list` lists, under the names of 2.1.

Its records are not described, so columns come as text, as they appear; lines stand in a cell of their header, as JSON.
`get_list` pages by offset and cannot continue from a key, so an edit may push a record past the reader or show it
twice. So each page begins with the last record of the page before: a record that was added or deleted before it shows.
A pass counts only if these were the same, if as many different records came as the gateway counts, and if that count
did not change; otherwise everything is listed again.
"""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace

from intacct_bridge.client.protocol import ReadGateway
from intacct_bridge.extract.virtual.reader import VirtualPage
from intacct_bridge.streams.names import VirtualStream
from intacct_protocol.errors import TransientError
from intacct_protocol.model.query.query import Query
from intacct_protocol.xml.values import DEFAULT, Kind

KEY = "key"
PASSES = 3
_PAGE = 1000


class ListingReader:
    """Reads an object with `get_list`."""

    open_ended = True
    certain = True

    def fields(self, gateway: ReadGateway, virtual: VirtualStream) -> Mapping[str, Kind]:  # noqa: ARG002
        """The key; other columns are seen when they come."""
        return {KEY: Kind.TEXT}

    def identity(self, virtual: VirtualStream) -> tuple[str, ...]:  # noqa: ARG002
        """The key of a record in 2.1."""
        return (KEY,)

    def unchanged(self, gateway: ReadGateway, virtual: VirtualStream, since: str) -> bool:  # noqa: ARG002
        """2.1 has no audit history to read."""
        return False

    def cost(self, gateway: ReadGateway, virtual: VirtualStream) -> int | None:
        """Only reading shows the pages."""

    def pages(self, gateway: ReadGateway, virtual: VirtualStream) -> Iterator[VirtualPage]:
        """Pages, until one pass from the first to the last shows every record once."""
        query = Query(virtual.subject, ("*",), page_size=_PAGE, show_private=not gateway.connection.location_id)
        for _ in range(PASSES):
            if (yield from _one_pass(gateway, query)):
                return
        raise TransientError(
            f"{virtual.subject} changed during each of {PASSES} attempts to list it",
            fix='Run again when fewer people work, or use a connection with dtd_version = "3.0".',
        )


def _one_pass(gateway: ReadGateway, query: Query) -> Generator[VirtualPage, None, bool]:
    """Pages from the first to the last; whether they show every record once."""
    totals: set[int] = set()
    keys: list[str] = []
    remaining = 1
    while remaining:
        page = gateway.page(replace(query, offset=max(0, len(keys) - 1)))
        rows = [{KEY: row.get(KEY) or row.get("recordno"), **row} for row in page.rows]
        if keys and (not rows or rows.pop(0)[KEY] != keys[-1]):
            return False
        remaining = page.head.remaining if page.head else 0
        if remaining and not rows:
            return False
        keys += (row[KEY] or "" for row in rows)
        totals.add(page.head.total_count if page.head else len(keys))
        yield VirtualPage(rows, remaining, DEFAULT)
    return totals == {len(keys)} and len(set(keys)) == len(keys)
