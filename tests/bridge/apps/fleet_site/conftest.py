"""A served fleet with tenants at an emulated company that is set up, and a company in which nothing is set up."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from intacct_bridge.shared_state.place import PostgresPlace, in_schema
from intacct_emulator.server.administration import Administration
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_emulator.settings.scenarios import find_scenario, load_scenario
from support.apps.fleet_site import RunningFleet, running_fleet
from support.small_company import little_company

FLOWS = {"nightly": {"command": "extract", "streams": ["VENDOR"], "to": "duckdb:///{connection}.duckdb"}}


@pytest.fixture(scope="module", autouse=True)
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A machine with settings and state of its own."""
    home = tmp_path_factory.mktemp("user")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HOME", "USERPROFILE"):
            patch.setenv(name, str(home))
        for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "APPDATA", "LOCALAPPDATA", "INTACCT_CONNECTION"):
            patch.delenv(name, raising=False)
        patch.chdir(home)
        yield home


@pytest.fixture(scope="module")
def gateway() -> Iterator[str]:
    """The endpoint of a small company that is set up."""
    emulator = little_company(time.time)
    with serve(emulator) as server:
        yield server.url
    emulator.close()


@pytest.fixture(scope="module")
def served(schemas: Iterator[PostgresPlace], gateway: str) -> Iterator[RunningFleet]:
    """A served fleet with the tenants acme and globex."""
    place = next(schemas)
    with running_fleet(in_schema(place.uri, place.schema), vendor="Example Software") as made:
        for name in ("acme", "globex"):
            settings = {"sender_id": "demo-sender", "endpoint": gateway, "environment": "demo"}
            made.fleet.add(name, settings=settings, flows=FLOWS)
        yield made


@pytest.fixture
def new_company() -> Iterator[tuple[Administration, str]]:
    """The administrator of a company in which nothing is set up, and its endpoint."""
    emulator = Emulator.empty(settings=load_scenario(find_scenario("new-company")))
    with serve(emulator) as server:
        yield Administration(emulator), server.url
    emulator.close()
