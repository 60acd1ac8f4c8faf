"""Commands that go on after the program that started them was killed, and their end before it starts others.

Each running command has a file with its process number. The command inherits the lock of that file: the lock is held
for as long as the command or a program that it started runs, and until then no other process gets its number.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp
from typing import IO

from intacct_bridge.machine.locks import try_lock

_MOST_SECONDS = 5.0
_POLL_SECONDS = 0.01


class RunningCommands:
    """The commands of one program at a time. On Windows none is noted."""

    def __init__(self, folder: Path) -> None:
        """`folder`: for nothing else; it is made when it is needed."""
        self._folder = folder

    @contextmanager
    def file(self) -> Iterator[IO[bytes] | None]:
        """A file for the number of a command that inherits it, until the command has ended; None on Windows."""
        if os.name == "nt":
            yield None
            return
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, name = mkstemp(dir=self._folder)
        with os.fdopen(descriptor, "w+b", buffering=0) as file:
            try_lock(file, without_locks=True)
            try:
                yield file
            finally:
                Path(name).unlink(missing_ok=True)

    def end(self) -> None:
        """End the commands of a program that was killed, with all that they started, and wait for that.

        A program that a command left running goes on if the command itself has ended.
        """
        for path in self._folder.glob("*"):
            with path.open("rb") as file:
                command, until = file.read().decode("ascii", "replace"), time.monotonic() + _MOST_SECONDS
                while not try_lock(file, without_locks=True) and time.monotonic() < until and _killed(command):
                    time.sleep(_POLL_SECONDS)
            path.unlink(missing_ok=True)


def _killed(command: str) -> bool:
    """Whether a command with this process number ran, and was killed now."""
    with suppress(OSError, ValueError):
        if os.getsid(number := int(command)) == number:
            os.killpg(number, signal.SIGKILL)
            return True
    return False
