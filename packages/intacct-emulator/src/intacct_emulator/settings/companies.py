"""The emulated world before the first call: senders, companies, users, and the gateway's behaviour.

Everything is frozen data. `EmulatorSettings()` is the demo world; see `scenarios` for files that change it.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, get_args

import msgspec

from intacct_emulator import CREDENTIALS, REST_CREDENTIALS
from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.settings.declaration import CompanyDeclaration
from intacct_emulator.settings.typed_tables import Natural, NotNegative
from intacct_protocol.xml.values import DEFAULT, Formatting

DEFAULT_COMPANY = CREDENTIALS["company_id"]
_ID_RULE = "use letters, digits, dots, dashes and spaces, up to 80"
APPLICATIONS = {
    "CO": "Company",
    "CM": "Cash Management",
    "GL": "General Ledger",
    "AP": "Accounts Payable",
    "AR": "Accounts Receivable",
    "EE": "Time & Expenses",
    "PO": "Purchasing",
    "SO": "Order Entry",
    "INV": "Inventory Control",
    "PA": "Projects",
    "CN": "Contracts",
    "CS": "Consolidation",
    "ME": "Multi-Entity Management",
    "TX": "Taxes",
    "PT": "Platform Services",
}
"""The name of each application by its code; Platform Services come with every company."""
Module = Literal["CO", "CM", "GL", "AP", "AR", "EE", "PO", "SO", "INV", "PA", "CN", "CS", "ME", "TX"]
"""The code of an application that a company can subscribe to."""
ALL_MODULES: tuple[Module, ...] = get_args(Module)


@dataclass(frozen=True, slots=True)
class SenderSettings:
    """One Web Services licence. Ids and passwords are case-sensitive."""

    sender_id: str = CREDENTIALS["sender_id"]
    password: str = field(default=CREDENTIALS["sender_password"], repr=False)
    active: bool = True
    marketplace: bool = False
    """A Marketplace partner's licence, whose calls are not counted as the company's transactions."""


@dataclass(frozen=True, slots=True)
class RestClientSettings:
    """One application of the REST interface, as it is registered with Sage."""

    client_id: str = REST_CREDENTIALS["client_id"]
    client_secret: str = field(default=REST_CREDENTIALS["client_secret"], repr=False)
    name: str = ""
    """What the page of consent calls it; empty for its id."""
    active: bool = True
    redirect_uris: tuple[str, ...] = ()
    """Where a browser is sent after the consent; empty for any address by HTTPS, or on this machine."""


Verb = Literal["list", "view", "add", "edit", "delete"]
"""What a right allows."""
_ALL_VERBS: tuple[Verb, ...] = get_args(Verb)


@dataclass(frozen=True, slots=True)
class RoleSettings:
    """A named set of rights: object, module (such as `AP`) or `*` to the verbs list, view, add, edit, delete."""

    name: str = "administrator"
    rights: dict[str, tuple[Verb, ...]] = field(
        default_factory=lambda: {"*": ("list", "view", "add", "edit", "delete")}
    )


_DEMO_ROLES = (
    RoleSettings("Accountant", dict.fromkeys(("GL", "AP", "AR", "CM", "EE", "TX", "CO"), _ALL_VERBS)),
    RoleSettings("Payables", {"AP": _ALL_VERBS, "CM": ("list", "view"), "CO": ("list", "view")}),
    RoleSettings("Receivables", {"AR": _ALL_VERBS, "CM": ("list", "view"), "CO": ("list", "view")}),
    RoleSettings("Read only", {"*": ("list", "view")}),
)
"""The other roles of the demo company, with the rights that their descriptions tell."""


@dataclass(frozen=True, slots=True)
class ClockChange:
    """A change of the offset of a user's wall clock."""

    at: str
    """The moment, such as `2026-11-01T09:00:00Z`."""
    offset_minutes: int
    """The offset from UTC after the change."""


UserType = Literal[
    "", "business user", "employee user", "view only user", "dashboard user", "project manager user",
    "payment approver", "platform user", "CRM user", "warehouse user", "Construction manager user",
]  # fmt: skip
"""The types of USERINFO in Sage's description of the object."""


