"""Attachments and their folders, read by `get` and `get_list`.

`lookup` describes neither, so both are kept in side tables. An attachment comes with its files. A miss is a success
without data, which two clients in the field depend on.
"""

from intacct_bridge.emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_bridge.emulator.company.side_tables import Attachment, SideTable
from intacct_bridge.wire.xml import Element, element

NAMES = {"supdoc": "supdocid", "supdocfolder": "name"}
"""The objects that are read here, each with the field that identifies a record."""


def side_table(call: FunctionCall, kind: str) -> SideTable[Attachment]:
    """The side table of `supdoc` or `supdocfolder`, by key."""
    side_tables = call.company.side_tables
    return side_tables.attachments if kind == "supdoc" else side_tables.attachment_folders


def get(call: FunctionCall) -> FunctionAnswer:
    """One attachment or folder by its key; a miss has no data."""
    kind = call.body.get("object")
    found = side_table(call, kind).get((call.body.get("key") or "").strip())
    return FunctionAnswer(Element("data", "", (_shown(kind, found),))) if found is not None else FunctionAnswer()


def get_list(call: FunctionCall) -> FunctionAnswer:
    """The attachments or folders that match the filter's expressions."""
    kind = call.body.get("object")
    expressions = _expressions(call.body.find("filter"))
    found = [one for one in side_table(call, kind).values() if _matches(one, expressions)]
    start = int(call.body.get("start") or 0)
    page = found[start : start + int(call.body.get("maxitems") or 100)]
    heading = {"start": str(start), "end": str(max(start, start + len(page) - 1)), "total": str(len(found))}
    listed = Element("listtype", kind, (), heading)
    data = Element("data", "", tuple(_shown(kind, one) for one in page)) if page else None
    return FunctionAnswer(data, extra=(listed,))


def _expressions(node: Element | None) -> tuple[bool, list[tuple[str, str]]]:
    """Whether all expressions must hold, and the field and value of each."""
    if node is None:
        return True, []
    logical = node.find("logical")
    holder = logical if logical is not None else node
    pairs = [(one.findtext("field"), one.findtext("value")) for one in holder.findall("expression")]
    return holder.get("logical_operator") != "or", pairs


def _matches(one: Attachment, expressions: tuple[bool, list[tuple[str, str]]]) -> bool:
    every, pairs = expressions
    held = [one.texts.get(field) == value for field, value in pairs]
    return all(held) if every else any(held)


def _shown(kind: str, one: Attachment) -> Element:
    parts = [element(name, text) for name, text in one.texts.items()]
    if one.files is not None:
        files = [element("attachment", *(element(*part) for part in file.items())) for file in one.files]
        parts.append(Element("attachments", "", tuple(files)))
    return Element(kind, "", tuple(parts))
