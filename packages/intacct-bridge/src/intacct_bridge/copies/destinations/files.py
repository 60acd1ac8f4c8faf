"""A copy in a folder of change files: what Parquet, CSV and JSON lines share.

A commit writes files that never change again, and then replaces the manifest, which also holds the bookmark; see
`manifest`. The files of a full refresh are kept apart and replace the whole stream in the commit that ends it, so a
reader always sees a complete copy: the old one or the new one. Files are written under a temporary name and renamed
when they are complete.
"""

import os
import re
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from errno import EIO
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from intacct_bridge.copies.destinations.base import (
    NO_TIMES,
    READ_ON,
    ColumnDifference,
    Committed,
    refuse_same_name,
    refuse_taken,
    require_identity,
)
from intacct_bridge.copies.destinations.latest_rows import cached_queries, latest, views
from intacct_bridge.copies.destinations.manifest import (
    NAME,
    ROWS,
    RUNS,
    ChangeFile,
    CopyFolder,
    Manifest,
    ManifestEntry,
)
from intacct_bridge.copies.destinations.schema_evolution import (
    combined,
    dates_that_become_times,
    evolve,
    joined,
    schema_of,
)
from intacct_bridge.machine.replaced_file import force_names
from intacct_bridge.streams.bookmark import Bookmark
from intacct_bridge.streams.stream import COPY_COLUMNS, Stream, StreamOutcome
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.sql_text import quoted
from intacct_protocol.xml.typed_arrow import arrow_type
from intacct_protocol.xml.values import Kind, Value

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

_LONGEST_NAME = 120
_LONG_ROW = 300_000
"""Bytes of a row; written, they become at most six times as many, which every reader takes (DuckDB two million)."""
_TAKEN = ("runs", "manifest.json", "latest.sql")
_OUR_COLUMNS = (*COPY_COLUMNS, "_seq", "_at")
"""The columns of the files, and of the queries that read them."""
GATHER_ROWS = 6_000
"""Rows kept in memory before they go into the file: a row group of Parquet."""
GATHER_BYTES = 16 * 2**20
"""Bytes kept in memory before they go into the file, for long rows."""


class OpenFile(Protocol):
    """A file that is being written."""

    def write(self, rows: "pa.Table") -> None:
        """Add rows with the columns that the file was opened with."""

    def close(self) -> None:
        """Write the end of the file and close it."""


class FileFormat(Protocol):
    """How rows become a file."""

    name: str
    suffix: str
    in_lines: bool
    """Whether a reader takes the file line by line, and has to be told of a long line."""

    def open(self, path: Path, first: "pa.Table") -> OpenFile:
        """Begin a file with the columns of these rows, which are the first to be written."""


# --- files of one stream


