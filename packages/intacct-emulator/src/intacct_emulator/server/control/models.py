"""What the operations of the control API take and give. The OpenAPI document shows these texts to users."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import Meta

from intacct_emulator.server.request_log import RequestOutcome
from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.settings.companies import (
    CompanyId,
    CompanySettings,
    PolicySettings,
    SenderSettings,
    UserType,
)
from intacct_emulator.settings.faults import FaultKind, ScriptedFault
from intacct_emulator.settings.typed_tables import TableOf
from intacct_emulator.subledgers.revaluation.revaluation import DEFAULT_JOURNAL

SnapshotName = Annotated[
    str,
    Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$", description="use letters, digits, dots and dashes, up to 80"),
]
Cell = str | int | Decimal | bool | None
_MOST_COMPANIES = 10_000
_MOST_ROWS = 10_000
_LARGEST = 2**53 - 1
Text = Annotated[str, Meta(min_length=1)]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request was refused. Nothing was changed."""

    message: str
    fix: str
    """What to do about it; empty if the message says it."""


# --- queries


@dataclass(frozen=True, slots=True)
class OfCompany:
    """Which company is meant."""

    company: str = ""
    """The id of a company; without it the first one is meant."""


@dataclass(frozen=True, slots=True)
class RecordsQuery(OfCompany):
    """Which records are meant."""

    offset: Annotated[int, Meta(ge=0, le=_LARGEST)] = 0
    """Records to leave out at the beginning."""
    limit: Annotated[int, Meta(ge=1, le=_MOST_ROWS)] = 1000
    """The most records of the answer."""


@dataclass(frozen=True, slots=True)
class ReceivedQuery(OfCompany):
    """Which requests are meant; without a company, those of all companies."""

    since: Annotated[int, Meta(ge=0, le=_LARGEST)] = 0
    """Only requests after the one with this number: `next_since` of an earlier answer."""
    function: str = ""
    """Only requests with this function."""
    limit: Annotated[int, Meta(ge=1, le=_MOST_ROWS)] = 1000
    """The most requests of the answer, oldest first."""


# --- the emulator and its companies


@dataclass(frozen=True, slots=True)
class Emulated:
    """What is served."""

    version: str
    gateway: str
    """The path of the XML gateway."""
    openapi: str
    """The path of this document."""
    administration: str
    """The path of the pages for people."""
    companies: tuple[str, ...]
    incidents: tuple[str, ...]
    """Tracebacks of errors in the emulator itself; a test may assert that there are none."""


@dataclass(frozen=True, slots=True)
class ApiTransactions:
    """Billable API transactions since the start or the last reset."""

    total: int
    by_function: Mapping[str, int]
    by_sender: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Credentials:
    """How a program signs in."""

    sender_id: str
    sender_password: str
    company_id: str
    user_id: str
    user_password: str


@dataclass(frozen=True, slots=True)
class Company:
    """A company of the emulator."""

    company_id: str
    title: str
    credentials: Credentials
    requests: int
    """Requests since the start or the last reset, refused ones included."""
    most_at_once: int
    """The most requests that had arrived and had no answer at one moment."""
    transactions: ApiTransactions


@dataclass(frozen=True, slots=True)
class CompanyList:
    """The companies, the first one first."""

    companies: tuple[Company, ...]


@dataclass(frozen=True, slots=True)
class CloneCompany:
    """A company with the records of another one."""

    company_id: CompanyId
    """The id of the new company."""
    snapshot: str = ""
    """Take the records of this snapshot, not the present ones."""
    settings: Annotated[Mapping[str, Any], TableOf(CompanySettings)] = field(default_factory=dict)
    """Settings of a `[[company]]` that differ, such as `user` or `concurrency`."""


@dataclass(frozen=True, slots=True)
class ShareCompany:
    """Many companies with the records of another one. Give a count or ids."""

    count: Annotated[int, Meta(ge=0, le=_MOST_COMPANIES)] = 0
    """The number of companies; their ids are company-0001 and so on."""
    company_ids: Annotated[tuple[CompanyId, ...], Meta(max_length=_MOST_COMPANIES)] = ()


@dataclass(frozen=True, slots=True)
class CompanyIds:
    """Ids of companies."""

    company_ids: tuple[str, ...]


# --- the clock


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock of a company. Sessions, limits and waiting jobs follow the machine's clock, not this one."""

    company_id: str
    moment: datetime
    ahead_seconds: float
    """How far it is ahead of the machine's clock; below zero if it is behind."""


