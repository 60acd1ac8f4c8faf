"""A disk that forgets what was not forced to it, and that can be full.

Files lie in a real folder, so that the program under test uses its own calls. What is on disk is kept beside it: the
bytes of each file as of its last sync, and the names in each folder as of the folder's last sync. After a power cut, a
file has its synced bytes and any part of what was written since. A name that was not synced is there or not, each by
itself. SQLite's writes are known one by one; of other files only the contents are.

DuckDB and Arrow write through libraries of their own. Of Arrow's files the syncs are ours. The syncs of DuckDB's file
are not seen: it keeps after a power cut what the operating system was given.
"""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from unittest.mock import patch

from support.simulate.sqlite_files import FULL, IO_ERROR, OK, listening

_SECTOR = 512
_UNSEEN = (".duckdb", ".duckdb.wal")
Image = dict[str, bytes | None]
"""The files of the folder by their paths; None is a folder."""
Pending = list[tuple[int, bytes | None]]
"""Writes since the last sync: where, and what; no bytes: the file was cut there."""


class DeadError(BaseException):
    """The process was killed; raised at each of its later calls."""


class Disk:
    """The disk of one simulated machine."""

    def __init__(self, root: Path, random: Random) -> None:
        self.root = root
        self.random = random
        self.before: Callable[[str], int] = lambda _: OK
        """Called before each operation with its name; a result code other than OK prevents it."""
        self.lost = 0
        """Files of which a power cut took something."""
        self._synced: dict[int, bytes] = {}
        self._pending: dict[int, Pending] = {}
        self._names: dict[str, int] = {}
        self._open: dict[int, int] = {}
        """A handle for each file with synced bytes, so that no other file gets its number."""

    # --- SQLite's files

    def covers(self, path: str) -> bool:
        """Whether a file is on this disk. SQLite's shared memory is no file that outlives a power cut."""
        return path.startswith(f"{self.root}{os.sep}") and not path.endswith("-shm")

    def written(self, path: str, offset: int, data: bytes) -> int:
        """SQLite writes."""
        code = self.before("write")
        if code == OK:
            self._pending.setdefault(_number(path), []).append((offset, data))
        return code

    def truncated(self, path: str, size: int) -> int:
        """SQLite cuts a file."""
        code = self.before("truncate")
        if code == OK:
            self._pending.setdefault(_number(path), []).append((size, None))
        return code

    def synced(self, path: str) -> int:
        """SQLite forces a file to disk; the first time its name too, as SQLite does with a new log."""
        code = self.before("sync")
        if code == OK:
            self._sync(Path(path))
            if path.endswith("-wal"):
                self._names[self._relative(path)] = _number(path)
        return code

    # --- other files

    def fsync(self, handle: int) -> None:
        """A file or a folder is forced to disk by its handle."""
        number = os.fstat(handle).st_ino
        path = next((path for path in (self.root, *self._paths()) if path.stat().st_ino == number), None)
        if path is None:
            return
        self._check("fsync")
        if path.is_dir():
            inside = f"{path}{os.sep}"
            mine = [name for name in self._names if str((self.root / name).parent) == str(path)]
            for name in mine:
                del self._names[name]
            for one in self._paths():
                if str(one).startswith(inside) and one.parent == path:
                    self._names[self._relative(one)] = one.stat().st_ino
        else:
            self._sync(path)

    def _sync(self, path: Path) -> None:
        """All bytes of the file are on disk, whichever process wrote them."""
        number = _number(path)
        if number not in self._open:
            self._open[number] = os.open(path, os.O_RDONLY)
        handle = self._open[number]
        self._synced[number] = os.pread(handle, os.fstat(handle).st_size, 0)
        self._pending.pop(number, None)

    def replace(self, source: str | Path, target: str | Path) -> None:
        """A file gets another name, in the place of the file that has it."""
        here = self.covers(str(source))
        if here:
            self._check("replace")
        _REPLACE(source, target)

    def _check(self, operation: str) -> None:
        code = self.before(operation)
        if code == FULL:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if code == IO_ERROR:
            raise DeadError

    # --- after the end of the machine

    def as_it_is(self) -> Image:
        """The files as all processes see them: what is there after the end of one process."""
        return {self._relative(path): None if path.is_dir() else path.read_bytes() for path in self._paths()}

    def after_power_cut(self) -> Image:
        """The files as they may be found after a power cut."""
        now = {self._relative(path): path for path in self._paths()}
        image: Image = {}
        for name in sorted({*now, *self._names}):
            path = now.get(name)
            if name.endswith("-shm") or (path is None and self._names[name] not in self._synced):
                continue
            if path is not None and path.is_dir():
                image[name] = None
                continue
            number = path.stat().st_ino if path is not None else -1
            before = self._names.get(name)
            unseen = name.endswith(_UNSEEN)
            if before != number and not unseen and self.random.random() < 0.5:  # the new name was not synced
                self.lost += 1
                if before in self._synced:
                    image[name] = self._synced[before]
                continue
            if path is not None:
                image[name] = path.read_bytes() if unseen else self._left_of(path, number)
        return {name: data for name, data in image.items() if data is None or _has_folder(name, image)}

    def _left_of(self, path: Path, number: int) -> bytes:
        """A file's bytes: what was synced, and any part of what was not."""
        synced, found = self._synced.get(number, b""), path.read_bytes()
        if synced == found:
            return found
        pending = self._pending.get(number)
        if pending is None:  # its writes were not seen
            left = self.random.choice((synced, found, found[: self.random.randrange(len(found) + 1)]))
        else:
            left = _applied(synced, [self._torn(one) for one in pending if self.random.random() < 0.5])
        self.lost += left != found
        return left

    def _torn(self, one: tuple[int, bytes | None]) -> tuple[int, bytes | None]:
        offset, data = one
        if data is None or self.random.random() < 0.8:
            return one
        return offset, data[: self.random.randrange(len(data) // _SECTOR + 1) * _SECTOR]

    def restore(self, image: Image) -> None:
        """The machine starts again with these files; all of them are on disk."""
        for path in sorted(self._paths(), reverse=True):
            name = self._relative(path)
            if name not in image:
                path.rmdir() if path.is_dir() else path.unlink()
        for name, data in sorted(image.items()):
            if data is None:
                (self.root / name).mkdir(exist_ok=True)
            else:  # a new file: an ended process may still have the old one open
                (self.root / name).unlink(missing_ok=True)
                (self.root / name).write_bytes(data)
        self.close()
        for path in self._paths():
            if not path.is_dir():
                self._sync(path)
        self._names = {self._relative(path): _number(path) for path in self._paths()}

    def close(self) -> None:
        """Forget everything."""
        for handle in self._open.values():
            os.close(handle)
        for kept in (self._open, self._synced, self._pending, self._names):
            kept.clear()

    def _paths(self) -> list[Path]:
        return sorted(Path(folder, name) for folder, *names in os.walk(self.root) for some in names for name in some)

    def _relative(self, path: str | Path) -> str:
        return os.path.relpath(path, self.root)


_REPLACE = os.replace


def _number(path: str | Path) -> int:
    return Path(path).stat().st_ino


def _has_folder(name: str, image: Image) -> bool:
    folder = str(Path(name).parent)
    return folder in (".", *image)


def _applied(data: bytes, writes: Pending) -> bytes:
    """The bytes after these writes."""
    made = bytearray(data)
    for offset, some in writes:
        if some is None:
            del made[offset:]
        else:
            made.extend(bytes(max(offset + len(some) - len(made), 0)))
            made[offset : offset + len(some)] = some
    return bytes(made)


@contextmanager
def in_use(disk: Disk) -> Iterator[None]:
    """All files in the disk's folder are on this disk."""
    with listening(disk), patch("os.fsync", disk.fsync), patch("os.replace", disk.replace):
        yield
