"""A copy in a folder of change files: what Parquet, CSV and JSON lines have in common.

A commit writes files that never change again, then replaces the manifest, which also holds the bookmark; see
`manifest`. A walk over everything gathers its files aside and takes the place of the whole stream in the commit that
ends it, so what a reader sees is always whole: the old copy or the new one.

Files of rows and of markers, written under a temporary name and renamed once they are whole.
"""

import os
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from errno import EIO
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from intacct_bridge.errors import SettingsError
from intacct_bridge.flow.destinations.manifest import ROWS, ChangeFile
from intacct_bridge.wire.columns import arrow_type
from intacct_bridge.wire.values import Kind, Value

if TYPE_CHECKING:
    import pyarrow as pa
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC
from json import dumps
from typing import TYPE_CHECKING, Any

from intacct_bridge.flow.destinations.base import ColumnDifference, Committed, quoted, refuse_alike, refuse_other
from intacct_bridge.flow.destinations.latest_rows import latest, views
from intacct_bridge.flow.destinations.manifest import NAME, Folder, Manifest, ManifestEntry, Texts
from intacct_bridge.flow.destinations.schema_evolution import days_no_more, evolve, gathered, joined, schema_of
from intacct_bridge.flow.streams.bookmark import Bookmark
from intacct_bridge.flow.streams.stream import Stream, StreamOutcome

_LONGEST = 120
_LONG = 300_000
"""Bytes of a row that become at most six times as many when written, which every reader takes: DuckDB two million."""
_TAKEN = ("runs", "manifest.json", "latest.sql")


class OpenFile(Protocol):
    """A file being written."""

    def write(self, rows: "pa.Table") -> None:
        """Add rows; their columns are those the file was opened with."""

    def close(self) -> None:
        """Write what the format wants at its end."""


class Format(Protocol):
    """How rows become a file."""

    name: str
    suffix: str

    def open(self, path: Path, schema: "pa.Schema") -> OpenFile:
        """Begin a file."""


class ChangeFiles:
    """The files of one commit of one stream."""

    def __init__(self, root: Path, stream: str, run: int, format_: Format) -> None:
        self.done: list[ChangeFile] = []
        """Files that are whole and not yet taken."""
        self._root = root
        self._folder = _folder(stream)
        self._run = run
        self._format = format_
        self._number = 0
        self._open: tuple[OpenFile, pa.Schema, str] | None = None
        self._rows = self._longest = 0
        self._failed = False
        with self._written(self._folder):
            (root / self._folder).mkdir(exist_ok=True)

    def add_rows(self, rows: "pa.Table") -> None:
        """Put rows into the open file; other columns than it has begin a new one."""
        if self._open is not None and not self._open[1].equals(rows.schema):
            self._close()
        if self._open is None:
            self._open = self._begin(ROWS, rows.schema)
            self._rows = self._longest = 0
        file, _, name = self._open
        with self._written(name, file):
            file.write(rows)
        self._rows += rows.num_rows
        self._longest = max(self._longest, longest(rows))

    def add_markers(self, field: str, marks: Sequence[tuple[Value, int]], of: "pa.DataType") -> None:
        """A file of its own that says which values of a field are gone, and when."""
        import pyarrow as pa

        values, numbers = [value for value, _ in marks], [number for _, number in marks]
        rows = pa.table({"value": pa.array(values, of), "_seq": pa.array(numbers, pa.int64())})
        file, _, name = self._begin("gone", rows.schema)
        with self._written(name, file):
            file.write(rows)
        self._settle(file, name, ChangeFile(name, field, self._run, len(marks)))

    def cut(self) -> None:
        """Let the next rows begin a new file."""
        self._close()

    def take(self) -> tuple[ChangeFile, ...]:
        """Everything written since the last time, whole and in its place."""
        self._close()
        with self._written(self._folder):
            pass
        done, self.done = tuple(self.done), []
        return done

    def of_days(self, columns: Collection[str]) -> None:
        """These columns are times from here on; what is written already holds days."""
        self._close()
        self.done = [one.of_days(columns) if one.kind == ROWS else one for one in self.done]

    def give_up(self) -> None:
        """What was taken did not become part of the copy, so nothing may follow it."""
        self._failed = True

    def _begin(self, what: str, schema: "pa.Schema") -> "tuple[OpenFile, pa.Schema, str]":
        self._number += 1
        name = f"{self._folder}/{self._run:06}-{self._number:04}-{what}.{self._format.suffix}"
        with self._written(name):
            return self._format.open(self._temporary(name), schema), schema, name

    def _close(self) -> None:
        if self._open is not None:
            file, _, name = self._open
            self._open = None
            self._settle(file, name, ChangeFile(name, ROWS, self._run, self._rows, longest=self._longest))

    def _settle(self, file: OpenFile, name: str, made: ChangeFile) -> None:
        """Close, make sure that it is on the disk, and give it its name."""
        with self._written(name):
            file.close()
            with self._temporary(name).open("rb+") as written:
                os.fsync(written.fileno())
            self._temporary(name).replace(self._root / name)
        self.done.append(made)

    @contextmanager
    def _written(self, name: str, file: OpenFile | None = None) -> Iterator[None]:
        """Nothing more is written after something could not be: the rest of it would be missing."""
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
            raise unwritten(self._root / name, error) from None

    def _temporary(self, name: str) -> Path:
        return self._root / f"{name}.tmp"


