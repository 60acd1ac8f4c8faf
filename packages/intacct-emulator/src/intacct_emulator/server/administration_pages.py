"""The page on which a person acts as the administrator of an emulated company, and as Sage.

It has a form for each step of connecting a program, in the order and under the names of Intacct's screens. It needs no
script. The server refuses requests of other machines and of other pages before they come here.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from urllib.parse import parse_qs, urlencode

from intacct_emulator.server.administration import RIGHTS, WEB_SERVICES, Administration
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.companies import APPLICATIONS
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.permissions import permissions

ADMINISTRATION = "/administration"
Fields = Mapping[str, Sequence[str]]
_USER_TYPES = ("business user", "employee user", "view only user", "dashboard user", "platform user")
_ADMIN = (("false", "Off"), ("true", "Limited"), ("Full", "Full"))
_UNCHANGED = ("", "unchanged")
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 1rem auto; padding: 0 1rem; color: #1b1f24; }
section { border: 1px solid #b6bec8; border-radius: 6px; padding: 0 1rem 1rem; margin: 1rem 0; }
h1 { font-size: 1.5rem; line-height: 1.25; } h2 { font-size: 1.1rem; }
label { display: block; margin: .5rem 0 0; font-weight: 600; }
input:not([type=checkbox]), select { font: inherit; width: 100%; max-width: 26rem; box-sizing: border-box; }
fieldset { border: 0; padding: 0; margin: .5rem 0; }
fieldset label { display: inline-block; font-weight: 400; margin-right: .8rem; }
button { font: inherit; display: block; margin-top: .8rem; padding: .35rem 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; border-bottom: 1px solid #d5dae0; padding: .3rem .4rem; }
.path { color: #57606a; } .message { border-left: 4px solid #1a7f37; padding: .5rem 1rem; background: #eef8f0; }
.problem { border-left-color: #cf222e; background: #fff0ef; } .table { overflow-x: auto; }
"""


def page(emulator: Emulator, query: str) -> str:
    """The page of the company that a query names, or of the first one."""
    return _page(_administration(emulator, parse_qs(query)))


def act(emulator: Emulator, body: bytes) -> tuple[int, str]:
    """Carry out a sent form: the status of the answer, and the page with its result or the refusal."""
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    administration = _administration(emulator, fields)
    action = _ACTIONS.get(_text_of(fields, "action"))
    try:
        if action is None:
            raise SettingsError(f"There is no action {_text_of(fields, 'action')!r}.")
        return 200, _page(administration, action(administration, fields))
    except SettingsError as error:
        return 422, _page(administration, f"{error.message} {error.fix}".strip(), problem=True)


def _administration(emulator: Emulator, fields: Fields) -> Administration:
    company = _text_of(fields, "company")
    settings = emulator.settings.company(company)
    return Administration(emulator, settings.company_id if settings is not None else "")


def _text_of(fields: Fields, name: str) -> str:
    return fields.get(name, [""])[0].strip()


# --- the actions


def _license(administration: Administration, fields: Fields) -> str:
    sender = administration.license_sender(_text_of(fields, "sender_id"))
    return f"Sage issued the sender ID {sender.sender_id} with the password {sender.password}"


def _subscribe(administration: Administration, fields: Fields) -> str:
    name, on = _text_of(fields, "application"), _text_of(fields, "on") == "yes"
    administration.subscribe(name, on=on)
    return f"{name}: {'subscribed' if on else 'not subscribed'}"


def _authorise(administration: Administration, fields: Fields) -> str:
    administration.authorise_sender(_text_of(fields, "sender_id"), _text_of(fields, "status"))
    return f"Saved the authorization of {_text_of(fields, 'sender_id')}: {_text_of(fields, 'status')}"


def _withdraw(administration: Administration, fields: Fields) -> str:
    administration.withdraw_sender(_text_of(fields, "sender_id"))
    return f"Removed the authorization of {_text_of(fields, 'sender_id')}"


def _role(administration: Administration, fields: Fields) -> str:
    administration.create_role(_text_of(fields, "role"))
    return f"Created the role {_text_of(fields, 'role')}"


def _grant(administration: Administration, fields: Fields) -> str:
    application, _, permission = _text_of(fields, "permission").partition(" > ")
    rights = [one for one in RIGHTS if one in fields.get("rights", ())]
    administration.grant(_text_of(fields, "role"), application, permission, rights)
    return f"{_text_of(fields, 'role')}: {application} > {permission}: {', '.join(rights) or 'no rights'}"


def _user(administration: Administration, fields: Fields) -> str:
    entities = tuple(one.strip() for one in _text_of(fields, "entities").split(",") if one.strip())
    mail = administration.create_user(
        _text_of(fields, "user_id"),
        _text_of(fields, "email"),
        first_name=_text_of(fields, "first_name"),
        last_name=_text_of(fields, "last_name"),
        user_type=_text_of(fields, "user_type"),
        admin=_text_of(fields, "admin"),
        web_services_only=_text_of(fields, "web_services_only") == "yes",
        entities=entities,
    )
    return f"Created the user {mail.user_id}. Intacct sent the password to {mail.to}"


