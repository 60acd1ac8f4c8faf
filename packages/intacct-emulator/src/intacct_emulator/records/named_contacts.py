"""Contacts that records name, such as the pay-to contact of a vendor, and the cells that show them.

Sage's pages call each the name of an existing contact. A record keeps the name, the contact's record number and a copy
of its cells, so that the cells of a record and of its contact are the same: a change of either is made in both. The
display contact belongs to its vendor or customer, so its cells can be changed there.
"""

from collections.abc import Iterator

from intacct_emulator.company.company_data import CompanyData, FunctionCall
from intacct_emulator.records.audit_fields import MODIFIED, record_change, set_audit_fields
from intacct_emulator.records.references import Reference, invalid_reference
from intacct_emulator.settings.cells import Row
from intacct_protocol.model.catalog import ObjectDef

CONTACT, DISPLAY, VERSION = "CONTACT", "DISPLAYCONTACT", "CONTACTVERSION"
_OF_THE_RECORD = (
    *("RECORDNO", "RECORD_URL", "WHENCREATED", "WHENMODIFIED"),
    *("CREATEDBY", "MODIFIEDBY", "CREATEDBYLOGINID", "MODIFIEDBYLOGINID"),
)
"""Fields of a version that say nothing about the contact."""
_NAME = ".CONTACTNAME"
_CONTACT = Reference((CONTACT,), "Contact")
_OWNERS = ("CUSTOMER", "EMPLOYEE", "LOCATION", "LOCATIONENTITY", "PROJECT", "USERINFO", "VENDOR", "WAREHOUSE")
"""Lists whose records show contacts. Documents keep the contact as it was."""
_KEYS = {
    "CONTACTINFO": ("PRIMARYCONTACTKEY", "CONTACTKEY"),
    "PERSONALINFO": ("CONTACTKEY",),
    "CONTACTTO1099": ("CONTACTKEY1099",),
}
"""Fields with the contact's record number whose names do not follow from the group."""


def groups(described: ObjectDef) -> list[str]:
    """The groups of fields that show a contact, such as PAYTO."""
    relations = described.relations.values()
    named = (one.by for one in relations if one.object == CONTACT and one.by.endswith(_NAME))
    return [name.removesuffix(_NAME) for name in named] if described.name in _OWNERS else []


def name_contacts(company: CompanyData, described: ObjectDef, sent: Row, row: Row) -> None:
    """Check that the contacts exist that a record is sent with, and show them in it.

    A display contact may be new. Raises FunctionRefusedError.
    """
    for group in groups(described):
        name = sent.get(f"{group}{_NAME}")
        if name is None:
            continue
        contact = find_contact(company, name)
        if name and contact is None:
            if group == DISPLAY:
                continue
            raise invalid_reference(_CONTACT, name, "", field=f"{group}{_NAME}")
        show(described, group, contact or {}, row)


def find_contact(company: CompanyData, name: str) -> Row | None:
    """The contact of that name."""
    table = company.table(CONTACT)
    number = next(iter(table.find("CONTACTNAME", name)), None) if name else None
    return None if number is None else table.get(number)


def version_key(company: CompanyData, name: str) -> str:
    """The record number of the present version of a contact, to which documents refer; empty without such a contact.

    A version is made when the first document refers to the contact in its present state.
    """
    contact = find_contact(company, name)
    if contact is None or VERSION not in company.catalog:
        return ""
    fields, table = company.catalog[VERSION].fields, company.table(VERSION)
    cells = {field: text for field, text in contact.items() if field in fields and field != "RECORDNO"}
    for number in reversed(table.find("CONTACTNAME", name)):
        version = table.get(number) or {}
        if all(version.get(one, "") == cells.get(one, "") for one in fields if one not in _OF_THE_RECORD):
            return str(number)
    return str(table.insert(cells))


def show(described: ObjectDef, group: str, contact: Row, row: Row) -> None:
    """Fill a record's cells that show a contact; empty ones for an empty contact."""
    for name in described.fields:
        if name.startswith(f"{group}."):
            row[name] = contact.get(name.partition(".")[2], "")
    for name in _KEYS.get(group, (f"{group}KEY",)):
        if name in described.fields:
            row[name] = contact.get("RECORDNO", "")
    if group == "PERSONALINFO" and "CONTACT_NAME" in described.fields:
        row["CONTACT_NAME"] = contact.get("CONTACTNAME", "")


def change_display_contact(call: FunctionCall, described: ObjectDef, changed: Row, row: Row) -> None:
    """Make the changes of a display contact's cells in the contact itself."""
    cells = {name.partition(".")[2]: text for name, text in changed.items() if name.startswith(f"{DISPLAY}.")}
    contact = find_contact(call.company, row.get(f"{DISPLAY}{_NAME}", "")) if DISPLAY in groups(described) else None
    contact_described = call.company.find(CONTACT)
    cells = {name: text for name, text in cells.items() if name in contact_described.fields and name != "CONTACTNAME"}
    if not cells or contact is None:
        return
    contact |= cells
    set_audit_fields(call, contact_described, contact, new=False)
    call.company.table(CONTACT).update(int(contact["RECORDNO"]), contact)
    record_change(call, contact_described, contact, MODIFIED)
    show_contact(call.company, contact)


def show_contact(company: CompanyData, contact: Row) -> None:
    """Show a contact's cells in all records that name it."""
    for described, group in _shown_in(company):
        table = company.table(described)
        for number in table.find(f"{group}{_NAME}", contact.get("CONTACTNAME", "")):
            row = table.get(number) or {}
            show(described, group, contact, row)
            table.update(number, row)


def _shown_in(company: CompanyData) -> Iterator[tuple[ObjectDef, str]]:
    for described in (company.catalog[name] for name in _OWNERS if name in company.catalog):
        yield from ((described, group) for group in groups(described))
