"""What `tap-intacct` can be told: its settings, and what each means to the rooms below."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

from intacct_bridge.client.connections.connection import Connection
from intacct_bridge.edge.singer.config import CONNECTING, ConfigKeys, Setting, check, connection_of, read_sources
from intacct_bridge.errors import SettingsError
from intacct_bridge.flow.extract.stream_run import Options
from intacct_bridge.flow.streams.bookmark import moment, wall

ENV_PREFIX = "TAP_INTACCT_"
SETTINGS_OF_TAP = (
    *CONNECTING,
    Setting("start_date", "string", "A first sync takes what changed since this time."),
    Setting(
        "streams",
        "array",
        "What to discover: objects, patterns such as AP*, trial_balance, report:NAME. All objects unless given.",
    ),
    Setting("stream_names", "string", "intacct (default) or hotglue.", choices=("intacct", "hotglue")),
    Setting("attachments", "string", "Also save the files attached to the records in this folder, each once."),
    Setting("sync_attachments", "boolean", "The same, in the folder sync-output/attachments."),
    Setting("entity_column", "string", "Add a column of this name: the entity that owns the record."),
    Setting(
        "unified",
        "string",
        "v1 or v2: send the entities of hotglue's accounting schema; `streams` then names them.",
        choices=("v1", "v2"),
    ),
    Setting(
        "decimals",
        "string",
        "number (default: exact digits) or string (format x-singer.decimal, which Meltano's SDK knows).",
        choices=("number", "string"),
    ),
    Setting(
        "overlap_seconds", "integer", "How far a bookmark stands back; must exceed the longest commit delay.", least=0
    ),
    Setting("full_every", "integer", "Seconds between two reads of a stream that cannot tell what changed.", least=0),
    Setting("whole_every", "object", "Seconds between two whole reads of streams that could tell, by stream."),
    Setting(
        "max_transactions", "integer", "Stop at a safe point before the run would use more API transactions.", least=1
    ),
    Setting("show_private", "boolean", "Private records of entities, read from the top level. On by default."),
)
_TOLERATED = ("user_agent", "event_lookback", "report_periods", "disable_collection")
"""Keys of other taps that mean nothing here and are let pass."""
KEYS = ConfigKeys(SETTINGS_OF_TAP, _TOLERATED, ENV_PREFIX)


@dataclass(frozen=True, slots=True)
class TapConfig:
    """A config, read and checked."""

    connection: Connection
    options: Options
    streams: tuple[str, ...] = ()
    hotglue_names: bool = False
    attachments: str = ""
    """The folder for attached files; empty where none are wanted."""
    entity_column: str = ""
    unified: str = ""
    """The version of the unified schema to send; empty for Intacct's own objects."""
    decimals: str = "number"
    max_transactions: int | None = None

    def stream_name(self, object_name: str) -> str:
        """The stream's name in messages."""
        if not self.hotglue_names or self.unified:
            return object_name
        prefix, inner = _audit(object_name)
        return prefix + _to_hotglue().get(inner, inner)

    def object_name(self, stream: str) -> str:
        """The object behind a stream's name, in either naming."""
        if self.unified:
            return stream
        prefix, inner = _audit(stream)
        return prefix + hotglue_names().get(inner, inner)


AUDIT_HISTORY = "audit_history_"
WITHOUT_AUDIT = frozenset(
    ["GLENTRY", "APBILLITEM", "APADJUSTMENTITEM", "APPYMTDETAIL", "ARADJUSTMENT", "ARADJUSTMENTITEM", "ARINVOICEITEM"]
)
"""Objects for which hotglue's tap has no stream of audit history."""


def _audit(stream: str) -> tuple[str, str]:
    """The beginning that means an object's audit history, and the object; the beginning is empty for all else."""
    return (AUDIT_HISTORY, stream.removeprefix(AUDIT_HISTORY)) if stream.startswith(AUDIT_HISTORY) else ("", stream)


def hotglue_audits() -> list[str]:
    """The audit history of each object for which hotglue's tap has such a stream."""
    return [AUDIT_HISTORY + name for name in hotglue_names().values() if name not in WITHOUT_AUDIT]


def hotglue_names() -> Mapping[str, str]:
    """Hotglue's stream names and the objects behind them."""
    names: dict[str, str] = json.loads(files("intacct_bridge.data").joinpath("hotglue_streams.json").read_text("utf-8"))
    return names


def _to_hotglue() -> Mapping[str, str]:
    return {object_name: stream for stream, object_name in hotglue_names().items()}


def read_config(sources: Iterable[str], environ: Mapping[str, str] = os.environ) -> TapConfig:
    """The config from files and `ENV`, later ones over earlier ones."""
    return checked(read_sources(sources, KEYS, environ))


def checked(given: Mapping[str, Any]) -> TapConfig:
    """A config from its plain values; SettingsError names the key that is wrong, and the nearest when it is unknown."""
    given = {key: value for key, value in given.items() if value is not None}
    check(given, KEYS)
    if given.get("unified") and given.get("entity_column"):
        raise SettingsError(
            "the config's unified and entity_column do not go together",
            fix="a unified record names its entity itself (subsidiary)",
        )
    config = TapConfig(
        connection=connection_of(given, KEYS),
        options=_options(given),
        streams=tuple(given.get("streams") or ()),
        hotglue_names=given.get("stream_names") == "hotglue",
        attachments=given.get("attachments") or ("sync-output/attachments" if given.get("sync_attachments") else ""),
        entity_column=given.get("entity_column", ""),
        unified=given.get("unified", ""),
        decimals=given.get("decimals", "number"),
        max_transactions=given.get("max_transactions"),
    )
    whole = {config.object_name(name): seconds for name, seconds in config.options.whole_every.items()}
    return replace(config, options=replace(config.options, whole_every=whole))


def _options(given: Mapping[str, Any]) -> Options:
    start = ""
    if given.get("start_date"):
        try:
            start = wall(moment(given["start_date"]))
        except ValueError:
            raise SettingsError(
                f"the config's start_date {given['start_date']!r} is not a time such as 2026-01-31"
            ) from None
    for name, seconds in given.get("whole_every", {}).items():
        if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds < 0:
            raise SettingsError(f"the config's whole_every is {seconds!r} for {name}, and must be seconds")
    chosen = {
        key: given[key] for key in ("overlap_seconds", "full_every", "whole_every", "show_private") if key in given
    }
    return Options(start=start, sweep_every=None, **chosen)  # a consumer cannot be asked for its keys