def _folder(stream: str) -> str:
    """Where a stream's files lie: a name that neither another stream has nor we, and that leads nowhere else."""
    safe = re.sub(r"[^A-Za-z0-9_.-]", "_", stream)[:_LONGEST]
    if safe == stream and safe[0] != "." and safe.lower() not in _TAKEN:
        return safe
    return f"{safe.lstrip('.')}-{sha256(stream.encode()).hexdigest()[:8]}"


def unwritten(path: Path, error: OSError) -> SettingsError:
    """What to say of a file that could not be written."""
    return SettingsError(
        f"{path} cannot be written: {error.strerror or error}",
        fix="make room or check the rights; what was committed is kept, and the next run goes on from there",
    )


@contextmanager
def unreadable(folder: Path, stream: str) -> Iterator[None]:
    """Put into words what goes wrong when the files of a stream are read back."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        said = str(error).strip().splitlines()[0]
        raise SettingsError(
            f"the files of {stream} in {folder} cannot be read: {said}",
            fix=f"put back what is missing or damaged, or extract {stream} again with `full = true`",
            setting="full",
        ) from None


def longest(rows: "pa.Table") -> int:
    """Bytes of text in the longest row; 0 where no row is so long that a reader has to be told."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if rows.nbytes < _LONG:
        return 0
    total = pa.chunked_array([pa.repeat(pa.scalar(0, pa.int64()), rows.num_rows)])
    for column in rows.columns:
        if pa.types.is_string(column.type):
            total = pc.add(total, pc.fill_null(pc.binary_length(column), 0))
    most = pc.max(total).as_py() or 0
    return int(most) if most >= _LONG else 0


def with_ours(rows: "pa.Table", run: int, at: datetime, numbers: Sequence[int]) -> "pa.Table":
    """The rows with the columns that we add."""
    import pyarrow as pa

    ours = {
        "_run": pa.repeat(pa.scalar(run, pa.int64()), rows.num_rows),
        "_read_at": pa.repeat(pa.scalar(at, pa.timestamp("us", "UTC")), rows.num_rows),
        "_seq": pa.array(numbers, pa.int64()),
    }
    for name, column in ours.items():
        rows = rows.append_column(name, column)
    return rows


