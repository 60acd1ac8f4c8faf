"""What changed in a copy since a load of another program, such as dlt: rows with their deletes, by key or by group."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from intacct_bridge.client.client import Client
from intacct_bridge.copies.destinations.bridge_schema import BridgeSchema
from intacct_bridge.extract.transform import stored_names, with_names
from intacct_bridge.operations.extract import ExtractRequest, prepare_extraction
from intacct_bridge.streams.stream import Stream
from intacct_protocol.errors import RefusedError
from intacct_protocol.model.sql_text import literal, quoted

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

__all__ = ["DELETED", "CopyAfterRun", "CopyChanges", "Stream"]

DELETED = "_deleted"
_BATCH = 50_000
_GROUPS = (
    "CREATE TABLE IF NOT EXISTS _bridge.dlt_groups (stream VARCHAR, parent VARCHAR, gone_run BIGINT,"
    " PRIMARY KEY (stream, parent))"
)


@dataclass(frozen=True, slots=True)
class CopyAfterRun:
    """The copy after its last run."""

    identity: str
    """The company, and when the copy was made."""
    run: int
    """The number of the last run."""
    begun: Mapping[int, str]
    """When each run began, by its number. A copy from a backup gives a number to another run."""


class CopyChanges:
    """The copy of one source: brought up to date once in a load, and then read."""

    def __init__(self, client: Client, path: Path, streams: Sequence[str], select: Mapping[str, Sequence[str]]) -> None:
        """`path` is the DuckDB file that holds the copy; `select` has the fields of some streams."""
        request = ExtractRequest(to=f"duckdb:{path}", streams=streams, select=select, skip_refused=False, views=False)
        self._path, self._extraction = path, prepare_extraction(client, request)
        self.streams = [with_names(stream, stored_names(stream.fields)) for stream in self._extraction.streams]
        """The streams under the names that the copy has for their fields."""
        self._lock = Lock()
        self._done: CopyAfterRun | None = None

    def bring_up_to_date(self) -> CopyAfterRun:
        """Extract, at the first call.

        RefusedError if a stream could not be read: nothing is loaded then, and the next load goes on.
        """
        with self._lock:
            if self._done is None:
                self._extract()
                self._done = self._last_copy()
            return self._done

    def _extract(self) -> None:
        failed = next((outcome for outcome in self._extraction.run().outcomes if outcome.error), None)
        if failed is not None:
            raise RefusedError(f"{failed.name}: {failed.error}", fix=failed.fix)

    def _last_copy(self) -> CopyAfterRun:
        with self._connected() as db:
            db.execute(_GROUPS)
            bridge = BridgeSchema(lambda sql, values=(): db.execute(sql, list(values)).fetchall(), "main", "_bridge")
            identity, begun = bridge.identity(), bridge.runs()
            run = max(begun)
            for stream in self.streams:
                if stream.group:
                    _remember_groups(db, stream, run)
        return CopyAfterRun(identity, run, begun)

    def tables(self, stream: Stream, since: int) -> "Iterator[pa.Table]":
        """The rows that changed after a run of the copy, deleted ones included; with 0, all existing rows."""
        import pyarrow as pa

        with self._connected() as db:
            if stream.group:
                where = "schema_name = 'main' AND table_name = ? AND column_name = ?"
                sql = f"SELECT data_type FROM duckdb_columns() WHERE {where}"
                ((kind,),) = db.execute(sql, [stream.name, stream.group]).fetchall()
                sql = _grouped(stream, since, kind)
            else:
                sql = _keyed(stream, since)
            reader = db.sql(sql).to_arrow_reader(_BATCH)
            rows = 0
            for batch in reader:
                rows += batch.num_rows
                if batch.num_rows:
                    yield pa.Table.from_batches([batch])
            if not rows and not since:  # an empty table still replaces what another copy has loaded
                yield reader.schema.empty_table()

    def _connected(self) -> "duckdb.DuckDBPyConnection":
        import duckdb

        db = duckdb.connect(str(self._path))
        db.execute("SET TimeZone = 'UTC'")
        return db


_OURS = f"_run, _read_at, _deleted_at IS NOT NULL AS {DELETED}"


def _keyed(stream: Stream, since: int) -> str:
    """The rows that changed, by key; all rows that are there, if nothing was loaded before."""
    where = f"_run > {since}" if since else "_deleted_at IS NULL"
    return f"SELECT * EXCLUDE (_run, _read_at, _deleted_at), {_OURS} FROM main.{quoted(stream.name)} WHERE {where}"


def _grouped(stream: Stream, since: int, kind: str) -> str:
    """All rows of the groups in which something changed, and a deleted row for each group that no longer has rows."""
    table, group = f"main.{quoted(stream.name)}", quoted(stream.group)
    columns = f"SELECT * EXCLUDE (_run, _read_at, _deleted_at), {_OURS} FROM {table}"
    if not since:
        return f"{columns} WHERE _deleted_at IS NULL"
    changed = f"{group} IN (SELECT {group} FROM {table} WHERE _run > {since})"
    ended_groups = f"SELECT parent FROM _bridge.dlt_groups WHERE stream = {literal(stream.name)} AND gone_run > {since}"
    return (
        f"{columns} WHERE _deleted_at IS NULL AND {changed} UNION ALL BY NAME"
        f" SELECT parent::{kind} AS {group}, {since} AS _run, true AS {DELETED} FROM ({ended_groups})"
    )


def _remember_groups(db: "duckdb.DuckDBPyConnection", stream: Stream, run: int) -> None:
    """Keep which groups the copy has, and in which run each one went: an empty group leaves no row behind."""
    there = f"SELECT DISTINCT {quoted(stream.group)}::VARCHAR FROM main.{quoted(stream.name)} WHERE _deleted_at IS NULL"
    db.execute(
        f"INSERT INTO _bridge.dlt_groups SELECT ?, parent, NULL FROM ({there}) AS t (parent) WHERE parent IS NOT NULL"
        " ON CONFLICT DO UPDATE SET gone_run = NULL",
        [stream.name],
    )
    db.execute(
        f"UPDATE _bridge.dlt_groups SET gone_run = ? WHERE stream = ? AND gone_run IS NULL AND parent NOT IN ({there})",
        [run, stream.name],
    )
