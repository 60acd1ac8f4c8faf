"""The demo company, grown once a session, and a copy of it for each test that asks."""

from collections.abc import Iterator
from datetime import date

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
