"""The parts of a record that have no object of their own, such as the ranges of an account group.

`create` and `update` are documented to take them, and `read` gives them inside the record, as it gives lines. They are
kept as they were sent. The parts of an update replace those of the same name.
"""

import json
from functools import cache
from importlib.resources import files

from intacct_emulator.company.company_data import CompanyData, FunctionCall
from intacct_emulator.records.drafts import Draft
from intacct_emulator.settings.cells import Row
from intacct_protocol.xml.xml import Element, parse, serialize


@cache
def _documented() -> dict[str, dict[str, list[str]]]:
    """By object, its parts with the names of the elements inside."""
    text = (files("intacct_emulator.data") / "generated" / "emulator_owned_parts.json").read_text(encoding="utf-8")
    table: dict[str, dict[str, list[str]]] = json.loads(text)
    return table


def part_names(name: str) -> tuple[str, ...]:
    """The parts that an object can have."""
    return tuple(_documented().get(name, ()))


def keep_parts(call: FunctionCall, draft: Draft, row: Row) -> None:
    """Keep the parts that were sent, beside the record; an empty one deletes the part."""
    name = draft.described.name
    sent = {part: draft.nodes[part] for part in part_names(name) if part in draft.nodes}
    emptied = [part for part in part_names(name) if part in draft.extra]
    if not sent and not emptied:
        return
    parts = {one.tag: one for one in parts_of(call.company, name, row) if one.tag not in (*sent, *emptied)}
    for part, wrappers in sent.items():
        children = tuple(child for one in wrappers for child in one.children)
        parts[part] = Element(part, "", tuple(_as_answered(name, part, child) for child in children))
    key = row[call.company.table(name).plan.key]
    text = serialize(Element("parts", "", tuple(parts.values()))) if parts else ""
    call.company.facts.owned_parts.put(name, key, value=text)


def _as_answered(name: str, part: str, child: Element) -> Element:
    """An element of a list has a tag in lower case in answers, as a line has."""
    tag = child.tag.lower() if child.children or len(_documented()[name][part]) == 1 else child.tag
    return Element(tag, child.text, child.children)


def parts_of(company: CompanyData, name: str, row: Row) -> tuple[Element, ...]:
    """The parts of a record."""
    if not part_names(name):
        return ()
    text = company.facts.owned_parts.get(name, row.get(company.table(name).plan.key, ""))
    return parse(text.encode()).children if text else ()


def delete_parts(call: FunctionCall, name: str, row: Row) -> None:
    """Delete the parts of a record."""
    if parts_of(call.company, name, row):
        call.company.facts.owned_parts.delete(name, row[call.company.table(name).plan.key])
