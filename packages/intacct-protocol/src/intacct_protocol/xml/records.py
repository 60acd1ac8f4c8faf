"""Records as XML documents, in the shape of the generic `create`: groups and lines are elements inside the record.

A dotted name is a group, and lines stand under their wrapper. A character that no element's name can have, such as the
`#` of `DEPT#`, is written by its code: `DEPT_x0023_`.
"""

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from intacct_protocol.errors import RemoteProtocolError
from intacct_protocol.xml.values import Kind, render_value
from intacct_protocol.xml.xml import Element, parse

RECORDS = "records"
"""The element around the records of a document."""
_ITEM = "item"
"""A line whose own name is not known."""
_CODE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_OTHER = re.compile(r"[^\w.\-]|^[\d.\-]|_(?=x[0-9A-Fa-f]{4}_)")
Lines = list[dict[str, Any]]


def record_element(tag: str, record: Mapping[str, Any], line_names: Mapping[str, str]) -> Element:
    """A record as an element; `line_names` are the names of lines by their wrapper."""
    groups: dict[str, Any] = {}
    for name, value in record.items():
        *above, last = name.split(".")
        place = groups
        for step in above:
            inner = place.setdefault(step, {})
            place = inner if isinstance(inner, dict) else place
        place[last] = value
    return _element(tag, groups, line_names)


def _element(tag: str, value: Any, line_names: Mapping[str, str]) -> Element:
    name = _OTHER.sub(lambda match: f"_x{ord(match[0]):04X}_", tag)
    if isinstance(value, Mapping):
        return Element(name, children=tuple(_element(key, inner, line_names) for key, inner in value.items()))
    if isinstance(value, list | tuple):
        inside = line_names.get(tag, _ITEM)
        return Element(name, children=tuple(_element(inside, one, line_names) for one in value))
    return Element(name, _text(value))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date | datetime):
        return value.isoformat()
    return "" if value is None else render_value(Kind.TEXT, value)


def records_of(text: bytes, wrappers: Container[str]) -> Iterator[dict[str, Any]]:
    """The records of a document: the elements of its root, or the root itself if it has a field.

    `wrappers` are the elements that hold lines. RemoteProtocolError for what is not such a document.
    """
    root = parse(text)
    if not root.children:
        raise RemoteProtocolError("the document has no records")
    alone = any(not child.children for child in root) or any(_name(child) in wrappers for child in root)
    for record in (root,) if alone else root.children:
        yield _cells(record, wrappers)


def _cells(record: Element, wrappers: Container[str], path: str = "") -> dict[str, Any]:
    cells: dict[str, Any] = {}
    by_name: dict[str, list[Element]] = {}
    for child in record:
        by_name.setdefault(_name(child), []).append(child)
    for name, members in by_name.items():
        if name in wrappers or _is_list(members):
            inside = members if len(members) > 1 else members[0].children
            cells[f"{path}{name}"] = _lines(inside, wrappers)
        elif len(members) > 1:
            raise RemoteProtocolError(f"{record.tag} has {name} more than once")
        elif members[0].children:
            cells |= _cells(members[0], wrappers, f"{path}{name}.")
        else:
            cells[f"{path}{name}"] = members[0].text
    return cells


def _is_list(members: Sequence[Element]) -> bool:
    """Whether these elements are lines, or one holds them: several of one name, with fields inside."""
    if len(members) > 1:
        return all(one.children for one in members)
    inside = members[0].children
    return len(inside) > 1 and len({one.tag for one in inside}) == 1 and all(one.children for one in inside)


def _lines(members: Sequence[Element], wrappers: Container[str]) -> Lines:
    return [_cells(one, wrappers) if one.children else {_ITEM: one.text} for one in members]


def _name(element: Element) -> str:
    return _CODE.sub(lambda match: chr(int(match[1], 16)), element.tag)
