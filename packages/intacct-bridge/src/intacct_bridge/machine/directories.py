"""Directories for settings, state and cache on a user's machine. Nothing is written beside the code.

`platformdirs` knows each system's own places; on Linux they are the XDG directories.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from platformdirs import PlatformDirs

_NAME = "intacct-bridge"


def config_directory() -> Path:
    """Settings: `$XDG_CONFIG_HOME/intacct-bridge`, on Windows `%APPDATA%/intacct-bridge`."""
    return _system(roaming=True).user_config_path


def state_directory() -> Path:
    """Data that must not be lost: outboxes, bookmarks, the month's transactions. `$XDG_STATE_HOME/intacct-bridge`."""
    return _system().user_state_path


def cache_directory() -> Path:
    """Data that may be lost: object definitions. `$XDG_CACHE_HOME/intacct-bridge`."""
    return _system().user_cache_path


def cache_of_port(port: int | None) -> Path:
    """The cache for a gateway on this machine. A program that starts another gateway on the port removes it."""
    return cache_directory() / "here" / str(port or "")


def home(environ: Mapping[str, str] = os.environ) -> Path:
    """The user's home directory, as the environment names it."""
    named = environ.get("HOME") or environ.get("USERPROFILE")
    return Path(named) if named else Path.home()


def _system(*, roaming: bool = False) -> "PlatformDirs":
    from platformdirs import PlatformDirs

    return PlatformDirs(_NAME, appauthor=False, roaming=roaming, opinion=False)
