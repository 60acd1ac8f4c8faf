"""What a destination has to offer, and how one is named. The extraction knows destinations only through this.

A sink holds one company's copy: a table a stream, the bookmark of every stream, a history of runs. One writer serves
one stream. What a writer is told becomes visible at `commit`, all of it or nothing, together with the bookmark that
says how far the copy now reaches; until a first walk over everything has ended, a table is not shown as the stream's.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from intacct_bridge.errors import SettingsError
from intacct_bridge.flow.streams.bookmark import Bookmark
from intacct_bridge.flow.streams.stream import Stream, StreamOutcome
from intacct_bridge.wire.values import Value

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit did beyond storing the rows it was given."""

    added: tuple[str, ...] = ()
    widened: tuple[str, ...] = ()
    deleted: int = 0
    """Rows that are gone: deleted by key, or no longer there under a replaced parent."""


@dataclass(frozen=True, slots=True)
class ColumnDifference:
    """Between the columns of the rows that are there and the fields that a stream brings; none where nobody can say."""

    lacks: tuple[str, ...] = ()
    """Fields without a column."""
    beside: tuple[str, ...] = ()
    """Columns that the stream does not fill."""

    @classmethod
    def of(cls, columns: Collection[str], stream: Stream) -> "ColumnDifference":
        """What a stream that is stored with these fields changes about these columns."""
        lacks = tuple(one for one in stream.fields if one not in columns)
        return cls(lacks, tuple(one for one in columns if one not in stream.fields))

    def widens(self, stream: Stream, bookmark: Bookmark) -> bool:
        """Whether rows that did not change have to be read as well: a field is chosen that they lack, or that the runs
        before left out. One that somebody made in the company is filled as rows change, an unqueryable one never.
        """
        lacks = set(self.lacks).difference(stream.custom, bookmark.columns.unqueryable)
        return bool(lacks or set(bookmark.columns.unfilled).difference(self.beside, bookmark.columns.unqueryable))


@dataclass(frozen=True, slots=True)
class CopyState:
    """What a copy holds of a stream."""

    bookmark: Bookmark
    columns: tuple[str, ...] = ()
    """None where no rows are there."""

    def widened_by(self, stream: Stream) -> bool:
        """Whether a run of the stream, as it is stored, would read whole what is there for the sake of its columns."""
        return bool(self.columns) and ColumnDifference.of(self.columns, stream).widens(stream, self.bookmark)


def refuse_other(stream: Stream, columns: Collection[str] | None) -> None:
    """Raise where what is there lacks the column by which rows are found: each would be added beside its old self."""
    lost = next((name for name in (stream.key, stream.group) if name and columns and name not in columns), "")
    if lost:
        raise SettingsError(
            f"the table {stream.name} has no column {lost}, by which its rows are told apart",
            fix=f"if it was renamed, name it {lost} again; if the table is another stream's, extract into another copy",
        )


def refuse_alike(name: str, names: Iterable[str]) -> None:
    """Raise where a stream that DuckDB takes for the same table is there: a reader would find one of them only."""
    other = next((one for one in names if one != name and one.casefold() == name.casefold()), "")
    if other:
        raise SettingsError(
            f"the copy holds {other} already, which DuckDB takes for the same name as {name}",
            fix=f"extract {name} into another copy",
        )


class Writer(Protocol):
    """One stream's way into the destination; used by one thread at a time."""

    @property
    def complete(self) -> bool:
        """A walk over everything has once ended, so a whole copy is there."""

    @property
    def begun(self) -> bool:
        """Rows of a first walk that has not ended are there."""

    @property
    def difference(self) -> ColumnDifference:
        """How the rows which are there differ from the stream; not at all where there are none."""

    def write(self, rows: "pa.RecordBatch") -> None:
        """Rows as they are now: new ones are added, known ones replaced by key."""

    def replace(self, parents: Sequence[Value]) -> None:
        """The rows of these parents (of these groups) give way to what is written before the next commit."""

    def delete(self, keys: Sequence[Value], *, field: str = "") -> None:
        """Rows that are gone, by their key or by the named field."""

    def commit(self, bookmark: Bookmark, at: datetime) -> Committed:
        """Make everything since the last commit visible, with the bookmark. `at` is the company's time."""

    def live(self, field: str, values: Sequence[Value]) -> dict[Value, list[Value]] | None:
        """Of these values of a field, those that rows not deleted hold, each with the keys of these rows.

        None where the destination cannot be asked what it holds.
        """

    def unseen(self, walk: int) -> list[Value]:
        """What the walk numbered `walk` has not met: values of the walked field of rows not deleted."""

    def held(self) -> dict[Value, int] | None:
        """All values of the walked field of rows not deleted, each with its rows; None where nobody can be asked."""

    def count(self) -> tuple[int, Value] | None:
        """How many rows are not deleted, and the highest value of the walked field; None as for `held`."""


