"""The operations of the control API. A function's docstring is its description, its signature what it takes and gives.

Parameters of the path stand in the path. `query` and `body` are dataclasses of `models`, and so is the answer. What a
function raises becomes a `Problem`; it has changed nothing then.
"""

import inspect
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar, get_type_hints

from msgspec import Meta

from intacct_emulator import __version__
from intacct_emulator.company.company_data import CompanyData
from intacct_emulator.ledger.periods import close_books as close_company_books
from intacct_emulator.ledger.seeding import seed
from intacct_emulator.server.administration import WEB_SERVICES, Administration
from intacct_emulator.server.control import models
from intacct_emulator.server.gateway import Emulator, numbered_companies
from intacct_emulator.server.schema.functions import functions
from intacct_emulator.settings.cells import Row
from intacct_emulator.settings.companies import APPLICATIONS, DEFAULT_COMPANY, CompanySettings
from intacct_emulator.settings.faults import KINDS, FaultPlan, ScriptedFault, check_functions, load_faults
from intacct_emulator.settings.scenarios import (
    declared_company,
    find_scenario,
    load_scenario,
    read_scenario,
    scenario,
    shipped_scenarios,
)
from intacct_emulator.settings.typed_tables import TableOf, built
from intacct_protocol.errors import InvalidRequestError, SettingsError
from intacct_protocol.model.suggestions import did_you_mean

CONTROL = "/control"
ADMINISTRATION = "/administration"
GATEWAY = "/ia/xml/xmlgw.phtml"
START = "start"
"""The snapshot that is taken when the server starts."""
_SMALL = 100 * 2**20
"""Bytes of records of which a first snapshot costs little: each table is copied before its first write after it."""
_APPLICATIONS = (WEB_SERVICES, *(name for code, name in APPLICATIONS.items() if code not in ("CO", "PT")))
_F = TypeVar("_F", bound=Callable[..., Any])
Number = Annotated[int, Meta(ge=1)]


class NotThereError(SettingsError):
    """What a request names does not exist."""


class Control:
    """What the operations work on: one emulator, with the settings that it started with."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.first_settings = emulator.settings
        companies = emulator.companies
        if START not in emulator.snapshots and companies.in_memory and companies.size < _SMALL:
            emulator.snapshots[START] = emulator.snapshot()

    def company_id(self, name: str) -> str:
        """The id of a company that there is, or of the first one without a name; capitals make no difference."""
        ids = [company.company_id for company in self.emulator.settings.companies]
        if not name:
            return ids[0]
        settings = self.emulator.settings.company(name)
        if settings is None:
            fix = f"companies: {', '.join(ids[:12])}{', ...' if len(ids) > 12 else ''}"
            raise NotThereError(f"there is no company {name}{did_you_mean(name, ids)}", fix=fix)
        return settings.company_id

    def administration(self, query: models.OfCompany) -> Administration:
        """The administration of a company."""
        return Administration(self.emulator, self.company_id(query.company))

    def snapshot(self, name: str) -> Any:
        """A snapshot by its name."""
        names = self.emulator.snapshots
        if name not in names:
            fix = f"take it first: PUT {CONTROL}/snapshots/{name or START}"
            raise NotThereError(f"there is no snapshot {name}{did_you_mean(name, names)}", fix=fix)
        return names[name]


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation as its function declares it."""

    name: str
    method: str
    path: str
    """Below the path of the API, with the names of its parameters in braces."""
    topic: str
    status: int
    summary: str
    text: str
    parameters: Mapping[str, Any]
    """By parameter of the path, its type."""
    query: type[Any] | None
    body: Any
    answer: Any
    """None for an answer without content."""
    act: Callable[..., Any]

    @property
    def changes(self) -> bool:
        """Whether it changes anything."""
        return self.method != "GET"


OPERATIONS: dict[str, Operation] = {}
"""The operations by name."""


def _operation(method: str, path: str, topic: str, *, status: int = 200) -> Callable[[_F], _F]:
    """Declare the function below as an operation."""

    def declare(act: _F) -> _F:
        hints = get_type_hints(act, include_extras=True)
        del hints[next(iter(hints))]  # the control
        answer = hints.pop("return")
        answer = None if answer is type(None) else answer
        query, body = hints.pop("query", None), hints.pop("body", None)
        summary, _, text = inspect.cleandoc(act.__doc__ or "").partition("\n\n")
        OPERATIONS[act.__name__] = Operation(
            act.__name__, method, path, topic, status if answer is not None else 204,
            " ".join(summary.split()).rstrip("."), " ".join(text.split()), hints, query, body, answer, act,
        )  # fmt: skip
        return act

    return declare


