"""Looking for records in the company by their trace: for duplicates before a write, for proof after one.

One query serves many records: the filter is the product of their values, so what comes back is compared again here.
Texts are compared exactly, since the company keeps what it was given.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from intacct_bridge.client.protocol import Gateway, Row
from intacct_bridge.errors import InvalidRequestError, NotPermittedError, RefusedError
from intacct_bridge.flow.records.lookup_keys import Trace
from intacct_bridge.model.batched import batched
from intacct_bridge.model.catalog import ObjectDef
from intacct_bridge.model.query.query import Filter, Query, all_of, field
from intacct_bridge.wire.values import Kind, Value, parse_value

_AT_ONCE = 200
Key = tuple[tuple[str, str], ...]
"""Fields with their values as text, in the order of the way that they are looked for."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A record that bears the key that was looked for."""

    record: str
    """As a receipt names it."""
    created: datetime | None
    creator: str
    copy: bool
    """Whether the company made it, as a reversal."""


def trace_values(trace: Trace, fields: Mapping[str, Value]) -> dict[str, str]:
    """A record's key values as text, as an outbox keeps them; nothing where it cannot be looked for."""
    return {name: trace_text(fields.get(name)) for name in trace.way(fields)}


def trace_text(value: Value) -> str:
    """A value as text that is equal for what Intacct holds equal."""
    if type(value) is str:
        return value.strip()
    if value is None:
        return ""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    return str(value).strip()


def key_of(values: Mapping[str, str]) -> Key:
    """The values as something to compare by."""
    return tuple(values.items())


def seeable(company: Gateway, trace: Trace, values: Mapping[str, str]) -> bool:
    """Whether the company can be asked for records by these values: some keys can be sent and not queried."""
    if not values or trace.read_by != "query":
        return False
    described = company.describe(trace.object)
    return all(described.get(name) is not None for name in values)


def leaves_numbers(company: Gateway, definitions: str, name: str) -> bool:
    """Whether an order's definition leaves its number to whoever makes it; what it does not say counts as no."""
    query = Query(definitions, ("DOCID", "ENABLE_SEQNUM"), where=field("DOCID") == name)
    try:
        return any(row.get("ENABLE_SEQNUM") is False for row in company.query(query))
    except (InvalidRequestError, NotPermittedError, RefusedError):
        return False


def look(company: Gateway, trace: Trace, wanted: Iterable[Mapping[str, str]]) -> dict[Key, list[Sighting]]:
    """Every record in the company that bears one of the keys, oldest first."""
    by_way: dict[tuple[str, ...], dict[Key, Mapping[str, str]]] = {}
    for values in wanted:
        if seeable(company, trace, values):
            by_way.setdefault(tuple(values), {})[key_of(values)] = values
    found: dict[Key, list[Sighting]] = {}
    for names, distinct in by_way.items():
        _look(company, trace, names, distinct, found)
    for sightings in found.values():
        sightings.sort(key=lambda sighting: (len(sighting.record), sighting.record))
    return found


def _look(
    company: Gateway,
    trace: Trace,
    names: tuple[str, ...],
    distinct: Mapping[Key, Mapping[str, str]],
    found: dict[Key, list[Sighting]],
) -> None:
    described = company.describe(trace.object)
    creators = Creators(company, trace, described)
    for some in batched(distinct.values(), _AT_ONCE):
        for row in company.query(_question(trace, described, names, some)):
            key = tuple((name, trace_text(row.get(name))) for name in names)
            if key in distinct:
                found.setdefault(key, []).append(sighting_of(trace, row, creators))


class Creators:
    """Who made a record: by login where the object keeps it, else by the record number of the user."""

    _NUMBER = "CREATEDBY"

    def __init__(self, company: Gateway, trace: Trace, described: ObjectDef) -> None:
        self._company = company
        self._by_login = described.get(trace.creator) is not None
        self.field = trace.creator if self._by_login else self._NUMBER
        self._logins: dict[str, str] = {}

    def of(self, row: Row) -> str:
        """The login of whoever made this row; empty where nobody says."""
        text = trace_text(row.get(self.field))
        if self._by_login or not text:
            return text
        if text not in self._logins:
            self._logins[text] = self._login(text)
        return self._logins[text]

    def _login(self, number: str) -> str:
        if not number.isdecimal():
            return number
        try:
            rows = self._company.query(Query("USERINFO", ("LOGINID",), where=field("RECORDNO") == int(number)))
            return next((trace_text(row.get("LOGINID")) for row in rows), "")
        except (NotPermittedError, RefusedError):
            return ""


def _question(trace: Trace, described: ObjectDef, names: tuple[str, ...], wanted: Sequence[Mapping[str, str]]) -> Query:
    extra = (trace.created, trace.creator, "CREATEDBY", *trace.absent)
    known = (name for name in extra if name and described.get(name) is not None)
    parts = [part for name in names if (part := _condition(name, described.kind_of(name), wanted)) is not None]
    select = tuple(dict.fromkeys((trace.receipt or trace.record, *names, *known)))
    return Query(trace.object, select, where=all_of(parts), show_private=True)


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


def sighting_of(trace: Trace, row: Row, creators: Creators) -> Sighting:
    """A row as a sighting."""
    created = row.get(trace.created) if trace.created else None
    return Sighting(
        record=trace_text(row.get(trace.receipt or trace.record)),
        created=created if isinstance(created, datetime) else None,
        creator=creators.of(row),
        copy=any(row.get(name) not in (None, "") for name in trace.absent),
    )
