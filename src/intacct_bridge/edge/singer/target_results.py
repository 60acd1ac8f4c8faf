"""One record on its way through the target: as it arrived, and what became of it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from intacct_bridge.flow.records.tables import SourceRow

_PRIVATE = "_sdc_"
"""Columns that taps and targets of Meltano's add about a record; they are none of the record's own."""
DELETED = "_sdc_deleted_at"


@dataclass(frozen=True, slots=True)
class Arrived:
    """A record with where it stood and what its stream said of it."""

    stream: str
    record: Mapping[str, Any]
    number: int
    """The line of the input, or of the batch file."""
    source: str
    """What messages call the place: the stream, or the batch file with it."""
    key: tuple[str, ...] = ()
    """Its key's values, as the stream names them."""
    refusal: str = ""
    """Why it goes no further."""

    def row(self, origin: str, key: tuple[str, ...], more: Mapping[str, Any]) -> SourceRow:
        """The record as the engine reads it; its key in the source is unique among all streams of an `origin`."""
        cells = {name: value for name, value in self.record.items() if not name.startswith(_PRIVATE)}
        return SourceRow(self.source, self.number, {**more, **cells}, key=(origin, self.stream, *key))

    @property
    def place(self) -> tuple[str, int]:
        """What tells it from every other record of the run."""
        return self.source, self.number

    @property
    def digest(self) -> str:
        """Of the whole record, the order of its columns aside."""
        return hashlib.sha256(canonical(self.record).encode()).hexdigest()

    @property
    def external_id(self) -> str | None:
        """The record's own `externalId`, or the key of its source."""
        given = self.record.get("externalId")
        return str(given) if given is not None else " ".join(self.key) or None


class Fate(StrEnum):
    """What became of a record, as a scheduler must know it."""

    APPLIED = "applied"
    EXISTING = "existing"
    """There already, with the same content."""
    FAILED = "failed"
    OPEN = "open"
    """Not settled: in doubt, not sent, or on its way with another loader. State must not pass it."""
    IN_DOUBT = "in doubt"

    @property
    def settled(self) -> bool:
        """Whether nothing is left to be found out or done."""
        return self in (Fate.APPLIED, Fate.EXISTING, Fate.FAILED)


@dataclass(frozen=True, slots=True)
class Settled:
    """A record with its fate."""

    arrived: Arrived
    fate: Fate
    object: str = ""
    record: str = ""
    """The company's key of it."""
    error: str = ""
    updated: bool = False
    url: str = field(default="")


def keyed(record: Mapping[str, Any], names: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """A record's key, or why it has none."""
    for name in names:
        if record.get(name) is None:
            return (), f"{name} is a key property of its stream, and the record has none"
    return tuple(plain(record[name]) for name in names), ""


def plain(value: Any) -> str:
    """A key's value as text: equal numbers are equal texts."""
    if isinstance(value, Decimal):
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    return value if isinstance(value, str) else canonical(value)


def canonical(value: Any) -> str:
    """A value as JSON that is equal for equal values."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=plain)
