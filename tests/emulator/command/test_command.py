"""`intacct-emulator` alone: what it prints, how it ends, and that another program can use what it serves."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from intacct_emulator import CREDENTIALS
from intacct_emulator.command.program import main
from support.repository import python_path


@contextmanager
def served(*options: str, port_file: Path) -> Iterator["subprocess.Popen[str]"]:
    """The command, once it has written its port."""
    command = [sys.executable, "-m", "intacct_emulator", "--port", "0", "--port-file", str(port_file), *options]
    environment = os.environ | {"PYTHONPATH": python_path()}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            until = time.monotonic() + 60
            while not port_file.is_file() and process.poll() is None and time.monotonic() < until:
                time.sleep(0.02)
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_a_stopped_command_removes_its_port_file_and_tells_what_it_served(
    number: signal.Signals, status: int, tmp_path: Path
) -> None:
    port_file = tmp_path / "port.txt"
    with served("--company", "empty", "--json", port_file=port_file) as process:
        url = f"http://127.0.0.1:{port_file.read_text().strip()}/ia/xml/xmlgw.phtml"
        with urllib.request.urlopen(urllib.request.Request(url, b"<request/>")) as answer:
            assert b"<status>failure</status>" in answer.read()
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert json.loads(out) == {"endpoint": url, **CREDENTIALS}
    assert err.splitlines()[-1] == "Served 1 request (1 unreadable)."
    assert (process.returncode, port_file.exists()) == (status, False)


def test_the_scenarios_are_a_table_or_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--scenario", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["scenario", "mistake"]
    assert "02-sender-not-authorised    The company has not authorised the sender" in lines
    assert main(["--scenario", "list", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(lines) - 2


@pytest.mark.parametrize(
    ("words", "message", "fix"),
    [
        (["--port", "99999"], "Invalid value for '--port': 99999 is not in the range 0 to 65535.", "--help"),
        (["--as-of", "31.10.2026"], "'31.10.2026' is not a valid date; write it as 2026-01-31.", "--help"),
        (["--company", "emty"], "There is no company emty; did you mean empty?", "Use demo, empty, or a TOML file"),
        (["--scenario", "nonsense"], "unknown scenario nonsense", "Run `intacct-emulator --scenario list`"),
        (["--company", "empty", "--host", "10.0.0.1"], "serves on loopback only", "Use 127.0.0.1"),
        (["--companies", "2", "--db", "company.db"], "--companies are kept in memory", "--help"),
    ],
)
def test_a_mistake_is_a_message_with_its_fix(
    words: list[str], message: str, fix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    error, advice = capsys.readouterr().err.splitlines()[-2:]
    assert message in error
    assert advice.startswith("  fix  ")
    assert fix in advice


def test_the_help_imports_neither_the_gateway_nor_a_web_server() -> None:
    program = (
        "import sys; from intacct_emulator.command.program import main; main(['--help'])\n"
        "heavy = ('intacct_emulator.server', 'starlette', 'uvicorn', 'lxml', 'intacct_bridge', 'rich')\n"
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stderr == "[]\n"
    assert "--scenario NAME" in ran.stdout


@pytest.mark.parametrize(
    ("shell", "begins", "quoted"),
    [
        ("sh", "export HTTPS_PROXY=http://127.0.0.1:9", "export SSL_CERT_FILE='{}/it'\"'\"'s here/bundle.pem'"),
        ("powershell", "$env:HTTPS_PROXY = 'http://127.0.0.1:9'", "$env:SSL_CERT_FILE = '{}/it''s here/bundle.pem'"),
        ("env", "HTTPS_PROXY=http://127.0.0.1:9", "SSL_CERT_FILE={}/it's here/bundle.pem"),
    ],
)
def test_the_exports_are_lines_of_a_shell(
    shell: str, begins: str, quoted: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "it's here"
    words = ["exports", "--proxy-port", "9", "--certificates", str(folder), "--shell", shell]
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == begins
    assert quoted.format(tmp_path) in lines
    assert (folder / "bundle.pem").is_file()


def test_a_program_that_evaluates_the_exports_reaches_the_proxy(tmp_path: Path) -> None:
    folder, port_file = tmp_path / "certificates", tmp_path / "port.txt"
    options = ("--company", "empty", "--json", "--tls", "--proxy", "--proxy-port", "0", "--certificates", str(folder))
    program = (
        "import os, urllib.request\n"
        "answer = urllib.request.urlopen('https://api.intacct.com/ia/xml/xmlgw.phtml', b'<request/>', timeout=20)\n"
        "print(answer.status)"
    )
    with served(*options, port_file=port_file) as process:
        assert process.stderr is not None
        (shown,) = (
            line.strip() for line in iter(process.stderr.readline, "Serving; press Ctrl-C to stop.\n") if "eval" in line
        )
        eval_line = shown.replace("intacct-emulator", f"{sys.executable} -m intacct_emulator")
        environment = {name: value for name, value in os.environ.items() if name.lower() != "no_proxy"}
        ran = subprocess.run(
            ["sh", "-c", f'{eval_line}; exec {sys.executable} -c "$PROGRAM"'],
            env=environment | {"PROGRAM": program, "PYTHONPATH": python_path()},
            capture_output=True,
            text=True,
            check=False,
        )
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (ran.returncode, ran.stdout) == (0, "200\n"), ran.stderr
    told = json.loads(out)
    assert told["endpoint"].startswith("https://127.0.0.1:")
    assert told["ca_bundle"] == str(folder / "bundle.pem")
    assert told["proxy"].startswith("http://127.0.0.1:")
    assert err.splitlines()[-1] == "Served 1 request (1 unreadable)."


def test_an_option_of_the_server_before_a_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--company", "empty", "exports"]) == 2
    assert "--company is for serving; options of exports stand after its name." in capsys.readouterr().err


def test_a_proxy_without_the_library_for_certificates_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from intacct_emulator.command.program import main; sys.exit(main(['--company', 'empty', '--proxy']))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.splitlines() == [
        "error  certificates need the library cryptography",
        "  fix  pip install 'intacct-emulator[proxy]'",
    ]
