"""A destination that stores other columns than are read: every page is given another shape on its way there.

What is read and what is stored share their keys, so changes, replacements and deletes go through as they are.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from intacct_bridge.flow.destinations.base import Committed, Difference, Sink, Writer
from intacct_bridge.flow.streams.bookmark import Bookmark
from intacct_bridge.flow.streams.stream import Stream, StreamOutcome
from intacct_bridge.wire.values import Value

if TYPE_CHECKING:
    import pyarrow as pa


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
    def difference(self) -> Difference:
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
