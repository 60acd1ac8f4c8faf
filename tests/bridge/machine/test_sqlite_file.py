"""Files that must not be lost: each commit is on the disk before anything depends on it."""

import os
import sqlite3
from pathlib import Path

import pytest

from intacct_bridge.machine.sqlite_file import open_sqlite
from intacct_protocol.errors import SettingsError

FULL = 2
"""SQLite's documentation: with a write-ahead log, only FULL syncs the log after each transaction."""


def made(db: sqlite3.Connection, path: Path, version: int) -> int:
    """Make the tables of a new file."""
    if not version:
        db.execute("CREATE TABLE kept (value TEXT)")
    return 1


def test_a_commit_is_forced_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forced: list[int] = []
    sync = os.fsync

    def noted(handle: int) -> None:
        forced.append(os.fstat(handle).st_ino)
        sync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    path = tmp_path / "folder" / "outbox.sqlite3"
    with open_sqlite(path, what="the outbox", upgrade=made) as db:
        assert db.execute("PRAGMA synchronous").fetchone()[0] == FULL
        assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert path.parent.stat().st_ino in forced  # or the name of a new file could be lost with the power
        db.execute("INSERT INTO kept VALUES ('a')")
    db.close()
    with open_sqlite(path, what="the outbox", upgrade=made) as again:
        assert again.execute("PRAGMA synchronous").fetchone()[0] == FULL
        assert again.execute("SELECT value FROM kept").fetchone()[0] == "a"
    again.close()
    assert path.stat().st_mode & 0o077 == 0


def test_a_file_that_is_no_database_is_refused_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite3"
    path.write_bytes(b"something else entirely, and long enough to have a header of its own " * 20)
    with pytest.raises(SettingsError, match=r"the outbox .*outbox\.sqlite3 cannot be used"):
        open_sqlite(path, what="the outbox", upgrade=made)
