"""Rewriting a folder of change files as few large ones that hold the latest rows only.

What is gone is gone for good afterwards, and so is every row that a later one replaced. The new files are published
like any commit, stream by stream; only then are the old ones removed, so an interrupted rewriting costs disk and
nothing else.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from intacct_bridge.errors import SettingsError
from intacct_bridge.flow.destinations.files import ChangeFiles, Format, unreadable
from intacct_bridge.flow.destinations.latest_rows import latest, views
from intacct_bridge.flow.destinations.manifest import Folder, Manifest, ManifestEntry, Texts

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_AT_A_TIME = 50_000
ROWS_IN_A_FILE = 1_000_000


@dataclass(frozen=True, slots=True)
class Compacted:
    """What became of one stream."""

    stream: str
    rows: int
    files_before: int
    files_after: int


def compact(path: str, format_: Format) -> Iterator[Compacted]:
    """Rewrite every whole stream; what happens comes as it happens."""
    folder = Folder(Path(path))
    manifest = folder.read()
    if not manifest.company:
        raise SettingsError(f"{path} holds no copy", fix="extract into it first")
    if manifest.format != format_.name:
        raise SettingsError(f"{path} holds {manifest.format} files", fix=f"write {manifest.format}:{path}")
    folder.hold()
    queries = Texts(lambda entry: latest(entry, format_.name))
    try:
        manifest = replace(folder.read(), run=folder.read().run + 1)
        for name, entry in sorted(manifest.streams.items()):
            if entry.complete and len(entry.files) > 1:
                fresh = _rewritten(folder, manifest, name, format_)
                manifest = manifest.with_entry(name, fresh)
                folder.publish(manifest, views(manifest, known=queries))
                _remove(folder, entry, fresh)
                yield Compacted(name, sum(one.rows for one in fresh.files), len(entry.files), len(fresh.files))
    finally:
        folder.release()


def _rewritten(folder: Folder, manifest: Manifest, name: str, format_: Format) -> ManifestEntry:
    """The stream in new files."""
    import duckdb
    import pyarrow as pa

    entry = manifest.streams[name]
    files = ChangeFiles(folder.path, name, manifest.run, format_)
    with unreadable(folder.path, name), duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        found = con.sql(latest(entry, format_.name, str(folder.path), numbered=True))
        rows = 0
        for some in _gathered(pa.RecordBatchReader.from_stream(found)):
            files.add_rows(some)
            rows += some.num_rows
            if rows >= ROWS_IN_A_FILE:
                files.cut()
                rows = 0
        if not rows and not files.done:
            files.add_rows(found.limit(0).to_arrow_table())
    return replace(entry, files=files.take())


def _gathered(batches: "Iterable[pa.RecordBatch]") -> "Iterator[pa.Table]":
    """Small batches together, so that a row group is worth its name."""
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(one.num_rows for one in held) >= ROWS_AT_A_TIME:
            yield pa.Table.from_batches(held)
            held = []
    if held:
        yield pa.Table.from_batches(held)


def _remove(folder: Folder, before: ManifestEntry, after: ManifestEntry) -> None:
    """Files that no manifest names any more."""
    kept = {one.name for one in (*after.files, *after.loading)}
    for one in before.files:
        if one.name not in kept:
            (folder.path / one.name).unlink(missing_ok=True)
