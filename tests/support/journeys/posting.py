"""Fixtures for tests that post: the small company, its clock, a folder with an outbox, and a Singer target."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from intacct_emulator.server.gateway import Emulator
from support.journeys.objects import Desk
from support.journeys.piping import Pipe
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


@pytest.fixture
def pipe(tmp_path: Path, emulator: Emulator) -> Pipe:
    return Pipe(tmp_path, emulator)
