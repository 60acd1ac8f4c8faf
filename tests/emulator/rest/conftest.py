"""A small company whose REST interface is served, for all tests of this folder."""

from collections.abc import Iterator
from typing import Any

import pytest

from intacct_emulator.rest.api import PATH
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from support.emulator.rest import RestClient, Served
from support.small_company import Clock, little_company


@pytest.fixture
def clock() -> Clock:
    """The gateway's clock."""
    return Clock()


@pytest.fixture
def served(clock: Clock) -> Iterator[Served]:
    """Serves a small company with settings; a client without a token, and the emulator."""
    servers = []

    def make(**more: Any) -> tuple[RestClient, Emulator]:
        emulator = little_company(clock, **more)
        server = serve(emulator)
        servers.append((server, emulator))
        return RestClient(server.url.replace("/ia/xml/xmlgw.phtml", PATH)), emulator

    yield make
    for server, emulator in servers:
        server.close()
        assert emulator.incidents == []
        emulator.close()


@pytest.fixture
def rest(served: Served) -> RestClient:
    """A signed-in client of a small company."""
    client, _ = served()
    return client.sign_in()
