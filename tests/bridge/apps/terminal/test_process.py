"""The end of the Singer programs: interrupted, with a closed output, and with wrong arguments."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from intacct_bridge.apps.cli import app
from intacct_bridge.apps.singer import tap, target
from intacct_bridge.apps.terminal import process
from intacct_bridge.apps.terminal.output import Output
from intacct_protocol.errors import SettingsError

PROGRAMS = {"tap": (tap, "tap_config"), "target": (target, "target_config")}


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (KeyboardInterrupt(), 130, "Interrupted. Completed work is kept"),
        (BrokenPipeError(), 141, ""),
        (OSError(), 2, ""),
    ],
)
def test_an_interrupt_or_a_closed_pipe_is_not_reported_as_a_bug(
    name: str,
    error: BaseException,
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    ran, config = PROGRAMS[name]

    def stopped(_: object) -> None:
        raise error

    monkeypatch.setattr(f"intacct_bridge.apps.singer.{config}.read_config", stopped)
    monkeypatch.setattr("intacct_bridge.apps.terminal.failures.close_output", lambda: None)
    monkeypatch.setattr(sys, "argv", [f"{name}-intacct", "--config", "none.json"])
    assert ran.main() == status
    told = capfd.readouterr().err
    assert said in told
    assert "A bug in Intacct Bridge" not in told


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("words", [["--help"], ["--version"], ["--about"], ["--about", "--format", "markdown"]])
def test_a_closed_pipe_ends_quietly(name: str, words: list[str], tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ran = subprocess.run(
        [sys.executable, "-m", f"intacct_bridge.apps.singer.{name}", *words],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env={**os.environ, "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    os.close(writer)
    assert (ran.returncode, ran.stderr) == (141, "")  # 0 would tell a schedule that all output was read


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_without_settings_names_its_help(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [f"{name}-intacct"])
    assert PROGRAMS[name][0].main() == 2
    assert f"See: {name}-intacct --help" in capsys.readouterr().err


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_option_without_its_value_names_the_programs_help(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [f"{name}-intacct", "--state"])
    assert PROGRAMS[name][0].main() == 2
    assert f"See: {name}-intacct --help" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "path"),
    [(["extract", "--to"], "intacct extract"), (["connections", "add", "--user-id"], "intacct connections add")],
)
def test_an_option_without_its_value_names_the_commands_help(
    words: list[str], path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.main(words) == 2
    assert f"See: {path} --help" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["extract", "--streams", "VENDOR"], "fix  Write it without an option, as in: intacct extract STREAM"),
        (["extract", "--object=VENDOR"], "fix  Write it without an option, as in: intacct extract STREAM"),
        (["load", "--file", "bills.csv"], "fix  Write it without an option, as in: intacct load FILE"),
        (["query", "--object", "VENDOR"], "fix  Write it without an option, as in: intacct query OBJECT"),
        (["fleet", "pause", "--tenant", "x"], "fix  Write it without an option, as in: intacct fleet pause TENANT"),
        (["extract", "--fields", "VENDORID"], "error  No such option '--fields'. Did you mean --select?"),
        (["extract", "--output", "copy"], "error  No such option '--output'. Did you mean --to?"),
        (["extract", "--ful"], "error  No such option '--ful'. Did you mean --full?"),
        (["extract", "--zzz"], "error  No such option '--zzz'."),
    ],
)
def test_an_unknown_option_names_what_is_meant(words: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(words) == 2
    assert line in [one.strip() for one in capsys.readouterr().err.splitlines()]


STUCK = """
import signal, threading
from intacct_bridge.apps.terminal import process
from intacct_bridge.apps.terminal.output import Output
GRACE
with process.stoppable(Output(), lambda _: print("sealed", flush=True)):
    try:
        TOLD
    finally:
        threading.Event().wait()
"""


@pytest.mark.parametrize(
    ("grace", "told", "status"),
    [
        ("process.GRACE = 0.01", "signal.raise_signal(signal.SIGTERM)", 143),
        ("process.GRACE = 0.01", "signal.raise_signal(signal.SIGINT)", 130),
        (
            "process.GRACE = 600.0",
            "try: signal.raise_signal(signal.SIGINT)\n        finally: signal.raise_signal(signal.SIGINT)",
            130,
        ),
    ],
    ids=["SIGTERM", "Ctrl-C", "Ctrl-C twice"],
)
def test_a_stopped_program_ends_after_its_grace(grace: str, told: str, status: int) -> None:
    stuck = STUCK.replace("GRACE", grace).replace("TOLD", told)
    done = subprocess.run([sys.executable, "-c", stuck], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (status, "sealed\n")
    assert done.stderr.strip().startswith("Interrupted. Completed work is kept")


TWICE = """
import signal, sys
from intacct_bridge.apps.terminal import process
from intacct_bridge.apps.terminal.output import Output

def work():
    with process.stoppable(Output()):
        try: signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)  # `timeout` sends it to the process, and to its group
            print("ended in order")

def unguarded():
    try: signal.raise_signal(signal.SIGTERM)
    finally:
        signal.raise_signal(signal.SIGTERM)
        print("ended in order")

sys.exit(process.run_job(WORK, Output(), target=str, keep=lambda error: None))
"""


@pytest.mark.parametrize("work", ["work", "unguarded"])
def test_a_second_sigterm_within_milliseconds_is_the_same_request(work: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TWICE.replace("WORK", work)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (143, "ended in order\n"), done.stderr


BARS = """
import io, os, sys
class Bars(io.StringIO):
    isatty = lambda self: True