# --- the emulator and its companies


@_operation("GET", "", "Emulator")
def describe(control: Control) -> models.Emulated:
    """Show what is served."""
    emulator = control.emulator
    ids = tuple(company.company_id for company in emulator.settings.companies)
    openapi = f"{CONTROL}/openapi.json"
    return models.Emulated(__version__, GATEWAY, openapi, ADMINISTRATION, ids, tuple(emulator.incidents))


@_operation("POST", "/reset", "States")
def reset(control: Control) -> models.Snapshot:
    """Go back to the snapshot `start`.

    Records, settings, clocks and faults are as they were then. Sessions, received requests and counts begin again. The
    server takes this snapshot when it starts, if the companies are in memory and smaller than 100 MB. You can take it
    again at another moment.
    """
    return restore_snapshot(control, START)


@_operation("GET", "/companies", "Companies")
def list_companies(control: Control) -> models.CompanyList:
    """List the companies with their credentials and counts."""
    ids = [company.company_id for company in control.emulator.settings.companies]
    return models.CompanyList(tuple(_company(control, company_id) for company_id in ids))


@_operation("POST", "/companies", "Companies", status=201)
def create_company(control: Control, body: Annotated[Mapping[str, Any], TableOf(CompanySettings)]) -> models.Company:
    """Create a company with the keys of a `[[company]]` of a company file.

    It has its users and what it declares. It is in memory until the emulator ends.
    """
    company_id = str(body.get("company_id", DEFAULT_COMPANY))
    if control.emulator.settings.company(company_id) is not None:
        raise SettingsError(f"there is a company {company_id} already", fix='give another "company_id"')
    declared = declared_company(body, "body")
    control.emulator.create_company(declared.companies[0])
    return _company(control, company_id)


@_operation("GET", "/companies/{company_id}", "Companies")
def read_company(control: Control, company_id: str) -> models.Company:
    """Show a company with its credentials and counts."""
    return _company(control, control.company_id(company_id))


@_operation("DELETE", "/companies/{company_id}", "Companies")
def remove_company(control: Control, company_id: str) -> None:
    """Remove a company; a snapshot that has it brings it back. The last company stays."""
    control.emulator.remove_company(control.company_id(company_id))


@_operation("POST", "/companies/{company_id}/clone", "Companies", status=201)
def clone_company(control: Control, company_id: str, body: models.CloneCompany) -> models.Company:
    """Add a company with the records of this one, now or in a snapshot.

    The clone has its own limits, clock and log from here on.
    """
    emulator, model = control.emulator, control.company_id(company_id)
    snapshot = control.snapshot(body.snapshot) if body.snapshot else None
    if snapshot is not None and not any(model in ids for ids in (snapshot.layers, _ids(snapshot))):
        raise NotThereError(f"the snapshot {body.snapshot} has no company {model}", fix="name another snapshot")
    base = emulator.company(model).settings
    settings = built(CompanySettings, {**body.settings, "company_id": body.company_id}, "settings", base)
    if settings.declared != base.declared:
        raise SettingsError("a clone declares nothing: it has the records of its model", fix="leave these keys out")
    emulator.add_company(settings, model, snapshot)
    return _company(control, body.company_id)


@_operation("POST", "/companies/{company_id}/share", "Companies", status=201)
def share_company(control: Control, company_id: str, body: models.ShareCompany) -> models.CompanyIds:
    """Add many companies that share the records of this one until they are written.

    A thousand take a second. A change in one is seen in no other.
    """
    if bool(body.count) == bool(body.company_ids):
        raise SettingsError("give either a count or ids", fix='such as "count": 10')
    ids = body.company_ids or numbered_companies(body.count)
    return models.CompanyIds(control.emulator.add_companies(ids, control.company_id(company_id)))


