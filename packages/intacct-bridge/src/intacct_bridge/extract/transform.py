"""Transforms: streams that are stored with other columns than they are read with, and the column of the owning entity.

Every page is converted before the destination gets it. The rows that are read and those that are stored share their
keys, so changes, replacements and deletes pass unchanged.

MEGAENTITYID names the entity that owns a record; it is empty for what all entities share. Lines do not have it: theirs
is their header's, read along with them if a relation leads there, else looked up for the headers of a page, once
each.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from intacct_bridge.client.protocol import ReadGateway
from intacct_bridge.extract.strategies import as_kind
from intacct_bridge.streams.partition import lookup_filters
from intacct_bridge.streams.stream import COPY_COLUMNS, Stream
from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.query.query import MAX_PAGE, Query
from intacct_protocol.xml.python_columns import with_texts
from intacct_protocol.xml.values import Kind, Value

if TYPE_CHECKING:
    import pyarrow as pa

    from intacct_bridge.extract.estimate import LookupCost

Convert = Callable[["pa.RecordBatch"], "pa.RecordBatch"]
"""Rows as they are read, to rows as they are stored."""


@dataclass(frozen=True, slots=True)
class Transform:
    """One stream as it is read and as it is stored."""

    read: Stream
    stored: Stream
    convert: Convert | None = None
    """None if rows are stored as they are read."""
    lookup_cost: "LookupCost | None" = None
    """The transactions of the lookups that converting takes; None if it takes none."""

    def then(self, after: "Transform") -> "Transform":
        """The stream with another transform of what this one stores."""
        first, second = self.convert, after.convert
        if first is None or second is None:
            return replace(self, stored=after.stored, convert=first or second)
        return replace(self, stored=after.stored, convert=lambda rows: second(first(rows)))


# --- names of columns


def under_stored_names(stream: Stream) -> Transform:
    """A stream for a destination if no two columns differ by case only, and none has a name that copies add.

    Databases compare names without their case, and every copy has columns such as `_run`. Such a field gets a column of
    another name, which `stored_names` gives.
    """
    names = stored_names(stream.fields)
    return Transform(stream, with_names(stream, names), (lambda rows: _renamed(rows, names)) if names else None)


def stored_names(fields: Iterable[str]) -> dict[str, str]:
    """The columns of the fields that cannot have their own names; none for nearly every stream.

    Of names that differ by case only, the one in capitals stays, else the first in order. A field keeps its column as
    long as it has the same others beside it.
    """
    names = list(fields)
    used = {one.casefold() for one in _TAKEN}
    columns: dict[str, str] = {}
    for name in sorted(names, key=lambda one: (one != one.upper(), one)):
        column, number = name, 1
        while column.casefold() in used:
            number += 1
            column = f"{name}_{number}"
        used.add(column.casefold())
        if column != name:
            columns[name] = column
    return columns


def with_names(stream: Stream, names: Mapping[str, str]) -> Stream:
    """The stream as it is stored under these names of columns."""
    fields = {names.get(name, name): kind for name, kind in stream.fields.items()}
    return replace(stream, fields=fields) if names else stream


def _renamed(rows: "pa.RecordBatch", names: Mapping[str, str]) -> "pa.RecordBatch":
    return rows.rename_columns([names.get(name, name) for name in rows.schema.names])


# --- the column of the owning entity

OWNER = "MEGAENTITYID"
_TAKEN = (*COPY_COLUMNS, "_seq", "_at")
"""Names of columns that a copy adds, or that its queries use."""
_MOST_KNOWN = 200_000
"""Headers whose owner is kept in memory."""


def with_entity_column(gateway: ReadGateway, streams: Iterable[Stream], column: str) -> list[Transform]:
    """The streams with a column of this name for the owning entity; virtual streams have none.

    InvalidRequestError if a stream has a field of this name.
    """
    return [_with_entity_column(gateway, one, column) for one in streams]


def _with_entity_column(gateway: ReadGateway, stream: Stream, column: str) -> Transform:
    if not stream.object:
        return Transform(stream, stream)
    if any(column.upper() == name.upper() for name in (*stream.fields, *_TAKEN)):
        raise InvalidRequestError(
            f"{stream.name} already has a field {column}", fix="Give the entity column another name."
        )
    described = gateway.describe(stream.object, stream.doc_par_id)
    path = OWNER if described.get(OWNER) else ""
    if not path and stream.header_key:
        to_header = (
            f"{name}.{OWNER}"
            for name, one in described.relations.items()
            if (one.by, one.object) == (stream.header_key, stream.header)
        )
        path = next(to_header, "")
    stored = replace(stream, fields={**stream.fields, column: Kind.TEXT})
    if path:
        read = stream if path in stream.fields else replace(stream, fields={**stream.fields, path: Kind.TEXT})
        return Transform(read, stored, _RenamedOwner(path, column, keep=path in stream.fields))
    if stream.header_key and gateway.describe(stream.header).get(OWNER):
        return Transform(stream, stored, _HeaderOwner(gateway, stream, column), _header_lookups)
    return Transform(stream, stored, _NoOwner(column))


def _header_lookups(rows: int, every: bool) -> int:  # noqa: ARG001, FBT001
    """The number of lookups for these lines, if a header has two lines or more."""
    return -(-rows // MAX_PAGE)


class _RenamedOwner:
    """The owner was read with the row."""

    def __init__(self, path: str, column: str, *, keep: bool) -> None:
        self._path = path
        self._column = column
        self._keep = keep

    def __call__(self, rows: "pa.RecordBatch") -> "pa.RecordBatch":
        owners = rows.column(self._path)
        return (rows if self._keep else rows.drop_columns([self._path])).append_column(self._column, owners)


class _NoOwner:
    """The owner cannot be known."""

    def __init__(self, column: str) -> None:
        self._column = column

    def __call__(self, rows: "pa.RecordBatch") -> "pa.RecordBatch":
        return with_texts(rows, self._column, [None] * rows.num_rows)


class _HeaderOwner:
    """The owner is looked up in the header."""

    def __init__(self, gateway: ReadGateway, stream: Stream, column: str) -> None:
        self._gateway = gateway
        self._stream = stream
        self._column = column
        self._kind = gateway.describe(stream.header).kind_of(stream.refers_to)
        self._owners: dict[str, Value] = {}

    def __call__(self, rows: "pa.RecordBatch") -> "pa.RecordBatch":
        headers = [None if one is None else str(one) for one in rows.column(self._stream.header_key).to_pylist()]
        if len(self._owners) > _MOST_KNOWN:
            self._owners.clear()
        self._look_up(dict.fromkeys(one for one in headers if one is not None and one not in self._owners))
        owners = [None if (owner := self._owners.get(one or "")) is None else str(owner) for one in headers]
        return with_texts(rows, self._column, owners)

    def _look_up(self, headers: Mapping[str, None]) -> None:
        stream = self._stream
        at_top = not self._gateway.connection.location_id
        for filter_, batch in lookup_filters(stream.refers_to, as_kind(headers, self._kind)):
            self._owners |= dict.fromkeys(map(str, batch))
            query = Query(stream.header, (stream.refers_to, OWNER), where=filter_, show_private=at_top)
            for row in self._gateway.query(query):
                self._owners[str(row[stream.refers_to])] = row.get(OWNER)
