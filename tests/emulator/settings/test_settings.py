"""Scenario files: their effects, and the errors of invalid ones."""

from datetime import datetime
from pathlib import Path

import pytest

from intacct_emulator.reading.query_request import utc_moment
from intacct_emulator.settings.companies import ClockChange, EmulatorSettings, UserSettings
from intacct_emulator.settings.scenarios import load_scenario, scenario
from intacct_protocol.errors import SettingsError


def test_a_scenario_adds_to_the_demo_world(tmp_path: Path) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text(
        '[behaviour]\nsession_minutes = 2\n[[sender]]\nsender_id = "s"\npassword = "p"\n'
        '[[company]]\ncompany_id = "c"\nexpired = true\nsenders = ["*"]\n'
        '[[company.user]]\nuser_id = "u"\nroles = ["r"]\n[[company.role]]\nname = "r"\nrights = {VENDOR = ["list"]}\n'
    )
    read = load_scenario(path)
    assert read.behaviour.session_minutes == 2.0
    assert [one.sender_id for one in read.senders] == ["demo-sender", "s"]
    company = read.company("C")
    assert company is not None
    assert (company.expired, company.users[0].user_id, company.roles[0].rights) == (True, "u", {"VENDOR": ("list",)})
    assert read.company("demo-company") == EmulatorSettings().companies[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[weather]\n", "unknown table weather"),
        ("[behaviour]\nsession_hours = 2\n", "unknown setting session_hours"),
        ('[behaviour]\nsession_minutes = "long"\n', "session_minutes cannot be 'long'"),
        ("[[company]]\nusers = 3\n", "users cannot be 3"),
        ("company = [3]\n", "company 1 must be a table"),
        ("[behaviour\n", "is not TOML"),
    ],
)
def test_an_error_names_its_entry(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=said):
        load_scenario(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot read the scenario"):
        load_scenario(tmp_path / "none.toml")


def test_secrets_are_not_in_reprs() -> None:
    assert "demo-user-password" not in repr(scenario({}))
    assert "demo-sender-password" not in repr(scenario({}))


@pytest.mark.parametrize(
    ("wall", "moment"),
    [
        ("2026-10-31T12:00", "2026-10-31T16:00"),
        ("2026-11-01T01:30", "2026-11-01T06:30"),  # twice: the later one
        ("2026-11-02T12:00", "2026-11-02T17:00"),
        ("2027-03-14T02:30", "2027-03-14T07:30"),  # never
        ("2027-03-15T12:00", "2027-03-15T16:00"),
    ],
)
def test_a_wall_clock_changes_its_offset(wall: str, moment: str) -> None:
    changes = (ClockChange("2026-11-01T06:00:00Z", -300), ClockChange("2027-03-14T07:00:00Z", -240))
    user = UserSettings(offset_minutes=-240, clock_changes=changes)
    assert utc_moment(user, datetime.fromisoformat(f"{wall}Z")) == datetime.fromisoformat(f"{moment}Z")
