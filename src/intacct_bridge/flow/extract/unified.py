"""Objects in the words of a unified schema: which streams that takes, and how a page of rows becomes unified records.

A unified stream is read as the object behind it is read, key walk, changes and deletes included; only what is stored
differs. The columns are those of the schema that Intacct can fill; beside them stand the few Intacct fields by which
rows are found again. Lines come as a list in the record of their header, read in one question a page of headers.

A run of unified streams: what comes as an object's rows is put into the schema's words on its way.
"""

import json
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from intacct_bridge.client.client import Client
from intacct_bridge.errors import InvalidRequestError, RefusedError
from intacct_bridge.flow.extract.strategies import as_kind
from intacct_bridge.flow.streams.names import VirtualStream
from intacct_bridge.flow.streams.partition import one_of
from intacct_bridge.flow.streams.selection import related_kind
from intacct_bridge.flow.streams.stream import Stream, StreamOutcome, stream_of
from intacct_bridge.flow.streams.virtual.readers import KEY
from intacct_bridge.model import keys
from intacct_bridge.model.catalog import ObjectDef
from intacct_bridge.model.mapping.language import EntityMap, LineMap, Rules, unified_map, unified_maps
from intacct_bridge.model.mapping.unify import column_types, line_reads, read_lines, reads, unified
from intacct_bridge.model.query.query import MAX_IN, MAX_PAGE, Query
from intacct_bridge.wire.columns import arrow_type
from intacct_bridge.wire.values import Kind, Value

if TYPE_CHECKING:
    import pyarrow as pa
from collections.abc import Iterator

from intacct_bridge.flow.destinations.base import Sink
from intacct_bridge.flow.extract.options import Options
from intacct_bridge.flow.extract.run import Extraction
from intacct_bridge.flow.extract.source import ClientSource, headers_of
from intacct_bridge.flow.extract.transform import Shaped, ShapedSink
from intacct_bridge.flow.streams.names import feed_named
from intacct_bridge.flow.streams.partition import PartitionPage
from intacct_bridge.flow.streams.virtual.readers import feed_stream

UNIFIED = "unified"
"""The reader of what several objects, or none, make together."""
SYNONYMS = ("PurchaseInvoices", "Suppliers")
"""Entities of version 1 that are others by another name; they come only where they are asked for."""
_KINDS = {
    "number": Kind.DECIMAL,
    "integer": Kind.INTEGER,
    "boolean": Kind.BOOLEAN,
    "date": Kind.DATE,
    "date-time": Kind.TIMESTAMP,
}
_ENCODER = msgspec.json.Encoder(decimal_format="number")
Row = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines that a record shows."""

    map: LineMap
    by: str
    refers_to: str
    kind: Kind
    """Of `by`."""
    select: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unified:
    """One unified stream."""

    entity: EntityMap
    read: Stream
    """As it is asked for."""
    shown: Stream
    """As it is stored."""
    lines: tuple[Lines, ...] = ()
    custom: tuple[str, ...] = ()
    """Custom fields that the record lists."""
    parts: tuple["Unified", ...] = ()
    """Where rows of several objects read alike: each of them; the stream is then no object's, and read whole."""


def choose_unified(
    client: Client,
    version: str,
    names: Sequence[str] = (),
    select: Mapping[str, Sequence[str]] | None = None,
    *,
    refused: list[StreamOutcome] | None = None,
) -> list[Unified]:
    """The streams of these entities, or of all that the company has the objects for.

    An entity raises where the gateway will not describe an object that it takes, or is put into `refused` where that is
    given, under the name that it was asked for by.
    """
    asked = [(name, unified_map(name, version)) for name in names] or [(one.name, one) for one in _all(client, version)]
    closed: dict[str, RefusedError] = {}
    client.describe_many(dict.fromkeys(name for _, one in asked for name in _needed(one)), closed)
    wanted = {name.upper(): tuple(fields) for name, fields in (select or {}).items()}
    found = []
    for name, entity in asked:
        chosen = wanted.get(entity.name.upper(), ())
        missing = next((one for one in _objects(entity) if one in closed), "")
        if not missing:
            found.append(_chosen(client, entity, chosen, closed))
        elif refused is None:
            raise closed[missing]
        else:
            _selected(entity, chosen)
            error = closed[missing]
            message = f"{missing} cannot be read: {error.message}"
            refused.append(StreamOutcome(name, complete=False, error=message, fix=error.fix))
    return found


