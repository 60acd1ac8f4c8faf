"""The readers of the streams that are no objects, and what they share: typed columns, and a key where rows have none.

A reader says which columns it has, gives pages of text cells, and may know that nothing changed. Its rows are the
whole truth of the moment, so whatever the copy holds beside them is gone.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from intacct_bridge.client.client import Client
from intacct_bridge.errors import InvalidRequestError
from intacct_bridge.flow.streams.names import LISTING, VirtualStream
from intacct_bridge.flow.streams.partition import PartitionPage
from intacct_bridge.flow.streams.stream import Stream
from intacct_bridge.flow.streams.virtual.balances import BalancesReader
from intacct_bridge.flow.streams.virtual.dimensions import DimensionsReader, DimensionValuesReader
from intacct_bridge.flow.streams.virtual.listing import ListingReader
from intacct_bridge.flow.streams.virtual.reader import FeedPage, Reader, Row
from intacct_bridge.flow.streams.virtual.reports import ReportReader
from intacct_bridge.wire.columns import arrow_type, typed_column
from intacct_bridge.wire.values import Formatting, Kind

if TYPE_CHECKING:
    import pyarrow as pa

KEY = "_key"
"""Our own key of a row that several fields identify together."""
PLACE = "_row"
"""Our own key of a row that nothing identifies: its place in the whole, counted from 1."""


def reader_of(feed: VirtualStream) -> Reader:
    """The reader of a feed."""
    makers: dict[str, type[Reader]] = {
        "trial_balance": BalancesReader,
        "account_balances": BalancesReader,
        "dimensions": DimensionsReader,
        "dimension_values": DimensionValuesReader,
        "report": ReportReader,
        LISTING: ListingReader,
    }
    return makers[feed.reader]()


def feed_stream(client: Client, feed: VirtualStream, select: Sequence[str] = ()) -> Stream:
    """The stream of a feed with all its columns, or with the chosen ones and those that tell its rows apart."""
    reader = reader_of(feed)
    fields, identity = dict(reader.fields(client, feed)), reader.identity(feed)
    if select:
        wanted = _wanted(feed, fields, select, open_ended=reader.open_ended)
        kept = {*wanted, *identity}
        fields = {name: kind for name, kind in fields.items() if name in kept} | {
            name: Kind.TEXT for name in wanted if name not in fields
        }
    key = identity[0] if len(identity) == 1 else KEY if identity else PLACE
    own = {} if len(identity) == 1 else {key: Kind.TEXT if identity else Kind.INTEGER}
    return Stream(
        feed.table,
        "",
        own | fields,
        key,
        text_key=bool(identity),
        feed=feed,
        identity=identity if reader.certain else (),
        open_ended=reader.open_ended and not select,
    )


def _wanted(feed: VirtualStream, fields: Mapping[str, Kind], select: Sequence[str], *, open_ended: bool) -> list[str]:
    by_case = {name.upper(): name for name in fields}
    found = [by_case.get(name.upper(), name) for name in select if name not in (KEY, PLACE)]
    strange = [name for name in found if name not in fields]
    if strange and not open_ended:
        raise InvalidRequestError(f"{feed.table} has no field {strange[0]}", fix=f"It has {', '.join(fields)}.")
    if feed.reader == LISTING:  # 2.1 writes its names small, and so they stand where nothing is chosen
        return [name if name in fields else name.lower() for name in found]
    return found


def feed_answers(client: Client, stream: Stream) -> Iterator[PartitionPage]:
    """The rows of a feed's stream, typed."""
    assert stream.feed is not None
    reader, place = reader_of(stream.feed), 0
    identity = reader.identity(stream.feed)
    for page in reader.pages(client, stream.feed):
        own = {
            KEY: [key_of(row, identity) for row in page.rows],
            PLACE: [str(place + number) for number in range(1, len(page.rows) + 1)],
        }
        rows = _typed(stream, page, own, page.formatting or client.formatting)
        place += rows.num_rows
        yield PartitionPage(rows, page.remaining)


def _typed(stream: Stream, page: FeedPage, own: Mapping[str, list[str]], formatting: Formatting) -> "pa.RecordBatch":
    import pyarrow as pa

    rows = page.rows
    columns: dict[str, pa.Array] = {}
    come = {name for row in rows for name in row}
    spelled = {name.upper(): name for name in come}  # what only reading shows may be chosen in any case
    for name, kind in stream.fields.items():
        met = name if name in come else spelled.get(name.upper(), name)
        cells: Sequence[str | None] = own.get(name) or tuple(row.get(met) for row in rows)
        texts = pa.array(cells, pa.string())
        columns[name] = typed_column(texts, kind, formatting) if rows else pa.nulls(0, arrow_type(kind))
    if stream.open_ended:
        for name in dict.fromkeys(name for row in rows for name in row if name not in columns):
            columns[name] = pa.array([row.get(name) for row in rows], pa.string())
    return pa.RecordBatch.from_pydict(columns)


def key_of(row: Row, identity: Sequence[str]) -> str:
    """The fields that identify a row as one text; different rows never have the same."""
    cells = (row.get(name) or "" for name in identity)
    return "|".join(cell.replace("\\", "\\\\").replace("|", "\\|") for cell in cells)
