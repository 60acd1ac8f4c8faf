"""Files that all processes of one test run share, such as the demo company: the first that asks makes the file."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from filelock import FileLock

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.store.store import open_database

FOLDER = "BRIDGE_TEST_FILES"
"""The environment variable that names the folder. The process that starts the workers sets it."""


def roomy_folder() -> str | None:
    """A folder in memory where there is one with four gigabytes free, since tests write and remove many files."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        return None
    room = os.statvfs(memory)
    return str(memory) if room.f_bavail * room.f_frsize >= 4 * 2**30 else None


def start_shared_files() -> None:
    """Make the folder, which worker processes learn of from the environment."""
    os.environ[FOLDER] = tempfile.mkdtemp(prefix="intacct-bridge-tests-")


def remove_shared_files() -> None:
    """Remove the folder."""
    shutil.rmtree(os.environ.pop(FOLDER), ignore_errors=True)


def shared_company(name: str, make: Callable[[], Emulator], clock: Callable[[], float]) -> Emulator:
    """A company in memory, copied from the run's file of this name; `make` makes it once."""

    def write(path: Path) -> None:
        with closing(make()) as made:
            in_file(made, path)

    database = open_database(None)
    with closing(sqlite3.connect(shared_file(f"{name}.sqlite", write))) as file:
        file.backup(database)
    emulator = Emulator(database, clock=clock)
    emulator.companies.keep_users()
    return emulator


def in_file(emulator: Emulator, path: Path) -> Path:
    """Write a copy of the companies into a file."""
    with closing(emulator.companies.database_copy()) as database:
        database.execute("VACUUM INTO ?", [str(path)])
    return path


def shared_file(name: str, make: Callable[[Path], None]) -> Path:
    """The run's file of this name, which `make` writes once."""
    folder = Path(os.environ[FOLDER])
    path = folder / name
    with FileLock(f"{path}.lock"):
        if not path.exists():
            new = path.with_suffix(".new")
            make(new)
            new.replace(path)
    return path
