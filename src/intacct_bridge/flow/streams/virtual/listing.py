"""An object on a connection of document type 2.1: everything that `get_list` lists, under the names of 2.1.

Nothing describes its records, so columns come as text, as they are met; lines stand in a cell of their header, as JSON.
`get_list` pages by offset and takes no key to go on from, so what is edited meanwhile can push a record past the
reader or show it twice. A pass counts only if as many different records came as there are said to be, and if that
number stood still; otherwise everything is listed again.
"""

from collections.abc import Iterator, Mapping

from intacct_bridge.client.client import Client
from intacct_bridge.errors import TransientError
from intacct_bridge.flow.streams.names import VirtualStream
from intacct_bridge.flow.streams.virtual.reader import FeedPage
from intacct_bridge.model.query.query import Query
from intacct_bridge.wire.values import DEFAULT, Kind

KEY = "key"
PASSES = 3
_PAGE = 1000


class ListingReader:
    """`get_list`."""

    open_ended = True
    certain = True

    def fields(self, client: Client, feed: VirtualStream) -> Mapping[str, Kind]:  # noqa: ARG002
        """The key; the rest is seen when it comes."""
        return {KEY: Kind.TEXT}

    def identity(self, feed: VirtualStream) -> tuple[str, ...]:  # noqa: ARG002
        """What 2.1 calls the key of a record."""
        return (KEY,)

    def unchanged(self, client: Client, feed: VirtualStream, since: str) -> bool:  # noqa: ARG002
        """2.1 has no audit history to ask."""
        return False

    def price(self, client: Client, feed: VirtualStream) -> int | None:
        """Only a run can tell."""

    def pages(self, client: Client, feed: VirtualStream) -> Iterator[FeedPage]:
        """Page by page, until one pass from the first to the last shows every record once."""
        query = Query(feed.subject, ("*",), page_size=_PAGE, show_private=not client.connection.location_id)
        for _ in range(PASSES):
            totals: set[int] = set()
            keys: set[str] = set()
            came = 0
            for page in client.pages(query):
                rows = [{KEY: row.get(KEY) or row.get("recordno"), **row} for row in page.rows]
                came += len(rows)
                keys.update(row[KEY] or "" for row in rows)
                if page.head is not None:
                    totals.add(page.head.total_count)
                yield FeedPage(rows, page.head.remaining if page.head else 0, DEFAULT)
            if totals == {came} and len(keys) == came:
                return
        raise TransientError(
            f"{feed.subject} kept changing while it was listed, {PASSES} times over",
            fix='Run again when fewer people work, or use a connection with dtd_version = "3.0".',
        )
