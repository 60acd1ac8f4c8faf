"""Records of Intacct through an outward mapping: nested for JSON, or as flat rows for a table.

for row in mapped_rows(gateway, entity, Query("APBILL", ("*",))): ...
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from itertools import islice
from typing import Any, cast

from intacct_bridge.client.protocol import ReadGateway
from intacct_bridge.export_maps.maps import LINES, flat_columns, flat_lines, with_lists
from intacct_bridge.extract.unified import UnifiedStream, select_unified, unified_records
from intacct_bridge.mapping.language import EntityMap
from intacct_bridge.mapping.paths import value_at
from intacct_bridge.mapping.unify import unified
from intacct_protocol.model.batched import batched
from intacct_protocol.model.query.query import Query
from intacct_protocol.xml.values import Kind, Value

_AT_ONCE = 1000
"""Records whose lines are read together."""
Record = dict[str, Any]


def mapped_record(entity: EntityMap, row: Mapping[str, Value]) -> Record:
    """One record in the other system's shape, from a typed row; makes no call."""
    return unified(with_lists(entity), row, None)


def typed_row(record: Mapping[str, Any], kinds: Mapping[str, Kind]) -> dict[str, Value]:
    """A record from JSON, such as that of an event, with days and times as a query gives them."""
    return {name: _typed(kinds.get(name), value) for name, value in record.items()}


def _typed(kind: Kind | None, value: Any) -> Value:
    if not isinstance(value, str) or not value:
        return None if value == "" else cast("Value", value)
    if kind is Kind.DATE:
        return date.fromisoformat(value[:10])
    return datetime.fromisoformat(value) if kind is Kind.TIMESTAMP else value


def mapped_records(gateway: ReadGateway, entity: EntityMap, query: Query, *, limit: int = 0) -> Iterator[Record]:
    """The records of a query in the other system's shape, with their lines, which a query reads for many at once.

    The query's fields are those that the mapping reads.
    """
    (stream,) = select_unified(gateway, maps=[with_lists(entity)])
    yield from _records(gateway, stream, query, limit)


def mapped_rows(gateway: ReadGateway, entity: EntityMap, query: Query, *, limit: int = 0) -> Iterator[Record]:
    """The same as flat rows, every row with all columns: a nested value under its path, flat lines as rows."""
    columns = flat_columns(entity)
    repeated = flat_lines(entity)
    for record in mapped_records(gateway, entity, query, limit=limit):
        lines = record.get(LINES) if repeated else None
        for line in lines or [{}]:
            yield {path: _flat(line, record, path) for path in columns}


def _flat(line: Mapping[str, Any], record: Mapping[str, Any], path: str) -> Any:
    value = value_at(line, path)
    return value_at(record, path) if value is None else value


def _records(gateway: ReadGateway, stream: UnifiedStream, query: Query, limit: int) -> Iterator[Record]:
    request = replace(query, object=stream.read.object, select=tuple(stream.read.fields))
    if limit:
        request = replace(request, page_size=min(limit, request.page_size))
    rows = islice(gateway.query(request), limit or None)
    for chunk in batched(rows, _AT_ONCE):
        yield from unified_records(gateway, stream, chunk)
