"""A receiver that gets the records of events in another system's shape, by a mapping file."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from intacct_bridge.changes.delivery import Receiver
from intacct_bridge.changes.event import ChangeEvent
from intacct_bridge.export_maps import mapped_record, typed_row
from intacct_bridge.mapping.language import EntityMap
from intacct_bridge.mapping.unify import reads
from intacct_bridge.streams.stream import Stream
from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.xml.values import Kind


class MappedReceiver:
    """A receiver of mapped events. `changed` keeps Intacct's names and values."""

    def __init__(self, receiver: Receiver, entity: EntityMap, kinds: Mapping[str, Kind]) -> None:
        self._receiver = receiver
        self._entity = entity
        self._kinds = kinds

    def deliver(self, events: Sequence[ChangeEvent]) -> None:
        """Map the records and hand the events over."""
        self._receiver.deliver([replace(one, record=self._mapped(one)) for one in events])

    def close(self) -> None:
        """Close the other receiver."""
        self._receiver.close()

    def _mapped(self, event: ChangeEvent) -> dict[str, object]:
        return mapped_record(self._entity, typed_row(event.record, self._kinds))


def mapped_receiver(receiver: Receiver, entity: EntityMap, streams: Sequence[Stream]) -> MappedReceiver:
    """The receiver of mapped events. InvalidRequestError if the events do not have what the mapping reads."""
    if [one.object for one in streams] != [entity.read_object]:
        raise InvalidRequestError(
            f"the mapping {entity.name} is for {entity.read_object}",
            fix=f"Watch {entity.read_object}, and nothing else.",
        )
    (stream,) = streams
    missing = [name for name in reads(entity) if name not in stream.fields]
    if missing:
        raise InvalidRequestError(
            f"the mapping {entity.name} reads {missing[0]}, which an event of {stream.name} does not have",
            fix="Map fields of the object itself: intacct describe shows them.",
        )
    return MappedReceiver(receiver, entity, stream.fields)
