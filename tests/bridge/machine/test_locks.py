"""Locks between processes: they exclude each other and other programs, and end with their process."""

import subprocess
import sys
from pathlib import Path

import pytest

from intacct_bridge.machine.locks import locked, try_lock


def holder(code: str, path: Path) -> "subprocess.Popen[str]":
    """Another process that runs the code, says that it holds the lock, and waits."""
    program = f"import sys, time\nfile = open({str(path)!r}, 'ab')\n{code}\nprint('held', flush=True)\ntime.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def ended(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.communicate()


def test_a_lock_holds_until_its_process_ends(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    process = holder("from intacct_bridge.machine.locks import try_lock\nassert try_lock(file)", path)
    with path.open("ab") as file:
        assert not try_lock(file)
        ended(process)
        assert try_lock(file)


@pytest.mark.skipif(sys.platform == "win32", reason="flock")
def test_a_lock_is_a_flock_of_the_file_as_in_the_earlier_version(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    process = holder("import fcntl\nfcntl.flock(file, fcntl.LOCK_EX)", path)
    with path.open("ab") as file:
        assert not try_lock(file)
    ended(process)
    with locked(path), path.open("ab") as file:
        assert not try_lock(file)
    assert path.read_bytes() == b""


def test_a_file_system_without_locks_is_not_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> bool:
        raise OSError("no locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with (tmp_path / "lock").open("ab") as file:
        assert not try_lock(file)
