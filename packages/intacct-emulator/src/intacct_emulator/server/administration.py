"""The set-up of a company by its administrator, in place of Intacct's screens, and by Sage.

The API has no functions for most of it: subscribing to Web Services, authorising a sender, a role with its permissions.
Users and their roles are made as `create` of USERINFO and USERROLES makes them. The password of a new user is the
initial one of the settings; `mail` shows the message with it. Everything is kept with the company's records.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from intacct_emulator.company.company_data import CompanyData
from intacct_emulator.company.users import PERMISSIONS, ROLES, USERS, role_known, roles_of, user_number, user_of
from intacct_emulator.handlers.generic.verbs import CREATE
from intacct_emulator.records.drafts import read_draft
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.cells import Row, timestamp_text
from intacct_emulator.settings.companies import APPLICATIONS, CompanySettings, SenderSettings, UserSettings
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.permissions import permissions
from intacct_protocol.model.suggestions import did_you_mean
from intacct_protocol.xml.xml import Element, element

WEB_SERVICES = "Web Services"
RIGHTS = ("List", "View", "Add", "Edit", "Delete")
_CODES = {name: code for code, name in APPLICATIONS.items()}
_MODULES = {code: place for place, code in enumerate(APPLICATIONS, 1)}
_ACTIVE, _INACTIVE = "active", "inactive"


@dataclass(frozen=True, slots=True)
class UserMail:
    """The message with a new user's password, which Intacct sends to the user's address."""

    to: str
    user_id: str
    password: str


class Administration:
    """What the administrator of one company does, and what Sage does for it."""

    def __init__(self, emulator: Emulator, company_id: str = "") -> None:
        """The first company of the emulator, unless another one is named."""
        self._emulator = emulator
        self.company_id = emulator.company(company_id).settings.company_id

    # --- what the screens show

    @property
    def settings(self) -> CompanySettings:
        """The company's settings as they are now."""
        return self._company.settings

    @property
    def companies(self) -> tuple[CompanySettings, ...]:
        """Every company of the gateway."""
        return self._emulator.settings.companies

    @property
    def senders(self) -> tuple[SenderSettings, ...]:
        """Every sender that Sage knows."""
        return self._emulator.settings.senders

    @property
    def roles(self) -> tuple[tuple[str, tuple[Row, ...]], ...]:
        """The roles that an administrator made, each with its permissions."""
        company = self._company
        rows = [row for _, row in company.table(ROLES).rows()]
        of_settings = {role.name.lower() for role in company.settings.roles}
        granted = [row for _, row in company.table(PERMISSIONS).rows()]
        return tuple(
            (row["NAME"], tuple(one for one in granted if one.get("ROLEKEY") == row.get("RECORDNO")))
            for row in rows
            if row.get("NAME", "").lower() not in of_settings
        )

    @property
    def users(self) -> tuple[tuple[Row, tuple[str, ...]], ...]:
        """Every user's record with the names of the roles."""
        company = self._company
        rows = [row for _, row in company.table(USERS).rows()]
        return tuple((row, roles_of(company, row.get("LOGINID", ""))) for row in rows)

    @property
    def mail(self) -> tuple[UserMail, ...]:
        """The messages to the users that are not users of the settings, in the order of the users."""
        company = self._company
        settings_users = {one.user_id.lower() for one in company.settings.users}
        rows = [row for row, _ in self.users if row.get("LOGINID", "").lower() not in settings_users]
        password = company.behaviour.initial_password
        return tuple(UserMail(row.get("EMAIL", ""), row.get("LOGINID", ""), password) for row in rows)

    @property
    def _company(self) -> CompanyData:
        return self._emulator.company(self.company_id)

    # --- Sage

    def license_sender(self, sender_id: str = "") -> SenderSettings:
        """Issue a Web Services developer licence: the first sender without one, or the named one, becomes active."""
        waiting = [one for one in self.senders if not one.active]
        chosen = next((one for one in self.senders if one.sender_id == sender_id), None) if sender_id else None
        if chosen is None and sender_id:
            sender_ids = [one.sender_id for one in self.senders]
            raise SettingsError(f"Sage knows no sender {sender_id}{did_you_mean(sender_id, sender_ids)}")
        chosen = chosen or (waiting or list(self.senders))[0]
        held = self._company.facts.administered.get()
        licensed = held.licensed if held is not None else ()
        self._emulator.administer(self.company_id, licensed=tuple(dict.fromkeys((*licensed, chosen.sender_id))))
        return next(one for one in self.senders if one.sender_id == chosen.sender_id)

    # --- the administrator

    def subscribe(self, application: str = WEB_SERVICES, *, on: bool = True) -> None:
        """Turn a subscription on or off: Web Services, or an application by its name or code."""
        if application.lower() == WEB_SERVICES.lower():
            self._emulator.administer(self.company_id, web_services=on)
            return
        code = _code(application)
        held = [one for one in self.settings.modules if one != code]
        self._emulator.administer(self.company_id, modules=(*held, code) if on else tuple(held))

    def authorise_sender(self, sender_id: str, status: str = _ACTIVE) -> None:
        """Add a sender to the Web Services authorizations as it is spelled here, or change its status."""
        name, status = sender_id.strip(), status.lower()
        if not name:
            raise SettingsError("The sender ID is empty.", fix="Enter the ID that Sage issued, with its capitals.")
        if status not in (_ACTIVE, _INACTIVE):
            raise SettingsError(f"{status!r} is no status of a sender.", fix=f"Use {_ACTIVE} or {_INACTIVE}.")
        now = self.settings
        inactive = [one for one in now.inactive_senders if one != name]
        self._emulator.administer(
            self.company_id,
            senders=tuple(dict.fromkeys((*now.senders, name))),
            inactive_senders=tuple(inactive) if status == _ACTIVE else (*inactive, name),
        )

    def withdraw_sender(self, sender_id: str) -> None:
        """Remove a sender from the Web Services authorizations."""
        left = tuple(one for one in self.settings.senders if one != sender_id)
        self._emulator.administer(self.company_id, senders=left)

    def create_role(self, name: str, description: str = "") -> None:
        """Create a role without permissions."""
        if not name.strip():
            raise SettingsError("The name of the role is empty.", fix="Enter a name.")
        if role_known(self._company, name):
            raise SettingsError(f"There is a role {name} already.", fix="Choose another name.")
        row = {"NAME": name.strip(), "DESCRIPTION": description, "TYPE": "Multi Entity Shared"}
        self._insert(ROLES, row | {"APPLYTO": "Login and Slide-In"})

    def grant(self, role: str, application: str, permission: str, rights: Iterable[str]) -> None:
        """Set the rights of a role to one permission, such as List and View; no rights withdraw it."""
        company = self._company
        record = next(
            (row for _, row in company.table(ROLES).rows() if row.get("NAME", "").lower() == role.lower()), None
        )
        if record is None:
            raise SettingsError(f"There is no role {role}.", fix="Create the role first.")
        code, chosen = _code(application), _rights(rights)
        company_permissions = [
            one.permission for one in permissions().values() if one.application == APPLICATIONS[code]
        ]
        if permission.lower() not in {"all", *(one.lower() for one in company_permissions)}:
            raise SettingsError(
                f"{APPLICATIONS[code]} has no permission {permission}{did_you_mean(permission, company_permissions)}",
                fix=f"It has {', '.join(dict.fromkeys(company_permissions)) or 'only All'}.",
            )
        table, module = company.table(PERMISSIONS), f"{_MODULES[code]}.{code}"
        key = {"ROLEKEY": record.get("RECORDNO", ""), "MODULE": module, "POLICYNAME": permission}
        with self._emulator.between_requests(self.company_id):
            for number, row in list(table.rows()):
                if all(row.get(name, "").lower() == text.lower() for name, text in key.items()):
                    table.delete(number)
        if chosen:
            self._insert(PERMISSIONS, {**key, "RIGHTS": "|".join(chosen)})

    def create_user(
        self,
        user_id: str,
        email: str,
        *,
        first_name: str = "Web Services",
        last_name: str = "",
        user_type: str = "business user",
        admin: str = "false",
        web_services_only: bool = True,
        entities: Sequence[str] = (),
    ) -> UserMail:
        """Create a user, perhaps restricted to entities; the answer is the message with the password."""
        contact = {"LASTNAME": last_name or user_id, "FIRSTNAME": first_name, "EMAIL1": email}
        cells = {"USERTYPE": user_type, "ADMIN": admin, "STATUS": _ACTIVE, "EMAIL": email}
        flags = dict.fromkeys(("LOGINDISABLED", "PWDNEVEREXPIRES"), str(web_services_only).lower())
        body = element(
            USERS,
            element("LOGINID", user_id.strip()),
            *(element(name, text) for name, text in (cells | flags).items()),
            Element("CONTACTINFO", "", tuple(element(name, text.strip()) for name, text in contact.items())),
            *(
                [Element("USERLOCATIONS", "", tuple(element("LOCATIONID", one) for one in entities))]
                if entities
                else []
            ),
        )
        self._create(body)
        created = user_of(self._company, user_id.strip())
        assert created is not None  # `create` has stored the record
        return UserMail(email, created.user_id, created.password)

    def edit_user(self, user_id: str, *, user_type: str = "", admin: str = "", status: str = "") -> None:
        """Change a user; what is empty stays. The status `active` also unlocks a user."""
        company = self._company
        number = user_number(company, user_id)
        if number is None:
            raise SettingsError(f"There is no user {user_id}.", fix="Create the user first.")
        fields = company.find(USERS).fields
        changes = {name: text for name, text in (("USERTYPE", user_type), ("ADMIN", admin), ("STATUS", status)) if text}
        for name, text in changes.items():
            if text not in (allowed := fields[name].values):
                raise SettingsError(f"{text!r} is no {fields[name].label}.", fix=f"Use {', '.join(allowed)}.")
        table = company.table(USERS)
        with self._emulator.between_requests(self.company_id):
            table.update(number, {**(table.get(number) or {}), **changes})

    def assign_role(self, user_id: str, role: str) -> None:
        """Give a user a role."""
        self._create(element("USERROLES", element("USERID", user_id), element("ROLENAME", role)))

    def _create(self, record: Element) -> None:
        with self._emulator.on_page(UserSettings("Administrator"), self.company_id, element("create", record)) as call:
            CREATE[record.tag](call, read_draft(call, call.company.find(record.tag), record))

    def _insert(self, name: str, row: Row) -> None:
        company = self._company
        stamp = datetime.fromtimestamp(int(self._emulator.now() + company.ahead), UTC)
        times = dict.fromkeys(("WHENCREATED", "WHENMODIFIED"), timestamp_text(stamp))
        with self._emulator.between_requests(self.company_id):
            company.table(name).insert(row | times)


def _code(application: str) -> str:
    codes = {name.lower(): code for name, code in _CODES.items()} | {code.lower(): code for code in APPLICATIONS}
    if application.lower() not in codes:
        raise SettingsError(
            f"There is no application {application}{did_you_mean(application, (WEB_SERVICES, *_CODES))}",
            fix=f"The applications are {', '.join((WEB_SERVICES, *_CODES))}.",
        )
    return codes[application.lower()]


def _rights(rights: Iterable[str]) -> list[str]:
    known_rights = {right.lower(): right for right in RIGHTS}
    for right in (chosen := list(rights)):
        if right.lower() not in known_rights:
            raise SettingsError(
                f"There is no right {right}{did_you_mean(right, RIGHTS)}", fix=f"Use {', '.join(RIGHTS)}."
            )
    names = {right.lower() for right in chosen}
    return [right for right in RIGHTS if right.lower() in names]