class Sink(Protocol):
    """A destination."""

    uri: str
    commit_rows: int
    """How many rows of one stream a commit should hold."""
    commit_bytes: int
    """And how many bytes in memory, where rows are long; 0 where only rows count."""
    commit_seconds: float
    """The same for a slow stream, so that its last commit is small as well; 0 where only rows count."""

    def open(self, company: str, started: datetime) -> int:
        """Begin a run: refuses another company's copy, and gives the run's number, higher than any before."""

    def bookmarks(self) -> Mapping[str, Bookmark]:
        """The bookmark of every stream that was ever read into this destination."""

    def writer(self, stream: Stream, bookmark: Bookmark) -> Writer:
        """The writer of one stream, to go on from this bookmark."""

    def finish(self, outcomes: Sequence[StreamOutcome], at: datetime) -> None:
        """Write the run's history."""

    def close(self) -> None:
        """Let go of files and connections; what was not committed is lost."""


def quoted(name: str) -> str:
    """A table's or column's name as SQL takes it, whatever it holds."""
    if "\0" in name:
        raise SettingsError(f"{name!r} cannot be the name of a table or column")
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class DestinationUri:
    """A destination's URI taken apart."""

    scheme: str
    path: str
    """A file, a folder, or (Postgres) the whole URI."""
    uri: str = field(default="", compare=False)


_PASSWORD = re.compile(r"(password\s*=\s*).*", re.IGNORECASE)


def shown(uri: str) -> str:
    """The URI as it may be printed: without a user, a password, and options, which may hold one too."""
    scheme, there, rest = uri.partition("://")
    if not there:
        scheme, there, rest = uri.partition(":")
    before, at, after = rest.rpartition("@")
    if at and not rest.startswith("/"):
        if "?" in before:  # it may end a password that holds a question mark, or stand in one among the options
            return f"{scheme}{there}***"
        rest = after if there == "://" or ":" in before else rest
    elif at and there == ":":
        rest = after
    return _PASSWORD.sub(r"\1***", f"{scheme}{there}{rest.partition('?')[0]}")


SCHEMES = ("duckdb", "parquet", "csv", "jsonl", "postgresql")
_SUFFIXES = {".duckdb": "duckdb", ".ddb": "duckdb"}


def place(uri: str) -> DestinationUri:
    """Read a destination: `duckdb:///f.duckdb` (three slashes: from here; four: from the root), `parquet:DIR`."""
    if uri == "-":
        return DestinationUri("singer", "-", uri)
    scheme, colon, rest = uri.partition(":")
    scheme = "postgresql" if scheme == "postgres" else scheme
    if not colon or scheme not in SCHEMES:
        for suffix, known in _SUFFIXES.items():
            if uri.endswith(suffix) and "://" not in uri:
                return DestinationUri(known, uri, uri)
        raise SettingsError(
            f"{shown(uri)!r} is no destination we know",
            fix="use duckdb:///FILE.duckdb, parquet:DIR, csv:DIR, jsonl:DIR, postgresql://..., or - for Singer",
        )
    if scheme == "postgresql":
        if not rest.startswith("//"):
            raise SettingsError(f"{shown(uri)!r} names no server", fix="write postgresql://USER@HOST/DATABASE")
        return DestinationUri(scheme, f"{scheme}:{rest}", uri)
    if rest.startswith("///"):
        path = rest[3:]
    elif rest.startswith("//"):
        raise SettingsError(
            f"{shown(uri)!r} names a host, and {scheme} is a local destination", fix=f"write {scheme}:///PATH"
        )
    else:
        path = rest
    if not path:
        raise SettingsError(f"{shown(uri)!r} names no file or folder", fix=f"write {scheme}:PATH")
    if "://" in path or path.startswith(
        (":memory:", "md:", "motherduck:")
    ):  # which the libraries would take for more than a path
        raise SettingsError(f"{shown(path)} is no file or folder of this machine", fix=f"write {scheme}:PATH")
    if path.startswith("~/"):  # no shell does it behind a colon
        path = str(Path(path).expanduser())
    return DestinationUri(scheme, path, uri)