def _chosen(client: Client, entity: EntityMap, select: Sequence[str], closed: Container[str]) -> Unified:
    if entity.virtual_stream:
        return _of_feed(entity, select)
    parts = [_unified(client, entity, one, select, closed) for one in (entity.read_object, *entity.also_reads)]
    if len(parts) == 1:
        return parts[0]
    shown = parts[0].shown
    columns = {name: kind for name, kind in shown.fields.items() if name not in shown.inner}
    fields = {KEY: Kind.TEXT} | columns
    feed = VirtualStream(UNIFIED, entity.name)
    closed = tuple(dict.fromkeys(path for part in parts for path in part.read.closed))
    both = Stream(entity.name, "", fields, KEY, text_key=True, feed=feed, nested=shown.nested, closed=closed)
    return Unified(entity, both, both, parts=tuple(parts))


def _of_feed(entity: EntityMap, select: Sequence[str]) -> Unified:
    """A stream of something that is no object, under the feed's own key."""
    columns = _selected(entity, select)
    feed = VirtualStream(UNIFIED, entity.name, (("of", entity.virtual_stream),))
    both = Stream(entity.name, "", {KEY: Kind.TEXT} | columns, KEY, text_key=True, feed=feed)
    return Unified(entity, both, both)


def _all(client: Client, version: str) -> list[EntityMap]:
    known = {name.upper() for name in client.objects()}
    maps = (one for one in unified_maps(version).values() if one.name not in SYNONYMS)
    return [one for one in maps if known.issuperset(_objects(one))]


def _objects(entity: EntityMap) -> tuple[str, ...]:
    return (entity.read_object, *entity.also_reads, *(line.object for line in read_lines(entity)))


def _needed(entity: EntityMap) -> tuple[str, ...]:
    """The objects, and the headers of those that are lines, which can be read without."""
    above = filter(None, map(keys.owner, (entity.read_object, *entity.also_reads)))
    return (*_objects(entity), *(one.header for one in above))


def _unified(
    client: Client, entity: EntityMap, object_name: str, select: Sequence[str], closed: Container[str]
) -> Unified:
    described = client.describe(object_name)
    custom = tuple(one.name for one in described.fields.values() if one.custom) if entity.custom else ()
    asked = [*reads(entity), *custom]
    own = [one for one in asked if one in described.fields]
    related, unknown = _related(client, described, asked)
    read = stream_of(described, select=own, name=entity.name, related=related)
    if read.header in closed:
        read = read.without_header
    inner = tuple(dict.fromkeys(one for one in _found_by(read) if one))
    columns = _selected(entity, select)
    nested = {one: what for one, what in _nested(entity).items() if one in columns}
    shown = replace(
        read,
        fields={one: read.fields[one] for one in inner} | columns,
        identity=("id",) if "id" in columns and not read.group else (),
        inner=inner,
        nested=nested,
        where=None,
    )
    lines = []
    for one in read_lines(entity):
        if one.into in columns:
            found, beyond = _lines(client, one, described)
            lines.append(found)
            unknown += [f"{one.object}.{path}" for path in beyond]
    return Unified(entity, replace(read, closed=tuple(unknown)), shown, tuple(lines), custom)


def _found_by(read: Stream) -> tuple[str, ...]:
    """The fields by which rows are found again in the copy."""
    return read.key, read.group, read.window, read.modified, read.natural_key, read.by


def _related(client: Client, described: ObjectDef, names: Iterable[str]) -> tuple[dict[str, Kind], list[str]]:
    """The fields of related objects among some names, and those whose objects the gateway would not describe; those
    that this company does not have are left out.
    """
    found: dict[str, Kind] = {}
    unknown: list[str] = []
    for name in names:
        closed: list[str] = []
        kind = None if name in described.fields else related_kind(client, described, name, closed)
        if kind is not None:
            found[name] = kind
        unknown += [name] if closed else []
    return found, unknown


def _lines(client: Client, line: LineMap, header: ObjectDef) -> tuple[Lines, list[str]]:
    owner = keys.owner(line.object)
    assert owner is not None and owner.header == header.name, (line.object, header.name)
    described = client.describe(line.object)
    asked = line_reads(line)
    own = [one for one in asked if one in described.fields]
    key = keys.keys_of(described).record
    related, unknown = _related(client, described, asked)
    select = tuple(dict.fromkeys((key, owner.by, *own, *related)))
    return Lines(line, owner.by, owner.key, described.kind_of(owner.by), select), unknown


