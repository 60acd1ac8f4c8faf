"""What both Singer commands share of their configs: settings as data, read from files and the environment, and checked.

The keys are those of hotglue's tap and target (`api_url`, `company_id`, `sender_id`, ...), so that a config can be kept
when the executable is swapped, and ours. `--config ENV` reads `<COMMAND>_<KEY>`, as Meltano's SDK does.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intacct_bridge.client.connections.connection import SECRETS, SETTINGS, Connection
from intacct_bridge.client.connections.sources import load_connection
from intacct_bridge.edge.terminal.process import json_object
from intacct_bridge.errors import SettingsError
from intacct_bridge.model.suggestions import did_you_mean


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of a config."""

    key: str
    kind: str
    """string, integer, boolean, array or object."""
    text: str
    required: bool = False
    secret: bool = False
    choices: tuple[str, ...] = ()
    """The values it may have; empty for any."""
    least: int | None = None
    """The smallest number it may be."""


CONNECTING = (
    Setting("api_url", "string", "The gateway's address, also as `endpoint`; Sage's public one unless given."),
    Setting("company_id", "string", "The company.", required=True),
    Setting("sender_id", "string", "The Web Services sender.", required=True),
    Setting("sender_password", "string", "The sender's password.", required=True, secret=True),
    Setting("user_id", "string", "The Web Services user.", required=True),
    Setting("user_password", "string", "The user's password.", required=True, secret=True),
    Setting("location_id", "string", "The entity to work in; all that the user can see unless given."),
    Setting("connection", "string", "A connection of intacct.toml in place of the credentials."),
)
"""How to reach the company."""


@dataclass(frozen=True, slots=True)
class ConfigKeys:
    """The keys that one command knows."""

    settings: Sequence[Setting]
    tolerated: Sequence[str] = ()
    """Keys of other people's commands that mean nothing here and are let pass."""
    prefix: str = ""
    """Of its environment variables."""


def read_sources(sources: Iterable[str], keys: ConfigKeys, environ: Mapping[str, str]) -> dict[str, Any]:
    """The config's plain values from files and `ENV`, later ones over earlier ones."""
    given: dict[str, Any] = {}
    for source in sources:
        given |= _from_environment(environ, keys) if source == "ENV" else json_object(Path(source), "config")
    return given


def _from_environment(environ: Mapping[str, str], keys: ConfigKeys) -> dict[str, Any]:
    kinds = {one.key: one.kind for one in keys.settings}
    found: dict[str, Any] = {}
    for name, text in environ.items():
        if not name.startswith(keys.prefix) or not text:
            continue
        key = name.removeprefix(keys.prefix).lower()
        if kinds.get(key, "string") != "string":
            try:
                found[key] = json.loads(text)
            except ValueError:
                raise SettingsError(f"{name} is not a JSON {kinds[key]}: {text!r}") from None
        else:
            found[key] = text
    return found


def check(given: Mapping[str, Any], keys: ConfigKeys) -> None:
    """SettingsError names the key that is wrong, and the nearest when it is unknown."""
    by_key = {one.key: one for one in keys.settings}
    known = (*by_key, *elsewhere(keys), *keys.tolerated)
    for key, value in given.items():
        if key not in known:
            raise SettingsError(f"the config has an unknown key {key!r}{did_you_mean(key, known)}")
        one = by_key.get(key)
        if one is None:
            continue
        if not _is(value, one.kind):
            kind = "array of strings" if one.kind == "array" else one.kind
            raise SettingsError(f"the config's {key} is {_shown(key, value)}, and must be of type {kind}")
        if one.least is not None and value < one.least:
            raise SettingsError(f"the config's {key} is {value}, and must be {one.least} or more")
        if one.choices and value not in one.choices:
            raise SettingsError(f"the config's {key} is {value!r}, and must be {' or '.join(one.choices)}")


def _beside() -> str:
    """A word on the file that taps made with Meltano's SDK read of their own accord."""
    return " The file .env is for Meltano or the shell to read: set -a; . ./.env" * Path(".env").exists()


def elsewhere(keys: ConfigKeys) -> tuple[str, ...]:
    """Settings of a connection, taken under their own names."""
    own = {one.key for one in keys.settings}
    return tuple(name for name in SETTINGS if name not in own and name != "name")


def _is(value: Any, kind: str) -> bool:
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "array":
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    expected = {"string": str, "boolean": bool, "object": dict}[kind]
    return isinstance(value, expected)


def _shown(key: str, value: Any) -> str:
    return "***" if key in SECRETS else repr(value)


def connection_of(given: Mapping[str, Any], keys: ConfigKeys) -> Connection:
    """The connection that the config means."""
    settings = {
        key: given[key] for key in ("company_id", "user_id", "location_id", "sender_id", *SECRETS) if given.get(key)
    }
    settings |= {key: given[key] for key in elsewhere(keys) if key in given}
    if given.get("api_url"):
        settings["endpoint"] = given["api_url"]
    try:
        return load_connection(given.get("connection"), **settings)
    except SettingsError as error:
        lacking = [one.key for one in keys.settings if one.required and not settings.get(one.key)]
        if given.get("connection") or not lacking:
            raise
        variables = f"{keys.prefix}{lacking[0].upper()}{', ...' * (len(lacking) > 1)}"
        fix = f"Give {', '.join(lacking)} in the config, or {variables} with --config ENV. {error.fix}{_beside()}"
        raise SettingsError(error.message, fix=fix) from None
