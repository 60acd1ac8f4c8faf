"""A run of unified streams: what comes as an object's rows is put into the schema's words on its way."""

from collections.abc import Iterable, Iterator, Sequence

from intacct_bridge.client.client import Client
from intacct_bridge.flow.extract import Extraction
from intacct_bridge.flow.feeds import KEY
from intacct_bridge.flow.partition import Answer
from intacct_bridge.flow.reading import Options
from intacct_bridge.flow.shaped import Shaped, ShapedSink
from intacct_bridge.flow.sink import Sink
from intacct_bridge.flow.source import ClientSource, headers_of
from intacct_bridge.flow.stream import Stream
from intacct_bridge.flow.unified import Unified, unified_rows
from intacct_bridge.model.query import Query


class UnifiedSource(ClientSource):
    """A company, with the streams that several objects make together."""

    def __init__(self, client: Client, streams: Iterable[Unified]) -> None:
        super().__init__(client)
        self._streams = {one.read.name: one for one in streams}

    def unchanged(self, stream: Stream, since: str) -> bool:  # noqa: ARG002
        """Nobody can tell."""
        return False

    def feed(self, stream: Stream) -> Iterator[Answer]:
        """The rows of one object after the other, each with its object in the key."""
        import pyarrow as pa

        for part in self._streams[stream.name].parts:
            query = Query(
                part.read.object, tuple(part.read.fields), show_private=not self._client.connection.location_id
            )
            for rows in self._client.batches(query):
                made = unified_rows(self._client, part, rows)
                keys = pa.array([f"{part.read.object}|{key}" for key in rows.column(part.read.key).to_pylist()])
                columns = {KEY: keys} | {name: made.column(name) for name in stream.fields if name != KEY}
                yield Answer(pa.RecordBatch.from_pydict(columns), 0)


def unified_sink(sink: Sink, client: Client, streams: Iterable[Unified]) -> ShapedSink:
    """The destination, for rows of the objects behind unified streams."""
    return ShapedSink(sink, (_shaped(client, one) for one in streams))


def _shaped(client: Client, one: Unified) -> Shaped:
    return Shaped(one.read, one.shown, None if one.parts else lambda rows: unified_rows(client, one, rows))


def unified_extraction(
    client: Client, streams: Sequence[Unified], sink: Sink, options: Options | None = None
) -> Extraction:
    """A run of unified streams into a destination."""
    read = [one.read for one in streams]
    above = client.describe_many(dict.fromkeys(one.header for one in read if one.header))
    return Extraction(
        UnifiedSource(client, streams),
        unified_sink(sink, client, streams),
        read,
        headers=headers_of(above, read),
        options=options,
    )
