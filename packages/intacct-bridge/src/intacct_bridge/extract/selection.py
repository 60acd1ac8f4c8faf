"""The selection: which streams a run reads, made of the names and fields that a user gives.

Definitions are read in few requests. A run may begin while some are still on their way; their streams join it later.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

from intacct_bridge.client.protocol import ReadGateway
from intacct_bridge.extract.virtual.registry import virtual_stream
from intacct_bridge.streams.names import (
    DOCUMENTS,
    EVERY_DEFINITION,
    LISTING,
    StreamName,
    VirtualStream,
    definitions_of,
    parse_name,
    parse_virtual,
    unknown_stream,
)
from intacct_bridge.streams.stream import AUDIT_TRAIL, VIEWS, Stream, StreamOutcome, stream_of
from intacct_protocol.errors import IntacctError, InvalidRequestError, NotPermittedError, RefusedError
from intacct_protocol.model import keys
from intacct_protocol.model.catalog import Catalog, ObjectDef
from intacct_protocol.model.query.query import Query
from intacct_protocol.model.suggestions import did_you_mean
from intacct_protocol.xml.values import Kind


@dataclass(frozen=True, slots=True)
class Selection:
    """Streams to read, with the headers that their lines follow."""

    streams: tuple[Stream, ...]
    headers: Mapping[str, Stream]
    names: tuple[str, ...] = ()
    """The name by which the user asked for each stream."""
    refused: tuple[StreamOutcome, ...] = ()
    """Outcomes of streams that cannot be read: unknown ones, and those that the gateway would not describe."""
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Selected fields that the objects do not have, by stream."""
    later: Iterable["Selection"] = ()
    """Further streams, once, as their definitions arrive; lines come with their headers."""


def select_streams(
    gateway: ReadGateway,
    names: Iterable[str],
    select: Mapping[str, Sequence[str]] | None = None,
    *,
    skip_refused: bool = False,
    skip_missing: bool = False,
) -> Selection:
    """The streams of these names, in their order; see `streams.names` for the forms of a name.

    `select` gives fields by stream; a stream that it does not name is read with all its fields. An object that the
    gateway refuses to describe raises, unless `skip_refused`; an unknown object, field or definition raises, unless
    `skip_missing`. Fields of a stream that is not selected always raise.
    """
    builder = _SelectionBuilder(gateway, select, skip_missing=skip_missing)
    meanings = builder.meanings(names)
    needed = _needed_objects(meanings.values())
    # the audit trail is described along, to know whether deletes can be followed
    gateway.describe_many([*needed, AUDIT_TRAIL.object] if needed else (), builder.closed)
    builder.refuse_closed(meanings.values(), only_unknown=skip_refused)
    selection = builder.build(meanings)
    builder.refuse_unused_fields()
    return selection


def select_early(
    gateway: ReadGateway, names: Iterable[str], select: Mapping[str, Sequence[str]] | None = None
) -> Selection:
    """The same without refused objects, for a run that begins while definitions are still on their way.

    Signs in. Every mistake in the names and fields raises before this returns: only objects that certainly exist, and
    are read with all their fields, come `later`.
    """
    if gateway.connection.authentication == "login":  # then only an answer tells whether the password is right
        return select_streams(gateway, names, select, skip_refused=True)
    gateway.sign_in()
    builder = _SelectionBuilder(gateway, select)
    meanings = builder.meanings(names)
    certain = builder.certain(meanings)
    first = {name: one for name, one in meanings.items() if name not in certain}
    awaited = _needed_objects(first.values())
    families = [[name] for name in awaited] + _families(_needed_objects(certain.values()))
    arriving = gateway.start_describing([*families, [AUDIT_TRAIL.object]] if families else (), builder.closed)
    described: set[str] = set()
    try:
        while not described.issuperset(awaited):
            described.update(name for family in next(arriving) for name in family)
        builder.refuse_closed(first.values(), only_unknown=True)
        now = {name: one for name, one in meanings.items() if name in first or certain[name].object in described}
        selection = builder.build(now)
        builder.refuse_unused_fields()
    except BaseException:
        with suppress(IntacctError):
            deque(arriving, 0)
        raise

    waiting = {name: one for name, one in certain.items() if name not in now}
    return replace(selection, later=_later(builder, waiting, arriving))


