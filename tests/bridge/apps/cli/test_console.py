"""`intacct console`: its address, its end, and the command lines that it refuses."""

import os
import signal
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import pytest

from intacct_bridge.apps.cli import context
from support.apps.command_line import Intacct

COMMAND = [sys.executable, "-m", "intacct_bridge", "console", "--no-open"]


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_stopped(home: Path, sign: signal.Signals) -> None:
    file = home / "address"
    running = subprocess.Popen(
        [*COMMAND, "--address-file", str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    address = running.stdout.readline().strip()
    assert file.read_text() == f"{address}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert address.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(address) as answer:
        assert "Signed in" in answer.read().decode()
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(address)
    running.send_signal(sign)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 0
    assert "signs in one browser, once" in said
    assert said.strip().endswith("The console has ended.")
    assert "Traceback" not in said


def test_a_terminal_gets_another_address_for_each_line(home: Path) -> None:
    """Enter in the terminal prints an address that is not the first one."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    running = subprocess.Popen(COMMAND, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert running.stdout is not None
    first = running.stdout.readline()
    os.write(ours, b"\n")
    second = running.stdout.readline()
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert "/start/" in second
    assert second != first


@pytest.mark.parametrize(
    ("words", "environ", "sentence"),
    [
        (("--host", "0.0.0.0"), {}, "serves this machine only, not 0.0.0.0"),
        (("--trust-header", "X-User"), {}, "needs a secret of 20 characters or more in INTACCT_CONSOLE_SECRET"),
        (("--trust-header", "X-User"), {"INTACCT_CONSOLE_SECRET": "short"}, "needs a secret of 20 characters"),
        (("--trust-header", "X-User"), {"INTACCT_CONSOLE_SECRET": "a" * 20}, "Add --allow-host NAME."),
        (("--port", "99999"), {}, "0 to 65535"),
        (("--connection", "nothing"), {}, "There is no connection 'nothing'."),
    ],
)
def test_a_command_line_that_is_not_safe_is_refused(
    intacct: Intacct, words: tuple[str, ...], environ: dict[str, str], sentence: str
) -> None:
    ran = intacct("console", "--no-open", *words, **environ)
    assert ran.status == 2
    assert sentence in " ".join(ran.err.split())
    assert "a" * 20 not in ran.err


def test_a_port_in_use_is_a_sentence(intacct: Intacct) -> None:
    from intacct_bridge.apps.web.server import listen

    with listen("127.0.0.1", 0) as taken:
        ran = intacct("console", "--no-open", "--port", str(taken.getsockname()[1]))
    assert ran.status == 2
    assert "Choose another --port; 0 takes a free one." in ran.err


def test_a_missing_extra_is_named(intacct: Intacct, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "find_spec", lambda name, *more: None if name == "jinja2" else find_spec(name, *more))
    ran = intacct("console")
    assert ran.status == 2
    assert "not installed: jinja2." in ran.err
    assert "pip install 'intacct-bridge[console]'" in ran.err
