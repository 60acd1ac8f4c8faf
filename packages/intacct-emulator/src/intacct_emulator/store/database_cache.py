"""Databases that are kept on disk between starts, under a key that covers everything that they are made from.

The key covers the emulator's own source and data files, so a database never outlives the code that made it. A file
appears under its name when it is complete. A process that is killed leaves a file with another name, and the next one
removes it. Two processes that start together make the file twice, and the files are equal.
"""

import hashlib
import os
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from secrets import token_hex

import intacct_emulator
import intacct_protocol

_KEPT = 3
_BYTES = 4 * 2**30
_ABANDONED = 86_400
_NEW, _DONE = ".new", ".db"
_WHILE_MADE = ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE", "cache_size = -1048576")
"""A gigabyte of pages in memory: every index of a table is made from all of its pages, which would be read again."""


class DatabaseCache:
    """A folder with the databases that were used last. A folder that cannot be written is left alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, key: tuple[object, ...], make: Callable[[sqlite3.Connection], None]) -> sqlite3.Connection | None:
        """The database for a key, read-only; `make` fills it if it is missing. None if it cannot be kept."""
        digest = hashlib.sha256(repr((key, sys.version, sqlite3.sqlite_version, sources())).encode())
        path = self._folder / f"{digest.hexdigest()[:32]}{_DONE}"
        database = _opened(path)
        if database is None:
            with suppress(OSError, sqlite3.Error):
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._make(path, make)
                database = _opened(path)
        return database

    def _make(self, path: Path, make: Callable[[sqlite3.Connection], None]) -> None:
        new = path.with_name(f"{path.stem}-{token_hex(4)}{_NEW}")
        try:
            with closing(sqlite3.connect(new, isolation_level=None, cached_statements=512)) as connection:
                for setting in _WHILE_MADE:
                    connection.execute(f"PRAGMA {setting}")
                make(connection)
            with new.open("rb+") as file:
                os.fsync(file.fileno())  # a complete name must mean complete bytes, also after a loss of power
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)
        self._clean()

    def _clean(self) -> None:
        """Keep the databases that were used last, and remove what killed processes left."""
        room = _BYTES
        for place, path in enumerate(sorted(self._folder.glob(f"*{_DONE}"), key=_used, reverse=True)):
            room -= path.stat().st_size
            if place and (place >= _KEPT or room < 0):
                path.unlink(missing_ok=True)
        for path in self._folder.glob(f"*{_NEW}"):
            if _used(path) < time.time() - _ABANDONED:
                path.unlink(missing_ok=True)


def clear(folder: Path) -> int:
    """Remove the databases of a folder; gives the number of bytes."""
    files = [path for mark in (_DONE, _NEW) for path in folder.glob(f"*{mark}")]
    size = sum(path.stat().st_size for path in files)
    for path in files:
        path.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()
    return size


def _used(path: Path) -> float:
    with suppress(OSError):
        return path.stat().st_mtime
    return 0.0


def _opened(path: Path) -> sqlite3.Connection | None:
    """The database in a file; None for a missing or damaged one, which is removed."""
    try:
        size = path.stat().st_size
    except OSError:
        return None
    connection = None
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
        pages, each = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        if pages and pages * each == size:
            os.utime(path)
            return connection
    except (sqlite3.Error, OSError):
        pass
    if connection is not None:
        connection.close()
    with suppress(OSError):
        path.unlink()
    return None


@cache
def sources() -> str:
    """A digest of the source and data files that decide how a company is made."""
    digest = hashlib.sha256()
    for package in (intacct_protocol, intacct_emulator):
        root = Path(str(package.__file__)).parent
        for path in sorted(path for path in root.rglob("*") if path.is_file() and path.suffix != ".pyc"):
            digest.update(f"{package.__name__}/{path.relative_to(root).as_posix()}".encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