def _later(
    builder: "_SelectionBuilder", waiting: Mapping[str, StreamName], arriving: Iterator[Sequence[Sequence[str]]]
) -> Iterator[Selection]:
    """The streams whose definitions are awaited, as the definitions of their objects arrive."""
    try:
        for families in arriving:
            described = {name for family in families for name in family}
            if come := {name: one for name, one in waiting.items() if one.object in described}:
                selection = builder.build(come)
                waiting = {name: one for name, one in waiting.items() if name not in come}
                yield selection
    except IntacctError as error:  # concerns only the streams that still wait
        message = f"its definition could not be read: {error.message}"
        lost = (StreamOutcome(one.table, complete=False, error=message, fix=error.advice) for one in waiting.values())
        yield Selection((), {}, refused=tuple(lost))


def _needed_objects(meanings: Iterable[VirtualStream | StreamName]) -> list[str]:
    """The objects whose definitions the streams need: their own and those of their headers."""
    objects = list(dict.fromkeys(one.object for one in meanings if isinstance(one, StreamName)))
    above = {owner.header for owner in map(keys.owner, objects) if owner}
    return [*objects, *sorted(above.difference(objects))]


def _families(objects: Iterable[str]) -> list[list[str]]:
    """Headers together with their lines."""
    families: dict[str, list[str]] = {}
    for name in objects:
        families.setdefault(_head(name), []).append(name)
    return list(families.values())


def _head(name: str) -> str:
    owner = keys.owner(name)
    return _head(owner.header) if owner else name


