"""The wall time of an extraction against the smallest possible: requests x latency / requests at once."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.company import ACCOUNT
from bench.measure import serving
from intacct_bridge.client.client import Client
from intacct_bridge.connections.connection import Connection
from intacct_bridge.copies.destinations.open import importing, open_destination
from intacct_bridge.extract.options import ExtractOptions
from intacct_bridge.extract.pipeline import ReadRequest, prepare
from intacct_bridge.streams.defaults import USUAL

LATENCY_MS = 500
LIMIT = 1.05
_LARGE = {"GLBATCH", "GLENTRY", "GLDETAIL", "APBILLITEM", "APPYMTDETAIL", "ARINVOICEITEM", "ARPYMTDETAIL"}
FORTY = tuple(name for name in USUAL if name not in _LARGE)[:40]
PAGE = 235
"""Rows in a page: the demo company's GLDETAIL then has a hundred pages."""


@dataclass(frozen=True, slots=True)
class Paced:
    """One extraction."""

    what: str
    running: int
    calls: int
    wall: float

    @property
    def ratio(self) -> float:
        """Wall time over the smallest possible."""
        return self.wall * self.running / (self.calls * LATENCY_MS / 1000)


def paces(progress: Callable[[str], None]) -> list[Paced]:
    """Extract one large stream and forty small ones, with one and with two requests at once."""
    found = []
    for running in (1, 2):
        with serving("bench.demo_server", str(LATENCY_MS), str(running)) as (url, _):
            for what, names, page in (
                ("a stream of 100 pages", ("GLDETAIL",), PAGE),
                ("40 small streams", FORTY, 2000),
            ):
                progress(f"{LATENCY_MS} ms a request, {running} at once: {what}")
                calls, wall = _extract(url, names, page, running)
                found.append(Paced(what, running, calls, wall))
    return found


def _extract(url: str, names: tuple[str, ...], page: int, running: int) -> tuple[int, float]:
    """Requests and wall time of a first run into DuckDB, with sign-in and lookups."""
    connection = Connection(endpoint=url, concurrency=2 * running, **ACCOUNT)  # as many requests wait as run
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        uri = f"duckdb:{directory}/copy.duckdb"
        began = time.perf_counter()
        with Client(connection, keep=False) as client:
            with importing(uri):
                prepared = prepare(client, ReadRequest(names, early=True))
            destination = open_destination(uri)
            run = prepared.into(destination, ExtractOptions(page_size=page))
            for _ in run:
                pass
            destination.close()
            assert not any(one.error for one in run.outcomes)
            return client.meter.calls, time.perf_counter() - began
