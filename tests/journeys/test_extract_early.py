"""A run that begins while definitions are on their way reads the same as one that waits for all of them."""

import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_bridge.client.client import Client
from intacct_bridge.client.reading.catalog import _parts
from intacct_bridge.connections.embedded_demo import demo_connection
from intacct_bridge.copies.destinations.open import open_destination
from intacct_bridge.extract.pipeline import ReadRequest, prepare
from intacct_bridge.extract.run import Extraction
from intacct_bridge.extract.selection import _families, _needed_objects, select_early, select_streams
from intacct_bridge.streams.defaults import USUAL
from intacct_bridge.streams.names import parse_name
from intacct_bridge.streams.stream import Stream
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.faults import ScriptedFault
from intacct_protocol.errors import IntacctError, InvalidRequestError, SettingsError
from intacct_protocol.model import keys
from intacct_protocol.xml.reply import Reply, Transport
from support.journeys.copying import ended, rows
from support.journeys.definitions import MANY, last_looked_up

MORE = (
    *("ARINVOICE", "ARINVOICEITEM", "CUSTOMER", "EMPLOYEE", "ITEM", "GLACCOUNT", "GLBATCH", "GLENTRY", "USERINFO"),
    *("CONTACT", "TASK", "STATACCOUNT", "EEXPENSES", "EEXPENSESITEM", "CHECKINGACCOUNT", "SAVINGSACCOUNT"),
    *("REPORTINGPERIOD", "LOCATIONENTITY", "APADJUSTMENT", "ARADJUSTMENT", "TIMESHEET", "APPYMT", "ARPYMT"),
)
"""More, for a third request."""
WAIT = 20.0


def wide(gateway: Transport, home: Path) -> Client:
    """A client that may have four calls at once."""
    return Client(replace(demo_connection(home=home), concurrency=4), transport=gateway, keep=False)


def early(company: Client, to: Path, *names: str) -> Extraction:
    return prepare(company, ReadRequest(names, early=True)).into(open_destination(f"duckdb:{to}"))


def named(stream: Stream) -> str:
    return stream.name


def test_an_early_run_reads_the_same_streams(tmp_path: Path, demo: Emulator) -> None:
    path = tmp_path / "copy.duckdb"
    with wide(demo, tmp_path) as company:
        expected = select_streams(company, MANY)
    with wide(demo, tmp_path) as company:
        run = early(company, path, *MANY)
        assert run.streams == ()
        done = ended(run)
    assert sorted(run.streams, key=named) == sorted(expected.streams, key=named)
    assert set(done) == {*(one.name for one in expected.streams), "deletes"}
    for name in ("VENDOR", "APBILL", "APBILLITEM", "CLASS"):
        assert len(rows(path, name)) == demo.company().table(name).count(), name


class Holding:
    """A gateway that delays the lookup of an object until another function is called."""

    def __init__(self, emulator: Emulator, held: str, until: str) -> None:
        self._emulator, self._held, self._until = emulator, held.encode(), until.encode()
        self.asked = threading.Event()
        self.in_time = True

    def __call__(self, endpoint: str, body: bytes) -> Reply:
        if self._until in body:
            self.asked.set()
        if b"<lookup>" in body and self._held in body:
            self.in_time = self.asked.wait(WAIT)
        return self._emulator(endpoint, body)


def test_rows_are_read_before_the_last_definition_is_known(tmp_path: Path, demo: Emulator) -> None:
    gateway = Holding(demo, f"<object>{last_looked_up()}</object>", "<query>")
    with wide(gateway, tmp_path) as company:
        ended(early(company, tmp_path / "copy.duckdb", *MANY))
    assert gateway.asked.is_set() and gateway.in_time


def test_misspelt_names_and_wrong_selections_are_refused_before_anything_is_read(
    tmp_path: Path, demo: Emulator
) -> None:
    with wide(demo, tmp_path) as company:
        with pytest.raises(InvalidRequestError, match="VENDR"):
            select_early(company, (*MANY, "VENDR"))
        with pytest.raises(InvalidRequestError, match="NAMME"):
            select_early(company, MANY, {"VENDOR": ["NAMME"]})
        with pytest.raises(InvalidRequestError, match="NOTHING"):
            select_early(company, MANY, {"NOTHING": ["NAME"]})
    assert not [one for one in demo.received if "query" in one.functions]


