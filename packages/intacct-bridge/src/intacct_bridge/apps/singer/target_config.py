"""The settings of `target-intacct`, and the connection and load settings that they give."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from intacct_bridge.apps.singer.config import (
    HOTGLUE_PLATFORM,
    OF_SINGER_SDK,
    ConfigKeys,
    ConnectionSettings,
    Positive,
    Seconds,
    check,
    connection_of,
    explained,
    ignored_keys,
    read_sources,
)
from intacct_bridge.apps.singer.tap_config import TapSettings
from intacct_bridge.connections.connection import Connection
from intacct_bridge.operations.record_streams import BATCH, WINDOW, Mode, StreamLoadSettings
from intacct_protocol.errors import SettingsError

ENV_PREFIX = "TARGET_INTACCT_"


class TargetSettings(ConnectionSettings, frozen=True, kw_only=True):
    """The keys of the target's config."""

    use_locations: Annotated[bool, explained("false ignores location_id.")] = True
    schema: Annotated[
        Literal["v1", "v2", "native"],
        explained("Which names apply if several fit a stream: v1 (default) or v2 of the unified schema, or native."),
    ] = "v1"
    mappings: Annotated[
        dict[str, str], explained("Streams (or patterns such as crm_*), each with the TOML mapping file that reads it.")
    ] = msgspec.field(default_factory=dict)
    mode: Annotated[
        Literal["create", "update", "upsert", "delete"], explained("create, update, upsert (default) or delete.")
    ] = "upsert"
    source_name: Annotated[str, explained("Distinguishes sources whose streams and keys have the same names.")] = ""
    batch_size: Annotated[int, explained(f"Records in one request, at most {BATCH} (default: {BATCH}).")] = BATCH
    window: Annotated[Positive, explained("Records planned together before they are sent (default: 1,000).")] = WINDOW
    atomic: Annotated[bool, explained("Apply all records of a request or none.")] = False
    draft: Annotated[bool, explained("Create drafts of objects that have them.")] = False
    after_undo: Annotated[
        Literal["post", "refuse"],
        explained("A record that was taken back and comes again as it was: refuse it (refuse, default), or post it."),
    ] = "refuse"
    own_references: Annotated[
        bool,
        explained(
            "Give journal entries without a reference number one of ours, by which an entry is found if the answer"
            " to it is lost (default: true)."
        ),
    ] = True
    equal_records: Annotated[
        Literal["refuse", "same", "new"],
        explained(
            "A record without any key that equals one of an earlier run, if the input does not show whether it comes"
            " again: refuse it (refuse, default), take it for that one (same), or post it (new)."
        ),
    ] = "refuse"
    date_order: Annotated[
        Literal["mdy", "dmy"] | None,
        explained(
            "mdy or dmy: the order of month and day in dates with slashes (default: a date that can be both, such as"
            " 10/11/2026, is refused)."
        ),
    ] = None
    decimal: Annotated[
        Literal[".", ","],
        explained("The decimal sign of amounts that are strings; a comma reads 1.234,50 (default: .)."),
    ] = "."
    settle_after: Annotated[
        Seconds | None,
        explained("Seconds until a record in doubt that is not found counts as not applied (default: 3600)."),
    ] = None
    dead_letters: Annotated[str, explained("The file for refused records (default: beside the outbox).")] = ""
    state_format: Annotated[
        Literal["singer", "hotglue"],
        explained(
            "singer (default): the tap's state, once its records are safe. hotglue: every record's outcome, at the end."
        ),
    ] = "singer"
    output_record_url: Annotated[bool, explained("Ask for each record's address and put it into hotglue's state.")] = (
        False
    )
    input_path: Annotated[
        str, explained("The directory of the files that messages name. Files to attach are read from here only.")
    ] = ""
    po_transaction_type: Annotated[
        str, explained("The transaction definition of purchase orders that do not name one.")
    ] = ""
    document_sequencing_enabled: Annotated[
        bool, explained("The company numbers vendors itself, so find them by name.")
    ] = False
    max_transactions: Annotated[Positive | None, explained("Stop before the run would use more API transactions.")] = (
        None
    )
    post_to_top_level: Annotated[
        bool, explained("Of hotglue's first target; true is how records are posted here, and false is refused.")
    ] = True
    custom_fields: Annotated[
        tuple[Any, ...],
        explained("Of hotglue's first target; refused if it names fields, since a mapping does it here."),
    ] = ()


