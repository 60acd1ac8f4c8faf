"""Scenarios: TOML files that say how an emulated world differs from the demo world.

    [behaviour]
    session_minutes = 2

    [[company]]
    company_id = "expired-company"
    expired = true

A company named in a scenario is added; one with the id of a known company changes the settings that it gives. The table
`scenario` is for the program that plays the file (what it shows, with which connection) and changes nothing here. Some
scenarios come with the package.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.settings.companies import (
    DEFAULT_COMPANY,
    CompanySettings,
    EmulatorSettings,
    PolicySettings,
    RestClientSettings,
    SenderSettings,
)
from intacct_emulator.settings.declaration_checks import check_company
from intacct_emulator.settings.typed_tables import built, places, read_toml, typed
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.suggestions import did_you_mean

_T = TypeVar("_T")
_DEMO_WORLD = EmulatorSettings()
_TABLES = ("sender", "rest_client", "company", "behaviour", "policies", "fault", "scenario")


def load_scenario(path: str | Path, start: EmulatorSettings = _DEMO_WORLD) -> EmulatorSettings:
    """The demo world, or another one, with the differences of a TOML file. Raises SettingsError naming the entry."""
    return scenario(read_scenario(path), str(path), start)


def load_companies(path: str | Path) -> EmulatorSettings:
    """The world of a company file, which declares at least one company. Raises SettingsError naming the entry."""
    tree = read_toml(path, "company file")
    if not tree.get("company"):
        raise SettingsError(f"{path} declares no company", fix="begin it with [[company]] and a title")
    return scenario(tree, str(path), EmulatorSettings(companies=()))


def declared_company(table: Mapping[str, Any], where: str) -> EmulatorSettings:
    """The world of one company with the keys of a `[[company]]`. Raises SettingsError naming the entry."""
    return scenario({"company": [dict(table)]}, where, EmulatorSettings(companies=()))


def read_scenario(path: str | Path) -> dict[str, Any]:
    """The content of a scenario file. Raises SettingsError."""
    return read_toml(path, "scenario")


def shipped_scenarios() -> dict[str, Path]:
    """The scenario files of the package, by name (`02-sender-not-authorised`)."""
    folder = Path(str(files("intacct_emulator.data"))) / "scenarios"
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
        fix="Run `intacct-emulator --scenario list`, or name a TOML file.",
    )


def _short(stem: str) -> tuple[str, str]:
    number, _, name = stem.partition("-")
    return name, number.lstrip("0")


def scenario(tree: dict[str, Any], where: str = "scenario", start: EmulatorSettings = _DEMO_WORLD) -> EmulatorSettings:
    """The demo world, or another one to start with, and the differences in this tree.

    Raises SettingsError naming the entry.
    """
    for name in tree:
        if name not in _TABLES:
            raise SettingsError(
                f"{where}: unknown table {name}{did_you_mean(name, _TABLES)}", fix=f"tables: {', '.join(_TABLES)}"
            )
    senders = {one.sender_id: one for one in start.senders}
    for sender in _entries(SenderSettings, tree, where, "sender"):
        senders[sender.sender_id] = sender
    clients = {one.client_id: one for one in start.rest_clients}
    for client in _entries(RestClientSettings, tree, where, "rest_client"):
        clients[client.client_id] = client
    companies = {one.company_id: one for one in start.companies}
    behaviour = built(Behaviour, tree.get("behaviour", {}), f"{where}: behaviour", start.behaviour)
    for company in _companies(tree.get("company", []), companies, behaviour, where):
        check_company(company, f"{where}: company")
        companies[company.company_id] = company
    policies = _policy_settings(tree, where)
    return EmulatorSettings(
        tuple(senders.values()),
        tuple(companies.values()),
        behaviour,
        start.policies | policies,
        tuple(clients.values()),
    )


def _companies(
    entries: Any, settings_of: dict[str, CompanySettings], behaviour: Behaviour, where: str
) -> Iterator[CompanySettings]:
    """The companies of a file; one that is known already keeps what its table leaves out."""
    entries = [entries] if isinstance(entries, dict) else entries
    if not isinstance(entries, list):
        raise SettingsError(f"{where}: company cannot be {entries!r}", fix="write it as a table: [[company]]")
    for entry, place in zip(entries, places(entries), strict=True):
        at, table = f"{where}: company{place}", dict(entry) if isinstance(entry, dict) else entry
        earlier, own_behaviour = None, None
        if isinstance(table, dict):
            earlier = settings_of.get(str(table.get("company_id", DEFAULT_COMPANY)))
            own_behaviour = table.pop("behaviour", None)
        companies = built(CompanySettings, table, at, earlier)
        if own_behaviour is not None:
            companies = replace(
                companies,
                behaviour=built(Behaviour, own_behaviour, f"{at}.behaviour", companies.behaviour or behaviour),
            )
        yield companies


def _entries(kind: type[_T], tree: dict[str, Any], where: str, name: str) -> tuple[_T, ...]:
    """The tables of one kind; a single table counts as a list of one."""
    entries: tuple[_T, ...] = typed(tuple[kind, ...], tree.get(name, []), f"{where}: {name}")  # type: ignore[valid-type]
    return entries


def _policy_settings(tree: dict[str, Any], where: str) -> dict[str, PolicySettings]:
    """The policies; a text is a table with nothing but a URL."""
    tables = tree.get("policies", {})
    if isinstance(tables, dict):
        tables = {name: {"url": one} if isinstance(one, str) else one for name, one in tables.items()}
    policies: dict[str, PolicySettings] = typed(dict[str, PolicySettings], tables, f"{where}: policies")
    return policies