def _company(control: Control, company_id: str) -> models.Company:
    emulator = control.emulator
    count, billed = emulator.request_count(company_id), emulator.transactions(company_id)
    return models.Company(
        company_id,
        emulator.company(company_id).settings.title,
        models.Credentials(**emulator.settings.credentials(company_id)),
        count.requests,
        count.most_at_once,
        models.ApiTransactions(billed.total, billed.by_function, billed.by_sender),
    )


# --- the clock


@_operation("GET", "/clock", "Clock")
def read_clock(control: Control, query: models.OfCompany) -> models.Clock:
    """Show the clock of a company."""
    company_id = control.company_id(query.company)
    ahead = control.emulator.company(company_id).ahead
    return models.Clock(company_id, datetime.fromtimestamp(control.emulator.now() + ahead, UTC), ahead)


@_operation("PUT", "/clock", "Clock")
def set_clock(control: Control, query: models.OfCompany, body: models.SetClock) -> models.Clock:
    """Set the clock of a company; it runs on from there."""
    return _clock_at(control, query, body.moment)


@_operation("POST", "/clock/advance", "Clock")
def advance_clock(control: Control, query: models.OfCompany, body: models.AdvanceClock) -> models.Clock:
    """Let time pass for a company."""
    moment = read_clock(control, query).moment
    passed = timedelta(days=body.days, hours=body.hours, minutes=body.minutes, seconds=body.seconds)
    return _clock_at(control, query, moment + passed if passed < timedelta(days=365_000) else None)


def _clock_at(control: Control, query: models.OfCompany, moment: datetime | None) -> models.Clock:
    company_id = control.company_id(query.company)
    if moment is None or not 1970 <= moment.year < 9000:
        raise SettingsError("a clock is set to a year from 1970 to 8999", fix="give an earlier or a later moment")
    control.emulator.set_clock(moment, company_id)
    return read_clock(control, query)


# --- records


@_operation("GET", "/records/{object}", "Records")
def list_records(control: Control, object: str, query: models.RecordsQuery) -> models.Records:
    """List the stored records of an object, regardless of the users' rights."""
    with control.emulator.between_requests(control.company_id(query.company)) as company:
        table = company.table(_object(company, object))
        rows = [
            row for place, (_, row) in enumerate(table.rows()) if query.offset <= place < query.offset + query.limit
        ]
        return models.Records(table.name, table.count(), tuple(dict(row) for row in rows))


@_operation("POST", "/records", "Records", status=201)
def seed_records(control: Control, query: models.OfCompany, body: models.SeedRecords) -> models.StoredRecords:
    """Store records as they are.

    The gateway's rules do not apply. The lines of a posted journal entry count in the ledger. Send `create` to the
    gateway for records that should have consequences. Either all records are stored or none.
    """
    with control.emulator.between_requests(control.company_id(query.company)) as company:
        now = control.emulator.now()
        stored = Counter[str]()
        for name, rows in body.records.items():
            stored[_object(company, name)] += seed(company, name, rows, now=now)
    return models.StoredRecords(stored)


def _object(company: CompanyData, name: str) -> str:
    try:
        return company.catalog.find(name).name
    except InvalidRequestError as error:
        raise NotThereError(error.message, fix=error.fix) from None


# --- faults


@_operation("GET", "/fault-kinds", "Faults")
def list_fault_kinds(_: Control) -> models.FaultKinds:
    """List the kinds of faults."""
    return models.FaultKinds(tuple(models.FaultKindMeaning(kind, meaning) for kind, meaning in KINDS.items()))


@_operation("GET", "/faults", "Faults")
def list_faults(control: Control) -> models.FaultList:
    """List the injected faults, and how often each happened."""
    numbered = control.emulator.fault_plan.numbered()
    return models.FaultList(tuple(_fault(number, *entry) for number, entry in numbered.items()))


@_operation("POST", "/faults", "Faults", status=201)
def inject_fault(control: Control, body: ScriptedFault) -> models.Fault:
    """Inject a fault from now on; its calls are counted from here."""
    check_functions((body,), functions())
    if body.company:
        control.company_id(body.company)
    return read_fault(control, control.emulator.fault_plan.add(body))


@_operation("DELETE", "/faults", "Faults")
def remove_faults(control: Control) -> None:
    """Remove all faults."""
    control.emulator.fault_plan = FaultPlan()


