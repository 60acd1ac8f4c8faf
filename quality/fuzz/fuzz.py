"""`make fuzz`: the texts that come from outside, changed at random, against the checks of `targets.py`.

    python -m fuzz.fuzz                        every target, a minute each
    python -m fuzz.fuzz answers csv --seconds 600

Atheris steers the changes by the branches that they reach, where it is installed (`pip install atheris`; it has no
wheels for the newest Pythons). Without it Hypothesis changes the files of the corpus. Time, CPU and memory of an input
are bounded: an input that takes longer than ten seconds or more than two gigabytes is a finding. The input of a finding
is written to the current directory; when it is fixed, it goes into the corpus, which the tests read.
"""

import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
NAMES = sorted(path.name for path in CORPUS.iterdir())
"""The targets. Their module is imported later, since Atheris instruments what is imported after it."""
LONGEST = 10
"""Seconds for one input."""
MEMORY = 2 << 30
"""Bytes of memory beyond those that the process has at the start."""


class TooSlowError(Exception):
    """An input took too long."""


def _seeds(target: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((CORPUS / target).iterdir())]


def has_atheris() -> bool:
    """Whether Atheris can be used here."""
    try:
        import atheris  # noqa: F401
    except ImportError:
        return False
    return True


# --- one target in this process


def with_atheris(target: str, seconds: int) -> None:
    """Run one target until its time is over; libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["intacct_bridge"]):
        from fuzz.targets import TARGETS
    with tempfile.TemporaryDirectory(prefix="fuzz-corpus-") as found:
        options = [f"-max_total_time={seconds}", f"-timeout={LONGEST}", f"-rss_limit_mb={MEMORY >> 20}",
                   "-max_len=4096", "-print_final_stats=1", "-close_fd_mask=1"]  # fmt: skip
        atheris.Setup(["fuzz", *options, found, str(CORPUS / target)], TARGETS[target])
        atheris.Fuzz()


def with_hypothesis(target: str, seconds: int) -> int:
    """Run one target with changed files of the corpus until its time is over; the number of inputs."""
    from hypothesis import HealthCheck, given, settings
    from hypothesis.errors import StopTest

    from fuzz.changes import changed_corpus
    from fuzz.targets import TARGETS

    check, until, count = TARGETS[target], time.monotonic() + seconds, 0
    bound_memory()
    while time.monotonic() < until:

        @settings(max_examples=2000, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(changed_corpus(_seeds(target)))
        def run(data: bytes) -> None:
            nonlocal count
            if time.monotonic() < until:
                count += 1
                _bounded(check, data, target)

        try:
            run()
        except StopTest:
            break
    return count


def bound_memory() -> None:
    """Let an input that takes too much memory end in a MemoryError."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE") if _is_linux() else 0
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.RLIM_INFINITY))


def _is_linux() -> bool:
    return sys.platform == "linux"


def _bounded(check: Callable[[bytes], None], data: bytes, target: str) -> None:
    def late(*_: object) -> None:
        raise TooSlowError(f"more than {LONGEST} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(LONGEST)
    try:
        check(data)
    except BaseException:
        Path(f"crash-{target}-{sha256(data).hexdigest()[:12]}").write_bytes(data)
        raise
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


# --- all of them


def _run(target: str, seconds: int) -> bool:
    """Run one target in a process of its own, and print what it says; whether it found nothing."""
    command = [sys.executable, "-W", "ignore", "-m", "fuzz.fuzz", "--here", target, "--seconds", str(seconds)]
    ended = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    lines = (ended.stdout + ended.stderr).splitlines()
    executions = next((line.rpartition(":")[2].strip() for line in lines if "number_of_executed_units" in line), "")
    executions = executions or next((line.rpartition(" ")[2] for line in lines if line.startswith("inputs")), "?")
    print(f"{target}: {executions} inputs, {'nothing found' if not ended.returncode else 'FOUND'}", flush=True)
    if ended.returncode:
        print("\n".join(lines[-40:]), flush=True)
    return not ended.returncode


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz the targets one after another."""
    parser = argparse.ArgumentParser(prog="fuzz", description="Change texts from outside at random.")
    parser.add_argument("targets", nargs="*", help=f"some of {', '.join(NAMES)} (default: all)")
    parser.add_argument("--seconds", type=int, default=60, help="the time for each target (default: 60)")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    unknown = [one for one in args.targets if one not in NAMES]
    if unknown:
        parser.error(f"there is no target {unknown[0]!r}; there are {', '.join(NAMES)}")
    if args.here:
        if has_atheris():
            with_atheris(args.targets[0], args.seconds)
        else:
            print(f"inputs {with_hypothesis(args.targets[0], args.seconds)}")
        return 0
    print(f"With {'Atheris' if has_atheris() else 'Hypothesis'}, {args.seconds} seconds for each target.", flush=True)
    results = [_run(target, args.seconds) for target in args.targets or NAMES]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
