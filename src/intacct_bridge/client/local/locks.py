"""Locks between processes on one machine, released by the operating system when their holder ends.

Both use the lock that `filelock` takes on an open file (flock on Unix, LockFileEx on Windows), so they exclude each
other and every other program that locks the same file in that way. The library is imported at the first lock: it costs
more than the rest of a command's start.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock that this file stands for while a small file is read, changed and replaced; the file stays empty.

    Waits for other holders; OSError where the folder cannot be written or the file system has no locks.
    """
    from filelock import lock_descriptor

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("a+b") as file:
        lock_descriptor(file.fileno(), poll_interval=0.01)
        yield


def try_lock(file: IO[bytes]) -> bool:
    """Lock an open file until it is closed or its process ends; False if another process holds the lock.

    Also False where the file system has no locks: then other processes could not be excluded.
    """
    from filelock import lock_descriptor

    try:
        return lock_descriptor(file.fileno(), blocking=False)
    except OSError:
        return False
