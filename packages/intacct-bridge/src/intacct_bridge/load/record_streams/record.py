"""A record that arrives in a stream, with its place in the input, and what identifies it in its source."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from intacct_bridge.load.records.values import number_text
from intacct_bridge.load.tables.source_row import EqualNumber, SourceRow
from intacct_protocol.model.text_forms import nfc

_PRIVATE = "_sdc_"
"""The beginning of columns that Meltano's taps and targets add to a record; they are not the record's own."""
DELETED = "_sdc_deleted_at"
_TIMES_OF_SENDING = (
    "_sdc_extracted_at",
    "_sdc_received_at",
    "_sdc_batched_at",
    "_sdc_sync_started_at",
    "_sdc_sequence",
    "_sdc_table_version",
)
"""Columns that change each time that a source sends a record."""


@dataclass(frozen=True, slots=True)
class StreamSchema:
    """What a source says of a stream before its records."""

    stream: str
    keys: tuple[str, ...] = ()
    """The columns that identify a record; none if nothing but its content does."""
    required: tuple[str, ...] = ()
    """The columns that every record must have."""
    continued_by: tuple[str, ...] = ()
    """The columns by which the source continues the stream."""
    external_ids: bool = True
    """Whether an `externalId` says which record it is."""


@dataclass(frozen=True, slots=True)
class InputRecord:
    """A record with its place in the input and what its stream's schema says of it."""

    stream: str
    record: Mapping[str, object]
    number: int
    """The line of the input, or of the batch file."""
    source: str
    """The place as messages name it: the stream, or the batch file with it."""
    version: str = ""
    """The version of the source's table; empty if the source gives none."""
    letter: int = 0
    """Of a dead letter: the number that it had among equal records."""
    letter_digest: str = ""
    """The digest of the content that this number is for."""
    refused_at: str = ""
    """Of a dead letter: the position of the outbox at which an earlier run refused it."""
    key: tuple[str, ...] = ()
    """The values of its key, as the stream names them."""
    refusal: str = ""
    """Why it is refused at once."""
    equal: EqualNumber | None = None
    """Its number among equal records, if its stream has no key properties."""

    def row(self, defaults: Mapping[str, object], *, shares_object: bool) -> SourceRow:
        """The record as layouts read it. Its key is that of a file of the same source, and counts within its object.

        `shares_object`: other streams of the source may be for the same object, so the key counts within the stream.
        """
        cells = {name: value for name, value in self.record.items() if not name.startswith(_PRIVATE)}
        key = self.key if self.key and not shares_object else (self.stream, *self.source_key)
        deleted = DELETED if self.record.get(DELETED) else ""
        return SourceRow(
            self.source,
            self.number,
            {**defaults, **cells},
            key=key,
            equal=self.equal,
            deleted=deleted,
            refused_at=self.refused_at,
        )

    @property
    def source_key(self) -> tuple[str, ...]:
        """The record's key in its source; without one its content, with its number among equal ones."""
        return self.key or (*content_key(self.digest), str(self.equal_number))

    @property
    def equal_number(self) -> int:
        """Its number among equal records; 1 if it has a key."""
        return (self.equal.number if self.equal is not None else 0) or 1

    @property
    def place(self) -> tuple[str, int]:
        """The place of the record, which no other record of the run has."""
        return self.source, self.number

    @property
    def digest(self) -> str:
        """A digest of the whole record, regardless of the order of its columns and the form of its accents (NFC)."""
        content = {name: value for name, value in self.record.items() if name not in _TIMES_OF_SENDING}
        return hashlib.sha256(nfc(canonical(content)).encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def external_id(self) -> str | None:
        """The record's own `externalId`, or the key of its source."""
        external = self.record.get("externalId")
        return str(external) if external is not None else " ".join(self.key) or None


def content_key(digest: str) -> tuple[str, str]:
    """Key prefix for records without key properties; the number of a duplicate follows."""
    return ("content", digest)


def keyed(record: Mapping[str, object], schema: StreamSchema) -> tuple[tuple[str, ...], str]:
    """A record's key, and why it is refused: it lacks a part of its key, or a column that its stream requires.

    In a stream without key properties an `externalId` is the key of its record, if the connection says so.
    """
    for name in schema.keys:
        if record.get(name) is None:
            return (), f"{name} is a key property of its stream, and the record has none"
    missing = [name for name in schema.required if name not in record]
    refusal = f"{missing[0]} is required by the stream's schema, and the record has none" if missing else ""
    has_id = schema.external_ids and record.get("externalId") not in (None, "")
    names = schema.keys or (("externalId",) if has_id else ())
    return tuple(_key_text(record[name]) for name in names), refusal


def _key_text(value: object) -> str:
    """A key's value as text: equal numbers have equal strings."""
    if isinstance(value, Decimal):
        return number_text(value)
    return value if isinstance(value, str) else canonical(value)


def canonical(value: object) -> str:
    """A value as JSON that is equal for equal values."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_key_text)
