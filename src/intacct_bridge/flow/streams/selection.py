"""What a run is to read: streams whose definitions are known, and those still to come."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from intacct_bridge.flow.streams.stream import Stream, StreamOutcome


@dataclass(frozen=True, slots=True)
class Chosen:
    """Streams to read, and the headers that their lines need to know of."""

    streams: tuple[Stream, ...]
    headers: Mapping[str, Stream]
    names: tuple[str, ...] = ()
    """What each stream was asked for by."""
    refused: tuple[StreamOutcome, ...] = ()
    """What is not among the streams, since it is not there or the gateway would not describe it."""
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Selected fields that the objects do not have, by stream."""
    later: Iterable["Chosen"] = ()
    """More, once, as definitions arrive; lines come with their headers."""
