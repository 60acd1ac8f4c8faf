"""What `target-intacct` can be told: its settings, and what each means to the rooms below."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from intacct_bridge.client.connections.connection import Connection
from intacct_bridge.edge.singer.config import CONNECTING, ConfigKeys, Setting, check, connection_of, read_sources
from intacct_bridge.errors import SettingsError
from intacct_bridge.flow.post.loader import BATCH, LoadSettings
from intacct_bridge.flow.post.settle import SettleSettings

ENV_PREFIX = "TARGET_INTACCT_"
MODES = ("create", "update", "upsert", "delete")
SETTINGS_OF_TARGET = (
    *CONNECTING,
    Setting("use_locations", "boolean", "false leaves location_id unused."),
    Setting(
        "schema",
        "string",
        "Which names win where several fit a stream: v1 (default) or v2 of the unified schema, or native.",
        choices=("v1", "v2", "native"),
    ),
    Setting("mappings", "object", "Streams (or patterns such as crm_*) and the TOML mapping that each is read by."),
    Setting("mode", "string", "create, update, upsert (default) or delete.", choices=MODES),
    Setting("source_name", "string", "Tells apart sources whose streams and keys look alike."),
    Setting("batch_size", "integer", f"Records in one request, at most and by default {BATCH}."),
    Setting("window", "integer", "Records planned together before they are sent; 1,000 unless given."),
    Setting("atomic", "boolean", "Apply each request together or not at all."),
    Setting("draft", "boolean", "Write drafts where the object has them."),
    Setting("allow_duplicates", "boolean", "Let a record pass that the company has already under the same key."),
    Setting("settle_after", "integer", "Seconds before a record that is not found counts as not applied; 900."),
    Setting("dead_letters", "string", "The file for refused records; beside the outbox unless given."),
    Setting(
        "state_format",
        "string",
        "singer (default): the tap's state once it is safe. hotglue: outcomes of every record at the end.",
        choices=("singer", "hotglue"),
    ),
    Setting("output_record_url", "boolean", "Ask for each record's address and put it into hotglue's state."),
    Setting(
        "input_path",
        "string",
        "The directory of the files that messages name. Files to attach are taken from nowhere else.",
    ),
    Setting("po_transaction_type", "string", "The transaction definition of purchase orders that do not name one."),
    Setting("document_sequencing_enabled", "boolean", "The company numbers vendors itself: find them by name."),
    Setting("max_transactions", "integer", "Stop before the run would use more API transactions.", least=1),
)
_TOLERATED = (
    "user_agent",
    "snapshot_hours",
    "snapshot_dir",
    "post_to_top_level",
    "custom_fields",
    "add_record_metadata",
)
"""Keys of other targets that mean nothing here and are let pass."""
KEYS = ConfigKeys(SETTINGS_OF_TARGET, _TOLERATED, ENV_PREFIX)
_WINDOW = 1000


@dataclass(frozen=True, slots=True)
class TargetConfig:
    """A config, read and checked."""

    connection: Connection
    load: LoadSettings
    schema: str = "v1"
    mappings: Mapping[str, Path] = field(default_factory=dict)
    mode: str = "upsert"
    source_name: str = ""
    window: int = _WINDOW
    draft: bool = False
    allow_duplicates: bool = False
    dead_letters: Path | None = None
    hotglue_state: bool = False
    record_urls: bool = False
    input_path: Path | None = None
    po_transaction_type: str = ""
    vendors_by_name: bool = False
    max_transactions: int | None = None

    def knowing(self, *, memory_proven: bool) -> "TargetConfig":
        """The config with what is known of the company."""
        settle = replace(self.load.settle, memory_proven=memory_proven)
        return replace(self, load=replace(self.load, settle=settle))


def read_config(sources: Iterable[str], environ: Mapping[str, str] = os.environ) -> TargetConfig:
    """The config from files and `ENV`, later ones over earlier ones."""
    return checked(read_sources(sources, KEYS, environ))


def checked(given: Mapping[str, Any]) -> TargetConfig:
    """A config from its plain values; SettingsError names the key that is wrong, and the nearest when it is unknown."""
    given = {key: value for key, value in given.items() if value is not None}
    check(given, KEYS)
    connecting = {
        key: value for key, value in given.items() if key != "location_id" or given.get("use_locations", True)
    }
    window = given.get("window", _WINDOW)
    if window < 1:
        raise SettingsError(f"the config's window is {window}, and must be 1 or more")
    dead_letters = given.get("dead_letters")
    return TargetConfig(
        connection=connection_of(connecting, KEYS),
        load=_load_settings(given),
        schema=given.get("schema", "v1"),
        mappings=_mappings(given.get("mappings", {})),
        mode=given.get("mode", "upsert"),
        source_name=given.get("source_name", ""),
        window=window,
        draft=given.get("draft", False),
        allow_duplicates=given.get("allow_duplicates", False),
        dead_letters=Path(dead_letters) if dead_letters else None,
        hotglue_state=given.get("state_format") == "hotglue",
        record_urls=given.get("output_record_url", False),
        input_path=Path(given["input_path"]) if given.get("input_path") else None,
        po_transaction_type=given.get("po_transaction_type", ""),
        vendors_by_name=given.get("document_sequencing_enabled", False),
        max_transactions=given.get("max_transactions"),
    )


def _load_settings(given: Mapping[str, Any]) -> LoadSettings:
    after = given.get("settle_after")
    if after is not None and after < 0:
        raise SettingsError(f"the config's settle_after is {after}, and must be 0 or more")
    settle = SettleSettings() if after is None else SettleSettings(settle_after=timedelta(seconds=after))
    return LoadSettings(batch_size=given.get("batch_size", BATCH), atomic=given.get("atomic", False), settle=settle)


def _mappings(given: Mapping[str, Any]) -> dict[str, Path]:
    for stream, path in given.items():
        if not isinstance(path, str) or not Path(path).is_file():
            raise SettingsError(
                f"the config's mapping of {stream!r} is {path!r}, which is no file", fix="check the path"
            )
    return {stream: Path(path) for stream, path in given.items()}
