"""The emulator's cost of serving a row of the demo company's GLDETAIL, against our reader's cost of reading it."""

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.company import counted
from bench.measure import serving
from bench.pages import FIELDS
from intacct_bridge.client.client import Client
from intacct_bridge.connections.connection import Connection
from intacct_protocol.model.query.query import Query


@dataclass(frozen=True, slots=True)
class Served:
    """One walk over all rows, with the CPU seconds of both sides."""

    rows: int
    serving: float
    reading: float
    transactions: int
    """API transactions on the client's meter."""

    @property
    def ratio(self) -> float:
        """Rows served per CPU second of the server, over rows read per CPU second of the client."""
        return self.reading / self.serving


WRITES = 2000
DOCUMENTS = ("APBILL", "ARINVOICE", "ARINVOICEITEM", "ARPYMT")
"""The objects, beside the ledger, to which legacy writes add rows."""


def emulator(rounds: int, progress: Callable[[str], None]) -> Served:
    """The least disturbed of several walks over the ledger, after one that warms both sides."""
    progress("making the demo company")
    return _least(rounds, progress, 0, ())


def after_writes(rounds: int, progress: Callable[[str], None]) -> tuple[Served, Served]:
    """The same with the documents: of a fresh company, and of a company after many legacy writes."""
    progress("serving a fresh company's documents")
    fresh = _least(rounds, progress, 0, DOCUMENTS)
    progress(f"posting {WRITES} legacy writes")
    return fresh, _least(rounds, progress, WRITES, DOCUMENTS)


def _least(rounds: int, progress: Callable[[str], None], writes: int, documents: tuple[str, ...]) -> Served:
    with serving("bench.demo_server", "0", "0", str(writes)) as (url, process):
        connection = Connection(
            company_id="demo-company", user_id="demo-user", user_password="demo-user-password",
            sender_id="demo-sender", sender_password="demo-sender-password", endpoint=url,
        )  # fmt: skip
        with Client(connection, keep=False) as client:
            queries = [Query("GLDETAIL", tuple(FIELDS))]
            queries += [Query(name, tuple(client.describe(name).fields)) for name in documents]
            _walk(client, queries, process)
            progress("serving and reading")
            walks = [_walk(client, queries, process) for _ in range(rounds)]
    return Served(
        walks[0].rows,
        min(walk.serving for walk in walks),
        min(walk.reading for walk in walks),
        walks[0].transactions,
    )


def _walk(client: Client, queries: list[Query], process: "subprocess.Popen[str]") -> Served:
    served, read, spent = _cpu(process), time.process_time(), client.meter.transactions
    rows = sum(batch.num_rows for query in queries for batch in client.batches(query))
    return Served(rows, _cpu(process) - served, time.process_time() - read, client.meter.transactions - spent)


def _cpu(process: "subprocess.Popen[str]") -> float:
    """The server's CPU seconds until now."""
    return counted(process)[0]
