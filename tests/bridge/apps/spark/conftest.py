"""One Spark for all tests of a process, since it takes seconds to start; and a company that jobs write to."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.shared_state.place import PostgresPlace
from intacct_bridge.testing import Company
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from support.apps.spark_cluster import running_cluster
from support.apps.spark_jobs import settings
from support.apps.spark_session import running_spark


@pytest.fixture(scope="session")
def spark_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the session's processes find settings (`config`) and keep state."""
    return tmp_path_factory.mktemp("spark")


@pytest.fixture(scope="session")
def spark(spark_home: Path) -> Iterator[Any]:
    """A session with eight tasks at a time, each tried up to three times."""
    with running_spark("local[8,3]", spark_home) as session:
        yield session


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A Spark of two machines, for programs that start a driver of their own."""
    with running_cluster(tmp_path) as made:
        yield made


@pytest.fixture
def books(grown: Emulator) -> Iterator[Company]:
    """A copy of the demo company, served over HTTP."""
    made = Company(grown.clone())
    yield made
    made.close()


@pytest.fixture
def given(home: Path, emulator: Emulator, postgres_place: PostgresPlace) -> Iterator[dict[str, str]]:
    """The options of a job that creates vendors."""
    with serve(emulator) as server:
        yield settings(server.url, postgres_place) | {"object": "VENDOR", "key": "VENDORID"}
