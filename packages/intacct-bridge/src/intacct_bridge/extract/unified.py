"""Unified streams: objects in the words of hotglue's accounting schema.

A unified stream is read as its object is read, with its key walk, changes and deletes; only its columns
differ. They are the schema's columns that Intacct can fill, and the few Intacct fields by which rows are found again.
Lines come as a list in the record of their header, with one query for the headers of a page.
"""

import json
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from intacct_bridge.client.protocol import ReadGateway
from intacct_bridge.extract.estimate import LookupCost
from intacct_bridge.extract.selection import related_kind
from intacct_bridge.extract.source import GatewaySource
from intacct_bridge.extract.strategies import as_kind
from intacct_bridge.extract.transform import Transform
from intacct_bridge.extract.virtual.registry import KEY, virtual_stream
from intacct_bridge.mapping.language import EntityMap, LineMap, Rules, unified_map, unified_maps
from intacct_bridge.mapping.unify import column_types, line_reads, read_lines, reads, unified
from intacct_bridge.streams.names import VirtualStream, parse_virtual
from intacct_bridge.streams.partition import PartitionPage, lookup_filters
from intacct_bridge.streams.stream import Stream, StreamOutcome, stream_of
from intacct_protocol.errors import InvalidRequestError, RefusedError, SettingsError
from intacct_protocol.model import keys
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.query.query import MAX_IN, MAX_PAGE, Query
from intacct_protocol.xml.typed_arrow import arrow_type
from intacct_protocol.xml.values import Kind, Value

if TYPE_CHECKING:
    import pyarrow as pa

UNIFIED = "unified"
"""The reader of a unified stream that is made of several objects, or of a virtual stream."""
SYNONYMS = ("PurchaseInvoices", "Suppliers")
"""Entities of version 1 that are others under another name; they are read only if they are named."""
_KINDS = {
    "number": Kind.DECIMAL,
    "integer": Kind.INTEGER,
    "boolean": Kind.BOOLEAN,
    "date": Kind.DATE,
    "date-time": Kind.TIMESTAMP,
}
_ENCODER = msgspec.json.Encoder(decimal_format="number")
Row = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class UnifiedLines:
    """The lines in a record."""

    map: LineMap
    header_key: str
    """The field of a line that names its header."""
    refers_to: str
    """The header's field that `header_key` holds."""
    kind: Kind
    """Of `header_key`."""
    select: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnifiedStream:
    """One unified stream."""

    entity: EntityMap
    read: Stream
    """As it is read."""
    stored: Stream
    """As it is stored."""
    lines: tuple[UnifiedLines, ...] = ()
    custom: tuple[str, ...] = ()
    """Custom fields that the record lists."""
    parts: tuple["UnifiedStream", ...] = ()
    """A stream for each object, if several objects make the rows; the unified stream is then virtual."""


def select_unified(
    gateway: ReadGateway,
    version: str = "",
    names: Sequence[str] = (),
    select: Mapping[str, Sequence[str]] | None = None,
    *,
    maps: Sequence[EntityMap] = (),
    refused: list[StreamOutcome] | None = None,
) -> list[UnifiedStream]:
    """The streams of these entities; with no names, of all entities whose objects the company has.

    With `maps`, the streams of a user's own mappings.

    An entity raises if the gateway refuses to describe an object that it needs; with `refused`, its outcome is added
    there instead, under the name by which it was asked for.
    """
    if maps:
        entities = [(one.name, one) for one in maps]
    elif names:
        entities = [(name, _readable(unified_map(name, version))) for name in names]
    else:
        entities = [(one.name, one) for one in _possible(gateway, version)]
    closed: dict[str, RefusedError] = {}
    gateway.describe_many(dict.fromkeys(name for _, one in entities for name in _needed_objects(one)), closed)
    fields = {name.upper(): tuple(some) for name, some in (select or {}).items()}
    streams = []
    for name, entity in entities:
        selected = fields.get(entity.name.upper(), ())
        missing = next((one for one in _objects(entity) if one in closed), "")
        if not missing:
            streams.append(_unified_stream(gateway, entity, selected, closed))
        elif refused is None:
            raise closed[missing]
        else:
            _selected(entity, selected)
            error = closed[missing]
            message = f"{missing} cannot be read: {error.message}"
            refused.append(StreamOutcome(name, complete=False, error=message, fix=error.fix))
    return streams


