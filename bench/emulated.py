"""What a row costs the emulator to serve, against what it costs our reader to read: the demo company's GLDETAIL."""

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.company import counted
from bench.measure import serving
from bench.pages import FIELDS
from intacct_bridge.client.client import Client
from intacct_bridge.client.connection import Connection
from intacct_bridge.model.query import Query


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


def emulator(rounds: int, say: Callable[[str], None]) -> Served:
    """The least disturbed of some walks, after one that warms both sides."""
    say("the emulator's demo company is made")
    with serving("bench.served") as (url, process):
        connection = Connection(
            company_id="demo-company", user_id="demo-user", user_password="demo-user-password",
            sender_id="demo-sender", sender_password="demo-sender-password", endpoint=url,
        )  # fmt: skip
        query = Query("GLDETAIL", tuple(FIELDS))
        with Client(connection, keep=False) as client:
            _walk(client, query, process)
            say("the emulator serves and the client reads")
            walks = [_walk(client, query, process) for _ in range(rounds)]
    return Served(
        walks[0].rows,
        min(walk.serving for walk in walks),
        min(walk.reading for walk in walks),
        walks[0].transactions,
    )


def _walk(client: Client, query: Query, process: "subprocess.Popen[str]") -> Served:
    served, read, spent = _cpu(process), time.process_time(), client.meter.transactions
    rows = sum(batch.num_rows for batch in client.batches(query))
    return Served(rows, _cpu(process) - served, time.process_time() - read, client.meter.transactions - spent)


def _cpu(process: "subprocess.Popen[str]") -> float:
    """The server's CPU seconds so far."""
    return counted(process)[0]
