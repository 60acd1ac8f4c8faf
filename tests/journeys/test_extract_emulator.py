"""The copy matches the company: extraction against the emulator with edits between any two calls."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from intacct_bridge.client.client import Client
from intacct_bridge.copies.copy import open_copy
from intacct_bridge.copies.destinations.base import Destination
from intacct_bridge.copies.destinations.open import open_destination
from intacct_bridge.extract.options import ExtractOptions
from intacct_bridge.extract.run import Extraction
from intacct_bridge.extract.selection import select_streams
from intacct_bridge.extract.source import GatewaySource
from intacct_bridge.reconcile.reconcile import compare_copy
from intacct_bridge.streams.stream import StreamOutcome
from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.settings.companies import ClockChange, CompanySettings, EmulatorSettings, UserSettings
from intacct_protocol.model.sql_text import quoted
from support.copies.memory import MemoryDestination
from support.journeys.editor import Editor, Interrupted
from support.small_company import Clock, client, company

NAMES = ("VENDOR", "APBILL", "APBILLITEM", "GLBATCH", "GLENTRY", "GLDETAIL", "GLACCOUNT", "APTERM")
SMALL = ExtractOptions(page_size=7, overlap_seconds=3600, trail_seconds=3600)
Row = dict[str, Any]
COMPUTED = ("TOTALDUE", "WHENLASTBILLED", "WHENLASTPAID")
"""Fields of a vendor that its bills change, while its time of change stays."""


class KilledError(Exception):
    """The process is killed."""


class Scene:
    """A company, an editor, and a destination."""

    def __init__(self, seed: int, settings: EmulatorSettings | None = None) -> None:
        self.clock = Clock()
        self.emulator = company(self.clock, settings=settings or EmulatorSettings())
        self.random = Random(seed)
        self.editor = Editor(client(self.emulator), seed)
        self.working = False
        self.calls = 0
        self.killed_at: int | None = None
        self.client = client(Interrupted(self.emulator, self.between), read_formatting=True)
        self.editor.work(60)
        self.clock.forward(days=1)

    def between(self) -> None:
        """The edits before a call."""
        self.calls += 1
        self.clock.forward(seconds=self.random.choice([0, 1, 240]))
        if self.killed_at is not None and self.calls >= self.killed_at:
            raise KilledError
        if self.working:
            self.editor.work()

    def extract(self, destination: Destination, options: ExtractOptions = SMALL) -> dict[str, StreamOutcome]:
        chosen = select_streams(self.client, NAMES)
        run = Extraction(
            GatewaySource(self.client), destination, chosen.streams, headers=chosen.headers, options=options
        )
        for _ in run:
            pass
        return {one.name: one for one in run.outcomes}

    def quietly(self, destination: Destination) -> dict[str, StreamOutcome]:
        """A run without edits, late enough for everything to have appeared."""
        self.working, self.killed_at = False, None
        self.clock.forward(hours=1)
        return self.extract(destination)

    def truth(self, name: str) -> list[Row]:
        """All records, read without edits."""
        key = "RECORDNO"
        return sorted(
            client(self.emulator, read_formatting=True).query(name, show_private=True), key=lambda row: str(row[key])
        )

    def close(self) -> None:
        assert self.editor.refused < self.editor.made + 40
        assert self.emulator.incidents == []
        self.client.close()
        self.editor.client.close()
        self.emulator.close()


def check(scene: Scene, rows: Callable[[str], list[Row]]) -> None:
    for name in NAMES:
        held = sorted(rows(name), key=lambda row: str(row["RECORDNO"]))
        assert [stripped(row) for row in held] == [stripped(row) for row in scene.truth(name)], name


def stripped(row: Row) -> Row:
    """The columns of both sides; an absent cell is a null in a column."""
    mine = {name: value for name, value in row.items() if value is not None and not name.startswith("_")}
    return {name: value for name, value in mine.items() if name not in COMPUTED}


def in_memory(destination: MemoryDestination) -> Callable[[str], list[Row]]:
    return lambda name: [row for row in destination.tables[name] if not row["_deleted_at"]]


def settings_of(behaviour: Behaviour, **user: Any) -> EmulatorSettings:
    user_settings = UserSettings(**user)
    return EmulatorSettings(companies=(CompanySettings(users=(user_settings,)),), behaviour=behaviour)


NEW_YORK = {
    "forward": {"offset_minutes": -300, "clock_changes": (ClockChange("2026-12-01T16:00:00Z", -240),)},
    "back": {"offset_minutes": -240, "clock_changes": (ClockChange("2026-12-01T16:00:00Z", -300),)},
}
HABITS = {
    "as we chose": settings_of(Behaviour()),
    "filters in the user's time, west": settings_of(Behaviour(filter_times="user"), offset_minutes=-480),
    "filters in the user's time, east": settings_of(Behaviour(filter_times="user"), offset_minutes=600),
    "filters in UTC, a user in the east": settings_of(Behaviour(), offset_minutes=600),
    "a clock put forward": settings_of(Behaviour(filter_times="user"), **NEW_YORK["forward"]),
    "a clock put back": settings_of(Behaviour(filter_times="user"), **NEW_YORK["back"]),
    "text keys as numbers": settings_of(Behaviour(text_keys="number")),
    "a key in every book": settings_of(Behaviour(gldetail_key_per_book=True)),
    "a late trail": settings_of(Behaviour(audit_delay_seconds=1800)),
    "no trail": settings_of(Behaviour(), audit=False),
    "another date format": settings_of(Behaviour(), date=".dmY", clock=12),
}


@pytest.mark.slow
@pytest.mark.parametrize("habit", HABITS)
@pytest.mark.parametrize("seed", [1])
def test_edits_between_any_two_calls(habit: str, seed: int) -> None:
    scene = Scene(seed, HABITS[habit])
    destination, options = MemoryDestination(), replace(SMALL, compare_every=0) if habit == "no trail" else SMALL
    pauses = [45] * 6 if habit.startswith("a clock") else [scene.random.choice([1, 30, 600]) for _ in range(2)]
    for pause in pauses:
        scene.working = True
        scene.extract(destination, options)
        scene.clock.forward(minutes=pause)
    outcomes = (
        scene.quietly(destination)
        if habit != "no trail"
        else (scene.quietly(destination), scene.extract(destination, options))[1]
    )
    assert {one.error for one in outcomes.values()} == {""}
    check(scene, in_memory(destination))
    scene.close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_kills_between_any_two_calls(seed: int) -> None:
    scene = Scene(seed)
    destination = MemoryDestination()
    scene.working = True
    for _ in range(4):
        scene.killed_at = scene.calls + scene.random.randrange(1, 60)
        with suppress(KilledError):
            scene.extract(destination)
    scene.quietly(destination)
    outcomes = scene.quietly(destination)
    assert {one.error for one in outcomes.values()} == {""}
    check(scene, in_memory(destination))
    scene.close()


@pytest.mark.parametrize("uri", ["duckdb:{}/copy.duckdb", "parquet:{}/copy"])
def test_a_copy_in_files_equals_the_ledger(tmp_path: Path, uri: str) -> None:
    scene = Scene(7)
    place = uri.format(tmp_path)

    def run() -> dict[str, StreamOutcome]:
        destination = open_destination(place)
        destination.commit_rows = 20
        try:
            return scene.extract(destination)
        finally:
            destination.close()

    scene.working = True
    run()
    scene.killed_at = scene.calls + 25
    with suppress(KilledError):
        run()
    scene.working, scene.killed_at = False, None
    scene.clock.forward(hours=1)
    assert {one.error for one in run().values()} == {""}
    check(scene, lambda name: in_file(place, name))
    with open_copy(place).open() as copy:
        found = compare_copy(scene.client, copy)
    assert found.ledger is not None
    assert found.ledger.equal
    # a vendor's TOTALDUE is computed, and changes while the record's time of change does not
    assert {(one.table, field.name) for one in found.records for field in one.fields} <= {("VENDOR", "TOTALDUE")}
    scene.close()


def in_file(place: str, name: str) -> list[Row]:
    scheme, _, path = place.partition(":")
    if scheme == "duckdb":
        con, where = duckdb.connect(path, read_only=True), "WHERE _deleted_at IS NULL"
    else:
        from intacct_bridge.copies.destinations.latest_rows import views
        from intacct_bridge.copies.destinations.manifest import CopyFolder

        con, where = duckdb.connect(), ""
        con.execute(views(CopyFolder(Path(path)).read(), path))
    with con:
        rows: list[Row] = con.sql(f"SELECT * FROM {quoted(name)} {where}").to_arrow_table().to_pylist()
    return rows


def test_an_idle_run_costs_one_transaction_a_stream_and_one_for_the_deletes() -> None:
    scene = Scene(8)
    destination = MemoryDestination()
    scene.extract(destination, ExtractOptions())
    scene.clock.forward(days=2)
    scene.extract(destination, ExtractOptions())
    scene.clock.forward(days=2)
    list(scene.client.query("APTERM", limit=1))  # signs in again
    before = scene.client.meter.transactions
    scene.extract(destination, ExtractOptions())
    assert scene.client.meter.transactions - before == len(NAMES) + 1
    scene.close()


def test_a_cap_stops_at_a_safe_point_and_the_next_run_continues(tmp_path: Path) -> None:
    scene = Scene(9)
    rows = {name: len(scene.truth(name)) for name in NAMES}
    seen: dict[str, int] = dict.fromkeys(NAMES, 0)
    path = str(tmp_path / "copy.duckdb")
    for _ in range(30):
        capped = Client(scene.client.connection, transport=scene.emulator, max_transactions=24, keep=False)
        chosen = select_streams(capped, NAMES)
        destination = open_destination(path)
        run = Extraction(GatewaySource(capped), destination, chosen.streams, headers=chosen.headers, options=SMALL)
        for _ in run:
            pass
        destination.close()
        capped.close()
        for one in run.outcomes:
            if one.name in seen:
                seen[one.name] += one.rows
        if all(one.complete for one in run.outcomes):
            break
    else:
        pytest.fail("it never ends")
    assert all(seen[name] >= rows[name] for name in NAMES)
    check(scene, lambda name: in_file(f"duckdb:{path}", name))
    scene.close()


def test_only_one_field_and_only_one_stream() -> None:
    scene = Scene(10)
    chosen = select_streams(scene.client, ["VENDOR"], {"VENDOR": ["NAME"]})
    (stream,) = chosen.streams
    assert set(stream.fields) == {"RECORDNO", "VENDORID", "NAME", "WHENMODIFIED"}
    scene.close()
