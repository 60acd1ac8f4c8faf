"""A fleet of emulated companies on this machine: syncs without changes per minute, and their cost per company.

    python -m bench.fleet [--companies 10 50 200 1000] [--hanging 10]

Emulator, PostgreSQL and two workers are processes of their own. Each tenant copies three objects, once in full and then
without changes; the second round is measured. Then rounds in which some companies hang and in which none does follow
each other, and the others' starts are compared.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median, quantiles

from bench.measure import serving
from intacct_bridge.apps.demo.own_postgres import own_postgres
from intacct_bridge.fleet.fleet import Fleet, NewTenant
from intacct_bridge.fleet.run_queue import RunKey, TenantRun
from intacct_bridge.fleet.sealing import FleetKey
from intacct_emulator import CREDENTIALS

STREAMS = ("CLASS", "VENDOR", "DEPARTMENT")
CONCURRENCY, WORKERS, THREADS = 2, 2, 16
ON_PAPER = 100_000
ROUNDS = 3
_ALL = 1_000_000
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Round:
    """One run of every tenant."""

    wall: float
    emulator: float
    """CPU seconds."""
    workers: float
    database: float
    starts: list[float]
    """Seconds from the submission to the start of each run."""

    @property
    def latest_start(self) -> float:
        """The 95th percentile of the starts."""
        return quantiles(self.starts, n=20)[-1]


class Bench:
    """A fleet of so many companies, with running workers."""

    def __init__(self, fleet: Fleet, uri: str, server: "subprocess.Popen[str]", key: str, names: list[str]) -> None:
        self.fleet, self.names, self._server = fleet, names, server
        self.most_connections = 0
        """Sessions of the database at once, those of this program included."""
        environment = {**os.environ, "INTACCT_FLEET": uri, "INTACCT_FLEET_KEY": key}
        command = [sys.executable, "-m", "intacct_bridge", "fleet", "work", "-q", "--threads", str(THREADS)]
        self.workers = [
            subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for _ in range(WORKERS)
        ]

    def asked(self, command: str) -> dict[str, list[int]]:
        """The emulator's answer to a question."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(f"{command}\n")
        self._server.stdin.flush()
        found: dict[str, list[int]] = json.loads(self._server.stdout.readline())
        return found

    def round(self, *, without: int = 0) -> Round:
        """Run every tenant's flow once, and wait for the ends of all but the first `without`."""
        due, waited = self.fleet.registry.now(), set(self.names[without:])
        before, began = self._cpu(), time.monotonic()
        self.fleet.queue.submit(RunKey(name, "copy", due) for name in self.names)
        while len(ended := self._ended(due, waited)) < len(waited):
            if time.monotonic() - began > 60 + 3 * len(self.names):
                raise SystemExit(f"{len(waited) - len(ended):,} of {len(waited):,} runs did not end")
            self._see_connections()
            time.sleep(0.25)
        wrong = [one for one in ended if one.outcome != "done"]
        if wrong:
            raise SystemExit(f"{wrong[0].tenant}: {wrong[0].outcome}: {wrong[0].detail}")
        after = self._cpu()
        last = max(one.ended_at for one in ended if one.ended_at is not None)
        starts = [(one.started_at - due).total_seconds() for one in ended if one.started_at is not None]
        emulator, workers, database = (b - a for a, b in zip(before, after, strict=True))
        return Round((last - due).total_seconds(), emulator, workers, database, starts)

    def _see_connections(self) -> None:
        sql = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
        self.most_connections = max(self.most_connections, int(self.fleet.registry._db.read(sql)[0][0]))

    def wait_for_all(self) -> None:
        """Wait until no run is queued or goes on, those that hung included."""
        while self.fleet.queue.unfinished(limit=1):
            time.sleep(0.5)

    def _ended(self, due: datetime, waited: set[str]) -> list[TenantRun]:
        runs = self.fleet.queue.runs(since=due, limit=_ALL)
        return [one for one in runs if one.ended_at is not None and one.due_at == due and one.tenant in waited]

    def _cpu(self) -> tuple[float, float, float]:
        postmaster = _parent(_backend(self.fleet))
        return (
            _seconds(self._server.pid),
            sum(_seconds(one.pid) for one in self.workers),
            _seconds(postmaster) + sum(map(_seconds, _children(postmaster))),
        )

    def memory(self) -> int:
        """The peak memory of the workers in bytes, together."""
        return sum(_status(one.pid, "VmHWM") for one in self.workers)

    def close(self) -> None:
        """End the workers."""
        for one in self.workers:
            one.kill()
            one.wait()


