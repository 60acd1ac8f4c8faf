"""A child process for input that is not trusted: it ends at its limits, with its parent, and leaves nothing."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Timer

import pytest

from intacct_bridge.machine import bounded_process
from intacct_bridge.machine.bounded_process import (
    ChildEndedError,
    Excess,
    ProcessLimits,
    end_idle_children,
    iterate_bounded,
    run_bounded,
)
from intacct_protocol.errors import SettingsError

LIMITS = ProcessLimits(seconds=60, memory_mb=500)


@pytest.fixture(autouse=True)
def no_idle_children() -> Iterator[None]:
    end_idle_children()
    yield
    end_idle_children()


def refused() -> None:
    raise SettingsError("a.csv is empty", fix="Fill it.", setting="sheet")


def own_error() -> None:
    raise type("LocalError", (Exception,), {})("of a kind that cannot be sent")


def long_fill() -> int:
    kept = []
    while True:
        kept.append(bytearray(10 << 20))


def numbers(count: int) -> Iterator[int]:
    for number in range(count):
        yield number
        if number == 5_000:
            raise SettingsError("row 5000 is wrong")


def forever() -> Iterator[int]:
    yield from range(50)
    while True:
        pass


def temporary_file() -> str:
    Path(tempfile.gettempdir(), "left").write_text("x")
    return tempfile.gettempdir()


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ended(pid: int) -> bool:
    """Wait for the end of a process that is not ours."""
    for _ in range(2_000):
        if not is_alive(pid):
            return True
        Event().wait(0.01)
    return False


def test_a_child_gives_its_result_and_is_used_again() -> None:
    first = run_bounded(os.getpid, limits=LIMITS)
    assert first != os.getpid()
    assert run_bounded(pow, 2, 10, limits=LIMITS) == 1024
    assert run_bounded(os.getpid, limits=LIMITS) == first


def test_an_error_is_raised_with_all_that_it_says_and_the_child_is_gone() -> None:
    with pytest.raises(SettingsError, match=r"a\.csv is empty") as error:
        run_bounded(refused, limits=LIMITS)
    assert (error.value.fix, error.value.setting) == ("Fill it.", "sheet")
    with pytest.raises(RuntimeError, match="LocalError: of a kind that cannot be sent"):
        run_bounded(own_error, limits=LIMITS)


@pytest.mark.parametrize(
    ("function", "args", "limits", "why"),
    [
        (time.sleep, (600,), ProcessLimits(0.2, 500), Excess.TIME),
        (pow, (10, 10**9), ProcessLimits(0.5, 500), Excess.TIME),  # holds the interpreter
        (long_fill, (), ProcessLimits(60, 300), Excess.MEMORY),
        (bytes, (300 << 20,), ProcessLimits(60, 4_000), Excess.MEMORY),  # of which the parent would need as much
        (os._exit, (0,), LIMITS, Excess.CRASH),
        (os.abort, (), LIMITS, Excess.CRASH),
    ],
)
def test_a_child_that_takes_too_much_is_ended(
    function: object, args: tuple[object, ...], limits: ProcessLimits, why: Excess
) -> None:
    pid = run_bounded(os.getpid, limits=LIMITS)
    with pytest.raises(ChildEndedError) as error:
        run_bounded(function, *args, limits=limits)  # type: ignore[arg-type]
    assert error.value.why is why
    assert not is_alive(pid)
    assert run_bounded(os.getpid, limits=LIMITS) != pid


def test_a_cancelled_child_is_ended() -> None:
    cancelled = Event()
    Timer(0.1, cancelled.set).start()
    with pytest.raises(ChildEndedError) as error:
        run_bounded(time.sleep, 600, limits=LIMITS, cancelled=cancelled)
    assert error.value.why is Excess.CANCELLED


def test_rows_arrive_in_their_order_up_to_the_error() -> None:
    assert list(iterate_bounded(numbers, 1_234, limits=LIMITS)) == list(range(1_234))
    rows: list[int] = []
    with pytest.raises(SettingsError, match="row 5000"):
        rows.extend(iterate_bounded(numbers, 10_000, limits=LIMITS))
    for number, _ in zip(iterate_bounded(numbers, 10_000, limits=LIMITS), range(7), strict=False):
        assert number < 7
    with pytest.raises(ChildEndedError) as error:
        list(iterate_bounded(forever, limits=ProcessLimits(0.3, 500)))
    assert error.value.why is Excess.TIME


def test_the_time_of_the_one_who_takes_the_rows_does_not_count() -> None:
    list(iterate_bounded(numbers, 1, limits=LIMITS))  # the start of a child would count
    count = 0
    for _ in iterate_bounded(numbers, 300, limits=ProcessLimits(0.4, 500)):
        count += 1
        if count in (1, 150):
            Event().wait(0.5)
    assert count == 300


def test_its_temporary_files_are_gone_with_it() -> None:
    folder = run_bounded(temporary_file, limits=LIMITS)
    assert folder != tempfile.gettempdir() and Path(folder, "left").exists()
    end_idle_children()
    assert not Path(folder).exists()


PARENT = """
import os, signal, sys, threading, time
from intacct_bridge.machine.bounded_process import ProcessLimits, run_bounded
limits = ProcessLimits(600, 500)
print(run_bounded(os.getpid, limits=limits), flush=True)
run_bounded({work}, limits=limits)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("work", ["time.sleep, 600", "eval, 'any(False for _ in iter(int, 1))'"])
def test_a_child_does_not_outlive_its_parent(work: str, how: signal.Signals) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(work=work)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.send_signal(how)
    parent.wait()
    parent.stdout.close()
    assert ended(child)


