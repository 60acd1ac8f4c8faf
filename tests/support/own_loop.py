"""Coroutines in an event loop of their own, also where the test's thread has one already."""

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import anyio

Result = TypeVar("Result")


def run_in_own_loop(function: Callable[..., Awaitable[Result]], *arguments: Any) -> Result:
    """The result of a coroutine function.

    The browser's library keeps a loop in the thread of the tests from the first test in a browser on, and a thread has
    one loop at most. So the coroutine runs in a thread of its own.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(anyio.run, function, *arguments).result()
