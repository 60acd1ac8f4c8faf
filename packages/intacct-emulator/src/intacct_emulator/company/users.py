"""The users of a company and their roles: those of the settings, and those that the API made.

Every user of the settings has a record in USERINFO, where programs look up rights and restrictions. The record decides
who may sign in: a user without one, or with another status than active, may not. A user who has only a record has the
initial password of the settings, since the real gateway sends it by e-mail, and the roles of USERROLES.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from intacct_emulator.company.company_data import CompanyData
from intacct_emulator.settings.cells import Row
from intacct_emulator.settings.companies import APPLICATIONS, UserSettings
from intacct_protocol.model.permissions import objects_of

ACTIVE, LOCKED_OUT = "active", "lockedout"
USERS, ROLES, ASSIGNED, PERMISSIONS = "USERINFO", "ROLES", "USERROLES", "ROLEPOLICYASSIGNMENT"
EVERYTHING = "*"
"""In the rights of a role: every object."""


def keep_users(company: CompanyData) -> None:
    """Give every user of the settings a record; cells that no setting concerns stay as they are.

    The status is set when the settings name the user for the first time, or name another status than before: what the
    API did to a user stays. Only a lock-out ends, so that no user is locked out of a stored company for ever.
    """
    table = company.table(USERS)
    for user in company.settings.users:
        stored = company.facts.people.kept_users
        number = user_number(company, user.user_id)
        status = stored.get(user.user_id.lower())
        cells = _cells(user)
        if number is None and status is None:
            first: Row = {"LOGINID": user.user_id, "ADMIN": "Off", "USERTYPE": "business user", "UNRESTRICTED": "true"}
            table.insert({**first, "STATUS": ACTIVE, **cells})
        elif number is not None:
            row = table.get(number) or {}
            changed = status != user.status or row.get("STATUS") == LOCKED_OUT
            cells |= {"STATUS": user.status} if changed else {}
            if any(row.get(name) != text for name, text in cells.items()):
                table.update(number, {**row, **cells})
        if status != user.status:
            stored.put(user.user_id.lower(), value=user.status)


def drop_users(company: CompanyData, users: Collection[UserSettings]) -> None:
    """Delete the records of users of earlier settings whom the company's settings do not have."""
    remaining = {user.user_id.lower() for user in company.settings.users}
    for user in users:
        number = user_number(company, user.user_id)
        if user.user_id.lower() not in remaining and number is not None:
            company.table(USERS).delete(number)


def keep_roles(company: CompanyData) -> None:
    """Give every role of the settings a record, and every user of the settings one that says it has it."""
    table = company.table(ROLES)
    keys = {row.get("NAME", "").lower(): str(number) for number, row in table.rows()}
    for role in company.settings.roles:
        if role.name.lower() not in keys:
            row = {"NAME": role.name, "TYPE": "Multi Entity Shared", "APPLYTO": "Login and Slide-In"}
            keys[role.name.lower()] = str(table.insert(row))
    for user in company.settings.users:
        held = {name.lower() for name in roles_of(company, user.user_id)}
        for name in (one for one in user.roles if one.lower() in keys and one.lower() not in held):
            row = {"ROLEKEY": keys[name.lower()], "ROLENAME": name, "TYPE": "User", "USERID": user.user_id}
            company.table(ASSIGNED).insert(row | {"U_O_GKEY": str(user_number(company, user.user_id))})


def _cells(user: UserSettings) -> Row:
    cells: Row = {}
    if user.admin:
        cells["ADMIN"] = user.admin
    if user.user_type:
        cells["USERTYPE"] = user.user_type
    if user.entities:
        cells["UNRESTRICTED"] = "false"
    if user.status != ACTIVE:
        cells["STATUS"] = user.status
    return cells


def user_number(company: CompanyData, login: str) -> int | None:
    """The record number of a user; upper and lower case are the same."""
    table, login_key = company.table(USERS), login.lower()
    exact = table.find("LOGINID", login)
    if exact:
        return exact[0]
    return next((number for number, row in table.rows() if row.get("LOGINID", "").lower() == login_key), None)


