"""Looking for records in the company by their trace: for duplicates before a write, for proof after one.

One query serves many records: the filter is the product of their values, so what comes back is compared again here.
Texts are compared exactly, since the company keeps what it was given.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from intacct_bridge.flow.company import Company, Row
from intacct_bridge.flow.outbox_rows import chunks
from intacct_bridge.flow.trace import Trace
from intacct_bridge.model.catalog import ObjectDef
from intacct_bridge.model.query import Filter, Query, all_of, field
from intacct_bridge.wire.values import Kind, Value, parse_value

_AT_ONCE = 200
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sighting:
    """A record that bears the key that was looked for."""

    record: str
    created: datetime | None
    creator: str
    copy: bool
    """Whether the company made it, as a reversal."""


def trace_values(trace: Trace, fields: Mapping[str, Value]) -> dict[str, str]:
    """A record's key values as text, as an outbox keeps them; nothing where it cannot be looked for."""
    if not trace.searchable(fields):
        return {}
    return {name: trace_text(fields.get(name)) for name in trace.key}


def trace_text(value: Value) -> str:
    """A value as text that is equal for what Intacct holds equal."""
    if value is None:
        return ""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    return str(value).strip()


def key_of(trace: Trace, values: Mapping[str, str]) -> Key:
    """The values in the trace's order."""
    return tuple(values.get(name, "") for name in trace.key)


def look(company: Company, trace: Trace, wanted: Iterable[Mapping[str, str]]) -> dict[Key, list[Sighting]]:
    """Every record in the company that bears one of the keys, oldest first."""
    distinct = {key_of(trace, values): values for values in wanted if values}
    if not distinct:
        return {}
    described = company.describe(trace.object)
    found: dict[Key, list[Sighting]] = {}
    for some in chunks(distinct.values(), _AT_ONCE):
        for row in company.query(_question(trace, described, some)):
            key = tuple(trace_text(row.get(name)) for name in trace.key)
            if key in distinct:
                found.setdefault(key, []).append(_sighting(trace, row))
    for sightings in found.values():
        sightings.sort(key=lambda sighting: (len(sighting.record), sighting.record))
    return found


def _question(trace: Trace, described: ObjectDef, wanted: Sequence[Mapping[str, str]]) -> Query:
    extra = (trace.created, trace.creator, *trace.absent)
    names = (trace.record, *trace.key, *(name for name in extra if described.get(name) is not None))
    parts = [part for name in trace.key if (part := _condition(name, described.kind_of(name), wanted)) is not None]
    return Query(trace.object, tuple(dict.fromkeys(names)), where=all_of(parts), show_private=True)


def _condition(name: str, kind: Kind, wanted: Sequence[Mapping[str, str]]) -> Filter | None:
    """A condition that every wanted record meets; none where one of them has no value to go by."""
    texts = list(dict.fromkeys(values.get(name, "") for values in wanted))
    if not all(texts):
        return None
    values = [parse_value(kind, text) for text in texts]
    if kind is Kind.DATE:
        days = sorted(value for value in values if isinstance(value, date))
        return field(name).between(days[0], days[-1])
    return field(name) == values[0] if len(values) == 1 else field(name).is_in(values)


def _sighting(trace: Trace, row: Row) -> Sighting:
    created = row.get(trace.created)
    return Sighting(
        record=trace_text(row.get(trace.record)),
        created=created if isinstance(created, datetime) else None,
        creator=trace_text(row.get(trace.creator)),
        copy=any(row.get(name) not in (None, "") for name in trace.absent),
    )
