"""The sources of a connection's settings, strongest first, each setting on its own:

1. explicit arguments; 2. `INTACCT_*` variables, including the names of the official SDKs; 3. `intacct.toml` in the
project's directory, then in the user's configuration directory; 4. the official SDKs' profile file.

A table in the project's file hides the user's table of the same name completely: mixing the two would let a checked-out
project redirect a user's own credentials. Shared senders are found in either file.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from intacct_bridge.connections import sdk_profiles, toml_file
from intacct_bridge.connections.connection import SECRETS, SETTINGS, Connection, missing_fix, required_settings
from intacct_bridge.connections.secret_refs import resolved
from intacct_bridge.machine import directories
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.suggestions import MISSPELT, closest, did_you_mean, suggestion
from intacct_protocol.model.uri_text import uri_secrets

_PREFIX = "INTACCT_"
OFFICIAL = {"location_id": "INTACCT_ENTITY_ID", "endpoint": "INTACCT_ENDPOINT_URL"}
"""Names of the official SDKs for settings that we call differently."""
CHOICES = ("INTACCT_CONNECTION", "INTACCT_SENDER_PROFILE", "INTACCT_COMPANY_PROFILE", "INTACCT_PROFILE")
"""Variables that choose among what the files have."""
CONNECTION_VARIABLES = (
    *(f"INTACCT_{setting.upper()}" for setting in SETTINGS if setting != "name"),
    *OFFICIAL.values(),
    *CHOICES,
)
"""Variables that say something about a connection."""
PROGRAM_VARIABLES = (
    "INTACCT_CONSOLE_SECRET",
    "INTACCT_DEMO_HOME",
    "INTACCT_DEMO_IDLE",
    "INTACCT_FLEET",
    "INTACCT_FLEET_ADDRESS",
    "INTACCT_FLEET_DEMO",
    "INTACCT_FLEET_KEY",
    "INTACCT_FLEET_KEY_COMMAND",
    "INTACCT_FLEET_TOKEN",
    "INTACCT_LOG_FORMAT",
    "INTACCT_MCP_TOKEN",
    "INTACCT_RUN_END",
    "INTACCT_RUN_FLOW",
    "INTACCT_RUN_HISTORY",
    "INTACCT_RUN_ID",
)
"""The other variables of our programs."""
_REQUIRED = (*sdk_profiles.SENDER, *sdk_profiles.LOGIN)


@dataclass(frozen=True, slots=True)
class SettingsSources:
    """The environment and the directories that settings are read from; by default those of this process."""

    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    project: Path = field(default_factory=Path.cwd)
    config: Path = field(default_factory=directories.config_directory)
    """The user's configuration directory."""
    unsaved: toml_file.TomlFile | None = None
    """Tables that are to be tried before they are saved in that file; they come first."""

    @property
    def user_file(self) -> Path:
        """The user's own intacct.toml."""
        return self.config / toml_file.FILE_NAME

    @property
    def profile_file(self) -> Path:
        """The official SDKs' file."""
        return directories.home(self.environ) / ".intacct" / "credentials.ini"

    def files(self) -> list[toml_file.TomlFile]:
        """Every intacct.toml there is, strongest first."""
        saved = (toml_file.read(self.project / toml_file.FILE_NAME), toml_file.read(self.user_file))
        files_in_order = [self.unsaved, *saved]
        return [file for file in files_in_order if file is not None]


@dataclass(frozen=True, slots=True)
class ListedConnection:
    """A named connection as its file has it: no secret is read and no reference is resolved."""

    name: str
    source: str
    company_id: str = ""
    user_id: str = ""
    location_id: str = ""
    environment: str = "production"
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class _Found:
    """Everything that the sources contain, read once."""

    explicit: Mapping[str, Any] = field(repr=False)
    environ: Mapping[str, str] = field(repr=False)
    files: list[toml_file.TomlFile]
    profiles: Mapping[str, Mapping[str, str]] = field(repr=False)
    profile_file: Path

    @property
    def company(self) -> str:
        """The company that arguments or variables name; a connection then needs no file."""
        return str(self.explicit.get("company_id") or self.environ.get("INTACCT_COMPANY_ID") or "")

    @property
    def company_is_given(self) -> bool:
        """Whether arguments or variables name a company."""
        return bool(self.company)

    def is_other_company(self, name: str) -> bool:
        """Whether the connection of that name is to another company than arguments or variables name."""
        tables = (file.connections[name] for file in self.files if name in file.connections)
        company = next(tables, {}).get("company_id")
        return self.company_is_given and isinstance(company, str) and company.casefold() != self.company.casefold()

    def profile_name(self, which: str) -> str:
        """The profile that a variable names, for the SENDER or the COMPANY."""
        return self.environ.get(f"INTACCT_{which}_PROFILE") or self.environ.get("INTACCT_PROFILE") or ""