@_operation("GET", "/faults/{number}", "Faults")
def read_fault(control: Control, number: Number) -> models.Fault:
    """Show a fault, and how often it happened."""
    numbered = control.emulator.fault_plan.numbered()
    if number not in numbered:
        raise _no_fault(number)
    return _fault(number, *numbered[number])


@_operation("DELETE", "/faults/{number}", "Faults")
def remove_fault(control: Control, number: Number) -> None:
    """Remove a fault."""
    if not control.emulator.fault_plan.remove(number):
        raise _no_fault(number)


def _fault(number: int, fault: ScriptedFault, count: Any) -> models.Fault:
    return models.Fault(number, count.matched, count.happened, fault)


def _no_fault(number: int) -> NotThereError:
    return NotThereError(f"there is no fault {number}", fix=f"GET {CONTROL}/faults lists them with their numbers")


# --- what was received


@_operation("GET", "/received", "Received")
def list_received(control: Control, query: models.ReceivedQuery) -> models.ReceivedRequests:
    """List the requests to the gateway, refused ones too, with every credential masked."""
    company_id = control.company_id(query.company) if query.company else ""
    shown, last = list[models.ReceivedRequest](), query.since
    for request in control.emulator.received:
        if request.number <= query.since:
            continue
        if len(shown) == query.limit:
            break
        last = request.number
        if company_id not in ("", request.company) or query.function not in ("", *request.functions):
            continue
        shown.append(
            models.ReceivedRequest(
                request.number,
                datetime.fromtimestamp(request.at, UTC),
                request.company,
                request.functions,
                request.control_ids,
                request.outcome,
                request.transactions,
                request.body.decode("utf-8", "replace"),
            )
        )
    return models.ReceivedRequests(tuple(shown), last)


@_operation("GET", "/deliveries", "Received")
def list_deliveries(control: Control) -> models.SentAnswers:
    """List the answers to asynchronous requests that were sent, or should have been."""
    return models.SentAnswers(
        tuple(
            models.SentAnswer(sent.policy, sent.control_id, datetime.fromtimestamp(sent.at, UTC), sent.outcome)
            for sent in control.emulator.deliveries
        )
    )


# --- states


@_operation("GET", "/snapshots", "States")
def list_snapshots(control: Control) -> models.SnapshotList:
    """List the snapshots."""
    return models.SnapshotList(tuple(_shown_snapshot(control, name) for name in control.emulator.snapshots))


@_operation("PUT", "/snapshots/{name}", "States")
def take_snapshot(control: Control, name: models.SnapshotName) -> models.Snapshot:
    """Keep the present state under a name; an earlier snapshot of this name is replaced."""
    snapshots = control.emulator.snapshots
    snapshots.pop(name, None)
    snapshots[name] = control.emulator.snapshot()
    return _shown_snapshot(control, name)


@_operation("POST", "/snapshots/{name}/restore", "States")
def restore_snapshot(control: Control, name: models.SnapshotName) -> models.Snapshot:
    """Go back to a snapshot.

    Records, settings, clocks and faults are as they were then. Sessions, received requests and counts begin again.
    """
    control.emulator.restore(control.snapshot(name))
    return _shown_snapshot(control, name)


@_operation("DELETE", "/snapshots/{name}", "States")
def remove_snapshot(control: Control, name: models.SnapshotName) -> None:
    """Forget a snapshot."""
    control.snapshot(name)
    del control.emulator.snapshots[name]


def _shown_snapshot(control: Control, name: str) -> models.Snapshot:
    snapshot = control.emulator.snapshots[name]
    return models.Snapshot(name, _ids(snapshot), len(snapshot.faults))


def _ids(snapshot: Any) -> tuple[str, ...]:
    return tuple(company.company_id for company in (*snapshot.settings.companies, *snapshot.added))


# --- books


@_operation("POST", "/books/close", "Books")
def close_books(control: Control, query: models.OfCompany, body: models.CloseBooks) -> None:
    """Close the books, or a sub-ledger, until a day."""
    with control.emulator.between_requests(control.company_id(query.company)) as company:
        close_company_books(company, body.until, entity=body.entity, ledger=body.ledger)


