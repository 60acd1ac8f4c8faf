"""The config of a Singer command: declared settings, read from JSON files and the environment, and validated.

The keys are those of hotglue's tap and target (`api_url`, `company_id`, `sender_id`, ...), so that a config still works
after the executable is swapped, plus ours. `--config ENV` reads `<COMMAND>_<KEY>`, as Meltano's SDK does.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import Meta

from intacct_bridge.apps.terminal.process import json_object
from intacct_bridge.connections.connection import SECRETS, SETTINGS, Connection
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.suggestions import did_you_mean
from intacct_protocol.model.wording import listed

Positive = Annotated[int, Meta(ge=1)]
Seconds = Annotated[int, Meta(ge=0)]
Kilobytes = Annotated[int, Meta(ge=0)]
REQUIRED = ("company_id", "sender_id", "sender_password", "user_id", "user_password")
"""Keys that every config needs, unless `connection` or an environment variable gives them."""
HOTGLUE_PLATFORM = (
    "tenant",
    "tenant_id",
    "full_url",
    "flow",
    "flow_id",
    "env",
    "env_id",
    "job_id",
    "job_name",
    "s3_root",
    "connector_props",
    "date_window_size",
)
"""Keys that hotglue's platform puts beside a connector's own."""
OF_SINGER_SDK = {
    "stream_maps": "select fields in the catalogue, or map records with `mappings`",
    "stream_map_config": "select fields in the catalogue, or map records with `mappings`",
    "faker_config": "remove it",
    "flattening_enabled": "remove it: records of objects are flat already",
    "flattening_max_depth": "remove it: records of objects are flat already",
    "batch_config": "remove it: every record is a message of its own",
}
"""Settings of Meltano's SDK that change records, each with the fix."""
_PLACE = re.compile(r" - at `\$\.(\w+)")
"""The key in msgspec's message about a value that does not fit."""


def explained(text: str, *, secret: bool = False) -> Meta:
    """The description of a setting; a secret is marked for Meltano (`secret`) and for JSON Schema (`writeOnly`)."""
    return Meta(description=text, extra_json_schema={"secret": True, "writeOnly": True} if secret else None)


class ConnectionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that reach the company; an empty string means that a setting is not given."""

    api_url: Annotated[
        str, explained("The gateway's URL, also accepted as `endpoint` (default: Sage's public gateway).")
    ] = ""
    company_id: Annotated[str, explained("The company ID.")] = ""
    sender_id: Annotated[str, explained("The Web Services sender ID.")] = ""
    sender_password: Annotated[str, explained("The sender's password.", secret=True)] = ""
    user_id: Annotated[str, explained("The Web Services user ID.")] = ""
    user_password: Annotated[str, explained("The user's password.", secret=True)] = ""
    location_id: Annotated[str, explained("The entity to work in (default: every entity that the user can see).")] = ""
    connection: Annotated[str, explained("A connection of intacct.toml, instead of the credentials.")] = ""
    ignore_keys: Annotated[
        tuple[str, ...], explained("Keys of this config that other programs read; they are ignored here.")
    ] = ()


S = TypeVar("S", bound=ConnectionSettings)


@dataclass(frozen=True, slots=True)
class ConfigKeys(Generic[S]):
    """The keys that one command knows."""

    settings: type[S]
    tolerated: Sequence[str] = ()
    """Keys of other vendors' commands that have no meaning here; they are accepted and reported."""
    prefix: str = ""
    """The beginning of its environment variables."""
    refused: Mapping[str, str] = field(default_factory=lambda: OF_SINGER_SDK)
    """Settings that change what other vendors' commands of this kind do, and that do nothing here, each with the fix.
    An empty one is ignored, and so is one that `ignore_keys` names.
    """


def read_sources(sources: Iterable[str], keys: ConfigKeys[S], environ: Mapping[str, str]) -> dict[str, Any]:
    """The config's plain values from files and `ENV`, later ones over earlier ones."""
    values: dict[str, Any] = {}
    for source in sources:
        values |= _from_environment(environ, keys) if source == "ENV" else json_object(Path(source), "config")
    return values


_EXAMPLES = {
    "array": """'["VENDOR", "APBILL"]'""",
    "object": """'{"VENDOR": 86400}'""",
    "boolean": "true or false",
    "integer": "100",
}
"""Settings in the environment, by their type."""


def _from_environment(environ: Mapping[str, str], keys: ConfigKeys[S]) -> dict[str, Any]:
    properties = json_schema(keys.settings)["properties"]
    values: dict[str, Any] = {}
    for name, text in environ.items():
        if not name.startswith(keys.prefix) or not text:
            continue
        key = name.removeprefix(keys.prefix).lower()
        kind = type_of(properties[key]) if key in properties else "string"
        if kind != "string":
            try:
                values[key] = json.loads(text.lower() if kind == "boolean" else text)
            except (ValueError, RecursionError):
                raise SettingsError(
                    f"{name} is not a JSON {kind}: {text!r}", fix=f"write it as {_EXAMPLES[kind]}", setting=key
                ) from None
        else:
            values[key] = text
    return values


def check(config: Mapping[str, Any], keys: ConfigKeys[S]) -> S:
    """The settings as values; null counts as not given.

    Raises SettingsError, which names the key and the values that it accepts, or the nearest key when it is unknown.
    """
    _check_keys(config, keys)
    names = keys.settings.__struct_fields__
    values = {key: value for key, value in config.items() if key in names and value is not None}
    try:
        return msgspec.convert(values, keys.settings)
    except msgspec.ValidationError as error:
        place = _PLACE.search(str(error))
        assert place is not None, error
        key = place[1]
        shown = "***" if key in SECRETS else repr(values[key])
        accepted = _accepted(json_schema(keys.settings)["properties"][key], values[key])
        raise SettingsError(f"the config's {key} is {shown}, and must be {accepted}", setting=key) from None


