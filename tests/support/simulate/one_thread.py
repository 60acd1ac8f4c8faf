"""The program under test in one thread, with random numbers and clocks of the simulation.

Work for a pool is done where it is given to the pool. So the order of all calls follows from the seed alone. The order
of streams is drawn instead, and edits by other people come between any two calls.
"""

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from random import Random
from types import SimpleNamespace
from typing import Any, Self
from unittest.mock import patch

_POOLS = (
    "intacct_bridge.extract.run",
    "intacct_bridge.client.reading.catalog",
    "intacct_bridge.load.apply.loader",
)
_CLOCKS = (
    "intacct_bridge.extract.run",
    "intacct_bridge.extract.stream_run",
)


class Inline:
    """A pool that does its work at once."""

    def __init__(self, *_: object, **__: object) -> None: ...

    def submit(self, work: Callable[..., Any], *values: Any) -> "Future[Any]":
        """Do the work; its result or its error is in the future."""
        future: Future[Any] = Future()
        try:
            future.set_result(work(*values))
        except BaseException as error:
            future.set_exception(error)
        return future

    def shutdown(self, *_: object, **__: object) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...


class _InlineThread:
    """A thread that does its work when it is started."""

    def __init__(self, target: Callable[..., None], args: tuple[Any, ...] = (), name: str = "") -> None:
        self._work = (target, args)

    def start(self) -> None:
        target, values = self._work
        target(*values)

    def join(self) -> None: ...


@contextmanager
def one_thread(random: Random) -> Iterator[None]:
    """Everything that follows depends on this source of random numbers."""

    def drawn() -> uuid.UUID:
        return uuid.UUID(int=random.getrandbits(128), version=4)

    threads = SimpleNamespace(Thread=_InlineThread, Event=threading.Event, Lock=threading.Lock)
    with ExitStack() as patches:
        for name in _POOLS:
            patches.enter_context(patch(f"{name}.ThreadPoolExecutor", Inline))
        for name in _CLOCKS:
            patches.enter_context(patch(f"{name}.monotonic", lambda: 0.0))
        patches.enter_context(patch("intacct_bridge.extract.run.threading", threads))
        patches.enter_context(patch("uuid.uuid4", drawn))
        yield
