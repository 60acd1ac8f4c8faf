"""How the records of each stream are read and planned.

They are an object's under its own names, those of a unified entity, or what a mapping makes of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from intacct_bridge.load.apply.loader import BATCH, LoadSettings
from intacct_bridge.load.apply.settle import SETTLE_AFTER, SettleSettings
from intacct_bridge.load.layouts.choose import layout_for
from intacct_bridge.load.layouts.native import NativeLayout
from intacct_bridge.load.plan.plan import AfterUndo, MatchRules, Mode, PlanSettings
from intacct_bridge.load.record_streams.equal_numbers import EqualRule
from intacct_bridge.load.tables.cells import DateOrder
from intacct_bridge.load.target.references import referred
from intacct_bridge.load.target.writable import writable_object
from intacct_protocol.errors import IntacctError, InvalidRequestError, SettingsError
from intacct_protocol.model.keys import UNDESCRIBED, lines
from intacct_protocol.model.suggestions import did_you_mean

if TYPE_CHECKING:
    from intacct_bridge.client.client import Client
    from intacct_bridge.load.layouts.base import Layout

_USUALLY_NEEDED: Mapping[str, tuple[str, ...]] = {
    "GLACCOUNT": (),
    "LOCATION": (),
    "DEPARTMENT": (),
    "LOCATIONENTITY": ("GLBATCH", "APBILL", "APADJUSTMENT", "ARINVOICE", "ARADJUSTMENT", "APPYMT", "ARPYMT"),
    "GLJOURNAL": ("GLBATCH",),
    "ITEM": ("PODOCUMENT", "SODOCUMENT", "INVDOCUMENT"),
    "CHECKINGACCOUNT": ("APPYMT", "ARPYMT"),
}
"""Objects that records of nearly every input refer to, with the objects of these records; none: any that may."""
WINDOW = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLoadSettings:
    """How the records of streams are read, planned and sent."""

    schema: Literal["v1", "v2", "native"] = "v1"
    """The names that apply if several fit a stream: a version of the unified schema, or Intacct's own."""
    mappings: Mapping[str, Path] = field(default_factory=dict)
    """Streams, or patterns of their names, each with the mapping file that reads it."""
    mode: Mode = Mode.UPSERT
    source_name: str = ""
    """Distinguishes sources whose streams and keys have the same names."""
    window: int = WINDOW
    """The records that are planned together, which is as many as memory holds."""
    draft: bool = False
    after_undo: AfterUndo = "refuse"
    """Whether a record that was taken back and comes again as it was is posted again."""
    equal_records: EqualRule = "refuse"
    """What becomes of a record without any key that equals one of an earlier run, unless the input shows it."""
    date_order: DateOrder | None = None
    decimal: Literal[".", ","] = "."
    input_path: Path | None = None
    """The folder of the files that records name; they may name no other."""
    po_transaction_type: str = ""
    """The transaction definition of purchase orders that do not name one."""
    vendors_by_name: bool = False
    """Find vendors by their name, as the company numbers them itself."""
    batch_size: int = BATCH
    atomic: bool = False
    own_references: bool = True
    settle_after: timedelta = SETTLE_AFTER
    record_numbers: bool = False
    """Ask for the number of each written record whose receipt is a name."""
    record_urls: bool = False
    """Ask for the address of each written record in Intacct's own pages."""
    releases_states: bool = True
    """Whether the source gets its states back."""

    def __post_init__(self) -> None:
        self.sending(repeat_guard=False)  # SettingsError for a wrong size of batches

    def sending(self, *, repeat_guard: bool) -> LoadSettings:
        """How records are sent to a company that was seen to refuse a repeated control id, or was not."""
        return LoadSettings(
            batch_size=self.batch_size,
            atomic=self.atomic,
            settle=SettleSettings(self.settle_after, repeat_guard),
            own_references=self.own_references,
        )


