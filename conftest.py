"""The demo company, made once a run, and a copy of it for each test that asks.

`grown` has the last four months, which most tests need. A module that needs all of the history defines `grown` as
`two_years`.
"""

import atexit
import gc
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# pytest rewrites the assertions of every package that brings a plugin, and so all of the source: 3 s of CPU time in
# each process where its result is not kept. Only tests have assertions to rewrite.
_PLUGINS = ("intacct_bridge", "intacct_emulator", "hypothesis", "anyio", "platformdirs")
for _hook in sys.meta_path:
    getattr(_hook, "_must_rewrite", set()).difference_update(_PLUGINS)

from intacct_bridge.connections.demo_company import DATABASE  # noqa: E402
from intacct_bridge.shared_state.place import Place, PostgresPlace  # noqa: E402
from intacct_bridge.shared_state.place import postgres_place as place_in_postgres  # noqa: E402
from intacct_emulator.server.gateway import Emulator  # noqa: E402
from support.browser import chromium  # noqa: E402
from support.demo_company import AS_OF, NOW  # noqa: E402
from support.journeys.objects import LoadScenario  # noqa: E402
from support.journeys.piping import Pipe  # noqa: E402
from support.postgres_server import running_postgres  # noqa: E402
from support.shared_files import (  # noqa: E402
    in_file,
    remove_shared_files,
    roomy_folder,
    shared_company,
    start_shared_files,
)
from support.small_company import Clock, company, little_company  # noqa: E402

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
    atexit.register(gc.unfreeze)  # else DuckDB reports its frozen objects as leaked when the process ends


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


@pytest.fixture
def clock() -> Clock:
    """The clock of the small company."""
    return Clock()


@pytest.fixture
def emulator(clock: Clock) -> Iterator[Emulator]:
    """The small company: accounts, journals, locations and departments, and no transactions."""
    emulator = company(clock)
    yield emulator
    assert emulator.incidents == []
    emulator.close()


@pytest.fixture
def recent(clock: Clock) -> Iterator[Emulator]:
    """The small company with the documents of its last weeks."""
    emulator = little_company(clock)
    yield emulator
    assert emulator.incidents == []
    emulator.close()


@pytest.fixture
def desk(tmp_path: Path, emulator: Emulator) -> LoadScenario:
    """Loads into the small company, with an outbox in the test's folder."""
    return LoadScenario(tmp_path, emulator)


@pytest.fixture
def pipe(tmp_path: Path, emulator: Emulator) -> Pipe:
    """A Singer target on the small company."""
    return Pipe(tmp_path, emulator)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A real Chromium; tests that use it have the marker `browser`."""
    yield from chromium()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URI of a real PostgreSQL server, which PyPI brings."""
    with running_postgres() as server:
        yield server.uri


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place for shared state, over both backends: a file, or a schema of its own in one database."""
    if request.param == "sqlite":
        return tmp_path / "state" / "outbox.sqlite3"
    found: Place = request.getfixturevalue("postgres_place")
    return found


@pytest.fixture(scope="session")
def schemas(postgres_server: str) -> Iterator[PostgresPlace]:
    """Schemas that nothing has used yet, for shared state."""
    return (place_in_postgres(postgres_server, f"test_{token_hex(6)}") for _ in count())


@pytest.fixture
def postgres_place(schemas: Iterator[PostgresPlace]) -> PostgresPlace:
    """A schema of its own."""
    return next(schemas)


@pytest.fixture
def postgres(postgres_server: str) -> Iterator[str]:
    """The URI of an empty database."""
    from adbc_driver_postgresql import dbapi

    name = "test_" + next(tempfile._get_candidate_names())  # type: ignore[attr-defined]
    with dbapi.connect(postgres_server, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}"')
    before, _, query = postgres_server.partition("?")
    yield before.rsplit("/", 1)[0] + f"/{name}" + (f"?{query}" if query else "")