def _readable(entity: EntityMap) -> EntityMap:
    if not entity.read:
        raise SettingsError(
            f"{entity.name} can only be loaded: Intacct answers no query for such records",
            fix=f"intacct load FILE --as v2:{entity.name}",
        )
    return entity


def _unified_stream(
    gateway: ReadGateway, entity: EntityMap, select: Sequence[str], closed: Container[str]
) -> UnifiedStream:
    if entity.virtual_stream:
        return _of_virtual(entity, select)
    parts = [_of_object(gateway, entity, one, select, closed) for one in (entity.read_object, *entity.also_reads)]
    if len(parts) == 1:
        return parts[0]
    stored = parts[0].stored
    columns = {name: kind for name, kind in stored.fields.items() if name not in stored.internal}
    together = Stream(
        entity.name,
        "",
        {KEY: Kind.TEXT} | columns,
        KEY,
        text_key=True,
        virtual=VirtualStream(UNIFIED, entity.name),
        nested=stored.nested,
        unreadable=tuple(dict.fromkeys(path for part in parts for path in part.read.unreadable)),
    )
    return UnifiedStream(entity, together, together, parts=tuple(parts))


def _of_virtual(entity: EntityMap, select: Sequence[str]) -> UnifiedStream:
    """The unified form of a virtual stream, under its own key."""
    fields = {KEY: Kind.TEXT} | _selected(entity, select)
    virtual = VirtualStream(UNIFIED, entity.name, (("of", entity.virtual_stream),))
    both = Stream(entity.name, "", fields, KEY, text_key=True, virtual=virtual)
    return UnifiedStream(entity, both, both)


def _possible(gateway: ReadGateway, version: str) -> list[EntityMap]:
    objects = {name.upper() for name in gateway.objects()}
    maps = (one for one in unified_maps(version).values() if one.read and one.name not in SYNONYMS)
    return [one for one in maps if objects.issuperset(_objects(one))]


def _objects(entity: EntityMap) -> tuple[str, ...]:
    return (entity.read_object, *entity.also_reads, *(line.object for line in read_lines(entity)))


def _needed_objects(entity: EntityMap) -> tuple[str, ...]:
    """The objects, and the headers of those that are lines; these are useful, but an entity can do without them."""
    above = filter(None, map(keys.owner, (entity.read_object, *entity.also_reads)))
    return (*_objects(entity), *(one.header for one in above))


def _of_object(
    gateway: ReadGateway, entity: EntityMap, object_name: str, select: Sequence[str], closed: Container[str]
) -> UnifiedStream:
    entity, described = entity.reading(object_name), gateway.describe(object_name)
    custom = tuple(one.name for one in described.fields.values() if one.custom) if entity.custom else ()
    needed = [*reads(entity), *custom]
    own_fields = [one for one in needed if one in described.fields]
    related, unreadable = _related(gateway, described, needed)
    read = stream_of(described, select=own_fields, name=entity.name, related=related)
    if read.header in closed:
        read = read.without_header
    internal = tuple(dict.fromkeys(one for one in _finding_fields(read) if one))
    columns = _selected(entity, select)
    nested = {one: schema for one, schema in _nested(entity).items() if one in columns}
    stored = replace(
        read,
        fields={one: read.fields[one] for one in internal} | columns,
        identity=("id",) if "id" in columns and not read.group else (),
        internal=internal,
        nested=nested,
        where=None,
    )
    lines = []
    for line in read_lines(entity):
        if line.into in columns:
            line_stream, unreadable_lines = _lines(gateway, line, described)
            lines.append(line_stream)
            unreadable += [f"{line.object}.{path}" for path in unreadable_lines]
    return UnifiedStream(entity, replace(read, unreadable=tuple(unreadable)), stored, tuple(lines), custom)


def _finding_fields(read: Stream) -> tuple[str, ...]:
    """The fields by which rows are found again in the copy."""
    return read.key, read.group, read.window, read.modified, read.natural_key, read.header_key


def _related(gateway: ReadGateway, described: ObjectDef, names: Iterable[str]) -> tuple[dict[str, Kind], list[str]]:
    """The fields of related objects among some names, and those whose objects the gateway would not describe; names
    that this company does not have are left out.
    """
    kinds: dict[str, Kind] = {}
    unreadable: list[str] = []
    for name in names:
        closed: list[str] = []
        kind = None if name in described.fields else related_kind(gateway, described, name, closed)
        if kind is not None:
            kinds[name] = kind
        unreadable += [name] if closed else []
    return kinds, unreadable


