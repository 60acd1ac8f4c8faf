"""A console on a small company that is served over HTTP, for all tests of a module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from intacct_bridge.connections.sources import add_sender
from intacct_emulator.server.server import serve
from support.apps.console_site import RunningConsole, Visitor, running_console, save_connection
from support.small_company import Clock, little_company


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The machine of a user with its own settings, state and history."""
    home = tmp_path_factory.mktemp("user")
    (home / "work").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HOME", "USERPROFILE"):
            patch.setenv(name, str(home))
        for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "APPDATA", "LOCALAPPDATA", "INTACCT_CONNECTION"):
            patch.delenv(name, raising=False)
        patch.setenv("INTACCT_RUN_HISTORY", str(home / "runs" / "runs.sqlite3"))
        patch.chdir(home / "work")
        yield home


@pytest.fixture(scope="module")
def gateway() -> Iterator[str]:
    """The endpoint of a small company."""
    emulator = little_company(Clock())
    with serve(emulator) as server:
        yield server.url
    emulator.close()


@pytest.fixture(scope="module")
def console(user: Path, gateway: str) -> Iterator[RunningConsole]:
    """A console with the connection `books` to the small company."""
    save_connection("books", gateway)
    add_sender("ours", {"sender_id": "demo-sender", "sender_password": "demo-sender-password"})
    with running_console() as made:
        made.signed_in().post("/setup/begin", {"name": "books", "reads": "VENDOR", "writes": "GLBATCH"})
        yield made


@pytest.fixture
def visitor(console: RunningConsole) -> Visitor:
    """Someone who opened a start address."""
    return console.signed_in()
