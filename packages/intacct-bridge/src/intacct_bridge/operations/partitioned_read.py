"""Reading in partitions: the rows of objects of several companies, planned in one place and read in many processes.

Each company's stream is described once, where a wrong name shows. A partition is a span of keys of one company, or some
windows of days of a view over the whole ledger. Partitions do not overlap and leave nothing out: the first and the last
one have open ends. A task that runs again, or twice at the same time, reads the same span, and the program that
runs the tasks keeps the rows of one of them.

All tasks of a company together stay within its requests at a time. If the outbox is in PostgreSQL, the governor sees
to it. Otherwise there are at most as many partitions as requests at a time, which are divided among them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, TypeVar

from intacct_bridge.client.client import Client
from intacct_bridge.connections.connection import Connection
from intacct_bridge.extract.key_walk import walk
from intacct_bridge.extract.options import ExtractOptions
from intacct_bridge.extract.page_reader import PageReader
from intacct_bridge.extract.source import GatewaySource
from intacct_bridge.extract.transform import stored_names
from intacct_bridge.operations.extract import ExtractRequest, prepare_extraction
from intacct_bridge.operations.recorded_run import open_company
from intacct_bridge.streams.bookmark import KeySpan
from intacct_bridge.streams.partition import DayWindow, Partition, split_days
from intacct_bridge.streams.stream import Stream
from intacct_protocol.errors import InvalidRequestError, TransientError
from intacct_protocol.model.query.query import MAX_PAGE, Compare, Filter, Op
from intacct_protocol.xml.values import Kind

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "CompanyStream",
    "ReadPlan",
    "ReadTask",
    "StreamField",
    "describe_streams",
    "plan_tasks",
    "read_plan",
    "read_task",
]

T = TypeVar("T")
R = TypeVar("R")
_AT_ONCE = 8
"""Companies that are asked at the same time; each has a limit of its own."""
_HALVINGS = 3
"""How often a window that the gateway fails to answer is halved."""
_WINDOW_ROWS = ExtractOptions().window_rows
_ALL_DAYS = (DayWindow(),)
_ALL_KEYS = KeySpan()


@dataclass(frozen=True, slots=True)
class StreamField:
    """A field of a stream."""

    name: str
    """As Intacct writes it, and as the rows of a task have it."""
    column: str
    """Its column in a copy."""
    kind: Kind
    is_key: bool
    label: str = ""


@dataclass(frozen=True, slots=True)
class CompanyStream:
    """What is read of one company. It travels to the tasks, with the connection's credentials, which no repr shows."""

    connection: Connection
    company: str
    """The company as its rows name it."""
    stream: Stream
    header: Stream | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The object and its company, as errors name them."""
        return f"{self.stream.name} of {self.company}"

    def fields(self, names: Sequence[str] = ()) -> tuple[StreamField, ...]:
        """The fields of these names in their order; without names all that are shown, in Intacct's order."""
        stream, columns = self.stream, stored_names(self.stream.fields)
        by_upper = {name.upper(): name for name in stream.fields}
        chosen = [by_upper[name.upper()] for name in names] or [
            name for name in stream.fields if name not in stream.internal
        ]
        return tuple(
            StreamField(
                name,
                columns.get(name, name),
                stream.fields[name],
                is_key=name in stream.keys,
                label=self.labels.get(name, ""),
            )
            for name in dict.fromkeys(chosen)
        )


def describe_streams(
    connections: Sequence[Connection], object_name: str, fields: Sequence[str] = ()
) -> tuple[CompanyStream, ...]:
    """The stream of each company. InvalidRequestError for an unknown object or field, SignInError for credentials."""
    return _in_parallel(lambda connection: _company_stream(connection, object_name, fields), connections)


def _company_stream(connection: Connection, object_name: str, fields: Sequence[str]) -> CompanyStream:
    with open_company(connection) as run:
        client = run.client
        select = {object_name: fields} if fields else {}
        request = ExtractRequest(to="-", streams=(object_name,), select=select, skip_refused=False)
        extraction = prepare_extraction(client, request, only_described=True)
        if len(extraction.read) != 1:
            names = ", ".join(stream.name for stream in extraction.read)
            raise InvalidRequestError(
                f"{object_name} means several streams: {names}", fix="read one object at a time, and join them"
            )
        (stream,) = extraction.read
        if stream.open_ended:
            raise InvalidRequestError(
                f"the columns of {stream.name} are known only after it is read, and they are needed before",
                fix="extract it with `intacct extract`, and read that copy",
            )
        described = client.describe(stream.object, stream.doc_par_id) if stream.virtual is None else None
        definitions = described.fields if described is not None else {}
        return CompanyStream(
            connection,
            GatewaySource(client).company,
            stream,
            extraction.headers.get(stream.header),
            {name: one.label or one.description for name, one in definitions.items() if name in stream.fields},
        )