def _edit(administration: Administration, fields: Fields) -> str:
    changes = {name: _text_of(fields, name) for name in ("user_type", "admin", "status")}
    administration.edit_user(_text_of(fields, "user_id"), **changes)
    return f"Saved the user {_text_of(fields, 'user_id')}"


def _assign(administration: Administration, fields: Fields) -> str:
    administration.assign_role(_text_of(fields, "user_id"), _text_of(fields, "role"))
    return f"{_text_of(fields, 'user_id')} has the role {_text_of(fields, 'role')} now"


_ACTIONS: Mapping[str, Callable[[Administration, Fields], str]] = {
    "license": _license,
    "subscribe": _subscribe,
    "authorise": _authorise,
    "withdraw": _withdraw,
    "role": _role,
    "grant": _grant,
    "user": _user,
    "edit": _edit,
    "assign": _assign,
}


# --- the page


def _page(administration: Administration, message: str = "", *, problem: bool = False) -> str:
    settings = administration.settings
    title = f"Administration of {settings.title} ({settings.company_id})"
    status = f'<p class="message{" problem" if problem else ""}" role="status">{escape(message)}</p>' if message else ""
    sections = (_sage, _subscriptions, _authorizations, _roles, _users, _assignments, _mail, _company)
    parts = "".join(section(administration) for section in sections)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f"<h1>{escape(title)}</h1><p>This page stands for Intacct's screens. The company is emulated, and all of it is"
        f" made up.</p>{status}{parts}</body></html>"
    )


def _section(name: str, path: str, *content: str) -> str:
    shown = f'<p class="path">{escape(path)}</p>' if path else ""
    title = f'<h2 id="{name}">{escape(_TITLES[name])}</h2>'
    return f'<section aria-labelledby="{name}">{title}{shown}{"".join(content)}</section>'


_TITLES = {
    "sage": "Sage: Web Services developer licence",
    "subscriptions": "Subscriptions",
    "authorizations": "Web Services authorizations",
    "roles": "Roles",
    "users": "Web Services users",
    "assignments": "Roles information",
    "mail": "Mail from Intacct",
    "company": "Company information",
}


def _form(administration: Administration, action: str, button: str, *content: str) -> str:
    hidden = f'<input type="hidden" name="company" value="{escape(administration.company_id)}">'
    name = f'<input type="hidden" name="action" value="{action}">'
    sent = f"{hidden}{name}{''.join(content)}<button>{escape(button)}</button>"
    return f'<form method="post" action="{ADMINISTRATION}">{sent}</form>'


def _input(place: str, label: str, name: str, value: str = "", kind: str = "text") -> str:
    field = f"{place}-{name}"
    return (
        f'<label for="{field}">{escape(label)}</label>'
        f'<input id="{field}" name="{name}" type="{kind}" value="{escape(value)}" autocomplete="off">'
    )


def _select(place: str, label: str, name: str, choices: Iterable[tuple[str, str]]) -> str:
    field = f"{place}-{name}"
    options = "".join(f'<option value="{escape(value)}">{escape(text)}</option>' for value, text in choices)
    return f'<label for="{field}">{escape(label)}</label><select id="{field}" name="{name}">{options}</select>'


def _same(names: Iterable[str]) -> list[tuple[str, str]]:
    return [(one, one) for one in names]


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = "".join("<tr>" + "".join(f"<td>{escape(one)}</td>" for one in row) + "</tr>" for row in rows)
    if not lines:
        return "<p>None yet.</p>"
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in columns)
    return f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>'


def _sage(administration: Administration) -> str:
    waiting = [one.sender_id for one in administration.senders if not one.active]
    held = [(one.sender_id, one.password) for one in administration.senders if one.active]
    form = _form(administration, "license", "Issue a licence") if waiting else ""
    return _section("sage", "", _table(("Sender ID", "Sender password"), held), form)


def _subscriptions(administration: Administration) -> str:
    settings = administration.settings
    names = [WEB_SERVICES, *(name for code, name in APPLICATIONS.items() if code not in ("CO", "PT"))]
    on = {WEB_SERVICES: settings.web_services} | {
        name: code in settings.modules for code, name in APPLICATIONS.items() if code not in ("CO", "PT")
    }
    return _section(
        "subscriptions",
        "Company ▸ Admin ▸ Subscriptions",
        _table(("Application", "Subscribed"), [(name, "yes" if on[name] else "no") for name in names]),
        _form(
            administration,
            "subscribe",
            "Save",
            _select("subscriptions", "Application", "application", _same(names)),
            _select("subscriptions", "Subscribed", "on", _same(("yes", "no"))),
        ),
    )