def load_connection(name: str | None = None, *, sources: SettingsSources | None = None, **explicit: Any) -> Connection:
    """The connection of that name, or the only one, from all its sources; explicit settings override the others.

    Without a name, `INTACCT_CONNECTION` names it. SettingsError names the connection, the setting and the fix.
    """
    sources = sources or SettingsSources()
    arguments = {setting: value for setting, value in explicit.items() if value is not None}
    available = _Found(
        arguments,
        sources.environ,
        sources.files(),
        sdk_profiles.read_profiles(sources.profile_file),
        sources.profile_file,
    )
    chosen = name or available.environ.get("INTACCT_CONNECTION") or _only_one(available)
    connection_settings: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for origin, settings in _layers(chosen, available):
        for setting, value in settings.items():
            if setting not in connection_settings:
                where = f"connection {chosen!r}: {setting} ({origin})"
                plain = setting in _TABLES or not isinstance(value, Mapping)
                resolved_value = value if plain else resolved(value, where=where, environ=available.environ)
                connection_settings[setting] = _typed(setting, resolved_value, where)
                origins[setting] = origin
    for origin, more in _from_profiles(chosen, available, connection_settings):
        connection_settings |= more
        origins |= dict.fromkeys(more, origin)
    for setting in required_settings(connection_settings):
        if not connection_settings.get(setting):
            raise _missing(setting, chosen, connection_settings, available)
    return Connection(name=chosen, origins=origins, **connection_settings)


def _missing(setting: str, chosen: str, settings: Mapping[str, Any], available: _Found) -> SettingsError:
    near = _near_miss(setting, available.environ) or _other_connection(setting, available)
    if not near and not any(settings.get(each) for each in _REQUIRED):
        return SettingsError(
            "no connection is set up here yet",
            fix="To try without an account, run intacct demo, then use `connection = demo`. "
            "For your own company: intacct connections add NAME.",
        )
    return SettingsError(f"connection {chosen!r}: {setting} is not set{near}", fix=missing_fix(chosen, setting))


def list_connections(*, sources: SettingsSources | None = None) -> list[ListedConnection]:
    """Every named connection in the files, sorted by name; SDK profiles count unless a table hides them."""
    sources = sources or SettingsSources()
    by_name: dict[str, ListedConnection] = {}
    for file in sources.files():
        for name, table in file.connections.items():
            by_name.setdefault(name, _listed(name, str(file.path), table))
    for name, profile in sdk_profiles.read_profiles(sources.profile_file).items():
        if all(profile.get(key) for key in sdk_profiles.LOGIN):
            by_name.setdefault(name, _listed(name, str(sources.profile_file), profile))
    return sorted(by_name.values(), key=lambda listed: listed.name)


def _listed(name: str, source: str, table: Mapping[str, Any]) -> ListedConnection:
    shown = {key: value for key in ("company_id", "user_id", "location_id", "environment") if (value := table.get(key))}
    texts = {key: value if isinstance(value, str) else "(elsewhere)" for key, value in shown.items()}
    return ListedConnection(name, source, read_only=table.get("read_only") is True, **texts)


def add_connection(name: str, settings: Mapping[str, Any], *, path: Path | None = None) -> Path:
    """Write a connection's table into intacct.toml (the user's, or `path`), in place of the one of that name."""
    for setting in settings:
        _check_setting(setting, f"connection {name!r}", extra=("sender",))
    target = path or SettingsSources().user_file
    toml_file.put(target, "connections", name, settings)
    return target


def connection_file(name: str, *, path: Path | None = None) -> Mapping[str, Any]:
    """The settings of a connection in intacct.toml (the user's, or `path`) as they stand there; empty without one."""
    file = toml_file.read(path or SettingsSources().user_file)
    return file.connections.get(name, {}) if file is not None else {}


def reporting_settings() -> tuple[Mapping[str, Any], str]:
    """The table `[reporting]` of the strongest intacct.toml that has one, and that file's path."""
    files = SettingsSources().files()
    return next(((one.reporting, str(one.path)) for one in files if one.reporting), ({}, ""))


