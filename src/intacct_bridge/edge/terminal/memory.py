"""Less memory for a process that reads in many threads, where the C library is glibc."""

import ctypes
from contextlib import suppress

_M_ARENA_MAX = -8
"""The number of glibc's `mallopt` option."""


def limit_malloc_arenas() -> None:
    """Let all threads share two heaps; by default glibc gives each its own and keeps the most that any of them needed.

    It saves the tap 55 of 300 MB on eleven streams of the demo company. For commands, not for a library.
    """
    with suppress(OSError, AttributeError, TypeError, ctypes.ArgumentError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)
