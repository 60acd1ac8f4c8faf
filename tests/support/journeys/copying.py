"""Runs into a destination, and the rows of a copy in DuckDB."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb

from intacct_bridge.client.client import Client
from intacct_bridge.copies.destinations.open import open_destination
from intacct_bridge.extract.options import ExtractOptions
from intacct_bridge.extract.run import Extraction
from intacct_bridge.extract.selection import select_streams
from intacct_bridge.extract.source import GatewaySource
from intacct_bridge.streams.stream import StreamOutcome


def ended(run: Extraction, *, failing: tuple[str, ...] = ()) -> dict[str, StreamOutcome]:
    """The outcome of each stream of a run, in which only these fail."""
    for _ in run:
        pass
    errors = {one.name: one.error for one in run.outcomes if one.error}
    assert sorted(errors) == sorted(failing), errors
    return {one.name: one for one in run.outcomes}


def extract(
    client: Client,
    uri: str,
    *names: str,
    full: bool = False,
    select: Mapping[str, Sequence[str]] | None = None,
    failing: tuple[str, ...] = (),
) -> dict[str, StreamOutcome]:
    """A run of these streams."""
    chosen = select_streams(client, names, select)
    with closing(open_destination(uri)) as destination:
        source, options = GatewaySource(client), ExtractOptions(full=full)
        return ended(
            Extraction(source, destination, chosen.streams, headers=chosen.headers, options=options), failing=failing
        )


def selected(path: Path, sql: str) -> list[dict[str, Any]]:
    """The result of a query of the copy."""
    with duckdb.connect(str(path)) as copy:
        found = copy.sql(sql).to_arrow_table()
    assert found is not None
    held: list[dict[str, Any]] = found.to_pylist()
    return held


def rows(path: Path, table: str) -> list[dict[str, Any]]:
    """The rows of a table that are not deleted."""
    return selected(path, f'SELECT * EXCLUDE (_deleted_at) FROM "{table}" WHERE _deleted_at IS NULL')
