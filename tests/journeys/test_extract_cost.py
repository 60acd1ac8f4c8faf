"""The cost of runs over the whole demo company in API transactions, compared with the estimate."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from intacct_bridge.client.client import Client
from intacct_bridge.connections.embedded_demo import demo_connection
from intacct_bridge.copies.destinations.open import open_destination
from intacct_bridge.extract.estimate import Estimate, estimated
from intacct_bridge.extract.run import DELETES, Extraction
from intacct_bridge.extract.selection import select_streams
from intacct_bridge.extract.source import GatewaySource
from intacct_bridge.streams.defaults import streams_for
from intacct_bridge.streams.stream import Stream, StreamOutcome
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import InvalidRequestError
from support.demo_company import NOW

SIGN_IN = 1


class Visitor:
    """Makes one run at a time, like a scheduler's process, and keeps its cache in a folder."""

    def __init__(self, grown: Emulator, folder: Path) -> None:
        self.now = NOW
        self.emulator = grown.clone(clock=lambda: self.now)
        self.folder = folder
        self.streams: Sequence[Stream] = ()

    def run(self) -> tuple[int, dict[str, StreamOutcome]]:
        """The API transactions of a run, and the outcomes of its streams."""
        with Client(demo_connection(), transport=self.emulator, keep=self.folder) as client:
            chosen = select_streams(client, streams_for(client, (), everything=False))
            destination = open_destination(f"duckdb:{self.folder / 'copy.duckdb'}")
            run = Extraction(GatewaySource(client), destination, chosen.streams, headers=chosen.headers)
            for _ in run:
                pass
            destination.close()
            self.streams = chosen.streams
            return client.meter.transactions, {one.name: one for one in run.outcomes}

    def estimate(self) -> dict[str, Estimate]:
        with Client(demo_connection(), transport=self.emulator, keep=self.folder) as client:
            chosen = select_streams(client, streams_for(client, (), everything=False))
            return {one.name: one for one in estimated(GatewaySource(client), chosen.streams, {})}

    def work(self) -> None:
        """A new class and a new journal entry."""
        lines = [
            {"ACCOUNTNO": "60100", "TR_TYPE": side, "TRX_AMOUNT": "5.00", "LOCATION": "100", "DEPARTMENT": "100"}
            for side in ("1", "-1")
        ]
        with Client(demo_connection(), transport=self.emulator, keep=False) as client:
            made = client.create("CLASS", [{"CLASSID": "R9", "NAME": "Retail"}])
            entry = {"JOURNAL": "GJ", "BATCH_DATE": "11/20/2026", "BATCH_TITLE": "Work", "ENTRIES": lines}
            made += client.create("GLBATCH", [entry])
            assert all(one.ok for one in made), made


def test_streams_that_are_named_need_no_list_of_all_objects(grown: Emulator) -> None:
    with Client(demo_connection(), transport=grown, keep=False) as client:
        select_streams(client, streams_for(client, ("VENDOR", "APBILL"), everything=False))
        asked = client.meter.usage().by_function
        assert {name: one.functions for name, one in asked.items()} == {
            "getAPISession": 1,
            "lookup": 3,  # that of the audit history too, which has the deletes
            "readUserFormatting": 1,
        }
        with pytest.raises(InvalidRequestError, match="no object VENDR; did you mean VENDOR"):
            select_streams(client, streams_for(client, ("VENDOR", "VENDR"), everything=False), skip_refused=True)
        with pytest.raises(InvalidRequestError, match="no object VENDR"):
            streams_for(client, ("audit_history_VENDR",), everything=False)


@pytest.fixture
def visitor(grown: Emulator, tmp_path: Path) -> Visitor:
    return Visitor(grown, tmp_path)


@pytest.mark.slow
def test_a_first_run_costs_what_was_estimated_and_an_idle_one_a_call_a_stream(visitor: Visitor) -> None:
    told = visitor.estimate()
    first, outcomes = visitor.run()
    assert {name: one.rows for name, one in told.items()} == {name: outcomes[name].rows for name in told}
    assert {name: one.transactions for name, one in told.items()} == {
        name: outcomes[name].transactions for name in told
    }
    assert first == sum(one.transactions for one in told.values()) + SIGN_IN
    visitor.now += 3600
    visitor.work()
    visitor.now += 60
    busy, outcomes = visitor.run()
    assert outcomes["GLDETAIL"].rows > 0
    promised = len(visitor.streams) + SIGN_IN + 1
    assert busy > promised
    visitor.now += 600  # within the overlap, so that the same changes are read again
    idle, outcomes = visitor.run()
    assert {one.name: one.transactions for one in outcomes.values() if one.transactions != 1} == {}
    assert idle == promised
    assert outcomes[DELETES].transactions == 1
    assert outcomes["GLBATCH"].rows > 0
    visitor.emulator.close()