def _in_parallel(work: Callable[[T], R], items: Iterable[T]) -> tuple[R, ...]:
    """The results in order, some items at a time; the first error is raised."""
    with ThreadPoolExecutor(_AT_ONCE, "company") as pool:
        return tuple(pool.map(work, items))


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
    fields: tuple[str, ...]
    """The fields to read, which a company may lack."""
    where: Filter | None = None
    partitions: int | None = None


def read_plan(
    streams: Sequence[CompanyStream],
    fields: Sequence[str],
    *,
    where: Filter | None = None,
    partitions: int | None = None,
) -> ReadPlan:
    """The plan of a read. InvalidRequestError if a filter is given that the gateway cannot apply.

    `partitions` is their number for each company; None: as many as its requests at a time, and one if there are several
    companies.
    """
    for company in streams:
        if company.stream.virtual is not None and where is not None:
            raise InvalidRequestError(
                f"{company.stream.name} cannot be filtered by the gateway",
                fix="leave `where` out, and filter the rows that are read",
            )
    return ReadPlan(tuple(streams), tuple(fields), where, partitions)


# --- planning


def plan_tasks(plan: ReadPlan) -> list[ReadTask]:
    """The tasks of a read. One or two records are read of each company, so that what is wrong shows here."""
    shares = _in_parallel(lambda place: _Planner(plan, place).tasks(), range(len(plan.streams)))
    return [task for tasks in shares for task in tasks]


class _Planner:
    """The partitions of one company."""

    def __init__(self, plan: ReadPlan, place: int) -> None:
        self.plan, self.place, self.company = plan, place, plan.streams[place]
        self.stream = self.company.stream
        limit = self.company.connection.concurrency
        self.count = plan.partitions or (1 if len(plan.streams) > 1 else limit)
        self.width = max(1, limit // self.count)

    def tasks(self) -> list[ReadTask]:
        with open_company(self.company.connection) as run:
            client = run.client
            if self.stream.virtual is not None:
                return [ReadTask(self.place)]
            reader = PageReader(GatewaySource(client), self.stream)
            try:
                low, rows = self.end(client, reader)
            except TransientError:
                if not self.stream.window or self.company.header is None:
                    raise
                low, rows = "", 10 * _WINDOW_ROWS  # the gateway does not even count them in time
            if self.stream.window and self.company.header is not None and rows > _WINDOW_ROWS:
                return self.by_days(client, rows)
            return self.by_keys(client, reader, low, rows)

    def partition(self, client: Client) -> Partition:
        return _partition(self.plan, self.company, client)

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
            limit = self.company.connection.concurrency
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
        header, name = self.company.header, self.stream.window
        assert header is not None
        days = Partition(header, name, (Compare(name, Op.ISNOTNULL),), select=(name,), page_size=1)
        source = GatewaySource(client)
        rows = PageReader(source, header).read(days.query(KeySpan(), descending=descending)).rows
        day = rows.column(name).to_pylist()[0] if rows.num_rows else source.now().date()
        assert isinstance(day, date)
        return day


def key_spans(low: int, high: int, count: int) -> list[KeySpan]:
    """Spans of about the same length that together hold every key, those beyond `low` and `high` too."""
    count = max(1, min(count, high - low + 1))
    ends = [low - 1 + (high - low + 1) * place // count for place in range(1, count)]
    lows, highs = ("", *map(str, ends)), (*(str(end + 1) for end in ends), "")
    return [KeySpan(*span) for span in zip(lows, highs, strict=True)]


def _partition(plan: ReadPlan, company: CompanyStream, client: Client) -> Partition:
    stream = company.stream
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
    names = (*plan.fields, stream.key, stream.group, stream.modified)
    return tuple(dict.fromkeys(name for name in names if name in stream.fields))


# --- reading


def read_task(plan: ReadPlan, task: ReadTask) -> "Iterator[pa.RecordBatch]":
    """The rows of one task, a page at a time, with the fields of the plan and those by which rows are found."""
    company = plan.streams[task.company]
    with open_company(company.connection) as run:
        source = GatewaySource(run.client)
        if company.stream.virtual is not None:
            yield from (page.rows for page in source.virtual_pages(company.stream))
        else:
            yield from _walked(plan, task, run.client, source)


def _walked(plan: ReadPlan, task: ReadTask, client: Client, source: GatewaySource) -> "Iterator[pa.RecordBatch]":
    company = plan.streams[task.company]
    reader, partition = PageReader(source, company.stream), _partition(plan, company, client)
    waiting: list[tuple[DayWindow, tuple[KeySpan, ...]]] = [(window, (task.span,)) for window in task.windows]
    halvings = _HALVINGS
    with ThreadPoolExecutor(task.width, "page") as pool:
        while waiting:
            days, unread = waiting.pop(0)
            part = replace(partition, where=(*partition.where, *days.filter(company.stream.window)), unread=unread)
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
