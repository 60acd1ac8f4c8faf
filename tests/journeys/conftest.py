"""The demo company as a client reads it, and the tap beside it over HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from intacct_bridge.client.client import Client
from intacct_bridge.connections.embedded_demo import demo_connection
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from support.journeys.tapping import Tap
from support.journeys.transaction_check import TransactionCheck


@pytest.fixture(autouse=True)
def transactions(monkeypatch: pytest.MonkeyPatch) -> Iterator[TransactionCheck]:
    """Every journey's meter equals the emulator's count of billable transactions."""
    check = TransactionCheck()
    check.watch(monkeypatch)
    yield check
    check.check()


@pytest.fixture
def reader(demo: Emulator, tmp_path: Path) -> Iterator[Client]:
    with Client(demo_connection(home=tmp_path), transport=demo, keep=False) as client:
        yield client


@pytest.fixture
def tap(tmp_path: Path, demo: Emulator) -> Iterator[Tap]:
    with serve(demo) as server:
        yield Tap(tmp_path, server.url, demo)