def user_of(company: CompanyData, login: str) -> UserSettings | None:
    """The user as the settings and the record have it, regardless of its status; None if there is none."""
    login_key = login.lower()
    settings = next((one for one in company.settings.users if one.user_id.lower() == login_key), None)
    number = user_number(company, login)
    if number is None:
        deleted = settings is not None and company.facts.people.kept_users.was_set(login_key)
        return None if deleted else settings
    row = company.table(USERS).get(number) or {}
    status: Any = row.get("STATUS") or ACTIVE  # the value of a record, which may be any
    if settings is not None:
        added = company.facts.people.added_roles.get(login_key) or ()
        return replace(settings, status=status, roles=(*settings.roles, *added))
    roles = roles_of(company, login)
    user_type: Any = row.get("USERTYPE", "")
    held = [role_rights(company, role) for role in roles]
    return UserSettings(
        row["LOGINID"],
        company.behaviour.initial_password,
        status,
        entities=company.facts.people.user_entities.get(login_key) or (),
        roles=roles,
        audit=any("view" in rights.get(name, ()) for rights in held for name in (EVERYTHING, "AUDITHISTORY")),
        user_type=user_type,
    )


def lock_out(company: CompanyData, login: str) -> None:
    """Set the status of a user to locked out; an administrator sets it back to active."""
    number = user_number(company, login)
    if number is not None:
        table = company.table(USERS)
        with company.store.together():
            table.update(number, {**(table.get(number) or {}), "STATUS": LOCKED_OUT})


def roles_of(company: CompanyData, login: str) -> tuple[str, ...]:
    """The names of the roles that USERROLES gives a user."""
    login_key = login.lower()
    rows = (row for _, row in company.table(ASSIGNED).rows())
    return tuple(
        row.get("ROLENAME", "")
        for row in rows
        if row.get("USERID", "").lower() == login_key and row.get("TYPE", "User") != "Group"
    )


def role_known(company: CompanyData, name: str) -> bool:
    """Whether the company has a role of this name."""
    name_key = name.lower()
    settings = any(one.name.lower() == name_key for one in company.settings.roles)
    return settings or any(row.get("NAME", "").lower() == name_key for _, row in company.table(ROLES).rows())


def role_rights(company: CompanyData, name: str) -> Mapping[str, tuple[str, ...]]:
    """The rights of a role: verbs by object, by module, or for everything (`*`). Settings outrank records."""
    name_key = name.lower()
    for role in company.settings.roles:
        if role.name.lower() == name_key:
            return role.rights
    rights: dict[str, tuple[str, ...]] = {}
    for row in role_policies(company, name):
        verbs = tuple(verb.strip().lower() for verb in row.get("RIGHTS", "").split("|"))
        for permission in _permitted(company, row):
            rights[permission] = tuple(dict.fromkeys((*rights.get(permission, ()), *verbs)))
    return rights


def role_policies(company: CompanyData, name: str) -> list[Row]:
    """The permissions of a role that is a record, as ROLEPOLICYASSIGNMENT has them."""
    keys = {
        row.get("RECORDNO", "") for _, row in company.table(ROLES).rows() if row.get("NAME", "").lower() == name.lower()
    }
    return [row for _, row in company.table(PERMISSIONS).rows() if row.get("ROLEKEY", "") in keys] if keys else []


def _permitted(company: CompanyData, row: Row) -> tuple[str, ...]:
    """The objects of a permission: those that it is known to grant, or with its name as label, or its whole module."""
    name = row.get("POLICYNAME", "").strip().lower()
    module = row.get("MODULE", "").rpartition(".")[2].upper()
    if name in ("", "all", EVERYTHING):
        return (module,)
    listed = objects_of(APPLICATIONS.get(module, ""), name)
    if listed:
        return listed
    singular = name.removesuffix("s")
    objects = (company.catalog[one] for one in company.catalog)
    return tuple(one.name for one in objects if singular in (one.name.lower(), one.label.lower()))
