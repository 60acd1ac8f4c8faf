"""A check of what a tenant's administrator entered: the doctor for the tenant's planned use, and the set-up's steps.

Only the company ID, the user ID and the password come from the administrator. The sender, the endpoint and the flows
are the vendor's. What was entered is kept only once Intacct has accepted it, so no flow runs with an
untested password. Without a password the check signs in as a user that does not exist, which shows the first steps.
"""

import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any

import msgspec

from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.apps.views.doctor import finding_data, without_secrets
from intacct_bridge.apps.web.jobs import BackgroundJob
from intacct_bridge.connections.connection import Connection
from intacct_bridge.operations.catalog import object_of_layout
from intacct_bridge.operations.fleets import AttemptLimit, PageState, Tenant
from intacct_bridge.operations.setup import (
    DONE,
    MISSING,
    STREAMS,
    DoctorFinding,
    SetUpChecklist,
    SetUpProgress,
    SetUpStep,
    SetUpStore,
    SetUpValues,
    Status,
    check_unsaved,
    checklist,
    job_of,
    settings_by_step,
)

REFUSED_SIGN_INS = AttemptLimit("sign-in", "Sign-ins that Intacct refused", 3, timedelta(hours=1))
"""Few enough that Intacct does not lock the user out. A sign-in that works, or says nothing of the user, is not one."""
CHECKS = AttemptLimit("check", "Checks of this connection", 30, timedelta(hours=1))
"""A check costs API transactions of the company."""
_BEFORE_THE_USER = ("sender", "authorised", "company", "subscription")
"""The steps whose failure says that Intacct did not look at the password."""
_OURS = (
    "network",
    "sender",
    "pace",
    "budget",
    "pages",
    "memory",
    "environment",
    "shared_state",
    "periods",
    "filter_time",
)
"""The steps of the doctor that the administrator cannot do anything about."""
_NOT_THEIRS = ("sender", "testers", "production")
_OBJECT = re.compile(r"[A-Z_][A-Z0-9_#.]*")
_LABELS = {DONE: ("done", "good", "ok"), MISSING: ("missing", "bad", "failure")}


@dataclass(frozen=True, slots=True)
class Entered:
    """What the administrator typed."""

    company_id: str
    user_id: str
    user_password: str = ""


class StoredSetUp(msgspec.Struct, frozen=True):
    """What is kept of a tenant's set-up; no password is in it."""

    progress: SetUpProgress = SetUpProgress()
    findings: tuple[dict[str, Any], ...] = ()
    """Of the last check: those that need something done in Sage Intacct."""
    company: str = ""
    """The company ID with which a sign-in has worked; it can no longer be changed on the page."""
    added_at: datetime | None = None
    """Of the tenant: what was kept for an earlier tenant of the same name does not count."""
    not_kept: bool = False
    """Whether the last check refused what was typed, so that it was not kept."""
    vendor: str = ""
    """The step at which the last check stopped on the vendor's side."""
    problem: dict[str, str] = {}  # msgspec copies the default
    """Why the last check ended early, or what it saw was not kept: an error's lines by their labels."""


class TenantSetUpStore(SetUpStore):
    """The set-up's progress of one tenant, in the fleet's database."""

    def __init__(self, pages: PageState, tenant: Tenant) -> None:
        self._pages = pages
        self._tenant = tenant.name
        self._added_at = tenant.added_at

    def stored(self) -> StoredSetUp:
        """Everything that is kept; nothing if it cannot be read."""
        fresh = StoredSetUp(added_at=self._added_at)
        try:
            stored = msgspec.json.decode(self._pages.read(self._tenant) or b"{}", type=StoredSetUp)
        except (msgspec.DecodeError, msgspec.ValidationError):
            return fresh
        return stored if stored.added_at == self._added_at else fresh

    def keep(self, **changes: object) -> StoredSetUp:
        """Change parts of what is kept."""
        with self._pages.changing():
            changed = msgspec.structs.replace(self.stored(), **changes)
            self._pages.write(self._tenant, msgspec.json.encode(changed))
        return changed

    def of(self, name: str) -> SetUpProgress:  # noqa: ARG002 - it has one tenant
        """The progress of the tenant."""
        return self.stored().progress

    def change(self, name: str, **changes: object) -> SetUpProgress:  # noqa: ARG002
        """Change parts of the progress."""
        with self._pages.changing():
            stored = self.stored()
            progress = msgspec.structs.replace(stored.progress, **changes)
            self._pages.write(self._tenant, msgspec.json.encode(msgspec.structs.replace(stored, progress=progress)))
        return progress


