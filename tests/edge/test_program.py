"""How the Singer programs end when they are interrupted, when nobody listens any more, and when they are misused."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from intacct_bridge.edge import cli, tap, target

PROGRAMS = {"tap": (tap, "tap_config"), "target": (target, "target_config")}


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize(
    ("error", "status", "said"),
    [(KeyboardInterrupt(), 130, "interrupted: what was done is kept"), (BrokenPipeError(), 0, ""), (OSError(), 2, "")],
)
def test_what_stops_a_program_is_no_mistake_of_ours(
    name: str,
    error: BaseException,
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    program, config = PROGRAMS[name]

    def stopped(_: object) -> None:
        raise error

    monkeypatch.setattr(f"intacct_bridge.edge.{config}.read_config", stopped)
    monkeypatch.setattr("intacct_bridge.edge.failures.close_output", lambda: None)
    monkeypatch.setattr(sys, "argv", [f"{name}-intacct", "--config", "none.json"])
    assert program.main() == status
    told = capfd.readouterr().err
    assert said in told
    assert "mistake of ours" not in told


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("words", [["--help"], ["--version"], ["--about"], ["--about", "--format", "markdown"]])
def test_a_closed_pipe_ends_quietly(name: str, words: list[str], tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ran = subprocess.run(
        [sys.executable, "-m", f"intacct_bridge.edge.{name}", *words],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env={**os.environ, "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    os.close(writer)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_without_settings_says_how_to_give_them(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [f"{name}-intacct"])
    assert PROGRAMS[name][0].main() == 2
    assert f"see {name}-intacct --help" in capsys.readouterr().err


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_option_without_its_value_points_at_the_programs_own_help(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [f"{name}-intacct", "--state"])
    assert PROGRAMS[name][0].main() == 2
    assert f"see {name}-intacct --help" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "path"),
    [(["extract", "--to"], "intacct extract"), (["connections", "add", "--user-id"], "intacct connections add")],
)
def test_an_option_without_its_value_points_at_the_commands_own_help(
    words: list[str], path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == 2
    assert f"see {path} --help" in capsys.readouterr().err


STUCK = """
import signal, threading
from intacct_bridge.edge import program
program.GRACE = 0.01
with program.ending_whole(lambda _: print("sealed", flush=True)):
    try:
        signal.raise_signal(signal.SIGTERM)
    finally:
        threading.Event().wait()
"""


def test_a_program_that_is_told_to_end_does_not_wait_for_ever() -> None:
    done = subprocess.run([sys.executable, "-c", STUCK], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (143, "sealed\n", "")
