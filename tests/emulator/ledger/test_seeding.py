"""A load of records pauses the collection of circular garbage, and copies no table that it does not write."""

import gc
from collections.abc import Iterator, Mapping

import pytest

from intacct_emulator.ledger.seeding import load
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.testing import emulated_company
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


def test_a_record_without_ledger_lines_copies_no_ledger() -> None:
    """A copy of the demo company's ledger takes many times as long as the test that seeds the record."""
    with emulated_company("demo", as_of="2026-10-31", months=3) as company:
        store = company.emulator.company().store
        before = store.full_name("postings")
        indexes = "SELECT count(*) FROM sqlite_master WHERE type = 'index' AND tbl_name = ?"
        company.seed("CLASS", [{"CLASSID": "R", "NAME": "Retail"}])
        assert store.full_name("postings") == before
        assert store.full_name("CLASS") != before.replace("postings", "CLASS")
        company.seed("GLENTRY", [{"RECORDNO": 1, "BATCHNO": 1, "STATE": "Posted", "ACCOUNTNO": "1", "AMOUNT": "5"}])
        after = store.full_name("postings")
        assert after != before
        counts = [store.connection.execute(indexes, (name,)).fetchone()[0] for name in (before, after)]
        assert counts == [2, 2]
