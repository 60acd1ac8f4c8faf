"""The cost of reading GLDETAIL with all of its fields, in whole processes, their start included.

`python -m bench.whole [--scale N] [--rounds N] [--earlier SOURCE]` serves the demo company in a process of its own and
runs each program against it: our bare read, `tap-intacct` without and with a `start_date` and without Arrow, `intacct
extract` to Parquet and to DuckDB, and `sageintacctsdk` from PyPI, which only reads. With SOURCE, the `src` folder of
another version, that version's bare read is measured beside ours. Each program also reads a table of a few rows; the
difference is its cost without the start. An earlier start, which does not count, leaves Python's bytecode, as an
installation does.

The programs run in turn, round after round, since a machine may be slower in one minute than in the next. The least
times of each program count, and its largest memory.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.bare_read import ACCOUNT
from bench.company import counted
from bench.measure import serving

OBJECT, SMALL = "GLDETAIL", "DEPARTMENT"
BARE, TAP, SINCE, LIGHT, PARQUET, DUCKDB, SDK = "bare", "tap", "since", "light", "parquet", "duckdb", "sageintacctsdk"
EARLIER = "earlier"
TITLES = {
    BARE: "bare read",
    TAP: "tap-intacct",
    SINCE: "tap-intacct, start_date 2000-01-01",
    LIGHT: "tap-intacct, without Arrow",
    PARQUET: "intacct extract to Parquet",
    DUCKDB: "intacct extract to DuckDB",
    SDK: "sageintacctsdk, get_all",
    EARLIER: "bare read of the other version",
}
GOALS = {PARQUET: 1.4, TAP: 2.2, SINCE: 2.2, DUCKDB: 2.2}
"""The largest cost without the start, as a multiple of the bare read's."""
PEERS = {TAP: 8, PARQUET: 14}
"""The least speed of whole processes, as a multiple of `sageintacctsdk`'s."""
PEAKS = {BARE: 130, TAP: 130, SINCE: 130, LIGHT: 70, PARQUET: 130, DUCKDB: 200}
"""The largest peak memory in MB."""


_LAUNCHER = """
import json, os, sys, time
out, began = int(os.environ.pop("OUT")), time.perf_counter()
actions = [(os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, out, 2)]
process = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=actions)
_, status, used = os.wait4(process, 0)
print(json.dumps([status, used.ru_utime + used.ru_stime, time.perf_counter() - began, used.ru_maxrss]))
"""
"""A small process that measures its child: Linux counts the memory of the parent as the peak of a process too."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One program, from its start to its end."""

    rows: int
    cpu: float
    start: float
    """CPU seconds with a table of a few rows."""
    wall: float
    peak: int
    functions: int

    def with_another(self, run: "Ran") -> "Ran":
        """The least times of two runs, and their largest memory and count of functions."""
        cpu, start, wall = min(self.cpu, run.cpu), min(self.start, run.start), min(self.wall, run.wall)
        return Ran(self.rows, cpu, start, wall, max(self.peak, run.peak), max(self.functions, run.functions))

    @property
    def micros(self) -> float:
        """CPU microseconds a row, without the start."""
        return max(self.cpu - self.start, 1e-9) / self.rows * 1e6

    @property
    def rate(self) -> float:
        """Rows per CPU second of the whole process."""
        return self.rows / self.cpu


def programs(scale: int, rounds: int, progress: Callable[[str], None], *, earlier: str = "") -> dict[str, Ran]:
    """Every program in each round, one after the other, against one server."""
    progress(f"making the demo company at --scale {scale}")
    found: dict[str, Ran] = {}
    names = [name for name in TITLES if name != EARLIER or earlier]
    with serving("bench.demo_server", "0", "0", "0", str(scale)) as (url, server):
        rows = int(subprocess.check_output(_command(BARE, url, OBJECT, Path()), text=True))  # the server's first read
        for name in names:
            _run(name, url, SMALL, earlier)  # leaves the bytecode
        for turn in range(rounds):
            for name in names:
                progress(f"{TITLES[name]}, {turn + 1} of {rounds}")
                start = _run(name, url, SMALL, earlier)[0]
                before = counted(server)[2]
                cpu, wall, peak = _run(name, url, OBJECT, earlier)
                one = Ran(rows, cpu, start, wall, peak, counted(server)[2] - before)
                found[name] = found[name].with_another(one) if name in found else one
    return found


