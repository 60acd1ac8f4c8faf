"""The cost of reading the same objects of the same company: by us, by `sageintacctsdk` from PyPI, and bare.

`python -m bench.company WAY URL DIRECTORY` runs one reader in its own process and prints its figures. The server
counts the requests and functions that arrive.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measure import peak_bytes, serving
from intacct_bridge.apps.singer.protocol.destination import SingerDestination
from intacct_bridge.apps.terminal.memory import limit_memory
from intacct_bridge.client.client import Client
from intacct_bridge.connections.connection import Connection
from intacct_bridge.copies.destinations.base import Destination
from intacct_bridge.copies.destinations.open import importing, open_destination
from intacct_bridge.extract.run import Extraction
from intacct_bridge.extract.selection import select_streams
from intacct_bridge.extract.source import GatewaySource
from intacct_protocol.model.query.query import Query

LATENCY_MS, RUNNING = 100, 2
OBJECTS = {
    "accounts": "GLACCOUNT",
    "departments": "DEPARTMENT",
    "locations": "LOCATION",
    "vendors": "VENDOR",
    "customers": "CUSTOMER",
    "employees": "EMPLOYEE",
    "items": "ITEM",
    "projects": "PROJECT",
    "bills": "APBILL",
    "ar_invoices": "ARINVOICE",
    "gl_detail": "GLDETAIL",
}
"""The SDK's name of each object, and the object."""
ACCOUNT: dict[str, Any] = {
    "company_id": "demo-company", "user_id": "demo-user", "user_password": "demo-user-password",
    "sender_id": "demo-sender", "sender_password": "demo-sender-password",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Read:
    """The cost of one reader."""

    rows: int
    cpu: float
    wall: float
    peak: int
    requests: int = 0
    functions: int = 0


def client(url: str) -> Client:
    """A client without stored state, with as many requests at once as the gateway runs and queues."""
    return Client(Connection(endpoint=url, concurrency=2 * RUNNING, **ACCOUNT), keep=False)


def bare(url: str, _directory: Path) -> int:
    """Fetch, gunzip, decode and discard, one object after the other."""
    with client(url) as opened:
        return sum(
            batch.num_rows
            for name in OBJECTS.values()
            for batch in opened.batches(Query(name, ("*",), show_private=True))
        )


def duckdb(url: str, directory: Path) -> int:
    """`intacct extract` into DuckDB."""
    return _extracted(url, open_destination(f"duckdb:{directory / 'copy.duckdb'}"))


def singer(url: str, directory: Path) -> int:
    """`tap-intacct`."""
    with (directory / "singer.jsonl").open("wb") as out:
        return _extracted(url, SingerDestination(out))


def _extracted(url: str, destination: Destination) -> int:
    limit_memory()
    with client(url) as opened:
        with importing("duckdb:x"):
            chosen = select_streams(opened, OBJECTS.values())
        run = Extraction(GatewaySource(opened), destination, chosen.streams, headers=chosen.headers)
        for _ in run:
            pass
        destination.close()
    return sum(one.rows for one in run.outcomes)


def sageintacctsdk(url: str, _directory: Path) -> int:
    """`get_all` of each object, with the results discarded. Only the SDK's address is changed."""
    import sageintacctsdk
    from sageintacctsdk.apis.api_base import ApiBase

    made = ApiBase.__init__

    def pointed(self: object, *positional: object, **named: object) -> None:
        made(self, *positional, **named)
        self._ApiBase__api_url = url  # type: ignore[attr-defined]

    ApiBase.__init__ = pointed
    sdk = sageintacctsdk.SageIntacctSDK(**ACCOUNT, show_private=True)
    return sum(len(getattr(sdk, name).get_all()) for name in OBJECTS)


WAYS: dict[str, Callable[[str, Path], int]] = {way.__name__: way for way in (bare, duckdb, singer, sageintacctsdk)}


def readers(progress: Callable[[str], None]) -> dict[str, Read]:
    """Run each reader once, one after the other, against one server."""
    found = {}
    progress("making the demo company")
    with serving("bench.demo_server", str(LATENCY_MS), str(RUNNING)) as (url, server):
        for name in WAYS:
            progress(f"reading the demo company: {name}")
            _, requests, functions = counted(server)
            with tempfile.TemporaryDirectory(prefix="bench-") as directory:
                command = [sys.executable, "-m", "bench.company", name, url, directory]
                done = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
            _, requests_now, functions_now = counted(server)
            found[name] = Read(**done, requests=requests_now - requests, functions=functions_now - functions)
    return found


def counted(server: "subprocess.Popen[str]") -> tuple[float, int, int]:
    """The server's CPU seconds, requests and functions until now."""
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write("\n")
    server.stdin.flush()
    cpu, requests, functions = server.stdout.readline().split()
    return float(cpu), int(requests), int(functions)


def main() -> None:
    """Run one reader and print its figures."""
    name, url, directory = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    started, wall = time.process_time(), time.perf_counter()
    rows = WAYS[name](url, directory)
    figures = {
        "rows": rows,
        "cpu": time.process_time() - started,
        "wall": time.perf_counter() - wall,
        "peak": peak_bytes(),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