@_operation("POST", "/books/revalue", "Books")
def revalue(control: Control, query: models.OfCompany, body: models.Revalue) -> models.Revaluation:
    """Revalue open foreign-currency items and bank accounts at the rate of a day.

    The entries are posted on that day, and those of open items are reversed on the next. An earlier revaluation of the
    same day is replaced.
    """
    balances = control.emulator.revalue(
        body.day, rate_type=body.rate_type, journal=body.journal, company_id=control.company_id(query.company)
    )
    names = [field.name for field in fields(models.Revalued)]
    return models.Revaluation(
        body.day, tuple(models.Revalued(**{name: getattr(each, name) for name in names}) for each in balances)
    )


# --- scenarios and settings


@_operation("GET", "/scenarios", "Settings")
def list_scenarios(_: Control) -> models.ScenarioList:
    """List the scenarios: set-ups with a mistake, or in another state."""
    about = {name: read_scenario(path).get("scenario", {}) for name, path in shipped_scenarios().items()}
    return models.ScenarioList(
        tuple(models.Scenario(name, table.get("title", ""), table.get("text", "")) for name, table in about.items())
    )


@_operation("POST", "/scenarios/{name}/apply", "Settings")
def apply_scenario(control: Control, name: str, body: models.ApplyScenario) -> models.Settings:
    """Begin again with the settings and the faults of a scenario.

    They change the settings with which the server started, not those of an earlier scenario. Sessions, received
    requests, counts, faults, and companies that were added since are gone. `reset` goes back.
    """
    shipped = shipped_scenarios()
    short = [stem.partition("-")[2] for stem in shipped]
    if name not in (*shipped, *short):
        fix = f"GET {CONTROL}/scenarios lists them"
        raise NotThereError(f"there is no scenario {name}{did_you_mean(name, short)}", fix=fix)
    path, emulator = find_scenario(name), control.emulator
    records = control.snapshot(body.snapshot) if body.snapshot else emulator.snapshot()
    emulator.restart(load_scenario(path, control.first_settings), load_faults(path), records=records)
    return read_settings(control)


@_operation("GET", "/settings", "Settings")
def read_settings(control: Control) -> models.Settings:
    """Show the settings, without passwords."""
    settings = control.emulator.settings
    companies = tuple(
        models.CompanySetUp(
            **{
                name: getattr(company, name)
                for name in (
                    "company_id", "title", "web_services", "expired", "senders", "inactive_senders",
                    "senders_needing_login", "modules", "concurrency", "window_requests", "window_seconds",
                )
            },
            users=tuple(user.user_id for user in company.users),
            behaviour=company.behaviour or settings.behaviour,
        )
        for company in settings.companies
    )  # fmt: skip
    senders = tuple(sender.sender_id for sender in settings.senders)
    return models.Settings(settings.behaviour, senders, companies, settings.policies)


@_operation("PATCH", "/settings", "Settings")
def change_settings(
    control: Control, body: Annotated[Mapping[str, Any], TableOf(models.SettingsChange)]
) -> models.Settings:
    """Change settings, with the tables of a scenario file.

    What is left out stays. Records, faults, clocks and added companies stay too; sessions, received requests and counts
    begin again. A company with a new id is added with what it declares.
    """
    emulator = control.emulator
    emulator.change_settings(scenario(dict(body), "body", emulator.settings))
    return read_settings(control)


# --- the company's administrator


@_operation("GET", "/administration", "Administration")
def read_set_up(control: Control, query: models.OfCompany) -> models.SetUp:
    """Show what Intacct's administration screens show of a company."""
    held = control.administration(query)
    settings = held.settings
    subscribed = {WEB_SERVICES: settings.web_services} | {
        name: code in settings.modules for code, name in APPLICATIONS.items()
    }
    inactive = settings.inactive_senders
    return models.SetUp(
        held.company_id,
        settings.title,
        tuple(
            models.Sender(sender.sender_id, sender.active, sender.password if sender.active else "")
            for sender in held.senders
        ),
        tuple(models.Subscription(name, subscribed[name]) for name in _APPLICATIONS),
        tuple(
            models.Authorization(sender, "inactive" if sender in inactive else "active") for sender in settings.senders
        ),
        tuple(models.Role(name, tuple(_permission(row) for row in granted)) for name, granted in held.roles),
        tuple(role.name for role in settings.roles),
        tuple(
            models.User(
                row.get("LOGINID", ""), row.get("USERTYPE", ""), row.get("ADMIN", ""), row.get("STATUS", ""), roles
            )
            for row, roles in held.users
        ),
        tuple(models.Mail(mail.to, mail.user_id, mail.password) for mail in held.mail),
    )


