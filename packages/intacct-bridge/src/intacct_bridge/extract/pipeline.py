"""Puts an extraction together and carries it out: from the names that a user gives to the outcomes of the streams.

    prepared = prepare(gateway, ReadRequest(("VENDOR", "APBILL")))
    extraction = prepared.run(destination, options)
    extraction.outcomes

`operations.extract` is the door to it for programs; a watch reads its changes with it, too.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from intacct_bridge.client.protocol import ReadGateway
from intacct_bridge.copies.destinations.base import CopyState, Destination
from intacct_bridge.extract.options import ExtractOptions
from intacct_bridge.extract.page_reader import PageReader
from intacct_bridge.extract.run import Extraction
from intacct_bridge.extract.selection import Selection, headers_of, select_early, select_streams
from intacct_bridge.extract.source import ExtractSource, GatewaySource
from intacct_bridge.extract.stream_run import StreamProgress
from intacct_bridge.extract.transform import (
    Transform,
    stored_names,
    under_stored_names,
    with_entity_column,
    with_names,
)
from intacct_bridge.streams.bookmark import KeySpan
from intacct_bridge.streams.names import LISTING
from intacct_bridge.streams.partition import Partition
from intacct_bridge.streams.stream import Stream, StreamOutcome

if TYPE_CHECKING:
    from intacct_bridge.extract.estimate import Estimate
    from intacct_bridge.mapping.language import EntityMap


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """What to read, in the user's words."""

    streams: Sequence[str] = ()
    """Names of streams (see `streams.names`), or of the schema's entities; with `unified`, none means all."""
    select: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Fields by stream; a stream that is not here is read with all its fields."""
    unified: str = ""
    """The version of the unified schema to store; empty for Intacct's own objects."""
    entity_column: str = ""
    """The name of a column for the entity that owns a record; empty for none."""
    early: bool = False
    """Start before all definitions have arrived, if that is possible."""
    skip_refused: bool = True
    """An object that the gateway refuses to describe becomes an outcome; otherwise it raises."""
    skip_missing: bool = False
    """Unknown objects and fields are reported and left out; otherwise they raise."""
    without_arrow: bool = False
    """Rows are columns of Python values: less memory, more time, and no Arrow. Not with `unified` and `maps`."""
    maps: "Sequence[EntityMap]" = ()
    """The user's own mappings, whose columns to store; each is a stream."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything that a run needs besides a destination and its options."""

    source: ExtractSource
    streams: tuple[Stream, ...]
    """The streams as they are read."""
    headers: Mapping[str, Stream]
    """The headers of lines that are not read themselves."""
    transforms: tuple[Transform, ...] = ()
    """How each stream is stored; none if all are stored as they are read."""
    refused: tuple[StreamOutcome, ...] = ()
    names: tuple[str, ...] = ()
    """The name by which the user asked for each stream."""
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Selected fields that the company does not have, by stream."""
    later: Iterable[Selection] = ()
    """Further streams, once, as their definitions arrive."""
    parts: tuple[Stream, ...] = ()
    """The streams of the objects that unified streams are made of."""

    @property
    def stored(self) -> tuple[Stream, ...]:
        """The streams as they are stored."""
        return tuple(one.stored for one in self.transforms) or self.streams

    def into(self, destination: Destination, options: ExtractOptions | None = None) -> Extraction:
        """A run that writes to a destination."""
        transforms = {transform.read.name: transform for transform in self.transforms}
        has_columns = destination.uri != "-"  # messages have no columns of their own

        def stored_as(stream: Stream) -> Transform:
            transform = transforms[stream.name] if transforms else Transform(stream, stream)
            return transform.then(under_stored_names(transform.stored)) if has_columns else transform

        return Extraction(
            self.source,
            destination,
            self.streams,
            stored_as=stored_as,
            headers=self.headers,
            options=options,
            refused=self.refused,
            later=self.later,
        )

    def run(
        self,
        destination: Destination,
        options: ExtractOptions | None = None,
        *,
        progress: Callable[[StreamProgress], None] | None = None,
        keep: Callable[[Sequence[StreamOutcome]], None] | None = None,
    ) -> Extraction:
        """Carry out a run to its end. `keep` gets the outcomes even if the run is interrupted."""
        extraction = self.into(destination, options)
        try:
            for event in extraction:
                if progress is not None:
                    progress(event)
        finally:
            if keep is not None:
                keep(extraction.outcomes)
        return extraction

    def estimate(self, copies: Mapping[str, CopyState], options: ExtractOptions | None = None) -> "Iterator[Estimate]":
        """What a run would read and cost, if the destination holds these copies; then the refused streams."""
        from intacct_bridge.extract.estimate import Estimate, estimated

        lookups = {one.read.name: one.lookup_cost for one in self.transforms if one.lookup_cost}
        stored = [with_names(one, stored_names(one.fields)) for one in self.stored]
        lacking = {one.name for one in stored if one.name in copies and copies[one.name].needs_refresh(one)}
        definition_seconds = self.source.definition_seconds
        bookmarks = {name: copy.bookmark for name, copy in copies.items()}
        bookmarks |= {
            one.name: copies[one.name].bookmark_of(one, definition_seconds) for one in stored if one.name in copies
        }
        yield from estimated(self.source, self.streams, bookmarks, options, lookups, lacking_columns=lacking)
        for outcome in self.refused:
            yield Estimate(outcome.name, 0, 0, full=True, error=outcome.error)

    def try_out(self) -> None:
        """Read one record of each stream; an error of the gateway raises."""
        for stream in self.streams:
            if stream.virtual is None:
                query = Partition(stream, stream.walk_field, page_size=1).query(KeySpan())
                PageReader(self.source, stream).read(query)
            else:
                next(iter(self.source.virtual_pages(stream)), None)

    def objects(self, run: Extraction) -> list[str]:
        """The objects whose records a run has read, each once."""
        return _objects_of(self.parts) or _objects_of(run.streams)


def prepare(gateway: ReadGateway, request: ReadRequest) -> Prepared:
    """Select the streams of a request and put together what reading them takes.

    InvalidRequestError for what is unknown, and a RefusedError for what the user may not read, as the request says.
    """
    if request.unified or request.maps:
        return _prepare_unified(gateway, request)
    if request.early and not request.entity_column:  # which needs every definition
        selection = select_early(gateway, request.streams, request.select)
    else:
        selection = select_streams(
            gateway,
            request.streams,
            request.select,
            skip_refused=request.skip_refused,
            skip_missing=request.skip_missing,
        )
    streams, transforms = selection.streams, tuple[Transform, ...]()
    if request.entity_column:
        transforms = tuple(with_entity_column(gateway, streams, request.entity_column))
        streams = tuple(one.read for one in transforms)
    return Prepared(
        GatewaySource(gateway, without_arrow=request.without_arrow),
        streams,
        selection.headers,
        transforms,
        selection.refused,
        selection.names,
        selection.missing,
        selection.later,
    )


def _prepare_unified(gateway: ReadGateway, request: ReadRequest) -> Prepared:
    from intacct_bridge.extract.unified import UnifiedSource, select_unified, unified_transforms

    refused: list[StreamOutcome] | None = [] if request.skip_refused else None
    names, maps = request.streams, request.maps
    unified = select_unified(gateway, request.unified, names, request.select, maps=maps, refused=refused)
    streams = tuple(one.read for one in unified)
    headers = gateway.describe_many(dict.fromkeys(one.header for one in streams if one.header))
    lost = {one.name for one in refused or ()}
    return Prepared(
        UnifiedSource(gateway, unified),
        streams,
        headers_of(headers, streams),
        tuple(unified_transforms(gateway, unified)),
        tuple(refused or ()),
        tuple(name for name in request.streams or (one.name for one in maps) if name not in lost),
        parts=tuple(part.read for one in unified for part in (one, *one.parts)),
    )


def _objects_of(streams: Iterable[Stream]) -> list[str]:
    """The objects of some streams, each once."""
    objects = (one.virtual.subject if one.virtual and one.virtual.reader == LISTING else one.object for one in streams)
    return [name for name in dict.fromkeys(objects) if name]
