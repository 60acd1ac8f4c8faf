"""The stream of each company that a read takes: described once, on the driver, where a wrong name shows."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from intacct_bridge.apps.spark.columns import COMPANY_COLUMN, SparkColumn, columns_of, merged
from intacct_bridge.apps.spark.options import ReadOptions
from intacct_bridge.client.client import Client
from intacct_bridge.connections.connection import Connection
from intacct_bridge.extract.source import GatewaySource
from intacct_bridge.operations.extract import ExtractRequest, prepare_extraction
from intacct_bridge.streams.stream import Stream
from intacct_protocol.errors import InvalidRequestError

T = TypeVar("T")
R = TypeVar("R")
_AT_ONCE = 8
"""Companies that are asked at the same time; each has a limit of its own."""


@dataclass(frozen=True, slots=True)
class CompanyStream:
    """What is read of one company. It travels to executors, with the connection's credentials, which no repr shows."""

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


def described_streams(options: ReadOptions) -> tuple[CompanyStream, ...]:
    """The stream of each company. InvalidRequestError for an unknown object or field, SignInError for credentials."""
    return in_parallel(lambda one: _described(one, options), options.connections)


def _described(connection: Connection, options: ReadOptions) -> CompanyStream:
    with opened(connection) as client:
        select = {options.object: options.fields} if options.fields else {}
        request = ExtractRequest(to="-", streams=(options.object,), select=select, skip_refused=False)
        extraction = prepare_extraction(client, request, only_described=True)
        if len(extraction.read) != 1:
            names = ", ".join(stream.name for stream in extraction.read)
            raise InvalidRequestError(
                f"{options.object} means several streams: {names}", fix="read one object at a time, and join them"
            )
        (stream,) = extraction.read
        if stream.open_ended:
            raise InvalidRequestError(
                f"the columns of {stream.name} are known only after it is read, and Spark needs them before",
                fix="extract it with `intacct extract`, and read that copy",
            )
        described = client.describe(stream.object, stream.doc_par_id) if stream.virtual is None else None
        fields = described.fields if described is not None else {}
        return CompanyStream(
            connection,
            GatewaySource(client).company,
            stream,
            extraction.headers.get(stream.header),
            {name: one.label or one.description for name, one in fields.items() if name in stream.fields},
        )


def all_columns(streams: Sequence[CompanyStream], options: ReadOptions) -> tuple[SparkColumn, ...]:
    """The columns of a read; with several companies, the first one names the company."""
    found = merged({one.company: columns_of(one.stream, options.fields, one.labels) for one in streams})
    return (COMPANY_COLUMN, *found) if options.several else found


@contextmanager
def opened(connection: Connection) -> Iterator[Client]:
    """A client that reads only, closed at the end."""
    with Client(connection) as client:
        yield client


def in_parallel(work: Callable[[T], R], items: Iterable[T]) -> tuple[R, ...]:
    """The results in order, some items at a time; the first error is raised."""
    with ThreadPoolExecutor(_AT_ONCE, "company") as pool:
        return tuple(pool.map(work, items))
