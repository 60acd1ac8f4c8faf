"""Rows that the last run read exactly as they are now, so that nothing follows from reading them again.

Changes are asked for with an overlap, so several runs read the same row. Some work costs more than the row's own page:
reading the lines under a header, counting. It is done only while a row is unknown: the last run that ended well did not
read its content, or the row's time is so near that run's start that it may have changed once more within the same
second.
"""

from base64 import b64encode
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING

from intacct_bridge.streams.stream import Stream
from intacct_protocol.xml.python_columns import RowBatch

if TYPE_CHECKING:
    import pyarrow as pa

MOST_ROWS = 1000
"""A run that read more rows than this remembers none. The next run then treats all of them as new."""
SETTLED = timedelta(seconds=2)
RECENT = timedelta(days=1)
"""After a full refresh, only rows with a time as recent as this can be read again for their time."""
_MARK_LENGTH = 8


def compared_fields(stream: Stream) -> list[str]:
    """The fields that are read of the changed rows of a view, whose groups are then read completely."""
    return [name for name in dict.fromkeys((stream.group, stream.key, stream.modified, stream.created)) if name]


class OverlapFilter:
    """The rows of one stream that the last run read, and those that this run reads."""

    def __init__(self, stream: Stream, before: str, started: datetime) -> None:
        """`before` are the marks that the last run left; `started` is when the walk began."""
        self._times = tuple(name for name in (stream.modified, stream.created) if name)
        self._only = compared_fields(stream) if stream.group else ()
        self._before = {before[at : at + _MARK_LENGTH] for at in range(0, len(before), _MARK_LENGTH)}
        self._started = started
        self._read: list[str] = []
        self._count = 0

    @property
    def marks(self) -> str:
        """What the next run needs to recognise the rows of this one."""
        return "".join(self._read) if self._count <= MOST_ROWS else ""

    def unknown(self, rows: "pa.RecordBatch | RowBatch") -> list[bool]:
        """For each row, whether it is unknown; keeps those that cannot change again within the same second."""
        if self._count + rows.num_rows > MOST_ROWS:
            self._count += rows.num_rows
            return [True] * rows.num_rows
        flags = []
        only = [name for name in self._only if name in rows.schema.names]  # a time may turn out to be unqueryable
        for row in (rows.select(only) if only else rows).to_pylist():
            mark = b64encode(blake2b(repr(row).encode(), digest_size=6).digest()).decode()
            flags.append(mark not in self._before)
            when = next((row[name] for name in self._times if row.get(name) is not None), None)
            if when is None or when < self._started - SETTLED:
                self._read.append(mark)
                self._count += 1
        return flags

    def remember_recent(self, rows: "pa.RecordBatch | RowBatch") -> None:
        """Remember the rows of a full refresh that the next run may read again."""
        names = [name for name in self._times if name in rows.schema.names]
        if isinstance(rows, RowBatch):
            times = [rows.column(name).to_pylist() for name in names]
            latest = [next((one for one in row if one is not None), None) for row in zip(*times, strict=True)]
            if times and self._count <= MOST_ROWS:
                self.unknown(rows.filter([one is not None and one >= self._started - RECENT for one in latest]))
            return
        import pyarrow as pa
        import pyarrow.compute as pc

        columns = [rows.column(name) for name in names]
        if columns and self._count <= MOST_ROWS:
            recent = pc.greater_equal(pc.coalesce(*columns), pa.scalar(self._started - RECENT, columns[0].type))
            if recent.true_count:  # few pages have one, and a filter goes through all columns
                self.unknown(rows.filter(recent))
