"""Simulations over many seeds: `make simulate`, or

    python -m simulate.run [--seeds N] [--from SEED] [--processes N] [--keep FOLDER] [--trace]

Each seed is a history of its own (see `support.simulate.simulation`). A seed that fails is kept as a file, and the test
suite repeats it from then on. In a run over many seeds everything that the simulation can draw must have happened.
"""

import argparse
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from support.shared_files import roomy_folder
from support.simulate.events import EVENTS, SHOWN
from support.simulate.history import History
from support.simulate.simulation import Simulation
from support.simulate.sqlite_files import unavailable

SEEDS = Path(__file__).parent / "seeds"
ENOUGH = 200
"""Seeds after which everything must have happened."""
_AT_ONCE = 10


@dataclass(slots=True)
class Results:
    """The results of several seeds."""

    seeds: int = 0
    happened: Counter[str] = field(default_factory=Counter)
    failures: dict[int, list[str]] = field(default_factory=dict)
    seconds: float = 0.0
    """Processor time."""

    def add(self, other: "Results") -> None:
        """Add the results of other seeds."""
        self.seeds += other.seeds
        self.happened.update(other.happened)
        self.failures |= other.failures
        self.seconds += other.seconds


def simulated(seed: int, steps: int | None = None) -> History:
    """The history of a seed; an error of the simulation itself is a failure too."""
    with tempfile.TemporaryDirectory(dir=roomy_folder()) as folder:
        one = Simulation(seed, Path(folder))
        try:
            one.play(steps)
        except Exception:
            one.history.fail(f"the simulation ended early: {traceback.format_exc()}")
        return one.history


def _some(seeds: range) -> Results:
    found, began = Results(), time.process_time()
    for seed in seeds:
        history = simulated(seed)
        found.seeds += 1
        found.happened.update(history.happened)
        if history.failures:
            found.failures[seed] = history.failures
    found.seconds = time.process_time() - began
    return found


def over(seeds: range, processes: int) -> Iterator[Results]:
    """The results of all seeds, some at a time."""
    parts = [range(first, min(first + _AT_ONCE, seeds.stop)) for first in range(seeds.start, seeds.stop, _AT_ONCE)]
    if processes == 1:
        yield from map(_some, parts)
        return
    with ProcessPoolExecutor(processes) as pool:
        for done in as_completed(pool.submit(_some, part) for part in parts):
            yield done.result()


def keep(seed: int, failures: list[str], folder: Path) -> None:
    """Keep a failing seed as a file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{seed}.txt").write_text("".join(f"{text.rstrip()}\n" for text in failures), encoding="utf-8")


def main() -> int:
    """Run the seeds and print the counts."""
    parser = argparse.ArgumentParser(prog="simulate", description="Simulate histories of loads, faults and extracts.")
    parser.add_argument("--seeds", type=int, default=200, help="the number of seeds")
    parser.add_argument("--from", dest="first", type=int, default=1, help="the first seed")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--keep", type=Path, default=SEEDS, help="the folder for failing seeds")
    parser.add_argument("--trace", action="store_true", help="print every event")
    options = parser.parse_args()
    if reason := unavailable():
        print(reason)
        return 2
    seeds = range(options.first, options.first + options.seeds)
    if options.trace:
        for seed in seeds:
            print(f"seed {seed}\n{simulated(seed).text}")
        return 0
    began, all_of_them = time.monotonic(), Results()
    show = partial(print, end="", flush=True) if sys.stderr.isatty() else None
    for done in over(seeds, options.processes):
        all_of_them.add(done)
        for seed, failures in sorted(done.failures.items()):
            keep(seed, failures, options.keep)
            print(f"FAILED seed {seed}: {failures[0].rstrip()}", flush=True)
        if show is not None:
            show(f"\r{all_of_them.seeds:,} of {len(seeds):,} seeds", file=sys.stderr)
    if show is not None:
        show("\r", file=sys.stderr)
    return report(seeds, all_of_them, time.monotonic() - began)


def report(seeds: range, found: Results, seconds: float = 0) -> int:
    """Print the counts, and what never happened; the exit status."""
    for name in SHOWN:
        print(f"{name:48}{found.happened[name]:>10,}")
    print(f"{'failing seeds':48}{len(found.failures):>10,}")
    processor = found.seconds / max(found.seeds, 1)
    print(f"{seconds:,.0f} s, {processor:.2f} s of processor time a seed; seeds {seeds.start} to {seeds.stop - 1}")
    missing = [name for name in EVENTS if not found.happened[name]] if found.seeds >= ENOUGH else []
    for name in missing:
        print(f"FAILED never happened in {found.seeds:,} seeds: {name}")
    return 1 if found.failures or missing else 0


if __name__ == "__main__":
    sys.exit(main())
