"""The display contact of a new vendor or customer: a record of its own, created with its owner.

A contact without a name is named after its owner: `Acme (VV-100)` for the vendor V-100. An existing contact of that
name is used as it is. Sage's page on vendors says so; the C of customers is inferred. That page requires the contact
and its PRINTAS; loaders in production send neither, so a setting decides.
"""

from dataclasses import replace

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.records.audit_fields import CREATED, record_change, set_audit_fields
from intacct_emulator.records.defaults import apply_defaults
from intacct_emulator.records.drafts import Draft
from intacct_emulator.records.named_contacts import show
from intacct_emulator.settings.cells import Row

_GROUP = "DISPLAYCONTACT"
_OWNERS = {"VENDOR": ("V", "VENDORID"), "CUSTOMER": ("C", "CUSTOMERID")}


def with_display_contact(call: FunctionCall, draft: Draft) -> Draft:
    """The new record with a display contact of its own name, if it has none and the gateway makes one."""
    name = draft.get("NAME")
    if draft.described.name not in _OWNERS or not name or call.company.behaviour.display_contact != "made":
        return draft
    printed = draft.get(f"{_GROUP}.PRINTAS") or name
    return replace(draft, values={**draft.values, f"{_GROUP}.PRINTAS": printed}, groups=draft.groups | {_GROUP})


def keep_display_contact(call: FunctionCall, draft: Draft, row: Row) -> None:
    """Create the contact of a new record, if one was sent, and set its name and key in the record."""
    owner = _OWNERS.get(draft.described.name)
    if owner is None or _GROUP not in draft.groups:
        return
    letter, key = owner
    name = row.get(f"{_GROUP}.CONTACTNAME") or f"{row.get('NAME', '')}({letter}{row.get(key, '')})"
    cells = {cell.removeprefix(f"{_GROUP}."): text for cell, text in row.items() if cell.startswith(f"{_GROUP}.")}
    number = contact_number(call, name) or make_contact(call, name, cells)
    show(draft.described, _GROUP, call.company.table("CONTACT").get(number) or {}, row)


def contact_number(call: FunctionCall, name: str) -> int | None:
    """The record number of the contact of that name."""
    return next(iter(call.company.table("CONTACT").find("CONTACTNAME", name)), None)


def make_contact(call: FunctionCall, name: str, cells: Row) -> int:
    """Create a contact; gives its record number."""
    described = call.company.find("CONTACT")
    contact = {cell: text for cell, text in cells.items() if cell in described.fields and text}
    contact["CONTACTNAME"] = name
    apply_defaults(described, contact)
    set_audit_fields(call, described, contact, new=True)
    number = call.company.table("CONTACT").insert(contact)
    record_change(call, described, contact, CREATED)
    return number