_TOLERATED = (
    *HOTGLUE_PLATFORM,
    *TapSettings.__struct_fields__,
    "event_lookback",
    "report_periods",
    "disable_collection",
)
"""Keys of the tap, and of hotglue's taps, targets and platform, that have no meaning here; they are accepted and
reported."""
_ASKED_EACH_RUN = "remove it: each run asks Intacct for the records that its input refers to"
_REFUSED = {
    "snapshot_hours": _ASKED_EACH_RUN,
    "snapshot_dir": _ASKED_EACH_RUN,
    "add_record_metadata": "remove it: records have Intacct's own fields only",
}
"""Settings of hotglue's targets and of Meltano's SDK for targets that would do nothing here."""
KEYS = ConfigKeys(TargetSettings, _TOLERATED, ENV_PREFIX, OF_SINGER_SDK | _REFUSED)


@dataclass(frozen=True, slots=True)
class TargetConfig:
    """A config, read and checked."""

    connection: Connection
    load: StreamLoadSettings
    dead_letters: Path | None = None
    hotglue_state: bool = False
    max_transactions: int | None = None
    ignored: tuple[str, ...] = ()
    """The keys of the config that have no effect."""


def read_config(sources: Iterable[str], environ: Mapping[str, str] = os.environ) -> TargetConfig:
    """The config from files and `ENV`, later ones over earlier ones."""
    return checked(read_sources(sources, KEYS, environ))


def checked(config: Mapping[str, Any]) -> TargetConfig:
    """A config from its plain values; SettingsError names the key that is wrong, and the nearest when it is unknown."""
    config = {key: value for key, value in config.items() if value is not None}
    settings = check(config, KEYS)
    _refuse_unlike(settings)
    connecting = {key: value for key, value in config.items() if key != "location_id" or settings.use_locations}
    return TargetConfig(
        connection=connection_of(connecting, KEYS),
        load=_load_settings(settings),
        dead_letters=Path(settings.dead_letters) if settings.dead_letters else None,
        hotglue_state=settings.state_format == "hotglue",
        max_transactions=settings.max_transactions,
        ignored=ignored_keys(config, KEYS),
    )


def _refuse_unlike(settings: TargetSettings) -> None:
    """SettingsError for a setting of hotglue's first target that would change what is posted, and does not here."""
    if not settings.post_to_top_level:
        raise SettingsError(
            "the config's post_to_top_level is false: entries are not posted in the entity of their lines by "
            "themselves",
            fix="name the entity in `location_id` with `use_locations`, or in a column such as subsidiaryId",
            setting="post_to_top_level",
        )
    if settings.custom_fields:
        raise SettingsError(
            "the config's custom_fields maps columns to custom fields, which is done by a mapping here",
            fix='name a mapping file for the stream: "mappings": {"JournalEntries": "entries.toml"}',
            setting="custom_fields",
        )


def _load_settings(settings: TargetSettings) -> StreamLoadSettings:
    reports = settings.state_format == "hotglue"
    load = StreamLoadSettings(
        schema=settings.schema,
        mappings=_mappings(settings.mappings),
        mode=Mode(settings.mode),
        source_name=settings.source_name,
        window=settings.window,
        draft=settings.draft,
        after_undo=settings.after_undo,
        equal_records=settings.equal_records,
        date_order=settings.date_order,
        decimal=settings.decimal,
        input_path=Path(settings.input_path) if settings.input_path else None,
        po_transaction_type=settings.po_transaction_type,
        vendors_by_name=settings.document_sequencing_enabled,
        batch_size=settings.batch_size,
        atomic=settings.atomic,
        own_references=settings.own_references,
        record_numbers=reports,
        record_urls=settings.output_record_url,
        releases_states=not reports,
    )
    after = settings.settle_after
    return load if after is None else replace(load, settle_after=timedelta(seconds=after))


def _mappings(mappings: Mapping[str, str]) -> dict[str, Path]:
    for stream, path in mappings.items():
        if not Path(path).is_file():
            raise SettingsError(
                f"the config's mapping of {stream!r} is {path!r}, which is not a file",
                fix="check the path",
                setting="mappings",
            )
    return {stream: Path(path) for stream, path in mappings.items()}