def _selected(entity: EntityMap, select: Sequence[str]) -> dict[str, Kind]:
    """The columns, or those chosen and the id."""
    columns = _columns(entity)
    if not select:
        return columns
    by_case = {one.upper(): one for one in columns}
    strange = [one for one in select if one.upper() not in by_case and one != KEY]
    if strange:
        raise InvalidRequestError(f"{entity.name} has no column {strange[0]}", fix=f"It has {', '.join(columns)}.")
    kept = {"id", *(by_case.get(one.upper(), "") for one in select)}
    return {one: kind for one, kind in columns.items() if one in kept}


def _columns(entity: EntityMap) -> dict[str, Kind]:
    """The columns of the schema that the mapping can fill; lists and objects are texts that hold JSON."""
    columns = {name: _KINDS.get(one, Kind.TEXT) for name, one in _types(entity, entity.read).items()}
    return columns | dict.fromkeys(_nested(entity), Kind.TEXT)


def _types(entity: EntityMap, read: Mapping[str, Rules]) -> dict[str, str]:
    """The JSON types of columns; a day is a time where the schema knows only times."""
    types = column_types(read)
    return {name: "date-time" if one == "date" and entity.day_as == "time" else one for name, one in types.items()}


def _nested(entity: EntityMap) -> dict[str, Any]:
    """The columns that hold lists and objects, each with its JSON schema."""
    types = _types(entity, entity.read)
    found: dict[str, Any] = {name: _json_type(one) for name, one in types.items() if one in ("array", "object")}
    if entity.custom:
        found[entity.custom.from_] = _list_of({entity.custom.name: "string", entity.custom.value: "string"})
    for line in read_lines(entity):
        found[line.into] = _list_of(_types(entity, line.read))
    return found


def _list_of(types: Mapping[str, str]) -> dict[str, Any]:
    properties = {name: _json_type(one) for name, one in types.items()}
    return {"type": ["null", "array"], "items": {"type": "object", "properties": properties}}


def _json_type(one: str) -> dict[str, Any]:
    if one == "array":
        return {"type": ["null", "array"], "items": {"type": "object"}}
    if one in ("date", "date-time"):
        return {"type": ["null", "string"], "format": one}
    return {"type": ["null", one]}


# --- rows


def unified_rows(client: Client, one: Unified, rows: "pa.RecordBatch") -> "pa.RecordBatch":
    """A page of the object's rows as rows of the unified stream, lines fetched and put in."""
    import pyarrow as pa

    page: list[Row] = rows.to_pylist()
    members = [_members(client, lines, page) for lines in one.lines]
    records = []
    for row in page:
        held = zip(one.lines, members, strict=True)
        own = {lines.map.object: found.get(_text(row.get(lines.refers_to)), []) for lines, found in held}
        records.append(unified(one.entity, row, own, custom=one.custom))
    inner = {name: rows.column(name) for name in one.shown.inner}
    fields = {name: kind for name, kind in one.shown.fields.items() if name not in inner}
    return pa.RecordBatch.from_pydict(inner | columns_of(records, fields))


def columns_of(records: Sequence[Mapping[str, Any]], fields: Mapping[str, Kind]) -> "dict[str, pa.Array]":
    """Unified records as columns of their kinds."""
    import pyarrow as pa

    return {
        name: pa.array([_cell(record.get(name), kind) for record in records], arrow_type(kind))
        for name, kind in fields.items()
    }


