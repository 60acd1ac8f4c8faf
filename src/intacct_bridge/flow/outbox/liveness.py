"""Whether a loader still runs: each holds a lock on a file of its own, which the operating system releases.

A lease by the clock would have to guess how long a request may take. A lock ends with the process, even by kill -9 or a
power cut.

Locks and SQLite's log, which is shared memory, work between the processes of one machine and not over a network. So an
outbox must not be on a network file system, where two machines could open it; Linux shows the kind of file system.
"""

import os
import re
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
            raise SettingsError(f"cannot write to {directory}: {error.strerror}", fix="check its rights") from None
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


_MOUNTS = Path("/proc/self/mountinfo")
NETWORKED = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse"}
)


def networked(path: Path, mounts: str | None = None) -> str:
    """The name of the network file system that the path is on; empty where it is on none, or that is unknown."""
    if mounts is None:
        try:
            mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return ""
    found, kind = Path(), ""
    for line in mounts.splitlines():
        before, dash, after = line.partition(" - ")
        words = before.split(" ")
        if not dash or len(words) < 5:  # ids, device, root, then where it is mounted
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), words[4]))
        if path.is_relative_to(point) and len(point.parts) >= len(found.parts):
            found, kind = point, after.split(" ")[0]
    return kind if kind in NETWORKED else ""
