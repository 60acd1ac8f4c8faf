"""The cost of a load as people do it: a file of bills with vendor names, projects and attachments, planned and posted.

`python -m bench.bills [BILLS]` loads bills of three lines, a third of them with a PDF, into the served demo company.
Beside it stands the floor: the same functions encoded and posted, without a plan and without an outbox. The server
counts requests and functions; each way runs in a process of its own.
"""

import csv
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

from bench.company import counted
from bench.measure import peak_bytes, serving
from intacct_bridge.apps.terminal.memory import relax_gc
from intacct_bridge.client.client import Client
from intacct_bridge.connections.connection import Connection
from intacct_bridge.load.apply.loader import Loader
from intacct_bridge.load.layouts.choose import layout_for
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.plan import Verdict
from intacct_bridge.load.plan.planner import make_plan
from intacct_bridge.load.records.write import Write
from intacct_bridge.load.tables.open import open_table
from intacct_bridge.load.target.attachments import TOGETHER
from intacct_bridge.load.target.functions import Functions
from intacct_protocol.model.batched import batched
from intacct_protocol.model.query.query import Query
from intacct_protocol.xml.envelope import SUCCESS, Function
from intacct_protocol.xml.xml import Element

LINES, EACH, PLANNED = 3, 100, 2000
"""Lines of a bill, bills in a request, and the records that a plan decides on per CPU second."""
TITLES = {"floor": "encoded and posted", "load": "planned and posted by a load"}
COLUMNS = (
    "Vendor", "Bill no", "Date", "Due date", "Account", "Amount", "Memo", "Department", "Location", "Project",
    "Attachments",
)  # fmt: skip
ACCOUNT: dict[str, Any] = {
    "company_id": "demo-company", "user_id": "demo-user", "user_password": "demo-user-password",
    "sender_id": "demo-sender", "sender_password": "demo-sender-password",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Loaded:
    """The figures of one way to load a file."""

    bills: int
    planning: float
    """CPU seconds; 0 for the floor, which has no plan."""
    posting: float
    peak: int
    transactions: int = 0
    requests: int = 0
    functions: int = 0


def main() -> None:
    """Measure both ways and print them, or run one way in this process."""
    if len(sys.argv) > 2:
        way, url, directory = sys.argv[1:]
        print(json.dumps(asdict(WAYS[way](url, Path(directory)))))
        return
    bills = int(sys.argv[1]) if sys.argv[1:] else 1000
    for name, one in ways(bills).items():
        print(
            f"{name:6}{one.bills:>7,} bills  planned {one.planning:6.2f} s  posted {one.posting:6.2f} s of CPU "
            f"{one.peak >> 20:>5} MB{one.requests:>6} requests{one.functions:>6} functions"
            f"{one.transactions:>6} transactions"
        )


def ways(bills: int) -> dict[str, Loaded]:
    """Load the same number of bills in each way, one after the other, into one company."""
    found = {}
    with serving("bench.demo_server") as (url, server):
        for way in WAYS:
            with tempfile.TemporaryDirectory(prefix="bench-") as directory:
                write_bills(url, Path(directory), bills, way)
                _, requests, functions = counted(server)
                command = [sys.executable, "-m", "bench.bills", way, url, directory]
                done = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
                _, requests_now, functions_now = counted(server)
            found[way] = Loaded(**{**done, "requests": requests_now - requests, "functions": functions_now - functions})
    return found


def write_bills(url: str, folder: Path, bills: int, prefix: str) -> None:
    """A file of bills and the scans of a third of them."""
    with _client(url) as client:
        vendors = _active(client, "VENDOR", "NAME")
        projects = _active(client, "PROJECT", "PROJECTID")
    with (folder / "bills.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for bill in range(bills):
            scan = f"{prefix}-{bill}.pdf" if bill % 3 == 0 else ""
            if scan:
                (folder / scan).write_bytes(b"%PDF-1.4 " + bytes(f"{bill:08}" * 500, "ascii"))
            head = (vendors[bill % len(vendors)], f"{prefix}-{bill:06}", "2026-11-16", "2026-12-16")
            for line in range(LINES):
                project = projects[(bill + line) % len(projects)]
                amount = f"{bill % 900 + line}.25"
                writer.writerow((*head, "63000", amount, f"Line {line}", "210", "110", project, scan))


def _active(client: Client, name: str, field: str) -> list[str]:
    """The texts of a field that exactly one record has, and that record is active."""
    rows = list(client.query(Query(name, (field, "STATUS"))))
    times = Counter(row[field] for row in rows)
    return [str(row[field]) for row in rows if times[row[field]] == 1 and row["STATUS"] == "active"]


def load(url: str, folder: Path) -> Loaded:
    """Plan and apply, as `intacct load bills.csv --as bills --apply` does."""
    relax_gc()  # as the command does
    with _client(url) as client, Outbox(folder / "outbox.sqlite3") as outbox:
        company = client
        started = time.process_time()
        plan = make_plan(open_table(folder / "bills.csv"), layout_for("bills", company), company, outbox)
        planned = time.process_time()
        assert not plan.of(Verdict.REFUSED), plan.of(Verdict.REFUSED)[0].reasons
        done = sum(outcome.good for outcome in Loader(company, outbox).apply(plan))
        posted = time.process_time()
        bills = len([record for record in plan.records if record.write.object == "APBILL"])
        assert done == len(plan.records)
        return Loaded(bills, planned - started, posted - planned, peak_bytes(), client.meter.transactions)


def floor(url: str, folder: Path) -> Loaded:
    """Encode the functions of the same bills and post them; the records are planned before the measured time."""
    with _client(url) as client, Outbox(folder / "outbox.sqlite3") as outbox:
        company = client
        plan = make_plan(open_table(folder / "bills.csv"), layout_for("bills", company), company, outbox)
        assert not plan.of(Verdict.REFUSED), plan.of(Verdict.REFUSED)[0].reasons
        writes = [record.write for record in plan.records]
        spent, started = client.meter.transactions, time.process_time()
        for some, transaction in _batches(writes):
            functions = Functions(company)
            elements = [part for write in some for part in _parts(functions.element(write))]
            sent = [Function(one, token_hex(8)) for one in elements]
            results = client.submit(sent, transaction=transaction)
            assert all(result.status == SUCCESS for result in results), results[-1]
        posted = time.process_time() - started
        bills = len([write for write in writes if write.object == "APBILL"])
        return Loaded(bills, 0.0, posted, peak_bytes(), client.meter.transactions - spent)


def _batches(writes: list[Write]) -> Iterator[tuple[list[Write], bool]]:
    """The writes by request, and whether it is a transaction: one with files goes alone, as in a load."""
    plain = [write for write in writes if not write.attachments]
    yield from ((list(some), False) for some in batched(plain, EACH))
    yield from (([write], True) for write in writes if write.attachments)


def _parts(function: Element) -> tuple[Element, ...]:
    return tuple(function) if function.tag == TOGETHER else (function,)


@contextmanager
def _client(url: str) -> Iterator[Client]:
    with Client(Connection(endpoint=url, concurrency=1, **ACCOUNT), keep=False) as client:
        yield client


WAYS: dict[str, Callable[[str, Path], Loaded]] = {"floor": floor, "load": load}


if __name__ == "__main__":
    main()
