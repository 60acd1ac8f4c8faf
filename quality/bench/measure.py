"""Measured processes beside a server, and the arithmetic of their figures."""

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figures:
    """The report of one measured process."""

    cpu: float
    wall: float
    rows: int
    peak: int

    @property
    def micros(self) -> float:
        """CPU microseconds for each record."""
        return self.cpu / self.rows * 1e6


@contextmanager
def serving(module: str, *arguments: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Run a server module as a process: its URL, and the process, which ends with its input."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            raise SystemExit(f"{module} did not start")
        try:
            yield url, process
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()


def measured(way: str, url: str, pages: int) -> Figures:
    """Measure one way of reading in a new process and directory."""
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        command = [sys.executable, "-m", "bench.pipeline", way, url, str(pages), directory]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Figures(**json.loads(done.stdout))


def peak_bytes() -> int:
    """The peak memory of this process; on Linux without the memory of its parent at the fork."""
    try:
        lines = Path("/proc/self/status").read_text("ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def best(runs: list[Figures]) -> Figures:
    """The least disturbed run."""
    return min(runs, key=lambda run: run.micros)
