"""The server over standard input and output: protocol on standard output and nothing else, and an end at any time.

The library reads standard input in a thread that cannot be cancelled while it waits. So a thread of our own passes the
input on through a pipe, and closing that pipe ends the wait.
"""

import os
import signal
import sys
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING

import anyio

from intacct_bridge.edge.terminal.failures import Terminated

if TYPE_CHECKING:
    from intacct_bridge.edge.mcp.server import AgentServer

_PIECE = 65_536


def serve_stdio(server: "AgentServer") -> None:
    """Serve until the client closes standard input, or a signal ends the process."""
    anyio.run(_serve, server)


async def _serve(server: "AgentServer") -> None:
    pipe, ended, terminated = _InputPipe(), anyio.Event(), False

    async def await_sigterm() -> None:
        nonlocal terminated
        with anyio.open_signal_receiver(signal.SIGTERM) as signals:
            async for _ in signals:
                terminated = True
                ended.set()

    async def run() -> None:
        try:
            await server.run_stdio_async()
        except* (BrokenPipeError, anyio.BrokenResourceError):  # the client has left without its answer
            pass
        finally:
            ended.set()

    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            if sys.platform != "win32":
                tasks.start_soon(await_sigterm)
            try:
                await ended.wait()  # Ctrl-C ends this wait, and no other
            finally:
                pipe.close()
                tasks.cancel_scope.cancel()
    finally:
        pipe.restore()
    if terminated:
        raise Terminated


class _InputPipe:
    """Standard input, read through a pipe that can be closed."""

    def __init__(self) -> None:
        self._given = os.dup(0)
        reading, self._writing = os.pipe()
        os.dup2(reading, 0)
        os.close(reading)
        self._open = True
        Thread(target=self._pass_on, daemon=True, name="input").start()

    def _pass_on(self) -> None:
        with suppress(OSError):  # the pipe was closed
            while piece := os.read(self._given, _PIECE):
                while piece:
                    piece = piece[os.write(self._writing, piece) :]
        self.close()

    def close(self) -> None:
        """Close the pipe: the server reads the end of its input."""
        if self._open:
            self._open = False
            with suppress(OSError):
                os.close(self._writing)

    def restore(self) -> None:
        """Give the process its own standard input back."""
        with suppress(OSError):
            os.dup2(self._given, 0)
        sys.stdout.flush()