class ChangeFiles:
    """The files of one commit of one stream."""

    def __init__(self, root: Path, stream: str, run: int, format_: FileFormat) -> None:
        self.done: list[ChangeFile] = []
        """Files that are complete and not yet taken."""
        self._root = root
        self._folder = _folder(stream)
        self._run = run
        self._format = format_
        self._number = 0
        self._open: tuple[OpenFile, pa.Schema, str] | None = None
        self._rows = self._longest = 0
        self._failed = False
        self._new_folder = not (root / self._folder).is_dir()
        with self._writing(self._folder):
            (root / self._folder).mkdir(exist_ok=True)

    @property
    def has_rows(self) -> bool:
        """Whether a file of rows is open, or complete and not yet taken."""
        return self._open is not None or any(one.kind == ROWS for one in self.done)

    def add_rows(self, rows: "pa.Table") -> None:
        """Put rows into the open file; rows with other columns begin a new file."""
        if self._open is not None and not self._open[1].equals(rows.schema):
            self._close()
        if self._open is None:
            self._open = self._begin(ROWS, rows)
            self._rows = self._longest = 0
        file, _, name = self._open
        with self._writing(name, file):
            file.write(rows)
        self._rows += rows.num_rows
        if self._format.in_lines:
            self._longest = max(self._longest, longest_row(rows))

    def add_markers(self, field: str, marks: Sequence[tuple[Value, int]], of: "pa.DataType") -> None:
        """Write a file that says which values of a field are deleted, and at which number."""
        import pyarrow as pa

        values, numbers = [value for value, _ in marks], [number for _, number in marks]
        rows = pa.table({"value": pa.array(values, of), "_seq": pa.array(numbers, pa.int64())})
        file, _, name = self._begin("gone", rows)
        with self._writing(name, file):
            file.write(rows)
        self._finish(file, name, ChangeFile(name, field, self._run, len(marks)))

    def cut(self) -> None:
        """Let the next rows begin a new file."""
        self._close()

    def take(self) -> tuple[ChangeFile, ...]:
        """The files that were written since the last call, complete and, also after a power cut, under their names."""
        self._close()
        with self._writing(self._folder):
            if self.done:
                force_names(self._root / self._folder)
            if self._new_folder:
                force_names(self._root)
                self._new_folder = False
        done, self.done = tuple(self.done), []
        return done

    def of_days(self, columns: Collection[str]) -> None:
        """These columns are times from here on; the files so far hold dates in them."""
        self._close()
        self.done = [one.of_days(columns) if one.kind == ROWS else one for one in self.done]

    def give_up(self) -> None:
        """The files that were taken did not become part of the copy, so nothing may follow them."""
        self._failed = True

    def _begin(self, what: str, first: "pa.Table") -> "tuple[OpenFile, pa.Schema, str]":
        self._number += 1
        name = f"{self._folder}/{self._run:06}-{self._number:04}-{what}.{self._format.suffix}"
        with self._writing(name):
            return self._format.open(self._temporary(name), first), first.schema, name

    def _close(self) -> None:
        if self._open is not None:
            file, _, name = self._open
            self._open = None
            self._finish(file, name, ChangeFile(name, ROWS, self._run, self._rows, longest=self._longest))

    def _finish(self, file: OpenFile, name: str, change_file: ChangeFile) -> None:
        """Close a file, make sure that it is on the disk, and give it its name."""
        with self._writing(name):
            file.close()
            with self._temporary(name).open("rb+") as written:
                os.fsync(written.fileno())
            self._temporary(name).replace(self._root / name)
        self.done.append(change_file)

    @contextmanager
    def _writing(self, name: str, file: OpenFile | None = None) -> Iterator[None]:
        """Nothing more is written after a write failed: rows in between would be missing."""
        try:
            if self._failed:
                raise OSError(EIO, "an earlier write failed")
            yield
        except OSError as error:
            self._failed = True
            for left in {id(one): one for one in (file, self._open and self._open[0]) if one is not None}.values():
                with suppress(Exception):
                    left.close()
            self._open = None
            raise unwritable(self._root / name, error) from None

    def _temporary(self, name: str) -> Path:
        return self._root / f"{name}.tmp"


def _folder(stream: str) -> str:
    """The folder of a stream's files: a name that no other stream has, that we do not use, and that stays inside."""
    safe = re.sub(r"[^A-Za-z0-9_.-]", "_", stream)[:_LONGEST_NAME]
    if safe == stream and safe[0] != "." and safe.lower() not in _TAKEN:
        return safe
    return f"{safe.lstrip('.')}-{sha256(stream.encode()).hexdigest()[:8]}"


def unwritable(path: Path, error: OSError) -> SettingsError:
    """The error for a file that cannot be written."""
    return SettingsError(
        f"{path} cannot be written: {error.strerror or error}",
        fix="free some disk space or check the permissions; committed rows are kept, and the next run continues",
    )


@contextmanager
def unreadable(folder: Path, stream: str) -> Iterator[None]:
    """SettingsError if the files of a stream cannot be read back."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        reason = str(error).strip().splitlines()[0]
        raise SettingsError(
            f"the files of {stream} in {folder} cannot be read: {reason}",
            fix=f"put back the files that are missing or damaged, or extract {stream} again with `full = true`",
            setting="full",
        ) from None


# --- rows on their way to a file


def longest_row(rows: "pa.Table") -> int:
    """Bytes of text in the longest row; 0 if no row is so long that a reader has to be told."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = [column for column in rows.columns if pa.types.is_string(column.type)]
    if sum(pc.max(pc.binary_length(column)).as_py() or 0 for column in texts) < _LONG_ROW:
        return 0
    total = pa.chunked_array([pa.repeat(pa.scalar(0, pa.int64()), rows.num_rows)])
    for column in texts:
        total = pc.add(total, pc.fill_null(pc.binary_length(column), 0))
    most = pc.max(total).as_py() or 0
    return int(most) if most >= _LONG_ROW else 0


