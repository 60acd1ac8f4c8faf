"""Less memory for a process that reads, and less collection of garbage for one that starts, plans or serves."""

import atexit
import ctypes
import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""The numbers of glibc's `mallopt` options."""
_LARGE = 2**25
"""Bytes from which a block is given back as soon as it is freed. The text of a page is smaller, so that the next page
takes its place: new memory has to be cleared by the system first.
"""
_KEPT = 6 * 2**20
"""Bytes of free memory at the end of the heap from which it is given back: a little more than a page of 94 fields."""
_OF_ARROW = {"MIMALLOC_PURGE_DELAY": "20", "MIMALLOC_EAGER_COMMIT": "0", "MIMALLOC_ARENA_EAGER_COMMIT": "0"}
"""Arrow's allocator takes memory when it needs it, and gives it back 20 ms after it is free."""


def limit_memory() -> None:
    """Let glibc and Arrow keep less than the most that any thread ever needed. For commands, not for a library.

    All threads share one of glibc's heaps; other C libraries are left as they are. Arrow reads its settings when it is
    loaded, so call this before that. Settings of the user's environment count.
    """
    for name, value in _OF_ARROW.items():
        os.environ.setdefault(name, value)
    with suppress(OSError, AttributeError, TypeError, ctypes.ArgumentError):
        option = ctypes.CDLL(None).mallopt
        for number, most in ((_M_ARENA_MAX, 1), (_M_MMAP_THRESHOLD, _LARGE), (_M_TRIM_THRESHOLD, _KEPT)):
            option(number, most)


@contextmanager
def uncollected() -> Iterator[None]:
    """Do not look for circular garbage in the body, which imports modules. For commands only.

    Python would look a hundred times, in the twentieth part of the start, although modules stay until the end.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
    _keep_what_there_is()


@cache
def _keep_what_there_is() -> None:
    """Never look at the present objects again. Once a process: a server would keep the garbage of its earlier work."""
    gc.freeze()
    atexit.register(gc.unfreeze)  # else DuckDB reports its frozen objects as leaked when the process ends


def relax_gc() -> None:
    """Look for circular garbage less often: a plan makes objects by the million that all stay. For commands only.

    Python looks after every 700 new objects, which takes a tenth of the time of a plan, and 3 % of the time in which
    the emulator makes its company. What is imported by now is never looked at again before the end. Objects without
    circles go as soon as nothing needs them, as always.
    """
    _keep_what_there_is()
    gc.set_threshold(50_000, 20, 50)
