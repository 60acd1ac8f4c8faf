"""Loaders that share nothing but a database, under torture: kills, a database server that dies, and lost connections.

    python -m torture.scale [--rounds N] [--seed S]

Each loader is a process, with a proxy of its own before the database. By a seed, the proxy cuts the connection at a
statement, before it arrives or after it was done (a commit with a lost answer), or lets nothing through any more; the
loader is killed at a statement or at a step; the database server is killed; the gateway loses answers. The emulator's
ledger judges: nothing is there twice, everything is there in the end, and what is there is never reported as not sent.
"""

import argparse
import multiprocessing
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.records.status import UNAPPLIED, RecordStatus
from intacct_bridge.shared_state.place import PostgresPlace
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_emulator.settings.faults import FaultKind, ScriptedFault
from support.load.ledger import HEADER
from support.postgres_server import RunningPostgres, running_postgres
from support.shared_files import roomy_folder
from support.shared_state.cutting_proxy import AFTER, BEFORE, CuttingProxy
from support.small_company import Clock, company
from support.torture.shared_loader import Job, load, work
from support.torture.tally import Tally

FAULTS = (
    "none",
    "cut before",
    "cut after",
    "commit lost",
    "commit reply lost",
    "no answer any more",
    "killed at a statement",
    "killed at a step",
    "server killed before",
    "server killed after",
)
STEPS = ("planned", "begun", "answered", "concluded", "searched")
STATEMENTS = 75
"""A load makes about as many requests of the database."""
RECORDS = 5
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["support.torture.shared_loader"])


class Fault:
    """One fault of one loader, which its proxy carries out."""

    def __init__(self, kind: str, at: int, server: RunningPostgres, proxy: CuttingProxy) -> None:
        self.kind, self.at, self.done = kind, at, False
        self.process: BaseProcess | None = None
        self._server, self._proxy, self._seen = server, proxy, 0
        self.restarting: threading.Thread | None = None

    def __call__(self, request: bytes) -> str:
        """What the proxy is to do with a request."""
        self._seen += 1
        wanted = b"COMMIT" in request if self.kind.startswith("commit") else True
        if self.done or self._seen < self.at or not wanted:
            return ""
        self.done = self.kind not in ("none", "killed at a step")
        return getattr(self, "_" + self.kind.replace(" ", "_"), lambda: "")()

    def _cut_before(self) -> str:
        return BEFORE

    def _cut_after(self) -> str:
        return AFTER

    _commit_lost = _cut_before
    _commit_reply_lost = _cut_after

    def _no_answer_any_more(self) -> str:
        self._proxy.refusing = True
        return AFTER

    def _killed_at_a_statement(self) -> str:
        assert self.process is not None
        assert self.process.pid is not None
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)
        return AFTER

    def _server_killed_before(self) -> str:
        self._kill_server()
        return BEFORE

    def _server_killed_after(self) -> str:
        self.restarting = threading.Timer(0.01, self._kill_server)
        self.restarting.start()
        return AFTER

    def _kill_server(self) -> None:
        with _SERVER_LOCK:
            self._server.kill()
            self._server.restart()


_SERVER_LOCK = threading.Lock()


