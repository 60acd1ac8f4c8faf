"""What a record costs on its way from the socket to a destination, and how much memory the way takes."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.measure import Figures, best, measured, serving
from bench.pages import RECORDS, Pages
from intacct_bridge.wire.fastpage import text_columns

SMALL = 100_000
TINY = 10_000
FLAT = 1.10
POOLED = 1.20
"""The pool of blocks that DuckDB is allowed, some 30 MB at 40 fields, is full after 50,000 records: flat from then."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way of reading and what it is held to."""

    name: str
    title: str
    goal: float | None = None
    """CPU over the bare read's."""
    memory: bool = False
    growth: float | None = None
    """How many times the peak memory of a few records that of a great many may be."""


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


def cpu(rows: int, rounds: int, say: Callable[[str], None]) -> dict[str, Figures]:
    """Each way's least disturbed run; the rounds take turns, so that a busy minute hits all of them."""
    runs: dict[str, list[Figures]] = {way.name: [] for way in WAYS}
    pages = rows // RECORDS
    assert text_columns(Pages(1).body(0)), "the page is meant for the fast decoder"
    with serving("bench.canned", str(pages)) as (url, _):
        for turn in range(rounds):
            for way in WAYS:
                say(f"round {turn + 1} of {rounds}: {way.title}")
                runs[way.name].append(measured(way.name, url, pages))
    return {name: best(all_runs) for name, all_runs in runs.items()}


def memory(rows: int, say: Callable[[str], None]) -> dict[str, Figures]:
    """One run of each way that a copy is made by, for the most memory it holds."""
    found = {}
    pages = rows // RECORDS
    with serving("bench.canned", str(pages)) as (url, _):
        for way in WAYS:
            if way.memory:
                say(f"memory at {rows:,} records: {way.title}")
                found[way.name] = measured(way.name, url, pages)
    return found
