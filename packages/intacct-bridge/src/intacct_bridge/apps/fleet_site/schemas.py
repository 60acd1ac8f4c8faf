"""The bodies of the JSON interface: what requests carry and what answers hold."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from intacct_bridge.apps.fleet_site.json_limits import LONGEST_PARAMETER

_MOST_FLOWS = 100
ShortText = Annotated[str, Meta(min_length=1, max_length=LONGEST_PARAMETER)]
Settings = Annotated[dict[str, Any], Meta(max_length=100)]
Flow = Annotated[dict[str, Any], Meta(max_length=100)]


class LimitsBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a company may use, counted over all workers."""

    concurrency: Annotated[int, Meta(ge=1, le=100)] | UnsetType = UNSET
    """The most requests at a time."""
    monthly_limit: Annotated[int, Meta(ge=0, le=10**9)] | UnsetType | None = UNSET
    """The most API transactions in a month; null: no limit."""


class TenantBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tenant as a whole. Secrets have an operation of their own."""

    settings: Settings = {}  # msgspec copies the default
    """Settings of a connection, as in intacct.toml, without secrets."""
    flows: Annotated[dict[str, Flow], Meta(max_length=_MOST_FLOWS)] = {}
    """Flows by name, as in intacct.toml; `{"secret": "NAME"}` stands for a secret of the tenant."""
    schedule: Annotated[dict[str, ShortText], Meta(max_length=_MOST_FLOWS)] = {}
    """When a flow is due, by its name: cron with a time zone, or an interval such as `every 15m`."""
    limits: LimitsBody = LimitsBody()


class TenantChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parts of a tenant to change. What is not given stays; null removes a setting, a flow or a time."""

    settings: Settings = {}
    flows: Annotated[dict[str, Flow | None], Meta(max_length=_MOST_FLOWS)] = {}
    schedule: Annotated[dict[str, ShortText | None], Meta(max_length=_MOST_FLOWS)] = {}
    limits: LimitsBody = LimitsBody()


class LimitsShown(msgspec.Struct, frozen=True):
    """The limits of a tenant."""

    concurrency: int
    monthly_limit: int | None


class TenantShown(msgspec.Struct, frozen=True):
    """A tenant. It holds no secret, only the names of the tenant's own secrets."""

    name: str
    settings: dict[str, Any]
    flows: dict[str, dict[str, Any]]
    schedule: dict[str, str]
    limits: LimitsShown
    paused: bool
    added_at: datetime
    secrets: list[str]


class TenantPage(msgspec.Struct, frozen=True):
    """Tenants in the order of their names."""

    tenants: list[TenantShown]
    next: str | None
    """The `after` of the next page; null at the end."""


class SecretsBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Secrets to seal. They can be replaced and removed, and never be read."""

    secrets: Annotated[dict[str, str | None], Meta(max_length=100)]
    """By name; null removes one."""


class LinkBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A link to make."""

    hours: Annotated[float, Meta(gt=0, le=2160)] = 72.0


class LinkMade(msgspec.Struct, frozen=True):
    """A link for the tenant's administrator. Only its hash is kept, so it cannot be shown again."""

    address: str
    expires_at: datetime


class LinksEnded(msgspec.Struct, frozen=True):
    """The links of a tenant were ended, with the sessions that began with one."""

    ended: int
    """How many were open."""


class RunBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A run to start."""

    flow: ShortText
    at: datetime | None = None
    """The time with which the run is asked for; now without it. Asked twice with the same time, it runs once."""


class RunQueued(msgspec.Struct, frozen=True):
    """A run that a worker will carry out."""

    id: str
    """The run's id in the list of runs, once a worker has begun it."""
    tenant: str
    flow: str
    due_at: datetime


class RunShown(msgspec.Struct, frozen=True):
    """A run of a flow for a tenant."""

    id: str
    """The flow, and the time at which it was due."""
    tenant: str
    flow: str
    due_at: datetime
    started_at: datetime | None
    """Null while it is queued."""
    ended_at: datetime | None
    outcome: str
    """Such as `done`; empty until it ends."""
    detail: str
    transactions: int
    rows: int
    in_doubt: int
    worker: str


class LogLine(msgspec.Struct, frozen=True):
    """A message of a run."""

    time: str
    level: str
    """`debug`, `info`, `warning` or `error`."""
    message: str


class RunLog(msgspec.Struct, frozen=True):
    """The log of a run. It is kept for 90 days."""

    lines: list[LogLine]


class RunPage(msgspec.Struct, frozen=True):
    """Runs, the latest first."""

    runs: list[RunShown]


class FlowShown(msgspec.Struct, frozen=True):
    """The state of a flow of a tenant."""

    flow: str
    schedule: str
    next_due: datetime | None
    last: RunShown | None
    failures: int
    """Runs since the last one that was done."""


class StatusShown(msgspec.Struct, frozen=True):
    """The state of a tenant."""

    tenant: str
    paused: bool
    missing: list[str]
    """Settings without which the company cannot be reached."""
    in_doubt: int
    needs_attention: bool
    flows: list[FlowShown]


class StatusPage(msgspec.Struct, frozen=True):
    """The state of tenants in the order of their names."""

    tenants: list[StatusShown]
    next: str | None


class TenantUsage(msgspec.Struct, frozen=True):
    """API transactions of a tenant's company in the month."""

    tenant: str
    transactions: int


class UsageShown(msgspec.Struct, frozen=True):
    """API transactions by tenant, counted over all workers."""

    month: str
    tenants: list[TenantUsage]