class _SelectionBuilder:
    """Builds streams of the meanings of names, and keeps what cannot be built."""

    def __init__(
        self, gateway: ReadGateway, select: Mapping[str, Sequence[str]] | None, *, skip_missing: bool = False
    ) -> None:
        self.closed: dict[str, RefusedError] = {}
        """The objects that the gateway would not describe."""
        self._select = {name.upper(): tuple(fields) for name, fields in (select or {}).items()}
        """The selected fields of streams that are not built yet."""
        self._built: dict[str, Stream] = {}
        self._names: dict[str, str] = {}
        """The user's name for each stream."""
        self._tables: dict[str, str] = {}
        """The spelling of each table: databases and file systems may ignore case."""
        self._refused: list[StreamOutcome] = []
        self._missing: dict[str, tuple[str, ...]] = {}
        self._gateway = gateway
        self._skip_missing = skip_missing
        self._definitions: dict[str, list[str]] = {}

    def meanings(self, names: Iterable[str]) -> dict[str, VirtualStream | StreamName]:
        """The meaning of each name."""
        meanings: dict[str, VirtualStream | StreamName] = {}
        for text in names:
            with self._skipping(text):
                for name in expanded(self._gateway, [text], self._definitions):
                    meanings[name] = _virtual(self._gateway, name) or parse_name(name)
        return meanings

    def certain(self, meanings: Mapping[str, VirtualStream | StreamName]) -> dict[str, StreamName]:
        """The standard objects with which nothing can be wrong.

        They are read with all their fields, and have nothing to do with another stream.
        """
        standard = {
            name: meaning
            for name, meaning in meanings.items()
            if isinstance(meaning, StreamName)
            and meaning == StreamName(meaning.object)
            and keys.standard(meaning.object)
        }
        others = {name: meaning for name, meaning in meanings.items() if name not in standard}
        tables = {meaning.table.upper() for meaning in others.values()}
        heads = {_head(meaning.object) for meaning in others.values() if isinstance(meaning, StreamName)}
        heads |= {_head(name) for name in self._select}
        return {
            name: meaning
            for name, meaning in standard.items()
            if meaning.table not in tables and _head(meaning.object) not in heads
        }

    def refuse_closed(self, meanings: Iterable[VirtualStream | StreamName], *, only_unknown: bool) -> None:
        """Raise for an object that the gateway would not describe, or only for one that the company does not have."""
        for name in dict.fromkeys(one.object for one in meanings if isinstance(one, StreamName)):
            if name in self.closed and not self._skip_missing and (unknown := _unknown(self._gateway, name)):
                raise unknown
            if name in self.closed and not only_unknown:
                raise self.closed[name]

    def refuse_unused_fields(self) -> None:
        """Raise if fields are selected of a stream that is not."""
        if self._select:
            name = next(iter(self._select))
            raise InvalidRequestError(f"fields of {name} are selected, and {name} is not among the streams")

    def build(self, meanings: Mapping[str, VirtualStream | StreamName]) -> Selection:
        """The streams of names whose objects are described or closed, and what was refused since the last call."""
        before = len(self._built)
        self._renew_definitions(meanings)
        needed = (name for name in _needed_objects(meanings.values()) if name not in self.closed)
        catalog = Catalog(self._gateway.describe(name) for name in needed)
        for name, meaning in meanings.items():
            self._add(name, meaning, catalog)
        streams = tuple(self._built.values())[before:]
        refused, self._refused = tuple(self._refused), []
        return Selection(
            streams,
            headers_of(catalog, streams),
            tuple(self._names[meaning.name] for meaning in streams),
            refused,
            {name: fields for name, fields in self._missing.items() if fields},
        )

    def _renew_definitions(self, meanings: Mapping[str, VirtualStream | StreamName]) -> None:
        """Read a definition again if an earlier run stored it without a selected field: it may be a new field."""
        for name, meaning in meanings.items():
            if not isinstance(meaning, StreamName) or meaning.object in self.closed:
                continue
            select = self._select.get(meaning.table.upper()) or self._select.get(name.upper(), ())
            with suppress(InvalidRequestError, NotPermittedError):  # it is refused in its turn
                if select and _existing_fields(self._gateway, meaning, select)[1]:
                    self._gateway.forget_stored_definition(meaning.object, meaning.definition or None)

    def _add(self, name: str, meaning: VirtualStream | StreamName, catalog: Catalog) -> None:
        select = self._select.pop(meaning.table.upper(), None) or self._select.pop(name.upper(), ())
        if isinstance(meaning, StreamName) and meaning.object in self.closed:
            self._refuse(meaning.table, self.closed[meaning.object])
            return
        with self._skipping(name):
            if isinstance(meaning, VirtualStream):
                stream = virtual_stream(self._gateway, meaning, select)
            else:
                if self._skip_missing:
                    select, self._missing[meaning.table] = _existing_fields(self._gateway, meaning, select)
                stream = _object_stream(self._gateway, catalog, meaning, select)
            if self._built.setdefault(self._tables.setdefault(meaning.table.upper(), meaning.table), stream) != stream:
                raise InvalidRequestError(f"two streams are called {meaning.table}", fix=_rename_fix(name, meaning))
            self._names.setdefault(meaning.table, name)

    @contextmanager
    def _skipping(self, name: str) -> Iterator[None]:
        """With `skip_missing`, an error costs only the stream of this name."""
        try:
            yield
        except (InvalidRequestError, NotPermittedError) as error:
            if not self._skip_missing:
                raise
            self._select.pop(name.upper(), None)
            self._refuse(name, error)

    def _refuse(self, name: str, error: IntacctError) -> None:
        self._refused.append(StreamOutcome(name, complete=False, error=error.message, fix=error.advice))


def _rename_fix(name: str, meaning: VirtualStream | StreamName) -> str:
    """How two streams of one name can both be read."""
    if isinstance(meaning, VirtualStream):
        return f"Give one a name: {name}{'&' if '?' in name else '?'}as=NAME"
    if meaning.definition and not meaning.alias:
        return f"Give one a name: {name}?as=NAME"
    return "Read them into copies of their own."


def _unknown(gateway: ReadGateway, name: str) -> InvalidRequestError | None:
    """The error for a name that is neither an object's nor another stream's; None if the object may exist."""
    try:
        objects = gateway.objects()
    except (InvalidRequestError, NotPermittedError):
        return None
    exists = name.upper() in {one.upper() for one in objects}
    return None if exists else unknown_stream(name, objects)


