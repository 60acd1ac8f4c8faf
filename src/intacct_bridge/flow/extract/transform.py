"""A destination that stores other columns than are read: every page is given another shape on its way there.

What is read and what is stored share their keys, so changes, replacements and deletes go through as they are.

A column that says which entity owns a record, on every stream: where the object tells it, and where its header does.

MEGAENTITYID names the owner; it is empty for what all entities share. Lines do not tell: theirs is their header's,
asked along with them where a relation leads there, else looked up for the headers of a page, once each.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from intacct_bridge.flow.destinations.base import ColumnDifference, Committed, Sink, Writer
from intacct_bridge.flow.streams.bookmark import Bookmark
from intacct_bridge.flow.streams.stream import Stream, StreamOutcome
from intacct_bridge.wire.values import Value

if TYPE_CHECKING:
    import pyarrow as pa
from dataclasses import replace

from intacct_bridge.client.client import Client
from intacct_bridge.errors import InvalidRequestError
from intacct_bridge.flow.extract.options import Options
from intacct_bridge.flow.extract.run import Extraction
from intacct_bridge.flow.extract.source import ClientSource
from intacct_bridge.flow.extract.strategies import as_kind
from intacct_bridge.flow.streams.partition import one_of
from intacct_bridge.flow.streams.selection import Chosen
from intacct_bridge.flow.streams.stream import MARKS
from intacct_bridge.model.query.query import MAX_PAGE, Query
from intacct_bridge.wire.values import Kind


@dataclass(frozen=True, slots=True)
class Shaped:
    """One stream with two faces."""

    read: Stream
    shown: Stream
    """As it is stored."""
    shape: "Callable[[pa.RecordBatch], pa.RecordBatch] | None" = None
    """None where rows are stored as they come."""


class ShapedSink:
    """Stands before a destination."""

    def __init__(self, sink: Sink, streams: Iterable[Shaped]) -> None:
        self.uri = sink.uri
        self.commit_rows = sink.commit_rows
        self.commit_bytes = sink.commit_bytes
        self.commit_seconds = sink.commit_seconds
        self._sink = sink
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
        return writer if one.shape is None else ShapedWriter(writer, one.shape)

    def finish(self, outcomes: Sequence[StreamOutcome], at: datetime) -> None:
        """Write the run's history."""
        self._sink.finish(outcomes, at)

    def close(self) -> None:
        """Let go."""
        self._sink.close()


class ShapedWriter:
    """Stands before one stream's writer."""

    def __init__(self, writer: Writer, shape: "Callable[[pa.RecordBatch], pa.RecordBatch]") -> None:
        self._writer = writer
        self._shape = shape

    @property
    def complete(self) -> bool:
        """A whole copy is there."""
        return self._writer.complete

    @property
    def begun(self) -> bool:
        """Rows of a first walk that has not ended are there."""
        return self._writer.begun

    @property
    def difference(self) -> ColumnDifference:
        """Between the rows that are there and the stream as it is stored."""
        return self._writer.difference

    def write(self, rows: "pa.RecordBatch") -> None:
        """Rows as they are now, in their other shape."""
        if rows.num_rows:
            self._writer.write(self._shape(rows))

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


OWNER = "MEGAENTITYID"
OURS = (*MARKS, "_seq", "_at")
"""Columns of a copy that are taken, and what its queries call them."""
MOST = 200_000
"""Headers whose owner is kept in mind."""


def with_entities(client: Client, streams: Iterable[Stream], column: str) -> list[Shaped]:
    """The streams with a column of that name; a stream that is no object has none."""
    return [_with_entity(client, one, column) for one in streams]


def _with_entity(client: Client, stream: Stream, column: str) -> Shaped:
    if not stream.object:
        return Shaped(stream, stream)
    if any(column.upper() == name.upper() for name in (*stream.fields, *OURS)):
        raise InvalidRequestError(
            f"{stream.name} has a field {column} already", fix="Give the entity column another name."
        )
    described = client.describe(stream.object, stream.doc_par_id)
    path = OWNER if described.get(OWNER) else ""
    if not path and stream.by:
        relations = described.relations.items()
        path = next(
            (f"{name}.{OWNER}" for name, one in relations if one.by == stream.by and one.object == stream.header), ""
        )
    shown = replace(stream, fields={**stream.fields, column: Kind.TEXT})
    if path:
        read = stream if path in stream.fields else replace(stream, fields={**stream.fields, path: Kind.TEXT})
        return Shaped(read, shown, _Renamed(path, column, keep=path in stream.fields))
    if stream.by and client.describe(stream.header).get(OWNER):
        return Shaped(stream, shown, _LookedUp(client, stream, column))
    return Shaped(stream, shown, _Unknown(column))


def looks_for_owners(shaped: Iterable[Shaped]) -> dict[str, Callable[[int, bool], int]]:
    """The streams whose owners are looked up, each with what that costs where a header has two lines or more."""
    return {one.read.name: lambda rows, _: -(-rows // MAX_PAGE) for one in shaped if isinstance(one.shape, _LookedUp)}


class _Renamed:
    """The owner came with the row."""

    def __init__(self, path: str, column: str, *, keep: bool) -> None:
        self._path = path
        self._column = column
        self._keep = keep

    def __call__(self, rows: "pa.RecordBatch") -> "pa.RecordBatch":
        owners = rows.column(self._path)
        return (rows if self._keep else rows.drop_columns([self._path])).append_column(self._column, owners)


class _Unknown:
    """Nothing tells whose the rows are."""

    def __init__(self, column: str) -> None:
        self._column = column

    def __call__(self, rows: "pa.RecordBatch") -> "pa.RecordBatch":
        import pyarrow as pa

        return rows.append_column(self._column, pa.nulls(rows.num_rows, pa.string()))


class _LookedUp:
    """The owner is the header's."""

    def __init__(self, client: Client, stream: Stream, column: str) -> None:
        self._client = client
        self._stream = stream
        self._column = column
        self._kind = client.describe(stream.header).kind_of(stream.refers_to)
        self._known: dict[str, Value] = {}

    def __call__(self, rows: "pa.RecordBatch") -> "pa.RecordBatch":
        import pyarrow as pa

        headers = [None if one is None else str(one) for one in rows.column(self._stream.by).to_pylist()]
        if len(self._known) > MOST:
            self._known.clear()
        self._learn(dict.fromkeys(one for one in headers if one is not None and one not in self._known))
        owners = [self._known.get(one or "") for one in headers]
        return rows.append_column(self._column, pa.array(owners, pa.string()))

    def _learn(self, headers: Mapping[str, None]) -> None:
        stream = self._stream
        at_top = not self._client.connection.location_id
        for filter_, some in one_of(stream.refers_to, as_kind(headers, self._kind)):
            self._known |= dict.fromkeys(map(str, some))
            query = Query(stream.header, (stream.refers_to, OWNER), where=filter_, show_private=at_top)
            for row in self._client.query(query):
                self._known[str(row[stream.refers_to])] = row.get(OWNER)


def objects_extraction(
    client: Client, chosen: Chosen, sink: Sink, options: Options | None = None, *, entity_column: str = ""
) -> Extraction:
    """A run of chosen streams into a destination, with a column for the owning entity where one is asked for; all
    streams must then be known.
    """
    streams = chosen.streams
    if entity_column:
        shaped = with_entities(client, streams, entity_column)
        sink, streams = ShapedSink(sink, shaped), tuple(one.read for one in shaped)
    return Extraction(
        ClientSource(client),
        sink,
        streams,
        headers=chosen.headers,
        options=options,
        refused=chosen.refused,
        later=chosen.later,
    )
