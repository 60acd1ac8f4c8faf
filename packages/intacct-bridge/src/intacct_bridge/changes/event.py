"""A change of one record as an event: what it holds, its id, its JSON forms, and which a watch sends. Pure.

An event says what a read of the company saw: a record that was not there before, another state of a known record, or
that a record is deleted. Several edits between two reads are one event.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from urllib.parse import quote

import msgspec

from intacct_bridge.streams.stream import Stream
from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.query.evaluate import predicate
from intacct_protocol.model.query.query import Filter, comparisons, rebuilt
from intacct_protocol.model.suggestions import did_you_mean

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_DECODER = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
_CLOUD_EVENTS = "1.0"


class ChangeKind(StrEnum):
    """What happened to the record."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """The values of one field before and after. Amounts are Decimal, dates and times are text in ISO 8601."""

    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class ChangeEvent:
    """One change of one record, as a read saw it."""

    number: int
    """The sequence number: later events of an event log have higher ones."""
    company: str
    object: str
    """The stream's name, which is the object's unless a transaction definition is named: `SODOCUMENT:Sales Order`."""
    key: str
    """The record's key; for lines that went with a header that was not read, the header: `RECORDKEY=15`."""
    kind: ChangeKind
    at: datetime
    """The company's time when the change was read, in UTC."""
    record: Mapping[str, Any]
    """The record's fields after the change; of a deleted record the last ones that were read, or only its key."""
    changed: Mapping[str, FieldChange] | None = None
    """The changed fields of an update; None if the record's earlier state was never read."""
    nonce: str = ""
    """Drawn at random when the event was found, since a lost or restored event log gives its numbers again."""

    @property
    def id(self) -> str:
        """The same for every delivery of this event, and of no other event."""
        numbered = f"{self.number}-{self.nonce}" if self.nonce else str(self.number)
        return ":".join(_quoted(one) for one in (self.company, self.object, self.key, numbered))

    @property
    def type(self) -> str:
        """The type of a CloudEvent, such as `intacct.customer.updated`."""
        return f"intacct.{self.object.split(':')[0].lower()}.{self.kind}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        changed = self.changed
        return {
            "id": self.id,
            "company": self.company,
            "object": self.object,
            "key": self.key,
            "sequence": self.number,
            "kind": str(self.kind),
            "time": iso(self.at),
            "record": dict(self.record),
            "changed": None
            if changed is None
            else {name: {"old": one.old, "new": one.new} for name, one in changed.items()},
        }

    def cloud_event(self) -> dict[str, Any]:
        """A CloudEvent 1.0 in its structured JSON form."""
        plain = self.to_dict()
        return {
            "specversion": _CLOUD_EVENTS,
            "id": self.id,
            "source": f"/intacct/{_quoted(self.company)}/{_quoted(self.object)}",
            "type": self.type,
            "subject": self.key,
            "time": plain["time"],
            "sequence": f"{self.number:019}",  # the extension's strings sort as the numbers do
            "datacontenttype": "application/json",
            "data": {name: plain[name] for name in ("object", "key", "kind", "record", "changed")},
        }


def encode(plain: Any) -> bytes:
    """JSON; a Decimal is a number with exactly its digits."""
    return _ENCODER.encode(plain)


def decode_record(text: bytes | str) -> dict[str, Any]:
    """A record that `encode` or a page wrote; numbers with a fraction are Decimal."""
    return _DECODER.decode(text)


def encode_changes(changed: Mapping[str, FieldChange] | None) -> bytes | None:
    """The changed fields as the event log keeps them."""
    return None if changed is None else encode({name: [one.old, one.new] for name, one in changed.items()})


def decode_changes(text: bytes | None) -> dict[str, FieldChange] | None:
    """What `encode_changes` wrote."""
    return None if text is None else {name: FieldChange(*pair) for name, pair in _DECODER.decode(text).items()}


def iso(when: datetime) -> str:
    """A time in ISO 8601, to the second."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def _quoted(text: str) -> str:
    """Text for an id: letters, digits, `_`, `-` and `~`; also no dot, which separates the parts of a signature."""
    return quote(text, safe="").replace(".", "%2E")


# --- what a watch wants to know of


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
