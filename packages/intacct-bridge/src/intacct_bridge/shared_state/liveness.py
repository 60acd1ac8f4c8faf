"""Whether a loader still runs: each holds a lock on a file of its own, which the operating system releases.

A lease by the clock would have to guess how long a request may take. A lock ends with the process, even by kill -9 or a
power cut.

Locks work between the processes of one machine and not over a network, so an outbox must not be on a network file
system.
"""

import os
import time
from pathlib import Path
from typing import IO, Self

from intacct_bridge.machine.locks import has_name, try_lock
from intacct_protocol.errors import SettingsError

_ASKED_SECONDS = 1.0
"""How long other processes may keep a new file locked, to ask about its loader."""


class Liveness:
    """One loader's lock, and the check of other loaders' locks."""

    def __init__(self, directory: Path, loader: str) -> None:
        self._directory = directory
        self.loader = loader
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = self._locked_file()
        except OSError as error:
            raise SettingsError(f"cannot write to {directory}: {error.strerror}", fix="check its permissions") from None

    def _locked_file(self) -> IO[bytes]:
        """The file, made and locked. A process that asks about the loader in between locks it too, and deletes it."""
        path, ends = self._directory / self.loader, time.monotonic() + _ASKED_SECONDS
        while True:
            file = path.open("wb")
            if try_lock(file) and has_name(file, path):
                return file
            file.close()
            if time.monotonic() > ends:
                raise SettingsError(f"{self._directory} cannot be locked", fix="keep the outbox on a local disk")
            time.sleep(0.01)

    def is_running(self, loader: str) -> bool:
        """Whether that loader's process still runs; the file of an ended one is deleted."""
        if loader == self.loader:
            return True
        path = self._directory / loader
        try:
            file = path.open("r+b")
        except FileNotFoundError:
            return False
        except OSError:
            return True  # another user's file, which cannot be checked
        with file:
            if not try_lock(file):
                return True
            if os.name != "nt":  # under the lock, so that it is not the file of a loader that begins now
                path.unlink(missing_ok=True)
        if os.name == "nt":
            path.unlink(missing_ok=True)
        return False

    def close(self) -> None:
        """Release the lock: this loader counts as ended from now on."""
        if os.name != "nt":
            (self._directory / self.loader).unlink(missing_ok=True)
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
