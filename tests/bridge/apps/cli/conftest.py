"""Fixtures: `intacct load` on a small company, judged over HTTP."""

from collections.abc import Iterator

import pytest

from intacct_emulator.server.server import serve
from support.apps.command_line import Intacct, Ran
from support.apps.http_reader import HttpReader
from support.small_company import Clock, little_company


@pytest.fixture
def reader() -> Iterator[HttpReader]:
    """A small company over HTTP, as a client of its own reads it."""
    emulator = little_company(Clock())
    with serve(emulator) as server:
        yield HttpReader(server.url)
    assert emulator.incidents == []
    emulator.close()


@pytest.fixture
def load(intacct: Intacct, reader: HttpReader) -> Intacct:
    """`intacct load` on the company."""

    def run(*words: str) -> Ran:
        return intacct("load", *words, **reader.environ)

    return run
