"""Short simulations in every run of the suite, and the seeds that failed before; `make simulate` runs many seeds."""

import os
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.machine import sqlite_file
from simulate.run import ENOUGH, SEEDS, Results, main, report, simulated
from support.repository import ROOT
from support.simulate.events import EVENTS
from support.simulate.sqlite_files import unavailable

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "available")
LOSES = 130
"""A seed whose history has a power cut after a record was sent."""
FAILED_BEFORE = sorted(int(path.stem) for path in SEEDS.glob("*.txt"))
_TESTS = ROOT / "quality"


@pytest.mark.parametrize("seed", [1, 3])
def test_what_was_meant_is_in_the_ledger_once_and_the_copy_is_the_company(seed: int) -> None:
    assert simulated(seed).failures == []


@pytest.mark.parametrize("seed", FAILED_BEFORE)
def test_a_seed_that_failed_before_does_not_fail_again(seed: int) -> None:
    assert simulated(seed).failures == []


@pytest.mark.slow
def test_the_same_seed_has_the_same_history_in_another_process() -> None:
    """Also where texts have other hashes, so that no order depends on them."""
    command = [sys.executable, "-m", "simulate.run", "--seeds", "1", "--from", "4", "--trace"]
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join((str(_TESTS), *sys.path))}
    other = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert other == f"seed 4\n{simulated(4).text}\n"
    assert other.count("\n") > 50


def test_a_failing_seed_is_kept_as_a_file_and_ends_with_status_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An outbox whose commits are not forced to disk loses a record at a power cut, and the simulation says so."""
    prepare = sqlite_file._prepare

    def unforced(db: sqlite3.Connection, *more: Any) -> None:
        prepare(db, *more)
        db.execute("PRAGMA synchronous = OFF")

    monkeypatch.setattr(sqlite_file, "_prepare", unforced)
    monkeypatch.setattr(sys, "argv", ["simulate", "--seeds", "1", "--from", str(LOSES), "--processes", "1",
                                      "--keep", str(tmp_path)])  # fmt: skip
    assert main() == 1
    assert "FAILED seed" in capsys.readouterr().out
    assert "is there and not reported" in (tmp_path / f"{LOSES}.txt").read_text()
    monkeypatch.setattr(sqlite_file, "_prepare", prepare)
    assert main() == 0


def test_a_run_over_many_seeds_in_which_a_fault_never_happened_fails(capsys: pytest.CaptureFixture[str]) -> None:
    happened = Counter(dict.fromkeys(EVENTS, 1))
    assert report(range(1, ENOUGH + 1), Results(ENOUGH, happened)) == 0
    assert report(range(1, ENOUGH + 1), Results(ENOUGH, happened - Counter(["power cut"]))) == 1
    assert "never happened in 200 seeds: power cut" in capsys.readouterr().out
    assert report(range(1, 3), Results(2, Counter())) == 0
