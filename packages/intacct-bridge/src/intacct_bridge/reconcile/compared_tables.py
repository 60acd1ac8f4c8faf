"""The tables of a copy that can be compared: each with the stream that reads it from the company, and its columns.

A table is compared if it holds all records of an object, or all documents of a transaction definition. Other tables
are named with the reason why they are not.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from intacct_bridge.client.protocol import ReadGateway
from intacct_bridge.copies.copy import OpenCopy
from intacct_bridge.extract.run import DELETES
from intacct_bridge.extract.selection import select_streams
from intacct_bridge.extract.transform import stored_names
from intacct_bridge.streams.bookmark import Bookmark
from intacct_bridge.streams.names import AUDIT, DOCUMENTS, parse_virtual
from intacct_bridge.streams.stream import APPEND_ONLY, Stream
from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.xml.values import Kind

if TYPE_CHECKING:
    import pyarrow as pa

LEDGER = "GLDETAIL"
_BOOK = "BOOKID"
_WHOLE = "*"
"""In place of a field that is left out: the table as a whole."""


_AS_ASKED = "left out as you asked"


@dataclass(frozen=True, slots=True)
class ComparedTable:
    """One table, and the stream of the company that it should equal."""

    name: str
    """The table's name in the copy."""
    stream: Stream
    columns: Mapping[str, str]
    """The compared fields, each with its column in the copy."""
    show_private: bool = True

    @property
    def identity(self) -> tuple[str, ...]:
        """The fields that tell records apart. A key of the ledger's view may stand in several entries and books."""
        fields = (self.stream.group, self.stream.key, _BOOK) if self.stream.group else (self.stream.key,)
        return tuple(one for one in fields if one in self.columns)

    def kind(self, field: str) -> Kind:
        """The kind of a compared field."""
        return self.stream.fields[field]

    def fields_of(self, *kinds: Kind) -> list[str]:
        """The compared fields of these kinds, in the gateway's order."""
        return [one for one in self.columns if self.kind(one) in kinds]


@dataclass(frozen=True, slots=True)
class NotCompared:
    """A table, or fields of one, that were not compared."""

    table: str
    reason: str
    fields: tuple[str, ...] = ()
    """Empty: the table as a whole."""


@dataclass(frozen=True, slots=True)
class MissingTable:
    """A stream that was extracted into the copy, and has no complete table there."""

    table: str
    reason: str
    fix: str = ""


def missing_tables(copy: OpenCopy, *, ignored: Mapping[str, Collection[str]] | None = None) -> Iterator[MissingTable]:
    """The streams that the runs of the copy noted, and that have no table; without those that are left out."""
    present = {one.casefold() for one in copy.tables}
    present |= {name.casefold() for name, fields in (ignored or {}).items() if _WHOLE in fields}
    present.add(DELETES)
    for name in sorted({*copy.bookmarks, *copy.failures}):
        if name.casefold() in present:
            continue
        failed, bookmark = copy.failures.get(name), copy.bookmarks.get(name, Bookmark())
        reason = "its table was dropped, or its first full refresh has not ended"
        if failed and failed.error:
            reason = failed.error
        elif failed or bookmark.in_progress:
            reason = "its first full refresh has not ended"
        yield MissingTable(name, reason, failed.fix if failed else "")


