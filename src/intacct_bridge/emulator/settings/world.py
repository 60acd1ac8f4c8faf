"""What the emulated world is like before the first call: senders, companies, users, and the habits no source settles.

Everything is frozen data. `EmulatorSettings()` is the demo world; a scenario file (TOML) says what differs from it:

    [behaviour]
    session_minutes = 2

    [[company]]
    company_id = "expired-company"
    expired = true

A company named in a scenario is added, or takes the place of the one with that id. The table `scenario` is for whoever
plays it (what it shows, with which connection) and changes nothing here; `shipped_scenarios` come with the package.
"""

import tomllib
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from intacct_bridge.emulator.settings.behaviour import Behaviour
from intacct_bridge.errors import SettingsError
from intacct_bridge.model.suggestions import did_you_mean
from intacct_bridge.wire.values import DEFAULT, Formatting

ALL_MODULES = ("CO", "CM", "GL", "AP", "AR", "EE", "PO", "SO", "INV", "PA", "CN", "CS", "ME", "TX")


@dataclass(frozen=True, slots=True)
class SenderSettings:
    """One Web Services licence. Ids and passwords are case-sensitive."""

    sender_id: str = "demo-sender"
    password: str = field(default="demo-sender-password", repr=False)
    active: bool = True


@dataclass(frozen=True, slots=True)
class RoleSettings:
    """A named set of rights: object (or `*`) to the verbs list, view, add, edit, delete."""

    name: str = "administrator"
    rights: dict[str, tuple[str, ...]] = field(default_factory=lambda: {"*": ("list", "view", "add", "edit", "delete")})


@dataclass(frozen=True, slots=True)
class ClockChange:
    """A moment at which a user's wall clock is put forward or back, such as `2026-11-01T09:00:00Z`."""

    at: str
    offset_minutes: int
    """The offset from then on."""


@dataclass(frozen=True, slots=True)
class UserSettings:
    """One company user."""

    user_id: str = "demo-user"
    password: str = field(default="demo-user-password", repr=False)
    status: str = "active"
    """`active`, `inactive` or `lockedout`; anything but active cannot sign in."""
    entities: tuple[str, ...] = ()
    """The entities the user is restricted to; empty for all and the top level."""
    roles: tuple[str, ...] = ("administrator",)
    audit: bool = True
    """May view the audit history (a right on custom reports)."""
    admin: str = ""
    """Administrator privileges as USERINFO shows them: `Off`, `Limited`, `Full`; empty leaves the record as it is."""
    user_type: str = ""
    """The type as USERINFO shows it; empty leaves the record as it is. Only a `business user` reaches everything."""
    date: str = DEFAULT.date
    clock: int = DEFAULT.clock
    offset_minutes: int = DEFAULT.offset_minutes
    clock_changes: tuple[ClockChange, ...] = ()
    """What the times of filters follow, where they are read in the user's time; answers keep to `offset_minutes`."""
    summer_minutes: int = 0
    """Added to the offset from the last Sunday of March to that of October; that it ever moves is not recorded."""

    def in_season(self, now: float) -> "UserSettings":
        """The user with the offset that counts at that time."""
        if not self.summer_minutes or not _is_summer(datetime.fromtimestamp(now, UTC)):
            return self
        return replace(self, offset_minutes=self.offset_minutes + self.summer_minutes)

    @property
    def formatting(self) -> Formatting:
        """How this user sees dates and times."""
        return Formatting(self.date, self.clock, self.offset_minutes)


def _is_summer(when: datetime) -> bool:
    """Whether Europe's clocks are put forward."""
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
    """Fields that a run may be limited by."""
    kind: str = "original"
    """`original` or `interactive`, after the writer that made it."""
    where: str = ""
    """Which rows are in it, in the language of `--where`; empty for all."""
    id: str = ""
    """A view is also known as `OBJECT#id`."""
    fails: bool = False
    """A run ends in failure instead of rows."""


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


@dataclass(frozen=True, slots=True)
class CompanySettings:
    """One company and who may enter it."""

    company_id: str = "demo-company"
    title: str = "Corvane Instruments"
    web_services: bool = True
    """Subscribed to Web Services."""
    expired: bool = False
    """A demo company past its date."""
    senders: tuple[str, ...] = ("demo-sender",)
    """Sender ids the company has authorised, in exactly this case; `*` for all."""
    inactive_senders: tuple[str, ...] = ()
    """Authorised, and with the status inactive. That the answer is the unauthorised one's is inferred."""
    senders_needing_login: tuple[str, ...] = ()
    """Authorised with "Needs login for API", for which all calls fail; the text of the refusal is inferred."""
    session_endpoint: str = ""
    """The endpoint that a session is given with; empty for the one the request came by."""
    users: tuple[UserSettings, ...] = (UserSettings(),)
    roles: tuple[RoleSettings, ...] = (RoleSettings(),)
    modules: tuple[str, ...] = ALL_MODULES
    unqueryable: dict[str, tuple[str, ...]] = field(
        default_factory=lambda: {
            "PROJECT": (
                "CFDA", "FUNDEDNAME", "AGENCY", "PAYER", "FUNDINGOTHERID", "ASSISTANCETYPE", "REVRESTRICTION",
                "RESTRICTIONEXPIRY", "RESTRICTIONEXPIRATIONDATE", "TIMESATISFACTIONSCHEDULED",
            ),
        }
    )  # fmt: skip
    """Fields that `lookup` lists and `query` refuses, which depends on subscriptions."""
    inactive_dimensions: tuple[str, ...] = ()
    """User-defined dimensions, by their objects, that somebody switched off."""
    reports: tuple[ReportSettings, ...] = _REPORTS
    views: tuple[ReportSettings, ...] = _VIEWS