def widened(rows: "pa.Table", schema: "pa.Schema") -> "pa.Table":
    """The rows with every column of the schema, in its order; what they lack is null."""
    import pyarrow as pa

    held = set(rows.schema.names)
    columns = [
        rows.column(field.name) if field.name in held else pa.nulls(rows.num_rows, field.type) for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def schema_from(columns: Sequence[tuple[str, str]]) -> "pa.Schema | None":
    """Columns as a manifest names them; None where there are none yet."""
    import pyarrow as pa

    types = {str(one): one for one in map(arrow_type, Kind)}
    return pa.schema([(name, types[of]) for name, of in columns]) if columns else None


GATHER_ROWS = 6_000
"""Rows held in memory before they go into the file: a row group of Parquet."""
GATHER_BYTES = 16 * 2**20
"""The same where rows are long."""


class FileSink:
    """A folder as a destination."""

    commit_rows = 50_000
    commit_bytes = 0
    commit_seconds = 0.0

    def __init__(self, path: str, format_: Format) -> None:
        self.uri = f"{format_.name}:{path}"
        self.format = format_
        self.folder = Folder(Path(path))
        self.run = 0
        self.manifest = Manifest()
        self.read_at = datetime.now(UTC)
        """The company's time when the run began: rows are at least as new."""
        self._lock = threading.RLock()
        self._queries = Texts(lambda entry: latest(entry, format_.name))

    def open(self, company: str, started: datetime) -> int:
        """Begin a run."""
        self.read_at = started
        held = self.folder.read()
        if held.company not in ("", company):
            raise SettingsError(
                f"{self.folder.path} holds a copy of company {held.company}, and this connection is to {company}",
                fix="give each company a folder of its own",
            )
        if held.format not in ("", self.format.name):
            raise SettingsError(f"{self.folder.path} holds {held.format} files", fix=f"write {held.format}:PATH")
        self.folder.hold()
        self.run = held.run + 1
        self.publish(replace(self.folder.read(), company=company, format=self.format.name, run=self.run))
        return self.run

    def bookmarks(self) -> Mapping[str, Bookmark]:
        """The bookmark of every stream in the manifest."""
        return {name: entry.bookmark for name, entry in self.manifest.streams.items()}

    def writer(self, stream: Stream, bookmark: Bookmark) -> "FileWriter":
        """The writer of one stream."""
        return FileWriter(self, stream, bookmark)

    def finish(self, outcomes: Sequence[StreamOutcome], at: datetime) -> None:
        """Write the run's history as a file of its own."""
        history = {"run": self.run, "finished": at.isoformat(), "outcomes": [one.to_dict() for one in outcomes]}
        folder = self.folder.path / "runs"
        try:
            folder.mkdir(exist_ok=True)
            self.folder.replace(f"runs/{self.run:06}.json", dumps(history, indent=1, ensure_ascii=False))
        except OSError as error:
            raise unwritten(folder, error) from None

    def close(self) -> None:
        """Let others write; files that were not committed are left to be cleared away."""
        self.folder.release()

    def publish(self, manifest: Manifest) -> None:
        """Make a manifest the one that counts."""
        with self._lock:
            try:
                self.folder.publish(manifest, views(manifest, known=self._queries))
            except OSError as error:
                raise unwritten(self.folder.path / NAME, error) from None
            self.manifest = manifest

    def publish_entry(self, name: str, entry: ManifestEntry) -> None:
        """The same with one stream as it is now."""
        with self._lock:
            self.publish(self.manifest.with_entry(name, entry))


class FileWriter:
    """One stream's files.

    Every batch of rows and every marker gets a number as it comes; of two that contradict each other the later counts.
    """

    def __init__(self, sink: FileSink, stream: Stream, bookmark: Bookmark) -> None:
        self._sink = sink
        self._stream = stream
        self._entry = sink.manifest.streams.get(stream.name, ManifestEntry(stream.key, stream.group))
        if not bookmark.in_progress:
            self._entry = replace(
                self._entry, loading=(), loading_columns=()
            )  # of a walk that is not to be gone on with
        self._schema = schema_from(self._entry.loading_columns or self._entry.columns)
        self._sequence = self._entry.sequence
        self._batches: list[tuple[pa.RecordBatch, int]] = []
        self._markers: dict[str, list[tuple[Value, int]]] = {}
        self._changed = Committed()
        self._files = ChangeFiles(sink.folder.path, stream.name, sink.run, sink.format)

    @property
    def complete(self) -> bool:
        """A whole copy is there."""
        return self._entry.complete

    @property
    def begun(self) -> bool:
        """Files of an unfinished walk are there."""
        return bool(self._entry.loading)

    @property
    def _met_some(self) -> bool:
        """Whether the walk in progress has met any row."""
        return any(one.kind == ROWS for one in self._entry.loading)

    @property
    def difference(self) -> ColumnDifference:
        """Between the files and the stream."""
        return ColumnDifference() if self._schema is None else ColumnDifference.of(self._schema.names, self._stream)

    def write(self, rows: "pa.RecordBatch") -> None:
        """Hold some rows, then put them into the file of this commit."""
        if not rows.num_rows:
            return
        self._sequence += 1
        self._batches.append((rows, self._sequence))
        rows_held = sum(int(batch.num_rows) for batch, _ in self._batches)
        if rows_held >= GATHER_ROWS or sum(int(batch.nbytes) for batch, _ in self._batches) >= GATHER_BYTES:
            self._flush()

    def replace(self, parents: Sequence[Value]) -> None:
        """Mark what stands under the parents as gone; what is written from here on stays."""
        self._mark(self._stream.group or self._stream.header_key, parents)

    def delete(self, keys: Sequence[Value], *, field: str = "") -> None:
        """Mark what is gone."""
        name = field or self._stream.key
        gone = sum(map(len, self.live(name, keys).values()))
        self._changed = replace(self._changed, deleted=self._changed.deleted + gone)
        self._mark(name, keys)

    def commit(self, bookmark: Bookmark, at: datetime) -> Committed:
        """Close the files of this commit and publish them with the bookmark."""
        schema = self._flush()
        for field, marks in self._markers.items():
            self._files.add_markers(field, marks, schema.field(field).type)
        ends_full = bookmark.refreshed_since(self._entry.bookmark)
        aside = bookmark.full or ends_full
        kept = self._entry.loading if aside else self._entry.files
        if ends_full and not any(one.kind == ROWS for one in (*kept, *self._files.done)):
            self._files.add_rows(with_ours(schema.empty_table(), self._sink.run, at, []))
        files = (*kept, *self._files.take())
        published = ends_full or not aside
        columns = tuple((field.name, str(field.type)) for field in schema)
        entry = replace(
            self._entry,
            columns=columns if published else self._entry.columns,
            loading_columns=() if published else columns,
            files=files if published else self._entry.files,
            loading=() if published else files,
            complete=self._entry.complete or ends_full,
            sequence=self._sequence,
            bookmark=bookmark,
        )
        try:
            self._sink.publish_entry(self._stream.name, entry)
        except SettingsError:
            self._files.give_up()
            raise
        done, self._changed = self._changed, Committed()
        self._entry, self._markers = entry, {}
        return done

    def live(self, field: str, values: Sequence[Value]) -> dict[Value, list[Value]]:
        """Look values up in the latest rows."""
        if not values or self._schema is None or field not in self._schema.names:
            return {}
        pairs = self._ask(f"SELECT {quoted(field)}, {quoted(self._stream.key)} FROM latest", field, values)
        found: dict[Value, list[Value]] = {}
        for value, key in pairs:
            found.setdefault(value, []).append(key)
        return found

    def unseen(self, walk: int) -> list[Value]:
        """What was there and is not in the files of the walk over everything, which are to take the place of all."""
        del walk
        if not (self._entry.complete and self._entry.bookmark.full):
            return []
        walked = quoted(self._stream.walk_field)
        beside = f"EXCEPT SELECT {walked} FROM loading" if self._met_some else ""
        return [value for (value,) in self._ask(f"SELECT DISTINCT {walked} FROM latest {beside} ORDER BY 1")]

    def held(self) -> dict[Value, int]:
        """Look through the latest rows."""
        return dict(self._ask(f"SELECT {quoted(self._stream.walk_field)}, count(*) FROM latest GROUP BY 1"))

    def count(self) -> tuple[int, Value]:
        """Count the latest rows."""
        found = self._ask(f"SELECT count(*), max({quoted(self._stream.walk_field)}) FROM latest")
        return found[0] if found else (0, None)

    def _mark(self, field: str, values: Sequence[Value]) -> None:
        self._sequence += 1
        self._markers.setdefault(field, []).extend((value, self._sequence) for value in values)

    def _flush(self) -> "pa.Schema":
        """Put the rows that were held into the file; gives the columns that the stream has now."""
        refuse_alike(self._stream.name, self._sink.manifest.streams)
        if self._schema is not None:
            refuse_other(self._stream, (self._entry.key, self._entry.group))
        known = schema_of(self._stream.fields)
        incoming = joined((known, *(batch.schema for batch, _ in self._batches)), self._stream.name)
        evolution = evolve(self._stream.name, self._schema, incoming)
        if days := days_no_more(self._schema, evolution):
            self._files.of_days(days)
            self._entry = self._entry.of_days(days)
        if self._batches:
            rows = gathered([batch for batch, _ in self._batches], evolution.schema)
            numbers = [number for batch, number in self._batches for _ in range(batch.num_rows)]
            self._files.add_rows(
                with_ours(widened(rows, evolution.schema), self._sink.run, self._sink.read_at, numbers)
            )
        elif evolution.added:  # some file must have a column, or a reader looks for it in vain
            self._files.add_rows(with_ours(evolution.schema.empty_table(), self._sink.run, self._sink.read_at, []))
        self._schema, self._batches = evolution.schema, []
        self._changed = replace(
            self._changed,
            added=self._changed.added + evolution.added,
            widened=self._changed.widened + evolution.widened,
        )
        return evolution.schema

    def _ask(self, sql: str, field: str = "", values: Sequence[Value] = ()) -> list[Any]:
        """Rows of a query over `latest`, perhaps only those with one of these values in a field."""
        import duckdb
        import pyarrow as pa

        entry = self._entry
        loading = replace(entry, files=entry.loading, columns=entry.loading_columns)
        known = {"latest": entry if entry.complete else loading, "loading": loading}
        if not any(one.kind == ROWS for one in known["latest"].files):
            return []
        with unreadable(self._sink.folder.path, self._stream.name), duckdb.connect() as con:
            for name, one in known.items():
                if any(file.kind == ROWS for file in one.files):
                    query = latest(one, self._sink.format.name, str(self._sink.folder.path))
                    con.execute(f"CREATE TEMP VIEW {name} AS {query}")
            if field:
                assert self._schema is not None
                con.register("listed", pa.table({"v": pa.array(values, self._schema.field(field).type)}))
                sql += f" WHERE {quoted(field)} IN (SELECT v FROM listed)"
            found: list[Any] = con.execute(sql).fetchall()
        return found
