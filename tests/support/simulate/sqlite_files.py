"""The writes and syncs of SQLite's files, as SQLite gives them to the operating system.

SQLite reaches its files through a table of functions. This module registers a file system under SQLite's own, with
three functions of that table replaced: write, truncate and sync. They report to a listener before they are carried out.
It uses the SQLite library that Python's `sqlite3` has loaded, so the program under test is unchanged.
"""

import _sqlite3
import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_int64, c_void_p
from typing import Any, Protocol

OK, IO_ERROR, FULL = 0, 10, 13
"""Result codes of SQLite."""


class FileListener(Protocol):
    """Hears of every change of a file, before it is made; the result code decides whether it is made."""

    def covers(self, path: str) -> bool:
        """Whether it wants to hear of this file."""

    def written(self, path: str, offset: int, data: bytes) -> int:
        """Bytes are about to be written."""

    def truncated(self, path: str, size: int) -> int:
        """The file is about to be cut."""

    def synced(self, path: str) -> int:
        """The file is about to be forced to disk."""


_Close = CFUNCTYPE(c_int, c_void_p)
_Write = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_Truncate = CFUNCTYPE(c_int, c_void_p, c_int64)
_Sync = CFUNCTYPE(c_int, c_void_p, c_int)
_Open = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, POINTER(c_int))


class _Methods(Structure):
    """`sqlite3_io_methods`; what stands behind `rest` depends on its version."""

    _fields_ = [
        ("version", c_int),
        ("close", c_void_p),
        ("read", c_void_p),
        ("write", c_void_p),
        ("truncate", c_void_p),
        ("sync", c_void_p),
        ("rest", c_void_p * 13),
    ]


_COUNTS = {1: 7, 2: 11, 3: 13}
"""By version, how many functions follow `sync`."""


class _FileSystem(Structure):
    """The beginning of `sqlite3_vfs`, which all its versions share, and room for the functions behind it."""

    _fields_ = [
        ("version", c_int),
        ("file_size", c_int),
        ("longest_path", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("data", c_void_p),
        ("open", c_void_p),
        ("rest", c_void_p * 15),
    ]


_FS_COUNTS = {1: 10, 2: 11, 3: 14}


def _library() -> Any:
    """The SQLite library that this Python uses."""
    library = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
    library.sqlite3_vfs_find.restype = c_void_p
    library.sqlite3_vfs_find.argtypes = [c_char_p]
    library.sqlite3_vfs_register.argtypes = [c_void_p, c_int]
    library.sqlite3_vfs_unregister.argtypes = [c_void_p]
    return library


def unavailable() -> str:
    """Why this Python's SQLite cannot be listened to; empty if it can."""
    try:
        library = _library()
    except (OSError, AttributeError) as error:
        return f"this Python's SQLite library does not export its file system: {error}"
    found = library.sqlite3_vfs_find(None)
    version = _FileSystem.from_address(found).version if found else 0
    return "" if version in _FS_COUNTS else f"SQLite's file system has the unknown version {version}"


class _Shim:
    """The file system that stands in for SQLite's own."""

    def __init__(self, listener: FileListener) -> None:
        self.listener = listener
        self.paths: dict[int, str] = {}
        """By the address of an open file."""
        self._library = _library()
        self._below = self._library.sqlite3_vfs_find(None)
        below = _FileSystem.from_address(self._below)
        self._system = _FileSystem()
        size = _FileSystem.rest.offset + _FS_COUNTS[below.version] * ctypes.sizeof(c_void_p)
        ctypes.memmove(ctypes.byref(self._system), self._below, size)
        self._open_below = _Open(below.open)
        self._callbacks: list[Any] = [_Open(self._open)]
        self._system.open = ctypes.cast(self._callbacks[0], c_void_p).value
        self._system.name = b"listened-to"
        self._tables: dict[int, _Methods] = {}
        """The replaced tables, by the address of the original."""
        self._addresses: set[int] = set()

    def register(self) -> None:
        self._library.sqlite3_vfs_register(ctypes.byref(self._system), 1)

    def unregister(self) -> None:
        self._library.sqlite3_vfs_unregister(ctypes.byref(self._system))
        self._library.sqlite3_vfs_register(self._below, 1)

    def _open(self, _: int, name: int | None, file: int, flags: int, out: Any) -> int:
        """The name stays where SQLite has it: the open file keeps the address."""
        code: int = self._open_below(self._below, name, file, flags, out)
        path = ctypes.string_at(name).decode() if name else ""
        if code == OK and path and self.listener.covers(path):
            slot = c_void_p.from_address(file)
            if slot.value:
                slot.value = self._table(slot.value)
                self.paths[file] = path
        return code

    def _table(self, original: int) -> int:
        """The address of the table that replaces this one."""
        if original not in self._tables:
            found = _Methods.from_address(original)
            made = _Methods()
            size = _Methods.rest.offset + _COUNTS[found.version] * ctypes.sizeof(c_void_p)
            ctypes.memmove(ctypes.byref(made), original, size)
            for name, kind, replacement in (
                ("close", _Close, self._close),
                ("write", _Write, self._write),
                ("truncate", _Truncate, self._truncate),
                ("sync", _Sync, self._sync),
            ):
                callback = kind(_bound(replacement, kind(getattr(found, name))))
                self._callbacks.append(callback)
                setattr(made, name, ctypes.cast(callback, c_void_p).value)
            self._tables[original] = made
        return ctypes.addressof(self._tables[original])

    def _close(self, below: Callable[[int], int], file: int) -> int:
        self.paths.pop(file, None)
        return below(file)

    def _write(self, below: Callable[..., int], file: int, data: int, size: int, offset: int) -> int:
        code = self.listener.written(self.paths[file], offset, ctypes.string_at(data, size))
        return code or below(file, data, size, offset)

    def _truncate(self, below: Callable[..., int], file: int, size: int) -> int:
        return self.listener.truncated(self.paths[file], size) or below(file, size)

    def _sync(self, below: Callable[..., int], file: int, flags: int) -> int:
        """The listener keeps what is on disk, so the disk itself need not be forced."""
        return self.listener.synced(self.paths[file])


def _bound(replacement: Callable[..., int], below: Callable[..., int]) -> Callable[..., int]:
    return lambda *values: replacement(below, *values)


@contextmanager
def listening(listener: FileListener) -> Iterator[None]:
    """SQLite files that are opened from here on report to the listener, as far as it covers them."""
    shim = _Shim(listener)
    shim.register()
    try:
        yield
        assert not shim.paths, f"files are still open: {sorted(shim.paths.values())}"
    finally:
        shim.unregister()
