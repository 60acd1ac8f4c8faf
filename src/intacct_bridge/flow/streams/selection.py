"""What a run is to read: streams whose definitions are known, and those still to come.

Fields of related objects, named by a path such as `VENDOR.NAME`, as the company's catalogue has them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from intacct_bridge.client.client import Client
from intacct_bridge.errors import InvalidRequestError, NotPermittedError
from intacct_bridge.flow.streams.stream import Stream, StreamOutcome
from intacct_bridge.model.catalog import ObjectDef
from intacct_bridge.wire.values import Kind


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


def related_kind(client: Client, described: ObjectDef, path: str, closed: list[str] | None = None) -> Kind | None:
    """The kind of the field at the end of a path of relations; None where it leads nowhere, or to an object that the
    gateway would not describe, which is put into `closed`.
    """
    head, dot, rest = path.partition(".")
    relation = described.relations.get(head.upper()) if dot else None
    if relation is None:
        return None
    try:
        beyond = client.describe(relation.object)
    except (InvalidRequestError, NotPermittedError):
        if closed is not None:
            closed.append(relation.object)
        return None
    found = beyond.get(rest)
    return related_kind(client, beyond, rest, closed) if found is None else found.kind