@dataclass(frozen=True, slots=True)
class SetClock:
    """A moment from which the clock runs on."""

    moment: datetime
    """With its zone, such as 2026-11-01T09:00:00Z."""


@dataclass(frozen=True, slots=True)
class AdvanceClock:
    """How far the clock goes on. All parts are added up."""

    days: Annotated[int, Meta(ge=0, le=36_500)] = 0
    hours: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    minutes: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    seconds: Annotated[float, Meta(ge=0, le=1_000_000_000)] = 0


# --- records


@dataclass(frozen=True, slots=True)
class Records:
    """Stored records of an object."""

    object: str
    total: int
    """How many records there are, those left out included."""
    records: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True)
class SeedRecords:
    """Records by object, stored as they are: the gateway's rules do not apply to them."""

    records: Mapping[str, tuple[Mapping[str, Cell], ...]]
    """Such as {"VENDOR": [{"VENDORID": "V-1", "NAME": "Acme"}]}. A record without a record number gets the next one."""


@dataclass(frozen=True, slots=True)
class StoredRecords:
    """How many records of each object were stored."""

    stored: Mapping[str, int]


# --- faults


@dataclass(frozen=True, slots=True)
class Fault:
    """An injected fault, and how often it happened."""

    number: int
    matched: int
    """Functions, or records, that matched it."""
    happened: int
    fault: ScriptedFault


@dataclass(frozen=True, slots=True)
class FaultList:
    """The injected faults in their order."""

    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class FaultKindMeaning:
    """A kind of fault."""

    kind: FaultKind
    meaning: str


@dataclass(frozen=True, slots=True)
class FaultKinds:
    """The kinds of faults."""

    kinds: tuple[FaultKindMeaning, ...]


# --- what was received


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A request to the gateway."""

    number: int
    """Its place among the requests since the start, from 1. A reset does not begin again."""
    at: datetime
    company: str
    """The company that it names; empty if it names none, or is unreadable."""
    functions: tuple[str, ...]
    control_ids: tuple[str, ...]
    outcome: RequestOutcome
    transactions: int
    body: str
    """The request with every credential masked."""


@dataclass(frozen=True, slots=True)
class ReceivedRequests:
    """Requests, oldest first. The log holds the last thousand."""

    requests: tuple[ReceivedRequest, ...]
    next_since: int
    """What `since` is to be for the requests after these."""


@dataclass(frozen=True, slots=True)
class SentAnswer:
    """The answer to an asynchronous request, which was sent or should have been."""

    policy: str
    control_id: str
    at: datetime
    outcome: str


@dataclass(frozen=True, slots=True)
class SentAnswers:
    """Answers to asynchronous requests, oldest first."""

    deliveries: tuple[SentAnswer, ...]


# --- states


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state to go back to."""

    name: str
    companies: tuple[str, ...]
    faults: int


@dataclass(frozen=True, slots=True)
class SnapshotList:
    """The snapshots, oldest first."""

    snapshots: tuple[Snapshot, ...]


# --- books


@dataclass(frozen=True, slots=True)
class CloseBooks:
    """What is closed."""

    until: date
    """The last closed day. An earlier day than before opens the periods after it again."""
    entity: str = ""
    """Only this entity; empty for all."""
    ledger: Literal["GL", "AP", "AR", "EE", "CM"] = "GL"
    """`GL` closes the books, the others one sub-ledger."""


@dataclass(frozen=True, slots=True)
class Revalue:
    """How foreign-currency balances are revalued."""

    day: date
    rate_type: str = ""
    """The exchange rate type; empty for the company's default one."""
    journal: str = DEFAULT_JOURNAL


@dataclass(frozen=True, slots=True)
class Revalued:
    """A balance at the rate of the day. Amounts are debit positive, so that payables are negative."""

    entity: str
    account: str
    currency: str
    base: str
    trx_amount: Decimal
    carrying_amount: Decimal
    rate: Decimal
    value: Decimal
    difference: Decimal


@dataclass(frozen=True, slots=True)
class Revaluation:
    """The balances that were revalued."""

    day: date
    balances: tuple[Revalued, ...]


# --- scenarios and settings


@dataclass(frozen=True, slots=True)
class Scenario:
    """A set-up with a mistake, or in another state."""

    name: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class ScenarioList:
    """The scenarios that come with the emulator."""

    scenarios: tuple[Scenario, ...]


@dataclass(frozen=True, slots=True)
class ApplyScenario:
    """With which records the emulator begins again."""

    snapshot: str = ""
    """The records of this snapshot; the present ones without it."""


