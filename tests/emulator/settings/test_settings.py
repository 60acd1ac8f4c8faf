"""Scenario files: their effects, and the errors of invalid ones."""

from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from intacct_emulator.reading.query_request import utc_moment
from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.settings.companies import ClockChange, EmulatorSettings, UserSettings
from intacct_emulator.settings.faults import load_faults
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


CHOICES = {name: get_args(hint) for name, hint in get_type_hints(Behaviour).items() if get_origin(hint) is Literal}


@pytest.mark.parametrize("name", CHOICES)
def test_every_choice_is_taken_and_a_misspelt_one_is_refused_with_the_nearest(name: str, tmp_path: Path) -> None:
    path = tmp_path / "scenario.toml"
    for choice in CHOICES[name]:
        path.write_text(f'[behaviour]\n{name} = "{choice}"\n')
        assert getattr(load_scenario(path).behaviour, name) == choice
        misspelt = f"{choice[1]}{choice[0]}{choice[2:]}"
        path.write_text(f'[[company]]\n[company.behaviour]\n{name} = "{misspelt}"\n')
        with pytest.raises(SettingsError, match=f"behaviour.{name} cannot be '{misspelt}'.*did you mean") as refused:
            load_scenario(path)
        assert choice in refused.value.message
        with pytest.raises(SettingsError, match=f"behaviour.{name} cannot be"):
            Behaviour(**{name: misspelt})  # type: ignore[arg-type]


def test_a_text_of_the_behaviour_is_a_choice_or_free() -> None:
    """A setting with a few values has a literal type. These are the texts that can be any."""
    free = {field.name for field in fields(Behaviour) if get_type_hints(Behaviour)[field.name] is str}
    texts = {name for name in free if name.endswith(("_errorno", "_text"))}
    assert free - texts == {"initial_password", "content_type", "report_waiting", "report_ready", "report_failed"}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"session_minutes": -1}, "behaviour.session_minutes cannot be -1"),
        ({"concurrency": 1.5}, "behaviour.concurrency cannot be 1.5"),
        ({"concurrency": True}, "behaviour.concurrency cannot be true"),
        ({"approve_bills": "yes"}, "behaviour.approve_bills cannot be 'yes'"),
        ({"held_text": 3}, "behaviour.held_text cannot be 3"),
        ({"hold_seconds": float("nan")}, "behaviour.hold_seconds cannot be nan"),
    ],
)
def test_a_program_cannot_give_a_value_of_another_kind(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Behaviour(**settings)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[[company]]\n[[company.user]]\nstatus = "activ"\n',
            "status cannot be 'activ'; did you mean active",
        ),
        ('[[company]]\n[[company.user]]\nadmin = "Ful"\n', "admin cannot be 'Ful'; did you mean Full"),
        ('[[company]]\n[[company.user]]\nuser_type = "busines user"\n', "did you mean business user"),
        (
            '[[company]]\n[[company.report]]\nname = "R"\nobject = "CLASS"\ncolumns = ["ID"]\nkind = "orignal"\n',
            "kind cannot be 'orignal'; did you mean original",
        ),
        ('[[company]]\nmodules = ["APP"]\n', "modules 1 cannot be 'APP'; did you mean AP"),
        ('[[company]]\n[[company.role]]\nname = "r"\nrights = {VENDOR = ["lst"]}\n', "did you mean list"),
        ('[[fault]]\nkind = "cut-aftr"\n', "did you mean cut-after"),
    ],
)
def test_every_choice_of_a_company_is_checked(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=said):
        (load_faults if "fault" in text else load_scenario)(path)
