"""Paths in a record: how a mapping names a column, a nested value, or an item of a list.

    Invoice No.                        a column, with any characters in its name
    address.city                       a value inside a value
    addresses[0].city                  the first item of a list
    phoneNumbers[type=mobile].number   the item whose `type` is `mobile`, ignoring case

A column with exactly this name comes before the reading as a path. Writing to a path creates missing parts: `[0]` an
item, `[type=mobile]` an item with this type.
"""

import re
from collections.abc import Iterator, Mapping, MutableMapping
from functools import cache

Step = str | int | tuple[str, str]
"""A key, an index, or a (key, value) that picks an item."""

_STEP = re.compile(r"(?P<name>[^.\[\]]+)(?P<picks>(?:\[[^\[\]]+\])*)(?:\.|$)")
_PICK = re.compile(r"\[([^\[\]]+)\]")


@cache
def steps(path: str) -> tuple[Step, ...]:
    """The steps of a path; a text that is not a path (`Amount [USD]`) is a plain column name."""
    way: list[Step] = []
    position = 0
    while position < len(path):
        match = _STEP.match(path, position)
        picks = [] if match is None else [_pick(one) for one in _PICK.findall(match["picks"])]
        if match is None or None in picks:
            return (path,)
        way.append(match["name"])
        way.extend(pick for pick in picks if pick is not None)
        position = match.end()
    return tuple(way)


def _pick(text: str) -> int | tuple[str, str] | None:
    key, equals, value = text.partition("=")
    if equals:
        return key.strip(), value.strip()
    return int(text) if text.isdecimal() else None


def column(path: str) -> str:
    """The record's own column that the path starts from."""
    first = steps(path)[0]
    assert isinstance(first, str)
    return first


def value_at(record: Mapping[str, object], path: str) -> object:
    """The value at the path; None if there is none."""
    if path in record:
        return record[path]
    way = steps(path)
    if len(way) == 1:
        return record.get(column(path))
    value: object = record
    for step in way:
        value = _inside(value, step)
        if value is None:
            return None
    return value


def has(record: Mapping[str, object], path: str) -> bool:
    """Whether the record has a value at the path, null included."""
    if path in record:
        return True
    *most, last = steps(path)
    holder: object = record
    for step in most:
        holder = _inside(holder, step)
    if isinstance(last, str):
        return isinstance(holder, Mapping) and last in holder
    return _inside(holder, last) is not None


def _inside(value: object, step: Step) -> object:
    if isinstance(step, str):
        if isinstance(value, Mapping):
            return value.get(step)
        return None
    if isinstance(value, Mapping):  # some sources write a single item without its list
        value = [value]
    if not isinstance(value, list):
        return None
    if isinstance(step, int):
        return value[step] if step < len(value) else None
    return next((item for item in value if _is(item, *step)), None)


def _is(item: object, key: str, value: str) -> bool:
    return isinstance(item, Mapping) and str(item.get(key, "")).casefold() == value.casefold()


def put(record: MutableMapping[str, object], path: str, value: object) -> None:
    """Write a value at the path, creating missing parts."""
    holder: object = record
    way = steps(path)
    for step, following in zip(way, (*way[1:], None), strict=True):
        if following is None:
            _set(holder, step, value)
            return
        inner = _inside(holder, step)
        if inner is None:
            inner = {} if isinstance(following, str) else []
            _set(holder, step, inner)
        holder = inner


def _set(holder: object, step: Step, value: object) -> None:
    if isinstance(step, str):
        assert isinstance(holder, dict)
        holder[step] = value
        return
    assert isinstance(holder, list)
    if isinstance(step, int):
        holder.extend({} for _ in range(step + 1 - len(holder)))
        holder[step] = value
        return
    assert isinstance(value, dict)
    value[step[0]] = step[1]
    holder.append(value)


def items(record: Mapping[str, object], path: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    """The records of a list with their positions; `.` means the record itself."""
    value = record if path == "." else value_at(record, path)
    if isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, list):
        return
    for place, item in enumerate(value):
        if isinstance(item, Mapping):
            yield place, item