class Round:
    """One company, one outbox in a schema of its own, and waves of loaders."""

    def __init__(
        self, seed: int, folder: Path, server: RunningPostgres, tally: Tally, faults: Sequence[str] = FAULTS
    ) -> None:
        self.faults = faults
        self.random, self.server, self.tally, self.seed = Random(seed), server, tally, seed
        self.clock = Clock()
        self.job = Job("", folder / f"{seed}.csv", server.uri, f"scale_{seed}_{os.getpid()}", folder / f"{seed}.clock")
        self.job.file.write_text(HEADER + "".join(map(_entry, range(RECORDS))))
        self.forward(0)

    def forward(self, minutes: float) -> None:
        """Let time pass, for the company and for the database."""
        self.clock.forward(minutes=minutes)
        self.job.clock.write_text(self.clock.now.isoformat())

    def run(self) -> None:
        """Two or three waves of loaders with faults, then loaders without any."""
        among: tuple[FaultKind, ...] = ("cut-before", "cut-after", "truncated")
        kinds = [self.random.choice(among) for _ in range(self.random.randrange(3))]
        faults = [ScriptedFault(kind, function="create") for kind in kinds]
        self.tally.counts["lost answers of the gateway"] += len(faults)
        with closing(company(self.clock, faults=faults)) as emulator, serve(emulator) as gateway:
            self.job = replace(self.job, url=gateway.url)
            for _ in range(self.random.choice((2, 3))):
                self._wave()
                self._judge(emulator, final=False)
                self.forward(self.random.choice((0, 1, 17, 90)))
            for _ in range(3):
                self.forward(90)
                load(self.job)
            self._judge(emulator, final=True)
            self.tally.failures += [f"seed {self.seed}: {one}" for one in emulator.incidents]

    def _wave(self) -> None:
        with CuttingProxy(self.server.uri) as first, CuttingProxy(self.server.uri) as second:
            started = [self._start(proxy) for proxy in (first, second)]
            for process, fault in started:
                process.join(120)
                if process.is_alive():
                    process.kill()
                    self._wrong(f"a loader hangs ({fault.kind} at {fault.at})")
                elif process.exitcode not in (0, 1, 2, 4, 5, -signal.SIGKILL):
                    self._wrong(f"a loader ended with {process.exitcode} ({fault.kind} at {fault.at})")
                if process.exitcode == 2 and fault.kind == "none":
                    self._wrong("a loader without a fault of its own found wrong settings")
                self.tally.counts[fault.kind if fault.done or fault.kind == "killed at a step" else "none"] += 1
                if fault.restarting is not None:
                    fault.restarting.join()
            with _SERVER_LOCK:
                pass  # it runs again

    def _start(self, proxy: CuttingProxy) -> tuple[BaseProcess, Fault]:
        kind = self.random.choice(self.faults)
        at = self.random.randrange(45) if kind.startswith("commit") else self.random.randrange(STATEMENTS)
        fault = Fault(kind, at, self.server, proxy)
        step = self.random.choice(STEPS) if kind == "killed at a step" else ""
        patience = 0.3 if kind == "no answer any more" else 20.0
        job = replace(self.job, uri=proxy.uri, die_at=step, patience=patience, batch=self.random.choice((1, 2, 5)))
        process = _PROCESSES.Process(target=work, args=(job,))
        fault.process = process
        proxy.decide = fault
        process.start()
        return process, fault

    # --- the conditions

    def _wrong(self, text: str) -> None:
        self.tally.failures.append(f"seed {self.seed}: {text}")

    def _judge(self, emulator: Emulator, *, final: bool) -> None:
        rows = [row for _, row in emulator.company().table("GLBATCH").rows()]
        with Outbox(PostgresPlace(self.job.uri, self.job.schema), clock=self.job.now) as outbox:
            entries = list(outbox.entries())
        for text in _wrong(rows, entries, final=final):
            self._wrong(text)


def _wrong(rows: Sequence[Mapping[str, Any]], entries: Sequence[OutboxEntry], *, final: bool) -> Iterator[str]:
    there = Counter(str(row["BATCH_TITLE"]) for row in rows)
    if twice := sorted(title for title, count in there.items() if count > 1):
        yield f"in the ledger twice: {twice}"
    keys = {str(row["BATCH_TITLE"]): str(row["RECORDNO"]) for row in rows}
    for entry in entries:
        title = entry.tracked.get("BATCH_TITLE") or _title(entry.body)
        if entry.status in UNAPPLIED and there[title]:
            yield f"{title} is in the ledger, and the outbox says {entry.status.value}"
        if entry.status is RecordStatus.APPLIED and (entry.receipt is None or entry.receipt.record != keys.get(title)):
            yield f"{title} is {keys.get(title)} in the ledger, and the receipt is {entry.receipt}"
        if final and entry.status is not RecordStatus.APPLIED and "WITH" in title:
            yield f"{title} is {entry.status.value} in the end"
        if final and entry.status not in (RecordStatus.APPLIED, RecordStatus.IN_DOUBT):
            yield f"{title} is {entry.status.value} in the end"
    if final and len(entries) != RECORDS:
        yield f"{len(entries)} entries"


def _title(body: str) -> str:
    return body.partition("<BATCH_TITLE>")[2].partition("<")[0]


def _entry(number: int) -> str:
    """A journal entry, which can be looked for by its reference, or (the last one) cannot."""
    reference = f"REF-{number}" if number < RECORDS - 1 else ""
    title = f"{'WITH' if reference else 'NO'} {number}"
    return (
        f"GJ,2026-11-30,{title},{reference},68000,{number + 1}0.05,,,100,\n"
        f"GJ,2026-11-30,{title},{reference},10010,,{number + 1}0.05,,100,\n"
    )


def run(rounds: int, seed: int, server: RunningPostgres, told: Callable[[str], None] = lambda _: None) -> Tally:
    """Rounds by seeds that follow each other."""
    tally = Tally()
    with TemporaryDirectory(dir=roomy_folder()) as folder:
        for number in range(seed, seed + rounds):
            Round(number, Path(folder), server, tally).run()
            tally.counts["rounds"] += 1
            if number % 20 == 0:
                told(str(tally))
    return tally


def main() -> int:
    """Run the long torture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with running_postgres() as server:
        tally = run(given.rounds, given.seed, server, print)
    print(tally)
    print("\n".join(tally.failures) or "0 failures")
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
