"""Runs of an extraction against a company that people edit meanwhile, and copies that must equal it at the end."""

import os
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from intacct_bridge.copies.destinations.base import Committed, Destination
from intacct_bridge.copies.destinations.latest_rows import views
from intacct_bridge.copies.destinations.manifest import CopyFolder
from intacct_bridge.copies.destinations.open import open_destination
from intacct_bridge.extract.options import ExtractOptions
from intacct_bridge.extract.run import Extraction
from intacct_bridge.streams.bookmark import Bookmark
from intacct_bridge.streams.stream import Stream, StreamOutcome
from intacct_protocol.model.sql_text import quoted
from support.copies.memory import MemoryDestination, MemoryWriter
from support.extract.company import APBILL, GLBATCH, STREAMS, Company
from support.extract.table import Row

SMALL = ExtractOptions(page_size=5, overlap_seconds=3600, trail_seconds=3600)
HEADERS = {"APBILL": APBILL, "GLBATCH": GLBATCH}
MANY = settings(
    deadline=None, max_examples=int(os.environ.get("EXAMPLES", "8")), suppress_health_check=[HealthCheck.too_slow]
)


def run(
    destination: Destination, company: Company, streams: Sequence[Stream] = STREAMS, options: ExtractOptions = SMALL
) -> dict[str, StreamOutcome]:
    extraction = Extraction(company, destination, streams, headers=HEADERS, options=options)
    for _ in extraction:
        pass
    return {one.name: one for one in extraction.outcomes}


class Copy:
    """A destination that is opened for every run and read from outside."""

    def __init__(self, path: Path, scheme: str = "duckdb") -> None:
        self.path = path
        self.scheme = scheme

    def run(
        self, company: Company, streams: Sequence[Stream] = STREAMS, options: ExtractOptions = SMALL
    ) -> dict[str, StreamOutcome]:
        destination = open_destination(f"{self.scheme}:{self.path}")
        destination.commit_rows = 7
        try:
            return run(destination, company, streams, options)
        finally:
            destination.close()

    def rows(self, stream: Stream) -> list[Row]:
        names = ", ".join(map(quoted, stream.fields))
        if self.scheme == "duckdb":
            query = f"SELECT {names} FROM {quoted(stream.name)} WHERE _deleted_at IS NULL"
            con = duckdb.connect(str(self.path), read_only=True)
        else:
            query = f"SELECT {names} FROM {quoted(stream.name)}"
            con = duckdb.connect()
            con.execute(views(CopyFolder(self.path).read(), str(self.path)))
        with con:
            if (stream.name,) not in con.execute("SHOW TABLES").fetchall():
                return []
            rows: list[Row] = con.sql(query).to_arrow_table().to_pylist()
        return rows


def check(copy: Copy | MemoryDestination, company: Company, streams: Sequence[Stream] = STREAMS) -> None:
    for stream in streams:
        found = sorted(copy.rows(stream), key=lambda row: (str(row["RECORDNO"]).zfill(9), str(row)))
        assert found == company.rows(stream), stream.name


class KilledError(Exception):
    """The process is killed."""


LATE: dict[str, Any] = {"lateness": timedelta(minutes=50), "tick": timedelta(minutes=3)}
SEEDS = st.integers(0, 10**6)


class CutDestination(MemoryDestination):
    """Is killed at its n-th commit: before it, or right after it."""

    def __init__(self, at: int, *, after: bool) -> None:
        super().__init__()
        self.left = at
        self.after = after

    def writer(self, stream: Stream, bookmark: Bookmark) -> MemoryWriter:
        writer = super().writer(stream, bookmark)
        commit = writer.commit

        def cut(bookmark: Bookmark, at: datetime) -> Committed:
            self.left -= 1
            if self.left == 0 and not self.after:
                raise KilledError
            done = commit(bookmark, at)
            if self.left == 0:
                raise KilledError
            return done

        writer.commit = cut  # type: ignore[method-assign]
        return writer


def from_call(first: int, error: Exception) -> Callable[[int], None]:
    """Calls fail once; a killed run makes no other call."""

    def ending(number: int) -> None:
        if number == first or (number > first and isinstance(error, KilledError)):
            raise error

    return ending
