"""The settings of `tap-intacct`, and the connection and options that they give."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from importlib.util import find_spec
from typing import Annotated, Any, Literal

import msgspec

from intacct_bridge.apps.singer.config import (
    HOTGLUE_PLATFORM,
    OF_SINGER_SDK,
    ConfigKeys,
    ConnectionSettings,
    Kilobytes,
    Positive,
    Seconds,
    check,
    connection_of,
    explained,
    ignored_keys,
    read_sources,
)
from intacct_bridge.connections.connection import Connection
from intacct_bridge.operations.extract_request import STATE_KEYS_KB, ExtractOptions, start_time
from intacct_protocol.errors import SettingsError

ENV_PREFIX = "TAP_INTACCT_"


class TapSettings(ConnectionSettings, frozen=True, kw_only=True):
    """The keys of the tap's config."""

    start_date: Annotated[
        str, explained("The first sync reads what changed since this time (default: everything).")
    ] = ""
    streams: Annotated[
        tuple[str, ...],
        explained(
            "The streams to discover: objects, patterns such as AP*, trial_balance, report:NAME (default: all objects)."
        ),
    ] = ()
    stream_names: Annotated[
        Literal["intacct", "hotglue"] | None,
        explained(
            "The names of streams: intacct or hotglue (default: those of the catalogue or of `streams`, else intacct)."
        ),
    ] = None
    attachments: Annotated[str, explained("Also save the files attached to the records in this folder, each once.")] = (
        ""
    )
    sync_attachments: Annotated[bool, explained("Save attached files in the folder sync-output/attachments.")] = False
    entity_column: Annotated[str, explained("Add a column of this name for the entity that owns the record.")] = ""
    unified: Annotated[
        Literal["v1", "v2"] | None,
        explained("v1 or v2: send the entities of hotglue's accounting schema; `streams` then names them."),
    ] = None
    as_text: Annotated[
        tuple[str, ...],
        explained("Read these fields as text, such as APBILL.TOTALDUE, if their values do not fit their type."),
    ] = ()
    decimals: Annotated[
        Literal["number", "string"],
        explained(
            "number (default: exact digits) or string (format x-singer.decimal, which Meltano's SDK understands)."
        ),
    ] = "number"
    overlap_seconds: Annotated[
        Seconds | None,
        explained("How far back before its bookmark a sync starts; must exceed the longest commit delay."),
    ] = None
    full_every: Annotated[
        Seconds | None, explained("Seconds between full refreshes of a stream that cannot be read incrementally.")
    ] = None
    full_every_by_stream: Annotated[
        dict[str, Seconds], explained("Seconds between full refreshes of incremental streams, by stream.")
    ] = msgspec.field(default_factory=dict)
    state_keys_kb: Annotated[
        Kilobytes,
        explained(
            "Kilobytes of the state for the keys of GLBATCH and of GLDETAIL, by which deletes without an entry in the"
            " audit history are found (default: 512; 0: keep none)."
        ),
    ] = STATE_KEYS_KB
    without_arrow: Annotated[
        bool | None,
        explained(
            "Read without Arrow: half the memory and about twice the CPU time, the same messages (default: only if"
            " pyarrow is not installed). Not with `unified`."
        ),
    ] = None
    max_transactions: Annotated[
        Positive | None, explained("Stop at a safe point before the run would use more API transactions.")
    ] = None
    show_private: Annotated[
        bool | None, explained("Read entities' private records from the top level (default: true).")
    ] = None


_TOLERATED = (
    *HOTGLUE_PLATFORM,
    "event_lookback",
    "disable_collection",
    "use_locations",
    "input_path",
    "po_transaction_type",
    "output_record_url",
    "document_sequencing_enabled",
    "snapshot_hours",
    "snapshot_dir",
    "add_record_metadata",
)
"""Keys of hotglue's taps, targets and platform that have no meaning here; they are accepted and reported."""
_REFUSED = {"report_periods": "remove it: every changed line is read, also of earlier periods"}
"""Settings of hotglue's tap that would do nothing here."""
KEYS = ConfigKeys(TapSettings, _TOLERATED, ENV_PREFIX, OF_SINGER_SDK | _REFUSED)


