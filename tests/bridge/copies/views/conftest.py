"""Copies with views: the demo company in DuckDB for the whole run, and in PostgreSQL for a module; five entities."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from intacct_emulator.server.gateway import Emulator
from support.copies.companies import FIVE, Scene
from support.copies.reported import Copy, duckdb_uri
from support.shared_files import shared_file


@pytest.fixture(scope="session")
def demo_copy(grown: Emulator) -> Copy:
    """For reading only."""

    def make(path: Path) -> None:
        Copy.of(grown.clone(), f"duckdb:{path}")

    return Copy(f"duckdb:{shared_file('reports.duckdb', make)}", grown)


@pytest.fixture(scope="module")
def five_copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    """Five entities with three base currencies, over two ends of fiscal years."""
    scene = Scene(FIVE, 11)
    scene.post(60)
    yield Copy.of(scene.emulator, duckdb_uri(tmp_path_factory.mktemp("five")))
    scene.emulator.close()


@pytest.fixture(scope="module")
def demo_in_postgres(grown: Emulator, postgres_server: str) -> Iterator[Copy]:
    from adbc_driver_postgresql import dbapi

    name = "reports_" + next(tempfile._get_candidate_names())  # type: ignore[attr-defined]
    with dbapi.connect(postgres_server, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}"')
    before, _, query = postgres_server.partition("?")
    emulator = grown.clone()
    yield Copy.of(emulator, before.rsplit("/", 1)[0] + f"/{name}" + (f"?{query}" if query else ""))
    emulator.close()