def ignored_keys(config: Mapping[str, Any], keys: ConfigKeys[S]) -> tuple[str, ...]:
    """The keys of a checked config that have no effect here, in their order."""
    used = (*keys.settings.__struct_fields__, *elsewhere(keys))
    return tuple(key for key in config if key not in used)


def ignored_note(names: Sequence[str]) -> str:
    """The note on keys without effect; empty if there are none."""
    return f"config: no effect here: {listed(names)}" if names else ""


def _check_keys(config: Mapping[str, Any], keys: ConfigKeys[S]) -> None:
    """SettingsError for a key that is none of ours, nor known to be another program's."""
    ours = (*keys.settings.__struct_fields__, *elsewhere(keys))
    listed_keys = config.get("ignore_keys") or ()
    for key in listed_keys if isinstance(listed_keys, list | tuple) else ():
        if key in ours:
            raise SettingsError(
                f"ignore_keys names {key!r}, which is a setting of this program",
                fix="remove that setting, or its name in ignore_keys",
                setting="ignore_keys",
            )
    for key, value in config.items():
        if key in keys.refused and value and key not in listed_keys:
            raise SettingsError(
                f"the config's {key} is a setting of another program, and does nothing here",
                fix=f'{keys.refused[key]}; or add "ignore_keys": ["{key}"]',
                setting=key,
            )
        if key not in (*ours, *keys.tolerated, *keys.refused, *listed_keys):
            raise SettingsError(
                f"the config has an unknown key {key!r}{did_you_mean(key, (*ours, *keys.tolerated))}",
                fix=f'correct it; if another program reads it, add "ignore_keys": ["{key}"]',
                setting=key,
            )


def _accepted(schema: Mapping[str, Any], value: object) -> str:
    """The values that a setting accepts, in words that name what is wrong with this one."""
    if "enum" in schema:
        return listed([str(one) for one in schema["enum"] if one is not None], "or")
    if isinstance(value, int) and not isinstance(value, bool) and "minimum" in schema:
        return f"{schema['minimum']} or more"
    inner = schema.get("items") or schema.get("additionalProperties")
    kind = f"{type_of(schema)} of {type_of(inner)}s" if isinstance(inner, dict) and "type" in inner else type_of(schema)
    least = f", {inner['minimum']} or more" if isinstance(inner, dict) and "minimum" in inner else ""
    return f"of type {kind}{least}"


def json_schema(settings: type[ConnectionSettings]) -> dict[str, Any]:
    """The settings as a JSON schema in the form of Meltano's SDK: a type, or a list of a type and null."""
    _, definitions = msgspec.json.schema_components([settings])
    schema: dict[str, Any] = definitions[settings.__name__]
    properties = {name: _property(one, required=name in REQUIRED) for name, one in schema["properties"].items()}
    return {"type": "object", "properties": properties, "required": list(REQUIRED)}


def _property(schema: Mapping[str, Any], *, required: bool) -> dict[str, Any]:
    """One setting's schema; every setting that is not required may be null."""
    described = {key: value for key, value in schema.items() if key != "anyOf"}
    for alternative in schema.get("anyOf", ()):
        described |= alternative if alternative != {"type": "null"} else {}
    kind = described.pop("type", "string")  # a list of choices has none
    if not described.get("default"):
        described.pop("default", None)
    if "enum" in described and not required:
        described["enum"] = [*described["enum"], None]
    return {"type": kind if required else [kind, "null"], **described}


def type_of(schema: Mapping[str, Any]) -> str:
    """A setting's JSON type, null left out: string, integer, boolean, array or object."""
    types = schema["type"]
    return str(types[0] if isinstance(types, list) else types)


def elsewhere(keys: ConfigKeys[S]) -> tuple[str, ...]:
    """The other settings of a connection, accepted under their own names."""
    names = keys.settings.__struct_fields__
    return tuple(name for name in SETTINGS if name not in names and name != "name")


def connection_of(config: Mapping[str, Any], keys: ConfigKeys[S]) -> Connection:
    """The connection that the config describes."""
    from intacct_bridge.connections.demo_company import demo_settings, means_demo
    from intacct_bridge.connections.sources import load_connection

    settings = {
        key: config[key] for key in ("company_id", "user_id", "location_id", "sender_id", *SECRETS) if config.get(key)
    }
    settings |= {key: config[key] for key in elsewhere(keys) if key in config}
    if config.get("api_url"):
        settings["endpoint"] = config["api_url"]
    name = config.get("connection") or os.environ.get("INTACCT_CONNECTION") or None
    if name and means_demo(name, tuple(settings)):
        settings = demo_settings() | settings
    try:
        return load_connection(name, **settings)
    except SettingsError as error:
        lacking = [key for key in REQUIRED if not settings.get(key)]
        if config.get("connection") or not lacking:
            raise
        variables = f"{keys.prefix}{lacking[0].upper()}{', ...' * (len(lacking) > 1)}"
        fix = f"Give {', '.join(lacking)} in the config, or {variables} with --config ENV. {error.fix}{_env_file()}"
        raise SettingsError(error.message, fix=fix, setting=lacking[0]) from None


def _env_file() -> str:
    """A hint about .env, which taps made with Meltano's SDK read themselves."""
    return " The file .env is for Meltano or the shell to read: set -a; . ./.env" * Path(".env").exists()
