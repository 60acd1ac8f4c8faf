"""A client as the source of an extraction, and its objects as streams."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from intacct_bridge.client.client import Client
from intacct_bridge.errors import IntacctError, InvalidRequestError, NotPermittedError, RefusedError
from intacct_bridge.flow.deletes import TRAIL
from intacct_bridge.flow.feed import LISTING, READERS, Feed, feed_named
from intacct_bridge.flow.feeds import feed_answers, feed_stream, reader_of
from intacct_bridge.flow.naming import EVERY, Name, definitions_of, parsed_name
from intacct_bridge.flow.partition import Answer
from intacct_bridge.flow.related import related_kind
from intacct_bridge.flow.sink import StreamOutcome
from intacct_bridge.flow.stream import VIEWS, Stream, stream_of
from intacct_bridge.model import keys
from intacct_bridge.model.catalog import Catalog, did_you_mean, unknown_object
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

    def doubt_formatting(self) -> bool:
        """Forget the user's formatting if an earlier run read it; whether one did."""
        return self._client.doubt_formatting()

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

    def price(self, stream: Stream) -> int | None:
        """The most that a stream that is no object's takes to read; None where only reading it shows."""
        return None if stream.feed is None else reader_of(stream.feed).price(self._client, stream.feed)

    def feed(self, stream: Stream) -> Iterator[Answer]:
        """All rows of a stream that is no object's, an answer a transaction."""
        return feed_answers(self._client, stream)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Streams to read, and the headers that their lines need to know of."""

    streams: tuple[Stream, ...]
    headers: Mapping[str, Stream]
    names: tuple[str, ...] = ()
    """What each stream was asked for by."""
    refused: tuple[StreamOutcome, ...] = ()
    """What is not among the streams, since it is not there or the gateway would not describe it."""
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Selected fields that the objects do not have, by stream."""


def choose(
    client: Client,
    names: Iterable[str],
    select: Mapping[str, Sequence[str]] | None = None,
    *,
    without_refused: bool = False,
    without_missing: bool = False,
) -> Chosen:
    """The streams of these names, in their order, all objects' definitions asked for in few requests.

    A name is an object's, that of a part of one (see `naming`), or that of a stream that is none (see `feed`).
    `select` names fields by stream; a stream that it does not name gives all its fields. An object that the gateway
    refuses to describe raises, unless the choice is to do without; and so does whatever is not there.
    """
    choice = _Choice(client, {name.upper(): tuple(fields) for name, fields in (select or {}).items()}, without_missing)
    asked = choice.asked(names)
    objects = list(dict.fromkeys(one.object for one in asked.values() if isinstance(one, Name)))
    above = {owner.header for owner in map(keys.owner, objects) if owner}
    needed = [*objects, *sorted(above.difference(objects))]
    closed: dict[str, RefusedError] = {}
    catalog = client.describe_many([*needed, TRAIL.object] if needed else (), closed)  # deletes show if that is closed
    for name in objects:
        if name in closed and not without_missing and (misspelt := _misspelt(client, name)):
            raise misspelt
        if name in closed and not without_refused:
            raise closed[name]
    for name, one in asked.items():
        choice.add(name, one, catalog, closed)
    if choice.select:
        strange = next(iter(choice.select))
        raise InvalidRequestError(f"fields of {strange} are selected, and {strange} is not among the streams")
    made = choice.made
    return Chosen(
        tuple(made.values()),
        headers_of(catalog, made.values()),
        tuple(choice.names.values()),
        tuple(choice.refused),
        {name: gone for name, gone in choice.missing.items() if gone},
    )


class _Choice:
    """Streams as they are made, and what cannot be made."""

    def __init__(self, client: Client, select: dict[str, tuple[str, ...]], without_missing: bool) -> None:  # noqa: FBT001
        self.select = select
        """What nobody has asked for yet."""
        self.made: dict[str, Stream] = {}
        self.names: dict[str, str] = {}
        """By stream."""
        self.refused: list[StreamOutcome] = []
        self.missing: dict[str, tuple[str, ...]] = {}
        self._client = client
        self._forgives = without_missing
        self._definitions: dict[str, list[str]] = {}

    def asked(self, names: Iterable[str]) -> dict[str, Feed | Name]:
        """What the names mean, each once."""
        found: dict[str, Feed | Name] = {}
        for text in names:
            with self._forgiving(text):
                for name in expanded(self._client, [text], self._definitions):
                    found[name] = _feed(self._client, name) or parsed_name(name)
        return found

    def add(self, name: str, one: Feed | Name, catalog: Catalog, closed: Mapping[str, RefusedError]) -> None:
        """Make the stream of a name."""
        chosen = self.select.pop(one.table.upper(), None) or self.select.pop(name.upper(), ())
        if isinstance(one, Name) and one.object in closed:
            self._leave_out(one.table, closed[one.object])
            return
        with self._forgiving(name):
            if isinstance(one, Feed):
                stream = feed_stream(self._client, one, chosen)
            else:
                if self._forgives:
                    chosen, self.missing[one.table] = _there(self._client, one, chosen)
                stream = _object_stream(self._client, catalog, one, chosen)
            if self.made.setdefault(one.table, stream) != stream:
                raise InvalidRequestError(f"two streams are called {one.table}", fix=f"Give one a name: {name}?as=NAME")
            self.names.setdefault(one.table, name)

    @contextmanager
    def _forgiving(self, name: str) -> Iterator[None]:
        """What is wrong with one name costs no other, if that is wanted."""
        try:
            yield
        except (InvalidRequestError, NotPermittedError) as error:
            if not self._forgives:
                raise
            self.select.pop(name.upper(), None)
            self._leave_out(name, error)

    def _leave_out(self, name: str, error: IntacctError) -> None:
        self.refused.append(StreamOutcome(name, complete=False, error=error.message, fix=error.fix))


def _misspelt(client: Client, name: str) -> InvalidRequestError | None:
    """What to say of a name that is neither an object's nor that of another stream, as far as the company tells."""
    try:
        known = client.objects()
    except (InvalidRequestError, NotPermittedError):
        return None
    there = name.upper() in {one.upper() for one in known}
    return None if there else unknown_object(name, (*known, *READERS))


def _there(client: Client, name: Name, fields: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those of an object's fields that it has, and those that it has not; of a path, only reading it shows."""
    described = client.describe(name.object, name.definition or None)
    missing = tuple(one for one in fields if "." not in one and described.get(one) is None)
    return tuple(one for one in fields if one not in missing), missing


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
    stream = stream_of(
        described,
        select=own
        or ([keys.keys_of(described).record] if related else client.queryable(name.object, name.definition or None)),
        related=related,
        name=name.table if name.table != name.object else "",
        where=name.where(described),
        doc_par_id=name.definition,
    )
    if own:  # then those made in the company are chosen like all others
        stream = replace(stream, custom=())
    if stream.header and stream.header not in catalog:  # lines whose header is closed follow their own changes only
        stream = stream.without_header
    return stream


def expanded(client: Client, names: Iterable[str], definitions: dict[str, list[str]] | None = None) -> Iterator[str]:
    """The names, with one name a transaction definition in the place of `SODOCUMENT:*`.

    InvalidRequestError where a definition is not there: its stream would only be empty.
    """
    known = {} if definitions is None else definitions
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
