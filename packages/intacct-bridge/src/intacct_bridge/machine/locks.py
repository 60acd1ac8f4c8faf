"""Locks between processes on one machine, released by the operating system when their holder ends.

Both lock an open file as `filelock` does (flock on Unix, LockFileEx on Windows), so they exclude each other and every
other program that locks the same file in that way. On Unix the system call is made directly, because importing the
library costs more than the rest of a command's start.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_POLL_SECONDS = 0.01


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock that this file stands for while a small file is read, changed and replaced; the file stays empty.

    Waits for other holders; OSError if the folder cannot be written or the file system has no locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("a+b") as file:
        while not _lock(file.fileno()):
            time.sleep(_POLL_SECONDS)
        yield


def try_lock(file: IO[bytes], *, without_locks: bool = False) -> bool:
    """Lock an open file until it is closed or its process ends; False if another process holds the lock.

    `without_locks` is the answer if the file system has no locks: other processes cannot be excluded there.
    """
    try:
        return _lock(file.fileno())
    except OSError:
        return without_locks


def has_name(file: IO[bytes], path: Path) -> bool:
    """Whether a path still names an open file: another process may have deleted or renamed it before it was locked."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _lock(descriptor: int) -> bool:
    """Lock a file without waiting; False if another process holds the lock. OSError if there are no locks."""
    if os.name == "nt":
        from filelock import lock_descriptor

        return lock_descriptor(descriptor, blocking=False)
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
