"""A client as the source of an extraction, and its objects as streams."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from intacct_bridge.client.client import Client
from intacct_bridge.errors import InvalidRequestError, NotPermittedError
from intacct_bridge.flow.deletes import TRAIL
from intacct_bridge.flow.feed import feed_named
from intacct_bridge.flow.feeds import feed_answers, feed_stream, reader_of
from intacct_bridge.flow.partition import Answer
from intacct_bridge.flow.stream import VIEWS, Stream, stream_of
from intacct_bridge.model import keys
from intacct_bridge.model.catalog import Catalog
from intacct_bridge.model.query import Query


class ClientSource:
    """What an extraction asks of a company, asked through a client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def company(self) -> str:
        """The company, and the entity where the connection is to one: their copies must not be mixed."""
        connection = self._client.connection
        entity = f", entity {connection.location_id}" if connection.location_id else ""
        return f"{connection.company_id}{entity}"

    @property
    def concurrency(self) -> int:
        """How many calls may run at once."""
        return self._client.connection.concurrency

    @property
    def offset_minutes(self) -> int:
        """The API user's offset from UTC."""
        return self._client.formatting.offset_minutes

    @property
    def reads_as(self) -> str:
        """How the gateway takes the times of a filter, where `intacct doctor` has found out: `utc` or `user`."""
        return self._client.line.calibration.reading_of(self.offset_minutes)

    def now(self) -> datetime:
        """The server's clock."""
        return self._client.company_time

    def page(self, query: Query) -> Answer:
        """One page, typed; one billable transaction."""
        head, rows = self._client.batch(query)
        return Answer(rows, head.remaining)

    def unchanged(self, stream: Stream, since: str) -> bool:
        """Whether a stream that is no object's is certainly as it was then."""
        return stream.feed is not None and reader_of(stream.feed).unchanged(self._client, stream.feed, since)

    def feed(self, stream: Stream) -> Iterator[Answer]:
        """All rows of a stream that is no object's, an answer a transaction."""
        return feed_answers(self._client, stream)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Streams to read, and the headers that their lines need to know of."""

    streams: tuple[Stream, ...]
    headers: Mapping[str, Stream]


def choose(client: Client, names: Iterable[str], select: Mapping[str, Sequence[str]] | None = None) -> Chosen:
    """The streams of these names, in their order, all objects' definitions asked for in few requests.

    A name is an object's, or that of a stream that is none (see `feed`). `select` names fields by stream; a stream
    that it does not name gives all its fields.
    """
    asked = list(dict.fromkeys(names))
    feeds = {name: found for name in asked if (found := feed_named(name)) is not None}
    objects = list(dict.fromkeys(name.upper() for name in asked if name not in feeds))
    above = {owner.header for owner in map(keys.owner, objects) if owner}
    needed = [*objects, *sorted(above.difference(objects))]
    with suppress(InvalidRequestError, NotPermittedError):
        client.describe_many([*needed, TRAIL.object] if needed else ())  # if it is not there, that shows with deletes
    catalog = client.describe_many(needed)
    wanted = {name.upper(): tuple(fields) for name, fields in (select or {}).items()}
    made: dict[str, Stream] = {}
    for name in asked:
        if name in feeds:
            chosen = wanted.pop(feeds[name].table.upper(), None) or wanted.pop(name.upper(), ())
            stream = feed_stream(client, feeds[name], chosen)
        else:
            chosen = wanted.pop(name.upper(), ()) or client.queryable(name.upper())
            stream = stream_of(catalog.find(name.upper()), select=chosen)
        if made.setdefault(stream.name, stream) != stream:
            raise InvalidRequestError(f"two streams are called {stream.name}", fix=f"Give one a name: {name}?as=NAME")
    if wanted:
        strange = next(iter(wanted))
        raise InvalidRequestError(f"fields of {strange} are selected, and {strange} is not among the streams")
    return Chosen(tuple(made.values()), _headers(catalog, made.values()))


def _headers(catalog: Catalog, streams: Collection[Stream]) -> dict[str, Stream]:
    """The headers of lines that are not read themselves, with what the lines have to know of them."""
    whole = {one.object for one in streams if one.where is None}
    found = {}
    for stream in streams:
        if stream.header and stream.header not in whole:
            described = catalog.find(stream.header)
            dates = [view.window for view in VIEWS.values() if described.get(view.window)]
            found[stream.header] = stream_of(described, select=(stream.refers_to, *dates))
    return found
