"""Directories for settings, state and cache on a user's machine. Nothing is written beside the code.

`platformdirs` knows each system's own places; on Linux they are the XDG directories. A directory that an earlier
version made elsewhere (XDG directories on macOS and Windows) is used as long as it exists.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from platformdirs import PlatformDirs

_NAME = "intacct-bridge"


def config_directory() -> Path:
    """Settings: `$XDG_CONFIG_HOME/intacct-bridge`, on Windows `%APPDATA%/intacct-bridge`."""
    return _earlier("XDG_CONFIG_HOME", ".config") or _system(roaming=True).user_config_path


def state_directory() -> Path:
    """Data that must not be lost: outboxes, bookmarks, the month's transactions. `$XDG_STATE_HOME/intacct-bridge`."""
    return _earlier("XDG_STATE_HOME", ".local/state") or _system().user_state_path


def cache_directory() -> Path:
    """Data that may be lost: object definitions. `$XDG_CACHE_HOME/intacct-bridge`."""
    return _earlier("XDG_CACHE_HOME", ".cache") or _system().user_cache_path


def cache_of_port(port: int | None) -> Path:
    """The cache for a gateway on this machine. A program that starts another gateway on the port removes it."""
    return cache_directory() / "here" / str(port or "")


def home(environ: Mapping[str, str] = os.environ) -> Path:
    """The user's home directory, as the environment names it."""
    named = environ.get("HOME") or environ.get("USERPROFILE")
    return Path(named) if named else Path.home()


def _earlier(variable: str, under_home: str) -> Path | None:
    """The directory that the earlier version used, by the XDG rule; None if it does not exist.

    On Windows it followed that rule only if the variable was set, and the system's own places otherwise.
    """
    named = os.environ.get(variable)
    if not named and sys.platform == "win32":
        return None
    found = (Path(named) if named else home() / under_home) / _NAME
    return found if found.exists() else None


def _system(*, roaming: bool = False) -> "PlatformDirs":
    from platformdirs import PlatformDirs

    return PlatformDirs(_NAME, appauthor=False, roaming=roaming, opinion=False)
