"""Scenarios: TOML files that say how an emulated world differs from the demo world.

    [behaviour]
    session_minutes = 2

    [[company]]
    company_id = "expired-company"
    expired = true

A company named in a scenario is added, or replaces the one with that id. The table `scenario` is for the program that
plays the file (what it shows, with which connection) and changes nothing here. Some scenarios come with the package.
"""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

from intacct_bridge.emulator.settings.behaviour import Behaviour
from intacct_bridge.emulator.settings.typed_tables import built, typed
from intacct_bridge.emulator.settings.world import CompanySettings, EmulatorSettings, SenderSettings
from intacct_bridge.errors import SettingsError
from intacct_bridge.model.suggestions import did_you_mean


def load_scenario(path: str | Path) -> EmulatorSettings:
    """The demo world with the differences of a TOML file. Raises SettingsError naming the entry."""
    return scenario(read_scenario(path), str(path))


def read_scenario(path: str | Path) -> dict[str, Any]:
    """The content of a scenario file. Raises SettingsError."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read the scenario {path}: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"the scenario {path} is not TOML: {error}") from None


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
    unknown = sorted(set(tree) - {"sender", "company", "behaviour", "policies", "fault", "scenario"})
    if unknown:
        raise SettingsError(
            f"{where}: unknown table {unknown[0]}", fix="tables: sender, company, behaviour, policies, fault"
        )
    start = EmulatorSettings()
    senders = {one.sender_id: one for one in start.senders}
    for entry in tree.get("sender", []):
        sender = built(SenderSettings, entry, f"{where}: sender")
        senders[sender.sender_id] = sender
    companies = {one.company_id: one for one in start.companies}
    for entry in tree.get("company", []):
        company = built(
            CompanySettings,
            _plural(entry, user="users", role="roles", report="reports", view="views"),
            f"{where}: company",
        )
        companies[company.company_id] = company
    behaviour = built(Behaviour, tree.get("behaviour", {}), f"{where}: behaviour")
    policies = typed(dict[str, str], tree.get("policies", {}), f"{where}: policies")
    return EmulatorSettings(tuple(senders.values()), tuple(companies.values()), behaviour, policies)


def _plural(entry: Any, **names: str) -> Any:
    if not isinstance(entry, dict):
        return entry
    return {names.get(name, name): value for name, value in entry.items()}
