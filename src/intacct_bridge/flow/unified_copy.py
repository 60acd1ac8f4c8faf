"""Any destination as one of unified records: what comes as an object's rows is put into the schema's words first."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from intacct_bridge.client.client import Client
from intacct_bridge.flow.extract import Extraction
from intacct_bridge.flow.feeds import KEY
from intacct_bridge.flow.partition import Answer
from intacct_bridge.flow.reading import Options
from intacct_bridge.flow.sink import Committed, Sink, StreamOutcome, Writer
from intacct_bridge.flow.source import ClientSource, headers_of
from intacct_bridge.flow.state import Bookmark
from intacct_bridge.flow.stream import Stream
from intacct_bridge.flow.unified import Unified, unified_rows
from intacct_bridge.model.query import Query
from intacct_bridge.wire.values import Value

if TYPE_CHECKING:
    import pyarrow as pa


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


class UnifiedSink:
    """Stands before a destination."""

    def __init__(self, sink: Sink, client: Client, streams: Iterable[Unified]) -> None:
        self.uri = sink.uri
        self.commit_rows = sink.commit_rows
        self.commit_seconds = sink.commit_seconds
        self._sink = sink
        self._client = client
        self._streams = {one.read.name: one for one in streams}

    def open(self, company: str, started: datetime) -> int:
        """Begin a run."""
        return self._sink.open(company, started)

    def bookmarks(self) -> Mapping[str, Bookmark]:
        """The bookmark of every stream."""
        return self._sink.bookmarks()

    def writer(self, stream: Stream, bookmark: Bookmark) -> Writer:
        """The writer of one stream."""
        one = self._streams[stream.name]
        writer = self._sink.writer(one.shown, bookmark)
        return writer if one.parts else UnifiedWriter(writer, self._client, one)

    def finish(self, outcomes: Sequence[StreamOutcome], at: datetime) -> None:
        """Write the run's history."""
        self._sink.finish(outcomes, at)

    def close(self) -> None:
        """Let go."""
        self._sink.close()


class UnifiedWriter:
    """Stands before one stream's writer."""

    def __init__(self, writer: Writer, client: Client, one: Unified) -> None:
        self._writer = writer
        self._client = client
        self._one = one

    @property
    def complete(self) -> bool:
        """A whole copy is there."""
        return self._writer.complete

    @property
    def begun(self) -> bool:
        """Rows of a first walk that has not ended are there."""
        return self._writer.begun

    def write(self, rows: "pa.RecordBatch") -> None:
        """Rows as they are now, in the schema's words."""
        if rows.num_rows:
            self._writer.write(unified_rows(self._client, self._one, rows))

    def replace(self, parents: Sequence[Value]) -> None:
        """What stands under these parents gives way."""
        self._writer.replace(parents)

    def delete(self, keys: Sequence[Value], *, field: str = "") -> None:
        """Rows that are gone."""
        self._writer.delete(keys, field=field)

    def commit(self, bookmark: Bookmark, at: datetime) -> Committed:
        """Make it visible."""
        return self._writer.commit(bookmark, at)

    def live(self, field: str, values: Sequence[Value]) -> dict[Value, list[Value]] | None:
        """Which of these values the copy holds."""
        return self._writer.live(field, values)

    def unseen(self, walk: int) -> list[Value]:
        """What a walk has not met."""
        return self._writer.unseen(walk)

    def held(self) -> dict[Value, int] | None:
        """What the copy holds."""
        return self._writer.held()

    def count(self) -> tuple[int, Value] | None:
        """How much it holds."""
        return self._writer.count()


def unified_extraction(
    client: Client, streams: Sequence[Unified], sink: Sink, options: Options | None = None
) -> Extraction:
    """A run of unified streams into a destination."""
    read = [one.read for one in streams]
    above = client.describe_many(dict.fromkeys(one.header for one in read if one.header))
    return Extraction(
        UnifiedSource(client, streams),
        UnifiedSink(sink, client, streams),
        read,
        headers=headers_of(above, read),
        options=options,
    )