def unread_variables(sources: SettingsSources | None = None) -> list[str]:
    """A sentence for each variable `INTACCT_...` that no program reads, with the name that is probably meant.

    A reference in intacct.toml, such as `{env = "INTACCT_BOOKS_PASSWORD"}`, reads its variable.
    """
    sources = sources or SettingsSources()
    ours = (*CONNECTION_VARIABLES, *PROGRAM_VARIABLES)
    unread = {name for name in sources.environ if name.startswith(_PREFIX) and name not in ours}
    if unread:
        for file in sources.files():
            unread.difference_update(_referenced([file.connections, file.senders, file.flows, file.notify]))
    # The prefix alone would make any two of them alike.
    endings = [name.removeprefix(_PREFIX) for name in ours]
    near = {name: closest(name.removeprefix(_PREFIX), endings, 1, cutoff=MISSPELT) for name in sorted(unread)}
    return [
        f"{name} is set, and no program reads it{f'; {suggestion([_PREFIX + meant[0]])}' if meant else ''}"
        for name, meant in near.items()
    ]


def _referenced(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        name = value.get("env")
        if isinstance(name, str):
            yield name
        for part in value.values():
            yield from _referenced(part)
    elif isinstance(value, list):
        for part in value:
            yield from _referenced(part)


def exposed_passwords(sources: SettingsSources | None = None) -> list[SettingsError]:
    """An error for each file with a typed password that other accounts of this machine may read."""
    exposed = []
    for file in (sources or SettingsSources()).files():
        tables = [*file.connections.values(), *file.senders.values()]
        has_password = any(
            any(isinstance(table.get(key), str) and table[key] for key in SECRETS)
            or uri_secrets(str(table.get("outbox", "")))
            for table in tables
        )
        if has_password and os.name == "posix" and file.path.is_file() and file.path.stat().st_mode & 0o044:
            exposed.append(
                SettingsError(
                    f"{file.path} has a password, and other accounts of this machine may read it",
                    fix=f"chmod 600 {file.path}",
                )
            )
    return exposed


def check_settings(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse wrong settings before a password is asked for and before the file is written; missing ones pass.

    The result has the settings that are neither secrets nor references, in their types.
    """
    for setting in settings:
        _check_setting(setting, f"connection {name!r}", extra=("sender",))
    plain = {key: value for key, value in settings.items() if key in _TABLES or not isinstance(value, Mapping)}
    checked = {key: _typed(key, value, key) for key, value in plain.items() if key not in ("sender", *SECRETS)}
    Connection(**{"name": name, **dict.fromkeys(_REQUIRED, "-"), **checked})
    return checked


def unsaved_connection(name: str, settings: Mapping[str, Any], path: Path) -> Connection:
    """The connection that these settings would be in that file, in the surroundings in which it will be used."""
    return load_connection(name, sources=SettingsSources(unsaved=toml_file.TomlFile(path, {name: settings})))


@dataclass(frozen=True, slots=True)
class ListedSender:
    """A shared sender as its file has it."""

    name: str
    source: str
    sender_id: str
    used_by: tuple[str, ...] = ()
    """The connections that refer to it."""


def list_senders(*, sources: SettingsSources | None = None) -> list[ListedSender]:
    """Every shared sender in the files, sorted by name."""
    files = (sources or SettingsSources()).files()
    users: dict[str, list[str]] = {}
    for name, table in {name: table for file in reversed(files) for name, table in file.connections.items()}.items():
        users.setdefault(str(table.get("sender", "")), []).append(name)
    by_name: dict[str, ListedSender] = {}
    for file in files:
        for name, table in file.senders.items():
            named = table.get("sender_id", "")
            shown = named if isinstance(named, str) else "(elsewhere)"
            by_name.setdefault(name, ListedSender(name, str(file.path), shown, tuple(sorted(users.get(name, ())))))
    return sorted(by_name.values(), key=lambda listed: listed.name)


def add_sender(name: str, settings: Mapping[str, Any], *, path: Path | None = None) -> Path:
    """Write a shared sender's table into intacct.toml (the user's, or `path`), in place of the one of that name."""
    for setting in settings:
        _check_setting(setting, f"sender {name!r}", among=sdk_profiles.SENDER)
    for setting in sdk_profiles.SENDER:
        if not settings.get(setting):
            raise SettingsError(f"sender {name!r}: {setting} is not set", fix="A sender has an ID and a password.")
    target = path or SettingsSources().user_file
    toml_file.put(target, "senders", name, settings)
    return target


def sender_file(name: str, *, path: Path | None = None) -> Mapping[str, Any]:
    """The settings of a shared sender as they stand in intacct.toml (the user's, or `path`); empty without one."""
    file = toml_file.read(path or SettingsSources().user_file)
    return file.senders.get(name, {}) if file is not None else {}


def remove_sender(name: str, *, path: Path | None = None) -> bool:
    """Remove a shared sender's table; False if it was not there. SettingsError if a connection uses it."""
    users = next((one.used_by for one in list_senders() if one.name == name), ())
    if users:
        raise SettingsError(f"sender {name!r} is used by {', '.join(users)}", fix="Give these another sender first.")
    return toml_file.remove(path or SettingsSources().user_file, "senders", name)


def remove_connection(name: str, *, path: Path | None = None) -> bool:
    """Remove a connection's table from intacct.toml; False if it was not there."""
    return toml_file.remove(path or SettingsSources().user_file, "connections", name)


def _only_one(available: _Found) -> str:
    """The connection to use when none is named; never one to another company than the given one."""
    names = sorted({name for file in available.files for name in file.connections})
    if len(names) == 1 and not available.is_other_company(names[0]):
        return names[0]
    if available.company_is_given or not names:
        chosen = (available.profile_name("COMPANY") or sdk_profiles.DEFAULT_PROFILE, available.company)
        return next((name for name in chosen if not available.is_other_company(name)), f"{available.company} as given")
    if sdk_profiles.DEFAULT_PROFILE in names:
        return sdk_profiles.DEFAULT_PROFILE
    raise SettingsError(
        f"there are {len(names)} connections ({', '.join(names)}), and none is chosen",
        fix="Name one: `connection = NAME`, or INTACCT_CONNECTION=NAME.",
        setting="connection",
    )


def _table(name: str, available: _Found) -> tuple[str, Mapping[str, Any]]:
    """The file of the connection's table, and the table; empty if other sources can make the connection."""
    for file in available.files:
        if name in file.connections:
            return str(file.path), file.connections[name]
    without_table = (sdk_profiles.DEFAULT_PROFILE, available.profile_name("COMPANY"), *available.profiles)
    if available.company_is_given or name in without_table:
        return "", {}
    names = sorted({each for file in available.files for each in file.connections} | set(available.profiles))
    there = did_you_mean(name, names) or (f"; known connections: {', '.join(names)}" if names else "")
    raise SettingsError(
        f"there is no connection {name!r}{there}",
        fix=f"Run `intacct connections add {name}`, or name another connection.",
    )


def _layers(name: str, available: _Found) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(origin, settings) of each source, strongest first; the names of settings are checked.

    The environment of a table is that of its company: it says nothing about another one that a variable names.
    """
    for setting in available.explicit:
        _check_setting(setting, f"connection {name!r} (argument)")
    yield "argument", available.explicit
    for setting in SETTINGS:
        for variable in (OFFICIAL.get(setting), f"INTACCT_{setting.upper()}"):
            if variable and available.environ.get(variable) and setting != "name":
                yield variable, {setting: available.environ[variable]}
    source, table = _table(name, available)
    for setting in table:
        _check_setting(setting, f"{source}: [connections.{name}]", extra=("sender",))
    not_here = ("sender", "environment") if available.is_other_company(name) else ("sender",)
    yield source, {setting: value for setting, value in table.items() if setting not in not_here}
    if "sender" in table:
        yield _sender(str(table["sender"]), name, available.files)


def _sender(sender: str, name: str, files: list[toml_file.TomlFile]) -> tuple[str, Mapping[str, Any]]:
    for file in files:
        if sender in file.senders:
            table = file.senders[sender]
            for setting in table:
                _check_setting(setting, f"{file.path}: [senders.{sender}]", among=sdk_profiles.SENDER)
            return f"{file.path} [senders.{sender}]", table
    names = sorted({each for file in files for each in file.senders})
    listed_senders = f"; known senders: {', '.join(names)}" if names else ""
    raise SettingsError(
        f"connection {name!r}: there is no sender {sender!r}{listed_senders}",
        fix=f"Add [senders.{sender}] with sender_id and sender_password to intacct.toml.",
    )


def _from_profiles(name: str, available: _Found, settings: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    """The settings that the SDKs' profiles add; a named profile that does not exist is an error."""
    for which, keys in (
        ("SENDER", sdk_profiles.SENDER),
        ("COMPANY", (*sdk_profiles.LOGIN, "location_id", "endpoint")),
    ):
        named = available.profile_name(which)
        if named and named not in available.profiles:
            raise SettingsError(
                f"connection {name!r}: INTACCT_{which}_PROFILE is {named!r}, and {available.profile_file} has"
                " no such section"
            )
        section = named or (name if name in available.profiles else sdk_profiles.DEFAULT_PROFILE)
        more = sdk_profiles.usable(available.profiles.get(section, {}), settings)
        yield f"{available.profile_file} [{section}]", {key: value for key, value in more.items() if key in keys}


def _check_setting(setting: str, where: str, *, extra: tuple[str, ...] = (), among: tuple[str, ...] = SETTINGS) -> None:
    allowed = [each for each in (*among, *extra) if each != "name"]
    if setting not in allowed:
        near = closest(setting, [*allowed, "entity_id", "endpoint_url"])
        near = [{"entity_id": "location_id", "endpoint_url": "endpoint"}.get(each, each) for each in near]
        meant = suggestion(list(dict.fromkeys(near))) or f"the settings are {', '.join(allowed)}"
        raise SettingsError(f"{where}: there is no setting {setting!r}; {meant}")


_TABLES = ("statuses",)
"""Settings that are tables themselves, not references to a value elsewhere."""
_KIND: dict[str, type] = {
    "statuses": dict,
    "allow_endpoint": bool,
    "read_only": bool,
    "four_eyes": bool,
    "approvers": tuple,
    "read_formatting": bool,
    "concurrency": int,
    "monthly_transactions": int,
    "monthly_limit": int,
    "timeout": float,
    "answer_timeout": float,
    "catalog_hours": float,
}
_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def _typed(setting: str, value: Any, where: str) -> Any:
    """The value in the setting's type; variables are text, and the values of a file have a type already."""
    kind = _KIND.get(setting, str)
    if kind is bool:
        word = _WORDS.get(value.strip().lower()) if isinstance(value, str) else value
        if isinstance(word, bool):
            return word
        raise SettingsError(f"{where} must be true or false, not {value!r}")
    if kind is tuple:
        return _names(value, where)
    if kind is dict:
        return _pairs(value, where)
    if kind is str:
        if isinstance(value, bool | list | dict):
            raise SettingsError(f"{where} must be text")
        return str(value)
    try:
        if isinstance(value, bool) or (kind is int and isinstance(value, float)):
            raise ValueError
        return kind(value)
    except (ValueError, TypeError):
        raise SettingsError(f"{where} must be a {'whole ' if kind is int else ''}number, not {value!r}") from None


def _names(value: Any, where: str) -> tuple[str, ...]:
    """A list of names; a variable has them in one text, with commas."""
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise SettingsError(f'{where} must be a list of names, such as ["anna", "ben"]')
    return tuple(name.strip() for name in names if name.strip())


def _pairs(value: Any, where: str) -> dict[str, str]:
    """A table of texts; a variable has them in one text, with commas: `On hold=draft, Scrapped=void`."""
    if isinstance(value, str):
        parts = [part.partition("=") for part in value.split(",") if part.strip()]
        value = {name.strip(): meaning.strip() for name, equals, meaning in parts if equals}
        if len(value) != len(parts):
            value = None
    if not isinstance(value, Mapping) or not all(isinstance(one, str) for pair in value.items() for one in pair):
        raise SettingsError(f'{where} must be a table of words, such as {{ "On hold" = "draft" }}')
    return dict(value)


def _other_connection(setting: str, available: _Found) -> str:
    """A hint at a connection that has the setting, but was not chosen or is to another company."""
    tables = ((name, table) for file in available.files for name, table in file.connections.items())
    where = (setting, "sender") if setting in sdk_profiles.SENDER else (setting,)
    others = sorted({name for name, table in tables if any(table.get(each) for each in where)})
    if not others or not available.company:
        return ""
    meant = next((name for name in others if not available.is_other_company(name)), "")
    hint = f"{meant!r} has it, and is not named" if meant else f"{others[0]!r} is to another company"
    return f" for company {available.company}; connection {hint}"


def _near_miss(setting: str, environ: Mapping[str, str]) -> str:
    """A hint at a misspelt variable; an unknown variable alone is not an error."""
    odd = [name for name in environ if name.startswith("INTACCT_") and name not in CONNECTION_VARIABLES]
    variable = f"INTACCT_{setting.upper()}"
    near = closest(variable, odd, 1, cutoff=MISSPELT)  # the prefix alone makes any two of them alike
    return f" ({near[0]} is; {suggestion([variable])})" if near else ""