@contextmanager
def bench_of(companies: int) -> Iterator[Bench]:
    """A new fleet in a database of its own."""
    key = FleetKey.new().text
    with (
        own_postgres() as uri,
        serving("bench.fleet_server", str(companies)) as (url, server),
        tempfile.TemporaryDirectory(prefix="bench-fleet-") as folder,
        Fleet.open(uri, key) as fleet,
    ):
        fleet.share_secrets({name: CREDENTIALS[name] for name in ("sender_id", "sender_password", "user_password")})
        names = [f"company-{place:04}" for place in range(1, companies + 1)]
        fleet.add_all(_tenant(name, url, Path(folder)) for name in names)
        bench = Bench(fleet, uri, server, key, names)
        try:
            yield bench
        finally:
            bench.close()


def _tenant(name: str, url: str, folder: Path) -> NewTenant:
    return NewTenant(
        name,
        settings={"endpoint": url, "environment": "demo", "company_id": name, "user_id": CREDENTIALS["user_id"]},
        flows={"copy": {"command": "extract", "streams": [*STREAMS], "to": f"jsonl:///{folder / name}"}},
        limits={"concurrency": CONCURRENCY},
    )


def _backend(fleet: Fleet) -> int:
    return int(fleet.registry._db.read("SELECT pg_backend_pid()")[0][0])


def _parent(pid: int) -> int:
    return _status(pid, "PPid", unit=1)


def _children(pid: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if _parent(int(path.name)) == pid:
                found.append(int(path.name))
        except (OSError, StopIteration):
            continue
    return found


def _status(pid: int, name: str, *, unit: int = 1024) -> int:
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) * unit for line in lines if line.startswith(f"{name}:"))


def _seconds(pid: int) -> float:
    """The CPU time of a process and of its children that ended."""
    try:
        parts = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, parts[11:15])) / _TICK


def _line(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def main() -> int:
    """Measure and print; the exit status is 1 if a limit or a count is wrong, or the hanging companies delay others."""
    parser = argparse.ArgumentParser(prog="python -m bench.fleet", description=__doc__)
    parser.add_argument("--companies", type=int, nargs="+", default=[10, 50, 200, 1000])
    parser.add_argument("--hanging", type=int, default=10, help="companies that hang in the last measurement")
    options = parser.parse_args()
    print(
        _line(
            "companies",
            "syncs/min",
            "CPU ms each",
            "of it workers",
            "emulator",
            "database",
            "workers' peak MB",
            "connections",
        )
    )
    print(_line(*["---:"] * 8))
    met, cost = True, 0.0
    for companies in options.companies:
        with bench_of(companies) as bench:
            bench.round()
            quiet = bench.round()
            each = [part / companies * 1000 for part in (quiet.workers, quiet.emulator, quiet.database)]
            cost = each[0] + each[2]
            rate = companies / quiet.wall * 60
            print(
                _line(
                    f"{companies:,}", f"{rate:,.0f}", *(f"{one:,.0f}" for one in (sum(each), *each)),
                    f"{bench.memory() / 2**20:,.0f}", bench.most_connections,
                ),
                flush=True,
            )  # fmt: skip
            met &= _counts_agree(bench)
            if companies == options.companies[-1] and options.hanging:
                met &= _with_hanging(bench, options.hanging)
    hours = ON_PAPER * cost / 1000 / 3600
    print(f"\nOn paper, not measured: {ON_PAPER:,} such syncs cost {hours:.1f} CPU hours of workers and database.")
    return 0 if met else 1


def _counts_agree(bench: Bench) -> bool:
    usage, counts = bench.fleet.usage(), bench.asked("counts")
    different = [name for name, (_, _, seen) in counts.items() if usage[name] != seen]
    above = [name for name, (_, most, _) in counts.items() if most > CONCURRENCY]
    if different or above:
        print(f"WRONG: {len(different):,} meters differ, {len(above):,} companies had more than {CONCURRENCY} requests")
    return not different and not above


def _with_hanging(bench: Bench, hanging: int) -> bool:
    """Compare the others' starts in rounds in which some companies hang with those of rounds in turn with these."""
    quiet, slowed = [], []
    for _ in range(ROUNDS):
        quiet.append(bench.round(without=hanging).latest_start)
        bench.wait_for_all()
        bench.asked(f"hang {hanging}")
        slowed.append(bench.round(without=hanging).latest_start)
        bench.asked("hang 0")
        bench.wait_for_all()
    change = median(slowed) / median(quiet) - 1
    print(f"\n95 % of the others' runs start within, in {ROUNDS} rounds of each kind in turn:")
    for name, found in (("no company hangs", quiet), (f"{hanging} companies hang", slowed)):
        print(f"  {name}: {median(found):.1f} s ({min(found):.1f} to {max(found):.1f})")
    print(f"The median changes by {change:+.0%}. The most connections to the database: {bench.most_connections}.")
    return change < 0.1


if __name__ == "__main__":
    sys.exit(main())
