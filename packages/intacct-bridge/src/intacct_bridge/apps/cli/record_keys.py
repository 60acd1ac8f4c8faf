"""Records by the keys of the command line: a RECORDNO, or the natural key (VENDORID, LOCATIONID, ...).

A number may be both: `100` can be a location's id and another location's RECORDNO. One query looks for both, and if it
finds two records, an error asks which one is meant.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from intacct_bridge.client.protocol import Gateway, Row
from intacct_protocol.errors import InvalidRequestError, RecordError
from intacct_protocol.model import keys as known
from intacct_protocol.model.query.query import Query, any_of, field


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """A key of the command line, with its record."""

    given: str
    record: str
    name: str = ""


def find_records(client: Gateway, object_name: str, given: Sequence[str], *, by: str = "either") -> list[FoundRecord]:
    """The record of each key, in order. RecordError if there is none, InvalidRequestError for two."""
    described = client.describe(object_name)
    key = known.record_key(described.name)
    natural = known.natural_key(described.name) or ""
    if described.get(natural) is None or natural == key:
        natural = ""
    numbers = [text for text in given if text.isdecimal()] if by != "name" else []
    names = list(given) if natural and by != "recordno" else []
    parts = ([field(key).is_in([int(one) for one in numbers])] if numbers else []) + (
        [field(natural).is_in(names)] if names else []
    )
    if not parts:
        raise InvalidRequestError(
            f"{described.name} is found by {key} only, and {given[0]!r} is not a number",
            fix=f"Find it with: intacct query {described.name}",
        )
    select = (key, natural) if natural else (key,)
    at_top = not client.connection.location_id
    rows = list(client.query(Query(described.name, select, where=any_of(parts), show_private=at_top)))
    by_record = {str(row[key]): row for row in rows}
    by_name = {str(row.get(natural)): row for row in rows} if natural else {}
    return [_find(text, described.name, key, natural, by_record if text in numbers else {}, by_name) for text in given]


def _find(  # noqa: PLR0917
    text: str,
    object_name: str,
    key: str,
    natural: str,
    by_record: Mapping[str, Row],
    by_name: Mapping[str, Row],
) -> FoundRecord:
    record, named = by_record.get(text), by_name.get(text)
    if record is not None and named is not None and record[key] != named[key]:
        raise InvalidRequestError(
            f"{text} is the {natural} of one {object_name} and the {key} of another ({natural} {record.get(natural)})",
            fix="Give --by name or --by recordno.",
        )
    row = named or record
    if row is None:
        names = f"{natural} or {key}" if natural else key
        raise RecordError(
            f"there is no {object_name} with the {names} {text!r}",
            fix=f"List them: intacct query {object_name} --select {natural or key}",
        )
    return FoundRecord(text, str(row[key]), str(row.get(natural) or ""))