def _authorizations(administration: Administration) -> str:
    settings = administration.settings
    rows = [(one, "inactive" if one in settings.inactive_senders else "active") for one in settings.senders]
    return _section(
        "authorizations",
        "Company ▸ Setup ▸ Company ▸ Edit ▸ Security ▸ Web Services authorizations",
        _table(("Sender ID", "Status"), rows),
        _form(
            administration,
            "authorise",
            "Save the authorization",
            _input("authorizations", "Sender ID", "sender_id"),
            _select("authorizations", "Status", "status", (("active", "Active"), ("inactive", "Inactive"))),
        ),
        _form(administration, "withdraw", "Remove", _select("removal", "Entry", "sender_id", _same(settings.senders)))
        if settings.senders
        else "",
    )


def _roles(administration: Administration) -> str:
    roles = administration.roles
    rows = [
        (
            name,
            f"{APPLICATIONS.get(one.get('MODULE', '').rpartition('.')[2], '')} > {one.get('POLICYNAME', '')}",
            one.get("RIGHTS", ""),
        )
        for name, granted in roles
        for one in granted or ({},)
    ]
    every = dict.fromkeys(f"{one.application} > {one.permission}" for one in permissions().values())
    boxes = "".join(f'<label><input type="checkbox" name="rights" value="{one}"> {one}</label>' for one in RIGHTS)
    grant = _form(
        administration,
        "grant",
        "Save the permission",
        _select("permissions", "Role", "role", _same(name for name, _ in roles)),
        _select("permissions", "Permission", "permission", _same(sorted(every))),
        f"<fieldset><legend>Rights</legend>{boxes}</fieldset>",
    )
    return _section(
        "roles",
        "Company ▸ Admin ▸ Roles ▸ Add, then Subscriptions ▸ Permissions",
        _table(("Role", "Permission", "Rights"), rows),
        _form(administration, "role", "Create the role", _input("roles", "Name", "role")),
        grant if roles else "",
    )


def _users(administration: Administration) -> str:
    rows = [
        (row.get("LOGINID", ""), row.get("USERTYPE", ""), row.get("ADMIN", ""), row.get("STATUS", ""))
        for row, _ in administration.users
    ]
    return _section(
        "users",
        "Company ▸ Admin ▸ Web Services users ▸ Add",
        _table(("User ID", "User type", "Admin privileges", "Status"), rows),
        _form(
            administration,
            "user",
            "Create the user",
            _input("users", "User ID", "user_id"),
            _input("users", "Last name", "last_name"),
            _input("users", "First name", "first_name"),
            _input("users", "Email address", "email", kind="email"),
            _select("users", "User type", "user_type", ((one, one.capitalize()) for one in _USER_TYPES)),
            _select("users", "Admin privileges", "admin", _ADMIN),
            _select("users", "Web Services only", "web_services_only", _same(("yes", "no"))),
            _input("users", "User entities (empty for all)", "entities"),
        ),
        _form(
            administration,
            "edit",
            "Save the user",
            _select(
                "edit", "User", "user_id", _same(row.get("LOGINID", "") for row, _ in reversed(administration.users))
            ),
            _select("edit", "User type", "user_type", (_UNCHANGED, *((one, one.capitalize()) for one in _USER_TYPES))),
            _select("edit", "Admin privileges", "admin", (_UNCHANGED, *_ADMIN)),
            _select("edit", "Status", "status", (_UNCHANGED, ("active", "Active"), ("inactive", "Inactive"))),
        ),
    )


def _assignments(administration: Administration) -> str:
    users = administration.users
    role_names = [name for name, _ in administration.roles]
    of_settings = [role.name for role in administration.settings.roles]
    return _section(
        "assignments",
        "Company ▸ Admin ▸ Web Services users ▸ the user ▸ Roles information",
        _table(("User ID", "Roles"), [(row.get("LOGINID", ""), ", ".join(held)) for row, held in users]),
        _form(
            administration,
            "assign",
            "Assign the role",
            _select("assignments", "User", "user_id", _same(row.get("LOGINID", "") for row, _ in reversed(users))),
            _select("assignments", "Role", "role", _same((*role_names, *of_settings))),
        ),
    )


def _mail(administration: Administration) -> str:
    rows = [(one.to, one.user_id, one.password) for one in administration.mail]
    return _section("mail", "", _table(("To", "User ID", "Password"), rows))


def _company(administration: Administration) -> str:
    settings = administration.settings
    rows = [("Company ID", settings.company_id), ("Name", settings.title)]
    addresses = {one.company_id: urlencode({"company": one.company_id}) for one in administration.companies}
    every = "".join(
        f'<li><a href="{ADMINISTRATION}?{escape(query)}">{escape(name)}</a></li>' for name, query in addresses.items()
    )
    others = f"<p>The companies of this gateway:</p><ul>{every}</ul>" if len(administration.companies) > 1 else ""
    return _section("company", "Company ▸ Setup ▸ Company", _table(("Field", "Value"), rows), others)