def made_up_user() -> dict[str, str]:
    """A user that does not exist, for a check without a password."""
    return {"user_id": f"setup-check-{token_hex(4)}", "user_password": token_hex(16)}


@dataclass(slots=True)
class CheckedTenant:
    """The outcome of a check."""

    findings: list[DoctorFinding]
    only_sender: bool

    def _of(self, step: str) -> Iterable[DoctorFinding]:
        return (one for one in self.findings if one.step == step)

    @property
    def accepted(self) -> bool:
        """Whether Intacct accepted the user and the password."""
        return not self.only_sender and any(one.status is Status.OK for one in self._of("user"))

    @property
    def is_harmless(self) -> bool:
        """Whether no wrong password was counted against a user."""
        before = any(one.status is Status.FAILURE for step in _BEFORE_THE_USER for one in self._of(step))
        return self.only_sender or self.accepted or before

    @property
    def for_administrator(self) -> list[DoctorFinding]:
        """What the administrator can do something about."""
        wanting = [one for one in self.findings if one.needs_action and one.step not in _OURS]
        return [one for one in wanting if one.causes or one.who != "you"]

    @property
    def stopped_by_vendor(self) -> str:
        """The step at which the check stopped on the vendor's side; empty if it did not."""
        failed = (one for one in self.findings if one.step in _OURS and one.status is Status.FAILURE)
        return next((one.title for one in failed), "")


def check_tenant(
    job: BackgroundJob, connection: Connection, store: TenantSetUpStore, *, only_sender: bool
) -> CheckedTenant:
    """Examine a connection, telling `job` of each finding, and keep what it says of the steps."""
    console = Output(out=io.StringIO(), err=io.StringIO())
    console.hide(connection.secrets)
    checked = CheckedTenant([], only_sender)
    for finding in check_unsaved(connection, store, only_sender=only_sender):
        checked.findings.append(finding)
        if finding.step not in _OURS:
            job.tell(console.masked(finding.title))
    shown = tuple(without_secrets(finding_data(one), console) for one in checked.for_administrator)
    store.keep(findings=() if only_sender else shown)
    return checked


def steps_of(
    progress: SetUpProgress, connection: Connection | None, values: Mapping[str, str], *, only_sender: bool
) -> SetUpChecklist:
    """The set-up's steps as the last check left them, as far as it was about the same settings."""
    job = job_of(progress)
    about = settings_by_step(connection, job, only_sender=only_sender) if connection is not None else {}
    return checklist(SetUpValues(job=job, **values), progress, about)


def shown_steps(checklist: SetUpChecklist) -> list[SetUpStep]:
    """The steps of the company's administrator, and whether the connection works."""
    return [one for one in checklist.steps if one.id not in _NOT_THEIRS]


def summary(steps: Iterable[SetUpStep]) -> str:
    """How many steps are done."""
    states = [one.state for one in steps]
    done, missing = states.count(DONE), states.count(MISSING)
    unknown = len(states) - done - missing
    parts = [f"{done} of {len(states)} steps are done"]
    parts += [f"{missing} missing"] if missing else []
    parts += [f"{unknown} not yet known"] if unknown else []
    return ", ".join(parts)


def is_working(steps: Iterable[SetUpStep]) -> bool:
    """Whether the connection reads what it is to read, and nothing is known to be missing; other formats work too."""
    states = {one.id: one.state for one in steps if one.id != "preferences"}
    return states.get("connect") == DONE and MISSING not in states.values()


def look_of(state: str) -> tuple[str, str, str]:
    """A step's state: its word, the kind of its badge, and its look."""
    return _LABELS.get(state, ("not yet known", "quiet", "skipped"))


def planned_use(tenant: Tenant) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The objects that a tenant's flows read and write; the usual ones to read if no flow names any."""
    reads: dict[str, None] = {}
    writes: dict[str, None] = {}
    for name in tenant.flows:
        flow = tenant.flow(name)
        for option in ("streams", "objects", "stream", "object"):
            reads |= dict.fromkeys(one.upper() for one in _names(flow.options.get(option)))
        if flow.command == "load":
            writes |= dict.fromkeys(map(object_of_layout, _names(flow.options.get("as"))))
    shown = tuple(one for one in reads if _OBJECT.fullmatch(one))
    return shown or (() if writes else STREAMS), tuple(one for one in writes if _OBJECT.fullmatch(one))


def _names(value: Any) -> Iterable[str]:
    """The names in an option of a flow: a list, or a text with commas."""
    texts = value if isinstance(value, list) else [value]
    return (one.strip() for text in texts if isinstance(text, str) for one in text.split(",") if one.strip())
