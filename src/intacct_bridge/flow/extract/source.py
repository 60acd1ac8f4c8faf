"""A client as the source of an extraction, and its objects as streams."""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime

from intacct_bridge.client.client import Client
from intacct_bridge.errors import IntacctError, InvalidRequestError, NotPermittedError, RefusedError
from intacct_bridge.flow.streams.bookmark import AnswerFormat
from intacct_bridge.flow.streams.names import (
    DOCUMENTS,
    EVERY,
    LISTING,
    Name,
    VirtualStream,
    definitions_of,
    feed_named,
    parsed_name,
    unknown_stream,
)
from intacct_bridge.flow.streams.partition import PartitionPage
from intacct_bridge.flow.streams.selection import Chosen, related_kind
from intacct_bridge.flow.streams.stream import TRAIL, VIEWS, Stream, StreamOutcome, stream_of
from intacct_bridge.flow.streams.times import format_time
from intacct_bridge.flow.streams.virtual.readers import feed_answers, feed_stream, reader_of
from intacct_bridge.model import keys
from intacct_bridge.model.catalog import Catalog
from intacct_bridge.model.query.query import Query
from intacct_bridge.model.suggestions import did_you_mean


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
        return self._client.runtime.calibration.reading_of(self.offset_minutes)

    @property
    def formatting(self) -> AnswerFormat:
        """The API user's formatting, and when the gateway told it."""
        held, user = self._client.formatting, self._client.connection.user_id.upper()
        how = f"{held.date} {held.clock} {held.offset_minutes:+}"
        return AnswerFormat(how, format_time(self._client.formatting_read_at()), user)

    def doubt_formatting(self) -> bool:
        """Forget the user's formatting if an earlier run read it; whether one did."""
        return self._client.forget_stored_formatting()

    def now(self) -> datetime:
        """The server's clock."""
        return self._client.company_time

    def page(self, query: Query) -> PartitionPage:
        """One page, typed; one billable transaction."""
        head, rows = self._client.batch(query)
        return PartitionPage(rows, head.remaining)

    def unchanged(self, stream: Stream, since: str) -> bool:
        """Whether a stream that is no object's is certainly as it was then."""
        return stream.feed is not None and reader_of(stream.feed).unchanged(self._client, stream.feed, since)

    def virtual_cost(self, stream: Stream) -> int | None:
        """The most that a stream that is no object's takes to read; None where only reading it shows."""
        return None if stream.feed is None else reader_of(stream.feed).price(self._client, stream.feed)

    def virtual_pages(self, stream: Stream) -> Iterator[PartitionPage]:
        """All rows of a stream that is no object's, an answer a transaction."""
        return feed_answers(self._client, stream)


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
    choice = _Choice(client, select, forgives=without_missing)
    asked = choice.asked(names)
    needed = _needed(asked.values())
    client.describe_many([*needed, TRAIL.object] if needed else (), choice.closed)  # deletes show if that is closed
    choice.refuse_closed(asked.values(), misspelt_only=without_refused)
    chosen = choice.taken(asked)
    choice.refuse_strange()
    return chosen


def choose_early(client: Client, names: Iterable[str], select: Mapping[str, Sequence[str]] | None = None) -> Chosen:
    """The same without what is refused, for a run that begins while definitions are still on their way.

    Signs in. Whatever could be wrong with what was asked for has raised when this returns: only objects that are surely
    there, read with all their fields, may come `later`.
    """
    if client.connection.authentication == "login":  # then only an answer tells whether the password is right
        return choose(client, names, select, without_refused=True)
    client.sign_in()
    choice = _Choice(client, select)
    asked = choice.asked(names)
    sure = choice.sure(asked)
    first = {name: one for name, one in asked.items() if name not in sure}
    waiting = _needed(first.values())
    families = [[name] for name in waiting] + _families(_needed(sure.values()))
    arriving = client.start_describing([*families, [TRAIL.object]] if families else (), choice.closed)
    there: set[str] = set()
    try:
        while not there.issuperset(waiting):
            there.update(name for family in next(arriving) for name in family)
        choice.refuse_closed(first.values(), misspelt_only=True)
        now = {name: one for name, one in asked.items() if name in first or sure[name].object in there}
        chosen = choice.taken(now)
        choice.refuse_strange()
    except BaseException:
        with suppress(IntacctError):
            deque(arriving, 0)
        raise

    def later() -> Iterator[Chosen]:
        waiting = {name: one for name, one in sure.items() if name not in now}
        try:
            for some in arriving:
                known = {name for family in some for name in family}
                if come := {name: one for name, one in waiting.items() if one.object in known}:
                    more = choice.taken(come)
                    waiting = {name: one for name, one in waiting.items() if name not in come}
                    yield more
        except IntacctError as error:  # costs those that it is about
            text = f"its definition could not be had: {error.message}"
            lost = (StreamOutcome(one.table, complete=False, error=text, fix=error.fix) for one in waiting.values())
            yield Chosen((), {}, refused=tuple(lost))

    return replace(chosen, later=later())