def asks_for_lines(client: Client, one: Unified) -> Callable[[int, bool], int]:
    """What the lines under so many records of a unified stream cost: by a thousand headers, and by the page."""

    def cost(records: int, every: bool) -> int:  # noqa: FBT001
        return sum(_cost(client, lines, -(-records // MAX_IN), every=every) for lines in one.lines)

    return cost


def _cost(client: Client, lines: Lines, questions: int, *, every: bool) -> int:
    """Each question has a page or more, the last of them half full."""
    if not every:
        return questions
    at_top = not client.connection.location_id
    head = client.page(Query(lines.map.object, lines.select[:1], page_size=1, show_private=at_top)).head
    return max(questions, questions // 2 + -(-(head.total_count if head else 0) // MAX_PAGE))


def _members(client: Client, lines: Lines, page: Sequence[Row]) -> dict[str, list[Row]]:
    """The lines under the records of a page, by the text of what they name their header by."""
    found: dict[str, list[Row]] = {}
    headers = [value for row in page if (value := row.get(lines.refers_to)) is not None]
    for filter_, _ in one_of(lines.by, as_kind(headers, lines.kind)):
        query = Query(lines.map.object, lines.select, where=filter_, show_private=not client.connection.location_id)
        for row in client.query(query):
            found.setdefault(_text(row.get(lines.by)), []).append(row)
    return found


def _text(value: Value) -> str:
    return "" if value is None else str(value)


def _cell(value: Any, kind: Kind) -> Any:
    """A unified value as its column holds it."""
    if value is None:
        return None
    if isinstance(value, list | dict):
        return _ENCODER.encode(value).decode()
    if kind is Kind.DATE:
        return date.fromisoformat(str(value)[:10])
    if kind is Kind.TIMESTAMP:
        return datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    if kind is Kind.DECIMAL:
        return Decimal(value)
    if kind is Kind.TEXT:
        return json.dumps(value) if isinstance(value, bool) else str(value)
    return value


class UnifiedSource(ClientSource):
    """A company, with the streams that several objects make together."""

    def __init__(self, client: Client, streams: Iterable[Unified]) -> None:
        super().__init__(client)
        self._streams = {one.read.name: one for one in streams}

    def unchanged(self, stream: Stream, since: str) -> bool:
        """What the feed behind it says; nobody can tell of several objects together."""
        behind = self._behind(stream)
        return behind is not None and super().unchanged(behind, since)

    def virtual_cost(self, stream: Stream) -> int | None:
        """What the feed behind it takes; of several objects together only reading shows it."""
        behind = self._behind(stream)
        return None if behind is None else super().virtual_cost(behind)

    def virtual_pages(self, stream: Stream) -> Iterator[PartitionPage]:
        """The rows of a feed in the schema's words, or those of one object after the other."""
        behind = self._behind(stream)
        if behind is None:
            yield from self._objects(stream)
            return
        import pyarrow

        one = self._streams[stream.name]
        fields = {name: kind for name, kind in stream.fields.items() if name != KEY}
        for answer in super().virtual_pages(behind):
            records = [unified(one.entity, row) for row in answer.rows.to_pylist()]
            columns = {KEY: answer.rows.column(KEY)} | columns_of(records, fields)
            yield PartitionPage(pyarrow.RecordBatch.from_pydict(columns), answer.remaining)

    def _behind(self, stream: Stream) -> Stream | None:
        """The feed that a unified stream is made of."""
        named = stream.feed.get("of") if stream.feed else ""
        found = feed_named(named) if named else None
        return None if found is None else feed_stream(self._client, found)

    def _objects(self, stream: Stream) -> Iterator[PartitionPage]:
        """Each row with its object in the key."""
        import pyarrow

        at_top = not self._client.connection.location_id
        for part in self._streams[stream.name].parts:
            for rows in self._client.batches(Query(part.read.object, tuple(part.read.fields), show_private=at_top)):
                made = unified_rows(self._client, part, rows)
                keys = pyarrow.array([f"{part.read.object}|{key}" for key in rows.column(part.read.key).to_pylist()])
                columns = {KEY: keys} | {name: made.column(name) for name in stream.fields if name != KEY}
                yield PartitionPage(pyarrow.RecordBatch.from_pydict(columns), 0)


def unified_sink(sink: Sink, client: Client, streams: Iterable[Unified]) -> ShapedSink:
    """The destination, for rows of the objects behind unified streams."""
    return ShapedSink(sink, (_shaped(client, one) for one in streams))


def _shaped(client: Client, one: Unified) -> Shaped:
    return Shaped(one.read, one.shown, None if one.read.feed else lambda rows: unified_rows(client, one, rows))


def unified_extraction(
    client: Client,
    streams: Sequence[Unified],
    sink: Sink,
    options: Options | None = None,
    *,
    refused: Sequence[StreamOutcome] = (),
) -> Extraction:
    """A run of unified streams into a destination; `refused` are those that could not be chosen."""
    read = [one.read for one in streams]
    above = client.describe_many(dict.fromkeys(one.header for one in read if one.header))
    return Extraction(
        UnifiedSource(client, streams),
        unified_sink(sink, client, streams),
        read,
        headers=headers_of(above, read),
        options=options,
        refused=refused,
    )
