"""Fixtures for tests that post: the small company, its clock, and a folder with an outbox beside it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from intacct_bridge.emulator.gateway.gateway import Emulator
from support.journeys.objects import Desk
from support.small_company import Clock, company


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def emulator(clock: Clock) -> Iterator[Emulator]:
    made = company(clock)
    yield made
    assert made.incidents == []
    made.close()


@pytest.fixture
def desk(tmp_path: Path, emulator: Emulator) -> Desk:
    return Desk(tmp_path, emulator)