def _needed(asked: Iterable[VirtualStream | Name]) -> list[str]:
    """The objects whose definitions the streams need: their own, and their headers'."""
    objects = list(dict.fromkeys(one.object for one in asked if isinstance(one, Name)))
    above = {owner.header for owner in map(keys.owner, objects) if owner}
    return [*objects, *sorted(above.difference(objects))]


def _families(objects: Iterable[str]) -> list[list[str]]:
    """Headers and what is below them together."""
    found: dict[str, list[str]] = {}
    for name in objects:
        found.setdefault(_head(name), []).append(name)
    return list(found.values())


def _head(name: str) -> str:
    owner = keys.owner(name)
    return _head(owner.header) if owner else name


class _Choice:
    """Streams as they are made, and what cannot be made."""

    def __init__(self, client: Client, select: Mapping[str, Sequence[str]] | None, *, forgives: bool = False) -> None:
        self.closed: dict[str, RefusedError] = {}
        """The objects that the gateway would not describe."""
        self._select = {name.upper(): tuple(fields) for name, fields in (select or {}).items()}
        """What nobody has asked for yet."""
        self._made: dict[str, Stream] = {}
        self._names: dict[str, str] = {}
        """By stream."""
        self._tables: dict[str, str] = {}
        """How each is spelled: to databases, and to file systems, a table in small letters is the same."""
        self._refused: list[StreamOutcome] = []
        self._missing: dict[str, tuple[str, ...]] = {}
        self._client = client
        self._forgives = forgives
        self._definitions: dict[str, list[str]] = {}

    def asked(self, names: Iterable[str]) -> dict[str, VirtualStream | Name]:
        """What the names mean, each once."""
        found: dict[str, VirtualStream | Name] = {}
        for text in names:
            with self._forgiving(text):
                for name in expanded(self._client, [text], self._definitions):
                    found[name] = _feed(self._client, name) or parsed_name(name)
        return found

    def sure(self, asked: Mapping[str, VirtualStream | Name]) -> dict[str, Name]:
        """Those whose objects are there and whose fields are not chosen, so that nothing can be wrong with them; none
        that has to do with any other.
        """
        found = {
            name: one
            for name, one in asked.items()
            if isinstance(one, Name) and one == Name(one.object) and keys.standard(one.object)
        }
        tables = {one.table.upper() for name, one in asked.items() if name not in found}
        heads = {_head(one.object) for name, one in asked.items() if name not in found and isinstance(one, Name)}
        heads |= {_head(name) for name in self._select}
        return {name: one for name, one in found.items() if one.table not in tables and _head(one.object) not in heads}

    def refuse_closed(self, asked: Iterable[VirtualStream | Name], *, misspelt_only: bool) -> None:
        """Raise for an object that the gateway would not describe."""
        for name in dict.fromkeys(one.object for one in asked if isinstance(one, Name)):
            if name in self.closed and not self._forgives and (misspelt := _misspelt(self._client, name)):
                raise misspelt
            if name in self.closed and not misspelt_only:
                raise self.closed[name]

    def refuse_strange(self) -> None:
        """Raise where fields are chosen of what nobody asked for."""
        if self._select:
            strange = next(iter(self._select))
            raise InvalidRequestError(f"fields of {strange} are selected, and {strange} is not among the streams")

    def taken(self, asked: Mapping[str, VirtualStream | Name]) -> Chosen:
        """The streams of names whose objects are described or closed, and what was left out since the last."""
        made = len(self._made)
        catalog = Catalog(self._client.describe(one) for one in _needed(asked.values()) if one not in self.closed)
        for name, one in asked.items():
            self._add(name, one, catalog)
        streams = tuple(self._made.values())[made:]
        refused, self._refused = tuple(self._refused), []
        return Chosen(
            streams,
            headers_of(catalog, streams),
            tuple(self._names[one.name] for one in streams),
            refused,
            {name: gone for name, gone in self._missing.items() if gone},
        )

    def _add(self, name: str, one: VirtualStream | Name, catalog: Catalog) -> None:
        """Make the stream of a name."""
        chosen = self._select.pop(one.table.upper(), None) or self._select.pop(name.upper(), ())
        if isinstance(one, Name) and one.object in self.closed:
            self._leave_out(one.table, self.closed[one.object])
            return
        with self._forgiving(name):
            if isinstance(one, VirtualStream):
                stream = feed_stream(self._client, one, chosen)
            else:
                if self._forgives:
                    chosen, self._missing[one.table] = _there(self._client, one, chosen)
                stream = _object_stream(self._client, catalog, one, chosen)
            if self._made.setdefault(self._tables.setdefault(one.table.upper(), one.table), stream) != stream:
                fix = _to_rename(name, one)
                raise InvalidRequestError(f"two streams are called {one.table}", fix=fix)
            self._names.setdefault(one.table, name)

    @contextmanager
    def _forgiving(self, name: str) -> Iterator[None]:
        """What is wrong with one name costs no other, if that is wanted."""
        try:
            yield
        except (InvalidRequestError, NotPermittedError) as error:
            if not self._forgives:
                raise
            self._select.pop(name.upper(), None)
            self._leave_out(name, error)

    def _leave_out(self, name: str, error: IntacctError) -> None:
        self._refused.append(StreamOutcome(name, complete=False, error=error.message, fix=error.fix))