os.environ["TERM"] = "xterm"
sys.stderr = Bars()
"""


def test_an_end_during_progress_bars_restores_the_cursor_and_prints_its_message() -> None:
    """While bars are shown they replace standard error and remove escape codes from its text."""
    stuck = BARS + STUCK.replace("GRACE", "process.GRACE = 0.01").replace("TOLD", "signal.raise_signal(signal.SIGINT)")
    done = subprocess.run([sys.executable, "-c", stuck], capture_output=True, text=True, check=False)
    assert done.stderr.startswith("\x1b[?25h\nInterrupted. Completed work is kept")


OUTLIVED = """
import signal, threading
from intacct_bridge.apps.terminal import process
from intacct_bridge.apps.terminal.output import Output
process.GRACE = 0.01
waiting = threading.Thread(target=threading.Event().wait)
waiting.start()
with process.stoppable(Output()):
    signal.raise_signal(signal.SIGTERM)
"""


def test_a_waiting_thread_does_not_delay_the_end() -> None:
    done = subprocess.run([sys.executable, "-c", OUTLIVED], capture_output=True, text=True, check=False)
    assert done.returncode == 143


CIRCULAR = """\
import sys
from intacct_bridge.apps.terminal.process import end_without_collection

class Circular:
    def __init__(self): self.own = self
    def __del__(self): print("collected")

end_without_collection()
Circular()
"""


@pytest.mark.parametrize(("loaded", "printed"), [("", ""), ("sys.modules['duckdb'] = None", "collected\n")])
def test_circular_garbage_is_left_alone_at_the_end_except_with_duckdb(loaded: str, printed: str) -> None:
    done = subprocess.run([sys.executable, "-c", CIRCULAR + loaded], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, printed, "")


def test_ignored_signals_stay_ignored_and_handlers_are_restored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        terminated = signal.getsignal(signal.SIGTERM)
        with process.stoppable(Output()):
            signal.raise_signal(signal.SIGINT)
            assert signal.getsignal(signal.SIGTERM) is not terminated
        assert signal.getsignal(signal.SIGTERM) is terminated
    finally:
        signal.signal(signal.SIGINT, before)


def test_only_the_main_thread_handles_signals() -> None:
    def work() -> int:
        with process.stoppable(Output()):
            return 1

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(work).result() == 1


@pytest.mark.parametrize("words", [["emulator", "--scenario", "list"], ["--help"]])
def test_a_pipe_gets_utf_8_whatever_the_locale(words: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "intacct_bridge", *words]
    plain, odd = (
        subprocess.run(command, capture_output=True, check=False, cwd=tmp_path, env=os.environ | more)
        for more in ({"PYTHONUTF8": "1"}, {"PYTHONUTF8": "0", "PYTHONIOENCODING": "cp1252"})
    )
    assert (odd.returncode, odd.stderr) == (0, b"")
    assert odd.stdout.decode() == plain.stdout.decode()
    assert not plain.stdout.isascii()


@pytest.mark.skipif(os.name == "nt", reason="file names are Unicode there")
def test_a_file_name_that_is_not_utf_8_is_refused_with_a_fix(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/b\xffd.csv"
    command = [os.fsencode(sys.executable), b"-m", b"intacct_bridge", b"load", name, b"--as", b"journal-entries"]
    ran = subprocess.run(command, capture_output=True, check=False, cwd=tmp_path, env=os.environ | {"PYTHONUTF8": "1"})
    assert ran.returncode == 2
    assert rf"{tmp_path}/b\xffd.csv is not text in UTF-8" in ran.stderr.decode()
    assert "Rename the file" in ran.stderr.decode()


def test_a_load_after_an_extraction_of_one_process_ends_without_a_word(tmp_path: Path) -> None:
    program = "import duckdb; from intacct_bridge.apps.terminal.memory import relax_gc; relax_gc()"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, cwd=tmp_path)
    assert (ran.stdout, ran.stderr) == (b"", b"")


def test_after_imports_garbage_is_looked_for_again_but_not_among_modules(
    tmp_path: Path,
) -> None:
    program = """
import gc
from intacct_bridge.apps.terminal.memory import uncollected
for _ in range(2):
    with uncollected():
        kept = [[] for _ in range(1000)]
        assert not gc.isenabled()
    assert gc.isenabled()
    print(gc.get_freeze_count() > 1000)
    gc.unfreeze()
try:
    with uncollected():
        raise ImportError
except ImportError:
    print(gc.isenabled())
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, cwd=tmp_path, text=True)
    assert ran.stdout.split() == ["True", "False", "True"]


@pytest.mark.parametrize(
    ("text", "found"),
    [('{"n": 1}\n{"n": 2}\n', {"n": 2}), ('{"n": 1}\r\n\r\n{"n": 2}', {"n": 2}), ('{\n"n": 1\n}', {"n": 1}), ("", {})],
)
def test_of_the_states_that_a_target_wrote_the_last_one_counts(tmp_path: Path, text: str, found: object) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(text.encode())
    assert process.json_object(path, "state", lines=True) == found


@pytest.mark.parametrize("text", ['{"n": 1}\n{"n": ', '{"n": 1}\n2\n', '{"n": 1} {"n": 2}'])
def test_states_of_which_one_is_damaged_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    with pytest.raises(SettingsError, match="is not JSON"):
        process.json_object(path, "state", lines=True)
