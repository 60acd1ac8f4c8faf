"""Scenarios: TOML files that say how an emulated world differs from the demo world.

    [behaviour]
    session_minutes = 2

    [[company]]
    company_id = "expired-company"
    expired = true

A company named in a scenario is added, or replaces the one with that id. The table `scenario` is for the program that
plays the file (what it shows, with which connection) and changes nothing here. Some scenarios come with the package.
"""

from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from intacct_bridge.emulator.settings.behaviour import Behaviour
from intacct_bridge.emulator.settings.declaration_checks import check_company
from intacct_bridge.emulator.settings.typed_tables import built, read_toml, typed
from intacct_bridge.emulator.settings.world import CompanySettings, EmulatorSettings, SenderSettings
from intacct_bridge.errors import SettingsError
from intacct_bridge.model.suggestions import did_you_mean

_T = TypeVar("_T")
_TABLES = ("sender", "company", "behaviour", "policies", "fault", "scenario")


def load_scenario(path: str | Path) -> EmulatorSettings:
    """The demo world with the differences of a TOML file. Raises SettingsError naming the entry."""
    return scenario(read_scenario(path), str(path))


def read_scenario(path: str | Path) -> dict[str, Any]:
    """The content of a scenario file. Raises SettingsError."""
    return read_toml(path, "scenario")


def shipped_scenarios() -> dict[str, Path]:
    """The scenario files of the package, by name (`02-sender-not-authorised`)."""
    folder = Path(str(files("intacct_bridge.data"))) / "scenarios"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def find_scenario(name: str) -> Path:
    """The file of a scenario, by path, or by a shipped name with or without its number, or by the number alone."""
    shipped = shipped_scenarios()
    named = [path for stem, path in shipped.items() if name in (stem, *_short(stem))]
    if named:
        return named[0]
    if Path(name).suffix == ".toml" or Path(name).exists():
        return Path(name)
    raise SettingsError(
        f"unknown scenario {name}{did_you_mean(name, (_short(stem)[0] for stem in shipped))}",
        fix="Run `intacct emulator --scenario list`, or name a TOML file.",
    )


def _short(stem: str) -> tuple[str, str]:
    number, _, name = stem.partition("-")
    return name, number.lstrip("0")


def scenario(tree: dict[str, Any], where: str = "scenario") -> EmulatorSettings:
    """The demo world with the differences in this tree. Raises SettingsError naming the entry."""
    for name in tree:
        if name not in _TABLES:
            raise SettingsError(
                f"{where}: unknown table {name}{did_you_mean(name, _TABLES)}", fix=f"tables: {', '.join(_TABLES)}"
            )
    start = EmulatorSettings()
    senders = {one.sender_id: one for one in start.senders}
    for sender in _entries(SenderSettings, tree, where, "sender"):
        senders[sender.sender_id] = sender
    companies = {one.company_id: one for one in start.companies}
    for company in _entries(CompanySettings, tree, where, "company"):
        check_company(company, f"{where}: company")
        companies[company.company_id] = company
    behaviour = built(Behaviour, tree.get("behaviour", {}), f"{where}: behaviour")
    policies = typed(dict[str, str], tree.get("policies", {}), f"{where}: policies")
    return EmulatorSettings(tuple(senders.values()), tuple(companies.values()), behaviour, policies)


def _entries(kind: type[_T], tree: dict[str, Any], where: str, name: str) -> tuple[_T, ...]:
    """The tables of one kind; a single table counts as a list of one."""
    found: tuple[_T, ...] = typed(tuple[kind, ...], tree.get(name, []), f"{where}: {name}")  # type: ignore[valid-type]
    return found