def test_a_child_that_was_idle_for_long_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    pid = run_bounded(os.getpid, limits=LIMITS)
    os.kill(pid, signal.SIGKILL)
    assert run_bounded(os.getpid, limits=LIMITS) != pid


def test_a_child_works_in_the_folder_and_environment_of_its_parent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pid = run_bounded(os.getpid, limits=LIMITS)
    monkeypatch.chdir(tmp_path)
    assert run_bounded(os.getcwd, limits=LIMITS) == str(tmp_path)
    monkeypatch.setenv("PGPASSWORD", "new")
    assert run_bounded(os.getenv, "PGPASSWORD", limits=LIMITS) == "new"
    monkeypatch.delenv("PGPASSWORD")
    assert run_bounded(os.getenv, "PGPASSWORD", limits=LIMITS) is None
    assert run_bounded(tempfile.gettempdir, limits=LIMITS) == run_bounded(os.getenv, "TMPDIR", limits=LIMITS)
    assert run_bounded(os.getpid, limits=LIMITS) == pid


def surroundings() -> str:
    """All that a child can see of its own environment, as it was at its start and as it is now, and its command."""
    files = [Path("/proc/self/environ"), Path("/proc/self/cmdline")]
    return repr(os.environ) + repr(sys.argv) + "".join(path.read_text() for path in files if path.exists())


def test_a_child_that_reads_input_of_strangers_gets_no_password_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for began in (False, True):
        if began:
            run_bounded(os.getpid, limits=LIMITS)
        for name in (
            "INTACCT_USER_PASSWORD",
            "INTACCT_OUTBOX",
            "TAP_INTACCT_SENDER_PASSWORD",
            "TARGET_INTACCT_USER_ID",
        ):
            monkeypatch.setenv(name, "hunter2")
        monkeypatch.setenv("PGPASSWORD", "of the copy")
        seen = run_bounded(surroundings, limits=LIMITS)
        assert "hunter2" not in seen
        assert "of the copy" in seen
        end_idle_children()
        monkeypatch.undo()


@pytest.mark.parametrize("name", ["TZ", "LC_ALL", "PYTHONHASHSEED"])
def test_a_variable_that_is_read_once_takes_a_new_child(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    pid = run_bounded(os.getpid, limits=LIMITS)
    monkeypatch.setenv(name, "1")
    assert run_bounded(os.getpid, limits=LIMITS) != pid
    assert not is_alive(pid)


def test_a_child_that_grew_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_process, "_LEAN_MB", 1)
    pid = run_bounded(os.getpid, limits=LIMITS)
    assert not is_alive(pid)