@dataclass(frozen=True, slots=True)
class StreamLayout:
    """How one stream's records are read and planned."""

    layout: "Layout"
    settings: PlanSettings
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Values for columns that a record leaves out."""
    shares_object: bool = False
    """Whether other streams may be for the same object, since a mapping says what the stream is for."""


class StreamLayouts:
    """Finds the layout of each stream, once."""

    def __init__(self, client: "Client", settings: StreamLoadSettings) -> None:
        self._client = client
        self._settings = settings
        self._reading: dict[str, Any] = {"draft": settings.draft, "date_order": settings.date_order or "certain"}
        self._layouts: dict[str, StreamLayout | IntacctError] = {}

    def of(self, stream: str) -> StreamLayout:
        """The stream's layout. SettingsError or InvalidRequestError if it has none, with the nearest name."""
        layout = self._layouts.get(stream)
        if layout is None:
            try:
                layout = self._find(stream)
            except (SettingsError, InvalidRequestError) as error:
                layout = error
            self._layouts[stream] = layout
        if isinstance(layout, IntacctError):
            raise layout
        return layout

    def read_definitions(self, streams: list[str]) -> None:
        """Read the definitions that the records of these streams need, in few requests."""
        names = dict.fromkeys(name for stream in streams for name in self._objects_of(stream))
        described = [name for name in names if name not in UNDESCRIBED]
        if described:
            self._client.describe_many(described, {})
            self._client.inspect_many(name for name in described if name not in _USUALLY_NEEDED)

    def _objects_of(self, stream: str) -> tuple[str, ...]:
        """The object that a stream is written to, if that can be said without a call, its lines, and what nearly every
        record of such an object refers to.
        """
        unified = "" if self._mapping(stream) is not None else self._unified(stream)
        name = _unified_object(unified) if unified else stream.upper() if stream.isupper() else ""
        owned = tuple(one.line for one in lines(name) if one.wrapper)
        mentioned = {target for one in (name, *owned) for target in referred(one).values()}
        usual = [target for target, objects in _USUALLY_NEEDED.items() if not objects or name in objects]
        needed = [target for target in usual if target in mentioned or target == "LOCATIONENTITY"]
        return (name, *owned, *needed) if name else ()

    def _find(self, stream: str) -> StreamLayout:
        path = self._mapping(stream)
        unified = "" if path is not None else self._unified(stream)
        if path is not None or unified:
            of_stream = self._with_settings(layout_for(unified, self._client, map_file=path, **self._reading))
            return replace(of_stream, shares_object=path is not None)
        try:
            writable = writable_object(self._client, stream)
        except InvalidRequestError as error:
            raise self._unknown(stream, error) from None
        draft = self._settings.draft and bool(writable.lookup.draft)
        return self._with_settings(NativeLayout(writable, **(self._reading | {"draft": draft})))

    def _mapping(self, stream: str) -> Path | None:
        exact = self._settings.mappings.get(stream)
        patterns = (path for name, path in self._settings.mappings.items() if fnmatchcase(stream, name))
        return exact or next(patterns, None)

    def _unified(self, stream: str) -> str:
        """The unified entity that the stream's name means; empty if it is an object's own name."""
        from intacct_bridge.mapping.language import unified_map

        schema = self._settings.schema
        if schema == "native" or stream.isupper():
            return ""
        for version in (schema, "v2" if schema == "v1" else "v1"):
            for name in (stream, *_singular(stream)):
                try:
                    return f"{version}:{unified_map(name, version).name}"
                except SettingsError:
                    continue
        return ""

    def _with_settings(self, layout: "Layout") -> StreamLayout:
        mode = self._settings.mode
        by_name = self._settings.vendors_by_name and layout.object == "VENDOR" and mode in (Mode.UPDATE, Mode.UPSERT)
        source = self._settings.source_name
        rules = MatchRules(source, (), self._settings.equal_records, self._settings.after_undo)
        settings = PlanSettings(rules=rules, mode=mode, match=("NAME",) if by_name else ())
        defaults: dict[str, Any] = {}
        if layout.object == "PODOCUMENT" and self._settings.po_transaction_type:
            defaults["transactionType"] = self._settings.po_transaction_type
        return StreamLayout(layout, settings, defaults)

    def _unknown(self, stream: str, error: InvalidRequestError) -> IntacctError:
        """The error for an unknown stream, with the nearest name of any kind."""
        from intacct_bridge.mapping.language import VERSIONS, unified_maps

        objects = self._client.objects()
        if stream.upper() in objects:
            return error  # it is known, and cannot be written by itself
        names = [name for version in VERSIONS for name in unified_maps(version)]
        near = did_you_mean(stream, [*names, *objects])
        return SettingsError(
            f"the stream {stream!r} is neither an object nor a unified entity{near}",
            fix="rename the stream, or give it a mapping in the config's `mappings`",
        )


def _unified_object(name: str) -> str:
    """The object of a unified entity such as `v1:Bills`."""
    from intacct_bridge.mapping.language import unified_map

    version, _, entity = name.partition(":")
    return unified_map(entity, version).object


def _singular(name: str) -> tuple[str, ...]:
    """The entity of version 2 for one of hotglue's plural stream names."""
    if name.endswith("ies"):
        return (f"{name[:-3]}y",)
    return (name[:-1],) if name.endswith("s") else ()
