"""A short torture of a fleet; `make torture-scale` has the long one."""

import sys
from pathlib import Path

import pytest

from support.postgres_server import running_postgres
from support.torture.tally import Tally
from torture.fleet import FleetRound

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="needs kill -9")]


def test_a_fleet_whose_workers_are_killed_does_everything_once(tmp_path: Path) -> None:
    tally = Tally()
    with running_postgres() as server:
        FleetRound(1, tmp_path, server, tally).run()
    assert tally.failures == []
    assert tally.counts["workers killed"]
    assert tally.counts["runs"] > 8
