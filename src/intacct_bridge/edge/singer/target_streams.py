"""What a stream's records are: an object by its own names, a unified entity, or whatever a mapping makes of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intacct_bridge.edge.singer.target_config import TargetConfig
from intacct_bridge.errors import IntacctError, InvalidRequestError, SettingsError
from intacct_bridge.flow.company.writable import subject_of
from intacct_bridge.flow.layouts.choose import layout_for
from intacct_bridge.flow.layouts.native import NativeLayout
from intacct_bridge.flow.plan.changes import Mode
from intacct_bridge.flow.plan.plan import PlanSettings

if TYPE_CHECKING:
    from intacct_bridge.client.client import Client
    from intacct_bridge.flow.layouts.base import Layout

_NEVER_CHANGED = ("GLBATCH", "APPYMT", "ARPYMT", "ARADVANCE", "DEPOSIT", "OTHERRECEIPTS", "CCTRANSACTION")
"""Records that an upsert only ever creates: what was posted or paid is corrected by a person, not by a second load."""


@dataclass(frozen=True, slots=True)
class Lane:
    """How one stream's records are read and planned."""

    layout: "Layout"
    settings: PlanSettings
    more: Mapping[str, Any] = field(default_factory=dict)
    """Values for columns that a record leaves out."""


class Streams:
    """Finds the lane of each stream, once."""

    def __init__(self, client: "Client", config: TargetConfig) -> None:
        self._client = client
        self._config = config
        self._lanes: dict[str, Lane | IntacctError] = {}

    def lane(self, stream: str) -> Lane:
        """The stream's lane. SettingsError or InvalidRequestError, with the nearest name, where it has none."""
        known = self._lanes.get(stream)
        if known is None:
            try:
                known = self._find(stream)
            except (SettingsError, InvalidRequestError) as error:
                known = error
            self._lanes[stream] = known
        if isinstance(known, IntacctError):
            raise known
        return known

    def _find(self, stream: str) -> Lane:
        path = self._mapping(stream)
        if path is not None:
            return self._lane(layout_for("", self._client, map_file=path, draft=self._config.draft))
        unified = self._unified(stream)
        if unified:
            return self._lane(layout_for(unified, self._client, draft=self._config.draft))
        try:
            subject = subject_of(self._client, stream)
        except InvalidRequestError as error:
            raise self._unknown(stream, error) from None
        return self._lane(NativeLayout(subject, draft=self._config.draft and bool(subject.trace.draft)))

    def _mapping(self, stream: str) -> Path | None:
        exact = self._config.mappings.get(stream)
        patterns = (path for name, path in self._config.mappings.items() if fnmatchcase(stream, name))
        return exact or next(patterns, None)

    def _unified(self, stream: str) -> str:
        """The unified entity that the stream's name means; empty where it is an object's own name."""
        from intacct_bridge.model.mapping.language import unified_map

        schema = self._config.schema
        if schema == "native" or stream.isupper():
            return ""
        for version in (schema, "v2" if schema == "v1" else "v1"):
            for name in (stream, *_singular(stream)):
                try:
                    return f"{version}:{unified_map(name, version).name}"
                except SettingsError:
                    continue
        return ""

    def _lane(self, layout: "Layout") -> Lane:
        mode = Mode(self._config.mode)
        if mode is Mode.UPSERT and layout.object in _NEVER_CHANGED:
            mode = Mode.CREATE
        by_name = self._config.vendors_by_name and layout.object == "VENDOR" and mode in (Mode.UPDATE, Mode.UPSERT)
        settings = PlanSettings(
            allow_duplicates=self._config.allow_duplicates, mode=mode, match=("NAME",) if by_name else ()
        )
        more: dict[str, Any] = {}
        if layout.object == "PODOCUMENT" and self._config.po_transaction_type:
            more["transactionType"] = self._config.po_transaction_type
        return Lane(layout, settings, more)

    def _unknown(self, stream: str, error: InvalidRequestError) -> IntacctError:
        """The error for a stream that is nothing we know, with the nearest name of any kind."""
        from intacct_bridge.model.mapping.language import VERSIONS, unified_maps

        objects = self._client.objects()
        if stream.upper() in objects:
            return error  # it is known, and cannot be written by itself
        names = [name for version in VERSIONS for name in unified_maps(version)]
        near = get_close_matches(stream, [*names, *objects], 1, 0.6)
        near = near or get_close_matches(stream.upper(), list(objects), 1, 0.6)
        return SettingsError(
            f"the stream {stream!r} is no object and no unified entity"
            + (f"; did you mean {near[0]}?" if near else ""),
            fix="rename the stream, or give it a mapping in the config's mappings",
        )


def _singular(name: str) -> tuple[str, ...]:
    """What hotglue's plural stream names call the entities of version 2."""
    if name.endswith("ies"):
        return (f"{name[:-3]}y",)
    return (name[:-1],) if name.endswith("s") else ()