@dataclass(frozen=True, slots=True)
class TapConfig:
    """A checked config."""

    connection: Connection
    options: ExtractOptions
    streams: tuple[str, ...] = ()
    names: str = ""
    """The names of streams in messages, `intacct` or `hotglue`; empty: as the selection has them."""
    attachments: str = ""
    """The folder for attached files; empty if none are wanted."""
    entity_column: str = ""
    unified: str = ""
    """The version of the unified schema to send; empty for Intacct's own objects."""
    as_text: tuple[str, ...] = ()
    """Fields to read as strings."""
    decimals: str = "number"
    max_transactions: int | None = None
    state_keys_kb: int = STATE_KEYS_KB
    without_arrow: bool = False
    """Rows are read without Arrow."""
    ignored: tuple[str, ...] = ()
    """The keys of the config that have no effect."""

    @property
    def hotglue_names(self) -> bool:
        """Whether streams have hotglue's names in messages."""
        return self.names == "hotglue"

    def named_as(self, names: Iterable[str], state: str = "") -> "TapConfig":
        """The config with the names that the state began with, else those that the selection has, unless one is set."""
        if self.names or self.unified:
            return self
        return replace(self, names=state or ("hotglue" if any(map(is_hotglue_name, names)) else ""))

    def stream_name(self, object_name: str) -> str:
        """The stream's name in messages."""
        if not self.hotglue_names or self.unified:
            return object_name
        prefix, name = _split_audit(object_name)
        return prefix + _to_hotglue().get(name, name)

    def object_name(self, stream: str) -> str:
        """The object of a stream's name, in either naming."""
        if self.unified:
            return stream
        prefix, name = _split_audit(stream)
        return prefix + hotglue_names().get(name, name)


AUDIT_HISTORY = "audit_history_"
WITHOUT_AUDIT = frozenset(
    ["GLENTRY", "APBILLITEM", "APADJUSTMENTITEM", "APPYMTDETAIL", "ARADJUSTMENT", "ARADJUSTMENTITEM", "ARINVOICEITEM"]
)
"""Objects for which hotglue's tap has no stream of audit history."""


def _split_audit(stream: str) -> tuple[str, str]:
    """The prefix of an audit history's name, and the object; the prefix is empty for every other stream."""
    return (AUDIT_HISTORY, stream.removeprefix(AUDIT_HISTORY)) if stream.startswith(AUDIT_HISTORY) else ("", stream)


def hotglue_audits() -> list[str]:
    """The names of the audit histories that hotglue's tap has as streams."""
    return [AUDIT_HISTORY + name for name in hotglue_names().values() if name not in WITHOUT_AUDIT]


def hotglue_names() -> Mapping[str, str]:
    """Hotglue's stream names, each with its object."""
    names: dict[str, str] = json.loads(files("intacct_bridge.data").joinpath("hotglue_streams.json").read_text("utf-8"))
    return names


def _object_field(text: str) -> str:
    """`STREAM.FIELD` with the object in place of a stream's name in hotglue's naming."""
    stream, dot, field = text.partition(".")
    return f"{hotglue_names().get(stream, stream)}{dot}{field}"


def is_hotglue_name(stream: str) -> bool:
    """Whether only hotglue's tap calls a stream like this."""
    return _split_audit(stream)[1] in hotglue_names()


def _to_hotglue() -> Mapping[str, str]:
    return {object_name: stream for stream, object_name in hotglue_names().items()}


def read_config(sources: Iterable[str], environ: Mapping[str, str] = os.environ) -> TapConfig:
    """Read the config from files and `ENV`; later sources override earlier ones."""
    return checked(read_sources(sources, KEYS, environ))


def checked(values: Mapping[str, Any]) -> TapConfig:
    """A config from its plain values. SettingsError names a wrong key, and suggests one for an unknown key."""
    values = {key: value for key, value in values.items() if value is not None}
    settings = check(values, KEYS)
    if settings.unified and settings.entity_column:
        raise SettingsError(
            "the config's unified and entity_column do not go together",
            fix="a unified record names its entity itself (subsidiary)",
            setting="entity_column",
        )
    if settings.unified and settings.without_arrow:
        raise SettingsError(
            "the config's unified and without_arrow do not go together",
            fix="leave one of them out",
            setting="without_arrow",
        )
    config = TapConfig(
        connection=connection_of(values, KEYS),
        options=_extract_options(settings),
        streams=settings.streams,
        names=settings.stream_names or "",
        attachments=settings.attachments or ("sync-output/attachments" if settings.sync_attachments else ""),
        entity_column=settings.entity_column,
        unified=settings.unified or "",
        as_text=tuple(_object_field(one) for one in settings.as_text),
        decimals=settings.decimals,
        max_transactions=settings.max_transactions,
        state_keys_kb=settings.state_keys_kb,
        without_arrow=(find_spec("pyarrow") is None and not settings.unified)
        if settings.without_arrow is None
        else settings.without_arrow,
        ignored=ignored_keys(values, KEYS),
    )
    whole = {config.object_name(name): seconds for name, seconds in config.options.full_every_by_stream.items()}
    return replace(config, options=replace(config.options, full_every_by_stream=whole))


def _extract_options(settings: TapSettings) -> ExtractOptions:
    start = ""
    if settings.start_date:
        try:
            start = start_time(settings.start_date)
        except ValueError:
            raise SettingsError(
                f"the config's start_date {settings.start_date!r} is not a time such as 2026-01-31",
                setting="start_date",
            ) from None
    options = ExtractOptions(start=start, compare_every=None)  # a consumer cannot be asked for its keys
    names = ("overlap_seconds", "full_every", "full_every_by_stream", "show_private")
    configured = {name: value for name in names if (value := getattr(settings, name)) is not None}
    return replace(options, **configured)
