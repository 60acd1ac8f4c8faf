"""Files of rows and of markers, written under a temporary name and renamed once they are whole."""

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
            fix=f"put back what is missing or damaged, or read the stream anew: extract {stream} --full",
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
