"""SQLite files that must not be lost or shared over a network: the outbox, the event log, the run history.

A file is opened with a write-ahead log, and every commit waits for the disk. It is created readable by its owner only.
SQLite's log is shared memory, which works between the processes of one machine and not over a network. So a file on a
network file system is refused; Linux shows the kind of file system.
"""

import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from intacct_bridge.machine.replaced_file import force_names
from intacct_protocol.errors import SettingsError

_TRIES = 1000
_MOUNTS = Path("/proc/self/mountinfo")
NETWORKED = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse"}
)


def networked(path: Path, mounts: str | None = None) -> str:
    """The name of the network file system that the path is on; empty if it is on none, or that is unknown."""
    if mounts is None:
        try:
            mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return ""
    mount, kind = Path(), ""
    for line in mounts.splitlines():
        before, dash, after = line.partition(" - ")
        words = before.split(" ")
        if not dash or len(words) < 5:  # ids, device, root, then where it is mounted
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), words[4]))
        if path.is_relative_to(point) and len(point.parts) >= len(mount.parts):
            mount, kind = point, after.split(" ")[0]
    return kind if kind in NETWORKED else ""


def open_sqlite(
    path: Path, *, what: str, upgrade: Callable[[sqlite3.Connection, Path, int], int], setting: str = ""
) -> sqlite3.Connection:
    """Open a file, or create it; SettingsError if it cannot be used.

    `what` names the file in messages, as `the outbox`. `upgrade` gets the connection inside a transaction, the path and
    the version of the file's tables (0: it is new), and gives the version that they have afterwards. `setting` is the
    connection's setting that names another place.
    """
    if sqlite3.sqlite_version_info < (3, 35):
        raise SettingsError("this Python's SQLite is older than 3.35", fix="use a newer Python")
    if kind := networked(path.absolute()):
        named = f": {setting} = PATH in the connection" if setting else ""
        raise SettingsError(
            f"{what} {path} is on a network file system ({kind}), where two machines could write at once",
            fix=f"name a file on a local disk{named}",
        )
    db = None
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=60)
        _prepare(db, path, upgrade)
    except (sqlite3.Error, OSError) as error:
        if db is not None:
            db.close()
        raise SettingsError(
            f"{what} {path} cannot be used: {error}", fix="check the file and its permissions"
        ) from None
    except BaseException:
        if db is not None:
            db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection, path: Path, upgrade: Callable[[sqlite3.Connection, Path, int], int]) -> None:
    db.row_factory = sqlite3.Row
    _use_write_ahead_log(db)
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA fullfsync = ON")  # macOS alone has it: without it a disk may keep a commit in its cache
    db.execute("BEGIN IMMEDIATE")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    now = upgrade(db, path, version)
    if version == 0:  # before the commit: a file with a version has a name that outlives a power cut
        for folder in (path.parent, path.parent.parent):
            force_names(folder)
    db.execute(f"PRAGMA user_version = {now}")
    db.execute("COMMIT")


def run_script(db: sqlite3.Connection, script: str) -> None:
    """Run a script's statements inside the present transaction, which `executescript` would commit."""
    for statement in _statements(script):
        db.execute(statement)


def _use_write_ahead_log(db: sqlite3.Connection) -> None:
    """Turn on write-ahead logging, which SQLite refuses while another process does the same to a new file."""
    for _ in range(_TRIES):
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
        db.execute("BEGIN IMMEDIATE")  # waits for its turn, which the pragma does not
        db.execute("COMMIT")
    raise SettingsError("too many processes open a new file at once", fix="run the command again")


def _statements(script: str) -> Iterator[str]:
    """A script's statements one by one."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
