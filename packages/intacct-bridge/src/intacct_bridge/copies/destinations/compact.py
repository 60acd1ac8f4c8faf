"""Compaction: a folder of change files rewritten as few large ones that hold only the latest rows.

Deleted rows, and rows that a later one replaced, are lost afterwards. The new files of each stream are published like
any commit. Only then are the old ones removed, so an interrupted compaction costs disk space and nothing else.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from intacct_bridge.copies.destinations.files import ChangeFiles, FileFormat, unreadable
from intacct_bridge.copies.destinations.latest_rows import cached_queries, latest, views
from intacct_bridge.copies.destinations.manifest import CopyFolder, Manifest, ManifestEntry
from intacct_protocol.errors import SettingsError

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 50_000
FILE_ROWS = 1_000_000


@dataclass(frozen=True, slots=True)
class Compacted:
    """One rewritten stream."""

    stream: str
    rows: int
    files_before: int
    files_after: int


def compact(path: str, format_: FileFormat) -> Iterator[Compacted]:
    """Rewrite every complete stream, and yield each when it is done."""
    folder = CopyFolder(Path(path))
    manifest = folder.read()
    if not manifest.company:
        raise SettingsError(f"{path} holds no copy", fix="extract into it first")
    if manifest.format != format_.name:
        raise SettingsError(f"{path} holds {manifest.format} files", fix=f"write {manifest.format}:{path}")
    folder.lock()
    queries = cached_queries(format_.name)
    try:
        manifest = replace(folder.read(), run=folder.read().run + 1)
        for name, entry in sorted(manifest.streams.items()):
            if entry.complete and len(entry.files) > 1:
                rewritten = _rewrite(folder, manifest, name, format_)
                manifest = manifest.with_entry(name, rewritten)
                folder.publish(manifest, views(manifest, queries=queries))
                _remove(folder, entry, rewritten)
                yield Compacted(name, sum(one.rows for one in rewritten.files), len(entry.files), len(rewritten.files))
    finally:
        folder.unlock()


def _rewrite(folder: CopyFolder, manifest: Manifest, name: str, format_: FileFormat) -> ManifestEntry:
    """The stream in new files."""
    import duckdb
    import pyarrow as pa

    entry = manifest.streams[name]
    files = ChangeFiles(folder.path, name, manifest.run, format_)
    with unreadable(folder.path, name), duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        latest_rows = con.sql(latest(entry, format_.name, str(folder.path), numbered=True))
        rows = 0
        for batch in _large_batches(pa.RecordBatchReader.from_stream(latest_rows)):
            files.add_rows(batch)
            rows += batch.num_rows
            if rows >= FILE_ROWS:
                files.cut()
                rows = 0
        if not rows and not files.done:
            files.add_rows(latest_rows.limit(0).to_arrow_table())
    return replace(entry, files=files.take())


def _large_batches(batches: "Iterable[pa.RecordBatch]") -> "Iterator[pa.Table]":
    """Small batches put together, so that row groups are large."""
    import pyarrow as pa

    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(one.num_rows for one in waiting) >= BATCH_ROWS:
            yield pa.Table.from_batches(waiting)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting)


def _remove(folder: CopyFolder, before: ManifestEntry, after: ManifestEntry) -> None:
    """Remove the files that no manifest names."""
    named = {one.name for one in (*after.files, *after.loading)}
    for file in before.files:
        if file.name not in named:
            (folder.path / file.name).unlink(missing_ok=True)