def _run(way: str, url: str, name: str, earlier: str) -> tuple[float, float, int]:
    """Run a program to its end: its CPU seconds, its wall seconds, its peak memory in bytes."""
    with tempfile.TemporaryDirectory(prefix="bench-") as made:
        place = Path(made)
        command = _command(way, url, name, place)
        own = {f"INTACCT_{key.upper()}": value for key, value in (ACCOUNT | {"endpoint": url}).items()}
        own |= dict.fromkeys(("HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"), made)
        paths = [earlier] * (way == EARLIER) + [path for path in sys.path if path]
        environment = {**os.environ, **own, "PYTHONPATH": os.pathsep.join(paths)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        with (place / "out").open("wb") as out:
            environment["OUT"] = str(out.fileno())
            launched = [sys.executable, "-I", "-S", "-c", _LAUNCHER, *command]
            measured = subprocess.run(
                launched, stdout=subprocess.PIPE, pass_fds=(out.fileno(),), env=environment, text=True, check=True
            )
        status, cpu, wall, peak = json.loads(measured.stdout)
        if status:
            raise SystemExit(f"{TITLES[way]} failed: {(place / 'out').read_text('utf-8', 'replace')[-2000:]}")
    return cpu, wall, peak * 1024


def _command(way: str, url: str, name: str, place: Path) -> list[str]:
    """The program with its arguments."""
    python = [sys.executable, "-m"]
    if way in (TAP, SINCE, LIGHT):
        options: dict[str, dict[str, Any]] = {SINCE: {"start_date": "2000-01-01"}, LIGHT: {"without_arrow": True}}
        (place / "config.json").write_text(
            json.dumps({**ACCOUNT, "api_url": url, "streams": [name], **options.get(way, {})})
        )
        return [*python, "intacct_bridge.apps.singer.tap", "--config", str(place / "config.json")]
    if way in (PARQUET, DUCKDB):
        to = f"parquet:{place / 'copy'}" if way == PARQUET else f"duckdb:{place / 'copy.duckdb'}"
        return [*python, "intacct_bridge", "extract", name, "--to", to, "-q"]
    return [*python, "bench.bare_read", SDK if way == SDK else BARE, url, name]


def lines(found: dict[str, Ran]) -> tuple[bool, list[tuple[str, ...]]]:
    """Whether every goal is met, and the lines of a table under `HEADS`."""
    bare, sdk, met = found[BARE], found[SDK], True
    table: list[tuple[str, ...]] = []
    for name, one in found.items():
        cost, speed = one.micros / bare.micros, one.rate / sdk.rate
        goals = []
        if name in GOALS:
            goals.append((f"<= {GOALS[name]} bare", cost <= GOALS[name]))
        if name in PEERS:
            goals.append((f">= {PEERS[name]} SDK", speed >= PEERS[name]))
        if name in PEAKS:
            goals.append((f"<= {PEAKS[name]} MB", one.peak >> 20 <= PEAKS[name]))
        if name in (TAP, SINCE, LIGHT, PARQUET, DUCKDB):
            most = math.floor(1.1 * -(-one.rows // 2000)) + 3 + 6  # sign-in and definitions
            goals.append((f"<= {most} transactions", one.functions <= most))
        met &= all(passed for _, passed in goals)
        goal = ", ".join(f"{text} {'met' if passed else 'MISSED'}" for text, passed in goals)
        cells = (f"{one.rate:,.0f}", f"{one.micros:.1f}", f"{cost:.2f}", f"{speed:.1f}", f"{one.start:.2f}")
        table.append((TITLES[name], *cells, f"{one.wall:.0f}", f"{one.peak >> 20}", str(one.functions), goal))
    return met, table


HEADS = (
    "rows/CPU s", "CPU us/row", "x bare", "x SDK", "start CPU s", "wall s", "peak MB", "transactions", "goal",
)  # fmt: skip
"""`rows/CPU s` and `x SDK` are of whole processes; `CPU us/row` and `x bare` leave out the start."""


def main() -> int:
    """Measure and print; the exit status is 1 if a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.whole", description=__doc__)
    parser.add_argument("--scale", type=int, default=10, help="scale of the demo company")
    parser.add_argument("--rounds", type=int, default=3, help="number of runs of each program")
    parser.add_argument("--earlier", default="", metavar="SOURCE", help="the src folder of another version")
    options = parser.parse_args()
    met, table = lines(programs(options.scale, options.rounds, _progress, earlier=options.earlier))
    for line in [(f"all fields of {OBJECT}, --scale {options.scale}", *HEADS), *table]:
        print("  ".join([line[0].ljust(36), *(cell.rjust(12) for cell in line[1:-1]), line[-1]]))
    return 0 if met else 1


def _progress(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
