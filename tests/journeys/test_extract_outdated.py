"""Outdated knowledge of an earlier run: the API user's formatting, and the kind of a field."""

from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import pytest

from intacct_bridge.client.client import Client
from intacct_bridge.client.gateway.runtime import System
from intacct_bridge.connections.embedded_demo import demo_connection
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.settings.companies import CompanySettings, EmulatorSettings, UserSettings
from support.demo_company import NOW
from support.journeys.copying import extract, rows


@dataclass
class Place:
    """One machine, and a company whose user changes the formatting."""

    path: Path
    grown: Emulator
    now: float = NOW
    filter_times: Literal["utc", "user"] = "utc"

    def run(self, user: UserSettings, *, stamp: str = "", failing: tuple[str, ...] = ()) -> None:
        behaviour = Behaviour(filter_times=self.filter_times)
        settings = EmulatorSettings(companies=(CompanySettings(users=(user,)),), behaviour=behaviour)
        with closing(self.grown.clone(settings=settings, clock=lambda: self.now)) as emulator:
            if stamp:
                table = emulator.company().table("APTERM")
                table.insert({"NAME": "N-9", "STATUS": "active", "WHENCREATED": stamp, "WHENMODIFIED": stamp})
            system = System(wall=lambda: self.now)
            with Client(demo_connection(), transport=emulator, keep=self.path, system=system) as client:
                extract(client, f"duckdb:{self.path}/copy.duckdb", "APTERM", failing=failing)

    @property
    def modified(self) -> date:
        found: date = next(row for row in self.copy if row["NAME"] == "N-9")["WHENMODIFIED"].date()
        return found

    @property
    def copy(self) -> list[dict[str, Any]]:
        return rows(self.path / "copy.duckdb", "APTERM")


@pytest.fixture
def place(tmp_path: Path, grown: Emulator) -> Place:
    return Place(tmp_path, grown)


@pytest.mark.parametrize(("day", "stamp"), [(5, "12/05/2026 09:00:00"), (25, "12/25/2026 09:00:00")])
def test_another_date_format_is_noticed(place: Place, day: int, stamp: str) -> None:
    """December 5 would be read as May 12, and December 25 would not be a valid date."""
    place.now = NOW + (day + 9) * 86_400 - 7200
    place.run(UserSettings())
    place.now += 7200
    place.run(UserSettings(date="/dmY"), stamp=stamp)
    assert place.modified == date(2026, 12, day)


def test_another_time_zone_is_noticed_and_the_next_run_is_right(place: Place) -> None:
    """Five hours east of the known zone: times in the future."""
    place.run(UserSettings())
    place.now += 7200
    place.run(UserSettings(offset_minutes=330), stamp="11/21/2026 12:30:00", failing=("APTERM",))
    place.run(UserSettings(offset_minutes=330), stamp="11/21/2026 12:30:00")
    assert place.modified == date(2026, 11, 21)


def test_changes_hidden_by_an_unnoticed_zone_are_read_when_it_is_known(place: Place) -> None:
    """Eight hours west of the known zone: filters ask for the future, and no time of a row is impossible."""
    place.filter_times = "user"
    place.run(UserSettings())
    west = UserSettings(offset_minutes=-480)
    place.now += 2 * 3600
    place.run(west, stamp="11/21/2026 10:00:00")
    assert "N-9" not in {row["NAME"] for row in place.copy}
    place.now += 35 * 3600
    place.run(west, stamp="11/21/2026 10:00:00")
    assert place.modified == date(2026, 11, 21)
