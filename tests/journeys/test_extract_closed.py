"""What cannot be described costs only itself: the other streams are read, and the table and the history say so."""

from contextlib import closing
from pathlib import Path

import pytest

from intacct_bridge.client.client import Client
from intacct_bridge.emulator.gateway import Emulator
from intacct_bridge.emulator.weather import Weather
from intacct_bridge.errors import NotPermittedError
from intacct_bridge.flow.destination import open_sink
from intacct_bridge.flow.owners import objects_extraction
from intacct_bridge.flow.source import choose
from journeys.copying import rows, selected
from journeys.masters import client


def closed(grown: Emulator, name: str) -> Emulator:
    text = "You do not have permission for this."
    return grown.clone(weather=(Weather("fault", "lookup", object=name, calls=(), errorno="XL03000006", text=text),))


def run(company: Client, path: Path, *names: str) -> dict[str, str]:
    """The errors of a run, by stream."""
    with closing(open_sink(f"duckdb:{path}")) as sink:
        extraction = objects_extraction(company, choose(company, names, without_refused=True), sink)
        for _ in extraction:
            pass
    return {one.stream: one.error for one in extraction.outcomes}


def test_a_stream_that_may_not_be_described_fails_alone(tmp_path: Path, grown: Emulator) -> None:
    path = tmp_path / "copy.duckdb"
    with closing(closed(grown, "CLASS")) as emulator, client(emulator) as company:
        errors = run(company, path, "CLASS", "DEPARTMENT", "VENDOR")
        assert {name for name, error in errors.items() if error} == {"CLASS"}
        assert "You do not have permission" in errors["CLASS"]
        assert len(rows(path, "VENDOR")) == emulator.books().table("VENDOR").count()
        history = selected(path, "SELECT stream, complete FROM _bridge.outcomes WHERE error <> ''")
        assert history == [{"stream": "CLASS", "complete": False}]
        with pytest.raises(NotPermittedError):
            choose(company, ["CLASS", "VENDOR"])


def test_lines_are_read_where_their_header_may_not_be_described(tmp_path: Path, grown: Emulator) -> None:
    path = tmp_path / "copy.duckdb"
    with closing(closed(grown, "APBILL")) as emulator, client(emulator) as company:
        assert set(run(company, path, "APBILLITEM").values()) == {""}
        assert set(run(company, path, "APBILLITEM").values()) == {""}
        assert len(rows(path, "APBILLITEM")) == emulator.books().table("APBILLITEM").count()
