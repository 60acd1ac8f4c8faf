"""The interface of destinations. An extraction knows a destination only through it.

A destination holds one company's copy: a table for each stream, the bookmark of each stream, and a history of runs.
Each stream has one writer. Everything that a writer is given becomes visible at `commit`, all of it or nothing,
together with the bookmark that says how far the copy now reaches. A table is not shown under the stream's name until
the first full refresh has ended.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from intacct_bridge.streams.bookmark import Bookmark
from intacct_bridge.streams.stream import Stream, StreamOutcome
from intacct_protocol.errors import SettingsError
from intacct_protocol.xml.values import Value

if TYPE_CHECKING:
    import pyarrow as pa


READ_ON = "read_on"
"""The setting of a copy with the day of the last extraction, in the company's time."""


NO_TIMES: Mapping[str, datetime] = MappingProxyType({})
"""For deletes that the audit history does not have."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit did besides storing the rows that it was given."""

    added: tuple[str, ...] = ()
    widened: tuple[str, ...] = ()
    deleted: int = 0
    """Rows deleted by key, or no longer there under a replaced parent."""


@dataclass(frozen=True, slots=True)
class ColumnDifference:
    """Between the columns of a copy and the fields of a stream; empty if a destination cannot say."""

    missing: tuple[str, ...] = ()
    """Fields without a column."""
    unfilled: tuple[str, ...] = ()
    """Columns that the stream does not fill."""

    @classmethod
    def of(cls, columns: Collection[str], stream: Stream) -> "ColumnDifference":
        """Between these columns and a stream as it is stored."""
        missing = tuple(one for one in stream.fields if one not in columns)
        return cls(missing, tuple(one for one in columns if one not in stream.fields))

    def needs_refresh(self, stream: Stream, bookmark: Bookmark) -> bool:
        """Whether rows that did not change have to be read as well: a field is selected that they lack, or that the
        last read left unfilled. A custom field is filled as rows change, an unqueryable one never.
        """
        missing = set(self.missing).difference(stream.custom, bookmark.columns.unqueryable)
        filled = set(bookmark.columns.unfilled).difference(self.unfilled, bookmark.columns.unqueryable)
        return bool(missing or filled)

    def has_new_custom_field(self, stream: Stream, bookmark: Bookmark) -> bool:
        """Whether a custom field has appeared. It may have been there before the last runs, which went by definitions
        that were kept, so that rows which changed then lack it.
        """
        return bool(set(self.missing).intersection(stream.custom).difference(bookmark.columns.unqueryable))


@dataclass(frozen=True, slots=True)
class CopyState:
    """What a copy holds of a stream."""

    bookmark: Bookmark
    columns: tuple[str, ...] = ()
    """Empty if there are no rows."""

    def needs_refresh(self, stream: Stream) -> bool:
        """Whether a run of the stream, as it is stored, would make a full refresh for the sake of its columns."""
        return bool(self.columns) and ColumnDifference.of(self.columns, stream).needs_refresh(stream, self.bookmark)

    def bookmark_of(self, stream: Stream, definition_seconds: int) -> Bookmark:
        """The bookmark that a run of the stream, as it is stored, would continue from."""
        difference = ColumnDifference.of(self.columns, stream) if self.columns else ColumnDifference()
        is_new = difference.has_new_custom_field(stream, self.bookmark)
        return self.bookmark.read_again(definition_seconds) if is_new else self.bookmark


def require_identity(stream: Stream, columns: Collection[str] | None) -> None:
    """SettingsError if a copy lacks the column by which rows are found, so that every row would be added again."""
    lost = next((name for name in (stream.key, stream.group) if name and columns and name not in columns), "")
    if lost:
        raise SettingsError(
            f"the table {stream.name} has no column {lost}, by which its rows are told apart",
            fix=f"if it was renamed, name it {lost} again; if the table is another stream's, extract into another copy",
        )


def refuse_taken(table: str, fields: Iterable[str], reserved: Collection[str], *, ignores_case: bool) -> None:
    """SettingsError for a field with the name of a column that the copy or its database has besides the fields."""
    names = {name.casefold() if ignores_case else name for name in reserved}
    field = next((one for one in fields if (one.casefold() if ignores_case else one) in names), "")
    if field:
        raise SettingsError(
            f"{table} has a field {field}, and the copy needs this name for a column of its own",
            fix="leave the field out with `select`",
            setting="select",
        )


def refuse_same_name(name: str, names: Iterable[str]) -> None:
    """SettingsError if the copy holds a stream whose name DuckDB takes for the same: only one could be read back."""
    other = next((one for one in names if one != name and one.casefold() == name.casefold()), "")
    if other:
        raise SettingsError(
            f"the copy already holds {other}, which DuckDB takes for the same name as {name}",
            fix=f"extract {name} into another copy",
        )


class StreamWriter(Protocol):
    """The writer of one stream; used by one thread at a time."""

    @property
    def complete(self) -> bool:
        """Whether a full refresh has ended, so that the copy is complete."""

    @property
    def loading(self) -> bool:
        """Whether rows of a first full refresh are there that has not ended."""

    @property
    def difference(self) -> ColumnDifference:
        """Between the rows that are there and the stream; empty if there are none."""

    def write(self, rows: "pa.RecordBatch") -> None:
        """Add new rows, and replace known ones by key."""

    def replace(self, parents: Sequence[Value]) -> None:
        """Replace the rows of these parents (of these groups) by those that are written before the next commit."""

    def delete(self, keys: Sequence[Value], *, field: str = "", times: Mapping[str, datetime] = NO_TIMES) -> None:
        """Delete rows by key, or by the named field. `times` are those of the audit history, by the text of a value."""

    def commit(self, bookmark: Bookmark, at: datetime) -> Committed:
        """Make everything since the last commit visible, with the bookmark. `at` is the company's time."""

    def keys_by_value(self, field: str, values: Sequence[Value]) -> dict[Value, list[Value]] | None:
        """The keys of the live rows that hold these values of a field, by value; a value without rows is left out.

        None if the destination cannot be read.
        """

    def values_of(self, field: str, keys: Sequence[Value]) -> set[Value] | None:
        """The values of a field that the live rows with these keys have; None if they are not known."""

    def missed_by(self, run: int) -> list[Value]:
        """The values of the walked field whose live rows this run, and later ones, did not write."""

    def rows_by_value(self) -> dict[Value, int] | None:
        """The number of live rows for each value of the walked field; None if the destination cannot be read."""

    def count_rows(self) -> tuple[int, Value] | None:
        """The number of live rows, and the highest value of the walked field; None as for `rows_by_value`."""


class Destination(Protocol):
    """A destination."""

    uri: str
    commit_rows: int
    """How many rows of one stream a commit should hold."""
    commit_bytes: int
    """How many bytes in memory a commit should hold, for long rows; 0: only rows count."""
    commit_seconds: float
    """How long rows should wait, so that the last commit of a slow stream is small; 0: only rows count."""

    def open(self, company: str, started: datetime) -> int:
        """Begin a run and return its number, higher than any before. SettingsError for another company's copy."""

    def bookmarks(self) -> Mapping[str, Bookmark]:
        """The bookmark of every stream that was ever read into this destination."""

    def writer(self, stream: Stream, bookmark: Bookmark) -> StreamWriter:
        """The writer of one stream, to continue from this bookmark."""

    def finish(self, outcomes: Sequence[StreamOutcome], at: datetime) -> None:
        """Store the run's history."""

    def close(self) -> None:
        """Close files and connections; anything that was not committed is lost."""
