"""A client as the source of an extraction, and its objects as streams."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from intacct_bridge.client.client import Client
from intacct_bridge.errors import InvalidRequestError, NotPermittedError
from intacct_bridge.flow.deletes import TRAIL
from intacct_bridge.flow.feed import LISTING, Feed, feed_named
from intacct_bridge.flow.feeds import feed_answers, feed_stream, reader_of
from intacct_bridge.flow.naming import EVERY, Name, definitions_of, parsed_name
from intacct_bridge.flow.partition import Answer
from intacct_bridge.flow.related import related_kind
from intacct_bridge.flow.stream import VIEWS, Stream, stream_of
from intacct_bridge.model import keys
from intacct_bridge.model.catalog import Catalog, did_you_mean
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

    A name is an object's, that of a part of one (see `naming`), or that of a stream that is none (see `feed`).
    `select` names fields by stream; a stream that it does not name gives all its fields.
    """
    asked = list(dict.fromkeys(expanded(client, names)))
    feeds = {name: found for name in asked if (found := _feed(client, name)) is not None}
    parsed = {name: parsed_name(name) for name in asked if name not in feeds}
    objects = list(dict.fromkeys(one.object for one in parsed.values()))
    above = {owner.header for owner in map(keys.owner, objects) if owner}
    needed = [*objects, *sorted(above.difference(objects))]
    with suppress(InvalidRequestError, NotPermittedError):
        client.describe_many([*needed, TRAIL.object] if needed else ())  # if it is not there, that shows with deletes
    catalog = client.describe_many(needed)
    wanted = {name.upper(): tuple(fields) for name, fields in (select or {}).items()}
    made: dict[str, Stream] = {}
    for name in asked:
        table = feeds[name].table if name in feeds else parsed[name].table
        chosen = wanted.pop(table.upper(), None) or wanted.pop(name.upper(), ())
        if name in feeds:
            stream = feed_stream(client, feeds[name], chosen)
        else:
            stream = _object_stream(client, catalog, parsed[name], chosen)
        if made.setdefault(table, stream) != stream:
            raise InvalidRequestError(f"two streams are called {table}", fix=f"Give one a name: {name}?as=NAME")
    if wanted:
        strange = next(iter(wanted))
        raise InvalidRequestError(f"fields of {strange} are selected, and {strange} is not among the streams")
    return Chosen(tuple(made.values()), headers_of(catalog, made.values()))


def _feed(client: Client, name: str) -> Feed | None:
    """The feed of a name; over document type 2.1 every object is one."""
    found = feed_named(name)
    if found is None and client.connection.older:
        return Feed(LISTING, name.upper())
    return found


def _object_stream(client: Client, catalog: Catalog, name: Name, select: Sequence[str]) -> Stream:
    described = client.describe(name.object, name.definition) if name.definition else catalog.find(name.object)
    paths = {one.upper() for one in select if "." in one and described.get(one) is None}
    related = {path: kind for path in paths if (kind := related_kind(client, described, path)) is not None}
    own = [one for one in select if one.upper() not in related]
    return stream_of(
        described,
        select=own
        or ([keys.keys_of(described).record] if related else client.queryable(name.object, name.definition or None)),
        related=related,
        name=name.table if name.table != name.object else "",
        where=name.where(described),
        doc_par_id=name.definition,
    )


def expanded(client: Client, names: Iterable[str]) -> Iterator[str]:
    """The names, with one name a transaction definition in the place of `SODOCUMENT:*`.

    InvalidRequestError where a definition is not there: its stream would only be empty.
    """
    known: dict[str, list[str]] = {}
    for text in names:
        name = parsed_name(text) if _feed(client, text) is None else Name("")
        if not name.definition:
            yield text
            continue
        listed = definitions_of(name.object)
        if listed not in known:
            known[listed] = sorted({str(row["DOCID"]) for row in client.query(listed, ["DOCID"])})
        if name.definition == EVERY:
            yield from (f"{name.object}:{definition}" for definition in known[listed])
        elif name.definition in known[listed]:
            yield text
        else:
            raise InvalidRequestError(
                f"there is no transaction definition {name.definition!r}{did_you_mean(name.definition, known[listed])}",
                fix=f"List them with: intacct query {listed} --select DOCID",
            )


def headers_of(catalog: Catalog, streams: Collection[Stream]) -> dict[str, Stream]:
    """The headers of lines that are not read themselves, with what the lines have to know of them."""
    whole = {one.object for one in streams if one.where is None}
    found = {}
    for stream in streams:
        if stream.header and stream.header not in whole:
            described = catalog.find(stream.header)
            dates = [view.window for view in VIEWS.values() if described.get(view.window)]
            found[stream.header] = stream_of(described, select=(stream.refers_to, *dates))
    return found
