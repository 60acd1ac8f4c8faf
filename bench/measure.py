"""Running measured processes side by side with a server, and the arithmetic of their figures."""

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
    """What one measured process reports."""

    cpu: float
    wall: float
    rows: int
    peak: int

    @property
    def micros(self) -> float:
        """CPU microseconds a record."""
        return self.cpu / self.rows * 1e6


@contextmanager
def serving(module: str, *arguments: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """A server module as a process: its URL, and the process itself, which ends when its input does."""
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
    """One way of reading, in a fresh process and a fresh directory."""
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        command = [sys.executable, "-m", "bench.pipeline", way, url, str(pages), directory]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Figures(**json.loads(done.stdout))


def peak_bytes() -> int:
    """The most memory that this process has held; on Linux not what its parent held when it was forked."""
    try:
        lines = Path("/proc/self/status").read_text("ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def best(runs: list[Figures]) -> Figures:
    """The run that was disturbed least."""
    return min(runs, key=lambda run: run.micros)
