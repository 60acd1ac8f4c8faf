"""Users and their roles by the generic functions: who may sign in afterwards, and where."""

from dataclasses import replace

from intacct_emulator.company.company_data import CompanyData, FunctionCall
from intacct_emulator.company.users import ASSIGNED, ROLES, role_known, user_number
from intacct_emulator.records import record_store
from intacct_emulator.records.display_contact import contact_number, make_contact
from intacct_emulator.records.drafts import Draft
from intacct_emulator.settings.cells import Row
from intacct_emulator.settings.refusals import refused
from intacct_protocol.model.catalog import ObjectDef

_LOCATIONS = "USERLOCATIONS"
_RESTRICTIONS = (_LOCATIONS, "USERDEPARTMENTS", "USERTERRITORIES")
_CONTACT = "CONTACTINFO"
_NEW_CONTACT = ("LASTNAME", "FIRSTNAME", "EMAIL1")


def create_user(call: FunctionCall, draft: Draft) -> Row:
    """Create a user, perhaps restricted to the entities of USERLOCATIONS."""
    if draft.get("LOGINID") and user_number(call.company, draft.get("LOGINID")) is not None:
        raise refused(
            f"Another User with the given value(s) {draft.get('LOGINID')} already exists",
            errorno="BL34000061",
            correction="Use a unique value instead.",
            field="LOGINID",
        )
    if _CONTACT in draft.groups:
        draft = replace(draft, values=draft.values | _with_contact(call, draft))
    return record_store.create(call, _restricted(call.company, draft, draft.get("LOGINID")))


def _with_contact(call: FunctionCall, draft: Draft) -> Row:
    """The cells of the user's contact: an existing one by its name, or a new one from names and e-mail address."""
    sent = {**draft.values, **draft.readonly}
    cells = {cell.partition(".")[2]: text for cell, text in sent.items() if cell.startswith(f"{_CONTACT}.") and text}
    name = cells.get("CONTACTNAME", "")
    if not name:
        missing = [one for one in _NEW_CONTACT if not cells.get(one)]
        if missing:
            text = f"Required field {_CONTACT}.{missing[0]} is missing for USERINFO."
            correction = f"Provide {', '.join(_NEW_CONTACT)} of a new contact, or CONTACTNAME of an existing one."
            raise refused(text, correction=correction, field=f"{_CONTACT}.{missing[0]}")
        name = f"{cells['LASTNAME']}, {cells['FIRSTNAME']}"
        cells["PRINTAS"] = f"{cells['FIRSTNAME']} {cells['LASTNAME']}"
    number = contact_number(call, name)
    if number is None and cells.get("CONTACTNAME"):
        raise refused(f"Invalid Contact '{name}' specified.", correction="Name an existing contact.", field=_CONTACT)
    number = number or make_contact(call, name, cells)
    contact = call.company.table("CONTACT").get(number) or {}
    fields = [one for one in draft.described.fields if one.startswith(f"{_CONTACT}.")]
    shown = {field: contact.get(field.partition(".")[2], "") for field in fields}
    address = {"EMAIL": draft.get("EMAIL") or contact.get("EMAIL1", "")}
    return {field: text for field, text in {**shown, **address, "CONTACTKEY": str(number)}.items() if text}


def update_user(call: FunctionCall, draft: Draft, number: int) -> Row:
    """Change a user. Sage's page says that an update without a user's restrictions deletes them."""
    for name in _RESTRICTIONS:
        if name not in draft.nodes:
            draft.extra[name] = ""
    stored = call.company.table(draft.described).get(number) or {}
    return record_store.update(call, _restricted(call.company, draft, stored.get("LOGINID", "")), number)


def delete_user(call: FunctionCall, described: ObjectDef, number: int) -> None:
    """Delete a user, with the roles that the user was given."""
    login = (call.company.table(described).get(number) or {}).get("LOGINID", "")
    record_store.delete(call, described, number)
    table = call.company.table(ASSIGNED)
    for place, row in list(table.rows()):
        if row.get("USERID", "").lower() == login.lower():
            record_store.delete(call, call.company.find(ASSIGNED), place)
    people = call.company.facts.people
    people.user_entities.delete(login.lower())
    people.added_roles.delete(login.lower())


def assign_role(call: FunctionCall, draft: Draft) -> Row:
    """Give a user a role."""
    company, login, role = call.company, draft.get("USERID"), draft.get("ROLENAME")
    number = user_number(company, login) if login else None
    if number is None:
        raise refused(f"Invalid User '{login}' specified.", field="USERID")
    if not role or not role_known(company, role):
        raise refused(f"Invalid Role '{role}' specified.", field="ROLENAME")
    if any(_same(row, login, role) for _, row in company.table(ASSIGNED).rows()):
        raise refused(f"User '{login}' has the role '{role}' already.", errorno="BL34000061", field="ROLENAME")
    keys = [key for key, row in company.table(ROLES).rows() if row.get("NAME", "").lower() == role.lower()]
    draft.values.setdefault("TYPE", "User")
    draft.values["U_O_GKEY"] = str(number)
    if keys:
        draft.values["ROLEKEY"] = str(keys[0])
    row = record_store.create(call, draft)
    if _of_settings(company, login):
        added = company.facts.people.added_roles
        added.put(login.lower(), value=(*(added.get(login.lower()) or ()), role))
    return row


def withdraw_role(call: FunctionCall, described: ObjectDef, number: int) -> None:
    """Take a role from a user."""
    company = call.company
    row = company.table(described).get(number) or {}
    login, role = row.get("USERID", "").lower(), row.get("ROLENAME", "")
    record_store.delete(call, described, number)
    added = company.facts.people.added_roles
    left = tuple(one for one in added.get(login) or () if one.lower() != role.lower())
    if left:
        added.put(login, value=left)
    elif added.was_set(login):
        added.delete(login)


def _of_settings(company: CompanyData, login: str) -> bool:
    return any(one.user_id.lower() == login.lower() for one in company.settings.users)


def _same(row: Row, login: str, role: str) -> bool:
    return row.get("USERID", "").lower() == login.lower() and row.get("ROLENAME", "").lower() == role.lower()


def _restricted(company: CompanyData, draft: Draft, login: str) -> Draft:
    """Keep the entities that the user is restricted to; an empty list removes the restriction."""
    wrappers = draft.nodes.get(_LOCATIONS)
    if wrappers is None and _LOCATIONS not in draft.extra:
        return draft
    entities = tuple(
        text.strip() for one in wrappers or () for text in (child.text for child in one.children) if text.strip()
    )
    tables = (company.table(name) for name in ("LOCATIONENTITY", "LOCATION"))
    locations = {row.get("LOCATIONID", "") for table in tables for _, row in table.rows()}
    for entity in entities:
        if entity not in locations:
            raise refused(f"Invalid Location '{entity}' specified.", field=_LOCATIONS)
    draft.values["UNRESTRICTED"] = "false" if entities else "true"
    if entities:
        company.facts.people.user_entities.put(login.lower(), value=entities)
    elif company.facts.people.user_entities.was_set(login.lower()):
        company.facts.people.user_entities.delete(login.lower())
    return draft
