"""What a watch wants to know of: the kinds of changes, a filter, the fields that count and the fields that are sent."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from intacct_bridge.changes.event import ChangeKind, FieldChange
from intacct_bridge.streams.stream import Stream
from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.query.evaluate import predicate
from intacct_protocol.model.query.query import Filter, comparisons, rebuilt
from intacct_protocol.model.suggestions import did_you_mean


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which changes a watch sends, and which fields of each."""

    kinds: frozenset[ChangeKind] = frozenset(ChangeKind)
    where: Filter | None = None
    """The record must match this after the change; a deleted record before it. A deleted record that was never read
    matches, since nothing is known of it."""
    fields: tuple[str, ...] = ()
    """The fields of a record to send besides its key; none: all."""
    changed: tuple[str, ...] = ()
    """An update counts if one of these fields changed, or if the earlier state is not known; none: always."""

    def check(self, streams: Collection[Stream]) -> None:
        """InvalidRequestError for a field that one of the streams does not have."""
        named = (*self.fields, *self.changed, *(one.field for one in comparisons(self.where)))
        for stream in streams:
            field_names = {name.upper() for name in stream.fields}
            for name in named:
                if name.upper() not in field_names and not stream.open_ended:
                    raise InvalidRequestError(
                        f"{stream.name} has no field {name}{did_you_mean(name, stream.fields)}",
                        fix=f"show its fields with: intacct describe {stream.object or stream.name}",
                    )

    def filter_for(self, stream: Stream) -> Callable[[Mapping[str, Any]], bool]:
        """The filter for records of one stream."""
        if self.where is None:
            return lambda _: True
        kinds = {name.upper(): kind for name, kind in stream.fields.items()}
        where = rebuilt(self.where, lambda one: replace(one, field=one.field.upper()))
        test = predicate(where, kinds.__getitem__)
        return lambda record: test({name.upper(): _as_text(value) for name, value in record.items()})

    def wants(self, kind: ChangeKind, changed: Mapping[str, FieldChange] | None) -> bool:
        """Whether a change of this kind, in these fields, counts."""
        if kind not in self.kinds:
            return False
        if not self.changed or kind is not ChangeKind.UPDATED or changed is None:
            return True
        names = {name.upper() for name in changed}
        return any(name.upper() in names for name in self.changed)

    def shown(self, stream: Stream, record: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a record that are sent."""
        if not self.fields:
            return dict(record)
        names = {name.upper() for name in (*self.fields, stream.key)}
        return {name: value for name, value in record.items() if name.upper() in names}

    def shown_changes(self, changed: Mapping[str, FieldChange] | None) -> Mapping[str, FieldChange] | None:
        """The changed fields that are sent."""
        if changed is None or not self.fields:
            return changed
        names = {name.upper() for name in self.fields}
        return {name: one for name, one in changed.items() if name.upper() in names}


def _as_text(value: Any) -> str | None:
    """A cell as a filter compares it."""
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)
