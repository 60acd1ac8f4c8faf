"""Outward mappings: records of Intacct in the columns or the shape of another system.

The mapping file has the language of the way in. Every column of `[read]` is filled, and every column of `[fields]`
whose rule can be reversed. Lines without a list of their own (`from`) are flat rows, as in the input that such a
mapping loads.

for row in mapped_rows(gateway, entity, Query("APBILL", ("*",))): ...
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any, cast

import msgspec

from intacct_bridge.client.protocol import ReadGateway
from intacct_bridge.extract.unified import UnifiedStream, select_unified, unified_records
from intacct_bridge.mapping.language import EntityMap, parse_map
from intacct_bridge.mapping.paths import value_at
from intacct_bridge.mapping.unify import read_lines, unified
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.batched import batched
from intacct_protocol.model.query.query import Query
from intacct_protocol.xml.values import Kind, Value

LINES = "lines"
"""The list that holds lines which have no list of their own."""

_AT_ONCE = 1000
"""Records whose lines are read together."""
Record = dict[str, Any]


def read_map(path: Path) -> EntityMap:
    """The mapping in a file; SettingsError for one that fills no column on the way out."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not readable as UTF-8 text"
        raise SettingsError(f"cannot read {path}: {reason}", fix="check the path") from None
    entity = parse_map(text, str(path))
    if not entity.read:
        raise SettingsError(
            f"{path} fills no column on the way out of Intacct",
            fix='add a table [read] with COLUMN = "FIELD": rules such as lookups and joins work in one direction only',
        )
    return entity


def with_lists(entity: EntityMap) -> EntityMap:
    """The mapping with a list for lines that are flat rows, which a stream keeps as a list."""
    lines = tuple(
        msgspec.structs.replace(line, into=LINES) if not line.sources and not line.into and line.read else line
        for line in entity.lines
    )
    return msgspec.structs.replace(entity, lines=lines)


def flat_lines(entity: EntityMap) -> bool:
    """Whether a row of the other system is a line, with the record's columns repeated."""
    return any(not one.sources and not one.into and one.read for one in entity.lines)


def flat_columns(entity: EntityMap) -> tuple[str, ...]:
    """The columns of a table in the other system: those of the record, then those of flat lines, each once."""
    flat = [path for one in entity.lines if not one.sources and not one.into for path in one.read]
    lists = [one.into for one in read_lines(entity)]
    return tuple(dict.fromkeys((*entity.read, *flat, *lists)))


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