def with_copy_columns(rows: "pa.Table", run: int, at: datetime, numbers: Sequence[tuple[int, int]]) -> "pa.Table":
    """The rows with the columns that a copy adds. `numbers`: each number with the count of rows that have it."""
    import pyarrow as pa

    added = {
        "_run": pa.repeat(pa.scalar(run, pa.int64()), rows.num_rows),
        "_read_at": pa.repeat(pa.scalar(at, pa.timestamp("us", "UTC")), rows.num_rows),
        "_seq": pa.chunked_array(
            [pa.repeat(pa.scalar(number, pa.int64()), count) for number, count in numbers], pa.int64()
        ),
    }
    return pa.Table.from_arrays([*rows.columns, *added.values()], [*rows.column_names, *added])


def with_all_columns(rows: "pa.Table", schema: "pa.Schema") -> "pa.Table":
    """The rows with every column of the schema, in its order; missing columns are null."""
    import pyarrow as pa

    if rows.schema.equals(schema):
        return rows
    present = set(rows.schema.names)
    columns = [
        rows.column(field.name) if field.name in present else pa.nulls(rows.num_rows, field.type) for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def schema_from(columns: Sequence[tuple[str, str]]) -> "pa.Schema | None":
    """The columns that a manifest names; None if there are none yet."""
    import pyarrow as pa

    types = {str(one): one for one in map(arrow_type, Kind)}
    return pa.schema([(name, types[of]) for name, of in columns]) if columns else None


# --- the destination


class FileDestination:
    """A folder as a destination."""

    commit_rows = 50_000
    commit_bytes = 0
    commit_seconds = 0.0

    def __init__(self, path: str, format_: FileFormat) -> None:
        self.uri = f"{format_.name}:{path}"
        self.format = format_
        self.folder = CopyFolder(Path(path))
        self.run = 0
        self.manifest = Manifest()
        self.read_at = datetime.now(UTC)
        """The company's time when the run began; rows are at least as new."""
        self._lock = threading.RLock()
        self._queries = cached_queries(format_.name)
        self._database: DuckDBPyConnection | None = None

    def open(self, company: str, started: datetime) -> int:
        """Begin a run."""
        self.read_at = started
        self._suitable_manifest(company)  # a folder of something else is not even locked
        self.folder.lock()
        manifest = self._suitable_manifest(company)  # another run may have ended since, and files have its number
        self.run = manifest.run + 1
        self.publish(replace(manifest, company=company, format=self.format.name, run=self.run))
        return self.run

    def _suitable_manifest(self, company: str) -> Manifest:
        """The manifest; SettingsError if the folder holds another company's copy, or one in another format."""
        manifest = self.folder.read()
        if manifest.company not in ("", company):
            raise SettingsError(
                f"{self.folder.path} holds a copy of company {manifest.company}, and this connection is to {company}",
                fix="give each company a folder of its own",
            )
        if manifest.format not in ("", self.format.name):
            raise SettingsError(
                f"{self.folder.path} holds {manifest.format} files", fix=f"write {manifest.format}:PATH"
            )
        return manifest

    def bookmarks(self) -> Mapping[str, Bookmark]:
        """The bookmark of every stream in the manifest."""
        return {name: entry.bookmark for name, entry in self.manifest.streams.items()}

    def complete_tables(self) -> list[str]:
        """The streams whose first full refresh has ended."""
        return [name for name, entry in self.manifest.streams.items() if entry.complete]

    def settings(self) -> Mapping[str, str]:
        """What the copy keeps about the company."""
        return self.manifest.settings

    def keep_settings(self, values: Mapping[str, str], at: datetime) -> None:  # noqa: ARG002  # databases keep the time
        """Keep values about the company."""
        with self._lock:
            if changed := {name: value for name, value in values.items() if self.manifest.settings.get(name) != value}:
                self.publish(replace(self.manifest, settings={**self.manifest.settings, **changed}))

    def writer(self, stream: Stream, bookmark: Bookmark) -> "FileWriter":
        """The writer of one stream."""
        return FileWriter(self, stream, bookmark)

    def finish(self, outcomes: Sequence[StreamOutcome], at: datetime) -> None:
        """Write the run's history as a file of its own."""
        history = {"run": self.run, "finished": at.isoformat(), "outcomes": [one.to_dict() for one in outcomes]}
        try:
            self.folder.keep_history(self.run, history)
        except OSError as error:
            raise unwritable(self.folder.path / RUNS, error) from None
        self.keep_settings({READ_ON: at.date().isoformat()}, at)

    def close(self) -> None:
        """Let others write; files that were not committed are removed by the next run."""
        with self._lock:
            if self._database is not None:
                self._database.close()
            self._database = None
        self.folder.unlock()

    def connection(self) -> "DuckDBPyConnection":
        """A connection for one query, to a database in memory: to make a database takes longer than most queries."""
        import duckdb

        with self._lock:
            if self._database is None:
                self._database = duckdb.connect()
            return self._database.cursor()

    def publish(self, manifest: Manifest) -> None:
        """Replace the manifest."""
        with self._lock:
            try:
                self.folder.publish(manifest, views(manifest, queries=self._queries))
            except OSError as error:
                raise unwritable(self.folder.path / NAME, error) from None
            self.manifest = manifest

    def publish_entry(self, name: str, entry: ManifestEntry) -> None:
        """Replace the entry of one stream in the manifest."""
        with self._lock:
            self.publish(self.manifest.with_entry(name, entry))


class FileWriter:
    """The writer of one stream's files.

    Every batch of rows and every marker gets a number as it comes; if two contradict each other the later one
    counts.
    """

    def __init__(self, destination: FileDestination, stream: Stream, bookmark: Bookmark) -> None:
        self._destination = destination
        self._stream = stream
        self._entry = destination.manifest.streams.get(stream.name, ManifestEntry(stream.key, stream.group))
        if not bookmark.in_progress:  # a walk that left files is not resumed
            self._entry = replace(self._entry, loading=(), loading_columns=())
        self._schema = schema_from(self._entry.loading_columns or self._entry.columns)
        self._sequence = self._entry.sequence
        self._batches: list[tuple[pa.RecordBatch, int]] = []
        self._markers: dict[str, list[tuple[Value, int]]] = {}
        self._changed = Committed()
        self._files = ChangeFiles(destination.folder.path, stream.name, destination.run, destination.format)

    @property
    def complete(self) -> bool:
        """Whether the copy is complete."""
        return self._entry.complete

    @property
    def loading(self) -> bool:
        """Whether there are files of a full refresh that has not ended."""
        return bool(self._entry.loading)

    @property
    def difference(self) -> ColumnDifference:
        """Between the columns of the files and the stream."""
        return ColumnDifference() if self._schema is None else ColumnDifference.of(self._schema.names, self._stream)

    def write(self, rows: "pa.RecordBatch") -> None:
        """Keep rows in memory, and from some number on put them into the file of this commit."""
        if not rows.num_rows:
            return
        self._sequence += 1
        self._batches.append((rows, self._sequence))
        waiting = sum(int(batch.num_rows) for batch, _ in self._batches)
        if (
            waiting >= GATHER_ROWS
            or sum(int(batch.get_total_buffer_size()) for batch, _ in self._batches) >= GATHER_BYTES
        ):
            self._flush()

    def replace(self, parents: Sequence[Value]) -> None:
        """Mark the rows under the parents as deleted; rows that are written later stay."""
        self._mark(self._stream.group or self._stream.header_key, parents)

    def delete(
        self,
        keys: Sequence[Value],
        *,
        field: str = "",
        times: Mapping[str, datetime] = NO_TIMES,  # noqa: ARG002
    ) -> None:
        """Mark rows as deleted."""
        name = field or self._stream.key
        deleted = sum(map(len, self.keys_by_value(name, keys).values()))
        self._changed = replace(self._changed, deleted=self._changed.deleted + deleted)
        self._mark(name, keys)

    def commit(self, bookmark: Bookmark, at: datetime) -> Committed:
        """Close the files of this commit and publish them with the bookmark."""
        schema = self._flush()
        for field, marks in self._markers.items():
            self._files.add_markers(field, marks, schema.field(field).type)
        ends_refresh = bookmark.refreshed_since(self._entry.bookmark)
        apart = bookmark.full or ends_refresh
        before = self._entry.loading if apart else self._entry.files
        if ends_refresh and not self._files.has_rows and not any(one.kind == ROWS for one in before):
            self._files.add_rows(with_copy_columns(schema.empty_table(), self._destination.run, at, []))
        files = (*before, *self._files.take())
        published = ends_refresh or not apart
        columns = tuple((field.name, str(field.type)) for field in schema)
        entry = replace(
            self._entry,
            columns=columns if published else self._entry.columns,
            loading_columns=() if published else columns,
            files=files if published else self._entry.files,
            loading=() if published else files,
            complete=self._entry.complete or ends_refresh,
            sequence=self._sequence,
            bookmark=bookmark,
        )
        try:
            self._destination.publish_entry(self._stream.name, entry)
        except SettingsError:
            self._files.give_up()
            raise
        done, self._changed = self._changed, Committed()
        self._entry, self._markers = entry, {}
        return done

    def keys_by_value(self, field: str, values: Sequence[Value]) -> dict[Value, list[Value]]:
        """Look values up in the latest rows."""
        if not values or self._schema is None or field not in self._schema.names:
            return {}
        pairs = self._query(f"SELECT {quoted(field)}, {quoted(self._stream.key)} FROM latest", field, values)
        keys_by_value: dict[Value, list[Value]] = {}
        for value, key in pairs:
            keys_by_value.setdefault(value, []).append(key)
        return keys_by_value

    def values_of(self, field: str, keys: Sequence[Value]) -> set[Value] | None:
        """Look keys up in the latest rows."""
        if self._schema is None or field not in self._schema.names:
            return None
        if not keys:
            return set()
        rows = self._query(f"SELECT DISTINCT {quoted(field)} FROM latest", self._stream.key, keys)
        return {value for (value,) in rows}

    def missed_by(self, run: int) -> list[Value]:
        """The values of the copy that are not in the files of the full refresh, which are to replace it."""
        del run
        if not (self._entry.complete and self._entry.bookmark.full):
            return []
        walked = quoted(self._stream.walk_field)
        has_rows = any(one.kind == ROWS for one in self._entry.loading)
        read = f"EXCEPT SELECT {walked} FROM loading" if has_rows else ""
        return [value for (value,) in self._query(f"SELECT DISTINCT {walked} FROM latest {read} ORDER BY 1")]

    def rows_by_value(self) -> dict[Value, int]:
        """Count the latest rows by value."""
        return dict(self._query(f"SELECT {quoted(self._stream.walk_field)}, count(*) FROM latest GROUP BY 1"))

    def count_rows(self) -> tuple[int, Value]:
        """Count the latest rows."""
        rows = self._query(f"SELECT count(*), max({quoted(self._stream.walk_field)}) FROM latest")
        return rows[0] if rows else (0, None)

    def _mark(self, field: str, values: Sequence[Value]) -> None:
        self._sequence += 1
        self._markers.setdefault(field, []).extend((value, self._sequence) for value in values)

    def _flush(self) -> "pa.Schema":
        """Put the waiting rows into the file; the columns that the stream has now."""
        refuse_same_name(self._stream.name, self._destination.manifest.streams)
        if self._schema is not None:
            require_identity(self._stream, (self._entry.key, self._entry.group))
        declared = schema_of(self._stream.fields)
        incoming = joined((declared, *(batch.schema for batch, _ in self._batches)), self._stream.name)
        refuse_taken(self._stream.name, incoming.names, _OUR_COLUMNS, ignores_case=True)
        evolution = evolve(self._stream.name, self._schema, incoming)
        if days := dates_that_become_times(self._schema, evolution):
            self._files.of_days(days)
            self._entry = self._entry.of_days(days)
        if self._batches:
            rows = with_all_columns(combined([batch for batch, _ in self._batches], evolution.schema), evolution.schema)
            numbers = [(number, batch.num_rows) for batch, number in self._batches]
            self._files.add_rows(with_copy_columns(rows, self._destination.run, self._destination.read_at, numbers))
        elif evolution.added:  # a reader needs at least one file with the column
            empty = evolution.schema.empty_table()
            self._files.add_rows(with_copy_columns(empty, self._destination.run, self._destination.read_at, []))
        self._schema, self._batches = evolution.schema, []
        self._changed = replace(
            self._changed,
            added=self._changed.added + evolution.added,
            widened=self._changed.widened + evolution.widened,
        )
        return evolution.schema

    def _query(self, sql: str, field: str = "", values: Sequence[Value] = ()) -> list[Any]:
        """The rows of a query over `latest`, or only those with one of these values in a field."""
        import pyarrow as pa

        entry = self._entry
        loading = replace(entry, files=entry.loading, columns=entry.loading_columns)
        entries = {"latest": entry if entry.complete else loading, "loading": loading}
        if not any(one.kind == ROWS for one in entries["latest"].files):
            return []
        with unreadable(self._destination.folder.path, self._stream.name), self._destination.connection() as con:
            for name, manifest_entry in entries.items():
                if any(file.kind == ROWS for file in manifest_entry.files):
                    query = latest(manifest_entry, self._destination.format.name, str(self._destination.folder.path))
                    con.execute(f"CREATE TEMP VIEW {name} AS {query}")
            if field:
                assert self._schema is not None
                con.register("listed", pa.table({"v": pa.array(values, self._schema.field(field).type)}))
                sql += f" WHERE {quoted(field)} IN (SELECT v FROM listed)"
            rows: list[Any] = con.execute(sql).fetchall()
        return rows