def test_fields_are_selected_as_in_a_run_that_waits(tmp_path: Path, demo: Emulator) -> None:
    select = {"APBILLITEM": ["AMOUNT"], "CLASS": ["CLASSID"]}
    with wide(demo, tmp_path) as company:
        chosen = select_early(company, MANY, select)
        found = {one.name: one for group in (chosen, *chosen.later) for one in group.streams}
        assert found == {one.name: one for one in select_streams(company, MANY, select).streams}


def test_a_connection_that_signs_in_with_every_request_waits_for_the_first_answer(
    tmp_path: Path, demo: Emulator
) -> None:
    connection = replace(demo_connection(home=tmp_path), concurrency=4, authentication="login", user_password="wrong")
    with Client(connection, transport=demo, keep=False) as company, pytest.raises(IntacctError):
        select_early(company, MANY)


def test_an_object_that_may_not_be_described_costs_only_itself(tmp_path: Path, grown: Emulator) -> None:
    name = last_looked_up()
    weather = ScriptedFault(
        "fault", "lookup", object=name, calls=(), errorno="XL03000006", text="You do not have permission."
    )
    with closing(grown.clone(faults=(weather,))) as emulator, wide(emulator, tmp_path) as company:
        done = ended(early(company, tmp_path / "copy.duckdb", *MANY), failing=(name,))
    assert "permission" in done[name].error
    assert set(done) == {*MANY, "deletes"}


class Refusing:
    """A gateway that never answers the lookup of an object."""

    def __init__(self, emulator: Emulator, name: str) -> None:
        self._emulator, self._name = emulator, f"<object>{name}</object>".encode()
        self.refuses = True

    def __call__(self, endpoint: str, body: bytes) -> Reply:
        if self.refuses and b"<lookup>" in body and self._name in body:
            return Reply(403, b"not now", {})
        return self._emulator(endpoint, body)


def test_definitions_that_are_not_answered_cost_only_their_streams(tmp_path: Path, demo: Emulator) -> None:
    path, names = tmp_path / "copy.duckdb", (*MANY, *MORE)
    gateway = Refusing(demo, last_looked_up())
    with wide(gateway, tmp_path) as company:
        run = early(company, path, *names)
        for _ in run:
            pass
        done = {one.name: one for one in run.outcomes}
        assert set(done) == {*names, "deletes"}
        lost = {name for name, one in done.items() if one.error}
        assert last_looked_up() in lost
        assert {done[name].complete for name in lost} == {False}
        assert all("definition" in done[name].error and "403" in done[name].error for name in lost)
        assert all(done[name].complete for name in ("LOCATION", MORE[-1], "deletes"))
        gateway.refuses = False
        done = ended(early(company, path, *names))
    assert set(done) == {*names, "deletes"}
    assert len(rows(path, "VENDOR")) == demo.company().table("VENDOR").count()


@pytest.mark.parametrize("leave", ["before", "at once", "another company's copy"])
def test_a_run_that_is_left_waits_for_requests_under_way(tmp_path: Path, demo: Emulator, leave: str) -> None:
    class Slow:
        pending = 0

        def __call__(self, endpoint: str, body: bytes) -> Reply:
            Slow.pending += 1
            threading.Event().wait(0.1)
            try:
                return demo(endpoint, body)
            finally:
                Slow.pending -= 1

    path = tmp_path / "copy.duckdb"
    if leave == "another company's copy":
        with closing(open_destination(f"duckdb:{path}")) as destination:
            destination.open("somebody else", datetime.now(UTC))
    with wide(Slow(), tmp_path) as company:
        run = early(company, path, *MANY)
        left: Callable[[], object] = iter(run).close  # type: ignore[attr-defined]
        if leave == "at once":
            events = iter(run)
            next(events)
            left = events.close  # type: ignore[attr-defined]
        if leave == "another company's copy":
            with pytest.raises(SettingsError, match="somebody else"):
                next(iter(run))
        else:
            left()
        if leave != "before":
            assert Slow.pending == 0
        while Slow.pending:  # their answers are counted before the next test
            threading.Event().wait(0.01)


@given(names=st.lists(st.sampled_from(USUAL), unique=True, min_size=1), size=st.integers(1, 9))
def test_lines_come_with_their_headers(names: list[str], size: int) -> None:
    needed = _needed_objects(map(parse_name, names))
    families = _families(needed)
    assert sorted(name for one in families for name in one) == sorted(needed)
    parts = _parts(families, families, size)
    place = {name: number for number, part in enumerate(parts) for one in part.families for name in one}
    assert all(place[name] == place[owner.header] for name in names if (owner := keys.owner(name)))
    assert sorted(name for part in parts for name in part.missing) == sorted(needed)
    assert all(len(part.missing) >= size for part in parts[:-1])
