"""The command line as a whole: fast help, completion, a closed pipe, an interrupt."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from intacct_bridge import connect
from intacct_bridge.apps.cli import app
from intacct_bridge.apps.cli.command import SECTIONS
from intacct_bridge.apps.cli.context import COMPLETE
from intacct_bridge.apps.cli.index import COMMANDS
from intacct_emulator import CREDENTIALS
from support.apps.command_line import Intacct

HEAVY = ("pyarrow", "duckdb", "lxml", "starlette", "uvicorn", "openpyxl", "keyring", "rich", "urllib3", "msgspec")


def python(code: str, *, home: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path), **environ},
    )


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["query", "--help"], ["nonsense"]])
def test_help_imports_nothing_heavy(words: list[str], home: Path) -> None:
    code = f"from intacct_bridge.apps.cli.app import main; import sys; main({words!r}); print('|'.join(sys.modules))"
    ran = python(code, home=home)
    loaded = set(ran.stdout.splitlines()[-1].split("|"))
    assert "click" in loaded
    assert sorted(loaded & set(HEAVY)) == []


def test_every_command_exists_and_is_in_the_help(intacct: Intacct) -> None:
    helped = intacct("--help").out
    for name in COMMANDS:
        assert f"\n  {name} " in helped
        assert intacct(name, "--help").out.startswith("Usage: intacct " + name)


def leaves(command: click.Command, path: str) -> Iterator[str]:
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from leaves(inner, f"{path} {name}".strip())
    else:
        yield path


def test_every_command_names_the_statuses_that_it_can_end_with(intacct: Intacct) -> None:
    paths = list(leaves(app.root, ""))
    assert len(paths) > 30
    for path in paths:
        _, found, line = intacct(*path.split(), "--help").out.partition("Exit status: ")
        words = " ".join(line.split()).split(" · ")
        statuses = {int(word.split()[0]) for word in words} if found else set()
        assert statuses >= {0, 2, 70, 130, 141, 143}, path
        writes = path in {"load", "create", "update", "delete", "undo", "plan apply", "outbox retry", "outbox settle"}
        acts = path in {"reverse", "void", "approve", "decline", "recall", "run", "watch run", "fleet run"}
        assert (5 in statuses) == (writes or acts), path
    assert "1 records are refused" in " ".join(intacct("load", "--help").out.split())


@pytest.mark.parametrize(("program", "doubt"), [("tap", False), ("target", True)])
def test_the_singer_programs_name_their_statuses_too(program: str, doubt: bool, home: Path) -> None:
    code = f"from intacct_bridge.apps.singer.{program} import main; import sys; sys.argv = ['x', '--help']; main()"
    said = " ".join(python(code, home=home).stdout.split())
    assert ("5 in doubt" in said, "143 ended by SIGTERM" in said) == (doubt, True), said


def test_no_arguments_show_the_help(intacct: Intacct) -> None:
    ran = intacct()
    assert ran.status == 0
    assert all(f"\n{section}:\n" in ran.out for section in SECTIONS)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_for_each_shell(intacct: Intacct, shell: str) -> None:
    assert COMPLETE in intacct("completion", shell).out


def test_a_shell_completes_commands_and_connections(
    intacct: Intacct, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COMP_WORDS", "intacct que")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert app.completion("bash_complete") == 0
    assert "plain,query" in capsys.readouterr().out
    monkeypatch.setenv("COMP_WORDS", "intacct query --connection d")
    monkeypatch.setenv("COMP_CWORD", "3")
    app.completion("bash_complete")
    assert "plain,demo" in capsys.readouterr().out


def test_a_closed_pipe_ends_quietly(home: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ran = subprocess.run(
        [sys.executable, "-m", "intacct_bridge", "--help"],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env={**os.environ, "HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    os.close(writer)
    assert (ran.returncode, ran.stderr) == (141, "")


def test_an_interrupted_emulator_leaves_no_port_file_behind(home: Path) -> None:
    port, records = home / "port.txt", home / "VENDOR.csv"
    records.write_text("VENDORID,NAME\nV-1,Acme\n")
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "intacct_bridge",
            "emulator",
            "--company",
            "empty",
            "--port",
            "0",
            "--port-file",
            str(port),
            "--data",
            str(records),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    credentials: dict[str, Any] = dict(CREDENTIALS)
    with connect(endpoint=first.split()[1], environment="demo", **credentials) as client:
        assert [row["NAME"] for row in client.query("VENDOR", "NAME")] == ["Acme"]
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert first.startswith("endpoint  ")
    assert "Traceback" not in err
    assert process.returncode in (0, 130)
    assert not port.exists()
