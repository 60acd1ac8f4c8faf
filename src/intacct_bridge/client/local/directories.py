"""Where things of ours are kept on a user's machine: settings, state, cache. Nothing is ever put beside the code."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

_NAME = "intacct-bridge"


def config_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Settings: `$XDG_CONFIG_HOME/intacct-bridge`, on Windows `%APPDATA%`."""
    return _place("XDG_CONFIG_HOME", ".config", "APPDATA", environ)


def state_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """What must not be lost: outboxes, bookmarks, the month's transactions. `$XDG_STATE_HOME/intacct-bridge`."""
    return _place("XDG_STATE_HOME", ".local/state", "LOCALAPPDATA", environ)


def cache_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """What may be lost: object definitions. `$XDG_CACHE_HOME/intacct-bridge`."""
    return _place("XDG_CACHE_HOME", ".cache", "LOCALAPPDATA", environ)


def cache_of_port(port: int | None, environ: Mapping[str, str] = os.environ) -> Path:
    """The same for a gateway on this machine; whoever starts another one on the port removes it."""
    return cache_directory(environ) / "here" / str(port or "")


def home(environ: Mapping[str, str] = os.environ) -> Path:
    """The user's home directory, as the environment names it."""
    named = environ.get("HOME") or environ.get("USERPROFILE")
    return Path(named) if named else Path.home()


def _place(variable: str, under_home: str, windows: str, environ: Mapping[str, str]) -> Path:
    named = environ.get(variable) or (environ.get(windows) if sys.platform == "win32" else None)
    return (Path(named) if named else home(environ) / under_home) / _NAME
