"""What `tap-intacct` can be told: its settings, where they come from, and what each means to the rooms below.

The keys are those of hotglue's tap (`api_url`, `company_id`, `sender_id`, ...), so that a config can be kept when the
executable is swapped, and ours. `--config ENV` reads `TAP_INTACCT_<KEY>`, as Meltano's SDK does.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any

from intacct_bridge.client.connection import SECRETS, SETTINGS, Connection
from intacct_bridge.client.sources import load_connection
from intacct_bridge.errors import SettingsError
from intacct_bridge.flow.reading import Options
from intacct_bridge.flow.state import moment, wall

ENV_PREFIX = "TAP_INTACCT_"


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of the config."""

    key: str
    kind: str
    """string, integer, boolean or array."""
    text: str
    required: bool = False
    secret: bool = False


SETTINGS_OF_TAP = (
    Setting("api_url", "string", "The gateway's address; Sage's public one unless given."),
    Setting("company_id", "string", "The company.", required=True),
    Setting("sender_id", "string", "The Web Services sender.", required=True),
    Setting("sender_password", "string", "The sender's password.", required=True, secret=True),
    Setting("user_id", "string", "The Web Services user.", required=True),
    Setting("user_password", "string", "The user's password.", required=True, secret=True),
    Setting("location_id", "string", "The entity to work in; all that the user can see unless given."),
    Setting("start_date", "string", "A first sync takes what changed since this time."),
    Setting("connection", "string", "A connection of intacct.toml in place of the credentials."),
    Setting("streams", "array", "The objects to discover; names, or patterns such as AP*. All of them unless given."),
    Setting("stream_names", "string", "intacct (default) or hotglue."),
    Setting("decimals", "string", "number (default: exact digits) or string (format singer.decimal)."),
    Setting("overlap_seconds", "integer", "How far a bookmark stands back; must exceed the longest commit delay."),
    Setting("full_every", "integer", "Seconds between two reads of a stream that cannot tell what changed."),
    Setting("max_transactions", "integer", "Stop at a safe point before the run would use more API transactions."),
    Setting("show_private", "boolean", "Private records of entities, read from the top level. On by default."),
)
_TOLERATED = ("user_agent", "event_lookback", "report_periods", "sync_attachments", "disable_collection")
"""Keys of other taps that mean nothing here and are let pass."""
_ELSEWHERE = tuple(
    name for name in SETTINGS if name not in {one.key for one in SETTINGS_OF_TAP} and name not in ("name", "endpoint")
)
"""Settings of a connection, taken under their own names."""


@dataclass(frozen=True, slots=True)
class TapConfig:
    """A config, read and checked."""

    connection: Connection
    options: Options
    streams: tuple[str, ...] = ()
    hotglue_names: bool = False
    decimals: str = "number"
    max_transactions: int | None = None

    def stream_name(self, object_name: str) -> str:
        """The stream's name in messages."""
        return _to_hotglue().get(object_name, object_name) if self.hotglue_names else object_name

    def object_name(self, stream: str) -> str:
        """The object behind a stream's name, in either naming."""
        return hotglue_names().get(stream, stream)


def hotglue_names() -> Mapping[str, str]:
    """Hotglue's stream names and the objects behind them."""
    names: dict[str, str] = json.loads(files("intacct_bridge.data").joinpath("hotglue_streams.json").read_text("utf-8"))
    return names


def _to_hotglue() -> Mapping[str, str]:
    return {object_name: stream for stream, object_name in hotglue_names().items()}


def read_config(sources: Iterable[str], environ: Mapping[str, str] = os.environ) -> TapConfig:
    """The config from files and `ENV`, later ones over earlier ones."""
    given: dict[str, Any] = {}
    for source in sources:
        given |= _from_environment(environ) if source == "ENV" else _from_file(Path(source))
    return checked(given)


def _from_file(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"the config {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise SettingsError(f"the config {path} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise SettingsError(f"the config {path} is not a JSON object")
    return found


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    kinds = {one.key: one.kind for one in SETTINGS_OF_TAP}
    found: dict[str, Any] = {}
    for name, text in environ.items():
        if not name.startswith(ENV_PREFIX) or not text:
            continue
        key = name.removeprefix(ENV_PREFIX).lower()
        if kinds.get(key) in ("integer", "array", "boolean"):
            try:
                found[key] = json.loads(text)
            except ValueError:
                raise SettingsError(f"{name} is not a JSON {kinds[key]}: {text!r}") from None
        else:
            found[key] = text
    return found


def checked(given: Mapping[str, Any]) -> TapConfig:
    """A config from its plain values; SettingsError names the key that is wrong, and the nearest when it is unknown."""
    kinds = {one.key: one.kind for one in SETTINGS_OF_TAP}
    known = (*kinds, *_ELSEWHERE, *_TOLERATED)
    for key, value in given.items():
        if key not in known:
            near = get_close_matches(key, known, 1)
            raise SettingsError(
                f"the config has an unknown key {key!r}" + (f"; did you mean {near[0]!r}?" if near else "")
            )
        if key in kinds and not _is(value, kinds[key]):
            raise SettingsError(f"the config's {key} is {_shown(key, value)}, and must be of type {kinds[key]}")
    for key, allowed in (("stream_names", ("intacct", "hotglue")), ("decimals", ("number", "string"))):
        if given.get(key, allowed[0]) not in allowed:
            raise SettingsError(f"the config's {key} is {given[key]!r}, and must be {' or '.join(allowed)}")
    return TapConfig(
        connection=_connection(given),
        options=_options(given),
        streams=tuple(given.get("streams") or ()),
        hotglue_names=given.get("stream_names") == "hotglue",
        decimals=given.get("decimals", "number"),
        max_transactions=given.get("max_transactions"),
    )


def _is(value: Any, kind: str) -> bool:
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    expected = {"string": str, "boolean": bool, "array": list}[kind]
    return isinstance(value, expected)


def _shown(key: str, value: Any) -> str:
    return "***" if key in SECRETS else repr(value)


def _connection(given: Mapping[str, Any]) -> Connection:
    settings = {
        key: given[key] for key in ("company_id", "user_id", "location_id", "sender_id", *SECRETS) if given.get(key)
    }
    settings |= {key: given[key] for key in _ELSEWHERE if key in given}
    if given.get("api_url"):
        settings["endpoint"] = given["api_url"]
    return load_connection(given.get("connection"), **settings)


def _options(given: Mapping[str, Any]) -> Options:
    start = ""
    if given.get("start_date"):
        try:
            start = wall(moment(given["start_date"]))
        except ValueError:
            raise SettingsError(
                f"the config's start_date {given['start_date']!r} is not a time such as 2026-01-31"
            ) from None
    chosen = {key: given[key] for key in ("overlap_seconds", "full_every", "show_private") if key in given}
    return Options(start=start, sweep_every=_NEVER, **chosen)


_NEVER = 2**40
"""Keys cannot be compared with a consumer that cannot be asked."""
