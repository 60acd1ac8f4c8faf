"""A destination in memory: the plainest implementation of the interface, fast enough for many examples."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from intacct_bridge.copies.destinations.base import NO_TIMES, ColumnDifference, Committed
from intacct_bridge.streams.bookmark import Bookmark
from intacct_bridge.streams.stream import COPY_COLUMNS, Stream, StreamOutcome
from intacct_protocol.xml.values import Value
from support.extract.table import Row


class MemoryDestination:
    """Keeps its tables after `close`, as a file would."""

    uri = "memory"
    commit_rows = 7
    commit_bytes = 0
    commit_seconds = 0.0

    def __init__(self) -> None:
        self.tables: dict[str, list[Row]] = {}
        self.loading: dict[str, list[Row]] = {}
        self.stored: dict[str, Bookmark] = {}
        self.run = 0

    def open(self, company: str, started: datetime) -> int:
        self.run += 1
        return self.run

    def bookmarks(self) -> Mapping[str, Bookmark]:
        return {name: Bookmark.from_dict(mark.to_dict()) for name, mark in self.stored.items()}

    def writer(self, stream: Stream, bookmark: Bookmark) -> "MemoryWriter":
        if stream.name not in self.tables and not bookmark.in_progress:
            self.loading.pop(stream.name, None)
        return MemoryWriter(self, stream)

    def finish(self, outcomes: Sequence[StreamOutcome], at: datetime) -> None: ...

    def close(self) -> None: ...

    def rows(self, stream: Stream) -> list[Row]:
        live = [row for row in self.tables.get(stream.name, []) if not row["_deleted_at"]]
        return [{name: row.get(name) for name in stream.fields} for row in live]


class MemoryWriter:
    def __init__(self, destination: MemoryDestination, stream: Stream) -> None:
        self.destination = destination
        self.stream = stream
        self.rows: list[Row] = []
        self.parents: list[Value] = []
        self.gone: list[tuple[str, Sequence[Value]]] = []

    @property
    def complete(self) -> bool:
        return self.stream.name in self.destination.tables

    @property
    def loading(self) -> bool:
        return self.stream.name in self.destination.loading

    @property
    def current(self) -> list[Row]:
        return (self.destination.tables if self.complete else self.destination.loading).get(self.stream.name, [])

    @property
    def difference(self) -> ColumnDifference:
        columns = [name for name in self.current[0] if name not in COPY_COLUMNS] if self.current else ()
        return ColumnDifference.of(columns, self.stream) if columns else ColumnDifference()

    def write(self, rows: pa.RecordBatch) -> None:
        self.rows += rows.to_pylist()

    def replace(self, parents: Sequence[Value]) -> None:
        self.parents += parents

    def delete(
        self,
        keys: Sequence[Value],
        *,
        field: str = "",
        times: Mapping[str, datetime] = NO_TIMES,
    ) -> None:
        self.gone.append((field or self.stream.key, keys))

    def commit(self, bookmark: Bookmark, at: datetime) -> Committed:
        by, key = self.stream.group or self.stream.header_key, self.stream.key
        rows = [dict(row) for row in self.current]
        arrived = {row[key] for row in self.rows}
        deleted = 0
        if self.stream.group:
            rows = [row for row in rows if row[by] not in self.parents]
        else:
            gone = [row for row in rows if self.parents and row[by] in self.parents and row[key] not in arrived]
            deleted += mark(gone, at)
            rows = [row for row in rows if row[key] not in arrived]
        rows += [row | {"_run": self.destination.run, "_deleted_at": None} for row in self.rows]
        for name, keys in self.gone:
            deleted += mark([row for row in rows if row[name] in keys], at)
        (self.destination.tables if self.complete or not bookmark.in_progress else self.destination.loading)[
            self.stream.name
        ] = rows
        if self.complete:
            self.destination.loading.pop(self.stream.name, None)
        self.destination.stored[self.stream.name] = bookmark
        self.rows, self.parents, self.gone = [], [], []
        return Committed(deleted=deleted)

    def keys_by_value(self, field: str, values: Sequence[Value]) -> dict[Value, list[Value]]:
        found: dict[Value, list[Value]] = {}
        for row in self.current:
            if not row["_deleted_at"] and row[field] in values:
                found.setdefault(row[field], []).append(row[self.stream.key])
        return found

    def values_of(self, field: str, keys: Sequence[Value]) -> set[Value] | None:
        rows = [row for row in self.current if not row["_deleted_at"] and row[self.stream.key] in keys]
        return {row[field] for row in rows} if all(field in row for row in rows) else None

    def rows_by_value(self) -> dict[Value, int]:
        return dict(Counter(row[self.stream.walk_field] for row in self.current if not row["_deleted_at"]))

    def count_rows(self) -> tuple[int, Value]:
        held = self.rows_by_value()
        return sum(held.values()), max(held, default=None)  # type: ignore[type-var]

    def missed_by(self, run: int) -> list[Value]:
        live = (row for row in self.current if not row["_deleted_at"] and row["_run"] < run)
        return list(dict.fromkeys(row[self.stream.walk_field] for row in live))


def mark(rows: list[Row], at: Any) -> int:
    live = [row for row in rows if not row["_deleted_at"]]
    for row in live:
        row["_deleted_at"] = at
    return len(live)
