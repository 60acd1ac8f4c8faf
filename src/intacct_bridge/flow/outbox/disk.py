"""Which kind of file system a path lies on, as far as Linux tells: an outbox must not be where two hosts can open it.

SQLite's log is shared memory between the processes of one machine, and whether a loader still lives is asked of the
machine's own locks. Neither reaches over a network.
"""

import re
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
NETWORKED = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse"}
)


def networked(path: Path, mounts: str | None = None) -> str:
    """The name of the network file system that the path lies on; empty where it is none, or nobody says."""
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
