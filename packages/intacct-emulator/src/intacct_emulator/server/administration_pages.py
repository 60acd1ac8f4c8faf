"""The pages for people: an app on the control API, whose forms name an operation and send its parameters.

The first page stands for the screens with which a company's administrator, and Sage, connect a program: a section for
each step, in the order and under the names of Intacct's screens. The second one controls the emulator. They need no
script. The server refuses requests of other machines and of other pages before they come here.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin
from urllib.parse import parse_qs, urlencode

from intacct_emulator.server.administration import RIGHTS
from intacct_emulator.server.control import models
from intacct_emulator.server.control.calls import call, from_text
from intacct_emulator.server.control.operations import ADMINISTRATION, CONTROL, OPERATIONS, Control, Operation
from intacct_emulator.settings.companies import UserType
from intacct_emulator.settings.typed_tables import hints_of, without_bounds
from intacct_protocol.errors import IntacctError
from intacct_protocol.model.permissions import permissions

if TYPE_CHECKING:
    from jinja2 import Environment

PAGES = ("", "/emulator")
"""The addresses of the pages below `ADMINISTRATION`."""
Fields = Mapping[str, Sequence[str]]
_ADMIN = (("false", "Off"), ("true", "Limited"), ("Full", "Full"))
_USER_TYPES = [(name, name.capitalize()) for name in get_args(UserType) if name]
_SHOWN = 20
"""Requests on the page."""
_SAYINGS = {
    "issue_licence": "Sage issued the sender ID {answer.sender_id} with the password {answer.password}",
    "subscribe": "{application}: {subscribed}",
    "authorize_sender": "Saved the authorization of {sender_id}: {status}",
    "withdraw_sender": "Removed the authorization of {sender_id}",
    "create_role": "Created the role {name}",
    "grant_permission": "{role}: {permission}: {rights}",
    "create_user": "Created the user {answer.user_id}. Intacct sent the password to {answer.to}",
    "edit_user": "Saved the user {user_id}",
    "assign_role": "{user_id} has the role {role} now",
    "inject_fault": "Injected fault {answer.number}: {kind}",
    "revalue": "Revalued on {day}",
    "apply_scenario": "Began again with the scenario {name}",
}
"""What a page says when an operation is done; the summary of any other operation."""


def page(control: Control, place: str, query: str) -> tuple[int, str]:
    """The status and the page at an address below `ADMINISTRATION`, for the company that a query names."""
    fields = parse_qs(query)
    try:
        company_id = control.company_id(_text_of(fields, "company"))
    except IntacctError as error:
        return HTTPStatus.NOT_FOUND, _rendered(control, place, "", _sentence(error), problem=True)
    return HTTPStatus.OK, _rendered(control, place, company_id)


def act(control: Control, place: str, body: bytes) -> tuple[int, str]:
    """Carry out a sent form: the status of the answer, and the page with its result or the refusal."""
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    operation = OPERATIONS.get(_text_of(fields, "operation"))
    company = _text_of(fields, "company")
    company_id = company if control.emulator.settings.company(company) is not None else ""
    if operation is None:
        message = f"There is no operation {_text_of(fields, 'operation')!r}."
        return HTTPStatus.UNPROCESSABLE_ENTITY, _rendered(control, place, company_id, message, problem=True)
    try:
        answer = _called(control, operation, fields)
    except IntacctError as error:
        return HTTPStatus.UNPROCESSABLE_ENTITY, _rendered(control, place, company_id, _sentence(error), problem=True)
    if control.emulator.settings.company(company_id) is None:
        company_id = ""  # the operation removed it
    return HTTPStatus.OK, _rendered(control, place, company_id, _done(operation, fields, answer))


def _called(control: Control, operation: Operation, fields: Fields) -> Any:
    path = {name: _text_of(fields, name) for name in operation.parameters}
    query = {"company": _text_of(fields, "company")} if operation.query is not None else {}
    body = None
    if operation.body is not None:
        body = _body(operation, path, fields)
    return call(control, operation, path, query, body)


def _body(operation: Operation, path: Mapping[str, str], fields: Fields) -> dict[str, Any]:
    """The body that a form describes: empty fields are left out, but an empty list is one.

    A field that is called as a parameter of the path has `body.` before its name.
    """
    body: dict[str, Any] = {}
    for name, hint in hints_of(operation.body).items():
        texts = fields.get(f"body.{name}", () if name in path else fields.get(name, ()))
        is_list = get_origin(without_bounds(hint)[0]) is tuple
        if any(text.strip() for text in texts) or (texts and is_list):
            body[name] = _value(hint, texts)
    return body


def _value(hint: Any, texts: Sequence[str]) -> Any:
    """What a form sent for a field, as JSON would have it."""
    kind = without_bounds(hint)[0]
    if get_origin(kind) is tuple:
        inner = get_args(kind)[0]
        return [from_text(inner, part.strip()) for text in texts for part in text.split(",") if part.strip()]
    return from_text(kind, texts[0].strip())


def _text_of(fields: Fields, name: str) -> str:
    return fields.get(name, [""])[0].strip()


def _sentence(error: IntacctError) -> str:
    """An error as a page shows it: of the form, not of the JSON that a program would have sent."""
    message = error.message.replace("body needs", "the form needs").removeprefix("body.")
    fix = "" if '": ' in error.fix else error.fix
    return f"{message[:1].upper()}{message[1:].rstrip('.')}. {fix[:1].upper()}{fix[1:]}".strip()


def _done(operation: Operation, fields: Fields, answer: Any) -> str:
    texts = {name: ", ".join(filter(None, sent)) or "none" for name, sent in fields.items()}
    defaults = dict.fromkeys(("status", "rights", "kind"), "none")
    return _SAYINGS.get(operation.name, f"Done: {operation.summary}").format(**{**defaults, **texts}, answer=answer)


# --- what the pages show


@cache
def _templates() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent.parent / "data" / "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["cells"] = lambda row, *names: tuple(_shown(getattr(row, name)) for name in names)
    templates.filters["choice"] = lambda row, name: (getattr(row, name), getattr(row, name))
    return templates


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _rendered(control: Control, place: str, company_id: str, message: str = "", *, problem: bool = False) -> str:
    query = models.OfCompany(company_id)
    set_up: models.SetUp = _answer(control, "read_set_up", query=query)
    ids = [company.company_id for company in control.emulator.settings.companies]
    shared = {
        "address": ADMINISTRATION,
        "control": CONTROL,
        "company_id": set_up.company_id,
        "of_company": urlencode({"company": set_up.company_id}),
        "companies": [(name, urlencode({"company": name})) for name in ids],
        "message": message,
        "problem": problem,
    }
    if place == PAGES[1]:
        title, shown = f"Emulator of {set_up.title} ({set_up.company_id})", _of_emulator(control, query)
        return _templates().get_template("emulator.html").render(**shared, page="emulator", title=title, **shown)
    title, shown = f"Administration of {set_up.title} ({set_up.company_id})", _of_screens(set_up)
    return _templates().get_template("screens.html").render(**shared, page="screens", title=title, **shown)


def _answer(control: Control, name: str, **sent: Any) -> Any:
    return OPERATIONS[name].act(control, **sent)


def _of_screens(set_up: models.SetUp) -> dict[str, Any]:
    every = dict.fromkeys(f"{each.application} > {each.permission}" for each in permissions().values())
    return {
        "set_up": set_up,
        "permissions": [
            (role.name, granted.permission, granted.rights)
            for role in set_up.roles
            for granted in role.permissions or (models.GrantedPermission("", ""),)
        ],
        "every_permission": [(name, name) for name in sorted(every)],
        "rights": RIGHTS,
        "user_types": _USER_TYPES,
        "admins": [*_ADMIN],
        "role_choices": [(name, name) for name in (*(role.name for role in set_up.roles), *set_up.roles_of_settings)],
    }


def _of_emulator(control: Control, query: models.OfCompany) -> dict[str, Any]:
    companies: models.CompanyList = _answer(control, "list_companies")
    snapshots: models.SnapshotList = _answer(control, "list_snapshots")
    faults: models.FaultList = _answer(control, "list_faults")
    received: models.ReceivedRequests = _answer(control, "list_received", query=models.ReceivedQuery())
    kinds: models.FaultKinds = _answer(control, "list_fault_kinds")
    scenarios: models.ScenarioList = _answer(control, "list_scenarios")
    return {
        "company_rows": [
            (each.company_id, each.title, each.requests, each.transactions.total) for each in companies.companies
        ],
        "company_choices": [(each.company_id, each.company_id) for each in companies.companies],
        "snapshot_rows": [(each.name, len(each.companies), each.faults) for each in snapshots.snapshots],
        "snapshot_choices": [(each.name, each.name) for each in snapshots.snapshots],
        "clock": _answer(control, "read_clock", query=query),
        "fault_rows": [
            (each.number, each.fault.kind, each.fault.function, each.matched, each.happened) for each in faults.faults
        ],
        "fault_choices": [(each.number, f"{each.number}: {each.fault.kind}") for each in faults.faults],
        "fault_kinds": [(each.kind, f"{each.kind}: {each.meaning}") for each in kinds.kinds],
        "scenario_choices": [(each.name, f"{each.name}: {each.title}") for each in scenarios.scenarios],
        "received_rows": [
            (each.number, f"{each.at:%H:%M:%S}", each.company, ", ".join(each.functions), str(each.outcome))
            for each in reversed(received.requests[-_SHOWN:])
        ],
    }
