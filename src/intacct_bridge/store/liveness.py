"""Whether a loader still runs: each holds a lock on a file of its own, which the operating system releases.

A lease by the clock would have to guess how long a request may take. A lock ends with the process, even by kill -9 or a
power cut.

Locks work between the processes of one machine and not over a network, so an outbox must not be on a network file
system.
"""

import os
from pathlib import Path
from typing import Self

from intacct_bridge.client.local.locks import try_lock
from intacct_bridge.errors import SettingsError


class Liveness:
    """One loader's lock, and the check of other loaders' locks."""

    def __init__(self, directory: Path, loader: str) -> None:
        self._directory = directory
        self.loader = loader
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = (directory / loader).open("wb")
        except OSError as error:
            raise SettingsError(f"cannot write to {directory}: {error.strerror}", fix="check its permissions") from None
        if not try_lock(self._file):
            self._file.close()
            raise SettingsError(f"{directory} cannot be locked", fix="keep the outbox on a local disk")

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