@dataclass(frozen=True, slots=True)
class EmulatorSettings:
    """The whole world."""

    senders: tuple[SenderSettings, ...] = (SenderSettings(),)
    companies: tuple[CompanySettings, ...] = (CompanySettings(),)
    behaviour: Behaviour = field(default_factory=Behaviour)
    policies: dict[str, str] = field(default_factory=dict)
    """Asynchronous transport policies: name to the URL, on loopback, that answers are delivered to."""

    def sender(self, sender_id: str) -> SenderSettings | None:
        """The sender with exactly this id."""
        return next((one for one in self.senders if one.sender_id == sender_id), None)

    def company(self, company_id: str) -> CompanySettings | None:
        """The company with this id, in any case."""
        wanted = company_id.lower()
        return next((one for one in self.companies if one.company_id.lower() == wanted), None)


def load_scenario(path: str | Path) -> EmulatorSettings:
    """The demo world with the differences that a TOML file names. Raises SettingsError naming the entry."""
    return scenario(read_scenario(path), str(path))


def read_scenario(path: str | Path) -> dict[str, Any]:
    """A scenario's file as a tree."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read the scenario {path}: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"the scenario {path} is not TOML: {error}") from None


def shipped_scenarios() -> dict[str, Path]:
    """The scenario files of the package by name, such as `02-sender-not-authorised`."""
    folder = Path(str(files("intacct_bridge.data"))) / "scenarios"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def find_scenario(name: str) -> Path:
    """The file of a scenario: a path, or a shipped one's name, with or without its number, or the number alone."""
    shipped = shipped_scenarios()
    named = [path for stem, path in shipped.items() if name in (stem, *_short(stem))]
    if named:
        return named[0]
    if Path(name).suffix == ".toml" or Path(name).exists():
        return Path(name)
    raise SettingsError(
        f"there is no scenario {name}{did_you_mean(name, (_short(stem)[0] for stem in shipped))}",
        fix="`intacct emulator --scenario list` shows them; a TOML file of your own is one too.",
    )


def _short(stem: str) -> tuple[str, str]:
    number, _, name = stem.partition("-")
    return name, number.lstrip("0")


def scenario(tree: dict[str, Any], where: str = "scenario") -> EmulatorSettings:
    """The demo world with the differences in this tree."""
    unknown = sorted(set(tree) - {"sender", "company", "behaviour", "policies", "fault", "scenario"})
    if unknown:
        raise SettingsError(
            f"{where}: there is no table {unknown[0]}", fix="tables: sender, company, behaviour, policies, fault"
        )
    start = EmulatorSettings()
    senders = {one.sender_id: one for one in start.senders}
    for entry in tree.get("sender", []):
        sender = _built(SenderSettings, entry, f"{where}: sender")
        senders[sender.sender_id] = sender
    companies = {one.company_id: one for one in start.companies}
    for entry in tree.get("company", []):
        company = _built(
            CompanySettings,
            _plural(entry, user="users", role="roles", report="reports", view="views"),
            f"{where}: company",
        )
        companies[company.company_id] = company
    behaviour = _built(Behaviour, tree.get("behaviour", {}), f"{where}: behaviour")
    policies = _value(dict[str, str], tree.get("policies", {}), f"{where}: policies")
    return EmulatorSettings(tuple(senders.values()), tuple(companies.values()), behaviour, policies)


def _plural(entry: Any, **names: str) -> Any:
    if not isinstance(entry, dict):
        return entry
    return {names.get(name, name): value for name, value in entry.items()}


def _built(kind: type[Any], entry: Any, where: str) -> Any:
    if not isinstance(entry, dict):
        raise SettingsError(f"{where} must be a table")
    hints = get_type_hints(kind)
    known = {one.name: one for one in fields(kind)}
    for name in entry:
        if name not in known:
            raise SettingsError(f"{where} has no setting {name}", fix=f"settings: {', '.join(sorted(known))}")
    for one in known.values():
        if one.name not in entry and one.default is MISSING and one.default_factory is MISSING:
            raise SettingsError(f"{where} needs {one.name}")
    return kind(**{name: _value(hints[name], value, f"{where}.{name}") for name, value in entry.items()})


def _value(hint: Any, value: Any, where: str) -> Any:
    if get_origin(hint) in (Union, UnionType):
        hint = next(one for one in get_args(hint) if one is not type(None))
    if is_dataclass(hint):
        return _built(hint, value, where)  # type: ignore[arg-type]  # a dataclass type, not an instance
    if get_origin(hint) is tuple and isinstance(value, list):
        return tuple(_value(get_args(hint)[0], one, where) for one in value)
    if get_origin(hint) is dict and isinstance(value, dict):
        return {name: _value(get_args(hint)[1], one, where) for name, one in value.items()}
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and isinstance(value, hint) and isinstance(value, bool) == (hint is bool):
        return value
    raise SettingsError(f"{where} cannot be {value!r}")
