"""Update what is there, create what is not: one look for the keys, then one function a row."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from intacct_bridge.client.bodies import Bodies
from intacct_bridge.client.reading.query import Reading
from intacct_bridge.errors import InvalidRequestError, RecordError
from intacct_bridge.model.keys import natural_key, record_key
from intacct_bridge.model.query.query import MAX_IN, Compare, Op, Query
from intacct_bridge.wire.values import UNSET
from intacct_bridge.wire.xml import Element


def upsert_bodies(
    bodies: Bodies, reading: Reading, object_name: str, *, rows: Sequence[Mapping[str, Any]], key: str
) -> list[Element]:
    """The functions in the rows' order. A key that two rows or two records share is refused by name."""
    name = object_name.upper()
    by = key.upper() or natural_key(name) or record_key(name)
    keys = [_key(row, by, name, number) for number, row in enumerate(rows, 1)]
    doubled = [text for text, count in Counter(keys).items() if text and count > 1]
    if doubled:
        raise RecordError(f"two rows have the {name}.{by} {doubled[0]!r}", field=by, record=doubled[0])
    there = _numbers(reading, name, by, keys=[text for text in keys if text])
    record = record_key(name)
    made = []
    for row, text in zip(rows, keys, strict=True):
        number = there.get(text, "")
        given = next((str(value) for field, value in row.items() if field.upper() == record and value), number)
        if number and given != number:
            raise RecordError(f"{name} {text!r} has the {record} {number}, and the row says {given}", field=record)
        made.append(bodies.update(name, {record: number, **row}) if number else bodies.create(name, row))
    return made


def _key(row: Mapping[str, Any], by: str, name: str, number: int) -> str:
    given = next((value for field, value in row.items() if field.upper() == by), None)
    if given in (None, UNSET, ""):
        if by != record_key(name):
            raise RecordError(f"row {number} has no {by}, the key to find {name} by", field=by, record=f"row {number}")
        return ""
    return str(given)


def _numbers(reading: Reading, name: str, by: str, *, keys: Sequence[str]) -> dict[str, str]:
    """The record numbers of the keys that are there."""
    record = record_key(name)
    found: dict[str, str] = {}
    for start in range(0, len(keys), MAX_IN):
        where = Compare(by, Op.IN, tuple(keys[start : start + MAX_IN]))
        for row in reading.rows(Query(name, (record, by), where=where, show_private=True)):
            text = str(row[by])
            if text in found:
                raise InvalidRequestError(
                    f"two {name} have the {by} {text!r}, so it cannot say which of them to update",
                    fix="Name a field that is unique with `key`.",
                )
            found[text] = str(row[record])
    return found
