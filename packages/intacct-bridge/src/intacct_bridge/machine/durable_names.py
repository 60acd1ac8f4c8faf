"""Durable file names: in a power cut, a file that is on disk can still lose its new name."""

import os
from errno import EBADF, EINVAL, ENOTSUP
from pathlib import Path

_NO_SUCH_WAY = (EBADF, EINVAL, ENOTSUP)
"""Errors of file systems that cannot force a folder to disk, such as some network drives."""


def force_names(folder: Path) -> None:
    """Force the names in a folder to disk: those of new files and of files that were renamed.

    Does nothing on Windows, or if the file system has no way to do it.
    """
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_SUCH_WAY:
            raise
    finally:
        os.close(handle)