@dataclass(frozen=True, slots=True)
class UserSettings:
    """One company user."""

    user_id: str = CREDENTIALS["user_id"]
    password: str = field(default=CREDENTIALS["user_password"], repr=False)
    status: Literal["active", "inactive", "lockedout"] = "active"
    """Only active users can sign in."""
    entities: tuple[str, ...] = ()
    """The entities that the user is restricted to; empty for all entities and the top level."""
    roles: tuple[str, ...] = ("administrator",)
    audit: bool = True
    """The user may view the audit history (a right on custom reports)."""
    admin: Literal["", "Off", "Limited", "Full"] = ""
    """Administrator privileges as USERINFO shows them; empty leaves the record as it is."""
    user_type: UserType = ""
    """The type as USERINFO shows it; empty leaves the record as it is. Only a `business user` can use everything."""
    date: str = DEFAULT.date
    clock: int = DEFAULT.clock
    offset_minutes: int = DEFAULT.offset_minutes
    clock_changes: tuple[ClockChange, ...] = ()
    """Offsets for times in filters, if these are read in the user's time. Answers always use `offset_minutes`."""
    summer_minutes: int = 0
    """Added to the offset from the last Sunday of March to the last Sunday of October. No source records any change."""

    def in_season(self, now: float) -> "UserSettings":
        """The user with the offset at that time, in seconds since the epoch."""
        if not self.summer_minutes or not _is_summer(datetime.fromtimestamp(now, UTC)):
            return self
        return replace(self, offset_minutes=self.offset_minutes + self.summer_minutes)

    @property
    def formatting(self) -> Formatting:
        """The format of dates and times in this user's answers."""
        return Formatting(self.date, self.clock, self.offset_minutes)


def _is_summer(when: datetime) -> bool:
    """Whether daylight saving time applies in Europe."""
    changes = [datetime(when.year, month, 31, 1, tzinfo=UTC) for month in (3, 10)]
    first, last = (change - timedelta(days=(change.weekday() + 1) % 7) for change in changes)
    return first <= when < last


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """One custom report, or one view."""

    name: str
    object: str
    columns: tuple[str, ...]
    parameters: tuple[str, ...] = ()
    """Fields that a run can be limited by."""
    kind: Literal["original", "interactive"] = "original"
    """The report writer that made it."""
    where: str = ""
    """A filter on its rows, in the language of `--where`; empty for all."""
    id: str = ""
    """A view can also be named `OBJECT#id`."""
    fails: bool = False
    """Every run fails."""


_REPORTS = (
    ReportSettings(
        "Bills due",
        "APBILL",
        ("RECORDNO", "VENDORID", "VENDORNAME", "RECORDID", "WHENDUE", "TOTALDUE"),
        ("WHENDUE", "VENDORID", "STATE"),
    ),
    ReportSettings(
        "Ledger detail",
        "GLDETAIL",
        ("RECORDNO", "BATCH_DATE", "ACCOUNTNO", "AMOUNT", "LOCATIONID", "DEPARTMENTID"),
        ("BATCH_DATE", "ACCOUNTNO"),
        kind="interactive",
    ),
)
_VIEWS = (ReportSettings("All vendors", "VENDOR", ("RECORDNO", "VENDORID", "NAME", "STATUS"), id="1@1"),)


CompanyId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._@+-]{0,79}$", description=_ID_RULE)]


