"""A run of unified streams: what comes as an object's rows is put into the schema's words on its way."""

from collections.abc import Iterable, Iterator, Sequence

from intacct_bridge.client.client import Client
from intacct_bridge.flow.destinations.base import Sink
from intacct_bridge.flow.extract.run import Extraction
from intacct_bridge.flow.extract.source import ClientSource, headers_of
from intacct_bridge.flow.extract.stream_run import Options
from intacct_bridge.flow.extract.transform import Shaped, ShapedSink
from intacct_bridge.flow.extract.unified import Unified, columns_of, unified_rows
from intacct_bridge.flow.streams.feed import feed_named
from intacct_bridge.flow.streams.partition import Answer
from intacct_bridge.flow.streams.stream import Stream, StreamOutcome
from intacct_bridge.flow.streams.virtual.readers import KEY, feed_stream
from intacct_bridge.model.mapping.unify import unified
from intacct_bridge.model.query.query import Query


class UnifiedSource(ClientSource):
    """A company, with the streams that several objects make together."""

    def __init__(self, client: Client, streams: Iterable[Unified]) -> None:
        super().__init__(client)
        self._streams = {one.read.name: one for one in streams}

    def unchanged(self, stream: Stream, since: str) -> bool:
        """What the feed behind it says; nobody can tell of several objects together."""
        behind = self._behind(stream)
        return behind is not None and super().unchanged(behind, since)

    def price(self, stream: Stream) -> int | None:
        """What the feed behind it takes; of several objects together only reading shows it."""
        behind = self._behind(stream)
        return None if behind is None else super().price(behind)

    def feed(self, stream: Stream) -> Iterator[Answer]:
        """The rows of a feed in the schema's words, or those of one object after the other."""
        behind = self._behind(stream)
        if behind is None:
            yield from self._objects(stream)
            return
        import pyarrow

        one = self._streams[stream.name]
        fields = {name: kind for name, kind in stream.fields.items() if name != KEY}
        for answer in super().feed(behind):
            records = [unified(one.entity, row) for row in answer.rows.to_pylist()]
            columns = {KEY: answer.rows.column(KEY)} | columns_of(records, fields)
            yield Answer(pyarrow.RecordBatch.from_pydict(columns), answer.remaining)

    def _behind(self, stream: Stream) -> Stream | None:
        """The feed that a unified stream is made of."""
        named = stream.feed.get("of") if stream.feed else ""
        found = feed_named(named) if named else None
        return None if found is None else feed_stream(self._client, found)

    def _objects(self, stream: Stream) -> Iterator[Answer]:
        """Each row with its object in the key."""
        import pyarrow

        at_top = not self._client.connection.location_id
        for part in self._streams[stream.name].parts:
            for rows in self._client.batches(Query(part.read.object, tuple(part.read.fields), show_private=at_top)):
                made = unified_rows(self._client, part, rows)
                keys = pyarrow.array([f"{part.read.object}|{key}" for key in rows.column(part.read.key).to_pylist()])
                columns = {KEY: keys} | {name: made.column(name) for name in stream.fields if name != KEY}
                yield Answer(pyarrow.RecordBatch.from_pydict(columns), 0)


def unified_sink(sink: Sink, client: Client, streams: Iterable[Unified]) -> ShapedSink:
    """The destination, for rows of the objects behind unified streams."""
    return ShapedSink(sink, (_shaped(client, one) for one in streams))


def _shaped(client: Client, one: Unified) -> Shaped:
    return Shaped(one.read, one.shown, None if one.read.feed else lambda rows: unified_rows(client, one, rows))


def unified_extraction(
    client: Client,
    streams: Sequence[Unified],
    sink: Sink,
    options: Options | None = None,
    *,
    refused: Sequence[StreamOutcome] = (),
) -> Extraction:
    """A run of unified streams into a destination; `refused` are those that could not be chosen."""
    read = [one.read for one in streams]
    above = client.describe_many(dict.fromkeys(one.header for one in read if one.header))
    return Extraction(
        UnifiedSource(client, streams),
        unified_sink(sink, client, streams),
        read,
        headers=headers_of(above, read),
        options=options,
        refused=refused,
    )
