"""The partitions of a read: planned on the driver, read in tasks.

A partition is a span of keys of one company, or some windows of days of a view over the whole ledger. Partitions do not
overlap and leave nothing out: the first and the last one have open ends. A task that Spark starts again, or twice at
the same time, reads the same span, and Spark keeps the rows of one of them.

All tasks of a company together stay within its requests at a time. If the outbox is in PostgreSQL, the governor sees
to it. Otherwise there are at most as many partitions as requests at a time, which are divided among them.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from intacct_bridge.apps.spark.columns import SparkColumn, shaped
from intacct_bridge.apps.spark.company_streams import CompanyStream, in_parallel, opened
from intacct_bridge.apps.spark.options import ReadOptions
from intacct_bridge.client.client import Client
from intacct_bridge.extract.key_walk import walk
from intacct_bridge.extract.options import ExtractOptions
from intacct_bridge.extract.page_reader import PageReader
from intacct_bridge.extract.source import GatewaySource
from intacct_bridge.streams.bookmark import KeySpan
from intacct_bridge.streams.partition import DayWindow, Partition, split_days
from intacct_bridge.streams.stream import Stream
from intacct_protocol.errors import InvalidRequestError, TransientError
from intacct_protocol.model.query.query import MAX_PAGE, Compare, Filter, Op

if TYPE_CHECKING:
    import pyarrow as pa

_HALVINGS = 3
"""How often a window that the gateway fails to answer is halved."""
_WINDOW_ROWS = ExtractOptions().window_rows
_ALL_DAYS = (DayWindow(),)
_ALL_KEYS = KeySpan()


@dataclass(frozen=True, slots=True)
class ReadTask:
    """What one task reads. It holds no credentials."""

    company: int
    """The place of the company among the streams."""
    span: KeySpan = _ALL_KEYS
    windows: tuple[DayWindow, ...] = _ALL_DAYS
    width: int = 1
    """Requests at a time."""


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """Everything that a task needs besides its partition."""

    streams: tuple[CompanyStream, ...]
    columns: tuple[SparkColumn, ...]
    where: Filter | None = None
    partitions: int | None = None


def read_plan(streams: Sequence[CompanyStream], columns: Sequence[SparkColumn], options: ReadOptions) -> ReadPlan:
    """The plan of a read. InvalidRequestError if a filter is given that the gateway cannot apply."""
    for one in streams:
        if one.stream.virtual is not None and options.where is not None:
            raise InvalidRequestError(
                f"{one.stream.name} cannot be filtered by the gateway", fix="leave `where` out, and filter in Spark"
            )
    return ReadPlan(tuple(streams), tuple(columns), options.where, partitions=options.partitions)


# --- planning


def planned_tasks(plan: ReadPlan) -> list[ReadTask]:
    """The tasks of a read. One or two records are read of each company, so that what is wrong shows here."""
    found = in_parallel(lambda place: _Planner(plan, place).tasks(), range(len(plan.streams)))
    return [task for tasks in found for task in tasks]


class _Planner:
    """The partitions of one company."""

    def __init__(self, plan: ReadPlan, place: int) -> None:
        self.plan, self.place, self.one = plan, place, plan.streams[place]
        self.stream = self.one.stream
        limit = self.one.connection.concurrency
        self.count = plan.partitions or (1 if len(plan.streams) > 1 else limit)
        self.width = max(1, limit // self.count)

    def tasks(self) -> list[ReadTask]:
        with opened(self.one.connection) as client:
            if self.stream.virtual is not None:
                return [ReadTask(self.place)]
            reader = PageReader(GatewaySource(client), self.stream)
            try:
                low, rows = self.end(client, reader)
            except TransientError:
                if not self.stream.window or self.one.header is None:
                    raise
                low, rows = "", 10 * _WINDOW_ROWS  # the gateway does not even count them in time
            if self.stream.window and self.one.header is not None and rows > _WINDOW_ROWS:
                return self.by_days(client, rows)
            return self.by_keys(client, reader, low, rows)

    def partition(self, client: Client) -> Partition:
        return _partition(self.plan, self.one, client)

    def end(self, client: Client, reader: PageReader, *, descending: bool = False) -> tuple[str, int]:
        """The lowest or highest key, and the number of rows."""
        along = self.stream.walk_field
        small = replace(self.partition(client), page_size=1)
        answer = reader.read(small.query(KeySpan(), descending=descending))
        keys = answer.rows.column(along).to_pylist()
        return (str(keys[0]) if keys else ""), len(keys) + answer.remaining

    def by_keys(self, client: Client, reader: PageReader, low: str, rows: int) -> list[ReadTask]:
        count = min(self.count, -(-rows // MAX_PAGE))
        if count < 2 or self.partition(client).as_text:
            limit = self.one.connection.concurrency
            return [ReadTask(self.place, width=limit)]
        high, _ = self.end(client, reader, descending=True)
        spans = key_spans(int(low), int(high), count)
        return [ReadTask(self.place, span, width=self.width) for span in spans]

    def by_days(self, client: Client, rows: int) -> list[ReadTask]:
        first, last = self.day(client), self.day(client, descending=True)
        windows = split_days(first, last, max(self.count, -(-rows // _WINDOW_ROWS)))
        shares = [windows[place :: self.count] for place in range(self.count)]
        return [ReadTask(self.place, windows=share, width=self.width) for share in shares if share]

    def day(self, client: Client, *, descending: bool = False) -> date:
        """The first or last day of the headers, a small table; the view itself would answer slowly."""
        header, name = self.one.header, self.stream.window
        assert header is not None
        days = Partition(header, name, (Compare(name, Op.ISNOTNULL),), select=(name,), page_size=1)
        source = GatewaySource(client)
        rows = PageReader(source, header).read(days.query(KeySpan(), descending=descending)).rows
        found = rows.column(name).to_pylist()[0] if rows.num_rows else source.now().date()
        assert isinstance(found, date)
        return found


def key_spans(low: int, high: int, count: int) -> list[KeySpan]:
    """Spans of about the same length that together hold every key, those beyond `low` and `high` too."""
    count = max(1, min(count, high - low + 1))
    ends = [low - 1 + (high - low + 1) * place // count for place in range(1, count)]
    lows, highs = ("", *map(str, ends)), (*(str(end + 1) for end in ends), "")
    return [KeySpan(*span) for span in zip(lows, highs, strict=True)]


def _partition(plan: ReadPlan, one: CompanyStream, client: Client) -> Partition:
    stream = one.stream
    where = () if plan.where is None else (plan.where,)
    return Partition(
        stream,
        stream.walk_field,
        where,
        in_groups=bool(stream.group),
        select=_selected(plan, stream),
        show_private=not client.connection.location_id,
    )


def _selected(plan: ReadPlan, stream: Stream) -> tuple[str, ...]:
    """The fields of the columns, with those by which rows are found and their times checked."""
    wanted = (*(one.field for one in plan.columns), stream.key, stream.group, stream.modified)
    return tuple(dict.fromkeys(one for one in wanted if one in stream.fields))


# --- reading


def read_task(plan: ReadPlan, task: ReadTask) -> "Iterator[pa.RecordBatch]":
    """The rows of one task, a page at a time."""
    one = plan.streams[task.company]
    with opened(one.connection) as client:
        source = GatewaySource(client)
        pages = source.virtual_pages(one.stream) if one.stream.virtual is not None else ()
        for page in pages:
            yield from _given(plan, one, page.rows)
        if one.stream.virtual is None:
            for rows in _walked(plan, task, client, source):
                yield from _given(plan, one, rows)


def _given(plan: ReadPlan, one: CompanyStream, rows: "pa.RecordBatch") -> "Iterator[pa.RecordBatch]":
    batch = shaped(rows, plan.columns, one.company, one.name)
    if batch.num_rows:
        yield batch


def _walked(plan: ReadPlan, task: ReadTask, client: Client, source: GatewaySource) -> "Iterator[pa.RecordBatch]":
    one = plan.streams[task.company]
    reader, partition = PageReader(source, one.stream), _partition(plan, one, client)
    waiting: list[tuple[DayWindow, tuple[KeySpan, ...]]] = [(window, (task.span,)) for window in task.windows]
    halvings = _HALVINGS
    with ThreadPoolExecutor(task.width, "page") as pool:
        while waiting:
            days, unread = waiting.pop(0)
            part = replace(partition, where=(*partition.where, *days.filter(one.stream.window)), unread=unread)
            in_group = False
            try:
                for page in walk(reader.read, part, pool, task.width):
                    # a group larger than a page is unread until all of its rows are given
                    in_group = page.unread == unread
                    unread = page.unread
                    yield page.rows
            except TransientError:
                halves = days.halves()
                if halves is None or not halvings or in_group:  # the halves would give rows of the group again
                    raise
                halvings -= 1
                waiting[:0] = [(half, unread) for half in halves]
