"""Files that are replaced in one step, so that no reader finds half of one, and names that survive a power cut.

In a power cut, a file that is on disk can still lose its new name.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EBADF, EINVAL, ENOTSUP
from pathlib import Path

_NO_SUCH_WAY = (EBADF, EINVAL, ENOTSUP)
"""Errors of file systems that cannot force a folder to disk, such as some network drives."""


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A new name beside a file, to be written in the body; it then replaces the file. After an error it is removed.

    No other process or thread has the same name. If several replace a file at once, the last one stays.
    """
    fresh = path.with_name(f"{path.name}.{os.urandom(4).hex()}.part")
    try:
        yield fresh
        fresh.replace(path)
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)


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
