"""Directories: the system's own places."""

from pathlib import Path

import platformdirs
import pytest

from intacct_bridge.machine.directories import cache_directory, cache_of_port, config_directory, state_directory

VARIABLES = ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")


class Elsewhere:
    """A system whose own places are not the XDG directories."""

    def __init__(self, root: Path) -> None:
        self.user_config_path = root / "config"
        self.user_state_path = root / "state"
        self.user_cache_path = root / "cache"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_on_linux_they_follow_the_xdg_variables(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platformdirs, "PlatformDirs", platformdirs.unix.Unix)
    assert config_directory() == home / ".config" / "intacct-bridge"
    assert state_directory() == home / ".local" / "state" / "intacct-bridge"
    assert cache_directory() == home / ".cache" / "intacct-bridge"
    assert cache_of_port(8080) == home / ".cache" / "intacct-bridge" / "here" / "8080"
    for name in VARIABLES:
        monkeypatch.setenv(name, str(home / name))
    assert config_directory() == home / "XDG_CONFIG_HOME" / "intacct-bridge"
    assert state_directory() == home / "XDG_STATE_HOME" / "intacct-bridge"
    assert cache_directory() == home / "XDG_CACHE_HOME" / "intacct-bridge"


def test_elsewhere_they_are_the_system_s_own(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platformdirs, "PlatformDirs", lambda *_, **__: Elsewhere(home))
    assert (config_directory(), state_directory(), cache_directory()) == (
        home / "config",
        home / "state",
        home / "cache",
    )
    (home / ".local" / "state" / "intacct-bridge").mkdir(parents=True)
    assert state_directory() == home / "state"