def _lines(gateway: ReadGateway, line: LineMap, header: ObjectDef) -> tuple[UnifiedLines, list[str]]:
    owner = keys.owner(line.object)
    assert owner is not None and owner.header == header.name, (line.object, header.name)
    described = gateway.describe(line.object)
    needed = line_reads(line)
    own_fields = [one for one in needed if one in described.fields]
    key = keys.keys_of(described).record
    related, unreadable = _related(gateway, described, needed)
    select = tuple(dict.fromkeys((key, owner.by, *own_fields, *related)))
    return UnifiedLines(line, owner.by, owner.key, described.kind_of(owner.by), select), unreadable


# --- columns


def _selected(entity: EntityMap, select: Sequence[str]) -> dict[str, Kind]:
    """The columns, or the selected ones and the id. InvalidRequestError for an unknown column."""
    columns = _columns(entity)
    if not select:
        return columns
    by_case = {one.upper(): one for one in columns}
    unknown = [one for one in select if one.upper() not in by_case and one != KEY]
    if unknown:
        raise InvalidRequestError(f"{entity.name} has no column {unknown[0]}", fix=f"It has {', '.join(columns)}.")
    chosen = {"id", *(by_case.get(one.upper(), "") for one in select)}
    return {one: kind for one, kind in columns.items() if one in chosen}


def _columns(entity: EntityMap) -> dict[str, Kind]:
    """The columns of the schema that the mapping can fill; lists and objects are strings that hold JSON."""
    columns = {name: _KINDS.get(one, Kind.TEXT) for name, one in _types(entity, entity.read).items()}
    return columns | dict.fromkeys(_nested(entity), Kind.TEXT)


def _types(entity: EntityMap, read: Mapping[str, Rules]) -> dict[str, str]:
    """The JSON types of columns; a date is a time if the schema has only times."""
    types = column_types(read)
    return {name: "date-time" if one == "date" and entity.day_as == "time" else one for name, one in types.items()}


def _nested(entity: EntityMap) -> dict[str, Any]:
    """The columns that hold lists and objects, each with its JSON schema."""
    types = _types(entity, entity.read)
    schemas: dict[str, Any] = {name: _json_type(one) for name, one in types.items() if one in ("array", "object")}
    if entity.custom:
        schemas[entity.custom.from_] = _list_of({entity.custom.name: "string", entity.custom.value: "string"})
    for line in read_lines(entity):
        schemas[line.into] = _list_of(_types(entity, line.read))
    return schemas


def _list_of(types: Mapping[str, str]) -> dict[str, Any]:
    properties = {name: _json_type(one) for name, one in types.items()}
    return {"type": ["null", "array"], "items": {"type": "object", "properties": properties}}


def _json_type(name: str) -> dict[str, Any]:
    if name == "array":
        return {"type": ["null", "array"], "items": {"type": "object"}}
    if name in ("date", "date-time"):
        return {"type": ["null", "string"], "format": name}
    return {"type": ["null", name]}


# --- rows


def unified_transforms(gateway: ReadGateway, streams: Iterable[UnifiedStream]) -> Iterator[Transform]:
    """How the rows of each stream become unified records."""
    for stream in streams:
        if stream.read.virtual:  # `UnifiedSource` gives unified rows
            yield Transform(stream.read, stream.stored)
        else:
            lookup_cost = _line_lookups(gateway, stream) if stream.lines else None
            yield Transform(stream.read, stream.stored, _Converter(gateway, stream), lookup_cost)


class _Converter:
    """Turns pages of an object's rows into unified records, with their lines."""

    def __init__(self, gateway: ReadGateway, stream: UnifiedStream) -> None:
        self._gateway = gateway
        self._stream = stream

    def __call__(self, rows: "pa.RecordBatch") -> "pa.RecordBatch":
        import pyarrow as pa

        stream = self._stream
        records = unified_records(self._gateway, stream, rows.to_pylist())
        internal = {name: rows.column(name) for name in stream.stored.internal}
        fields = {name: kind for name, kind in stream.stored.fields.items() if name not in internal}
        return pa.RecordBatch.from_pydict(internal | unified_columns(records, fields))


def unified_records(gateway: ReadGateway, stream: UnifiedStream, rows: Sequence[Row]) -> list[dict[str, object]]:
    """The unified records of an object's rows, each with its lines."""
    lines = [(each, _lines_of(gateway, each, rows)) for each in stream.lines]
    records = []
    for row in rows:
        lines_of_row = {each.map.object: found.get(_text(row.get(each.refers_to)), []) for each, found in lines}
        records.append(unified(stream.entity, row, lines_of_row, custom=stream.custom))
    return records


