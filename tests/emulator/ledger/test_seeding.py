"""A load of records pauses the collection of circular garbage, and leaves it as it was."""

import gc
from collections.abc import Iterator, Mapping

import pytest

from intacct_emulator.ledger.seeding import load
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.xml.values import Value


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("enabled", [False, True])
def test_a_load_leaves_the_collection_of_garbage_as_it_was(enabled: bool, fails: bool) -> None:
    company, during = Emulator.empty().company(), []

    def rows() -> Iterator[tuple[str, Mapping[str, Value]]]:
        during.append(gc.isenabled())
        yield "CLASS", {"CLASSID": "K1"}
        if fails:
            raise KeyError("a row")

    was = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        try:
            load(company, rows())
        except KeyError:
            assert fails
        assert (during, gc.isenabled()) == ([False], enabled)
    finally:
        (gc.enable if was else gc.disable)()
