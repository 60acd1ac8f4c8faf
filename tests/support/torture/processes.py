"""Two loaders in processes of their own, on one outbox and one input, over HTTP; one of them ends itself by kill -9.

The order of their work depends on the machine. The conditions at the end hold for every order.
"""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

from intacct_bridge.load.apply.loader import Loader
from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.planner import make_plan
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.tables.delimited import open_csv
from intacct_emulator.server.server import serve
from support.load.journal import journal_layout
from support.load.ledger import HEADER
from support.repository import python_path
from support.small_company import Clock, client, company

STEPS = ("planned", "begun", "answered", "concluded")
RECORDS = 7


def side_by_side(seed: int, folder: Path) -> list[str]:
    """One round by a seed; the conditions that did not hold, in words."""
    random, clock = Random(seed), Clock()
    emulator = company(clock)
    file, path = _input(folder / f"p{seed}.csv"), folder / f"p{seed}.sqlite3"
    environment = {**os.environ, "PYTHONPATH": python_path(tests=True)}
    try:
        with serve(emulator) as server:
            steps = random.sample([random.choice(STEPS), "never"], 2)
            script = [sys.executable, "-m", "support.journeys.loader_process", server.url, str(file), str(path)]
            loaders = [subprocess.Popen([*script, step], env=environment, stdout=subprocess.DEVNULL) for step in steps]
            ends = [loader.wait(120) for loader in loaders]
        clock.forward(minutes=90)  # past the hour after which a record in doubt may be sent again
        with client(emulator) as gateway, Outbox(path) as outbox:
            list(Loader(gateway, outbox).apply(make_plan(open_csv(file), journal_layout(), gateway, outbox)))
            entries = list(outbox.entries())
        rows = [row for _, row in emulator.company().table("GLBATCH").rows()]
        return [f"seed {seed}, {steps}, {ends}: {text}" for text in _wrong(ends, entries, rows)]
    finally:
        emulator.close()


def _wrong(ends: list[int], entries: Sequence[OutboxEntry], rows: Sequence[Mapping[str, str]]) -> Iterator[str]:
    if any(end not in (0, -signal.SIGKILL) for end in ends):
        yield "a loader failed"
    if Counter(row["REFERENCENO"] for row in rows) != {f"REF-{number}": 1 for number in range(RECORDS)}:
        yield f"the ledger holds {sorted(row['REFERENCENO'] for row in rows)}"
    if {entry.status for entry in entries} != {RecordStatus.APPLIED}:
        yield f"the outbox holds {Counter(entry.status.value for entry in entries)}"
    receipts = sorted(entry.receipt.record for entry in entries if entry.receipt)
    if receipts != sorted(str(row["RECORDNO"]) for row in rows):
        yield "the receipts are not the records'"


def _input(path: Path) -> Path:
    lines = "".join(
        f"GJ,2026-11-30,Entry {n},REF-{n},68000,{n}0.05,,,100,\nGJ,2026-11-30,Entry {n},REF-{n},10010,,{n}0.05,,100,\n"
        for n in range(RECORDS)
    )
    path.write_text(HEADER + lines)
    return path