def _to_rename(name: str, one: VirtualStream | Name) -> str:
    """How two streams of one name can both be read."""
    if isinstance(one, VirtualStream):
        return f"Give one a name: {name}{'&' if '?' in name else '?'}as=NAME"
    if one.definition and not one.called:
        return f"Give one a name: {name}?as=NAME"
    return "Read them into copies of their own."


def _misspelt(client: Client, name: str) -> InvalidRequestError | None:
    """What to say of a name that is neither an object's nor that of another stream, as far as the company tells."""
    try:
        known = client.objects()
    except (InvalidRequestError, NotPermittedError):
        return None
    there = name.upper() in {one.upper() for one in known}
    return None if there else unknown_stream(name, known)


def _there(client: Client, name: Name, fields: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those of an object's fields that it has, and those that it has not; of a path, only reading it shows."""
    described = client.describe(name.object, name.definition or None)
    missing = tuple(one for one in fields if "." not in one and described.get(one) is None)
    return tuple(one for one in fields if one not in missing), missing


def _feed(client: Client, name: str) -> VirtualStream | None:
    """The feed of a name; over document type 2.1 every object is one."""
    found = feed_named(name)
    if found is None and client.connection.is_legacy:
        return VirtualStream(LISTING, name.upper())
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
            known[listed] = _definitions(client, listed)
        if name.definition == EVERY:
            yield from (f"{name.object}:{definition}" for definition in known[listed])
        elif name.definition in known[listed]:
            yield text
        else:
            raise _no_definition(name.definition, listed, known[listed])


def definition(client: Client, object_name: str, asked: str | None) -> str | None:
    """A transaction definition as the company writes it, for whom the gateway would pass over a misspelt one.

    InvalidRequestError where there is none of that name. What cannot be looked up is left as it was asked for.
    """
    name = object_name.upper()
    if asked is None or not name.startswith(DOCUMENTS):
        return asked if asked is None or "DOC" in name else parsed_name(f"{name}:{asked}").definition
    listed = definitions_of(name)
    try:
        known = _definitions(client, listed)
    except RefusedError:
        return asked
    found = next((one for one in known if one.casefold() == asked.strip().casefold()), asked)
    if known and found not in known:
        raise _no_definition(asked, listed, known)
    return found


def _definitions(client: Client, listed: str) -> list[str]:
    return sorted({str(row["DOCID"]) for row in client.query(listed, ["DOCID"])})


def _no_definition(name: str, listed: str, known: Sequence[str]) -> InvalidRequestError:
    return InvalidRequestError(
        f"there is no transaction definition {name!r}{did_you_mean(name, known)}",
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