@dataclass(frozen=True, slots=True)
class CompanySettings:
    """One company, its users and its subscriptions."""

    company_id: CompanyId = DEFAULT_COMPANY
    """The id to sign in with."""
    title: str = "Corvane Instruments"
    """The name of the company, for information."""
    web_services: bool = True
    """The company is subscribed to Web Services."""
    expired: bool = False
    """A demo company that has expired."""
    senders: tuple[str, ...] = (CREDENTIALS["sender_id"],)
    """Sender ids that the company has authorised, in exactly this case; `*` for all."""
    inactive_senders: tuple[str, ...] = ()
    """Authorised sender ids with the status inactive. Inferred: they are refused like unauthorised ones."""
    senders_needing_login: tuple[str, ...] = ()
    """Sender ids authorised with "Needs login for API": all their calls fail. The text of the refusal is inferred."""
    rest_clients: tuple[str, ...] = (REST_CREDENTIALS["client_id"],)
    """Client ids that the company has authorised for the REST interface; `*` for all."""
    session_endpoint: str = ""
    """The endpoint that `getAPISession` returns; empty for the one that the request came by."""
    users: tuple[UserSettings, ...] = field(default=(UserSettings(),), metadata={"table": "user"})
    roles: tuple[RoleSettings, ...] = field(default=(RoleSettings(), *_DEMO_ROLES), metadata={"table": "role"})
    concurrency: Natural | None = None
    """The company's own limit of requests at a time; None for that of the behaviour."""
    window_requests: Natural | None = None
    """The company's own limit of requests in a window; None for that of the behaviour."""
    window_seconds: NotNegative | None = None
    modules: tuple[Module, ...] = ALL_MODULES
    unqueryable: dict[str, tuple[str, ...]] = field(
        default_factory=lambda: {
            "PROJECT": (
                "CFDA", "FUNDEDNAME", "AGENCY", "PAYER", "FUNDINGOTHERID", "ASSISTANCETYPE", "REVRESTRICTION",
                "RESTRICTIONEXPIRY", "RESTRICTIONEXPIRATIONDATE", "TIMESATISFACTIONSCHEDULED",
            ),
        }
    )  # fmt: skip
    """Fields that `lookup` lists and `query` refuses, by object. In the real gateway they depend on subscriptions."""
    inactive_dimensions: tuple[str, ...] = ()
    """User-defined dimensions that are inactive, by their objects."""
    reports: tuple[ReportSettings, ...] = field(default=_REPORTS, metadata={"table": "report"})
    views: tuple[ReportSettings, ...] = field(default=_VIEWS, metadata={"table": "view"})
    behaviour: Behaviour | None = None
    """Open questions that this company answers in its own way. Before the sign-in the gateway's answers count."""
    clock: datetime | None = None
    """The company's time when the emulator starts, in UTC; it runs on. The emulator's, unless it is given."""
    declared: CompanyDeclaration = field(default_factory=CompanyDeclaration, metadata={"inline": True})
    """What the company has besides these settings: accounts, entities, custom fields and much more."""


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """One asynchronous transport policy."""

    url: str
    """On loopback: answers are delivered to it."""
    work_seconds: NotNegative = 0
    """How long the work takes, after the acknowledgement and after the company's earlier jobs."""
    delivery_seconds: NotNegative = 0
    """How long after the work the answer is sent."""


@dataclass(frozen=True, slots=True)
class EmulatorSettings:
    """The settings of one emulator."""

    senders: tuple[SenderSettings, ...] = (SenderSettings(),)
    companies: tuple[CompanySettings, ...] = (CompanySettings(),)
    behaviour: Behaviour = field(default_factory=Behaviour)
    policies: dict[str, PolicySettings] = field(default_factory=dict)
    """Asynchronous transport policies by name."""
    rest_clients: tuple[RestClientSettings, ...] = (RestClientSettings(),)
    """The applications of the REST interface."""
    _by_id: dict[str, CompanySettings] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_id: dict[str, CompanySettings] = {}
        for company in self.companies:
            by_id.setdefault(company.company_id.lower(), company)
        object.__setattr__(self, "_by_id", by_id)

    def sender(self, sender_id: str) -> SenderSettings | None:
        """The sender with exactly this id."""
        return next((one for one in self.senders if one.sender_id == sender_id), None)

    def rest_client(self, client_id: str) -> RestClientSettings | None:
        """The application with exactly this id."""
        return next((one for one in self.rest_clients if one.client_id == client_id), None)

    def credentials(self, company_id: str = "") -> dict[str, str]:
        """Credentials of a company; the first one, unless it is named.

        They are those of its first active user and of the first sender that it has authorised, if it has such.
        """
        company = self.company(company_id) or self.companies[0]
        senders = [one for one in self.senders if one.active and {one.sender_id, "*"} & {*company.senders}]
        sender = next((one for one in senders if one.sender_id not in company.inactive_senders), self.senders[0])
        user = next((one for one in company.users if one.status == "active"), (*company.users, UserSettings())[0])
        return {
            "sender_id": sender.sender_id,
            "sender_password": sender.password,
            "company_id": company.company_id,
            "user_id": user.user_id,
            "user_password": user.password,
        }

    def company(self, company_id: str) -> CompanySettings | None:
        """The company with this id; upper and lower case are the same."""
        return self._by_id.get(company_id.lower())


class AdministeredSettings(msgspec.Struct, frozen=True):
    """What an administrator changed in the set-up, kept with the records; None if it is still that of the settings."""

    web_services: bool | None = None
    modules: tuple[str, ...] | None = None
    senders: tuple[str, ...] | None = None
    inactive_senders: tuple[str, ...] | None = None
    licensed: tuple[str, ...] = ()
    """Sender ids to which Sage gave a licence."""

    def applied(self, company: CompanySettings) -> CompanySettings:
        """The settings of a company with these changes."""
        names = ("web_services", "modules", "senders", "inactive_senders")
        changed = {name: value for name in names if (value := getattr(self, name)) is not None}
        return replace(company, **changed)