def _lines_of(gateway: ReadGateway, lines: UnifiedLines, page: Sequence[Row]) -> dict[str, list[Row]]:
    """The lines of the records of a page, by the text of their header's key."""
    lines_by_header: dict[str, list[Row]] = {}
    headers = [value for row in page if (value := row.get(lines.refers_to)) is not None]
    at_top = not gateway.connection.location_id
    for filter_, _ in lookup_filters(lines.header_key, as_kind(headers, lines.kind)):
        query = Query(lines.map.object, lines.select, where=filter_, show_private=at_top)
        for row in gateway.query(query):
            lines_by_header.setdefault(_text(row.get(lines.header_key)), []).append(row)
    return lines_by_header


def unified_columns(records: Sequence[Mapping[str, Any]], fields: Mapping[str, Kind]) -> "dict[str, pa.Array]":
    """Unified records as columns of their kinds."""
    import pyarrow as pa

    return {
        name: pa.array([_cell(record.get(name), kind) for record in records], arrow_type(kind))
        for name, kind in fields.items()
    }


def _line_lookups(gateway: ReadGateway, stream: UnifiedStream) -> LookupCost:
    """The cost of reading the lines of `records`: a query for each thousand headers, and further pages."""

    def cost(records: int, every: bool) -> int:  # noqa: FBT001
        queries = -(-records // MAX_IN)
        return sum(_pages(gateway, lines, queries) if every else queries for lines in stream.lines)

    return cost


def _pages(gateway: ReadGateway, lines: UnifiedLines, queries: int) -> int:
    """The pages of all lines: each query has one page or more, and its last page is half full on average."""
    at_top = not gateway.connection.location_id
    head = gateway.page(Query(lines.map.object, lines.select[:1], page_size=1, show_private=at_top)).head
    return max(queries, queries // 2 + -(-(head.total_count if head else 0) // MAX_PAGE))


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


class UnifiedSource(GatewaySource):
    """A company with unified streams that several objects make, or that are made of a virtual stream."""

    def __init__(self, gateway: ReadGateway, streams: Iterable[UnifiedStream]) -> None:
        super().__init__(gateway)
        self._streams = {one.read.name: one for one in streams}

    def unchanged(self, stream: Stream, since: str) -> bool:
        """Whether its virtual stream is unchanged; several objects always count as changed."""
        behind = self._behind(stream)
        return behind is not None and super().unchanged(behind, since)

    def virtual_cost(self, stream: Stream) -> int | None:
        """The cost of its virtual stream; for several objects only reading shows it."""
        behind = self._behind(stream)
        return None if behind is None else super().virtual_cost(behind)

    def virtual_pages(self, stream: Stream) -> Iterator[PartitionPage]:
        """The unified rows of its virtual stream, or of one object after another."""
        behind = self._behind(stream)
        if behind is None:
            yield from self._object_pages(stream)
            return
        import pyarrow

        unified_stream = self._streams[stream.name]
        fields = {name: kind for name, kind in stream.fields.items() if name != KEY}
        for page in super().virtual_pages(behind):
            records = [unified(unified_stream.entity, row) for row in page.rows.to_pylist()]
            columns = {KEY: page.rows.column(KEY)} | unified_columns(records, fields)
            yield PartitionPage(pyarrow.RecordBatch.from_pydict(columns), page.remaining)

    def _behind(self, stream: Stream) -> Stream | None:
        """The virtual stream that a unified stream is made of."""
        name = stream.virtual.get("of") if stream.virtual else ""
        virtual = parse_virtual(name) if name else None
        return None if virtual is None else virtual_stream(self._gateway, virtual)

    def _object_pages(self, stream: Stream) -> Iterator[PartitionPage]:
        """The rows of each object, with its name in the key."""
        import pyarrow

        at_top = not self._gateway.connection.location_id
        for part in self._streams[stream.name].parts:
            convert = _Converter(self._gateway, part)
            for rows in self._gateway.batches(Query(part.read.object, tuple(part.read.fields), show_private=at_top)):
                converted = convert(rows)
                key = pyarrow.array([f"{part.read.object}|{key}" for key in rows.column(part.read.key).to_pylist()])
                columns = {KEY: key} | {name: converted.column(name) for name in stream.fields if name != KEY}
                yield PartitionPage(pyarrow.RecordBatch.from_pydict(columns), 0)
