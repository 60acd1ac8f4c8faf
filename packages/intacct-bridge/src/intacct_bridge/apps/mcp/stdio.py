"""The server over standard input and output: protocol on standard output and nothing else, and an end at any time.

The library reads standard input in a thread that cannot be cancelled while it waits. So a thread of our own passes the
input on through a pipe, and closing that pipe ends the wait.

JSON can escape half of a pair of surrogates, which is not a character, and the library cannot read that; so such a half
is passed on as a character that no call may have, and the answer names its field.
"""

import os
import re
import signal
import sys
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING

import anyio

from intacct_bridge.apps.mcp.values import HALF_PAIR
from intacct_bridge.operations.exit_statuses import Terminated

if TYPE_CHECKING:
    from intacct_bridge.apps.mcp.server import AgentServer

_PIECE = 65_536
_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD][89a-fA-F][0-9a-fA-F]{2}|.)")
"""An escape in JSON: a whole pair of surrogates, half of one, or any other."""
_HALF_LENGTH = len(rb"\ud800")


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


def without_half_pairs(line: bytes) -> bytes:
    """A line with each escaped half of a pair of surrogates as `HALF_PAIR`."""
    return _ESCAPE.sub(_whole, line) if b"\\u" in line else line


def _whole(escape: re.Match[bytes]) -> bytes:
    text = escape[0]
    is_half = len(text) == _HALF_LENGTH
    return f"\\u{ord(HALF_PAIR):04x}".encode() if is_half else text


class _InputPipe:
    """Standard input, read through a pipe that can be closed."""

    def __init__(self) -> None:
        self._input = os.dup(0)
        reading, self._writing = os.pipe()
        os.dup2(reading, 0)
        os.close(reading)
        self._open = True
        Thread(target=self._pass_on, daemon=True, name="input").start()

    def _pass_on(self) -> None:
        with suppress(OSError):  # the pipe was closed
            rest = b""
            while piece := os.read(self._input, _PIECE):
                *lines, rest = (rest + piece).split(b"\n") if b"\n" in piece else [rest + piece]
                self._write(b"".join(without_half_pairs(line) + b"\n" for line in lines))
            self._write(without_half_pairs(rest))
        self.close()

    def _write(self, piece: bytes) -> None:
        while piece:
            piece = piece[os.write(self._writing, piece) :]

    def close(self) -> None:
        """Close the pipe: the server reads the end of its input."""
        if self._open:
            self._open = False
            with suppress(OSError):
                os.close(self._writing)

    def restore(self) -> None:
        """Give the process its own standard input back."""
        with suppress(OSError):
            os.dup2(self._input, 0)
        sys.stdout.flush()