def compared_tables(
    gateway: ReadGateway, copy: OpenCopy, *, ignored: Mapping[str, Collection[str]] | None = None
) -> tuple[list[ComparedTable], list[NotCompared]]:
    """The tables that can be compared, and those that cannot.

    `ignored` are fields by table that are left out, `*` for all. InvalidRequestError if the copy does not have one of
    them.
    """
    left_out = {name.upper(): {one.upper() for one in fields} for name, fields in (ignored or {}).items()}
    _refuse_unknown(copy, left_out)
    names, others = dict[str, str](), list[NotCompared]()
    for table in copy.tables:
        name, reason = _stream_name(table, copy.bookmarks.get(table, Bookmark()))
        if _WHOLE in left_out.get(table.upper(), ()):
            others.append(NotCompared(table, _AS_ASKED))
        elif reason:
            others.append(NotCompared(table, reason))
        else:
            names[name] = table
    selection = select_streams(gateway, names, skip_refused=True, skip_missing=True)
    tables = []
    for text, stream in zip(selection.names, selection.streams, strict=True):
        table = names.pop(text)
        tables.append(_table(gateway, copy, table, stream, left_out.get(table.upper(), set())))
        others += _left_out_fields(table, left_out.get(table.upper(), set()))
    reasons = {one.name.upper(): one.error for one in selection.refused}
    for text, table in names.items():
        reason = reasons.get(text.upper()) or reasons.get(table.upper()) or "the company has no object of this name"
        others.append(NotCompared(table, reason))
    return tables, sorted(others, key=lambda one: (one.table, one.fields))


def _stream_name(table: str, bookmark: Bookmark) -> tuple[str, str]:
    """The stream's name of a table; or, if it cannot be compared, the reason."""
    variant = bookmark.columns.variant
    if bookmark.progress.start:
        return "", f"the copy holds only what changed since {bookmark.progress.start}"
    if table.upper() in APPEND_ONLY or table.upper().startswith(f"{AUDIT}_") or table.lower().startswith("audit_"):
        return "", "the audit history grows with every access, this one included"
    if ":" in variant and variant.upper().startswith(DOCUMENTS):
        return f"{variant}?as={table}", ""
    if variant or parse_virtual(table) is not None:
        return "", "it comes from a report or a function, and every extraction reads it again"
    if not re.fullmatch(r"\w+", table):
        return "", "it does not have the name of an object"
    return table, ""


def _table(gateway: ReadGateway, copy: OpenCopy, table: str, stream: Stream, ignored: Collection[str]) -> ComparedTable:
    bookmark = copy.bookmarks.get(table, Bookmark())
    needed = {stream.key, stream.walk_field}
    skipped = {*bookmark.columns.unqueryable, *bookmark.columns.unfilled, *stream.internal}
    columns = {
        field: column
        for field, column in _columns(stream, copy.tables[table].columns)
        if field in needed or (field not in skipped and field.upper() not in ignored)
    }
    return ComparedTable(
        table,
        replace(stream, fields={name: stream.fields[name] for name in columns}),
        columns,
        show_private=not gateway.connection.location_id,
    )


def _columns(stream: Stream, present: "pa.Schema") -> Iterator[tuple[str, str]]:
    """Each field that the copy has, with its column: by the name it was stored under, else regardless of case and
    dots.
    """
    renamed = stored_names(stream.fields)
    loose = {_loose(one): one for one in present.names}
    for field in stream.fields:
        stored = renamed.get(field, field)
        column = stored if stored in present.names else loose.get(_loose(stored))
        if column is not None:
            yield field, column


def _loose(name: str) -> str:
    return name.casefold().replace(".", "_")


def _left_out_fields(table: str, ignored: Collection[str]) -> list[NotCompared]:
    return [NotCompared(table, _AS_ASKED, tuple(sorted(ignored)))] if ignored else []


def _refuse_unknown(copy: OpenCopy, left_out: Mapping[str, Collection[str]]) -> None:
    columns_of = {name.upper(): {_loose(one) for one in table.column_names} for name, table in copy.tables.items()}
    noted = {one.upper() for one in (*copy.bookmarks, *copy.failures)}
    for table, fields in left_out.items():
        if _WHOLE in fields and table in {*columns_of, *noted}:
            continue
        if table not in columns_of:
            raise InvalidRequestError(f"`ignore` names {table}, which is not in the copy", setting="ignore")
        lost = [one for one in fields if _loose(one) not in columns_of[table]]
        if lost:
            raise InvalidRequestError(f"`ignore` names {table}.{lost[0]}, which is not in the copy", setting="ignore")
