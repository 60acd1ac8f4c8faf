"""The cost of a record from the socket to a destination, in CPU time and memory."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.measure import Figures, best, measured, serving
from bench.pages import RECORDS, Pages
from intacct_protocol.xml.arrow_page import text_columns

SMALL = 100_000
TINY = 10_000
FLAT = 1.10
POOLED = 1.20
"""DuckDB's pool of blocks (about 30 MB at 40 fields) is full after 50,000 records; memory is constant from then."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way of reading, with its goals."""

    name: str
    title: str
    goal: float | None = None
    """The largest allowed CPU time, as a multiple of the bare read's."""
    memory: bool = False
    growth: float | None = None
    """The largest allowed peak memory of many records, as a multiple of that of a few."""


WAYS = (
    Way("fetch", "fetch and gunzip only"),
    Way("bare", "bare read: and decode, drop"),
    Way("arrow", "to an Arrow table in memory"),
    Way("parquet", "to Parquet", goal=1.7, memory=True, growth=FLAT),
    Way("duckdb", "to DuckDB", memory=True, growth=POOLED),
    Way("appended", "appended by DuckDB alone", memory=True),
    Way("jsonl", "to JSON lines files", memory=True, growth=FLAT),
    Way("singer", "to Singer JSON lines", goal=2.7, memory=True, growth=FLAT),
)


def cpu(rows: int, rounds: int, progress: Callable[[str], None]) -> dict[str, Figures]:
    """The least disturbed run of each way. The ways take turns, so that a busy minute affects all of them."""
    runs: dict[str, list[Figures]] = {way.name: [] for way in WAYS}
    pages = rows // RECORDS
    assert text_columns(Pages(1).body(0)), "the page must suit the fast decoder"
    with serving("bench.page_server", str(pages)) as (url, _):
        for turn in range(rounds):
            for way in WAYS:
                progress(f"round {turn + 1} of {rounds}: {way.title}")
                runs[way.name].append(measured(way.name, url, pages))
    return {name: best(all_runs) for name, all_runs in runs.items()}


def memory(rows: int, progress: Callable[[str], None]) -> dict[str, Figures]:
    """One run of each way that makes a copy, for its peak memory."""
    found = {}
    pages = rows // RECORDS
    with serving("bench.page_server", str(pages)) as (url, _):
        for way in WAYS:
            if way.memory:
                progress(f"memory at {rows:,} records: {way.title}")
                found[way.name] = measured(way.name, url, pages)
    return found
