"""Fixtures: a demo company, created once, and the command line run in this process on a copy of it."""

import shutil
from pathlib import Path

import pytest

from intacct_bridge.apps.cli.app import main
from intacct_bridge.connections.demo_company import DATABASE
from support.apps.command_line import Intacct, Ran


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty machine of a user, with an empty working directory."""
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "user"))
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


@pytest.fixture
def intacct(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Intacct:
    """The command line as a function of its arguments."""

    def run(*words: str, **environ: str) -> Ran:
        with monkeypatch.context() as patched:
            for name, value in environ.items():
                patched.setenv(name, value)
            capsys.readouterr()
            status = main(words)
        printed = capsys.readouterr()
        return Ran(status, printed.out, printed.err)

    return run


@pytest.fixture
def demo(intacct: Intacct, home: Path, company_file: Path) -> Intacct:
    """The command line with a copy of the demo company as its connection."""
    folder = home / "demo"
    folder.mkdir()
    shutil.copy(company_file, folder / DATABASE)

    def run(*words: str, **environ: str) -> Ran:
        return intacct(*words, INTACCT_CONNECTION="demo", INTACCT_DEMO_HOME=str(folder), **environ)

    return run
