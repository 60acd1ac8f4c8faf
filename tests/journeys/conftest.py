"""The tap beside a demo company over HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from intacct_bridge.emulator.gateway import Emulator
from intacct_bridge.emulator.server import serve
from journeys.tapping import Tap


@pytest.fixture
def tap(tmp_path: Path, demo: Emulator) -> Iterator[Tap]:
    with serve(demo) as server:
        yield Tap(tmp_path, server.url, demo)
