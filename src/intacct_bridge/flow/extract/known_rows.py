"""Rows that the run before met exactly as they are now, so that nothing has to follow from meeting them again.

Changes are asked for with an overlap, so a row is met by several runs. What costs more than the page it comes on (the
lines under a header, counting) follows from a row only while it is news: its content was not met by the last run that
ended well, or bears a time so near that run's start that it may have been changed once more within the same second.
"""

from base64 import b64encode
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING

from intacct_bridge.flow.streams.stream import Stream

if TYPE_CHECKING:
    import pyarrow as pa

MOST = 1000
"""Rows that are remembered; of more, none, and all are news again."""
SETTLED = timedelta(seconds=2)
RECENT = timedelta(days=1)
"""Of a read of everything, only rows as young as this can be met again for their time."""
_LENGTH = 8


def looked_at(stream: Stream) -> list[str]:
    """What is asked of the changed rows of a view, whose groups are then read whole."""
    return [name for name in dict.fromkeys((stream.group, stream.key, stream.modified, stream.created)) if name]


class Recognition:
    """What the run before met of one stream, and what this one meets."""

    def __init__(self, stream: Stream, before: str, started: datetime) -> None:
        self._times = tuple(name for name in (stream.modified, stream.created) if name)
        self._only = looked_at(stream) if stream.group else ()
        self._before = {before[at : at + _LENGTH] for at in range(0, len(before), _LENGTH)}
        self._started = started
        self._met: list[str] = []
        self._count = 0

    @property
    def marks(self) -> str:
        """What the next run needs to recognise the rows."""
        return "".join(self._met) if self._count <= MOST else ""

    def news(self, rows: "pa.RecordBatch") -> list[bool]:
        """Of each row, whether it is news; those that are settled are remembered."""
        if self._count + rows.num_rows > MOST:
            self._count += rows.num_rows
            return [True] * rows.num_rows
        found = []
        only = [name for name in self._only if name in rows.schema.names]  # a time may turn out not to be queryable
        for row in (rows.select(only) if only else rows).to_pylist():
            mark = b64encode(blake2b(repr(row).encode(), digest_size=6).digest()).decode()
            found.append(mark not in self._before)
            when = next((row[name] for name in self._times if row.get(name) is not None), None)
            if when is None or when < self._started - SETTLED:
                self._met.append(mark)
                self._count += 1
        return found

    def remember_recent(self, rows: "pa.RecordBatch") -> None:
        """The same for a page of a read of everything, of which hardly any row is ever met again."""
        import pyarrow as pa
        import pyarrow.compute as pc

        times = [rows.column(name) for name in self._times if name in rows.schema.names]
        if times and self._count <= MOST:
            young = pc.greater_equal(pc.coalesce(*times), pa.scalar(self._started - RECENT, times[0].type))
            self.news(rows.filter(young))