@dataclass(frozen=True, slots=True)
class CompanySetUp:
    """The settings of a company that are no records."""

    company_id: str
    title: str
    web_services: bool
    expired: bool
    senders: tuple[str, ...]
    inactive_senders: tuple[str, ...]
    senders_needing_login: tuple[str, ...]
    modules: tuple[str, ...]
    users: tuple[str, ...]
    """The ids of the users of the settings."""
    concurrency: int | None
    window_requests: int | None
    window_seconds: float | None
    behaviour: Behaviour
    """The gateway's, with what this company answers in its own way."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings as they are now, without passwords."""

    behaviour: Behaviour
    senders: tuple[str, ...]
    companies: tuple[CompanySetUp, ...]
    policies: Mapping[str, PolicySettings]


@dataclass(frozen=True, slots=True)
class SettingsChange:
    """Settings with the tables and keys of a scenario file; what is left out stays."""

    behaviour: Behaviour = field(default_factory=Behaviour)
    company: tuple[CompanySettings, ...] = ()
    """A company that exists changes in these keys; another one is added with what it declares."""
    sender: tuple[SenderSettings, ...] = ()
    policies: Mapping[str, PolicySettings] = field(default_factory=dict)


# --- the company's administrator


@dataclass(frozen=True, slots=True)
class Sender:
    """A Web Services sender that Sage knows."""

    sender_id: str
    licensed: bool
    password: str
    """Empty until the licence is issued."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """An application of the company."""

    application: str
    subscribed: bool


@dataclass(frozen=True, slots=True)
class Authorization:
    """A sender that the company authorised."""

    sender_id: str
    status: Literal["active", "inactive"]


@dataclass(frozen=True, slots=True)
class GrantedPermission:
    """A permission of a role."""

    permission: str
    """Such as `Accounts Payable > Vendors`."""
    rights: str
    """Such as `List|View`."""


@dataclass(frozen=True, slots=True)
class Role:
    """A role that an administrator made."""

    name: str
    permissions: tuple[GrantedPermission, ...]


@dataclass(frozen=True, slots=True)
class User:
    """A user's record, and the roles of the user."""

    user_id: str
    user_type: str
    admin: str
    status: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mail:
    """The message with a new user's password, which Intacct sends to the user's address."""

    to: str
    user_id: str
    password: str


@dataclass(frozen=True, slots=True)
class SetUp:
    """What Intacct's administration screens show of a company."""

    company_id: str
    title: str
    senders: tuple[Sender, ...]
    subscriptions: tuple[Subscription, ...]
    authorizations: tuple[Authorization, ...]
    roles: tuple[Role, ...]
    roles_of_settings: tuple[str, ...]
    users: tuple[User, ...]
    mail: tuple[Mail, ...]


@dataclass(frozen=True, slots=True)
class IssueLicence:
    """The sender that gets a licence."""

    sender_id: str = ""
    """Empty for the first sender without a licence."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """An application to turn on or off."""

    application: Text
    """`Web Services`, or the name or the code of an application."""
    subscribed: bool = True


@dataclass(frozen=True, slots=True)
class AuthorizeSender:
    """An entry of the Web Services authorizations."""

    sender_id: Text
    """In exactly the capitals that Sage issued."""
    status: Literal["active", "inactive"] = "active"


@dataclass(frozen=True, slots=True)
class CreateRole:
    """A role without permissions."""

    name: Text
    description: str = ""


@dataclass(frozen=True, slots=True)
class GrantPermission:
    """The rights of a role to one permission; no rights withdraw it."""

    role: Text
    permission: Text
    """Such as `Accounts Payable > Vendors`; `Accounts Payable > All` for all of an application."""
    rights: tuple[Literal["List", "View", "Add", "Edit", "Delete"], ...] = ()


@dataclass(frozen=True, slots=True)
class CreateUser:
    """A user, perhaps restricted to entities."""

    user_id: Text
    email: Text
    first_name: str = "Web Services"
    last_name: str = ""
    user_type: UserType = "business user"
    admin: Literal["false", "true", "Full"] = "false"
    """`false` is Off, `true` is Limited."""
    web_services_only: bool = True
    entities: tuple[str, ...] = ()
    """Empty for all."""


@dataclass(frozen=True, slots=True)
class EditUser:
    """Changes of a user; what is empty stays."""

    user_type: UserType = ""
    admin: Literal["", "false", "true", "Full"] = ""
    status: Literal["", "active", "inactive"] = ""
    """`active` also unlocks a user."""


@dataclass(frozen=True, slots=True)
class AssignRole:
    """A role to give to a user."""

    role: Text
