"""What a row costs the emulator to serve, against what it costs our reader to read: the demo company's GLDETAIL."""

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.company import counted
from bench.measure import serving
from bench.pages import FIELDS
from intacct_bridge.client.client import Client
from intacct_bridge.client.connections.connection import Connection
from intacct_bridge.model.query.query import Query


@dataclass(frozen=True, slots=True)
class Served:
    """One walk over all rows, by CPU seconds of either side."""

    rows: int
    serving: float
    reading: float
    transactions: int
    """API transactions that the client's meter counted."""

    @property
    def ratio(self) -> float:
        """Rows served over rows read, each in a CPU second of its own side."""
        return self.reading / self.serving


WRITES = 2000
DOCUMENTS = ("APBILL", "ARINVOICE", "ARINVOICEITEM", "ARPYMT")
"""What legacy writes add rows to besides the ledger."""


def emulator(rounds: int, say: Callable[[str], None]) -> Served:
    """The least disturbed of some walks over the ledger, after one that warms both sides."""
    say("the emulator's demo company is made")
    return _least(rounds, say, 0, ())


def after_writes(rounds: int, say: Callable[[str], None]) -> tuple[Served, Served]:
    """The same with the documents: of a fresh company, and of one with many legacy writes."""
    say("the emulator serves a fresh company's documents")
    fresh = _least(rounds, say, 0, DOCUMENTS)
    say(f"the emulator takes {WRITES} legacy writes")
    return fresh, _least(rounds, say, WRITES, DOCUMENTS)


def _least(rounds: int, say: Callable[[str], None], writes: int, documents: tuple[str, ...]) -> Served:
    with serving("bench.served", "0", "0", str(writes)) as (url, process):
        connection = Connection(
            company_id="demo-company", user_id="demo-user", user_password="demo-user-password",
            sender_id="demo-sender", sender_password="demo-sender-password", endpoint=url,
        )  # fmt: skip
        with Client(connection, keep=False) as client:
            queries = [Query("GLDETAIL", tuple(FIELDS))]
            queries += [Query(name, tuple(client.describe(name).fields)) for name in documents]
            _walk(client, queries, process)
            say("the emulator serves and the client reads")
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
    """The server's CPU seconds so far."""
    return counted(process)[0]