def _existing_fields(
    gateway: ReadGateway, name: StreamName, fields: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The fields that an object has, and those that it does not have; a path is only known when it is read."""
    described = gateway.describe(name.object, name.definition or None)
    missing = tuple(one for one in fields if "." not in one and described.get(one) is None)
    return tuple(one for one in fields if one not in missing), missing


def _virtual(gateway: ReadGateway, name: str) -> VirtualStream | None:
    """The virtual stream of a name; with document type 2.1 every object is one."""
    virtual = parse_virtual(name)
    if virtual is None and gateway.connection.is_legacy:
        return VirtualStream(LISTING, name.upper())
    return virtual


def _object_stream(gateway: ReadGateway, catalog: Catalog, name: StreamName, select: Sequence[str]) -> Stream:
    described = gateway.describe(name.object, name.definition) if name.definition else catalog.find(name.object)
    paths = {one.upper() for one in select if "." in one and described.get(one) is None}
    related = {path: kind for path in paths if (kind := related_kind(gateway, described, path)) is not None}
    own_fields = [one for one in select if one.upper() not in related]
    every = [keys.keys_of(described).record] if related else gateway.queryable(name.object, name.definition or None)
    stream = stream_of(
        described,
        select=own_fields or every,
        related=related,
        name=name.table if name.table != name.object else "",
        where=name.where(described),
        doc_par_id=name.definition,
    )
    if own_fields:  # then custom fields are selected like all others
        stream = replace(stream, custom=())
    if stream.header and stream.header not in catalog:  # the header is closed: the lines follow only their own changes
        stream = stream.without_header
    return stream


def related_kind(gateway: ReadGateway, described: ObjectDef, path: str, closed: list[str] | None = None) -> Kind | None:
    """The kind of the field at the end of a path of relations, such as `VENDOR.NAME`.

    None if the path leads nowhere, or to an object that the gateway would not describe; that is added to `closed`.
    """
    head, dot, rest = path.partition(".")
    relation = described.relations.get(head.upper()) if dot else None
    if relation is None:
        return None
    try:
        related = gateway.describe(relation.object)
    except (InvalidRequestError, NotPermittedError):
        if closed is not None:
            closed.append(relation.object)
        return None
    field = related.get(rest)
    return related_kind(gateway, related, rest, closed) if field is None else field.kind


def headers_of(catalog: Catalog, streams: Collection[Stream]) -> dict[str, Stream]:
    """The headers of lines that are not read themselves, with the fields by which their lines are found."""
    complete = {one.object for one in streams if one.where is None}
    headers = {}
    for stream in streams:
        if stream.header and stream.header not in complete:
            described = catalog.find(stream.header)
            dates = [view.window for view in VIEWS.values() if described.get(view.window)]
            headers[stream.header] = stream_of(described, select=(stream.refers_to, *dates))
    return headers


# --- transaction definitions


def expanded(
    gateway: ReadGateway, names: Iterable[str], definitions: dict[str, list[str]] | None = None
) -> Iterator[str]:
    """The names, with a name for each transaction definition in place of `SODOCUMENT:*`.

    InvalidRequestError for an unknown definition, whose stream would only be empty.
    """
    definitions_by_object = {} if definitions is None else definitions
    for text in names:
        name = parse_name(text) if _virtual(gateway, text) is None else StreamName("")
        if not name.definition:
            yield text
            continue
        listed = definitions_of(name.object)
        if listed not in definitions_by_object:
            definitions_by_object[listed] = _definitions(gateway, listed)
        if name.definition == EVERY_DEFINITION:
            yield from (f"{name.object}:{definition}" for definition in definitions_by_object[listed])
        elif name.definition in definitions_by_object[listed]:
            yield text
        else:
            raise _unknown_definition(name.definition, listed, definitions_by_object[listed])


def definition(gateway: ReadGateway, object_name: str, text: str | None) -> str | None:
    """A transaction definition as the company spells it, since the gateway ignores a misspelt one.

    InvalidRequestError if there is none of that name. It is left as given if the definitions cannot be read.
    """
    name = object_name.upper()
    if text is None or not name.startswith(DOCUMENTS):
        return text if text is None or "DOC" in name else parse_name(f"{name}:{text}").definition
    listed = definitions_of(name)
    try:
        definitions = _definitions(gateway, listed)
    except RefusedError:
        return text
    spelled = next((one for one in definitions if one.casefold() == text.strip().casefold()), text)
    if definitions and spelled not in definitions:
        raise _unknown_definition(text, listed, definitions)
    return spelled


def _definitions(gateway: ReadGateway, listed: str) -> list[str]:
    return sorted({str(row["DOCID"]) for row in gateway.query(Query(listed, ("DOCID",)))})


def _unknown_definition(name: str, listed: str, definitions: Sequence[str]) -> InvalidRequestError:
    return InvalidRequestError(
        f"there is no transaction definition {name!r}{did_you_mean(name, definitions)}",
        fix=f"List them with: intacct query {listed} --select DOCID",
    )
