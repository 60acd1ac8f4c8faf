"""Attachments and their folders, read by `get` and `get_list`.

`lookup` describes neither, so both are stored as facts of the company, and their fields are listed here. An attachment
comes with its files unless a request lists other fields. A miss is a success without data, which two clients in the
field depend on.
"""

from collections.abc import Collection, Iterable, Sequence

from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.company.company_facts import Attachment, FactTable
from intacct_protocol.model.catalog import FieldDef, ObjectDef, object_def
from intacct_protocol.model.query.evaluate import predicate, sort_key
from intacct_protocol.model.query.query import Filter, Order
from intacct_protocol.xml.values import Kind
from intacct_protocol.xml.xml import Element, element


def _described(name: str, *fields: str) -> ObjectDef:
    return object_def(name, (FieldDef(field, Kind.TEXT) for field in fields))


DESCRIBED = {
    one.name: one
    for one in (
        _described("supdoc", "supdocid", "supdocname", "supdocfoldername", "supdocdescription"),
        _described("supdocfolder", "name", "description", "parentfolder"),
    )
}
"""The objects that are read here, each with the fields that a filter can name."""
NAMES = {
    "supdoc": {"key": "supdocid"},
    "supdocfolder": {
        "key": "name",
        "supdocfoldername": "name",
        "supdocfolderdescription": "description",
        "supdocparentfoldername": "parentfolder",
    },
}
"""Other names of these fields: those of the functions that write them."""


def fact_table(call: FunctionCall, kind: str) -> FactTable[Attachment]:
    """The stored `supdoc` or `supdocfolder` records, by key."""
    facts = call.company.facts
    return facts.attachments if kind == "supdoc" else facts.attachment_folders


def get(call: FunctionCall, fields: Collection[str]) -> FunctionAnswer:
    """One attachment or folder by its key; a miss has no data."""
    kind = call.body.get("object")
    attachment = fact_table(call, kind).get((call.body.get("key") or "").strip())
    return FunctionAnswer(
        Element("data", "", tuple(elements(kind, (attachment,), fields))) if attachment is not None else None
    )


def matching(call: FunctionCall, kind: str, where: Filter | None, order: tuple[Order, ...]) -> Sequence[Attachment]:
    """The attachments or folders that match a filter, in an order."""
    attachments = fact_table(call, kind).values()
    kind_of = DESCRIBED[kind].kind_of
    if where is not None:
        holds = predicate(where, kind_of)
        attachments = [one for one in attachments if holds(one.texts)]
    if order:
        key = sort_key(order, kind_of)
        attachments = sorted(attachments, key=lambda one: key(one.texts))
    return attachments


def elements(kind: str, attachments: Iterable[Attachment], fields: Collection[str]) -> Iterable[Element]:
    """Attachments or folders as elements, with these fields or, without any, with all and the files."""
    for attachment in attachments:
        parts = [element(name, attachment.texts[name]) for name in DESCRIBED[kind].fields if name in attachment.texts]
        if attachment.files is not None:
            files = [element("attachment", *(element(*part) for part in file.items())) for file in attachment.files]
            parts.append(Element("attachments", "", tuple(files)))
        yield Element(kind, "", tuple(part for part in parts if not fields or part.tag in fields))