def _permission(row: Row) -> models.GrantedPermission:
    application = APPLICATIONS.get(row.get("MODULE", "").rpartition(".")[2], "")
    return models.GrantedPermission(f"{application} > {row.get('POLICYNAME', '')}", row.get("RIGHTS", ""))


@_operation("POST", "/administration/licences", "Administration")
def issue_licence(control: Control, query: models.OfCompany, body: models.IssueLicence) -> models.Sender:
    """Issue the Web Services developer licence of a sender, as Sage does."""
    sender = control.administration(query).license_sender(body.sender_id)
    return models.Sender(sender.sender_id, sender.active, sender.password)


@_operation("PUT", "/administration/subscriptions", "Administration")
def subscribe(control: Control, query: models.OfCompany, body: models.Subscribe) -> models.SetUp:
    """Turn the subscription to an application on or off."""
    control.administration(query).subscribe(body.application, on=body.subscribed)
    return read_set_up(control, query)


@_operation("PUT", "/administration/authorizations", "Administration")
def authorize_sender(control: Control, query: models.OfCompany, body: models.AuthorizeSender) -> models.SetUp:
    """Authorise a sender to make requests to the company, or change the status of its authorization."""
    control.administration(query).authorise_sender(body.sender_id, body.status)
    return read_set_up(control, query)


@_operation("DELETE", "/administration/authorizations/{sender_id}", "Administration")
def withdraw_sender(control: Control, sender_id: str, query: models.OfCompany) -> None:
    """Remove the authorization of a sender."""
    administration = control.administration(query)
    senders = administration.settings.senders
    if sender_id not in senders:
        raise NotThereError(f"there is no authorization of {sender_id}{did_you_mean(sender_id, senders)}")
    administration.withdraw_sender(sender_id)


@_operation("POST", "/administration/roles", "Administration", status=201)
def create_role(control: Control, query: models.OfCompany, body: models.CreateRole) -> models.SetUp:
    """Create a role without permissions."""
    control.administration(query).create_role(body.name, body.description)
    return read_set_up(control, query)


@_operation("PUT", "/administration/permissions", "Administration")
def grant_permission(control: Control, query: models.OfCompany, body: models.GrantPermission) -> models.SetUp:
    """Set the rights of a role to a permission."""
    application, _, permission = (part.strip() for part in body.permission.partition(">"))
    control.administration(query).grant(body.role, application, permission or "All", body.rights)
    return read_set_up(control, query)


@_operation("POST", "/administration/users", "Administration", status=201)
def create_user(control: Control, query: models.OfCompany, body: models.CreateUser) -> models.Mail:
    """Create a user; the answer is the message with the password."""
    values = {field.name: getattr(body, field.name) for field in fields(body)}
    mail = control.administration(query).create_user(values.pop("user_id"), values.pop("email"), **values)
    return models.Mail(mail.to, mail.user_id, mail.password)


@_operation("PATCH", "/administration/users/{user_id}", "Administration")
def edit_user(control: Control, user_id: str, query: models.OfCompany, body: models.EditUser) -> models.SetUp:
    """Change a user."""
    held = _checked_user(control, user_id, query)
    held.edit_user(user_id, user_type=body.user_type, admin=body.admin, status=body.status)
    return read_set_up(control, query)


@_operation("POST", "/administration/users/{user_id}/roles", "Administration", status=201)
def assign_role(control: Control, user_id: str, query: models.OfCompany, body: models.AssignRole) -> models.SetUp:
    """Give a user a role."""
    _checked_user(control, user_id, query).assign_role(user_id, body.role)
    return read_set_up(control, query)


def _checked_user(control: Control, user_id: str, query: models.OfCompany) -> Administration:
    """The administration of a company that has this user."""
    administration = control.administration(query)
    logins = [row.get("LOGINID", "") for row, _ in administration.users]
    if user_id.lower() not in (login.lower() for login in logins):
        raise NotThereError(f"there is no user {user_id}{did_you_mean(user_id, logins)}", fix="create the user first")
    return administration
